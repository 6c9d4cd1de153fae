//! What a policy can choose of iptables.

use crate::firewall::options::{OptionSpec, Setting, Settings, Values};

/// The options.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new("ipset", Values::Flag, "Whether large address sets become ipsets.")
        .or(Setting::Flag(false)),
    OptionSpec::new(
        "scope",
        Values::Words(&["chains", "table"]),
        "Whether it owns `chains` of its own beside other rules, or the whole `table`.",
    )
    .or(Setting::Word("chains")),
];

/// What was chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Options {
    /// Whether large address sets become ipsets; else they become trees of chains.
    pub(super) ipset: bool,
    /// How much of the tables the artifact owns.
    pub(super) scope: Scope,
}

/// How much of the tables an artifact owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Scope {
    /// Chains of its own, with one jump from each built-in chain: other rules live on.
    #[default]
    Chains,
    /// The whole table: whatever else was in it is replaced.
    Table,
}

impl Options {
    pub(super) fn of(settings: &Settings) -> Self {
        let scope = if settings.word("scope") == "table" { Scope::Table } else { Scope::Chains };
        Options { ipset: settings.flag("ipset"), scope }
    }
}
