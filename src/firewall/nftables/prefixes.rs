//! Prefixes, and which of many meet one: a prefix contains another, is contained in it, or is apart.

use crate::net::Family;
use rustc_hash::FxHashMap;

/// A prefix in 128 bits: IPv4 addresses stand in the low 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Prefix {
    /// First address.
    pub(super) low: u128,
    /// Length in bits, of the family's width.
    pub(super) length: u8,
}

/// Returns the number of bits of a family's addresses.
pub(super) fn width(family: Family) -> u8 {
    match family {
        Family::V4 => 32,
        Family::V6 => 128,
    }
}

impl Prefix {
    /// Returns the last address.
    pub(super) fn high(self, family: Family) -> u128 {
        self.low | host_bits(width(family) - self.length)
    }

    /// Returns the prefix of a shorter length around it.
    pub(super) fn shortened(self, length: u8, family: Family) -> Self {
        Prefix { low: self.low & !host_bits(width(family) - length), length }
    }
}

/// Returns the mask of the last bits.
pub(super) fn host_bits(count: u8) -> u128 {
    if count >= 128 { u128::MAX } else { (1 << count) - 1 }
}

/// Many prefixes, each with a number.
pub(super) struct PrefixIndex {
    family: Family,
    sorted: Vec<(Prefix, usize)>,
    lengths: Vec<u8>,
    first: FxHashMap<Prefix, usize>,
}

impl PrefixIndex {
    /// Sorts the prefixes; numbers may repeat.
    pub(super) fn new(family: Family, mut prefixes: Vec<(Prefix, usize)>) -> Self {
        prefixes.sort_unstable();
        let mut index = PrefixIndex {
            family,
            sorted: prefixes,
            lengths: Vec::new(),
            first: FxHashMap::default(),
        };
        for (at, (prefix, _)) in index.sorted.iter().enumerate() {
            index.first.entry(*prefix).or_insert(at);
            if !index.lengths.contains(&prefix.length) {
                index.lengths.push(prefix.length);
            }
        }
        index
    }

    /// Returns the numbers of the prefixes that contain `prefix` or are contained in it.
    pub(super) fn meeting(&self, prefix: Prefix) -> impl Iterator<Item = usize> {
        let shorter = self.lengths.iter().filter(move |length| **length < prefix.length);
        let around = shorter.filter_map(move |length| {
            let wider = prefix.shortened(*length, self.family);
            self.first.get(&wider).map(|from| self.from(*from, wider))
        });
        let last = prefix.high(self.family);
        let from = self.sorted.partition_point(|(other, _)| *other < prefix);
        let inside = self.sorted.iter().skip(from).take_while(move |(p, _)| p.low <= last);
        around.flatten().chain(inside.map(|(_, number)| *number))
    }

    fn from(&self, first: usize, prefix: Prefix) -> impl Iterator<Item = usize> {
        let rest = self.sorted.iter().skip(first);
        rest.take_while(move |(other, _)| *other == prefix).map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefix() -> impl Strategy<Value = Prefix> {
        (0u8..=32, prop_oneof![Just(0u32), Just(u32::MAX), 0u32..40, any::<u32>()]).prop_map(
            |(length, low)| Prefix { low: u128::from(low) & !host_bits(32 - length), length },
        )
    }

    proptest! {
        #[test]
        fn all_that_meet_are_found(many in proptest::collection::vec(prefix(), 0..30), one in prefix()) {
            let numbered: Vec<_> = many.iter().copied().zip(0..).collect();
            let mut found: Vec<_> =
                PrefixIndex::new(Family::V4, numbered).meeting(one).collect();
            found.sort_unstable();
            let v4 = Family::V4;
            let wanted: Vec<_> = (0..many.len())
                .filter(|i| many[*i].low <= one.high(v4) && one.low <= many[*i].high(v4))
                .collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
