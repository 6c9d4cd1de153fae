//! Packets from the edges of every range of a policy, and from inside its rules.

use crate::ways::{self, Way};
use portcullis::ir::flow::{Rule, RuleSet};
use portcullis::ir::{Direction, Hook, Packet, Placement, State};
use portcullis::net::{Family, IpSet, Scalar, icmp, protocol};
use std::collections::{BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A small generator (splitmix64), so that each run sends the same packets.
pub struct Random(pub u64);

impl Random {
    /// Returns 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).expect("small");
        usize::try_from(self.next() % n).expect("small")
    }

    /// Returns one of several.
    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Returns a value of an inclusive range.
    fn within(&mut self, low: u128, high: u128) -> u128 {
        let wide = u128::from(self.next()) << 64 | u128::from(self.next());
        match (high - low).checked_add(1) {
            Some(count) => low + wide % count,
            None => wide,
        }
    }

    /// Returns a value at, beside or inside one of several ranges.
    pub fn near<T: Scalar>(&mut self, ranges: &[(T, T)]) -> u128 {
        if ranges.is_empty() {
            return self.within(0, T::MAX.widen());
        }
        let (low, high) = self.one_of(ranges);
        let (low, high) = (low.widen(), high.widen());
        match self.below(10) {
            0 => low.saturating_sub(1),
            1 => high.saturating_add(1).min(T::MAX.widen()),
            2 | 3 => low,
            4 | 5 => high,
            _ => self.within(low, high),
        }
    }

    /// Returns a value in one of several ranges.
    pub fn inside<T: Scalar>(&mut self, ranges: &[(T, T)]) -> u128 {
        let (low, high) = self.one_of(ranges);
        self.within(low.widen(), high.widen())
    }
}

/// What was drawn.
pub struct Drawn {
    /// Packets that could open flows, each of another flow, as if new.
    pub openers: Vec<Packet>,
    /// Of the edges of the policy's ranges, how many some packet has.
    pub edges: usize,
    /// Edges that no packet can have on this kernel, by the reason.
    pub excluded: BTreeSet<String>,
}

/// Fewer openers than this are a quick look, which does not meet every edge.
const FEW: usize = 2_000;

/// Draws packets for a policy.
pub struct Draw<'a> {
    policy: &'a RuleSet,
    placement: &'a Placement,
    random: &'a mut Random,
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
    ports: Vec<(u16, u16)>,
}

/// The dimension that an edge is set in, the rest being inside the rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    Protocol,
}

impl<'a> Draw<'a> {
    /// Collects the ranges of a policy.
    pub fn new(policy: &'a RuleSet, placement: &'a Placement, random: &'a mut Random) -> Self {
        let sets = || policy.rules.iter().flat_map(|rule| [&rule.source, &rule.destination]);
        let ports = policy.rules.iter().flat_map(|rule| {
            let l4 = [rule.l4.source(), rule.l4.destination()];
            let ports =
                rule.l4.protocol_set().ranges().iter().all(|(p, _)| protocol::has_ports(*p));
            l4.into_iter().filter(move |_| ports).chain([&rule.ephemeral])
        });
        let mut ports: Vec<_> = ports.flat_map(|set| set.ranges()).copied().collect();
        ports.extend(policy.ephemeral.ranges());
        ports.extend([(1024, 65535), (67, 68), (546, 547)]);
        ports.sort_unstable();
        ports.dedup();
        let link = (0xfe80 << 112, (0xfe80 << 112) | (u128::MAX >> 10));
        let groups = 0xff02_0000_0000_0000_0000_0000_0001_0002;
        Draw {
            v4: sets().flat_map(|set| set.v4.ranges()).copied().collect(),
            v6: sets()
                .flat_map(|set| set.v6.ranges())
                .copied()
                .chain([link, (groups, groups)])
                .collect(),
            ports,
            policy,
            placement,
            random,
        }
    }

