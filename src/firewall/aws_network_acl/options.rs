//! What a policy can choose of network ACLs.

use crate::firewall::entries::aws::{Format, MAX_ENTRIES, MEMBERS, WIDEN};
use crate::firewall::options::{OptionSpec, Setting, Settings, Values};

/// The options.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "format",
        Values::Format(&[
            ("terraform", &[".tf"]),
            ("terraform-json", &[".tf.json"]),
            ("cloudformation", &[".yaml", ".yml"]),
            ("api-json", &[".json"]),
        ]),
        "What the file is written in.",
    )
    .required(),
    MEMBERS,
    OptionSpec::new(
        "quota",
        Values::Number(20, 40),
        "How many entries a direction and family may have, the default deny included.",
    )
    .or(Setting::Number(20)),
    MAX_ENTRIES,
    WIDEN,
];

/// What was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Options {
    /// What the file is written in.
    pub(super) format: Format,
    /// How many entries a direction and family may have, the default deny included.
    pub(super) quota: u16,
}

impl Options {
    pub(super) fn of(settings: &Settings) -> Self {
        Options {
            format: Format::of(settings.word("format")),
            quota: settings.number("quota").unwrap_or(20),
        }
    }
}
