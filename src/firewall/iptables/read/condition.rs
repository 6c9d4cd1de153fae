//! The conditions of a rule, as far as they are understood.

use super::names;
use super::sets::Sets;
use crate::firewall::iptables::syntax::{Flag, Owner};
use crate::ir::{Hook, Placement};
use crate::net::Family;
use crate::net::protocol::{self, ICMP, ICMPV6, SCTP, TCP, UDP};
use crate::net::service;
use crate::program::sets::{self, others};
use crate::program::{Field, Match, Ranges, sorted};
use std::net::{IpAddr, Ipv4Addr};

/// What the conditions of one rule are read with.
pub(super) struct Conditions<'a> {
    pub(super) family: Family,
    pub(super) placement: &'a Placement,
    pub(super) sets: &'a Sets,
    /// Before connection tracking: it knows no states yet.
    pub(super) untracked: bool,
    /// The protocol, where the rule leaves but one.
    pub(super) protocol: Option<u8>,
    /// The matches that the rule loads.
    loaded: Vec<&'a str>,
}

/// The matches whose options are read, and the protocol that one is of.
const MATCHES: &[(&str, Option<u8>)] = &[
    ("comment", None),
    ("conntrack", None),
    ("state", None),
    ("multiport", None),
    ("set", None),
    ("ttl", None),
    ("hl", None),
    ("iprange", None),
    ("tcp", Some(TCP)),
    ("udp", Some(UDP)),
    ("sctp", Some(SCTP)),
    ("icmp", Some(ICMP)),
    ("icmp6", Some(ICMPV6)),
    ("icmpv6", Some(ICMPV6)),
    ("ipv6-icmp", Some(ICMPV6)),
];

/// Returns the protocol that a match is of; `None` when its options are not read.
fn known_match(name: &str) -> Option<Option<u8>> {
    MATCHES.iter().find(|(known, _)| *known == name).map(|(_, of)| *of)
}

/// Returns the matches that an option may belong to, and how many values it has.
fn owners(option: &str) -> Option<(&'static [&'static str], usize)> {
    Some(match option {
        "-s" | "-d" | "-i" | "-o" | "-p" => (&[], 1),
        "--src-range" | "--dst-range" => (&["iprange"], 1),
        "--sport" | "--dport" => (&["tcp", "udp", "sctp", "multiport"], 1),
        "--sports" | "--dports" | "--ports" => (&["multiport"], 1),
        "--icmp-type" => (&["icmp"], 1),
        "--icmpv6-type" => (&["icmp6", "icmpv6", "ipv6-icmp"], 1),
        "--syn" => (&["tcp"], 0),
        "--tcp-flags" => (&["tcp"], 2),
        "--ctstate" => (&["conntrack", "state"], 1),
        "--ttl-eq" | "--ttl-lt" | "--ttl-gt" | "--ttl" => (&["ttl"], 1),
        "--hl-eq" | "--hl-lt" | "--hl-gt" => (&["hl"], 1),
        "--match-set" => (&["set"], 2),
        // Says something to people.
        "--comment" => (&["comment"], 1),
        // Counts otherwise.
        "--update-counters" | "--update-subcounters" => (&["set"], 0),
        _ => return None,
    })
}

impl<'a> Conditions<'a> {
    pub(super) fn new(
        family: Family,
        placement: &'a Placement,
        sets: &'a Sets,
        untracked: bool,
    ) -> Self {
        let (protocol, loaded) = (None, Vec::new());
        Conditions { family, placement, sets, untracked, protocol, loaded }
    }

