//! Network ACLs: numbered entries at a subnet's edge, without connection tracking.

mod caps;
mod format;
mod options;
mod plan;
mod profile;
mod read;

use crate::firewall::caps::Caps;
use crate::firewall::entries::aws::{self, Format};
use crate::firewall::entries::listing::Texts;
use crate::firewall::options::OptionSpec;
use crate::firewall::render::Templates;
use crate::firewall::{Fault, File, Firewall, Header, Listing, ReadError, Spec};
use crate::ir::packet::{Filter, MatchCaps};
use crate::net::IpSet;
use crate::program::{Match, Program};
use options::Options;

/// Numbered entries at the edge of a subnet.
pub(super) struct NetworkAcl;

impl Firewall for NetworkAcl {
    fn caps(&self) -> &'static Caps {
        &caps::CAPS
    }

    fn options(&self) -> &'static [OptionSpec] {
        options::OPTIONS
    }

    fn templates(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("aws-network-acl.tf.j2", include_str!("../../../templates/aws-network-acl.tf.j2")),
            (
                "aws-network-acl.tf.json.j2",
                include_str!("../../../templates/aws-network-acl.tf.json.j2"),
            ),
            ("aws-network-acl.yaml.j2", include_str!("../../../templates/aws-network-acl.yaml.j2")),
            ("aws-network-acl.json.j2", include_str!("../../../templates/aws-network-acl.json.j2")),
        ]
    }

    fn match_caps(&self, members: Option<&IpSet>) -> MatchCaps {
        aws::match_caps(members)
    }

    fn exempt(&self, _: &Spec, members: Option<&IpSet>) -> Vec<Vec<Match>> {
        aws::unseen(members)
    }

    fn generate(
        &self,
        filter: &Filter,
        spec: &Spec,
        header: &Header,
        templates: &Templates,
    ) -> Result<Vec<File>, Vec<Fault>> {
        let options = Options::of(&spec.kind.settings);
        let entries = plan::plan(filter, &options)?;
        let page = format::page(&entries, spec, options.format, header);
        let template = match options.format {
            Format::Terraform => "aws-network-acl.tf.j2",
            Format::TerraformJson => "aws-network-acl.tf.json.j2",
            Format::CloudFormation => "aws-network-acl.yaml.j2",
            Format::Api => "aws-network-acl.json.j2",
        };
        let text = templates.render(template, aws::safe, &page).map_err(|fault| vec![fault])?;
        Ok(vec![File { path: spec.output.clone(), text, executable: false }])
    }

    fn read_artifact(&self, spec: &Spec, files: &[File]) -> Result<Program, ReadError> {
        let rows = profile::rows(Options::of(&spec.kind.settings).format);
        read::read(Texts::artifact(files, rows)?)?.certain()
    }

    fn read(&self, _: &Spec, files: &[File], _: Option<&IpSet>) -> Result<Listing, ReadError> {
        read::read(Texts::read(files)?)
    }
}
