//! Sentences that several commands share.

use crate::diag::{Code, Diagnostic};
use crate::firewall::File;
use crate::ir::Packet;
use crate::program::Place;
use crate::proof::Budget;
use crate::source::Span;

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

/// The text of a line of an artifact.
pub(crate) fn line(files: &[File], place: Place) -> Option<ArtifactLine> {
    let file = files.get(place.file)?;
    let text = file.text.lines().nth(place.line.checked_sub(1)?)?.trim();
    Some(ArtifactLine { file: file.path.clone(), line: place.line, text: text.to_owned() })
}

/// Points at where a policy uses the library that a rule is of.
pub(crate) fn at_use(diagnostic: Diagnostic, used_at: Option<Span>) -> Diagnostic {
    match used_at {
        Some(span) => diagnostic.at(span, "the library is used here"),
        None => diagnostic,
    }
}

/// Adds that a proof became too large, and what can be done.
pub(crate) fn unproven(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .note(format!("the proof did not finish within {}", Budget::default()))
        .note(
            "a proof becomes large when rules alternate between allow and deny for large groups that overlap",
        )
        .help("raise `--proof-memory MIB`, or split the groups or the policy")
}

pub(super) fn ambiguous((one, other): (u16, u16)) -> Diagnostic {
    let message = "the answer depends on the source port, which the packet leaves out";
    Diagnostic::new(Code::PacketSyntax, message).help(format!(
        "source ports {one} and {other} are decided differently: write the one that you mean"
    ))
}

/// Returns a packet as text, without what only a firewall sees of it.
pub(crate) fn opener(packet: &Packet) -> String {
    let text = packet.to_string();
    let end = text.find(" flags ").or_else(|| text.find(" (hop limit")).unwrap_or(text.len());
    text[..end].to_owned()
}
