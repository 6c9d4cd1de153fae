//! The tables of one file: chains, and the lines in them.

use super::refuse;
use crate::firewall::ReadError;
use crate::ir::Verdict;
use crate::program::{Chain, Clause, Place};
use std::collections::BTreeMap;

/// A chain's index in the program, its policy if it is built in, and where it is declared.
pub(in crate::firewall::iptables) type Declared = (usize, Option<Verdict>, Place);

/// The chains of every table of a file.
#[derive(Default)]
pub(in crate::firewall::iptables) struct Tables {
    /// By table, then by chain.
    pub(in crate::firewall::iptables) declared: BTreeMap<String, BTreeMap<String, Declared>>,
    pub(in crate::firewall::iptables) chains: Vec<Chain>,
}

/// Bytes of a chain's name (`XT_EXTENSION_MAXNAMELEN` less one).
const NAME: usize = 28;

/// How rules are read: strictly, or as far as they are understood.
pub(in crate::firewall::iptables) trait Rules {
    /// Tells whether a table's chain is built in, and so has a policy.
    fn built_in(&self, table: &str, chain: &str) -> bool;

    /// Reads a rule: its chain, and what it does.
    ///
    /// # Errors
    /// Why it is not understood.
    fn rule(
        &mut self,
        table: &str,
        text: &str,
        place: Place,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<(String, Vec<Clause>), String>;
}

/// A line without the blanks around it, and where it is.
pub(in crate::firewall::iptables) type Line<'a> = (Place, &'a str);

/// Returns the lines of a file.
pub(in crate::firewall::iptables) fn lines(
    file: usize,
    text: &str,
) -> impl Iterator<Item = Line<'_>> {
    text.lines().enumerate().map(move |(n, line)| (Place { file, line: n + 1 }, line.trim()))
}

/// Reads what is for `iptables-restore`; its chains count from `first`.
pub(in crate::firewall::iptables) fn read(
    lines: &[Line<'_>],
    rules: &mut dyn Rules,
    first: usize,
) -> Result<Tables, ReadError> {
    let mut tables = Tables::default();
    let mut open: Option<&str> = None;
    for (place, line) in lines.iter().copied() {
        match line.as_bytes().first() {
            Some(b'*') => open = Some(&line[1..]),
            Some(b':') => declare(&mut tables, rules, open, (place, line), first)?,
            _ => {}
        }
    }
    open = None;
    for (place, line) in lines.iter().copied() {
        match line.as_bytes().first() {
            None | Some(b'#' | b':') => {}
            Some(b'*') if open.is_none() => open = Some(&line[1..]),
            Some(b'*') => return Err(refuse(place, "COMMIT is missing before this table")),
            _ if line == "COMMIT" => {
                open.take().ok_or_else(|| refuse(place, "COMMIT without a table"))?;
            }
            _ => {
                let table = open.ok_or_else(|| refuse(place, "a rule outside a table"))?;
                rule(&mut tables, table, (place, line), rules, first)?;
            }
        }
    }
    match open {
        None => Ok(tables),
        Some(_) => {
            let last = lines.last().map_or_else(Place::default, |(place, _)| *place);
            Err(refuse(last, "COMMIT is missing"))
        }
    }
}

fn declare(
    tables: &mut Tables,
    rules: &dyn Rules,
    open: Option<&str>,
    (place, line): Line<'_>,
    first: usize,
) -> Result<(), ReadError> {
    let words: Vec<_> = line[1..].split_whitespace().collect();
    let (Some(table), [name, policy, ..]) = (open, words.as_slice()) else {
        return Err(refuse(place, "a chain outside a table, or without a policy"));
    };
    let policy = match (*policy, rules.built_in(table, name)) {
        ("ACCEPT", true) => Some(Verdict::Accept),
        ("DROP", true) => Some(Verdict::Drop),
        ("-", false) => None,
        _ => return Err(refuse(place, format!("the policy `{policy}` is not understood"))),
    };
    if name.len() > NAME {
        return Err(refuse(place, format!("a chain's name has at most {NAME} bytes")));
    }
    let index = first + tables.chains.len();
    let declared = tables.declared.entry(table.to_owned()).or_default();
    if declared.insert((*name).to_owned(), (index, policy, place)).is_some() {
        return Err(refuse(place, format!("`{name}` is declared twice")));
    }
    tables.chains.push(Chain { name: (*name).to_owned(), clauses: Vec::new() });
    Ok(())
}

fn rule(
    tables: &mut Tables,
    table: &str,
    (place, line): Line<'_>,
    rules: &mut dyn Rules,
    first: usize,
) -> Result<(), ReadError> {
    let declared = tables.declared.get(table);
    let find = |name: &str| Some(declared?.get(name)?.0);
    let (chain, clauses) =
        rules.rule(table, line, place, &find).map_err(|reason| refuse(place, reason))?;
    let at = find(&chain).ok_or_else(|| refuse(place, format!("there is no chain `{chain}`")))?;
    if let Some(chain) = at.checked_sub(first).and_then(|at| tables.chains.get_mut(at)) {
        chain.clauses.extend(clauses);
    }
    Ok(())
}
