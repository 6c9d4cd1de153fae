//! Sets in a policy's own words.

use crate::ir::{L4, L4Kind};
use crate::net::protocol::{self, ICMP, ICMPV6};
use crate::net::{Family, IpSet, PortSet, RangeSet, Scalar, icmp};
use std::collections::BTreeMap;

/// The names that a policy gives to addresses and services.
#[derive(Clone, Default, Debug)]
pub struct Names {
    networks: Vec<(String, IpSet)>,
    services: BTreeMap<Vec<L4>, String>,
}

/// The most prefixes that are written out; the rest are counted.
const SHOWN: usize = 4;

impl Names {
    /// Collects names; sets that have several are called by the first.
    pub fn new(
        networks: impl IntoIterator<Item = (String, IpSet)>,
        services: impl IntoIterator<Item = (String, Vec<L4>)>,
    ) -> Self {
        let mut networks: Vec<_> = networks.into_iter().flat_map(with_halves).collect();
        // Large ones first: a part of a set should not hide its whole.
        networks.sort_by_cached_key(|(name, set)| (std::cmp::Reverse(size(set)), own(name)));
        let mut known = BTreeMap::new();
        let mut services: Vec<_> = services.into_iter().collect();
        services.sort_by_cached_key(|(name, _)| own(name));
        for (name, mut list) in services {
            list.sort();
            known.entry(list).or_insert(name);
        }
        Names { networks, services: known }
    }

    /// Adds another policy's names; where both have a name, this policy's stays.
    #[must_use]
    pub fn or(mut self, other: Names) -> Self {
        for (name, set) in other.networks {
            if !self.networks.iter().any(|(known, _)| *known == name) {
                self.networks.push((name, set));
            }
        }
        for (list, name) in other.services {
            self.services.entry(list).or_insert(name);
        }
        self
    }

    /// Returns a set of addresses in words: `any`, names of networks, and prefixes for the rest.
    pub fn addresses(&self, set: &IpSet) -> String {
        if let Some(word) = self.whole(set) {
            return word;
        }
        let words = self.parts(set);
        self.shorter(set, &words).unwrap_or_else(|| shown(words))
    }

    /// Returns what a set is made of: families, names, and prefixes for the rest.
    fn parts(&self, set: &IpSet) -> Vec<String> {
        let mut rest = set.clone();
        let mut words = Vec::new();
        for family in Family::BOTH {
            if rest.only(family) == IpSet::family(family) {
                words.push(format!("any {family}"));
                rest = rest.difference(&IpSet::family(family));
            }
        }
        for (name, network) in &self.networks {
            if network.difference(&rest).is_empty() {
                rest = rest.difference(network);
                words.push(name.clone());
            }
        }
        words.extend(rest.prefixes().map(|net| net.to_string()));
        words
    }

    /// Returns one word for a set that is everything, or a network.
    fn whole(&self, set: &IpSet) -> Option<String> {
        if set.is_all() {
            return Some("any".to_owned());
        }
        let named = |network: &&(String, IpSet)| network.1 == *set;
        self.networks.iter().find(named).map(|(name, _)| name.clone())
    }

    /// Returns a set as something larger without the rest, where that is shorter than what it is made of.
    fn shorter(&self, set: &IpSet, words: &[String]) -> Option<String> {
        let larger = self.networks.iter().map(|(name, network)| (name.as_str(), network.clone()));
        let [v4, v6] = Family::BOTH.map(IpSet::family);
        let larger = larger.chain([("any", IpSet::all()), ("any IPv4", v4), ("any IPv6", v6)]);
        let lacks = larger.filter(|(_, whole)| set.difference(whole).is_empty());
        let lacks = lacks.map(|(name, whole)| (name, self.parts(&whole.difference(set))));
        let (name, lack) = lacks.min_by_key(|(_, lack)| lack.len())?;
        (!lack.is_empty() && lack.len() < words.len())
            .then(|| format!("{name} except {}", shown(lack)))
    }

