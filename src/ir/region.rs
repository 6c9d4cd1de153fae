//! Boxes of packets, and what is left of one without another.

use super::L4;
use crate::net::IpSet;

/// A product of sets: source, destination, and what is above.
pub(crate) type Region<'a> = (&'a IpSet, &'a IpSet, &'a L4);

/// Returns what is in one box and not in another, as disjoint boxes: what differs in source, then in
/// destination, then above. Some may be empty.
pub(crate) fn without(one: Region<'_>, other: Region<'_>) -> Vec<(IpSet, IpSet, L4)> {
    let (source, destination) = (one.0.intersection(other.0), one.1.intersection(other.1));
    let beside = [
        (one.0.difference(other.0), one.1.clone(), one.2.clone()),
        (source.clone(), one.1.difference(other.1), one.2.clone()),
    ];
    let above = one.2.difference(other.2);
    let above = above.into_iter().map(|l4| (source.clone(), destination.clone(), l4));
    beside.into_iter().chain(above).collect()
}
