//! What a change of a policy opens and closes, and what it does to the artifacts.

mod firewalls;
mod markdown;
mod text;

pub use firewalls::{FirewallChange, firewalls};

use crate::analysis::{self, Cause, Change, Kind, Names};
use crate::command::phrases::opener;
use crate::command::verify::{BOXES, Group, groups, way};
use crate::diag::{Code, Diagnostic};
use crate::feed::Feeds;
use crate::firewall::{File, Spec};
use crate::ir::{Action, Direction, decide_flow};
use crate::pass::resolve::{self, Resolved};
use crate::policy::ast::Policy;
use crate::program::Program;
use crate::proof::{self, Differs};
use crate::source::{SourceMap, Span};
use std::collections::BTreeSet;

/// The most boxes of a kind, cause, direction and family that are listed.
const CHANGES: usize = 1024;

/// One side of a comparison.
#[derive(Debug)]
pub struct Side<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The vendors' feeds that it is resolved with.
    pub feeds: &'a Feeds,
    /// Its rules.
    pub resolved: &'a Resolved,
    /// The files that a compile makes of it, by the target's name; none when it does not compile.
    pub files: Option<Vec<(String, Vec<File>)>>,
    /// The files that were committed with it, of targets of which all were.
    pub committed: Vec<(String, Vec<File>)>,
    /// The texts that it was read from.
    pub sources: &'a SourceMap,
}

/// Everything that a change does.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Diff {
    /// Traffic that is decided otherwise.
    pub changes: Vec<Line>,
    /// Whether there is more than is listed.
    pub more: bool,
    /// Whether the replies that stateless firewalls let through change although no flow is decided otherwise.
    pub replies: bool,
    /// What becomes of each target; nothing where one of the two does not compile.
    pub targets: Vec<TargetChange>,
}

/// What happens to some traffic, as a heading.
fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Allowed => "newly allowed",
        Kind::Refused => "no longer allowed",
        Kind::Answered => "refused in another way",
    }
}

/// Why, in a word.
fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Policy => "policy",
        Cause::Feed => "feed",
    }
}

impl Decided {
    /// Says it: ``allow, by rule `crm` (policy.yaml:40)``.
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
    /// Says it in a sentence.
    fn text(self) -> &'static str {
        match self {
            Text::Added => "new target",
            Text::Removed => "removed target",
            Text::Same => "unchanged",
            Text::WithMeaning => "changes with the policy's meaning",
            Text::TextOnly => "the text changes, what it means does not",
            Text::Meaning => {
                "means something else although the policy means the same: other options"
            }
            Text::Place => "stands elsewhere or tracks connections otherwise: all of it changes",
            Text::Unknown => "the text changes, and could not be compared",
        }
    }
}

/// Traffic that is decided otherwise.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Line {
    /// What becomes of it.
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

/// What becomes of a target.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TargetChange {
    /// The target's name.
    pub target: String,
    /// What becomes of its text.
    pub text: Text,
    /// Ways in which its firewall does something else although no flow is decided otherwise.
    pub differences: Vec<TargetLine>,
    /// Where the committed text is not what today's compiler makes of the old policy, another version or an
    /// edit by hand being the cause: ways in which today's does something else.
    pub compiler: Option<Vec<TargetLine>>,
}

/// What becomes of a target's text.
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
    /// It changes and means something else though the policy means the same: the target has other options.
    Meaning,
    /// Its firewall stands elsewhere, or tracks connections where it did not, or the reverse.
    Place,
    /// It changes, and one of the two could not be read.
    Unknown,
}

/// What a firewall does otherwise.
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

/// Compares two policies; `None` when that is too large to be decided.
pub fn diff(old: &Side<'_>, new: &Side<'_>, names: &Names) -> Option<Diff> {
    // The new policy with the old feeds tells what is the policy's doing.
    let mid = resolve::resolve(new.policy, old.feeds, &mut crate::diag::Diags::default());
    let mid = mid.as_ref().map(|resolved| &resolved.rules);
    let found = analysis::changes(&old.resolved.rules, mid, &new.resolved.rules, CHANGES).ok()?;
    let changes: Vec<_> = found.list.iter().map(|one| spelled(one, old, new, names)).collect();
    let same = changes.is_empty() && !found.replies;
    let targets = targets(old, new, same, names);
    let replies = found.replies && changes.is_empty();
    Some(Diff { changes, more: found.more, replies, targets })
}

