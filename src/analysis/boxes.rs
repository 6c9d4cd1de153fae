//! Rules as boxes of one address family: five fields, each a set of numbers.

use crate::ir::flow::Rule;
use crate::ir::{Hook, L4, Packet, State};
use crate::net::{IpSet, RangeSet, Scalar};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many fields of a packet rules look at.
pub(super) const FIELDS: usize = 5;
const DESTINATION: usize = 0;
const SOURCE: usize = 1;
const PROTOCOL: usize = 2;
const DESTINATION_PORT: usize = 3;
pub(super) const SOURCE_PORT: usize = 4;

/// A number of any field: as wide as the addresses of a family.
pub(super) trait Value: Scalar + From<u8> + From<u16> {
    /// Returns the addresses of the family.
    fn addresses(set: &IpSet) -> &[(Self, Self)];
    /// Returns the address with that number.
    fn address(self) -> IpAddr;
}

impl Value for u32 {
    fn addresses(set: &IpSet) -> &[(u32, u32)] {
        set.v4.ranges()
    }

    fn address(self) -> IpAddr {
        Ipv4Addr::from_bits(self).into()
    }
}

impl Value for u128 {
    fn addresses(set: &IpSet) -> &[(u128, u128)] {
        set.v6.ranges()
    }

    fn address(self) -> IpAddr {
        Ipv6Addr::from_bits(self).into()
    }
}

/// A packet of a family, by the numbers of its fields.
pub(super) type Point<T> = [T; FIELDS];

/// A product of sets, one for each field.
// INVARIANT: each field's ranges are not empty, and canonical as in a `RangeSet`.
#[derive(Clone)]
pub(super) struct Product<'a, T: Value> {
    fields: [Cow<'a, [(T, T)]>; FIELDS],
    /// From the first to the last number of each field.
    hull: [(T, T); FIELDS],
    /// Whether each field is one range, so that the hull is all there is to know.
    plain: bool,
}

impl<'a, T: Value> Product<'a, T> {
    /// Returns what a rule matches of the family; none where it has no address of it.
    pub(super) fn of(rule: &'a Rule) -> Option<Self> {
        let (source, destination) = (T::addresses(&rule.source), T::addresses(&rule.destination));
        let [protocols, to, from] = numbers(&rule.l4);
        Self::new([Cow::Borrowed(destination), Cow::Borrowed(source), protocols, to, from])
    }

    fn new(fields: [Cow<'a, [(T, T)]>; FIELDS]) -> Option<Self> {
        let mut hull = [(T::MIN, T::MIN); FIELDS];
        for (ends, ranges) in hull.iter_mut().zip(&fields) {
            *ends = (ranges.first()?.0, ranges.last()?.1);
        }
        let plain = fields.iter().all(|ranges| ranges.len() == 1);
        Some(Product { fields, hull, plain })
    }

    /// Returns the ranges of a field.
    pub(super) fn field(&self, field: usize) -> &[(T, T)] {
        &self.fields[field]
    }

    /// Tells whether a packet is in it.
    pub(super) fn has(&self, point: &Point<T>) -> bool {
        let inside = |((low, high), value): (&(T, T), &T)| low <= value && value <= high;
        self.hull.iter().zip(point).all(inside)
            && (self.plain || self.fields.iter().zip(point).all(|(set, value)| is_in(set, *value)))
    }

    /// Tells whether some packet is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let near = |(a, b): (&(T, T), &(T, T))| a.0 <= b.1 && b.0 <= a.1;
        self.hull.iter().zip(&other.hull).all(near)
            && ((self.plain && other.plain)
                || self.fields.iter().zip(&other.fields).all(|(a, b)| meet(a, b)))
    }

