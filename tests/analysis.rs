//! What the analysis says of rules, against every packet of a small universe.

use portcullis::analysis::{Why, useless};
use portcullis::ir::flow::{Defaults, Rule, RuleSet};
use portcullis::ir::{
    Action, Baseline, Direction, Hook, L4, Log, Origin, OriginKind, Packet, State, decide_flow,
};
use portcullis::net::{IpSet, Ipv4Set, Ipv6Set, PortSet, ProtocolSet};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses and ports below this are told apart; one above stands for all the others.
const FEW: u8 = 5;

fn range() -> impl Strategy<Value = (u8, u8)> {
    (0..FEW, 0..FEW).prop_map(|(a, b)| (a.min(b), a.max(b)))
}

fn addresses() -> impl Strategy<Value = IpSet> {
    let some = || proptest::collection::vec(range(), 1..3);
    let v4 = |r: Vec<(u8, u8)>| {
        Ipv4Set::from_ranges(r.into_iter().map(|(a, b)| (u32::from(a), u32::from(b))))
    };
    let v6 = |r: Vec<(u8, u8)>| {
        Ipv6Set::from_ranges(r.into_iter().map(|(a, b)| (u128::from(a), u128::from(b))))
    };
    prop_oneof![
        2 => Just(IpSet::all()),
        4 => some().prop_map(move |r| IpSet { v4: v4(r), v6: Ipv6Set::empty() }),
        2 => (some(), some()).prop_map(move |(a, b)| IpSet { v4: v4(a), v6: v6(b) }),
    ]
}

