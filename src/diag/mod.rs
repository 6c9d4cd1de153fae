//! What can be said about a policy: diagnostics with stable codes, and their renderers.
//!
//! This room may not know policies or firewalls; it knows text and wording.

mod code;

pub use code::Code;

use crate::source::Span;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Note,
    /// Probably not meant; the compile goes on.
    Warning,
    /// Nothing is written.
    Error,
}

/// A place that a diagnostic points at, and what it says there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// A few words; may be empty.
    pub text: String,
}

/// One thing that is said.
///
/// Prose: no capital, no full stop, what the user wrote in backticks, one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The sentence.
    pub message: String,
    /// The place that is at fault, first; then the places that say why.
    pub labels: Vec<Label>,
    /// What to write or do instead.
    pub help: Vec<String>,
    /// Facts that help to understand.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// Makes a diagnostic of the code's own severity, with no place yet.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: code.severity(),
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a place: the first one is the one at fault.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds what to write or do instead.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds a fact that helps to understand.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }
}

/// Where diagnostics are collected: all faults of a run, in the order in which they were found.
#[derive(Clone, Default, Debug)]
pub struct Diags {
    list: Vec<Diagnostic>,
}

impl Diags {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Tells whether any error was said.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// Gives them all.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// Moves all that another sink holds to the end of this one.
    pub fn append(&mut self, other: Diags) {
        self.list.extend(other.list);
    }
}
