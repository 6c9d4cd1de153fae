//! The policy language: YAML text to a checked [`ast::Policy`] whose names are still names.
//!
//! This room may not know what a rule does to packets, nor how any firewall spells it; it knows targets
//! only by the [`crate::target::Spec`] that a policy asks for.

pub mod ast;
