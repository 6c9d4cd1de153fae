//! Tables and rules.

use super::cursor::Cursor;
use super::refuse;
use super::words::Word;
use crate::firewall::ReadError;
use crate::ir::{Placement, Verdict};
use crate::net::Family;
use crate::net::protocol::{self, ICMP, ICMPV6, TCP, UDP};
use crate::program::sets;
use crate::program::{Field, Match, Ranges};
use ipnet::IpNet;
use std::collections::HashMap;

/// A whole file.
pub(in crate::firewall::pf) struct RuleSet {
    pub(in crate::firewall::pf) rules: Vec<Rule>,
}

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::firewall::pf) enum Action {
    Pass,
    /// Sets a tag and decides nothing.
    Match,
    Block(Verdict),
    /// Passes without a state where none is needed: pf does not look at the packet.
    Skip,
}

/// One rule.
#[derive(Clone, Debug)]
pub(in crate::firewall::pf) struct Rule {
    pub(in crate::firewall::pf) line: usize,
    pub(in crate::firewall::pf) action: Action,
    /// `Some(true)` is in, `Some(false)` is out.
    pub(in crate::firewall::pf) incoming: Option<bool>,
    pub(in crate::firewall::pf) quick: bool,
    /// Indices of interfaces; empty is every one.
    pub(in crate::firewall::pf) interfaces: Vec<u16>,
    /// What it matches beside direction, interface and tag.
    pub(in crate::firewall::pf) when: Vec<Match>,
    pub(in crate::firewall::pf) tagged: Option<String>,
    pub(in crate::firewall::pf) tag: Option<String>,
    /// Whether it keeps state; only of rules that pass.
    pub(in crate::firewall::pf) keeps: bool,
    /// Whether TCP has to begin with a SYN: what rules that pass ask for unless they say otherwise.
    pub(in crate::firewall::pf) syn: bool,
    /// Whether the rule itself says so.
    pub(in crate::firewall::pf) asks_syn: bool,
}

type Tables<'a> = HashMap<&'a str, Vec<IpNet>>;

/// Reads every line.
pub(super) fn read(words: &[Word<'_>], placement: &Placement) -> Result<RuleSet, ReadError> {
    let mut cursor = Cursor { words, at: 0 };
    let (mut tables, mut rules) = (Tables::new(), Vec::new());
    while let Some(word) = cursor.next() {
        match word.text {
            "" => {}
            "table" => table(&mut cursor, word.line, &mut tables)?,
            "pass" | "block" | "match" => {
                rules.push(rule(&mut cursor, word, placement, &tables)?);
            }
            other => return Err(refuse(word.line, format!("`{other}` is not understood"))),
        }
    }
    Ok(RuleSet { rules })
}

/// `table <name> { … }`, one entry a line.
fn table<'a>(
    cursor: &mut Cursor<'a, '_>,
    line: usize,
    tables: &mut Tables<'a>,
) -> Result<(), ReadError> {
    cursor.need("<")?;
    let name = cursor.value()?;
    cursor.need(">")?;
    if name.len() > super::super::TABLE {
        return Err(refuse(line, "the name of a table has at most 31 bytes"));
    }
    cursor.need("{")?;
    let mut entries = Vec::new();
    loop {
        let word = cursor.next().ok_or_else(|| refuse(line, "this table does not end"))?;
        match word.text {
            "" => {}
            "}" => break,
            entry => entries.push(prefix(entry, word.line)?),
        }
    }
    if tables.insert(name, entries).is_some() {
        return Err(refuse(line, "a table that is there twice: the last one would win"));
    }
    Ok(())
}

fn prefix(text: &str, line: usize) -> Result<IpNet, ReadError> {
    let net: Option<IpNet> = match text.contains('/') {
        true => text.parse().ok(),
        false => text.parse::<std::net::IpAddr>().ok().map(IpNet::from),
    };
    net.filter(|net| net.trunc() == *net)
        .ok_or_else(|| refuse(line, format!("`{text}` is no address or prefix")))
}

