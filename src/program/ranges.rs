//! The few operations on ranges that readers and proof need, independent of the compiler's own set engine.

use super::Ranges;

/// A bound of a range: an address or a field's value.
pub(crate) trait Bound: Copy + Ord {
    /// Returns the value after this one, where there is one.
    fn next(self) -> Option<Self>;
}

impl Bound for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Bound for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// Sorts ranges and joins those that overlap or touch; reversed ones are empty.
pub(crate) fn sorted<V: Bound>(ranges: &[(V, V)]) -> Ranges<V> {
    let mut ranges: Ranges<V> = ranges.iter().copied().filter(|(low, high)| low <= high).collect();
    ranges.sort_unstable();
    let mut joined: Ranges<V> = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match joined.last_mut() {
            Some(last) if last.1.next().is_none_or(|after| low <= after) => {
                last.1 = last.1.max(high);
            }
            _ => joined.push((low, high)),
        }
    }
    joined
}

/// Returns the values that are in both of two sorted lists.
pub(crate) fn common<V: Bound>(a: &[(V, V)], b: &[(V, V)]) -> Ranges<V> {
    let (mut i, mut j, mut both) = (0, 0, Vec::new());
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let (low, high) = (x.0.max(y.0), x.1.min(y.1));
        if low <= high {
            both.push((low, high));
        }
        if x.1 <= y.1 { i += 1 } else { j += 1 }
    }
    both
}
