//! Generated rule sets and the packets at their edges, shared by the property tests.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod corpus;

use portcullis::firewall::options::Setting;
use portcullis::firewall::{Kind, Spec};
use portcullis::ir::flow::{Defaults, Rule, RuleSet};
use portcullis::ir::{
    Action, Baseline, Direction, Hook, L4, Log, Origin, OriginKind, Packet, Placement, RateLimit,
    State, StateMode, TimeUnit,
};
use portcullis::net::{Family, IpSet, Ipv4Set, Ipv6Set, PortSet, ProtocolSet, icmp};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Few values, so that sets overlap and touch: both ends of the universe and a block between.
const V4: [u32; 8] =
    [0, 1, 0x0a00_0000, 0x0a00_00ff, 0x0a00_0100, 0x0a00_01ff, u32::MAX - 1, u32::MAX];
const V6: [u128; 8] = [
    0,
    1,
    0x2001_0db8 << 96,
    (0x2001_0db8 << 96) | 0xffff,
    0xfe80 << 112,
    (0xfe80 << 112) | 1,
    u128::MAX - 1,
    u128::MAX,
];
const PORTS: [u16; 10] = [0, 1, 22, 53, 443, 1023, 1024, 49152, 65534, 65535];

fn ranges<T: Copy + Ord + std::fmt::Debug + 'static>(
    values: &'static [T],
) -> impl Strategy<Value = Vec<(T, T)>> {
    let value = proptest::sample::select(values);
    let range = (value.clone(), value).prop_map(|(a, b)| (a.min(b), a.max(b)));
    proptest::collection::vec(range, 1..3)
}

/// An address set; sometimes of one family, sometimes any.
pub fn ip_set() -> impl Strategy<Value = IpSet> {
    let v4 = || ranges(&V4).prop_map(Ipv4Set::from_ranges);
    let v6 = || ranges(&V6).prop_map(Ipv6Set::from_ranges);
    prop_oneof![
        2 => Just(IpSet::all()),
        4 => (v4(), v6()).prop_map(|(v4, v6)| IpSet { v4, v6 }),
        2 => v4().prop_map(|v4| IpSet { v4, v6: Ipv6Set::empty() }),
        1 => v6().prop_map(|v6| IpSet { v4: Ipv4Set::empty(), v6 }),
    ]
}

fn ports() -> impl Strategy<Value = PortSet> {
    prop_oneof![1 => Just(PortSet::all()), 3 => ranges(&PORTS).prop_map(PortSet::from_ranges)]
}

fn words() -> impl Strategy<Value = PortSet> {
    const TYPES: [u8; 8] = [0, 3, 8, 11, 13, 128, 129, 135];
    let word = proptest::sample::select(&TYPES[..]).prop_flat_map(|ty| {
        prop_oneof![Just(icmp::all_codes(ty)), Just(PortSet::one(icmp::word(ty, 0)))]
    });
    proptest::collection::vec(word, 1..3).prop_map(|sets| PortSet::union_all(&sets))
}

/// A layer 4 set of any shape.
pub fn l4() -> impl Strategy<Value = L4> {
    prop_oneof![
        1 => Just(L4::any()),
        1 => Just(L4::protocols(ProtocolSet::from_ranges([(47, 47), (50, 51)]))),
        1 => Just(L4::protocols(ProtocolSet::one(6))),
        1 => Just(L4::protocols(ProtocolSet::from_ranges([(1, 1), (17, 17)]))),
        4 => (0usize..5, ports(), ports()).prop_map(|(which, source, destination)| {
            let protocols = [vec![6], vec![17], vec![132], vec![6, 17], vec![6, 17, 132]];
            let set = ProtocolSet::from_ranges(protocols[which].iter().map(|p| (*p, *p)));
            L4::product(set, source, destination)
        }),
        1 => words().prop_map(L4::icmp),
        1 => words().prop_map(L4::icmpv6),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![3 => Just(Action::Allow), 2 => Just(Action::Drop), 1 => Just(Action::Reject)]
}

fn log() -> impl Strategy<Value = Option<Log>> {
    let limit = RateLimit { count: 10, unit: TimeUnit::Minute };
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Log { prefix: "fw: ".to_owned(), limit: None })),
        1 => Just(Some(Log { prefix: "fw: ".to_owned(), limit: Some(limit) })),
    ]
}

