//! What decides a packet: the rule in the policy, and the line in each artifact.

use super::{Inputs, ambiguous, at_use, compile};
use crate::diag::{Code, Diagnostic, Diags};
use crate::ir::{Action, Verdict, syntax};
use crate::pass::resolve::resolve;
use crate::policy::ast::Policy;
use crate::proof::program::Place;
use crate::target::{self, File};

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
pub(crate) fn line(files: &[File], place: Place) -> Option<ArtifactLine> {
    let file = files.get(place.file)?;
    let text = file.text.lines().nth(place.line.checked_sub(1)?)?.trim();
    Some(ArtifactLine { file: file.path.clone(), line: place.line, text: text.to_owned() })
}
