//! Words to the values that they stand for.

use super::field::Field;
use super::names;
use crate::ir::State;
use crate::net::service;
use crate::net::{Family, icmp, protocol};
use crate::program::sets::others;
use crate::program::{self, Match, Ranges, sorted};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The values of a condition or of a set, by what they are values of.
#[derive(Clone, Debug)]
pub(super) enum Values {
    /// IPv4 addresses.
    V4(Ranges<u32>),
    /// IPv6 addresses.
    V6(Ranges<u128>),
    /// Numbers.
    Numbers(Ranges<u32>),
}

impl Values {
    /// Returns no values of a field.
    pub(super) fn none(field: Field) -> Self {
        match field {
            Field::Source(Family::V4) | Field::Destination(Family::V4) => Values::V4(Vec::new()),
            Field::Source(Family::V6) | Field::Destination(Family::V6) => Values::V6(Vec::new()),
            _ => Values::Numbers(Vec::new()),
        }
    }

    /// Adds what a word says, `interval` telling whether it may be more than one value. `None` for no value
    /// of the field.
    pub(super) fn add(&mut self, field: Field, word: &str, interval: bool) -> Option<()> {
        match self {
            Values::V4(ranges) => {
                ranges.push(v4(word).filter(|(low, high)| interval || low == high)?)
            }
            Values::V6(ranges) => {
                ranges.push(v6(word).filter(|(low, high)| interval || low == high)?)
            }
            Values::Numbers(ranges) => numbers(field, word, interval, ranges)?,
        }
        Some(())
    }

    /// Returns the same values in order, each once.
    pub(super) fn sorted(self) -> Self {
        match self {
            Values::V4(ranges) => Values::V4(sorted(&ranges)),
            Values::V6(ranges) => Values::V6(sorted(&ranges)),
            Values::Numbers(ranges) => Values::Numbers(sorted(&ranges)),
        }
    }

    /// Returns the other values of the field.
    pub(super) fn negated(self, field: Field) -> Self {
        match self.sorted() {
            Values::V4(ranges) => Values::V4(others(&ranges, u32::MAX)),
            Values::V6(ranges) => Values::V6(others(&ranges, u128::MAX)),
            Values::Numbers(ranges) => Values::Numbers(others(&ranges, most(field))),
        }
    }

    /// Returns the condition that a field has one of the values.
    pub(super) fn matching(self, field: Field) -> Vec<Match> {
        use program::Field as Known;
        let number = |field, ranges| Match::Field(field, ranges);
        let protocol = |value: u8| number(Known::Protocol, vec![(value.into(), value.into())]);
        let carried = |value: Option<u8>| value.into_iter().map(protocol);
        match (field, self) {
            (Field::Source(_), Values::V4(ranges)) => vec![Match::Source4(ranges)],
            (Field::Source(_), Values::V6(ranges)) => vec![Match::Source6(ranges)],
            (_, Values::V4(ranges)) => vec![Match::Destination4(ranges)],
            (_, Values::V6(ranges)) => vec![Match::Destination6(ranges)],
            (Field::Family, Values::Numbers(ranges)) => families(&ranges),
            (Field::Protocol, Values::Numbers(ranges)) => vec![number(Known::Protocol, ranges)],
            (Field::HopLimit(family), Values::Numbers(ranges)) => {
                vec![Match::Family(family), number(Known::HopLimit, ranges)]
            }
            (Field::SourcePort(of), Values::Numbers(ranges)) => {
                carried(of).chain([number(Known::SourcePort, ranges)]).collect()
            }
            (Field::DestinationPort(of), Values::Numbers(ranges)) => {
                carried(of).chain([number(Known::DestinationPort, ranges)]).collect()
            }
            // nft adds the family and the protocol itself (nft --debug=netlink).
            (Field::IcmpType(family) | Field::IcmpCode(family), Values::Numbers(ranges)) => {
                let of = if family == Family::V4 { protocol::ICMP } else { protocol::ICMPV6 };
                vec![Match::Family(family), protocol(of), number(Known::DestinationPort, ranges)]
            }
            (Field::Incoming, Values::Numbers(ranges)) => vec![number(Known::Incoming, ranges)],
            (Field::Outgoing, Values::Numbers(ranges)) => vec![number(Known::Outgoing, ranges)],
            (Field::State, Values::Numbers(ranges)) => vec![number(Known::State, ranges)],
            (Field::Flags, Values::Numbers(ranges)) => {
                vec![protocol(protocol::TCP), number(Known::TcpFlags, ranges)]
            }
            (Field::Source(_) | Field::Destination(_), Values::Numbers(_)) => vec![Match::Unknown],
        }
    }
}

/// Reads an address, a prefix without host bits, or a range (which `nft list` writes for what is no prefix).
fn v4(text: &str) -> Option<(u32, u32)> {
    let address = |text: &str| text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits);
    let Some(mark) = text.bytes().position(|b| matches!(b, b'-' | b'/')) else {
        return address(text).map(|at| (at, at));
    };
    let (low, rest) = (address(text.get(..mark)?)?, text.get(mark + 1..)?);
    if text.as_bytes().get(mark) == Some(&b'-') {
        return address(rest).filter(|high| low <= *high).map(|high| (low, high));
    }
    let host = u32::MAX.checked_shr(decimal(rest).filter(|length| *length <= 32)?).unwrap_or(0);
    (low & host == 0).then_some((low, low | host))
}

