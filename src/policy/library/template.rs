//! The expressions of libraries: minijinja's, over the arguments and the tables.

use crate::diag::{Code, Diagnostic, Diags, enumerate};
use crate::policy::document::Node;
use crate::policy::text::shown;
use minijinja::value::ValueKind;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// The most bytes of a text with expressions: minijinja parses nested expressions by recursion.
pub(crate) const LONGEST: usize = 1024;
/// What all expressions of a run may cost together, in minijinja's units: about one for an instruction and
/// one for 64 bytes.
pub(crate) const FUEL: u64 = 20_000_000;
/// What one expression may cost: far more than any sensible one.
pub(crate) const FUEL_OF_ONE: u64 = 20_000;
/// What an expression is given first.
const FIRST_FUEL: u64 = 200;
/// The most bytes and items that an expression may make.
pub(crate) const MOST_MADE: usize = 4096;

/// The values that expressions see.
pub(super) struct Values(minijinja::Value);

impl Values {
    /// Makes the values of arguments by parameter and of a library's tables.
    pub(super) fn new(
        arguments: impl IntoIterator<Item = (String, minijinja::Value)>,
        tables: minijinja::Value,
    ) -> Self {
        // An expression reads `static-assets` as a difference.
        let arguments = arguments.into_iter().map(|(name, value)| (name.replace('-', "_"), value));
        let values: BTreeMap<_, _> = arguments.chain([("tables".to_owned(), tables)]).collect();
        Values(values.into())
    }
}

/// Returns a library's tables as expressions see them.
pub(super) fn tables(tables: Option<&Value>) -> minijinja::Value {
    let empty = Value::Mapping(Mapping::new());
    minijinja::Value::from(minijinja::value::Serde(tables.unwrap_or(&empty)))
}

/// Why an expression has no value.
enum Why {
    /// The run has nothing left to spend on expressions.
    Spent,
    Fault(String),
}

/// What evaluates the expressions of a run, and how much they may still cost.
pub(super) struct Expressions {
    environment: Environment<'static>,
    left: u64,
    spent: bool,
}

