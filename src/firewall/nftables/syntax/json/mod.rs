//! What `nft -j list ruleset` prints, spelled as what `nft list ruleset` would have printed.
//!
//! Every object is held against the keys that are known of it. One with a key more, or with a value of
//! another shape, is spelled as `unreadable` with its JSON between quotes, which no grammar knows: nothing
//! vanishes.

mod expression;
mod statement;

use super::refuse;
use crate::firewall::ReadError;
use expression::{name, quoted, text};
use serde_json::Value;
use std::fmt::Write;

/// A table's objects, spelled.
struct Table {
    family: String,
    name: String,
    properties: Vec<String>,
    sets: Vec<String>,
    chains: Vec<(String, Vec<String>)>,
}

/// Spells a listing.
///
/// # Errors
/// What is no JSON of nft at all.
pub(in crate::firewall::nftables) fn spell(listing: &str) -> Result<String, ReadError> {
    let read: Value = serde_json::from_str(listing)
        .map_err(|error| refuse(error.line(), format!("this is not JSON: {error}")))?;
    let objects = read.get("nftables").and_then(Value::as_array);
    let objects = objects.ok_or_else(|| refuse(1, "this is not what `nft -j` prints"))?;
    let mut tables: Vec<Table> = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        let bad = |why: String| refuse(1, format!("object {at} of the JSON: {why}"));
        let (kind, value) = only(object).ok_or_else(|| bad("it is not one object".to_owned()))?;
        add(&mut tables, kind, value).map_err(bad)?;
    }
    Ok(tables.iter().map(Table::text).collect::<Vec<_>>().join("\n"))
}

/// Returns the only key of an object, and its value.
fn only(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(key, value)| (key.as_str(), value))
}

fn add(tables: &mut Vec<Table>, kind: &str, value: &Value) -> Result<(), String> {
    match kind {
        "metainfo" | "counter" | "quota" | "limit" | "flowtable" | "ct helper" | "ct timeout"
        | "ct expectation" | "synproxy" | "secmark" | "tunnel" => return Ok(()),
        "table" | "chain" | "rule" | "set" | "map" | "meter" | "element" => {}
        other => return Err(format!("`{other}` is nothing that a listing has")),
    }
    let of = if kind == "table" { "name" } else { "table" };
    let (family, owner) = (named(value, "family")?, named(value, of)?);
    let same = |table: &Table| table.family == family && table.name == owner;
    let at = tables.iter().position(same).unwrap_or_else(|| {
        let (properties, sets, chains) = (Vec::new(), Vec::new(), Vec::new());
        tables.push(Table { family, name: owner, properties, sets, chains });
        tables.len() - 1
    });
    let Some(table) = tables.get_mut(at) else { return Ok(()) };
    match kind {
        "table" => table.properties.extend(properties(value, &["name"], &["comment"])),
        "chain" => {
            let lines = chain(value);
            table.chain(named(value, "name")?).extend(lines);
        }
        "rule" => {
            let line = rule(value);
            table.chain(named(value, "chain")?).push(line);
        }
        _ => table.sets.push(set(kind, value)?),
    }
    Ok(())
}

/// Returns the value of a key that names something.
fn named(value: &Value, key: &str) -> Result<String, String> {
    let found = value.get(key).and_then(Value::as_str);
    found.and_then(name).ok_or_else(|| format!("its {key} is no name"))
}

/// A line for what is not understood.
fn unreadable(value: &Value) -> String {
    format!("unreadable {}", quoted(&value.to_string()))
}

/// Spells what an object says of itself: flags, keys whose values are words, and what is not understood.
/// Where it is and what number it has says nothing.
fn properties(value: &Value, apart: &[&str], known: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, inner) in value.as_object().into_iter().flatten() {
        match key.as_str() {
            "family" | "table" | "handle" => {}
            key if apart.contains(&key) => {}
            "flags" => lines.push(match flags(inner) {
                Some(flags) => format!("flags {flags}"),
                None => unreadable(inner),
            }),
            key if known.contains(&key) => lines.push(format!("{key} {}", quoted(&plain(inner)))),
            other => lines.push(unreadable(&serde_json::json!({ other: inner }))),
        }
    }
    lines
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Spells one flag or several.
fn flags(value: &Value) -> Option<String> {
    let several = value.as_array().map(|list| list.iter().map(text).collect::<Option<Vec<_>>>());
    let flags = several.unwrap_or_else(|| Some(vec![text(value)?]))?;
    Some(flags.into_iter().map(name).collect::<Option<Vec<_>>>()?.join(","))
}

