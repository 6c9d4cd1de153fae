//! The files of a run, and places in them.

use std::sync::{Arc, OnceLock};

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(u32);

/// A piece of a file, in bytes; the end is not part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

#[derive(Clone, Debug)]
struct File {
    name: String,
    text: Arc<str>,
    /// The byte that each line starts at, once somebody has asked.
    lines: OnceLock<Vec<usize>>,
}

impl File {
    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect()
        })
    }
}

/// The most characters of a line that are pointed at as a whole.
const UNDERLINED: usize = 64;

/// The texts of a run, by file.
#[derive(Clone, Default, Debug)]
pub struct SourceMap {
    files: Vec<File>,
}

impl SourceMap {
    /// Adds a file under the name that messages show, as far as it can be shown.
    pub fn add(&mut self, name: impl AsRef<str>, text: impl Into<Arc<str>>) -> FileId {
        let name = super::shown(name.as_ref()).into_owned();
        self.files.push(File { name, text: text.into(), lines: OnceLock::new() });
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    fn entry(&self, file: FileId) -> &File {
        &self.files[usize::try_from(file.0).unwrap_or(usize::MAX)]
    }

    /// Returns the name that messages show.
    pub fn name(&self, file: FileId) -> &str {
        &self.entry(file).name
    }

    /// Returns the whole text.
    pub fn text(&self, file: FileId) -> &str {
        &self.entry(file).text
    }

    /// Returns the whole text, to be kept beside the map.
    pub fn shared(&self, file: FileId) -> Arc<str> {
        Arc::clone(&self.entry(file).text)
    }

    /// Returns the text of a span.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.start..span.end).unwrap_or_default()
    }

    /// Returns the number of the line, from 1, that a byte is in.
    pub fn line(&self, file: FileId, byte: usize) -> usize {
        self.entry(file).lines().partition_point(|start| *start <= byte)
    }

    /// Returns the byte that a line starts at; lines count from 1.
    ///
    /// A line after the last starts at the end of the text.
    pub fn line_start(&self, file: FileId, line: usize) -> usize {
        let entry = self.entry(file);
        entry.lines().get(line.saturating_sub(1)).copied().unwrap_or(entry.text.len())
    }

    /// Returns the place of a line's text, without the blanks around it; lines count from 1. Of a long line it
    /// is the beginning, so that the label is near.
    pub fn line_span(&self, file: FileId, line: usize) -> Span {
        let (start, next) = (self.line_start(file, line), self.line_start(file, line + 1));
        let text = self.text(file).get(start..next).unwrap_or_default();
        let start = start + (text.len() - text.trim_start().len());
        let text = text.trim();
        let shown = text.char_indices().nth(UNDERLINED).map_or(text.len(), |(at, _)| at);
        Span { file, start, end: start + shown }
    }

    /// Returns the line and column of a byte.
    pub fn position(&self, file: FileId, byte: usize) -> Position {
        let line = self.line(file, byte);
        let before = self.text(file).get(self.line_start(file, line)..byte).unwrap_or_default();
        Position { line, column: before.chars().count() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let mut map = SourceMap::default();
        let file = map.add("a", "é=1\r\n\nlast");
        let at = |byte| {
            let Position { line, column } = map.position(file, byte);
            (line, column)
        };
        assert_eq!(
            [at(0), at(2), at(5), at(6), at(7), at(11)],
            [(1, 1), (1, 2), (1, 5), (2, 1), (3, 1), (3, 5)]
        );
        assert_eq!(map.line_start(file, 3), 7);
        assert_eq!(map.line_start(file, 9), 11);
        let long = map.add("b", format!("x\n  é{}  \n", "y".repeat(200)));
        let lines = [1, 2, 3].map(|line| map.slice(map.line_span(long, line)).to_owned());
        assert_eq!(lines, ["x".to_owned(), format!("é{}", "y".repeat(63)), String::new()]);
    }
}
