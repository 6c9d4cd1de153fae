//! Checking: what is questionable in a policy although it compiles.

use super::phrases::{at_use, opener};
use crate::analysis::{Useless, Why, Work, overlaps, useless};
use crate::diag::{Code, Diagnostic, Diags, counted, listed};
use crate::ir::flow::RuleSet;
use crate::ir::{Action, Direction, L4Kind, StateMode};
use crate::net::protocol::{TCP, UDP};
use crate::net::{Family, IpSet, PortSet};
use crate::pass::resolve::Resolved;
use crate::policy::ast::{NetworkExpr, Policy, Rule, ServiceExpr, Spanned};
use crate::timing::phase;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a check needs beside the policy.
#[derive(Clone, Copy, Debug)]
pub struct Asks<'a> {
    /// The day as of which `expires:` is judged (`YYYY-MM-DD`), and until which it is near.
    pub days: Option<(&'a str, &'a str)>,
    /// Whether every rule must have an owner.
    pub owners: bool,
    /// How many steps the search for rules that change nothing or overlap may take.
    pub steps: u64,
}

/// Enough steps for ten thousand rules of many kinds; some seconds, should all be needed.
pub const STEPS: u64 = 1 << 28;

/// Reports what is questionable, except for findings that rules suppress (`ignore:`).
/// `resolved` is what the policy resolves to; where it does not, only what is written is looked at.
pub fn check(policy: &Policy, resolved: Option<&Resolved>, asks: &Asks<'_>, diags: &mut Diags) {
    // Findings that a rule suppresses are removed again.
    let mut found = Diags::keeping_all();
    if let Some(resolved) = resolved {
        let (flows, work) = (&resolved.rules, &mut Work::new(asks.steps));
        let hidden = phase("useless rules", || rules(policy, flows, work, &mut found));
        phase("overlaps", || overlapping(policy, flows, &hidden, work, &mut found));
        broad(policy, flows, &mut found);
    }
    if let Some((day, soon)) = asks.days {
        expiring(policy, day, soon, &mut found);
    }
    if asks.owners || policy.checks.get(&Code::MissingOwner).is_some_and(Option::is_some) {
        owners(policy, &mut found);
    }
    client_ports(policy, &mut found);
    names(policy, &mut found);
    ignored(policy, &mut found);
    diags.append(found);
}

/// Removes the findings that a rule suppresses, and reports those that it suppresses without having them.
fn ignored(policy: &Policy, diags: &mut Diags) {
    for rule in &policy.rules {
        for ignored in &rule.ignored {
            let code = ignored.code.value;
            let own = |d: &Diagnostic| {
                d.code == code && d.labels.first().is_some_and(|label| label.span == rule.id.span)
            };
            if !diags.remove(own) {
                let message = format!("rule `{}` has no finding `{code}` to ignore", rule.id.value);
                let diagnostic = Diagnostic::new(Code::UnusedIgnore, message);
                diags.push(diagnostic.at(ignored.code.span, "").help("remove it"));
            }
        }
    }
}

/// Returns the index of the written rule that a flow rule comes from.
fn written(policy: &Policy, rules: &RuleSet, flow: usize) -> Option<usize> {
    let index = rules.rules.get(flow)?.origins.first()?.index?;
    (index < policy.rules.len()).then_some(index)
}

/// Reports rules that change nothing, and returns those that never match.
fn rules(policy: &Policy, rules: &RuleSet, work: &mut Work, diags: &mut Diags) -> BTreeSet<usize> {
    let written = |flow: usize| written(policy, rules, flow);
    // A written rule may be several flow rules; it changes nothing when none of them does.
    let mut parts: BTreeMap<usize, usize> = BTreeMap::new();
    for index in (0..rules.rules.len()).filter_map(written) {
        *parts.entry(index).or_default() += 1;
    }
    let useless = useless(rules, work);
    let mut found: BTreeMap<usize, Vec<Useless>> = BTreeMap::new();
    for useless in useless.list {
        if let Some(index) = written(useless.rule) {
            found.entry(index).or_default().push(useless);
        }
    }
    found.retain(|index, list| parts.get(index) == Some(&list.len()));
    let mut deciders = Deciders::default();
    for (index, list) in &found {
        let Some(rule) = policy.rules.get(*index) else { continue };
        // Rules that were asked together share what was found.
        let known = matches!(list.as_slice(), [one] if Arc::ptr_eq(&one.by, &deciders.of));
        if !known {
            deciders = Deciders::new(policy, list, written);
        }
        diags.push(said(rule, list, &deciders));
    }
    let open: BTreeSet<_> = useless.undecided.into_iter().filter_map(written).collect();
    undecided(policy, &open, ["changes nothing", "change nothing"], diags);
    found.retain(|_, list| list.iter().all(|useless| useless.why == Why::Shadowed));
    found.into_keys().collect()
}

