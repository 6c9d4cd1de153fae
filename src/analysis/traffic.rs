//! Products of sets as traffic.

use super::names::Names;
use crate::ir::flow::Traffic;
use crate::ir::packet::{ACK, RST};
use crate::ir::{Direction, L4};
use crate::net::protocol::{ICMP, ICMPV6, WITH_PORTS};
use crate::net::{Family, IpSet, PortSet, ProtocolSet, RangeSet, Scalar};
use crate::program::{Field, Match};

/// Returns a product as traffic: ports only go with protocols that have them. What only a firewall sees of
/// packets is ignored.
pub(super) fn traffic(product: &[Match], direction: Direction) -> Vec<Traffic> {
    let (mut source, mut destination) = (IpSet::empty(), IpSet::empty());
    let mut protocols = ProtocolSet::all();
    let (mut from, mut to) = (PortSet::all(), PortSet::all());
    for one in product {
        match one {
            Match::Source4(ranges) => source.v4 = set(ranges),
            Match::Source6(ranges) => source.v6 = set(ranges),
            Match::Destination4(ranges) => destination.v4 = set(ranges),
            Match::Destination6(ranges) => destination.v6 = set(ranges),
            Match::Field(Field::Protocol, ranges) => protocols = narrow(ranges),
            Match::Field(Field::SourcePort, ranges) => from = narrow(ranges),
            Match::Field(Field::DestinationPort, ranges) => to = narrow(ranges),
            _ => {}
        }
    }
    let one =
        |l4| Traffic { direction, source: source.clone(), destination: destination.clone(), l4 };
    services(&protocols, &from, &to).into_iter().map(one).collect()
}

/// Services between the same two sets of addresses.
pub(super) type Together = (IpSet, IpSet, Vec<L4>);

/// Joins boxes as people would: services between the same addresses, IPv4 and IPv6 with the same services, and
/// addresses that differ on only one side.
pub(super) fn together(boxes: Vec<Traffic>) -> Vec<Together> {
    let mut list: Vec<Together> = Vec::new();
    for one in boxes {
        let same = |(s, d, _): &&mut Together| *s == one.source && *d == one.destination;
        match list.iter_mut().find(same) {
            Some((_, _, services)) => services.push(one.l4),
            None => list.push((one.source, one.destination, vec![one.l4])),
        }
    }
    list.iter_mut().for_each(|(_, _, services)| services.sort());
    let mut joined: Vec<Together> = Vec::new();
    for (source, destination, services) in list {
        let fits = |(s, d, known): &&mut Together| {
            *known == services && (*s == source || *d == destination || apart(s, &source))
        };
        match joined.iter_mut().find(fits) {
            Some((s, d, _)) => {
                *s = s.union(&source);
                *d = d.union(&destination);
            }
            None => joined.push((source, destination, services)),
        }
    }
    joined
}

/// Tells whether two sets are of one family each, and of different ones.
fn apart(one: &IpSet, other: &IpSet) -> bool {
    let families = |set: &IpSet| (set.has(Family::V4), set.has(Family::V6));
    matches!((families(one), families(other)), ((true, false), (false, true)))
}

/// Returns products in a policy's words, joined as people would join them.
pub fn spelled(boxes: &[Vec<Match>], names: &Names) -> Vec<String> {
    let mut kinds: Vec<(String, Vec<Traffic>)> = Vec::new();
    for product in boxes {
        let beyond = beyond(product);
        // The direction says nothing here: all that is put together has the same.
        let list = traffic(product, Direction::Inbound);
        match kinds.iter_mut().find(|(known, _)| *known == beyond) {
            Some((_, known)) => known.extend(list),
            None => kinds.push((beyond, list)),
        }
    }
    let lines = kinds.into_iter().flat_map(|(beyond, list)| {
        let line = move |(source, destination, services): Together| {
            names.flows(&source, &destination, &services) + &beyond
        };
        together(list).into_iter().map(line)
    });
    lines.collect()
}

/// What only a firewall looks at: TCP flags, hop limits.
fn beyond(product: &[Match]) -> String {
    let mut text = String::new();
    for one in product {
        match one {
            Match::Field(Field::TcpFlags, ranges) => {
                text += match ranges.iter().all(|(low, high)| (*low..=*high).all(opens)) {
                    true => ", without ACK or RST",
                    false => ", with certain TCP flags",
                };
            }
            Match::Field(Field::HopLimit, ranges) => match ranges.as_slice() {
                [(low, high)] if low == high => text += &format!(", hop limit {low}"),
                _ => text += ", with certain hop limits",
            },
            _ => {}
        }
    }
    text
}

/// Tells whether TCP flags have neither ACK nor RST.
fn opens(flags: u32) -> bool {
    flags & u32::from(ACK | RST) == 0
}

fn services(protocols: &ProtocolSet, from: &PortSet, to: &PortSet) -> Vec<L4> {
    if from.is_all() && to.is_all() {
        return vec![L4::protocols(protocols.clone())];
    }
    let mut list = Vec::new();
    let with_ports = ProtocolSet::from_ranges(WITH_PORTS.map(|p| (p, p)));
    let some = protocols.intersection(&with_ports);
    if !some.is_empty() {
        list.push(L4::product(some, from.clone(), to.clone()));
    }
    for (number, words) in [(ICMP, L4::icmp as fn(_) -> _), (ICMPV6, L4::icmpv6)] {
        if protocols.contains(number) {
            list.push(words(to.clone()));
        }
    }
    list
}

fn set<T: Scalar>(ranges: &[(T, T)]) -> RangeSet<T> {
    RangeSet::from_ranges(ranges.iter().copied())
}

/// The values of a field; what is beyond the field's end is its last value.
fn narrow<T: Scalar + TryFrom<u32>>(ranges: &[(u32, u32)]) -> RangeSet<T> {
    let all: RangeSet<T> = RangeSet::all();
    let last = all.ranges().last().map(|(_, high)| *high);
    let end = |value: u32| T::try_from(value).ok().or(last);
    let range = |(low, high): &(u32, u32)| Some((end(*low)?, end(*high)?));
    RangeSet::from_ranges(ranges.iter().filter_map(range))
}
