//! One rule: its matches and its target.

use super::sets::{Addresses, Sets};
use super::words::split;
use crate::ir::{Placement, Verdict};
use crate::net::Family;
use crate::net::protocol::{self, ICMP, ICMPV6, TCP};
use crate::proof::program::{Clause, Field, Match, Place, Ranges, Then};
use crate::proof::sets;
use ipnet::{Ipv4Net, Ipv6Net};
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

impl Reader<'_> {
    /// Reads a rule: its chain, and what it does.
    pub(super) fn line(
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
            "-s" | "-d" => self.address(word == "-s", value()?, negated)?,
            "-i" | "-o" => self.interface(word == "-i", value()?, negated)?,
            "-p" => protocol_match(line, value()?, negated)?,
            "--sport" | "--sports" | "--dport" | "--dports" => {
                let number = line.protocol.filter(|number| protocol::has_ports(*number));
                number.ok_or("ports of a protocol without ports")?;
                if word.ends_with("ports") && std::mem::replace(&mut line.multiport, true) {
                    return Err("a rule has one multiport match".to_owned());
                }
                ports(word.starts_with("--s"), value()?, negated)?
            }
            "--icmp-type" | "--icmpv6-type" => self.icmp(line, word, value()?, negated)?,
            "--tcp-flags" => tcp_flags(line, value()?, value()?, negated)?,
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

    fn address(&self, source: bool, text: &str, negated: bool) -> Result<Match, String> {
        let wrong = || format!("`{text}` is no {} prefix", self.family);
        match self.family {
            Family::V4 => {
                let net: Ipv4Net = match text.contains('/') {
                    true => text.parse().map_err(|_| wrong())?,
                    false => text.parse::<std::net::Ipv4Addr>().map_err(|_| wrong())?.into(),
                };
                let mut ranges = sets::v4([net.trunc()]);
                if negated {
                    ranges = others(&ranges, u32::MAX);
                }
                Ok(if source { Match::Source4(ranges) } else { Match::Destination4(ranges) })
            }
            Family::V6 => {
                let net: Ipv6Net = match text.contains('/') {
                    true => text.parse().map_err(|_| wrong())?,
                    false => text.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?.into(),
                };
                let mut ranges = sets::v6([net.trunc()]);
                if negated {
                    ranges = others(&ranges, u128::MAX);
                }
                Ok(if source { Match::Source6(ranges) } else { Match::Destination6(ranges) })
            }
        }
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
        let wrong = || format!("`{text}` is no ICMP type");
        let (ty, code) = match text.split_once('/') {
            Some((ty, code)) => (ty, Some(code.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let ty: u32 = ty.parse::<u8>().map_err(|_| wrong())?.into();
        let mut ranges = match code {
            // The kernel takes type 255 of IPv4 for any type (icmp_type_code_match).
            _ if self.family == Family::V4 && ty == 255 => vec![(0, 0xffff)],
            Some(code) => vec![(ty << 8 | u32::from(code), ty << 8 | u32::from(code))],
            None => vec![(ty << 8, ty << 8 | 0xff)],
        };
        if negated {
            ranges = others(&ranges, 0xffff);
        }
        Ok(Match::Field(Field::DestinationPort, ranges))
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

/// `-p`: a name or a number; 0 and `all` mean any protocol, whatever the packet carries.
fn protocol_match(line: &mut Line, text: &str, negated: bool) -> Result<Match, String> {
    let number = match text {
        "ipv6-icmp" | "icmpv6" => Some(ICMPV6),
        "all" => Some(0),
        _ => protocol::number(text).or_else(|| text.parse().ok()),
    };
    let number: u8 = number.ok_or_else(|| format!("`{text}` is no protocol"))?;
    let wide = u32::from(number);
    if number == 0 {
        return match negated {
            false => Ok(Match::Field(Field::Protocol, vec![(0, 255)])),
            true => Err("no packet is of no protocol".to_owned()),
        };
    }
    if negated {
        return Ok(Match::Field(Field::Protocol, others(&[(wide, wide)], 255)));
    }
    line.protocol = Some(number);
    Ok(Match::Field(Field::Protocol, vec![(wide, wide)]))
}

fn ports(source: bool, text: &str, negated: bool) -> Result<Match, String> {
    let wrong = || format!("`{text}` are no ports");
    let mut ranges: Ranges<u32> = Vec::new();
    let mut slots = 0;
    for part in text.split(',') {
        let (low, high) = part.split_once(':').unwrap_or((part, part));
        slots += if low == high { 1 } else { 2 };
        let low: u16 = if low.is_empty() { 0 } else { low.parse().map_err(|_| wrong())? };
        let high: u16 =
            if high.is_empty() { u16::MAX } else { high.parse().map_err(|_| wrong())? };
        if low > high {
            return Err(wrong());
        }
        ranges.push((low.into(), high.into()));
    }
    if slots > 15 {
        return Err("multiport takes 15 ports, and a range counts as two".to_owned());
    }
    if negated {
        ranges.sort_unstable();
        ranges = others(&ranges, 0xffff);
    }
    Ok(Match::Field(if source { Field::SourcePort } else { Field::DestinationPort }, ranges))
}

/// `--tcp-flags MASK COMP`: of the flags in MASK exactly those in COMP are set.
fn tcp_flags(line: &Line, mask: &str, set: &str, negated: bool) -> Result<Match, String> {
    if line.protocol != Some(TCP) {
        return Err("TCP flags of another protocol".to_owned());
    }
    let octet = |names: &str| -> Result<u32, String> {
        let bit = |name: &str| match name {
            "FIN" => Ok(0x01),
            "SYN" => Ok(0x02),
            "RST" => Ok(0x04),
            "PSH" => Ok(0x08),
            "ACK" => Ok(0x10),
            "URG" => Ok(0x20),
            "ALL" => Ok(0x3f),
            "NONE" => Ok(0),
            _ => Err(format!("`{name}` is no TCP flag")),
        };
        names.split(',').try_fold(0, |octet, name| Ok(octet | bit(name)?))
    };
    let (mask, set) = (octet(mask)?, octet(set)?);
    let matches = |flags: &u32| (flags & mask == set) != negated;
    let ranges = (0..=255).filter(matches).map(|flags| (flags, flags)).collect();
    Ok(Match::Field(Field::TcpFlags, ranges))
}

fn states(text: &str, negated: bool) -> Result<Match, String> {
    let index = |name: &str| match name {
        "NEW" => Ok(0),
        "ESTABLISHED" => Ok(1),
        "RELATED" => Ok(2),
        "INVALID" => Ok(3),
        "UNTRACKED" => Ok(4),
        _ => Err(format!("the state `{name}` is not understood")),
    };
    let mut ranges = Vec::new();
    for name in text.split(',') {
        let at: u32 = index(name)?;
        ranges.push((at, at));
    }
    if negated {
        ranges.sort_unstable();
        ranges = others(&ranges, 4);
    }
    Ok(Match::Field(Field::State, ranges))
}

/// What sorted ranges leave out, up to `last`.
fn others<T>(ranges: &[(T, T)], last: T) -> Ranges<T>
where
    T: Copy + Ord + Default + std::ops::Add<Output = T> + std::ops::Sub<Output = T> + From<u8>,
{
    let one = T::from(1);
    let mut gaps = Vec::new();
    let mut next = Some(T::default());
    for (low, high) in ranges {
        let Some(from) = next else { break };
        if from < *low {
            gaps.push((from, *low - one));
        }
        next = if *high < last { Some((*high + one).max(from)) } else { None };
    }
    gaps.extend(next.map(|from| (from, last)));
    gaps
}
