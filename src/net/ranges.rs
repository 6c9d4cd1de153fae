//! Canonical sets of integers: the only set engine on the compiler's own side.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

/// An unsigned integer that a [`RangeSet`] can hold: `u8`, `u16`, `u32` or `u128`.
pub trait Scalar: Copy + Ord + Hash + fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// The smallest value.
    const MIN: Self;
    /// The largest value.
    const MAX: Self;
    /// The number of bits.
    const BITS: u8;
    /// The next value, or `None` at the top.
    fn next(self) -> Option<Self>;
    /// The value before, or `None` at the bottom.
    fn previous(self) -> Option<Self>;
    /// The same value as a `u128`.
    fn widen(self) -> u128;
    /// Returns a value from `low` to `high`, both included, chosen by a number of any size.
    fn pick(low: Self, high: Self, number: u128) -> Self;
}

macro_rules! scalar {
    ($($t:ty),*) => {$(
        impl Scalar for $t {
            const MIN: Self = 0;
            const MAX: Self = <$t>::MAX;
            #[expect(clippy::cast_possible_truncation, reason = "at most 128")]
            const BITS: u8 = <$t>::BITS as u8;
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }
            fn widen(self) -> u128 {
                u128::from(self)
            }
            fn pick(low: Self, high: Self, number: u128) -> Self {
                let number = number.to_le_bytes();
                let mut bytes = [0; size_of::<$t>()];
                bytes.iter_mut().zip(number).for_each(|(byte, from)| *byte = from);
                let number = <$t>::from_le_bytes(bytes);
                match high.wrapping_sub(low).checked_add(1) {
                    Some(count) => low.wrapping_add(number % count),
                    None => number,
                }
            }
        }
    )*};
}
scalar!(u8, u16, u32, u128);

/// A set of integers.
// INVARIANT: ranges are inclusive, sorted, disjoint and non-adjacent, so `==` is set equality.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RangeSet<T>(Arc<[(T, T)]>);

impl<T: Scalar> RangeSet<T> {
    /// Makes the set with no element.
    pub fn empty() -> Self {
        // The standard library shares one allocation among the empty ones.
        RangeSet(Arc::default())
    }

    /// Makes the set of every value: what a policy calls `any`.
    pub fn all() -> Self {
        RangeSet(Arc::from([(T::MIN, T::MAX)]))
    }

    /// Makes the set of one value.
    pub fn one(value: T) -> Self {
        RangeSet(Arc::from([(value, value)]))
    }

    /// Makes the set of the values from `low` to `high`, both included; empty when `low > high`.
    pub fn range(low: T, high: T) -> Self {
        if low > high { Self::empty() } else { RangeSet(Arc::from([(low, high)])) }
    }

    /// Makes a set from inclusive ranges in any order, overlapping or not; reversed ones are empty.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (T, T)>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|(low, high)| low <= high).collect();
        if !ranges.is_sorted() {
            ranges.sort_unstable();
        }
        Self::from_sorted(ranges)
    }

    fn from_sorted(mut ranges: Vec<(T, T)>) -> Self {
        ranges.dedup_by(|next, kept| {
            let touches = kept.1.next().is_none_or(|after| next.0 <= after);
            if touches {
                kept.1 = kept.1.max(next.1);
            }
            touches
        });
        RangeSet(ranges.into())
    }

    /// Returns the ranges: inclusive, sorted, disjoint and non-adjacent.
    pub fn ranges(&self) -> &[(T, T)] {
        &self.0
    }

    /// Tells whether no value is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether every value is in the set.
    pub fn is_all(&self) -> bool {
        matches!(&*self.0, [(low, high)] if *low == T::MIN && *high == T::MAX)
    }

    /// Returns the only value of a set that has just one.
    pub fn single(&self) -> Option<T> {
        match &*self.0 {
            [(low, high)] if low == high => Some(*low),
            _ => None,
        }
    }

    /// Tells whether `value` is in the set.
    pub fn contains(&self, value: T) -> bool {
        let after = self.0.partition_point(|(low, _)| *low <= value);
        after > 0 && value <= self.0[after - 1].1
    }

    /// Returns the values that are in either set.
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_all() || Arc::ptr_eq(&self.0, &other.0) {
            return other.clone();
        }
        if other.is_empty() || self.is_all() {
            return self.clone();
        }
        let mut merged = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let next = if a <= b { left.next() } else { right.next() };
            merged.extend(next.copied());
        }
        merged.extend(left.copied());
        merged.extend(right.copied());
        Self::from_sorted(merged)
    }

    /// Returns the union of many sets at the cost of one sort.
    pub fn union_all<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::from_ranges(sets.into_iter().flat_map(|set| set.0.iter().copied()))
    }

    /// Returns the values that are in both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        if self.is_all() || other.is_empty() || Arc::ptr_eq(&self.0, &other.0) {
            return other.clone();
        }
        if other.is_all() || self.is_empty() {
            return self.clone();
        }
        let mut common = Vec::new();
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            let (low, high) = (a.0.max(b.0), a.1.min(b.1));
            if low <= high {
                common.push((low, high));
            }
            if a.1 <= b.1 { i += 1 } else { j += 1 }
        }
        // INVARIANT: pieces of two canonical sets stay apart, because a gap in either set is a gap here.
        RangeSet(common.into())
    }

    /// Returns the values that are not in the set.
    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut low = Some(T::MIN);
        for (start, end) in self.0.iter() {
            if let (Some(from), Some(to)) = (low, start.previous())
                && from <= to
            {
                gaps.push((from, to));
            }
            low = end.next();
        }
        gaps.extend(low.map(|from| (from, T::MAX)));
        RangeSet(gaps.into())
    }

    /// Returns the values of this set that are not in `other`.
    pub fn difference(&self, other: &Self) -> Self {
        if other.is_empty() { self.clone() } else { self.intersection(&other.complement()) }
    }

    /// Tells whether the two sets share no value.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            if a.0.max(b.0) <= a.1.min(b.1) {
                return false;
            }
            if a.1 <= b.1 { i += 1 } else { j += 1 }
        }
        true
    }

    /// Tells whether every value of this set is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        other.is_all()
            || self.0.iter().all(|(low, high)| {
                let after = other.0.partition_point(|(start, _)| start <= low);
                after > 0 && *high <= other.0[after - 1].1
            })
    }
}

