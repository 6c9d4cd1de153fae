//! What a policy's rules do to each other. Exact: over all packets, by the algebra of the flow rules.
//!
//! This room knows flow rules only: no YAML, no firewall.

mod useless;

pub use useless::{Useless, Why, useless};