    /// Draws at least `count` openers: every edge of every range first, or for a quick look some.
    pub fn openers(mut self, count: usize) -> Drawn {
        let mut flows = HashSet::new();
        let mut drawn = Drawn { openers: Vec::new(), edges: 0, excluded: BTreeSet::new() };
        let policy = self.policy;
        let edges = |rule| edges_of(rule).into_iter().map(move |edge| (rule, edge));
        let mut edges: Vec<_> = policy.rules.iter().flat_map(edges).collect();
        if count < FEW {
            for at in (1..edges.len()).rev() {
                edges.swap(at, self.random.below(at + 1));
            }
            edges.truncate(count);
        }
        for (rule, (dimension, family, edge)) in edges {
            self.edge(rule, dimension, family, edge, &mut flows, &mut drawn);
        }
        let mut misses = 0;
        while drawn.openers.len() < count && misses < 20 * count {
            let packet = self.random_packet();
            if carried(&packet).is_ok() && flows.insert(flow_of(&packet)) {
                drawn.openers.push(packet);
            } else {
                misses += 1;
            }
        }
        drawn
    }

    fn edge(
        &mut self,
        rule: &Rule,
        dimension: Dimension,
        family: Family,
        edge: u128,
        flows: &mut HashSet<Flow>,
        drawn: &mut Drawn,
    ) {
        let mut reason = "";
        for _ in 0..8 {
            let mut packet = self.inside(rule, family);
            set(&mut packet, dimension, edge);
            match carried(&packet) {
                Ok(()) => {
                    drawn.edges += 1;
                    if flows.insert(flow_of(&packet)) {
                        drawn.openers.push(packet);
                    }
                    return;
                }
                Err(why) => reason = why,
            }
        }
        drawn.excluded.insert(reason.to_owned());
    }

    /// A packet that the rule matches, with whatever the rule does not look at drawn from the edges.
    fn inside(&mut self, rule: &Rule, family: Family) -> Packet {
        let mut packet = self.blank(rule.direction);
        packet.source = self.address_inside(&rule.source, family);
        packet.destination = self.address_inside(&rule.destination, family);
        packet.protocol = self.protocol(rule, family);
        self.fill_l4(&mut packet, family);
        let own = rule.l4.protocol_set().contains(packet.protocol);
        if own && protocol::has_ports(packet.protocol) {
            if !rule.l4.source().is_all() {
                packet.source_port = narrow(self.random.inside(rule.l4.source().ranges()));
            }
            if !rule.l4.destination().is_all() {
                packet.destination_port =
                    narrow(self.random.inside(rule.l4.destination().ranges()));
            }
        } else if own && is_icmp(packet.protocol) && !rule.l4.destination().is_all() {
            packet.destination_port = narrow(self.random.inside(rule.l4.destination().ranges()));
        }
        packet
    }

    fn address_inside(&mut self, set: &IpSet, family: Family) -> IpAddr {
        match family {
            Family::V4 => Ipv4Addr::from_bits(narrow32(self.random.inside(set.v4.ranges()))).into(),
            Family::V6 => Ipv6Addr::from_bits(self.random.inside(set.v6.ranges())).into(),
        }
    }

    fn protocol(&mut self, rule: &Rule, family: Family) -> u8 {
        let set = rule.l4.protocol_set();
        let common = self.common_protocol(family);
        if set.contains(common) {
            return common;
        }
        u8::try_from(self.random.inside(set.ranges())).expect("a protocol")
    }

    fn common_protocol(&mut self, family: Family) -> u8 {
        let icmp = match family {
            Family::V4 => protocol::ICMP,
            Family::V6 => protocol::ICMPV6,
        };
        let any = u8::try_from(self.random.below(256)).expect("a protocol");
        let common = [6, 6, 6, 6, 17, 17, 17, icmp, icmp, 132, 47, any];
        self.random.one_of(&common)
    }

    fn blank(&mut self, direction: Direction) -> Packet {
        let (hook, incoming, outgoing) = self.some_way(direction);
        Packet {
            hook,
            incoming,
            outgoing,
            state: State::New,
            source: Ipv4Addr::UNSPECIFIED.into(),
            destination: Ipv4Addr::UNSPECIFIED.into(),
            protocol: 0,
            source_port: 0,
            destination_port: 0,
            tcp_flags: 0,
            hop_limit: 64,
        }
    }

