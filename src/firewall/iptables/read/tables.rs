//! The tables of one family: chains, and the rules in them.

use super::refuse;
use super::rule::Reader;
use crate::firewall::ReadError;
use crate::firewall::iptables::syntax::Item;
use crate::ir::Verdict;
use crate::program::{Chain, Clause, Match, Place, Target};
use std::collections::BTreeMap;

/// A table.
#[derive(Default)]
pub(super) struct Table {
    /// By name: the number in `chains`, and the policy of one that is built in.
    pub(super) declared: BTreeMap<String, Declared>,
    /// Jumps say a number in this list.
    pub(super) chains: Vec<Chain>,
    /// What of its rules is not understood.
    pub(super) unclear: Vec<ReadError>,
}

#[derive(Clone, Copy)]
pub(super) struct Declared {
    pub(super) at: usize,
    pub(super) policy: Option<Verdict>,
    pub(super) place: Place,
}

/// The tables by name.
pub(super) type Tables = BTreeMap<String, Table>;

/// Bytes of a chain's name (`XT_EXTENSION_MAXNAMELEN` less one).
const NAME: usize = 28;

/// The built-in chains of each table.
pub(super) const BUILT_IN: [(&str, &[&str]); 5] = [
    ("raw", &["PREROUTING", "OUTPUT"]),
    ("mangle", &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ("security", &["INPUT", "FORWARD", "OUTPUT"]),
];

fn is_built_in(table: &str, chain: &str) -> bool {
    BUILT_IN.iter().any(|(known, chains)| *known == table && chains.contains(&chain))
}

impl Table {
    /// Adds a chain.
    ///
    /// # Errors
    /// That it is there already.
    fn declare(
        &mut self,
        name: &str,
        policy: Option<Verdict>,
        place: Place,
    ) -> Result<(), ReadError> {
        if name.len() > NAME {
            return Err(refuse(place, format!("a chain's name has at most {NAME} bytes")));
        }
        let at = self.chains.len();
        if self.declared.insert(name.to_owned(), Declared { at, policy, place }).is_some() {
            return Err(refuse(place, format!("`{name}` is declared twice")));
        }
        self.chains.push(Chain { name: name.to_owned(), clauses: Vec::new() });
        Ok(())
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.declared.get(name).map(|declared| declared.at)
    }

    /// Puts a jump first in a built-in chain, as the script of an artifact does.
    ///
    /// # Errors
    /// That the chain is not there, or that the built-in one is listed too: what runs is not what is to be.
    pub(super) fn hook(&mut self, chain: &str, to: &str, place: Place) -> Result<(), ReadError> {
        let to = self.find(to).ok_or_else(|| refuse(place, "the chain is not there"))?;
        match self.declared.get(chain) {
            // What it does behind the jump is other people's.
            None => self.declare(chain, Some(Verdict::Accept), place)?,
            Some(known) if known.place.file == place.file => {}
            Some(known) => {
                let reason =
                    format!("`{chain}` is listed: that is another firewall than the script's");
                return Err(refuse(known.place, reason));
            }
        }
        if let Some(chain) = self.find(chain).and_then(|at| self.chains.get_mut(at)) {
            chain.clauses.insert(0, Clause { when: Vec::new(), then: Target::Jump(to), place });
        }
        Ok(())
    }
}

/// Reads the tables of one family.
///
/// # Errors
/// The first line that is no listing and nothing for `iptables-restore`.
pub(super) fn read(
    items: &[(Place, Item<'_>)],
    reader: &mut Reader<'_>,
) -> Result<Tables, ReadError> {
    let mut tables = Tables::new();
    chains(items, reader, &mut tables)?;
    let mut open = None;
    for (place, item) in items.iter().copied() {
        match item {
            Item::Comment(_) | Item::Chain(..) | Item::Set(_) => {}
            Item::Table(name) if open.is_none() => open = Some(name),
            Item::Table(_) => return Err(refuse(place, "COMMIT is missing before this table")),
            Item::Commit => drop(open.take().ok_or(refuse(place, "COMMIT without a table"))?),
            Item::Policy(..) | Item::New(_) => {}
            Item::Rule(line) => {
                let name = open.or(reader.listed.map(|_| "filter"));
                let name = name.ok_or_else(|| refuse(place, "a rule outside a table"))?;
                if let Some(table) = tables.get_mut(name) {
                    rule(table, name, (place, line), reader)?;
                }
            }
        }
    }
    match open {
        None => Ok(tables),
        Some(_) => {
            let last = items.last().map_or_else(Place::default, |(place, _)| *place);
            Err(refuse(last, "COMMIT is missing"))
        }
    }
}

/// Reads which chains there are.
fn chains(
    items: &[(Place, Item<'_>)],
    reader: &mut Reader<'_>,
    tables: &mut Tables,
) -> Result<(), ReadError> {
    let mut open = None;
    for (place, item) in items.iter().copied() {
        match item {
            Item::Table(name) => {
                if !BUILT_IN.iter().any(|(known, _)| *known == name) {
                    return Err(refuse(place, format!("the table `{name}` is not understood")));
                }
                tables.entry(name.to_owned()).or_default();
                open = Some(name);
            }
            Item::Commit => open = None,
            Item::Chain(chain, policy) => {
                let outside = "a chain outside a table, or without a policy";
                let name = open.filter(|_| !policy.is_empty());
                let name = name.ok_or_else(|| refuse(place, outside))?;
                declare(tables, name, chain, policy, place)?;
            }
            Item::Policy(chain, policy) => {
                let name = open.unwrap_or_else(|| reader.listed_at(place));
                declare(tables, name, chain, policy, place)?;
            }
            Item::New(chain) => {
                let name = open.unwrap_or_else(|| reader.listed_at(place));
                declare(tables, name, chain, "-", place)?;
            }
            Item::Comment(_) | Item::Rule(_) | Item::Set(_) => {}
        }
    }
    Ok(())
}

fn declare(
    tables: &mut Tables,
    table: &str,
    chain: &str,
    policy: &str,
    place: Place,
) -> Result<(), ReadError> {
    let policy = match (policy, is_built_in(table, chain)) {
        ("ACCEPT", true) => Some(Verdict::Accept),
        ("DROP", true) => Some(Verdict::Drop),
        ("-", false) => None,
        _ => return Err(refuse(place, format!("the policy `{policy}` is not understood"))),
    };
    tables.entry(table.to_owned()).or_default().declare(chain, policy, place)
}

fn rule(
    table: &mut Table,
    name: &str,
    (place, line): (Place, &str),
    reader: &mut Reader<'_>,
) -> Result<(), ReadError> {
    let find = |chain: &str| table.find(chain);
    let read = reader.rule(name, line, place, &find);
    let (chain, clauses, notes) = read.map_err(|reason| refuse(place, reason))?;
    table.unclear.extend(notes.map(|notes| refuse(place, notes)));
    if is_built_in(name, &chain) && table.find(&chain).is_none() {
        // A file without its line leaves the policy as it is.
        table.declare(&chain, Some(Verdict::Accept), place)?;
        reader.undeclared.push((name.to_owned(), chain.clone(), place));
    }
    let at = table.find(&chain);
    let at = at.ok_or_else(|| refuse(place, format!("there is no chain `{chain}`")))?;
    if let Some(chain) = table.chains.get_mut(at) {
        chain.clauses.extend(clauses);
    }
    Ok(())
}

/// Adds to chains that a file does not declare that their policy may be to drop.
pub(super) fn doubt_policies(tables: &mut Tables, reader: &mut Reader<'_>) {
    for (table, chain, place) in std::mem::take(&mut reader.undeclared) {
        let Some(table) = tables.get_mut(&table) else { continue };
        let at = table.find(&chain);
        let Some(found) = at.and_then(|at| table.chains.get_mut(at)) else { continue };
        let ends = |clause: &Clause| {
            clause.when.is_empty() && matches!(clause.then, Target::Decide(_) | Target::Goto(_))
        };
        if !found.clauses.last().is_some_and(ends) {
            let then = Target::Decide(Verdict::Drop);
            found.clauses.push(Clause { when: vec![Match::Unknown], then, place });
            let reason = format!("the policy of the chain `{chain}` is not given");
            table.unclear.push(refuse(place, reason));
        }
    }
}
