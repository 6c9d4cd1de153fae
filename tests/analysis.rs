//! What the analysis says of rules, against every packet of a small universe.

use portcullis::analysis::{
    Asked, Cause, Change, Found, Kind, Useless, Why, Work, changes, overlaps, useless,
};
use portcullis::command::Session;
use portcullis::command::test::expectations;
use portcullis::diag::Diags;
use portcullis::feed::Feeds;
use portcullis::ir::flow::{Defaults, Rule, RuleSet, Traffic};
use portcullis::ir::{
    Action, Baseline, Direction, Hook, L4, Log, Origin, OriginKind, Packet, State, decide_flow,
};
use portcullis::net::{Family, IpSet, Ipv4Set, Ipv6Set, PortSet, ProtocolSet};
use portcullis::pass::resolve::resolve;
use portcullis::policy::{self, Loader};
use portcullis::source::SourceMap;
use proptest::prelude::*;
use std::collections::BTreeSet;
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
    let some = || proptest::collection::vec(range(), 1..3);
    let set =
        |r: Vec<(u8, u8)>| PortSet::from_ranges(r.into_iter().map(|(a, b)| (a.into(), b.into())));
    let ports = move || prop_oneof![1 => Just(PortSet::all()), 3 => some().prop_map(set)];
    let ported = prop_oneof![Just(6u8), Just(17)];
    prop_oneof![
        1 => Just(L4::any()),
        1 => Just(L4::protocols(ProtocolSet::range(6, 17))),
        4 => (ported, ports(), ports()).prop_map(|(p, s, d)| L4::ports(p, s, d)),
        1 => ports().prop_map(L4::icmp),
        1 => ports().prop_map(L4::icmpv6),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let action =
        prop_oneof![3 => Just(Action::Allow), 2 => Just(Action::Drop), 1 => Just(Action::Reject)];
    let way = prop_oneof![3 => Just(Direction::Inbound), 1 => Just(Direction::Outbound)];
    let ephemeral = prop_oneof![8 => Just(1024u16), 1 => Just(49152)];
    (action, way, addresses(), addresses(), service(), ephemeral, proptest::bool::weighted(0.1))
        .prop_filter_map("no family", |(action, direction, source, destination, l4, low, log)| {
            let of = match l4.protocol_set().single() {
                Some(1) => |set: IpSet| set.only(Family::V4),
                Some(58) => |set: IpSet| set.only(Family::V6),
                _ => |set: IpSet| set,
            };
            Rule {
                action,
                direction,
                source: of(source),
                destination,
                l4,
                ephemeral: PortSet::range(low, u16::MAX),
                log: log.then(|| Log { prefix: String::new(), limit: None }),
                origins: vec![Origin::new(OriginKind::Policy, "r")],
            }
            .normalized()
        })
}

/// A rule, or some in a row that differ in one thing only: ports, or the addresses of one side.
fn row() -> impl Strategy<Value = Vec<Rule>> {
    let like = |rule: Rule, field: usize, ranges: Vec<(u8, u8)>| {
        let other = |(a, b): (u8, u8)| {
            let mut other = rule.clone();
            match field {
                0 => other.l4 = L4::ports(6, PortSet::all(), PortSet::range(a.into(), b.into())),
                1 => other.l4 = L4::ports(17, PortSet::range(a.into(), b.into()), PortSet::all()),
                2 => other.source.v4 = Ipv4Set::range(a.into(), b.into()),
                _ => other.destination.v4 = Ipv4Set::range(a.into(), b.into()),
            }
            other.normalized()
        };
        ranges.into_iter().filter_map(other).collect::<Vec<_>>()
    };
    prop_oneof![
        3 => rule().prop_map(|rule| vec![rule]),
        2 => (rule(), 0..4usize, proptest::collection::vec(range(), 2..5))
            .prop_map(move |(rule, field, ranges)| like(rule, field, ranges)),
    ]
}

