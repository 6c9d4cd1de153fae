//! How sets of ports, protocols and ICMP words are written in nft's own language.

use crate::ir::packet::{HopLimit, TcpFlags};
use crate::ir::{L4, L4Kind};
use crate::net::{Family, PortSet, ProtocolSet, RangeSet, Scalar, icmp, protocol};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The protocols that nft's own grammar knows by name; others are looked up in `/etc/protocols`, which a
/// small system may not have, so they are written as numbers.
const PROTOCOL_WORDS: [u8; 9] = [1, 2, 6, 17, 50, 51, 58, 132, 136];

/// A range of ICMP types is listed by name up to so many.
const NAMED_TYPES: u8 = 8;

/// Returns the word of nft for a family's header.
pub(super) fn ip(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

/// Writes a protocol.
pub(super) fn protocol(number: u8) -> String {
    let name = protocol::name(number).filter(|_| PROTOCOL_WORDS.contains(&number));
    name.map_or_else(|| number.to_string(), str::to_owned)
}

/// Writes one range of numbers: `80` or `1024-65535`.
fn range<T: Scalar>(range: (T, T)) -> String {
    let mut text = String::new();
    push_range(&mut text, range);
    text
}

/// The same, at the end of a text.
pub(super) fn push_range<T: Scalar>(text: &mut String, (low, high): (T, T)) {
    // Writing to a text cannot fail.
    let _ = if low == high { write!(text, "{low}") } else { write!(text, "{low}-{high}") };
}

fn protocol_range((low, high): (u8, u8)) -> String {
    match high - low {
        0 => protocol(low),
        1 => format!("{}, {}", protocol(low), protocol(high)),
        _ => range((low, high)),
    }
}

/// Writes items as one value or as an anonymous set.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [one] if !one.contains(',') => one.clone(),
        _ => format!("{{ {} }}", items.join(", ")),
    }
}

/// Writes `FIELD VALUES`, or `FIELD != VALUES` where that is shorter; nothing for the full set.
fn relation<T: Scalar>(field: &str, set: &RangeSet<T>, item: fn((T, T)) -> String) -> String {
    if set.is_all() {
        return String::new();
    }
    let rest = set.complement();
    let (sign, shown) =
        if rest.ranges().len() < set.ranges().len() { ("!= ", &rest) } else { ("", set) };
    let items: Vec<_> = shown.ranges().iter().map(|r| item(*r)).collect();
    format!("{field} {sign}{}", list(&items))
}

/// Joins the parts that are not empty.
pub(super) fn words<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// Writes what a rule asks of a packet above the addresses: one text for each nft rule that it takes
/// (several only for ICMP types with different codes).
pub(super) fn l4(l4: &L4, flags: TcpFlags) -> Vec<String> {
    let flags = match flags {
        TcpFlags::Any => "",
        TcpFlags::AckOrRst => "tcp flags & (ack | rst) != 0",
    };
    let said = match l4.kind() {
        L4Kind::Any => vec![String::new()],
        L4Kind::Protocols(protocols) if !flags.is_empty() && protocols.single().is_some() => {
            vec![String::new()]
        }
        L4Kind::Protocols(protocols) => vec![protocol_set(protocols)],
        L4Kind::Ports { protocols, source, destination } => {
            vec![ports(protocols, source, destination)]
        }
        L4Kind::Icmp(words) => icmp_words(Family::V4, words),
        L4Kind::Icmpv6(words) => icmp_words(Family::V6, words),
    };
    said.iter().map(|said| words([said.as_str(), flags])).collect()
}

/// Writes a match on whole protocols.
pub(super) fn protocol_set(protocols: &ProtocolSet) -> String {
    relation("meta l4proto", protocols, protocol_range)
}

/// Writes a match on ports; with several protocols they are named once and the ports read from the
/// transport header of any (`th`).
fn ports(protocols: &ProtocolSet, source: &PortSet, destination: &PortSet) -> String {
    let (first, header) = match protocols.single() {
        Some(one) => (String::new(), protocol(one)),
        None => (protocol_set(protocols), "th".to_owned()),
    };
    let source = relation(&format!("{header} sport"), source, range);
    let destination = relation(&format!("{header} dport"), destination, range);
    words([first.as_str(), &source, &destination])
}

/// Writes ICMP words: types that have the same codes share a text.
fn icmp_words(family: Family, words: &PortSet) -> Vec<String> {
    let header = match family {
        Family::V4 => "icmp",
        Family::V6 => "icmpv6",
    };
    let mut by_codes: BTreeMap<RangeSet<u8>, Vec<(u8, u8)>> = BTreeMap::new();
    for (codes, ty) in types(words) {
        by_codes.entry(codes).or_default().push((ty, ty));
    }
    let mut texts: Vec<(u8, String)> = Vec::new();
    for (codes, types) in by_codes {
        let first = types.first().map_or(0, |(ty, _)| *ty);
        let types = RangeSet::from_ranges(types);
        let mut items = Vec::new();
        for range in types.ranges() {
            items.extend(type_range(family, *range));
        }
        let codes = relation(&format!("{header} code"), &codes, range);
        let types =
            if types.is_all() { String::new() } else { format!("{header} type {}", list(&items)) };
        texts.push((first, self::words([types.as_str(), &codes])));
    }
    texts.sort();
    texts.into_iter().map(|(_, text)| text).collect()
}

/// Takes words apart: the codes of each type that occurs.
fn types(words: &PortSet) -> impl Iterator<Item = (RangeSet<u8>, u8)> {
    (0..=u8::MAX).filter_map(|ty| {
        let codes = words.intersection(&icmp::all_codes(ty));
        let code = |word| icmp::split(word).1;
        let codes = RangeSet::from_ranges(codes.ranges().iter().map(|(a, b)| (code(*a), code(*b))));
        (!codes.is_empty()).then_some((codes, ty))
    })
}

fn type_range(family: Family, (low, high): (u8, u8)) -> Vec<String> {
    if high - low >= NAMED_TYPES {
        return vec![range((low, high))];
    }
    let name = |ty: u8| icmp::name(family, ty).map_or_else(|| ty.to_string(), str::to_owned);
    (low..=high).map(name).collect()
}

/// Writes a match on the hop limit, which also fixes the family.
pub(super) fn hop_limit(family: Option<Family>, hop_limit: HopLimit) -> String {
    match (hop_limit, family) {
        (HopLimit::Exactly(wanted), Some(Family::V4)) => format!("ip ttl {wanted}"),
        (HopLimit::Exactly(wanted), Some(Family::V6)) => format!("ip6 hoplimit {wanted}"),
        _ => String::new(),
    }
}
