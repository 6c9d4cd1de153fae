//! Prefix lists that the texts give, with or without their entries.

use crate::firewall::ReadError;
use crate::firewall::entries::document::Value;
use crate::firewall::entries::listing::copies::{Inside, Stale};
use crate::firewall::entries::listing::terraform::{self, Named, Resource};
use crate::firewall::entries::listing::{At, Doubts};
use crate::net::Family;
use ipnet::IpNet;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;

/// What is known of a list.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct List {
    /// Its family, where that is told.
    pub(super) family: Option<Family>,
    /// The entries that are told.
    pub(super) entries: Vec<IpNet>,
    /// Whether its entries are told, rather than single ones or none.
    told: bool,
    /// Whether it may have more.
    pub(super) more: bool,
}

/// The lists, by id and, in a plan, by address.
#[derive(Default)]
pub(super) struct Lists {
    known: BTreeMap<String, List>,
    /// Whether there are entries of nobody knows which list.
    astray: bool,
}

impl Lists {
    /// Returns what is known of a list.
    pub(super) fn get(&self, id: &str) -> List {
        let list = self.known.get(id).cloned().unwrap_or_default();
        let other = |net: &IpNet| list.family.is_some_and(|own| own != Family::of(net.addr()));
        let more = list.more || self.astray || !list.told || list.entries.iter().any(other);
        List { more, ..list }
    }

    fn list(&mut self, id: &str) -> &mut List {
        self.known.entry(id.to_owned()).or_default()
    }

