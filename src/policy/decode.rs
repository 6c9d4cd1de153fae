//! From values and places to the [`ast`](super::ast), reporting every fault of a file in one run.

mod checks;
mod expect;
mod network;
mod options;
mod rule;
mod service;
mod target;

pub(super) use checks::checks;
pub(super) use expect::{invariants, tests};
pub(super) use network::network;
pub(super) use rule::{Fallback, rule};
pub(super) use service::{RESERVED, service};
pub(super) use target::targets;

use super::ast::{NamedService, Network, Spanned};
use super::document::{Node, shape, wrong_type};
use super::files::Files;
use super::raw;
use super::text::{check_name, shown};
use crate::diag::{Code, Diagnostic, Diags, suggestion};
use crate::ir::flow::Defaults;
use crate::ir::{Action, Baseline};
use crate::net::{IpSet, PortSet};
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Which names an expression can use, and what they are called in the policy's tables.
#[derive(Default)]
pub(super) struct Scope {
    /// What names begin with in the policy's tables; empty for the policy itself.
    pub(super) prefix: String,
    /// For a library: the networks that it has.
    pub(super) networks: Option<BTreeSet<String>>,
    /// For a library: the services that it has.
    pub(super) services: Option<BTreeSet<String>>,
    /// For a library: its network parameters that were not given.
    pub(super) withheld: BTreeSet<String>,
    /// For a library: the names that its rules use.
    pub(super) wanted: BTreeSet<String>,
}

/// What decoding needs beside the value.
pub(super) struct Context<'a> {
    pub(super) diags: &'a mut Diags,
    pub(super) files: Files<'a>,
    pub(super) scope: Scope,
    /// How many errors there were before this policy.
    pub(super) before: usize,
}

impl Context<'_> {
    /// Makes sure that nothing is left out silently: an item that could not be read, and about which
    /// nothing was reported, is an error of its own.
    pub(super) fn kept<T>(&mut self, item: Option<T>, node: Node<'_>) -> Option<T> {
        if item.is_none() && self.diags.errors() == self.before {
            let diagnostic = Diagnostic::new(Code::WrongType, "this cannot be read");
            self.diags.push(diagnostic.at(node.span(), ""));
        }
        item
    }

    /// Returns what a network's name is in the policy's tables.
    fn network_name(&mut self, name: &str, span: Span) -> Option<Spanned<String>> {
        if self.scope.withheld.contains(name) {
            let message = format!("the parameter `{name}` is `none` here, but this needs it");
            let diagnostic = Diagnostic::new(Code::BadArgument, message).at(span, "");
            self.diags.push(diagnostic.help(format!("give `{name}` when you use the library")));
            return None;
        }
        let known = self.scope.networks.as_ref().is_none_or(|known| known.contains(name));
        self.name("network", name, known, span)
    }

    /// Returns what a service's name is in the policy's tables.
    fn service_name(&mut self, name: &str, span: Span) -> Option<Spanned<String>> {
        let known = self.scope.services.as_ref().is_none_or(|known| known.contains(name));
        self.name("service", name, known, span)
    }

    /// Names of the policy itself are resolved later, all at once; a library's are its own.
    fn name(&mut self, what: &str, name: &str, known: bool, span: Span) -> Option<Spanned<String>> {
        let scope = &mut self.scope;
        if !known {
            let message = format!("the library has no {what} `{name}`");
            let diagnostic = Diagnostic::new(Code::UnknownName, message).at(span, "not declared");
            let names = if what == "network" { &scope.networks } else { &scope.services };
            let names = names.iter().flatten().map(String::as_str);
            let help = self.diags.suggestion(Code::UnknownName, name, names);
            self.diags.push(help.into_iter().fold(diagnostic, Diagnostic::help));
            return None;
        }
        if scope.networks.is_some() {
            scope.wanted.insert(name.to_owned());
        }
        Some(Spanned { value: format!("{}{name}", scope.prefix), span })
    }

    fn prefixes(&mut self, path: &str, node: Node<'_>) -> Option<IpSet> {
        self.files.prefixes(path, node.span(), self.diags)
    }
}

