//! Steps through the words of a file.

use super::refuse;
use super::words::Word;
use crate::firewall::ReadError;

/// A place among the words.
pub(in crate::firewall::pf) struct Cursor<'a, 'w> {
    pub(in crate::firewall::pf) words: &'w [Word<'a>],
    pub(in crate::firewall::pf) at: usize,
}

impl<'a, 'w> Cursor<'a, 'w> {
    /// Steps over the next word.
    pub(in crate::firewall::pf) fn next(&mut self) -> Option<&'w Word<'a>> {
        let word = self.words.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// Returns the next word; empty at the end.
    pub(in crate::firewall::pf) fn peek(&self) -> &'a str {
        self.words.get(self.at).map_or("", |word| word.text)
    }

    /// Returns the line that it is in.
    pub(in crate::firewall::pf) fn line(&self) -> usize {
        self.words.get(self.at).or(self.words.last()).map_or(1, |word| word.line)
    }

    /// Steps over a word if it is there.
    pub(in crate::firewall::pf) fn skip(&mut self, text: &str) -> bool {
        let there = self.words.get(self.at).is_some_and(|word| !word.quoted && word.text == text);
        self.at += usize::from(there);
        there
    }

    /// Steps over a word that has to be there.
    pub(in crate::firewall::pf) fn need(&mut self, text: &str) -> Result<(), ReadError> {
        match self.skip(text) {
            true => Ok(()),
            false => Err(refuse(
                self.line(),
                format!("`{text}` is expected here, not `{}`", self.peek()),
            )),
        }
    }

    /// Steps over a word, whichever.
    pub(in crate::firewall::pf) fn value(&mut self) -> Result<&'a str, ReadError> {
        let line = self.line();
        let word = self.next().filter(|word| !word.text.is_empty());
        word.map(|word| word.text).ok_or_else(|| refuse(line, "something is missing at the end"))
    }

    /// One value, or several in braces on one line.
    pub(in crate::firewall::pf) fn values(&mut self) -> Result<Vec<&'a str>, ReadError> {
        if !self.skip("{") {
            return Ok(vec![self.value()?]);
        }
        let mut values = Vec::new();
        while !self.skip("}") {
            self.skip(",");
            values.push(self.value()?);
        }
        match values.is_empty() {
            true => Err(refuse(self.line(), "the list is empty")),
            false => Ok(values),
        }
    }
}