fn policy() -> impl Strategy<Value = RuleSet> {
    let default = || prop_oneof![3 => Just(Action::Drop), 2 => Just(Action::Allow), 1 => Just(Action::Reject)];
    (proptest::collection::vec(row(), 1..6), default(), default()).prop_map(
        |(rules, inbound, outbound)| RuleSet {
            name: "small".to_owned(),
            rules: rules.concat(),
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
    let icmp = [1, 58].into_iter().flat_map(move |p| few().map(move |word| (p, 0, word)));
    let l4: Vec<_> = l4.chain(icmp).chain([(10, 0, 0)]).collect();
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

/// Who decides packets of a rule, by indices; none for the default.
fn deciders(policy: &RuleSet, rule: &Rule, packets: &[Packet]) -> BTreeSet<Option<usize>> {
    let own = packets.iter().filter(|packet| rule.matches(packet));
    own.map(|packet| decide_flow(policy, rule.direction, packet).1).collect()
}

/// As many steps as could be needed.
fn work() -> Work {
    Work::new(u64::MAX)
}

fn all_useless(policy: &RuleSet) -> Vec<Useless> {
    let Found { list, undecided } = useless(policy, &mut work());
    assert!(undecided.is_empty(), "{undecided:?}");
    list
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
        let found = all_useless(&policy);
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
        let found = all_useless(&policy);
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

    #[test]
    fn the_named_rules_are_exactly_those_that_decide_or_one_that_matches_all(policy in policy()) {
        let packets = universe();
        let found = all_useless(&policy);
        for useless in &found {
            // As when it was asked: without itself and what was found before.
            let gone = |index: usize| match useless.why {
                Why::Shadowed => index >= useless.rule,
                Why::Redundant => index == useless.rule || found.iter().any(|other| {
                    other.rule == index && (other.why == Why::Shadowed || index < useless.rule)
                }),
            };
            let kept: Vec<_> = (0..policy.rules.len()).filter(|index| !gone(*index)).collect();
            let rest = with(&policy, |index| !gone(index));
            let rule = &policy.rules[useless.rule];
            let decide = deciders(&rest, rule, &packets);
            let rules: Vec<_> = decide.iter().flatten().map(|index| kept[*index]).collect();
            let matches_all = |by: usize| {
                packets.iter().filter(|p| rule.matches(p)).all(|p| policy.rules[by].matches(p))
            };
            match *useless.by {
                [by] if by < useless.rule && matches_all(by) => prop_assert!(!useless.default),
                _ => {
                    prop_assert_eq!(&*useless.by, &rules, "of rule {}", useless.rule);
                    prop_assert_eq!(useless.default, decide.contains(&None));
                }
            }
        }
    }

    #[test]
    fn what_the_steps_do_not_suffice_for_is_said(policy in policy(), steps in 0u64..5_000) {
        let packets = universe();
        let all = all_useless(&policy);
        let Found { list, undecided } = useless(&policy, &mut Work::new(steps));
        let gone = |index| list.iter().any(|useless| useless.rule == index);
        prop_assert!(same(&policy, &with(&policy, |index| !gone(index)), &packets), "{list:?}");
        for useless in &all {
            // Of two rules that stand in for each other one may go, whichever is asked first.
            let said = gone(useless.rule) || !undecided.is_empty();
            prop_assert!(said, "rule {}", useless.rule);
            if useless.why == Why::Shadowed {
                prop_assert!(gone(useless.rule) || undecided.contains(&useless.rule));
            }
        }
        let overlap = overlaps(&policy, &BTreeSet::new(), &mut Work::new(steps));
        for one in overlaps(&policy, &BTreeSet::new(), &mut work()).list {
            let said = overlap.list.contains(&one) || overlap.undecided.contains(&one.rule);
            prop_assert!(said, "{one:?}");
        }
        prop_assert!(steps > 0 || overlap.list.is_empty());
    }
}

/// Enough for every box of a small universe.
const ALL: usize = 100_000;

fn allows(rule: &Rule) -> bool {
    rule.action == Action::Allow
}

/// What becomes of a packet between two policies.
fn becomes(way: Direction, packet: &Packet, old: &RuleSet, new: &RuleSet) -> Option<Kind> {
    let action = |policy| decide_flow(policy, way, packet).0;
    match (action(old), action(new)) {
        (old, new) if old == new => None,
        (_, Action::Allow) => Some(Kind::Allowed),
        (Action::Allow, _) => Some(Kind::Refused),
        _ => Some(Kind::Answered),
    }
}

fn has(change: &Change, way: Direction, packet: &Packet) -> bool {
    let l4 = |l4: &L4| l4.contains(packet.protocol, packet.source_port, packet.destination_port);
    change.direction == way
        && change.source.contains(packet.source)
        && change.destination.contains(packet.destination)
        && change.services.iter().any(l4)
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let way = prop_oneof![Just(Direction::Inbound), Just(Direction::Outbound)];
    (way, addresses(), addresses(), service()).prop_map(|(direction, source, destination, l4)| {
        Traffic { direction, source, destination, l4 }
    })
}

fn in_traffic(traffic: &Traffic, packet: &Packet) -> bool {
    traffic.l4.contains(packet.protocol, packet.source_port, packet.destination_port)
        && traffic.source.contains(packet.source)
        && traffic.destination.contains(packet.destination)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn rules_that_lose_packets_to_their_opposites_are_all_found(policy in policy()) {
        let universe = universe();
        let Found { list: found, undecided } = overlaps(&policy, &BTreeSet::new(), &mut work());
        prop_assert!(undecided.is_empty());
        for (at, rule) in policy.rules.iter().enumerate() {
            let earlier = policy.rules[..at].iter().enumerate().filter(|(_, other)| {
                other.direction == rule.direction
                    && allows(other) != allows(rule)
                    && universe.iter().any(|packet| rule.matches(packet) && other.matches(packet))
            });
            let earlier: Vec<_> = earlier.map(|(index, _)| index).collect();
            let decides = |p: &Packet| decide_flow(&policy, rule.direction, p).1;
            let loses = |p: &&Packet| rule.matches(p) && decides(p).is_some_and(|d| earlier.contains(&d));
            let losers: Vec<_> = universe.iter().filter(loses).filter_map(decides).collect();
            let said: Vec<_> = found.iter().filter(|overlap| overlap.rule == at).collect();
            match said.as_slice() {
                [] => prop_assert!(losers.is_empty(), "rule {at} loses to {losers:?}"),
                [overlap] => {
                    prop_assert_eq!(Some(&overlap.earlier), losers.iter().min());
                    prop_assert_eq!(overlap.more, earlier.len() - 1);
                    prop_assert!(rule.matches(&overlap.packet));
                    prop_assert_eq!(decides(&overlap.packet), Some(overlap.earlier));
                }
                more => prop_assert!(false, "said twice: {more:?}"),
            }
        }
    }

    #[test]
    fn every_packet_that_changes_is_in_one_change_and_no_other_is(
        old in policy(),
        between in policy(),
        new in policy(),
        feeds in any::<bool>(),
    ) {
        let found = changes(&old, feeds.then_some(&between), &new, ALL).expect("small");
        prop_assert!(!found.more);
        for change in &found.list {
            prop_assert!(has(change, change.direction, &change.example), "{change:?}");
        }
        for packet in universe() {
            for way in Direction::BOTH {
                let said: Vec<_> = found.list.iter().filter(|c| has(c, way, &packet)).collect();
                let kinds: Vec<_> = said.iter().map(|change| change.kind).collect();
                let kind = becomes(way, &packet, &old, &new);
                prop_assert_eq!(&kinds, &Vec::from_iter(kind), "{} {:?}", way, packet);
                let by_policy = |policy| match kind {
                    Some(Kind::Answered) => {
                        decide_flow(policy, way, &packet).0 == decide_flow(&new, way, &packet).0
                    }
                    _ => {
                        let allowed = |p| decide_flow(p, way, &packet).0 == Action::Allow;
                        allowed(policy) == allowed(&new)
                    }
                };
                for change in said {
                    let policys = !feeds || by_policy(&between);
                    let cause = if policys { Cause::Policy } else { Cause::Feed };
                    prop_assert_eq!(change.cause, cause, "{} {:?}", way, packet);
                }
            }
        }
    }

    #[test]
    fn questions_are_answered_for_every_packet(policy in policy(), traffic in traffic()) {
        let universe = universe();
        let way = traffic.direction;
        let asked: Vec<_> = universe.iter().filter(|packet| in_traffic(&traffic, packet)).collect();
        let allowed = |packet: &Packet| decide_flow(&policy, way, packet).0 == Action::Allow;
        let mut questions = Asked::new(&policy);
        let some = questions.some_allowed(&traffic).expect("small");
        prop_assert_eq!(some.is_some(), asked.iter().any(|packet| allowed(packet)));
        let none = questions.some_refused(&traffic).expect("small");
        prop_assert_eq!(none.is_some(), asked.iter().any(|packet| !allowed(packet)));
        prop_assert!(some.is_none_or(|p| in_traffic(&traffic, &p) && allowed(&p)));
        prop_assert!(none.is_none_or(|p| in_traffic(&traffic, &p) && !allowed(&p)));
        let (reach, whole) = questions.reach(&traffic, ALL).expect("small");
        prop_assert!(whole);
        for packet in &universe {
            let l4 = |l4: &L4| {
                l4.contains(packet.protocol, packet.source_port, packet.destination_port)
            };
            let said = reach.iter().any(|reach| {
                reach.source.contains(packet.source)
                    && reach.destination.contains(packet.destination)
                    && reach.services.iter().any(l4)
            });
            prop_assert_eq!(said, in_traffic(&traffic, packet) && allowed(packet), "{:?}", packet);
        }
    }
}

/// A set as policies write it, and whether something is in it.
type Written<T> = (&'static str, fn(T) -> bool);

/// Addresses of the universe.
const PLACES: &[Written<IpAddr>] =
    &[
        ("any", |_| true),
        ("0.0.0.0/31", |a| a.is_ipv4() && low(a) < 2),
        ("[0.0.0.1, 0.0.0.3]", |a| a.is_ipv4() && [1, 3].contains(&low(a))),
        ("[0.0.0.2/31, \"::/127\"]", |a| {
            if a.is_ipv4() { (2..4).contains(&low(a)) } else { low(a) < 2 }
        }),
        ("{ include: any, except: [0.0.0.0/30, \"::/125\"] }", |a| {
            if a.is_ipv4() { low(a) > 3 } else { low(a) > 7 }
        }),
    ];

/// Services of the universe.
const SERVICES: &[Written<Packet>] = &[
    ("any", |_| true),
    ("tcp/1", |p| p.protocol == 6 && p.destination_port == 1),
    ("[tcp/2-3, udp/1]", |p| {
        let (protocol, port) = (p.protocol, p.destination_port);
        (protocol == 6 && (2..4).contains(&port)) || (protocol == 17 && port == 1)
    }),
    ("udp/any", |p| p.protocol == 17),
];

fn low(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// A direction, two places and a service, by their numbers.
type Bounds = (bool, usize, usize, usize);

fn bounds() -> impl Strategy<Value = Bounds> {
    (any::<bool>(), 0..PLACES.len(), 0..PLACES.len(), 0..SERVICES.len())
}

fn written((inbound, from, to, service): Bounds) -> String {
    let way = if inbound { "inbound" } else { "outbound" };
    let (from, to, service) = (PLACES[from].0, PLACES[to].0, SERVICES[service].0);
    format!("direction: {way}, from: {from}, to: {to}, service: {service}")
}

struct Text(String);

impl Loader for Text {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn invariants_hold_exactly_when_no_packet_contradicts_them(
        rules in proptest::collection::vec((bounds(), any::<bool>()), 1..5),
        invariants in proptest::collection::vec((0usize..3, bounds()), 1..5),
    ) {
        let mut text = "policy: small\nrules:\n".to_owned();
        for (at, (bounds, allow)) in rules.iter().enumerate() {
            let action = if *allow { "allow" } else { "drop" };
            text += &format!("  - {{ id: r{at}, action: {action}, {} }}\n", written(*bounds));
        }
        text += "invariants:\n";
        for (kind, bounds) in &invariants {
            let kind = ["never", "always", "only"][*kind];
            text += &format!("  - {kind}: {{ {} }}\n", written(*bounds));
        }
        let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
        let loaded = policy::load("p", &Text(text.clone()), &mut sources, &mut diags);
        let loaded = loaded.ok_or_else(|| TestCaseError::fail(format!("{text}{:?}", diags.list())))?;
        // Rules between families that do not meet are refused.
        let feeds = Feeds::bundled();
        let Some(resolved) = resolve(&loaded, &feeds, &mut diags) else { return Ok(()) };
        let outcomes = expectations(&mut Session::new(&loaded, &feeds, &resolved));
        for ((kind, bounds), outcome) in invariants.iter().zip(&outcomes) {
            let (inbound, from, to, service) = *bounds;
            let way = if inbound { Direction::Inbound } else { Direction::Outbound };
            let contradicts = |packet: &Packet| {
                let allowed = decide_flow(&resolved.rules, way, packet).0 == Action::Allow;
                let (from, to) = (PLACES[from].1(packet.source), PLACES[to].1(packet.destination));
                let all = from && to && SERVICES[service].1(*packet);
                match (kind, inbound) {
                    (0, _) => all && allowed,
                    (1, _) => all && !allowed,
                    (_, true) => allowed && to && !all,
                    (_, false) => allowed && from && !all,
                }
            };
            let packet = universe().into_iter().find(contradicts);
            prop_assert_eq!(outcome.fault.is_some(), packet.is_some(), "{} {:?}", text, packet);
        }
    }
}