/// What a message says about the rules that decide the packets of others.
#[derive(Default)]
struct Deciders<'a> {
    /// The flow rules, where one finding alone names them.
    of: Arc<[usize]>,
    /// The first of them as written; the rest are counted.
    shown: Vec<&'a Rule>,
    more: usize,
    /// Whether some allow, and whether some refuse.
    allow: bool,
    refuse: bool,
}

impl<'a> Deciders<'a> {
    fn new(
        policy: &'a Policy,
        found: &[Useless],
        written: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let by = found.iter().flat_map(|useless| useless.by.iter());
        let mut by: Vec<_> = by.filter_map(|flow| written(*flow)).collect();
        by.sort_unstable();
        by.dedup();
        let refuses = |index: &usize| policy.rules[*index].action != Action::Allow;
        Deciders {
            of: if let [one] = found { one.by.clone() } else { Arc::default() },
            shown: by.iter().take(SHOWN).map(|index| &policy.rules[*index]).collect(),
            more: by.len().saturating_sub(SHOWN),
            allow: !by.iter().all(refuses),
            refuse: by.iter().any(refuses),
        }
    }
}

/// Reports rules for which the answer was not determined; what they may do is given in the singular and in
/// the plural.
fn undecided(policy: &Policy, rules: &BTreeSet<usize>, [one, many]: [&str; 2], diags: &mut Diags) {
    let rules: Vec<_> = rules.iter().filter_map(|index| policy.rules.get(*index)).collect();
    let Some(first) = rules.first() else { return };
    let message = match rules.len() {
        1 => format!("could not determine whether rule `{}` {one}", first.id.value),
        count => format!("could not determine whether {count} rules {many}"),
    };
    let mut diagnostic = Diagnostic::new(Code::UndecidedRules, message);
    for rule in rules.iter().take(SHOWN) {
        diagnostic = diagnostic.at(rule.id.span, "not determined");
    }
    if rules.len() > SHOWN {
        diagnostic = diagnostic.note(format!("and {}", counted(rules.len() - SHOWN, "more rule")));
    }
    let diagnostic = diagnostic.note("the search used up its `--steps`");
    diags.push(diagnostic.help("raise `--steps`, or split the policy"));
}

/// Reports rules that lose packets to earlier ones which do the opposite; not those that lose all.
fn overlapping(
    policy: &Policy,
    rules: &RuleSet,
    hidden: &BTreeSet<usize>,
    work: &mut Work,
    diags: &mut Diags,
) {
    let mut seen = BTreeSet::new();
    let of_hidden =
        |flow: &usize| written(policy, rules, *flow).is_some_and(|i| hidden.contains(&i));
    let hidden = (0..rules.rules.len()).filter(of_hidden).collect();
    let overlaps = overlaps(rules, &hidden, work);
    for overlap in overlaps.list {
        let Some(index) = written(policy, rules, overlap.rule) else { continue };
        let earlier = written(policy, rules, overlap.earlier);
        let (rule, Some(earlier)) = (&policy.rules[index], earlier) else { continue };
        if !seen.insert(index) {
            continue;
        }
        let other = &policy.rules[earlier];
        let message = format!(
            "some packets of rule `{}` ({}) are decided by `{}` ({})",
            rule.id.value, rule.action, other.id.value, other.action
        );
        let mut diagnostic = Diagnostic::new(Code::OverlappingRules, message)
            .at(rule.id.span, "this rule")
            .at(other.id.span, "comes before it")
            .note(format!("for example {} {}", rule.direction, opener(&overlap.packet)));
        if overlap.more > 0 {
            let rules = if overlap.more == 1 { "rule does" } else { "rules do" };
            let more = format!("{} more earlier {rules} the opposite", overlap.more);
            diagnostic = diagnostic.note(format!("{more} with some of its packets"));
        }
        diags.push(at_use(diagnostic, rule.used_at));
    }
    let open = overlaps.undecided.into_iter().filter_map(|flow| written(policy, rules, flow));
    let what = [
        "loses packets to an earlier rule that does the opposite",
        "lose packets to earlier rules that do the opposite",
    ];
    undecided(policy, &open.collect(), what, diags);
}

