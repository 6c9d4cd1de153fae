//! The fewest addresses to add so that a set needs at most a given number of prefixes.

use super::{Family, IpSet};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Returns the smallest superset of a family's part of a set that `most` prefixes can write; the part itself
/// where it fits already.
///
/// It is exact: dynamic programming over the tree of the prefixes, with the best cost for each number of
/// prefixes below each fork. Repeatedly merging the cheapest neighbours would not be.
pub fn fit(set: &IpSet, family: Family, most: usize) -> IpSet {
    let (bits, blocks): (u8, Vec<Block>) = match family {
        Family::V4 => (
            32,
            set.v4_prefixes()
                .map(|net| block(net.network().to_bits().into(), net.prefix_len()))
                .collect(),
        ),
        Family::V6 => (
            128,
            set.v6_prefixes().map(|net| block(net.network().to_bits(), net.prefix_len())).collect(),
        ),
    };
    let part = set.only(family);
    if blocks.len() <= most || most == 0 {
        return part;
    }
    let tree = Tree { bits, most };
    let root = tree.node(&blocks);
    let mut chosen = Vec::new();
    tree.choose(&root, most, &mut chosen);
    IpSet::from_prefixes(chosen.into_iter().filter_map(|block| spelled(family, block)))
}

/// First address and length.
#[derive(Clone, Copy)]
struct Block {
    first: u128,
    len: u8,
}

fn block(first: u128, len: u8) -> Block {
    Block { first, len }
}

fn spelled(family: Family, block: Block) -> Option<IpNet> {
    match family {
        Family::V4 => {
            let address = Ipv4Addr::from_bits(u32::try_from(block.first).ok()?);
            Some(Ipv4Net::new(address, block.len).ok()?.into())
        }
        Family::V6 => Some(Ipv6Net::new(Ipv6Addr::from_bits(block.first), block.len).ok()?.into()),
    }
}

struct Tree {
    bits: u8,
    most: usize,
}

/// The smallest prefix around some blocks.
struct Node {
    around: Block,
    /// How many addresses the blocks have; wraps to 0 for all of IPv6, which is one block.
    covered: u128,
    /// By number of prefixes, from 1: the fewest addresses to add.
    costs: Vec<u128>,
    /// By number of prefixes, from 2: how many of them are on the left.
    left: Vec<usize>,
    children: Option<Box<(Node, Node)>>,
}

impl Tree {
    fn size(&self, len: u8) -> u128 {
        1u128.checked_shl(u32::from(self.bits - len)).unwrap_or(0)
    }

