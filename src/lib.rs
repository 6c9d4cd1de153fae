#![doc = include_str!("../ARCHITECTURE.md")]
#![warn(missing_docs, unreachable_pub)]
#![warn(
    clippy::allow_attributes_without_reason,
    clippy::cast_possible_truncation,
    clippy::dbg_macro,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::todo,
    clippy::unwrap_used
)]

pub mod analysis;

pub mod cli;
pub mod command;
pub mod diag;

pub mod feed;
mod files;
pub mod firewall;
pub mod ir;
pub mod limits;
mod near;
pub mod net;
pub mod pass;
pub mod policy;
pub mod program;
pub mod proof;
pub mod source;
mod timing;
