//! The tables that commands make.

use super::field::Look;
use super::head::{self, Base};
use super::values::Values;
use crate::firewall::ReadError;
use crate::firewall::nftables::syntax::{
    self, Command, Elements, Item, Object, Property, Rule, TableName, Word, refuse, texts,
};
use crate::program::Place;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

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
    /// Its family and name.
    pub(super) name: TableName<'a>,
    /// Whether it is switched off.
    pub(super) dormant: bool,
    /// What is not understood of it, so that it may be switched off.
    pub(super) unclear: bool,
    /// Its chains.
    pub(super) chains: Vec<Chain<'t, 'a>>,
    /// Where each chain stands among them.
    pub(super) names: HashMap<&'a str, usize>,
    /// Its sets and maps.
    pub(super) sets: HashMap<&'a str, Set<'t, 'a>>,
    /// The sets that rules change.
    pub(super) changing: HashSet<&'a str>,
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

/// A set or map.
#[derive(Default, Debug)]
pub(super) struct Set<'t, 'a> {
    /// Its elements, one list after the other.
    pub(super) elements: Vec<Elements<'t, 'a>>,
    /// The types of its values; none where it is made like something.
    pub(super) types: Vec<&'a str>,
    /// Whether an element may be a range.
    pub(super) interval: bool,
    /// Why nothing can be said of its elements.
    pub(super) unclear: Option<String>,
    /// What its elements are as values of a type, once that was asked.
    pub(super) read: RefCell<Option<(&'static [&'static str], Option<Values>)>>,
}

impl<'t, 'a> Ruleset<'t, 'a> {
    /// Does what the commands of a file say.
    pub(super) fn run(&mut self, file: usize, commands: Vec<Command<'t, 'a>>) -> Result<()> {
        self.file = file;
        for command in commands {
            let line = command.line;
            match command.verb {
                "flush" => self.flush(command.object),
                "delete" | "destroy" => self.delete(command.object),
                verb => self.add(line, command.object, verb == "insert")?,
            }
        }
        for table in &mut self.tables {
            table.changing = changed(table);
        }
        Ok(())
    }

    fn flush(&mut self, object: Object<'t, 'a>) {
        match object {
            Object::Ruleset(Some(family)) => {
                self.tables.retain(|table| table.name.family != family)
            }
            Object::Ruleset(None) => self.tables.clear(),
            Object::Table(name, _) => {
                self.table(name).chains.iter_mut().for_each(|chain| chain.rules.clear());
            }
            Object::Chain(name, chain) => {
                self.chain(name, chain.name).rules.clear();
            }
            Object::Set(name, set) => {
                self.table(name).sets.entry(set.name.text).or_default().elements.clear();
            }
            Object::Rule(..) | Object::Elements(..) | Object::Other => {}
        }
    }

    fn delete(&mut self, object: Object<'t, 'a>) {
        if let Object::Table(name, _) = object {
            self.tables.retain(|table| table.name != name);
        }
    }

    fn add(&mut self, line: usize, object: Object<'t, 'a>, first: bool) -> Result<()> {
        match object {
            // Objects are counted with, or named by rules that are not understood.
            Object::Ruleset(_) | Object::Other => {}
            Object::Table(name, items) => {
                self.table(name);
                for item in items.into_iter().flatten() {
                    self.item(name, item)?;
                }
            }
            Object::Chain(name, chain) => self.item(name, Item::Chain(chain))?,
            Object::Set(name, set) => self.item(name, Item::Set(set))?,
            Object::Rule(_, _, rule) if rule.position => {
                let reason = "`add rule` at a place is not followed: load it, and give what `nft list ruleset` prints";
                return Err(refuse(line, reason));
            }
            Object::Rule(name, chain, rule) => {
                let rules = &mut self.chain(name, chain).rules;
                rules.insert(if first { 0 } else { rules.len() }, rule);
            }
            Object::Elements(name, set, elements) => {
                self.table(name).sets.entry(set.text).or_default().elements.push(elements);
            }
        }
        Ok(())
    }

    fn item(&mut self, name: TableName<'a>, item: Item<'t, 'a>) -> Result<()> {
        match item {
            Item::Chain(chain) => {
                let base = head::base(&chain.properties)?;
                let known = self.chain(name, chain.name);
                known.base = base.or(known.base.take());
                known.rules.extend(chain.rules);
            }
            Item::Set(set) => self.set(name, set),
            Item::Property(property) => self.property(name, property),
            Item::Other(_) => {}
        }
        Ok(())
    }

