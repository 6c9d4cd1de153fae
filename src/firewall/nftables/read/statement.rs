//! Tokens to syntax: the statements of a rule.

use super::lex::Kind;
use super::parse::Cursor;
use super::refuse;
use super::syntax::{Field, Statement, Values, Verdict, Word};
use crate::firewall::ReadError;
use crate::net::{Family, protocol};

type Result<T> = std::result::Result<T, ReadError>;

impl<'a> Cursor<'_, 'a> {
    /// Reads one statement, or a comment, which says nothing.
    pub(super) fn statement(&mut self, statements: &mut Vec<Statement<'a>>) -> Result<()> {
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
                [_] => Ok(Values::Listed(self.list()?)),
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

    /// Reads what a match looks at.
    pub(in crate::firewall::nftables) fn field(&mut self) -> Result<Field> {
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
