//! pf, of OpenBSD and of FreeBSD and macOS: one file for `pfctl -f`, or for an anchor.

mod caps;
mod format;
mod options;
mod plan;
mod profile;
mod read;
mod syntax;

use super::caps::Caps;
use super::options::OptionSpec;
use super::render::Templates;
use super::{Fault, File, Firewall, Header, Listing, ReadError, Spec, at_hook};
use crate::diag::{Code, Limit};
use crate::ir::packet::{Filter, MatchCaps};
use crate::ir::{Hook, Placement};
use crate::net::IpSet;
use crate::program::{Field, Match, Program};
use crate::timing::phase;
use options::Options;

/// pf has no stage before tracking, and a host's pf does not tell what it forwards from its own. A packet
/// that fits no state is new, unless it is of TCP, which alone has more to a beginning.
fn unseen(placement: &Placement) -> Vec<Vec<Match>> {
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

/// One file for `pfctl -f`.
pub(super) struct Pf;

impl Firewall for Pf {
    fn caps(&self) -> &'static Caps {
        &caps::CAPS
    }

    fn options(&self) -> &'static [OptionSpec] {
        options::OPTIONS
    }

    fn templates(&self) -> &'static [(&'static str, &'static str)] {
        &[("pf.conf.j2", include_str!("../../../templates/pf.conf.j2"))]
    }

    fn limits(&self) -> Vec<Limit> {
        let deepest = read::DEEPEST;
        vec![
            Limit::new(
                "words that macros stand for in pf",
                syntax::MOST.to_string(),
                "the macros make too many words".to_owned(),
                Code::ListingNotRead,
                "macros of macros double",
            ),
            Limit::new(
                "anchors in anchors of pf",
                deepest.to_string(),
                format!("more than {deepest} anchors deep"),
                Code::ListingNotRead,
                "what reads them calls itself",
            ),
        ]
    }

    /// pf has no match on the TTL or hop limit of a packet (pf.conf(5); `min-ttl` rewrites it).
    fn match_caps(&self, _: Option<&IpSet>) -> MatchCaps {
        MatchCaps { hop_limit: false, ..MatchCaps::FULL }
    }

    fn exempt(&self, spec: &Spec, _: Option<&IpSet>) -> Vec<Vec<Match>> {
        unseen(&spec.placement)
    }

    fn generate(
        &self,
        filter: &Filter,
        spec: &Spec,
        header: &Header,
        templates: &Templates,
    ) -> Result<Vec<File>, Vec<Fault>> {
        let options = Options::of(&spec.kind.settings);
        let plan = phase("  plan", || plan::plan(filter, options, header))?;
        let text = templates.render("pf.conf.j2", safe, &plan).map_err(|fault| vec![fault])?;
        Ok(vec![File { path: spec.output.clone(), text, executable: false }])
    }

    fn read_artifact(&self, spec: &Spec, files: &[File]) -> Result<Program, ReadError> {
        profile::check(files)?;
        self.read(spec, files, None)?.certain()
    }

    fn read(&self, spec: &Spec, files: &[File], _: Option<&IpSet>) -> Result<Listing, ReadError> {
        read::read(&spec.placement, spec.state, files)
    }
}

#[cfg(test)]
mod tests;
