//! One line as words: quotes and backslashes as `iptables-restore` reads them.

use std::borrow::Cow;

const BLANK: [char; 2] = [' ', '\t'];

/// Splits a line; `None` when a quote is not closed.
pub(in crate::firewall::iptables) fn split(line: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start_matches(BLANK);
    while !rest.is_empty() {
        let end = rest.find([' ', '\t', '"']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let (word, after) = match after.starts_with('"') {
            true => quoted(rest)?,
            false => (Cow::Borrowed(word), after),
        };
        words.push(word);
        rest = after.trim_start_matches(BLANK);
    }
    Some(words)
}

/// Reads a word that has quotes, and gives what is after it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut word = String::new();
    let mut inside = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => inside = !inside,
            '\\' if inside => word.push(chars.next()?.1),
            ' ' | '\t' if !inside => return Some((Cow::Owned(word), &text[at..])),
            _ => word.push(c),
        }
    }
    (!inside).then_some((Cow::Owned(word), ""))
}
