//! What can be said about a policy: diagnostics with stable codes, and their renderers.
//!
//! This room may not know policies or firewalls; it knows text and wording.

mod code;
mod github;
mod human;
mod json;
mod near;
mod sarif;

pub use code::Code;
pub use near::{enumerate, nearest, suggestion};

use std::borrow::Cow;

use crate::source::{SourceMap, Span, shown};

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

impl Severity {
    /// Gives the word that every format uses.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// How diagnostics are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people: the text with the places underlined.
    Human {
        /// Whether ANSI colors are used.
        color: bool,
    },
    /// One JSON document.
    Json,
    /// SARIF 2.1.0 (OASIS), which code hosts read.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
}

/// Writes diagnostics in a format: errors and warnings together, in the order of files and places.
pub fn render(list: &[Diagnostic], sources: &SourceMap, format: Format) -> String {
    render_with(list, sources, format, &serde_json::Value::Null)
}

/// Writes diagnostics in a format, and in JSON a command's own results beside them.
pub fn render_with(
    list: &[Diagnostic],
    sources: &SourceMap,
    format: Format,
    results: &serde_json::Value,
) -> String {
    let list = sorted(list);
    match format {
        Format::Human { color } => human::render(&list, sources, color),
        Format::Json => json::render(&list, sources, results),
        Format::Sarif => sarif::render(&list, sources),
        Format::Github => github::render(&list, sources),
    }
}

/// Those with a place by file and byte, then those without, each in the order in which they were found.
fn sorted(list: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<_> = list.iter().collect();
    sorted.sort_by_key(|d| match d.labels.first() {
        Some(label) => (0, Some(label.span.file), label.span.start),
        None => (1, None, 0),
    });
    sorted
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
/// Prose: no capital, no full stop, what the user wrote in backticks, one line; what could act on a terminal
/// or a log is spelled ([`shown`]).
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
            message: line(message),
            labels: Vec::new(),
            help: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a place: the first one is the one at fault.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: line(text) });
        self
    }

    /// Adds what to write or do instead.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(line(text));
        self
    }

    /// Adds a fact that helps to understand.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(line(text));
        self
    }
}

/// Makes one line of a text that may hold what others wrote.
fn line(text: impl Into<String>) -> String {
    let text = text.into();
    match shown(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(line) => line,
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

    /// Gives how many errors were said.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// Gives those that were said since the list had `length` of them, to add a place to each.
    pub fn since(&mut self, length: usize) -> &mut [Diagnostic] {
        self.list.get_mut(length..).unwrap_or_default()
    }

    /// Gives them all.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// Gives all of one code another severity; without one they are dropped.
    pub fn set_level(&mut self, code: Code, severity: Option<Severity>) {
        match severity {
            Some(severity) => {
                let found = self.list.iter_mut().filter(|d| d.code == code);
                found.for_each(|d| d.severity = severity);
            }
            None => self.list.retain(|d| d.code != code),
        }
    }

    /// Takes out all that are of a kind; tells whether there was any.
    pub fn remove(&mut self, wanted: impl Fn(&Diagnostic) -> bool) -> bool {
        let before = self.list.len();
        self.list.retain(|diagnostic| !wanted(diagnostic));
        self.list.len() < before
    }

    /// Moves all that another sink holds to the end of this one.
    pub fn append(&mut self, other: Diags) {
        self.list.extend(other.list);
    }
}

#[cfg(test)]
mod tests;
