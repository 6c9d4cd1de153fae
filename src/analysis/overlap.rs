//! Rules of which earlier ones with the opposite action take some packets.

use super::useless::Hull;
use crate::ir::flow::{Rule, RuleSet};
use crate::ir::{Action, Direction, Hook, Packet, State};
use crate::net::{Family, IpSet};

/// A rule and the first earlier one that decides some of its packets otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlap {
    /// Index of the rule.
    pub rule: usize,
    /// Index of the earlier rule.
    pub earlier: usize,
    /// How many more earlier rules do the same.
    pub more: usize,
    /// A packet that both match, as one that opens a flow.
    pub packet: Packet,
}

/// Finds the rules that lose packets to earlier rules with the opposite action; drop and reject are alike.
pub fn overlaps(policy: &RuleSet) -> Vec<Overlap> {
    let mut found = Vec::new();
    for way in Direction::BOTH {
        let rules = policy.rules.iter().enumerate().filter(|(_, rule)| rule.direction == way);
        let mut opposite: [Vec<(usize, &Rule, Hull)>; 2] = Default::default();
        for (index, rule) in rules {
            let (hull, own) = (Hull::of(rule), usize::from(rule.action == Action::Allow));
            let met = opposite[1 - own]
                .iter()
                .filter(|(_, other, theirs)| hull.meets(theirs) && rule.overlaps(other));
            let mut met = met.map(|(earlier, other, _)| (*earlier, *other));
            if let Some((earlier, other)) = met.next()
                && let Some(packet) = common(rule, other)
            {
                found.push(Overlap { rule: index, earlier, more: met.count(), packet });
            }
            opposite[own].push((index, rule, hull));
        }
    }
    found.sort_by_key(|overlap| overlap.rule);
    found
}

/// A packet that two rules match: the first of each set.
fn common(one: &Rule, other: &Rule) -> Option<Packet> {
    let l4 = one.l4.intersection(&other.l4)?;
    let (source, destination) =
        (one.source.intersection(&other.source), one.destination.intersection(&other.destination));
    let both = |family: &Family| source.has(*family) && destination.has(*family);
    let family = Family::BOTH.into_iter().find(both)?;
    let first = |set: &IpSet| Some(set.only(family).prefixes().next()?.network());
    Some(Packet {
        hook: Hook::Forward,
        incoming: 0,
        outgoing: 0,
        state: State::New,
        source: first(&source)?,
        destination: first(&destination)?,
        protocol: l4.protocol_set().ranges().first()?.0,
        source_port: l4.source().ranges().last()?.1,
        destination_port: l4.destination().ranges().first()?.0,
        tcp_flags: 0,
        hop_limit: 64,
    })
}
