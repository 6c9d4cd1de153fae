//! What an artifact may have beyond what the reader understands: exactly what this program writes.
//!
//! The reader takes what others write too, in any case, with host bits and in any order; Azure takes less.

use super::options::Format;
use crate::firewall::entries::document::{self, Node, Value};
use crate::firewall::{File, ReadError};
use ipnet::IpNet;
use std::collections::BTreeSet;

/// Holds an artifact of one file against what this program writes.
pub(super) fn check(format: Format, files: &[File]) -> Result<(), ReadError> {
    let [file] = files else { return Err(document::refuse(1, "a group is one file")) };
    match format {
        Format::Arm => template(&document::json(&file.text)?),
        Format::Terraform => terraform(&document::hcl(&file.text)?),
        Format::TerraformJson => terraform(&document::references(document::json(&file.text)?)?),
    }
}

const GROUP: &str = "Microsoft.Network/networkSecurityGroups";

fn template(root: &Node) -> Result<(), ReadError> {
    let known = ["$schema", "contentVersion", "metadata", "parameters", "resources", "outputs"];
    root.only(&known)?;
    root.need("parameters")?.only(&["location"])?;
    let resources = root.need("resources")?;
    let [group] = resources.list()? else { return Err(resources.refuse("there is one group")) };
    group.only(&["type", "apiVersion", "name", "location", "properties"])?;
    if group.need("type")?.text()? != GROUP {
        return Err(group.refuse("this is no network security group"));
    }
    let version = group.need("apiVersion")?;
    if !("2019-11-01".."9999").contains(&version.text()?) {
        return Err(version.refuse("this is no version of the API that has all that is written"));
    }
    literal(group.need("name")?)?;
    let properties = group.need("properties")?;
    properties.only(&["securityRules"])?;
    let mut rules = Vec::new();
    for rule in properties.need("securityRules")?.list()? {
        rule.only(&["name", "properties"])?;
        rules.push(Rule { name: rule.need("name")?, at: rule.need("properties")?, words: &ARM });
    }
    all(properties, &rules)
}

fn terraform(root: &Node) -> Result<(), ReadError> {
    root.only(&["//", "variable", "resource", "output"])?;
    for (_, variable) in root.need("variable")?.map()? {
        variable.only(&["type"])?;
    }
    for (_, output) in root.need("output")?.map()? {
        output.only(&["value"])?;
        output.need("value")?.reference()?;
    }
    let resource = root.need("resource")?;
    resource.only(&["azurerm_network_security_group"])?;
    let groups = resource.need("azurerm_network_security_group")?;
    let [(_, group)] = groups.map()? else { return Err(groups.refuse("there is one group")) };
    group.only(&["name", "location", "resource_group_name", "security_rule"])?;
    group.need("name")?.text()?;
    for key in ["location", "resource_group_name"] {
        if !group.need(key)?.reference()?.starts_with("var.") {
            return Err(group.refuse(format!("`{key}` is a variable")));
        }
    }
    let mut rules = Vec::new();
    for rule in group.need("security_rule")?.list()? {
        rules.push(Rule { name: rule.need("name")?, at: rule, words: &TERRAFORM });
    }
    all(group, &rules)
}

/// The words of a format for a rule's members: common ones, and for each end one prefix, several, one range
/// of ports, several.
struct Words {
    common: &'static [&'static str],
    ends: [[&'static str; 4]; 2],
}

const ARM: Words = Words {
    common: &["description", "protocol", "access", "priority", "direction"],
    ends: [
        ["sourceAddressPrefix", "sourceAddressPrefixes", "sourcePortRange", "sourcePortRanges"],
        [
            "destinationAddressPrefix",
            "destinationAddressPrefixes",
            "destinationPortRange",
            "destinationPortRanges",
        ],
    ],
};

const TERRAFORM: Words = Words {
    common: &[
        "name",
        "description",
        "protocol",
        "access",
        "priority",
        "direction",
        "source_application_security_group_ids",
        "destination_application_security_group_ids",
    ],
    ends: [
        [
            "source_address_prefix",
            "source_address_prefixes",
            "source_port_range",
            "source_port_ranges",
        ],
        [
            "destination_address_prefix",
            "destination_address_prefixes",
            "destination_port_range",
            "destination_port_ranges",
        ],
    ],
};

struct Rule<'a> {
    name: &'a Node,
    at: &'a Node,
    words: &'static Words,
}

