//! One end of a rule: its addresses and its ports.

use crate::firewall::entries::document::Value;
use crate::firewall::entries::listing::{At, Doubts};
use crate::net::Family;
use crate::program::sets;
use crate::program::{Field, Match, Ranges};
use ipnet::IpNet;
use std::net::IpAddr;

/// Who tells of a rule.
#[derive(Clone, Copy)]
pub(super) enum Teller<'a> {
    /// What was configured.
    Configuration,
    /// What an interface comes to (`list-effective-nsg`), where tags are spelled out: also in a map by tag.
    Interface(Option<At<'a>>),
}

/// The words for one end, those of the API first.
pub(super) struct End {
    prefix: &'static [&'static str],
    prefixes: &'static [&'static str],
    port: &'static [&'static str],
    ports: &'static [&'static str],
    groups: &'static [&'static str],
    expanded: &'static str,
    v4: fn(Ranges<u32>) -> Match,
    v6: fn(Ranges<u128>) -> Match,
}

pub(super) const SOURCE: End = End {
    prefix: &["sourceAddressPrefix", "source_address_prefix"],
    prefixes: &["sourceAddressPrefixes", "source_address_prefixes"],
    port: &["sourcePortRange", "source_port_range"],
    ports: &["sourcePortRanges", "source_port_ranges"],
    groups: &["sourceApplicationSecurityGroups", "source_application_security_group_ids"],
    expanded: "expandedSourceAddressPrefix",
    v4: Match::Source4,
    v6: Match::Source6,
};

pub(super) const DESTINATION: End = End {
    prefix: &["destinationAddressPrefix", "destination_address_prefix"],
    prefixes: &["destinationAddressPrefixes", "destination_address_prefixes"],
    port: &["destinationPortRange", "destination_port_range"],
    ports: &["destinationPortRanges", "destination_port_ranges"],
    groups: &["destinationApplicationSecurityGroups", "destination_application_security_group_ids"],
    expanded: "expandedDestinationAddressPrefix",
    v4: Match::Destination4,
    v6: Match::Destination6,
};

/// Every word for an end.
pub(super) const KEYS: &[&str] = &[
    "sourceAddressPrefix",
    "source_address_prefix",
    "sourceAddressPrefixes",
    "source_address_prefixes",
    "sourcePortRange",
    "source_port_range",
    "sourcePortRanges",
    "source_port_ranges",
    "sourceApplicationSecurityGroups",
    "source_application_security_group_ids",
    "expandedSourceAddressPrefix",
    "destinationAddressPrefix",
    "destination_address_prefix",
    "destinationAddressPrefixes",
    "destination_address_prefixes",
    "destinationPortRange",
    "destination_port_range",
    "destinationPortRanges",
    "destination_port_ranges",
    "destinationApplicationSecurityGroups",
    "destination_application_security_group_ids",
    "expandedDestinationAddressPrefix",
];

/// Whose packets: those of the prefixes, and perhaps others.
pub(super) struct Addresses {
    any: bool,
    v4: Option<Match>,
    v6: Option<Match>,
    /// Whether it may be anybody else's too; of one family only, where that is known.
    perhaps: Option<Option<Family>>,
}

impl Addresses {
    /// Returns conjunctions of which one holds.
    pub(super) fn alternatives(&self) -> Vec<Vec<Match>> {
        if self.any {
            return vec![Vec::new()];
        }
        let sure = self.v4.iter().chain(&self.v6).map(|side| vec![side.clone()]);
        let perhaps = self
            .perhaps
            .map(|family| family.map(Match::Family).into_iter().chain([Match::Unknown]).collect());
        sure.chain(perhaps).collect()
    }

    /// Returns which families its prefixes are of.
    fn families(&self) -> [bool; 2] {
        [self.v4.is_some(), self.v6.is_some()]
    }
}

