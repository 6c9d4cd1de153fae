//! Boxes of addresses, protocols and ports that become elements of concatenated sets.
//!
//! The kernel refuses an element of which a corner lies in another one (pipapo: measured; its order
//! decides), so the elements of one set are kept pairwise disjoint and the rest goes into further sets.

use super::prefixes::Prefix;
use crate::net::Family;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// A box with one prefix on each side and one range in every other dimension.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Cell {
    /// Destination addresses.
    pub(super) destination: Prefix,
    /// Source addresses.
    pub(super) source: Prefix,
    /// Protocols; the whole range where the cells do not look.
    pub(super) protocol: (u8, u8),
    /// Source ports.
    pub(super) source_port: (u16, u16),
    /// Destination ports.
    pub(super) destination_port: (u16, u16),
    /// Which piece it is of.
    pub(super) piece: usize,
}

fn meets<T: Ord>(a: (T, T), b: (T, T)) -> bool {
    a.0 <= b.1 && b.0 <= a.1
}

fn within<T: Ord>(inner: (T, T), outer: (T, T)) -> bool {
    outer.0 <= inner.0 && inner.1 <= outer.1
}

/// How a cell stands to those of a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    Apart,
    Covered,
    Clash,
}

/// Cells that are pairwise disjoint.
struct Layer {
    family: Family,
    lengths: Vec<u8>,
    by_destination: FxHashMap<Prefix, Bucket>,
    cells: Vec<Cell>,
}

/// The cells of one destination prefix, in the order of their source prefixes.
#[derive(Default)]
struct Bucket {
    lengths: Vec<u8>,
    by_source: BTreeSet<(Prefix, usize)>,
}

impl Layer {
    fn new(family: Family) -> Self {
        Layer {
            family,
            lengths: Vec::new(),
            by_destination: FxHashMap::default(),
            cells: Vec::new(),
        }
    }

    /// Tells how a cell stands to the layer's. Cells come with destination prefixes from short to long,
    /// so only those with the same or a shorter one can meet it.
    fn relation(&self, cell: &Cell) -> Relation {
        let mut clash = false;
        for length in self.lengths.iter().filter(|l| **l <= cell.destination.length) {
            let destination = cell.destination.shortened(*length, self.family);
            let Some(bucket) = self.by_destination.get(&destination) else { continue };
            for at in bucket.meeting(cell.source, self.family) {
                let Some(other) = self.cells.get(at) else { continue };
                match other.rest(cell, cell.source.length >= other.source.length) {
                    Relation::Covered => return Relation::Covered,
                    Relation::Clash => clash = true,
                    Relation::Apart => {}
                }
            }
        }
        if clash { Relation::Clash } else { Relation::Apart }
    }

    fn insert(&mut self, cell: Cell) {
        let bucket = self.by_destination.entry(cell.destination).or_default();
        note(&mut self.lengths, cell.destination.length);
        note(&mut bucket.lengths, cell.source.length);
        bucket.by_source.insert((cell.source, self.cells.len()));
        self.cells.push(cell);
    }
}

fn note(lengths: &mut Vec<u8>, length: u8) {
    if !lengths.contains(&length) {
        lengths.push(length);
    }
}

impl Bucket {
    /// Returns the cells whose source prefix contains `source` or is contained in it.
    fn meeting(&self, source: Prefix, family: Family) -> impl Iterator<Item = usize> {
        let shorter = self.lengths.iter().filter(move |l| **l < source.length);
        let of = |from: Prefix, to: Prefix| self.by_source.range((from, 0)..=(to, usize::MAX));
        let around = shorter.flat_map(move |l| {
            let wider = source.shortened(*l, family);
            of(wider, wider)
        });
        let last = Prefix { low: source.high(family), length: u8::MAX };
        around.chain(of(source, last)).map(|(_, cell)| *cell)
    }
}

impl Cell {
    /// Relates another cell, whose addresses meet this one's, by the other dimensions.
    fn rest(&self, other: &Cell, source_within: bool) -> Relation {
        let apart = !meets(self.protocol, other.protocol)
            || !meets(self.source_port, other.source_port)
            || !meets(self.destination_port, other.destination_port);
        let covers = source_within
            && within(other.protocol, self.protocol)
            && within(other.source_port, self.source_port)
            && within(other.destination_port, self.destination_port);
        match (apart, covers) {
            (true, _) => Relation::Apart,
            (false, true) => Relation::Covered,
            (false, false) => Relation::Clash,
        }
    }
}

