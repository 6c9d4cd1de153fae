//! Reads an nftables file back: the subset that the template prints and that `nft list` prints of it.
//!
//! Written apart from plan and template. Whatever it does not understand, it refuses: a match that was
//! overlooked would make the proof speak of another firewall than the one that is loaded.

mod hooks;
mod lex;
mod parse;
mod statement;
mod syntax;
mod translate;
mod values;

use crate::ir::Placement;
use crate::proof::Program;
use crate::proof::program::Place;
use crate::target::{File, ReadError};

/// Reads an artifact: it must replace its own table as a whole and touch nothing else.
///
/// # Errors
/// The first place that is not understood.
pub(super) fn read(placement: &Placement, files: &[File]) -> Result<Program, ReadError> {
    let [file] = files else {
        return Err(refuse(1, "an nftables artifact is one file"));
    };
    let tokens = lex::tokens(&file.text)?;
    let table = parse::artifact(&tokens)?;
    translate::program(placement, &table)
}

/// Reads what `nft --numeric-protocol list table` prints of a table that an artifact made.
///
/// # Errors
/// The first place that is not understood.
pub(super) fn read_listing(placement: &Placement, text: &str) -> Result<Program, ReadError> {
    let tokens = lex::tokens(text)?;
    let table = parse::listing(&tokens)?;
    translate::program(placement, &table)
}

/// Makes the error for a line, from 1.
fn refuse(line: usize, reason: impl Into<String>) -> ReadError {
    ReadError { place: Place { file: 0, line }, reason: reason.into() }
}