fn rule(
    cursor: &mut Cursor<'_, '_>,
    first: &Word<'_>,
    placement: &Placement,
    tables: &Tables<'_>,
) -> Result<Rule, ReadError> {
    let line = first.line;
    let mut rule = Rule {
        line,
        action: Action::Pass,
        incoming: None,
        quick: false,
        interfaces: Vec::new(),
        when: Vec::new(),
        tagged: None,
        tag: None,
        keeps: true,
        syn: first.text == "pass",
        asks_syn: false,
    };
    rule.action = match first.text {
        "block" => Action::Block(blocked(cursor)?),
        "match" => Action::Match,
        _ => Action::Pass,
    };
    rule.incoming = match cursor.peek() {
        "in" => Some(true),
        "out" => Some(false),
        _ => None,
    };
    cursor.at += usize::from(rule.incoming.is_some());
    cursor.skip("log");
    rule.quick = cursor.skip("quick");
    if cursor.skip("on") {
        for name in cursor.values()? {
            rule.interfaces.push(interface(name, placement, line)?);
        }
    }
    let mut family = None;
    for (word, which) in [("inet", Family::V4), ("inet6", Family::V6)] {
        if family.is_none() && cursor.skip(word) {
            family = Some(which);
        }
    }
    rule.when.extend(family.map(Match::Family));
    let protocols = protocols(cursor, &mut rule)?;
    if !cursor.skip("all") {
        cursor.need("from")?;
        side(cursor, true, family, &protocols, tables, &mut rule)?;
        cursor.need("to")?;
        side(cursor, false, family, &protocols, tables, &mut rule)?;
    }
    options(cursor, &protocols, family, &mut rule)?;
    Ok(rule)
}

/// `drop`, `return-rst`, `return-icmp(13, 1)`.
fn blocked(cursor: &mut Cursor<'_, '_>) -> Result<Verdict, ReadError> {
    if cursor.skip("drop") {
        return Ok(Verdict::Drop);
    }
    if cursor.skip("return-rst") {
        return Ok(Verdict::RejectReset);
    }
    for word in ["return-icmp", "(", "13", ",", "1", ")"] {
        cursor.need(word)?;
    }
    Ok(Verdict::RejectProhibited)
}

fn interface(name: &str, placement: &Placement, line: usize) -> Result<u16, ReadError> {
    let known =
        if name == "lo0" { Some(0) } else { placement.interface(name).filter(|at| *at > 0) };
    known.ok_or_else(|| refuse(line, format!("the interface `{name}` is not the target's")))
}

/// The protocols that a rule names; empty when it names none.
fn protocols(cursor: &mut Cursor<'_, '_>, rule: &mut Rule) -> Result<Vec<u8>, ReadError> {
    if !cursor.skip("proto") {
        return Ok(Vec::new());
    }
    let mut numbers = Vec::new();
    for name in cursor.values()? {
        let number = match name {
            "icmp6" | "ipv6-icmp" => Some(ICMPV6),
            _ => protocol::number(name).or_else(|| name.parse().ok()),
        };
        // Protocol 0 would be any.
        let number = number.filter(|number| *number != 0);
        numbers.push(number.ok_or_else(|| refuse(rule.line, format!("`{name}` is no protocol")))?);
    }
    let ranges = numbers.iter().map(|number| (u32::from(*number), u32::from(*number)));
    rule.when.push(Match::Field(Field::Protocol, ranges.collect()));
    Ok(numbers)
}

/// `any`, a prefix or `<table>`, and `port …`.
fn side(
    cursor: &mut Cursor<'_, '_>,
    source: bool,
    family: Option<Family>,
    protocols: &[u8],
    tables: &Tables<'_>,
    rule: &mut Rule,
) -> Result<(), ReadError> {
    let line = rule.line;
    let negated = cursor.skip("!");
    let nets: Vec<IpNet> = if cursor.skip("<") {
        let name = cursor.value()?;
        cursor.need(">")?;
        // pf takes a table that is nowhere for an empty one.
        tables
            .get(name)
            .cloned()
            .ok_or_else(|| refuse(line, format!("there is no table `{name}`")))?
    } else {
        match cursor.value()? {
            "any" if negated => return Err(refuse(line, "`! any` matches nothing")),
            "any" => Vec::new(),
            text => vec![prefix(text, line)?],
        }
    };
    if negated {
        return Err(refuse(line, "negation is not understood"));
    }
    if !nets.is_empty() {
        let family = family.ok_or_else(|| refuse(line, "addresses need `inet` or `inet6`"))?;
        rule.when.push(addresses(&nets, family, source));
    }
    if cursor.skip("port") {
        if protocols.is_empty() || protocols.iter().any(|p| !matches!(*p, TCP | UDP)) {
            return Err(refuse(line, "ports need TCP or UDP"));
        }
        let field = if source { Field::SourcePort } else { Field::DestinationPort };
        let mut ranges = Ranges::new();
        for text in cursor.values()? {
            ranges.push(port(text, line)?);
        }
        rule.when.push(Match::Field(field, ranges));
    }
    Ok(())
}

