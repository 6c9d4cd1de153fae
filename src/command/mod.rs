//! What the program can be asked to do, apart from how it prints: compile, check, test, explain, reach,
//! verify, diff.

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
