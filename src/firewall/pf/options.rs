//! What a policy can choose of pf.

use crate::firewall::options::{OptionSpec, Setting, Settings, Values};

/// The options.
pub(super) const OPTIONS: &[OptionSpec] = &[OptionSpec::new(
    "dialect",
    Values::Words(&["common", "openbsd", "freebsd"]),
    "Whose pf it is for: what both understand, or one of them.",
)
.or(Setting::Word("common"))];

/// What was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Options {
    /// Whose pf it is for.
    pub(super) dialect: Dialect,
}

/// The pf that an artifact is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Dialect {
    /// What both understand.
    #[default]
    Common,
    /// OpenBSD.
    OpenBsd,
    /// FreeBSD and macOS.
    FreeBsd,
}

impl Options {
    pub(super) fn of(settings: &Settings) -> Self {
        let dialect = match settings.word("dialect") {
            "openbsd" => Dialect::OpenBsd,
            "freebsd" => Dialect::FreeBsd,
            _ => Dialect::Common,
        };
        Options { dialect }
    }
}
