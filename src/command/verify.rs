//! Verifying: comparing what is in a repository, or runs on a machine, with its policy.
//!
//! Artifacts and listings are read alike: what is certain is kept apart from what depends on conditions that are
//! not understood.

use super::Session;
use super::compile::{Artifact, Intent};
use super::phrases::{ArtifactLine, at_use, line, unproven};
use crate::analysis;
use crate::diag::{Code, Diagnostic, Diags, counted};
use crate::firewall::{self, File, Listing, ReadError, Spec};
use crate::ir::{Decision, Packet, Path, Placement, State, Verdict, decide};
use crate::net::IpSet;
use crate::policy::ast::{Rule, Target};
use crate::program::{Match, Place};
use crate::proof::{Claim, Difference, Differs, Meeting};
use crate::source::{FileId, SourceMap};
use crate::timing::phase;
use std::collections::BTreeMap;

/// The result for one target.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Verified {
    /// The target's name.
    pub target: String,
    /// Whether the firewall does exactly what the policy means there.
    pub equal: bool,
    /// Every way in which it does not.
    pub differences: Vec<Found>,
}

/// Packets that a firewall decides differently from its policy.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Found {
    /// How.
    pub differs: Differs,
    /// Which way they go, in words.
    pub way: String,
    /// Who reaches whom with what, in the policy's words.
    pub traffic: Vec<String>,
    /// Whether that is all of it.
    pub whole: bool,
    /// One of the packets.
    pub packet: String,
    /// What should happen to it, and why.
    pub policy: Expected,
    /// What happens to it; several where that is not certain.
    pub firewall: Vec<Done>,
}

/// What should happen to a packet.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Expected {
    /// What.
    pub verdict: Verdict,
    /// Why, in words that follow "by".
    pub reason: String,
}

/// What happens to a packet.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Done {
    /// What.
    pub verdict: Verdict,
    /// The line that decides so, where one does.
    pub line: Option<ArtifactLine>,
}

/// The most boxes of a difference, direction and family that are looked at, and that are shown.
pub(crate) const BOXES: usize = 64;
const SHOWN: usize = 6;
/// The most lines that are reported as not understood; the rest are counted.
pub(crate) const UNCLEAR: usize = 20;

