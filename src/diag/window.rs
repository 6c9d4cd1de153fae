//! Long lines, shown only around the marks in them: the renderer's time grows with the square of a line's length.

use std::borrow::Cow;
use std::ops::Range;

/// How many bytes of a long line are shown on each side of what is marked.
pub const AROUND: usize = 120;
/// The most bytes of a line that is shown whole.
const SHORT: usize = 4 * AROUND;
/// What is shown where something is left out.
const CUT: &str = "...";

/// Some lines as they are shown.
pub(super) struct Window<'a> {
    pub(super) text: Cow<'a, str>,
    /// A piece of the lines that is shown, and where.
    pieces: Vec<(Range<usize>, usize)>,
}

impl<'a> Window<'a> {
    /// Takes some lines of a text for those marks; both are ranges of bytes.
    pub(super) fn new(text: &'a str, lines: &[Range<usize>], marks: &[Range<usize>]) -> Self {
        let whole = lines.first().map_or(0, |l| l.start)..lines.last().map_or(0, |l| l.end);
        if lines.iter().all(|line| line.len() <= SHORT) {
            let text = text.get(whole.clone()).unwrap_or_default();
            return Window { text: text.into(), pieces: vec![(whole, 0)] };
        }
        let (mut shown, mut pieces) = (String::new(), Vec::new());
        for line in lines {
            for piece in kept(text, line, marks) {
                if piece.start > line.start {
                    shown.push_str(CUT);
                }
                pieces.push((piece.clone(), shown.len()));
                shown.push_str(text.get(piece).unwrap_or_default());
            }
            if pieces.last().is_some_and(|(piece, _)| piece.end < line.end) {
                shown.push_str(CUT);
                shown.push('\n');
            }
        }
        Window { text: shown.into(), pieces }
    }

    /// Tells whether something is left out.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self.text, Cow::Owned(_))
    }

    /// Returns the column, in characters from 1, that a byte of the text is shown at.
    pub(super) fn column(&self, byte: usize) -> usize {
        let before = self.text.get(..self.place(byte)).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default().chars().count() + 1
    }

    /// Returns where a byte of the text is shown; the end of what is shown before it, where it is left out.
    pub(super) fn place(&self, byte: usize) -> usize {
        let after = self.pieces.partition_point(|(piece, _)| piece.start <= byte);
        let before = after.checked_sub(1).and_then(|i| self.pieces.get(i));
        before.map_or(0, |(piece, at)| at + byte.min(piece.end) - piece.start)
    }
}

/// The pieces of a line that are shown: around each mark, or its beginning where it has none.
fn kept(text: &str, line: &Range<usize>, marks: &[Range<usize>]) -> Vec<Range<usize>> {
    if line.len() <= SHORT {
        return vec![line.clone()];
    }
    let around = |mark: &Range<usize>| {
        let end = mark.end.min(mark.start + SHORT) + AROUND;
        mark.start.saturating_sub(AROUND).max(line.start)..end.min(line.end)
    };
    let here = marks.iter().filter(|mark| line.start <= mark.start && mark.start < line.end);
    let mut pieces: Vec<_> = here.map(around).collect();
    pieces.sort_by_key(|piece| piece.start);
    if pieces.is_empty() {
        pieces.push(line.start..line.start + AROUND);
    }
    pieces.dedup_by(|next, kept| {
        let touch = next.start <= kept.end + CUT.len();
        if touch {
            kept.end = kept.end.max(next.end);
        }
        touch
    });
    pieces.into_iter().map(|piece| boundary(text, piece.start)..boundary(text, piece.end)).collect()
}

/// The last place at or before a byte that is between two characters: the renderer takes no other.
pub(super) fn boundary(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, marks: &[Range<usize>]) -> (String, Vec<String>) {
        let mut start = 0;
        let mut lines = Vec::new();
        for line in text.split_inclusive('\n') {
            lines.push(start..start + line.len());
            start += line.len();
        }
        let window = Window::new(text, &lines, marks);
        let at = |mark: &Range<usize>| window.place(mark.start)..window.place(mark.end);
        let marked = marks.iter().map(|mark| window.text[at(mark)].to_owned()).collect();
        (window.text.into_owned(), marked)
    }

    #[test]
    fn short_lines_are_shown_whole() {
        let text = format!("{}\nabc\n", "x".repeat(SHORT - 1));
        let mark = SHORT + 1..SHORT + 3;
        let (window, marked) = shown(&text, std::slice::from_ref(&mark));
        assert_eq!((window, marked), (text, vec!["bc".to_owned()]));
    }

    #[test]
    fn long_lines_are_shown_around_each_mark() {
        let text =
            format!("{}MARK{}OTHER{}\nnext\n", "é".repeat(5000), "y".repeat(2000), "z".repeat(900));
        let (first, second) = (10_000..10_004, 12_004..12_009);
        let (window, marked) = shown(&text, &[second, first]);
        assert_eq!(marked, ["OTHER", "MARK"]);
        let (é, y, z) = ("é".repeat(60), "y".repeat(AROUND), "z".repeat(AROUND));
        assert_eq!(window, format!("...{é}MARK{y}...{y}OTHER{z}...\nnext\n"));
    }

    #[test]
    fn a_long_mark_and_a_long_line_without_one_are_cut() {
        let text = format!("{}\n{}", "a".repeat(SHORT * 3), "é".repeat(SHORT));
        let whole = 0..SHORT * 3;
        let (window, marked) = shown(&text, std::slice::from_ref(&whole));
        assert_eq!(marked[0].len(), SHORT + AROUND);
        assert_eq!(window.lines().count(), 2, "{window}");
        assert!(window.len() < 2 * SHORT && window.trim_end().ends_with("é..."), "{window}");
    }
}
