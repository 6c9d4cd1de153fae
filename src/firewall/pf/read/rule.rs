//! The conditions of one rule, and its options.

use super::interfaces::{self, On};
use super::tables::Tables;
use super::{hosts, names};
use crate::firewall::ReadError;
use crate::firewall::pf::syntax::{Cursor, KEYWORDS, has};
use crate::ir::Placement;
use crate::net::Family;
use crate::net::protocol::{ICMP, ICMPV6, TCP, UDP};
use crate::program::{Field, Match};

/// What of a packet is another thing behind a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rewrites {
    /// Addresses and ports.
    Ends,
    Everything,
}

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
    /// Whether a limit, or a program that is asked, may make a rule that passes drop.
    pub(super) limited: bool,
    /// What it makes of packets that other rules ask for.
    pub(super) rewrites: Option<Rewrites>,
    pub(super) unclear: Vec<String>,
}

/// Words that stand before the options.
const HEAD: &str = "in out log quick on inet inet6 proto all from to";

/// What `set` may set: nothing that conditions ask for but those that are in doubt anyway.
const SET: &str = "prio queue tos delay";

/// What `scrub` may do: hop limits and sizes, which no condition of pf asks for.
const SCRUB: &str = "no-df random-id min-ttl max-mss set-tos reassemble fragment";

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
        self.head(cursor, placement, tables)?;
        while !matches!(cursor.peek(), "" | "{" | "}") {
            let word = cursor.value()?;
            self.option(cursor, word)?;
        }
        Ok(())
    }

    /// Reads what stands before the options, in its order.
    pub(super) fn head(
        &mut self,
        cursor: &mut Cursor<'_, '_>,
        placement: &Placement,
        tables: &Tables,
    ) -> Result<(), ReadError> {
        if cursor.skip("in") {
            self.incoming = Some(true);
        } else if cursor.skip("out") {
            self.incoming = Some(false);
        }
        loop {
            if cursor.skip("log") {
                parenthesised(cursor)?;
            } else if !self.quick && cursor.skip("quick") {
                self.quick = true;
            } else {
                break;
            }
        }
        if cursor.skip("on") {
            let on = interfaces::read(cursor, placement)?;
            if !on.perhaps.is_empty() {
                self.unclear.push("an interface here is not the policy's".to_owned());
            }
            self.on = Some(on);
        }
        // FreeBSD's place for them.
        while let word @ ("route-to" | "reply-to" | "dup-to") = cursor.peek() {
            cursor.value()?;
            self.option(cursor, word)?;
        }
        if cursor.skip("inet") {
            self.family = Some(Family::V4);
        } else if cursor.skip("inet6") {
            self.family = Some(Family::V6);
        }
        self.when.extend(self.family.map(Match::Family));
        if cursor.skip("proto") {
            self.protocol(cursor)?;
        }
        if cursor.skip("all") {
            return Ok(());
        }
        if cursor.skip("from") {
            self.end(cursor, true, tables)?;
        }
        if cursor.skip("os") {
            list(cursor)?;
            self.may("`os` is not understood".to_owned());
        }
        if cursor.skip("to") {
            self.end(cursor, false, tables)?;
        }
        Ok(())
    }

    fn option(&mut self, cursor: &mut Cursor<'_, '_>, word: &str) -> Result<(), ReadError> {
        match word {
            "flags" => self.flags(cursor)?,
            "icmp-type" | "icmp6-type" => self.icmp(cursor, word == "icmp6-type")?,
            // Packets with IP options are not looked at here.
            "allow-opts" => {}
            "keep" | "modulate" | "synproxy" | "no" => {
                cursor.need("state")?;
                self.keeps = word != "no";
                let options = parenthesised(cursor)?;
                for (at, option) in options.iter().enumerate() {
                    let before = at.checked_sub(1).and_then(|before| options.get(before));
                    if before != Some(&"<") {
                        self.state_option(option);
                    }
                }
            }
            // Names for people, and queues that only shape.
            "label" | "ridentifier" | "queue" | "dnpipe" | "dnqueue" => one_or_list(cursor)?,
            // Routing comes after, and packets are judged on the way that they take.
            "rtable" => one_or_list(cursor)?,
            "set" => self.inner(cursor, SET)?,
            "scrub" => self.inner(cursor, SCRUB)?,
            "tag" => self.tag = Some(cursor.value()?.to_owned()),
            "tagged" => self.tagged = Some(cursor.value()?.to_owned()),
            "!" => {
                // What is negated here is no condition that is known.
                let word = cursor.value()?;
                skip(cursor)?;
                self.may(format!("`! {word}` is not understood"));
            }
            // Conditions that cannot be judged.
            "user" | "group" | "os" | "probability" | "received-on" | "fragment" | "tos"
            | "prio" | "once" | "max-pkt-rate" => {
                skip(cursor)?;
                self.may(format!("`{word}` is not understood"));
            }
            _ => self.rewriting(cursor, word)?,
        }
        Ok(())
    }

    /// Reads an option that makes something else of packets, or is not known.
    fn rewriting(&mut self, cursor: &mut Cursor<'_, '_>, word: &str) -> Result<(), ReadError> {
        if word == "af-to" {
            // `inet from 10.0.0.1 to 10.0.0.2` are the addresses that are put there.
            cursor.value()?;
            for end in ["from", "to"] {
                if cursor.skip(end) {
                    skip(cursor)?;
                }
            }
        } else {
            skip(cursor)?;
            if has("divert-to divert-packet rdr-to nat-to binat-to", word) && cursor.skip("port") {
                one_or_list(cursor)?;
            }
        }
        match word {
            "route-to" | "reply-to" | "dup-to" | "divert-to" | "divert-reply" => {
                self.unclear.push(format!("what `{word}` makes of a packet is not followed"));
            }
            "rdr-to" | "nat-to" | "binat-to" => {
                self.rewrites.get_or_insert(Rewrites::Ends);
                self.unclear.push(format!("rules see what `{word}` makes of packets"));
            }
            "divert-packet" => {
                self.limited = true;
                self.rewrites = Some(Rewrites::Everything);
                self.unclear.push("what a program makes of a packet is not known".to_owned());
            }
            _ => {
                self.rewrites = Some(Rewrites::Everything);
                let place = if has(HEAD, word) { "out of place" } else { "not understood" };
                self.may(format!("`{word}` is {place}"));
            }
        }
        Ok(())
    }

    /// What `keep state (…)` has in it.
    fn state_option(&mut self, option: &str) {
        let of = option.split_once('.').map_or(option, |(of, _)| of);
        let timeout = has("interval frag tcp udp icmp icmp6 other sctp src adaptive", of);
        match option {
            _ if option.starts_with("max") => self.limited = true,
            // How states are kept, told to others, and given up.
            "no-sync" | "pflow" | "if-bound" | "floating" | "source-track" | "rule" | "global" => {}
            // The table is in doubt where it is looked up.
            "overload" | "<" | ">" | "flush" | "," => {}
            _ if timeout || option.bytes().all(|b| b.is_ascii_digit() || b == b'/') => {}
            _ => self.may(format!("`{option}` of a state is not understood")),
        }
    }

    /// Reads what `set` or `scrub` have in parentheses, or one word with its value.
    fn inner(&mut self, cursor: &mut Cursor<'_, '_>, known: &str) -> Result<(), ReadError> {
        let several = cursor.skip("(");
        loop {
            let word = cursor.value()?;
            match word {
                ")" if several => return Ok(()),
                "," => continue,
                "no-df" | "random-id" if has(known, word) => {}
                _ if has(known, word) => one_or_list(cursor)?,
                _ => {
                    self.rewrites = Some(Rewrites::Everything);
                    self.may(format!("`{word}` is not understood"));
                }
            }
            if !several {
                return Ok(());
            }
        }
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
            let known = (tables, self.family);
            self.when.extend(hosts::read(cursor, source, known, &mut self.unclear)?);
        }
        if cursor.skip("port") {
            let ports = hosts::ports(cursor, source, &mut self.unclear)?;
            if self.protocols.is_empty() || self.protocols.iter().any(|p| !matches!(*p, TCP | UDP))
            {
                self.may("ports need TCP or UDP".to_owned());
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
        match text.split_once('/').map(|(set, mask)| (set, mask, exactly(set, mask))) {
            Some((set, mask, Ok(flags))) => {
                // What has a SYN and no ACK begins a flow, whatever else is asked.
                self.syn = self.keeps
                    && (set.contains('S') && !set.contains('A'))
                    && (mask.contains('S') && mask.contains('A'));
                self.tcp_only(flags);
            }
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
            let ty = names::icmp_type(cursor.item()?, v6);
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
        let (number, family) = if v6 { (ICMPV6, Family::V6) } else { (ICMP, Family::V4) };
        if unknown || self.protocols != [number] || self.family != Some(family) {
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
        return Ok(vec![cursor.item()?]);
    }
    let mut found = Vec::new();
    while !cursor.skip("}") {
        if !cursor.skip(",") && !cursor.skip("") {
            found.push(cursor.item()?);
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

/// Steps over one value, or those in parentheses.
fn one_or_list(cursor: &mut Cursor<'_, '_>) -> Result<(), ReadError> {
    match cursor.peek() {
        "(" => parenthesised(cursor).map(drop),
        _ => cursor.value().map(drop),
    }
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
        } else if quoted || !(ends(cursor.peek()) || has(KEYWORDS, cursor.peek())) {
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

/// Returns the packets with exactly the flags in `set` of those in `mask`, both as pf's letters.
pub(super) fn exactly(set: &str, mask: &str) -> Result<Match, String> {
    let octet = |letters: &str| -> Result<u32, String> {
        let bit = |letter: char| match letter {
            'F' => Ok(0x01),
            'S' => Ok(0x02),
            'R' => Ok(0x04),
            'P' => Ok(0x08),
            'A' => Ok(0x10),
            'U' => Ok(0x20),
            'E' => Ok(0x40),
            'W' => Ok(0x80),
            _ => Err(format!("`{letter}` is no TCP flag")),
        };
        letters.chars().try_fold(0, |octet, letter| Ok(octet | bit(letter)?))
    };
    let (set, mask) = (octet(set)?, octet(mask)?);
    let ranges = (0..=255).filter(|flags| flags & mask == set).map(|flags| (flags, flags));
    Ok(Match::Field(Field::TcpFlags, ranges.collect()))
}
