//! Packet rules: which single packets pass. Targets are planned from these.

use super::defaults::Defaults;
use super::{
    Action, Direction, Hook, Interface, L4, Log, Origin, Path, Placement, StateMode, Verdict,
};
use crate::net::{Family, IpSet};
use std::net::IpAddr;

/// The connection tracking state of a packet (conntrack's words).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It opens a flow.
    New,
    /// It belongs to a flow that has been seen.
    Established,
    /// It is an error about, or a helper's child of, a tracked flow.
    Related,
    /// It belongs to no flow and may open none.
    Invalid,
    /// Tracking was told to leave it alone, or never tracks it (neighbour discovery).
    Untracked,
}

impl State {
    /// Every state, in the order of their numbers in the proof.
    pub const ALL: [State; 5] =
        [State::New, State::Established, State::Related, State::Invalid, State::Untracked];

    /// Returns conntrack's word.
    pub fn word(self) -> &'static str {
        match self {
            State::New => "new",
            State::Established => "established",
            State::Related => "related",
            State::Invalid => "invalid",
            State::Untracked => "untracked",
        }
    }
}

/// One packet, as far as any rule can see it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Packet {
    /// Where it meets the rules.
    pub hook: Hook,
    /// The interface it came by; 0 where the hook has none.
    pub incoming: Interface,
    /// The interface it leaves by; 0 where the hook has none.
    pub outgoing: Interface,
    /// What connection tracking says.
    pub state: State,
    /// Source address.
    pub source: IpAddr,
    /// Destination address, of the same family.
    pub destination: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Source port; 0 where the protocol has none.
    pub source_port: u16,
    /// Destination port, or the ICMP [type and code word](crate::net::icmp::word); 0 for neither.
    pub destination_port: u16,
    /// The TCP flags octet (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128); else 0.
    pub tcp_flags: u8,
    /// TTL or hop limit.
    pub hop_limit: u8,
}

impl Packet {
    /// Returns the family of its addresses.
    pub fn family(&self) -> Family {
        Family::of(self.source)
    }
}

/// ACK, the flag that every TCP packet but the first SYN and some resets carries.
pub const ACK: u8 = 0x10;
/// RST.
pub const RST: u8 = 0x04;

/// Which TCP flags a rule asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TcpFlags {
    /// It does not match on them.
    Any,
    /// ACK or RST is set: not the opening of a connection. TCP only.
    AckOrRst,
}

impl TcpFlags {
    /// Tells whether a packet of that protocol with that flags octet matches.
    pub fn admits(self, protocol: u8, flags: u8) -> bool {
        match self {
            TcpFlags::Any => true,
            TcpFlags::AckOrRst => protocol == crate::net::protocol::TCP && flags & (ACK | RST) != 0,
        }
    }
}

/// Which hop limits a rule asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HopLimit {
    /// It does not match on them.
    Any,
    /// Exactly this: 255 proves that no router forwarded the packet (RFC 5082).
    Exactly(u8),
}

impl HopLimit {
    /// Tells whether a packet's hop limit matches.
    pub fn admits(self, hop_limit: u8) -> bool {
        match self {
            HopLimit::Any => true,
            HopLimit::Exactly(wanted) => wanted == hop_limit,
        }
    }
}

/// One rule over packets.
// INVARIANT: as for a flow rule; `AckOrRst` only where the one protocol is TCP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// What the rule does.
    pub action: Action,
    /// Source addresses.
    pub source: IpSet,
    /// Destination addresses.
    pub destination: IpSet,
    /// Protocols, ports, ICMP types.
    pub l4: L4,
    /// TCP flags.
    pub tcp_flags: TcpFlags,
    /// Hop limit.
    pub hop_limit: HopLimit,
    /// Whether and how matches are logged.
    pub log: Option<Log>,
    /// The policy rules that it stands for, in the policy's order.
    pub origins: Vec<Origin>,
}

impl Rule {
    /// Returns a rule that allows, matches on no flags or hop limit, and logs nothing.
    pub fn allow(source: IpSet, destination: IpSet, l4: L4, origin: Origin) -> Self {
        Rule {
            action: Action::Allow,
            source,
            destination,
            l4,
            tcp_flags: TcpFlags::Any,
            hop_limit: HopLimit::Any,
            log: None,
            origins: vec![origin],
        }
    }

    /// Tells whether the rule matches a packet; the packet's direction and state are ignored.
    pub fn matches(&self, packet: &Packet) -> bool {
        self.source.contains(packet.source)
            && self.destination.contains(packet.destination)
            && self.l4.contains(packet.protocol, packet.source_port, packet.destination_port)
            && self.tcp_flags.admits(packet.protocol, packet.tcp_flags)
            && self.hop_limit.admits(packet.hop_limit)
    }
}

/// What a firewall can look at, beyond protocols, destination ports and the other side's addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MatchCaps {
    /// Source ports.
    pub source_ports: bool,
    /// ICMP types and codes.
    pub icmp_types: bool,
    /// TCP flags.
    pub tcp_flags: bool,
    /// TTL or hop limit.
    pub hop_limit: bool,
    /// Traffic that stays on a link: neighbour discovery, multicast listeners, DHCP.
    pub link: bool,
    /// For a firewall that cannot look at the protected side's addresses: which they are.
    pub behind: Option<IpSet>,
}

impl MatchCaps {
    /// All of it.
    pub const FULL: MatchCaps = MatchCaps {
        source_ports: true,
        icmp_types: true,
        tcp_flags: true,
        hop_limit: true,
        link: true,
        behind: None,
    };
}

/// What one firewall does with packets: the input of every target's plan.
///
/// For a governed packet, in this order: on a host, loopback passes when `loopback` says so; on a
/// stateful firewall established and related packets pass and invalid ones are dropped; then the
/// direction's rules, first match; then the direction's default. Other packets pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// The policy's name: `[a-z][a-z0-9-]*`.
    pub name: String,
    /// Where the firewall stands.
    pub placement: Placement,
    /// Whether it tracks connections.
    pub state: StateMode,
    /// Whether a host's own loopback traffic passes.
    pub loopback: bool,
    /// Rules for packets towards the protected side, in order.
    pub inbound: Vec<Rule>,
    /// Rules for packets away from it, in order.
    pub outbound: Vec<Rule>,
    /// What happens to the rest.
    pub defaults: Defaults,
}

impl Filter {
    /// Returns the rules of a direction.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }

    /// Decides one packet by this type's own contract: what every artifact of the filter must do.
    pub fn verdict(&self, packet: &Packet) -> Verdict {
        let way = match self.placement.path(packet.hook, packet.incoming, packet.outgoing) {
            Path::Ungoverned => return Verdict::Accept,
            Path::Tracking if self.state == StateMode::Stateless => return Verdict::Untrack,
            Path::Tracking => return Verdict::Accept,
            Path::Loopback(_) if self.loopback => return Verdict::Accept,
            Path::Loopback(way) | Path::Governed(way) => way,
        };
        match packet.state {
            _ if self.state == StateMode::Stateless => {}
            State::Established | State::Related => return Verdict::Accept,
            State::Invalid => return Verdict::Drop,
            State::New | State::Untracked => {}
        }
        let rule = self.rules(way).iter().find(|rule| rule.matches(packet));
        let action = rule.map_or(self.defaults.of(way), |rule| rule.action);
        Verdict::of(action, packet.protocol)
    }
}
