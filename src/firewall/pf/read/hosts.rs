//! The two ends of a rule: addresses and ports.

use super::tables::{Tables, prefix};
use crate::firewall::ReadError;
use crate::firewall::pf::syntax::Cursor;
use crate::net::Family;
use crate::net::service;
use crate::program::sets::{self, others};
use crate::program::{Field, Match, Ranges};
use ipnet::IpNet;

/// Packets of IPv4 with an end in sorted ranges, or outside them.
pub(super) fn ranges4(ranges: &[(u32, u32)], source: bool, negated: bool) -> Match {
    let ranges = if negated { others(ranges, u32::MAX) } else { ranges.to_vec() };
    if source { Match::Source4(ranges) } else { Match::Destination4(ranges) }
}

/// Packets of IPv6 with an end in sorted ranges, or outside them.
pub(super) fn ranges6(ranges: &[(u128, u128)], source: bool, negated: bool) -> Match {
    let ranges = if negated { others(ranges, u128::MAX) } else { ranges.to_vec() };
    if source { Match::Source6(ranges) } else { Match::Destination6(ranges) }
}

/// Returns the condition of one end without its ports, if there is one.
pub(super) fn read(
    cursor: &mut Cursor<'_, '_>,
    source: bool,
    (tables, family): (&Tables, Option<Family>),
    unclear: &mut Vec<String>,
) -> Result<Option<Match>, ReadError> {
    let mut found = Some(Vec::new());
    if !cursor.skip("{") {
        host(cursor, source, (tables, family), &mut found, unclear)?;
    } else {
        // Each element makes a rule of its own, so that any of them will do, exceptions too.
        while !cursor.skip("}") {
            if !cursor.skip(",") && !cursor.skip("") {
                host(cursor, source, (tables, family), &mut found, unclear)?;
            }
        }
    }
    Ok(found.map(|mut any| match (any.len(), any.pop()) {
        (1, Some(mut one)) if one.len() == 1 => one.pop().unwrap_or(Match::Unknown),
        (_, last) => {
            any.extend(last);
            Match::AnyOf(any)
        }
    }))
}

/// One host; `None` in `found` is any.
fn host(
    cursor: &mut Cursor<'_, '_>,
    source: bool,
    (tables, family): (&Tables, Option<Family>),
    found: &mut Option<Vec<Vec<Match>>>,
    unclear: &mut Vec<String>,
) -> Result<(), ReadError> {
    let negated = cursor.skip("!");
    let mut add = |more: Vec<Vec<Match>>| {
        if let Some(found) = found {
            found.extend(more);
        }
    };
    let mut may = |reason: String| {
        unclear.push(reason);
        vec![vec![Match::Unknown]]
    };
    if cursor.skip("<") {
        let name = cursor.value()?;
        cursor.need(">")?;
        add(tables.matching(name, (source, negated), family).unwrap_or_else(may));
        return Ok(());
    }
    if cursor.skip("(") {
        let name = cursor.value()?;
        while !cursor.skip(")") {
            cursor.value()?;
        }
        add(may(format!("the addresses of `({name})` are not known")));
        return Ok(());
    }
    let text = cursor.item()?;
    if text == "any" {
        if !negated {
            *found = None;
        }
        return Ok(());
    }
    let high = if cursor.skip("-") { Some(cursor.value()?) } else { None };
    let known = match high {
        Some(high) => range(text, high, source, negated),
        None => net(text, source, negated),
    };
    if text == "route" {
        cursor.value()?;
    }
    add(match known {
        Some(known) => vec![vec![known]],
        None => may(format!("the addresses of `{text}` are not known")),
    });
    Ok(())
}

fn net(text: &str, source: bool, negated: bool) -> Option<Match> {
    Some(match prefix(text)? {
        IpNet::V4(net) => ranges4(&sets::v4([net]), source, negated),
        IpNet::V6(net) => ranges6(&sets::v6([net]), source, negated),
    })
}

fn range(low: &str, high: &str, source: bool, negated: bool) -> Option<Match> {
    match (low.parse().ok()?, high.parse().ok()?) {
        (std::net::IpAddr::V4(low), std::net::IpAddr::V4(high)) if low <= high => {
            Some(ranges4(&[(low.to_bits(), high.to_bits())], source, negated))
        }
        (std::net::IpAddr::V6(low), std::net::IpAddr::V6(high)) if low <= high => {
            Some(ranges6(&[(low.to_bits(), high.to_bits())], source, negated))
        }
        _ => None,
    }
}

/// Reads what stands behind `port`.
pub(super) fn ports(
    cursor: &mut Cursor<'_, '_>,
    source: bool,
    unclear: &mut Vec<String>,
) -> Result<Match, ReadError> {
    let (mut ranges, mut all_known) = (Ranges::new(), true);
    let mut add = |one: Result<Ranges<u32>, String>| match one {
        Ok(more) => ranges.extend(more),
        Err(name) => {
            unclear.push(format!("the port `{name}` is not known"));
            all_known = false;
        }
    };
    if !cursor.skip("{") {
        add(port(cursor)?);
    } else {
        while !cursor.skip("}") {
            if !cursor.skip(",") && !cursor.skip("") {
                add(port(cursor)?);
            }
        }
    }
    let known =
        Match::Field(if source { Field::SourcePort } else { Field::DestinationPort }, ranges);
    Ok(match all_known {
        true => known,
        false => Match::AnyOf(vec![vec![known], vec![Match::Unknown]]),
    })
}

/// One of `443`, `1024:65535`, `= http`, `!= 22`, `< 1024`, `>= 1024`, `1 >< 9`, `1 <> 9`.
fn port(cursor: &mut Cursor<'_, '_>) -> Result<Result<Ranges<u32>, String>, ReadError> {
    let not = cursor.skip("!");
    let less = !not && cursor.skip("<");
    let more = !not && !less && cursor.skip(">");
    let equal = cursor.skip("=");
    let text = cursor.item()?;
    let (low, high) = text.split_once(':').unwrap_or((text, text));
    let number = |text: &str| service::port(text).map(u32::from);
    let end = |text: &str, open: u32| if text.is_empty() { Some(open) } else { number(text) };
    let (Some(low), Some(high)) = (end(low, 0), end(high, 0xffff)) else {
        return Ok(Err(text.to_owned()));
    };
    let mut ranges = match (less, more) {
        (true, _) if equal => vec![(0, high)],
        (true, _) => high.checked_sub(1).map(|last| (0, last)).into_iter().collect(),
        (_, true) if equal => vec![(low, 0xffff)],
        (_, true) => vec![(low + 1, 0xffff)],
        _ if not => others(&[(low, high)], 0xffff),
        _ => vec![(low, high)],
    };
    let (inside, outside) = match (cursor.skip(">"), less || more || not || equal) {
        (true, false) => (cursor.skip("<"), false),
        (false, false) => (false, cursor.skip("<") && cursor.skip(">")),
        _ => (false, false),
    };
    if inside || outside {
        let text = cursor.value()?;
        let Some(second) = number(text) else { return Ok(Err(text.to_owned())) };
        ranges = match inside {
            true => vec![(low + 1, second.saturating_sub(1))],
            false => vec![(0, low.saturating_sub(1)), (second + 1, 0xffff)],
        };
        if outside && low == 0 {
            ranges.remove(0);
        }
    }
    ranges.retain(|(low, high)| low <= high && *high <= 0xffff);
    Ok(Ok(ranges))
}