fn chain(value: &Value) -> Vec<String> {
    let head = ["name", "type", "hook", "prio", "policy", "dev"];
    let mut lines = properties(value, &head, &["comment"]);
    if ["type", "hook", "prio", "policy", "dev"].iter().all(|key| value.get(key).is_none()) {
        return lines;
    }
    let word = |key| value.get(key).and_then(text).and_then(name);
    let priority = value.get("prio").and_then(Value::as_i64);
    let device = value.get("dev").map(|dev| format!(" device {}", quoted(&plain(dev))));
    let head = || {
        let (kind, hook, priority) = (word("type")?, word("hook")?, priority?);
        Some(format!("type {kind} hook {hook}{} priority {priority}", device.unwrap_or_default()))
    };
    lines.insert(0, head().unwrap_or_else(|| unreadable(value)));
    if let Some(policy) = value.get("policy") {
        let policy = text(policy).and_then(name).map(|policy| format!("policy {policy}"));
        lines.push(policy.unwrap_or_else(|| unreadable(value)));
    }
    lines
}

fn rule(value: &Value) -> String {
    let known = ["family", "table", "chain", "handle", "expr", "comment", "index", "position"];
    let keys = value.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    let Some(list) = value.get("expr").and_then(Value::as_array) else { return unreadable(value) };
    let mut parts: Vec<_> = list.iter().map(statement::spell).collect();
    if let Some(comment) = value.get("comment") {
        parts.push(format!("comment {}", quoted(&plain(comment))));
    }
    let odd = keys.filter(|key| !known.contains(key));
    parts.extend(odd.map(|key| format!("unreadable {}", quoted(key))));
    parts.join(" ")
}

/// Spells a set or map.
fn set(kind: &str, value: &Value) -> Result<String, String> {
    let apart = ["name", "type", "elem", "map", "stmt", "auto-merge"];
    let harmless = ["comment", "policy", "size", "gc-interval", "timeout"];
    let mut lines = properties(value, &apart, &harmless);
    let elements = value.get("elem").map(|elements| elements.as_array().ok_or(()));
    let elements = elements.unwrap_or(Ok(const { &Vec::new() }));
    let spelled = |list: &Vec<Value>| -> Option<Vec<String>> {
        list.iter().map(expression::element).collect()
    };
    match elements.ok().and_then(spelled) {
        Some(list) if list.is_empty() => {}
        Some(list) => {
            lines.push(format!("elements = {{ {} }}", list.join(",\n\t\t\t     ")));
        }
        // An element that cannot be spelled could be any.
        None => lines.push("unreadable \"elements\"".to_owned()),
    }
    for statement in value.get("stmt").and_then(Value::as_array).into_iter().flatten() {
        lines.push(statement::spell(statement));
    }
    if let Some(types) = types(value.get("type")) {
        lines.insert(0, format!("type {types}"));
    }
    let kind = if kind == "map" { "map" } else { "set" };
    let mut text = format!("\t{kind} {} {{\n", named(value, "name")?);
    for line in &lines {
        let _ = writeln!(text, "\t\t{line}");
    }
    Ok(text + "\t}\n")
}

/// Spells a type; what is no name is what a set was made like, which nft itself has held against its uses.
fn types(value: Option<&Value>) -> Option<String> {
    let value = value?;
    let one = |value: &Value| text(value).and_then(name);
    match value.as_array() {
        Some(list) => Some(list.iter().map(one).collect::<Option<Vec<_>>>()?.join(" . ")),
        None => one(value),
    }
}

impl Table {
    fn chain(&mut self, wanted: String) -> &mut Vec<String> {
        let at = self.chains.iter().position(|(name, _)| *name == wanted);
        let at = at.unwrap_or_else(|| {
            self.chains.push((wanted, Vec::new()));
            self.chains.len() - 1
        });
        &mut self.chains[at].1
    }

    fn text(&self) -> String {
        let mut text = format!("table {} {} {{\n", self.family, self.name);
        for line in &self.properties {
            let _ = writeln!(text, "\t{line}");
        }
        text += &self.sets.join("\n");
        for (name, lines) in &self.chains {
            let _ = writeln!(text, "\n\tchain {name} {{");
            for line in lines {
                let _ = writeln!(text, "\t\t{line}");
            }
            text += "\t}\n";
        }
        text + "}\n"
    }
}
