//! Address sets from prefixes as printed, without the compiler's own set code.

use super::ranges::sorted;
use ipnet::{Ipv4Net, Ipv6Net};

/// Returns the addresses of IPv4 prefixes as sorted, disjoint, inclusive ranges.
pub fn v4(prefixes: impl IntoIterator<Item = Ipv4Net>) -> Vec<(u32, u32)> {
    let ends = |net: Ipv4Net| (net.network().to_bits(), net.broadcast().to_bits());
    sorted(&prefixes.into_iter().map(ends).collect::<Vec<_>>())
}

/// Returns the addresses of IPv6 prefixes as sorted, disjoint, inclusive ranges.
pub fn v6(prefixes: impl IntoIterator<Item = Ipv6Net>) -> Vec<(u128, u128)> {
    let ends = |net: Ipv6Net| (net.network().to_bits(), net.broadcast().to_bits());
    sorted(&prefixes.into_iter().map(ends).collect::<Vec<_>>())
}

/// Returns what sorted ranges leave out, up to `last`.
pub fn others<T>(ranges: &[(T, T)], last: T) -> Vec<(T, T)>
where
    T: Copy + Ord + Default + std::ops::Add<Output = T> + std::ops::Sub<Output = T> + From<u8>,
{
    let one = T::from(1);
    let mut gaps = Vec::new();
    let mut next = Some(T::default());
    for (low, high) in ranges {
        let Some(from) = next else { break };
        if from < *low {
            gaps.push((from, *low - one));
        }
        next = if *high < last { Some((*high + one).max(from)) } else { None };
    }
    gaps.extend(next.map(|from| (from, last)));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use iprange::{IpNet, IpRange, ToNetwork};
    use proptest::prelude::*;
    use std::fmt::Debug;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// The prefixes that the crate `iprange` makes of some: a trie, and nothing of ours.
    fn by_iprange<N: IpNet + ToNetwork<N> + Clone + Ord>(nets: &[N]) -> Vec<N> {
        let mut set: IpRange<N> = nets.iter().cloned().collect();
        set.simplify();
        let mut nets: Vec<_> = set.iter().collect();
        nets.sort();
        nets
    }

    /// Ranges hold what prefixes do: each prefix of the other side in one of them, in order, and nothing more.
    fn same<T: Copy + Ord + Debug>(ranges: &[(T, T)], theirs: &[(T, T)], next: fn(T) -> Option<T>) {
        let mut theirs = theirs.iter().copied();
        for (low, high) in ranges.iter().copied() {
            let mut at = Some(low);
            while at.is_some_and(|at| at <= high) {
                let (from, to) = theirs.next().expect("a prefix for every address");
                assert_eq!(Some(from), at, "{ranges:?}");
                at = next(to);
                assert!(to <= high, "{ranges:?}");
            }
        }
        assert_eq!(theirs.next(), None, "{ranges:?}");
        let apart = |pair: &[(T, T)]| next(pair[0].1).is_some_and(|after| after < pair[1].0);
        assert!(ranges.windows(2).all(apart), "{ranges:?}");
    }

    /// Addresses that meet often: few, and at both ends.
    fn bits() -> impl Strategy<Value = u128> {
        let near = prop_oneof![0u128..16, (u128::MAX - 15)..=u128::MAX];
        prop_oneof![near.clone(), near.prop_map(|bits| bits << 4), any::<u128>()]
    }

    proptest! {
        #[test]
        fn ranges_are_the_addresses_that_iprange_has(
            v4s in proptest::collection::vec((bits(), 0u8..=32), 0..40),
            v6s in proptest::collection::vec((bits(), 0u8..=128), 0..40),
        ) {
            let low = |bits: u128| u32::try_from(bits & u128::from(u32::MAX)).unwrap_or_default();
            let net = |(bits, length): &(u128, u8)| {
                Ipv4Net::new(Ipv4Addr::from_bits(low(*bits)), *length).expect("a length").trunc()
            };
            let nets: Vec<_> = v4s.iter().map(net).collect();
            let ends = |net: &Ipv4Net| (net.network().to_bits(), net.broadcast().to_bits());
            let theirs: Vec<_> = by_iprange(&nets).iter().map(ends).collect();
            same(&v4(nets), &theirs, |at| at.checked_add(1));
            let net = |(bits, length): &(u128, u8)| {
                Ipv6Net::new(Ipv6Addr::from_bits(*bits), *length).expect("a length").trunc()
            };
            let nets: Vec<_> = v6s.iter().map(net).collect();
            let ends = |net: &Ipv6Net| (net.network().to_bits(), net.broadcast().to_bits());
            let theirs: Vec<_> = by_iprange(&nets).iter().map(ends).collect();
            same(&v6(nets), &theirs, |at| at.checked_add(1));
        }
    }
}
