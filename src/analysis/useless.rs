//! Rules that change nothing: those that earlier ones hide, and those that the rest stands in for.
//!
//! A rule is asked about packets of its own first: most rules have one that nobody else decides alike, and
//! it is found at once. For the rest its box is cut by the rules that overlap it until nothing is left.

use crate::ir::flow::{Rule, RuleSet};
use crate::ir::packet::{Packet, State};
use crate::ir::{Action, Direction, Hook, Log};
use crate::net::{Family, IpSet, PortSet, RangeSet, Scalar};
use std::collections::BTreeSet;

/// A rule that changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Useless {
    /// Index of the rule.
    pub rule: usize,
    /// Why it changes nothing.
    pub why: Why,
    /// Indices of the rules that decide its packets, ascending.
    pub by: Vec<usize>,
    /// Whether the direction's default decides some of them too.
    pub default: bool,
}

/// Why a rule changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Earlier rules decide all its packets: it never matches.
    Shadowed,
    /// Without it, later rules or the default would do the same.
    Redundant,
}

/// Gives the rules that change nothing, by index. Each may be removed alone, and all of them together.
pub fn useless(policy: &RuleSet) -> Vec<Useless> {
    let mut found = Vec::new();
    for way in [Direction::Inbound, Direction::Outbound] {
        let list = List::new(policy, way);
        list.shadowed(&mut found);
        list.redundant(&mut found);
    }
    found.sort_by_key(|useless| useless.rule);
    found
}

/// What a rule does with its packets, beyond the verdict: two rules that differ here are not alike.
#[derive(PartialEq)]
struct Effect<'a> {
    action: Action,
    log: Option<&'a Log>,
    /// Where replies come back to, on a stateless firewall.
    ephemeral: Option<&'a PortSet>,
}

/// The rules of one direction.
struct List<'a> {
    /// Indices in the policy.
    indices: Vec<usize>,
    rules: Vec<&'a Rule>,
    hulls: Vec<Hull>,
    default: Action,
    ephemeral: PortSet,
}

/// The ends of a rule's sets: two rules whose hulls are apart have no packet in common.
#[derive(Clone, Copy)]
pub(super) struct Hull {
    source: [(u128, u128); 2],
    destination: [(u128, u128); 2],
    protocols: (u8, u8),
    ports: (u16, u16),
}

/// An empty range.
const NONE: (u128, u128) = (1, 0);

impl Hull {
    pub(super) fn of(rule: &Rule) -> Self {
        let sides = |set: &IpSet| {
            let v4 = ends(&set.v4).map_or(NONE, |(a, b)| (a.into(), b.into()));
            [v4, ends(&set.v6).unwrap_or(NONE)]
        };
        Hull {
            source: sides(&rule.source),
            destination: sides(&rule.destination),
            protocols: ends(rule.l4.protocol_set()).unwrap_or((0, u8::MAX)),
            ports: ends(rule.l4.destination()).unwrap_or((0, u16::MAX)),
        }
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        fn meet<T: PartialOrd>(a: (T, T), b: (T, T)) -> bool {
            a.0 <= b.1 && b.0 <= a.1
        }
        let family = |i: usize| {
            meet(self.destination[i], other.destination[i]) && meet(self.source[i], other.source[i])
        };
        meet(self.protocols, other.protocols)
            && meet(self.ports, other.ports)
            && (family(0) || family(1))
    }
}

fn ends<T: Scalar>(set: &RangeSet<T>) -> Option<(T, T)> {
    Some((set.ranges().first()?.0, set.ranges().last()?.1))
}

/// How many packets of a rule are asked before its box is cut up.
const SAMPLES: u64 = 24;

impl<'a> List<'a> {
    fn new(policy: &'a RuleSet, way: Direction) -> Self {
        let (indices, rules): (Vec<_>, Vec<_>) =
            policy.rules.iter().enumerate().filter(|(_, rule)| rule.direction == way).unzip();
        List {
            hulls: rules.iter().map(|rule| Hull::of(rule)).collect(),
            indices,
            rules,
            default: policy.defaults.of(way),
            ephemeral: policy.ephemeral(way),
        }
    }

    fn shadowed(&self, found: &mut Vec<Useless>) {
        for at in 0..self.rules.len() {
            let near: Vec<_> = (0..at).filter(|other| self.meet(at, *other)).collect();
            if !near.is_empty() {
                found.extend(self.question(at, near, Why::Shadowed));
            }
        }
    }

    /// Asks the rules in order: each without those that were found before, so that all may go, and with
    /// them, so that it may go alone.
    fn redundant(&self, found: &mut Vec<Useless>) {
        let known: BTreeSet<_> = found.iter().map(|useless| useless.rule).collect();
        let mut stays: Vec<_> = self.indices.iter().map(|index| !known.contains(index)).collect();
        for at in 0..self.rules.len() {
            if stays[at] {
                let others = (0..self.rules.len()).filter(|other| *other != at);
                let all: Vec<_> = others.filter(|other| self.meet(at, *other)).collect();
                let near = all.iter().copied().filter(|other| stays[*other]).collect();
                let useless = self.question(at, near, Why::Redundant);
                let useless = useless.filter(|_| self.question(at, all, Why::Redundant).is_some());
                stays[at] = useless.is_none();
                found.extend(useless);
            }
        }
    }

