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
