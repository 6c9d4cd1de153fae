//! The conditions of one rule, and its options.

use super::super::read::cursor::Cursor;
use super::super::read::line::exactly;
use super::interfaces::{self, On};
use super::tables::Tables;
use super::{hosts, names};
use crate::firewall::ReadError;
use crate::ir::Placement;
use crate::net::Family;
use crate::net::protocol::{ICMP, ICMPV6, TCP, UDP};
use crate::program::{Field, Match};

/// A rule, or what an anchor asks for, while it is read.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) line: usize,
    pub(super) incoming: Option<bool>,
    pub(super) quick: bool,
    pub(super) on: Option<On>,
    pub(super) family: Option<Family>,
    pub(super) protocols: Vec<u8>,
    pub(super) when: Vec<Match>,
    pub(super) tagged: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) keeps: bool,
    /// `flags S/SA`, said or by itself.
    pub(super) syn: bool,
    pub(super) asks_syn: bool,
    /// Whether a limit may make a rule that passes drop.
    pub(super) limited: bool,
    pub(super) unclear: Vec<String>,
}

/// Words with which something new begins.
const KEYWORDS: &[&str] = &[
    "in",
    "out",
    "log",
    "quick",
    "on",
    "inet",
    "inet6",
    "proto",
    "all",
    "from",
    "to",
    "port",
    "os",
    "flags",
    "icmp-type",
    "icmp6-type",
    "keep",
    "modulate",
    "synproxy",
    "no",
    "label",
    "tag",
    "tagged",
    "allow-opts",
    "queue",
    "rtable",
    "set",
    "prio",
    "tos",
    "user",
    "group",
    "fragment",
    "probability",
    "received-on",
    "route-to",
    "reply-to",
    "dup-to",
    "divert-to",
    "divert-reply",
    "divert-packet",
    "rdr-to",
    "nat-to",
    "binat-to",
    "af-to",
    "once",
    "max-pkt-rate",
    "scrub",
];

impl Draft {
    pub(super) fn new(line: usize) -> Self {
        Draft { line, keeps: true, ..Draft::default() }
    }

    /// Adds a condition that may hold.
    pub(super) fn may(&mut self, reason: String) {
        self.when.push(Match::Unknown);
        self.unclear.push(reason);
    }

