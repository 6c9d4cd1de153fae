//! nftables: one file for `nft -f`, which replaces its own table only.

pub mod caps;
mod cells;
mod group;
pub(in crate::firewall) mod live;
mod order;
mod pieces;
mod plan;
mod prefixes;
mod read;
mod sets;
mod spell;
mod table;
mod words;

use super::render::Templates;
use super::{Fault, File, Header, ReadError, Spec};
use crate::ir::Placement;
use crate::ir::packet::Filter;
use crate::program::Program;
use crate::timing::phase;

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
    filter: &Filter,
    spec: &Spec,
    options: &Options,
    header: &Header,
    templates: &Templates,
) -> Result<Vec<File>, Vec<Fault>> {
    let plan = phase("  plan", || plan::plan(filter, options, header))?;
    let text =
        templates.render("nftables.nft.j2", words::safe, &plan).map_err(|fault| vec![fault])?;
    Ok(vec![File { path: spec.output.clone(), text, executable: false }])
}

/// Reads the file back.
///
/// # Errors
/// The first place that is not understood.
pub fn read(placement: &Placement, files: &[File]) -> Result<Program, ReadError> {
    read::read(placement, files)
}

/// Reads what `nft --numeric-protocol list table` prints of a table that an artifact made.
///
/// # Errors
/// The first place that is not understood.
pub fn read_listing(placement: &Placement, text: &str) -> Result<Program, ReadError> {
    read::read_listing(placement, text)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
