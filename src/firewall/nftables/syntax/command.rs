//! Commands, tables, chains and sets.

use super::cursor::Cursor;
use super::elements::{Elements, braces};
use super::lex::{Kind, Token};
use super::statement::statements;
use super::{Chain, Command, Item, Object, Property, Rule, Set, TableName, Word, refuse};
use crate::firewall::ReadError;
use crate::program::Place;

type Result<T> = std::result::Result<T, ReadError>;

const FAMILIES: [&str; 6] = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];

/// Objects that rules name.
const OBJECTS: &[&str] =
    &["flowtable", "counter", "quota", "limit", "ct", "secmark", "synproxy", "tunnel"];

/// Reads all commands of a file.
///
/// # Errors
/// The first place that is no command.
pub(in crate::firewall::nftables) fn commands<'t, 'a>(
    file: usize,
    tokens: &'t [Token<'a>],
) -> Result<Vec<Command<'t, 'a>>> {
    let mut parser = Parser { file, cursor: Cursor::new(tokens) };
    let mut all = Vec::new();
    loop {
        parser.cursor.ends();
        match parser.cursor.peek() {
            None => return Ok(all),
            Some(Kind::Word(word)) => all.extend(parser.command(word)?),
            Some(_) => return parser.cursor.refuse("no command of nft begins so"),
        }
    }
}

/// What a command does to rules that were read already is not followed, and nothing is guessed.
fn not_followed<T>(line: usize, command: &str) -> Result<T> {
    let reason =
        format!("`{command}` is not followed: load it, and give what `nft list ruleset` prints");
    Err(refuse(line, reason))
}

struct Parser<'t, 'a> {
    file: usize,
    cursor: Cursor<'t, 'a>,
}

impl<'t, 'a> Parser<'t, 'a> {
    fn command(&mut self, word: &'a str) -> Result<Option<Command<'t, 'a>>> {
        let line = self.cursor.line();
        let known = ["table", "chain", "rule", "set", "map", "element"].contains(&word)
            || OBJECTS.contains(&word);
        let verb = if known { "add" } else { word };
        self.cursor.at += usize::from(!known);
        let object = match verb {
            "add" | "create" | "insert" => Some(self.object(true)?),
            "flush" => Some(self.object(false)?),
            "delete" | "destroy" => Some(self.deleted(line)?),
            // Nothing that is loaded changes.
            "undefine" | "list" | "reset" => {
                self.cursor.statement();
                None
            }
            "include" | "replace" | "rename" => return not_followed(line, word),
            other => return Err(refuse(line, format!("`{other}` is no command of nft"))),
        };
        match self.cursor.peek() {
            None | Some(Kind::End) => Ok(object.map(|object| Command { line, verb, object })),
            Some(Kind::Symbol("}")) => self.cursor.refuse("a brace closes nothing"),
            Some(_) => self.cursor.refuse("the end of the command is expected here"),
        }
    }

    fn deleted(&mut self, line: usize) -> Result<Object<'t, 'a>> {
        if self.cursor.word_ahead(0) != "table" {
            return not_followed(line, "delete");
        }
        self.object(false)
    }

    /// Reads what a command is about; only what is added has more than a name.
    fn object(&mut self, added: bool) -> Result<Object<'t, 'a>> {
        let what = self.cursor.word()?.text;
        if OBJECTS.contains(&what) {
            self.cursor.statement();
            return Ok(Object::Other);
        }
        if what == "ruleset" {
            return Ok(Object::Ruleset(self.cursor.one_of(&FAMILIES)));
        }
        let table = self.table_name()?;
        match what {
            "table" => Ok(Object::Table(table, self.items()?)),
            "chain" => Ok(Object::Chain(table, self.chain()?)),
            "rule" if added => {
                let chain = self.cursor.word()?;
                let position = matches!(self.cursor.word_ahead(0), "position" | "handle" | "index");
                Ok(Object::Rule(table, chain, Rule { position, ..self.rule() }))
            }
            "set" | "map" => Ok(Object::Set(table, self.set()?)),
            "element" if added => {
                let name = self.cursor.word()?;
                let elements = braces(&mut self.cursor);
                let Some(elements) = elements else { return self.cursor.refuse(UNREAD) };
                Ok(Object::Elements(table, name, elements))
            }
            other => self.cursor.refuse(format!("`{other}` is not understood in a command")),
        }
    }