/// Reports rules that let everyone on the other side use everything.
fn broad(policy: &Policy, rules: &RuleSet, diags: &mut Diags) {
    let mut seen = BTreeSet::new();
    for (flow, rule) in rules.rules.iter().enumerate().filter(|(_, r)| r.action == Action::Allow) {
        let (other, side) = match rule.direction {
            Direction::Inbound => (&rule.source, "from anywhere"),
            Direction::Outbound => (&rule.destination, "to anywhere"),
        };
        let everyone = Family::BOTH.into_iter().any(|f| other.only(f) == IpSet::family(f));
        let what = match rule.l4.kind() {
            L4Kind::Any => "every service",
            L4Kind::Protocols(set) if set.contains(TCP) => "every port of TCP",
            L4Kind::Protocols(set) if set.contains(UDP) => "every port of UDP",
            _ => continue,
        };
        let Some(index) = written(policy, rules, flow).filter(|_| everyone) else { continue };
        let rule = &policy.rules[index];
        if seen.insert(index) {
            let message = format!("rule `{}` allows {what} {side}", rule.id.value);
            let diagnostic =
                Diagnostic::new(Code::OverBroad, message).at(rule.id.span, "this rule");
            let diagnostic = diagnostic
                .help("name the services or addresses that are needed, or suppress it on the rule, with a reason: `ignore:`");
            diags.push(at_use(diagnostic, rule.used_at));
        }
    }
}

/// Reports rules that expire between two days, both included.
fn expiring(policy: &Policy, day: &str, soon: &str, diags: &mut Diags) {
    for rule in &policy.rules {
        let near = |expires: &&Spanned<String>| (day..=soon).contains(&expires.value.as_str());
        if let Some(expires) = rule.expires.as_ref().filter(near) {
            let message = format!("rule `{}` expires on {}", rule.id.value, expires.value);
            let diagnostic = Diagnostic::new(Code::Expiring, message)
                .at(rule.id.span, "this rule")
                .at(expires.span, format!("on or before {soon}"))
                .help("extend the date, or remove the rule");
            diags.push(at_use(diagnostic, rule.used_at));
        }
    }
}

/// Reports rules without an owner.
fn owners(policy: &Policy, diags: &mut Diags) {
    for rule in policy.rules.iter().filter(|r| r.owner.is_empty() && policy.owner.is_empty()) {
        let message = format!("rule `{}` has no owner", rule.id.value);
        let diagnostic = Diagnostic::new(Code::MissingOwner, message).at(rule.id.span, "this rule");
        let diagnostic = diagnostic.help("add `owner:` to the rule, or to the whole policy");
        diags.push(at_use(diagnostic, rule.used_at));
    }
}

/// Reports libraries whose rules expect replies on other ports than the policy's clients use, where it
/// matters.
fn client_ports(policy: &Policy, diags: &mut Diags) {
    let stateless = policy.targets.iter().find(|t| t.spec.state == StateMode::Stateless);
    let Some(target) = stateless else { return };
    let mut seen = BTreeSet::new();
    let outbound = |rule: &&Rule| {
        (rule.action, rule.direction) == (Action::Allow, Direction::Outbound)
            && rule.source_ports.value.is_all()
    };
    for rule in policy.rules.iter().filter(outbound) {
        let Some(used_at) = rule.used_at else { continue };
        if rule.ephemeral == policy.ephemeral || !seen.insert(used_at) {
            continue;
        }
        let words = |set: &PortSet| {
            let words = set.ranges().iter().map(|(low, high)| format!("{low}-{high}"));
            listed(words, ", ")
        };
        let message = format!(
            "the library's clients expect replies on ports {}, but the policy's clients use {}",
            words(&rule.ephemeral),
            words(&policy.ephemeral)
        );
        let diagnostic = Diagnostic::new(Code::ClientPorts, message)
            .at(used_at, "the library is used here")
            .at(target.name, "this target is stateless");
        diags.push(diagnostic.help("tell the library which system the clients run (`client-os:`), or set their ports (`defaults: { ephemeral: … }`)"));
    }
}

/// The most rules that are pointed at; the rest are counted.
const SHOWN: usize = 3;