    /// Reads up to the end of the line, or to the brace that opens an anchor.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'_, '_>,
        placement: &Placement,
        tables: &Tables,
    ) -> Result<(), ReadError> {
        while !matches!(cursor.peek(), "" | "{" | "}") {
            let word = cursor.value()?;
            match word {
                "in" | "out" => self.incoming = Some(word == "in"),
                "quick" => self.quick = true,
                "on" => {
                    let on = interfaces::read(cursor, placement)?;
                    if !on.perhaps.is_empty() {
                        let reason = "an interface here is not the policy's";
                        self.unclear.push(reason.to_owned());
                    }
                    self.on = Some(on);
                }
                "inet" => self.family = Some(Family::V4),
                "inet6" => self.family = Some(Family::V6),
                "proto" => self.protocol(cursor)?,
                "from" | "to" => self.end(cursor, word == "from", tables)?,
                "flags" => self.flags(cursor)?,
                "icmp-type" | "icmp6-type" => self.icmp(cursor, word == "icmp6-type")?,
                _ => self.option(cursor, word)?,
            }
        }
        self.when.extend(self.family.map(Match::Family));
        Ok(())
    }

    fn option(&mut self, cursor: &mut Cursor<'_, '_>, word: &str) -> Result<(), ReadError> {
        match word {
            "all" | "allow-opts" => {}
            "log" => drop(parenthesised(cursor)?),
            "keep" | "modulate" | "synproxy" | "no" => {
                cursor.need("state")?;
                self.keeps = word != "no";
                let options = parenthesised(cursor)?;
                self.limited |= options.iter().any(|option| option.starts_with("max"));
            }
            "label" | "ridentifier" | "queue" | "rtable" | "set" => skip(cursor)?,
            "tag" => self.tag = Some(cursor.value()?.to_owned()),
            "tagged" => self.tagged = Some(cursor.value()?.to_owned()),
            "route-to" | "reply-to" | "dup-to" | "divert-to" | "divert-reply" | "divert-packet"
            | "rdr-to" | "nat-to" | "binat-to" => {
                skip(cursor)?;
                self.unclear.push(format!("what `{word}` makes of a packet is not followed"));
            }
            "af-to" => {
                // `inet from 10.0.0.1 to 10.0.0.2` are the addresses that are put there.
                cursor.value()?;
                for end in ["from", "to"] {
                    if cursor.skip(end) {
                        skip(cursor)?;
                    }
                }
                self.may("`af-to` is not understood".to_owned());
            }
            _ => {
                skip(cursor)?;
                self.may(format!("`{word}` is not understood"));
            }
        }
        Ok(())
    }

    fn protocol(&mut self, cursor: &mut Cursor<'_, '_>) -> Result<(), ReadError> {
        let mut all_known = true;
        for name in list(cursor)? {
            match names::protocol(name) {
                Some(number) => self.protocols.push(number),
                None => {
                    all_known = false;
                    self.unclear.push(format!("the protocol `{name}` is not known"));
                }
            }
        }
        let ranges = self.protocols.iter().map(|number| (u32::from(*number), u32::from(*number)));
        let known = Match::Field(Field::Protocol, ranges.collect());
        self.when.push(match all_known {
            true => known,
            false => Match::AnyOf(vec![vec![known], vec![Match::Unknown]]),
        });
        Ok(())
    }

    fn end(
        &mut self,
        cursor: &mut Cursor<'_, '_>,
        source: bool,
        tables: &Tables,
    ) -> Result<(), ReadError> {
        if cursor.peek() != "port" {
            self.when.extend(hosts::read(cursor, source, tables, &mut self.unclear)?);
        }
        if cursor.skip("port") {
            let ports = hosts::ports(cursor, source, &mut self.unclear)?;
            if self.protocols.is_empty() || self.protocols.iter().any(|p| !matches!(*p, TCP | UDP))
            {
                self.may("ports of a protocol without ports".to_owned());
            }
            self.when.push(ports);
        }
        Ok(())
    }

    /// `S/SA`, `any`, `A/A`, `/SFRA`.
    fn flags(&mut self, cursor: &mut Cursor<'_, '_>) -> Result<(), ReadError> {
        let text = cursor.value()?;
        (self.syn, self.asks_syn) = (text == "S/SA", text == "S/SA");
        if matches!(text, "any" | "S/SA") {
            return Ok(());
        }
        match text.split_once('/').map(|(set, mask)| exactly(set, mask)) {
            Some(Ok(flags)) => self.tcp_only(flags),
            _ => self.may(format!("the flags `{text}` are not understood")),
        }
        Ok(())
    }

    /// Adds a condition on TCP packets; others do not have to meet it.
    pub(super) fn tcp_only(&mut self, condition: Match) {
        if self.protocols == [TCP] {
            self.when.push(condition);
        } else {
            let others = Match::Field(Field::Protocol, vec![(0, 5), (7, 255)]);
            self.when.push(Match::AnyOf(vec![vec![condition], vec![others]]));
        }
    }

    fn icmp(&mut self, cursor: &mut Cursor<'_, '_>, v6: bool) -> Result<(), ReadError> {
        let (mut words, mut unknown) = (Vec::new(), false);
        let braces = cursor.skip("{");
        loop {
            if braces && (cursor.skip(",") || cursor.skip("")) {
                continue;
            }
            if braces && cursor.skip("}") {
                break;
            }
            let ty = names::icmp_type(cursor.value()?, v6);
            let code = if cursor.skip("code") { Some(cursor.value()?) } else { None };
            let code = code.map(|code| ty.and_then(|ty| names::icmp_code(code, ty, v6)));
            match (ty.map(u32::from), code) {
                (Some(ty), None) => words.push((ty << 8, ty << 8 | 0xff)),
                (Some(ty), Some(Some(code))) => {
                    words.push((ty << 8 | u32::from(code), ty << 8 | u32::from(code)));
                }
                _ => unknown = true,
            }
            if !braces {
                break;
            }
        }
        if unknown || self.protocols != [if v6 { ICMPV6 } else { ICMP }] {
            self.may("an ICMP type here is not understood".to_owned());
        } else {
            self.when.push(Match::Field(Field::DestinationPort, words));
        }
        Ok(())
    }
}

/// One word, or those in braces.
fn list<'a>(cursor: &mut Cursor<'a, '_>) -> Result<Vec<&'a str>, ReadError> {
    if !cursor.skip("{") {
        return Ok(vec![cursor.value()?]);
    }
    let mut found = Vec::new();
    while !cursor.skip("}") {
        if !cursor.skip(",") && !cursor.skip("") {
            found.push(cursor.value()?);
        }
    }
    Ok(found)
}

/// The words in parentheses, if they stand here.
pub(super) fn parenthesised<'a>(cursor: &mut Cursor<'a, '_>) -> Result<Vec<&'a str>, ReadError> {
    let mut found = Vec::new();
    if cursor.skip("(") {
        while !cursor.skip(")") {
            found.push(cursor.value()?);
        }
    }
    Ok(found)
}

/// Steps over what belongs to an option: up to the next that is known, the end, or an anchor's brace.
fn skip(cursor: &mut Cursor<'_, '_>) -> Result<(), ReadError> {
    let mut first = true;
    loop {
        let quoted = cursor.words.get(cursor.at).is_some_and(|word| word.quoted);
        if cursor.peek() == "(" && !quoted {
            parenthesised(cursor)?;
        } else if cursor.peek() == "{" && !quoted && first {
            list(cursor)?;
        } else if quoted || !(ends(cursor.peek()) || KEYWORDS.contains(&cursor.peek())) {
            // An operator stands before its list.
            first = matches!(cursor.value()?, "=" | "!" | "<" | ">");
            continue;
        } else {
            return Ok(());
        }
        first = false;
    }
}

fn ends(word: &str) -> bool {
    matches!(word, "" | "{" | "}")
}
