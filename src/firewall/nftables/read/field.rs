//! What a condition looks at, as far as programs know it.

use super::writes::Writes;
use crate::firewall::nftables::syntax::{Expression, Token, texts};
use crate::net::{Family, protocol};
use crate::program::{self, Match};

/// What a condition looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    /// `meta nfproto`, `meta protocol`.
    Family,
    /// `meta l4proto`.
    Protocol,
    /// `ip saddr`, `ip6 saddr`.
    Source(Family),
    /// `ip daddr`, `ip6 daddr`.
    Destination(Family),
    /// `ip ttl`, `ip6 hoplimit`.
    HopLimit(Family),
    /// `tcp sport`, or `None` for `th sport`: the header of no protocol in particular.
    SourcePort(Option<u8>),
    /// `tcp dport`, `th dport`.
    DestinationPort(Option<u8>),
    /// `icmp type`, `icmpv6 type`.
    IcmpType(Family),
    /// `icmp code`, `icmpv6 code`.
    IcmpCode(Family),
    /// `iifname`, `iif`.
    Incoming,
    /// `oifname`, `oif`.
    Outgoing,
    /// `ct state`.
    State,
    /// `tcp flags`.
    Flags,
}

/// A field as a rule names it; `ip protocol` is a protocol and a family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// What it looks at.
    pub(super) field: Field,
    /// The family that its name implies.
    pub(super) family: Option<Family>,
}

/// Returns what an expression looks at, several where they are joined; `None` for what programs do not know.
pub(super) fn looks(expression: &Expression<'_, '_>) -> Option<Vec<Look>> {
    match expression {
        Expression::Of(words) => Some(vec![look(words)?]),
        Expression::Concatenation(list) => {
            let one = |part: &Expression<'_, '_>| match part {
                Expression::Of(words) => look(words),
                _ => None,
            };
            list.iter().map(one).collect()
        }
        _ => None,
    }
}

