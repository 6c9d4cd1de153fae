//! A place in tokens.

use super::lex::{Kind, Token};
use super::{Word, refuse};
use crate::firewall::ReadError;

/// A place in tokens.
#[derive(Clone, Copy)]
pub(in crate::firewall::nftables) struct Cursor<'t, 'a> {
    pub(super) tokens: &'t [Token<'a>],
    pub(super) at: usize,
}

impl<'t, 'a> Cursor<'t, 'a> {
    /// Returns the place before the first token.
    pub(in crate::firewall::nftables) fn new(tokens: &'t [Token<'a>]) -> Self {
        Cursor { tokens, at: 0 }
    }

    /// Returns the next token.
    pub(super) fn peek(&self) -> Option<Kind<'a>> {
        self.ahead(0)
    }

    /// Returns a token behind the next one.
    pub(super) fn ahead(&self, by: usize) -> Option<Kind<'a>> {
        self.tokens.get(self.at + by).map(|token| token.kind)
    }

    /// Returns the text of a token behind the next one, if it is a word.
    pub(super) fn word_ahead(&self, by: usize) -> &'a str {
        match self.ahead(by) {
            Some(Kind::Word(text)) => text,
            _ => "",
        }
    }

    pub(super) fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    pub(super) fn refuse<T>(&self, reason: impl Into<String>) -> Result<T, ReadError> {
        Err(refuse(self.line(), reason))
    }

    /// Passes a token of that kind.
    pub(super) fn next_is(&mut self, kind: Kind<'_>) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    /// Passes one of some words.
    pub(super) fn one_of(&mut self, words: &[&str]) -> Option<&'a str> {
        let word = self.word_ahead(0);
        let found = !word.is_empty() && words.contains(&word);
        self.at += usize::from(found);
        found.then_some(word)
    }

    /// Passes a word.
    pub(super) fn word(&mut self) -> Result<Word<'a>, ReadError> {
        match self.peek() {
            Some(Kind::Word(text)) if text != "." && text != ":" => {
                let word = Word { text, line: self.line() };
                self.at += 1;
                Ok(word)
            }
            _ => self.refuse("a word is expected here"),
        }
    }

    /// Passes a word or a quoted text.
    pub(super) fn value(&mut self) -> Option<Word<'a>> {
        let line = self.line();
        match self.peek() {
            Some(Kind::Quoted(text)) => {
                self.at += 1;
                Some(Word { text, line })
            }
            _ => self.word().ok(),
        }
    }

    pub(super) fn ends(&mut self) {
        while self.next_is(Kind::End) {}
    }

    /// Returns the tokens from a place to here.
    pub(super) fn since(&self, start: usize) -> &'t [Token<'a>] {
        self.tokens.get(start..self.at).unwrap_or_default()
    }

    /// Passes one token, or all that is between braces or parentheses.
    pub(super) fn skip(&mut self) {
        let mut depth = 0usize;
        while let Some(kind) = self.peek() {
            self.at += 1;
            match kind {
                Kind::Symbol("{" | "(") => depth += 1,
                Kind::Symbol("}" | ")") => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Passes to where one of some tokens stands, and returns what is before it.
    pub(super) fn until(&mut self, stops: &[Kind<'_>]) -> &'t [Token<'a>] {
        let start = self.at;
        while self.peek().is_some_and(|kind| !stops.contains(&kind)) {
            self.skip();
        }
        self.since(start)
    }

    /// Passes to the end of a statement, and returns it.
    pub(super) fn statement(&mut self) -> &'t [Token<'a>] {
        self.until(&[Kind::End, Kind::Symbol("}")])
    }
}
