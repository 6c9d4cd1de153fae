//! The result of an artifact's proof, for people.

use super::Intent;
use crate::command::phrases::{at_use, line, unproven};
use crate::diag::{Code, Diagnostic, Diags, counted};
use crate::firewall::{Fault, File, ReadError};
use crate::ir::flow::RuleSet;
use crate::ir::{Origin, Packet, Verdict, decide};
use crate::pass::fit::Grown;
use crate::pass::widen::{Unsayable, Widening};
use crate::policy::ast::{Policy, Target};
use crate::program::Place;
use crate::program::Program;
use crate::proof::{Claim, Failure, Proof, Prover};
use crate::timing::phase;
use ipnet::IpNet;

/// Decides whether finished text, which was read back, means what the policy means.
pub(super) fn proven(
    target: &Target,
    rules: &RuleSet,
    claim: &Claim<'_>,
    (files, program): (&[File], Result<Program, ReadError>),
    prover: &mut Prover<'_>,
) -> Result<(Program, Proof), Box<Diagnostic>> {
    let spec = &target.spec;
    let failed = |message: String| {
        Diagnostic::new(Code::NotProven, message).at(target.name, "this target").help(
            "nothing was written; unless a template of your own caused this, it is a bug: please report it",
        )
    };
    let program = program.map_err(|error| {
        let file = files.get(error.place.file).map_or("", |file| &file.path);
        let message = format!("`{}` was not understood when it was read back", spec.name);
        Box::new(failed(message).note(format!("{file}:{}: {}", error.place.line, error.reason)))
    })?;
    let done = |(verdict, place): (Verdict, Option<Place>)| {
        let line = place.and_then(|place| line(files, place));
        let line = line.map(|line| format!("{}:{}: {}", line.file, line.line, line.text));
        format!("the artifact: {verdict}, by {}", line.as_deref().unwrap_or("no rule"))
    };
    let differs = |packet: &Packet| {
        format!("a packet that shows it: {packet}, at {}", spec.placement.way(packet))
    };
    match phase("prove", || prover.prove_claim(claim, &program)) {
        Ok(proof) => Ok((program, proof)),
        Err(Failure::Budget) => Err(Box::new(unproven(
            Diagnostic::new(Code::NotProven, format!("`{}` could not be proven", spec.name))
                .at(target.name, "this target"),
        ))),
        Err(Failure::Different { packet, policy, artifact }) => Err(Box::new(
            failed(format!("`{}` does not mean what the policy means", spec.name))
                .note(differs(&packet))
                .note(format!("the policy: {}, by {}", policy.verdict(), policy.reason(rules)))
                .note(done(artifact)),
        )),
        Err(Failure::NotAsDeclared { packet, declared, artifact }) => Err(Box::new(
            failed(format!("`{}` differs from the policy beyond what was reported", spec.name))
                .note(differs(&packet))
                .note(format!("as reported: {declared}"))
                .note(done(artifact)),
        )),
    }
}

/// Reports which conditions a target's rules lose because that kind of firewall cannot match them, with a
/// packet that gets in; rules whose packets others allow anyway are not mentioned. `beyond` is a packet that
/// gets in by whichever rule.
pub(super) fn wider(
    policy: &Policy,
    rules: &RuleSet,
    target: &Target,
    intent: &Intent<'_>,
    beyond: Packet,
    diags: &mut Diags,
) {
    let spec = &target.spec;
    let gets_in = |packet: &&Packet| {
        let meant = decide(rules, &spec.placement, spec.state, packet).verdict();
        meant != Verdict::Accept && intent.filter.verdict(packet) == Verdict::Accept
    };
    let mut said = false;
    for (lost, list) in by_loss(&intent.lost) {
        let asked = list.iter().take(ASKED);
        let found = asked.map(|one| (*one, one.examples.iter().find(gets_in)));
        let (found, vain): (Vec<_>, Vec<_>) = found.partition(|(_, packet)| packet.is_some());
        let Some((_, Some(packet))) = found.first() else { continue };
        let shown: Vec<_> = found.iter().take(SHOWN).map(|(one, _)| *one).collect();
        let more = list.len() - vain.len() - shown.len();
        let names: Vec<_> = shown.iter().filter_map(|one| one.origins.first()).collect();
        let names: Vec<_> = names.into_iter().map(Origin::to_string).collect();
        let more =
            if more == 0 { String::new() } else { format!(", and {}", counted(more, "more rule")) };
        let names = names.join(", ") + &more;
        let message = format!("target `{}` is wider than the policy: {names}", spec.name);
        let mut diagnostic = Diagnostic::new(Code::Wider, message);
        let origins = shown.iter().filter_map(|one| one.origins.first()?.index);
        for rule in origins.filter_map(|index| policy.rules.get(index)) {
            diagnostic = at_use(diagnostic.at(rule.id.span, "this rule"), rule.used_at);
        }
        let label = format!("{} cannot match {}", spec.kind.word(), lost.join(" and "));
        diags.push(diagnostic.at(target.name, label).note(example(packet)));
        said = true;
    }
    if !said {
        let message = format!("target `{}` is wider than the policy", spec.name);
        let diagnostic = Diagnostic::new(Code::Wider, message).at(target.name, "this target");
        diags.push(diagnostic.note(example(&beyond)));
    }
}

