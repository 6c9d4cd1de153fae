//! Where a firewall is placed, and which of its packets a policy governs.

use super::Direction;
use super::packet::Packet;

/// Where the firewall is placed.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// On the machine itself: inbound is to it, outbound is from it.
    Host,
    /// Between networks: inbound is forwarded from an outside to an inside interface.
    Gateway {
        /// Names of the interfaces to the protected side.
        inside: Vec<String>,
        /// Names of the interfaces to the rest.
        outside: Vec<String>,
    },
}

/// Whether the firewall tracks connections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StateMode {
    /// Replies and related errors pass by connection tracking.
    Stateful,
    /// Each packet is decided on its own; replies have rules of their own.
    Stateless,
}

impl StateMode {
    /// Returns the word that policies use.
    pub fn word(self) -> &'static str {
        match self {
            StateMode::Stateful => "stateful",
            StateMode::Stateless => "stateless",
        }
    }
}

/// Where on its path through a machine a packet meets rules (netfilter's words).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// For the machine itself.
    Input,
    /// From the machine itself.
    Output,
    /// Through the machine.
    Forward,
    /// Before connection tracking, for packets that arrive.
    RawPrerouting,
    /// Before connection tracking, for packets that the machine sends.
    RawOutput,
}

impl Hook {
    /// Every hook, in the order of their numbers in the proof.
    pub const ALL: [Hook; 5] =
        [Hook::Input, Hook::Output, Hook::Forward, Hook::RawPrerouting, Hook::RawOutput];

    /// Returns its usual name.
    pub fn word(self) -> &'static str {
        match self {
            Hook::Input => "input",
            Hook::Output => "output",
            Hook::Forward => "forward",
            Hook::RawPrerouting => "raw prerouting",
            Hook::RawOutput => "raw output",
        }
    }

    /// Tells whether a packet at this hook has an incoming interface.
    pub fn has_incoming(self) -> bool {
        matches!(self, Hook::Input | Hook::Forward | Hook::RawPrerouting)
    }

    /// Tells whether a packet at this hook has an outgoing interface.
    pub fn has_outgoing(self) -> bool {
        matches!(self, Hook::Output | Hook::Forward | Hook::RawOutput)
    }
}

/// An interface as an index into [`Placement::interfaces`]; the last index is "any other".
pub type Interface = u16;

/// The loopback interface's name and index.
pub(crate) const LOOPBACK: (&str, Interface) = ("lo", 0);

/// How a policy treats a packet's path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Path {
    /// The policy's rules of that direction decide.
    Governed(Direction),
    /// Between a host's own processes.
    Loopback(Direction),
    /// The policy does not govern it: it passes.
    Ungoverned,
    /// The tracking stage of a packet that the policy governs.
    Tracking,
}

impl Placement {
    /// Returns the word that policies use.
    pub fn word(&self) -> &'static str {
        match self {
            Placement::Host => "host",
            Placement::Gateway { .. } => "gateway",
        }
    }

    /// Returns the interfaces that can be told apart: `lo`, then the named ones in order. The index
    /// after the last stands for any other interface.
    pub fn interfaces(&self) -> Vec<&str> {
        let mut names = vec![LOOPBACK.0];
        if let Placement::Gateway { inside, outside } = self {
            names.extend(inside.iter().chain(outside).map(String::as_str));
        }
        names
    }

    /// Returns the index of an interface's name, if it can be told apart.
    pub fn interface(&self, name: &str) -> Option<Interface> {
        let at = self.interfaces().iter().position(|known| *known == name)?;
        Interface::try_from(at).ok()
    }

    /// Returns the index that stands for any interface without a name here.
    pub fn other_interface(&self) -> Interface {
        Interface::try_from(self.interfaces().len()).unwrap_or(Interface::MAX)
    }

    /// Returns a hook and interfaces at which packets of a direction are governed; an interface that the
    /// hook does not have is 0.
    pub fn governed(&self, way: Direction) -> (Hook, Interface, Interface) {
        let other = self.other_interface();
        match (self, way) {
            (Placement::Host, Direction::Inbound) => (Hook::Input, other, 0),
            (Placement::Host, Direction::Outbound) => (Hook::Output, 0, other),
            (Placement::Gateway { inside, .. }, way) => {
                let lan = 1;
                let wan = Interface::try_from(inside.len()).unwrap_or(lan).saturating_add(1);
                match way {
                    Direction::Inbound => (Hook::Forward, wan, lan),
                    Direction::Outbound => (Hook::Forward, lan, wan),
                }
            }
        }
    }

    /// Returns where a packet meets the rules: `forward, from lan0 to wan0`.
    pub fn way(&self, packet: &Packet) -> String {
        let name = |interface: Interface| {
            let names = self.interfaces();
            names.get(usize::from(interface)).map_or("another interface", |name| *name).to_owned()
        };
        let mut way = packet.hook.word().to_owned();
        if packet.hook.has_incoming() {
            way += &format!(", from {}", name(packet.incoming));
        }
        if packet.hook.has_outgoing() {
            way += if packet.hook.has_incoming() { " to " } else { ", to " };
            way += &name(packet.outgoing);
        }
        way
    }

    fn side(&self, interface: Interface) -> Option<Direction> {
        let Placement::Gateway { inside, outside } = self else { return None };
        let at = usize::from(interface);
        if (1..=inside.len()).contains(&at) {
            Some(Direction::Inbound)
        } else if (1..=inside.len() + outside.len()).contains(&at) {
            Some(Direction::Outbound)
        } else {
            None
        }
    }

    /// Returns how the policy treats a packet at `hook` between two interfaces.
    ///
    /// An interface that the hook does not have is ignored.
    pub fn path(&self, hook: Hook, incoming: Interface, outgoing: Interface) -> Path {
        match (self, hook) {
            (Placement::Host, Hook::Input) if incoming == LOOPBACK.1 => {
                Path::Loopback(Direction::Inbound)
            }
            (Placement::Host, Hook::Output) if outgoing == LOOPBACK.1 => {
                Path::Loopback(Direction::Outbound)
            }
            (Placement::Host, Hook::Input) => Path::Governed(Direction::Inbound),
            (Placement::Host, Hook::Output) => Path::Governed(Direction::Outbound),
            (Placement::Host, Hook::RawPrerouting) if incoming != LOOPBACK.1 => Path::Tracking,
            (Placement::Host, Hook::RawOutput) if outgoing != LOOPBACK.1 => Path::Tracking,
            (Placement::Gateway { .. }, Hook::RawPrerouting) if self.side(incoming).is_some() => {
                Path::Tracking
            }
            (Placement::Gateway { .. }, Hook::Forward) => {
                match (self.side(incoming), self.side(outgoing)) {
                    // `side` gives the direction of packets that leave *by* that interface.
                    (Some(from), Some(to)) if from != to => Path::Governed(to),
                    _ => Path::Ungoverned,
                }
            }
            _ => Path::Ungoverned,
        }
    }
}