    /// Makes the tree over sorted, disjoint blocks; there is at least one.
    fn node(&self, blocks: &[Block]) -> Node {
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
            return Node {
                around: block(0, 0),
                covered: 0,
                costs: vec![0],
                left: Vec::new(),
                children: None,
            };
        };
        if blocks.len() == 1 {
            let covered = self.size(first.len);
            return Node {
                around: *first,
                covered,
                costs: vec![0],
                left: Vec::new(),
                children: None,
            };
        }
        // Where the first and the last block diverge, all do.
        let common =
            (first.first ^ last.first).leading_zeros().saturating_sub(128 - u32::from(self.bits));
        let len = u8::try_from(common).unwrap_or(self.bits);
        let half = self.size(len) >> 1;
        let half = if half == 0 { 1 << 127 } else { half };
        let start = first.first & !half & !(half - 1);
        let at = blocks.partition_point(|block| block.first < start | half);
        let (left, right) = blocks.split_at(at);
        self.fork(block(start, len), self.node(left), self.node(right))
    }

    fn fork(&self, around: Block, left: Node, right: Node) -> Node {
        let covered = left.covered.wrapping_add(right.covered);
        let most = self.most.min(left.costs.len() + right.costs.len());
        let mut costs = vec![u128::MAX; most];
        let mut split = vec![0; most];
        for (a, one) in left.costs.iter().enumerate() {
            for (b, other) in right.costs.iter().enumerate().take(most.saturating_sub(a + 1)) {
                let cost = one + other;
                if cost < costs[a + b + 1] {
                    (costs[a + b + 1], split[a + b + 1]) = (cost, a + 1);
                }
            }
        }
        costs[0] = self.size(around.len).wrapping_sub(covered);
        Node { around, covered, costs, left: split, children: Some(Box::new((left, right))) }
    }

    /// Collects the best choice of at most a given number of prefixes.
    fn choose(&self, node: &Node, most: usize, chosen: &mut Vec<Block>) {
        // More prefixes never cost more, so all that are allowed are used; a single one is the node itself.
        let most = most.min(node.costs.len());
        match (&node.children, node.left.get(most.saturating_sub(1))) {
            (Some(children), Some(left)) if most > 1 => {
                self.choose(&children.0, *left, chosen);
                self.choose(&children.1, most - left, chosen);
            }
            _ => chosen.push(node.around),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Ipv4Set;
    use proptest::prelude::*;

    fn v4(text: &[&str]) -> IpSet {
        IpSet::from_prefixes(
            text.iter().map(|text| crate::net::parse_prefix(text).expect("a prefix")),
        )
    }

    fn count(set: &IpSet) -> u64 {
        set.v4.ranges().iter().map(|(low, high)| u64::from(high - low) + 1).sum()
    }

    #[test]
    fn greedy_merging_would_be_worse() {
        let set = v4(&["10.0.0.1", "10.0.0.4", "10.0.0.18", "10.0.0.21", "10.0.0.24/30"]);
        let fitted = fit(&set, Family::V4, 3);
        assert_eq!(count(&fitted) - count(&set), 10);
        assert!(fitted.prefixes().count() <= 3);
    }

    #[test]
    fn both_ends_of_the_universe_fit_into_one_prefix() {
        let set = v4(&["0.0.0.0", "255.255.255.255", "::/128", "ffff::/16"]);
        assert_eq!(fit(&set, Family::V4, 1), IpSet::family(Family::V4));
        assert_eq!(fit(&set, Family::V6, 1), IpSet::family(Family::V6));
        assert_eq!(fit(&set, Family::V6, 2), set.only(Family::V6));
    }

    /// Every set of at most `most` blocks of a universe of 16 addresses, the slow way.
    fn brute(members: u16, most: usize) -> u32 {
        let blocks: Vec<u16> = (0..=4u32)
            .flat_map(|len| {
                (0..1u32 << len).map(move |at| {
                    let size = 16 >> len;
                    u16::try_from(((1u32 << size) - 1) << (at * size)).expect("16 bits")
                })
            })
            .collect();
        fn best(blocks: &[u16], members: u16, covered: u16, most: usize) -> u32 {
            let left = members & !covered;
            if left == 0 {
                return covered.count_ones();
            }
            if most == 0 {
                return u32::MAX;
            }
            let lowest = left & left.wrapping_neg();
            let fit = blocks.iter().filter(|block| **block & lowest != 0);
            fit.map(|block| best(blocks, members, covered | block, most - 1))
                .min()
                .unwrap_or(u32::MAX)
        }
        best(&blocks, members, 0, most) - members.count_ones()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn it_is_the_optimum(members in 1u16.., most in 1usize..8) {
            let base = 0x0a00_0000u32;
            let addresses = (0..16u32).filter(|bit| members >> bit & 1 == 1).map(|bit| (base + bit, base + bit));
            let set = IpSet { v4: Ipv4Set::from_ranges(addresses), ..IpSet::empty() };
            let fitted = fit(&set, Family::V4, most);
            prop_assert!(set.difference(&fitted).is_empty());
            prop_assert!(fitted.prefixes().count() <= most);
            prop_assert_eq!(count(&fitted) - count(&set), u64::from(brute(members, most)));
        }
    }
}
