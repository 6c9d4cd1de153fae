//! The few operations on ranges that the proof needs, apart from the compiler's own set engine.

use super::diagram::Value;
use super::program::Ranges;

/// Sorts ranges and joins those that overlap or touch; reversed ones are empty.
pub(super) fn sorted<V: Value>(ranges: &[(V, V)]) -> Ranges<V> {
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

/// Gives the values that are in both of two sorted lists.
pub(super) fn common<V: Value>(a: &[(V, V)], b: &[(V, V)]) -> Ranges<V> {
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