impl Line {
    /// Says it as a note on the rule that decides now, or that did; `policy` is where there is none.
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

fn spelled(change: &Change, old: &Side<'_>, new: &Side<'_>, names: &Names) -> Line {
    let decided = |side: &Side<'_>| {
        let (action, rule) = decide_flow(&side.resolved.rules, change.direction, &change.example);
        let origin = rule.and_then(|index| side.resolved.rules.rules[index].origins.first());
        let written = origin.and_then(|origin| side.policy.rules.get(origin.index?));
        let span = written.map(|rule| rule.used_at.unwrap_or(rule.id.span));
        let place = span.map(|span| {
            let line = side.sources.line(span.file, span.start);
            format!("{}:{line}", side.sources.name(span.file))
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
    let (Some(was), Some(is)) = (&old.files, &new.files) else { return Vec::new() };
    let both: BTreeSet<_> = was.iter().chain(is).map(|(name, _)| name.as_str()).collect();
    let target = |name| target(name, (old, was), (new, is), same, names);
    both.into_iter().map(target).collect()
}

/// Files by the name of their target.
type Files = [(String, Vec<File>)];

fn target(
    name: &str,
    (old, was): (&Side<'_>, &Files),
    (new, is): (&Side<'_>, &Files),
    same: bool,
    names: &Names,
) -> TargetChange {
    let of = |files: &Files| {
        let found = files.iter().find(|(known, _)| known == name);
        found.map(|(_, files)| files.clone())
    };
    let change = |text| (text, Vec::new());
    let made = of(was);
    let (text, differences) = match (&made, of(is)) {
        (Some(was), Some(is)) if *was == is => change(Text::Same),
        (Some(_), Some(_)) if !same => change(Text::WithMeaning),
        (Some(was), Some(is)) => compared((old, was), (new, &is), name, names),
        (None, _) => change(Text::Added),
        (_, None) => change(Text::Removed),
    };
    let committed = of(&old.committed).zip(made).filter(|(committed, made)| committed != made);
    let compiler =
        committed.map(|(committed, made)| compared((old, &committed), (old, &made), name, names).1);
    TargetChange { target: name.to_owned(), text, differences, compiler }
}

/// Compares the texts of a target whose policy means the same.
fn compared(
    (old, was): (&Side<'_>, &[File]),
    (new, is): (&Side<'_>, &[File]),
    name: &str,
    names: &Names,
) -> (Text, Vec<TargetLine>) {
    let (Some((spec, was)), Some((other, is))) = (program(old, name, was), program(new, name, is))
    else {
        return (Text::Unknown, Vec::new());
    };
    if (&spec.placement, spec.state) != (&other.placement, other.state) {
        return (Text::Place, Vec::new());
    }
    let line = |group: Group| TargetLine {
        differs: group.differs,
        way: way(&spec.placement, &group.meetings),
        traffic: analysis::spelled(&group.boxes, names),
        packet: group.example.to_string(),
    };
    match proof::between(&spec.placement, &was, &is, BOXES) {
        Err(_) => (Text::Unknown, Vec::new()),
        Ok(found) if found.is_empty() => (Text::TextOnly, Vec::new()),
        Ok(found) => (Text::Meaning, groups(found).into_iter().map(line).collect()),
    }
}

fn program<'a>(side: &Side<'a>, name: &str, files: &[File]) -> Option<(&'a Spec, Program)> {
    let policy: &'a Policy = side.policy;
    let target = policy.targets.iter().find(|target| target.spec.name == name)?;
    // What was edited by hand is no artifact any more, but may be read as rules.
    let listing = crate::command::verify::read(&target.spec, files).ok()?;
    Some((&target.spec, listing.program))
}
