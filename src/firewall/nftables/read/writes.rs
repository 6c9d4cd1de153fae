//! What rules write: into packets, into a connection's entry, or where packets go.
//!
//! Whatever looks at what a rule may have written is doubtful: in a packet from that chain on, in a
//! connection's entry everywhere, for its other packets come by again.

use super::field::{Field, look};
use crate::firewall::nftables::syntax::{Rule, Statement, Token, What, texts};
use crate::ir::State;
use crate::program::{self, Match, Ranges};
use std::ops::BitOr;

/// A set of things that rules write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Writes(u16);

impl Writes {
    /// Nothing.
    pub(super) const NOTHING: Self = Writes(0);
    /// The source address.
    pub(super) const SOURCE: Self = Writes(1);
    /// The destination address.
    pub(super) const DESTINATION: Self = Writes(1 << 1);
    /// The hop limit.
    pub(super) const HOPS: Self = Writes(1 << 2);
    /// Ports, flags, an ICMP type: what stands behind the IP header.
    pub(super) const HEADER: Self = Writes(1 << 3);
    /// The protocol.
    pub(super) const PROTOCOL: Self = Writes(1 << 4);
    /// The incoming interface.
    pub(super) const INCOMING: Self = Writes(1 << 5);
    /// The outgoing interface.
    pub(super) const OUTGOING: Self = Writes(1 << 6);
    /// A mark, of a packet or a connection: no condition on it is ever understood.
    pub(super) const MARK: Self = Writes(1 << 7);
    /// Which connection a packet is looked up in: any state may be any other.
    pub(super) const ZONE: Self = Writes(1 << 8);
    /// What else belongs to a connection: a new packet may be a related one.
    pub(super) const RELATED: Self = Writes(1 << 9);
    /// Invalid packets become untracked ones.
    pub(super) const LATE: Self = Writes(1 << 10);
    /// Addresses and ports by translation, which replies follow.
    pub(super) const TRANSLATION: Self = Writes(1 << 11);
    /// Established connections pass by the rules.
    pub(super) const OFFLOAD: Self = Writes(1 << 12);
    /// All of a packet.
    pub(super) const PACKET: Self = Writes(0x7f);
    /// All of a packet and its connection.
    pub(super) const ANYTHING: Self = Writes(0x7ff);

    /// Tells whether any of the others is among them.
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns them without others.
    pub(super) fn without(self, other: Self) -> Self {
        Writes(self.0 & !other.0)
    }

    /// Returns the condition that a packet's state is one of some, as far as it is still the one that it had.
    pub(super) fn of_states(self, ranges: Ranges<u32>) -> Match {
        let mixed: &[State] = match self {
            all if all.has(Self::ZONE) => &State::ALL,
            both if both.has(Self::RELATED) && both.has(Self::LATE) => {
                &[State::New, State::Related, State::Invalid, State::Untracked]
            }
            some if some.has(Self::RELATED) => &[State::New, State::Related],
            some if some.has(Self::LATE) => &[State::Invalid, State::Untracked],
            _ => &[],
        };
        let inside = |at: u32| ranges.iter().any(|(low, high)| (*low..=*high).contains(&at));
        let all = (0u32..).zip(State::ALL);
        let (unsure, sure): (Vec<_>, Vec<_>) = all.partition(|(_, state)| mixed.contains(state));
        let count = unsure.iter().filter(|(at, _)| inside(*at)).count();
        if count == 0 || count == unsure.len() {
            return Match::Field(program::Field::State, ranges);
        }
        let of = |list: Vec<(u32, State)>| list.into_iter().map(|(at, _)| (at, at)).collect();
        let sure = sure.into_iter().filter(|(at, _)| inside(*at)).collect();
        Match::AnyOf(vec![
            vec![Match::Field(program::Field::State, of(sure))],
            vec![Match::Field(program::Field::State, of(unsure)), Match::Unknown],
        ])
    }
}

impl BitOr for Writes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Writes(self.0 | other.0)
    }
}

/// Fields of packets that no condition here is sure of anyhow, so that nothing else hangs on them.
const UNSEEN: &[&[&str]] = &[
    &["ip", "dscp"],
    &["ip", "ecn"],
    &["ip", "id"],
    &["ip6", "dscp"],
    &["ip6", "ecn"],
    &["ip6", "flowlabel"],
];

