//! Targets: which artifacts are asked for, and where they go.

use super::text::{check_name, shown};
use super::{Context, choose, network, table};
use crate::diag::{Code, Diagnostic, Diags};
use crate::firewall::entries::aws::Format;
use crate::firewall::{Kind, Spec, aws_network_acl, aws_security_group, iptables, nftables, pf};
use crate::ir::{Placement, StateMode};
use crate::policy::ast::Target;
use crate::policy::document::{Node, require, shape};
use crate::policy::raw;
use crate::source::Span;

#[derive(Clone, Copy, PartialEq)]
enum Named {
    Nftables,
    Iptables,
    Pf,
    AwsSecurityGroup,
    AwsNetworkAcl,
}

const KINDS: &[(&str, Named)] = &[
    ("nftables", Named::Nftables),
    ("iptables", Named::Iptables),
    ("pf", Named::Pf),
    ("aws-security-group", Named::AwsSecurityGroup),
    ("aws-network-acl", Named::AwsNetworkAcl),
];

/// The options that only some kinds have.
const OPTIONS: &[(&str, &[Named])] = &[
    ("counters", &[Named::Nftables]),
    ("ipset", &[Named::Iptables]),
    ("scope", &[Named::Iptables]),
    ("format", &[Named::AwsSecurityGroup, Named::AwsNetworkAcl]),
    ("members", &[Named::AwsSecurityGroup, Named::AwsNetworkAcl]),
    ("quota", &[Named::AwsSecurityGroup, Named::AwsNetworkAcl]),
    ("groups", &[Named::AwsSecurityGroup]),
    ("prefix-lists", &[Named::AwsSecurityGroup]),
    ("max-entries", &[Named::AwsSecurityGroup, Named::AwsNetworkAcl]),
    ("widen", &[Named::AwsSecurityGroup, Named::AwsNetworkAcl]),
    ("dialect", &[Named::Pf]),
    ("placement", &[Named::Nftables, Named::Iptables, Named::Pf]),
];

const DIALECTS: &[(&str, pf::Dialect)] = &[
    ("common", pf::Dialect::Common),
    ("openbsd", pf::Dialect::OpenBsd),
    ("freebsd", pf::Dialect::FreeBsd),
];

/// What AWS's targets are written in; the API's own form has another name for each.
fn formats(api: &str) -> [(&str, Format); 4] {
    [
        ("terraform", Format::Terraform),
        ("terraform-json", Format::TerraformJson),
        ("cloudformation", Format::CloudFormation),
        (api, Format::Api),
    ]
}

const STATES: &[(&str, StateMode)] =
    &[("stateful", StateMode::Stateful), ("stateless", StateMode::Stateless)];

const SCOPES: &[(&str, iptables::Scope)] =
    &[("chains", iptables::Scope::Chains), ("table", iptables::Scope::Table)];

/// Reads the targets in the order of the file.
pub(super) fn targets(root: Node<'_>, context: &mut Context<'_>) -> Vec<Target> {
    let Some(table) = table(root, "targets", context.diags) else { return Vec::new() };
    let mut targets = Vec::new();
    let mut outputs = Outputs::default();
    for (name, node) in table.members() {
        let sound = check_name("target", name, &[], node.key_span(), context.diags);
        let target = target(name, node, &mut outputs, context);
        targets.extend(context.kept(target, node).filter(|_| sound));
    }
    targets
}

fn target(
    name: &str,
    node: Node<'_>,
    outputs: &mut Outputs,
    context: &mut Context<'_>,
) -> Option<Target> {
    let raw: raw::Target = shape(node, "a target", context.diags)?;
    let members = node.get("members").map(|part| network(part, context));
    let diags = &mut *context.diags;
    require(node, "a target", &["kind", "output"], diags);
    let span = node.span_of("kind");
    let named = raw.kind.as_ref().and_then(|word| choose("kind", word, KINDS, span, diags));
    other_kinds_options(node, named, diags);
    let placement = placement(node, &raw, diags);
    let state = state(node, &raw, named, diags);
    let kind = kind(node, &raw, named, diags);
    let output = raw.output?.0;
    let sound = outputs.add(&output, kind.as_ref()?, node.span_of("output"), diags);
    let spec =
        Spec { name: name.to_owned(), kind: kind?, placement: placement?, state: state?, output };
    // A member list that could not be read is a fault, not a missing list.
    let members = match members {
        Some(read) => Some(read?),
        None => None,
    };
    sound.then_some(Target { name: node.key_span(), output: node.span_of("output"), spec, members })
}