    /// Returns services in words: names where they have one.
    pub fn services(&self, list: &[L4]) -> String {
        let mut sorted = whole_together(list);
        sorted.sort();
        if let Some(name) = self.services.get(&sorted) {
            return name.clone();
        }
        let one = |l4: &L4| match self.services.get(std::slice::from_ref(l4)) {
            Some(name) => name.clone(),
            None => service(l4),
        };
        // Services with an `except` come last: whatever follows would seem to be excepted as well.
        let (lacking, said): (Vec<_>, Vec<_>) =
            sorted.iter().map(one).partition(|word| word.contains(" except "));
        let said = said.join(", ");
        match lacking.join(", and ") {
            lacking if lacking.is_empty() => said,
            lacking if said.is_empty() => lacking,
            lacking => format!("{said}, and {lacking}"),
        }
    }

    /// Returns who reaches whom with what: `agents -> any: https`.
    pub fn flows(&self, source: &IpSet, destination: &IpSet, services: &[L4]) -> String {
        let (from, to) = (self.addresses(source), self.addresses(destination));
        format!("{from} -> {to}: {}", self.services(services))
    }
}

/// Returns words with commas between them; of prefixes, which come last, only the first few.
fn shown(mut words: Vec<String>) -> String {
    // No name begins with a digit or has a colon.
    let prefix =
        |word: &&String| word.contains(':') || word.starts_with(|c: char| c.is_ascii_digit());
    let more = words.iter().filter(prefix).count().saturating_sub(SHOWN);
    words.truncate(words.len() - more);
    if more > 0 {
        words.push(format!("and {more} more {}", if more == 1 { "prefix" } else { "prefixes" }));
    }
    words.join(", ")
}

/// Sorts a policy's own names before those of libraries.
fn own(name: &str) -> (bool, String) {
    (name.contains('/'), name.to_owned())
}

/// A network, and where it has both families each of them under a name of its own.
fn with_halves((name, set): (String, IpSet)) -> Vec<(String, IpSet)> {
    let mut list = Vec::new();
    if Family::BOTH.iter().all(|family| set.has(*family)) {
        list.extend(Family::BOTH.map(|family| (format!("{name} ({family})"), set.only(family))));
    }
    if !set.is_empty() {
        list.push((name, set));
    }
    list
}

/// How many addresses a set has, an IPv4 address counted like an IPv6 subnet.
fn size(set: &IpSet) -> u128 {
    let v4 = set.v4.ranges().iter().map(|(low, high)| u128::from(high - low) + 1);
    let v6 = set.v6.ranges().iter().map(|(low, high)| ((high - low) >> 64) + 1);
    v4.chain(v6).fold(0, u128::saturating_add)
}

/// The same services, those that are whole protocols as one set of them.
fn whole_together(list: &[L4]) -> Vec<L4> {
    let whole = |l4: &&L4| matches!(l4.kind(), L4Kind::Any | L4Kind::Protocols(_));
    let (whole, mut parts): (Vec<_>, Vec<_>) = list.iter().partition(whole);
    if let [one, more @ ..] = whole.as_slice() {
        let all =
            more.iter().fold(one.protocol_set().clone(), |all, l4| all.union(l4.protocol_set()));
        let all = L4::protocols(all);
        parts.retain(|part| !part.protocol_set().is_subset(all.protocol_set()));
        return parts.into_iter().cloned().chain([all]).collect();
    }
    list.to_vec()
}

/// Returns a service as policies write it: `tcp/443`, `icmp/echo-request`, `protocol/gre`, `any`.
pub fn service(l4: &L4) -> String {
    let numbers = |set: &RangeSet<u8>| -> Vec<u8> {
        set.ranges().iter().flat_map(|(low, high)| *low..=*high).collect()
    };
    let word = |number: u8| protocol::name(number).map_or(number.to_string(), str::to_owned);
    match l4.kind() {
        L4Kind::Any => "any".to_owned(),
        L4Kind::Protocols(set) if numbers(set).len() > 128 => {
            let others = numbers(&set.complement()).into_iter().map(word).collect::<Vec<_>>();
            format!("any protocol except {}", others.join(", "))
        }
        L4Kind::Protocols(set) => {
            let whole = |number: u8| match number {
                ICMP | ICMPV6 => format!("{}/any", word(number)),
                _ if protocol::has_ports(number) => format!("{}/any", word(number)),
                _ => format!("protocol/{}", word(number)),
            };
            numbers(set).into_iter().map(whole).collect::<Vec<_>>().join(", ")
        }
        L4Kind::Ports { protocols, source, destination } => {
            let from = if source.is_all() {
                String::new()
            } else {
                format!(" from ports {}", ranges(source))
            };
            let to = if destination.is_all() { "any".to_owned() } else { ranges(destination) };
            let one = |number: u8| format!("{}/{to}{from}", word(number));
            numbers(protocols).into_iter().map(one).collect::<Vec<_>>().join(", ")
        }
        L4Kind::Icmp(words) => types("icmp", Family::V4, words),
        L4Kind::Icmpv6(words) => types("icmpv6", Family::V6, words),
    }
}

