//! One rule of a listing.

use super::super::read::{table::Line, table::Rules, words::split};
use super::conditions::Conditions;
use super::options::{Owner, Said, tell};
use super::sets::Sets;
use super::translation::Translation;
use super::{NAT, STAGES};
use crate::firewall::ReadError;
use crate::ir::{Placement, Verdict};
use crate::net::Family;
use crate::net::protocol::TCP;
use crate::program::{Clause, Field, Match, Place, Then};

/// Reads the rules of one family.
pub(super) struct Reader<'a> {
    family: Family,
    placement: &'a Placement,
    sets: &'a Sets,
    translation: Translation,
    pub(super) unclear: Vec<ReadError>,
}

/// Targets after which a packet goes on to the next rule.
const GO_ON: &[&str] = &[
    "LOG",
    "NFLOG",
    "ULOG",
    "MARK",
    "CONNMARK",
    "SET",
    "TCPMSS",
    "CHECKSUM",
    "DSCP",
    "TTL",
    "HL",
    "TOS",
    "ECN",
    "TRACE",
    "AUDIT",
    "CLASSIFY",
    "SECMARK",
    "CONNSECMARK",
    "TEE",
    "LED",
    "RATEEST",
    "HMARK",
    "IDLETIMER",
    "TCPOPTSTRIP",
    "NOTRACK",
    "CT",
];

/// Matches whose options are read one by one.
const MATCHES: &[&str] = &[
    "comment",
    "conntrack",
    "state",
    "multiport",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "icmpv6",
    "ipv6-icmp",
    "set",
    "ttl",
    "hl",
    "iprange",
];

/// A rule while it is read.
#[derive(Default)]
struct Read<'a> {
    chain: Option<&'a str>,
    when: Vec<Match>,
    target: Option<(bool, &'a str)>,
    reject_with: Option<&'a str>,
    untracks: bool,
    unclear: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        family: Family,
        placement: &'a Placement,
        sets: &'a Sets,
        lines: &[Line<'_>],
    ) -> Self {
        let translation = Translation::of(family, lines);
        Reader { family, placement, sets, translation, unclear: Vec::new() }
    }

    /// What the options say, and what of them is not understood.
    fn read<'w>(&self, table: &str, said: &[Said<'w>]) -> Result<Read<'w>, String> {
        let mut read = Read::default();
        let mut conditions = Conditions {
            family: self.family,
            placement: self.placement,
            sets: self.sets,
            untracked: table == "raw",
            protocol: None,
        };
        for said in said {
            let value = said.values.first().copied().unwrap_or_default();
            match (said.name, said.of) {
                ("-A", _) => read.chain = Some(value),
                ("-j" | "-g", _) => read.target = Some((said.name == "-g", value)),
                ("-m", _) if MATCHES.contains(&value) => {}
                ("-m", _) => read.may(format!("the match `{value}` is not understood")),
                ("--reject-with", Owner::Target) => read.reject_with = Some(value),
                ("--notrack", Owner::Target) => read.untracks = true,
                ("--comment" | "--update-counters", _) => {}
                ("-I" | "-D" | "-R" | "-N" | "-P" | "-F" | "-X", Owner::Rule) => {
                    return Err(format!("`{}` is nothing that is listed", said.name));
                }
                (_, owner) => match conditions.read(said) {
                    Some(Ok(when)) => {
                        self.note(said.name, value, &mut read);
                        read.when.extend(when);
                    }
                    Some(Err(reason)) => read.may(format!("`{} {value}`: {reason}", said.name)),
                    None if owner == Owner::Target => {}
                    // The match as a whole is not understood.
                    None if matches!(owner, Owner::Match(name) if foreign(name)) => {}
                    None => read.may(format!("`{}` is not understood", said.name)),
                },
            }
        }
        Ok(read)
    }

    /// Notes a condition that is understood in part only.
    fn note(&self, name: &str, value: &str, read: &mut Read<'_>) {
        let known = value == "+" || self.placement.interface(value).is_some();
        if matches!(name, "-i" | "-o") && !known {
            read.unclear.push(format!("the interface `{value}` is not the policy's"));
        }
        if name == "--ctstate" && value.to_ascii_uppercase().contains("NAT") {
            read.unclear.push("whether a flow's addresses are translated is not known".to_owned());
        }
    }

    /// What is done with the packets that match.
    fn then(
        &self,
        table: &str,
        read: &mut Read<'_>,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Vec<Then>, String> {
        let Some((goto, target)) = read.target else { return Ok(vec![Then::Continue]) };
        if let Some(chain) = find(target) {
            return Ok(vec![if goto { Then::Goto(chain) } else { Then::Jump(chain) }]);
        }
        let extension = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if goto || !target.bytes().all(extension) {
            return Err(format!("there is no chain `{target}`"));
        }
        Ok(vec![match target {
            "ACCEPT" => Then::Decide(Verdict::Accept),
            "DROP" => Then::Decide(Verdict::Drop),
            "RETURN" => Then::Return,
            "REJECT" => self.reject(read),
            "NOTRACK" if table == "raw" => Then::Decide(Verdict::Untrack),
            "CT" if table == "raw" && read.untracks => Then::Decide(Verdict::Untrack),
            _ if GO_ON.contains(&target) => Then::Continue,
            _ => {
                read.may(format!("the target `{target}` is not understood"));
                return Ok(vec![Then::Decide(Verdict::Accept), Then::Decide(Verdict::Drop)]);
            }
        }])
    }

    fn reject(&self, read: &mut Read<'_>) -> Then {
        let with = read.reject_with.unwrap_or("port-unreach");
        let tcp = |when: &Match| matches!(when, Match::Field(Field::Protocol, ranges) if *ranges == [(TCP.into(), TCP.into())]);
        match (with, self.family) {
            ("tcp-reset" | "tcp-rst", _) if read.when.iter().any(tcp) => {
                return Then::Decide(Verdict::RejectReset);
            }
            ("icmp-admin-prohibited" | "admin-prohib", Family::V4)
            | ("icmp6-adm-prohibited" | "adm-prohibited", Family::V6) => {}
            _ => read.unclear.push(format!(
                "`REJECT` answers `{with}`, which no policy asks for: taken as administratively \
                 prohibited"
            )),
        }
        Then::Decide(Verdict::RejectProhibited)
    }

    /// Rewrites a rule that comes before nat to speak of what filter sees; what one before forwarding says of
    /// the hop limit is not of the one that filter sees.
    fn blur(&self, table: &str, read: &mut Read<'_>) {
        let chain = read.chain.unwrap_or_default();
        let before = matches!(table, "raw" | "mangle")
            && !matches!(chain, "INPUT" | "FORWARD" | "POSTROUTING");
        if before && self.translation.blur(&mut read.when) {
            let reason = "nat may change the destination behind this table";
            read.unclear.push(reason.to_owned());
        }
        if before && chain != "OUTPUT" && read.when.iter().any(of_hops) {
            read.when.retain(|one| !of_hops(one));
            read.may("packets that are forwarded lose a hop behind this table".to_owned());
        }
    }
}

