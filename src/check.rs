//! Checking: what a policy that compiles should still be asked about.

use crate::analysis::{Useless, Why, useless};
use crate::diag::{Code, Diagnostic, Diags};
use crate::feed::Feeds;
use crate::ir::flow::RuleSet;
use crate::pass::resolve::resolve;
use crate::policy::ast::{NetworkExpr, Policy, Rule, ServiceExpr};
use std::collections::{BTreeMap, BTreeSet};

/// Says what is questionable: rules that change nothing, names that nothing uses.
pub fn check(policy: &Policy, feeds: &Feeds, diags: &mut Diags) {
    if let Some(resolved) = resolve(policy, feeds, &mut Diags::default()) {
        rules(policy, &resolved.rules, diags);
    }
    names(policy, diags);
}

fn rules(policy: &Policy, rules: &RuleSet, diags: &mut Diags) {
    let written = |flow: usize| rules.rules.get(flow)?.origins.first()?.index;
    // A written rule may be several flow rules; it changes nothing when none of them does.
    let mut parts: BTreeMap<usize, usize> = BTreeMap::new();
    for index in (0..rules.rules.len()).filter_map(written) {
        *parts.entry(index).or_default() += 1;
    }
    let mut found: BTreeMap<usize, Vec<Useless>> = BTreeMap::new();
    for useless in useless(rules) {
        if let Some(index) = written(useless.rule) {
            found.entry(index).or_default().push(useless);
        }
    }
    for (index, list) in found {
        if let Some(rule) =
            policy.rules.get(index).filter(|_| parts.get(&index) == Some(&list.len()))
        {
            let by: BTreeSet<_> =
                list.iter().flat_map(|u| &u.by).filter_map(|f| written(*f)).collect();
            let by: Vec<_> = by.into_iter().filter_map(|index| policy.rules.get(index)).collect();
            diags.push(said(rule, &list, &by));
        }
    }
}

/// The most rules that are pointed at; the rest are counted.
const SHOWN: usize = 3;

fn said(rule: &Rule, found: &[Useless], by: &[&Rule]) -> Diagnostic {
    let id = &rule.id.value;
    let shadowed = found.iter().all(|useless| useless.why == Why::Shadowed);
    let (code, message, help) = match shadowed {
        true => (
            Code::ShadowedRule,
            format!("rule `{id}` never matches: earlier rules decide all its packets"),
            "move it up if it was meant to win; else remove it",
        ),
        false => (
            Code::RedundantRule,
            format!("rule `{id}` changes nothing: the rest decides its packets alike"),
            "remove it, or correct what it was meant to add",
        ),
    };
    let mut diagnostic = Diagnostic::new(code, message).at(rule.id.span, "this rule");
    for other in by.iter().take(SHOWN) {
        diagnostic = diagnostic.at(other.id.span, "decides its packets");
    }
    if by.len() > SHOWN {
        diagnostic = diagnostic.note(format!("and {} rules more", by.len() - SHOWN));
    }
    if found.iter().any(|useless| useless.default) {
        diagnostic = diagnostic.note(format!("and the {} default", rule.direction));
    }
    match rule.used_at {
        Some(span) => diagnostic.at(span, "the library is used here").help(help),
        None => diagnostic.help(help),
    }
}

/// Names of libraries have a prefix with this character; a library's own tables may have more than one
/// use needs.
const LIBRARY: char = '@';

fn names(policy: &Policy, diags: &mut Diags) {
    let mut used = Used::default();
    for rule in &policy.rules {
        used.network(policy, &rule.from);
        used.network(policy, &rule.to);
        used.service(policy, &rule.service);
    }
    let members = policy.targets.iter().filter_map(|target| target.members.as_ref());
    members.for_each(|expr| used.network(policy, expr));
    let networks = policy.networks.iter().map(|(name, network)| ("network", name, network.name));
    let services = policy.services.iter().map(|(name, service)| ("service", name, service.name));
    for (kind, name, span) in networks.chain(services) {
        let known = if kind == "network" { &used.networks } else { &used.services };
        if !name.contains(LIBRARY) && !known.contains(name.as_str()) {
            let message = format!("no rule uses the {kind} `{name}`");
            let diagnostic = Diagnostic::new(Code::UnusedName, message).at(span, "declared here");
            diags.push(diagnostic.help("remove it, or use it"));
        }
    }
}

#[derive(Default)]
struct Used<'a> {
    networks: BTreeSet<&'a str>,
    services: BTreeSet<&'a str>,
}

impl<'a> Used<'a> {
    fn network(&mut self, policy: &'a Policy, expr: &'a NetworkExpr) {
        match expr {
            NetworkExpr::Name(name) => {
                if self.networks.insert(&name.value)
                    && let Some(network) = policy.networks.get(&name.value)
                {
                    self.network(policy, &network.is);
                }
            }
            NetworkExpr::List(list, _) => list.iter().for_each(|item| self.network(policy, item)),
            NetworkExpr::Except { include, except, .. } => {
                self.network(policy, include);
                self.network(policy, except);
            }
            NetworkExpr::Domains { fallback: Some(fallback), .. } => self.network(policy, fallback),
            _ => {}
        }
    }

    fn service(&mut self, policy: &'a Policy, expr: &'a ServiceExpr) {
        match expr {
            ServiceExpr::Name(name) => {
                if self.services.insert(&name.value)
                    && let Some(service) = policy.services.get(&name.value)
                {
                    self.service(policy, &service.is);
                }
            }
            ServiceExpr::List(list, _) => list.iter().for_each(|item| self.service(policy, item)),
            _ => {}
        }
    }
}
