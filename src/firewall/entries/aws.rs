//! Amazon Web Services: what network ACLs and security groups have in common.

use crate::firewall::options::{OptionSpec, Setting, Tie, Values};
use crate::firewall::{at_hook, text};
use crate::ir::Hook;
use crate::ir::packet::{MatchCaps, Rule};
use crate::net::IpSet;
use crate::program::{Field, Match};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The languages in which rules are handed to AWS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// HCL for Terraform.
    Terraform,
    /// JSON for Terraform.
    TerraformJson,
    /// A CloudFormation template in YAML.
    CloudFormation,
    /// JSON in the shapes of the EC2 API.
    Api,
}

impl Format {
    /// Returns the format that a word of the option `format` stands for.
    pub(in crate::firewall) fn of(word: &str) -> Self {
        match word {
            "terraform" => Format::Terraform,
            "terraform-json" => Format::TerraformJson,
            "cloudformation" => Format::CloudFormation,
            _ => Format::Api,
        }
    }
}

/// The option for the addresses behind a firewall that does not look at them.
pub(in crate::firewall) const MEMBERS: OptionSpec = OptionSpec::new(
    "members",
    Values::Addresses,
    "The addresses of the machines behind it, which it does not look at.",
);

/// The option for the size of address sets.
pub(in crate::firewall) const MAX_ENTRIES: OptionSpec = OptionSpec::new(
    "max-entries",
    Values::Number(1, 1000),
    "To how many prefixes a family the addresses of a rule grow when they have more; with `widen: true`.",
)
.tied(&[Tie::Needs {
    key: "widen",
    why: "`max-entries` lets in more than the policy says, and `widen` does not agree",
    help: "add `widen: true`: every address more is then reported",
}]);

/// The option that agrees to it.
pub(in crate::firewall) const WIDEN: OptionSpec = OptionSpec::new(
    "widen",
    Values::Flag,
    "That more may be let in than the policy says, so that addresses fit into `max-entries`.",
)
.or(Setting::Flag(false))
.tied(&[Tie::Needs {
    key: "max-entries",
    why: "`widen` says that addresses may grow, but not to how many prefixes",
    help: "add `max-entries: 20`",
}]);

/// The characters that may be printed: those that AWS takes in descriptions, without any that one of the
/// languages would evaluate or that would end a text.
pub(in crate::firewall) fn safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;!*".contains(c)
}

/// Makes a text of safe characters, cut visibly at `most` bytes.
pub(in crate::firewall) fn text(text: &str, most: usize) -> String {
    let plain = |c: char| match c {
        _ if safe(c) => c,
        '{' => '(',
        '}' => ')',
        _ => '.',
    };
    text::cut(text.chars().map(plain).collect(), most)
}

/// Says where a rule comes from.
pub(in crate::firewall) fn comment(rule: &Rule) -> String {
    text::comment(&rule.origins, DESCRIPTION)
}

/// A description's most bytes (API reference of EC2, IpRange).
pub(in crate::firewall) const DESCRIPTION: usize = 255;

/// A name for Terraform and CloudFormation: letters, digits and `_`.
pub(in crate::firewall) fn name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// A logical id for CloudFormation, which takes letters and digits only: each part begins with a capital,
/// and numbers beside each other are kept apart.
pub(in crate::firewall) fn logical(text: &str) -> String {
    let mut id = String::new();
    for part in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        if digit(id.chars().last()) && digit(part.chars().next()) {
            id.push('x');
        }
        let mut chars = part.chars();
        id.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        id.push_str(chars.as_str());
    }
    id
}

/// Neither looks at source ports, TCP flags or hop limits, nor at the addresses of the machines behind it.
pub(in crate::firewall) fn match_caps(members: Option<&IpSet>) -> MatchCaps {
    MatchCaps {
        source_ports: false,
        tcp_flags: false,
        hop_limit: false,
        link: false,
        behind: Some(members.cloned().unwrap_or_else(IpSet::all)),
        ..MatchCaps::FULL
    }
}

pub(in crate::firewall) fn one(field: Field, value: u32) -> Match {
    Match::Field(field, vec![(value, value)])
}