fn said(rule: &Rule, found: &[Useless], by: &Deciders<'_>) -> Diagnostic {
    let id = &rule.id.value;
    let shadowed = found.iter().all(|useless| useless.why == Why::Shadowed);
    let opposite = match rule.action {
        Action::Allow => by.refuse && !by.allow,
        Action::Drop | Action::Reject => by.allow && !by.refuse,
    };
    let (code, message, help) = match (shadowed, opposite) {
        (true, true) => (
            Code::ContradictingRules,
            format!("rule `{id}` ({}) has no effect: earlier rules do the opposite", rule.action),
            "move it up if it was meant to win; otherwise remove it",
        ),
        (true, false) => (
            Code::ShadowedRule,
            format!("rule `{id}` never matches: earlier rules decide all its packets"),
            "move it up if it was meant to win; otherwise remove it",
        ),
        (false, _) => (
            Code::RedundantRule,
            format!(
                "rule `{id}` changes nothing: without it, its packets are decided the same way"
            ),
            "remove it, or correct what it was meant to add",
        ),
    };
    let mut diagnostic = Diagnostic::new(code, message).at(rule.id.span, "this rule");
    for other in &by.shown {
        diagnostic = diagnostic.at(other.id.span, "decides its packets");
    }
    if by.more > 0 {
        diagnostic = diagnostic.note(format!("and {}", counted(by.more, "more rule")));
    }
    if found.iter().any(|useless| useless.default) {
        diagnostic = diagnostic.note(format!("and the {} default", rule.direction));
    }
    at_use(diagnostic, rule.used_at).help(help)
}

/// Names of libraries have a prefix with this character; a library's own tables may have more than one
/// use needs.
const LIBRARY: char = '@';

fn names(policy: &Policy, diags: &mut Diags) {
    let (networks, services) = (used_networks(policy), used_services(policy));
    let used = |kind: &str, name: &str| match kind {
        "network" => networks.contains(name),
        _ => services.contains(name),
    };
    let declared = policy.networks.iter().map(|(name, network)| ("network", name, network.name));
    let others = policy.services.iter().map(|(name, service)| ("service", name, service.name));
    for (kind, name, span) in declared.chain(others) {
        if !name.contains(LIBRARY) && !used(kind, name) {
            let message = format!("no rule uses the {kind} `{name}`");
            let diagnostic = Diagnostic::new(Code::UnusedName, message).at(span, "declared here");
            diags.push(diagnostic.help("remove it, or use it"));
        }
    }
}

fn used_networks(policy: &Policy) -> BTreeSet<&str> {
    let rules = policy.rules.iter().flat_map(|rule| [&rule.from, &rule.to]);
    let invariants = policy.invariants.iter().flat_map(|one| [&one.from, &one.to]);
    let members = policy.targets.iter().filter_map(|target| target.members.as_ref());
    let written = rules.chain(invariants).chain(members).flat_map(NetworkExpr::names);
    let needs = |name: &str| policy.networks.get(name).map(|n| n.is.names()).unwrap_or_default();
    reached(written, needs)
}

fn used_services(policy: &Policy) -> BTreeSet<&str> {
    let rules = policy.rules.iter().map(|rule| &rule.service);
    let invariants = policy.invariants.iter().map(|one| &one.service);
    let written = rules.chain(invariants).flat_map(ServiceExpr::names);
    let needs = |name: &str| policy.services.get(name).map(|s| s.is.names()).unwrap_or_default();
    reached(written, needs)
}

/// Returns names, and those that they are made of.
fn reached<'a>(
    written: impl Iterator<Item = &'a Spanned<String>>,
    needs: impl Fn(&str) -> Vec<&'a Spanned<String>>,
) -> BTreeSet<&'a str> {
    let mut next: Vec<_> = written.map(|name| name.value.as_str()).collect();
    let mut reached = BTreeSet::new();
    while let Some(name) = next.pop() {
        if reached.insert(name) {
            next.extend(needs(name).into_iter().map(|name| name.value.as_str()));
        }
    }
    reached
}

/// Reports the rules whose `expires:` day is before `day` (both `YYYY-MM-DD`, which sort as text).
pub fn expired(policy: &Policy, day: &str, diags: &mut Diags) {
    for rule in &policy.rules {
        if let Some(expires) = rule.expires.as_ref().filter(|expires| expires.value.as_str() < day)
        {
            let message = format!("rule `{}` expired on {}", rule.id.value, expires.value);
            let diagnostic = Diagnostic::new(Code::Expired, message)
                .at(expires.span, format!("before {day}"))
                .help("extend the date, or remove the rule");
            diags.push(at_use(diagnostic, rule.used_at));
        }
    }
}
