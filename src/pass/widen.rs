//! Conditions that a kind of firewall cannot match are left out of rules that allow, and reported.
//!
//! This pass may change the meaning, but only by letting more through: the artifact is then proven to mean
//! exactly what this pass reported.

use crate::ir::packet::{ACK, Filter, HopLimit, MatchCaps, Rule, TcpFlags};
use crate::ir::{Action, Direction, Hook, Interface, L4, Origin, OriginKind, Packet, State};
use crate::net::{Family, IpSet, PortSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What was left out of a rule.
#[derive(Clone, Debug)]
pub struct Widening {
    /// The policy rules that it is for.
    pub origins: Vec<Origin>,
    /// What is not looked at: `source ports`, `ICMP types`, `TCP flags`, `hop limits`.
    pub lost: Vec<&'static str>,
    /// Packets that match now and did not before; another rule may allow them all the same.
    pub examples: Vec<Packet>,
}

/// A rule that refuses by a condition that the firewall cannot match: without it, the rule would refuse more.
#[derive(Clone, Debug)]
pub struct Unsayable {
    /// The rule.
    pub origin: Option<Origin>,
    /// What the firewall cannot match.
    pub lost: Vec<&'static str>,
}

/// A filter for a firewall that cannot match everything.
#[derive(Clone, Debug)]
pub struct Widened {
    /// What is left.
    pub filter: Filter,
    /// What its rules lose.
    pub report: Vec<Widening>,
    /// What it cannot do at all: when this is not empty, the filter may not be used.
    pub unsayable: Vec<Unsayable>,
}

/// Leaves out what a firewall cannot match.
pub fn widen(mut filter: Filter, sight: &MatchCaps) -> Widened {
    let (mut report, mut unsayable) = (Vec::new(), Vec::new());
    for way in [Direction::Inbound, Direction::Outbound] {
        let place = filter.placement.governed(way);
        let rules = match way {
            Direction::Inbound => &mut filter.inbound,
            Direction::Outbound => &mut filter.outbound,
        };
        let linked = |rule: &Rule| rule.origins.iter().all(|o| o.kind == OriginKind::Baseline);
        rules.retain(|rule| (sight.link || !linked(rule)) && meets(rule, way, sight));
        for rule in rules.iter_mut() {
            let (wider, lost) = without(rule, way, sight);
            if !lost.is_empty() && rule.action != Action::Allow {
                unsayable.push(Unsayable { origin: rule.origins.first().cloned(), lost });
                continue;
            }
            if !lost.is_empty() {
                let examples = examples(rule, &wider, way, place, sight);
                report.push(Widening { origins: rule.origins.clone(), lost, examples });
            }
            *rule = wider;
        }
    }
    Widened { filter, report, unsayable }
}

/// The protected side's addresses.
fn own(rule: &Rule, way: Direction) -> &IpSet {
    match way {
        Direction::Inbound => &rule.destination,
        Direction::Outbound => &rule.source,
    }
}

/// Tells whether a rule is about anything behind the firewall.
fn meets(rule: &Rule, way: Direction, sight: &MatchCaps) -> bool {
    sight.behind.as_ref().is_none_or(|behind| !own(rule, way).is_disjoint(behind))
}

/// Returns a rule without the conditions that cannot be matched, and which they are.
fn without(rule: &Rule, way: Direction, sight: &MatchCaps) -> (Rule, Vec<&'static str>) {
    let mut wider = rule.clone();
    let mut lost = Vec::new();
    if let Some(behind) = &sight.behind {
        let own = own(rule, way);
        let families =
            Family::BOTH.into_iter().filter(|family| !own.only(*family).is_disjoint(behind));
        let all = families.fold(IpSet::empty(), |all, family| all.union(&IpSet::family(family)));
        if own.intersection(behind) != all.intersection(behind) {
            lost.push("the protected side's addresses");
        }
        match way {
            Direction::Inbound => wider.destination = all,
            Direction::Outbound => wider.source = all,
        }
    }
    if !sight.source_ports && !rule.l4.source().is_all() {
        let protocols = rule.l4.protocol_set().clone();
        wider.l4 = L4::product(protocols, PortSet::all(), rule.l4.destination().clone());
        lost.push("source ports");
    }
    if !sight.icmp_types && rule.l4.words().is_some() {
        wider.l4 = L4::protocols(rule.l4.protocol_set().clone());
        lost.push("ICMP types");
    }
    if !sight.tcp_flags && rule.tcp_flags != TcpFlags::Any {
        wider.tcp_flags = TcpFlags::Any;
        lost.push("TCP flags");
    }
    if !sight.hop_limit && rule.hop_limit != HopLimit::Any {
        wider.hop_limit = HopLimit::Any;
        lost.push("hop limits");
    }
    // A family that only one side has left is in neither.
    for family in Family::BOTH {
        if !(wider.source.has(family) && wider.destination.has(family)) {
            let other = if family == Family::V4 { Family::V6 } else { Family::V4 };
            wider.source = wider.source.only(other);
            wider.destination = wider.destination.only(other);
        }
    }
    (wider, lost)
}

/// Where a direction's packets meet the rules.
type Place = (Hook, Interface, Interface);

/// Returns packets that come to the firewall and that only the wider rule matches: one for each lost condition.
fn examples(
    rule: &Rule,
    wider: &Rule,
    way: Direction,
    place: Place,
    sight: &MatchCaps,
) -> Vec<Packet> {
    let Some(packet) = first(rule, place) else { return Vec::new() };
    let other_port = rule.l4.source().complement().ranges().iter().map(|(_, high)| *high).max();
    let other_word = rule.l4.destination().complement().ranges().iter().map(|(low, _)| *low).min();
    let mut changed = vec![
        Packet { destination_port: other_word.unwrap_or(packet.destination_port), ..packet },
        Packet { source_port: other_port.unwrap_or(packet.source_port), ..packet },
        Packet { tcp_flags: SYN, ..packet },
        Packet { hop_limit: packet.hop_limit.wrapping_add(1), ..packet },
    ];
    if let Some(behind) = &sight.behind {
        let left_out = behind.difference(own(rule, way));
        let other = address(&left_out, packet.family());
        changed.extend(other.map(|other| match way {
            Direction::Inbound => Packet { destination: other, ..packet },
            Direction::Outbound => Packet { source: other, ..packet },
        }));
    }
    changed.into_iter().filter(|p| wider.matches(p) && !rule.matches(p)).collect()
}

/// The flag of a first packet.
const SYN: u8 = 0x02;

/// A packet that a rule matches: the first of every set.
fn first(rule: &Rule, (hook, incoming, outgoing): Place) -> Option<Packet> {
    let family = Family::BOTH.into_iter().find(|family| rule.source.has(*family))?;
    let protocol = rule.l4.protocol_set().ranges().first()?.0;
    Some(Packet {
        hook,
        incoming,
        outgoing,
        state: State::New,
        source: address(&rule.source, family)?,
        destination: address(&rule.destination, family)?,
        protocol,
        source_port: rule.l4.source().ranges().first()?.0,
        destination_port: rule.l4.destination().ranges().first()?.0,
        tcp_flags: if protocol == crate::net::protocol::TCP { ACK } else { 0 },
        hop_limit: match rule.hop_limit {
            HopLimit::Exactly(hop_limit) => hop_limit,
            HopLimit::Any => 64,
        },
    })
}

/// The first address of a set in a family.
fn address(set: &IpSet, family: Family) -> Option<IpAddr> {
    Some(match family {
        Family::V4 => Ipv4Addr::from_bits(set.v4.ranges().first()?.0).into(),
        Family::V6 => Ipv6Addr::from_bits(set.v6.ranges().first()?.0).into(),
    })
}
