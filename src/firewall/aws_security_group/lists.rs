//! Customer-managed prefix lists: address sets that rules share.

use crate::net::Family;
use ipnet::IpNet;

/// The most entries of one list. AWS takes 1000, but 100 in one call, and Terraform's provider makes one
/// call (hashicorp/terraform-provider-aws#35371); CloudFormation's schema has the same limit.
const ENTRIES: u16 = 100;

/// A prefix list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct List {
    /// Says where it is used first, so that it keeps its name when its entries change.
    pub(super) name: String,
    pub(super) family: Family,
    pub(super) entries: Vec<IpNet>,
}

/// The lists of an artifact, each once.
#[derive(Default, Debug)]
pub(super) struct Lists {
    pub(super) all: Vec<List>,
}

impl Lists {
    /// Returns the lists that together have some prefixes of a family, as indices; new ones are named after
    /// their use. A list counts as all its entries against the rules of one group (`quota`), so that none
    /// has more than those.
    pub(super) fn of(&mut self, usage: &str, prefixes: &[IpNet], quota: u16) -> Vec<usize> {
        let size = usize::from(ENTRIES.min(quota).max(1));
        let mut used = Vec::new();
        for (entries, number) in prefixes.chunks(size).zip(1..) {
            let known = self.all.iter().position(|list| list.entries == entries);
            used.push(known.unwrap_or(self.all.len()));
            if known.is_none() {
                let family = Family::of(entries[0].addr());
                let name = format!("{usage}_{number}");
                self.all.push(List { name, family, entries: entries.to_vec() });
            }
        }
        used
    }
}
