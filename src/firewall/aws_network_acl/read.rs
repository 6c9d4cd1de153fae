//! Reads the file back: entries by number, first match, denied at the end.
//!
//! Written apart from the plan. No tool of the vendor checks numbers, ranges or what belongs together, so
//! all that is checked here.

use crate::firewall::entries::aws::Format;
use crate::firewall::entries::document::{self, Node, Value};
use crate::firewall::{File, ReadError, at_hook};
use crate::ir::{Hook, Verdict};
use crate::net::protocol::{ICMP, ICMPV6, TCP, UDP};
use crate::program::Program;
use crate::program::{Base, Chain, Clause, Field, Match, Place, Then};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// An entry as it is written.
struct Entry {
    egress: bool,
    number: u16,
    clause: Clause,
}

/// Reads an artifact of one file.
pub(super) fn read(format: Format, files: &[File]) -> Result<Program, ReadError> {
    let [file] = files else { return Err(document::refuse(1, "an ACL is one file")) };
    let entries = match format {
        Format::Terraform => terraform(&document::hcl(&file.text)?)?,
        Format::TerraformJson => terraform(&document::references(document::json(&file.text)?)?)?,
        Format::CloudFormation => cloudformation(&document::yaml(&file.text)?)?,
        Format::Api => api(&document::json(&file.text)?)?,
    };
    program(entries)
}

fn program(entries: Vec<Entry>) -> Result<Program, ReadError> {
    let mut ways = [BTreeMap::new(), BTreeMap::new()];
    for entry in entries {
        let line = entry.clause.place.line;
        let [ingress, egress] = &mut ways;
        let way = if entry.egress { egress } else { ingress };
        if way.insert(entry.number, entry.clause).is_some() {
            return Err(document::refuse(line, format!("number {} is there twice", entry.number)));
        }
    }
    Ok(ordered(ways.map(|way| way.into_values().collect())))
}

/// What entries in their order come to, those of ingress first: what none of them decides is denied.
pub(super) fn ordered([ingress, egress]: [Vec<Clause>; 2]) -> Program {
    let chain = |name: &str, clauses| Chain { name: name.to_owned(), clauses };
    let base = |hook: Hook, chain: usize| Base {
        when: vec![at_hook(hook)],
        chain,
        policy: Verdict::Drop,
        place: Place { file: 0, line: 1 },
    };
    Program {
        bases: vec![base(Hook::Input, 0), base(Hook::Output, 1)],
        chains: vec![chain("ingress", ingress), chain("egress", egress)],
    }
}

fn terraform(root: &Node) -> Result<Vec<Entry>, ReadError> {
    root.only(&["//", "variable", "resource"])?;
    let resource = root.need("resource")?;
    resource.only(&["aws_network_acl", "aws_network_acl_rule"])?;
    let [(name, acl)] = resource.need("aws_network_acl")?.map()? else {
        return Err(resource.refuse("there is one ACL"));
    };
    acl.only(&["vpc_id", "tags"])?;
    if !acl.need("vpc_id")?.reference()?.starts_with("var.") {
        return Err(acl.refuse("the VPC is a variable"));
    }
    let id = format!("aws_network_acl.{name}.id");
    let rules = resource.get("aws_network_acl_rule").map(Node::map).transpose()?;
    let rules = rules.unwrap_or_default().iter();
    rules.map(|(_, rule)| terraform_rule(rule, &id)).collect()
}

fn terraform_rule(rule: &Node, acl: &str) -> Result<Entry, ReadError> {
    rule.only(&[
        "//",
        "network_acl_id",
        "egress",
        "rule_number",
        "rule_action",
        "protocol",
        "cidr_block",
        "ipv6_cidr_block",
        "from_port",
        "to_port",
        "icmp_type",
        "icmp_code",
    ])?;
    if rule.need("network_acl_id")?.reference()? != acl {
        return Err(rule.refuse("this is an entry of another ACL"));
    }
    entry(&Parts {
        at: rule,
        egress: rule.need("egress")?.bool()?,
        number: rule.need("rule_number")?,
        action: rule.need("rule_action")?,
        protocol: rule.need("protocol")?.text()?.parse().ok(),
        v4: rule.get("cidr_block"),
        v6: rule.get("ipv6_cidr_block"),
        ports: pair(rule, "from_port", "to_port")?,
        icmp: pair(rule, "icmp_type", "icmp_code")?,
    })
}

fn cloudformation(root: &Node) -> Result<Vec<Entry>, ReadError> {
    document::no_dynamic_references(root)?;
    root.only(&["AWSTemplateFormatVersion", "Description", "Parameters", "Resources", "Outputs"])?;
    let mut acl = None;
    let mut entries = Vec::new();
    for (name, resource) in root.need("Resources")?.map()? {
        resource.only(&["Type", "Properties"])?;
        let properties = resource.need("Properties")?;
        match resource.need("Type")?.text()? {
            "AWS::EC2::NetworkAcl" if acl.is_none() => {
                properties.only(&["VpcId", "Tags"])?;
                acl = Some(name);
            }
            "AWS::EC2::NetworkAclEntry" => entries.push(properties),
            other => return Err(resource.refuse(format!("`{other}` is not understood"))),
        }
    }
    let acl = acl.ok_or_else(|| root.refuse("there is no ACL"))?;
    entries.into_iter().map(|properties| cloudformation_entry(properties, acl)).collect()
}

