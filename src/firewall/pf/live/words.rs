//! A text as words: quotes, macros, comments, joined lines, and what `pfctl -vvsr` adds.

use super::super::read::refuse;
use super::super::read::words::{Word, line_words};
use crate::firewall::ReadError;
use std::collections::HashMap;

/// The most words: macros can double with every line.
pub(crate) const MOST: usize = 1 << 20;

/// What a text is split with.
struct Splitter<'a> {
    rest: &'a str,
    line: usize,
    words: Vec<Word<'a>>,
    /// Where the line that is being read begins among the words.
    begin: usize,
    macros: HashMap<&'a str, Vec<Word<'a>>>,
    /// How many words all macros were given.
    held: usize,
}

/// Splits a text; macros are put in.
///
/// # Errors
/// A quote that is not closed, a macro that is not there.
pub(super) fn split(text: &str) -> Result<Vec<Word<'_>>, ReadError> {
    let macros = HashMap::new();
    let mut splitter =
        Splitter { rest: text, line: 1, words: Vec::new(), begin: 0, macros, held: 0 };
    splitter.skip_extras();
    while !splitter.rest.is_empty() {
        splitter.step()?;
        if splitter.words.len() + splitter.held > MOST {
            return Err(refuse(splitter.line, "the macros make too many words"));
        }
    }
    splitter.end_line()?;
    Ok(splitter.words)
}

impl<'a> Splitter<'a> {
    fn step(&mut self) -> Result<(), ReadError> {
        let special = self.rest.find(['"', '\'', '#', '$', '\n', '\\']).unwrap_or(self.rest.len());
        let (plain, rest) = self.rest.split_at(special);
        line_words(plain.trim_end_matches('\r'), self.line, &mut self.words)?;
        let mut chars = rest.chars();
        let Some(sign) = chars.next() else {
            self.rest = "";
            return Ok(());
        };
        self.rest = chars.as_str();
        match sign {
            '\n' => {
                self.end_line()?;
                self.line += 1;
                self.skip_extras();
            }
            '\\' => {
                let next = self.rest.strip_prefix('\r').unwrap_or(self.rest);
                let next = next.strip_prefix('\n');
                self.rest = next.ok_or_else(|| refuse(self.line, "a backslash inside a line"))?;
                self.line += 1;
            }
            '#' => self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..],
            '$' => self.expand()?,
            quote => self.quoted(quote)?,
        }
        Ok(())
    }

    fn quoted(&mut self, quote: char) -> Result<(), ReadError> {
        let end =
            self.rest.find(quote).ok_or_else(|| refuse(self.line, "a quote is not closed"))?;
        let (text, rest) = self.rest.split_at(end);
        // Nothing in quotes is not the end of a line.
        let word = if text.is_empty() { " " } else { text };
        self.words.push(Word { line: self.line, text: word, quoted: true });
        self.line += text.matches('\n').count();
        self.rest = rest.strip_prefix(quote).unwrap_or_default();
        Ok(())
    }

    fn expand(&mut self) -> Result<(), ReadError> {
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !name(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        let known = self.macros.get(name);
        let known =
            known.ok_or_else(|| refuse(self.line, format!("there is no macro `{name}`")))?;
        let line = self.line;
        self.words.extend(known.iter().map(|word| Word { line, ..word.clone() }));
        Ok(())
    }

    /// Ends a line; one that defines a macro is not among the words.
    fn end_line(&mut self) -> Result<(), ReadError> {
        let line = self.words.get(self.begin..).unwrap_or_default();
        if let [name, sign, value @ ..] = line
            && !name.quoted
            && (sign.text, sign.quoted) == ("=", false)
        {
            let mut words = Vec::new();
            for word in value {
                match word.quoted {
                    false => words.push(word.clone()),
                    // What was in quotes is read like any text when it is put in.
                    true => {
                        for text in word.text.lines() {
                            line_words(text.trim_end_matches(['\\', '\r']), self.line, &mut words)?;
                        }
                    }
                }
            }
            self.held += words.len();
            self.macros.insert(name.text, words);
            self.words.truncate(self.begin);
        } else {
            self.words.push(Word { line: self.line, text: "", quoted: false });
        }
        self.begin = self.words.len();
        Ok(())
    }

    /// Steps over what `-v` prints: lines of counters in brackets, and a number before each rule.
    fn skip_extras(&mut self) {
        let line = self.rest.trim_start_matches([' ', '\t']);
        if line.starts_with('[') {
            self.rest = &line[line.find('\n').unwrap_or(line.len())..];
        } else if let Some(numbered) = line.strip_prefix('@') {
            let end = numbered.find([' ', '\t', '\n']).unwrap_or(numbered.len());
            self.rest = &numbered[end..];
        }
    }
}
