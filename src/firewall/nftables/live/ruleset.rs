//! Tokens to tables: chains with their rules unread, and sets with their elements.

use super::elements::{Element, elements, skip_one};
use super::head::{Base, head};
use crate::firewall::ReadError;
use crate::firewall::nftables::read::lex::{Kind, Token};
use crate::firewall::nftables::read::parse::Cursor;
use crate::firewall::nftables::read::refuse;
use crate::program::Place;
use std::collections::HashMap;

type Result<T> = std::result::Result<T, ReadError>;

/// All tables, in the order in which they were made.
#[derive(Default, Debug)]
pub(super) struct Ruleset<'t, 'a> {
    /// The tables.
    pub(super) tables: Vec<Table<'t, 'a>>,
    /// What was not understood so far.
    pub(super) unclear: Vec<ReadError>,
    file: usize,
}

/// A table.
#[derive(Debug)]
pub(super) struct Table<'t, 'a> {
    /// Its family's word.
    pub(super) family: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// Whether it is switched off.
    pub(super) dormant: bool,
    /// Its chains.
    pub(super) chains: Vec<Chain<'t, 'a>>,
    /// Where each chain stands among them.
    pub(super) names: HashMap<&'a str, usize>,
    /// Its sets and maps.
    pub(super) sets: HashMap<&'a str, Set<'t, 'a>>,
}

/// A chain.
#[derive(Debug)]
pub(super) struct Chain<'t, 'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Where it was first named.
    pub(super) place: Place,
    /// For a base chain, where packets enter.
    pub(super) base: Option<Base<'a>>,
    /// Its rules.
    pub(super) rules: Vec<Rule<'t, 'a>>,
}

/// A rule that was not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule<'t, 'a> {
    /// Where it begins.
    pub(super) place: Place,
    /// Its words.
    pub(super) tokens: &'t [Token<'a>],
}

/// A set or map.
#[derive(Default, Debug)]
pub(super) struct Set<'t, 'a> {
    /// Its elements.
    pub(super) elements: Vec<Element<'t, 'a>>,
    /// Whether elements come and go by themselves.
    pub(super) changing: bool,
}

const FAMILIES: [&str; 6] = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];

/// What a command does to rules that were read already is not followed, and nothing is guessed.
fn not_followed(line: usize, command: &str) -> ReadError {
    refuse(
        line,
        format!("`{command}` is not followed: load it, and give what `nft list ruleset` prints"),
    )
}