impl<T: Scalar> Default for RangeSet<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T: Scalar> fmt::Display for RangeSet<T> {
    /// Writes `any`, `nothing`, or ranges as `80,443,8080-8090`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("any");
        }
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (i, (low, high)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            if low == high {
                write!(f, "{comma}{low}")?;
            } else {
                write!(f, "{comma}{low}-{high}")?;
            }
        }
        Ok(())
    }
}

impl<T: Scalar> fmt::Debug for RangeSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A set over the small universe 0..=255, with its members spelled out.
    fn small() -> impl Strategy<Value = (RangeSet<u8>, Vec<bool>)> {
        let edge = prop_oneof![Just(0u8), Just(1), Just(254), Just(255), any::<u8>()];
        proptest::collection::vec((edge.clone(), edge), 0..6).prop_map(|ranges| {
            let members =
                (0..=255u8).map(|v| ranges.iter().any(|(a, b)| (*a..=*b).contains(&v))).collect();
            (RangeSet::from_ranges(ranges), members)
        })
    }

    fn canonical(set: &RangeSet<u8>) -> bool {
        set.ranges().iter().all(|(low, high)| low <= high)
            && set.ranges().windows(2).all(|w| w[0].1 < u8::MAX && w[0].1 + 1 < w[1].0)
    }

    proptest! {
        #[test]
        fn the_algebra_agrees_with_membership((a, in_a) in small(), (b, in_b) in small()) {
            let results = [
                (a.union(&b), (|x, y| x || y) as fn(bool, bool) -> bool),
                (RangeSet::union_all([&a, &b]), |x, y| x || y),
                (a.intersection(&b), |x, y| x && y),
                (a.difference(&b), |x, y| x && !y),
                (a.complement(), |x, _| !x),
            ];
            for (set, expected) in results {
                prop_assert!(canonical(&set), "{set:?}");
                for v in 0..=255u8 {
                    let i = usize::from(v);
                    prop_assert_eq!(set.contains(v), expected(in_a[i], in_b[i]), "{} in {:?}", v, &set);
                }
            }
            prop_assert_eq!(a.is_disjoint(&b), a.intersection(&b).is_empty());
            prop_assert_eq!(a.is_subset(&b), a.difference(&b).is_empty());
            prop_assert_eq!(a == b, in_a == in_b);
        }
    }

    #[test]
    fn the_ends_of_the_universe_hold() {
        let top = RangeSet::<u128>::from_ranges([(u128::MAX, u128::MAX), (0, u128::MAX - 1)]);
        assert!(top.is_all());
        assert!(top.complement().is_empty());
        assert_eq!(RangeSet::range(0u32, u32::MAX - 1).complement(), RangeSet::one(u32::MAX));
    }
}
