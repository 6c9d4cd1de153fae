//! Expressions of the JSON, spelled; `None` for one that has no spelling here.

use crate::firewall::nftables::live::verdict::VERDICTS;
use nftables::expr::{
    BinaryOperation, CT, CTDir, CTFamily, Elem, Expression, NamedExpression, Payload, SetItem,
    Verdict,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Deserializes a value, unless the type would lose a part of it.
pub(super) fn whole<T: Serialize + for<'de> Deserialize<'de>>(value: &Value) -> Option<T> {
    let read = T::deserialize(value).ok()?;
    let kept = serde_json::to_value(&read).ok()?;
    keeps(value, &kept).then_some(read)
}

/// Tells whether every key of a value is in what became of it.
fn keeps(value: &Value, kept: &Value) -> bool {
    match (value, kept) {
        (Value::Object(value), Value::Object(kept)) => value.iter().all(|(key, value)| {
            value.is_null() || kept.get(key).is_some_and(|kept| keeps(value, kept))
        }),
        (Value::Object(value), _) => value.values().all(Value::is_null),
        (Value::Array(value), Value::Array(kept)) => {
            value.len() == kept.len() && value.iter().zip(kept).all(|(a, b)| keeps(a, b))
        }
        _ => true,
    }
}

/// Returns a name, which must be one word.
pub(super) fn name(text: &str) -> Result<String, String> {
    let of_name = |b: u8| b.is_ascii_alphanumeric() || b"_-./".contains(&b);
    if text.is_empty() || !text.bytes().all(of_name) {
        return Err(format!("the name {text:?} cannot be spelled"));
    }
    Ok(text.to_owned())
}

/// Puts a text between quotes; what would end or break it is replaced.
pub(super) fn quoted(text: &str) -> String {
    let safe = |c: char| if c == '"' || c.is_control() { '\'' } else { c };
    format!("\"{}\"", text.chars().map(safe).collect::<String>())
}

/// Spells an element of a set, or a key and what it is mapped to.
pub(super) fn element(value: &Value) -> Option<String> {
    match value.as_array().map(Vec::as_slice) {
        Some([key, data]) => Some(format!("{} : {}", element(key)?, spell(&whole(data)?)?)),
        _ => spell(&whole(value)?),
    }
}

/// Spells an expression.
pub(super) fn spell(expression: &Expression<'_>) -> Option<String> {
    Some(match expression {
        Expression::String(text) => word(text),
        Expression::Number(number) => number.to_string(),
        Expression::Boolean(true) => "exists".to_owned(),
        Expression::Boolean(false) => "missing".to_owned(),
        Expression::List(list) => joined(list, ",")?,
        Expression::BinaryOperation(operation) => binary(operation)?,
        Expression::Range(range) => {
            let [low, high] = &range.range;
            format!("{}-{}", spell(low)?, spell(high)?)
        }
        Expression::Named(named) => return self::named(named),
        Expression::Verdict(verdict) => self::verdict(verdict)?,
    })
}

/// A word as it is, and what is none between quotes.
fn word(text: &str) -> String {
    let of_word = |b: u8| b.is_ascii_alphanumeric() || b"_-.:/@*".contains(&b);
    let simple = !text.is_empty()
        && text.bytes().all(of_word)
        && (!text.ends_with(':') || text.ends_with("::"));
    let begins =
        text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b"@*:".contains(&b));
    let verdict = VERDICTS.contains(&text) || text == "vmap" || text == "xt";
    if simple && begins && !verdict { text.to_owned() } else { quoted(text) }
}

