//! Prefix lists that the texts give, with or without their entries.

use crate::firewall::ReadError;
use crate::firewall::entries::document::Value;
use crate::firewall::entries::listing::terraform::Resource;
use crate::firewall::entries::listing::{At, Doubts};
use crate::net::Family;
use ipnet::IpNet;
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
        List { more: list.more || self.astray || !list.told, ..list }
    }

    fn list(&mut self, id: &str) -> &mut List {
        self.known.entry(id.to_owned()).or_default()
    }

    /// Adds entries, each a prefix or a map with one.
    fn add(&mut self, id: &str, entries: At<'_>, doubts: &mut Doubts) -> Result<(), ReadError> {
        let (mut nets, mut more) = (Vec::new(), false);
        for entry in entries.items()? {
            let net = match entry.value() {
                Value::Map(_) => {
                    more |= !doubts.strange(entry, &[ENTRY])?.is_empty();
                    entry.any(&["Cidr", "cidr"]).and_then(At::net)
                }
                _ => entry.net(),
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
            self.add(id, entries, doubts)?;
            self.list(id).more |= next.is_some();
        }
        for list in root.list("PrefixLists")? {
            let id = list.text_of("PrefixListId");
            let id = id.ok_or_else(|| list.refuse("`PrefixListId` is missing"))?;
            let strange = doubts.strange(list, &[LIST])?;
            self.list(id).more |= !strange.is_empty();
            self.family(id, list.text_of("AddressFamily"));
            for entries in ["Entries", "Cidrs"].iter().filter_map(|key| list.get(key)) {
                self.add(id, entries, doubts)?;
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

    /// Takes a list, or an entry of one, that Terraform knows.
    pub(super) fn resource(
        &mut self,
        resource: &Resource<'_>,
        doubts: &mut Doubts,
    ) -> Result<(), ReadError> {
        match resource.kind {
            "aws_ec2_managed_prefix_list" | "aws_prefix_list" => self.whole(resource, doubts),
            "aws_ec2_managed_prefix_list_entry" => self.entry(resource, doubts),
            _ => Ok(()),
        }
    }

    fn whole(&mut self, resource: &Resource<'_>, doubts: &mut Doubts) -> Result<(), ReadError> {
        let values = resource.values;
        let keys = ["entry", "entries", "cidr_blocks"];
        // In a plan a list may have no id yet, and rules name it by its address.
        let ids = [values.text_of("id"), Some(resource.address)];
        for id in ids.into_iter().flatten() {
            self.family(id, values.text_of("address_family"));
            for key in keys {
                if let Some(entries) = values.get(key) {
                    self.add(id, entries, doubts)?;
                }
                self.list(id).more |= resource.unknown(key);
            }
        }
        Ok(())
    }

    fn entry(&mut self, resource: &Resource<'_>, doubts: &mut Doubts) -> Result<(), ReadError> {
        let id = resource.values.text_of("prefix_list_id").map(str::to_owned);
        let Some(id) = id.or_else(|| resource.reference("prefix_list_id")) else {
            self.astray = true;
            doubts.note(resource.values, "which prefix list this entry belongs to is not known");
            return Ok(());
        };
        let net = resource.values.get("cidr").and_then(At::net);
        if net.is_none() {
            doubts.note(resource.values, "the entry's prefix is not known");
        }
        let list = self.list(&id);
        list.more |= net.is_none();
        list.entries.extend(net);
        Ok(())
    }
}

/// What an entry may say.
const ENTRY: &[&str] = &["Cidr", "Description", "cidr", "description"];

/// What a list of the API may say.
const LIST: &[&str] = &[
    "PrefixListId",
    "PrefixListName",
    "PrefixListArn",
    "AddressFamily",
    "State",
    "StateMessage",
    "MaxEntries",
    "Version",
    "Tags",
    "OwnerId",
    "IpamPrefixListResolverTargetId",
    "IpamPrefixListResolverSyncEnabled",
    "Entries",
    "Cidrs",
];
