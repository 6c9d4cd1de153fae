//! The one template environment: strict, and every string checked against the target's safe alphabet.

use super::lines::Texts;
use super::{Fault, REGISTRY};
use crate::diag::Code;
use crate::timing::phase;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, UndefinedBehavior, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Returns the templates that are built in, by file name.
fn builtin() -> impl Iterator<Item = (&'static str, &'static str)> {
    REGISTRY.iter().flat_map(|firewall| firewall.templates()).copied()
}

/// The most bytes of a file that is written: what is larger no firewall loads in a sensible time.
pub const LARGEST: usize = 64 << 20;
/// The most bytes of a template of the user's.
pub const LONGEST_TEMPLATE: usize = 32 << 10;
/// What all renders of the user's templates in a run may cost, in minijinja's units: about one for an
/// instruction and one for 64 bytes.
pub const FUEL: u64 = 50_000_000;
/// The stack that the user's templates have: minijinja takes what is nested in itself by recursion, and
/// each level is at least a byte of the template.
const STACK: usize = LONGEST_TEMPLATE * (8 << 10);

/// The templates of a run: those built in, and those that a user's folder replaces.
#[derive(Clone, Debug)]
pub struct Templates {
    overrides: BTreeMap<String, String>,
    /// What the renders of the user's templates may still cost.
    fuel: Arc<AtomicU64>,
}

impl Default for Templates {
    fn default() -> Self {
        Templates { overrides: BTreeMap::new(), fuel: Arc::new(AtomicU64::new(FUEL)) }
    }
}

impl Templates {
    /// Replaces a template by one of the user's.
    ///
    /// # Errors
    /// When no template has that name; gives the names that exist.
    pub fn replace(&mut self, name: &str, text: String) -> Result<(), Vec<&'static str>> {
        if !builtin().any(|(known, _)| known == name) {
            return Err(builtin().map(|(known, _)| known).collect());
        }
        self.overrides.insert(name.to_owned(), text);
        Ok(())
    }

    /// Renders a template with a plan.
    ///
    /// Every string that the template prints must be of the target's safe alphabet, else the render
    /// stops: so no text from a policy can become configuration, whatever a plan forgot.
    ///
    /// # Errors
    /// A fault with the template's name and line.
    pub fn render(
        &self,
        name: &str,
        safe: fn(char) -> bool,
        plan: &(impl serde::Serialize + Sync),
    ) -> Result<String, Fault> {
        let rendered = phase("  render", || match self.overrides.get(name) {
            Some(text) => self.render_apart(name, text, safe, plan),
            None => {
                let builtin = builtin().find(|(known, _)| *known == name);
                let missing = || Error::new(ErrorKind::TemplateNotFound, name.to_owned());
                let (_, text) = builtin.ok_or_else(missing)?;
                Ok(render(name, text, safe, plan, None)?.0)
            }
        });
        rendered.map_err(|error| fault(name, &error))
    }

    /// Renders a template of the user's: with a stack of its own, and for what is left of the fuel.
    fn render_apart(
        &self,
        name: &str,
        text: &str,
        safe: fn(char) -> bool,
        plan: &(impl serde::Serialize + Sync),
    ) -> Result<String, Error> {
        if text.len() > LONGEST_TEMPLATE {
            let message = format!("it has more than {} KiB", LONGEST_TEMPLATE >> 10);
            return Err(Error::new(ErrorKind::SyntaxError, message));
        }
        let left = self.fuel.load(Ordering::Relaxed);
        let failed = |_| Error::new(ErrorKind::InvalidOperation, "there is no memory for it");
        let (rendered, used) = std::thread::scope(|scope| {
            let work = || render(name, text, safe, plan, Some(left));
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            let stopped = |_| Error::new(ErrorKind::InvalidOperation, "it stopped");
            thread.map_err(failed)?.join().map_err(stopped)?
        })?;
        self.fuel.fetch_sub(used.min(left), Ordering::Relaxed);
        Ok(rendered)
    }
}

/// Says why a template did not render.
fn fault(name: &str, error: &Error) -> Fault {
    let (code, message, help) = match error.kind() {
        ErrorKind::WriteFailure => (
            Code::Limit,
            format!("a file of template `{name}` would have more than {} MiB", LARGEST >> 20),
            "let the policy say less in one target: fewer rules over scattered addresses, or several \
             policies",
        ),
        ErrorKind::OutOfFuel => (
            Code::Limit,
            format!("template `{name}` costs more than the templates of a run may"),
            "let it do less in loops",
        ),
        _ => {
            let line = error.line().unwrap_or_default();
            (
                Code::Template,
                format!("template `{name}` did not render at line {line}: {error}"),
                "",
            )
        }
    };
    Fault { code, message, origin: None, help: help.to_owned() }
}

/// Renders a template and tells what it cost.
fn render(
    name: &str,
    text: &str,
    safe: fn(char) -> bool,
    plan: &impl serde::Serialize,
    fuel: Option<u64>,
) -> Result<(String, u64), Error> {
    let mut environment = Environment::new();
    environment.set_fuel(fuel);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    let alphabet = Alphabet::new(safe);
    environment.set_formatter(move |out, _, value| checked(&alphabet, out, value));
    environment.remove_filter("safe");
    environment.add_filter("join", move |items: &Value, separator: &str| {
        join(&alphabet, items, separator)
    });
    environment.add_template(name, text)?;
    let mut out = Bounded(Vec::new());
    let done = environment.get_template(name)?.render_captured_to(Serde(plan), &mut out)?;
    let used = done.state().fuel_levels().map_or(0, |(used, _)| used);
    let text = String::from_utf8(out.0);
    Ok((text.map_err(|error| Error::new(ErrorKind::WriteFailure, error.to_string()))?, used))
}

