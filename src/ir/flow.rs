//! Flow rules: who may open what.

pub use super::defaults::Defaults;

use super::packet::Packet;
use super::region;
use super::{Action, Baseline, Direction, L4, Log, Origin};
use crate::net::{Family, IpSet, PortSet};

/// One rule over the first packets of flows.
// INVARIANT: no dimension is empty, and a family is in both address sets or in neither; restricted ICMP
// words go only with addresses of their own family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// What the rule does.
    pub action: Action,
    /// Which way the flow is opened.
    pub direction: Direction,
    /// Who opens it.
    pub source: IpSet,
    /// To whom.
    pub destination: IpSet,
    /// With which protocol, ports or ICMP types.
    pub l4: L4,
    /// The initiator's ports that replies come back to on a stateless firewall.
    pub ephemeral: PortSet,
    /// Whether and how matches are logged.
    pub log: Option<Log>,
    /// The policy rules that it stands for; more than one after merging.
    pub origins: Vec<Origin>,
}

impl Rule {
    /// Clears each family that only one of the two address sets has; `None` when nothing is left.
    pub fn normalized(mut self) -> Option<Self> {
        for family in Family::BOTH {
            if !(self.source.has(family) && self.destination.has(family)) {
                let other = match family {
                    Family::V4 => Family::V6,
                    Family::V6 => Family::V4,
                };
                self.source = self.source.only(other);
                self.destination = self.destination.only(other);
            }
        }
        (!self.source.is_empty() && !self.l4.is_empty()).then_some(self)
    }

    /// Tells whether a packet's addresses, protocol and ports match; its direction and state are ignored.
    pub fn matches(&self, packet: &Packet) -> bool {
        self.l4.contains(packet.protocol, packet.source_port, packet.destination_port)
            && self.source.contains(packet.source)
            && self.destination.contains(packet.destination)
    }

    /// Returns what this rule matches and another does not, as disjoint rules: what differs in source, then
    /// in destination, then above.
    pub fn without(&self, other: &Self) -> Vec<Self> {
        if !self.overlaps(other) {
            return vec![self.clone()];
        }
        let one = (&self.source, &self.destination, &self.l4);
        let pieces = region::without(one, (&other.source, &other.destination, &other.l4));
        let rule = |(source, destination, l4)| Rule { source, destination, l4, ..self.clone() };
        pieces.into_iter().map(rule).filter_map(Rule::normalized).collect()
    }

    /// Tells whether some packet is matched by both rules.
    pub fn overlaps(&self, other: &Self) -> bool {
        let shares = |family| match family {
            Family::V4 => {
                !self.source.v4.is_disjoint(&other.source.v4)
                    && !self.destination.v4.is_disjoint(&other.destination.v4)
            }
            Family::V6 => {
                !self.source.v6.is_disjoint(&other.source.v6)
                    && !self.destination.v6.is_disjoint(&other.destination.v6)
            }
        };
        self.direction == other.direction
            && self.l4.intersection(&other.l4).is_some()
            && Family::BOTH.into_iter().any(shares)
    }
}

/// Flows that could be opened: a product of sets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Traffic {
    /// The direction.
    pub direction: Direction,
    /// By whom.
    pub source: IpSet,
    /// To whom.
    pub destination: IpSet,
    /// With what.
    pub l4: L4,
}

/// A whole policy as flow rules: the first rule that matches decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleSet {
    /// The policy's name: `[a-z][a-z0-9-]*`.
    pub name: String,
    /// In order.
    pub rules: Vec<Rule>,
    /// What happens to flows that no rule matches, by direction.
    pub defaults: Defaults,
    /// What the network itself needs beyond the rules.
    pub baseline: Baseline,
    /// The ports that this side's clients open flows from, where a rule does not say its own.
    pub ephemeral: PortSet,
}

impl RuleSet {
    /// Returns the initiator's ports of flows that a direction's default allows: the policy's own
    /// outbound, and 1024-65535 inbound, because nobody knows which systems remote clients run.
    pub fn ephemeral(&self, way: Direction) -> PortSet {
        match way {
            Direction::Inbound => PortSet::range(1024, u16::MAX),
            Direction::Outbound => self.ephemeral.clone(),
        }
    }

    /// Returns the addresses that packets of a direction may go to as part of an allowed flow: the
    /// destinations of the direction's allow rules and the sources of the other one's.
    pub fn endpoints(&self, way: Direction) -> IpSet {
        if Direction::BOTH.iter().any(|way| self.defaults.of(*way) == Action::Allow) {
            return IpSet::all();
        }
        let allowed = self.rules.iter().filter(|rule| rule.action == Action::Allow);
        let ends: Vec<_> = allowed
            .map(|rule| if rule.direction == way { &rule.destination } else { &rule.source })
            .collect();
        IpSet::union_all(ends)
    }
}
