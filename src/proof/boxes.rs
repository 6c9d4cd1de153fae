//! Sets of packets as products of sets, for people.

use super::diagram::{Conjunction, Diagrams, Node, UNDECIDED};
use super::field;
use super::program::Ranges;
use super::translate::Side;
use crate::ir::flow::Traffic;
use crate::ir::{Direction, L4};
use crate::net::protocol::{ICMP, ICMPV6, WITH_PORTS};
use crate::net::{PortSet, ProtocolSet, RangeSet, Scalar};

/// Gives a set as disjoint products, at most so many, and whether these are all.
///
/// Edges that lead to one node are one set, so that the products are few and large.
pub(super) fn boxes<V: Side>(
    diagrams: &Diagrams<V>,
    node: Node,
    most: usize,
) -> (Vec<Conjunction<V>>, bool) {
    let mut walk = Walk { diagrams, most, open: Vec::new(), found: Vec::new(), all: true };
    walk.down(node);
    (walk.found, walk.all)
}

struct Walk<'a, V> {
    diagrams: &'a Diagrams<V>,
    most: usize,
    open: Conjunction<V>,
    found: Vec<Conjunction<V>>,
    all: bool,
}

impl<V: Side> Walk<'_, V> {
    fn down(&mut self, node: Node) {
        if node == UNDECIDED || !self.all {
            return;
        }
        let Some((level, edges)) = self.diagrams.edges(node) else {
            if self.found.len() == self.most {
                self.all = false;
            } else {
                self.found.push(self.open.clone());
            }
            return;
        };
        let mut children: Vec<(Node, Ranges<V>)> = Vec::new();
        let mut low = V::ZERO;
        for (high, child) in edges {
            match children.iter_mut().find(|(known, _)| *known == child) {
                Some((_, ranges)) => ranges.push((low, high)),
                None => children.push((child, vec![(low, high)])),
            }
            low = high.next().unwrap_or(high);
        }
        for (child, ranges) in children {
            self.open.push((level, ranges));
            self.down(child);
            self.open.pop();
        }
    }
}

/// Gives a product as traffic: ports stand with protocols that have them only.
pub(super) fn traffic<V: Side>(sets: &Conjunction<V>, way: Direction) -> Vec<Traffic> {
    let at = |level: u8| sets.iter().find(|(known, _)| *known == level).map(|(_, ranges)| ranges);
    let addresses = |level| V::to_set(at(level).map_or(&[(V::ZERO, V::MAX)], Vec::as_slice));
    let (source, destination) = (addresses(field::SOURCE), addresses(field::DESTINATION));
    let protocols: ProtocolSet = narrow(at(field::PROTOCOL));
    let source_ports: PortSet = narrow(at(field::SOURCE_PORT));
    let ports: PortSet = narrow(at(field::DESTINATION_PORT));
    let mut list = Vec::new();
    if source_ports.is_all() && ports.is_all() {
        list.push(L4::protocols(protocols));
    } else {
        let with_ports = ProtocolSet::from_ranges(WITH_PORTS.map(|p| (p, p)));
        let some = protocols.intersection(&with_ports);
        if !some.is_empty() {
            list.push(L4::product(some, source_ports, ports.clone()));
        }
        for (number, words) in [(ICMP, L4::icmp as fn(_) -> _), (ICMPV6, L4::icmpv6)] {
            if protocols.contains(number) {
                list.push(words(ports.clone()));
            }
        }
    }
    let one = |l4| Traffic {
        direction: way,
        source: source.clone(),
        destination: destination.clone(),
        l4,
    };
    list.into_iter().map(one).collect()
}

/// The values of a field that is no address; everything where it is not looked at.
fn narrow<V: Side, T: Scalar + TryFrom<u128>>(ranges: Option<&Ranges<V>>) -> RangeSet<T> {
    let Some(ranges) = ranges else { return RangeSet::all() };
    let all: RangeSet<T> = RangeSet::all();
    let (low, high) = all.ranges().first().copied().unzip();
    let end = |value: V, other: Option<T>| T::try_from(value.wide()).ok().or(other);
    let range = |(a, b): &(V, V)| Some((end(*a, low)?, end(*b, high)?));
    RangeSet::from_ranges(ranges.iter().filter_map(range))
}
