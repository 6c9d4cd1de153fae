//! What an artifact has to be, whatever it says: one file of tables and rules in the words that both parsers
//! read alike, with nothing that a quote, a macro or another file could change.

use super::TABLE;
use super::syntax::{Word, refuse, split};
use crate::firewall::{File, ReadError};
use std::collections::BTreeSet;

/// Checks the files of an artifact.
///
/// # Errors
/// The first place that is not as this program writes it.
pub(super) fn check(files: &[File]) -> Result<(), ReadError> {
    let [file] = files else { return Err(refuse(1, "the rules are one file")) };
    let text = &file.text;
    if !text.ends_with('\n') {
        return Err(refuse(text.lines().count(), "the last line does not end"));
    }
    for (number, line) in text.lines().enumerate() {
        characters(line).map_err(|reason| refuse(number + 1, reason))?;
    }
    let words = split(text)?;
    words.iter().try_for_each(prefixes)?;
    statements(&words)
}

fn characters(line: &str) -> Result<(), String> {
    let odd = |c: char| !(' '..='~').contains(&c) && c != '\t';
    if line.contains(odd) {
        return Err("pf reads plain characters only".to_owned());
    }
    if line.ends_with('\\') {
        return Err("a backslash joins the next line to this one".to_owned());
    }
    let code = line.split('#').next().unwrap_or_default();
    match code.chars().find(|c| "\"'\\$`[@".contains(*c)) {
        Some(c) => Err(format!("`{c}` is not understood")),
        None => Ok(()),
    }
}

/// Refuses a prefix that has bits behind its length: tables do not take it.
fn prefixes(word: &Word<'_>) -> Result<(), ReadError> {
    let net = word.text.contains('/').then(|| word.text.parse::<ipnet::IpNet>().ok()).flatten();
    match net.filter(|net| net.trunc() != *net) {
        Some(net) => Err(refuse(word.line, format!("`{net}` is no address or prefix"))),
        None => Ok(()),
    }
}

/// Refuses a port by its name, which each machine's list may give another number.
fn ports(line: &[&str]) -> Result<(), String> {
    let number = |word: &str| word.bytes().all(|b| b.is_ascii_digit() || b == b':');
    for (at, _) in line.iter().enumerate().filter(|(_, word)| **word == "port") {
        let rest = line.get(at + 1..).unwrap_or_default();
        let list = rest.iter().position(|word| *word == "}").filter(|_| rest.first() == Some(&"{"));
        let list = rest.get(..list.unwrap_or(1)).unwrap_or_default();
        let name = list.iter().find(|word| !number(word) && !matches!(**word, "{" | ","));
        if let Some(name) = name {
            return Err(format!("`{name}` are no ports"));
        }
    }
    Ok(())
}

/// Refuses what is no table and no rule, a table that is there twice, and ways to say a thing that are not
/// the same everywhere.
fn statements(words: &[Word<'_>]) -> Result<(), ReadError> {
    let (mut names, mut open) = (BTreeSet::new(), false);
    for line in words.split_inclusive(|word| word.text.is_empty()) {
        let texts: Vec<_> = line.iter().map(|word| word.text).collect();
        let at = line.first().map_or(1, |word| word.line);
        match texts.as_slice() {
            [""] => {}
            _ if open => open = !texts.contains(&"}"),
            ["table", "<", name, ">", "{", ..] => {
                if name.len() > TABLE {
                    return Err(refuse(
                        at,
                        format!("the name of a table has at most {TABLE} bytes"),
                    ));
                }
                if !names.insert(*name) {
                    return Err(refuse(at, "a table that is there twice: the last one would win"));
                }
                open = !texts.contains(&"}");
            }
            ["pass" | "match", ..] | ["block", "drop" | "return-rst" | "return-icmp", ..] => {
                if texts.contains(&"!") {
                    return Err(refuse(at, "negation is not understood"));
                }
                ports(&texts).map_err(|reason| refuse(at, reason))?;
            }
            // What it does is for `set block-policy` to say.
            ["block", ..] => return Err(refuse(at, "`drop` or an answer is expected here")),
            [other, ..] => return Err(refuse(at, format!("`{other}` is not understood"))),
            [] => {}
        }
    }
    Ok(())
}