/// The addresses of a family; those of the other one do not match.
pub(in crate::firewall::pf) fn addresses(nets: &[IpNet], family: Family, source: bool) -> Match {
    match family {
        Family::V4 => {
            let v4 = nets.iter().filter_map(|net| match net {
                IpNet::V4(net) => Some(*net),
                IpNet::V6(_) => None,
            });
            let ranges = sets::v4(v4);
            if source { Match::Source4(ranges) } else { Match::Destination4(ranges) }
        }
        Family::V6 => {
            let v6 = nets.iter().filter_map(|net| match net {
                IpNet::V6(net) => Some(*net),
                IpNet::V4(_) => None,
            });
            let ranges = sets::v6(v6);
            if source { Match::Source6(ranges) } else { Match::Destination6(ranges) }
        }
    }
}

/// `443` or `1024:65535`.
fn port(text: &str, line: usize) -> Result<(u32, u32), ReadError> {
    let (low, high) = text.split_once(':').unwrap_or((text, text));
    match (low.parse::<u16>(), high.parse::<u16>()) {
        (Ok(low), Ok(high)) if low <= high => Ok((low.into(), high.into())),
        _ => Err(refuse(line, format!("`{text}` are no ports"))),
    }
}

/// What stands behind the addresses.
fn options(
    cursor: &mut Cursor<'_, '_>,
    protocols: &[u8],
    family: Option<Family>,
    rule: &mut Rule,
) -> Result<(), ReadError> {
    let line = rule.line;
    let passes = rule.action == Action::Pass;
    loop {
        match cursor.next().map_or("", |word| word.text) {
            "" => return Ok(()),
            "icmp-type" if protocols == [ICMP] && family == Some(Family::V4) => {
                icmp(cursor, rule)?;
            }
            "icmp6-type" if protocols == [ICMPV6] && family == Some(Family::V6) => {
                icmp(cursor, rule)?;
            }
            "flags" => flags(cursor, protocols, rule)?,
            "keep" if passes => {
                cursor.need("state")?;
                rule.keeps = true;
            }
            "no" if passes => {
                cursor.need("state")?;
                rule.keeps = false;
                // Flags S/SA come by themselves with states only.
                rule.syn &= rule.asks_syn;
            }
            "tagged" if rule.tagged.is_none() => rule.tagged = Some(cursor.value()?.to_owned()),
            "tag" if rule.tag.is_none() => rule.tag = Some(cursor.value()?.to_owned()),
            "label" => drop(cursor.value()?),
            other => return Err(refuse(line, format!("`{other}` is not understood here"))),
        }
    }
}

fn icmp(cursor: &mut Cursor<'_, '_>, rule: &mut Rule) -> Result<(), ReadError> {
    // A type is kept as one more than it is, in eight bits.
    let number = |text: &str| {
        let number = text.parse::<u8>().ok().filter(|number| *number < u8::MAX);
        number
            .map(u32::from)
            .ok_or_else(|| refuse(rule.line, format!("`{text}` is no ICMP number")))
    };
    let ty = number(cursor.value()?)?;
    let words = match cursor.skip("code") {
        true => {
            let code = number(cursor.value()?)?;
            (ty << 8 | code, ty << 8 | code)
        }
        false => (ty << 8, ty << 8 | 0xff),
    };
    rule.when.push(Match::Field(Field::DestinationPort, vec![words]));
    Ok(())
}

/// `S/SA`, `any`, `A/A`, `R/R`: of the flags behind the slash exactly those before it.
fn flags(cursor: &mut Cursor<'_, '_>, protocols: &[u8], rule: &mut Rule) -> Result<(), ReadError> {
    let line = rule.line;
    let text = cursor.value()?;
    if !matches!(protocols, [] | [TCP]) {
        return Err(refuse(line, "flags are for TCP only"));
    }
    rule.syn = false;
    match text {
        "any" => return Ok(()),
        "S/SA" => {
            (rule.syn, rule.asks_syn) = (true, true);
            return Ok(());
        }
        _ => {}
    }
    if protocols != [TCP] {
        return Err(refuse(line, "flags are for TCP only"));
    }
    let (set, mask) = text.split_once('/').ok_or_else(|| refuse(line, "flags are SET/MASK"))?;
    rule.when.push(exactly(set, mask).map_err(|reason| refuse(line, reason))?);
    Ok(())
}

/// Of the flags in `mask` exactly those in `set`, both as pf's letters.
pub(in crate::firewall::pf) fn exactly(set: &str, mask: &str) -> Result<Match, String> {
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