    /// Adds entries, each a prefix or a map with one.
    fn add(
        &mut self,
        id: &str,
        (key, entries): (&str, At<'_>),
        doubts: &mut Doubts,
    ) -> Result<(), ReadError> {
        let plain = ["Cidrs", "cidr_blocks"].contains(&key);
        let (mut nets, mut more) = (Vec::new(), false);
        for entry in entries.items()? {
            let net = match entry.value() {
                Value::Map(_) => {
                    more |= !doubts.strange(entry, ENTRY)?.is_empty();
                    entry.any(&["Cidr", "cidr"]).and_then(At::net)
                }
                // Only lists of plain prefixes have plain prefixes.
                _ => entry.net().filter(|_| plain),
            };
            if net.is_none() {
                doubts.note(entry, "this is no prefix");
            }
            more |= net.is_none();
            nets.extend(net);
        }
        let list = self.list(id);
        list.more |= more;
        list.told = true;
        list.entries.extend(nets);
        Ok(())
    }

    /// Takes the lists of an answer of the API; `stem` is its file's name.
    pub(super) fn answer(
        &mut self,
        root: At<'_>,
        stem: &str,
        doubts: &mut Doubts,
    ) -> Result<bool, ReadError> {
        let next = root.get("NextToken").filter(|next| next.says());
        if let Some(entries) = root.get("Entries") {
            let id = root.text_of("PrefixListId").unwrap_or(stem);
            if !id.starts_with("pl-") {
                let reason = "which list this is, is not known: its file is named `pl-….json`";
                return Err(entries.refuse(reason));
            }
            self.add(id, ("Entries", entries), doubts)?;
            self.list(id).more |= next.is_some();
        }
        for list in root.list("PrefixLists")? {
            let id = list.text_of("PrefixListId");
            let id = id.ok_or_else(|| list.refuse("`PrefixListId` is missing"))?;
            let strange = doubts.strange(list, LIST)?;
            self.list(id).more |= !strange.is_empty();
            self.family(id, list.text_of("AddressFamily"));
            for key in ["Entries", "Cidrs"] {
                list.get(key).map(|entries| self.add(id, (key, entries), doubts)).transpose()?;
            }
        }
        Ok(root.get("Entries").is_some() || root.get("PrefixLists").is_some())
    }

    fn family(&mut self, id: &str, word: Option<&str>) {
        let family = match word {
            Some("IPv4") => Family::V4,
            Some("IPv6") => Family::V6,
            _ => return,
        };
        self.list(id).family = Some(family);
    }

    /// Takes the lists, and their entries, that are resources.
    pub(super) fn resources(
        &mut self,
        resources: &[Resource<'_>],
        doubts: &mut Doubts,
    ) -> Result<(), ReadError> {
        let is = |one: &&Resource<'_>| LISTS.contains(&one.kind) && !one.gone;
        let lists: Vec<_> = resources.iter().filter(is).collect();
        let index = terraform::index(&lists);
        let mut beside = vec![FxHashSet::default(); lists.len()];
        for entry in resources.iter().filter(|one| one.kind == ENTRY_RESOURCE) {
            let known =
                index.get(&entry.named("prefix_list_id")).and_then(|at| beside.get_mut(*at));
            known.into_iter().for_each(|known| known.extend(prefix(entry)));
        }
        for (list, beside) in lists.into_iter().zip(beside) {
            self.whole(list, &beside, doubts)?;
        }
        let stays = |one: &&Resource<'_>| one.kind == ENTRY_RESOURCE && !one.gone;
        resources.iter().filter(stays).for_each(|one| self.entry(one, doubts));
        Ok(())
    }

    /// Takes a list; its own entries only as far as they are no copies of those beside it.
    fn whole(
        &mut self,
        resource: &Resource<'_>,
        beside: &FxHashSet<IpNet>,
        doubts: &mut Doubts,
    ) -> Result<(), ReadError> {
        let values = resource.values;
        let mut list = Lists::default();
        let family = values.any(&["address_family", "AddressFamily"]);
        list.family("", family.and_then(At::text));
        for key in ["entry", "entries", "cidr_blocks", "Entries"] {
            values.get(key).map(|entries| list.add("", (key, entries), doubts)).transpose()?;
            list.list("").more |= resource.unknown(key);
        }
        let mut list = list.known.remove("").unwrap_or_default();
        list.more |= !doubts.strange(values, LIST)?.is_empty();
        let room = values.any(&["max_entries", "MaxEntries"]).and_then(At::number);
        let room = room.and_then(|room| usize::try_from(room).ok());
        if !resource.data && room.is_none_or(|room| room < list.entries.len()) {
            doubts.note(values, "the list has no room for its entries");
            list.more = true;
        }
        if resource.inside("entry", !beside.is_empty()) == Inside::Copy {
            if !list.entries.iter().all(|net| beside.contains(net)) {
                doubts.note(values, Stale::Inside.reason());
                list.more = true;
            }
            list.entries.clear();
        }
        // In a plan a list may have no id yet, and rules name it by its address.
        for id in [values.text_of("id"), Some(&*resource.address)].into_iter().flatten() {
            self.known.insert(id.to_owned(), list.clone());
        }
        Ok(())
    }

    fn entry(&mut self, resource: &Resource<'_>, doubts: &mut Doubts) {
        let id = match resource.named("prefix_list_id") {
            Named::Id(id) => id.to_owned(),
            Named::Address(address) => address,
            Named::Unknown => {
                self.astray = true;
                doubts
                    .note(resource.values, "which prefix list this entry belongs to is not known");
                return;
            }
        };
        let net = prefix(resource);
        if net.is_none() {
            doubts.note(resource.values, "the entry's prefix is not known");
        }
        let list = self.list(&id);
        list.more |= net.is_none();
        list.entries.extend(net);
    }
}

fn prefix(entry: &Resource<'_>) -> Option<IpNet> {
    entry.values.get("cidr").and_then(At::net)
}

const ENTRY_RESOURCE: &str = "aws_ec2_managed_prefix_list_entry";
const LISTS: &[&str] = &["aws_ec2_managed_prefix_list", "aws_prefix_list", "AWS::EC2::PrefixList"];

/// Tells whether a resource is a list or an entry of one.
pub(super) fn is_list(resource: &Resource<'_>) -> bool {
    resource.kind == ENTRY_RESOURCE || LISTS.contains(&resource.kind)
}

/// What an entry may say.
const ENTRY: &[&[&str]] = &[&["Cidr", "Description", "cidr", "description"]];

/// What a list may say.
const LIST: &[&[&str]] = &[
    // Its entries, their family and the room for them.
    &["Entries", "Cidrs", "entry", "entries", "cidr_blocks"],
    &["AddressFamily", "address_family", "MaxEntries", "max_entries"],
    // Which list it is, and in which version.
    &["PrefixListId", "PrefixListName", "PrefixListArn", "OwnerId", "Version"],
    &["id", "arn", "name", "prefix_list_id", "owner_id", "version", "region"],
    // How it came to be what it is.
    &[
        "State",
        "StateMessage",
        "IpamPrefixListResolverTargetId",
        "IpamPrefixListResolverSyncEnabled",
    ],
    // Notes of people, how Terraform finds and makes it.
    &["Tags", "tags", "tags_all", "//", "filter", "timeouts", "depends_on", "provider"],
];