    /// Tells whether every packet of another is in it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        (0..FIELDS).all(|field| self.covers_field(other, field))
    }

    /// Tells whether every number of another's field is in its own.
    pub(super) fn covers_field(&self, other: &Self, field: usize) -> bool {
        let ((low, high), inner) = (self.hull[field], other.hull[field]);
        let ranges = self.field(field);
        low <= inner.0
            && inner.1 <= high
            && (ranges.len() == 1
                || other.field(field).iter().all(|range| has_range(ranges, *range)))
    }

    /// Returns what is in both of two that meet.
    pub(super) fn common(&self, other: &Self) -> Option<Product<'a, T>> {
        let both = |field| Cow::Owned(common(self.field(field), other.field(field)).collect());
        Product::new([0, 1, 2, 3, 4].map(both))
    }

    /// Returns the fields in which two differ.
    pub(super) fn differing<'p>(&'p self, other: &'p Self) -> impl Iterator<Item = usize> + 'p {
        (0..FIELDS).filter(|field| self.field(*field) != other.field(*field))
    }

    /// Returns the union of some that differ in one field only.
    pub(super) fn together<'p>(list: &[&'p Product<'a, T>], field: usize) -> Option<Product<'a, T>>
    where
        'a: 'p,
    {
        let mut fields = list.first()?.fields.clone();
        let all = list.iter().flat_map(|product| product.field(field).iter().copied());
        fields[field] = Cow::Owned(RangeSet::from_ranges(all).ranges().to_vec());
        Product::new(fields)
    }

    /// Tells whether some have no number of a field in common.
    pub(super) fn apart<'p>(list: impl Iterator<Item = &'p Self>, field: usize) -> bool
    where
        'a: 'p,
    {
        let mut ranges: Vec<_> = list.flat_map(|product| product.field(field)).collect();
        ranges.sort_unstable();
        ranges.windows(2).all(|pair| pair[0].1 < pair[1].0)
    }

    /// Returns the packet that stands for a product: the lowest, but with the source port of a client.
    pub(super) fn first(&self) -> Point<T> {
        let mut point = self.hull.map(|(low, _)| low);
        point[SOURCE_PORT] = self.hull[SOURCE_PORT].1;
        point
    }
}

/// The protocols, destination ports and source ports.
fn numbers<'a, T: Value>(l4: &L4) -> [Cow<'a, [(T, T)]>; 3] {
    fn wide<'a, S: Scalar, T: Value + From<S>>(set: &RangeSet<S>) -> Cow<'a, [(T, T)]> {
        let ranges = set.ranges().iter().map(|(low, high)| ((*low).into(), (*high).into()));
        Cow::Owned(ranges.collect())
    }
    [wide(l4.protocol_set()), wide(l4.destination()), wide(l4.source())]
}

/// Returns a packet that opens a flow, by its numbers.
pub(super) fn opening<T: Value>(point: &Point<T>) -> Packet {
    let port = |field: usize| u16::try_from(point[field].widen()).unwrap_or_default();
    Packet {
        hook: Hook::Forward,
        incoming: 0,
        outgoing: 0,
        state: State::New,
        source: point[SOURCE].address(),
        destination: point[DESTINATION].address(),
        protocol: u8::try_from(point[PROTOCOL].widen()).unwrap_or_default(),
        source_port: port(SOURCE_PORT),
        destination_port: port(DESTINATION_PORT),
        tcp_flags: 0,
        hop_limit: 64,
    }
}

fn is_in<T: Scalar>(ranges: &[(T, T)], value: T) -> bool {
    has_range(ranges, (value, value))
}

fn has_range<T: Scalar>(ranges: &[(T, T)], (low, high): (T, T)) -> bool {
    let after = ranges.partition_point(|(start, _)| *start <= low);
    after > 0 && high <= ranges[after - 1].1
}

/// Returns what two canonical lists of ranges have in common; it is canonical too.
pub(super) fn common<'r, T: Scalar>(
    a: &'r [(T, T)],
    b: &'r [(T, T)],
) -> impl Iterator<Item = (T, T)> + 'r {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    few.iter().flat_map(move |(low, high)| {
        let from = many.partition_point(|(_, end)| end < low);
        let to = many.partition_point(|(start, _)| start <= high);
        many[from..to].iter().map(|(a, b)| ((*a).max(*low), (*b).min(*high)))
    })
}

fn meet<T: Scalar>(a: &[(T, T)], b: &[(T, T)]) -> bool {
    common(a, b).next().is_some()
}