/// The parts of a list of cells.
pub(super) struct Layers {
    /// Lists of pairwise disjoint cells, each of at least the size that was asked for.
    pub(super) layers: Vec<Vec<Cell>>,
    /// The cells that fit no layer.
    pub(super) rest: Vec<Cell>,
}

/// Splits cells into lists of pairwise disjoint ones; a cell within another one is left out.
///
/// All cells have the same verdict, so neither order nor repetition among them means anything.
pub(super) fn layers(family: Family, mut cells: Vec<Cell>, most: usize, least: usize) -> Layers {
    let lengths = |cell: &Cell| (cell.destination.length, cell.source.length);
    cells.sort_unstable_by(|a, b| lengths(a).cmp(&lengths(b)).then_with(|| a.cmp(b)));
    let mut layers: Vec<Layer> = Vec::new();
    let mut rest = Vec::new();
    for cell in cells {
        let relations = layers.iter().map(|layer| layer.relation(&cell));
        let relations: Vec<_> = relations.take_while(|r| *r != Relation::Apart).collect();
        if relations.contains(&Relation::Covered) {
            continue;
        }
        if relations.len() == layers.len() && layers.len() < most {
            layers.push(Layer::new(family));
        }
        match layers.get_mut(relations.len()) {
            Some(layer) => layer.insert(cell),
            None => rest.push(cell),
        }
    }
    let lists = layers.into_iter().map(|layer| layer.cells);
    let (layers, small): (Vec<_>, Vec<_>) = lists.partition(|cells| cells.len() >= least);
    rest.extend(small.into_iter().flatten());
    Layers { layers, rest }
}

#[cfg(test)]
mod tests {
    use super::super::prefixes::host_bits;
    use super::*;
    use proptest::prelude::*;

    fn prefix() -> impl Strategy<Value = Prefix> {
        (0u8..=3, 0u128..8).prop_map(|(bits, low)| {
            let low = (low << 29) & !host_bits(32 - bits);
            Prefix { low, length: bits }
        })
    }

    fn span<T: Ord + Copy + std::fmt::Debug>(
        of: impl Strategy<Value = T> + Clone,
    ) -> impl Strategy<Value = (T, T)> {
        (of.clone(), of).prop_map(|(a, b)| (a.min(b), a.max(b)))
    }

    fn cell() -> impl Strategy<Value = Cell> {
        let port = prop_oneof![Just(0u16), Just(1), Just(65534), Just(65535)];
        (
            prefix(),
            prefix(),
            span(prop_oneof![Just(6u8), Just(17), Just(255)]),
            span(port.clone()),
            span(port),
        )
            .prop_map(|(destination, source, protocol, source_port, destination_port)| {
                Cell { destination, source, protocol, source_port, destination_port, piece: 0 }
            })
    }

    fn overlap(a: &Cell, b: &Cell) -> bool {
        let span = |p: Prefix| (p.low, p.high(Family::V4));
        meets(span(a.destination), span(b.destination))
            && meets(span(a.source), span(b.source))
            && meets(a.protocol, b.protocol)
            && meets(a.source_port, b.source_port)
            && meets(a.destination_port, b.destination_port)
    }

    fn has(cell: &Cell, point: &(u128, u128, u8, u16, u16)) -> bool {
        let at = Prefix { low: point.0, length: 32 };
        let from = Prefix { low: point.1, length: 32 };
        overlap(
            cell,
            &Cell {
                destination: at,
                source: from,
                protocol: (point.2, point.2),
                source_port: (point.3, point.3),
                destination_port: (point.4, point.4),
                piece: 0,
            },
        )
    }

    proptest! {
        #[test]
        fn layers_are_disjoint_and_nothing_is_lost(cells in proptest::collection::vec(cell(), 0..40), least in 0usize..4) {
            let split = layers(Family::V4, cells.clone(), 3, least);
            for layer in &split.layers {
                prop_assert!(layer.len() >= least);
                for (i, a) in layer.iter().enumerate() {
                    for b in layer.iter().skip(i + 1) {
                        prop_assert!(!overlap(a, b), "{a:?} meets {b:?}");
                    }
                }
            }
            let kept: Vec<_> = split.layers.iter().flatten().chain(&split.rest).copied().collect();
            prop_assert!(kept.iter().all(|cell| cells.contains(cell)));
            for cell in &cells {
                for low in [cell.destination.low, cell.destination.high(Family::V4)] {
                    let point = (low, cell.source.high(Family::V4), cell.protocol.0,
                        cell.source_port.1, cell.destination_port.0);
                    prop_assert!(kept.iter().any(|cell| has(cell, &point)));
                }
            }
        }
    }
}
