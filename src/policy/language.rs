//! The reference of the language, made from the schema and the kinds of firewall.

use super::schema::{FileKind, definitions_of};
use crate::firewall::{Kind, caps};
use serde_json::{Map, Value};

/// The definitions of a page's part: a heading, what it is about, and the shapes under it.
type Part = (&'static str, &'static str, &'static [&'static str]);

/// The parts of the page, each with an example in docs/language.
const PARTS: &[Part] = &[
    ("policy", "The policy file", &["Policy", "Defaults", "Level"]),
    ("networks", "Networks", &["Network", "Except", "PrefixFile", "Feed", "Domains"]),
    ("services", "Services", &["Service"]),
    ("rules", "Rules", &["RuleOrUse", "Rule", "Port", "Log", "LogOptions", "Ignore"]),
    ("use", "Using a library", &["Use", "Argument"]),
    ("tests", "Tests and invariants", &["Test", "Invariant", "Bounds"]),
    ("targets", "Targets", &["Target"]),
    ("library", "Libraries", &["Library", "Parameter", "Warning"]),
];

/// Returns the names of the examples in docs/language, each with the definitions whose keys it must show.
pub fn examples() -> impl Iterator<Item = (&'static str, Vec<String>)> {
    let definitions = all_definitions();
    PARTS.iter().map(move |(name, _, shapes)| {
        let keys = shapes.iter().flat_map(|shape| keys_of(&definitions, shape));
        (*name, keys.map(|(key, _)| key.clone()).collect())
    })
}

/// Returns docs/language.md; `example` returns the text of an example by its name.
pub fn document(example: impl Fn(&str) -> String) -> String {
    let definitions = all_definitions();
    let mut page = INTRODUCTION.to_owned();
    for (name, title, shapes) in PARTS {
        page += &format!("\n## {title}\n");
        for shape in *shapes {
            page += &section(&definitions, shape);
        }
        if *name == "targets" {
            page += &by_kind();
        }
        page += &format!("\n```yaml\n{}```\n", example(name));
    }
    page + &texts(&definitions)
}

const INTRODUCTION: &str = "# The language

Every key of policies, libraries and files of tests. This page is made from the program: do not edit it. What the rules mean,
packet by packet, is in [semantics.md](semantics.md).

A policy is one YAML document. No key is repeated, no value is empty, and there are no anchors, tags or merge keys: what a
reviewer reads is what the compiler reads. *Required* keys must be written; a default applies when its key is left out.

## In an editor

`portcullis schema policy`, `portcullis schema library` and `portcullis schema tests` print a JSON Schema for each kind of file.
Editors with the YAML language server (VS Code, Neovim, Emacs, Helix) use it to complete keys and mark faults:

```console
$ portcullis schema policy > .portcullis-schema.json
```

and as the first line of the policy:

```yaml
# yaml-language-server: $schema=.portcullis-schema.json
```
";

/// Every definition; those that policies and libraries share are the policy's.
fn all_definitions() -> Map<String, Value> {
    let mut all = Map::new();
    for kind in [FileKind::Library, FileKind::Tests, FileKind::Policy] {
        all.extend(definitions_of(kind));
    }
    all
}

fn keys_of<'a>(definitions: &'a Map<String, Value>, shape: &str) -> Vec<(&'a String, &'a Value)> {
    let properties = definitions.get(shape).and_then(|one| one.get("properties"));
    properties.and_then(Value::as_object).into_iter().flatten().collect()
}

/// Returns a shape: what it is, and a row for each key.
fn section(definitions: &Map<String, Value>, shape: &str) -> String {
    let Some(definition) = definitions.get(shape) else { return String::new() };
    let mut text = format!("\n### {shape}\n\n{}\n", description(definition));
    let keys = keys_of(definitions, shape);
    if keys.is_empty() {
        let value = value(definition);
        if value.starts_with('`') {
            text += &format!("\n{value}\n");
        }
        return text;
    }
    let required = definition.get("required").and_then(Value::as_array);
    let is_required = |key: &String| {
        required.is_some_and(|list| list.iter().any(|one| one.as_str() == Some(key)))
    };
    text += "\n| key | value | default | meaning |\n|---|---|---|---|\n";
    let of_kinds =
        |key: &str| Kind::all().any(|kind| kind.options().iter().any(|one| one.key == key));
    for (key, schema) in keys.into_iter().filter(|(key, _)| !of_kinds(key)) {
        let default = if is_required(key) { "*required*".to_owned() } else { default(schema) };
        text += &format!("| `{key}` | {} | {default} | {} |\n", value(schema), description(schema));
    }
    text
}