impl<'t, 'a> Ruleset<'t, 'a> {
    /// Reads the tokens of a file on top of what was read before.
    pub(super) fn read(&mut self, file: usize, tokens: &'t [Token<'a>]) -> Result<()> {
        self.file = file;
        let mut cursor = Cursor { tokens, at: 0 };
        loop {
            cursor.ends();
            match cursor.peek() {
                None => return Ok(()),
                Some(Kind::Word(word)) => self.command(word, &mut cursor)?,
                Some(_) => return cursor.refuse("no command of nft begins so"),
            }
        }
    }

    fn place(&self, line: usize) -> Place {
        Place { file: self.file, line }
    }

    fn note(&mut self, line: usize, reason: &str) {
        self.unclear.push(ReadError { place: self.place(line), reason: reason.to_owned() });
    }

    fn command(&mut self, word: &'a str, cursor: &mut Cursor<'t, 'a>) -> Result<()> {
        let line = cursor.line();
        let start = cursor.at;
        cursor.at += 1;
        match word {
            "table" | "chain" | "rule" | "set" | "map" | "element" | "flowtable" | "counter"
            | "quota" | "limit" | "ct" | "secmark" | "synproxy" => {
                cursor.at = start;
                self.add(cursor, false)?;
            }
            "add" | "create" => self.add(cursor, false)?,
            "insert" => self.add(cursor, true)?,
            "flush" => self.flush(cursor)?,
            "delete" | "destroy" => self.delete(cursor)?,
            "undefine" | "list" | "reset" => {}
            "include" | "replace" | "rename" => return Err(not_followed(line, word)),
            other => return Err(refuse(line, format!("`{other}` is no command of nft"))),
        }
        finish(cursor)
    }

    fn flush(&mut self, cursor: &mut Cursor<'t, 'a>) -> Result<()> {
        match cursor.word()?.text {
            "ruleset" => match cursor.peek() {
                Some(Kind::Word(family)) => self.tables.retain(|table| table.family != family),
                _ => self.tables.clear(),
            },
            "table" => {
                let at = self.table(cursor)?;
                for chain in self.tables.get_mut(at).into_iter().flat_map(|t| &mut t.chains) {
                    chain.rules.clear();
                }
            }
            "chain" => {
                let at = self.table(cursor)?;
                let chain = self.chain(at, cursor)?;
                self.chain_at(at, chain, |chain| chain.rules.clear());
            }
            "set" | "map" => {
                let at = self.table(cursor)?;
                let name = cursor.word()?.text;
                self.set_at(at, name, |set| set.elements.clear());
            }
            _ => {}
        }
        skip_statement(cursor);
        Ok(())
    }

    fn delete(&mut self, cursor: &mut Cursor<'t, 'a>) -> Result<()> {
        let line = cursor.line();
        if cursor.next_is(Kind::Word("table")) {
            let at = self.table(cursor)?;
            self.tables.remove(at);
        } else {
            return Err(not_followed(line, "delete"));
        }
        Ok(())
    }

    /// Reads what stands behind `add` or `insert`.
    fn add(&mut self, cursor: &mut Cursor<'t, 'a>, first: bool) -> Result<()> {
        let line = cursor.line();
        let what = cursor.word()?.text;
        if !matches!(what, "table" | "chain" | "rule" | "set" | "map" | "element") {
            skip_statement(cursor);
            return Ok(());
        }
        let at = self.table(cursor)?;
        match what {
            "table" => match cursor.peek() {
                Some(Kind::Symbol("{")) => self.block(at, cursor)?,
                _ => return Ok(()),
            },
            "chain" => {
                let chain = self.chain(at, cursor)?;
                if cursor.peek() == Some(Kind::Symbol("{")) {
                    self.chain_block(at, chain, cursor)?;
                }
            }
            "rule" => self.added_rule(at, cursor, first, line)?,
            "element" => {
                let name = cursor.word()?.text;
                let more = elements(cursor)?;
                self.set_at(at, name, |set| set.elements.extend(more));
            }
            _ => {
                let name = cursor.word()?.text;
                self.set_block(at, name, cursor)?;
            }
        }
        Ok(())
    }

    fn added_rule(
        &mut self,
        at: usize,
        cursor: &mut Cursor<'t, 'a>,
        first: bool,
        line: usize,
    ) -> Result<()> {
        let chain = self.chain(at, cursor)?;
        if let Some(Kind::Word("position" | "handle" | "index")) = cursor.peek() {
            return Err(not_followed(line, "add rule at a place"));
        }
        let rule = self.rule(cursor);
        self.chain_at(at, chain, |chain| {
            let put = if first { 0 } else { chain.rules.len() };
            chain.rules.insert(put, rule);
        });
        Ok(())
    }

    /// Reads the name of a table, and makes it where it is new.
    fn table(&mut self, cursor: &mut Cursor<'t, 'a>) -> Result<usize> {
        let first = cursor.word()?.text;
        let (family, name) = match FAMILIES.contains(&first) {
            true => (first, cursor.word()?.text),
            false => ("ip", first),
        };
        let same = |table: &Table<'_, '_>| (table.family, table.name) == (family, name);
        if let Some(at) = self.tables.iter().position(same) {
            return Ok(at);
        }
        let (chains, names, sets) = (Vec::new(), HashMap::new(), HashMap::new());
        self.tables.push(Table { family, name, dormant: false, chains, names, sets });
        Ok(self.tables.len() - 1)
    }

    /// Reads the name of a chain, and makes it where it is new.
    fn chain(&mut self, at: usize, cursor: &mut Cursor<'t, 'a>) -> Result<usize> {
        let name = cursor.word()?;
        let place = self.place(name.line);
        let Some(table) = self.tables.get_mut(at) else {
            return cursor.refuse("the table is not there");
        };
        if let Some(at) = table.names.get(name.text) {
            return Ok(*at);
        }
        table.names.insert(name.text, table.chains.len());
        table.chains.push(Chain { name: name.text, place, base: None, rules: Vec::new() });
        Ok(table.chains.len() - 1)
    }

    fn chain_at(&mut self, table: usize, chain: usize, with: impl FnOnce(&mut Chain<'t, 'a>)) {
        let table = self.tables.get_mut(table);
        if let Some(chain) = table.and_then(|table| table.chains.get_mut(chain)) {
            with(chain);
        }
    }

    fn set_at(&mut self, table: usize, name: &'a str, with: impl FnOnce(&mut Set<'t, 'a>)) {
        if let Some(table) = self.tables.get_mut(table) {
            with(table.sets.entry(name).or_default());
        }
    }

    fn block(&mut self, at: usize, cursor: &mut Cursor<'t, 'a>) -> Result<()> {
        inside(cursor, |cursor| {
            let word = cursor.word()?;
            match word.text {
                "chain" => {
                    let chain = self.chain(at, cursor)?;
                    self.chain_block(at, chain, cursor)?;
                }
                "set" | "map" | "meter" => {
                    let name = cursor.word()?.text;
                    self.set_block(at, name, cursor)?;
                }
                "flags" => {
                    let dormant = statement(cursor).iter().any(|t| t.kind == Kind::Word("dormant"));
                    if let Some(table) = self.tables.get_mut(at) {
                        table.dormant |= dormant;
                    }
                }
                "comment" | "flowtable" | "counter" | "quota" | "limit" | "ct" | "secmark"
                | "synproxy" | "tunnel" | "undefine" => skip_statement(cursor),
                other => {
                    self.note(word.line, &format!("`{other}` of a table is not understood"));
                    skip_statement(cursor);
                }
            }
            Ok(())
        })
    }

    fn chain_block(&mut self, at: usize, chain: usize, cursor: &mut Cursor<'t, 'a>) -> Result<()> {
        inside(cursor, |cursor| {
            match cursor.peek() {
                Some(Kind::Word("type")) => {
                    let base = head(statement(cursor))?;
                    self.chain_at(at, chain, |chain| chain.base = Some(base));
                }
                Some(Kind::Word("policy")) => {
                    let drops = statement(cursor).iter().any(|t| t.kind == Kind::Word("drop"));
                    self.chain_at(at, chain, |chain| {
                        if let Some(base) = &mut chain.base {
                            base.drops = drops;
                        }
                    });
                }
                Some(Kind::Word("comment" | "flags" | "device" | "devices")) => {
                    skip_statement(cursor);
                }
                _ => {
                    let rule = self.rule(cursor);
                    self.chain_at(at, chain, |chain| chain.rules.push(rule));
                }
            }
            Ok(())
        })
    }

    fn rule(&self, cursor: &mut Cursor<'t, 'a>) -> Rule<'t, 'a> {
        Rule { place: self.place(cursor.line()), tokens: statement(cursor) }
    }

    fn set_block(&mut self, at: usize, name: &'a str, cursor: &mut Cursor<'t, 'a>) -> Result<()> {
        let mut more = Set::default();
        if cursor.peek() != Some(Kind::Symbol("{")) {
            skip_statement(cursor);
            return Ok(());
        }
        inside(cursor, |cursor| {
            match cursor.word()?.text {
                "elements" => {
                    cursor.next_is(Kind::Symbol("="));
                    more.elements.extend(elements(cursor)?);
                }
                "flags" => {
                    let changes =
                        |token: &Token<'_>| matches!(token.kind, Kind::Word("timeout" | "dynamic"));
                    more.changing |= statement(cursor).iter().any(changes);
                }
                // What counts in elements may refuse to match.
                "timeout" | "limit" | "quota" | "ct" | "last" => {
                    more.changing = true;
                    skip_statement(cursor);
                }
                _ => skip_statement(cursor),
            }
            Ok(())
        })?;
        self.set_at(at, name, |set| {
            set.elements.append(&mut more.elements);
            set.changing |= more.changing;
        });
        Ok(())
    }
}

