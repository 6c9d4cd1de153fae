//! What pf's tools print and take, as words with places: quotes, macros, comments, joined lines, and what
//! `pfctl -vvsr` adds. No word is lost.

use crate::firewall::ReadError;
use crate::program::Place;
use std::collections::HashMap;

/// Makes the error for a line of the rules.
pub(super) fn refuse(line: usize, reason: impl Into<String>) -> ReadError {
    ReadError { place: Place { file: 0, line }, reason: reason.into() }
}

/// A word, or the end of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Word<'a> {
    pub(super) line: usize,
    /// Empty at the end of a line.
    pub(super) text: &'a str,
    /// Whether it stood in quotes, and so is no sign and no keyword.
    pub(super) quoted: bool,
}

/// What stands for itself wherever it is.
const SIGNS: &str = "{}(),!<>=";

/// The longest word (`parse.y` reads into 8096 bytes).
const LONGEST: usize = 8094;

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

/// Splits what is neither comment nor quoted.
pub(super) fn line_words<'a>(
    code: &'a str,
    line: usize,
    words: &mut Vec<Word<'a>>,
) -> Result<(), ReadError> {
    for part in code.split([' ', '\t']) {
        let mut rest = part;
        while let Some(at) = rest.find(|c| SIGNS.contains(c)) {
            let (before, sign) = rest.split_at(at);
            let (sign, after) = sign.split_at(1);
            words.extend([before, sign].into_iter().filter(|t| !t.is_empty()).map(|text| Word {
                line,
                text,
                quoted: false,
            }));
            rest = after;
        }
        if rest.len() > LONGEST {
            return Err(refuse(line, "this word is too long for pf"));
        }
        words.extend(Some(rest).filter(|text| !text.is_empty()).map(|text| Word {
            line,
            text,
            quoted: false,
        }));
    }
    Ok(())
}

/// Words with which something new begins.
pub(super) const KEYWORDS: &str = "pass block match anchor table in out log quick on inet inet6 proto all from to port os \
    flags icmp-type icmp6-type keep modulate synproxy no label tag tagged allow-opts queue \
    rtable set prio tos user group fragment probability received-on route-to reply-to \
    dup-to divert-to divert-reply divert-packet rdr-to nat-to binat-to af-to once \
    max-pkt-rate scrub";

/// Tells whether a word is in a list of words.
pub(super) fn has(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

/// A place among the words.
pub(super) struct Cursor<'a, 'w> {
    pub(super) words: &'w [Word<'a>],
    pub(super) at: usize,
}

impl<'a, 'w> Cursor<'a, 'w> {
    /// Steps over the next word.
    pub(super) fn next(&mut self) -> Option<&'w Word<'a>> {
        let word = self.words.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// Returns the next word; empty at the end.
    pub(super) fn peek(&self) -> &'a str {
        self.words.get(self.at).map_or("", |word| word.text)
    }

    /// Returns the line that it is in.
    pub(super) fn line(&self) -> usize {
        self.words.get(self.at).or(self.words.last()).map_or(1, |word| word.line)
    }

    /// Steps over a word if it is there.
    pub(super) fn skip(&mut self, text: &str) -> bool {
        let there = self.words.get(self.at).is_some_and(|word| !word.quoted && word.text == text);
        self.at += usize::from(there);
        there
    }

    /// Steps over a word that has to be there.
    pub(super) fn need(&mut self, text: &str) -> Result<(), ReadError> {
        match self.skip(text) {
            true => Ok(()),
            false => Err(refuse(
                self.line(),
                format!("`{text}` is expected here, not `{}`", self.peek()),
            )),
        }
    }

    /// Steps over a word, whichever.
    pub(super) fn value(&mut self) -> Result<&'a str, ReadError> {
        let line = self.line();
        let word = self.next().filter(|word| !word.text.is_empty());
        word.map(|word| word.text).ok_or_else(|| refuse(line, "something is missing at the end"))
    }

    /// Steps over a word that names something: no keyword, which only quotes make a name.
    pub(super) fn item(&mut self) -> Result<&'a str, ReadError> {
        let (line, quoted) = (self.line(), self.words.get(self.at).is_some_and(|word| word.quoted));
        let word = self.value()?;
        match has(KEYWORDS, word) && !quoted {
            true => Err(refuse(line, format!("`{word}` is out of place, or something before it"))),
            false => Ok(word),
        }
    }
}
