//! Workflow commands of GitHub Actions: `::error file=…,line=…::message`.

use super::{Diagnostic, Severity};
use crate::source::SourceMap;

pub(super) fn render(list: &[&Diagnostic], sources: &SourceMap) -> String {
    list.iter().map(|diagnostic| command(diagnostic, sources)).collect()
}

fn command(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let command = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = Vec::new();
    if let Some(label) = diagnostic.labels.first() {
        let file = label.span.file;
        let (start, end) =
            (sources.position(file, label.span.start), sources.position(file, label.span.end));
        properties.push(format!("file={}", property(sources.name(file))));
        properties.push(format!("line={},endLine={}", start.line, end.line));
        if start.line == end.line {
            // Columns are allowed only within one line.
            properties.push(format!("col={},endColumn={}", start.column, end.column));
        }
    }
    properties.push(format!("title={}", property(diagnostic.code.as_str())));
    let mut message = diagnostic.message.clone();
    for (word, texts) in [("note", &diagnostic.notes), ("help", &diagnostic.help)] {
        for text in texts {
            message.push_str(&format!("\n{word}: {text}"));
        }
    }
    format!("::{command} {}::{}\n", properties.join(","), data(&message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