/// Returns the field of some words.
pub(super) fn look(words: &[Token<'_>]) -> Option<Look> {
    let texts = texts(words);
    let plain = |field| Some(Look { field, family: None });
    let ports = |header: &str| match header {
        "th" => Some(None),
        _ => protocol::number(header).filter(|number| protocol::has_ports(*number)).map(Some),
    };
    plain(match texts.as_slice() {
        ["meta", "nfproto" | "protocol"] => Field::Family,
        ["meta", "l4proto"] => Field::Protocol,
        ["iif" | "iifname"] | ["meta", "iif" | "iifname"] => Field::Incoming,
        ["oif" | "oifname"] | ["meta", "oif" | "oifname"] => Field::Outgoing,
        ["ip", "protocol"] => {
            return Some(Look { field: Field::Protocol, family: Some(Family::V4) });
        }
        ["ip6", "nexthdr"] => {
            return Some(Look { field: Field::Protocol, family: Some(Family::V6) });
        }
        ["ip", "saddr"] => Field::Source(Family::V4),
        ["ip6", "saddr"] => Field::Source(Family::V6),
        ["ip", "daddr"] => Field::Destination(Family::V4),
        ["ip6", "daddr"] => Field::Destination(Family::V6),
        ["ip", "ttl"] => Field::HopLimit(Family::V4),
        ["ip6", "hoplimit"] => Field::HopLimit(Family::V6),
        ["icmp", "type"] => Field::IcmpType(Family::V4),
        ["icmpv6", "type"] => Field::IcmpType(Family::V6),
        ["icmp", "code"] => Field::IcmpCode(Family::V4),
        ["icmpv6", "code"] => Field::IcmpCode(Family::V6),
        ["ct", "state"] => Field::State,
        ["tcp", "flags"] => Field::Flags,
        ["@th", ",", "0", ",", "16"] => Field::SourcePort(None),
        ["@th", ",", "16", ",", "16"] => Field::DestinationPort(None),
        [header, "sport"] => Field::SourcePort(ports(header)?),
        [header, "dport"] => Field::DestinationPort(ports(header)?),
        _ => return None,
    })
}

/// Returns the conditions that looking at something brings by itself (`nft --debug=netlink`), where that is
/// known.
pub(super) fn brought(expression: &Expression<'_, '_>) -> Vec<Match> {
    match expression {
        Expression::Of(words) => of_words(words),
        Expression::Concatenation(list) => list.iter().flat_map(brought).collect(),
        Expression::Binary(_, pair) => brought(&pair.0),
        _ => Vec::new(),
    }
}

/// Returns the conditions that looking at a field brings by itself.
pub(super) fn of_words(words: &[Token<'_>]) -> Vec<Match> {
    if let Some(look) = look(words) {
        return look.implied();
    }
    match texts(words).as_slice() {
        ["ip", field] if *field != "option" => vec![Match::Family(Family::V4)],
        ["ip6", _] => vec![Match::Family(Family::V6)],
        ["icmp", _] => icmp(Family::V4),
        ["icmpv6", _] => icmp(Family::V6),
        [header @ ("tcp" | "udp" | "sctp"), _] => {
            protocol::number(header).into_iter().map(|number| protocols(&[number])).collect()
        }
        _ => Vec::new(),
    }
}

fn icmp(family: Family) -> Vec<Match> {
    let number = if family == Family::V4 { protocol::ICMP } else { protocol::ICMPV6 };
    vec![Match::Family(family), protocols(&[number])]
}

/// The condition that a packet is of one of some protocols.
pub(super) fn protocols(numbers: &[u8]) -> Match {
    let ranges = numbers.iter().map(|number| (u32::from(*number), u32::from(*number)));
    Match::Field(program::Field::Protocol, ranges.collect())
}

impl Look {
    /// Tells whether it is a port of no protocol in particular.
    pub(super) fn any_header(&self) -> bool {
        matches!(self.field, Field::SourcePort(None) | Field::DestinationPort(None))
    }

    /// Returns what a rule must have written for the field to be another one than it was.
    pub(super) fn written(&self) -> Writes {
        match self.field {
            Field::Family => Writes::NOTHING,
            Field::Protocol => Writes::PROTOCOL,
            Field::Source(_) => Writes::SOURCE,
            Field::Destination(_) => Writes::DESTINATION,
            Field::HopLimit(_) => Writes::HOPS,
            Field::SourcePort(_)
            | Field::DestinationPort(_)
            | Field::IcmpType(_)
            | Field::IcmpCode(_)
            | Field::Flags => Writes::HEADER,
            Field::Incoming => Writes::INCOMING,
            Field::Outgoing => Writes::OUTGOING,
            Field::State => Writes::NOTHING,
        }
    }

    /// Returns the conditions that looking there brings by itself.
    pub(super) fn implied(&self) -> Vec<Match> {
        let of = |number: u8| vec![protocols(&[number])];
        let mut when = match self.field {
            Field::Source(of) | Field::Destination(of) | Field::HopLimit(of) => {
                vec![Match::Family(of)]
            }
            Field::SourcePort(Some(number)) | Field::DestinationPort(Some(number)) => of(number),
            Field::IcmpType(family) | Field::IcmpCode(family) => icmp(family),
            Field::Flags => of(protocol::TCP),
            _ => Vec::new(),
        };
        when.extend(self.family.map(Match::Family));
        when
    }

    /// Returns the protocol that a port implies, which is the same for all elements of a set.
    pub(super) fn carried(&self) -> Option<Match> {
        match self.field {
            Field::SourcePort(of) | Field::DestinationPort(of) => {
                of.map(|number| protocols(&[number]))
            }
            _ => None,
        }
    }

    /// Returns the field without the protocol that it implies.
    pub(super) fn bare(&self) -> Self {
        let field = match self.field {
            Field::SourcePort(_) => Field::SourcePort(None),
            Field::DestinationPort(_) => Field::DestinationPort(None),
            other => other,
        };
        Look { field, ..*self }
    }

    /// Returns the type that a set of such values has.
    pub(super) fn kind(&self) -> &'static [&'static str] {
        match self.field {
            Field::Family => &["nf_proto", "ether_type"],
            Field::Protocol => &["inet_proto"],
            Field::Source(Family::V4) | Field::Destination(Family::V4) => &["ipv4_addr"],
            Field::Source(Family::V6) | Field::Destination(Family::V6) => &["ipv6_addr"],
            Field::HopLimit(_) => &["integer"],
            Field::SourcePort(_) | Field::DestinationPort(_) => &["inet_service"],
            Field::IcmpType(Family::V4) => &["icmp_type"],
            Field::IcmpType(Family::V6) => &["icmpv6_type"],
            Field::IcmpCode(Family::V4) => &["icmp_code"],
            Field::IcmpCode(Family::V6) => &["icmpv6_code"],
            Field::Incoming | Field::Outgoing => &["ifname", "iface_index"],
            Field::State => &["ct_state"],
            Field::Flags => &["tcp_flag"],
        }
    }
}
