//! The rules of a policy in order, with a library's where the policy says `use:`.

use super::imports::{Imports, Library};
use super::parameter::{Kind, Parameter, argument};
use super::template::{Expressions, Values};
use crate::diag::{Code, Diagnostic, Diags};
use crate::policy::ast::{NamedService, Network, Policy, Rule};
use crate::policy::decode::{Context, Fallback, Scope, items, network, rule, service, table};
use crate::policy::document::{Node, require, shape, wrong_type};
use crate::policy::raw;
use crate::policy::text::{check_name, shown};
use crate::source::Span;
use rustc_hash::FxHashMap;
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The most values (texts, lists and maps) that libraries may expand to, including those that a `when` leaves
/// out: libraries that use each other multiply. A rule has about eight.
pub(crate) const MOST_VALUES: usize = 500_000;

/// What the rules of a policy expand to.
pub(in crate::policy) struct Expansion<'a> {
    imports: &'a Imports,
    fallback: &'a Fallback,
    rules: Vec<Rule>,
    networks: BTreeMap<String, Network>,
    services: BTreeMap<String, NamedService>,
    /// Where each id was written first.
    ids: FxHashMap<String, Span>,
    /// How often each library was used.
    uses: BTreeMap<String, usize>,
    expressions: Expressions,
    /// How many more values libraries may have.
    left: usize,
}

/// The library whose rules are being expanded.
struct Frame<'f> {
    library: &'f Rc<Library>,
    values: Values,
    /// What ids begin with, `/` included.
    ids: String,
    /// Where the policy says `use:`.
    used_at: Span,
}

impl<'a> Expansion<'a> {
    pub(in crate::policy) fn new(imports: &'a Imports, fallback: &'a Fallback) -> Self {
        Expansion {
            imports,
            fallback,
            rules: Vec::new(),
            networks: BTreeMap::new(),
            services: BTreeMap::new(),
            ids: FxHashMap::default(),
            uses: BTreeMap::new(),
            expressions: Expressions::new(),
            left: MOST_VALUES,
        }
    }

    /// Returns the policy its rules and what libraries add to its tables.
    pub(in crate::policy) fn finish(self, policy: &mut Policy) {
        policy.rules = self.rules;
        policy.networks.extend(self.networks);
        policy.services.extend(self.services);
    }