impl Session<'_> {
    /// Compares the files of a target, or a live listing of its firewall, with the policy; `None` when that is
    /// not possible. `proven` is what a compile made of the target: files that are the same are not read again.
    pub fn verify(
        &mut self,
        target: &Target,
        (files, proven): (&[File], &Artifact),
        sources: &mut SourceMap,
        diags: &mut Diags,
    ) -> Option<Verified> {
        let spec = &target.spec;
        if same(files, &proven.files) {
            return Some(Verified {
                target: spec.name.clone(),
                equal: true,
                differences: Vec::new(),
            });
        }
        let members = self.resolved.members.get(&spec.name);
        let listing = match read(spec, files, members) {
            Ok(listing) => listing,
            Err(error) => {
                diags.push(not_read(target, files, &error, sources));
                return None;
            }
        };
        let intent = Intent::of(&self.resolved.rules, spec, members);
        let claim = intent.claim();
        let Ok(found) = self.prover.differences(&claim, &listing.program, BOXES) else {
            let message = format!("`{}` could not be compared with the policy", spec.name);
            let diagnostic = Diagnostic::new(Code::NotProven, message);
            diags.push(unproven(diagnostic.at(target.name, "this target")));
            return None;
        };
        let ids: Vec<_> =
            listing.files.iter().map(|f| sources.add(&f.path, f.text.clone())).collect();
        let mut differences = Vec::new();
        for group in groups(found) {
            let found = self.found(&claim, &listing, &group);
            diags.push(self.said(target, &claim, &listing, &group, &found, (&ids, sources)));
            differences.push(found);
        }
        unclear(target, &listing.unclear, &ids, sources, diags);
        let equal = differences.is_empty();
        Some(Verified { target: spec.name.clone(), equal, differences })
    }

    fn found(&self, claim: &Claim<'_>, listing: &Listing, group: &Group) -> Found {
        Found {
            differs: group.differs,
            way: way(claim.placement, &group.meetings),
            traffic: analysis::spelled(&group.boxes, self.names()),
            whole: group.whole,
            packet: group.example.to_string(),
            policy: self.expected(claim, &group.example),
            firewall: done(listing, &group.example),
        }
    }

    fn decision(&self, claim: &Claim<'_>, packet: &Packet) -> Decision {
        decide(&self.resolved.rules, claim.placement, claim.state, packet)
    }

    fn expected(&self, claim: &Claim<'_>, packet: &Packet) -> Expected {
        let verdict = claim.verdict(&self.resolved.rules, packet);
        let decision = self.decision(claim, packet);
        let reason = match decision.verdict() == verdict {
            true => decision.reason(&self.resolved.rules),
            false => "the widening that was reported for this target".to_owned(),
        };
        Expected { verdict, reason }
    }

    /// Returns one difference: the firewall's lines and the policy's rule, with a packet.
    fn said(
        &self,
        target: &Target,
        claim: &Claim<'_>,
        listing: &Listing,
        group: &Group,
        found: &Found,
        (ids, sources): (&[FileId], &SourceMap),
    ) -> Diagnostic {
        let (code, does) = words(found.differs);
        let mut diagnostic = Diagnostic::new(code, format!("`{}` {does}", target.spec.name));
        let outcomes = listing.program.outcomes(&group.example);
        let sure = outcomes.len() == 1;
        for (verdict, place) in &outcomes {
            let label = if sure { verdict.to_string() } else { format!("possibly {verdict}") };
            diagnostic = match place.and_then(|place| Some((place, *ids.get(place.file)?))) {
                Some((place, file)) => diagnostic.at(sources.line_span(file, place.line), label),
                None => diagnostic.note(format!("the firewall: {label}: no rule matches")),
            };
        }
        diagnostic = match self.rule(claim, &group.example) {
            Some(rule) => {
                let says = format!("the policy: {}", found.policy.verdict);
                at_use(diagnostic.at(rule.id.span, says), rule.used_at)
            }
            None => diagnostic.at(target.name, "this target"),
        };
        for one in found.traffic.iter().take(SHOWN) {
            diagnostic = diagnostic.note(format!("{}: {one}", found.way));
        }
        if found.traffic.len() > SHOWN || !found.whole {
            let least = if found.whole { "" } else { "at least " };
            let more = found.traffic.len().saturating_sub(SHOWN);
            diagnostic = diagnostic.note(format!("and {least}{more} more like these"));
        }
        let at = claim.placement.way(&group.example);
        let Expected { verdict, reason } = &found.policy;
        diagnostic
            .note(format!("for example {}, at {at}", found.packet))
            .note(format!("the policy: {verdict}, by {reason}"))
    }

    fn rule(&self, claim: &Claim<'_>, packet: &Packet) -> Option<&Rule> {
        let (Decision::Rule(index, _) | Decision::Return(Some(index))) =
            self.decision(claim, packet)
        else {
            return None;
        };
        let origin = self.resolved.rules.rules.get(index)?.origins.first()?;
        self.policy.rules.get(origin.index?)
    }
}

/// Tells whether the files of a target are, text by text, those that a compile made.
fn same(files: &[File], made: &[File]) -> bool {
    files.len() == made.len() && files.iter().zip(made).all(|(one, other)| one.text == other.text)
}

/// Returns what a firewall does with a packet, and by which lines.
pub(crate) fn done(listing: &Listing, packet: &Packet) -> Vec<Done> {
    let one = |(verdict, place): (Verdict, Option<Place>)| Done {
        verdict,
        line: place.and_then(|place| line(&listing.files, place)),
    };
    listing.program.outcomes(packet).into_iter().map(one).collect()
}

/// Reads a live listing, or artifacts that somebody may have edited.
pub(crate) fn read(
    spec: &Spec,
    files: &[File],
    members: Option<&IpSet>,
) -> Result<Listing, ReadError> {
    phase("read", || firewall::read(spec, files, members))
}

