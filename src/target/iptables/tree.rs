//! Large address sets as trees of chains: a packet meets a few rules instead of one per prefix.

use super::plan::{Line, Namer, Target};
use std::collections::BTreeMap;
use std::fmt::Display;

/// A prefix as bits, left-aligned in 128: first address and length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Bits {
    address: u128,
    length: u8,
}

impl Bits {
    /// Makes it from a prefix of either family.
    pub(super) fn of(net: ipnet::IpNet) -> Self {
        let address = match net {
            ipnet::IpNet::V4(net) => u128::from(net.network().to_bits()) << 96,
            ipnet::IpNet::V6(net) => net.network().to_bits(),
        };
        Bits { address, length: net.prefix_len() }
    }

    fn mask(length: u8) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or_default()
    }

    /// The longest prefix that has both.
    fn common(self, other: Bits) -> Bits {
        let differ = (self.address ^ other.address).leading_zeros();
        let differ = u8::try_from(differ).unwrap_or(128);
        let length = differ.min(self.length).min(other.length);
        Bits { address: self.address & Bits::mask(length), length }
    }

    fn shortened(self, length: u8) -> Bits {
        Bits { address: self.address & Bits::mask(length), length: length.min(self.length) }
    }

    fn spell(self, v4: bool) -> String {
        let spelled = |address: &dyn Display, full: u8| {
            if self.length == full {
                address.to_string()
            } else {
                format!("{address}/{}", self.length)
            }
        };
        if v4 {
            let address = u32::try_from(self.address >> 96).unwrap_or_default();
            spelled(&std::net::Ipv4Addr::from_bits(address), 32)
        } else {
            spelled(&std::net::Ipv6Addr::from_bits(self.address), 128)
        }
    }
}

/// Up to so many prefixes stand in one chain. Chains cost a jump, rules a comparison.
const LEAF: usize = 8;
/// The bits that one level tells apart: up to 16 ways.
const STEP: u8 = 4;

/// The chains of a tree: its root first.
pub(super) struct Tree {
    pub(super) chains: Vec<(String, Vec<Line>)>,
}

/// Builds the tree that leads the packets of a set to a target, and returns for all others.
///
/// The prefixes are disjoint, so whoever went into a branch need not come back: branches are gotos.
pub(super) fn build(
    side: char,
    v4: bool,
    prefixes: &[Bits],
    target: &Target,
    name: &str,
    namer: &mut Namer,
) -> Tree {
    let mut tree = Tree { chains: vec![(name.to_owned(), Vec::new())] };
    fill(&mut tree, 0, side, v4, prefixes, target, name, namer);
    tree
}

#[expect(clippy::too_many_arguments, reason = "one recursion, with what it leads along")]
fn fill(
    tree: &mut Tree,
    chain: usize,
    side: char,
    v4: bool,
    prefixes: &[Bits],
    target: &Target,
    root: &str,
    namer: &mut Namer,
) {
    if prefixes.len() <= LEAF {
        let lines = prefixes
            .iter()
            .map(|prefix| Line::new(format!("-{side} {} ", prefix.spell(v4)), target.goto(), ""));
        tree.chains[chain].1.extend(lines);
        return;
    }
    let (Some(first), Some(last)) = (prefixes.first(), prefixes.last()) else { return };
    let shared = first.common(*last).length;
    let mut groups: BTreeMap<Bits, Vec<Bits>> = BTreeMap::new();
    for prefix in prefixes {
        groups.entry(prefix.shortened(shared + STEP)).or_default().push(*prefix);
    }
    for (group, members) in groups {
        let (cover, next) = match members.as_slice() {
            [only] => (*only, target.goto()),
            [first, .., last] => {
                let name = namer.branch(root);
                tree.chains.push((name.clone(), Vec::new()));
                let below = tree.chains.len() - 1;
                fill(tree, below, side, v4, &members, target, root, namer);
                (first.common(*last), format!("-g {name}"))
            }
            [] => (group, target.goto()),
        };
        tree.chains[chain].1.push(Line::new(format!("-{side} {} ", cover.spell(v4)), next, ""));
    }
}