fn description(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.replace('\n', " ").replace('|', "\\|")
}

fn default(schema: &Value) -> String {
    match (schema.get("default"), schema.get("x-default")) {
        (Some(Value::String(word)), _) => format!("`{word}`"),
        (Some(other), _) if !other.is_null() => format!("`{other}`"),
        (_, Some(Value::String(words))) => words.clone(),
        _ => String::new(),
    }
}

/// Returns in a few words what a value may be.
fn value(schema: &Value) -> String {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    if let Some(name) = text("$ref").and_then(|reference| reference.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        let words = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`"));
        return words.collect::<Vec<_>>().join(", ");
    }
    if let Some(word) = text("const") {
        return format!("`{word}`");
    }
    let choices = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array);
    if let Some(choices) = choices {
        let some = choices.iter().filter(|one| one.get("type") != Some(&Value::from("null")));
        return some.map(value).collect::<Vec<_>>().join(" or ");
    }
    let kinds: Vec<_> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind.as_str()],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    match kinds.first() {
        Some(&"array") => {
            format!("a list of {}", schema.get("items").map(value).unwrap_or_default())
        }
        Some(&"object") => {
            let patterns = schema.get("patternProperties").and_then(Value::as_object);
            let by_pattern = patterns.and_then(|patterns| patterns.values().next());
            let inner = by_pattern.or(schema.get("additionalProperties"));
            format!("names, each with {}", inner.map(value).unwrap_or_default())
        }
        Some(&"boolean") => "`true` or `false`".to_owned(),
        Some(&"integer") => match (schema.get("minimum"), schema.get("maximum")) {
            (Some(low), Some(high)) => format!("{low} to {high}"),
            _ => "a number".to_owned(),
        },
        _ => "text".to_owned(),
    }
}

/// Returns the options of each kind of firewall, and what it does with what rules say.
fn by_kind() -> String {
    let mut text = "\n### Options of each kind\n\n| kind | key | value | default | what it does |\n|---|---|---|---|---|\n".to_owned();
    for (kind, option) in
        Kind::all().flat_map(|kind| kind.options().iter().map(move |one| (kind.word(), one)))
    {
        let default = match option.default {
            Some(default) => format!("`{default}`"),
            None if option.required => "*required*".to_owned(),
            None => String::new(),
        };
        let (key, values, help) = (option.key, option.values, option.help);
        text += &format!("| `{kind}` | `{key}` | {values} | {default} | {help} |\n");
    }
    text += &String::from(
        "\n### What each kind of target does with it\n\nEverything about each kind, with its limits and differences: [targets.md](targets.md).\n\n",
    );
    text += "| kind | `drop`, `reject` | `log` | `comment` | domain names | cannot match |\n|---|---|---|---|---|---|\n";
    for kind in Kind::all() {
        let caps = kind.caps();
        let deny = caps.deny.iter().map(|(action, how)| format!("{action}: {how}"));
        let deny = deny.collect::<Vec<_>>().join("; ");
        let unseen = caps::not_looked_at(&kind);
        text += &format!(
            "| `{}` | {deny} | {} | {} | {} | {unseen} |\n",
            kind.word(),
            caps.log,
            caps.comments,
            caps.names
        );
    }
    text
}

/// Returns the texts that have a form of their own.
fn texts(definitions: &Map<String, Value>) -> String {
    let mut text = "\n## Texts\n\n| | form | at most |\n|---|---|---|\n".to_owned();
    for (name, definition) in definitions {
        let (Some(_), Some(most)) = (definition.get("pattern"), definition.get("maxLength")) else {
            continue;
        };
        let id = name.to_lowercase();
        text += &format!(
            "| <a id=\"{id}\"></a>{name} | {} | {most} characters |\n",
            description(definition)
        );
    }
    text
}
