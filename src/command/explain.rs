//! What decides a packet: the rule in the policy, and the line in each artifact.

use super::Session;
use super::compile::{Inputs, compile};
use super::phrases::{ArtifactLine, ambiguous, at_use, line};
use crate::analysis::{Names, service};
use crate::diag::{Code, Diagnostic, Diags};
use crate::ir::flow::{Rule, RuleSet};
use crate::ir::{Action, L4, Verdict, syntax};
use crate::net::{PortSet, ProtocolSet, protocol};

/// What decides a packet that would open a flow.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Explanation {
    /// What the policy does.
    pub action: Action,
    /// The id of the rule that decides; none when it is the default.
    pub rule: Option<String>,
    /// The rules of that direction before it, in order, and why each does not match.
    pub passed: Vec<Passed>,
    /// What each artifact does with it.
    pub targets: Vec<TargetExplanation>,
}

/// A rule that does not match a packet.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Passed {
    /// The rule's id.
    pub rule: String,
    /// What does not match, one sentence each.
    pub why: Vec<String>,
}

/// What decides a packet in one artifact.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TargetExplanation {
    /// The target's name.
    pub target: String,
    /// What happens to the packet.
    pub verdict: Verdict,
    /// The line that decides, where one does.
    pub line: Option<ArtifactLine>,
}

/// Returns what decides a packet: the rule in the policy, and for each target the line of its artifact as
/// read back. `None` when the policy does not compile.
pub fn explain(
    session: &mut Session<'_>,
    inputs: &Inputs<'_>,
    query: &syntax::Query,
    diags: &mut Diags,
) -> Option<Explanation> {
    let (policy, resolved) = (session.policy, session.resolved);
    let (action, rule) = match query.decide(&resolved.rules) {
        Ok(decision) => decision,
        Err(ports) => {
            diags.push(ambiguous(ports));
            return None;
        }
    };
    let artifacts = compile(session, inputs, &|_| true, diags)?;
    let origin = rule.and_then(|index| resolved.rules.rules[index].origins.first());
    if let Some(written) = origin.and_then(|origin| policy.rules.get(origin.index?)) {
        let message = format!("rule `{}` decides: {action}", written.id.value);
        let note = Diagnostic::new(Code::Decision, message).at(written.span, "");
        diags.push(at_use(note, written.used_at));
    }
    let targets = policy.targets.iter().zip(&artifacts).map(|(target, artifact)| {
        let packet = query.at(&target.spec.placement, target.spec.state);
        let (verdict, place) = artifact.program.decide(&packet);
        let line = place.and_then(|place| line(&artifact.files, place));
        TargetExplanation { target: artifact.target.clone(), verdict, line }
    });
    Some(Explanation {
        action,
        rule: origin.map(|origin| origin.rule.clone()),
        passed: passed(&resolved.rules, query, rule, session.names()),
        targets: targets.collect(),
    })
}

/// Returns the rules of the packet's direction before the one that decides. A written rule may be several
/// flow rules: the reason given is that of the one that comes closest.
fn passed(
    rules: &RuleSet,
    query: &syntax::Query,
    decides: Option<usize>,
    names: &Names,
) -> Vec<Passed> {
    let before = &rules.rules[..decides.unwrap_or(rules.rules.len())];
    let mut list: Vec<(Option<usize>, Passed)> = Vec::new();
    for rule in before.iter().filter(|rule| rule.direction == query.direction) {
        let Some(origin) = rule.origins.first() else { continue };
        let why = mismatches(rule, query, names);
        match list.last_mut().filter(|(index, _)| *index == origin.index) {
            Some((_, known)) if known.why.len() > why.len() => known.why = why,
            Some(_) => {}
            None => list.push((origin.index, Passed { rule: origin.rule.clone(), why })),
        }
    }
    // What decides may be another part of the same rule.
    let deciding = decides.and_then(|index| rules.rules[index].origins.first()?.index);
    list.retain(|(index, _)| deciding.is_none() || *index != deciding);
    list.into_iter().map(|(_, passed)| passed).collect()
}

/// Returns every way in which a packet does not match a rule.
fn mismatches(rule: &Rule, query: &syntax::Query, names: &Names) -> Vec<String> {
    let packet = &query.packet;
    let mut why = Vec::new();
    for (side, address, set) in [
        ("source", packet.source, &rule.source),
        ("destination", packet.destination, &rule.destination),
    ] {
        if !set.contains(address) {
            why.push(format!("{side} {address} is not in {}", names.addresses(set)));
        }
    }
    let services = names.services(std::slice::from_ref(&rule.l4));
    let has = |from: u16, to: u16| rule.l4.contains(packet.protocol, from, to);
    if !rule.l4.protocol_set().contains(packet.protocol) {
        let protocol = protocol::name(packet.protocol)
            .map_or_else(|| format!("protocol {}", packet.protocol), str::to_owned);
        why.push(format!("{protocol} is not in {services}"));
    } else if !rule.l4.destination().contains(packet.destination_port) {
        let asked = L4::product(
            ProtocolSet::one(packet.protocol),
            PortSet::all(),
            PortSet::one(packet.destination_port),
        );
        why.push(format!("{} is not in {services}", service(&asked)));
    } else if !query.any_source_port && !has(packet.source_port, packet.destination_port) {
        why.push(format!("source port {} is not in {services}", packet.source_port));
    }
    why
}
