//! Compiling: from a checked policy to files that are proven, or to nothing.

use crate::diag::{Code, Diagnostic, Diags};
use crate::feed::Feeds;
use crate::ir::flow::RuleSet;
use crate::ir::{Action, Verdict, syntax};
use crate::pass::resolve::{NamedRule, Resolved, resolve};
use crate::policy::ast::{PacketTest, Policy, Target};
use crate::proof::program::Place;
use crate::proof::{Failure, Prover};
use crate::source::Span;
use crate::target::{self, Fault, File, Header, render::Templates};
use crate::{net, pass};

/// What a compile needs beside the policy.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The vendors' address feeds.
    pub feeds: &'a Feeds,
    /// The layouts.
    pub templates: &'a Templates,
    /// The policy file's name, as artifacts name it.
    pub source: &'a str,
}

/// The files of one target, proven equal to the policy.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The target's name in the policy.
    pub target: String,
    /// The kind of firewall, in its usual spelling.
    pub kind: &'static str,
    /// Where the firewall stands and whether it tracks connections, in words.
    pub place: String,
    /// In a fixed order.
    pub files: Vec<File>,
    /// How many packet rules the target was planned from.
    pub rules: usize,
    /// How many prefixes the rules' address sets have, each set counted once.
    pub prefixes: usize,
    /// How many nodes the proof's diagrams have.
    pub nodes: usize,
}

/// Compiles the targets that `wanted` picks; `None` when anything is wrong, and then nothing may be
/// written.
pub fn compile(
    policy: &Policy,
    inputs: &Inputs<'_>,
    wanted: &dyn Fn(&str) -> bool,
    diags: &mut Diags,
) -> Option<Vec<Artifact>> {
    let resolved = resolve(policy, inputs.feeds, diags)?;
    let mut found = Diags::default();
    run_tests(policy, &resolved, &mut found);
    let mut prover = Prover::new(&resolved.rules);
    let mut artifacts = Vec::new();
    let targets: Vec<_> = policy.targets.iter().filter(|t| wanted(&t.spec.name)).collect();
    resolved.named.iter().for_each(|rule| names(policy, &targets, rule, &mut found));
    for target in targets {
        artifacts.extend(artifact(policy, &resolved, target, inputs, &mut prover, &mut found));
    }
    let failed = found.has_errors();
    diags.append(found);
    (!failed).then_some(artifacts)
}

fn artifact(
    policy: &Policy,
    resolved: &Resolved,
    target: &Target,
    inputs: &Inputs<'_>,
    prover: &mut Prover<'_>,
    diags: &mut Diags,
) -> Option<Artifact> {
    let spec = &target.spec;
    let filter = pass::filter(&resolved.rules, &spec.placement, spec.state);
    let header = Header { policy: policy.name.value.clone(), source: inputs.source.to_owned() };
    let files = match target::generate(&filter, spec, &header, inputs.templates) {
        Ok(files) => files,
        Err(faults) => {
            faults.into_iter().for_each(|fault| diags.push(described(policy, target, fault)));
            return None;
        }
    };
    let nodes = match proven(target, &resolved.rules, &files, prover) {
        Ok(nodes) => nodes,
        Err(diagnostic) => {
            diags.push(*diagnostic);
            return None;
        }
    };
    let rules = || filter.inbound.iter().chain(&filter.outbound);
    Some(Artifact {
        target: spec.name.clone(),
        kind: spec.kind.word(),
        place: format!("a {} {}", spec.state.word(), spec.placement.word()),
        files,
        rules: rules().count(),
        prefixes: prefixes(rules().flat_map(|rule| [&rule.source, &rule.destination])),
        nodes,
    })
}

fn prefixes<'a>(sets: impl Iterator<Item = &'a net::IpSet>) -> usize {
    let sets: rustc_hash::FxHashSet<_> = sets.filter(|set| !set.is_all()).collect();
    sets.iter().map(|set| set.prefixes().count()).sum()
}

/// Reads the finished text back and decides whether it means what the policy means.
fn proven(
    target: &Target,
    rules: &RuleSet,
    files: &[File],
    prover: &mut Prover<'_>,
) -> Result<usize, Box<Diagnostic>> {
    let spec = &target.spec;
    let failed = |message: String| {
        Diagnostic::new(Code::NotProven, message).at(target.name, "this target").help(
            "nothing was written; unless a template of your own did this, it is a bug: please report it",
        )
    };
    let program = target::read(spec, files).map_err(|error| {
        let file = files.get(error.place.file).map_or("", |file| &file.path);
        let message = format!("`{}` was not understood when read back", spec.name);
        Box::new(failed(message).note(format!("{file}:{}: {}", error.place.line, error.reason)))
    })?;
    match prover.prove(&spec.placement, spec.state, &program) {
        Ok(proof) => Ok(proof.nodes),
        Err(Failure::Budget) => Err(Box::new(failed(format!(
            "the proof of `{}` did not end within its budget",
            spec.name
        )))),
        Err(Failure::Different { packet, policy, artifact: (verdict, place) }) => {
            let line = place.and_then(|place| line(files, place));
            let line = line.map(|line| format!("{}:{}: {}", line.file, line.line, line.text));
            let message = format!("`{}` does not mean what the policy means", spec.name);
            Err(Box::new(
                failed(message)
                    .note(format!(
                        "a packet that differs: {packet}, at {}",
                        spec.placement.way(&packet)
                    ))
                    .note(format!("the policy: {}, by {}", policy.verdict(), policy.reason(rules)))
                    .note(format!(
                        "the artifact: {verdict}, by {}",
                        line.as_deref().unwrap_or("no rule")
                    )),
            ))
        }
    }
}

