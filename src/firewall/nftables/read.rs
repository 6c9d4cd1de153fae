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

use crate::firewall::{File, ReadError};
use crate::ir::Placement;
use crate::program::Place;
use crate::program::Program;
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
#[cfg(test)]
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
    use super::*;
    use crate::program::Match;

    /// Reads a table of one set and one rule that uses it.
    fn of_set(set: &str) -> Result<Program, ReadError> {
        let text = format!(
            "table inet x {{\n\tset s {{\n\t\t{set}\n\t}}\n\tchain c {{\n\t\tip saddr . tcp dport @s accept\n\t}}\n}}\n"
        );
        read_listing(&Placement::Host, &text)
    }

    #[test]
    fn elements_that_differ_in_the_last_value_alone_are_one_product() {
        let types = "type ipv4_addr . inet_service\n\t\tflags interval\n\t\telements = {";
        let one = |low: u8, ports: &[u32]| {
            let low = u32::from_be_bytes([10, 0, 0, low]);
            let ports = ports.iter().map(|port| (*port, *port)).collect();
            vec![
                Match::Source4(vec![(low, low)]),
                Match::Field(crate::program::Field::DestinationPort, ports),
            ]
        };
        let wanted = Match::AnyOf(vec![one(1, &[80, 443]), one(2, &[80]), one(1, &[81])]);
        for list in [
            " 10.0.0.1 . 80, 10.0.0.1 . 443,\n10.0.0.2 . 80, 10.0.0.1 . 81 }",
            "\n10.0.0.1 . 80, # a } b\n\n10.0.0.1 . 443,\n10.0.0.2 . 80,\n10.0.0.1 . 81,\n}",
        ] {
            let program = of_set(&format!("{types}{list}")).expect(list);
            assert!(program.chains[0].clauses[0].when.contains(&wanted), "{program:?}");
        }
    }

    #[test]
    fn lists_of_elements_are_refused_at_the_line_that_is_not_understood() {
        let types = "type ipv4_addr . inet_service\n\t\telements = {";
        for (list, line, why) in [
            ("10.0.0.1 . 80\n10.0.0.2 . 80 }", 5, "`,` or `}`"),
            ("10.0.0.1 . 80 10.0.0.2 . 80 }", 4, "`,` or `}`"),
            ("10.0.0.1 . 80,\n10.0.0.2, }", 5, "`.`"),
            ("10.0.0.1\n. 80 }", 4, "`.`"),
            ("\n}", 4, "is empty"),
            ("10.0.0.1 . 80, , }", 4, "a word"),
            ("10.0.0.1 . 80, \"x\" }", 4, "a word"),
            ("10.0.0.1 . 80, # c \\\n }", 4, "backslash"),
            ("10.0.0.1 . 80, elements = { }", 4, "elements"),
            ("10.0.0.1 . 80", 11, ""),
        ] {
            let error = of_set(&format!("{types}{list}")).expect_err(list);
            assert!(error.reason.contains(why), "{list:?}: {}", error.reason);
            assert!(error.place.line <= line, "{list:?}: line {}", error.place.line);
            assert!(why.is_empty() || error.place.line == line, "{list:?}: {}", error.place.line);
        }
    }

    #[test]
    fn a_set_that_no_rule_uses_is_read_all_the_same() {
        let set = |list: &str| {
            let text = format!(
                "table inet x {{\n\tset s {{\n\t\ttype ipv4_addr . inet_proto\n\t\telements = {{ {list} }}\n\t}}\n}}\n"
            );
            read_listing(&Placement::Host, &text)
        };
        assert!(set("10.0.0.1 . tcp").is_ok());
        assert!(set("10.0.0.1 . tcp, 10.0.0.1").is_err());
    }

    #[test]
    fn merged_ports_are_read_as_two() {
        let merged =
            "meta l4proto { 6, 17 } @th,0,32 0xffff0035 accept comment \"x\"\n@th,0,32 0x50 drop";
        let apart = "meta l4proto { 6, 17 } th sport 65535 th dport 53 accept comment \"x\"\nth sport 0 th dport 80 drop";
        assert_eq!(ports_apart(merged), apart);
        assert_eq!(ports_apart("@th,0,32 0xzz"), "@th,0,32 0xzz");
    }
}
