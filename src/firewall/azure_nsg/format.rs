//! Rules in the words of each format.

use super::options::{Format, Options};
use super::plan::{End, Rule, fault, plain};
use crate::firewall::entries::aws;
use crate::firewall::{Fault, Header, Spec};
use serde::Serialize;

/// What a template lays out.
#[derive(Serialize)]
pub(super) struct Page {
    source: String,
    policy: String,
    /// The group's name in Azure.
    title: String,
    /// The same as an identifier of Terraform's.
    label: String,
    rules: Vec<Formatted>,
}

#[derive(Serialize)]
struct Formatted {
    name: String,
    attributes: Vec<Attribute>,
}

/// One attribute as a template lays it out.
#[derive(Serialize)]
struct Attribute {
    key: String,
    /// `text` is quoted, `plain` is a number, `list` has items, `null` says nothing.
    kind: &'static str,
    value: String,
    items: Vec<String>,
}

/// The most bytes of a description.
const DESCRIPTION: usize = 140;
/// The most bytes of a group's name.
const NAME: usize = 80;

/// The characters that may be printed: none that ends a text, and none of `${` and `%{`. A text that begins
/// with `[` is an expression to the Resource Manager; none does, for a rule's or a policy's name comes first.
pub(super) fn safe(c: char) -> bool {
    aws::safe(c)
}

/// Formats a whole file.
///
/// # Errors
/// A name that Azure would refuse.
pub(super) fn page(
    rules: &[Rule],
    spec: &Spec,
    options: &Options,
    header: &Header,
) -> Result<Page, Box<Fault>> {
    let title = options.name.clone();
    let title = title.unwrap_or_else(|| plain(&format!("{}-{}", header.policy, spec.name)));
    if !is_name(&title) {
        let message =
            format!("Azure would refuse `{title}` as the name of a network security group");
        let help = "say another (`name:`): at most 80 letters, digits, `_`, `.` and `-`, with a letter or digit first and a letter, digit or `_` last";
        return Err(Box::new(fault(&message, None, help)));
    }
    let formatted = |rule: &Rule| Formatted {
        name: rule.name.clone(),
        attributes: attributes(rule, options.format),
    };
    Ok(Page {
        source: aws::text(&header.source, DESCRIPTION),
        policy: aws::text(&header.policy, DESCRIPTION),
        label: label(&title),
        title,
        rules: rules.iter().map(formatted).collect(),
    })
}

/// Tells whether Azure takes a text for the name of a group.
pub(super) fn is_name(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let last = text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let inner = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    first && last && text.chars().all(inner) && text.len() <= NAME
}

/// Returns an identifier for Terraform, which does not begin with a digit.
fn label(title: &str) -> String {
    let label = aws::name(title);
    if label.starts_with(|c: char| c.is_ascii_digit()) { format!("nsg_{label}") } else { label }
}

fn attributes(rule: &Rule, format: Format) -> Vec<Attribute> {
    match format {
        Format::Arm => said(rule, ARM),
        Format::Terraform => aligned(named(rule, said(rule, TERRAFORM))),
        Format::TerraformJson => named(rule, all(rule)),
    }
}

/// The words of a format for the two ends: one prefix and several, one range of ports and several.
type Words = [[&'static str; 4]; 2];

const ARM: Words = [
    ["sourceAddressPrefix", "sourceAddressPrefixes", "sourcePortRange", "sourcePortRanges"],
    [
        "destinationAddressPrefix",
        "destinationAddressPrefixes",
        "destinationPortRange",
        "destinationPortRanges",
    ],
];

const TERRAFORM: Words = [
    ["source_address_prefix", "source_address_prefixes", "source_port_range", "source_port_ranges"],
    [
        "destination_address_prefix",
        "destination_address_prefixes",
        "destination_port_range",
        "destination_port_ranges",
    ],
];

/// What a rule says beside its ends, which both formats name alike.
fn common(rule: &Rule) -> Vec<Attribute> {
    let direction = if rule.outbound { "Outbound" } else { "Inbound" };
    vec![
        text("description", aws::text(&rule.comment, DESCRIPTION)),
        Attribute { kind: "plain", ..text("priority", rule.priority.to_string()) },
        text("direction", direction.to_owned()),
        text("access", if rule.allow { "Allow" } else { "Deny" }.to_owned()),
        text("protocol", rule.protocol.to_owned()),
    ]
}

/// Everything that a rule says.
fn said(rule: &Rule, words: Words) -> Vec<Attribute> {
    let ends = [&rule.source, &rule.destination];
    let ends = ends.into_iter().zip(words).flat_map(|(end, words)| of_end(end, words));
    common(rule).into_iter().chain(ends.filter(|attribute| attribute.kind != "null")).collect()
}

/// Everything that Terraform's JSON wants of a rule: all of its sixteen keys.
fn all(rule: &Rule) -> Vec<Attribute> {
    let ends = [&rule.source, &rule.destination];
    let ends = ends.into_iter().zip(TERRAFORM).flat_map(|(end, words)| of_end(end, words));
    let groups =
        ["source_application_security_group_ids", "destination_application_security_group_ids"];
    common(rule).into_iter().chain(ends).chain(groups.map(null)).collect()
}

/// One end, each of its two sets in the word for one or for several.
fn of_end(end: &End, [prefix, prefixes, range, ranges]: [&'static str; 4]) -> Vec<Attribute> {
    let set = |items: &[String], one: &str, several: &str| match items {
        [] => [text(one, "*".to_owned()), null(several)],
        [item] => [text(one, item.clone()), null(several)],
        _ => {
            let items = items.to_vec();
            [null(one), Attribute { kind: "list", items, ..text(several, String::new()) }]
        }
    };
    let addresses = set(&end.prefixes, prefix, prefixes);
    addresses.into_iter().chain(set(&end.ports, range, ranges)).collect()
}

fn text(key: &str, value: String) -> Attribute {
    Attribute { key: key.to_owned(), kind: "text", value, items: Vec::new() }
}

fn null(key: &str) -> Attribute {
    Attribute { kind: "null", ..text(key, String::new()) }
}

/// Terraform has the name among the other attributes.
fn named(rule: &Rule, attributes: Vec<Attribute>) -> Vec<Attribute> {
    std::iter::once(text("name", rule.name.clone())).chain(attributes).collect()
}

/// Puts lists last and pads the other keys, as `terraform fmt` aligns the signs after them: a list of several
/// lines ends what is aligned.
fn aligned(attributes: Vec<Attribute>) -> Vec<Attribute> {
    let (lists, mut plain): (Vec<_>, Vec<_>) =
        attributes.into_iter().partition(|attribute| attribute.kind == "list");
    let width = plain.iter().map(|attribute| attribute.key.len()).max().unwrap_or_default();
    for attribute in &mut plain {
        attribute.key = format!("{:width$}", attribute.key);
    }
    plain.extend(lists);
    plain
}
