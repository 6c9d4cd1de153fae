//! What the program can do, apart from printing: compile, check, test, explain, reach, verify, diff.

pub mod check;
pub mod compile;
pub mod diff;
pub mod explain;
mod phrases;
pub mod reach;
mod session;
pub mod test;
pub mod verify;

pub use session::{Session, resolved};
