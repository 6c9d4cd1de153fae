//! Resolving: names become sets, and every fault is found in one run.

mod held;
mod invariants;
mod names;
mod networks;
mod order;
mod services;

pub(crate) use held::MOST_BYTES;
pub use invariants::Must;
pub use names::{NamedSets, names};

use crate::diag::{Code, Diagnostic, Diags, listed};
use crate::feed::Feeds;
use crate::ir::flow::{Rule, RuleSet};
use crate::ir::{L4, Origin, OriginKind};
use crate::near::nearest;
use crate::net::{Family, IpSet};
use crate::policy::ast::{self, Policy};
use crate::source::Span;
use networks::{Networks, Peers};
use order::Needed;
use services::Services;
use std::collections::BTreeMap;

/// A policy with sets in place of names.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The rules; a rule to domains has its fallback's addresses, or is missing when it has none.
    pub rules: RuleSet,
    /// The rules whose destination has domain names, which a target may not be able to enforce.
    pub named: Vec<NamedRule>,
    /// The addresses behind a target, by its name, where the policy says them.
    pub members: BTreeMap<String, IpSet>,
    /// What each invariant says, in the order of the policy.
    pub invariants: Vec<Must>,
}

/// A rule whose destination has domain names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedRule {
    /// Index of the rule in the policy as written.
    pub index: usize,
    /// The names, in the order of the policy.
    pub domains: Vec<String>,
    /// Whether a fallback stands in for every name.
    pub fallback: bool,
}

/// Resolves every name of a policy; `None` when anything is wrong with it.
pub fn resolve(policy: &Policy, feeds: &Feeds, diags: &mut Diags) -> Option<Resolved> {
    let mut found = Diags::default();
    let mut networks = Networks::new(policy, feeds);
    let mut services = Services::new(policy);
    networks.check_all(&mut found);
    services.check_all(&mut found);
    let mut rules = Vec::with_capacity(policy.rules.len());
    let mut named = Vec::new();
    for (index, rule) in policy.rules.iter().enumerate() {
        let source = networks.addresses(&rule.from, &mut found);
        let destination = networks.peers(&rule.to, &mut found);
        let service = services.of_rule(rule, &mut found);
        if let (Some(source), Some(destination), Some(service)) = (source, destination, service) {
            named.extend(named_rule(index, &destination));
            if !destination.without_fallback {
                rules.extend(flows(index, rule, &source, &destination.set, service, &mut found));
            }
        }
    }
    let mut members = BTreeMap::new();
    for target in &policy.targets {
        let set = target.members.as_ref().and_then(|expr| networks.addresses(expr, &mut found));
        members.extend(set.map(|set| (target.spec.name.clone(), set)));
    }
    let invariants = invariants::invariants(policy, &mut networks, &mut services, &mut found);
    let failed = found.has_errors();
    diags.append(found);
    let rules = RuleSet {
        name: policy.name.value.clone(),
        rules,
        defaults: policy.defaults,
        baseline: policy.baseline,
        ephemeral: policy.ephemeral.clone(),
    };
    (!failed).then_some(Resolved { rules, named, members, invariants })
}

fn named_rule(index: usize, to: &Peers) -> Option<NamedRule> {
    (!to.domains.is_empty()).then(|| NamedRule {
        index,
        domains: to.domains.clone(),
        fallback: !to.without_fallback,
    })
}

/// Returns the flow rules of one written rule: one for each part of its service that cannot share a box.
fn flows(
    index: usize,
    rule: &ast::Rule,
    source: &IpSet,
    destination: &IpSet,
    service: Vec<(L4, Option<Family>)>,
    diags: &mut Diags,
) -> Vec<Rule> {
    let origin = Origin {
        kind: OriginKind::Policy,
        rule: rule.id.value.clone(),
        index: Some(index),
        comment: rule.comment.clone(),
    };
    // Source ports, where they are given, say where the replies go.
    let ephemeral = if rule.source_ports.value.is_all() {
        rule.ephemeral.clone()
    } else {
        rule.source_ports.value.clone()
    };
    let flow = |(l4, family): (L4, Option<Family>)| {
        let part = |set: &IpSet| family.map_or_else(|| set.clone(), |family| set.only(family));
        let flow = Rule {
            action: rule.action,
            direction: rule.direction,
            source: part(source),
            destination: part(destination),
            l4,
            ephemeral: ephemeral.clone(),
            log: rule.log.clone(),
            origins: vec![origin.clone()],
        };
        flow.normalized()
    };
    let families: Vec<_> = service.iter().map(|(_, family)| *family).collect();
    let flows: Vec<_> = service.into_iter().filter_map(flow).collect();
    if flows.is_empty() {
        diags.push(nothing_in_common(rule, source, destination, &families));
    }
    flows
}

fn nothing_in_common(
    rule: &ast::Rule,
    source: &IpSet,
    destination: &IpSet,
    families: &[Option<Family>],
) -> Diagnostic {
    let message = format!("no packet can match rule `{}`", rule.id.value);
    let mut diagnostic = Diagnostic::new(Code::NothingInCommon, message)
        .at(rule.from.span(), format!("this has {}", families_of(source)))
        .at(rule.to.span(), format!("this has {}", families_of(destination)));
    if let [Some(family)] = families {
        diagnostic = diagnostic.at(rule.service.span(), format!("this is {family} only"));
    }
    diagnostic.help("give both sides addresses of the same family, or remove the rule")
}

fn families_of(set: &IpSet) -> &'static str {
    match (set.has(Family::V4), set.has(Family::V6)) {
        (true, true) => "IPv4 and IPv6 addresses",
        (true, false) => "IPv4 addresses only",
        (false, true) => "IPv6 addresses only",
        (false, false) => "no address",
    }
}

/// Reports a name that is not declared, with the nearest one that is.
fn unknown<'a>(
    what: &str,
    name: &ast::Spanned<String>,
    known: impl Iterator<Item = &'a String>,
    diags: &mut Diags,
) {
    let short = written(&name.value);
    let diagnostic = Diagnostic::new(Code::UnknownName, format!("unknown {what} `{short}`"))
        .at(name.span, "not declared");
    let scope = &name.value[..name.value.len() - short.len()];
    let known = known.filter_map(|other| other.strip_prefix(scope));
    let near = match diags.asks(Code::UnknownName) {
        true => nearest(short, known.filter(|other| !other.contains('/')), 1),
        false => Vec::new(),
    };
    diags.push(match near.first() {
        Some(near) => diagnostic.help(format!("a {what} with a similar name exists: `{near}`")),
        None => diagnostic.help(format!("declare it under `{what}s:`")),
    });
}

/// Reports that names are defined in terms of each other: once for all names of a cycle, with a short way around.
fn cycle(
    what: &str,
    way: &[Needed<'_>],
    declared: impl Fn(&str) -> Option<Span>,
    diags: &mut Diags,
) {
    let Some(back) = way.last() else { return };
    let message = format!("{what} `{}` is defined in terms of itself", written(&back.value));
    let diagnostic = Diagnostic::new(Code::Cycle, message).at(back.span, "leads back here");
    let declared = declared(&back.value);
    let diagnostic = declared.into_iter().fold(diagnostic, |d, span| d.at(span, "declared here"));
    let names = [back].into_iter().chain(way).map(|name| format!("`{}`", written(&name.value)));
    diags.push(match way.len() {
        1 => diagnostic,
        _ => diagnostic.note(format!("the cycle is {}", listed(names, " -> "))),
    });
}

/// Returns the name as its file writes it: without the prefix of the library's use.
fn written(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
