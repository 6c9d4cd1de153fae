//! Entries in the words of each format.

use super::plan::Entry;
use crate::firewall::entries::aws::{Attribute, Format, aligned, logical, name, text};
use crate::firewall::entries::services::Part;
use crate::firewall::{Header, Spec};
use ipnet::IpNet;
use serde::Serialize;

/// What a template lays out.
#[derive(Serialize)]
pub(super) struct Page {
    source: String,
    policy: String,
    /// The ACL's own name.
    acl: String,
    /// The same as people read it.
    title: String,
    entries: Vec<Spelled>,
}

#[derive(Serialize)]
struct Spelled {
    /// The resource's name: direction and number, which stay when other rules change.
    name: String,
    comment: String,
    attributes: Vec<Attribute>,
}

/// A comment's most bytes.
const COMMENT: usize = 200;

/// Spells a whole file.
pub(super) fn page(entries: &[Entry], spec: &Spec, format: Format, header: &Header) -> Page {
    let title = format!("{}-{}", header.policy, spec.name);
    let acl = match format {
        Format::CloudFormation => logical(&title),
        _ => name(&title),
    };
    let spelled = |entry: &Entry| {
        let way = if entry.egress { "egress" } else { "ingress" };
        let label = match format {
            Format::CloudFormation => logical(&format!("{way}-{}", entry.number)),
            _ => format!("{acl}_{way}_{}", entry.number),
        };
        Spelled {
            name: label,
            comment: text(&entry.comment, COMMENT),
            attributes: attributes(entry, format, &acl),
        }
    };
    Page {
        source: text(&header.source, COMMENT),
        policy: text(&header.policy, COMMENT),
        title: text(&title, COMMENT),
        entries: entries.iter().map(spelled).collect(),
        acl,
    }
}

fn attributes(entry: &Entry, format: Format, acl: &str) -> Vec<Attribute> {
    match format {
        Format::Terraform => aligned(terraform(entry, acl)),
        Format::TerraformJson => terraform(entry, acl),
        Format::CloudFormation => cloudformation(entry, acl),
        Format::Api => api(entry),
    }
}

fn action(entry: &Entry) -> &'static str {
    if entry.allow { "allow" } else { "deny" }
}

fn protocol(entry: &Entry) -> String {
    entry.service.protocol.map_or_else(|| "-1".to_owned(), |number| number.to_string())
}

/// A type or code: -1 is any.
fn or_any(value: Option<u8>) -> String {
    value.map_or_else(|| "-1".to_owned(), |value| value.to_string())
}

/// `aws_network_acl_rule` (registry.terraform.io, provider hashicorp/aws).
fn terraform(entry: &Entry, acl: &str) -> Vec<Attribute> {
    let block = match entry.prefix {
        IpNet::V4(_) => "cidr_block",
        IpNet::V6(_) => "ipv6_cidr_block",
    };
    let mut list = vec![
        Attribute::reference("network_acl_id", format!("aws_network_acl.{acl}.id")),
        Attribute::plain("egress", entry.egress.to_string()),
        Attribute::plain("rule_number", entry.number.to_string()),
        Attribute::text("rule_action", action(entry)),
        Attribute::text("protocol", protocol(entry)),
        Attribute::text(block, entry.prefix.to_string()),
    ];
    match entry.service.part {
        Part::Whole => {}
        Part::Ports(from, to) => {
            list.push(Attribute::plain("from_port", from.to_string()));
            list.push(Attribute::plain("to_port", to.to_string()));
        }
        Part::Icmp(ty, code) => {
            list.push(Attribute::plain("icmp_type", or_any(ty)));
            list.push(Attribute::plain("icmp_code", or_any(code)));
        }
    }
    list
}

/// The members that CloudFormation and the API spell alike.
fn common(entry: &Entry, icmp: &str) -> Vec<Attribute> {
    let block = match entry.prefix {
        IpNet::V4(_) => "CidrBlock",
        IpNet::V6(_) => "Ipv6CidrBlock",
    };
    let mut list = vec![
        Attribute::plain("RuleNumber", entry.number.to_string()),
        Attribute::plain("Egress", entry.egress.to_string()),
        Attribute::text("RuleAction", action(entry)),
        Attribute::text(block, entry.prefix.to_string()),
    ];
    let pair = |a: &str, x: String, b: &str, y: String| {
        vec![Attribute::plain(a, x), Attribute::plain(b, y)]
    };
    match entry.service.part {
        Part::Whole => {}
        Part::Ports(from, to) => {
            let range = pair("From", from.to_string(), "To", to.to_string());
            list.push(Attribute::map("PortRange", range));
        }
        Part::Icmp(ty, code) => {
            list.push(Attribute::map(icmp, pair("Type", or_any(ty), "Code", or_any(code))));
        }
    }
    list
}

/// `AWS::EC2::NetworkAclEntry`.
fn cloudformation(entry: &Entry, acl: &str) -> Vec<Attribute> {
    let mut list = common(entry, "Icmp");
    list.insert(0, Attribute::map("NetworkAclId", vec![Attribute::text("Ref", acl)]));
    list.push(Attribute::plain("Protocol", protocol(entry)));
    list
}

/// The request of `CreateNetworkAclEntry`, without the id of the ACL.
fn api(entry: &Entry) -> Vec<Attribute> {
    let mut list = common(entry, "IcmpTypeCode");
    list.push(Attribute::text("Protocol", protocol(entry)));
    list
}
