#![doc = include_str!("../ARCHITECTURE.md")]

pub mod cli;
pub mod compile;
pub mod diag;
pub mod feed;
pub mod ir;
pub mod net;
pub mod pass;
pub mod policy;
pub mod proof;
pub mod source;
pub mod target;
