//! The table's named sets: address sets shared by content, and lists of concatenations.

use super::format::ip;
use super::labels::Names;
use crate::firewall::lines::Lines;
use crate::ir::Origin;
use crate::net::{Family, IpSet, Ipv4Set, Ipv6Set, push_prefix};
use ipnet::IpNet;
use rustc_hash::FxHashMap;

/// A named set as the template prints it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub(super) struct Set {
    /// Its name.
    pub(super) name: String,
    /// The type of its elements (`ipv4_addr`, `ipv4_addr . inet_service`).
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Whether an element can be a prefix or a range.
    pub(super) interval: bool,
    /// Its elements, sorted and disjoint, a line each; for concatenations with the rules behind it.
    pub(super) lines: Lines,
}

/// Which address of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
}

impl Side {
    /// Returns the word for an address of that side in an IP header.
    pub(super) fn field(self) -> &'static str {
        match self {
            Side::Source => "saddr",
            Side::Destination => "daddr",
        }
    }
}

/// The sets that the rules have asked for.
#[derive(Default)]
pub(super) struct Pool {
    sets: Vec<Set>,
    /// Each set is of one family.
    by_content: FxHashMap<IpSet, usize>,
    names: Names,
}

impl Pool {
    /// Writes a match on an address; nothing when every address matches.
    ///
    /// One prefix is written in place, several become a named set, and a set whose complement takes at
    /// most half as many prefixes is written as `!=`.
    pub(super) fn matches(
        &mut self,
        family: Family,
        side: Side,
        set: &IpSet,
        origins: &[Origin],
    ) -> String {
        let set = set.only(family);
        if set.v4.is_all() || set.v6.is_all() {
            return String::new();
        }
        let header = format!("{} {}", ip(family), side.field());
        // A set that is known was written as it is: its complement takes more.
        match self.known(&set) {
            Some(name) => format!("{header} {name}"),
            None => match shorter_complement(family, &set) {
                Some(rest) => {
                    format!("{header} != {}", self.operand(family, "not_", side, rest, origins))
                }
                None => format!("{header} {}", self.operand(family, "", side, set, origins)),
            },
        }
    }

    fn known(&self, set: &IpSet) -> Option<String> {
        let at = self.by_content.get(set)?;
        self.sets.get(*at).map(|known| format!("@{}", known.name))
    }

    fn operand(
        &mut self,
        family: Family,
        not: &str,
        side: Side,
        set: IpSet,
        origins: &[Origin],
    ) -> String {
        if let Some(one) = only_prefix(&set) {
            return prefix(one);
        }
        if let Some(name) = self.known(&set) {
            return name;
        }
        let rule = origins.first().map_or("set", |origin| origin.rule.as_str());
        let side = if side == Side::Source { "src" } else { "dst" };
        let name = self.names.unique(rule, &format!("{not}{side}_{}", version(family)));
        let mut lines = Lines::default();
        let mut interval = false;
        for net in set.prefixes() {
            interval |= net.prefix_len() < net.max_prefix_len();
            lines.push(|line| {
                push_prefix(line, net, true);
                line.push(',');
            });
        }
        self.by_content.insert(set, self.sets.len());
        self.sets.push(Set {
            name: name.clone(),
            kind: address_type(family).to_owned(),
            interval,
            lines,
        });
        format!("@{name}")
    }

    /// Adds a list of concatenations and gives its name.
    pub(super) fn concatenation(
        &mut self,
        from: &str,
        family: Family,
        kind: String,
        interval: bool,
        lines: Lines,
    ) -> String {
        let name = self.names.unique(from, version(family));
        self.sets.push(Set { name: name.clone(), kind, interval, lines });
        name
    }

    /// Returns the sets in the order in which rules asked for them.
    pub(super) fn into_sets(self) -> Vec<Set> {
        self.sets
    }
}

/// Returns nft's type of a family's addresses.
pub(super) fn address_type(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4_addr",
        Family::V6 => "ipv6_addr",
    }
}

fn version(family: Family) -> &'static str {
    match family {
        Family::V4 => "v4",
        Family::V6 => "v6",
    }
}

