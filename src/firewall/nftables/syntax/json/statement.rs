//! Statements of the JSON, spelled.

use super::expression::{bits, fields, is_operation, name, quoted, spell as expression, text};
use super::{only, unreadable};
use serde_json::Value;

/// Spells a statement.
pub(super) fn spell(value: &Value) -> String {
    let known = only(value).and_then(|(key, inner)| statement(key, inner));
    known.unwrap_or_else(|| match only(value) {
        // What they say is not read in either format.
        Some((key @ ("queue" | "dup" | "fwd" | "tproxy" | "synproxy"), inner)) => {
            format!("{key} {}", quoted(&inner.to_string()))
        }
        _ => unreadable(value),
    })
}

fn statement(key: &str, inner: &Value) -> Option<String> {
    let none = inner.is_null();
    Some(match key {
        "accept" | "drop" | "return" | "continue" | "notrack" if none => key.to_owned(),
        "jump" | "goto" => {
            let [target] = fields(inner, ["target"])?;
            format!("{key} {}", name(text(target?)?)?)
        }
        "match" => condition(inner)?,
        "vmap" => {
            let [key, data] = fields(inner, ["key", "data"])?;
            format!("{} vmap {}", expression(key?)?, expression(data?)?)
        }
        "mangle" => {
            let [key, value] = fields(inner, ["key", "value"])?;
            format!("{} set {}", expression(key?)?, expression(value?)?)
        }
        "ct helper" | "ct timeout" | "ct expectation" => {
            format!("{key} set {}", quoted(text(inner)?))
        }
        "secmark" => format!("meta secmark set {}", quoted(text(inner)?)),
        "counter" | "quota" | "limit" if inner.is_string() => {
            format!("{key} name {}", quoted(text(inner)?))
        }
        "counter" => {
            if !none {
                fields(inner, ["packets", "bytes"])?;
            }
            "counter".to_owned()
        }
        "last" => "last".to_owned(),
        "limit" => limit(inner)?,
        "quota" => quota(inner)?,
        "ct count" => {
            let [value, over] = fields(inner, ["val", "inv"])?;
            format!("ct count {}{}", inverse(over)?, value?.as_u64()?)
        }
        "log" => log(inner)?,
        "reject" => reject(inner)?,
        "snat" | "dnat" | "masquerade" | "redirect" => translation(key, inner)?,
        "set" => update(inner)?,
        "flow" => {
            let [operation, table] = fields(inner, ["op", "flowtable"])?;
            let table = name(text(table?)?.trim_start_matches('@'))?;
            format!("flow {} @{table}", name(text(operation?)?)?)
        }
        "reset" => {
            let (kind, option) = only(inner)?;
            let [option] = fields(option, ["name"])?;
            (kind == "tcp option")
                .then(|| Some(format!("reset {kind} {}", name(text(option?)?)?)))??
        }
        "xt" => {
            let [kind, module] = fields(inner, ["type", "name"])?;
            format!("xt {} {}", name(text(kind?)?)?, quoted(text(module?)?))
        }
        _ => return None,
    })
}

/// A bare value of flags is one of them; with an operator it is compared as a whole.
fn condition(inner: &Value) -> Option<String> {
    let [operator, left, right] = fields(inner, ["op", "left", "right"])?;
    let (operator, left, right) = (text(operator?)?, left?, right?);
    let masked = is_operation(left);
    let left = expression(left)?;
    let right = match masked || is_operation(right) {
        true => bits(right)?,
        false => expression(right)?,
    };
    Some(match operator {
        "in" => format!("{left} {right}"),
        // nft writes this one where it is needed to tell flags from one of them.
        "==" if !masked && left != "tcp flags" => format!("{left} {right}"),
        "==" | "!=" | "<" | ">" | "<=" | ">=" | "!" => format!("{left} {operator} {right}"),
        _ => return None,
    })
}

fn inverse(over: Option<&Value>) -> Option<&'static str> {
    Some(if over.map_or(Some(false), Value::as_bool)? { "over " } else { "" })
}

fn limit(inner: &Value) -> Option<String> {
    let known = ["rate", "per", "burst", "inv", "rate_unit", "burst_unit"];
    let [rate, per, _, over, ..] = fields(inner, known)?;
    let per = name(per.map_or(Some("second"), text)?)?;
    Some(format!("limit rate {}{}/{per}", inverse(over)?, rate?.as_u64()?))
}

fn quota(inner: &Value) -> Option<String> {
    let known = ["val", "val_unit", "inv", "used", "used_unit"];
    let [value, _, over, ..] = fields(inner, known)?;
    Some(format!("quota {}{} bytes", inverse(over)?, value?.as_u64()?))
}

/// It never decides, but what is not known of it might.
fn log(inner: &Value) -> Option<String> {
    if !inner.is_null() {
        fields(inner, ["prefix", "group", "snaplen", "queue-threshold", "level", "flags"])?;
    }
    Some("log".to_owned())
}

fn reject(inner: &Value) -> Option<String> {
    if inner.is_null() {
        return Some("reject".to_owned());
    }
    let [kind, code] = fields(inner, ["type", "expr"])?;
    Some(match (text(kind?)?, code) {
        ("tcp reset", None) => "reject with tcp reset".to_owned(),
        (kind @ ("icmp" | "icmpv6" | "icmpx"), code) => {
            let code = code.map_or_else(|| Some("port-unreachable".to_owned()), expression)?;
            format!("reject with {kind} {code}")
        }
        _ => return None,
    })
}

/// Where to does not matter here, but whether every packet has it does.
fn translation(key: &str, inner: &Value) -> Option<String> {
    if inner.is_null() {
        return Some(key.to_owned());
    }
    let [address, _, port, ..] = fields(inner, ["addr", "family", "port", "flags", "type_flags"])?;
    let to = [address, port].into_iter().flatten().map(expression).collect::<Option<Vec<_>>>()?;
    Some(if to.is_empty() { key.to_owned() } else { format!("{key} to {}", to.join(" : ")) })
}

fn update(inner: &Value) -> Option<String> {
    let [operation, elem, set, statements] = fields(inner, ["op", "elem", "set", "stmt"])?;
    let operation = text(operation?).filter(|op| ["add", "update", "delete"].contains(op))?;
    let name = name(text(set?)?.trim_start_matches('@'))?;
    let mut further = String::new();
    for statement in statements.map_or(Some(&[][..]), |list| Some(list.as_array()?.as_slice()))? {
        further += &format!(" {}", spell(statement));
    }
    Some(format!("{operation} @{name} {{ {}{further} }}", expression(elem?)?))
}
