//! iptables and ip6tables: files for `iptables-restore`, with or without ipset, and the script that loads
//! them.

pub mod caps;
pub(in crate::firewall) mod live;
mod plan;
mod read;
mod sets;
mod spell;
mod tree;
mod words;

use super::render::Templates;
use super::{Fault, File, Header, ReadError, Spec};
use crate::ir::Placement;
use crate::ir::packet::Filter;
use crate::net::Family;
use crate::program::Program;
use crate::timing::phase;

/// Options that only iptables has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Whether large address sets become ipsets; else they become trees of chains.
    pub ipset: bool,
    /// How much of the tables the artifact owns.
    pub scope: Scope,
}

/// How much of the tables an artifact owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// Chains of its own, with one jump from each built-in chain: other rules live on.
    #[default]
    Chains,
    /// The whole table: whatever else was in it is replaced.
    Table,
}

/// Plans and renders the files.
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
    let plan = |family| phase("  plan", || plan::plan(filter, options, header, family));
    let v4 = plan(Family::V4);
    let v6 = plan(Family::V6);
    let (v4, v6) = match (v4, v6) {
        (Ok(v4), Ok(v6)) => (v4, v6),
        (Err(mut faults), other) => {
            faults.extend(other.err().unwrap_or_default());
            faults.dedup();
            return Err(faults);
        }
        (Ok(_), Err(faults)) => return Err(faults),
    };
    let mut files = Vec::new();
    let mut file = |name: &str, template: &str, plan: &dyn Render, executable| {
        let text = plan.render(templates, template).map_err(|fault| vec![fault])?;
        files.push(File { path: format!("{}{name}", spec.output), text, executable });
        Ok::<_, Vec<Fault>>(())
    };
    if options.ipset {
        file("sets.ipset", "ipset.conf.j2", &plan::sets(header, &v4, &v6), false)?;
    }
    file("v4.rules", "iptables.rules.j2", &v4, false)?;
    file("v6.rules", "iptables.rules.j2", &v6, false)?;
    file(
        "apply.sh",
        "iptables-apply.sh.j2",
        &plan::script(filter, options, header, &v4, &v6),
        true,
    )?;
    Ok(files)
}

/// Something that a template lays out.
trait Render {
    fn render(&self, templates: &Templates, name: &str) -> Result<String, Fault>;
}

impl<T: serde::Serialize + Sync> Render for T {
    fn render(&self, templates: &Templates, name: &str) -> Result<String, Fault> {
        templates.render(name, words::safe, self)
    }
}

/// Reads the files back.
///
/// # Errors
/// The first place that is not understood.
pub fn read(
    placement: &Placement,
    options: &Options,
    files: &[File],
) -> Result<Program, ReadError> {
    read::read(placement, options, files)
}
