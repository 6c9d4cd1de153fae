//! Reads rules of nftables: our own artifacts, what a running firewall lists, or what somebody else wrote.
//!
//! `tables` does what the commands of a text say. `program` runs the base chains of all tables in the
//! kernel's order and copies each chain for every stage that it is reached from (`stage`), for a condition
//! means something else where packets have no interface, no state or other addresses yet. `rule` and
//! `condition` read the rules themselves, and `writes` what they change.
//!
//! Everything is held against what is known: any other statement may do anything ([`Match::Unknown`]) and is
//! noted, and so is what depends on something that a rule writes. `profile` says what an artifact of ours may
//! consist of.
//!
//! An ICMP error of any kind is read as [`Verdict::RejectProhibited`](crate::ir::Verdict), and where it is
//! another one that is noted.
//!
//! [`Match::Unknown`]: crate::program::Match::Unknown

mod condition;
mod field;
mod flags;
mod head;
mod interfaces;
mod joined;
mod names;
mod ports;
mod profile;
mod program;
mod rule;
mod stage;
mod tables;
mod values;
mod writes;
mod written;

use super::syntax::{self, Command, refuse};
use crate::firewall::{File, Listing, ReadError};
use crate::ir::Placement;
use crate::program::Program;
use tables::Ruleset;

/// Reads texts or JSON that are loaded one after the other.
///
/// # Errors
/// The first place that is not the format.
pub(super) fn listing(placement: &Placement, files: &[File]) -> Result<Listing, ReadError> {
    read(placement, files, |_| Ok(()))
}

/// Reads an artifact: it must replace its own table as a whole, touch nothing else, and leave no doubt.
///
/// # Errors
/// The first place that is not understood.
pub(super) fn artifact(placement: &Placement, files: &[File]) -> Result<Program, ReadError> {
    let [file] = files else {
        return Err(refuse(1, "an nftables artifact is one file"));
    };
    profile::text(&file.text)?;
    profile::clear(read(placement, files, profile::commands)?)
}

fn read(
    placement: &Placement,
    files: &[File],
    check: impl Fn(&[Command<'_, '_>]) -> Result<(), ReadError>,
) -> Result<Listing, ReadError> {
    if files.is_empty() {
        return Err(refuse(1, "there is no listing"));
    }
    let (mut spelled, mut tokens) =
        (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
    for (at, file) in files.iter().enumerate() {
        spelled.push(spell(file).map_err(|error| in_file(error, at))?);
    }
    for (at, file) in spelled.iter().enumerate() {
        tokens.push(syntax::tokens(&file.text).map_err(|error| in_file(error, at))?);
    }
    let mut ruleset = Ruleset::default();
    for (at, tokens) in tokens.iter().enumerate() {
        let commands = syntax::commands(at, tokens).map_err(|error| in_file(error, at))?;
        check(&commands)?;
        ruleset.run(at, commands).map_err(|error| in_file(error, at))?;
    }
    let (program, unclear) = program::program(placement, &ruleset)?;
    drop(ruleset);
    drop(tokens);
    Ok(Listing { program, files: spelled, unclear })
}

/// Returns the text of a file: as it is, or for JSON as nft would have listed it.
fn spell(file: &File) -> Result<File, ReadError> {
    if !file.text.trim_start().starts_with('{') {
        return Ok(file.clone());
    }
    Ok(File { text: syntax::spell(&file.text)?, ..file.clone() })
}

fn in_file(mut error: ReadError, file: usize) -> ReadError {
    error.place.file = file;
    error
}
