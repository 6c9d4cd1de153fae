//! The table's named sets: address sets shared by content, and lists of concatenations.

use super::spell::ip;
use super::words::Names;
use crate::ir::Origin;
use crate::net::{Family, IpSet, Ipv4Set, Ipv6Set};
use ipnet::IpNet;
use std::collections::HashMap;

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
    pub(super) lines: Vec<String>,
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
    by_content: HashMap<(Family, IpSet), usize>,
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
        let ranges = set.v4.ranges().len() + set.v6.ranges().len();
        if set == IpSet::family(family) {
            return String::new();
        }
        let header = format!("{} {}", ip(family), side.field());
        let list = prefixes(&set);
        if ranges <= MOST_COMPLEMENTED && list.len() > 1 {
            let rest = IpSet::family(family).difference(&set);
            let others = prefixes(&rest);
            if others.len() * 2 <= list.len() {
                return format!(
                    "{header} != {}",
                    self.operand(family, "not_", side, &rest, others, origins)
                );
            }
        }
        format!("{header} {}", self.operand(family, "", side, &set, list, origins))
    }

    fn operand(
        &mut self,
        family: Family,
        not: &str,
        side: Side,
        set: &IpSet,
        mut list: Vec<String>,
        origins: &[Origin],
    ) -> String {
        if list.len() == 1 {
            return list.swap_remove(0);
        }
        let key = (family, set.clone());
        if let Some(known) = self.by_content.get(&key).and_then(|at| self.sets.get(*at)) {
            return format!("@{}", known.name);
        }
        let rule = origins.first().map_or("set", |origin| origin.rule.as_str());
        let side = if side == Side::Source { "src" } else { "dst" };
        let name = self.names.unique(rule, &format!("{not}{side}_{}", version(family)));
        self.by_content.insert(key, self.sets.len());
        self.sets.push(Set {
            name: name.clone(),
            kind: address_type(family).to_owned(),
            interval: list.iter().any(|prefix| prefix.contains('/')),
            lines: list.into_iter().map(|prefix| prefix + ",").collect(),
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
        lines: Vec<String>,
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

/// Writes the prefixes of a set of one family: a host without its length, as nft lists it.
fn prefixes(set: &IpSet) -> Vec<String> {
    set.prefixes().map(prefix).collect()
}

/// Writes a prefix; a host without its length, as nft lists it.
pub(super) fn prefix(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
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