    fn meet(&self, one: usize, other: usize) -> bool {
        self.hulls[one].meets(&self.hulls[other]) && self.rules[one].overlaps(self.rules[other])
    }

    fn question(&self, at: usize, near: Vec<usize>, why: Why) -> Option<Useless> {
        let matters = |seed| self.matters(at, &near, why, &packet(self.rules[at], seed));
        if (0..SAMPLES).any(matters) {
            return None;
        }
        let mut by = By::default();
        let all = self.box_matters(self.rules[at].clone(), at, &near, why, &mut by);
        let by_rules = by.rules.iter().map(|other| self.indices[*other]).collect();
        (!all).then(|| Useless { rule: self.indices[at], why, by: by_rules, default: by.default })
    }

    /// Tells whether a packet of the rule would be decided otherwise without it.
    fn matters(&self, at: usize, near: &[usize], why: Why, packet: &Packet) -> bool {
        match near.iter().find(|other| self.rules[**other].matches(packet)) {
            Some(other) if *other < at => false,
            Some(other) => !self.alike(at, Some(*other)),
            None => why == Why::Shadowed || !self.alike(at, None),
        }
    }

    /// The same question over all packets of a piece of the rule; `near` are the rules that may overlap it,
    /// in order. What decides is noted in `by`.
    fn box_matters(&self, piece: Rule, at: usize, near: &[usize], why: Why, by: &mut By) -> bool {
        let near: Vec<_> =
            near.iter().copied().filter(|other| self.rules[*other].overlaps(&piece)).collect();
        let whole = near.iter().take_while(|other| **other < at);
        if let Some(other) = whole.copied().find(|other| covers(self.rules[*other], &piece)) {
            by.rules.insert(other);
            return false;
        }
        let Some((first, rest)) = near.split_first() else {
            by.default = true;
            return why == Why::Shadowed || !self.alike(at, None);
        };
        if *first > at && !self.alike(at, Some(*first)) {
            return true;
        }
        by.rules.insert(*first);
        let pieces = piece.without(self.rules[*first]);
        pieces.into_iter().any(|piece| self.box_matters(piece, at, rest, why, by))
    }

    /// Tells whether a rule and another, or the default, do the same with a packet.
    fn alike(&self, at: usize, other: Option<usize>) -> bool {
        let replies = |action: Action, ports| (action == Action::Allow).then_some(ports);
        let effect = |rule: &'a Rule| Effect {
            action: rule.action,
            log: rule.log.as_ref(),
            ephemeral: replies(rule.action, &rule.ephemeral),
        };
        let default = Effect {
            action: self.default,
            log: None,
            ephemeral: replies(self.default, &self.ephemeral),
        };
        effect(self.rules[at]) == other.map_or(default, |other| effect(self.rules[other]))
    }
}

/// What decides a rule's packets in its stead.
#[derive(Default)]
struct By {
    rules: BTreeSet<usize>,
    default: bool,
}

fn covers(rule: &Rule, piece: &Rule) -> bool {
    let addresses = |a: &IpSet, b: &IpSet| a.v4.is_subset(&b.v4) && a.v6.is_subset(&b.v6);
    addresses(&piece.source, &rule.source)
        && addresses(&piece.destination, &rule.destination)
        && piece.l4.protocol_set().is_subset(rule.l4.protocol_set())
        && piece.l4.source().is_subset(rule.l4.source())
        && piece.l4.destination().is_subset(rule.l4.destination())
}

/// Draws a packet of a rule; half of each field's values are ends of ranges, where rules meet.
fn packet(rule: &Rule, seed: u64) -> Packet {
    let families = Family::BOTH.into_iter().filter(|family| rule.source.has(*family));
    let families: Vec<_> = families.collect();
    let mut random = Random(seed);
    let family = families[random.below(families.len())];
    let mut address = |set: &IpSet| match family {
        Family::V4 => random.of(&set.v4).map(|bits| std::net::Ipv4Addr::from_bits(bits).into()),
        Family::V6 => random.of(&set.v6).map(|bits| std::net::Ipv6Addr::from_bits(bits).into()),
    };
    let unspecified = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    Packet {
        hook: Hook::Forward,
        incoming: 0,
        outgoing: 0,
        state: State::New,
        source: address(&rule.source).unwrap_or(unspecified),
        destination: address(&rule.destination).unwrap_or(unspecified),
        protocol: random.of(rule.l4.protocol_set()).unwrap_or_default(),
        source_port: random.of(rule.l4.source()).unwrap_or_default(),
        destination_port: random.of(rule.l4.destination()).unwrap_or_default(),
        tcp_flags: 0,
        hop_limit: 64,
    }
}

/// A deterministic source of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % count).unwrap_or_default()
    }

    fn of<T: Scalar>(&mut self, set: &RangeSet<T>) -> Option<T> {
        let (low, high) = *set.ranges().get(self.below(set.ranges().len()))?;
        Some(match self.below(4) {
            0 => low,
            1 => high,
            _ => T::pick(low, high, u128::from(self.next()) << 64 | u128::from(self.next())),
        })
    }
}
