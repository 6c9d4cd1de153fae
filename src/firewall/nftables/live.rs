//! Reads what a running firewall lists of itself, or rules that somebody else wrote, as far as they are
//! understood.
//!
//! `ruleset` finds tables, chains and sets in the text; what `nft -j` prints is spelled as such a text first
//! (`json`). `translate` runs the base chains of all tables in the kernel's order and copies each chain for
//! every stage that it is reached from (`stage`), for a match means something else where packets have no
//! interface, no state or other addresses yet. `rule` and `condition` read the rules themselves.
//!
//! What is not understood may hold: its rule becomes uncertain and is noted, and nothing is ever left out.
//! An ICMP error of any kind is read as [`Verdict::RejectProhibited`](crate::ir::Verdict), and where it is
//! another one that is noted. Offloaded flows (`flow add`) are established ones, so they change nothing.

mod condition;
mod elements;
mod expand;
mod flags;
mod head;
mod json;
mod names;
mod rule;
mod ruleset;
mod stage;
mod translate;
mod verdict;

use super::read::{lex, ports_apart, refuse};
use crate::firewall::{File, Listing, ReadError};
use crate::ir::Placement;
pub(crate) use expand::MOST;
use ruleset::Ruleset;
use std::borrow::Cow;

/// Reads what was listed: one text, or several that are loaded one after the other.
///
/// # Errors
/// The first place that is not the format.
pub(in crate::firewall) fn read(
    placement: &Placement,
    files: &[File],
) -> Result<Listing, ReadError> {
    if files.is_empty() {
        return Err(refuse(1, "there is no listing"));
    }
    let mut spelled = Vec::with_capacity(files.len());
    for (at, file) in files.iter().enumerate() {
        spelled.push(spell(file).map_err(|error| in_file(error, at))?);
    }
    let apart: Vec<Cow<'_, str>> = spelled.iter().map(|file| ports_apart(&file.text)).collect();
    let mut tokens = Vec::with_capacity(apart.len());
    for (at, text) in apart.iter().enumerate() {
        let read = lex::any_tokens(text).and_then(expand::expand);
        tokens.push(read.map_err(|error| in_file(error, at))?);
    }
    let mut ruleset = Ruleset::default();
    for (at, tokens) in tokens.iter().enumerate() {
        ruleset.read(at, tokens).map_err(|error| in_file(error, at))?;
    }
    let (program, unclear) = translate::program(placement, &ruleset)?;
    drop(apart);
    Ok(Listing { program, files: spelled, unclear })
}

/// Returns the text of a file: as it is, or for JSON as nft would have listed it.
fn spell(file: &File) -> Result<File, ReadError> {
    if !file.text.trim_start().starts_with('{') {
        return Ok(file.clone());
    }
    Ok(File { text: json::spell(&file.text)?, ..file.clone() })
}

fn in_file(mut error: ReadError, file: usize) -> ReadError {
    error.place.file = file;
    error
}

#[cfg(test)]
mod tests;
