//! nftables: one file for `nft -f`, which replaces its own table only.

use super::render::Templates;
use super::{Fault, File, Header, ReadError, Spec};
use crate::ir::Placement;
use crate::ir::packet::Filter;
use crate::proof::Program;

/// Options that only nftables has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Whether each rule counts packets and bytes.
    pub counters: bool,
}

/// Plans and renders the file.
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

/// Reads the file back.
///
/// # Errors
/// The first place that is not understood.
pub fn read(_placement: &Placement, _files: &[File]) -> Result<Program, ReadError> {
    todo!()
}