impl Expressions {
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        Expressions { environment, left: FUEL, spent: false }
    }

    /// Tells whether there is nothing left to spend, which was reported.
    pub(super) fn is_spent(&self) -> bool {
        self.spent
    }

    /// Tells whether a condition holds; `None` when a fault was reported.
    pub(super) fn holds(
        &mut self,
        condition: &str,
        values: &Values,
        node: Node<'_>,
        diags: &mut Diags,
    ) -> Option<bool> {
        match self.evaluate(condition, values) {
            Ok(value) if value.kind() == ValueKind::Bool => Some(value.is_true()),
            Ok(value) => {
                let message =
                    format!("`{}` is not a condition: it is {}", shown(condition), value.kind());
                let diagnostic = Diagnostic::new(Code::BadTemplate, message).at(node.span(), "");
                diags.push(diagnostic.help("write something that is true or false"));
                None
            }
            Err(why) => {
                self.fault(condition, why, values, node, diags);
                None
            }
        }
    }

    fn evaluate(&mut self, expression: &str, values: &Values) -> Result<minijinja::Value, Why> {
        self.spend(expression, |environment| {
            environment.compile_expression(expression)?.eval(&values.0)
        })
    }

    /// Does some work on a text within the budget. What an expression really cost cannot be asked, so it is given
    /// little, and ten times as much when that is used up; what it was given is what counts.
    fn spend<T>(
        &mut self,
        text: &str,
        work: impl Fn(&Environment<'_>) -> Result<T, minijinja::Error>,
    ) -> Result<T, Why> {
        if text.len() > LONGEST {
            return Err(Why::Fault(format!("it has more than {LONGEST} bytes")));
        }
        let mut fuel = FIRST_FUEL;
        loop {
            let cost = fuel + u64::try_from(text.len()).unwrap_or(u64::MAX);
            self.left = self.left.checked_sub(cost).ok_or(Why::Spent)?;
            self.environment.set_fuel(Some(fuel));
            match work(&self.environment) {
                Err(error) if error.kind() == ErrorKind::OutOfFuel && fuel < FUEL_OF_ONE => {
                    fuel *= 10;
                }
                done => return done.map_err(|error| Why::Fault(reason(&error))),
            }
        }
    }

    /// Replaces `{{ ... }}` in every text of a value; `None` when a fault was reported.
    ///
    /// A text that is one expression alone becomes what the expression is: a text, a number, a boolean or
    /// a list of texts.
    pub(super) fn render(
        &mut self,
        node: Node<'_>,
        values: &Values,
        diags: &mut Diags,
    ) -> Option<Value> {
        match node.value {
            Value::String(text) if text.contains("{{") || text.contains("{%") => {
                match self.text(text, values) {
                    Ok(value) => Some(value),
                    Err(why) => {
                        self.fault(text, why, values, node, diags);
                        None
                    }
                }
            }
            Value::Sequence(_) => {
                let items: Vec<_> =
                    node.items().map(|item| self.render(item, values, diags)).collect();
                Some(Value::Sequence(items.into_iter().collect::<Option<_>>()?))
            }
            Value::Mapping(_) => {
                let mut map = Mapping::new();
                let mut whole = true;
                for (key, member) in node.members() {
                    match self.render(member, values, diags) {
                        Some(value) => drop(map.insert(key.into(), value)),
                        None => whole = false,
                    }
                }
                whole.then_some(Value::Mapping(map))
            }
            other => Some(other.clone()),
        }
    }

    fn text(&mut self, text: &str, values: &Values) -> Result<Value, Why> {
        if text.contains("{%") || text.contains("{#") {
            let reason = "only `{{ expression }}` is supported, not statements";
            return Err(Why::Fault(reason.to_owned()));
        }
        let alone = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        if let Some(expression) = alone.filter(|inner| !inner.contains("}}")) {
            return yaml(&self.evaluate(expression.trim(), values)?).map_err(Why::Fault);
        }
        let rendered = self.spend(text, |environment| environment.render_str(text, &values.0))?;
        match rendered.len() > MOST_MADE {
            true => Err(Why::Fault("it is too long".to_owned())),
            false => Ok(rendered.into()),
        }
    }

    fn fault(
        &mut self,
        expression: &str,
        why: Why,
        values: &Values,
        node: Node<'_>,
        diags: &mut Diags,
    ) {
        let reason = match why {
            Why::Fault(reason) => reason,
            Why::Spent if std::mem::replace(&mut self.spent, true) => return,
            Why::Spent => {
                let message = "the expressions of libraries cost more than a run allows";
                let diagnostic = Diagnostic::new(Code::Limit, message).at(node.span(), "here");
                diags.push(
                    diagnostic.help("use libraries less often, or write shorter expressions"),
                );
                return;
            }
        };
        let message = format!("`{}` has no value: {reason}", shown(expression));
        let diagnostic = Diagnostic::new(Code::BadTemplate, message).at(node.span(), "");
        let help = diags.asks(Code::BadTemplate).then(|| missing_entry(expression, values));
        diags.push(help.flatten().into_iter().fold(diagnostic, Diagnostic::help));
    }
}

/// Returns, for `tables.NAME[PARAMETER]`, which entries the table has.
fn missing_entry(expression: &str, Values(values): &Values) -> Option<String> {
    let (name, rest) = expression.split_once("tables.")?.1.split_once('[')?;
    let parameter = rest.split_once(']')?.0.trim();
    let table = values.get_attr("tables").ok()?.get_attr(name).ok()?;
    let argument = values.get_attr(parameter).ok()?;
    let keys: Vec<_> = table.try_iter().ok()?.map(|key| key.to_string()).collect();
    let argument = argument.as_str()?;
    (!keys.is_empty() && !keys.iter().any(|key| key == argument))
        .then(|| format!("the table `{name}` has no `{argument}`; it has {}", enumerate(&keys)))
}

/// Returns on one line why minijinja stopped.
fn reason(error: &minijinja::Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{}{detail}", error.kind()).replace(['\n', '\r'], " ")
}

fn yaml(value: &minijinja::Value) -> Result<Value, String> {
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            if text.len() > MOST_MADE { Err("it is too long".to_owned()) } else { Ok(text.into()) }
        }
        ValueKind::Bool => Ok(value.is_true().into()),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(number) => Ok(number.into()),
            Err(_) => Err("it is not a whole number".to_owned()),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| reason(&error))?;
            let texts = items.take(MOST_MADE).map(|item| match item.as_str() {
                Some(text) => Ok(Value::from(text)),
                None => Err(format!("it is a list with {}", item.kind())),
            });
            texts.collect::<Result<Vec<_>, _>>().map(Value::Sequence)
        }
        ValueKind::Undefined => Err("it is not defined".to_owned()),
        kind => Err(format!("it is {kind}")),
    }
}