/// Tells whether a rule's prefixes are of both families, which Azure refuses over both ends together.
pub(super) fn mixed(source: &Addresses, destination: &Addresses) -> bool {
    let ([s4, s6], [d4, d6]) = (source.families(), destination.families());
    (s4 || d4) && (s6 || d6)
}

/// Returns the addresses of an end.
pub(super) fn addresses(
    at: At<'_>,
    end: &End,
    teller: Teller<'_>,
    doubts: &mut Doubts,
) -> Addresses {
    let mut found = Found::default();
    if let Some(groups) = end.groups.iter().filter_map(|key| at.get(key)).find(|at| at.says()) {
        doubts.note(groups, "the members of an application security group are not told");
        found.perhaps(None);
    }
    match said(at, [end.prefix, end.prefixes], teller) {
        Some(items) => {
            let (prefixes, tags): (Vec<_>, Vec<_>) =
                items.into_iter().partition(|item| prefix(*item).is_some());
            prefixes.into_iter().for_each(|item| found.take(item, doubts));
            if !tags.is_empty() {
                found.tags(at, &tags, end, teller, doubts);
            }
        }
        None => {
            doubts.note(at, "the addresses of one end are not known");
            found.perhaps(None);
        }
    }
    if !found.any && found.nets.is_empty() && found.perhaps.is_none() {
        doubts.note(at, "the addresses of one end are not told");
        found.perhaps(None);
    }
    found.addresses(end)
}

/// What the items of an end come to.
#[derive(Default)]
struct Found {
    any: bool,
    nets: Vec<IpNet>,
    perhaps: Option<Option<Family>>,
}

impl Found {
    /// Notes that it may be anybody's, or anybody's of a family.
    fn perhaps(&mut self, family: Option<Family>) {
        let known = self.perhaps.get_or_insert(family);
        if *known != family {
            *known = None;
        }
    }

    fn take(&mut self, item: At<'_>, doubts: &mut Doubts) {
        match prefix(item) {
            Some(Prefix::Any) => self.any = true,
            Some(Prefix::Net(net)) => {
                if net.prefix_len() == 0 && net.addr().is_ipv4() {
                    doubts.note(item, "whether `0.0.0.0/0` is IPv6 too is not documented");
                    self.perhaps(Some(Family::V6));
                }
                self.nets.push(net);
            }
            None => self.perhaps(None),
        }
    }

    /// Takes what is no prefix: what an interface spells out, else something that may be anything.
    fn tags(
        &mut self,
        at: At<'_>,
        tags: &[At<'_>],
        end: &End,
        teller: Teller<'_>,
        doubts: &mut Doubts,
    ) {
        if let Teller::Interface(map) = teller {
            let all = at.get(end.expanded).filter(|all| all.says());
            let by_tag = |tag: &At<'_>| map?.get(tag.text()?).filter(|list| list.says());
            let lists: Option<Vec<At<'_>>> = match all {
                Some(all) => Some(vec![all]),
                None => tags.iter().map(by_tag).collect(),
            };
            if let Some(lists) = lists {
                lists.into_iter().for_each(|list| self.expanded(list, doubts));
                return;
            }
        }
        for tag in tags {
            doubts.note(*tag, what_is(*tag));
        }
        self.perhaps(None);
    }

    fn expanded(&mut self, list: At<'_>, doubts: &mut Doubts) {
        let Ok(items) = list.items() else {
            doubts.note(list, "the addresses of a service tag are not understood");
            return self.perhaps(None);
        };
        for item in items {
            if prefix(item).is_none() {
                doubts.note(item, what_is(item));
            }
            self.take(item, doubts);
        }
    }

    fn addresses(self, end: &End) -> Addresses {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for net in self.nets {
            match net {
                IpNet::V4(net) => v4.push(net),
                IpNet::V6(net) => v6.push(net),
            }
        }
        Addresses {
            any: self.any,
            v4: (!v4.is_empty()).then(|| (end.v4)(sets::v4(v4))),
            v6: (!v6.is_empty()).then(|| (end.v6)(sets::v6(v6))),
            perhaps: self.perhaps,
        }
    }
}

