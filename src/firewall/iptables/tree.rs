//! Large address sets as trees of chains: a packet meets a few rules instead of one per prefix.

use super::plan::{Line, Namer, Target};
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
/// Up to so many ways part in one chain by the bits of the address.
const WAYS: usize = 16;
/// Chains below a root. The kernel follows 16 jumps (`NFT_JUMP_STACK_SIZE`), and a rule may need two trees
/// and up to six chains besides.
const DEPTH: usize = 4;

/// The chains of a tree, its root first.
pub(super) type Chains = Vec<(String, Vec<Line>)>;

/// Builds the tree that leads the packets of a set to a target, and returns for all others.
pub(super) fn build(
    side: char,
    v4: bool,
    prefixes: &[Bits],
    target: &Target,
    name: &str,
    namer: &mut Namer,
) -> Chains {
    let mut tree = Tree { side, v4, target, root: name, namer, chains: Vec::new() };
    tree.chains.push((name.to_owned(), Vec::new()));
    tree.fill(0, prefixes, DEPTH);
    tree.chains
}

struct Tree<'a> {
    side: char,
    v4: bool,
    target: &'a Target,
    root: &'a str,
    namer: &'a mut Namer,
    chains: Chains,
}

impl Tree<'_> {
    fn fill(&mut self, chain: usize, prefixes: &[Bits], depth: usize) {
        if prefixes.len() <= LEAF || depth == 0 {
            for prefix in prefixes {
                self.push(chain, *prefix, self.target.goto());
            }
            return;
        }
        // By the address, no two branches have a packet in common: who went into one need not come back.
        // A set with one long branch would become too deep that way; its last level is cut by number.
        let (groups, word) = match depth {
            1 => (prefixes.chunks(LEAF).collect(), 'j'),
            _ => (parted(prefixes), 'g'),
        };
        for group in groups {
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            if group.len() == 1 {
                self.push(chain, *first, self.target.goto());
                continue;
            }
            let name = self.namer.branch(self.root);
            self.push(chain, first.common(*last), format!("-{word} {name}"));
            self.chains.push((name, Vec::new()));
            self.fill(self.chains.len() - 1, group, depth - 1);
        }
    }

    fn push(&mut self, chain: usize, prefix: Bits, target: String) {
        let matches = format!("-{} {} ", self.side, prefix.spell(self.v4));
        if let Some((_, lines)) = self.chains.get_mut(chain) {
            lines.push(Line::new(matches, target, ""));
        }
    }
}

/// Parts sorted prefixes by as many leading bits as give at most [`WAYS`] groups. One more bit at most
/// doubles the groups, so there are at least half as many.
fn parted(prefixes: &[Bits]) -> Vec<&[Bits]> {
    let groups =
        |length: u8| prefixes.chunk_by(move |a, b| a.shortened(length) == b.shortened(length));
    let mut length = match (prefixes.first(), prefixes.last()) {
        (Some(first), Some(last)) => first.common(*last).length,
        _ => 0,
    };
    while length < 128 && groups(length + 1).take(WAYS + 1).count() <= WAYS {
        length += 1;
    }
    groups(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn bits(text: &str) -> Bits {
        Bits::of(text.parse().expect("a prefix"))
    }

    /// The longest way from the root, in chains.
    fn depth(chains: &Chains) -> usize {
        let index: BTreeMap<_, _> =
            chains.iter().enumerate().map(|(i, (name, _))| (name, i)).collect();
        let mut depths = vec![1; chains.len()];
        for (at, (_, lines)) in chains.iter().enumerate().rev() {
            for line in lines {
                let below = line.target.split(' ').next_back().map(str::to_owned);
                if let Some(below) = below.and_then(|name| index.get(&name)) {
                    depths[at] = depths[at].max(depths[*below] + 1);
                }
            }
        }
        depths[0]
    }

    fn tree(prefixes: &[Bits], v4: bool) -> Chains {
        let mut namer = Namer::default();
        build('d', v4, prefixes, &Target::Verdict("ACCEPT"), "t", &mut namer)
    }

    #[test]
    fn trees_stay_flat_whatever_the_set() {
        // Everything but one address: 128 prefixes, each on a branch of its own.
        let one = u128::from_str_radix("20010db8000000000000000000000001", 16).expect("hex");
        let ladder: Vec<_> = (1..=128u8)
            .map(|length| Bits {
                address: (one ^ (1 << (128 - length))) & Bits::mask(length),
                length,
            })
            .collect();
        let mut sorted = ladder.clone();
        sorted.sort_unstable();
        assert!(depth(&tree(&sorted, false)) <= DEPTH + 1);
        let many: Vec<_> = (0..10_000u32)
            .map(|i| {
                bits(&format!(
                    "{}/28",
                    std::net::Ipv4Addr::from_bits(i.wrapping_mul(429_496) & !15)
                ))
            })
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let chains = tree(&many, true);
        assert!(depth(&chains) <= DEPTH + 1);
        // A packet meets few lines: on its way at most this many.
        let longest = chains.iter().map(|(_, lines)| lines.len()).max().expect("chains");
        assert!(longest <= 4 * WAYS, "{longest}");
    }

    #[test]
    fn every_prefix_stands_once() {
        let prefixes: Vec<_> = (0..200u32).map(|i| bits(&format!("10.{i}.0.0/16"))).collect();
        let chains = tree(&prefixes, true);
        let leaves = chains.iter().flat_map(|(_, lines)| lines);
        assert_eq!(leaves.filter(|line| line.target == "-j ACCEPT").count(), prefixes.len());
    }
}
