//! A rule as its options, whoever they belong to.

use std::borrow::Cow;

/// To whom an option belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner<'a> {
    /// To every rule.
    Rule,
    /// To a match, or to the protocol.
    Match(&'a str),
    /// To the target.
    Target,
}

/// One option with its values.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) negated: bool,
    pub(super) name: &'a str,
    pub(super) values: Vec<&'a str>,
    pub(super) of: Owner<'a>,
}

/// Other spellings of what the listings print.
const SPELLINGS: &[(&str, &str)] = &[
    ("--append", "-A"),
    ("--match", "-m"),
    ("--jump", "-j"),
    ("--goto", "-g"),
    ("--source", "-s"),
    ("--src", "-s"),
    ("--destination", "-d"),
    ("--dst", "-d"),
    ("--in-interface", "-i"),
    ("--out-interface", "-o"),
    ("--protocol", "-p"),
    ("--proto", "-p"),
    ("--fragment", "-f"),
    ("--fragments", "-f"),
    ("--source-port", "--sport"),
    ("--destination-port", "--dport"),
    ("--source-ports", "--sports"),
    ("--destination-ports", "--dports"),
    ("--state", "--ctstate"),
];

/// Options whose one value is any text, even one that looks like an option.
const TEXTS: &[&str] = &[
    "--comment",
    "--string",
    "--hex-string",
    "--log-prefix",
    "--nflog-prefix",
    "--ulog-prefix",
    "--bytecode",
    "--object-pinned",
    "--u32",
    "--name",
    "--hashlimit-name",
];

/// The options of every rule.
const GENERIC: [&str; 8] = ["-A", "-m", "-j", "-g", "-s", "-d", "-i", "-o"];

/// Tells the options of a rule apart.
pub(super) fn tell<'a>(words: &'a [Cow<'a, str>]) -> Result<Vec<Said<'a>>, String> {
    let mut rest = words.iter().map(|word| &**word).peekable();
    // `iptables-save -c` puts counters first.
    rest.next_if(|word| word.starts_with('[') && word.ends_with(']'));
    let (mut told, mut owner) = (Vec::new(), Owner::Rule);
    while let Some(word) = rest.next() {
        let mut negated = word == "!";
        let word = if negated { rest.next().ok_or("`!` of what?")? } else { word };
        if !word.starts_with('-') {
            return Err(format!("`{word}` is out of place"));
        }
        let (word, given) = match word.split_once('=').filter(|(name, _)| name.starts_with("--")) {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let name = spelled(word, owner);
        // The old spelling: `-s ! 10.0.0.1`.
        let mut ahead = rest.clone();
        if ahead.next() == Some("!") && ahead.next().is_some_and(|next| !is_option(next)) {
            rest.next();
            negated = !negated;
        }
        let mut values: Vec<&str> = given.into_iter().collect();
        let one = TEXTS.contains(&name) || GENERIC.contains(&name) || name == "-p";
        if one && values.is_empty() {
            values.push(rest.next().ok_or_else(|| format!("`{word}` of what?"))?);
        } else if given.is_none() && !one && name != "-f" {
            while let Some(value) = rest.next_if(|next| *next != "!" && !is_option(next)) {
                values.push(value);
            }
        }
        let value = values.first().copied().unwrap_or_default();
        let generic = GENERIC.contains(&name) || matches!(name, "-p" | "-f");
        told.push(Said { negated, name, values, of: if generic { Owner::Rule } else { owner } });
        match name {
            "-m" | "-p" => owner = Owner::Match(value),
            "-j" | "-g" => owner = Owner::Target,
            _ => {}
        }
    }
    Ok(told)
}

fn is_option(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn spelled<'a>(word: &'a str, owner: Owner<'_>) -> &'a str {
    match (word, owner) {
        // The old spelling of `--match-set`; other matches have a `--set` of their own.
        ("--set", Owner::Match("set")) => "--match-set",
        ("--set", _) => word,
        _ => SPELLINGS.iter().find(|(long, _)| *long == word).map_or(word, |(_, short)| short),
    }
}
