//! What a policy's rules do to each other, and which flows they allow. Exact, for all packets.
//!
//! This room knows only flow rules and sets of packets: no YAML, no firewall.

mod ask;
mod boxes;
mod changes;
mod index;
mod names;
mod overlap;
mod plane;
mod run;
mod sweep;
mod traffic;
mod useless;
mod work;

pub use ask::{Asked, Reach};
pub use changes::{Cause, Change, Changes, Kind, changes};
pub use names::{Names, service};
pub use overlap::{Overlap, overlaps};
pub use traffic::spelled;
pub use useless::{Found, Useless, Why, useless};
pub use work::Work;