/// Reads the statements between braces.
fn inside<'t, 'a>(
    cursor: &mut Cursor<'t, 'a>,
    mut each: impl FnMut(&mut Cursor<'t, 'a>) -> Result<()>,
) -> Result<()> {
    let open = cursor.line();
    if !cursor.next_is(Kind::Symbol("{")) {
        return cursor.refuse("`{` is expected here");
    }
    loop {
        cursor.ends();
        if cursor.next_is(Kind::Symbol("}")) {
            return Ok(());
        }
        if cursor.peek().is_none() {
            return Err(refuse(open, "a brace is not closed"));
        }
        let before = cursor.at;
        each(cursor)?;
        if cursor.at == before {
            return cursor.refuse("a statement is not understood");
        }
    }
}

/// Passes to the end of a statement, and gives it.
fn statement<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> &'t [Token<'a>] {
    let start = cursor.at;
    skip_statement(cursor);
    cursor.tokens.get(start..cursor.at).unwrap_or_default()
}

fn skip_statement(cursor: &mut Cursor<'_, '_>) {
    while let Some(kind) = cursor.peek() {
        if matches!(kind, Kind::End | Kind::Symbol("}")) {
            return;
        }
        skip_one(cursor);
    }
}

/// Refuses what is left of a command.
fn finish(cursor: &mut Cursor<'_, '_>) -> Result<()> {
    skip_statement(cursor);
    match cursor.peek() {
        None | Some(Kind::End) => Ok(()),
        Some(_) => cursor.refuse("a brace closes nothing"),
    }
}
