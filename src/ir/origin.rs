//! Where a rule came from; kept through every pass, and no part of its meaning.

use std::fmt;

/// Where a rule of any phase came from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
pub struct Origin {
    /// Why the rule exists.
    pub kind: OriginKind,
    /// The id of the policy's rule (`resolvers`, `amazon-connect/media`), or the baseline's name for it.
    pub rule: String,
    /// Index of the rule in the policy as written, where there is one.
    pub index: Option<usize>,
    /// The policy's comment on the rule, checked: one line, printable.
    pub comment: String,
}

/// Why a rule exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OriginKind {
    /// The policy says it.
    Policy,
    /// The network needs it under a default deny.
    Baseline,
    /// It lets the replies of a rule back in (stateless).
    Return,
    /// It lets ICMP errors about allowed flows through (stateless).
    Related,
    /// The default of a direction.
    Default,
}

impl Origin {
    /// Makes the origin of a rule that no rule of the policy stands behind.
    pub fn new(kind: OriginKind, name: impl Into<String>) -> Self {
        Origin { kind, rule: name.into(), index: None, comment: String::new() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            OriginKind::Policy => write!(f, "{}", self.rule),
            OriginKind::Baseline => write!(f, "baseline {}", self.rule),
            OriginKind::Return => write!(f, "return of {}", self.rule),
            OriginKind::Related => write!(f, "related {}", self.rule),
            OriginKind::Default => write!(f, "default {}", self.rule),
        }
    }
}
