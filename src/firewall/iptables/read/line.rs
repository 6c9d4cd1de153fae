//! One rule: its matches and its target.

use super::condition::{address, icmp, ports, protocol_match, states, tcp_flags};
use super::sets::{Addresses, Sets};
use super::table::Rules;
use super::words::split;
use crate::ir::{Placement, Verdict};
use crate::net::Family;
use crate::net::protocol::{self, ICMP, ICMPV6, TCP};
use crate::program::sets::others;
use crate::program::{Clause, Field, Match, Place, Then};
use std::borrow::Cow;

/// What the lines of one file are read with.
pub(super) struct Reader<'a> {
    pub(super) family: Family,
    pub(super) placement: &'a Placement,
    pub(super) sets: &'a Sets,
}

/// A line while it is read.
#[derive(Default)]
struct Line {
    chain: Option<String>,
    when: Vec<Match>,
    protocol: Option<u8>,
    limited: bool,
    multiport: bool,
    target: Option<(bool, String)>,
    reject_with: Option<String>,
    notrack: bool,
}

type Words<'a> = std::iter::Peekable<std::slice::Iter<'a, Cow<'a, str>>>;

impl Rules for Reader<'_> {
    fn built_in(&self, table: &str, chain: &str) -> bool {
        super::hook(table, chain).is_some()
    }

    fn rule(
        &mut self,
        table: &str,
        text: &str,
        place: Place,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<(String, Vec<Clause>), String> {
        let (chain, clauses) = self.line(text, place, find)?;
        let untracks = |then: &Then| matches!(then, Then::Decide(Verdict::Untrack));
        let decides = |then: &Then| matches!(then, Then::Decide(_));
        let wrong = |then: &Then| decides(then) && (untracks(then) != (table == "raw"));
        // A chain that is not there is said first.
        if find(&chain).is_some() && clauses.iter().any(|clause| wrong(&clause.then)) {
            return Err(format!("this does not belong in table `{table}`"));
        }
        Ok((chain, clauses))
    }
}

