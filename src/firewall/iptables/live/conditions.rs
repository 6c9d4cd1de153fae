//! The conditions of a rule, as far as they are understood.

use super::super::read::condition::{
    address, icmp, ports, protocol_match, range, states, tcp_flags,
};
use super::names;
use super::options::Said;
use super::sets::Sets;
use crate::firewall::services;
use crate::ir::{Hook, Placement};
use crate::net::Family;
use crate::net::protocol::{self, ICMP, ICMPV6, TCP};
use crate::program::sets::others;
use crate::program::{Field, Match, Ranges};

/// What conditions are read with.
pub(super) struct Conditions<'a> {
    pub(super) family: Family,
    pub(super) placement: &'a Placement,
    pub(super) sets: &'a Sets,
    /// Before connection tracking: it knows no states yet.
    pub(super) untracked: bool,
    /// The protocol, where the rule leaves but one.
    pub(super) protocol: Option<u8>,
}

impl Conditions<'_> {
    /// Reads one condition; `None` when the option is none that is known here.
    pub(super) fn read(&mut self, said: &Said<'_>) -> Option<Result<Vec<Match>, String>> {
        let negated = said.negated;
        let value = said.values.first().copied().unwrap_or_default();
        let one = |found: Result<Match, String>| found.map(|one| vec![one]);
        Some(match said.name {
            "-s" | "-d" => self.addresses(said.name == "-s", value, negated),
            "--src-range" | "--dst-range" => {
                one(range(self.family, said.name == "--src-range", value, negated))
            }
            "-i" | "-o" => Ok(vec![self.interface(said.name == "-i", value, negated)]),
            "-p" => self.protocol(value, negated),
            "--sport" | "--sports" | "--dport" | "--dports" => {
                one(self.ports(said.name.starts_with("--s"), value, negated))
            }
            "--ports" => self.either_port(value, negated),
            "--icmp-type" | "--icmpv6-type" => one(self.icmp(value, negated)),
            "--syn" => {
                self.only(TCP).and_then(|()| one(tcp_flags("SYN,RST,ACK,FIN", "SYN", negated)))
            }
            "--tcp-flags" => self.only(TCP).and_then(|()| {
                one(tcp_flags(value, said.values.get(1).copied().unwrap_or_default(), negated))
            }),
            "--ctstate" => self.states(value, negated),
            "--ttl-eq" | "--ttl" | "--ttl-lt" | "--ttl-gt" => self.hops(said, Family::V4),
            "--hl-eq" | "--hl-lt" | "--hl-gt" => self.hops(said, Family::V6),
            "--match-set" => {
                self.sets.matching(self.family, &said.values, negated).map(|one| vec![one])
            }
            _ => return None,
        })
    }

    fn only(&self, number: u8) -> Result<(), String> {
        match self.protocol == Some(number) {
            true => Ok(()),
            false => Err("this is of another protocol".to_owned()),
        }
    }

    /// One address, or several, any of which will do.
    fn addresses(&self, source: bool, text: &str, negated: bool) -> Result<Vec<Match>, String> {
        let all = text.split(',').map(|one| {
            let plain = one.split_once('/').and_then(|(base, mask)| dotted(base, mask));
            address(self.family, source, plain.as_deref().unwrap_or(one), negated)
        });
        let mut all = all.collect::<Result<Vec<_>, _>>()?;
        match (all.pop(), all.is_empty()) {
            (Some(one), true) => Ok(vec![one]),
            (Some(_), false) if negated => Err("`!` of several addresses".to_owned()),
            (last, _) => {
                let any = all.into_iter().chain(last).map(|one| vec![one]);
                Ok(vec![Match::AnyOf(any.collect())])
            }
        }
    }

    /// An interface, or with `+` all whose names begin so. A name that the placement does not tell apart
    /// may be that of any other interface.
    fn interface(&self, incoming: bool, text: &str, negated: bool) -> Match {
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
        let mut any = Vec::new();
        if negated {
            // A packet that came by no interface came by none of that name.
            any.push(vec![at_hooks(false)]);
            let but = |last| others(&ranges, last);
            let rest = if may_be_other { but(other.saturating_sub(1)) } else { but(other) };
            any.push(vec![Match::Field(field, rest), at_hooks(true)]);
        } else {
            any.push(vec![Match::Field(field, ranges), at_hooks(true)]);
            any.extend(every.then(|| vec![at_hooks(false)]));
        }
        if may_be_other {
            any.push(vec![Match::Field(field, vec![(other, other)]), Match::Unknown]);
        }
        Match::AnyOf(any)
    }

    fn protocol(&mut self, text: &str, negated: bool) -> Result<Vec<Match>, String> {
        let number = names::protocol(text).ok_or_else(|| format!("`{text}` is no protocol"))?;
        let (one, only) = protocol_match(&number.to_string(), negated)?;
        self.protocol = only;
        Ok(vec![one])
    }

    fn ports(&self, source: bool, text: &str, negated: bool) -> Result<Match, String> {
        let number = self.protocol.filter(|number| protocol::has_ports(*number));
        number.ok_or("ports of a protocol without ports")?;
        let name = |text: &str| match text {
            "" => Some(String::new()),
            _ => services::port(text).map(|port| port.to_string()),
        };
        let part = |part: &str| match part.split_once(':') {
            Some((low, high)) => Some(format!("{}:{}", name(low)?, name(high)?)),
            None => name(part),
        };
        let numbers: Option<Vec<_>> = text.split(',').map(part).collect();
        let numbers = numbers.ok_or_else(|| format!("`{text}` are no ports"))?;
        ports(source, &numbers.join(","), negated)
    }

    /// `--ports`: of the source or of the destination; negated, of neither.
    fn either_port(&self, text: &str, negated: bool) -> Result<Vec<Match>, String> {
        let source = self.ports(true, text, negated)?;
        let destination = self.ports(false, text, negated)?;
        Ok(match negated {
            true => vec![source, destination],
            false => vec![Match::AnyOf(vec![vec![source], vec![destination]])],
        })
    }

    fn icmp(&self, text: &str, negated: bool) -> Result<Match, String> {
        self.only(if self.family == Family::V4 { ICMP } else { ICMPV6 })?;
        icmp(self.family, names::icmp(self.family, text), negated)
    }

    fn states(&self, text: &str, negated: bool) -> Result<Vec<Match>, String> {
        if self.untracked {
            return Err("this table comes before connection tracking".to_owned());
        }
        let text = text.to_ascii_uppercase();
        let (virtual_ones, real): (Vec<&str>, Vec<&str>) =
            text.split(',').partition(|state| matches!(*state, "SNAT" | "DNAT"));
        if real.is_empty() {
            return Err("whether a flow's addresses are translated is not known".to_owned());
        }
        let known = states(&real.join(","), negated)?;
        Ok(match (virtual_ones.is_empty(), negated) {
            (true, _) => vec![known],
            (false, true) => vec![known, Match::Unknown],
            (false, false) => vec![Match::AnyOf(vec![vec![known], vec![Match::Unknown]])],
        })
    }

    fn hops(&self, said: &Said<'_>, family: Family) -> Result<Vec<Match>, String> {
        let value = said.values.first().and_then(|value| value.parse::<u8>().ok());
        let value = value.filter(|_| self.family == family).ok_or("no hop limit")?;
        let value = u32::from(value);
        let ranges = match said.name.rsplit('-').next() {
            Some("lt") => value.checked_sub(1).map(|last| (0, last)).into_iter().collect(),
            Some("gt") => vec![(value + 1, 255)],
            _ => vec![(value, value)],
        };
        let ranges = if said.negated { others(&ranges, 255) } else { ranges };
        Ok(vec![Match::Field(Field::HopLimit, ranges)])
    }
}

/// A prefix whose length is written as a mask of IPv4.
fn dotted(base: &str, mask: &str) -> Option<String> {
    let bits = mask.parse::<std::net::Ipv4Addr>().ok()?.to_bits();
    let length = bits.leading_ones();
    (bits.count_ones() == length).then(|| format!("{base}/{length}"))
}