fn v6(text: &str) -> Option<(u128, u128)> {
    let address = |text: &str| text.parse::<Ipv6Addr>().ok().map(Ipv6Addr::to_bits);
    let Some(mark) = text.bytes().position(|b| matches!(b, b'-' | b'/')) else {
        return address(text).map(|at| (at, at));
    };
    let (low, rest) = (address(text.get(..mark)?)?, text.get(mark + 1..)?);
    if text.as_bytes().get(mark) == Some(&b'-') {
        return address(rest).filter(|high| low <= *high).map(|high| (low, high));
    }
    let host = u128::MAX.checked_shr(decimal(rest).filter(|length| *length <= 128)?).unwrap_or(0);
    (low & host == 0).then_some((low, low | host))
}

/// Reads a decimal number without leading zeros, which others read as octal, or a hexadecimal one.
fn decimal(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).ok();
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

fn numbers(field: Field, word: &str, interval: bool, ranges: &mut Ranges<u32>) -> Option<()> {
    // A name may have a hyphen, so the whole word is tried first.
    let (low, high) = match number(field, word) {
        Some(value) => (value, value),
        None => {
            let (low, high) = word.split_once('-').filter(|_| interval)?;
            (number(field, low)?, number(field, high)?)
        }
    };
    if low > high {
        return None;
    }
    match field {
        Field::IcmpType(_) => ranges.push((low << 8, high << 8 | 255)),
        Field::IcmpCode(_) => {
            ranges.extend((0..=255u32).map(|ty| (ty << 8 | low, ty << 8 | high)));
        }
        _ => ranges.push((low, high)),
    }
    Some(())
}

fn number(field: Field, text: &str) -> Option<u32> {
    let octet = || decimal(text).filter(|number| *number <= 255);
    match field {
        Field::Family => match text {
            "ipv4" | "ip" | "0x0800" => Some(4),
            "ipv6" | "ip6" | "0x86dd" => Some(6),
            _ => None,
        },
        Field::Protocol => octet().or_else(|| protocol::listed(text).map(u32::from)),
        Field::SourcePort(_) | Field::DestinationPort(_) => {
            decimal(text).filter(|port| *port <= 65535).or_else(|| service(text))
        }
        Field::HopLimit(_) => octet(),
        Field::IcmpType(family) => octet()
            .or_else(|| icmp::number(family, text).map(u32::from))
            .or_else(|| names::icmp_type(text)),
        Field::IcmpCode(family) => octet().or_else(|| code(family, text)),
        Field::State => state(text),
        Field::Flags => flag(text),
        _ => None,
    }
}

/// Numbers are read before, and more strictly.
fn service(text: &str) -> Option<u32> {
    let named = text.bytes().any(|b| b.is_ascii_alphabetic());
    service::port(text).filter(|_| named).map(u32::from)
}

fn state(text: &str) -> Option<u32> {
    let state = match text {
        "new" => State::New,
        "established" => State::Established,
        "related" => State::Related,
        "invalid" => State::Invalid,
        "untracked" => State::Untracked,
        _ => return None,
    };
    State::ALL.iter().position(|known| *known == state).and_then(|at| u32::try_from(at).ok())
}

/// Returns the bit of a TCP flag in the flags octet.
pub(super) fn flag(name: &str) -> Option<u32> {
    Some(match name {
        "fin" => 1,
        "syn" => 2,
        "rst" => 4,
        "psh" => 8,
        "ack" => 16,
        "urg" => 32,
        "ecn" => 64,
        "cwr" => 128,
        _ => return None,
    })
}

/// The names of codes that `nft list` writes; RFC 792, RFC 1812, RFC 4443.
fn code(family: Family, text: &str) -> Option<u32> {
    Some(match (family, text) {
        (Family::V4, "net-unreachable") | (Family::V6, "no-route") => 0,
        (Family::V4, "host-unreachable") | (Family::V6, "admin-prohibited") => 1,
        (Family::V4, "prot-unreachable") => 2,
        (Family::V4, "port-unreachable") | (Family::V6, "addr-unreachable") => 3,
        (Family::V4, "frag-needed") | (Family::V6, "port-unreachable") => 4,
        (Family::V6, "policy-fail") => 5,
        (Family::V6, "reject-route") => 6,
        (Family::V4, "net-prohibited") => 9,
        (Family::V4, "host-prohibited") => 10,
        (Family::V4, "admin-prohibited") => 13,
        _ => return None,
    })
}

/// The numbers are 4 and 6, or what is left of all when negated.
fn families(ranges: &Ranges<u32>) -> Vec<Match> {
    let has = |wanted: u32| ranges.iter().any(|(low, high)| (*low..=*high).contains(&wanted));
    match (has(4), has(6)) {
        (true, true) => Vec::new(),
        (true, false) => vec![Match::Family(Family::V4)],
        (false, true) => vec![Match::Family(Family::V6)],
        (false, false) => vec![Match::Family(Family::V4), Match::Family(Family::V6)],
    }
}

/// Returns the largest value of a field of numbers.
fn most(field: Field) -> u32 {
    match field {
        Field::Family | Field::Protocol | Field::HopLimit(_) | Field::Flags => 255,
        Field::State => 4,
        _ => 65535,
    }
}
