//! Generated filters, packets at their edges, and an interpreter of programs.

use crate::ir::flow::Defaults;
use crate::ir::packet::{Filter, HopLimit, Rule, TcpFlags};
use crate::ir::{
    Action, Direction, Hook, L4, Log, Origin, OriginKind, Packet, Placement, RateLimit, State,
    StateMode, TimeUnit, Verdict,
};
use crate::net::{Family, IpSet, Ipv4Set, Ipv6Set, PortSet, ProtocolSet, Scalar, icmp, protocol};
use crate::program::Program;
use crate::program::{Field, Match, Target};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns a set of prefixes.
pub(super) fn addresses(text: &str) -> IpSet {
    IpSet::from_prefixes(text.split_whitespace().map(|p| crate::net::parse_prefix(p).expect(p)))
}

/// Returns an origin.
pub(super) fn origin(rule: &str, comment: &str) -> Origin {
    Origin {
        kind: OriginKind::Policy,
        rule: rule.to_owned(),
        index: None,
        comment: comment.to_owned(),
    }
}

fn v4() -> impl Strategy<Value = Ipv4Set> {
    let end = prop_oneof![
        Just(0u32),
        Just(1),
        Just(0x0a00_0000),
        Just(0x0a00_00ff),
        Just(0x0a01_0000),
        Just(0x0a01_0203),
        Just(0x7fff_ffff),
        Just(u32::MAX - 1),
        Just(u32::MAX),
    ];
    let prefix =
        (end.clone(), prop_oneof![Just(0u32), Just(1), Just(8), Just(16), Just(31), Just(32)]);
    let prefix = prefix.prop_map(|(at, host)| {
        let mask = if host == 32 { u32::MAX } else { (1 << host) - 1 };
        (at & !mask, at | mask)
    });
    let range = (end.clone(), end).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        2 => Just(Ipv4Set::empty()),
        2 => Just(Ipv4Set::all()),
        4 => prefix.clone().prop_map(|r| Ipv4Set::from_ranges([r])),
        2 => proptest::collection::vec(prop_oneof![prefix, range], 1..4).prop_map(Ipv4Set::from_ranges),
    ]
}

fn v6() -> impl Strategy<Value = Ipv6Set> {
    let end = prop_oneof![
        Just(0u128),
        Just(1),
        Just(0x2001_0db8 << 96),
        Just((0x2001_0db8 << 96) | 1),
        Just(0xfe80 << 112),
        Just(u128::MAX - 1),
        Just(u128::MAX),
    ];
    let prefix = (end.clone(), prop_oneof![Just(0u32), Just(1), Just(64), Just(96), Just(127)]);
    let prefix = prefix.prop_map(|(at, host)| {
        let mask = (1u128 << host) - 1;
        (at & !mask, at | mask)
    });
    let range = (end.clone(), end).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        2 => Just(Ipv6Set::empty()),
        2 => Just(Ipv6Set::all()),
        3 => prefix.clone().prop_map(|r| Ipv6Set::from_ranges([r])),
        1 => proptest::collection::vec(prop_oneof![prefix, range], 1..4).prop_map(Ipv6Set::from_ranges),
    ]
}

fn sets() -> impl Strategy<Value = IpSet> {
    (v4(), v6()).prop_map(|(v4, v6)| IpSet { v4, v6 })
}

fn ports() -> impl Strategy<Value = PortSet> {
    let port =
        prop_oneof![Just(0u16), Just(1), Just(22), Just(80), Just(443), Just(65534), Just(65535)];
    let range = (port.clone(), port).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        Just(PortSet::all()),
        proptest::collection::vec(range, 1..4).prop_map(PortSet::from_ranges),
    ]
}

fn words() -> impl Strategy<Value = PortSet> {
    let ty = prop_oneof![Just(0u8), Just(3), Just(8), Just(128), Just(135), Just(136), Just(255)];
    let word = (ty.clone(), prop_oneof![Just(0u8), Just(1), Just(4), Just(255)]);
    let one = word.prop_map(|(ty, code)| PortSet::one(icmp::word(ty, code)));
    let some = prop_oneof![
        ty.clone().prop_map(icmp::all_codes),
        one,
        (ty.clone(), ty)
            .prop_map(|(a, b)| PortSet::range(icmp::word(a.min(b), 0), icmp::word(a.max(b), 2)))
    ];
    proptest::collection::vec(some, 1..4).prop_map(|sets| PortSet::union_all(&sets))
}

