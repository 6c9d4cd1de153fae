//! Security groups: rules that only allow, in no order, with connection tracking.

pub mod caps;
mod lists;
pub(in crate::firewall) mod live;
mod plan;
mod read;
mod spell;
mod spread;

use crate::firewall::entries::aws::Format;
use crate::firewall::render::Templates;
use crate::firewall::{Fault, File, Header, ReadError, Spec};
use crate::ir::packet::Filter;
use crate::program::Program;

/// Options that only security groups have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// What the file is written in.
    pub format: Format,
    /// How many rules a group may have by direction and family.
    pub quota: u16,
    /// Over how many groups the rules may be spread.
    pub groups: u16,
    /// With more prefixes than this a service's addresses become customer-managed prefix lists.
    pub prefix_lists: Option<u16>,
    /// To how many prefixes a rule's addresses grow when they have more; as they are unless said.
    pub max_entries: Option<u16>,
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
    let plan = plan::plan(filter, options)?;
    let page = spell::page(&plan, spec, options.format, header)?;
    let template = match options.format {
        Format::Terraform => "aws-security-group.tf.j2",
        Format::TerraformJson => "aws-security-group.tf.json.j2",
        Format::CloudFormation => "aws-security-group.yaml.j2",
        Format::Api => "aws-security-group.json.j2",
    };
    let text = templates
        .render(template, crate::firewall::entries::aws::safe, &page)
        .map_err(|fault| vec![fault])?;
    Ok(vec![File { path: spec.output.clone(), text, executable: false }])
}

/// Reads the file back.
///
/// # Errors
/// The first place that is not understood.
pub fn read(options: &Options, files: &[File]) -> Result<Program, ReadError> {
    read::read(options.format, files)
}
