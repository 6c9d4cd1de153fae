//! What a change to a policy opens and closes, and what it does to the artifacts.

mod firewalls;
mod markdown;
mod text;

pub use firewalls::{FirewallChange, firewalls};

use crate::analysis::{self, Cause, Change, Kind, Names};
use crate::command::Session;
use crate::command::compile::Artifact;
use crate::command::phrases::opener;
use crate::command::verify::{self, BOXES, Group, groups, way};
use crate::diag::{Code, Diagnostic, Diags};
use crate::firewall::{File, Spec};
use crate::ir::{Action, Direction, decide_flow};
use crate::policy::ast::Policy;
use crate::program::Program;
use crate::proof::{self, Differs};
use crate::source::{SourceMap, Span};
use std::collections::BTreeSet;

/// The most boxes of a kind, cause, direction and family that are listed.
const CHANGES: usize = 1024;

/// One side of a comparison.
pub struct Side<'a> {
    /// The policy, resolved.
    pub session: Session<'a>,
    /// What a compile makes of it; none when it does not compile.
    pub artifacts: Option<Vec<Artifact>>,
    /// The files that were committed with it, by the target's name, of targets of which all were.
    pub committed: Vec<(String, Vec<File>)>,
}

/// Everything that a change does.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Diff {
    /// Traffic that is decided differently.
    pub changes: Vec<Line>,
    /// Whether there is more than what is listed.
    pub more: bool,
    /// Whether the replies that stateless firewalls let through change although no flow is decided differently.
    pub replies: bool,
    /// What happens to each target; empty where one of the two policies does not compile.
    pub targets: Vec<TargetChange>,
}

/// Returns what happens to some traffic, as a heading.
fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Allowed => "newly allowed",
        Kind::Refused => "no longer allowed",
        Kind::Answered => "refused differently",
    }
}

/// Returns the cause, in a word.
fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Policy => "policy",
        Cause::Feed => "feed",
    }
}

impl Decided {
    /// Returns it in words: ``allow, by rule `crm` (policy.yaml:40)``.
    fn text(&self, way: Direction) -> String {
        let by = match (&self.rule, &self.place) {
            (None, _) => format!("the {way} default"),
            (Some(rule), None) => format!("rule `{rule}`"),
            (Some(rule), Some(place)) => format!("rule `{rule}` ({place})"),
        };
        format!("{}, by {by}", self.action)
    }
}

impl Text {
    /// Returns it in a sentence.
    fn text(self) -> &'static str {
        match self {
            Text::Added => "new target",
            Text::Removed => "removed target",
            Text::Same => "unchanged",
            Text::WithMeaning => "changes with the policy's meaning",
            Text::TextOnly => "the text changes, its meaning does not",
            Text::Meaning => {
                "its meaning changes although the policy's does not: its options changed"
            }
            Text::Place => "its placement or connection tracking changes, and so does all of it",
            Text::Unknown => "the text changes; its meaning could not be compared",
        }
    }
}

/// Traffic that is decided differently.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Line {
    /// What happens to it.
    pub kind: Kind,
    /// Why.
    pub cause: Cause,
    /// Which way it is opened.
    pub direction: Direction,
    /// By whom, in the policy's words.
    pub from: String,
    /// To whom.
    pub to: String,
    /// With what.
    pub service: String,
    /// One of its packets.
    pub packet: String,
    /// What decided it.
    pub was: Decided,
    /// What decides it.
    pub is: Decided,
}

/// What decides a packet.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Decided {
    /// What is done with it.
    pub action: Action,
    /// The rule, or none for the default.
    pub rule: Option<String>,
    /// The rule's file and line.
    pub place: Option<String>,
    /// The same, for diagnostics.
    #[serde(skip)]
    pub span: Option<Span>,
}

