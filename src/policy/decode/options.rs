//! The options that only some kinds of firewall have: decoded by the data of each kind.

use super::choose;
use crate::diag::{Code, Diagnostic, Diags};
use crate::firewall::Kind;
use crate::firewall::options::{OptionSpec, Setting, Tie, Values};
use crate::policy::document::{Node, require, wrong_type};
use crate::policy::text::shown;
use serde_yaml::Value;

/// Returns the keys that are options of some kind of firewall.
pub(super) fn keys() -> Vec<&'static str> {
    let options = Kind::all().flat_map(|kind| kind.options());
    let mut keys: Vec<_> = options.map(|option| option.key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Reports the keys of a target that are options of other kinds.
pub(super) fn other_kinds_options(node: Node<'_>, kind: &Kind, diags: &mut Diags) {
    let keys = keys().into_iter().chain(["placement"]);
    for key in keys.filter(|key| node.has(key) && !kind.has(key)) {
        let owners: Vec<_> =
            Kind::all().filter(|kind| kind.has(key)).map(|kind| kind.word()).collect();
        let owners = crate::diag::listed(owners.iter().map(|word| (*word).to_owned()), " and ");
        let message = format!("`{key}` is an option of {owners}, not of {}", kind.word());
        let diagnostic = Diagnostic::new(Code::OtherKindsOption, message).at(node.key_of(key), "");
        diags.push(diagnostic.at(node.span_of("kind"), "the kind is set here"));
    }
}

/// Reads the options of a kind; `None` when one of them is at fault.
pub(super) fn options(node: Node<'_>, mut kind: Kind, diags: &mut Diags) -> Option<Kind> {
    let mut sound = true;
    for option in kind.options() {
        sound &= option_of(node, option, &mut kind, diags);
    }
    for option in kind.options().iter().filter(|option| is_used(node, option.key)) {
        sound &= option.ties.iter().all(|tie| holds(node, option, tie, diags));
    }
    if let Some((key, why)) = kind.refuses().filter(|_| sound) {
        diags.push(Diagnostic::new(Code::UnknownValue, why).at(node.span_of(key), ""));
        return None;
    }
    sound.then_some(kind)
}

/// Tells whether an option is written, and not as `false`.
fn is_used(node: Node<'_>, key: &str) -> bool {
    node.get(key).is_some_and(|value| *value.value != Value::Bool(false))
}

/// Reads one option into the kind's settings; tells whether there is no fault.
fn option_of(node: Node<'_>, option: &OptionSpec, kind: &mut Kind, diags: &mut Diags) -> bool {
    let key = option.key;
    let Some(there) = node.get(key) else {
        // A value that was refused is a fault already.
        let refused = node.has(key);
        return !refused
            && (!option.required
                || require(node, &format!("this {} target", kind.word()), &[key], diags));
    };
    let setting = match option.values {
        Values::Addresses => return true,
        Values::Name(most) => {
            return match name(there, key, most, diags) {
                Some(name) => {
                    kind.settings.set_name(key, name);
                    true
                }
                None => false,
            };
        }
        Values::Flag => flag(there, key, diags),
        Values::Number(low, high) => number(there, key, (low, high), diags),
        Values::NumberOrWord(low, high, (known, stands_for)) => match there.value {
            Value::String(_) => {
                word(there, key, &[known], diags).map(|_| Setting::Number(stands_for))
            }
            _ => number(there, key, (low, high), diags),
        },
        Values::Words(_) | Values::Format(_) => word(there, key, &option.values.words(), diags),
    };
    if let Some(setting) = setting {
        kind.settings.set(key, setting);
    }
    setting.is_some()
}

fn wrong(node: Node<'_>, key: &str, expected: &str, diags: &mut Diags) {
    diags.push(wrong_type(node, &format!("`{key}`"), expected));
}

fn flag(node: Node<'_>, key: &str, diags: &mut Diags) -> Option<Setting> {
    let flag = node.value.as_bool();
    if flag.is_none() {
        wrong(node, key, "`true` or `false`", diags);
    }
    flag.map(Setting::Flag)
}

/// Reads a number and checks it against the values that an option may have.
fn number(
    node: Node<'_>,
    key: &str,
    (low, high): (u16, u16),
    diags: &mut Diags,
) -> Option<Setting> {
    if !node.value.is_number() {
        wrong(node, key, "a number", diags);
        return None;
    }
    let number = node.value.as_u64().and_then(|number| u16::try_from(number).ok());
    let number = number.filter(|number| (low..=high).contains(number));
    if number.is_none() {
        let message = format!("`{key}` must be from {low} to {high}");
        diags.push(Diagnostic::new(Code::UnknownValue, message).at(node.span(), ""));
    }
    number.map(Setting::Number)
}

fn word(node: Node<'_>, key: &str, words: &[&'static str], diags: &mut Diags) -> Option<Setting> {
    let Some(text) = node.value.as_str() else {
        wrong(node, key, "text", diags);
        return None;
    };
    let known: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
    choose(key, text, &known, node.span(), diags).map(Setting::Word)
}

/// Reads a name as vendors take it.
fn name(node: Node<'_>, key: &str, most: usize, diags: &mut Diags) -> Option<String> {
    let Some(text) = node.value.as_str() else {
        wrong(node, key, "text", diags);
        return None;
    };
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    if text.len() > most || !text.bytes().all(safe) || !ends(bytes.first()) || !ends(bytes.last()) {
        let message = format!("`{}` is not accepted as a name", shown(text));
        let help = format!(
            "write up to {most} letters, digits and `_.-`, beginning and ending with a letter or digit"
        );
        diags.push(Diagnostic::new(Code::UnknownValue, message).at(node.span(), "").help(help));
        return None;
    }
    Some(text.to_owned())
}

/// Tells whether an option goes with the others that are written, and reports where it does not.
fn holds(node: Node<'_>, option: &OptionSpec, tie: &Tie, diags: &mut Diags) -> bool {
    let (code, why, help) = match tie {
        Tie::Needs { key, .. } if is_used(node, key) => return true,
        Tie::Needs { why, help, .. } => (Code::MissingKey, why, help),
        Tie::Not { key, word, .. }
            if node.get(key).and_then(|there| there.value.as_str()) != Some(word) =>
        {
            return true;
        }
        Tie::Not { why, help, .. } => (Code::OtherKindsOption, why, help),
    };
    diags.push(Diagnostic::new(code, *why).at(node.key_of(option.key), "").help(*help));
    false
}
