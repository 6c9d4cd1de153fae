//! Diagnostics for people, as rustc writes them.

use super::window::{Window, boundary};
use super::{Diagnostic, Label, Severity};
use crate::source::{FileId, SourceMap};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;

/// If this many lines lie between two places of a file, they are shown apart.
const FAR: usize = 200;

pub(super) fn render(list: &[&Diagnostic], sources: &SourceMap, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in list {
        let mut moved = Vec::new();
        let rendered = renderer.render(&[group(diagnostic, sources, &mut moved)]);
        text.push_str(&moved.iter().fold(rendered, corrected));
        text.push_str("\n\n");
    }
    text
}

/// Places as the renderer counts them in a shortened line, and as they are.
type Moved = Vec<(String, String)>;

/// Puts the true place where the renderer has its own.
fn corrected(text: String, (shown, place): &(String, String)) -> String {
    let digit =
        |at: usize| text.get(at..).is_some_and(|t| t.starts_with(|c: char| c.is_ascii_digit()));
    let found = text.match_indices(shown).map(|(at, _)| at).find(|at| !digit(at + shown.len()));
    match found {
        Some(at) => format!("{}{place}{}", &text[..at], &text[at + shown.len()..]),
        None => text,
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap, moved: &mut Moved) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    for cluster in clusters(&diagnostic.labels, sources) {
        group = group.element(snippet(&cluster, sources, moved));
    }
    let notes = diagnostic.notes.iter().map(|text| Level::NOTE.message(text.as_str()));
    let help = diagnostic.help.iter().map(|text| Level::HELP.message(text.as_str()));
    group.elements(notes.chain(help))
}

/// A label and whether it is the one at fault.
type Marked<'a> = (&'a Label, bool);

/// Groups labels whose lines are near each other; the first cluster has the first label.
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

/// Cuts out only the lines that the labels need, and only the relevant parts of long ones: the renderer's time
/// grows with what it is given.
fn snippet<'a>(
    cluster: &[Marked<'a>],
    sources: &'a SourceMap,
    moved: &mut Moved,
) -> Snippet<'a, Annotation<'a>> {
    let Some((first, _)) = cluster.first() else { return Snippet::source("") };
    let file = first.span.file;
    let text = sources.text(file);
    let marks: Vec<_> = cluster
        .iter()
        .map(|(label, _)| boundary(text, label.span.start)..visible_end(text, label))
        .collect();
    let first = marks.iter().map(|mark| mark.start).min().unwrap_or(0);
    let last = marks.iter().map(|mark| mark.end).max().unwrap_or(0);
    let first_line = sources.line(file, first).saturating_sub(2).max(1);
    let last_line = sources.line(file, last.max(first)) + 1;
    let lines: Vec<_> = (first_line..=last_line)
        .map(|line| sources.line_start(file, line)..sources.line_start(file, line + 1))
        .collect();
    let window = Window::new(text, &lines, &marks);
    let places = marks.iter().map(|mark| window.place(mark.start)..window.place(mark.end));
    let annotations = cluster.iter().zip(places).map(|((label, primary), place)| {
        let kind = if *primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        let text = (!label.text.is_empty()).then_some(label.text.as_str());
        kind.span(place.start..place.end.max(place.start)).label(text)
    });
    let annotations: Vec<_> = annotations.collect();
    if window.is_cut() {
        // The place of a snippet is that of the label at fault, else of the first in the text.
        let place = |mark: &Range<usize>| {
            let at = sources.position(file, mark.start);
            let [shown, real] = [window.column(mark.start), at.column];
            let spell = |column| format!("{}:{}:{column}", sources.name(file), at.line);
            (spell(shown), spell(real))
        };
        let first = if cluster.iter().any(|(_, primary)| *primary) {
            marks.first()
        } else {
            marks.iter().min_by_key(|mark| mark.start)
        };
        moved.extend(first.map(place));
    }
    Snippet::source(window.text)
        .line_start(first_line)
        .path(sources.name(file))
        .annotations(annotations)
}

/// Ends a span of several lines with its first: a whole rule is not worth drawing.
fn visible_end(text: &str, label: &Label) -> usize {
    let start = boundary(text, label.span.start);
    let span = text.get(start..boundary(text, label.span.end)).unwrap_or_default();
    match span.split_once('\n') {
        Some((line, _)) => start + line.trim_end().len(),
        None => start + span.len(),
    }
}