    /// Reads the rules of the policy itself.
    pub(in crate::policy) fn rules(&mut self, nodes: &[Node<'_>], context: &mut Context<'_>) {
        self.rules.reserve(nodes.len());
        for node in nodes {
            if node.has("use") {
                self.used(*node, None, context);
            } else {
                refuse_when(*node, context.diags);
                let raw = shape::<raw::Rule>(*node, "a rule", context.diags);
                let rule =
                    raw.and_then(|raw| rule(*node, raw, str::to_owned, self.fallback, context));
                let rule = context.kept(rule, *node);
                self.add(rule, None, context.diags);
            }
        }
    }

    fn add(&mut self, rule: Option<Rule>, frame: Option<&Frame<'_>>, diags: &mut Diags) {
        let Some(mut rule) = rule else { return };
        rule.used_at = frame.map(|frame| frame.used_at);
        if let Some(first) = self.ids.get(&rule.id.value) {
            let message = format!("two rules have the id `{}`", rule.id.value);
            let diagnostic = Diagnostic::new(Code::RepeatedName, message).at(rule.id.span, "");
            diags.push(diagnostic.at(*first, "the first is here"));
            return;
        }
        self.ids.insert(rule.id.value.clone(), rule.id.span);
        self.rules.push(rule);
    }

    /// Counts values against what libraries may have; reports, once, when nothing is left.
    fn take(&mut self, values: usize, place: Span, diags: &mut Diags) -> bool {
        if self.left == 0 || self.expressions.is_spent() {
            return false;
        }
        self.left = self.left.saturating_sub(values);
        if self.left == 0 {
            let message = format!("rule libraries expand to more than {MOST_VALUES} values");
            let diagnostic = Diagnostic::new(Code::Limit, message).at(place, "");
            let help = "use libraries less often: where they use each other, their rules multiply";
            diags.push(diagnostic.help(help));
        }
        self.left > 0
    }

    /// Expands one `use:`, of the policy or of a library.
    fn used(&mut self, node: Node<'_>, frame: Option<&Frame<'_>>, context: &mut Context<'_>) {
        let done = self.expand(node, frame, context);
        context.kept(done, node);
    }

    fn expand(
        &mut self,
        node: Node<'_>,
        frame: Option<&Frame<'_>>,
        context: &mut Context<'_>,
    ) -> Option<()> {
        let raw = shape::<raw::Use>(node, "a `use`", context.diags)?;
        if frame.is_none() {
            refuse_when(node, context.diags);
        }
        let raw::Name(name) = raw.r#use?;
        let span = node.span_of("use");
        let imports = frame.map_or(self.imports, |frame| &frame.library.imports);
        let library = imports.library(&name, span, context.diags)?;
        let used_at = frame.map_or(span, |frame| frame.used_at);
        if !self.take(1 + library.names, used_at, context.diags) {
            return None;
        }
        let ids = self.id_prefix(node, raw.id, &library, frame, context.diags)?;
        let number = self.uses.entry(name.clone()).or_default();
        *number += 1;
        let prefix = format!("{name}@{number}/");
        let arguments = self.arguments(node, &library, &prefix, context)?;
        let root = library.document.root();
        let values = Values::new(arguments.values, library.tables.clone());
        let inner = Frame { library: &library, values, ids, used_at };
        let mut scope = scope(root, prefix, arguments.given, arguments.withheld);
        scope.wanted = arguments.wanted;
        let outer = std::mem::replace(&mut context.scope, scope);
        let said = context.diags.list().len();
        self.library_rules(root, &inner, context);
        self.library_tables(root, &inner, context);
        self.warnings(root, &inner, context.diags);
        context.scope = outer;
        for diagnostic in context.diags.since(said) {
            if diagnostic.labels.iter().all(|label| label.span.file != used_at.file) {
                *diagnostic = diagnostic.clone().at(used_at, "used here");
            }
        }
        Some(())
    }

    /// Returns what the ids of a use begin with; each use needs its own.
    fn id_prefix(
        &mut self,
        node: Node<'_>,
        id: Option<raw::Name>,
        library: &Library,
        frame: Option<&Frame<'_>>,
        diags: &mut Diags,
    ) -> Option<String> {
        let key = if id.is_some() { "id" } else { "use" };
        let own = id.map_or_else(|| library.name.clone(), |id| id.0);
        let span = node.span_of(key);
        if !check_name("use", &own, &[], span, diags) {
            return None;
        }
        let prefix = format!("{}{own}/", frame.map_or("", |frame| &frame.ids));
        if let Some(first) = self.ids.get(&prefix) {
            let message = format!("`{own}` is used twice under the same name");
            let diagnostic = Diagnostic::new(Code::RepeatedName, message).at(span, "");
            let help = "give this use an `id` of its own";
            diags.push(diagnostic.at(*first, "the first is here").help(help));
            return None;
        }
        // No rule's id ends in `/`.
        self.ids.insert(prefix.clone(), span);
        Some(prefix)
    }

    /// Reads the arguments of a use in the scope of who wrote them.
    fn arguments(
        &mut self,
        node: Node<'_>,
        library: &Library,
        prefix: &str,
        context: &mut Context<'_>,
    ) -> Option<Arguments> {
        let before = context.diags.errors();
        let with = table(node, "with", context.diags);
        for (name, node) in with.iter().flat_map(|with| with.members()) {
            if !library.parameters.contains_key(name) {
                let unknown = unknown_argument(name, node, library, context.diags);
                context.diags.push(unknown);
            }
        }
        let mut arguments = Arguments::default();
        let defaults = library.document.root().get("parameters");
        for (name, parameter) in &library.parameters {
            let given = with.and_then(|with| with.get(name));
            let default = defaults.and_then(|all| all.get(name)).and_then(|one| one.get("default"));
            if let (None, Some(default)) = (given, default) {
                self.take(size(default.value), default.span(), context.diags);
            }
            let Some(value) = given.or(default) else {
                if !with.is_some_and(|with| with.has(name)) {
                    context.diags.push(missing_argument(name, parameter, node, library));
                }
                continue;
            };
            let seen = argument(name, value, parameter, context.diags);
            arguments.values.extend(seen.map(|seen| (name.clone(), seen)));
            if parameter.kind == Kind::Network {
                let scope = given.is_none().then(|| {
                    // A default is the library's: it cannot use names of who wrote `use`.
                    let (given, withheld) = (BTreeSet::new(), BTreeSet::new());
                    scope(library.document.root(), prefix.to_owned(), given, withheld)
                });
                self.network_argument(name, value, scope, prefix, &mut arguments, context);
            }
        }
        (context.diags.errors() == before).then_some(arguments)
    }

    /// Puts the addresses of an argument under the parameter's name into the policy's table.
    fn network_argument(
        &mut self,
        name: &str,
        value: Node<'_>,
        scope: Option<Scope>,
        prefix: &str,
        arguments: &mut Arguments,
        context: &mut Context<'_>,
    ) {
        if value.value.as_str() == Some("none") {
            arguments.withheld.insert(name.to_owned());
            return;
        }
        let is = match scope {
            None => network(value, context),
            Some(scope) => {
                let outer = std::mem::replace(&mut context.scope, scope);
                let is = network(value, context);
                let inner = std::mem::replace(&mut context.scope, outer);
                arguments.wanted.extend(inner.wanted);
                is
            }
        };
        if let Some(is) = context.kept(is, value) {
            self.networks.insert(format!("{prefix}{name}"), Network { name: value.span(), is });
            arguments.given.insert(name.to_owned());
        }
    }

    fn library_rules(&mut self, root: Node<'_>, frame: &Frame<'_>, context: &mut Context<'_>) {
        for node in items(root, "rules", context.diags) {
            if !self.take(size(node.value), frame.used_at, context.diags) {
                return;
            }
            self.library_rule(node, frame, context);
        }
    }

    fn library_rule(&mut self, node: Node<'_>, frame: &Frame<'_>, context: &mut Context<'_>) {
        if self.holds(node, frame, context) == Some(false) {
            return;
        }
        let rendered = self.expressions.render(node, &frame.values, context.diags);
        let Some(value) = context.kept(rendered, node) else { return };
        let node = node.with_value(&value);
        if node.has("use") {
            return self.used(node, Some(frame), context);
        }
        let raw = shape::<raw::Rule>(node, "a rule", context.diags);
        let id = |id: &str| format!("{}{id}", frame.ids);
        let rule = raw.and_then(|raw| rule(node, raw, id, self.fallback, context));
        let rule = context.kept(rule, node);
        self.add(rule, Some(frame), context.diags);
    }

    /// Tells whether a library's rule is wanted for the arguments; `None` when a fault was reported.
    fn holds(
        &mut self,
        node: Node<'_>,
        frame: &Frame<'_>,
        context: &mut Context<'_>,
    ) -> Option<bool> {
        if !node.has("when") {
            return Some(true);
        }
        let when = node.get("when");
        let holds = when.and_then(|when| match when.value.as_str() {
            Some(condition) => {
                self.expressions.holds(condition, &frame.values, when, context.diags)
            }
            None => {
                context.diags.push(wrong_type(when, "`when`", "an expression as text"));
                None
            }
        });
        context.kept(holds, node)
    }

    /// Reads the networks and services of a library that its rules use, and those that these use: a
    /// network for other arguments may have expressions without a value.
    fn library_tables(&mut self, root: Node<'_>, frame: &Frame<'_>, context: &mut Context<'_>) {
        let prefix = context.scope.prefix.clone();
        let mut done = BTreeSet::new();
        while let Some(name) = context.scope.wanted.pop_first() {
            if !done.insert(name.clone()) {
                continue;
            }
            let named = ["networks", "services"].map(|key| root.get(key)?.get(&name));
            let values = named.iter().flatten().map(|node| size(node.value)).sum();
            if !self.take(values, frame.used_at, context.diags) {
                return;
            }
            let full = format!("{prefix}{name}");
            if let [Some(node), _] = named {
                let value = self.expressions.render(node, &frame.values, context.diags);
                let is = value.and_then(|value| network(node.with_value(&value), context));
                if let Some(is) = context.kept(is, node) {
                    let name = node.key_span();
                    self.networks.entry(full.clone()).or_insert(Network { name, is });
                }
            }
            if let [_, Some(node)] = named {
                let value = self.expressions.render(node, &frame.values, context.diags);
                let is = value.and_then(|value| service(node.with_value(&value), context));
                if let Some(is) = context.kept(is, node) {
                    let name = node.key_span();
                    self.services.entry(full).or_insert(NamedService { name, is });
                }
            }
        }
    }

    /// Reports the warnings of a library that apply to the arguments.
    fn warnings(&mut self, root: Node<'_>, frame: &Frame<'_>, diags: &mut Diags) {
        for node in items(root, "warnings", diags) {
            if !self.take(size(node.value), frame.used_at, diags) {
                return;
            }
            let Some(raw) = shape::<raw::Warning>(node, "a warning", diags) else { continue };
            require(node, "a warning", &["when", "message"], diags);
            let (Some(when), Some(condition)) = (node.get("when"), raw.when) else { continue };
            if self.expressions.holds(&condition.0, &frame.values, when, diags) != Some(true) {
                continue;
            }
            let text = node.get("message");
            let message = text.and_then(|text| self.expressions.render(text, &frame.values, diags));
            if let Some(message) = message.as_ref().and_then(|message| message.as_str()) {
                let diagnostic = Diagnostic::new(Code::LibraryWarning, one_line(message));
                let diagnostic = diagnostic.at(frame.used_at, "");
                diags.push(diagnostic.at(frame.library.named, "this library warns"));
            }
        }
    }
}

/// How many values there are in a value, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Sequence(items) => items.iter().map(size).sum(),
        Value::Mapping(map) => map.values().map(size).sum(),
        _ => 0,
    }
}