/// A target's fault, at the rule that it names.
fn described(policy: &Policy, target: &Target, fault: Fault) -> Diagnostic {
    let message = format!("target `{}`: {}", target.spec.name, fault.message);
    let diagnostic = Diagnostic::new(fault.code, message);
    let rule = fault.origin.and_then(|origin| policy.rules.get(origin.index?));
    let diagnostic = match rule {
        Some(rule) => diagnostic.at(rule.id.span, "this rule").at(target.name, "this target"),
        None => diagnostic.at(target.name, "this target"),
    };
    if fault.help.is_empty() { diagnostic } else { diagnostic.help(fault.help) }
}

/// Says what the targets do with a rule that has domain names: all of them match addresses only.
fn names(policy: &Policy, targets: &[&Target], rule: &NamedRule, diags: &mut Diags) {
    let Some(written) = policy.rules.get(rule.index).filter(|_| !targets.is_empty()) else {
        return;
    };
    let id = &written.id.value;
    let list: Vec<_> = targets.iter().map(|target| format!("`{}`", target.spec.name)).collect();
    let list = list.join(", ");
    let diagnostic = if rule.fallback {
        Diagnostic::new(Code::Fallback, format!("rule `{id}` uses its fallback addresses"))
            .note(format!("used for {list}, which can match addresses only"))
    } else {
        let message = format!("the domain names of rule `{id}` cannot be enforced by {list}");
        Diagnostic::new(Code::NotExpressible, message)
            .help("give the rule a `fallback:`, or choose addresses instead of names")
    };
    diags.push(at_use(diagnostic.at(written.to.span(), rule.domains.join(", ")), written.used_at));
}

fn at_use(diagnostic: Diagnostic, used_at: Option<Span>) -> Diagnostic {
    match used_at {
        Some(span) => diagnostic.at(span, "the library is used here"),
        None => diagnostic,
    }
}

/// Reports the rules whose `expires:` day is before `day` (both `YYYY-MM-DD`, which sort as text).
pub fn expired(policy: &Policy, day: &str, diags: &mut Diags) {
    for rule in &policy.rules {
        if let Some(expires) = rule.expires.as_ref().filter(|expires| expires.value.as_str() < day)
        {
            let message = format!("rule `{}` expired on {}", rule.id.value, expires.value);
            let diagnostic = Diagnostic::new(Code::Expired, message)
                .at(expires.span, format!("before {day}"))
                .help("renew the day, or remove the rule");
            diags.push(at_use(diagnostic, rule.used_at));
        }
    }
}

/// Holds the policy against its own tests.
fn run_tests(policy: &Policy, resolved: &Resolved, diags: &mut Diags) {
    for test in &policy.tests {
        if let Some(diagnostic) = failed_test(policy, resolved, test) {
            diags.push(diagnostic);
        }
    }
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
    let origin = rule.and_then(|index| resolved.rules.rules[index].origins.first());
    Some(match origin.and_then(|origin| policy.rules.get(origin.index?)) {
        Some(rule) => diagnostic.at(rule.id.span, "decided by this rule"),
        None => {
            diagnostic.note(format!("no rule matches; the {} default decides", query.direction))
        }
    })
}

/// What decides a packet that would open a flow.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Explanation {
    /// What the policy does.
    pub action: Action,
    /// The id of the rule that decides; none when it is the default.
    pub rule: Option<String>,
    /// What each artifact does with it.
    pub targets: Vec<TargetExplanation>,
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

/// A line of an artifact.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ArtifactLine {
    /// The file, relative to the output's root.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// Its text, without the blanks around.
    pub text: String,
}

/// Explains what decides a packet: the rule in the policy, and for each target the line of its artifact
/// as read back. `None` when the policy does not compile.
pub fn explain(
    policy: &Policy,
    inputs: &Inputs<'_>,
    query: &syntax::Query,
    diags: &mut Diags,
) -> Option<Explanation> {
    let resolved = resolve(policy, inputs.feeds, diags)?;
    let (action, rule) = match query.decide(&resolved.rules) {
        Ok(decision) => decision,
        Err(ports) => {
            diags.push(ambiguous(ports));
            return None;
        }
    };
    let artifacts = compile(policy, inputs, &|_| true, diags)?;
    let origin = rule.and_then(|index| resolved.rules.rules[index].origins.first());
    if let Some(written) = origin.and_then(|origin| policy.rules.get(origin.index?)) {
        let message = format!("rule `{}` decides: {action}", written.id.value);
        let note = Diagnostic::new(Code::Decision, message).at(written.span, "");
        diags.push(at_use(note, written.used_at));
    }
    let targets = policy.targets.iter().zip(&artifacts).filter_map(|(target, artifact)| {
        let packet = query.at(&target.spec.placement, target.spec.state);
        // The artifact was read and proven a moment ago.
        let program = target::read(&target.spec, &artifact.files).ok()?;
        let (verdict, place) = program.decide(&packet);
        let line = place.and_then(|place| line(&artifact.files, place));
        Some(TargetExplanation { target: artifact.target.clone(), verdict, line })
    });
    Some(Explanation {
        action,
        rule: origin.map(|origin| origin.rule.clone()),
        targets: targets.collect(),
    })
}

/// The text of a line of an artifact.
fn line(files: &[File], place: Place) -> Option<ArtifactLine> {
    let file = files.get(place.file)?;
    let text = file.text.lines().nth(place.line.checked_sub(1)?)?.trim();
    Some(ArtifactLine { file: file.path.clone(), line: place.line, text: text.to_owned() })
}

fn ambiguous((one, other): (u16, u16)) -> Diagnostic {
    let message = "the answer depends on the source port, which the packet leaves out";
    Diagnostic::new(Code::PacketSyntax, message)
        .help(format!("source ports {one} and {other} differ: write the one that is meant"))
}