    /// Where packets of a direction go; a few take a way that the policy does not speak of.
    fn some_way(&mut self, direction: Direction) -> Way {
        let loopback = *self.placement != Placement::Host || self.policy.baseline.loopback();
        if loopback && self.random.below(40) == 0 {
            return ways::aside(self.placement, direction);
        }
        self.random.one_of(&ways::governed(self.placement, direction))
    }

    /// Draws ports or an ICMP type and code, and a hop limit.
    fn fill_l4(&mut self, packet: &mut Packet, family: Family) {
        packet.hop_limit = 64;
        (packet.source_port, packet.destination_port) = (0, 0);
        if protocol::has_ports(packet.protocol) {
            packet.source_port = self.port();
            packet.destination_port = self.port();
        } else if is_icmp(packet.protocol) {
            let ty = match (self.random.below(3), family) {
                (0, _) => u8::try_from(self.random.below(256)).expect("a type"),
                (_, Family::V4) => self.random.one_of(&[0, 3, 5, 8, 8, 8, 11, 12, 13, 14, 17]),
                (_, Family::V6) => self
                    .random
                    .one_of(&[1, 2, 3, 4, 128, 128, 129, 130, 131, 133, 134, 135, 136, 143]),
            };
            packet.destination_port = icmp::word(ty, self.random.one_of(&[0, 0, 0, 1, 3, 255]));
            if packet.protocol == protocol::ICMPV6 && packet.hook != Hook::Forward {
                packet.hop_limit = self.random.one_of(&[64, 255, 255, 254, 1]);
            }
        }
    }

    fn port(&mut self) -> u16 {
        match self.random.below(3) {
            0 => narrow(self.random.within(0, 65535)),
            1 => narrow(self.random.within(32768, 65535)),
            _ => narrow(self.random.near(&self.ports)),
        }
    }

    fn random_packet(&mut self) -> Packet {
        let rules = &self.policy.rules;
        if rules.is_empty() || self.random.below(4) == 0 {
            return self.anywhere();
        }
        let rule = &rules[self.random.below(rules.len())];
        let mut families = Family::BOTH.to_vec();
        families.retain(|family| rule.source.has(*family));
        let family = self.random.one_of(&families);
        let mut packet = self.inside(rule, family);
        // One dimension in two is moved to an edge or beside it; now and then something else is.
        let own = rule.l4.protocol_set().contains(packet.protocol);
        match self.random.below(12) {
            0 | 1 => packet.source = self.address(&rule.source, family),
            2 | 3 => packet.destination = self.address(&rule.destination, family),
            4 | 5 if own && protocol::has_ports(packet.protocol) => {
                packet.destination_port = narrow(self.random.near(rule.l4.destination().ranges()));
            }
            6 if own && protocol::has_ports(packet.protocol) => {
                packet.source_port = narrow(self.random.near(rule.l4.source().ranges()));
            }
            7 => {
                packet.protocol = self.common_protocol(family);
                let (source, destination) = (packet.source_port, packet.destination_port);
                self.fill_l4(&mut packet, family);
                if protocol::has_ports(packet.protocol) && self.random.below(2) == 0 {
                    (packet.source_port, packet.destination_port) = (source, destination);
                }
            }
            8 => {
                let other = self.blank(rule.direction.reverse());
                (packet.hook, packet.incoming, packet.outgoing) =
                    (other.hook, other.incoming, other.outgoing);
            }
            _ => {}
        }
        packet
    }