/// What happens to a target.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TargetChange {
    /// The target's name.
    pub target: String,
    /// What happens to its text.
    pub text: Text,
    /// Ways in which its firewall behaves differently although no flow is decided differently.
    pub differences: Vec<TargetLine>,
    /// Where the committed text is not what this compiler makes of the old policy, because it came from another
    /// version or was edited by hand: ways in which this compiler's text behaves differently.
    pub compiler: Option<Vec<TargetLine>>,
}

/// What happens to a target's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Text {
    /// There was no such target.
    Added,
    /// There is no such target any more.
    Removed,
    /// It stays, byte for byte.
    Same,
    /// It changes, with the meaning of the policy.
    WithMeaning,
    /// It changes, and means what it meant.
    TextOnly,
    /// Its meaning changes although the policy's does not: the target has other options.
    Meaning,
    /// Its firewall is placed elsewhere, or tracks connections where it did not, or the reverse.
    Place,
    /// It changes, and one of the two could not be read.
    Unknown,
}

/// What a firewall does differently.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TargetLine {
    /// How.
    pub differs: Differs,
    /// Which way the packets go.
    pub way: String,
    /// Who reaches whom with what.
    pub traffic: Vec<String>,
    /// One of the packets.
    pub packet: String,
}

impl Diff {
    /// Tells whether anything means something else.
    pub fn is_empty(&self) -> bool {
        let same = |target: &TargetChange| {
            matches!(target.text, Text::Same | Text::TextOnly)
                && target.compiler.as_ref().is_none_or(Vec::is_empty)
        };
        self.changes.is_empty() && !self.replies && self.targets.iter().all(same)
    }
}

/// Compares two policies; `None` when they are too large for that. `sources` are the texts of both.
pub fn diff(old: &Side<'_>, new: &Side<'_>, names: &Names, sources: &SourceMap) -> Option<Diff> {
    // The new policy with the old feeds shows what the policy causes.
    let (was, is) = (old.session.resolved, new.session.resolved);
    let mid = (old.session.feeds != new.session.feeds).then(|| {
        crate::command::resolved(new.session.policy, old.session.feeds, &mut Diags::default())
    });
    let mid = match &mid {
        None => Some(&is.rules),
        Some(mid) => mid.as_ref().map(|resolved| &resolved.rules),
    };
    let found = analysis::changes(&was.rules, mid, &is.rules, CHANGES).ok()?;
    let spelled = |one: &Change| spelled(one, old, new, (names, sources));
    let changes: Vec<_> = found.list.iter().map(spelled).collect();
    let same = changes.is_empty() && !found.replies;
    let targets = targets(old, new, same, names);
    let replies = found.replies && changes.is_empty();
    Some(Diff { changes, more: found.more, replies, targets })
}

impl Line {
    /// Returns it as a note on the rule that decides now, or that did; on `policy` where there is none.
    pub fn diagnostic(&self, policy: Span) -> Diagnostic {
        let Line { direction, from, to, service, .. } = self;
        let what = heading(self.kind);
        let message = format!("{what}: {direction}: {from} -> {to}: {service}");
        let at = self.is.span.or(self.was.span).unwrap_or(policy);
        Diagnostic::new(Code::TrafficChanged, message)
            .at(at, "")
            .note(format!("for example {}", self.packet))
            .note(format!("was: {}", self.was.text(*direction)))
            .note(format!("is: {}", self.is.text(*direction)))
            .note(format!("cause: {}", cause(self.cause)))
    }
}