fn rule() -> impl Strategy<Value = Option<Rule>> {
    let way = proptest::sample::select(&Direction::BOTH[..]);
    let ephemeral = prop_oneof![
        Just(PortSet::range(49152, 65535)),
        Just(PortSet::range(1024, 65535)),
        Just(PortSet::one(443))
    ];
    (action(), way, ip_set(), ip_set(), l4(), ephemeral, log()).prop_map(
        |(action, direction, source, destination, l4, ephemeral, log)| {
            let origins = vec![Origin::new(OriginKind::Policy, "rule")];
            // As resolving does: ICMP types are of one family.
            let cut = |set: IpSet| match l4.words() {
                Some(1) => set.only(Family::V4),
                Some(_) => set.only(Family::V6),
                None => set,
            };
            let (source, destination) = (cut(source), cut(destination));
            Rule { action, direction, source, destination, l4, ephemeral, log, origins }
                .normalized()
        },
    )
}

/// A policy of up to eight rules with ids `r0`, `r1`, ….
pub fn rule_set() -> impl Strategy<Value = RuleSet> {
    let baseline =
        proptest::sample::select(&[Baseline::Standard, Baseline::Strict, Baseline::None]);
    (proptest::collection::vec(rule(), 0..8), action(), action(), baseline).prop_map(
        |(rules, inbound, outbound, baseline)| {
            let mut rules: Vec<_> = rules.into_iter().flatten().collect();
            for (index, rule) in rules.iter_mut().enumerate() {
                rule.origins[0].rule = format!("r{index}");
                rule.origins[0].index = Some(index);
            }
            RuleSet {
                name: "generated".to_owned(),
                rules,
                defaults: Defaults { inbound, outbound },
                baseline,
                ephemeral: PortSet::range(49152, 65535),
            }
        },
    )
}

/// Where a firewall stands and whether it tracks.
pub fn mode() -> impl Strategy<Value = (Placement, StateMode)> {
    let gateway = Placement::Gateway {
        inside: vec!["lan0".to_owned(), "lan1".to_owned()],
        outside: vec!["wan0".to_owned()],
    };
    let placement = prop_oneof![Just(Placement::Host), Just(gateway)];
    let state = prop_oneof![Just(StateMode::Stateful), Just(StateMode::Stateless)];
    (placement, state)
}

/// The values at the edges of ranges, and their neighbours outside.
fn edges(ranges: impl IntoIterator<Item = (u128, u128)>, most: u128) -> Vec<u128> {
    let mut values: Vec<_> = ranges
        .into_iter()
        .flat_map(|(low, high)| {
            [low.checked_sub(1), Some(low), Some(high), high.checked_add(1).filter(|v| *v <= most)]
        })
        .flatten()
        .chain([0, most])
        .collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn end_of(set: &IpSet, v6: bool, pick: &mut dyn FnMut(usize) -> usize) -> IpAddr {
    if v6 {
        let (low, high) = set.v6.ranges()[pick(set.v6.ranges().len())];
        Ipv6Addr::from_bits([low, high][pick(2)]).into()
    } else {
        let (low, high) = set.v4.ranges()[pick(set.v4.ranges().len())];
        Ipv4Addr::from_bits([low, high][pick(2)]).into()
    }
}

/// Discovery, listener and DHCP messages, right or nearly so.
fn near_the_baseline(packet: &mut Packet, pick: &mut dyn FnMut(usize) -> usize) {
    let link = Ipv6Addr::from_bits((0xfe80 << 112) | 7);
    let other = Ipv6Addr::from_bits((0xfe81 << 112) | u128::from(u8::MAX));
    packet.tcp_flags = 0;
    packet.source_port = 0;
    (packet.source, packet.destination) = (link.into(), other.into());
    if pick(3) > 0 {
        packet.protocol = 58;
        packet.destination_port = u16::try_from(130 + pick(9)).expect("small") << 8;
        packet.hop_limit = [255, 255, 1, 254][pick(4)];
        return;
    }
    packet.protocol = 17;
    (packet.source_port, packet.destination_port) =
        [(68, 67), (67, 68), (546, 547), (547, 546)][pick(4)];
    if packet.destination_port < 100 {
        packet.source = Ipv4Addr::UNSPECIFIED.into();
        packet.destination = Ipv4Addr::BROADCAST.into();
    } else if packet.destination_port == 547 {
        packet.destination = Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0000_0001_0002).into();
    }
}

