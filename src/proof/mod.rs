//! Decides whether an artifact means what its policy means, over all packets.
//!
//! This room may not use anything of `pass`, of the templates, or of the compiler's own set engine
//! (`net::RangeSet` operations): address sets are built with `iprange` from the prefixes as printed, so
//! that the compiler is not its own judge.

pub mod program;

pub use program::Program;
