//! The JSON Schema of policies, libraries and files of tests, for editors (draft 2020-12).
//!
//! It is made from the types that serde decodes, so it cannot fall behind them. It knows shapes, words and
//! patterns; that a name is declared, or that a prefix has no host bits, only [`load`](super::load) knows.

use super::raw;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// A kind of file of the language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// A policy.
    Policy,
    /// A library of rules.
    Library,
    /// Tests and invariants in a file of their own.
    Tests,
}

impl FileKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [FileKind; 3] = [FileKind::Policy, FileKind::Library, FileKind::Tests];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            FileKind::Policy => "policy",
            FileKind::Library => "library",
            FileKind::Tests => "tests",
        }
    }

    /// Returns the name of the definition of the whole file.
    pub(super) fn root(self) -> &'static str {
        match self {
            FileKind::Policy => "Policy",
            FileKind::Library => "Library",
            FileKind::Tests => "TestFile",
        }
    }
}

/// Returns the JSON Schema of a kind of file.
pub fn schema(kind: FileKind) -> String {
    let word = kind.word();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:portcullis:schema:{word}"),
        "title": format!("Portcullis: {word}"),
        "$ref": format!("#/$defs/{}", kind.root()),
        "$defs": definitions_of(kind),
    });
    format!("{schema:#}\n")
}

/// Returns the definitions of a kind of file, that of the whole file among them.
pub(super) fn definitions_of(kind: FileKind) -> Map<String, Value> {
    match kind {
        FileKind::Policy => {
            let mut definitions = definitions::<raw::Policy>(kind.root());
            for (rule, key) in [("Rule", "when"), ("Use", "when")] {
                remove_property(&mut definitions, rule, key);
            }
            definitions
        }
        FileKind::Library => definitions_of_library(),
        FileKind::Tests => {
            let mut definitions = definitions::<raw::TestFile>(kind.root());
            // It has something to say.
            if let Some(Value::Object(file)) = definitions.get_mut(kind.root()) {
                file.insert("minProperties".to_owned(), json!(1));
            }
            definitions
        }
    }
}

/// The definitions of a library: where a policy has a word, a library can have an expression.
fn definitions_of_library() -> Map<String, Value> {
    let mut definitions = definitions::<raw::Library>(FileKind::Library.root());
    let fixed = ["Library", "Parameter", "Warning", "Import"];
    for (name, definition) in &mut definitions {
        if !fixed.contains(&name.as_str()) {
            allow_expressions(definition);
        }
    }
    definitions
}

/// Returns a type's definitions, itself included under a name.
fn definitions<T: schemars::JsonSchema>(name: &str) -> Map<String, Value> {
    let root: Schema = SchemaGenerator::default().into_root_schema_for::<T>();
    let mut root = root.to_value();
    let inner = root.as_object_mut().and_then(|root| {
        root.remove("$schema");
        root.remove("$defs")
    });
    let mut definitions = Map::new();
    if let Some(Value::Object(inner)) = inner {
        definitions.extend(inner);
    }
    definitions.insert(name.to_owned(), root);
    definitions
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