fn example(packet: &Packet) -> String {
    format!("for example, it lets in {packet}")
}

/// The most rules of a group that are searched for a packet that gets in.
const ASKED: usize = 64;
/// The most rules that are pointed at; the rest are counted.
const SHOWN: usize = 3;

/// Returns the rules grouped by what they lose, in the order of the first of each group.
fn by_loss(report: &[Widening]) -> Vec<(&[&'static str], Vec<&Widening>)> {
    let mut groups: Vec<(&[&str], Vec<&Widening>)> = Vec::new();
    for one in report {
        match groups.iter_mut().find(|(lost, _)| *lost == one.lost) {
            Some((_, list)) => list.push(one),
            None => groups.push((&one.lost, vec![one])),
        }
    }
    groups
}

/// Reports every address by which a rule grew so that its prefixes fit.
pub(super) fn grown(policy: &Policy, target: &Target, grown: &Grown) -> Diagnostic {
    let name = grown.origin.as_ref().map_or_else(String::new, Origin::to_string);
    let prefixes: Vec<_> = grown.extra.prefixes().collect();
    let most = target.spec.kind.max_entries().unwrap_or_default();
    let message = format!(
        "target `{}` is wider than the policy: `{name}` lets in {} more, because of `widen`",
        target.spec.name,
        addresses(&prefixes)
    );
    let mut diagnostic = Diagnostic::new(Code::Wider, message);
    let rule = grown.origin.as_ref().and_then(|origin| policy.rules.get(origin.index?));
    if let Some(rule) = rule {
        diagnostic = at_use(diagnostic.at(rule.id.span, "this rule"), rule.used_at);
    }
    let family = grown.family;
    let label = format!("its {} {family} prefixes become {most} or fewer", grown.needs);
    let list: Vec<_> = prefixes.iter().map(ToString::to_string).collect();
    diagnostic.at(target.name, label).note(format!(
        "{}: {}",
        counted(list.len(), &format!("more {family} block")),
        list.join(" ")
    ))
}

/// Returns how many addresses prefixes of one family have.
fn addresses(prefixes: &[IpNet]) -> String {
    let size = |net: &IpNet| 1u128.checked_shl((net.max_prefix_len() - net.prefix_len()).into());
    let sum = prefixes.iter().try_fold(0u128, |sum, net| sum.checked_add(size(net)?));
    sum.map_or_else(
        || "2^128 addresses".to_owned(),
        |sum| format!("{sum} address{}", if sum == 1 { "" } else { "es" }),
    )
}

/// Reports that a rule refuses by something that the kind of firewall cannot match.
pub(super) fn unsayable(target: &Target, unsayable: &Unsayable) -> Fault {
    let kind = target.spec.kind.word();
    Fault {
        code: Code::NotExpressible,
        message: format!("{kind} cannot refuse packets by {}", unsayable.lost.join(" and ")),
        origin: unsayable.origin.clone(),
        help: "without that condition the rule would refuse too much: leave it to another target"
            .to_owned(),
    }
}