fn spelled(
    change: &Change,
    old: &Side<'_>,
    new: &Side<'_>,
    (names, sources): (&Names, &SourceMap),
) -> Line {
    let decided = |side: &Side<'_>| {
        let Session { policy, resolved, .. } = &side.session;
        let (action, rule) = decide_flow(&resolved.rules, change.direction, &change.example);
        let origin = rule.and_then(|index| resolved.rules.rules[index].origins.first());
        let written = origin.and_then(|origin| policy.rules.get(origin.index?));
        let span = written.map(|rule| rule.used_at.unwrap_or(rule.id.span));
        let place = span.map(|span| {
            let line = sources.line(span.file, span.start);
            format!("{}:{line}", sources.name(span.file))
        });
        Decided { action, rule: origin.map(|origin| origin.rule.clone()), place, span }
    };
    Line {
        kind: change.kind,
        cause: change.cause,
        direction: change.direction,
        from: names.addresses(&change.source),
        to: names.addresses(&change.destination),
        service: names.services(&change.services),
        packet: opener(&change.example),
        was: decided(old),
        is: decided(new),
    }
}

fn targets(old: &Side<'_>, new: &Side<'_>, same: bool, names: &Names) -> Vec<TargetChange> {
    let (Some(was), Some(is)) = (&old.artifacts, &new.artifacts) else { return Vec::new() };
    let both: BTreeSet<_> = was.iter().chain(is).map(|one| one.target.as_str()).collect();
    let of = |list: &'_ [Artifact], name: &str| list.iter().position(|one| one.target == name);
    let target = |name: &str| {
        let was = of(was, name).map(|at| (spec(old, name), &was[at]));
        let is = of(is, name).map(|at| (spec(new, name), &is[at]));
        let committed = old.committed.iter().find(|(known, _)| known == name);
        target(name, (was, is), committed.map(|(_, files)| files.as_slice()), same, names)
    };
    both.into_iter().map(target).collect()
}

fn spec<'a>(side: &Side<'a>, name: &str) -> Option<&'a Spec> {
    let policy: &'a Policy = side.session.policy;
    policy.targets.iter().map(|target| &target.spec).find(|spec| spec.name == name)
}

/// A target and what a compile made of it.
type Made<'a> = (Option<&'a Spec>, &'a Artifact);

fn target(
    name: &str,
    (was, is): (Option<Made<'_>>, Option<Made<'_>>),
    committed: Option<&[File]>,
    same: bool,
    names: &Names,
) -> TargetChange {
    let change = |text| (text, Vec::new());
    let (text, differences) = match (&was, &is) {
        (Some((_, was)), Some((_, is))) if was.files == is.files => change(Text::Same),
        (Some(_), Some(_)) if !same => change(Text::WithMeaning),
        (Some((Some(spec), was)), Some((Some(other), is))) => {
            compared((spec, &was.program), (other, &is.program), names)
        }
        (None, _) => change(Text::Added),
        (_, None) => change(Text::Removed),
        _ => change(Text::Unknown),
    };
    let edited = was.zip(committed).filter(|((_, made), committed)| made.files != *committed);
    let compiler = edited.map(|((spec, made), committed)| {
        // What was edited by hand is no longer an artifact, but may be read as rules.
        let found = spec.and_then(|spec| {
            let listing = verify::read(spec, committed, None).ok()?;
            Some(compared((spec, &listing.program), (spec, &made.program), names).1)
        });
        found.unwrap_or_default()
    });
    TargetChange { target: name.to_owned(), text, differences, compiler }
}

/// Compares what two firewalls do where the policy means the same.
fn compared(
    (spec, was): (&Spec, &Program),
    (other, is): (&Spec, &Program),
    names: &Names,
) -> (Text, Vec<TargetLine>) {
    if (&spec.placement, spec.state) != (&other.placement, other.state) {
        return (Text::Place, Vec::new());
    }
    let line = |group: Group| TargetLine {
        differs: group.differs,
        way: way(&spec.placement, &group.meetings),
        traffic: analysis::spelled(&group.boxes, names),
        packet: group.example.to_string(),
    };
    match proof::between(&spec.placement, was, is, BOXES) {
        Err(_) => (Text::Unknown, Vec::new()),
        Ok(found) if found.is_empty() => (Text::TextOnly, Vec::new()),
        Ok(found) => (Text::Meaning, groups(found).into_iter().map(line).collect()),
    }
}
