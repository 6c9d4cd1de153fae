//! What a policy must do: its tests, each for one packet, and its invariants, for all packets.

use super::Session;
use super::phrases::{ambiguous, at_use, opener, unproven};
use crate::analysis::Asked;
use crate::diag::{Code, Diagnostic};
use crate::ir::{decide_flow, syntax};
use crate::pass::resolve::{Must, Resolved};
use crate::policy::ast::{Invariant, InvariantKind, PacketTest, Policy};
use crate::source::Span;

/// The result of a test or an invariant.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Where it stands.
    pub span: Span,
    /// What it says, in a few words.
    pub name: String,
    /// Why it does not hold, when it does not.
    pub fault: Option<Diagnostic>,
}

/// Runs a policy's own tests and invariants, in the order of the file.
pub fn expectations(session: &mut Session<'_>) -> Vec<Outcome> {
    let Session { policy, resolved, asked, .. } = session;
    let (policy, resolved) = (*policy, *resolved);
    let tests = policy.tests.iter().map(|test| Outcome {
        span: test.packet.span,
        name: format!("expect {}: {}", test.expect.value, test.packet.value),
        fault: failed_test(policy, resolved, test),
    });
    let mut list: Vec<_> = tests.collect();
    for (invariant, must) in policy.invariants.iter().zip(&resolved.invariants) {
        let comment = match invariant.comment.as_str() {
            "" => String::new(),
            comment => format!(": {comment}"),
        };
        list.push(Outcome {
            span: invariant.span,
            name: format!("{} {}{comment}", invariant.kind.word(), invariant.direction),
            fault: broken(policy, resolved, invariant, must, asked),
        });
    }
    list
}

fn failed_test(policy: &Policy, resolved: &Resolved, test: &PacketTest) -> Option<Diagnostic> {
    let span = test.packet.span;
    let query = match syntax::parse(&test.packet.value) {
        Ok(query) => query,
        Err(error) => {
            let diagnostic = Diagnostic::new(Code::PacketSyntax, error.message);
            return Some(diagnostic.at(span, &test.packet.value[error.at]).help(error.help));
        }
    };
    let (action, rule) = match query.decide(&resolved.rules) {
        Ok(decision) => decision,
        Err(ports) => return Some(ambiguous(ports).at(span, "this packet")),
    };
    if action == test.expect.value {
        return None;
    }
    let message =
        format!("the policy says `{action}` where a test expects `{}`", test.expect.value);
    let diagnostic = Diagnostic::new(Code::TestFailed, message).at(span, "this packet");
    Some(decided_by(diagnostic, policy, resolved, rule, query.direction.word()))
}

/// Points at the rule that decides, or says that it is a default.
fn decided_by(
    diagnostic: Diagnostic,
    policy: &Policy,
    resolved: &Resolved,
    rule: Option<usize>,
    way: &str,
) -> Diagnostic {
    let origin = rule.and_then(|index| resolved.rules.rules[index].origins.first());
    match origin.and_then(|origin| policy.rules.get(origin.index?)) {
        Some(rule) => at_use(diagnostic.at(rule.id.span, "decided by this rule"), rule.used_at),
        None => diagnostic.note(format!("no rule matches; the {way} default decides")),
    }
}

/// Finds a packet that contradicts an invariant.
fn broken(
    policy: &Policy,
    resolved: &Resolved,
    invariant: &Invariant,
    must: &Must,
    asked: &mut Asked<'_>,
) -> Option<Diagnostic> {
    let found = must.traffic.iter().find_map(|traffic| {
        let found = match must.allowed {
            true => asked.some_refused(traffic),
            false => asked.some_allowed(traffic),
        };
        found.transpose()
    })?;
    let says = match invariant.kind {
        InvariantKind::Never => "a packet that must never be allowed is allowed",
        InvariantKind::Always => "a packet that must always be allowed is refused",
        InvariantKind::Only => "a packet outside `only` is allowed",
    };
    let diagnostic = |message: &str| {
        Diagnostic::new(Code::InvariantBroken, message).at(invariant.span, "this invariant")
    };
    let Ok(packet) = found else {
        let undecided = Diagnostic::new(Code::NotProven, "the invariant could not be decided");
        return Some(unproven(undecided.at(invariant.span, "this invariant")));
    };
    let (_, rule) = decide_flow(&resolved.rules, invariant.direction, &packet);
    let diagnostic = diagnostic(says).note(format!("{} {}", invariant.direction, opener(&packet)));
    Some(decided_by(diagnostic, policy, resolved, rule, invariant.direction.word()))
}