    fn property(&mut self, name: TableName<'a>, property: Property<'t, 'a>) {
        let words = texts(property.words);
        let flags: Vec<_> = words.iter().copied().filter(|word| *word != ",").collect();
        match property.key.text {
            // It says nothing to packets.
            "comment" => {}
            // Who owns a table decides who may change it.
            "flags" if flags.iter().all(|flag| ["dormant", "owner", "persist"].contains(flag)) => {
                self.table(name).dormant |= flags.contains(&"dormant");
            }
            key => {
                let reason = format!("`{key} {}` of a table is not understood", words.join(" "));
                let place = Place { file: self.file, line: property.key.line };
                self.unclear.push(ReadError { place, reason });
                self.table(name).unclear = true;
            }
        }
    }

    fn set(&mut self, name: TableName<'a>, set: syntax::Set<'t, 'a>) {
        let known = self.table(name).sets.entry(set.name.text).or_default();
        known.elements.extend(set.elements);
        for property in &set.properties {
            known.property(property);
        }
    }

    /// Returns a table, which is made where it is new.
    fn table(&mut self, name: TableName<'a>) -> &mut Table<'t, 'a> {
        let at = self.tables.iter().position(|table| table.name == name);
        let at = at.unwrap_or_else(|| {
            self.tables.push(Table {
                name,
                dormant: false,
                unclear: false,
                chains: Vec::new(),
                names: HashMap::new(),
                sets: HashMap::new(),
                changing: HashSet::new(),
            });
            self.tables.len() - 1
        });
        &mut self.tables[at]
    }

    /// Returns a chain, which is made where it is new.
    fn chain(&mut self, table: TableName<'a>, name: Word<'a>) -> &mut Chain<'t, 'a> {
        let place = Place { file: self.file, line: name.line };
        let table = self.table(table);
        let at = *table.names.entry(name.text).or_insert_with(|| {
            table.chains.push(Chain { name: name.text, place, base: None, rules: Vec::new() });
            table.chains.len() - 1
        });
        &mut table.chains[at]
    }
}

/// Returns the sets of a table that rules add to or delete from.
fn changed<'a>(table: &Table<'_, 'a>) -> HashSet<&'a str> {
    let statements =
        table.chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.statements);
    let mut found = HashSet::new();
    for statement in statements {
        match statement.what {
            syntax::What::Update(name, ..) => {
                found.insert(name);
            }
            // What is not known may change any set that it names.
            syntax::What::Unknown => {
                found.extend(
                    texts(statement.words).iter().filter_map(|word| word.strip_prefix('@')),
                );
            }
            _ => {}
        }
    }
    found
}

/// What a set may say of itself that does not change what is in it: how it is stored, how often elements are
/// looked for that went, and that matches are counted.
const HARMLESS: &[&str] =
    &["typeof", "size", "policy", "auto-merge", "comment", "counter", "gc-interval", "last"];

impl<'a> Set<'_, 'a> {
    fn property(&mut self, property: &Property<'_, 'a>) {
        let words = texts(property.words);
        match property.key.text {
            "type" => {
                let key = words.split(|word| *word == ":").next().unwrap_or_default();
                self.types = key.iter().copied().filter(|word| *word != ".").collect();
            }
            "flags" => {
                for flag in words.into_iter().filter(|word| *word != ",") {
                    match flag {
                        "constant" => {}
                        "interval" => self.interval = true,
                        _ => self.unclear = Some(CHANGING.to_owned()),
                    }
                }
            }
            key if HARMLESS.contains(&key) => {}
            "timeout" => self.unclear = Some(CHANGING.to_owned()),
            key => self.unclear = Some(format!("`{key}` of a set is not understood")),
        }
    }

    /// Tells whether the set is of another type than what is looked at.
    pub(super) fn is_of_another_type(&self, looks: &[Look]) -> bool {
        let fits = |(look, name): (&Look, &&str)| look.kind().contains(name);
        !self.types.is_empty()
            && (self.types.len() != looks.len() || !looks.iter().zip(&self.types).all(fits))
    }
}

/// Why nothing can be said of a set's elements.
pub(super) const CHANGING: &str = "elements of the set come and go";
