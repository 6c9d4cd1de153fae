//! What single conditions mean, once their words are known: of the strict reader and of the one of listings.

use crate::net::Family;
use crate::net::protocol::{self, ICMPV6};
use crate::program::sets::{self, others};
use crate::program::{Field, Match, Ranges};
use ipnet::{Ipv4Net, Ipv6Net};

/// `-s`, `-d`: an address or a prefix.
pub(in crate::firewall::iptables) fn address(
    family: Family,
    source: bool,
    text: &str,
    negated: bool,
) -> Result<Match, String> {
    let wrong = || format!("`{text}` is no {family} prefix");
    match family {
        Family::V4 => {
            let net: Ipv4Net = match text.contains('/') {
                true => text.parse().map_err(|_| wrong())?,
                false => text.parse::<std::net::Ipv4Addr>().map_err(|_| wrong())?.into(),
            };
            Ok(ranges4(source, sets::v4([net.trunc()]), negated))
        }
        Family::V6 => {
            let net: Ipv6Net = match text.contains('/') {
                true => text.parse().map_err(|_| wrong())?,
                false => text.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?.into(),
            };
            Ok(ranges6(source, sets::v6([net.trunc()]), negated))
        }
    }
}

/// Source or destination in sorted ranges of IPv4, or outside them.
pub(in crate::firewall::iptables) fn ranges4(
    source: bool,
    ranges: Ranges<u32>,
    negated: bool,
) -> Match {
    let ranges = if negated { others(&ranges, u32::MAX) } else { ranges };
    if source { Match::Source4(ranges) } else { Match::Destination4(ranges) }
}

/// Source or destination in sorted ranges of IPv6, or outside them.
pub(in crate::firewall::iptables) fn ranges6(
    source: bool,
    ranges: Ranges<u128>,
    negated: bool,
) -> Match {
    let ranges = if negated { others(&ranges, u128::MAX) } else { ranges };
    if source { Match::Source6(ranges) } else { Match::Destination6(ranges) }
}

/// `10.0.0.1-10.0.0.9`, or one address.
pub(in crate::firewall::iptables) fn range(
    family: Family,
    source: bool,
    text: &str,
    negated: bool,
) -> Result<Match, String> {
    let wrong = || format!("`{text}` is no {family} range");
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match family {
        Family::V4 => {
            let read = |text: &str| text.parse::<std::net::Ipv4Addr>().map_err(|_| wrong());
            let (low, high) = (read(low)?.to_bits(), read(high)?.to_bits());
            Ok(ranges4(source, ordered(low, high), negated))
        }
        Family::V6 => {
            let read = |text: &str| text.parse::<std::net::Ipv6Addr>().map_err(|_| wrong());
            let (low, high) = (read(low)?.to_bits(), read(high)?.to_bits());
            Ok(ranges6(source, ordered(low, high), negated))
        }
    }
}

/// The range from one address to another; none when they are the wrong way round.
fn ordered<T: Ord>(low: T, high: T) -> Ranges<T> {
    if low <= high { vec![(low, high)] } else { Vec::new() }
}

/// An ICMP type, with or without a code.
pub(in crate::firewall::iptables) fn icmp(
    family: Family,
    text: &str,
    negated: bool,
) -> Result<Match, String> {
    let wrong = || format!("`{text}` is no ICMP type");
    let (ty, code) = match text.split_once('/') {
        Some((ty, code)) => (ty, Some(code.parse::<u8>().map_err(|_| wrong())?)),
        None => (text, None),
    };
    let ty: u32 = ty.parse::<u8>().map_err(|_| wrong())?.into();
    let mut ranges = match code {
        // The kernel takes type 255 of IPv4 for any type (icmp_type_code_match).
        _ if family == Family::V4 && ty == 255 => vec![(0, 0xffff)],
        Some(code) => vec![(ty << 8 | u32::from(code), ty << 8 | u32::from(code))],
        None => vec![(ty << 8, ty << 8 | 0xff)],
    };
    if negated {
        ranges = others(&ranges, 0xffff);
    }
    Ok(Match::Field(Field::DestinationPort, ranges))
}

/// `-p`: a name or a number; 0 and `all` mean any protocol, whatever the packet carries.
///
/// Returns the protocol too, if it can be no other.
pub(in crate::firewall::iptables) fn protocol_match(
    text: &str,
    negated: bool,
) -> Result<(Match, Option<u8>), String> {
    let number = match text {
        "ipv6-icmp" | "icmpv6" => Some(ICMPV6),
        "all" => Some(0),
        _ => protocol::number(text).or_else(|| text.parse().ok()),
    };
    let number: u8 = number.ok_or_else(|| format!("`{text}` is no protocol"))?;
    let wide = u32::from(number);
    if number == 0 {
        return match negated {
            false => Ok((Match::Field(Field::Protocol, vec![(0, 255)]), None)),
            true => Err("no packet is of no protocol".to_owned()),
        };
    }
    if negated {
        return Ok((Match::Field(Field::Protocol, others(&[(wide, wide)], 255)), None));
    }
    Ok((Match::Field(Field::Protocol, vec![(wide, wide)]), Some(number)))
}

pub(in crate::firewall::iptables) fn ports(
    source: bool,
    text: &str,
    negated: bool,
) -> Result<Match, String> {
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
pub(in crate::firewall::iptables) fn tcp_flags(
    mask: &str,
    set: &str,
    negated: bool,
) -> Result<Match, String> {
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

pub(in crate::firewall::iptables) fn states(text: &str, negated: bool) -> Result<Match, String> {
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