/// Keys of `meta` and `ct` whose values decide nothing here: marks, priorities, labels, what is told to
/// listeners, and how long an entry is kept.
const MARKS: &[&str] = &["mark", "priority", "nftrace", "secmark", "label", "event", "timeout"];

/// Targets of iptables that nft lists without what they write, and what that is at most. Any other may write
/// anything.
const TARGETS: &[(&str, Writes)] = &[
    ("LOG", Writes::NOTHING),
    ("NFLOG", Writes::NOTHING),
    ("ULOG", Writes::NOTHING),
    ("AUDIT", Writes::NOTHING),
    ("TRACE", Writes::NOTHING),
    ("LED", Writes::NOTHING),
    ("IDLETIMER", Writes::NOTHING),
    ("RATEEST", Writes::NOTHING),
    ("REJECT", Writes::NOTHING),
    ("TCPMSS", Writes::NOTHING),
    ("TCPOPTSTRIP", Writes::NOTHING),
    ("CHECKSUM", Writes::NOTHING),
    ("DSCP", Writes::NOTHING),
    ("TOS", Writes::NOTHING),
    ("MARK", Writes::MARK),
    ("CONNMARK", Writes::MARK),
    ("SECMARK", Writes::MARK),
    ("CONNSECMARK", Writes::MARK),
    ("CLASSIFY", Writes::MARK),
    ("SET", Writes::MARK),
    ("HL", Writes::HOPS),
    ("TTL", Writes::HOPS),
    ("DNAT", Writes::TRANSLATION),
    ("SNAT", Writes::TRANSLATION),
    ("MASQUERADE", Writes::TRANSLATION),
    ("REDIRECT", Writes::TRANSLATION),
    ("NETMAP", Writes::TRANSLATION),
];

/// Statements and targets that give packets to somebody, who may do anything with them, but not to the
/// entries of connections.
const PACKETS: &[&str] = &[
    "queue", "dup", "fwd", "tproxy", "synproxy", "NFQUEUE", "TEE", "TPROXY", "SYNPROXY", "TARPIT",
];

/// Returns what a rule writes.
pub(super) fn of_rule(rule: &Rule<'_, '_>) -> Writes {
    rule.statements.iter().map(of_statement).fold(Writes::NOTHING, BitOr::bitor)
}

/// Returns what a statement writes.
pub(super) fn of_statement(statement: &Statement<'_, '_>) -> Writes {
    match &statement.what {
        What::Match(..) | What::VerdictMap(..) | What::Update(..) | What::Verdict(_) => {
            Writes::NOTHING
        }
        What::Write(words, _) => of_field(words),
        // What it writes into packets is read with the chains, for only some packets come by.
        What::Unknown => match statement.words.first().map_or("", |token| token.kind.text()) {
            word if PACKETS.contains(&word) => Writes::NOTHING,
            _ => Writes::ZONE,
        },
        What::Keyword("snat" | "dnat" | "masquerade" | "redirect") => Writes::TRANSLATION,
        What::Keyword("flow") => Writes::OFFLOAD,
        What::Keyword("notrack") => Writes::LATE,
        What::Keyword("xt") => match texts(statement.words).as_slice() {
            ["xt", "target", name] => match target(name) {
                Some(writes) => writes,
                None if PACKETS.contains(name) => Writes::NOTHING,
                None => Writes::ZONE,
            },
            _ => Writes::NOTHING,
        },
        // An option of TCP is taken out: none is looked at.
        What::Keyword("reset") => Writes::NOTHING,
        What::Keyword(_) => Writes::NOTHING,
    }
}

/// Returns what a target of iptables writes at most, where that is known.
pub(super) fn target(name: &str) -> Option<Writes> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, writes)| *writes)
}

fn of_field(words: &[Token<'_>]) -> Writes {
    if let Some(look) = look(words) {
        return if look.field == Field::State { Writes::ZONE } else { look.written() };
    }
    let texts = texts(words);
    match texts.as_slice() {
        ["meta" | "ct", key] if MARKS.contains(key) => Writes::MARK,
        [key] if MARKS.contains(key) => Writes::MARK,
        ["ct", "helper" | "expectation"] => Writes::RELATED,
        ["ct", "zone"] | ["ct", "original" | "reply", "zone"] => Writes::ZONE,
        ["ct", ..] => Writes::ANYTHING,
        ["tcp", "option", ..] => Writes::NOTHING,
        field if UNSEEN.contains(&field) => Writes::NOTHING,
        _ => Writes::PACKET,
    }
}