/// Reads whether it tracks connections; some kinds have no choice.
fn state(
    node: Node<'_>,
    raw: &raw::Target,
    kind: Option<Named>,
    diags: &mut Diags,
) -> Option<StateMode> {
    let only = match kind {
        Some(Named::AwsNetworkAcl) => Some(StateMode::Stateless),
        Some(Named::AwsSecurityGroup) => Some(StateMode::Stateful),
        _ => None,
    };
    let Some(word) = &raw.state else { return Some(only.unwrap_or(StateMode::Stateful)) };
    let span = node.span_of("state");
    let state = choose("state", word, STATES, span, diags)?;
    match only {
        Some(only) if only != state => {
            let (kind, only) = (kind.map(spelled).unwrap_or_default(), only.word());
            let message = format!("{kind} is always {only}");
            let diagnostic = Diagnostic::new(Code::OtherKindsOption, message).at(span, "");
            diags.push(diagnostic.help(format!("write `state: {only}`, or nothing")));
            None
        }
        _ => Some(state),
    }
}

/// Reads the kind with the options that only it has.
fn kind(
    node: Node<'_>,
    raw: &raw::Target,
    named: Option<Named>,
    diags: &mut Diags,
) -> Option<Kind> {
    match named? {
        Named::Nftables => {
            Some(Kind::Nftables(nftables::Options { counters: raw.counters.unwrap_or(false) }))
        }
        Named::Iptables => {
            let scope = match &raw.scope {
                Some(word) => choose("scope", word, SCOPES, node.span_of("scope"), diags),
                None => Some(iptables::Scope::default()),
            };
            let ipset = raw.ipset.unwrap_or(false);
            Some(Kind::Iptables(iptables::Options { ipset, scope: scope? }))
        }
        Named::Pf => {
            let dialect = match &raw.dialect {
                Some(word) => choose("dialect", word, DIALECTS, node.span_of("dialect"), diags),
                None => Some(pf::Dialect::default()),
            };
            Some(Kind::Pf(pf::Options { dialect: dialect? }))
        }
        Named::AwsSecurityGroup => {
            let format = format(node, raw, "ip-permissions", diags);
            let quota = number(node, "quota", raw.quota.unwrap_or(60), 1..=1000, diags);
            let groups = groups(node, raw, diags);
            let prefix_lists = prefix_lists(node, raw, format, diags);
            let max_entries = max_entries(node, raw, diags);
            let (format, quota, groups) = (format?, quota?, groups?);
            if u32::from(quota) * u32::from(groups) > 1000 {
                let message = "an interface has at most 1000 rules a direction: groups times quota";
                let diagnostic = Diagnostic::new(Code::UnknownValue, message);
                diags.push(diagnostic.at(node.span_of("groups"), ""));
                return None;
            }
            let (prefix_lists, max_entries) = (prefix_lists?, max_entries?);
            Some(Kind::AwsSecurityGroup(aws_security_group::Options {
                format,
                quota,
                groups,
                prefix_lists,
                max_entries,
            }))
        }
        Named::AwsNetworkAcl => {
            let format = format(node, raw, "api-json", diags);
            let quota = number(node, "quota", raw.quota.unwrap_or(20), 20..=40, diags);
            let max_entries = max_entries(node, raw, diags);
            let (format, quota, max_entries) = (format?, quota?, max_entries?);
            Some(Kind::AwsNetworkAcl(aws_network_acl::Options { format, quota, max_entries }))
        }
    }
}

/// Reads the format of a kind that has several.
fn format(node: Node<'_>, raw: &raw::Target, api: &str, diags: &mut Diags) -> Option<Format> {
    require(node, "an AWS target", &["format"], diags);
    choose("format", raw.format.as_ref()?, &formats(api), node.span_of("format"), diags)
}

/// Reads over how many groups the rules may be spread: one unless said.
fn groups(node: Node<'_>, raw: &raw::Target, diags: &mut Diags) -> Option<u16> {
    match &raw.groups {
        None => Some(1),
        Some(raw::Groups::Number(value)) => number(node, "groups", *value, 1..=16, diags),
        Some(raw::Groups::Word(word)) => {
            choose("groups", word, &[("auto", 5)], node.span_of("groups"), diags)
        }
    }
}

