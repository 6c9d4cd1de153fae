//! Reads what a running firewall lists of itself, rules that somebody else wrote, and the artifacts of this
//! program: the output of `pfctl -sr` or a whole pf.conf, and tables as `pfctl -t NAME -T show` prints them.
//!
//! The reader is closed: what is not positively known of a rule is a condition that may hold, and what it
//! may make of packets puts later rules in doubt; both are noted.
//!
//! The last rule that matches decides unless one is `quick`; what no rule matches passes. States: a packet
//! of a known flow, and an ICMP error about one, passes before any rule (pf.conf(5), "stateful tracking"),
//! which is conntrack's established and related. A TCP packet that fits no state is conntrack's invalid
//! unless it is a first SYN; a rule with `flags S/SA` takes first SYNs only, and one without it takes the
//! invalid ones too. A rule that passes without making a state lets no reply back, which on a stateful
//! target is said as `untrack`, and means something else than the policy.

mod hosts;
mod interfaces;
mod names;
mod program;
mod rewrite;
mod rule;
mod rules;
mod tables;

pub(crate) use rules::DEEPEST;

use super::syntax;
use crate::firewall::{File, Listing, ReadError};
use crate::ir::{Placement, StateMode};
use crate::program::Place;

/// Reads what was listed.
///
/// # Errors
/// The first place that is not the format.
pub(super) fn read(
    placement: &Placement,
    state: StateMode,
    files: &[File],
) -> Result<Listing, ReadError> {
    let mut listing = Listing { files: files.to_vec(), ..Listing::default() };
    let (shown, others): (Vec<_>, Vec<_>) =
        files.iter().enumerate().partition(|(_, file)| tables::is_shown(file, files));
    let (at, text) = match others.as_slice() {
        [(at, file)] => (*at, file.text.as_str()),
        [] => {
            return Err(ReadError {
                place: Place::default(),
                reason: "the rules are not given: add the output of `pfctl -sr`".to_owned(),
            });
        }
        [_, (second, _), ..] => {
            return Err(ReadError {
                place: Place { file: *second, line: 1 },
                reason: "the rules are one file; a table's file has nothing but addresses"
                    .to_owned(),
            });
        }
    };
    // Errors and clauses of the rules say no file.
    let here = |error: ReadError| ReadError { place: Place { file: at, ..error.place }, ..error };
    let words = syntax::split(text).map_err(here)?;
    let mut tables = tables::Tables::read(&words).map_err(here)?;
    for (file, shown) in shown {
        tables.add_shown(file, shown)?;
    }
    tables.filled_by(&words);
    let mut reader = rules::Reader::new(&words, placement, state, &tables);
    let rules = reader.read().map_err(here)?;
    listing.program = program::build(&rules, placement, state).map_err(here)?;
    for place in places(&mut listing.program) {
        place.file = at;
    }
    listing.program.check().map_err(|(place, reason)| ReadError { place, reason })?;
    listing.unclear = reader.unclear.into_iter().map(here).collect();
    listing.order();
    Ok(listing)
}

/// Every place in a program.
fn places(program: &mut crate::program::Program) -> impl Iterator<Item = &mut Place> {
    let bases = program.bases.iter_mut().map(|base| &mut base.place);
    let clauses = program.chains.iter_mut().flat_map(|chain| &mut chain.clauses);
    bases.chain(clauses.map(|clause| &mut clause.place))
}
