//! Security groups: rules that only allow, in no order, with connection tracking.

mod caps;
mod format;
mod lists;
mod options;
mod plan;
mod profile;
mod read;
mod spread;

use crate::firewall::caps::Caps;
use crate::firewall::entries::aws::{self, Format};
use crate::firewall::entries::listing::Texts;
use crate::firewall::options::{OptionSpec, Settings};
use crate::firewall::render::Templates;
use crate::firewall::{Fault, File, Firewall, Header, Listing, ReadError, Spec};
use crate::ir::packet::{Filter, MatchCaps};
use crate::net::IpSet;
use crate::program::{Match, Program};
use options::Options;

/// Rules that only allow, in no order.
pub(super) struct SecurityGroup;

impl Firewall for SecurityGroup {
    fn caps(&self) -> &'static Caps {
        &caps::CAPS
    }

    fn options(&self) -> &'static [OptionSpec] {
        options::OPTIONS
    }

    fn refuses(&self, settings: &Settings) -> Option<(&'static str, String)> {
        let Options { quota, groups, .. } = Options::of(settings);
        let why = "an interface has at most 1000 rules a direction: groups times quota";
        (u32::from(quota) * u32::from(groups) > 1000).then(|| ("groups", why.to_owned()))
    }

    fn templates(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "aws-security-group.tf.j2",
                include_str!("../../../templates/aws-security-group.tf.j2"),
            ),
            (
                "aws-security-group.tf.json.j2",
                include_str!("../../../templates/aws-security-group.tf.json.j2"),
            ),
            (
                "aws-security-group.yaml.j2",
                include_str!("../../../templates/aws-security-group.yaml.j2"),
            ),
            (
                "aws-security-group.json.j2",
                include_str!("../../../templates/aws-security-group.json.j2"),
            ),
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
        let plan = plan::plan(filter, &options)?;
        let page = format::page(&plan, spec, options.format, header)?;
        let template = match options.format {
            Format::Terraform => "aws-security-group.tf.j2",
            Format::TerraformJson => "aws-security-group.tf.json.j2",
            Format::CloudFormation => "aws-security-group.yaml.j2",
            Format::Api => "aws-security-group.json.j2",
        };
        let text = templates.render(template, aws::safe, &page).map_err(|fault| vec![fault])?;
        Ok(vec![File { path: spec.output.clone(), text, executable: false }])
    }

    fn read_artifact(&self, spec: &Spec, files: &[File]) -> Result<Program, ReadError> {
        let rows = profile::rows(Options::of(&spec.kind.settings).format);
        read::read(Texts::artifact(files, rows)?, None)?.certain()
    }

    fn read(
        &self,
        _: &Spec,
        files: &[File],
        members: Option<&IpSet>,
    ) -> Result<Listing, ReadError> {
        read::read(Texts::read(files)?, members)
    }
}