/// Reads from how many prefixes on there are prefix lists; the outer `None` is a fault.
fn prefix_lists(
    node: Node<'_>,
    raw: &raw::Target,
    format: Option<Format>,
    diags: &mut Diags,
) -> Option<Option<u16>> {
    let Some(value) = raw.prefix_lists else { return Some(None) };
    if format == Some(Format::Api) {
        let message =
            "`ip-permissions` cannot name prefix lists, which have no id before they are made";
        let diagnostic = Diagnostic::new(Code::OtherKindsOption, message);
        diags.push(
            diagnostic.at(node.key_of("prefix-lists"), "").help(
                "remove it, or write `format: terraform`, `terraform-json` or `cloudformation`",
            ),
        );
        return None;
    }
    number(node, "prefix-lists", value, 1..=1000, diags).map(Some)
}

/// Reads to how many prefixes address sets may grow; the outer `None` is a fault.
fn max_entries(node: Node<'_>, raw: &raw::Target, diags: &mut Diags) -> Option<Option<u16>> {
    let wanted = raw.widen.unwrap_or(false);
    let Some(value) = raw.max_entries else {
        if wanted {
            let message = "`widen` says that addresses may grow, but not to how many prefixes";
            let diagnostic = Diagnostic::new(Code::MissingKey, message);
            diags.push(diagnostic.at(node.key_of("widen"), "").help("add `max-entries: 20`"));
        }
        return (!wanted).then_some(None);
    };
    if !wanted {
        let message = "`max-entries` lets in more than the policy says, and `widen` does not agree";
        let diagnostic =
            Diagnostic::new(Code::MissingKey, message).at(node.key_of("max-entries"), "");
        diags.push(diagnostic.help("add `widen: true`: every address more is then reported"));
        return None;
    }
    number(node, "max-entries", value, 1..=1000, diags).map(Some)
}

/// Checks a number against the values that an option may have.
fn number(
    node: Node<'_>,
    key: &str,
    value: u32,
    range: std::ops::RangeInclusive<u16>,
    diags: &mut Diags,
) -> Option<u16> {
    let number = u16::try_from(value).ok().filter(|number| range.contains(number));
    if number.is_none() {
        let message = format!("`{key}` is from {} to {}", range.start(), range.end());
        diags.push(Diagnostic::new(Code::UnknownValue, message).at(node.span_of(key), ""));
    }
    number
}

/// Returns a kind's word.
fn spelled(named: Named) -> &'static str {
    KINDS.iter().find(|(_, kind)| *kind == named).map_or("", |(name, _)| *name)
}

fn other_kinds_options(node: Node<'_>, kind: Option<Named>, diags: &mut Diags) {
    let Some(kind) = kind else { return };
    for (option, owners) in OPTIONS {
        if !owners.contains(&kind) && node.has(option) {
            let owners: Vec<_> = owners.iter().map(|owner| spelled(*owner)).collect();
            let message = format!(
                "`{option}` is an option of {}, not of {}",
                owners.join(" and "),
                spelled(kind)
            );
            let diagnostic =
                Diagnostic::new(Code::OtherKindsOption, message).at(node.key_of(option), "");
            diags.push(diagnostic.at(node.span_of("kind"), "the kind is said here"));
        }
    }
}

fn placement(node: Node<'_>, raw: &raw::Target, diags: &mut Diags) -> Option<Placement> {
    let gateway = match &raw.placement {
        Some(word) => {
            let known = [("host", false), ("gateway", true)];
            choose("placement", word, &known, node.span_of("placement"), diags)?
        }
        None if node.has("placement") => return None,
        None => false,
    };
    if !gateway {
        for key in ["inside", "outside"] {
            if node.has(key) {
                let message = format!("`{key}` is an option of gateways, and this is a host");
                let diagnostic =
                    Diagnostic::new(Code::OtherKindsOption, message).at(node.key_of(key), "");
                diags.push(diagnostic.help("write `placement: gateway`, or remove it"));
            }
        }
        return Some(Placement::Host);
    }
    let whole = require(node, "a gateway", &["inside", "outside"], diags);
    let mut seen: Vec<(String, Span)> = Vec::new();
    let inside = interfaces(node, "inside", raw.inside.as_deref(), &mut seen, diags);
    let outside = interfaces(node, "outside", raw.outside.as_deref(), &mut seen, diags);
    whole.then_some(Placement::Gateway { inside: inside?, outside: outside? })
}

