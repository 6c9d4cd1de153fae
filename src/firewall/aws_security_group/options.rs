//! What a policy can choose of security groups.

use crate::firewall::entries::aws::{Format, MAX_ENTRIES, MEMBERS, WIDEN};
use crate::firewall::options::{OptionSpec, Setting, Settings, Tie, Values};

/// The options.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "format",
        Values::Format(&[
            ("terraform", &[".tf"]),
            ("terraform-json", &[".tf.json"]),
            ("cloudformation", &[".yaml", ".yml"]),
            ("ip-permissions", &[".json"]),
        ]),
        "What the file is written in.",
    )
    .required(),
    MEMBERS,
    OptionSpec::new(
        "quota",
        Values::Number(1, 1000),
        "How many rules a group may have by direction and family.",
    )
    .or(Setting::Number(60)),
    OptionSpec::new(
        "groups",
        Values::NumberOrWord(1, 16, ("auto", 5)),
        "Over how many groups the rules may be spread; `auto` is five, as many as an interface has unless AWS raised it.",
    )
    .or(Setting::Number(1)),
    OptionSpec::new(
        "prefix-lists",
        Values::Number(1, 1000),
        "With more prefixes than this a service's addresses become customer-managed prefix lists.",
    )
    .tied(&[Tie::Not {
        key: "format",
        word: "ip-permissions",
        why: "`ip-permissions` cannot name prefix lists, which have no id before they are made",
        help: "remove it, or write `format: terraform`, `terraform-json` or `cloudformation`",
    }]),
    MAX_ENTRIES,
    WIDEN,
];

/// What was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Options {
    /// What the file is written in.
    pub(super) format: Format,
    /// How many rules a group may have by direction and family.
    pub(super) quota: u16,
    /// Over how many groups the rules may be spread.
    pub(super) groups: u16,
    /// With more prefixes than this a service's addresses become customer-managed prefix lists.
    pub(super) prefix_lists: Option<u16>,
    /// Whether address sets grow where they have too many prefixes.
    pub(super) widens: bool,
}

impl Options {
    pub(super) fn of(settings: &Settings) -> Self {
        Options {
            format: Format::of(settings.word("format")),
            quota: settings.number("quota").unwrap_or(60),
            groups: settings.number("groups").unwrap_or(1),
            prefix_lists: settings.number("prefix-lists"),
            widens: settings.flag("widen"),
        }
    }
}
