//! The tables of one file: chains, and the lines in them.

use super::line::Reader;
use super::refuse;
use crate::ir::Verdict;
use crate::proof::program::{Chain, Place, Then};
use crate::target::ReadError;
use std::collections::BTreeMap;

/// A chain's index in the program, its policy if it is built in, and where it is declared.
pub(super) type Declared = (usize, Option<Verdict>, Place);

/// The chains of every table of a file.
#[derive(Default)]
pub(super) struct Tables {
    /// By table, then by chain.
    pub(super) declared: BTreeMap<String, BTreeMap<String, Declared>>,
    pub(super) chains: Vec<Chain>,
}

/// Bytes of a chain's name (`XT_EXTENSION_MAXNAMELEN` less one).
const NAME: usize = 28;

/// Reads a file for `iptables-restore`; its chains count from `first`.
pub(super) fn read(
    file: usize,
    text: &str,
    reader: &Reader<'_>,
    first: usize,
) -> Result<Tables, ReadError> {
    let mut tables = Tables::default();
    let mut open: Option<&str> = None;
    let lines =
        || text.lines().enumerate().map(|(n, line)| (Place { file, line: n + 1 }, line.trim()));
    for (place, line) in lines() {
        match line.as_bytes().first() {
            Some(b'*') => open = Some(&line[1..]),
            Some(b':') => declare(&mut tables, open, line, place, first)?,
            _ => {}
        }
    }
    open = None;
    for (place, line) in lines() {
        match line.as_bytes().first() {
            None | Some(b'#' | b':') => {}
            Some(b'*') if open.is_none() => open = Some(&line[1..]),
            Some(b'*') => return Err(refuse(place, "COMMIT is missing before this table")),
            _ if line == "COMMIT" => {
                open.take().ok_or_else(|| refuse(place, "COMMIT without a table"))?;
            }
            _ => {
                let table = open.ok_or_else(|| refuse(place, "a rule outside a table"))?;
                rule(&mut tables, table, line, place, reader, first)?;
            }
        }
    }
    match open {
        None => Ok(tables),
        Some(_) => Err(refuse(Place { file, line: text.lines().count() }, "COMMIT is missing")),
    }
}

fn declare(
    tables: &mut Tables,
    open: Option<&str>,
    line: &str,
    place: Place,
    first: usize,
) -> Result<(), ReadError> {
    let words: Vec<_> = line[1..].split_whitespace().collect();
    let (Some(table), [name, policy, ..]) = (open, words.as_slice()) else {
        return Err(refuse(place, "a chain outside a table, or without a policy"));
    };
    let policy = match (*policy, super::hook(table, name)) {
        ("ACCEPT", Some(_)) => Some(Verdict::Accept),
        ("DROP", Some(_)) => Some(Verdict::Drop),
        ("-", None) => None,
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
    line: &str,
    place: Place,
    reader: &Reader<'_>,
    first: usize,
) -> Result<(), ReadError> {
    let declared = tables.declared.get(table);
    let find = |name: &str| Some(declared?.get(name)?.0);
    let (chain, clauses) =
        reader.line(line, place, &find).map_err(|reason| refuse(place, reason))?;
    let at = find(&chain).ok_or_else(|| refuse(place, format!("there is no chain `{chain}`")))?;
    let untracks = |then: &Then| matches!(then, Then::Decide(Verdict::Untrack));
    let decides = |then: &Then| matches!(then, Then::Decide(_));
    let wrong = |then: &Then| decides(then) && (untracks(then) != (table == "raw"));
    if clauses.iter().any(|clause| wrong(&clause.then)) {
        return Err(refuse(place, format!("this does not belong in table `{table}`")));
    }
    if let Some(chain) = at.checked_sub(first).and_then(|at| tables.chains.get_mut(at)) {
        chain.clauses.extend(clauses);
    }
    Ok(())
}
