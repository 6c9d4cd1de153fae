//! A file as words and ends of lines.

use super::refuse;
use crate::firewall::ReadError;

/// A word, or the end of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::firewall::pf) struct Word<'a> {
    pub(in crate::firewall::pf) line: usize,
    /// Empty at the end of a line.
    pub(in crate::firewall::pf) text: &'a str,
    /// Whether it stood in quotes, and so is no sign and no keyword.
    pub(in crate::firewall::pf) quoted: bool,
}

/// What stands for itself wherever it is.
const SIGNS: &str = "{}(),!<>=";

/// The longest word (`parse.y` reads into 8096 bytes).
const LONGEST: usize = 8094;

/// Splits a text; comments go.
pub(in crate::firewall::pf) fn split(text: &str) -> Result<Vec<Word<'_>>, ReadError> {
    let mut words = Vec::new();
    if !text.ends_with('\n') {
        return Err(refuse(text.lines().count(), "the last line does not end"));
    }
    for (number, content) in text.lines().enumerate() {
        let line = number + 1;
        let odd = |c: char| !(' '..='~').contains(&c) && c != '\t';
        if content.contains(odd) {
            return Err(refuse(line, "pf reads plain characters only"));
        }
        if content.ends_with('\\') {
            return Err(refuse(line, "a backslash joins the next line to this one"));
        }
        let code = content.split('#').next().unwrap_or_default();
        if let Some(c) = code.chars().find(|c| "\"'\\$`".contains(*c)) {
            return Err(refuse(line, format!("`{c}` is not understood")));
        }
        line_words(code, line, &mut words)?;
        words.push(Word { line, text: "", quoted: false });
    }
    Ok(words)
}

/// Splits what is neither comment nor quoted.
pub(in crate::firewall::pf) fn line_words<'a>(
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
