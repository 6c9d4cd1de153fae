//! Address sets as ipsets, named by what they contain.
//!
//! A set never changes under rules that are loaded: other contents are another set, and
//! `iptables-restore` goes over to it at once. So no packet ever meets old rules with new sets.

use super::labels::digest;
use crate::net::Family;
use ipnet::IpNet;
use serde::Serialize;
use std::collections::BTreeMap;

/// Elements of a set unless it is told more (`ipset(8)`, hash types).
const MAXELEM: usize = 65_536;

/// The sets of one family.
#[derive(Clone, Debug)]
pub(super) struct Sets {
    prefix: String,
    family: Family,
    names: BTreeMap<Vec<IpNet>, String>,
}

/// One set as the template lays it out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Set {
    pub(super) name: String,
    family: &'static str,
    maxelem: usize,
    elements: Vec<String>,
}

impl Sets {
    pub(super) fn new(prefix: String, family: Family) -> Self {
        Sets { prefix, family, names: BTreeMap::new() }
    }

    /// Returns the name of the set with these prefixes, which never are all addresses: `hash:net` has no /0.
    pub(super) fn name(&mut self, prefixes: &[IpNet]) -> String {
        if let Some(known) = self.names.get(prefixes) {
            return known.clone();
        }
        let text: Vec<_> = prefixes.iter().map(IpNet::to_string).collect();
        let four_or_six = if self.family == Family::V4 { 4 } else { 6 };
        let taken = |name: &String| self.names.values().any(|known| known == name);
        let mut text = text.join(" ");
        let name = loop {
            let name = format!("{}{four_or_six}.{}", self.prefix, digest(&text, 8));
            if !taken(&name) {
                break name;
            }
            text.push('+');
        };
        self.names.insert(prefixes.to_vec(), name.clone());
        name
    }

    /// Returns the sets in the order of their names.
    pub(super) fn list(&self) -> impl Iterator<Item = Set> {
        let by_name: BTreeMap<_, _> = self.names.iter().map(|(nets, name)| (name, nets)).collect();
        let family = if self.family == Family::V4 { "inet" } else { "inet6" };
        let set = move |(name, nets): (&String, &Vec<IpNet>)| Set {
            name: name.clone(),
            family,
            maxelem: nets.len().next_power_of_two().max(MAXELEM),
            elements: nets.iter().map(IpNet::to_string).collect(),
        };
        by_name.into_iter().map(set).collect::<Vec<_>>().into_iter()
    }
}