/// A text that does not grow past what a file may have.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The characters that a target's configuration may have.
#[derive(Clone, Copy)]
struct Alphabet {
    /// Of the bytes that are a character of their own, those that are refused.
    refused: [bool; 128],
    safe: fn(char) -> bool,
}

impl Alphabet {
    fn new(safe: fn(char) -> bool) -> Self {
        let mut refused = [false; 128];
        refused.iter_mut().zip('\0'..='\x7f').for_each(|(refused, c)| *refused = !safe(c));
        Alphabet { refused, safe }
    }

    /// Finds the first character of a text that is not safe.
    fn refused(&self, text: &str) -> Option<char> {
        let plain = |b: u8| self.refused.get(usize::from(b)).is_some_and(|refused| !refused);
        if text.bytes().all(plain) {
            return None;
        }
        text.chars().find(|c| !(self.safe)(*c))
    }
}

/// Writes a value if it is a number or made of safe characters only.
fn checked(alphabet: &Alphabet, out: &mut Output<'_>, value: &Value) -> Result<(), Error> {
    if !value.is_safe() {
        check(alphabet, value)?;
    }
    match value.as_str() {
        Some(text) => out.write_str(text)?,
        None => write!(out, "{value}")?,
    }
    Ok(())
}

fn check(alphabet: &Alphabet, value: &Value) -> Result<(), Error> {
    match (value.kind(), value.as_str()) {
        (ValueKind::Number, _) => Ok(()),
        (ValueKind::String, Some(text)) => safe(alphabet, text),
        (kind, _) => {
            let message = format!("a template may print text and numbers, not {kind}");
            Err(Error::new(ErrorKind::BadSerialization, message))
        }
    }
}

fn safe(alphabet: &Alphabet, text: &str) -> Result<(), Error> {
    match alphabet.refused(text) {
        None => Ok(()),
        Some(c) => {
            let message = format!("{c:?} in `{text}` is not safe in this target's configuration");
            Err(Error::new(ErrorKind::BadSerialization, message))
        }
    }
}

/// Joins list items, each of which must be safe; the separator is the template's own and may be
/// anything, a line break included.
fn join(alphabet: &Alphabet, items: &Value, separator: &str) -> Result<Value, Error> {
    let mut joined = String::new();
    if let Some(texts) = items.downcast_object_ref::<Texts>() {
        let length = texts.length() + separator.len() * texts.count();
        if length > LARGEST {
            return Err(Error::new(ErrorKind::WriteFailure, "too many items"));
        }
        joined.reserve(length);
        for (i, text) in texts.iter().enumerate() {
            safe(alphabet, text)?;
            if i > 0 {
                joined.push_str(separator);
            }
            joined.push_str(text);
        }
        return Ok(Value::from_safe_string(joined));
    }
    for (i, item) in items.try_iter()?.enumerate() {
        check(alphabet, &item)?;
        if i > 0 {
            joined.push_str(separator);
        }
        match item.as_str() {
            Some(text) => joined.push_str(text),
            None => joined.push_str(&item.to_string()),
        }
        if joined.len() > LARGEST {
            return Err(Error::new(ErrorKind::WriteFailure, "too many items"));
        }
    }
    Ok(Value::from_safe_string(joined))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::lines::Lines;

    fn safe(c: char) -> bool {
        c.is_ascii_alphanumeric() || c == ' '
    }

    fn rendered(template: &str, plan: impl serde::Serialize + Sync) -> Result<String, Fault> {
        let mut templates = Templates::default();
        let (name, _) = builtin().next().expect("a template");
        templates.replace(name, template.to_owned()).expect("a known name");
        templates.render(name, safe, &plan)
    }

    #[test]
    fn text_from_a_policy_never_becomes_configuration() {
        let evil = "a\" ; flush ruleset #";
        for template in ["{{ x }}", "{{ [x] | join(',') }}", "{{ x ~ 'b' }}", "{{ x | safe }}"] {
            let fault = rendered(template, serde_json::json!({ "x": evil })).expect_err(template);
            assert!(fault.message.contains("line 1"), "{}", fault.message);
        }
        let fine =
            rendered("{{ x }}{{ [1, x] | join(\"\\n\") }}\n", serde_json::json!({ "x": "a b" }));
        assert_eq!(fine.expect("safe"), "a b1\na b\n");
    }

    #[test]
    fn each_of_many_lines_is_checked_and_the_one_at_fault_is_shown() {
        let lines = |texts: &[&str]| {
            let mut lines = Lines::default();
            texts.iter().for_each(|text| lines.push(|line| line.push_str(text)));
            rendered("{{ x | join(';\n') }}", std::collections::BTreeMap::from([("x", lines)]))
        };
        assert_eq!(lines(&["a", "", "b c"]).expect("safe"), "a;\n;\nb c");
        let fault = lines(&["a", "b\n", "c"]).expect_err("a line break");
        assert!(fault.message.contains("'\\n' in `b\n` is not safe"), "{}", fault.message);
    }

    #[test]
    fn what_is_not_there_or_not_text_stops_the_render() {
        for template in
            ["{{ y }}", "{% if y %}{% endif %}", "{{ none }}", "{{ true }}", "{{ [1] }}"]
        {
            assert!(rendered(template, serde_json::json!({ "x": 1 })).is_err(), "{template}");
        }
    }

    #[test]
    fn an_unknown_template_name_lists_the_known_ones() {
        let known = Templates::default().replace("nope.j2", String::new()).expect_err("unknown");
        assert_eq!(known, builtin().map(|(name, _)| name).collect::<Vec<_>>());
    }
}
