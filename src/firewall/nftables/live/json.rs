//! What `nft -j list ruleset` prints, spelled as what `nft list ruleset` would have printed.
//!
//! Statements and expressions are those of the crate `nftables`. What it does not know, or would lose in
//! part, is spelled as a statement that is not understood further on; a rule never loses one. Objects are
//! read one by one, for one that is of a newer version must not hide the others.

mod expression;
mod statement;

use crate::firewall::ReadError;
use crate::firewall::nftables::read::refuse;
use expression::{name, quoted};
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;

/// A table's objects, spelled.
#[derive(Default)]
struct Table {
    family: String,
    name: String,
    flags: Vec<String>,
    sets: Vec<String>,
    chains: Vec<Chain>,
}

/// A chain's head and rules, spelled.
#[derive(Default)]
struct Chain {
    name: String,
    head: String,
    rules: Vec<String>,
}

/// One value or several: versions differ in that.
#[derive(Deserialize)]
#[serde(untagged)]
enum Several {
    One(String),
    Many(Vec<String>),
}

/// What all objects of a table say; each uses a part.
#[derive(Deserialize)]
struct Object {
    family: String,
    #[serde(default)]
    table: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    chain: String,
    #[serde(rename = "type")]
    kind: Option<Value>,
    hook: Option<String>,
    prio: Option<i64>,
    policy: Option<String>,
    flags: Option<Several>,
    timeout: Option<u64>,
    stmt: Option<Vec<Value>>,
    #[serde(default)]
    elem: Vec<Value>,
    #[serde(default)]
    expr: Vec<Value>,
    comment: Option<String>,
}

/// Spells a listing.
pub(super) fn spell(text: &str) -> Result<String, ReadError> {
    let read: Value = serde_json::from_str(text)
        .map_err(|error| refuse(error.line(), format!("this is not JSON: {error}")))?;
    let objects = read.get("nftables").and_then(Value::as_array);
    let objects = objects.ok_or_else(|| refuse(1, "this is not what `nft -j` prints"))?;
    let mut tables: Vec<Table> = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        let said = object.as_object().and_then(|object| object.iter().next());
        let bad = |why: String| refuse(1, format!("object {at} of the JSON: {why}"));
        let (kind, value) = said.ok_or_else(|| bad("it is empty".to_owned()))?;
        add(&mut tables, kind, value).map_err(bad)?;
    }
    Ok(tables.iter().map(Table::text).collect::<Vec<_>>().join("\n"))
}

fn add(tables: &mut Vec<Table>, kind: &str, value: &Value) -> Result<(), String> {
    match kind {
        "metainfo" | "counter" | "quota" | "limit" | "flowtable" | "ct helper" | "ct timeout"
        | "ct expectation" | "synproxy" | "secmark" | "tunnel" => return Ok(()),
        "table" | "chain" | "rule" | "set" | "map" | "meter" | "element" => {}
        other => return Err(format!("`{other}` is nothing that a listing has")),
    }
    let object = Object::deserialize(value).map_err(|error| format!("{kind}: {error}"))?;
    let of = if kind == "table" { &object.name } else { &object.table };
    let same = |table: &Table| table.family == object.family && table.name == *of;
    let at = match tables.iter().position(same) {
        Some(at) => at,
        None => {
            let (family, name) = (name(&object.family)?, name(of)?);
            tables.push(Table { family, name, ..Table::default() });
            tables.len() - 1
        }
    };
    let Some(table) = tables.get_mut(at) else { return Ok(()) };
    match kind {
        "table" => table.flags.extend(object.flags()),
        "chain" => table.chain(&object.name)?.head = object.head(),
        "rule" => table.chain(&object.chain)?.rules.push(object.rule()),
        _ => table.sets.push(object.set(kind)?),
    }
    Ok(())
}

impl Object {
    fn flags(&self) -> Vec<String> {
        match &self.flags {
            None => Vec::new(),
            Some(Several::One(flag)) => vec![flag.clone()],
            Some(Several::Many(flags)) => flags.clone(),
        }
    }

    fn head(&self) -> String {
        let (Some(hook), Some(prio)) = (&self.hook, self.prio) else { return String::new() };
        let kind = self.kind.as_ref().and_then(Value::as_str).unwrap_or("filter");
        let policy = self.policy.as_ref().map(|policy| format!(" policy {};", plain(policy)));
        let head = format!("type {} hook {} priority {prio};", plain(kind), plain(hook));
        head + &policy.unwrap_or_default()
    }

    fn rule(&self) -> String {
        let mut parts: Vec<_> = self.expr.iter().map(statement::spell).collect();
        parts.extend(self.comment.as_ref().map(|text| format!("comment {}", quoted(text))));
        parts.join(" ")
    }

    /// Spells a set or map; its type is not needed, for each match says what it looks at.
    fn set(&self, kind: &str) -> Result<String, String> {
        let elements: Vec<_> = self.elem.iter().map(expression::element).collect();
        let mut flags = self.flags();
        // An element that cannot be spelled could be any.
        let unread = elements.iter().any(Option::is_none);
        let counts = |value: &Value| value.get("counter").is_none();
        let counts = self.stmt.as_ref().is_some_and(|list| list.iter().any(counts));
        if unread || counts || self.timeout.is_some() {
            flags.push("timeout".to_owned());
        }
        let kind = if kind == "element" { "set" } else { kind };
        let mut text = format!("\t{kind} {} {{\n", name(&self.name)?);
        if !flags.is_empty() {
            let flags: Vec<_> = flags.iter().map(|flag| plain(flag)).collect();
            let _ = writeln!(text, "\t\tflags {}", flags.join(","));
        }
        let elements: Vec<_> = elements.into_iter().flatten().collect();
        if !elements.is_empty() {
            let _ = writeln!(text, "\t\telements = {{ {} }}", elements.join(",\n\t\t\t     "));
        }
        Ok(text + "\t}\n")
    }
}

/// A word of nft's own; anything else would be another text.
fn plain(word: &str) -> &str {
    let of_word = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    if !word.is_empty() && word.bytes().all(of_word) { word } else { "unreadable" }
}

impl Table {
    fn chain(&mut self, wanted: &str) -> Result<&mut Chain, String> {
        let at = self.chains.iter().position(|chain| chain.name == wanted);
        let at = match at {
            Some(at) => at,
            None => {
                self.chains.push(Chain { name: name(wanted)?, ..Chain::default() });
                self.chains.len() - 1
            }
        };
        self.chains.get_mut(at).ok_or_else(String::new)
    }

    fn text(&self) -> String {
        let mut text = format!("table {} {} {{\n", self.family, self.name);
        if !self.flags.is_empty() {
            let flags: Vec<_> = self.flags.iter().map(|flag| plain(flag)).collect();
            let _ = writeln!(text, "\tflags {}", flags.join(","));
        }
        text += &self.sets.join("\n");
        for chain in &self.chains {
            let _ = writeln!(text, "\n\tchain {} {{", chain.name);
            let head = [&chain.head].into_iter().filter(|head| !head.is_empty());
            for line in head.chain(&chain.rules) {
                let _ = writeln!(text, "\t\t{line}");
            }
            text += "\t}\n";
        }
        text + "}\n"
    }
}
