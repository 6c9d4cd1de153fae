//! The expressions of libraries: minijinja's, over the arguments and the tables.

use crate::diag::{Code, Diagnostic, Diags, enumerate};
use crate::policy::decode::shown;
use crate::policy::document::Node;
use minijinja::value::ValueKind;
use minijinja::{Environment, UndefinedBehavior};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// What one expression may cost: far more than any sensible one, and over in a moment.
const FUEL: u64 = 20_000;
/// The most bytes that an expression may make.
const MOST: usize = 4096;

/// The values that expressions see.
pub(super) struct Template {
    environment: Environment<'static>,
    values: minijinja::Value,
}

impl Template {
    /// Makes the values of arguments by parameter and of a library's tables.
    pub(super) fn new(
        arguments: impl IntoIterator<Item = (String, minijinja::Value)>,
        tables: Option<&Value>,
    ) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let empty = Value::Mapping(Mapping::new());
        let tables = minijinja::Value::from(minijinja::value::Serde(tables.unwrap_or(&empty)));
        // An expression reads `static-assets` as a difference.
        let arguments = arguments.into_iter().map(|(name, value)| (name.replace('-', "_"), value));
        let values: BTreeMap<_, _> = arguments.chain([("tables".to_owned(), tables)]).collect();
        Template { environment, values: values.into() }
    }

    /// Tells whether a condition holds; `None` when a fault has been said.
    pub(super) fn holds(&self, condition: &str, node: Node<'_>, diags: &mut Diags) -> Option<bool> {
        match self.evaluate(condition) {
            Ok(value) if value.kind() == ValueKind::Bool => Some(value.is_true()),
            Ok(value) => {
                let message =
                    format!("`{}` is no condition: it is {}", shown(condition), value.kind());
                let diagnostic = Diagnostic::new(Code::BadTemplate, message).at(node.span(), "");
                diags.push(diagnostic.help("write something that is true or false"));
                None
            }
            Err(reason) => {
                diags.push(self.fault(condition, &reason, node));
                None
            }
        }
    }

    fn evaluate(&self, expression: &str) -> Result<minijinja::Value, String> {
        let compiled = self.environment.compile_expression(expression);
        let value = compiled.and_then(|compiled| compiled.eval(&self.values));
        value.map_err(|error| reason(&error))
    }

    /// Replaces `{{ ... }}` in every text of a value; `None` when a fault has been said.
    ///
    /// A text that is one expression alone becomes what the expression is: a text, a number, a boolean or
    /// a list of texts.
    pub(super) fn render(&self, node: Node<'_>, diags: &mut Diags) -> Option<Value> {
        match node.value {
            Value::String(text) if text.contains("{{") || text.contains("{%") => {
                match self.text(text) {
                    Ok(value) => Some(value),
                    Err(reason) => {
                        diags.push(self.fault(text, &reason, node));
                        None
                    }
                }
            }
            Value::Sequence(_) => {
                let items: Vec<_> = node.items().map(|item| self.render(item, diags)).collect();
                Some(Value::Sequence(items.into_iter().collect::<Option<_>>()?))
            }
            Value::Mapping(_) => {
                let mut map = Mapping::new();
                let mut whole = true;
                for (key, member) in node.members() {
                    match self.render(member, diags) {
                        Some(value) => drop(map.insert(key.into(), value)),
                        None => whole = false,
                    }
                }
                whole.then_some(Value::Mapping(map))
            }
            other => Some(other.clone()),
        }
    }

    fn text(&self, text: &str) -> Result<Value, String> {
        if text.contains("{%") || text.contains("{#") {
            return Err("only `{{ expression }}` is known, no statements".to_owned());
        }
        let alone = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        if let Some(expression) = alone.filter(|inner| !inner.contains("}}")) {
            return yaml(&self.evaluate(expression.trim())?);
        }
        let rendered = self.environment.render_str(text, &self.values);
        let rendered = rendered.map_err(|error| reason(&error))?;
        if rendered.len() > MOST { Err("it is too long".to_owned()) } else { Ok(rendered.into()) }
    }

    fn fault(&self, expression: &str, reason: &str, node: Node<'_>) -> Diagnostic {
        let message = format!("`{}` has no value: {reason}", shown(expression));
        let diagnostic = Diagnostic::new(Code::BadTemplate, message).at(node.span(), "");
        match self.missing_entry(expression) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    /// For `tables.NAME[PARAMETER]`, says which entries the table has.
    fn missing_entry(&self, expression: &str) -> Option<String> {
        let (name, rest) = expression.split_once("tables.")?.1.split_once('[')?;
        let parameter = rest.split_once(']')?.0.trim();
        let table = self.values.get_attr("tables").ok()?.get_attr(name).ok()?;
        let argument = self.values.get_attr(parameter).ok()?;
        let keys: Vec<_> = table.try_iter().ok()?.map(|key| key.to_string()).collect();
        let argument = argument.as_str()?;
        (!keys.is_empty() && !keys.iter().any(|key| key == argument))
            .then(|| format!("the table `{name}` has no `{argument}`; it has {}", enumerate(&keys)))
    }
}

/// Says on one line why minijinja stopped.
fn reason(error: &minijinja::Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{}{detail}", error.kind()).replace(['\n', '\r'], " ")
}

fn yaml(value: &minijinja::Value) -> Result<Value, String> {
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            if text.len() > MOST { Err("it is too long".to_owned()) } else { Ok(text.into()) }
        }
        ValueKind::Bool => Ok(value.is_true().into()),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(number) => Ok(number.into()),
            Err(_) => Err("it is no whole number".to_owned()),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| reason(&error))?;
            let texts = items.take(MOST).map(|item| match item.as_str() {
                Some(text) => Ok(Value::from(text)),
                None => Err(format!("it is a list with {}", item.kind())),
            });
            texts.collect::<Result<Vec<_>, _>>().map(Value::Sequence)
        }
        ValueKind::Undefined => Err("it is not defined".to_owned()),
        kind => Err(format!("it is {kind}")),
    }
}