    /// Takes note of `-m name`.
    pub(super) fn load(&mut self, name: &'a str) -> Result<(), String> {
        self.loaded.push(name);
        match known_match(name) {
            None if !name.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                Err(format!("`{name}` is no match"))
            }
            None => Err(format!("the match `{name}` is not understood")),
            Some(Some(of)) if self.protocol.is_some_and(|protocol| protocol != of) => {
                Err(format!("the match `{name}` is of another protocol"))
            }
            Some(_) => Ok(()),
        }
    }

    /// Tells whether a flag is an option of a match that is not understood, and was said to be so.
    pub(super) fn is_foreign(&self, flag: &Flag<'_>) -> bool {
        let Owner::Match(name) = flag.of else { return false };
        known_match(name).is_none() && self.loaded.contains(&name)
    }

    /// Tells whether the rule has a match that takes this option, with so many values.
    fn takes(&self, flag: &Flag<'_>) -> Result<(), String> {
        let not = || format!("`{}` is not understood", flag.name);
        let (owners, values) = owners(flag.name).ok_or_else(not)?;
        // An option of that name belongs to another match too.
        if flag.name == "--ttl" && flag.of != Owner::Match("ttl") {
            return Err(not());
        }
        if !owners.is_empty() && !owners.iter().any(|owner| self.loaded.contains(owner)) {
            return Err(format!("`{}` is of a match that the rule does not load", flag.name));
        }
        let multi = |name: &&&str| **name == "multiport";
        if flag.name.ends_with("ports") && self.loaded.iter().filter(multi).count() != 1 {
            return Err("one multiport match takes one list of ports".to_owned());
        }
        match flag.values.len() == values {
            true => Ok(()),
            false => Err(format!("`{}` has not {values} values", flag.name)),
        }
    }

    /// Reads one condition.
    ///
    /// # Errors
    /// Why it is not understood.
    pub(super) fn read(&mut self, flag: &Flag<'a>) -> Result<Vec<Match>, String> {
        self.takes(flag)?;
        let (name, negated, value) = (flag.name, flag.negated, flag.value(0));
        let source = name.starts_with("--s") || name == "-s";
        let one = match name {
            "--comment" if negated => return Err("`!` of a comment".to_owned()),
            "--comment" | "--update-counters" | "--update-subcounters" => return Ok(Vec::new()),
            "-i" | "-o" => return Ok(self.interface(name == "-i", value, negated)),
            "-p" => self.protocol(value, negated)?,
            "-s" | "-d" => self.addresses(source, value, negated)?,
            "--src-range" | "--dst-range" => range(self.family, source, value, negated)?,
            "--ports" => self.either_port(value, negated)?,
            "--sport" | "--sports" | "--dport" | "--dports" => {
                self.ports(source, value, negated)?
            }
            "--icmp-type" | "--icmpv6-type" => self.icmp(value, negated)?,
            "--syn" => self.only(TCP).and_then(|()| flags("SYN,RST,ACK,FIN", "SYN", negated))?,
            "--tcp-flags" => self.only(TCP).and_then(|()| flags(value, flag.value(1), negated))?,
            "--ctstate" => return self.states(value, negated),
            "--match-set" => self.sets.matching(self.family, value, flag.value(1), negated)?,
            _ => self.hops(name, value, negated)?,
        };
        Ok(vec![one])
    }

    fn only(&self, number: u8) -> Result<(), String> {
        match self.protocol == Some(number) {
            true => Ok(()),
            false => Err("this is of another protocol".to_owned()),
        }
    }

    /// One address, or several, any of which will do.
    fn addresses(&self, source: bool, text: &str, negated: bool) -> Result<Match, String> {
        if negated && text.contains(',') {
            return Err("`!` of several addresses".to_owned());
        }
        let mut all = Vec::new();
        for one in text.split(',') {
            all.push(prefix(one).ok_or_else(|| format!("`{one}` is no prefix"))?);
        }
        ends(self.family, source, &all, negated)
    }

    /// An interface, or with `+` all whose names begin so. A name that the placement does not tell apart
    /// may be that of any other interface.
    fn interface(&self, incoming: bool, text: &str, negated: bool) -> Vec<Match> {
        let other = u32::from(self.placement.other_interface());
        let begin = text.strip_suffix('+');
        let fits = |name: &&str| begin.map_or(*name == text, |begin| name.starts_with(begin));
        let named = self.placement.interfaces();
        let at = (0u32..).zip(&named).filter(|(_, name)| fits(name)).map(|(at, _)| (at, at));
        let mut ranges: Ranges<u32> = at.collect();
        let every = begin == Some("");
        ranges.extend(every.then_some((other, other)));
        // One whole name that is the placement's own is no other interface's.
        let may_be_other = !every && (begin.is_some() || ranges.is_empty());
        let field = if incoming { Field::Incoming } else { Field::Outgoing };
        let has = |hook: &Hook| if incoming { hook.has_incoming() } else { hook.has_outgoing() };
        let at_hooks = |wanted: bool| {
            let hooks = (0u32..).zip(Hook::ALL).filter(|(_, hook)| has(hook) == wanted);
            Match::Field(Field::Hook, hooks.map(|(at, _)| (at, at)).collect())
        };
        if !negated && !every && !may_be_other {
            return vec![Match::Field(field, ranges), at_hooks(true)];
        }
        let mut any = Vec::new();
        if negated {
            // A packet that came by no interface came by none of that name.
            any.push(vec![at_hooks(false)]);
            let last = if may_be_other { other.saturating_sub(1) } else { other };
            any.push(vec![Match::Field(field, others(&ranges, last)), at_hooks(true)]);
        } else {
            any.push(vec![Match::Field(field, ranges), at_hooks(true)]);
            any.extend(every.then(|| vec![at_hooks(false)]));
        }
        if may_be_other {
            any.push(vec![Match::Field(field, vec![(other, other)]), Match::Unknown]);
        }
        vec![Match::AnyOf(any)]
    }

    /// A name or a number; 0 and `all` mean any protocol, whatever the packet carries.
    fn protocol(&mut self, text: &str, negated: bool) -> Result<Match, String> {
        let number = names::protocol(text).ok_or_else(|| format!("`{text}` is no protocol"))?;
        if number == 0 {
            return match negated {
                false => Ok(Match::Field(Field::Protocol, vec![(0, 255)])),
                true => Err("no packet is of no protocol".to_owned()),
            };
        }
        let ranges = vec![(u32::from(number), u32::from(number))];
        if negated {
            return Ok(Match::Field(Field::Protocol, others(&ranges, 255)));
        }
        self.protocol = Some(number);
        // A protocol's own match is loaded by itself.
        self.loaded.extend(MATCHES.iter().filter(|one| one.1 == Some(number)).map(|one| one.0));
        Ok(Match::Field(Field::Protocol, ranges))
    }

    fn ports(&self, source: bool, text: &str, negated: bool) -> Result<Match, String> {
        let number = self.protocol.filter(|number| protocol::has_ports(*number));
        number.ok_or("ports of a protocol without ports")?;
        let ranges = ports(text).ok_or_else(|| format!("`{text}` are no ports"))?;
        let slots: usize = ranges.iter().map(|(low, high)| if low == high { 1 } else { 2 }).sum();
        if slots > 15 {
            return Err("multiport takes 15 ports, and a range counts as two".to_owned());
        }
        let ranges = if negated { others(&sorted(&ranges), 0xffff) } else { ranges };
        Ok(Match::Field(if source { Field::SourcePort } else { Field::DestinationPort }, ranges))
    }

    /// `--ports`: of the source or of the destination; negated, of neither.
    fn either_port(&self, text: &str, negated: bool) -> Result<Match, String> {
        let source = self.ports(true, text, negated)?;
        let destination = self.ports(false, text, negated)?;
        Ok(match negated {
            true => Match::AnyOf(vec![vec![source, destination]]),
            false => Match::AnyOf(vec![vec![source], vec![destination]]),
        })
    }

    /// An ICMP type, with or without a code.
    fn icmp(&self, text: &str, negated: bool) -> Result<Match, String> {
        self.only(if self.family == Family::V4 { ICMP } else { ICMPV6 })?;
        let wrong = || format!("`{text}` is no ICMP type");
        let numbers = names::icmp(self.family, text);
        let (ty, code) = match numbers.split_once('/') {
            Some((ty, code)) => (ty, Some(code.parse::<u8>().map_err(|_| wrong())?)),
            None => (numbers, None),
        };
        let ty: u32 = ty.parse::<u8>().map_err(|_| wrong())?.into();
        let (low, high) = code.map_or((0, 0xff), |code| (u32::from(code), u32::from(code)));
        let mut ranges = vec![(ty << 8 | low, ty << 8 | high)];
        // The kernel takes type 255 of IPv4 for any type (icmp_type_code_match).
        if self.family == Family::V4 && ty == 255 {
            ranges = vec![(0, 0xffff)];
        }
        let ranges = if negated { others(&ranges, 0xffff) } else { ranges };
        Ok(Match::Field(Field::DestinationPort, ranges))
    }

    fn states(&self, text: &str, negated: bool) -> Result<Vec<Match>, String> {
        if self.untracked {
            return Err("this table comes before connection tracking".to_owned());
        }
        let (mut ranges, mut translated) = (Ranges::new(), false);
        for name in text.split(',') {
            let at = match name.to_ascii_uppercase().as_str() {
                "NEW" => 0,
                "ESTABLISHED" => 1,
                "RELATED" => 2,
                "INVALID" => 3,
                "UNTRACKED" => 4,
                "SNAT" | "DNAT" => {
                    translated = true;
                    continue;
                }
                _ => return Err(format!("the state `{name}` is not understood")),
            };
            ranges.push((at, at));
        }
        let ranges = if negated { others(&sorted(&ranges), 4) } else { ranges };
        let known = Match::Field(Field::State, ranges);
        Ok(match (translated, negated) {
            (false, _) => vec![known],
            (true, true) => vec![known, Match::Unknown],
            (true, false) => vec![Match::AnyOf(vec![vec![known], vec![Match::Unknown]])],
        })
    }

    fn hops(&self, name: &str, value: &str, negated: bool) -> Result<Match, String> {
        let family = if name.starts_with("--hl") { Family::V6 } else { Family::V4 };
        let value = value.parse::<u8>().ok().filter(|_| self.family == family);
        let value = u32::from(value.ok_or("no hop limit")?);
        let ranges = match name.rsplit('-').next() {
            Some("lt") => value.checked_sub(1).map(|last| (0, last)).into_iter().collect(),
            Some("gt") => vec![(value + 1, 255)],
            _ => vec![(value, value)],
        };
        let ranges = if negated { others(&ranges, 255) } else { ranges };
        Ok(Match::Field(Field::HopLimit, ranges))
    }
}