/// The values of each field that a policy tells apart.
pub struct Edges {
    rules: Vec<Rule>,
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
    ports: Vec<u16>,
    placement: Placement,
}

impl Edges {
    /// Collects the edges of every range of a policy.
    pub fn of(policy: &RuleSet, placement: &Placement) -> Self {
        let sets = || policy.rules.iter().flat_map(|r| [&r.source, &r.destination]);
        let v4 = sets().flat_map(|s| s.v4.ranges()).map(|(a, b)| (u128::from(*a), u128::from(*b)));
        let v6 = sets().flat_map(|s| s.v6.ranges()).copied();
        let ports = policy
            .rules
            .iter()
            .flat_map(|r| [r.l4.source(), r.l4.destination(), &r.ephemeral])
            .flat_map(|s| s.ranges())
            .map(|(a, b)| (u128::from(*a), u128::from(*b)));
        let extra = [67, 68, 546, 547, 1024].map(|p| (p, p)).into_iter();
        let words = (0..=255u128)
            .filter(|t| *t < 16 || (127..138).contains(t))
            .map(|t| (t << 8, t << 8 | 1));
        let link = 0xfe80u128 << 112;
        let agents = 0xff02_0000_0000_0000_0000_0000_0001_0002;
        let narrow = |v: u128| u32::try_from(v).expect("an IPv4 address");
        Edges {
            rules: policy.rules.clone(),
            v4: edges(v4, u128::from(u32::MAX))
                .into_iter()
                .map(|v| Ipv4Addr::from_bits(narrow(v)).into())
                .collect(),
            v6: edges(v6.chain([(link, link), (agents, agents)]), u128::MAX)
                .into_iter()
                .map(|v| Ipv6Addr::from_bits(v).into())
                .collect(),
            ports: edges(ports.chain(extra).chain(words), 65535)
                .into_iter()
                .map(|v| u16::try_from(v).expect("a port"))
                .collect(),
            placement: placement.clone(),
        }
    }

    /// Draws a packet: `pick(n)` gives a number below n. Most are near a rule or its replies, some near
    /// the baseline, some anywhere.
    pub fn packet(&self, pick: &mut dyn FnMut(usize) -> usize) -> Packet {
        let mut packet = self.anywhere(pick);
        if pick(4) > 0 {
            self.govern(&mut packet, pick);
        }
        match pick(8) {
            0..=4 if !self.rules.is_empty() => self.near_a_rule(&mut packet, pick),
            5 => near_the_baseline(&mut packet, pick),
            _ => {}
        }
        packet
    }

    fn anywhere(&self, pick: &mut dyn FnMut(usize) -> usize) -> Packet {
        let hook = Hook::ALL[pick(Hook::ALL.len())];
        let interfaces = usize::from(self.placement.other_interface()) + 1;
        let mut interface = |has: bool| {
            let at = pick(interfaces);
            if has { u16::try_from(at).expect("few") } else { 0 }
        };
        let (incoming, outgoing) = (interface(hook.has_incoming()), interface(hook.has_outgoing()));
        let family = if pick(5) < 3 { &self.v4 } else { &self.v6 };
        let protocol = [6u8, 6, 17, 17, 132, 1, 58, 47, 50, 255][pick(10)];
        let ported = matches!(protocol, 6 | 17 | 132);
        let worded = ported || matches!(protocol, 1 | 58);
        Packet {
            hook,
            incoming,
            outgoing,
            state: State::ALL[[0, 0, 0, 1, 2, 3, 4][pick(7)]],
            source: family[pick(family.len())],
            destination: family[pick(family.len())],
            protocol,
            source_port: if ported { self.ports[pick(self.ports.len())] } else { 0 },
            destination_port: if worded { self.ports[pick(self.ports.len())] } else { 0 },
            tcp_flags: if protocol == 6 {
                [0x02, 0x10, 0x04, 0x12, 0x01, 0x00, 0xff][pick(7)]
            } else {
                0
            },
            hop_limit: [255, 64, 1, 254][pick(4)],
        }
    }

