//! Network ACLs: numbered entries at a subnet's edge, without connection tracking.

pub mod caps;
pub(in crate::firewall) mod live;
mod plan;
mod read;
mod spell;

use crate::firewall::entries::aws::Format;
use crate::firewall::render::Templates;
use crate::firewall::{Fault, File, Header, ReadError, Spec};
use crate::ir::packet::Filter;
use crate::program::Program;

/// Options that only network ACLs have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// What the file is written in.
    pub format: Format,
    /// How many entries a direction and family may have, the default deny included.
    pub quota: u16,
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
    let entries = plan::plan(filter, options)?;
    let page = spell::page(&entries, spec, options.format, header);
    let template = match options.format {
        Format::Terraform => "aws-network-acl.tf.j2",
        Format::TerraformJson => "aws-network-acl.tf.json.j2",
        Format::CloudFormation => "aws-network-acl.yaml.j2",
        Format::Api => "aws-network-acl.json.j2",
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