/// Says what something is that is no prefix.
fn what_is(item: At<'_>) -> String {
    let tag = |text: &&str| text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    match item.value() {
        Value::Text(text) => match Some(text.as_str()).filter(tag) {
            Some(tag) => format!("`{tag}` is a service tag, whose addresses change"),
            None => "this is neither a prefix nor a service tag".to_owned(),
        },
        _ => "this is not known here".to_owned(),
    }
}

/// What an item of a list of addresses is, where that is known.
enum Prefix {
    Any,
    Net(IpNet),
}

/// Reads a prefix; without a length it is one address, and host bits are left out of account: the portal
/// stores them (azure-powershell#4557).
fn prefix(item: At<'_>) -> Option<Prefix> {
    let text = item.text()?;
    if text == "*" {
        return Some(Prefix::Any);
    }
    let address: Option<IpAddr> = text.parse().ok();
    let net = address.map(IpNet::from).or_else(|| item.net())?;
    Some(Prefix::Net(net))
}

/// Returns what one member or several say: one of the two, or at an interface both. `None` where that is not
/// so, or where one is no list.
fn said<'a>(at: At<'a>, keys: [&[&str]; 2], teller: Teller<'_>) -> Option<Vec<At<'a>>> {
    let [one, several] = keys.map(|keys| keys.iter().filter_map(|key| at.get(key)));
    let (one, several) = (one.filter(|at| at.says()), several.filter(|at| at.says()));
    let (one, several): (Vec<_>, Vec<_>) = (one.collect(), several.collect());
    let both = matches!(teller, Teller::Interface(_));
    if one.len() > 1 || several.len() > 1 || (!both && !one.is_empty() && !several.is_empty()) {
        return None;
    }
    let mut items = one;
    for list in several {
        // An interface tells one in both places.
        let told = items.first().and_then(|item| item.text());
        items.extend(list.items().ok()?.filter(|item| told.is_none() || item.text() != told));
    }
    Some(items)
}

/// The ports of an end.
pub(super) struct Ports {
    any: bool,
    ranges: Ranges<u32>,
    /// Whether they are not known.
    unknown: bool,
}

impl Ports {
    /// Tells whether it is surely every port.
    pub(super) fn is_any(&self) -> bool {
        self.any && !self.unknown
    }

    /// Returns what they ask of a packet of TCP or UDP.
    pub(super) fn conditions(&self, field: Field) -> Vec<Match> {
        match (self.unknown, self.any) {
            (true, _) => vec![Match::Unknown],
            (false, true) => Vec::new(),
            (false, false) => vec![Match::Field(field, self.ranges.clone())],
        }
    }
}

/// Returns the ports of an end.
pub(super) fn ports(at: At<'_>, end: &End, teller: Teller<'_>, doubts: &mut Doubts) -> Ports {
    let mut ports = Ports { any: false, ranges: Vec::new(), unknown: false };
    let items = said(at, [end.port, end.ports], teller).unwrap_or_default();
    for item in &items {
        match range(*item) {
            Some((0, 65535)) => ports.any = true,
            Some(range) => ports.ranges.push(range),
            None => {
                doubts.note(*item, "this is no port and no range of ports");
                ports.unknown = true;
            }
        }
    }
    if items.is_empty() {
        doubts.note(at, "the ports of one end are not told");
        ports.unknown = true;
    }
    ports
}

/// Reads a port, two with `-` between, or `*`.
fn range(item: At<'_>) -> Option<(u32, u32)> {
    let port = |text: &str| text.parse::<u16>().ok().map(u32::from);
    if let Value::Number(number) = item.value() {
        let number = u16::try_from(*number).ok()?;
        return Some((number.into(), number.into()));
    }
    let text = item.text()?;
    if text == "*" {
        return Some((0, 65535));
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (port(low)?, port(high)?);
    (low <= high).then_some((low, high))
}