    /// Puts the packet on a way that the policy speaks of.
    fn govern(&self, packet: &mut Packet, pick: &mut dyn FnMut(usize) -> usize) {
        (packet.hook, packet.incoming, packet.outgoing) = match (&self.placement, pick(2)) {
            (Placement::Host, 0) => (Hook::Input, 1, 0),
            (Placement::Host, _) => (Hook::Output, 0, 1),
            (Placement::Gateway { .. }, 0) => (Hook::Forward, 1, 3),
            (Placement::Gateway { .. }, _) => (Hook::Forward, 3, 2),
        };
    }

    /// Takes the packet's fields from the ends of one rule's ranges, sometimes turned round.
    fn near_a_rule(&self, packet: &mut Packet, pick: &mut dyn FnMut(usize) -> usize) {
        let rule = &self.rules[pick(self.rules.len())];
        let end = |ranges: &[(u16, u16)], pick: &mut dyn FnMut(usize) -> usize| {
            let (low, high) = ranges[pick(ranges.len())];
            if pick(2) == 0 { low } else { high }
        };
        let v6 = rule.source.v4.is_empty() || (!rule.source.v6.is_empty() && pick(2) == 0);
        packet.source = end_of(&rule.source, v6, pick);
        packet.destination = end_of(&rule.destination, v6, pick);
        let protocols = rule.l4.protocol_set().ranges();
        let (low, high) = protocols[pick(protocols.len())];
        packet.protocol = if (low, high) == (0, 255) {
            [6, 17, 132, 1, 58, 47][pick(6)]
        } else {
            [low, high][pick(2)]
        };
        let ported = matches!(packet.protocol, 6 | 17 | 132);
        packet.source_port = if ported { end(rule.l4.source().ranges(), pick) } else { 0 };
        let worded = ported || matches!(packet.protocol, 1 | 58);
        packet.destination_port =
            if worded { end(rule.l4.destination().ranges(), pick) } else { 0 };
        packet.tcp_flags = if packet.protocol == 6 { [2, 16, 4][pick(3)] } else { 0 };
        if pick(2) == 0 {
            std::mem::swap(&mut packet.source, &mut packet.destination);
            if ported {
                packet.source_port = packet.destination_port;
                packet.destination_port = end(rule.ephemeral.ranges(), pick);
            } else if worded {
                packet.destination_port = [0u16, 14 << 8, 129 << 8, 3 << 8, 1 << 8][pick(5)];
            }
        }
    }

    /// Draws many packets from a seed.
    pub fn packets(&self, seed: u64, count: usize) -> Vec<Packet> {
        let mut random = seed | 1;
        let mut pick = move |n: usize| {
            // xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators".
            random ^= random >> 12;
            random ^= random << 25;
            random ^= random >> 27;
            let drawn = random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
            usize::try_from(drawn).expect("31 bits") % n
        };
        (0..count).map(|_| self.packet(&mut pick)).collect()
    }
}

/// Every kind of firewall with every choice of its options, where it can stand there and track so; cloud
/// lists have all the room that there may be.
pub fn specs(placement: &Placement, state: StateMode) -> Vec<Spec> {
    let can = |kind: &Kind| {
        let caps = kind.caps();
        let here = *placement == Placement::Host || caps.has_gateways();
        here && caps.state.contains(&state.word())
    };
    let spec = |kind: Kind| Spec {
        name: kind.title(),
        output: output(&kind),
        kind: roomy(kind),
        placement: placement.clone(),
        state,
    };
    Kind::variants().into_iter().filter(can).map(spec).collect()
}

/// A place for an artifact of a kind.
pub fn output(kind: &Kind) -> String {
    if kind.caps().folder {
        return format!("{}/", kind.word());
    }
    format!("edge{}", kind.endings().first().unwrap_or(&""))
}

/// The kind with as much room as its options can give.
pub fn roomy(mut kind: Kind) -> Kind {
    for (key, number) in [
        ("quota", if kind.word() == "aws-network-acl" { 40 } else { 60 }),
        ("groups", 5),
        ("prefix-lists", 4),
    ] {
        if kind.has(key) {
            kind.settings.set(key, Setting::Number(number));
        }
    }
    kind
}

/// A kind by its word, with its defaults.
pub fn kind(word: &str) -> Kind {
    Kind::of(word).expect("a kind of the registry")
}
