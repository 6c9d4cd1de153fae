//! For people, as rustc writes them.

use super::{Diagnostic, Label, Severity};
use crate::source::{FileId, SourceMap};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

/// Lines between two places of one file from which on they are shown apart.
const FAR: usize = 200;

pub(super) fn render(list: &[&Diagnostic], sources: &SourceMap, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in list {
        text.push_str(&renderer.render(&[group(diagnostic, sources)]));
        text.push_str("\n\n");
    }
    text
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    for cluster in clusters(&diagnostic.labels, sources) {
        group = group.element(snippet(&cluster, sources));
    }
    let notes = diagnostic.notes.iter().map(|text| Level::NOTE.message(text.as_str()));
    let help = diagnostic.help.iter().map(|text| Level::HELP.message(text.as_str()));
    group.elements(notes.chain(help))
}

/// A label and whether it is the one at fault.
type Marked<'a> = (&'a Label, bool);

/// Puts labels together whose lines are near each other; the first cluster has the first label.
fn clusters<'a>(labels: &'a [Label], sources: &SourceMap) -> Vec<Vec<Marked<'a>>> {
    let mut clusters: Vec<(FileId, usize, Vec<Marked<'a>>)> = Vec::new();
    for (i, label) in labels.iter().enumerate() {
        let (file, line) = (label.span.file, sources.line(label.span.file, label.span.start));
        let near = clusters.iter_mut().find(|(f, l, _)| *f == file && l.abs_diff(line) < FAR);
        match near {
            Some((.., cluster)) => cluster.push((label, i == 0)),
            None => clusters.push((file, line, vec![(label, i == 0)])),
        }
    }
    clusters.into_iter().map(|(.., cluster)| cluster).collect()
}

/// Cuts out only the lines that the labels need: the renderer's time grows with what it is given.
fn snippet<'a>(cluster: &[Marked<'a>], sources: &'a SourceMap) -> Snippet<'a, Annotation<'a>> {
    let file = cluster.first().map(|(label, _)| label.span.file);
    let Some(file) = file else { return Snippet::source("") };
    let text = sources.text(file);
    let first = cluster.iter().map(|(label, _)| label.span.start).min().unwrap_or(0);
    let last = cluster.iter().map(|(label, _)| label.span.end).max().unwrap_or(0);
    let first_line = sources.line(file, first).saturating_sub(2).max(1);
    let (from, to) = (
        sources.line_start(file, first_line),
        sources.line_start(file, sources.line(file, last.max(first)) + 2),
    );
    let mut snippet = Snippet::source(text.get(from..to).unwrap_or_default())
        .line_start(first_line)
        .path(sources.name(file));
    for (label, primary) in cluster {
        let kind = if *primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        let start = boundary(text, label.span.start).clamp(from, to) - from;
        let end = visible_end(text, label).clamp(from, to) - from;
        let text = (!label.text.is_empty()).then_some(label.text.as_str());
        snippet = snippet.annotation(kind.span(start..end.max(start)).label(text));
    }
    snippet
}

/// The last place at or before a byte that is between two characters: the renderer takes no other.
fn boundary(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Ends a span of several lines with its first: a whole rule is not worth drawing.
fn visible_end(text: &str, label: &Label) -> usize {
    let span = text.get(label.span.start..label.span.end).unwrap_or_default();
    let line = span.split('\n').next().unwrap_or_default().trim_end();
    if span.contains('\n') { label.span.start + line.len() } else { boundary(text, label.span.end) }
}
