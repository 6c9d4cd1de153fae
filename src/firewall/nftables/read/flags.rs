//! What a rule asks of TCP's flags.

use super::values::flag;
use crate::firewall::nftables::syntax::{Elements, Expression};

/// Returns the flags octets that match; `None` for what is not understood.
pub(super) fn octets(
    mask: Option<&Expression<'_, '_>>,
    operator: &str,
    right: &Expression<'_, '_>,
) -> Option<Vec<u32>> {
    if let Some(mask) = mask {
        let (mask, value) = (operand(mask)?, operand(right)?);
        let equal = equal(operator)?;
        return Some(those(|octet| (octet & mask == value) == equal));
    }
    match (operator, right) {
        (_, Expression::Set(elements)) => {
            let list = list(elements)?;
            let equal = operator.is_empty() || equal(operator)?;
            Some(those(|octet| list.contains(&octet) == equal))
        }
        (_, Expression::Binary("/", pair)) => {
            let (value, mask) = (operand(&pair.0)?, operand(&pair.1)?);
            let equal = operator.is_empty() || equal(operator)?;
            Some(those(|octet| (octet & mask == value) == equal))
        }
        ("!", _) => operand(right).map(|mask| those(|octet| octet & mask == 0)),
        // What `syn | ack` alone compares with is not documented.
        ("", Expression::Binary(..)) => None,
        ("", _) => operand(right).map(|value| those(|octet| octet & value != 0)),
        _ => {
            let (value, equal) = (operand(right)?, equal(operator)?);
            Some(those(|octet| (octet == value) == equal))
        }
    }
}

fn those(fits: impl Fn(u32) -> bool) -> Vec<u32> {
    (0..=255).filter(|octet| fits(*octet)).collect()
}

fn equal(operator: &str) -> Option<bool> {
    match operator {
        "==" => Some(true),
        "!=" => Some(false),
        _ => None,
    }
}

/// Returns the octet of `syn`, `fin,syn`, `fin | syn` or a number.
pub(super) fn operand(expression: &Expression<'_, '_>) -> Option<u32> {
    match expression {
        Expression::Value(word) => {
            let number = || match word.text.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => word.text.parse().ok(),
            };
            flag(word.text).or_else(number).filter(|octet| *octet <= 255)
        }
        Expression::List(list) => list.iter().map(operand).try_fold(0, |all, one| Some(all | one?)),
        Expression::Binary("|", pair) => Some(operand(&pair.0)? | operand(&pair.1)?),
        _ => None,
    }
}

/// Reads `syn, syn | ack`.
fn list(elements: &Elements<'_, '_>) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    let whole = elements.each(&mut |element| {
        let plain = element.further.is_empty() && element.data.is_empty();
        let octet = element.key.as_ref().filter(|_| plain).and_then(operand);
        all.extend(octet);
        octet.is_some()
    });
    whole.then_some(all)
}
