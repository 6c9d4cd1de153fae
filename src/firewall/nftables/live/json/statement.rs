//! Statements of the JSON, spelled.

use super::expression::{bits, name, quoted, spell as expression, whole, word_of};
use nftables::expr::Expression;
use nftables::stmt::{Limit, Match, Operator, Reject, RejectType, SetOp, Statement};
use serde_json::Value;

/// Spells a statement. One that has no spelling here becomes its own name and its JSON between quotes: no
/// statement that is understood is spelled so.
pub(super) fn spell(value: &Value) -> String {
    let known = whole::<Statement<'_>>(value).and_then(|statement| known(&statement));
    known.or_else(|| none_of(value)).unwrap_or_else(|| other(value))
}

/// A match of flags of which none is set; the crate does not know its operator.
fn none_of(value: &Value) -> Option<String> {
    let inner = value.get("match")?;
    let part = |at: &str| expression(&whole::<Expression<'_>>(inner.get(at)?)?);
    let none = inner.get("op").and_then(Value::as_str) == Some("!");
    none.then(|| Some(format!("{} ! {}", part("left")?, part("right")?)))?
}

fn other(value: &Value) -> String {
    let said = value.as_object().and_then(|object| object.iter().next());
    let Some((key, inner)) = said else {
        return format!("unreadable {}", quoted(&value.to_string()));
    };
    let text = |at: &str| inner.get(at).and_then(Value::as_str).unwrap_or_default();
    match key.as_str() {
        // These never decide, whatever they say.
        "counter" | "log" => key.clone(),
        "xt" => format!("xt {} {}", name(text("type")).unwrap_or_default(), quoted(text("name"))),
        // Neither what a packet is marked with decides, nor what its flow is.
        "mangle"
            if ["meta", "ct"].iter().any(|of| inner.pointer(&format!("/key/{of}")).is_some()) =>
        {
            format!("meta mark set {}", quoted(&inner.to_string()))
        }
        "match" | "limit" | "quota" | "ct count" | "meter" | "set" | "mangle" | "reject" => {
            let word = key.split(' ').next().unwrap_or_default();
            format!("{word} {}", quoted(&inner.to_string()))
        }
        _ => format!("unreadable {}", quoted(&value.to_string())),
    }
}

fn known(statement: &Statement<'_>) -> Option<String> {
    Some(match statement {
        Statement::Accept(_) => "accept".to_owned(),
        Statement::Drop(_) => "drop".to_owned(),
        Statement::Continue(_) => "continue".to_owned(),
        Statement::Return(_) => "return".to_owned(),
        Statement::Jump(to) => format!("jump {}", name(&to.target).ok()?),
        Statement::Goto(to) => format!("goto {}", name(&to.target).ok()?),
        Statement::Match(condition) => self::condition(condition)?,
        Statement::Counter(_) => "counter".to_owned(),
        Statement::Mangle(mangle) => {
            format!("{} set {}", expression(&mangle.key)?, expression(&mangle.value)?)
        }
        Statement::Limit(limit) => self::limit(limit)?,
        Statement::Flow(flow) => {
            format!("flow add @{}", name(flow.flowtable.trim_start_matches('@')).ok()?)
        }
        Statement::Notrack => "notrack".to_owned(),
        Statement::SNAT(_) => "snat".to_owned(),
        Statement::DNAT(_) => "dnat".to_owned(),
        Statement::Masquerade(_) => "masquerade".to_owned(),
        Statement::Redirect(_) => "redirect".to_owned(),
        Statement::Reject(reject) => self::reject(reject.as_ref())?,
        Statement::Set(set) => {
            let operation = if set.op == SetOp::Add { "add" } else { "update" };
            let name = name(set.set.trim_start_matches('@')).ok()?;
            format!("{operation} @{name} {{ {} }}", expression(&set.elem)?)
        }
        Statement::Log(_) => "log".to_owned(),
        Statement::CTHelper(helper) => format!("ct helper set {}", quoted(helper)),
        Statement::VerdictMap(map) => {
            format!("{} vmap {}", expression(&map.key)?, expression(&map.data)?)
        }
        _ => return None,
    })
}

/// A bare value of flags is one of them; with an operator it is compared as a whole.
fn condition(condition: &Match<'_>) -> Option<String> {
    let left = expression(&condition.left)?;
    if let Some(ports) = both_ports(&left, &condition.right) {
        return Some(ports).filter(|_| condition.op == Operator::EQ);
    }
    let masked = matches!(condition.left, Expression::BinaryOperation(_));
    let right = match masked || matches!(condition.right, Expression::BinaryOperation(_)) {
        true => bits(&condition.right)?,
        false => expression(&condition.right)?,
    };
    let operator = word_of(&condition.op)?;
    Some(match operator.as_str() {
        "in" => format!("{left} {right}"),
        // nft writes this one where it is needed to tell flags from one of them.
        "==" if !masked && left != "tcp flags" => format!("{left} {right}"),
        operator => format!("{left} {operator} {right}"),
    })
}

/// The two ports that nft merges are listed as a number of 32 bits.
fn both_ports(left: &str, right: &Expression<'_>) -> Option<String> {
    match right {
        Expression::Number(number) if left == "@th,0,32" => Some(format!("{left} {number:#x}")),
        _ => None,
    }
}

fn limit(limit: &Limit<'_>) -> Option<String> {
    let over = if limit.inv == Some(true) { "over " } else { "" };
    let per = name(limit.per.as_deref().unwrap_or("second")).ok()?;
    Some(format!("limit rate {over}{}/{per}", limit.rate))
}

fn reject(reject: Option<&Reject>) -> Option<String> {
    let Some(kind) = reject.and_then(|reject| reject._type) else {
        return Some("reject".to_owned());
    };
    if kind == RejectType::TCPReset {
        return Some("reject with tcp reset".to_owned());
    }
    let code = reject.and_then(|reject| reject.expr);
    let code = code.map_or_else(|| Some("port-unreachable".to_owned()), |code| word_of(&code))?;
    Some(format!("reject with {} {code}", word_of(&kind)?))
}