impl Reader<'_> {
    fn line(
        &self,
        text: &str,
        place: Place,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<(String, Vec<Clause>), String> {
        let words = split(text).ok_or("a quote is not closed")?;
        let mut rest = words.iter().peekable();
        // `iptables-save -c` puts counters first.
        rest.next_if(|word| word.starts_with('[') && word.ends_with(']'));
        let mut line = Line::default();
        while let Some(word) = rest.next() {
            let negated = word == "!";
            let word = if negated { rest.next().ok_or("`!` of what?")? } else { word };
            self.option(&mut line, word, negated, &mut rest)?;
        }
        let chain = line.chain.take().ok_or("no chain")?;
        let then = self.target(&mut line, find)?;
        if line.limited && then != Then::Continue {
            return Err("a rate limit would decide for the rule".to_owned());
        }
        Ok((chain, vec![Clause { when: line.when, then, place }]))
    }

    fn option(
        &self,
        line: &mut Line,
        word: &str,
        negated: bool,
        rest: &mut Words<'_>,
    ) -> Result<(), String> {
        let mut value =
            || rest.next().map(|word| &**word).ok_or_else(|| format!("`{word}` of what?"));
        match (negated, word) {
            (false, "-A") => line.chain = Some(value()?.to_owned()),
            (false, "-m") => known_match(value()?)?,
            (false, "--comment" | "--limit-burst" | "--log-prefix") => drop(value()?),
            (false, "--limit") => {
                value()?;
                line.limited = true;
            }
            (false, "-j" | "-g") => line.target = Some((word == "-g", value()?.to_owned())),
            (false, "--reject-with") => line.reject_with = Some(value()?.to_owned()),
            (false, "--notrack") => line.notrack = true,
            _ => {
                let one = self.condition(line, word, negated, rest)?;
                line.when.push(one);
            }
        }
        Ok(())
    }

    fn condition(
        &self,
        line: &mut Line,
        word: &str,
        negated: bool,
        rest: &mut Words<'_>,
    ) -> Result<Match, String> {
        let mut value =
            || rest.next().map(|word| &**word).ok_or_else(|| format!("`{word}` of what?"));
        Ok(match word {
            "-s" | "-d" => address(self.family, word == "-s", value()?, negated)?,
            "-i" | "-o" => self.interface(word == "-i", value()?, negated)?,
            "-p" => {
                let (one, number) = protocol_match(value()?, negated)?;
                line.protocol = number.or(line.protocol);
                one
            }
            "--sport" | "--sports" | "--dport" | "--dports" => {
                let number = line.protocol.filter(|number| protocol::has_ports(*number));
                number.ok_or("ports of a protocol without ports")?;
                if word.ends_with("ports") && std::mem::replace(&mut line.multiport, true) {
                    return Err("a rule has one multiport match".to_owned());
                }
                ports(word.starts_with("--s"), value()?, negated)?
            }
            "--icmp-type" | "--icmpv6-type" => self.icmp(line, word, value()?, negated)?,
            "--tcp-flags" if line.protocol != Some(TCP) => {
                return Err("TCP flags of another protocol".to_owned());
            }
            "--tcp-flags" => tcp_flags(value()?, value()?, negated)?,
            "--ctstate" => states(value()?, negated)?,
            "--ttl-eq" | "--hl-eq" if !negated => {
                let fits = (word == "--ttl-eq") == (self.family == Family::V4);
                let hop = value()?.parse::<u8>().ok().filter(|_| fits).ok_or("no hop limit")?;
                Match::Field(Field::HopLimit, vec![(hop.into(), hop.into())])
            }
            "--match-set" if !negated => self.set(value()?, value()?)?,
            _ => return Err(format!("`{word}` is not understood")),
        })
    }

    fn set(&self, name: &str, side: &str) -> Result<Match, String> {
        let addresses = self.sets.get(name).ok_or_else(|| format!("there is no set `{name}`"))?;
        match (addresses, side, self.family) {
            (Addresses::V4(ranges), "src", Family::V4) => Ok(Match::Source4(ranges.clone())),
            (Addresses::V4(ranges), "dst", Family::V4) => Ok(Match::Destination4(ranges.clone())),
            (Addresses::V6(ranges), "src", Family::V6) => Ok(Match::Source6(ranges.clone())),
            (Addresses::V6(ranges), "dst", Family::V6) => Ok(Match::Destination6(ranges.clone())),
            _ => Err(format!("`{name} {side}` does not fit here")),
        }
    }

    fn interface(&self, incoming: bool, name: &str, negated: bool) -> Result<Match, String> {
        let at = self.placement.interface(name);
        let at =
            u32::from(at.ok_or_else(|| format!("the interface `{name}` is not the target's"))?);
        let other = u32::from(self.placement.other_interface());
        let ranges = if negated { others(&[(at, at)], other) } else { vec![(at, at)] };
        Ok(Match::Field(if incoming { Field::Incoming } else { Field::Outgoing }, ranges))
    }

    fn icmp(&self, line: &Line, word: &str, text: &str, negated: bool) -> Result<Match, String> {
        let (option, number) = match self.family {
            Family::V4 => ("--icmp-type", ICMP),
            Family::V6 => ("--icmpv6-type", ICMPV6),
        };
        if option != word || line.protocol != Some(number) {
            return Err(format!("`{word}` does not fit here"));
        }
        icmp(self.family, text, negated)
    }

    fn target(
        &self,
        line: &mut Line,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Then, String> {
        let Some((goto, target)) = line.target.take() else { return Ok(Then::Continue) };
        if let Some(chain) = find(&target) {
            return Ok(if goto { Then::Goto(chain) } else { Then::Jump(chain) });
        }
        if goto {
            return Err(format!("there is no chain `{target}`"));
        }
        match target.as_str() {
            "ACCEPT" => Ok(Then::Decide(Verdict::Accept)),
            "DROP" => Ok(Then::Decide(Verdict::Drop)),
            "RETURN" => Ok(Then::Return),
            "LOG" => Ok(Then::Continue),
            "NOTRACK" => Ok(Then::Decide(Verdict::Untrack)),
            "CT" if line.notrack => Ok(Then::Decide(Verdict::Untrack)),
            "REJECT" => self.reject(line),
            _ => Err(format!("the target `{target}` is not understood")),
        }
    }

    fn reject(&self, line: &Line) -> Result<Then, String> {
        let with = line.reject_with.as_deref().unwrap_or_default();
        match (with, self.family) {
            ("tcp-reset", _) if line.protocol == Some(TCP) => {
                Ok(Then::Decide(Verdict::RejectReset))
            }
            ("icmp-admin-prohibited", Family::V4)
            | ("icmp6-adm-prohibited" | "adm-prohibited", Family::V6) => {
                Ok(Then::Decide(Verdict::RejectProhibited))
            }
            _ => Err(format!("`--reject-with {with}` does not fit here")),
        }
    }
}

/// Matches whose own options are read where they stand.
fn known_match(name: &str) -> Result<(), String> {
    const KNOWN: &[&str] = &[
        "comment",
        "conntrack",
        "multiport",
        "tcp",
        "udp",
        "sctp",
        "icmp",
        "icmp6",
        "limit",
        "set",
        "ttl",
        "hl",
    ];
    if KNOWN.contains(&name) {
        Ok(())
    } else {
        Err(format!("the match `{name}` is not understood"))
    }
}
