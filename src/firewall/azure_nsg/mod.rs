//! Network security groups of Azure: numbered rules of which the first that matches decides, with connection
//! tracking. Both directions are closed by a last rule of this program's own, so that the group's built-in
//! rules, whose service tags are no constants, never decide.

mod caps;
mod exempt;
mod format;
mod options;
mod plan;
mod profile;
mod quota;
mod read;

use crate::firewall::caps::Caps;
use crate::firewall::options::OptionSpec;
use crate::firewall::render::Templates;
use crate::firewall::{Fault, File, Firewall, Header, Listing, ReadError, Spec};
use crate::ir::packet::{Filter, MatchCaps};
use crate::net::IpSet;
use crate::program::{Match, Program};
use options::{Format, Options};

/// Numbered rules of a subnet or an interface.
pub(super) struct Nsg;

impl Firewall for Nsg {
    fn caps(&self) -> &'static Caps {
        &caps::CAPS
    }

    fn options(&self) -> &'static [OptionSpec] {
        options::OPTIONS
    }

    fn templates(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("azure-nsg.json.j2", include_str!("../../../templates/azure-nsg.json.j2")),
            ("azure-nsg.tf.j2", include_str!("../../../templates/azure-nsg.tf.j2")),
            ("azure-nsg.tf.json.j2", include_str!("../../../templates/azure-nsg.tf.json.j2")),
        ]
    }

    /// Source ports and the addresses of both ends are looked at; ICMP types, TCP flags and hop limits
    /// cannot be said.
    fn match_caps(&self, _: Option<&IpSet>) -> MatchCaps {
        MatchCaps {
            icmp_types: false,
            tcp_flags: false,
            hop_limit: false,
            link: false,
            ..MatchCaps::FULL
        }
    }

    fn exempt(&self, _: &Spec, members: Option<&IpSet>) -> Vec<Vec<Match>> {
        exempt::exempt(members)
    }

    fn generate(
        &self,
        filter: &Filter,
        spec: &Spec,
        header: &Header,
        templates: &Templates,
    ) -> Result<Vec<File>, Vec<Fault>> {
        let options = Options::of(&spec.kind.settings);
        let rules = plan::plan(filter, &options)?;
        quota::hold(&rules, &options)?;
        let page = format::page(&rules, spec, &options, header).map_err(|fault| vec![*fault])?;
        let template = match options.format {
            Format::Arm => "azure-nsg.json.j2",
            Format::Terraform => "azure-nsg.tf.j2",
            Format::TerraformJson => "azure-nsg.tf.json.j2",
        };
        let text = templates.render(template, format::safe, &page).map_err(|fault| vec![fault])?;
        Ok(vec![File { path: spec.output.clone(), text, executable: false }])
    }

    fn read_artifact(&self, spec: &Spec, files: &[File]) -> Result<Program, ReadError> {
        profile::check(Options::of(&spec.kind.settings).format, files)?;
        let listing = read::read(None, files)?;
        match listing.unclear.into_iter().next() {
            Some(unclear) => Err(unclear),
            None => Ok(listing.program),
        }
    }

    fn read(&self, spec: &Spec, files: &[File], _: Option<&IpSet>) -> Result<Listing, ReadError> {
        read::read(spec.kind.settings.name("name"), files)
    }
}

#[cfg(test)]
mod tests;
