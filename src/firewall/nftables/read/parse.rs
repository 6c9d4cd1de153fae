//! Tokens to syntax: the file, its sets and chains.

use super::lex::{self, Kind, Token};
use super::refuse;
use super::syntax::{Base, Chain, Elements, Rule, Set, Table, Type, Word};
use crate::firewall::ReadError;
use crate::net::Family;

type Result<T> = std::result::Result<T, ReadError>;

/// A place in the tokens.
pub(in crate::firewall::nftables) struct Cursor<'t, 'a> {
    pub(in crate::firewall::nftables) tokens: &'t [Token<'a>],
    pub(in crate::firewall::nftables) at: usize,
}

/// Reads a file that makes its table exist, deletes it and makes it anew, and does nothing else.
pub(super) fn artifact<'a>(tokens: &[Token<'a>]) -> Result<Table<'a>> {
    let mut cursor = Cursor { tokens, at: 0 };
    let empty = cursor.table()?;
    if !(empty.sets.is_empty() && empty.chains.is_empty()) {
        return cursor.refuse("the file must first make an empty table, then delete it");
    }
    cursor.keyword("delete")?;
    cursor.keyword("table")?;
    cursor.keyword("inet")?;
    let deleted = cursor.word()?;
    cursor.end()?;
    let table = cursor.table()?;
    for name in [empty.name, deleted] {
        if name.text != table.name.text {
            return Err(refuse(name.line, format!("`{}` is another table", name.text)));
        }
    }
    cursor.finish()?;
    Ok(table)
}

/// Reads one table.
#[cfg(test)]
pub(super) fn listing<'a>(tokens: &[Token<'a>]) -> Result<Table<'a>> {
    let mut cursor = Cursor { tokens, at: 0 };
    let table = cursor.table()?;
    cursor.finish()?;
    Ok(table)
}

impl<'a> Elements<'a> {
    /// Hands over the values of each element: `a . b, c . d`. A comma may end the list, and lines may break
    /// after commas and at both ends.
    pub(super) fn each(
        &self,
        arity: usize,
        mut take: impl FnMut(&[Word<'a>]) -> Result<()>,
    ) -> Result<()> {
        let (mut tokens, mut values) = (Vec::new(), Vec::with_capacity(arity));
        let (mut some, mut more) = (false, true);
        let (mut rest, mut number) = (Some(self.text), self.line);
        while let Some(text) = rest {
            let line = lex::first_line(text);
            rest = text.get(line.len() + 1..);
            tokens.clear();
            lex::line(line, number, &mut tokens)?;
            number += 1;
            let mut cursor = Cursor { tokens: &tokens, at: 0 };
            while cursor.peek().is_some() {
                if !more {
                    return cursor.unexpected("`,` or `}`");
                }
                values.clear();
                for at in 0..arity {
                    if at > 0 {
                        cursor.keyword(".")?;
                    }
                    values.push(cursor.word()?);
                }
                take(&values)?;
                (some, more) = (true, cursor.next_is(Kind::Symbol(",")));
            }
        }
        if some { Ok(()) } else { Err(refuse(self.line, "a list of elements is empty")) }
    }
}

impl<'a> Cursor<'_, 'a> {
    pub(in crate::firewall::nftables) fn peek(&self) -> Option<Kind<'a>> {
        self.tokens.get(self.at).map(|token| token.kind)
    }

    pub(in crate::firewall::nftables) fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    pub(in crate::firewall::nftables) fn refuse<T>(&self, reason: impl Into<String>) -> Result<T> {
        Err(refuse(self.line(), reason))
    }

    /// Refuses the token at hand, saying what it is.
    fn unexpected<T>(&self, wanted: &str) -> Result<T> {
        let found = match self.peek() {
            None => "the end of the file".to_owned(),
            Some(Kind::End) => "the end of the statement".to_owned(),
            Some(Kind::Quoted(text)) => format!("the text `{text}`"),
            Some(Kind::Word(text)) => format!("`{text}`"),
            Some(Kind::Symbol(text)) => format!("`{text}`"),
            Some(Kind::Elements(_)) => "a list of elements".to_owned(),
        };
        self.refuse(format!("{wanted} is expected here, not {found}"))
    }

    pub(in crate::firewall::nftables) fn next_is(&mut self, kind: Kind<'_>) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    pub(in crate::firewall::nftables) fn word(&mut self) -> Result<Word<'a>> {
        match self.peek() {
            Some(Kind::Word(text)) if text != "." && text != ":" => {
                let word = Word { text, line: self.line() };
                self.at += 1;
                Ok(word)
            }
            _ => self.unexpected("a word"),
        }
    }

    pub(super) fn keyword(&mut self, wanted: &str) -> Result<()> {
        if self.next_is(Kind::Word(wanted)) {
            return Ok(());
        }
        self.unexpected(&format!("`{wanted}`"))
    }

    pub(super) fn symbol(&mut self, wanted: &'static str) -> Result<()> {
        if self.next_is(Kind::Symbol(wanted)) {
            return Ok(());
        }
        self.unexpected(&format!("`{wanted}`"))
    }

    pub(super) fn quoted(&mut self) -> Result<&'a str> {
        match self.peek() {
            Some(Kind::Quoted(text)) => {
                self.at += 1;
                Ok(text)
            }
            _ => self.unexpected("a quoted text"),
        }
    }

