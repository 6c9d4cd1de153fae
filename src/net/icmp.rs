//! ICMP types by name, and the word that stands for a type and a code.

use super::{Family, PortSet};

/// Joins a type and a code into one number: type × 256 + code, the first two octets of the header.
///
/// A packet has either ports or this word, so the sets and the proof need one field for both.
pub fn word(ty: u8, code: u8) -> u16 {
    u16::from(ty) << 8 | u16::from(code)
}

/// Returns the words of a type with any code.
pub fn all_codes(ty: u8) -> PortSet {
    PortSet::range(word(ty, 0), word(ty, u8::MAX))
}

/// Splits a word into type and code.
pub fn split(word: u16) -> (u8, u8) {
    let [ty, code] = word.to_be_bytes();
    (ty, code)
}

/// Name and type for IPv4; IANA "ICMP Type Numbers", spelled as the firewalls of Linux do.
const V4: &[(&str, u8)] = &[
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("source-quench", 4),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
];

/// Name and type for IPv6; IANA "ICMPv6 type Numbers", spelled as the firewalls of Linux do.
const V6: &[(&str, u8)] = &[
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("mld-listener-query", 130),
    ("mld-listener-report", 131),
    ("mld-listener-done", 132),
    ("nd-router-solicit", 133),
    ("nd-router-advert", 134),
    ("nd-neighbor-solicit", 135),
    ("nd-neighbor-advert", 136),
    ("nd-redirect", 137),
    ("router-renumbering", 138),
    ("mld2-listener-report", 143),
];

fn table(family: Family) -> &'static [(&'static str, u8)] {
    match family {
        Family::V4 => V4,
        Family::V6 => V6,
    }
}

/// Returns the number of a type's name in a family.
pub fn number(family: Family, name: &str) -> Option<u8> {
    table(family).iter().find(|(known, _)| *known == name).map(|(_, ty)| *ty)
}

/// Returns the name of a type in a family, where it has one here.
pub fn name(family: Family, ty: u8) -> Option<&'static str> {
    table(family).iter().find(|(_, known)| *known == ty).map(|(name, _)| *name)
}

/// Returns the names of a family's types, for suggestions.
pub fn names(family: Family) -> impl Iterator<Item = &'static str> {
    table(family).iter().map(|(name, _)| *name)
}

/// Returns the type that answers a request: echo (RFC 792, RFC 4443) and timestamp (RFC 792).
pub fn reply_of(family: Family, ty: u8) -> Option<u8> {
    match (family, ty) {
        (Family::V4, 8) => Some(0),
        (Family::V4, 13) => Some(14),
        (Family::V6, 128) => Some(129),
        _ => None,
    }
}

/// The requests that have an answer, by family.
pub fn requests(family: Family) -> &'static [u8] {
    match family {
        Family::V4 => &[8, 13],
        Family::V6 => &[128],
    }
}

/// The types that report an error about another packet and that a flow needs: destination
/// unreachable and time exceeded; for IPv6 also packet too big and parameter problem (RFC 4890 4.3).
pub fn errors(family: Family) -> PortSet {
    match family {
        Family::V4 => all_codes(3).union(&all_codes(11)),
        Family::V6 => PortSet::range(word(1, 0), word(4, u8::MAX)),
    }
}