    /// Discovery, listener and DHCP messages, right or nearly so.
    fn near_the_baseline(&mut self) -> Packet {
        let direction = self.random.one_of(&Direction::BOTH);
        let mut packet = self.blank(direction);
        let link = |n: u64| Ipv6Addr::from_bits((0xfe80 << 112) | u128::from(n));
        let other = Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(self.random.next()));
        let agents = Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0000_0001_0002);
        let source = self.random.next();
        packet.source = self.random.one_of(&[link(source), link(source), other]).into();
        packet.destination = self.random.one_of(&[link(7), other, agents]).into();
        if self.random.below(3) > 0 {
            packet.protocol = protocol::ICMPV6;
            let ty = self.random.one_of(&[130, 131, 132, 133, 134, 135, 136, 137, 143]);
            packet.destination_port = icmp::word(ty, self.random.one_of(&[0, 0, 1]));
            let right = if (133..138).contains(&ty) { 255 } else { 1 };
            packet.hop_limit = self.random.one_of(&[right, right, right, 255, 254, 2, 1]);
            return packet;
        }
        packet.protocol = protocol::UDP;
        (packet.source_port, packet.destination_port) =
            self.random.one_of(&[(68, 67), (67, 68), (546, 547), (547, 546), (68, 68), (67, 67)]);
        if packet.destination_port < 100 {
            let low = u32::try_from(self.random.below(1 << 24)).expect("24 bits");
            packet.source = Ipv4Addr::from_bits(0x0a00_0000 | low).into();
            packet.destination =
                self.random.one_of(&[Ipv4Addr::BROADCAST, Ipv4Addr::new(10, 0, 0, 1)]).into();
            if packet.hook == Hook::Input && self.random.below(8) == 0 {
                packet.source = Ipv4Addr::UNSPECIFIED.into();
            }
        }
        packet
    }

    fn anywhere(&mut self) -> Packet {
        if *self.placement == Placement::Host && self.random.below(3) == 0 {
            return self.near_the_baseline();
        }
        let direction = self.random.one_of(&Direction::BOTH);
        let family = self.random.one_of(&Family::BOTH);
        let mut packet = self.blank(direction);
        let (v4, v6) = (self.v4.clone(), self.v6.clone());
        let mut address = || match family {
            Family::V4 => Ipv4Addr::from_bits(narrow32(self.random.near(&v4))).into(),
            Family::V6 => Ipv6Addr::from_bits(self.random.near(&v6)).into(),
        };
        (packet.source, packet.destination) = (address(), address());
        packet.protocol = self.common_protocol(family);
        self.fill_l4(&mut packet, family);
        packet
    }

    fn address(&mut self, set: &IpSet, family: Family) -> IpAddr {
        match family {
            Family::V4 => Ipv4Addr::from_bits(narrow32(self.random.near(set.v4.ranges()))).into(),
            Family::V6 => Ipv6Addr::from_bits(self.random.near(set.v6.ranges())).into(),
        }
    }
}

fn is_icmp(number: u8) -> bool {
    matches!(number, protocol::ICMP | protocol::ICMPV6)
}

fn narrow(value: u128) -> u16 {
    u16::try_from(value).expect("16 bits")
}

fn narrow32(value: u128) -> u32 {
    u32::try_from(value).expect("32 bits")
}

/// Every edge of a rule's ranges: the first and last value, and their neighbours outside.
fn edges_of(rule: &Rule) -> Vec<(Dimension, Family, u128)> {
    let mut edges = Vec::new();
    let mut add = |dimension, family, edge: Vec<u128>| {
        if rule.source.has(family) {
            edges.extend(edge.into_iter().map(|value| (dimension, family, value)));
        }
    };
    add(Dimension::Source, Family::V4, ends(rule.source.v4.ranges()));
    add(Dimension::Source, Family::V6, ends(rule.source.v6.ranges()));
    add(Dimension::Destination, Family::V4, ends(rule.destination.v4.ranges()));
    add(Dimension::Destination, Family::V6, ends(rule.destination.v6.ranges()));
    for family in Family::BOTH {
        add(Dimension::Protocol, family, ends(rule.l4.protocol_set().ranges()));
        if rule
            .l4
            .protocol_set()
            .ranges()
            .iter()
            .all(|(p, _)| protocol::has_ports(*p) || is_icmp(*p))
        {
            add(Dimension::DestinationPort, family, ends(rule.l4.destination().ranges()));
        }
        if rule.l4.protocol_set().ranges().iter().all(|(p, _)| protocol::has_ports(*p)) {
            let sources = [rule.l4.source().ranges(), rule.ephemeral.ranges()].concat();
            add(Dimension::SourcePort, family, ends(&sources));
        }
    }
    edges
}

