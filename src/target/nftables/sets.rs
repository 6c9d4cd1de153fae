//! The table's named sets: address sets shared by content, and lists of concatenations.

use super::spell::ip;
use super::words::Names;
use crate::ir::Origin;
use crate::net::{Family, IpSet, Ipv4Set, Ipv6Set};
use crate::target::lines::Lines;
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use std::fmt::Write;

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
    /// Gives the word for an address of that side in an IP header.
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

/// A set of more ranges is never written as its complement: nobody could review it.
const MOST_COMPLEMENTED: usize = 64;

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
        if set == IpSet::family(family) {
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
                push_prefix(line, net);
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

    /// Gives the sets in the order in which rules asked for them.
    pub(super) fn into_sets(self) -> Vec<Set> {
        self.sets
    }
}

/// Gives nft's type of a family's addresses.
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
    push_prefix(&mut text, net);
    text
}

/// The same, at the end of a text.
pub(super) fn push_prefix(text: &mut String, net: IpNet) {
    // Writing to a text cannot fail.
    let _ = match net.prefix_len() == net.max_prefix_len() {
        true => write!(text, "{}", net.addr()),
        false => write!(text, "{net}"),
    };
}

/// Gives the prefix of a set that has just one.
fn only_prefix(set: &IpSet) -> Option<IpNet> {
    let mut few = set.prefixes();
    few.next().filter(|_| few.next().is_none())
}

/// Gives the other addresses of the family where they take at most half as many prefixes as a set.
fn shorter_complement(family: Family, set: &IpSet) -> Option<IpSet> {
    let ranges = set.v4.ranges().len() + set.v6.ranges().len();
    if ranges > MOST_COMPLEMENTED {
        return None;
    }
    let most = set.prefixes().count() / 2;
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