fn cloudformation_entry(entry: &Node, acl: &str) -> Result<Entry, ReadError> {
    let keys = ["NetworkAclId", "Icmp", "Protocol"];
    entry.only(&[&keys[..], &COMMON].concat())?;
    let id = entry.need("NetworkAclId")?;
    id.only(&["Ref"])?;
    if id.need("Ref")?.text()? != acl {
        return Err(entry.refuse("this is an entry of another ACL"));
    }
    api_entry(entry, "Icmp", Some(entry.need("Protocol")?.number()?))
}

fn api(root: &Node) -> Result<Vec<Entry>, ReadError> {
    root.only(&["NetworkAclEntries"])?;
    let entries = root.need("NetworkAclEntries")?.list()?.iter();
    let read = |entry: &Node| {
        let keys = ["IcmpTypeCode", "Protocol"];
        entry.only(&[&keys[..], &COMMON].concat())?;
        api_entry(entry, "IcmpTypeCode", entry.need("Protocol")?.text()?.parse().ok())
    };
    entries.map(read).collect()
}

/// What CloudFormation and the API spell alike.
const COMMON: [&str; 6] =
    ["RuleNumber", "Egress", "RuleAction", "CidrBlock", "Ipv6CidrBlock", "PortRange"];

fn api_entry(at: &Node, icmp: &str, protocol: Option<i64>) -> Result<Entry, ReadError> {
    let inner = |key: &str, a: &str, b: &str| match at.get(key) {
        Some(node) => {
            node.only(&[a, b])?;
            pair(node, a, b)
        }
        None => Ok(None),
    };
    entry(&Parts {
        at,
        egress: at.need("Egress")?.bool()?,
        number: at.need("RuleNumber")?,
        action: at.need("RuleAction")?,
        protocol,
        v4: at.get("CidrBlock"),
        v6: at.get("Ipv6CidrBlock"),
        ports: inner("PortRange", "From", "To")?,
        icmp: inner(icmp, "Type", "Code")?,
    })
}

/// Two numbers that stand together or not at all.
fn pair(node: &Node, a: &str, b: &str) -> Result<Option<(i64, i64)>, ReadError> {
    match (node.get(a), node.get(b)) {
        (Some(a), Some(b)) => Ok(Some((a.number()?, b.number()?))),
        (None, None) => Ok(None),
        _ => Err(node.refuse(format!("`{a}` and `{b}` stand together"))),
    }
}

/// The parts of an entry, whatever they are called.
struct Parts<'a> {
    at: &'a Node,
    egress: bool,
    number: &'a Node,
    action: &'a Node,
    protocol: Option<i64>,
    v4: Option<&'a Node>,
    v6: Option<&'a Node>,
    ports: Option<(i64, i64)>,
    icmp: Option<(i64, i64)>,
}

fn entry(parts: &Parts<'_>) -> Result<Entry, ReadError> {
    let number = u16::try_from(parts.number.number()?).ok().filter(|n| (1..=32766).contains(n));
    let verdict = match &parts.action.value {
        Value::Text(word) if word == "allow" => Verdict::Accept,
        Value::Text(word) if word == "deny" => Verdict::Drop,
        _ => return Err(parts.action.refuse("`allow` or `deny` is expected here")),
    };
    let net = document::prefix(parts.at, parts.v4, parts.v6)?;
    let mut when = vec![document::side(net, parts.egress)];
    when.extend(service(parts, net)?);
    let place = Place { file: 0, line: parts.at.line };
    Ok(Entry {
        egress: parts.egress,
        number: number.ok_or_else(|| parts.number.refuse("a number is from 1 to 32766"))?,
        clause: Clause { when, then: Then::Decide(verdict), place },
    })
}

fn service(parts: &Parts<'_>, net: IpNet) -> Result<Vec<Match>, ReadError> {
    let refuse = |reason: &str| Err(parts.at.refuse(reason));
    let number = parts.protocol.filter(|number| (-1..=255).contains(number));
    let Some(number) = number else { return refuse("a protocol is a number from -1 to 255") };
    let Ok(protocol) = u8::try_from(number) else {
        return match (parts.ports, parts.icmp) {
            (None, None) => Ok(Vec::new()),
            _ => refuse("all protocols have neither ports nor types"),
        };
    };
    let number = crate::firewall::entries::aws::one(Field::Protocol, protocol.into());
    match (protocol, parts.ports, parts.icmp) {
        (TCP | UDP, Some((from, to)), None) => match (u16::try_from(from), u16::try_from(to)) {
            (Ok(from), Ok(to)) if from <= to => {
                let range = vec![(from.into(), to.into())];
                Ok(vec![number, Match::Field(Field::DestinationPort, range)])
            }
            _ => refuse("ports are from 0 to 65535, the lower one first"),
        },
        (ICMP | ICMPV6, None, Some((ty, code))) => {
            let mut when = document::icmp(parts.at, protocol, net, ty, code)?;
            when.push(number);
            Ok(when)
        }
        (TCP | UDP | ICMP | ICMPV6, ..) => {
            refuse("TCP and UDP have ports, ICMP has a type and a code")
        }
        (_, None, None) => Ok(vec![number]),
        _ => refuse("this protocol has neither ports nor types"),
    }
}
