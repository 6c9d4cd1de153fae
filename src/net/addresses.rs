//! Sets of addresses of both families, and their shortest form as prefixes.

use super::{Ipv4Set, Ipv6Set, Scalar};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both families, IPv4 first.
    pub const BOTH: [Family; 2] = [Family::V4, Family::V6];

    /// Returns the family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

/// A set of IPv4 and IPv6 addresses; the families never mix.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct IpSet {
    /// The IPv4 addresses.
    pub v4: Ipv4Set,
    /// The IPv6 addresses.
    pub v6: Ipv6Set,
}

impl IpSet {
    /// Makes the set of every address of both families.
    pub fn all() -> Self {
        IpSet { v4: Ipv4Set::all(), v6: Ipv6Set::all() }
    }

    /// Makes the set with no address.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Makes the set of every address of one family.
    pub fn family(family: Family) -> Self {
        Self::all().only(family)
    }

    /// Makes a set from prefixes in any order, overlapping or not.
    pub fn from_prefixes(prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            match prefix {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        IpSet { v4: Ipv4Set::from_ranges(v4), v6: Ipv6Set::from_ranges(v6) }
    }

    /// Tells whether there is no address of either family.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Tells whether every address of both families is in the set.
    pub fn is_all(&self) -> bool {
        self.v4.is_all() && self.v6.is_all()
    }

    /// Tells whether the set has an address of that family.
    pub fn has(&self, family: Family) -> bool {
        match family {
            Family::V4 => !self.v4.is_empty(),
            Family::V6 => !self.v6.is_empty(),
        }
    }

    /// Returns the part of one family.
    pub fn only(&self, family: Family) -> Self {
        match family {
            Family::V4 => IpSet { v4: self.v4.clone(), v6: Ipv6Set::empty() },
            Family::V6 => IpSet { v4: Ipv4Set::empty(), v6: self.v6.clone() },
        }
    }

    /// Tells whether `address` is in the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(a) => self.v4.contains(a.to_bits()),
            IpAddr::V6(a) => self.v6.contains(a.to_bits()),
        }
    }

    /// Returns the addresses that are in either set.
    pub fn union(&self, other: &Self) -> Self {
        IpSet { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// Returns the union of many sets at the cost of one sort.
    pub fn union_all<'a>(sets: impl IntoIterator<Item = &'a Self> + Clone) -> Self {
        IpSet {
            v4: Ipv4Set::union_all(sets.clone().into_iter().map(|set| &set.v4)),
            v6: Ipv6Set::union_all(sets.into_iter().map(|set| &set.v6)),
        }
    }

    /// Returns the addresses that are in both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        IpSet { v4: self.v4.intersection(&other.v4), v6: self.v6.intersection(&other.v6) }
    }

    /// Returns the addresses of this set that are not in `other`.
    pub fn difference(&self, other: &Self) -> Self {
        IpSet { v4: self.v4.difference(&other.v4), v6: self.v6.difference(&other.v6) }
    }

    /// Tells whether the two sets share no address.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.v4.is_disjoint(&other.v4) && self.v6.is_disjoint(&other.v6)
    }

    /// Returns the shortest list of IPv4 prefixes that covers exactly the set, in order.
    pub fn v4_prefixes(&self) -> impl Iterator<Item = Ipv4Net> {
        self.v4
            .ranges()
            .iter()
            .flat_map(|(low, high)| Blocks::new(*low, *high))
            .map(|(address, length)| Ipv4Net::new_assert(Ipv4Addr::from_bits(address), length))
    }

    /// Returns the shortest list of IPv6 prefixes that covers exactly the set, in order.
    pub fn v6_prefixes(&self) -> impl Iterator<Item = Ipv6Net> {
        self.v6
            .ranges()
            .iter()
            .flat_map(|(low, high)| Blocks::new(*low, *high))
            .map(|(address, length)| Ipv6Net::new_assert(Ipv6Addr::from_bits(address), length))
    }

    /// Returns the shortest list of prefixes that covers exactly the set: IPv4 first, each in order.
    pub fn prefixes(&self) -> impl Iterator<Item = IpNet> {
        self.v4_prefixes().map(IpNet::V4).chain(self.v6_prefixes().map(IpNet::V6))
    }
}

