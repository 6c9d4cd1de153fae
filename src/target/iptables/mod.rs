//! iptables and ip6tables: files for `iptables-restore`, with or without ipset.

pub mod caps;

use super::render::Templates;
use super::{Fault, File, Header, ReadError, Spec};
use crate::ir::Placement;
use crate::ir::packet::Filter;
use crate::proof::Program;

/// Options that only iptables has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Whether large address sets become ipsets; else they become trees of chains.
    pub ipset: bool,
    /// How much of the tables the artifact owns.
    pub scope: Scope,
}

/// How much of the tables an artifact owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// Chains of its own, with one jump from each built-in chain: other rules live on.
    #[default]
    Chains,
    /// The whole table: whatever else was in it is replaced.
    Table,
}

/// Plans and renders the files.
///
/// # Errors
/// Every fault.
pub fn generate(
    _filter: &Filter,
    _spec: &Spec,
    _options: &Options,
    _header: &Header,
    _templates: &Templates,
) -> Result<Vec<File>, Vec<Fault>> {
    todo!()
}

/// Reads the files back.
///
/// # Errors
/// The first place that is not understood.
pub fn read(
    _placement: &Placement,
    _options: &Options,
    _files: &[File],
) -> Result<Program, ReadError> {
    todo!()
}