/// What never comes to either.
///
/// A machine's own loopback and what it forwards inside itself; other addresses than the members'; what
/// stays on a link (neighbour and router discovery, RFC 4861; multicast listeners, RFC 2710, RFC 3810: a
/// VPC answers and filters these itself); and what both of Amazon's user guides list as not filtered: DHCP,
/// the Amazon DNS server, instance and task metadata, the Amazon Time Sync Service, the licence servers of
/// Windows (docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html and vpc-network-acls.html).
pub(in crate::firewall) fn unseen(members: Option<&IpSet>) -> Vec<Vec<Match>> {
    let mut unseen = vec![
        vec![at_hook(Hook::Forward)],
        vec![at_hook(Hook::RawPrerouting)],
        vec![at_hook(Hook::RawOutput)],
        vec![at_hook(Hook::Input), one(Field::Incoming, 0)],
        vec![at_hook(Hook::Output), one(Field::Outgoing, 0)],
    ];
    let types = |low: u32, high: u32| {
        Match::Field(Field::DestinationPort, vec![(low << 8, high << 8 | 255)])
    };
    let icmpv6 = || one(Field::Protocol, 58);
    unseen.push(vec![icmpv6(), types(133, 137), one(Field::HopLimit, 255)]);
    unseen.push(vec![icmpv6(), types(130, 132), one(Field::HopLimit, 1)]);
    unseen.push(vec![icmpv6(), types(143, 143), one(Field::HopLimit, 1)]);
    for (client, server) in [(68, 67), (546, 547)] {
        for port in [client, server] {
            unseen.push(vec![one(Field::Protocol, 17), one(Field::DestinationPort, port)]);
        }
    }
    // Loopback addresses never leave a machine (RFC 1122 3.2.1.3, RFC 4291 2.5.3).
    let loopback = || vec![(127 << 24, (128 << 24) - 1)];
    unseen.push(vec![Match::Source4(loopback())]);
    unseen.push(vec![Match::Destination4(loopback())]);
    unseen.push(vec![Match::Source6(vec![(1, 1)])]);
    unseen.push(vec![Match::Destination6(vec![(1, 1)])]);
    unseen.extend(amazon_services());
    for family in members.into_iter().flat_map(|members| {
        let others = IpSet::all().difference(members);
        [
            (
                Match::Source4(others.v4.ranges().to_vec()),
                Match::Destination4(others.v4.ranges().to_vec()),
            ),
            (
                Match::Source6(others.v6.ranges().to_vec()),
                Match::Destination6(others.v6.ranges().to_vec()),
            ),
        ]
    }) {
        let (source, destination) = family;
        unseen.push(vec![at_hook(Hook::Output), source]);
        unseen.push(vec![at_hook(Hook::Input), destination]);
    }
    unseen
}

/// Amazon's own services on link-local addresses.
fn amazon_services() -> Vec<Vec<Match>> {
    let v4 = [123, 250, 251, 253, 254].map(|last| Ipv4Addr::new(169, 254, 169, last));
    let v4 =
        v4.into_iter().chain([Ipv4Addr::new(169, 254, 170, 2)]).map(|a| (a.to_bits(), a.to_bits()));
    let v4: Vec<_> = v4.collect();
    let v6 = [0x123, 0x250, 0x251, 0x253, 0x254];
    let v6 = v6.map(|last| Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, last).to_bits());
    let v6: Vec<_> = v6.into_iter().map(|a| (a, a)).collect();
    vec![
        vec![Match::Source4(v4.clone())],
        vec![Match::Destination4(v4)],
        vec![Match::Source6(v6.clone())],
        vec![Match::Destination6(v6)],
    ]
}

/// One attribute as a template lays it out.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub(in crate::firewall) struct Attribute {
    pub(in crate::firewall) key: String,
    /// `text` is quoted, `plain` is a number or a boolean, `reference` names another object, `map` has
    /// members.
    pub(in crate::firewall) kind: &'static str,
    pub(in crate::firewall) value: String,
    pub(in crate::firewall) members: Vec<Attribute>,
}

impl Attribute {
    pub(in crate::firewall) fn new(
        key: &str,
        kind: &'static str,
        value: String,
        members: Vec<Attribute>,
    ) -> Self {
        Attribute { key: key.to_owned(), kind, value, members }
    }

    pub(in crate::firewall) fn text(key: &str, value: impl Into<String>) -> Self {
        Self::new(key, "text", value.into(), Vec::new())
    }

    pub(in crate::firewall) fn plain(key: &str, value: impl Into<String>) -> Self {
        Self::new(key, "plain", value.into(), Vec::new())
    }

    pub(in crate::firewall) fn reference(key: &str, value: impl Into<String>) -> Self {
        Self::new(key, "reference", value.into(), Vec::new())
    }

    pub(in crate::firewall) fn map(key: &str, members: Vec<Attribute>) -> Self {
        Self::new(key, "map", String::new(), members)
    }
}

/// Pads the keys of a block, as `terraform fmt` aligns the signs after them.
pub(in crate::firewall) fn aligned(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    let width = attributes.iter().map(|attribute| attribute.key.len()).max().unwrap_or_default();
    for attribute in &mut attributes {
        attribute.key = format!("{:width$}", attribute.key);
    }
    attributes
}