/// Writes a prefix; a host without its length, as nft lists it.
pub(super) fn prefix(net: IpNet) -> String {
    let mut text = String::new();
    push_prefix(&mut text, net, true);
    text
}

/// Returns the prefix of a set that has just one.
fn only_prefix(set: &IpSet) -> Option<IpNet> {
    let mut few = set.prefixes();
    few.next().filter(|_| few.next().is_none())
}

/// Returns the other addresses of the family where they take at most half as many prefixes as a set.
fn shorter_complement(family: Family, set: &IpSet) -> Option<IpSet> {
    let most = set.prefixes().count() / 2;
    let gaps = (set.v4.ranges().len() + set.v6.ranges().len()).saturating_sub(1);
    // Each gap takes a prefix at least.
    if gaps > most {
        return None;
    }
    let rest = IpSet::family(family).difference(set);
    // Counting stops where it is clear; a set is not empty, so neither is one that takes more.
    (rest.prefixes().take(most + 1).count() <= most).then_some(rest)
}

/// Makes a set of one family from inclusive ranges in 128 bits.
pub(super) fn of_range(family: Family, low: u128, high: u128) -> IpSet {
    match family {
        Family::V4 => {
            let narrow = |value| u32::try_from(value).unwrap_or(u32::MAX);
            IpSet { v4: Ipv4Set::range(narrow(low), narrow(high)), v6: Ipv6Set::empty() }
        }
        Family::V6 => IpSet { v4: Ipv4Set::empty(), v6: Ipv6Set::range(low, high) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(set: &IpSet) -> Vec<String> {
        set.prefixes().map(prefix).collect()
    }

    proptest! {
        /// What a match looks like, by spelling both a set and its complement out.
        #[test]
        fn the_shorter_spelling_is_written_and_a_set_is_written_once(
            ranges in proptest::collection::vec((any::<u32>(), 0u32..32, 0u32..9), 1..90),
            invert: bool,
        ) {
            let range = |(low, bits, count): (u32, u32, u32)| {
                (low, low.saturating_add(count.checked_shl(bits).unwrap_or(u32::MAX)))
            };
            let v4 = Ipv4Set::from_ranges(ranges.into_iter().map(range));
            let v4 = if invert { v4.complement() } else { v4 };
            prop_assume!(!v4.is_empty() && !v4.is_all());
            let set = IpSet { v4, v6: Ipv6Set::empty() };
            let rest = IpSet::family(Family::V4).difference(&set);
            let negated = list(&rest).len() * 2 <= list(&set).len();
            let shown = list(if negated { &rest } else { &set });
            let sign = if negated { "!= " } else { "" };
            let not = if negated { "not_" } else { "" };
            let operand = match shown.as_slice() {
                [one] => one.clone(),
                _ => format!("@set_{not}src_v4"),
            };
            let mut pool = Pool::default();
            let first = pool.matches(Family::V4, Side::Source, &set, &[]);
            let second = pool.matches(Family::V4, Side::Destination, &set, &[]);
            prop_assert_eq!(first, format!("ip saddr {sign}{operand}"));
            prop_assert_eq!(second, format!("ip daddr {sign}{operand}"));
            let sets = pool.into_sets();
            prop_assert_eq!(sets.len(), usize::from(shown.len() > 1));
            if let [one] = sets.as_slice() {
                let mut lines = Lines::default();
                shown.iter().for_each(|prefix| lines.push(|line| *line += &format!("{prefix},")));
                prop_assert_eq!(&one.lines, &lines);
                prop_assert_eq!(one.interval, shown.iter().any(|prefix| prefix.contains('/')));
            }
        }
    }

    #[test]
    fn a_set_with_many_holes_is_written_by_its_holes() {
        let hole = |at: u32| (at << 20 | 5, at << 20 | 5);
        let holes = Ipv4Set::from_ranges((0..200).map(hole));
        let set = IpSet { v4: holes.complement(), v6: Ipv6Set::empty() };
        let mut pool = Pool::default();
        let said = pool.matches(Family::V4, Side::Source, &set, &[]);
        assert_eq!(said, "ip saddr != @set_not_src_v4");
        assert_eq!(pool.into_sets().len(), 1);
    }
}