fn levels() -> impl Strategy<Value = L4> {
    let number = prop_oneof![Just(0u8), Just(1), Just(6), Just(17), Just(58), Just(132), Just(255)];
    let range = (number.clone(), number.clone()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let carried = proptest::collection::vec(prop_oneof![Just(6u8), Just(17), Just(132)], 1..3);
    prop_oneof![
        1 => Just(L4::any()),
        1 => number.prop_map(|p| L4::protocols(ProtocolSet::one(p))),
        1 => proptest::collection::vec(range, 1..3)
            .prop_map(|r| L4::protocols(ProtocolSet::from_ranges(r))),
        4 => (carried, ports(), ports()).prop_map(|(p, source, destination)| {
            L4::product(ProtocolSet::from_ranges(p.into_iter().map(|p| (p, p))), source, destination)
        }),
        1 => words().prop_map(L4::icmp),
        1 => words().prop_map(L4::icmpv6),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![3 => Just(Action::Allow), 1 => Just(Action::Drop), 1 => Just(Action::Reject)]
}

fn log() -> impl Strategy<Value = Option<Log>> {
    let limit = prop_oneof![
        Just(None),
        Just(Some(RateLimit { count: 10, unit: TimeUnit::Minute })),
        Just(Some(RateLimit { count: u32::MAX, unit: TimeUnit::Day })),
    ];
    let log =
        ("[a-zA-Z0-9 _.:/-]{0,40}", limit).prop_map(|(prefix, limit)| Some(Log { prefix, limit }));
    prop_oneof![5 => Just(None), 1 => log]
}

/// Keeps the invariants of packet rules: families in both sets, ICMP types of their own family only.
fn whole(mut rule: Rule) -> Option<Rule> {
    for family in Family::BOTH {
        let own = match rule.l4.words() {
            Some(protocol::ICMP) => family == Family::V4,
            Some(_) => family == Family::V6,
            None => true,
        };
        if !(own && rule.source.has(family) && rule.destination.has(family)) {
            let other = if family == Family::V4 { Family::V6 } else { Family::V4 };
            rule.source = rule.source.only(other);
            rule.destination = rule.destination.only(other);
        }
    }
    (!rule.source.is_empty()).then_some(rule)
}

fn rule() -> impl Strategy<Value = Option<Rule>> {
    let hop = prop_oneof![5 => Just(HopLimit::Any), 1 => Just(HopLimit::Exactly(255)), 1 => Just(HopLimit::Exactly(1))];
    (action(), sets(), sets(), levels(), any::<bool>(), hop, log()).prop_map(
        |(action, source, destination, l4, acked, hop_limit, log)| {
            let tcp = l4.protocol_set().single() == Some(protocol::TCP);
            let tcp_flags = if tcp && acked { TcpFlags::AckOrRst } else { TcpFlags::Any };
            let origins = vec![origin("some-rule", "why")];
            whole(Rule { action, source, destination, l4, tcp_flags, hop_limit, log, origins })
        },
    )
}

/// Many small rules of few kinds, so that groups form.
fn bulk() -> impl Strategy<Value = Vec<Option<Rule>>> {
    let prefix = (0u32..6, prop_oneof![Just(8u32), Just(16), Just(29), Just(32)]);
    let small = prefix.prop_map(|(at, host)| {
        let mask = if host == 32 { u32::MAX } else { (1 << host) - 1 };
        let at = (at << 14 | 0x0a00_0000 | at) & !mask;
        IpSet { v4: Ipv4Set::range(at, at | mask), v6: Ipv6Set::empty() }
    });
    let wide = small.clone().prop_map(|set| {
        let up = |v: u32| (u128::from(v) << 96) | u128::from(v);
        let v6 = Ipv6Set::from_ranges(set.v4.ranges().iter().map(|(a, b)| (up(*a), up(*b))));
        IpSet { v4: set.v4, v6 }
    });
    let set = prop_oneof![4 => small, 1 => wide, 1 => Just(IpSet::all())];
    let port = (0u16..5, 0u16..5).prop_map(|(a, b)| PortSet::range(79 + a.min(b), 79 + a.max(b)));
    let port = prop_oneof![4 => port, 1 => Just(PortSet::all()), 1 => ports()];
    let carried = prop_oneof![4 => Just(protocol::TCP), 1 => Just(protocol::UDP)];
    let l4 = (carried, prop_oneof![5 => Just(PortSet::all()), 1 => ports()], port)
        .prop_map(|(p, source, destination)| L4::ports(p, source, destination));
    let l4 = prop_oneof![8 => l4, 1 => levels()];
    let action =
        prop_oneof![8 => Just(Action::Allow), 1 => Just(Action::Drop), 1 => Just(Action::Reject)];
    let log = prop_oneof![30 => Just(None), 1 => log()];
    let one = (action, set.clone(), set, l4, log, 0u32..1000).prop_map(
        |(action, source, destination, l4, log, id)| {
            whole(Rule {
                action,
                source,
                destination,
                l4,
                log,
                tcp_flags: TcpFlags::Any,
                hop_limit: HopLimit::Any,
                origins: vec![origin(&format!("r{id}"), "")],
            })
        },
    );
    proptest::collection::vec(one, 20..90)
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let few = proptest::collection::vec(rule(), 0..7);
    prop_oneof![2 => few, 1 => bulk()].prop_map(|rules| rules.into_iter().flatten().collect())
}

fn placement() -> impl Strategy<Value = Placement> {
    let gateway = |inside: &[&str], outside: &[&str]| Placement::Gateway {
        inside: inside.iter().map(|s| (*s).to_owned()).collect(),
        outside: outside.iter().map(|s| (*s).to_owned()).collect(),
    };
    prop_oneof![
        2 => Just(Placement::Host),
        1 => Just(gateway(&["lan0"], &["wan0"])),
        1 => Just(gateway(&["lan0", "br-lan.5"], &["wan0", "tun@1", "p:x_1"])),
    ]
}

/// Any filter that keeps the invariants.
pub(super) fn filter() -> impl Strategy<Value = Filter> {
    let defaults =
        (action(), action()).prop_map(|(inbound, outbound)| Defaults { inbound, outbound });
    let state = prop_oneof![Just(StateMode::Stateful), Just(StateMode::Stateless)];
    (placement(), state, any::<bool>(), rules(), rules(), defaults).prop_map(
        |(placement, state, loopback, inbound, outbound, defaults)| {
            let loopback = loopback && placement == Placement::Host;
            Filter {
                name: "edge".to_owned(),
                placement,
                state,
                loopback,
                inbound,
                outbound,
                defaults,
            }
        },
    )
}

/// A filter with no rules.
pub(super) fn empty(placement: Placement, state: StateMode) -> Filter {
    let defaults = Defaults { inbound: Action::Drop, outbound: Action::Drop };
    let (inbound, outbound) = (Vec::new(), Vec::new());
    Filter {
        name: "edge".to_owned(),
        placement,
        state,
        loopback: true,
        inbound,
        outbound,
        defaults,
    }
}

/// A small generator of numbers, so that packets are the same in every run of a case.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// Returns a number below `sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(sides.max(1)).expect("small"))
            .expect("small")
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    /// A value at the edge of a set, one beside an edge, or one of the ends of the universe.
    fn edge<T: Scalar>(&mut self, set: &crate::net::RangeSet<T>) -> T {
        let mut values = vec![T::MIN, T::MAX];
        if let Some((low, high)) = set.ranges().get(self.roll(set.ranges().len())) {
            let near =
                [Some(*low), Some(*high), Some(*low), Some(*high), low.previous(), high.next()];
            values.extend(near.into_iter().flatten());
        }
        self.pick(&values)
    }
}

/// Makes a packet near the edges of one of the filter's rules.
pub(super) fn packet(filter: &Filter, dice: &mut Dice) -> Packet {
    let way = dice.pick(&Direction::BOTH);
    let rules = filter.rules(way);
    let rule = rules.get(dice.roll(rules.len()));
    let everything = (IpSet::all(), IpSet::all(), L4::any());
    let (source, destination, l4) = match rule {
        Some(rule) => (&rule.source, &rule.destination, &rule.l4),
        None => (&everything.0, &everything.1, &everything.2),
    };
    let v4 = if dice.roll(8) == 0 {
        dice.roll(2) == 0
    } else {
        source.has(Family::V4) && (!source.has(Family::V6) || dice.roll(2) == 0)
    };
    let mut address = |set: &IpSet| match v4 {
        true => IpAddr::V4(Ipv4Addr::from_bits(dice.edge(&set.v4))),
        false => IpAddr::V6(Ipv6Addr::from_bits(dice.edge(&set.v6))),
    };
    let (source, destination) = (address(source), address(destination));
    let protocol = match dice.roll(4) {
        0 => dice.pick(&[0u8, 1, 6, 17, 58, 132, 255]),
        _ => dice.edge(l4.protocol_set()),
    };
    let ported = protocol::has_ports(protocol);
    let worded = matches!(protocol, protocol::ICMP | protocol::ICMPV6);
    let hook = match filter.placement {
        Placement::Host => dice.pick(&[
            Hook::Input,
            Hook::Output,
            Hook::RawPrerouting,
            Hook::RawOutput,
            Hook::Forward,
        ]),
        Placement::Gateway { .. } => dice.pick(&[
            Hook::Forward,
            Hook::Forward,
            Hook::Forward,
            Hook::RawPrerouting,
            Hook::Input,
            Hook::RawOutput,
        ]),
    };
    let interfaces: Vec<_> = (0..=filter.placement.other_interface()).collect();
    Packet {
        hook,
        incoming: if hook.has_incoming() { dice.pick(&interfaces) } else { 0 },
        outgoing: if hook.has_outgoing() { dice.pick(&interfaces) } else { 0 },
        state: dice.pick(&[
            State::New,
            State::New,
            State::New,
            State::Untracked,
            State::Established,
            State::Related,
            State::Invalid,
        ]),
        source,
        destination,
        protocol,
        source_port: if ported { dice.edge(l4.source()) } else { 0 },
        destination_port: if ported || worded { dice.edge(l4.destination()) } else { 0 },
        tcp_flags: if protocol == protocol::TCP {
            dice.pick(&[0u8, 2, 16, 18, 4, 0xff, 0xeb])
        } else {
            0
        },
        hop_limit: dice.pick(&[0u8, 1, 64, 254, 255]),
    }
}

/// Runs a packet through a program.
pub(super) fn run(program: &Program, packet: &Packet) -> Verdict {
    for base in &program.bases {
        if holds(&base.when, packet) {
            let verdict = chain(program, base.chain, packet).unwrap_or(base.policy);
            if verdict != Verdict::Accept {
                return verdict;
            }
        }
    }
    Verdict::Accept
}

fn chain(program: &Program, index: usize, packet: &Packet) -> Option<Verdict> {
    for clause in &program.chains[index].clauses {
        if !holds(&clause.when, packet) {
            continue;
        }
        match clause.then {
            Target::Decide(verdict) => return Some(verdict),
            Target::Jump(next) => {
                if let Some(verdict) = chain(program, next, packet) {
                    return Some(verdict);
                }
            }
            Target::Goto(next) => return chain(program, next, packet),
            Target::Return => return None,
            Target::Continue => {}
        }
    }
    None
}

fn holds(when: &[Match], packet: &Packet) -> bool {
    when.iter().all(|condition| match condition {
        Match::Family(family) => *family == packet.family(),
        Match::Source4(ranges) => {
            matches!(packet.source, IpAddr::V4(a) if within(ranges, a.to_bits()))
        }
        Match::Source6(ranges) => {
            matches!(packet.source, IpAddr::V6(a) if within(ranges, a.to_bits()))
        }
        Match::Destination4(ranges) => {
            matches!(packet.destination, IpAddr::V4(a) if within(ranges, a.to_bits()))
        }
        Match::Destination6(ranges) => {
            matches!(packet.destination, IpAddr::V6(a) if within(ranges, a.to_bits()))
        }
        Match::Field(field, ranges) => within(ranges, value(*field, packet)),
        Match::Unknown => false,
        Match::AnyOf(any) => any.iter().any(|when| holds(when, packet)),
    })
}

fn within<T: PartialOrd + Copy>(ranges: &[(T, T)], value: T) -> bool {
    ranges.iter().any(|(low, high)| *low <= value && value <= *high)
}

fn value(field: Field, packet: &Packet) -> u32 {
    let position = |at: Option<usize>| u32::try_from(at.expect("known")).expect("small");
    match field {
        Field::Hook => position(Hook::ALL.iter().position(|hook| *hook == packet.hook)),
        Field::Incoming => packet.incoming.into(),
        Field::Outgoing => packet.outgoing.into(),
        Field::State => position(State::ALL.iter().position(|state| *state == packet.state)),
        Field::Protocol => packet.protocol.into(),
        Field::SourcePort => packet.source_port.into(),
        Field::DestinationPort => packet.destination_port.into(),
        Field::TcpFlags => packet.tcp_flags.into(),
        Field::HopLimit => packet.hop_limit.into(),
    }
}