fn ranges<T: Scalar + std::fmt::Display>(set: &RangeSet<T>) -> String {
    let one = |(low, high): &(T, T)| match low == high {
        true => low.to_string(),
        false => format!("{low}-{high}"),
    };
    let all = set.ranges();
    let mut words: Vec<_> = all.iter().take(8).map(one).collect();
    if all.len() > words.len() {
        words.push(format!("{} more ranges", all.len() - words.len()));
    }
    words.join(" and ")
}

/// ICMP types by name where a type has all its codes.
fn types(protocol: &str, family: Family, words: &PortSet) -> String {
    let mut list = Vec::new();
    let mut some = 0;
    for ty in 0..=u8::MAX {
        let all = icmp::all_codes(ty);
        let part = words.intersection(&all);
        let name = icmp::name(family, ty).map_or(ty.to_string(), str::to_owned);
        if part == all {
            list.push(format!("{protocol}/{name}"));
        } else if !part.is_empty() {
            let codes = part.ranges().iter().map(|(low, high)| (low & 0xff, high & 0xff));
            let codes: Vec<_> = codes
                .map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") })
                .collect();
            list.push(format!("{protocol}/{name}/{}", codes.join("+")));
        }
        some += usize::from(!part.is_empty());
    }
    if some > 12 { format!("{protocol} ({some} types)") } else { list.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::parse_prefix;

    fn set(list: &[&str]) -> IpSet {
        IpSet::from_prefixes(list.iter().map(|text| parse_prefix(text).expect("a prefix")))
    }

    #[test]
    fn own_names_come_before_those_of_libraries() {
        let https = || vec![L4::ports(6, PortSet::all(), PortSet::one(443))];
        let names = Names::new(
            ["lib/lan", "lan"].map(|name| (name.to_owned(), set(&["10.0.0.0/8"]))),
            ["lib/https", "web"].map(|name| (name.to_owned(), https())),
        );
        assert_eq!(names.addresses(&set(&["10.0.0.0/8"])), "lan");
        assert_eq!(names.services(&https()), "web");
    }

    #[test]
    fn sets_are_called_by_their_names() {
        let names = Names::new(
            [
                ("agents".to_owned(), set(&["10.20.0.0/16", "2001:db8:20::/48"])),
                ("office".to_owned(), set(&["10.30.0.0/24"])),
            ],
            [("https".to_owned(), vec![L4::ports(6, PortSet::all(), PortSet::one(443))])],
        );
        let said = |list: &[&str]| names.addresses(&set(list));
        assert_eq!(names.addresses(&IpSet::all()), "any");
        assert_eq!(names.addresses(&IpSet::family(Family::V4)), "any IPv4");
        assert_eq!(said(&["10.20.0.0/16", "2001:db8:20::/48"]), "agents");
        assert_eq!(
            said(&["10.20.0.0/16", "2001:db8:20::/48", "10.30.0.0/24", "192.0.2.1"]),
            "agents, office, 192.0.2.1/32"
        );
        assert_eq!(said(&["10.20.0.0/17"]), "10.20.0.0/17");
        assert_eq!(said(&["10.20.0.0/16", "10.30.0.0/24"]), "agents (IPv4), office");
        let without = set(&["10.20.0.0/16", "2001:db8:20::/48"]).difference(&set(&["10.20.7.7"]));
        assert_eq!(names.addresses(&without), "agents except 10.20.7.7/32");
        assert_eq!(
            names.addresses(&IpSet::all().difference(&set(&["10.30.0.0/24"]))),
            "any except office"
        );
        let port = |port| L4::ports(6, PortSet::all(), PortSet::one(port));
        assert_eq!(names.services(&[port(443)]), "https");
        assert_eq!(names.services(&[port(22), port(443)]), "tcp/22, https");
        assert_eq!(names.services(&[L4::icmp(icmp::all_codes(8))]), "icmp/echo-request");
        assert_eq!(names.services(&[L4::any()]), "any");
    }
}