impl fmt::Debug for IpSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("any");
        }
        f.debug_list().entries(self.prefixes().map(|p| p.to_string())).finish()
    }
}

/// The aligned power-of-two blocks of an inclusive range, in order: (first value, prefix length).
struct Blocks<T> {
    rest: Option<(T, T)>,
}

impl<T> Blocks<T> {
    fn new(low: T, high: T) -> Self {
        Blocks { rest: Some((low, high)) }
    }
}

macro_rules! blocks {
    ($t:ty) => {
        impl Iterator for Blocks<$t> {
            type Item = ($t, u8);

            fn next(&mut self) -> Option<Self::Item> {
                let (low, high) = self.rest?;
                // The largest block that starts at `low` is bounded by its alignment and by what is
                // left. `high - low + 1` overflows only for the whole universe: then ilog2 is BITS.
                let left = match (high - low).checked_add(1) {
                    Some(count) => count.ilog2(),
                    None => <$t>::BITS,
                };
                let size = low.trailing_zeros().min(left);
                let last = if size == <$t>::BITS { <$t>::MAX } else { low + ((1 << size) - 1) };
                self.rest = (last < high).then(|| (last + 1, high));
                Some((low, <$t as Scalar>::BITS - u8::try_from(size).unwrap_or(u8::MAX)))
            }
        }
    };
}
blocks!(u32);
blocks!(u128);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefixes(text: &[&str]) -> IpSet {
        IpSet::from_prefixes(text.iter().map(|p| p.parse().expect("a prefix")))
    }

    fn spelled(set: &IpSet) -> Vec<String> {
        set.prefixes().map(|p| p.to_string()).collect()
    }

    #[test]
    fn siblings_merge_and_strangers_stay() {
        let set = prefixes(&["10.0.0.0/25", "10.0.0.128/25", "10.0.2.0/24", "2001:db8::/33"]);
        assert_eq!(spelled(&set), ["10.0.0.0/24", "10.0.2.0/24", "2001:db8::/33"]);
    }

    #[test]
    fn the_corners_that_older_ipnet_widened_stay_exact() {
        let almost_all = IpSet { v4: Ipv4Set::range(0, u32::MAX - 1), v6: Ipv6Set::empty() };
        assert_eq!(spelled(&almost_all).len(), 32);
        assert_eq!(spelled(&almost_all)[31], "255.255.255.254/32");
        let top = prefixes(&["255.255.255.252/31", "255.255.255.254/32"]);
        assert_eq!(spelled(&top), ["255.255.255.252/31", "255.255.255.254/32"]);
        assert_eq!(spelled(&IpSet::all()), ["0.0.0.0/0", "::/0"]);
    }

    /// The fewest aligned blocks that cover exactly `members`, by dynamic programming on the tree.
    fn fewest(members: &[bool]) -> usize {
        if members.iter().all(|m| *m) {
            return 1;
        }
        if !members.iter().any(|m| *m) {
            return 0;
        }
        let (left, right) = members.split_at(members.len() / 2);
        fewest(left) + fewest(right)
    }

    proptest! {
        #[test]
        fn prefixes_are_exact_and_fewest(members in proptest::collection::vec(any::<bool>(), 64)) {
            for base in [0u32, 0x0a00_0040, u32::MAX - 63] {
                let ranges = members.iter().enumerate().filter(|(_, m)| **m)
                    .map(|(i, _)| base + u32::try_from(i).expect("small")).map(|a| (a, a));
                let set = IpSet { v4: Ipv4Set::from_ranges(ranges), v6: Ipv6Set::empty() };
                let list: Vec<_> = set.prefixes().collect();
                prop_assert_eq!(list.len(), fewest(&members));
                prop_assert_eq!(IpSet::from_prefixes(list), set);
            }
        }

        #[test]
        fn both_families_keep_exactly_their_addresses(ranges in proptest::collection::vec((any::<u128>(), any::<u128>()), 1..5)) {
            let set = IpSet {
                v4: Ipv4Set::from_ranges(ranges.iter().map(|(a, b)| ((a >> 96) as u32, (b >> 96) as u32))),
                v6: Ipv6Set::from_ranges(ranges.iter().copied()),
            };
            prop_assert_eq!(IpSet::from_prefixes(set.prefixes()), set);
        }
    }
}