/// Checks the interfaces of one side; `seen` has those before, for no interface is on both sides.
fn interfaces(
    node: Node<'_>,
    key: &str,
    names: Option<&[raw::InterfaceName]>,
    seen: &mut Vec<(String, Span)>,
    diags: &mut Diags,
) -> Option<Vec<String>> {
    let (names, list) = (names?, node.get(key)?);
    let mut sound = true;
    let mut refuse = |message: String, span: Span, other: Option<Span>| {
        let mut diagnostic = Diagnostic::new(Code::BadInterface, message).at(span, "");
        if let Some(other) = other {
            diagnostic = diagnostic.at(other, "named first here");
        }
        diags.push(diagnostic);
        sound = false;
    };
    if names.is_empty() {
        refuse(format!("`{key}` has no interface"), list.span(), None);
    }
    for (raw::InterfaceName(name), item) in names.iter().zip(list.items()) {
        let span = item.span();
        if let Some((_, first)) = seen.iter().find(|(known, _)| known == name) {
            refuse(format!("the interface `{}` is named twice", shown(name)), span, Some(*first));
        } else if let Err(reason) = interface(name) {
            refuse(format!("`{}` is not an interface here: {reason}", shown(name)), span, None);
        }
        seen.push((name.clone(), span));
    }
    sound.then(|| names.iter().map(|name| name.0.clone()).collect())
}

/// Linux names interfaces with up to 15 bytes (IFNAMSIZ less the terminator).
fn interface(name: &str) -> Result<(), &'static str> {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    if name == "lo" {
        Err("loopback has no side")
    } else if name.is_empty() || name.len() > 15 {
        Err("a name has 1 to 15 characters")
    } else if !name.bytes().all(safe) || name.starts_with('-') || name == "." || name == ".." {
        Err("a name has letters, digits and `_.-` only")
    } else {
        Ok(())
    }
}

/// Where artifacts go; none may be in another's place.
#[derive(Default)]
struct Outputs {
    seen: Vec<(Vec<String>, Span)>,
}

impl Outputs {
    fn add(&mut self, output: &str, kind: &Kind, span: Span, diags: &mut Diags) -> bool {
        let folder = matches!(kind, Kind::Iptables(_));
        let mut refuse = |message: String, help: &str, other: Option<Span>| {
            let mut diagnostic = Diagnostic::new(Code::BadPath, message).at(span, "").help(help);
            if let Some(other) = other {
                diagnostic = diagnostic.at(other, "the other output");
            }
            diags.push(diagnostic);
            false
        };
        if let Err(reason) = portable(output) {
            let message = format!("the output `{}` is not accepted: {reason}", shown(output));
            return refuse(message, "write a relative path, such as `firewall/edge.nft`", None);
        }
        if folder && !output.ends_with('/') {
            let message = format!("iptables writes several files, and `{output}` is not a folder");
            return refuse(message, &format!("write `{output}/`"), None);
        }
        if !folder && output.ends_with('/') {
            let message = format!("{} writes one file, and `{output}` is a folder", kind.word());
            return refuse(message, &format!("write a file name, such as `{output}rules`"), None);
        }
        let endings = kind.endings();
        if !endings.is_empty() && !endings.iter().any(|ending| output.ends_with(ending)) {
            let message = format!("the tools that read `{output}` would not know its format");
            return refuse(message, &format!("end it with `{}`", endings.join("` or `")), None);
        }
        // Some file systems do not tell upper from lower case.
        let parts = output.trim_end_matches('/').split('/').map(str::to_ascii_lowercase);
        let parts: Vec<_> = parts.collect();
        let clash = self.seen.iter().find(|(o, _)| o.starts_with(&parts) || parts.starts_with(o));
        if let Some((_, other)) = clash {
            let message = format!("the output `{output}` is in the place of another target's");
            return refuse(message, "give each target a place of its own", Some(*other));
        }
        self.seen.push((parts, span));
        true
    }
}

fn portable(path: &str) -> Result<(), &'static str> {
    if path.is_empty() || path.len() > 200 {
        return Err("it has 1 to 200 characters");
    }
    if path.starts_with('/') {
        return Err("it must be relative");
    }
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
    if !path.bytes().all(safe) {
        return Err("only letters, digits and `._-/` are portable");
    }
    let mut parts = path.strip_suffix('/').unwrap_or(path).split('/');
    if parts.clone().any(|part| part.starts_with('.') && part != "." && part != "..") {
        // `.git/`, `.github/`, `.gitlab-ci.yml`, …: what tools obey, and people do not see.
        return Err("a part begins with `.`, and is hidden");
    }
    if parts.clone().any(|part| part.to_ascii_lowercase().ends_with(crate::policy::MANIFEST)) {
        return Err("manifests have such names");
    }
    if parts.any(|part| part.is_empty() || part == "." || part == ".." || part.starts_with('-')) {
        return Err("each part is a plain name, not `.` or `..`");
    }
    Ok(())
}
