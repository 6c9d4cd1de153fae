//! The intermediate rule set: sets only, nothing optional, and what it means.
//!
//! [`flow`] says who may open what. [`packet`] says which single packets pass and is what targets are
//! planned from. [`decide`] is the reference meaning: explain, the tests and the kernel tests call it.
//! This room may not know YAML, diagnostics or any firewall's words.

mod baseline;
mod decide;
mod defaults;
pub mod flow;
mod l4;
mod origin;
pub mod packet;
mod placement;
pub(crate) mod region;
pub mod syntax;

pub use baseline::{Baseline, baseline_rules};
pub use decide::{Decision, decide, decide_flow};
pub use l4::{L4, L4Kind};
pub use origin::{Origin, OriginKind};
pub use packet::{Packet, State};
pub use placement::{Hook, Interface, Path, Placement, StateMode};

/// Which way a flow or a packet goes, seen from what the firewall protects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards the protected side.
    Inbound,
    /// Away from the protected side.
    Outbound,
}

impl Direction {
    /// Both directions, inbound first.
    pub const BOTH: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

    /// Returns the other direction.
    pub fn reverse(self) -> Self {
        match self {
            Direction::Inbound => Direction::Outbound,
            Direction::Outbound => Direction::Inbound,
        }
    }

    /// Returns the word that policies use.
    pub fn word(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        }
    }
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What a rule does with a packet that it matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Lets it through.
    Allow,
    /// Discards it silently.
    Drop,
    /// Discards it and tells the sender: TCP reset, otherwise ICMP "administratively prohibited".
    Reject,
}

impl Action {
    /// Returns the word that policies use.
    pub fn word(self) -> &'static str {
        match self {
            Action::Allow => "allow",
            Action::Drop => "drop",
            Action::Reject => "reject",
        }
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What happens to a packet at a firewall in the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It passes.
    Accept,
    /// It is discarded silently.
    Drop,
    /// It is discarded and a TCP reset goes back.
    RejectReset,
    /// It is discarded and ICMP "administratively prohibited" goes back.
    RejectProhibited,
    /// Connection tracking leaves it alone (the tracking stage of a stateless firewall).
    Untrack,
}

impl Verdict {
    /// Returns what an action does to a packet of that IP protocol.
    pub fn of(action: Action, protocol: u8) -> Self {
        match action {
            Action::Allow => Verdict::Accept,
            Action::Drop => Verdict::Drop,
            Action::Reject if protocol == crate::net::protocol::TCP => Verdict::RejectReset,
            Action::Reject => Verdict::RejectProhibited,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Verdict::Accept => "accept",
            Verdict::Drop => "drop",
            Verdict::RejectReset => "reject (TCP reset)",
            Verdict::RejectProhibited => "reject (administratively prohibited)",
            Verdict::Untrack => "leave untracked",
        })
    }
}

/// Writing a log line for what a rule matches; it never changes what the rule decides.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
pub struct Log {
    /// What each line begins with; letters, digits, spaces and `-_.:/` only.
    pub prefix: String,
    /// At most this many lines per time unit, or every packet.
    pub limit: Option<RateLimit>,
}

/// At most `count` per `unit`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
pub struct RateLimit {
    /// How many.
    pub count: u32,
    /// In which time.
    pub unit: TimeUnit,
}

/// A unit of time for rate limits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// One second.
    Second,
    /// One minute.
    Minute,
    /// One hour.
    Hour,
    /// One day.
    Day,
}

impl TimeUnit {
    /// Returns the word that policies and the firewalls of Linux use.
    pub fn word(self) -> &'static str {
        match self {
            TimeUnit::Second => "second",
            TimeUnit::Minute => "minute",
            TimeUnit::Hour => "hour",
            TimeUnit::Day => "day",
        }
    }
}
