//! Characters that a text may not have anywhere, comments included.

use super::{Fault, FaultKind, Faults};
use crate::source::{FileId, Span};

/// Finds the characters that readers of a text, human or not, take differently.
pub(super) fn check(file: FileId, text: &str) -> Faults {
    let suspicious = |b: &u8| (*b < 0x20 && !b"\t\n".contains(b)) || *b >= 0x7f;
    if !text.as_bytes().iter().any(suspicious) {
        return Faults::default();
    }
    let mut faults = Faults::default();
    let mut characters = text.char_indices().peekable();
    while let Some((start, c)) = characters.next() {
        let next = characters.peek().map(|(_, c)| *c);
        if let Some(kind) = refused(start, c, next) {
            let span = Span { file, start, end: start + c.len_utf8() };
            faults.push(Fault { kind, span, other: None });
        }
    }
    faults
}

fn refused(at: usize, c: char, next: Option<char>) -> Option<FaultKind> {
    match c {
        '\t' | '\n' => None,
        '\r' => (next != Some('\n')).then_some(FaultKind::LineBreak(c)),
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some(FaultKind::LineBreak(c)),
        '\u{feff}' => (at != 0).then_some(FaultKind::Character(c)),
        // Explicit bidirectional formatting (UAX #9, 2) changes the order in which text is displayed.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some(FaultKind::Bidirectional(c)),
        c if c.is_control() => Some(FaultKind::Character(c)),
        _ => None,
    }
}
