//! Rules of which earlier ones with the opposite action take some packets.

use super::useless::Hull;
use crate::ir::flow::{Rule, RuleSet};
use crate::ir::{Action, Direction, Hook, Packet, State};
use crate::net::{Family, IpSet};
use std::collections::BTreeSet;

/// A rule and the first earlier one with the opposite action that decides some of its packets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlap {
    /// Index of the rule.
    pub rule: usize,
    /// Index of the earlier rule.
    pub earlier: usize,
    /// How many more earlier rules with the opposite action match some of its packets.
    pub more: usize,
    /// A packet that both match and the earlier rule decides, as one that opens a flow.
    pub packet: Packet,
}

/// An earlier rule, by its index.
type Earlier<'a> = (usize, &'a Rule, Hull);

/// Finds the rules that lose packets to earlier rules with the opposite action; drop and reject are alike.
/// Those that are known to lose all of them are not asked.
pub fn overlaps(policy: &RuleSet, hidden: &BTreeSet<usize>) -> Vec<Overlap> {
    let mut found = Vec::new();
    for way in Direction::BOTH {
        let rules = policy.rules.iter().enumerate().filter(|(_, rule)| rule.direction == way);
        let mut earlier: [Vec<Earlier<'_>>; 2] = Default::default();
        for (index, rule) in rules {
            let own = usize::from(rule.action == Action::Allow);
            if !hidden.contains(&index) {
                found.extend(overlap((index, rule), &earlier[1 - own], &earlier[own]));
            }
            earlier[own].push((index, rule, Hull::of(rule)));
        }
    }
    found.sort_by_key(|overlap| overlap.rule);
    found
}

/// Finds what a rule loses to opposite ones before it; what alike ones decide before those is not lost.
fn overlap(
    (index, rule): (usize, &Rule),
    opposite: &[Earlier<'_>],
    alike: &[Earlier<'_>],
) -> Option<Overlap> {
    let hull = Hull::of(rule);
    let meets = |(_, other, theirs): &&Earlier<'_>| hull.meets(theirs) && rule.overlaps(other);
    let met: Vec<_> = opposite.iter().filter(meets).collect();
    let last = met.last()?.0;
    let near: Vec<_> = alike.iter().take_while(|(at, ..)| *at < last).filter(meets).collect();
    let taken = |(earlier, other, _): &&Earlier<'_>| {
        let before = near.iter().take_while(|(at, ..)| at < earlier);
        let before: Vec<_> = before.map(|(_, rule, _)| *rule).collect();
        Some((*earlier, left(vec![common(rule, other)?], &before)?))
    };
    let (earlier, left) = met.iter().find_map(taken)?;
    Some(Overlap { rule: index, earlier, more: met.len() - 1, packet: first(&left)? })
}

/// Gives a part of some boxes that none of the rules matches.
fn left(mut boxes: Vec<Rule>, rules: &[&Rule]) -> Option<Rule> {
    while let Some(piece) = boxes.pop() {
        match rules.iter().find(|rule| rule.overlaps(&piece)) {
            None => return Some(piece),
            Some(rule) => boxes.extend(piece.without(rule)),
        }
    }
    None
}

/// What two rules both match.
fn common(one: &Rule, other: &Rule) -> Option<Rule> {
    let l4 = one.l4.intersection(&other.l4)?;
    let (source, destination) =
        (one.source.intersection(&other.source), one.destination.intersection(&other.destination));
    Rule { source, destination, l4, ..one.clone() }.normalized()
}

/// The first packet of a rule.
fn first(rule: &Rule) -> Option<Packet> {
    let family = Family::BOTH.into_iter().find(|family| rule.source.has(*family))?;
    let first = |set: &IpSet| Some(set.only(family).prefixes().next()?.network());
    Some(Packet {
        hook: Hook::Forward,
        incoming: 0,
        outgoing: 0,
        state: State::New,
        source: first(&rule.source)?,
        destination: first(&rule.destination)?,
        protocol: rule.l4.protocol_set().ranges().first()?.0,
        source_port: rule.l4.source().ranges().last()?.1,
        destination_port: rule.l4.destination().ranges().first()?.0,
        tcp_flags: 0,
        hop_limit: 64,
    })
}
