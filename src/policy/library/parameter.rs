//! The parameters of libraries.

use crate::diag::{Code, Diagnostic, Diags, enumerate};
use crate::near::nearest;
use crate::policy::decode::{choose, table};
use crate::policy::document::{Node, require, shape, wrong_type};
use crate::policy::raw;
use crate::policy::text::{check_name, checked, shown};
use crate::source::Span;
use serde_yaml::Value;
use std::collections::BTreeMap;

/// A parameter of a library.
pub(super) struct Parameter {
    pub(super) kind: Kind,
    /// Where it is declared.
    pub(super) span: Span,
}

/// What an argument can be.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind {
    /// A set of addresses.
    Network,
    /// One of some words.
    Choice(Vec<String>),
    /// True or false.
    Boolean,
    /// Lower-case letters, digits and hyphens, at most 64.
    Text,
}

/// Reads a library's parameters and checks their defaults against their types.
pub(super) fn parameters(root: Node<'_>, diags: &mut Diags) -> BTreeMap<String, Parameter> {
    let mut parameters = BTreeMap::new();
    let Some(table) = table(root, "parameters", diags) else { return parameters };
    for (name, node) in table.members() {
        let reserved = ["tables", "true", "false", "none", "any"];
        check_name("parameter", name, &reserved, node.key_span(), diags);
        if let Some(parameter) = parameter(node, diags) {
            parameters.insert(name.to_owned(), parameter);
        }
    }
    parameters
}

fn parameter(node: Node<'_>, diags: &mut Diags) -> Option<Parameter> {
    let raw: raw::Parameter = shape(node, "a parameter", diags)?;
    require(node, "a parameter", &["type"], diags);
    if let Some(text) = raw.description {
        checked("description", text.0, node.span_of("description"), diags);
    }
    let kinds = [("network", 0), ("choice", 1), ("boolean", 2), ("text", 3)];
    let kind = match choose("type", &raw.r#type?, &kinds, node.span_of("type"), diags)? {
        0 => Kind::Network,
        1 => {
            require(node, "a choice", &["values"], diags);
            Kind::Choice(raw.values.clone()?)
        }
        2 => Kind::Boolean,
        _ => Kind::Text,
    };
    if raw.values.is_some() && !matches!(kind, Kind::Choice(_)) {
        let message = "`values` is only for a `choice`";
        let diagnostic = Diagnostic::new(Code::OtherKindsOption, message);
        diags.push(diagnostic.at(node.key_of("values"), "").at(node.span_of("type"), "the type"));
    }
    let parameter = Parameter { kind, span: node.key_span() };
    if let Some(default) = node.get("default") {
        argument("default", default, &parameter, diags);
    }
    Some(parameter)
}

/// Returns an argument that is not a network as expressions see it; reports what its parameter does not allow.
pub(super) fn argument(
    name: &str,
    node: Node<'_>,
    parameter: &Parameter,
    diags: &mut Diags,
) -> Option<minijinja::Value> {
    let what = format!("`{name}`");
    match (&parameter.kind, node.value) {
        (Kind::Network, value) => Some(match value.as_str() {
            Some(text) => text.into(),
            None => minijinja::Value::from(minijinja::value::Serde(value)),
        }),
        (Kind::Boolean, Value::Bool(flag)) => Some((*flag).into()),
        (Kind::Choice(values), Value::String(text)) if values.contains(text) => {
            Some(text.as_str().into())
        }
        (Kind::Choice(values), Value::String(text)) => {
            diags.push(not_a_choice(&what, text, values, node.span(), parameter.span));
            None
        }
        (Kind::Text, Value::String(text)) if is_word(text) => Some(text.as_str().into()),
        (Kind::Text, Value::String(text)) => {
            diags.push(not_a_word(&what, text, node.span(), parameter.span));
            None
        }
        (Kind::Boolean, _) => {
            diags.push(wrong_type(node, &what, "`true` or `false`"));
            None
        }
        (Kind::Choice(_) | Kind::Text, _) => {
            diags.push(wrong_type(node, &what, "text"));
            None
        }
    }
}

fn is_word(text: &str) -> bool {
    let safe = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(safe)
}

fn not_a_word(what: &str, text: &str, span: Span, declared: Span) -> Diagnostic {
    let message = format!("`{}` is not accepted for {what}", shown(text));
    let diagnostic = Diagnostic::new(Code::BadArgument, message).at(span, "");
    let help = "write 1 to 64 lower-case letters, digits and `-`";
    diagnostic.at(declared, "declared here").help(help)
}

fn not_a_choice(
    what: &str,
    text: &str,
    values: &[String],
    span: Span,
    declared: Span,
) -> Diagnostic {
    let message = format!("`{}` is not a value of {what}", shown(text));
    let diagnostic = Diagnostic::new(Code::BadArgument, message)
        .at(span, "")
        .at(declared, "declared here")
        .note(format!("the values are {}", enumerate(values)));
    match nearest(text, values.iter().map(String::as_str), 1).first() {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}
