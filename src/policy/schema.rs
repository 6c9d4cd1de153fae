//! The JSON Schema of policies, libraries and files of tests, for editors (draft 2020-12).
//!
//! It is made from the types that serde decodes, so it cannot fall behind them. It knows shapes, words and
//! patterns; that a name is declared, or that a prefix has no host bits, only [`load`](super::load) knows.

use super::raw;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

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
