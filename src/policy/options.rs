//! What the schema has beyond the types: the options of each kind of firewall, and choices.

use crate::firewall::Kind;
use crate::firewall::options::{OptionSpec, Tie, Values};
use schemars::Schema;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Makes a schema one of several shapes, told apart so that a fault is reported inside the shape that was meant.
fn by_shape(schema: &mut Schema, tell_apart: &[Value]) {
    let Some(Value::Array(shapes)) = schema.remove("anyOf") else { return };
    let mut pairs: Vec<_> = tell_apart.iter().cloned().zip(shapes).rev().collect();
    let Some((_, last)) = (!pairs.is_empty()).then(|| pairs.remove(0)) else { return };
    let nested = pairs.into_iter().fold(
        last,
        |otherwise, (when, then)| json!({ "if": when, "then": then, "else": otherwise }),
    );
    if let Value::Object(nested) = nested {
        nested.into_iter().for_each(|(key, value)| _ = schema.insert(key, value));
    }
}

/// Tells the shapes of a network apart.
pub(super) fn network_by_shape(schema: &mut Schema) {
    let has = |key: &str| json!({ "type": "object", "required": [key] });
    let of = |kind: &str| json!({ "type": kind });
    let shapes =
        [of("string"), of("array"), has("include"), has("file"), has("feed"), has("domains")];
    by_shape(schema, &shapes);
}

/// Tells a service from a list of them.
pub(super) fn service_by_shape(schema: &mut Schema) {
    by_shape(schema, &[json!({ "type": "string" }), json!({ "type": "array" })]);
}

/// Tells a rule from the use of a library.
pub(super) fn rule_by_shape(schema: &mut Schema) {
    by_shape(schema, &[json!({ "not": { "required": ["use"] } }), json!({})]);
}

/// Says that an invariant is of one kind.
pub(super) fn one_kind_of_invariant(schema: &mut Schema) {
    let one = |key: &str| json!({ "required": [key] });
    schema.insert("oneOf".to_owned(), json!([one("never"), one("always"), one("only")]));
}

/// Adds the options of the kinds of firewall, and says which of them belong to which kind.
pub(super) fn options_by_kind(schema: &mut Schema) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for option in Kind::all().flat_map(|kind| kind.options()) {
            properties.insert(option.key.to_owned(), property(option.key));
        }
    }
    let mut rules: Vec<_> = Kind::all().map(|kind| rules_of(&kind)).collect();
    rules.push(json!({
        "if": when("placement", "gateway".into()),
        "then": { "required": ["inside", "outside"] },
        "else": without(&["inside", "outside"])
    }));
    schema.insert("allOf".to_owned(), rules.into());
}

/// Returns what an option may be, for any kind that has it.
fn property(key: &str) -> Value {
    let kinds: Vec<_> = Kind::all().filter(|kind| kind.has(key)).collect();
    let options = kinds.iter().flat_map(|kind| kind.options());
    let mut shapes: Vec<Value> = Vec::new();
    let mut help: Vec<String> = Vec::new();
    for option in options.filter(|option| option.key == key) {
        let shape = shape(&option.values);
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
        if !help.iter().any(|known| known == option.help) {
            help.push(option.help.to_owned());
        }
    }
    let words: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
    let description = format!("{}: {}", words.join(", "), help.join(" "));
    match shapes.as_slice() {
        [Value::Object(one)] => {
            let mut one = one.clone();
            one.insert("description".to_owned(), description.into());
            Value::Object(one)
        }
        _ => json!({ "anyOf": shapes, "description": description }),
    }
}

fn shape(values: &Values) -> Value {
    let number =
        |low: &u16, high: &u16| json!({ "type": "integer", "minimum": low, "maximum": high });
    match values {
        Values::Flag => json!({ "type": "boolean" }),
        Values::Number(low, high) => number(low, high),
        Values::NumberOrWord(low, high, (word, _)) => {
            json!({ "anyOf": [number(low, high), { "const": word }] })
        }
        Values::Words(_) | Values::Format(_) => json!({ "type": "string", "enum": values.words() }),
        Values::Name(most) => json!({
            "type": "string", "maxLength": most,
            "pattern": "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$"
        }),
        Values::Addresses => json!({ "$ref": "#/$defs/Network" }),
    }
}

fn without(keys: &[&str]) -> Value {
    let keys: Vec<_> = keys.iter().map(|key| json!({ "required": [key] })).collect();
    json!({ "not": { "anyOf": keys } })
}

fn when(key: &str, value: Value) -> Value {
    json!({ "properties": { key: { "const": value } }, "required": [key] })
}

/// What holds of the targets of one kind.
fn rules_of(kind: &Kind) -> Value {
    let all = Kind::all().flat_map(|other| other.keys().collect::<Vec<_>>());
    let others: BTreeSet<_> = all.filter(|key| !kind.has(key)).collect();
    let others: Vec<_> = others.into_iter().collect();
    let output = if kind.caps().folder { "/$" } else { "[^/]$" };
    let mut rules = vec![json!({ "properties": { "output": { "pattern": output } } })];
    if !others.is_empty() {
        rules.push(without(&others));
    }
    rules.extend(
        kind.caps()
            .only_state()
            .map(|only| json!({ "properties": { "state": { "const": only } } })),
    );
    for option in kind.options() {
        let key = option.key;
        if option.required {
            rules.push(json!({ "required": [key] }));
        }
        if !matches!(option.values, Values::Addresses | Values::Name(_)) {
            rules.push(json!({ "properties": { key: shape(&option.values) } }));
        }
        rules.extend(option.ties.iter().map(|tie| tied(option, tie)));
    }
    json!({ "if": when("kind", kind.word().into()), "then": { "allOf": rules } })
}

/// What one option has to do with another.
fn tied(option: &OptionSpec, tie: &Tie) -> Value {
    let used = match option.values {
        Values::Flag => when(option.key, true.into()),
        _ => json!({ "required": [option.key] }),
    };
    match tie {
        Tie::Needs { key, .. } => json!({
            "if": used, "then": { "properties": { *key: { "not": { "const": false } } }, "required": [key] }
        }),
        Tie::Not { key, word, .. } => json!({
            "if": used, "then": { "not": when(key, (*word).into()) }
        }),
    }
}
