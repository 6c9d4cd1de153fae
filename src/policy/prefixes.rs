//! Prefixes and lists of them, with a message where a text is not a prefix.

use super::text::shown;
use crate::diag::{Code, Diagnostic, Diags, counted};
use crate::net::{IpSet, PrefixError, parse_prefix};
use crate::source::Span;

pub(super) fn bad_address(wanted: &str, text: &str, error: &PrefixError, span: Span) -> Diagnostic {
    let message = match error {
        PrefixError::NotAnAddress(_) => {
            format!("`{}` is not {wanted}", shown(text))
        }
        other => shown_message(&other.to_string()),
    };
    let diagnostic = Diagnostic::new(Code::BadAddress, message).at(span, "");
    error.help().into_iter().fold(diagnostic, Diagnostic::help)
}

/// Keeps a message that quotes what a user wrote on one line.
fn shown_message(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(200).collect()
}

/// Reads a list of prefixes: one a line, `#` begins a comment.
///
/// `place` gives the span of a part of the text. After a hundred faults the rest is only counted.
pub(super) fn prefix_list(
    text: &str,
    place: impl Fn(std::ops::Range<usize>) -> Span,
    diags: &mut Diags,
) -> Option<IpSet> {
    const SHOWN: usize = 100;
    let mut faults = 0;
    // A byte order mark is not part of the first line.
    let mut start = text.len() - text.trim_start_matches('\u{feff}').len();
    let lines = text[start..].split('\n');
    let prefixes = lines.filter_map(|line| {
        let at = start;
        start += line.len() + 1;
        let content = line.split('#').next().unwrap_or_default();
        let word = content.trim_ascii();
        if word.is_empty() {
            return None;
        }
        let said = |error: PrefixError| {
            faults += 1;
            if faults <= SHOWN {
                let from = at + (content.len() - content.trim_ascii_start().len());
                let span = place(from..from + word.len());
                diags.push(bad_address("an address or prefix", word, &error, span));
            }
        };
        parse_prefix(word).map_err(said).ok()
    });
    let set = IpSet::from_prefixes(prefixes);
    if faults > SHOWN {
        let message = format!("no prefix on {}", counted(faults - SHOWN, "more line"));
        diags.push(Diagnostic::new(Code::BadAddress, message).at(place(0..0), "in this file"));
    }
    (faults == 0).then_some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_a_prefix_a_line() {
        let mut sources = crate::source::SourceMap::default();
        let text = "\u{feff}10.0.0.0/8\r\n\r\n # c\n\t2001:db8::1 # d\n192.0.2.1";
        let file = sources.add("list", text);
        let mut diags = Diags::default();
        let place =
            |range: std::ops::Range<usize>| Span { file, start: range.start, end: range.end };
        let set = prefix_list(text, place, &mut diags).expect("no fault");
        let written = ["10.0.0.0/8", "2001:db8::1/128", "192.0.2.1/32"];
        assert_eq!(set, IpSet::from_prefixes(written.map(|net| net.parse().expect(net))));
        let faulty = "\u{feff}10.0.0.0/8\r\n\t10.0.0.1/8 # c\n  é\n";
        let file = sources.add("faulty", faulty);
        let place =
            |range: std::ops::Range<usize>| Span { file, start: range.start, end: range.end };
        let mut faults = Diags::default();
        assert!(prefix_list(faulty, place, &mut faults).is_none());
        let shown: Vec<_> =
            faults.list().iter().map(|fault| sources.slice(fault.labels[0].span)).collect();
        assert_eq!(shown, ["10.0.0.1/8", "é"]);
        let many = "x\n".repeat(500);
        assert!(prefix_list(&many, place, &mut diags).is_none());
        assert_eq!(diags.list().len(), 101, "the rest is only counted");
    }
}
