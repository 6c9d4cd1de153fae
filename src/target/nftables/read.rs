//! Reads an nftables file back: the subset that the template prints and that `nft list` prints of it.
//!
//! Written apart from plan and template. Whatever it does not understand, it refuses: a match that was
//! overlooked would make the proof speak of another firewall than the one that is loaded.

mod hooks;
pub(super) mod lex;
pub(super) mod parse;
mod statement;
pub(super) mod syntax;
pub(super) mod translate;
pub(super) mod values;

use crate::ir::Placement;
use crate::proof::Program;
use crate::proof::program::Place;
use crate::target::{File, ReadError};
use std::borrow::Cow;

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
    let text = ports_apart(text);
    let tokens = lex::tokens(&text)?;
    let table = parse::listing(&tokens)?;
    translate::program(placement, &table)
}

/// What nft makes of `th sport A th dport B`: it merges two neighbours that are compared with one value
/// each, and lists the raw 32 bits, for it knows no name for both [measured, nft 1.0.6].
const BOTH_PORTS: &str = "@th,0,32 0x";

/// Writes a listing's merged ports apart again.
pub(super) fn ports_apart(text: &str) -> Cow<'_, str> {
    if !text.contains(BOTH_PORTS) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split(BOTH_PORTS);
    let mut apart = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(part.len());
        let (value, rest) = part.split_at(digits);
        match u32::from_str_radix(value, 16) {
            Ok(value) => apart += &format!("th sport {} th dport {}", value >> 16, value & 0xffff),
            Err(_) => apart += &format!("{BOTH_PORTS}{value}"),
        }
        apart += rest;
    }
    Cow::Owned(apart)
}

/// Makes the error for a line, from 1.
pub(super) fn refuse(line: usize, reason: impl Into<String>) -> ReadError {
    ReadError { place: Place { file: 0, line }, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::ports_apart;

    #[test]
    fn merged_ports_are_read_as_two() {
        let merged =
            "meta l4proto { 6, 17 } @th,0,32 0xffff0035 accept comment \"x\"\n@th,0,32 0x50 drop";
        let apart = "meta l4proto { 6, 17 } th sport 65535 th dport 53 accept comment \"x\"\nth sport 0 th dport 80 drop";
        assert_eq!(ports_apart(merged), apart);
        assert_eq!(ports_apart("@th,0,32 0xzz"), "@th,0,32 0xzz");
    }
}
