//! Why a text is not YAML at all, in our words.

use super::FaultKind;
use super::offsets::Offsets;
use saphyr_parser::ScanError;
use std::ops::Range;

/// Returns why the parser stopped, and where.
pub(super) fn fault(
    text: &str,
    offsets: &Offsets<'_>,
    error: &ScanError,
) -> (FaultKind, Range<usize>) {
    let mut at = offsets.byte(error.marker().index()).min(text.len());
    if error.info().contains("tab") {
        // The parser stops after the tab.
        at = text.get(..at).and_then(|before| before.rfind('\t')).unwrap_or(at);
    }
    let here = text.get(at..).and_then(|t| t.chars().next());
    let word = address_at(text, at);
    match here {
        _ if text.get(word.clone()).is_some_and(|w| w.contains("::")) => {
            (FaultKind::Quote(text.get(word.clone()).unwrap_or_default().to_owned()), word)
        }
        Some('*') => (FaultKind::Anchor, word_from(text, at)),
        _ if error.info().contains("recursion limit") => (FaultKind::Nesting, at..at),
        _ => {
            let (reason, help) = reason(error.info(), here);
            let width = here.filter(|c| *c != '\n').map_or(0, char::len_utf8);
            (FaultKind::Syntax(reason, help.map(str::to_owned)), at..at + width)
        }
    }
}

fn reason(info: &str, here: Option<char>) -> (String, Option<&'static str>) {
    let quote = Some("quote the value");
    let known = [
        ("tab", "a tab cannot indent", Some("indent with spaces")),
        ("found unexpected end of stream", "the quote is not closed", Some("close the quote")),
        ("indentation in", "the quote is not closed", Some("close the quote")),
        ("quoted scalar", "the quoted text is not well formed", Some("check the escape sequences")),
        (
            "mapping values are not allowed",
            "a `:` is not expected here",
            Some("quote the value if the colon is part of it; otherwise check the indentation"),
        ),
        ("expected ','", "a `,` or the closing bracket is missing", None),
        ("illegal placement of ':'", "the closing bracket before this is missing", None),
        ("expected node content", "a value is missing here", None),
    ];
    if let (true, Some(c)) = (info.contains("unexpected character"), here) {
        return (format!("`{c}` cannot begin a value"), quote);
    }
    match known.into_iter().find(|(part, ..)| info.contains(part)) {
        Some((_, text, help)) => (text.to_owned(), help),
        None => (format!("this is not YAML: {info}"), None),
    }
}

pub(super) fn word_from(text: &str, start: usize) -> Range<usize> {
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(rest.len());
    start..start + end
}

/// Returns the run of characters of an IPv6 prefix around a byte.
fn address_at(text: &str, at: usize) -> Range<usize> {
    let part = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '/';
    let before = text.get(..at).unwrap_or_default();
    let after = text.get(at..).unwrap_or_default();
    let start = before.trim_end_matches(part).len();
    let end = at + (after.len() - after.trim_start_matches(part).len());
    start..end
}
