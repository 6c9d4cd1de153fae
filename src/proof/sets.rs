//! Address sets from prefixes as printed, by `iprange`: not by the compiler's own set code.

use ipnet::{Ipv4Net, Ipv6Net};
use iprange::IpRange;

/// Gives the addresses of IPv4 prefixes as sorted, disjoint, inclusive ranges.
pub fn v4(prefixes: impl IntoIterator<Item = Ipv4Net>) -> Vec<(u32, u32)> {
    let ends = |net: Ipv4Net| (net.network().to_bits(), net.broadcast().to_bits());
    let prefixes: Vec<_> = prefixes.into_iter().collect();
    if let [one] = prefixes.as_slice() {
        return vec![ends(*one)];
    }
    let mut set: IpRange<Ipv4Net> = prefixes.into_iter().collect();
    set.simplify();
    let mut ranges: Vec<_> = set.iter().map(ends).collect();
    ranges.sort_unstable();
    ranges
}

/// Gives the addresses of IPv6 prefixes as sorted, disjoint, inclusive ranges.
pub fn v6(prefixes: impl IntoIterator<Item = Ipv6Net>) -> Vec<(u128, u128)> {
    let ends = |net: Ipv6Net| (net.network().to_bits(), net.broadcast().to_bits());
    let prefixes: Vec<_> = prefixes.into_iter().collect();
    if let [one] = prefixes.as_slice() {
        return vec![ends(*one)];
    }
    let mut set: IpRange<Ipv6Net> = prefixes.into_iter().collect();
    set.simplify();
    let mut ranges: Vec<_> = set.iter().map(ends).collect();
    ranges.sort_unstable();
    ranges
}

/// Gives what sorted ranges leave out, up to `last`.
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
