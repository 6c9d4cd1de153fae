//! SARIF 2.1.0, the format that code hosts and editors read (OASIS standard, 2020).

use super::{Code, Diagnostic, Label, Severity};
use crate::source::SourceMap;
use serde_sarif::sarif::{
    ArtifactLocation, Invocation, Location, Message, MultiformatMessageString, Notification,
    PhysicalLocation, Region, ReportingDescriptor, Result as Finding, ResultLevel, Run, Sarif,
    Tool, ToolComponent,
};
use std::collections::BTreeSet;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// What was only counted is not a result but a notification of the run.
pub(super) fn render(list: &[&Diagnostic], counted: &[Diagnostic], sources: &SourceMap) -> String {
    let codes: BTreeSet<_> = list.iter().map(|diagnostic| diagnostic.code).collect();
    let driver = ToolComponent::builder()
        .name("portcullis")
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .rules(codes.into_iter().map(rule).collect::<Vec<_>>())
        .build();
    let results: Vec<_> = list.iter().map(|diagnostic| finding(diagnostic, sources)).collect();
    let mut run = Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .column_kind("unicodeCodePoints")
        .results(results)
        .build();
    run.invocations = (!counted.is_empty()).then(|| vec![invocation(counted)]);
    let log = Sarif::builder().schema(SCHEMA).version("2.1.0").runs(vec![run]).build();
    let text = serde_json::to_string_pretty(&log).unwrap_or_default();
    format!("{text}\n")
}

fn invocation(counted: &[Diagnostic]) -> Invocation {
    let say = |more: &Diagnostic| {
        let text = format!("{}: {}", more.code, more.message);
        Notification::builder()
            .level("warning")
            .message(Message::builder().text(text).build())
            .build()
    };
    Invocation::builder()
        .execution_successful(true)
        .tool_execution_notifications(counted.iter().map(say).collect::<Vec<_>>())
        .build()
}

fn rule(code: Code) -> ReportingDescriptor {
    let text = code.explain();
    let short = text.lines().next().unwrap_or_default();
    let message = |text: &str| MultiformatMessageString::builder().text(text).build();
    ReportingDescriptor::builder()
        .id(code.as_str())
        .short_description(message(short))
        .full_description(message(text))
        .build()
}

fn finding(diagnostic: &Diagnostic, sources: &SourceMap) -> Finding {
    let level = match diagnostic.severity {
        Severity::Error => ResultLevel::Error,
        Severity::Warning => ResultLevel::Warning,
        Severity::Note => ResultLevel::Note,
    };
    let mut text = diagnostic.message.clone();
    for (word, more) in [("note", &diagnostic.notes), ("help", &diagnostic.help)] {
        for line in more {
            text.push_str(&format!("\n{word}: {line}"));
        }
    }
    let mut places = diagnostic.labels.iter().zip(1..).map(|(l, id)| location(l, id, sources));
    let main: Vec<_> = places.next().into_iter().collect();
    Finding::builder()
        .rule_id(diagnostic.code.as_str())
        .level(level)
        .message(Message::builder().text(text).build())
        .locations(main)
        .related_locations(places.collect::<Vec<_>>())
        .build()
}

fn location(label: &Label, id: i64, sources: &SourceMap) -> Location {
    let file = label.span.file;
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let (start, end) =
        (sources.position(file, label.span.start), sources.position(file, label.span.end));
    let region = Region::builder()
        .start_line(number(start.line))
        .start_column(number(start.column))
        .end_line(number(end.line))
        .end_column(number(end.column))
        .build();
    let artifact = ArtifactLocation::builder().uri(uri(sources.name(file))).build();
    let place = PhysicalLocation::builder().artifact_location(artifact).region(region).build();
    Location::builder()
        .id(id)
        .physical_location(place)
        .message(Message::builder().text(label.text.clone()).build())
        .build()
}

/// Spells a path as a URI reference (RFC 3986 2.1).
fn uri(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:@".contains(&b);
    let mut uri = String::new();
    for byte in path.replace('\\', "/").bytes() {
        if plain(byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}