impl Read<'_> {
    /// Adds a condition that may hold.
    fn may(&mut self, reason: String) {
        self.when.push(Match::Unknown);
        self.unclear.push(reason);
    }
}

/// Tells whether a match is none whose options are read one by one; a protocol's own options are.
fn foreign(name: &str) -> bool {
    !MATCHES.contains(&name) && super::names::protocol(name).is_none()
}

fn of_hops(one: &Match) -> bool {
    matches!(one, Match::Field(Field::HopLimit, _))
}

impl Rules for Reader<'_> {
    fn built_in(&self, table: &str, chain: &str) -> bool {
        let stages = STAGES.iter().map(|(table, chain, _)| (*table, *chain));
        stages.chain(NAT).any(|stage| stage == (table, chain))
    }

    fn rule(
        &mut self,
        table: &str,
        text: &str,
        place: Place,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<(String, Vec<Clause>), String> {
        if !matches!(table, "filter" | "raw" | "mangle" | "security" | "nat") {
            return Err(format!("there is no table `{table}`"));
        }
        let words = split(text).ok_or("a quote is not closed")?;
        let mut read = self.read(table, &tell(&words)?)?;
        let chain = read.chain.ok_or("no chain")?.to_owned();
        // nat refuses nothing (the kernel takes no DROP there).
        if table == "nat" {
            return Ok((chain, Vec::new()));
        }
        let then = self.then(table, &mut read, find)?;
        if then == [Then::Continue] {
            // Whatever it matches, nothing comes of it.
            return Ok((chain, vec![Clause { when: read.when, then: Then::Continue, place }]));
        }
        self.blur(table, &mut read);
        if !read.unclear.is_empty() {
            self.unclear.push(ReadError { place, reason: read.unclear.join("; ") });
        }
        let clause = |then| Clause { when: read.when.clone(), then, place };
        Ok((chain, then.into_iter().map(clause).collect()))
    }
}
