//! pf, of OpenBSD and of FreeBSD and macOS: one file for `pfctl -f`, or for an anchor.

pub mod caps;
pub(in crate::firewall) mod live;
mod plan;
mod read;
mod spell;

use super::render::Templates;
use super::{Fault, File, Header, ReadError, Spec, at_hook};
use crate::ir::packet::{Filter, Sight};
use crate::ir::{Hook, Placement, StateMode};
use crate::program::Program;
use crate::program::{Field, Match};
use crate::timing::phase;

/// Options that only pf has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Whose pf it is for.
    pub dialect: Dialect,
}

/// The pf that an artifact is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dialect {
    /// What both understand.
    #[default]
    Common,
    /// OpenBSD.
    OpenBsd,
    /// FreeBSD and macOS.
    FreeBsd,
}

/// pf has no match on the TTL or hop limit of a packet (pf.conf(5); `min-ttl` rewrites it).
pub(super) const SIGHT: Sight = Sight { hop_limit: false, ..Sight::FULL };

/// pf has no stage before tracking, and a host's pf does not tell what it forwards from its own. A packet
/// that fits no state is new, unless it is of TCP, which alone has more to a beginning.
pub(super) fn unseen(placement: &Placement) -> Vec<Vec<Match>> {
    let mut unseen = vec![vec![at_hook(Hook::RawPrerouting)], vec![at_hook(Hook::RawOutput)]];
    let but_tcp = Match::Field(Field::Protocol, vec![(0, 5), (7, 255)]);
    unseen.push(vec![Match::Field(Field::State, vec![(3, 3)]), but_tcp]);
    if *placement == Placement::Host {
        unseen.push(vec![at_hook(Hook::Forward)]);
    }
    unseen
}

/// The longest name of a table (`PF_TABLE_NAME_SIZE` 32 with the final zero).
const TABLE: usize = 31;

/// The characters that may be printed: nothing that quotes, escapes, expands or ends a comment's line.
fn safe(c: char) -> bool {
    match c {
        '"' | '\\' | '$' | '`' | '#' | '\'' => false,
        ' '..='~' => true,
        _ => false,
    }
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
    let plan = phase("  plan", || plan::plan(filter, *options, header))?;
    let text = templates.render("pf.conf.j2", safe, &plan).map_err(|fault| vec![fault])?;
    Ok(vec![File { path: spec.output.clone(), text, executable: false }])
}

/// Reads the file back.
///
/// # Errors
/// The first place that is not understood.
pub fn read(placement: &Placement, state: StateMode, files: &[File]) -> Result<Program, ReadError> {
    read::read(placement, state, files)
}

#[cfg(test)]
mod tests;