fn ends<T: Scalar>(ranges: &[(T, T)]) -> Vec<u128> {
    let mut values = BTreeSet::new();
    for (low, high) in ranges {
        values.extend([Some(*low), Some(*high), low.previous(), high.next()].into_iter().flatten());
    }
    values.into_iter().map(Scalar::widen).collect()
}

fn set(packet: &mut Packet, dimension: Dimension, value: u128) {
    match dimension {
        Dimension::Source => packet.source = like(packet.source, value),
        Dimension::Destination => packet.destination = like(packet.destination, value),
        Dimension::SourcePort => packet.source_port = narrow(value),
        Dimension::DestinationPort => packet.destination_port = narrow(value),
        Dimension::Protocol => {
            packet.protocol = u8::try_from(value).expect("a protocol");
            if !protocol::has_ports(packet.protocol) {
                packet.source_port = 0;
                if !is_icmp(packet.protocol) {
                    packet.destination_port = 0;
                }
            }
        }
    }
}

fn like(address: IpAddr, value: u128) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::from_bits(narrow32(value)).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(value).into(),
    }
}

/// What connection tracking tells flows apart by, the same for both ways.
pub type Flow = (u8, u16, [(IpAddr, u16); 2]);

/// Returns a packet's flow.
pub fn flow_of(packet: &Packet) -> Flow {
    let mut ends =
        [(packet.source, packet.source_port), (packet.destination, packet.destination_port)];
    if is_icmp(packet.protocol) {
        return (packet.protocol, packet.destination_port, ends.map(|(address, _)| (address, 0)));
    }
    ends.sort_unstable();
    (packet.protocol, 0, ends)
}

/// Tells whether the kernel carries such a packet as far as the filter.
///
/// # Errors
/// Why it does not: these packets can be in a policy but never come to it.
pub fn carried(packet: &Packet) -> Result<(), &'static str> {
    match (packet.source, packet.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            carried_v4(packet.hook, source, destination)?
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => carried_v6(packet, source, destination)?,
        _ => return Err("two families"),
    }
    let extension = matches!(packet.protocol, 0 | 43 | 44 | 51 | 60);
    if packet.source.is_ipv6() && extension {
        return Err("an IPv6 extension header is not an upper-layer protocol");
    }
    Ok(())
}

fn carried_v4(hook: Hook, source: Ipv4Addr, destination: Ipv4Addr) -> Result<(), &'static str> {
    if source.is_multicast() || source.is_broadcast() || source.is_loopback() {
        return Err("IPv4 multicast, broadcast and loopback sources are martians");
    }
    if source.is_unspecified() && !(hook == Hook::Input && destination.is_broadcast()) {
        return Err("0.0.0.0 is a source of broadcasts only");
    }
    if destination.is_multicast() || destination.is_loopback() || destination.is_unspecified() {
        return Err("IPv4 multicast, loopback and 0.0.0.0 are not routed");
    }
    if destination.is_broadcast() && hook == Hook::Forward {
        return Err("255.255.255.255 is not forwarded");
    }
    Ok(())
}

fn carried_v6(
    packet: &Packet,
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> Result<(), &'static str> {
    let link_local = |address: Ipv6Addr| address.segments()[0] & 0xffc0 == 0xfe80;
    if source.is_multicast() || source.is_loopback() || destination.is_loopback() {
        return Err("::1 and multicast sources are martians");
    }
    if source.is_unspecified() || destination.is_unspecified() {
        return Err(":: is not forwarded");
    }
    if packet.hook == Hook::Forward && (link_local(source) || link_local(destination)) {
        return Err("fe80::/10 is not forwarded");
    }
    let all_nodes = Ipv6Addr::from_bits(0xff02 << 112 | 1);
    if destination.is_multicast() && packet.hook != Hook::Output && destination != all_nodes {
        return Err("a multicast group that the machine is not in");
    }
    if destination.is_multicast() && destination.octets()[1] & 15 < 2 {
        return Err("interface-local multicast does not leave the machine");
    }
    if destination.is_multicast() && packet.hook == Hook::Forward {
        return Err("multicast is not forwarded without a multicast router");
    }
    Ok(())
}
