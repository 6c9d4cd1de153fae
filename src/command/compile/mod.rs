//! Compiling: from a checked policy to files that are proven, or to nothing.

mod intent;
mod prove;

pub use intent::Intent;

use super::Session;
use super::phrases::at_use;
use super::test::expectations;
use crate::diag::{Code, Diagnostic, Diags, listed};
use crate::firewall::{self, Fault, File, Header, ReadError, render::Templates};
use crate::net;
use crate::pass::resolve::{NamedRule, Resolved};
use crate::policy::ast::{Policy, Target};
use crate::program::Program;
use crate::proof::Prover;
use crate::timing::phase;
use std::sync::{Mutex, PoisonError, mpsc};

/// What a compile needs beside the policy.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The layouts.
    pub templates: &'a Templates,
    /// The name of the policy's file, as artifacts give it.
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
    /// The files as they were read back and proven.
    pub program: Program,
}

/// Compiles the targets that `wanted` picks; `None` when anything is wrong, and then nothing may be
/// written.
pub fn compile(
    session: &mut Session<'_>,
    inputs: &Inputs<'_>,
    wanted: &dyn Fn(&str) -> bool,
    diags: &mut Diags,
) -> Option<Vec<Artifact>> {
    let mut found = Diags::default();
    let outcomes = phase("tests, invariants", || expectations(session));
    outcomes.into_iter().filter_map(|outcome| outcome.fault).for_each(|d| found.push(d));
    let (policy, resolved) = (session.policy, session.resolved);
    let targets: Vec<_> = policy.targets.iter().filter(|t| wanted(&t.spec.name)).collect();
    resolved.named.iter().for_each(|rule| names(policy, &targets, rule, &mut found));
    let drafts = targets.iter().map(|target| draft(policy, resolved, target, inputs));
    let artifacts = proven(session, &targets, drafts, &mut found);
    let failed = found.has_errors();
    diags.append(found);
    (!failed).then_some(artifacts)
}

/// Proves targets as they are made: on a thread beside the one that makes them.
fn proven<'a>(
    session: &mut Session<'_>,
    targets: &[&Target],
    drafts: impl Iterator<Item = Draft<'a>>,
    diags: &mut Diags,
) -> Vec<Artifact> {
    let (policy, resolved) = (session.policy, session.resolved);
    let (made, received) = mpsc::channel();
    let work = Mutex::new((received, &mut session.prover));
    let prove = || {
        let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
        let (received, prover) = &mut *work;
        let mut found = Diags::default();
        if let Some(first) = targets.first() {
            prover.prepare(&first.spec.placement, first.spec.state);
        }
        let mut artifacts = Vec::new();
        for (target, draft) in targets.iter().zip(received.iter()) {
            artifacts.extend(artifact(policy, resolved, target, draft, prover, &mut found));
        }
        (artifacts, found)
    };
    let (artifacts, found) = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, prove);
        drafts.for_each(|draft| _ = made.send(draft));
        drop(made);
        match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // No thread is available.
            Err(_) => prove(),
        }
    });
    diags.append(found);
    artifacts
}

/// What is made of a target before it is proven.
struct Draft<'a> {
    intent: Intent<'a>,
    faults: Vec<Fault>,
    files: Vec<File>,
    /// The files, read back.
    program: Result<Program, ReadError>,
}

fn draft<'a>(
    policy: &Policy,
    resolved: &Resolved,
    target: &'a Target,
    inputs: &Inputs<'_>,
) -> Draft<'a> {
    let spec = &target.spec;
    let intent = phase("lower, aggregate", || {
        Intent::of(&resolved.rules, spec, resolved.members.get(&spec.name))
    });
    let refused = intent.unsayable.iter().map(|one| prove::unsayable(target, one));
    let mut faults: Vec<_> = refused.collect();
    let header = Header { policy: policy.name.value.clone(), source: inputs.source.to_owned() };
    let generated =
        phase("generate", || firewall::generate(&intent.filter, spec, &header, inputs.templates));
    let files = generated.unwrap_or_else(|more| {
        faults.extend(more);
        Vec::new()
    });
    let program = match faults.is_empty() {
        true => phase("read back", || firewall::read_artifact(spec, &files)),
        false => Ok(Program::default()),
    };
    Draft { intent, faults, files, program }
}

fn artifact(
    policy: &Policy,
    resolved: &Resolved,
    target: &Target,
    draft: Draft<'_>,
    prover: &mut Prover<'_>,
    diags: &mut Diags,
) -> Option<Artifact> {
    let spec = &target.spec;
    let Draft { intent, faults, files, program } = draft;
    let filter = &intent.filter;
    if !faults.is_empty() {
        faults.into_iter().for_each(|fault| diags.push(described(policy, target, fault)));
        return None;
    }
    let back = (files.as_slice(), program);
    let (program, proof) =
        match prove::proven(target, &resolved.rules, &intent.claim(), back, prover) {
            Ok(proven) => proven,
            Err(diagnostic) => {
                diags.push(*diagnostic);
                return None;
            }
        };
    intent.grown.iter().for_each(|one| diags.push(prove::grown(policy, target, one)));
    if let Some(beyond) =
        proof.beyond.filter(|_| !intent.lost.is_empty() || intent.grown.is_empty())
    {
        prove::wider(policy, &resolved.rules, target, &intent, beyond, diags);
    }
    let rules = || filter.inbound.iter().chain(&filter.outbound);
    Some(Artifact {
        target: spec.name.clone(),
        kind: spec.kind.word(),
        place: format!("a {} {}", spec.state.word(), spec.placement.word()),
        files,
        rules: rules().count(),
        prefixes: prefixes(rules().flat_map(|rule| [&rule.source, &rule.destination])),
        nodes: proof.nodes,
        program,
    })
}

fn prefixes<'a>(sets: impl Iterator<Item = &'a net::IpSet>) -> usize {
    let sets: rustc_hash::FxHashSet<_> = sets.filter(|set| !set.is_all()).collect();
    sets.iter().map(|set| set.prefixes().count()).sum()
}

/// Returns a target's fault as a diagnostic at the rule that it names.
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

/// Reports what the targets do with a rule that has domain names: all of them match only addresses.
fn names(policy: &Policy, targets: &[&Target], rule: &NamedRule, diags: &mut Diags) {
    let Some(written) = policy.rules.get(rule.index).filter(|_| !targets.is_empty()) else {
        return;
    };
    let id = &written.id.value;
    let list = listed(targets.iter().map(|target| format!("`{}`", target.spec.name)), ", ");
    let diagnostic = if rule.fallback {
        Diagnostic::new(Code::Fallback, format!("rule `{id}` uses its fallback addresses"))
            .note(format!("used for {list}, which can match only addresses"))
    } else {
        let message = format!("the domain names of rule `{id}` cannot be enforced by {list}");
        Diagnostic::new(Code::NotExpressible, message)
            .help("give the rule a `fallback:`, or use addresses instead of names")
    };
    let domains = listed(rule.domains.iter().cloned(), ", ");
    diags.push(at_use(diagnostic.at(written.to.span(), domains), written.used_at));
}