/// First and last address.
pub(super) type Span = (IpAddr, IpAddr);

/// Returns an address, or a prefix whose length is a number or a mask of IPv4.
pub(super) fn prefix(text: &str) -> Option<Span> {
    let Some((base, length)) = text.split_once('/') else {
        return text.parse().ok().map(|address| (address, address));
    };
    let base: IpAddr = base.parse().ok()?;
    let length = match (base, length.parse::<Ipv4Addr>()) {
        (IpAddr::V4(_), Ok(mask)) => {
            let length = mask.to_bits().leading_ones();
            u8::try_from(length).ok().filter(|_| mask.to_bits().count_ones() == length)?
        }
        _ => length.parse().ok()?,
    };
    let net = ipnet::IpNet::new(base, length).ok()?;
    Some((net.network(), net.broadcast()))
}

/// Returns `10.0.0.1-10.0.0.9`, or one address; `None` where the ends are not in order.
pub(super) fn span(text: &str) -> Option<Span> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (low.parse::<IpAddr>().ok()?, high.parse::<IpAddr>().ok()?);
    (low.is_ipv4() == high.is_ipv4() && low <= high).then_some((low, high))
}

/// Returns the packets with an end in one range of addresses, or outside it.
pub(super) fn range(
    family: Family,
    source: bool,
    text: &str,
    negated: bool,
) -> Result<Match, String> {
    let span = span(text).ok_or_else(|| format!("`{text}` is no range"))?;
    ends(family, source, &[span], negated)
}

