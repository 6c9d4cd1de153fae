//! What a policy's rules do to each other, and what they let be opened. Exact: over all packets.
//!
//! This room knows flow rules and sets of packets only: no YAML, no firewall.

mod ask;
mod changes;
mod names;
mod overlap;
mod traffic;
mod useless;

pub use ask::{Asked, Reach};
pub use changes::{Cause, Change, Changes, Kind, changes};
pub use names::{Names, service};
pub use overlap::{Overlap, overlaps};
pub use traffic::spelled;
pub use useless::{Useless, Why, useless};
