//! The numbers that fields are counted in, and how values made of them are hashed.

use crate::program::Bound;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

/// What the edges of an address family are counted in: `u32` or `u128`.
pub(super) trait Value: Bound + Hash + std::fmt::Debug {
    fn previous(self) -> Self;
    fn from_field(value: u32) -> Self;
    /// The value, or the largest where it is larger.
    fn from_wide(value: u128) -> Self;
    fn wide(self) -> u128;
    const ZERO: Self;
    const MAX: Self;
}

macro_rules! value {
    ($t:ty) => {
        impl Value for $t {
            fn previous(self) -> Self {
                self.saturating_sub(1)
            }
            fn from_field(value: u32) -> Self {
                value.into()
            }
            fn from_wide(value: u128) -> Self {
                Self::try_from(value).unwrap_or(Self::MAX)
            }
            fn wide(self) -> u128 {
                self.into()
            }
            const ZERO: Self = 0;
            const MAX: Self = <$t>::MAX;
        }
    };
}
value!(u32);
value!(u128);

/// How many fields a packet has in a diagram.
pub(super) const LEVELS: usize = 11;

/// Hashes a value.
pub(super) fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Returns the half of a hash that is kept.
pub(super) fn half(hash: u64) -> u32 {
    // The high half is mixed into the low one, whichever has the better bits.
    u32::try_from((hash ^ hash >> 32) & u64::from(u32::MAX)).unwrap_or_default()
}

/// Returns a whole hash made from a half: tables look at the highest bits and at the lowest.
pub(super) fn whole(half: u32) -> u64 {
    u64::from(half).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

/// Returns a number as an index.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
