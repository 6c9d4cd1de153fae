//! The options that only some kinds of firewall have, as data: how a policy's are decoded, what the schema,
//! `targets` and the documentation say of them, and that one is another kind's, is all made from it.

use std::collections::BTreeMap;

/// An option of a kind of firewall.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionSpec {
    /// The key in a policy's target.
    pub key: &'static str,
    /// What it may be.
    pub values: Values,
    /// What holds where a policy does not say; an option without is left out, or must be written.
    pub default: Option<Setting>,
    /// Whether a policy must say it.
    pub required: bool,
    /// What it does, in one sentence.
    pub help: &'static str,
    /// What else it needs or rules out.
    pub ties: &'static [Tie],
}

impl OptionSpec {
    /// An option that need not be written, and does nothing then.
    pub const fn new(key: &'static str, values: Values, help: &'static str) -> Self {
        OptionSpec { key, values, default: None, required: false, help, ties: &[] }
    }

    /// An option with a value where a policy does not say one.
    pub const fn or(self, default: Setting) -> Self {
        OptionSpec { default: Some(default), ..self }
    }

    /// An option that a policy must say.
    pub const fn required(self) -> Self {
        OptionSpec { required: true, ..self }
    }

    /// An option that goes with others, or not.
    pub const fn tied(self, ties: &'static [Tie]) -> Self {
        OptionSpec { ties, ..self }
    }
}

impl OptionSpec {
    /// Says the option in a line: its key, what it may be, and what it does.
    pub(super) fn line(&self) -> String {
        let unless = match self.default {
            Some(default) => format!(" ({default} unless said)"),
            None if self.required => " (required)".to_owned(),
            None => String::new(),
        };
        format!("{}: {}{unless}. {}", self.key, self.values, self.help)
    }
}

/// What an option may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Values {
    /// `true` or `false`.
    Flag,
    /// A number between two, both included.
    Number(u16, u16),
    /// A number between two, or a word that stands for one.
    NumberOrWord(u16, u16, (&'static str, u16)),
    /// One of some words.
    Words(&'static [&'static str]),
    /// The language of the artifact: a word, and the endings of which the output must have one.
    Format(&'static [(&'static str, &'static [&'static str])]),
    /// A name of the vendor's: at most so many characters, of which the first is a letter or digit.
    Name(usize),
    /// Addresses, as in a rule's `from`. They are not kept with the settings, for they are resolved with
    /// the networks of the policy.
    Addresses,
}

impl Values {
    /// Returns the words that may be written, for an option that is one of some.
    pub fn words(&self) -> Vec<&'static str> {
        match self {
            Values::Words(words) => words.to_vec(),
            Values::Format(formats) => formats.iter().map(|(word, _)| *word).collect(),
            Values::NumberOrWord(_, _, (word, _)) => vec![word],
            _ => Vec::new(),
        }
    }
}

/// What one option has to do with another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tie {
    /// The other must be written (and be `true`, where it is a flag).
    Needs {
        /// The other's key.
        key: &'static str,
        /// Why.
        why: &'static str,
        /// What to write.
        help: &'static str,
    },
    /// The other must not be one of its words.
    Not {
        /// The other's key.
        key: &'static str,
        /// The word.
        word: &'static str,
        /// Why.
        why: &'static str,
        /// What to write.
        help: &'static str,
    },
}

/// The value of an option, but for names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// Of a flag.
    Flag(bool),
    /// Of a number.
    Number(u16),
    /// One of the option's words.
    Word(&'static str),
}

/// The options of a target: those that its policy says, and the defaults of the rest.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Settings {
    settings: BTreeMap<&'static str, Setting>,
    names: BTreeMap<&'static str, String>,
}

impl Settings {
    /// Returns the defaults.
    pub fn defaults(options: &[OptionSpec]) -> Self {
        let known = options.iter().filter_map(|one| Some((one.key, one.default?)));
        Settings { settings: known.collect(), names: BTreeMap::new() }
    }

    /// Sets an option.
    pub fn set(&mut self, key: &'static str, setting: Setting) {
        self.settings.insert(key, setting);
    }

    /// Sets an option that is a name.
    pub fn set_name(&mut self, key: &'static str, name: String) {
        self.names.insert(key, name);
    }

    /// Tells whether a flag is set.
    pub fn flag(&self, key: &str) -> bool {
        self.settings.get(key) == Some(&Setting::Flag(true))
    }

    /// Returns a number, where there is one.
    pub fn number(&self, key: &str) -> Option<u16> {
        match self.settings.get(key) {
            Some(Setting::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// Returns a word; empty where there is none.
    pub fn word(&self, key: &str) -> &'static str {
        match self.settings.get(key) {
            Some(Setting::Word(word)) => word,
            _ => "",
        }
    }

    /// Returns a name, where there is one.
    pub fn name(&self, key: &str) -> Option<&str> {
        self.names.get(key).map(String::as_str)
    }
}

impl std::fmt::Display for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Values::Flag => write!(f, "true or false"),
            Values::Number(low, high) => write!(f, "{low} to {high}"),
            Values::NumberOrWord(low, high, (word, _)) => write!(f, "{low} to {high}, or {word}"),
            Values::Words(_) | Values::Format(_) => write!(f, "{}", self.words().join(", ")),
            Values::Name(most) => write!(f, "a name of up to {most} characters"),
            Values::Addresses => write!(f, "networks, as in a rule's `from`"),
        }
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Setting::Flag(flag) => flag.fmt(f),
            Setting::Number(number) => number.fmt(f),
            Setting::Word(word) => f.write_str(word),
        }
    }
}