/// Returns the packets with an end in any of some ranges of one family, or outside them.
pub(super) fn ends(
    family: Family,
    source: bool,
    spans: &[Span],
    negated: bool,
) -> Result<Match, String> {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for span in spans {
        match *span {
            (IpAddr::V4(low), IpAddr::V4(high)) => v4.push((low.to_bits(), high.to_bits())),
            (IpAddr::V6(low), IpAddr::V6(high)) => v6.push((low.to_bits(), high.to_bits())),
            _ => return Err("a range of two families".to_owned()),
        }
    }
    match family {
        Family::V4 if v6.is_empty() => Ok(ranges4(source, sorted(&v4), negated)),
        Family::V6 if v4.is_empty() => Ok(ranges6(source, sorted(&v6), negated)),
        _ => Err("an address of the other family".to_owned()),
    }
}

/// Returns the packets with an end in sorted ranges of IPv4, or outside them.
pub(super) fn ranges4(source: bool, ranges: Ranges<u32>, negated: bool) -> Match {
    let ranges = if negated { sets::others(&ranges, u32::MAX) } else { ranges };
    if source { Match::Source4(ranges) } else { Match::Destination4(ranges) }
}

/// Returns the packets with an end in sorted ranges of IPv6, or outside them.
pub(super) fn ranges6(source: bool, ranges: Ranges<u128>, negated: bool) -> Match {
    let ranges = if negated { sets::others(&ranges, u128::MAX) } else { ranges };
    if source { Match::Source6(ranges) } else { Match::Destination6(ranges) }
}

/// Returns the ports of `80`, `1024:`, `ssh,http,8000:8100`.
fn ports(text: &str) -> Option<Ranges<u32>> {
    let port = |text: &str, open: u16| match text {
        "" => Some(open),
        _ => service::port(text),
    };
    let range = |part: &str| {
        let (low, high) = part.split_once(':').unwrap_or((part, part));
        let single = !part.contains(':') && part.is_empty();
        let (low, high) = (port(low, 0)?, port(high, u16::MAX)?);
        (low <= high && !single).then_some((u32::from(low), u32::from(high)))
    };
    text.split(',').map(range).collect()
}

/// Returns the TCP packets of whose flags in `mask` exactly those in `set` are there, or the others.
fn flags(mask: &str, set: &str, negated: bool) -> Result<Match, String> {
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
