//! nftables: one file for `nft -f`, which replaces its own table only.

mod caps;
mod concatenation;
mod format;
mod group;
mod labels;
mod options;
mod order;
mod pieces;
mod plan;
mod prefixes;
mod read;
mod sets;
mod syntax;
mod table;

use super::caps::Caps;
use super::options::OptionSpec;
use super::render::Templates;
use super::{Fault, File, Firewall, Header, Listing, ReadError, Spec};
use crate::diag::{Code, Limit};
use crate::ir::packet::Filter;
use crate::net::IpSet;
use crate::program::Program;
use crate::timing::phase;
use options::Options;

/// One file for `nft -f`.
pub(super) struct Nftables;

impl Firewall for Nftables {
    fn caps(&self) -> &'static Caps {
        &caps::CAPS
    }

    fn options(&self) -> &'static [OptionSpec] {
        options::OPTIONS
    }

    fn templates(&self) -> &'static [(&'static str, &'static str)] {
        &[("nftables.nft.j2", include_str!("../../../templates/nftables.nft.j2"))]
    }

    fn limits(&self) -> Vec<Limit> {
        vec![Limit::new(
            "tokens that `define` stands for in nftables",
            syntax::MOST.to_string(),
            "the definitions stand for too much".to_owned(),
            Code::ListingNotRead,
            "definitions of definitions double",
        )]
    }

    fn generate(
        &self,
        filter: &Filter,
        spec: &Spec,
        header: &Header,
        templates: &Templates,
    ) -> Result<Vec<File>, Vec<Fault>> {
        let options = Options::of(&spec.kind.settings);
        let plan = phase("  plan", || plan::plan(filter, &options, header))?;
        let text = templates
            .render("nftables.nft.j2", labels::safe, &plan)
            .map_err(|fault| vec![fault])?;
        Ok(vec![File { path: spec.output.clone(), text, executable: false }])
    }

    fn read_artifact(&self, spec: &Spec, files: &[File]) -> Result<Program, ReadError> {
        read::artifact(&spec.placement, files)
    }

    fn read(&self, spec: &Spec, files: &[File], _: Option<&IpSet>) -> Result<Listing, ReadError> {
        read::listing(&spec.placement, files)
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
