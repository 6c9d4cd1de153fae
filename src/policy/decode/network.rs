//! Sets of addresses.

use super::Context;
use crate::diag::{Code, Diagnostic, Diags};
use crate::feed::Selector;
use crate::net::{PrefixError, parse_prefix};
use crate::policy::ast::{NetworkExpr, Spanned};
use crate::policy::document::{Node, require, shape, unknown_key, wrong_type};
use crate::policy::prefixes::bad_address;
use crate::policy::raw;
use crate::policy::text::{is_name, shown};
use crate::source::Span;
use serde_yaml::Value;

/// The keys that a network's map can have, for messages about maps of no known kind.
const KEYS: &[&str] = &[
    "include",
    "except",
    "file",
    "feed",
    "service",
    "region",
    "border-group",
    "domains",
    "fallback",
];

/// Reads a set of addresses; `None` when a fault was reported.
pub(in crate::policy) fn network(node: Node<'_>, context: &mut Context<'_>) -> Option<NetworkExpr> {
    match node.value {
        Value::Null => None,
        Value::String(text) => word(text, node.span(), context),
        Value::Sequence(items) => {
            let list: Vec<_> = node.items().map(|item| network(item, context)).collect();
            let whole = list.len() == items.len();
            let list: Option<Vec<_>> = list.into_iter().collect();
            list.filter(|_| whole).map(|list| NetworkExpr::List(list, node.span()))
        }
        Value::Mapping(_) => map(node, context),
        Value::Bool(_) | Value::Number(_) | Value::Tagged(_) => {
            let expected = "text, a list or a map";
            context.diags.push(wrong_type(node, "a network", expected));
            None
        }
    }
}

fn word(text: &str, span: Span, context: &mut Context<'_>) -> Option<NetworkExpr> {
    if text == "any" {
        return Some(NetworkExpr::Any(span));
    }
    if is_name(text, true) {
        return context.network_name(text, span).map(NetworkExpr::Name);
    }
    match parse_prefix(text) {
        Ok(value) => Some(NetworkExpr::Prefix(Spanned { value, span })),
        Err(error) => {
            let mut diagnostic =
                bad_address("a network name, address or prefix", text, &error, span);
            if let PrefixError::NotAnAddress(_) = error {
                diagnostic = diagnostic.help(address_help(text));
            }
            context.diags.push(diagnostic);
            None
        }
    }
}

fn address_help(text: &str) -> String {
    let range = text.split_once('-').map(|(a, b)| (a.trim().parse(), b.trim().parse()));
    if let Some((Ok::<std::net::IpAddr, _>(low), Ok::<std::net::IpAddr, _>(high))) = range {
        return format!("write the range from {low} to {high} as a list of prefixes");
    }
    if text.contains('.') && text.contains(|c: char| c.is_ascii_alphabetic()) {
        return format!("a domain name is written `{{ domains: [\"{}\"] }}`", shown(text));
    }
    let lower = text.to_lowercase();
    if is_name(&lower, true) {
        return format!("names are lower case: `{lower}`");
    }
    if text.contains(',') || text.contains(' ') {
        return "write several as a list: `[a, b]`".to_owned();
    }
    "write `any`, a prefix such as `10.0.0.0/8`, or the name of a network".to_owned()
}

fn map(node: Node<'_>, context: &mut Context<'_>) -> Option<NetworkExpr> {
    if node.has("include") || node.has("except") {
        except(node, context)
    } else if node.has("file") {
        let raw: raw::PrefixFile = shape(node, "a network", context.diags)?;
        let path = raw.file?.0;
        let set = context.prefixes(&path, node.get("file")?)?;
        Some(NetworkExpr::File { set, span: node.span() })
    } else if node.has("feed") || node.has("service") {
        feed(node, context.diags)
    } else if node.has("domains") || node.has("fallback") {
        domains(node, context)
    } else {
        for (key, member) in node.members() {
            context.diags.push(unknown_key(member.key_span(), key, KEYS));
        }
        if node.value.as_mapping().is_some_and(|map| map.is_empty()) {
            let message = "an empty map is not a network";
            let help = "write `any` if you mean everything";
            let diagnostic = Diagnostic::new(Code::WrongType, message).at(node.span(), "");
            context.diags.push(diagnostic.help(help));
        }
        None
    }
}

fn except(node: Node<'_>, context: &mut Context<'_>) -> Option<NetworkExpr> {
    let _: raw::Except = shape(node, "a network", context.diags)?;
    let whole = require(node, "a network with `except`", &["include"], context.diags);
    let include = node.get("include").and_then(|part| network(part, context));
    let except = node.get("except").map(|part| network(part, context));
    let include = include.filter(|_| whole)?;
    match except {
        Some(except) => Some(NetworkExpr::Except {
            include: Box::new(include),
            except: Box::new(except?),
            span: node.span(),
        }),
        None if node.has("except") => None,
        None => Some(include),
    }
}