fn service() -> impl Strategy<Value = L4> {
    let ports = || {
        prop_oneof![
            1 => Just(PortSet::all()),
            3 => range().prop_map(|(a, b)| PortSet::range(a.into(), b.into())),
        ]
    };
    let ported = prop_oneof![Just(6u8), Just(17)];
    prop_oneof![
        1 => Just(L4::any()),
        1 => Just(L4::protocols(ProtocolSet::range(6, 17))),
        4 => (ported, ports(), ports()).prop_map(|(p, s, d)| L4::ports(p, s, d)),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let action =
        prop_oneof![3 => Just(Action::Allow), 2 => Just(Action::Drop), 1 => Just(Action::Reject)];
    let way = prop_oneof![3 => Just(Direction::Inbound), 1 => Just(Direction::Outbound)];
    let ephemeral = prop_oneof![8 => Just(1024u16), 1 => Just(49152)];
    (action, way, addresses(), addresses(), service(), ephemeral, proptest::bool::weighted(0.1))
        .prop_filter_map("no family", |(action, direction, source, destination, l4, low, log)| {
            Rule {
                action,
                direction,
                source,
                destination,
                l4,
                ephemeral: PortSet::range(low, u16::MAX),
                log: log.then(|| Log { prefix: String::new(), limit: None }),
                origins: vec![Origin::new(OriginKind::Policy, "r")],
            }
            .normalized()
        })
}

fn policy() -> impl Strategy<Value = RuleSet> {
    let default = || prop_oneof![2 => Just(Action::Drop), 1 => Just(Action::Allow)];
    (proptest::collection::vec(rule(), 1..7), default(), default()).prop_map(
        |(rules, inbound, outbound)| RuleSet {
            name: "small".to_owned(),
            rules,
            defaults: Defaults { inbound, outbound },
            baseline: Baseline::Standard,
            ephemeral: PortSet::range(1024, u16::MAX),
        },
    )
}

/// Every packet that a rule of the universe tells from another.
fn universe() -> Vec<Packet> {
    let few = || (0..=FEW).map(|n| if n == FEW { u8::MAX } else { n });
    let ends = few().flat_map(|a| few().map(move |b| (a, b)));
    let v4 = |n: u8| -> IpAddr { Ipv4Addr::from_bits(n.into()).into() };
    let v6 = |n: u8| -> IpAddr { Ipv6Addr::from_bits(n.into()).into() };
    let pairs = ends.clone().flat_map(|(a, b)| [(v4(a), v4(b)), (v6(a), v6(b))]);
    let l4 = [6u8, 17].into_iter().flat_map(move |p| ends.clone().map(move |(s, d)| (p, s, d)));
    let l4: Vec<_> = l4.chain([(1, 0, 0), (10, 0, 0), (58, 0, 0)]).collect();
    let packet = |(source, destination): (IpAddr, IpAddr), (protocol, s, d): (u8, u8, u8)| Packet {
        hook: Hook::Forward,
        incoming: 0,
        outgoing: 0,
        state: State::New,
        source,
        destination,
        protocol,
        source_port: s.into(),
        destination_port: d.into(),
        tcp_flags: 0,
        hop_limit: 64,
    };
    pairs.flat_map(|pair| l4.iter().map(move |l4| packet(pair, *l4))).collect()
}

/// What happens to a packet, with all that comes with it.
fn effect(
    policy: &RuleSet,
    way: Direction,
    packet: &Packet,
) -> (Action, Option<Log>, Option<PortSet>) {
    let (action, rule) = decide_flow(policy, way, packet);
    let ephemeral = match rule {
        Some(rule) => policy.rules[rule].ephemeral.clone(),
        None => policy.ephemeral(way),
    };
    let log = rule.and_then(|rule| policy.rules[rule].log.clone());
    (action, log, (action == Action::Allow).then_some(ephemeral))
}

/// A policy with only some of its rules.
fn with(policy: &RuleSet, keep: impl Fn(usize) -> bool) -> RuleSet {
    let rules = policy.rules.iter().enumerate().filter(|(index, _)| keep(*index));
    RuleSet { rules: rules.map(|(_, rule)| rule.clone()).collect(), ..policy.clone() }
}

fn same(a: &RuleSet, b: &RuleSet, packets: &[Packet]) -> bool {
    let ways = [Direction::Inbound, Direction::Outbound];
    ways.iter().all(|way| packets.iter().all(|p| effect(a, *way, p) == effect(b, *way, p)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn useless_rules_may_go_together_and_no_other_may(policy in policy()) {
        let packets = universe();
        let found = useless(&policy);
        let gone = |index| found.iter().any(|useless| useless.rule == index);
        let shadowed =
            |index| found.iter().any(|u| u.rule == index && u.why == Why::Shadowed);
        let rest = with(&policy, |index| !gone(index));
        prop_assert!(same(&policy, &rest, &packets), "{found:?}");
        for index in 0..policy.rules.len() {
            let alone = same(&policy, &with(&policy, |other| other != index), &packets);
            // Rules are asked in order: when this one was, the redundant ones after it still stood.
            let before = |other| gone(other) && (shadowed(other) || other < index);
            let rest = with(&policy, |other| !before(other));
            let less = with(&policy, |other| other != index && !before(other));
            let too = same(&rest, &less, &packets);
            prop_assert!(gone(index) == (alone && too) || shadowed(index), "rule {}", index);
            prop_assert!(!gone(index) || alone, "rule {index} may not go alone");
        }
    }

    #[test]
    fn shadowed_rules_are_those_that_never_match_and_the_named_rules_hide_them(policy in policy()) {
        let packets = universe();
        let found = useless(&policy);
        for (index, rule) in policy.rules.iter().enumerate() {
            let first = |p: &Packet| decide_flow(&policy, rule.direction, p).1 == Some(index);
            let shadowed = found.iter().find(|u| u.rule == index && u.why == Why::Shadowed);
            prop_assert_eq!(shadowed.is_some(), !packets.iter().any(first), "rule {}", index);
            if let Some(shadowed) = shadowed {
                prop_assert!(shadowed.by.iter().all(|by| *by < index) && !shadowed.default);
                let hiding = with(&policy, |other| shadowed.by.contains(&other));
                let hidden = |p: &&Packet| rule.matches(p);
                let by = |p: &Packet| decide_flow(&hiding, rule.direction, p).1;
                prop_assert!(packets.iter().filter(hidden).all(|p| by(p).is_some()));
            }
        }
    }
}
