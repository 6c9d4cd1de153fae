//! One JSON document: an object with the list of diagnostics, and the command's own results.

use super::{Code, Diagnostic, Label};
use crate::source::SourceMap;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `counts` has how many of each code there are, those included that are not in the list.
pub(super) fn render(
    list: &[&Diagnostic],
    counts: &BTreeMap<Code, usize>,
    sources: &SourceMap,
    results: &Value,
) -> String {
    let list: Vec<_> = list.iter().map(|diagnostic| object(diagnostic, sources)).collect();
    let counts: serde_json::Map<_, _> =
        counts.iter().map(|(code, count)| (code.as_str().to_owned(), json!(count))).collect();
    let document =
        json!({ "version": 1, "diagnostics": list, "counts": counts, "results": results });
    format!("{document:#}\n")
}

fn object(diagnostic: &Diagnostic, sources: &SourceMap) -> Value {
    let labels: Vec<_> = diagnostic.labels.iter().map(|label| place(label, sources)).collect();
    json!({
        "code": diagnostic.code.as_str(),
        "severity": diagnostic.severity.word(),
        "message": diagnostic.message,
        "labels": labels,
        "help": diagnostic.help,
        "notes": diagnostic.notes,
    })
}

/// Bytes count from 0, lines and columns (in characters) from 1; the end is not part of the place.
fn place(label: &Label, sources: &SourceMap) -> Value {
    let file = label.span.file;
    let position = |byte| {
        let at = sources.position(file, byte);
        json!({ "byte": byte, "line": at.line, "column": at.column })
    };
    json!({
        "file": sources.name(file),
        "start": position(label.span.start),
        "end": position(label.span.end),
        "text": label.text,
    })
}