    fn table_name(&mut self) -> Result<TableName<'a>> {
        let family = self.cursor.one_of(&FAMILIES).unwrap_or("ip");
        Ok(TableName { family, name: self.cursor.word()?.text })
    }

    fn items(&mut self) -> Result<Option<Vec<Item<'t, 'a>>>> {
        if self.cursor.peek() != Some(Kind::Symbol("{")) {
            return Ok(None);
        }
        let mut items = Vec::new();
        self.inside(|parser| {
            let start = parser.cursor.at;
            let word = parser.cursor.word()?;
            items.push(match word.text {
                "chain" => Item::Chain(parser.chain()?),
                "set" | "map" | "meter" => Item::Set(parser.set()?),
                object if OBJECTS.contains(&object) => {
                    parser.cursor.statement();
                    Item::Other(parser.cursor.since(start))
                }
                _ => Item::Property(parser.property(word)),
            });
            Ok(())
        })?;
        Ok(Some(items))
    }

    fn property(&mut self, key: Word<'a>) -> Property<'t, 'a> {
        Property { key, words: self.cursor.statement() }
    }

    fn chain(&mut self) -> Result<Chain<'t, 'a>> {
        let name = self.cursor.word()?;
        let mut chain = Chain { name, properties: Vec::new(), rules: Vec::new() };
        if self.cursor.peek() != Some(Kind::Symbol("{")) {
            return Ok(chain);
        }
        self.inside(|parser| {
            let keys = ["type", "policy", "comment", "flags", "device", "devices"];
            match keys.contains(&parser.cursor.word_ahead(0)) {
                true => {
                    let key = parser.cursor.word()?;
                    chain.properties.push(parser.property(key));
                }
                false => chain.rules.push(parser.rule()),
            }
            Ok(())
        })?;
        Ok(chain)
    }

    fn rule(&mut self) -> Rule<'t, 'a> {
        let place = Place { file: self.file, line: self.cursor.line() };
        Rule { place, position: false, statements: statements(self.cursor.statement()) }
    }

    fn set(&mut self) -> Result<Set<'t, 'a>> {
        let name = self.cursor.word()?;
        let mut set =
            Set { name, properties: Vec::new(), elements: Vec::<Elements<'t, 'a>>::new() };
        if self.cursor.peek() != Some(Kind::Symbol("{")) {
            return Ok(set);
        }
        self.inside(|parser| {
            let key = parser.cursor.word()?;
            if key.text != "elements" {
                set.properties.push(parser.property(key));
                return Ok(());
            }
            parser.cursor.next_is(Kind::Symbol("="));
            let Some(elements) = braces(&mut parser.cursor) else {
                return Err(refuse(key.line, UNREAD));
            };
            set.elements.push(elements);
            Ok(())
        })?;
        Ok(set)
    }

    /// Reads the statements between braces.
    fn inside(&mut self, mut each: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        let open = self.cursor.line();
        if !self.cursor.next_is(Kind::Symbol("{")) {
            return self.cursor.refuse("`{` is expected here");
        }
        loop {
            self.cursor.ends();
            if self.cursor.next_is(Kind::Symbol("}")) {
                return Ok(());
            }
            if self.cursor.peek().is_none() {
                return Err(refuse(open, "a brace is not closed"));
            }
            let before = self.cursor.at;
            each(self)?;
            if self.cursor.at == before {
                return self.cursor.refuse("a statement is not understood");
            }
        }
    }
}

const UNREAD: &str = "a list of elements is expected here";
