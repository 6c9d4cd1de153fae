//! Portcullis compiles one firewall policy for many firewalls and proves each artifact.

pub mod diag;
pub mod feed;
pub mod ir;
pub mod net;
pub mod pass;
pub mod policy;
pub mod proof;
pub mod source;
pub mod target;