/// Returns the value of a word, or reports which words there are.
pub(super) fn choose<T: Copy>(
    what: &str,
    word: &str,
    known: &[(&str, T)],
    span: Span,
    diags: &mut Diags,
) -> Option<T> {
    let value = known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    if value.is_none() {
        let message = format!("`{}` is not a value of `{what}`", shown(word));
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        let diagnostic = Diagnostic::new(Code::UnknownValue, message).at(span, "");
        diags.push(suggestion(word, names).into_iter().fold(diagnostic, Diagnostic::help));
    }
    value
}

/// The words for actions.
const ACTIONS: &[(&str, Action)] =
    &[("allow", Action::Allow), ("drop", Action::Drop), ("reject", Action::Reject)];

/// Returns a list of the file; anything else is reported.
fn list<'n>(root: Node<'n>, key: &str, diags: &mut Diags) -> Option<Node<'n>> {
    let node = root.get(key)?;
    if !node.value.is_sequence() {
        diags.push(wrong_type(node, &format!("`{key}`"), "a list"));
        return None;
    }
    Some(node)
}

/// Returns a map of the file; anything else is reported.
pub(super) fn table<'n>(root: Node<'n>, key: &str, diags: &mut Diags) -> Option<Node<'n>> {
    let node = root.get(key)?;
    if !node.value.is_mapping() {
        diags.push(wrong_type(node, &format!("`{key}`"), "a map of names"));
        return None;
    }
    Some(node)
}

/// Returns the items of a list of the file.
pub(super) fn items<'n>(root: Node<'n>, key: &str, diags: &mut Diags) -> Vec<Node<'n>> {
    list(root, key, diags).map(|node| node.items().collect()).unwrap_or_default()
}

pub(super) fn defaults(root: Node<'_>, diags: &mut Diags) -> (Defaults, PortSet, Baseline) {
    let node = root.get("defaults");
    let raw: raw::Defaults =
        node.and_then(|node| shape(node, "`defaults`", diags)).unwrap_or_default();
    let node = node.unwrap_or(root);
    let mut action = |key: &str, word: Option<String>| {
        word.and_then(|word| choose(key, &word, ACTIONS, node.span_of(key), diags))
            .unwrap_or(Action::Drop)
    };
    let actions = Defaults {
        inbound: action("inbound", raw.inbound),
        outbound: action("outbound", raw.outbound),
    };
    let ephemeral = raw.ephemeral.map_or_else(|| "iana".to_owned(), |text| text.0);
    let ephemeral = service::ephemeral(&ephemeral, node.span_of("ephemeral"), diags);
    let known =
        [("standard", Baseline::Standard), ("strict", Baseline::Strict), ("none", Baseline::None)];
    let baseline = raw
        .baseline
        .and_then(|word| choose("baseline", &word, &known, node.span_of("baseline"), diags));
    (actions, ephemeral.unwrap_or_else(PortSet::all), baseline.unwrap_or(Baseline::Standard))
}

pub(super) fn networks(root: Node<'_>, context: &mut Context<'_>) -> BTreeMap<String, Network> {
    let mut networks = BTreeMap::new();
    let Some(table) = table(root, "networks", context.diags) else { return networks };
    for (name, node) in table.members() {
        let span = node.key_span();
        let sound = check_name("network", name, &["any", "none"], span, context.diags);
        let is = network(node, context);
        if let (Some(is), true) = (context.kept(is, node), sound) {
            networks.insert(name.to_owned(), Network { name: span, is });
        }
    }
    networks
}

pub(super) fn services(
    root: Node<'_>,
    context: &mut Context<'_>,
) -> BTreeMap<String, NamedService> {
    let mut services = BTreeMap::new();
    let Some(table) = table(root, "services", context.diags) else { return services };
    for (name, node) in table.members() {
        let span = node.key_span();
        let sound = check_name("service", name, RESERVED, span, context.diags);
        let is = service(node, context);
        if let (Some(is), true) = (context.kept(is, node), sound) {
            services.insert(name.to_owned(), NamedService { name: span, is });
        }
    }
    services
}