fn feed(node: Node<'_>, diags: &mut Diags) -> Option<NetworkExpr> {
    let raw: raw::Feed = shape(node, "a network from a feed", diags)?;
    require(node, "a network from a feed", &["feed", "service"], diags);
    let regions = several(raw.region, node, "region", diags);
    let border_groups = several(raw.border_group, node, "border-group", diags);
    let selector = Selector {
        feed: raw.feed?,
        service: raw.service?,
        regions: regions?,
        border_groups: border_groups?,
    };
    Some(NetworkExpr::Feed { selector: Spanned { value: selector, span: node.span() } })
}

/// Returns the values of a key that can have one or several; an empty list would mean all of them.
fn several<T>(
    values: Option<raw::OneOrMany<T>>,
    node: Node<'_>,
    key: &str,
    diags: &mut Diags,
) -> Option<Vec<T>> {
    match values {
        Some(raw::OneOrMany::One(value)) => Some(vec![value]),
        Some(raw::OneOrMany::Many(values)) if values.is_empty() => {
            let message = format!("`{key}` is an empty list");
            let diagnostic = Diagnostic::new(Code::EmptySet, message).at(node.span_of(key), "");
            diags.push(diagnostic.help(format!("name one, or remove `{key}`")));
            None
        }
        Some(raw::OneOrMany::Many(values)) => Some(values),
        None if node.has(key) => None,
        None => Some(Vec::new()),
    }
}

fn domains(node: Node<'_>, context: &mut Context<'_>) -> Option<NetworkExpr> {
    let raw: raw::Domains = shape(node, "a network of domains", context.diags)?;
    let whole = require(node, "a network of domains", &["domains"], context.diags);
    let names = several(raw.domains, node, "domains", context.diags);
    let fallback = node.get("fallback").map(|part| network(part, context));
    let list = node.get("domains")?;
    let places: Vec<_> = match list.value {
        Value::Sequence(_) => list.items().map(Node::span).collect(),
        _ => vec![list.span()],
    };
    let mut sound = whole;
    let names: Vec<_> = names?
        .into_iter()
        .zip(places)
        .map(|(raw::Domain(value), span)| {
            sound &= check_domain(&value, span, context.diags);
            Spanned { value, span }
        })
        .collect();
    let fallback = match fallback {
        Some(fallback) => Some(Box::new(fallback?)),
        None => None,
    };
    sound.then_some(NetworkExpr::Domains { names, fallback, span: node.span() })
}

fn check_domain(name: &str, span: Span, diags: &mut Diags) -> bool {
    let Err(reason) = domain(name) else { return true };
    let message = format!("`{}` is not a domain name: {reason}", shown(name));
    diags.push(Diagnostic::new(Code::BadDomain, message).at(span, ""));
    false
}

/// Checks a domain name against RFC 1123 2.1 and RFC 1035 2.3.4, with `_` and one `*` in the first label.
fn domain(name: &str) -> Result<(), &'static str> {
    if name.contains("://") || name.contains('/') {
        return Err("write only the host name, without scheme and path");
    }
    if !name.is_ascii() {
        return Err("write the ASCII form (`xn--...`)");
    }
    if name == "*" {
        return Err("write `any` for every destination");
    }
    if name.len() > 253 {
        return Err("it has more than 253 characters");
    }
    let labels: Vec<_> = name.split('.').collect();
    if labels.iter().any(|label| label.is_empty() || label.len() > 63) {
        return Err("each label must have 1 to 63 characters");
    }
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'*';
    if !name.bytes().all(|b| letter(b) || b == b'.') {
        return Err("only letters, digits, `-` and `.` are allowed");
    }
    if labels.iter().any(|label| label.starts_with('-') || label.ends_with('-')) {
        return Err("a label cannot begin or end with `-`");
    }
    if name.matches('*').count() > 1 || labels.iter().skip(1).any(|label| label.contains('*')) {
        return Err("only one `*` is allowed, in the first label");
    }
    if labels.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit() || b == b'*')) {
        return Err("it looks like an address; write addresses without `domains`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_names_are_hosts_or_wildcards() {
        for name in [
            "example.com",
            "*.example.com",
            "TurnNlb-*.elb.us-east-1.amazonaws.com",
            "localhost",
            "_sip.x.org",
            "3com.com",
        ] {
            assert_eq!(domain(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "*",
            "a..b",
            ".a",
            "a.",
            "10.0.0.1",
            "a b.c",
            "a.*.b",
            "*.*",
            "-a.b",
            "a-.b",
            "é.com",
            "https://a.b/",
            "a;b",
            &format!("{}.a", "x".repeat(64)),
        ] {
            assert!(domain(name).is_err(), "{name}");
        }
    }
}
