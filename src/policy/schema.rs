//! The JSON Schema of policies, libraries and files of tests, for editors (draft 2020-12).
//!
//! It is made from the types that serde decodes, so it cannot fall behind them. It knows shapes, words and
//! patterns; that a name is declared, or that a prefix has no host bits, only [`load`](super::load) knows.

use super::raw;
use crate::firewall::Kind;
use crate::firewall::options::{OptionSpec, Tie, Values};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Returns the JSON Schema of a policy, a library file or a file of tests.
pub fn schema() -> String {
    let mut definitions = definitions::<raw::Policy>("Policy", "");
    for (rule, key) in [("Rule", "when"), ("Use", "when")] {
        remove_property(&mut definitions, rule, key);
    }
    definitions.append(&mut definitions_of_tests());
    let mut library = definitions_of_library();
    definitions.append(&mut library);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Portcullis policy, rule library or file of tests",
        "oneOf": [
            { "$ref": "#/$defs/Policy" },
            { "$ref": "#/$defs/LibraryFile" },
            { "$ref": "#/$defs/TestFile" },
        ],
        "$defs": definitions,
    });
    format!("{schema:#}\n")
}

/// The definitions of a file of tests, which are a policy's; it has something to say.
fn definitions_of_tests() -> Map<String, Value> {
    let mut definitions = definitions::<raw::TestFile>("TestFile", "");
    if let Some(Value::Object(file)) = definitions.get_mut("TestFile") {
        file.insert("minProperties".to_owned(), json!(1));
    }
    definitions
}

/// The definitions of a library, each under a name of its own: where a policy has a word, a library can
/// have an expression.
fn definitions_of_library() -> Map<String, Value> {
    let mut definitions = definitions::<raw::Library>("File", "Library");
    let fixed = ["LibraryFile", "LibraryParameter", "LibraryWarning", "LibraryImport"];
    for (name, definition) in &mut definitions {
        if !fixed.contains(&name.as_str()) {
            allow_expressions(definition);
        }
    }
    definitions
}

/// Returns a type's definitions, itself included, with a prefix on every name.
fn definitions<T: schemars::JsonSchema>(name: &str, prefix: &str) -> Map<String, Value> {
    let root: Schema = SchemaGenerator::default().into_root_schema_for::<T>();
    let mut root = root.to_value();
    rename(&mut root, prefix);
    let inner = root.as_object_mut().and_then(|root| {
        root.remove("$schema");
        root.remove("$defs")
    });
    let mut definitions = Map::new();
    if let Some(Value::Object(inner)) = inner {
        definitions.extend(inner.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value)));
    }
    definitions.insert(format!("{prefix}{name}"), root);
    definitions
}

fn rename(value: &mut Value, prefix: &str) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref") {
                *reference = reference.replace("#/$defs/", &format!("#/$defs/{prefix}"));
            }
            map.values_mut().for_each(|value| rename(value, prefix));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| rename(value, prefix)),
        _ => {}
    }
}

/// Lets an expression stand wherever one of some words, a pattern, a number or a boolean must.
fn allow_expressions(value: &mut Value) {
    let Value::Object(map) = value else {
        if let Value::Array(items) = value {
            items.iter_mut().for_each(allow_expressions);
        }
        return;
    };
    let restricted = ["enum", "pattern"].iter().any(|key| map.get(*key).is_some_and(is_keyword));
    let kind = map.get("type").and_then(Value::as_str);
    let other = matches!(kind, Some("boolean" | "integer" | "array"));
    if restricted || other {
        if kind == Some("array") {
            map.values_mut().for_each(allow_expressions);
        }
        let expression = json!({ "type": "string", "pattern": "\\{\\{" });
        let plain = std::mem::take(value);
        *value = json!({ "anyOf": [plain, expression] });
        return;
    }
    for (key, inner) in map.iter_mut() {
        // Names of maps are never expressions.
        if key != "propertyNames" && key != "patternProperties" {
            allow_expressions(inner);
        }
    }
}

/// Tells a schema's `enum` or `pattern` from a property of that name.
fn is_keyword(value: &Value) -> bool {
    value.is_array() || value.is_string()
}

fn remove_property(definitions: &mut Map<String, Value>, name: &str, key: &str) {
    let properties = definitions.get_mut(name).and_then(|one| one.get_mut("properties"));
    if let Some(properties) = properties.and_then(Value::as_object_mut) {
        properties.remove(key);
    }
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

/// What an option may be: of any kind that has it.
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