/// The arguments of a use.
#[derive(Default)]
struct Arguments {
    /// As expressions see them, by parameter.
    values: Vec<(String, minijinja::Value)>,
    /// The networks that were given.
    given: BTreeSet<String>,
    /// The networks that were not.
    withheld: BTreeSet<String>,
    /// The library's own names that defaults use.
    wanted: BTreeSet<String>,
}

fn unknown_argument(name: &str, node: Node<'_>, library: &Library, diags: &Diags) -> Diagnostic {
    let message = format!("`{}` has no parameter `{}`", library.name, shown(name));
    let diagnostic = Diagnostic::new(Code::UnknownName, message).at(node.key_span(), "");
    let names = library.parameters.keys().map(String::as_str);
    let help = diags.suggestion(Code::UnknownName, name, names);
    help.into_iter().fold(diagnostic, Diagnostic::help)
}

fn missing_argument(
    name: &str,
    parameter: &Parameter,
    node: Node<'_>,
    library: &Library,
) -> Diagnostic {
    let message = format!("the argument `{name}` of `{}` is missing", library.name);
    let diagnostic = Diagnostic::new(Code::BadArgument, message).at(node.span_of("use"), "");
    diagnostic.at(parameter.span, "declared here")
}

/// Returns the names that a library's rules can use.
fn scope(
    root: Node<'_>,
    prefix: String,
    given: BTreeSet<String>,
    withheld: BTreeSet<String>,
) -> Scope {
    let names = |key: &str| -> BTreeSet<String> {
        let table = root.get(key);
        table.iter().flat_map(|table| table.members()).map(|(name, _)| name.to_owned()).collect()
    };
    let mut networks = names("networks");
    networks.extend(given);
    Scope {
        prefix,
        networks: Some(networks),
        services: Some(names("services")),
        withheld,
        wanted: BTreeSet::new(),
    }
}

fn refuse_when(node: Node<'_>, diags: &mut Diags) {
    if node.has("when") {
        let message = "`when` is allowed only in the rules of libraries";
        let diagnostic = Diagnostic::new(Code::UnknownKey, message).at(node.key_of("when"), "");
        diags.push(diagnostic.help("remove it"));
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
