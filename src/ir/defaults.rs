//! What happens to flows that no rule matches.

use super::{Action, Direction};

/// An action for each direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Defaults {
    /// For flows towards the protected side.
    pub inbound: Action,
    /// For flows away from it.
    pub outbound: Action,
}

impl Defaults {
    /// Returns the default of a direction.
    pub fn of(self, direction: Direction) -> Action {
        match direction {
            Direction::Inbound => self.inbound,
            Direction::Outbound => self.outbound,
        }
    }
}
