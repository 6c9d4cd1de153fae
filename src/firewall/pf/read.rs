//! Reads the file back: what `pfctl -f` would load, and what pf would do with packets.
//!
//! Written apart from the plan. The last rule that matches decides unless one is `quick`; what no rule
//! matches passes. States: a packet of a known flow, and an ICMP error about one, passes before any rule
//! (pf.conf(5), "stateful tracking"), which is conntrack's established and related. A TCP packet that
//! fits no state is conntrack's invalid unless it is a first SYN; a rule with `flags S/SA` takes first SYNs
//! only, and one without it takes the invalid ones too. A rule that passes without making a state lets no
//! reply back, which on a stateful target is said as `untrack`, and means something else than the policy.

pub(super) mod cursor;
pub(super) mod line;
pub(super) mod program;
pub(super) mod words;

use crate::firewall::{File, ReadError};
use crate::ir::{Placement, StateMode};
use crate::program::Place;
use crate::program::Program;

/// Makes the error for a line of the artifact's only file.
pub(super) fn refuse(line: usize, reason: impl Into<String>) -> ReadError {
    ReadError { place: Place { file: 0, line }, reason: reason.into() }
}

/// Reads an artifact of one file.
pub(super) fn read(
    placement: &Placement,
    state: StateMode,
    files: &[File],
) -> Result<Program, ReadError> {
    let [file] = files else { return Err(refuse(1, "the rules are one file")) };
    let tokens = words::split(&file.text)?;
    let ruleset = line::read(&tokens, placement)?;
    let program = program::build(&ruleset, placement, state)?;
    program.check().map_err(|(place, reason)| refuse(place.line, reason))?;
    Ok(program)
}
