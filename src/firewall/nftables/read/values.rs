//! Words to the values that they stand for.

use super::refuse;
use super::syntax::{Elements, Field, Type, Word};
use crate::firewall::ReadError;
use crate::ir::State;
use crate::net::{Family, Scalar, icmp, protocol};
use crate::program::sets;
use crate::program::{self, Match, Ranges};
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

type Result<T> = std::result::Result<T, ReadError>;

/// The values of a match or of a set, by what they are values of.
#[derive(Clone, Debug)]
pub(in crate::firewall::nftables) enum Set {
    /// IPv4 addresses.
    V4(Ranges<u32>),
    /// IPv6 addresses.
    V6(Ranges<u128>),
    /// Numbers.
    Numbers(Ranges<u32>),
}

/// Reads the elements of a set of addresses, ports or protocols.
pub(super) fn elements(kind: Type, list: Option<&Elements<'_>>, interval: bool) -> Result<Set> {
    read(kind, interval, |take| {
        let one = |values: &[Word<'_>]| values.iter().copied().try_for_each(&mut *take);
        list.map_or(Ok(()), |list| list.each(1, one))
    })
}

/// Takes each word of a list in its turn.
type Take<'t> = dyn FnMut(Word<'_>) -> Result<()> + 't;

/// Reads the values of a type that `each` hands over.
fn read(kind: Type, interval: bool, each: impl FnOnce(&mut Take<'_>) -> Result<()>) -> Result<Set> {
    match kind {
        Type::Address(family) => addresses(family, interval, each),
        Type::Port => numbers(port_number, interval, each),
        Type::Protocol => numbers(protocol_number, interval, each),
    }
}

/// Reads one element of a set: one prefix needs no set engine.
pub(in crate::firewall::nftables) fn element(
    kind: Type,
    word: Word<'_>,
    interval: bool,
) -> Result<Set> {
    let whole = |most: u8| match word.text.split_once('/') {
        Some((text, length)) if interval => Some((text, u8::try_from(decimal(length)?).ok()?)),
        Some(_) => None,
        None => Some((word.text, most)),
    };
    let v4 = || {
        let (text, length) = whole(32)?;
        let net = Ipv4Net::new(text.parse().ok()?, length).ok()?;
        (net.addr() == net.network()).then(|| (net.addr().to_bits(), net.broadcast().to_bits()))
    };
    let v6 = || {
        let (text, length) = whole(128)?;
        let net = Ipv6Net::new(text.parse().ok()?, length).ok()?;
        (net.addr() == net.network()).then(|| (net.addr().to_bits(), net.broadcast().to_bits()))
    };
    let one = match kind {
        Type::Address(Family::V4) => v4().map(|range| Set::V4(vec![range])),
        Type::Address(Family::V6) => v6().map(|range| Set::V6(vec![range])),
        Type::Port | Type::Protocol => None,
    };
    one.map_or_else(|| read(kind, interval, |take| take(word)), Ok)
}

fn addresses(
    family: Family,
    interval: bool,
    each: impl FnOnce(&mut Take<'_>) -> Result<()>,
) -> Result<Set> {
    match family {
        Family::V4 => {
            let net = |at: Ipv4Addr, length| {
                Ipv4Net::new(at, length).ok().filter(|n| n.addr() == n.network())
            };
            let (nets, mut ranges) = split(interval, 32, net, Ipv4Addr::to_bits, each)?;
            ranges.extend(sets::v4(nets));
            Ok(Set::V4(ranges))
        }
        Family::V6 => {
            let net = |at: Ipv6Addr, length| {
                Ipv6Net::new(at, length).ok().filter(|n| n.addr() == n.network())
            };
            let (nets, mut ranges) = split(interval, 128, net, Ipv6Addr::to_bits, each)?;
            ranges.extend(sets::v6(nets));
            Ok(Set::V6(ranges))
        }
    }
}

/// Splits addresses into prefixes and ranges (`a-b`, which `nft list` writes for what is no prefix).
fn split<A: FromStr + Copy, N, T: Ord>(
    interval: bool,
    most: u8,
    net: impl Fn(A, u8) -> Option<N>,
    bits: fn(A) -> T,
    each: impl FnOnce(&mut Take<'_>) -> Result<()>,
) -> Result<(Vec<N>, Ranges<T>)> {
    let (mut nets, mut ranges) = (Vec::new(), Vec::new());
    each(&mut |word| {
        let bad = || refuse(word.line, format!("`{}` is not an address or prefix here", word.text));
        let address = |text: &str| text.parse::<A>().map_err(|_| bad());
        let mark = word.text.bytes().position(|b| matches!(b, b'-' | b'/'));
        let (text, rest) = word.text.split_at(mark.unwrap_or(word.text.len()));
        if let Some(high) = rest.strip_prefix('-') {
            let (low, high) = (bits(address(text)?), bits(address(high)?));
            if low > high || !interval {
                return Err(bad());
            }
            ranges.push((low, high));
            return Ok(());
        }
        let length = match rest.strip_prefix('/') {
            Some(length) if interval => decimal(length).ok_or_else(bad)?,
            Some(_) => return Err(bad()),
            None => most.into(),
        };
        let length = u8::try_from(length).map_err(|_| bad())?;
        nets.push(net(address(text)?, length).ok_or_else(bad)?);
        Ok(())
    })?;
    Ok((nets, ranges))
}

/// Reads a decimal number without leading zeros, which others read as octal.
fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

fn port_number(text: &str) -> Option<u32> {
    decimal(text).filter(|port| *port <= 65535)
}

fn protocol_number(text: &str) -> Option<u32> {
    let named = match text {
        // The names in /etc/protocols, by which `nft list` writes them without `--numeric-protocol`.
        "ipv6-icmp" => Some(protocol::ICMPV6),
        "ip" => Some(0),
        _ => protocol::number(text),
    };
    named.map(u32::from).or_else(|| decimal(text).filter(|number| *number <= 255))
}

fn numbers(
    one: impl Fn(&str) -> Option<u32>,
    interval: bool,
    each: impl FnOnce(&mut Take<'_>) -> Result<()>,
) -> Result<Set> {
    let mut ranges = Vec::new();
    each(&mut |word| {
        let bad = || refuse(word.line, format!("`{}` is not a value here", word.text));
        // A name may have a hyphen, so the whole word is tried first.
        let range = match one(word.text) {
            Some(value) => (value, value),
            None => {
                let (low, high) = word.text.split_once('-').ok_or_else(bad)?;
                (one(low).ok_or_else(bad)?, one(high).ok_or_else(bad)?)
            }
        };
        if range.0 > range.1 || (range.0 < range.1 && !interval) {
            return Err(bad());
        }
        ranges.push(range);
        Ok(())
    })?;
    Ok(Set::Numbers(ranges))
}

/// Reads the values that a rule lists for a field.
pub(in crate::firewall::nftables) fn listed(
    field: Field,
    words: &[Word<'_>],
    interfaces: impl Fn(&str) -> Option<u32>,
) -> Result<Set> {
    let each = |take: &mut Take<'_>| words.iter().copied().try_for_each(take);
    let octet = |text: &str| decimal(text).filter(|n| *n <= 255);
    match field {
        Field::Source(family) | Field::Destination(family) => addresses(family, true, each),
        Field::Protocol => numbers(protocol_number, true, each),
        Field::SourcePort(_) | Field::DestinationPort(_) => numbers(port_number, true, each),
        Field::HopLimit(_) => numbers(octet, true, each),
        Field::Family => numbers(family_number, false, each),
        Field::Incoming | Field::Outgoing => numbers(interfaces, false, each),
        Field::State => numbers(state_number, false, each),
        Field::Flags => flags(words),
        Field::IcmpType(family) => icmp_types(family, each),
        Field::IcmpCode(family) => icmp_codes(family, each),
    }
}

fn family_number(text: &str) -> Option<u32> {
    match text {
        "ipv4" => Some(4),
        "ipv6" => Some(6),
        _ => None,
    }
}

fn state_number(text: &str) -> Option<u32> {
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
pub(in crate::firewall::nftables) fn flag(name: &str) -> Option<u32> {
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

/// Returns the flags octets in which one of the flags is set (RFC 9293 3.1).
fn flags(words: &[Word<'_>]) -> Result<Set> {
    let mut mask = 0u32;
    for word in words {
        mask |= flag(word.text)
            .ok_or_else(|| refuse(word.line, format!("`{}` is not a TCP flag", word.text)))?;
    }
    Ok(Set::Numbers(
        (0..=255).filter(|octet| octet & mask != 0).map(|octet| (octet, octet)).collect(),
    ))
}

fn icmp_types(family: Family, each: impl FnOnce(&mut Take<'_>) -> Result<()>) -> Result<Set> {
    let one = |text: &str| match decimal(text) {
        Some(number) => Some(number).filter(|number| *number <= 255),
        None => icmp::number(family, text).map(u32::from),
    };
    let Set::Numbers(types) = numbers(one, true, each)? else {
        return Ok(Set::Numbers(Vec::new()));
    };
    let words = types.into_iter().map(|(low, high)| (low << 8, high << 8 | 255));
    Ok(Set::Numbers(words.collect()))
}

/// The names of codes that `nft list` writes; RFC 792, RFC 1812, RFC 4443.
fn code_number(family: Family, text: &str) -> Option<u32> {
    let named = match (family, text) {
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
        _ => return decimal(text).filter(|number| *number <= 255),
    };
    Some(named)
}

fn icmp_codes(family: Family, each: impl FnOnce(&mut Take<'_>) -> Result<()>) -> Result<Set> {
    let Set::Numbers(codes) = numbers(|text| code_number(family, text), true, each)? else {
        return Ok(Set::Numbers(Vec::new()));
    };
    let of_type = |ty: u32| codes.iter().map(move |(low, high)| (ty << 8 | low, ty << 8 | high));
    Ok(Set::Numbers((0..=255).flat_map(of_type).collect()))
}

/// Returns the values below `most` that no range has.
fn complement<T: Scalar>(ranges: &Ranges<T>, most: T) -> Ranges<T> {
    let mut sorted = ranges.clone();
    sorted.sort_unstable();
    let mut gaps = Vec::new();
    let mut from = Some(T::MIN);
    for (low, high) in sorted {
        if let (Some(start), Some(end)) = (from, low.previous())
            && start <= end
        {
            gaps.push((start, end));
        }
        let after = high.next().filter(|_| high < most);
        from = match (from, after) {
            (Some(start), Some(after)) => Some(start.max(after)),
            _ => None,
        };
    }
    gaps.extend(from.filter(|start| *start <= most).map(|start| (start, most)));
    gaps
}

impl Set {
    /// Returns the other values of the field.
    pub(in crate::firewall::nftables) fn negated(&self, field: Field, interfaces: u32) -> Self {
        match self {
            Set::V4(ranges) => Set::V4(complement(ranges, u32::MAX)),
            Set::V6(ranges) => Set::V6(complement(ranges, u128::MAX)),
            Set::Numbers(ranges) => Set::Numbers(complement(ranges, most(field, interfaces))),
        }
    }

    /// Returns the condition that a field has one of the values; `None` when they do not fit the field.
    pub(in crate::firewall::nftables) fn matching(self, field: Field) -> Option<Vec<Match>> {
        use program::Field as Known;
        let number = |field, ranges| Match::Field(field, ranges);
        let exactly = |value: u8| vec![(u32::from(value), u32::from(value))];
        let protocol = |value: u8| number(Known::Protocol, exactly(value));
        let carried = |value: Option<u8>| value.into_iter().map(protocol);
        Some(match (field, self) {
            (Field::Source(Family::V4), Set::V4(ranges)) => vec![Match::Source4(ranges)],
            (Field::Source(Family::V6), Set::V6(ranges)) => vec![Match::Source6(ranges)],
            (Field::Destination(Family::V4), Set::V4(ranges)) => vec![Match::Destination4(ranges)],
            (Field::Destination(Family::V6), Set::V6(ranges)) => vec![Match::Destination6(ranges)],
            (Field::Family, Set::Numbers(ranges)) => families(&ranges),
            (Field::Protocol, Set::Numbers(ranges)) => vec![number(Known::Protocol, ranges)],
            (Field::HopLimit(family), Set::Numbers(ranges)) => {
                vec![Match::Family(family), number(Known::HopLimit, ranges)]
            }
            (Field::SourcePort(of), Set::Numbers(ranges)) => {
                carried(of).chain([number(Known::SourcePort, ranges)]).collect()
            }
            (Field::DestinationPort(of), Set::Numbers(ranges)) => {
                carried(of).chain([number(Known::DestinationPort, ranges)]).collect()
            }
            // nft adds the family and the protocol itself (nft --debug=netlink).
            (Field::IcmpType(family) | Field::IcmpCode(family), Set::Numbers(ranges)) => {
                let of = match family {
                    Family::V4 => protocol::ICMP,
                    Family::V6 => protocol::ICMPV6,
                };
                vec![Match::Family(family), protocol(of), number(Known::DestinationPort, ranges)]
            }
            (Field::Incoming, Set::Numbers(ranges)) => vec![number(Known::Incoming, ranges)],
            (Field::Outgoing, Set::Numbers(ranges)) => vec![number(Known::Outgoing, ranges)],
            (Field::State, Set::Numbers(ranges)) => vec![number(Known::State, ranges)],
            (Field::Flags, Set::Numbers(ranges)) => {
                vec![protocol(protocol::TCP), number(Known::TcpFlags, ranges)]
            }
            _ => return None,
        })
    }
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
fn most(field: Field, interfaces: u32) -> u32 {
    match field {
        Field::Family | Field::Protocol | Field::HopLimit(_) | Field::Flags => 255,
        Field::Incoming | Field::Outgoing => interfaces,
        Field::State => 4,
        _ => 65535,
    }
}