/// Checks every rule, what no two may share, and that both directions are closed.
fn all(at: &Node, rules: &[Rule<'_>]) -> Result<(), ReadError> {
    let (mut names, mut priorities) = (BTreeSet::new(), BTreeSet::new());
    let mut closed = BTreeSet::new();
    for rule in rules {
        let (outbound, priority) = one(rule)?;
        if !names.insert(rule.name.text()?.to_ascii_lowercase()) {
            return Err(rule.name.refuse("this name is there twice"));
        }
        if !priorities.insert((outbound, priority)) {
            return Err(rule.at.refuse("this priority is there twice"));
        }
        if priority == LAST && closes(rule)? {
            closed.insert(outbound);
        }
    }
    match closed.len() {
        2 => Ok(()),
        _ => Err(at.refuse("a direction is not closed by a last rule over everything")),
    }
}

/// The priority of the last rule.
const LAST: i64 = 4096;

/// Checks a rule by itself, and returns whether it is outbound, and its priority.
fn one(rule: &Rule<'_>) -> Result<(bool, i64), ReadError> {
    let (at, words) = (rule.at, rule.words);
    at.only(&[words.common, &words.ends.concat()].concat())?;
    literal(rule.name)?;
    literal(at.need("description")?)?;
    let word = |key: &str, known: &[&str]| {
        let node = at.need(key)?;
        let said = node.text()?;
        match known.iter().position(|word| *word == said) {
            Some(at) => Ok(at),
            None => Err(node.refuse(format!("`{said}` is not written here"))),
        }
    };
    word("access", &["Allow", "Deny"])?;
    word("protocol", &["*", "Tcp", "Udp", "Icmp", "Esp", "Ah"])?;
    let outbound = word("direction", &["Inbound", "Outbound"])? == 1;
    for [prefix, prefixes, range, ranges] in words.ends {
        addresses(at, prefix, prefixes)?;
        if set(at, range, ranges)?.iter().any(|node| node.text().is_err()) {
            return Err(at.refuse("ports are text"));
        }
    }
    let priority = at.need("priority")?;
    match priority.number()? {
        number @ 100..=LAST => Ok((outbound, number)),
        _ => Err(priority.refuse("a priority is from 100 to 4096")),
    }
}

/// Tells whether a rule is over everything.
fn closes(rule: &Rule<'_>) -> Result<bool, ReadError> {
    let any = |key: &str| rule.at.get(key).is_some_and(|node| node.text() == Ok("*"));
    let [source, destination] = rule.words.ends;
    let keys = [source[0], source[2], destination[0], destination[2], "protocol"];
    Ok(keys.into_iter().all(any))
}

/// Refuses what the Resource Manager would evaluate.
fn literal(node: &Node) -> Result<(), ReadError> {
    match node.text()?.starts_with('[') {
        true => Err(node.refuse("an expression that the Resource Manager would evaluate")),
        false => Ok(()),
    }
}

/// Returns what is said by one of two members: one value, or a list of at least two, with no `*`.
fn set<'a>(at: &'a Node, one: &str, several: &str) -> Result<&'a [Node], ReadError> {
    let said = |key: &str| at.get(key).filter(|node| node.value != Value::Null);
    match (said(one), said(several)) {
        (Some(node), None) => Ok(std::slice::from_ref(node)),
        (None, Some(list)) => {
            let items = list.list()?;
            match items.len() < 2 || items.iter().any(|item| item.text() == Ok("*")) {
                true => Err(list.refuse("a list has several items, and no `*`")),
                false => Ok(items),
            }
        }
        _ => Err(at.refuse(format!("either `{one}` or `{several}` is written"))),
    }
}

/// Checks the addresses of an end: prefixes of one family without host bits, none within another.
fn addresses(at: &Node, one: &str, several: &str) -> Result<(), ReadError> {
    let mut nets: Vec<(IpNet, &Node)> = Vec::new();
    for node in set(at, one, several)? {
        let text = node.text()?;
        if text == "*" {
            continue;
        }
        let net = text.parse().ok().filter(|net: &IpNet| net.trunc() == *net);
        let net = net.filter(|net| net.to_string() == text && net.prefix_len() > 0);
        nets.push((net.ok_or_else(|| node.refuse("this is no prefix as Azure takes it"))?, node));
    }
    nets.sort_by_key(|(net, _)| *net);
    let apart = |pair: &[(IpNet, &Node)]| match pair {
        [(a, _), (b, _)] => !a.contains(b) && a.addr().is_ipv4() == b.addr().is_ipv4(),
        _ => true,
    };
    match nets.windows(2).find(|pair| !apart(pair)) {
        Some([_, (_, node)]) => {
            Err(node.refuse("Azure refuses prefixes that meet, or of two families"))
        }
        _ => Ok(()),
    }
}
