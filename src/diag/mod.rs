//! Diagnostics with stable codes, and their renderers.
//!
//! This room may not know policies or firewalls; it knows text and wording.

mod code;
mod github;
mod human;
mod json;
mod limit;
mod near;
mod sarif;
mod sink;
mod window;

pub use code::Code;
pub use limit::Limit;
pub use near::{LISTED, counted, enumerate, listed, suggestion};
pub use sink::{ASKED, Diags, MOST, MOST_PLACES, MOST_TEXT};
pub use window::AROUND;

use std::borrow::Cow;

use crate::source::{SourceMap, Span, shown};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Worth knowing; nothing needs to be done.
    Note,
    /// Probably a mistake; the compile goes on.
    Warning,
    /// Nothing is written.
    Error,
}

impl Severity {
    /// Every severity, the mildest first.
    pub const ALL: [Severity; 3] = [Severity::Note, Severity::Warning, Severity::Error];

    /// Returns the word that every format uses.
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

/// Returns diagnostics in a format: errors and warnings together, in the order of files and places. What was
/// only counted comes last.
pub fn render(diags: &Diags, sources: &SourceMap, format: Format) -> String {
    render_with(diags, sources, format, &serde_json::Value::Null)
}

/// Returns diagnostics in a format, and in JSON a command's own results beside them.
pub fn render_with(
    diags: &Diags,
    sources: &SourceMap,
    format: Format,
    results: &serde_json::Value,
) -> String {
    let (list, counted) = (sorted(diags.list()), diags.counted());
    let all = || -> Vec<_> { list.iter().copied().chain(&counted).collect() };
    match format {
        Format::Human { color } => human::render(&all(), sources, color),
        Format::Json => json::render(&list, &diags.counts(), sources, results),
        Format::Sarif => sarif::render(&list, &counted, sources),
        Format::Github => github::render(&all(), sources),
    }
}

/// Returns those with a place by file and byte, then those without, each in the order in which they were found.
fn sorted(list: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<_> = list.iter().collect();
    sorted.sort_by_key(|d| match d.labels.first() {
        Some(label) => (0, Some(label.span.file), label.span.start),
        None => (1, None, 0),
    });
    sorted
}

/// A place that a diagnostic points at, and a few words on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// A few words; may be empty.
    pub text: String,
}

/// One message.
///
/// Prose: no capital, no full stop, what the user wrote in backticks, one line; characters that could act on a
/// terminal or a log are escaped ([`shown`]).
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
    /// Returns a diagnostic of the code's own severity, with no place yet.
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

/// Returns a text that others may have written as one line.
fn line(text: impl Into<String>) -> String {
    let text = text.into();
    match shown(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(line) => line,
    }
}

#[cfg(test)]
mod tests;