fn joined(list: &[Expression<'_>], between: &str) -> Option<String> {
    Some(list.iter().map(spell).collect::<Option<Vec<_>>>()?.join(between))
}

/// Spells flags as one value: `(fin | syn)`.
pub(super) fn bits(expression: &Expression<'_>) -> Option<String> {
    match expression {
        Expression::List(list) => Some(format!("({})", joined(list, " | ")?)),
        Expression::BinaryOperation(_) => Some(format!("({})", spell(expression)?)),
        other => spell(other),
    }
}

fn binary(operation: &BinaryOperation<'_>) -> Option<String> {
    let pair =
        |operator: &str, left, right| Some(format!("{} {operator} {}", bits(left)?, bits(right)?));
    match operation {
        BinaryOperation::AND(left, right) => pair("&", left, right),
        BinaryOperation::OR(list) => joined(list, " | "),
        BinaryOperation::XOR(left, right) => pair("^", left, right),
        BinaryOperation::LSHIFT(left, right) => pair("<<", left, right),
        BinaryOperation::RSHIFT(left, right) => pair(">>", left, right),
    }
}

fn verdict(verdict: &Verdict<'_>) -> Option<String> {
    Some(match verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Continue => "continue".to_owned(),
        Verdict::Return => "return".to_owned(),
        Verdict::Jump(to) => format!("jump {}", name(&to.target).ok()?),
        Verdict::Goto(to) => format!("goto {}", name(&to.target).ok()?),
    })
}

fn named(named: &NamedExpression<'_>) -> Option<String> {
    Some(match named {
        NamedExpression::Concat(list) => joined(list, " . ")?,
        NamedExpression::Set(items) => {
            let items: Option<Vec<_>> = items.iter().map(item).collect();
            format!("{{ {} }}", items?.join(", "))
        }
        NamedExpression::Map(map) => format!("{} map {}", spell(&map.key)?, spell(&map.data)?),
        NamedExpression::Prefix(prefix) => format!("{}/{}", spell(&prefix.addr)?, prefix.len),
        NamedExpression::Payload(Payload::PayloadField(field)) => {
            format!("{} {}", name(&field.protocol).ok()?, name(&field.field).ok()?)
        }
        NamedExpression::Payload(Payload::PayloadRaw(raw)) => {
            let base = word_of(&raw.base)?;
            format!("@{base},{},{}", raw.offset, raw.len)
        }
        NamedExpression::Meta(meta) => match word_of(&meta.key)?.as_str() {
            key @ ("iif" | "iifname" | "oif" | "oifname") => key.to_owned(),
            key => format!("meta {key}"),
        },
        NamedExpression::CT(ct) => connection(ct)?,
        NamedExpression::Numgen(numgen) => {
            format!("numgen {} mod {}", word_of(&numgen.mode)?, numgen.ng_mod)
        }
        NamedExpression::Elem(elem) => self::elem(elem)?,
        _ => return None,
    })
}

/// The word by which the crate writes a value.
pub(super) fn word_of(value: &impl Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

fn connection(ct: &CT<'_>) -> Option<String> {
    let direction = match ct.dir {
        Some(CTDir::Original) => "original ",
        Some(CTDir::Reply) => "reply ",
        None => "",
    };
    let family = match ct.family {
        Some(CTFamily::IP) => "ip ",
        Some(CTFamily::IP6) => "ip6 ",
        None => "",
    };
    let key: Option<Vec<_>> = ct.key.split(' ').map(|word| name(word).ok()).collect();
    Some(format!("ct {direction}{family}{}", key?.join(" ")))
}

/// Maps are lists of two in the JSON, which the crate reads as lists.
fn item(item: &SetItem<'_>) -> Option<String> {
    match item {
        SetItem::Element(Expression::List(pair)) => match pair.as_slice() {
            [key, data] => Some(format!("{} : {}", spell(key)?, spell(data)?)),
            _ => None,
        },
        SetItem::Element(expression) => spell(expression),
        SetItem::Mapping(key, data) => Some(format!("{} : {}", spell(key)?, spell(data)?)),
        SetItem::MappingStatement(..) => None,
    }
}

fn elem(elem: &Elem<'_>) -> Option<String> {
    let mut text = spell(&elem.val)?;
    for (what, seconds) in [("timeout", elem.timeout), ("expires", elem.expires)] {
        text += &seconds.map(|seconds| format!(" {what} {seconds}s")).unwrap_or_default();
    }
    text +=
        &elem.comment.as_ref().map(|said| format!(" comment {}", quoted(said))).unwrap_or_default();
    Some(text)
}
