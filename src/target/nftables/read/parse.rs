//! Tokens to syntax.

use super::lex::{Kind, Token};
use super::refuse;
use super::syntax::{Base, Chain, Field, Rule, Set, Statement, Table, Type, Values, Verdict, Word};
use crate::net::{Family, protocol};
use crate::target::ReadError;

type Result<T> = std::result::Result<T, ReadError>;

/// A place in the tokens.
struct Cursor<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
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
pub(super) fn listing<'a>(tokens: &[Token<'a>]) -> Result<Table<'a>> {
    let mut cursor = Cursor { tokens, at: 0 };
    let table = cursor.table()?;
    cursor.finish()?;
    Ok(table)
}

impl<'a> Cursor<'_, 'a> {
    fn peek(&self) -> Option<Kind<'a>> {
        self.tokens.get(self.at).map(|token| token.kind)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    fn refuse<T>(&self, reason: impl Into<String>) -> Result<T> {
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
        };
        self.refuse(format!("{wanted} is expected here, not {found}"))
    }

    fn next_is(&mut self, kind: Kind<'_>) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self) -> Result<Word<'a>> {
        match self.peek() {
            Some(Kind::Word(text)) if text != "." && text != ":" => {
                let word = Word { text, line: self.line() };
                self.at += 1;
                Ok(word)
            }
            _ => self.unexpected("a word"),
        }
    }

    fn keyword(&mut self, wanted: &str) -> Result<()> {
        if self.next_is(Kind::Word(wanted)) {
            return Ok(());
        }
        self.unexpected(&format!("`{wanted}`"))
    }

    fn symbol(&mut self, wanted: &'static str) -> Result<()> {
        if self.next_is(Kind::Symbol(wanted)) {
            return Ok(());
        }
        self.unexpected(&format!("`{wanted}`"))
    }

    fn quoted(&mut self) -> Result<&'a str> {
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

    fn ends(&mut self) {
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
        let mut set = Set { name, types: Vec::new(), interval: false, values: Vec::new() };
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
                    set.values = self.elements(set.types.len())?;
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

    /// Reads `{ a . b, c . d }`; a comma may end the list, and lines may break after commas and braces.
    fn elements(&mut self, arity: usize) -> Result<Vec<Word<'a>>> {
        let mut values = Vec::new();
        self.symbol("{")?;
        loop {
            self.ends();
            if self.next_is(Kind::Symbol("}")) {
                break;
            }
            for at in 0..arity {
                if at > 0 {
                    self.keyword(".")?;
                }
                values.push(self.word()?);
            }
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

    /// Reads one statement, or a comment, which says nothing.
    fn statement(&mut self, statements: &mut Vec<Statement<'a>>) -> Result<()> {
        let start = self.at;
        let word = self.word()?;
        statements.push(match word.text {
            "comment" => {
                self.quoted()?;
                return Ok(());
            }
            "counter" => self.counter()?,
            "limit" => self.limit()?,
            "log" => {
                if self.next_is(Kind::Word("prefix")) {
                    self.quoted()?;
                }
                Statement::Log
            }
            "notrack" => Statement::Untrack,
            "accept" | "drop" | "return" | "continue" | "jump" | "goto" | "reject" => {
                self.at = start;
                Statement::Verdict(self.verdict()?)
            }
            _ => {
                self.at = start;
                self.condition()?
            }
        });
        Ok(())
    }

    fn counter(&mut self) -> Result<Statement<'a>> {
        if self.next_is(Kind::Word("packets")) {
            self.number()?;
            self.keyword("bytes")?;
            self.number()?;
        }
        Ok(Statement::Counter)
    }

    fn number(&mut self) -> Result<()> {
        let word = self.word()?;
        match word.text.parse::<u64>() {
            Ok(_) => Ok(()),
            Err(_) => Err(refuse(word.line, format!("`{}` is not a number", word.text))),
        }
    }

    fn limit(&mut self) -> Result<Statement<'a>> {
        self.keyword("rate")?;
        let rate = self.word()?;
        let known = rate.text.split_once('/').is_some_and(|(count, unit)| {
            count.parse::<u64>().is_ok()
                && matches!(unit, "second" | "minute" | "hour" | "day" | "week")
        });
        if !known {
            return Err(refuse(rate.line, format!("the rate `{}` is not understood", rate.text)));
        }
        if self.next_is(Kind::Word("burst")) {
            self.number()?;
            self.keyword("packets")?;
        }
        Ok(Statement::Limit)
    }

    fn verdict(&mut self) -> Result<Verdict<'a>> {
        let word = self.word()?;
        Ok(match word.text {
            "accept" => Verdict::Accept,
            "drop" => Verdict::Drop,
            "return" => Verdict::Return,
            "continue" => Verdict::Continue,
            "jump" => Verdict::Jump(self.word()?),
            "goto" => Verdict::Goto(self.word()?),
            "reject" => {
                self.keyword("with")?;
                if self.next_is(Kind::Word("tcp")) {
                    self.keyword("reset")?;
                    Verdict::Reset
                } else {
                    self.keyword("icmpx")?;
                    self.next_is(Kind::Word("type"));
                    self.keyword("admin-prohibited")?;
                    Verdict::Prohibit
                }
            }
            other => return Err(refuse(word.line, format!("`{other}` is not a verdict"))),
        })
    }

    fn condition(&mut self) -> Result<Statement<'a>> {
        let mut fields = vec![self.field()?];
        while self.next_is(Kind::Word(".")) {
            fields.push(self.field()?);
        }
        if self.next_is(Kind::Word("vmap")) {
            return match fields.as_slice() {
                [one] => Ok(Statement::Map(*one, self.map()?)),
                _ => self.refuse("a verdict map over several fields is not understood"),
            };
        }
        if fields == [Field::Flags] {
            let values = Values::Listed(self.flags()?);
            return Ok(Statement::Match { fields, negated: false, values });
        }
        let negated = self.next_is(Kind::Symbol("!="));
        if !negated {
            self.next_is(Kind::Symbol("=="));
        }
        let values = self.values(&fields)?;
        Ok(Statement::Match { fields, negated, values })
    }

    fn values(&mut self, fields: &[Field]) -> Result<Values<'a>> {
        if self.peek() == Some(Kind::Symbol("{")) {
            return match fields {
                [Field::Incoming | Field::Outgoing] => Ok(Values::Listed(self.quoted_list()?)),
                [_] => Ok(Values::Listed(self.elements(1)?)),
                _ => self.refuse("an unnamed set of joined fields is not understood"),
            };
        }
        if let [Field::Incoming | Field::Outgoing] = fields {
            let line = self.line();
            return Ok(Values::Listed(vec![Word { text: self.quoted()?, line }]));
        }
        let word = self.word()?;
        if let Some(name) = word.text.strip_prefix('@') {
            return Ok(Values::Named(Word { text: name, line: word.line }));
        }
        if fields == [Field::State] {
            return Ok(Values::Listed(self.bits(word, ",")?));
        }
        if fields.len() > 1 {
            return self.refuse("joined fields need a named set");
        }
        Ok(Values::Listed(vec![word]))
    }

    fn quoted_list(&mut self) -> Result<Vec<Word<'a>>> {
        let mut names = Vec::new();
        self.symbol("{")?;
        loop {
            let line = self.line();
            names.push(Word { text: self.quoted()?, line });
            if !self.next_is(Kind::Symbol(",")) {
                self.symbol("}")?;
                return Ok(names);
            }
        }
    }

    /// Reads the rest of `a,b,c`.
    fn bits(&mut self, first: Word<'a>, between: &'static str) -> Result<Vec<Word<'a>>> {
        let mut words = vec![first];
        while self.next_is(Kind::Symbol(between)) {
            words.push(self.word()?);
        }
        Ok(words)
    }

    /// Reads `& (a | b) != 0`, or `a,b` as `nft list` writes it: at least one of the flags.
    fn flags(&mut self) -> Result<Vec<Word<'a>>> {
        if !self.next_is(Kind::Symbol("&")) {
            let first = self.word()?;
            return self.bits(first, ",");
        }
        self.symbol("(")?;
        let first = self.word()?;
        let flags = self.bits(first, "|")?;
        self.symbol(")")?;
        self.symbol("!=")?;
        if !self.next_is(Kind::Word("0x0")) {
            self.keyword("0")?;
        }
        Ok(flags)
    }

    fn map(&mut self) -> Result<Vec<(Word<'a>, Verdict<'a>)>> {
        let mut entries = Vec::new();
        self.symbol("{")?;
        loop {
            self.ends();
            let key = self.word()?;
            self.keyword(":")?;
            entries.push((key, self.verdict()?));
            if !self.next_is(Kind::Symbol(",")) {
                self.ends();
                self.symbol("}")?;
                return Ok(entries);
            }
        }
    }

    fn field(&mut self) -> Result<Field> {
        let header = self.word()?;
        match header.text {
            "iifname" => return Ok(Field::Incoming),
            "oifname" => return Ok(Field::Outgoing),
            _ => {}
        }
        let name = self.word()?;
        let ports = |header: &str| match header {
            "th" => Some(None),
            _ => protocol::number(header).filter(|number| protocol::has_ports(*number)).map(Some),
        };
        Ok(match (header.text, name.text) {
            ("meta", "nfproto") => Field::Family,
            ("meta", "l4proto") => Field::Protocol,
            ("ip", "saddr") => Field::Source(Family::V4),
            ("ip6", "saddr") => Field::Source(Family::V6),
            ("ip", "daddr") => Field::Destination(Family::V4),
            ("ip6", "daddr") => Field::Destination(Family::V6),
            ("ip", "ttl") => Field::HopLimit(Family::V4),
            ("ip6", "hoplimit") => Field::HopLimit(Family::V6),
            ("icmp", "type") => Field::IcmpType(Family::V4),
            ("icmpv6", "type") => Field::IcmpType(Family::V6),
            ("icmp", "code") => Field::IcmpCode(Family::V4),
            ("icmpv6", "code") => Field::IcmpCode(Family::V6),
            ("ct", "state") => Field::State,
            ("tcp", "flags") => Field::Flags,
            (header, "sport") if ports(header).is_some() => {
                Field::SourcePort(ports(header).flatten())
            }
            (header, "dport") if ports(header).is_some() => {
                Field::DestinationPort(ports(header).flatten())
            }
            (first, second) => {
                return Err(refuse(name.line, format!("`{first} {second}` is not understood")));
            }
        })
    }
}
