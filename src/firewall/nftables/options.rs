//! What a policy can choose of nftables.

use crate::firewall::options::{OptionSpec, Setting, Settings, Values};

/// The options.
pub(super) const OPTIONS: &[OptionSpec] =
    &[OptionSpec::new("counters", Values::Flag, "Whether each rule counts packets and bytes.")
        .or(Setting::Flag(false))];

/// What was chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Options {
    /// Whether each rule counts packets and bytes.
    pub(super) counters: bool,
}

impl Options {
    pub(super) fn of(settings: &Settings) -> Self {
        Options { counters: settings.flag("counters") }
    }
}