    fn end(&mut self) -> Result<()> {
        if self.next_is(Kind::End) {
            return Ok(());
        }
        self.unexpected("the end of the statement")
    }

    pub(in crate::firewall::nftables) fn ends(&mut self) {
        while self.next_is(Kind::End) {}
    }

    fn finish(&mut self) -> Result<()> {
        self.ends();
        match self.peek() {
            None => Ok(()),
            Some(_) => self.unexpected("the end of the file"),
        }
    }

    fn table(&mut self) -> Result<Table<'a>> {
        self.keyword("table")?;
        self.keyword("inet")?;
        let name = self.word()?;
        let mut table = Table { name, sets: Vec::new(), chains: Vec::new() };
        self.symbol("{")?;
        self.ends();
        while !self.next_is(Kind::Symbol("}")) {
            match self.peek() {
                Some(Kind::Word("set")) => table.sets.push(self.set()?),
                Some(Kind::Word("chain")) => table.chains.push(self.chain()?),
                _ => return self.unexpected("`set`, `chain` or `}`"),
            }
            self.end()?;
        }
        self.end()?;
        Ok(table)
    }

    fn set(&mut self) -> Result<Set<'a>> {
        self.keyword("set")?;
        let name = self.word()?;
        let mut set = Set { name, types: Vec::new(), interval: false, elements: None };
        let mut seen = Vec::new();
        self.symbol("{")?;
        self.ends();
        while !self.next_is(Kind::Symbol("}")) {
            let word = self.word()?;
            if seen.contains(&word.text) {
                return Err(refuse(word.line, format!("`{}` is said twice", word.text)));
            }
            seen.push(word.text);
            match word.text {
                "type" => set.types = self.types()?,
                "flags" => {
                    self.keyword("interval")?;
                    set.interval = true;
                }
                "elements" if !set.types.is_empty() => {
                    self.symbol("=")?;
                    set.elements = Some(self.named_elements()?);
                }
                other => {
                    return Err(refuse(word.line, format!("`{other}` of a set is not understood")));
                }
            }
            self.end()?;
        }
        if set.types.is_empty() {
            return Err(refuse(name.line, format!("the set `{}` has no type", name.text)));
        }
        Ok(set)
    }

    fn types(&mut self) -> Result<Vec<Type>> {
        let mut types = Vec::new();
        loop {
            let word = self.word()?;
            types.push(match word.text {
                "ipv4_addr" => Type::Address(Family::V4),
                "ipv6_addr" => Type::Address(Family::V6),
                "inet_proto" => Type::Protocol,
                "inet_service" => Type::Port,
                other => {
                    return Err(refuse(word.line, format!("the type `{other}` is not understood")));
                }
            });
            if !self.next_is(Kind::Word(".")) {
                return Ok(types);
            }
        }
    }

    fn named_elements(&mut self) -> Result<Elements<'a>> {
        self.symbol("{")?;
        let line = self.line();
        let Some(Kind::Elements(text)) = self.peek() else {
            return self.unexpected("a list of elements");
        };
        self.at += 1;
        self.symbol("}")?;
        Ok(Elements { text, line })
    }

    /// Reads `{ a, b }`; a comma may end the list, and lines may break after commas and braces.
    pub(super) fn list(&mut self) -> Result<Vec<Word<'a>>> {
        let mut values = Vec::new();
        self.symbol("{")?;
        loop {
            self.ends();
            if self.next_is(Kind::Symbol("}")) {
                break;
            }
            values.push(self.word()?);
            if !self.next_is(Kind::Symbol(",")) {
                self.ends();
                self.symbol("}")?;
                break;
            }
        }
        if values.is_empty() {
            return self.refuse("a list of elements is empty");
        }
        Ok(values)
    }

    fn chain(&mut self) -> Result<Chain<'a>> {
        self.keyword("chain")?;
        let name = self.word()?;
        let mut chain = Chain { name, base: None, rules: Vec::new() };
        self.symbol("{")?;
        self.ends();
        if self.next_is(Kind::Word("type")) {
            chain.base = Some(self.base()?);
        }
        while !self.next_is(Kind::Symbol("}")) {
            let line = self.line();
            let mut statements = Vec::new();
            while !self.next_is(Kind::End) {
                self.statement(&mut statements)?;
            }
            chain.rules.push(Rule { line, statements });
        }
        Ok(chain)
    }

    fn base(&mut self) -> Result<Base<'a>> {
        self.keyword("filter")?;
        self.keyword("hook")?;
        let hook = self.word()?;
        self.keyword("priority")?;
        let priority = self.word()?;
        self.end()?;
        let mut accepts = true;
        if self.next_is(Kind::Word("policy")) {
            let policy = self.word()?;
            accepts = match policy.text {
                "accept" => true,
                "drop" => false,
                other => {
                    return Err(refuse(policy.line, format!("the policy `{other}` is not known")));
                }
            };
            self.end()?;
        }
        Ok(Base { hook, priority, accepts })
    }
}