fn not_read(
    target: &Target,
    files: &[File],
    error: &ReadError,
    sources: &mut SourceMap,
) -> Diagnostic {
    let message =
        format!("the listing of `{}` could not be read: {}", target.spec.name, error.reason);
    let mut diagnostic = Diagnostic::new(Code::ListingNotRead, message);
    if let Some(file) = files.get(error.place.file).filter(|_| error.place.line > 0) {
        let id = sources.add(&file.path, file.text.clone());
        diagnostic = diagnostic.at(sources.line_span(id, error.place.line), "");
    }
    diagnostic.at(target.name, "this target")
}

/// Differences of one kind that meet the firewall at the same places: both families together.
pub(crate) struct Group {
    pub(crate) differs: Differs,
    pub(crate) meetings: Vec<Meeting>,
    pub(crate) boxes: Vec<Vec<Match>>,
    pub(crate) whole: bool,
    pub(crate) example: Packet,
}

pub(crate) fn groups(found: Vec<Difference>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for one in found {
        let same = |g: &&mut Group| g.differs == one.differs && g.meetings == one.meetings;
        match groups.iter_mut().find(same) {
            Some(group) => {
                group.boxes.extend(one.boxes);
                group.whole &= one.whole;
            }
            None => groups.push(Group {
                differs: one.differs,
                meetings: one.meetings,
                boxes: one.boxes,
                whole: one.whole,
                example: one.example,
            }),
        }
    }
    groups
}

/// The code of a difference, and what a firewall does that has it.
fn words(differs: Differs) -> (Code, &'static str) {
    match differs {
        Differs::Opens => (Code::Opens, "lets through what the policy refuses"),
        Differs::Shuts => (Code::Shuts, "refuses what the policy lets through"),
        Differs::MayOpen => (Code::MayOpen, "may let through what the policy refuses"),
        Differs::MayShut => (Code::MayShut, "may refuse what the policy lets through"),
        Differs::Tracks => (Code::Tracks, "does not track connections as the policy says"),
        Differs::Answers => (Code::Answers, "does not answer refused packets as the policy says"),
    }
}

/// Returns which way packets go that meet a firewall there.
pub(crate) fn way(placement: &Placement, meetings: &[Meeting]) -> String {
    let mut ways: BTreeMap<String, Vec<State>> = BTreeMap::new();
    for meeting in meetings {
        let word = match placement.path(meeting.hook, meeting.incoming, meeting.outgoing) {
            Path::Governed(way) => way.word().to_owned(),
            Path::Loopback(way) => format!("{way} over loopback"),
            Path::Tracking => "before connection tracking".to_owned(),
            Path::Ungoverned => format!("outside the policy ({})", meeting.hook.word()),
        };
        ways.entry(word).or_default().push(meeting.state);
    }
    let spelled = ways.into_iter().map(|(word, states)| match states.contains(&State::New) {
        true => word,
        false => {
            let mut list: Vec<_> = states.iter().map(|state| state.word()).collect();
            list.dedup();
            format!("{word} ({} only)", list.join(", "))
        }
    });
    spelled.collect::<Vec<_>>().join(" and ")
}

/// Reports the lines that were not understood.
fn unclear(
    target: &Target,
    list: &[ReadError],
    ids: &[FileId],
    sources: &SourceMap,
    diags: &mut Diags,
) {
    for error in list.iter().take(UNCLEAR) {
        let message = format!("`{}` is not fully understood: {}", target.spec.name, error.reason);
        let diagnostic = Diagnostic::new(Code::NotUnderstood, message);
        let place = |Place { file, line }| Some(sources.line_span(*ids.get(file)?, line));
        let at = place(error.place).filter(|_| error.place.line > 0);
        diags.push(at.into_iter().fold(diagnostic, |d, span| d.at(span, "")));
    }
    if list.len() > UNCLEAR {
        let message =
            format!("and {} of `{}`", counted(list.len() - UNCLEAR, "more line"), target.spec.name);
        diags.push(Diagnostic::new(Code::NotUnderstood, message).at(target.name, "this target"));
    }
}
