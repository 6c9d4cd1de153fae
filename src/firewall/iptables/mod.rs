//! iptables and ip6tables: files for `iptables-restore`, with or without ipset, and the script that loads
//! them.

mod caps;
mod format;
mod labels;
mod options;
mod plan;
mod profile;
mod read;
mod sets;
mod syntax;
mod tree;

use super::caps::Caps;
use super::options::OptionSpec;
use super::render::Templates;
use super::{Fault, File, Firewall, Header, Listing, ReadError, Spec};
use crate::ir::packet::Filter;
use crate::net::{Family, IpSet};
use crate::program::Program;
use crate::timing::phase;
use options::Options;

/// Files for the `-restore` commands.
pub(super) struct Iptables;

impl Firewall for Iptables {
    fn caps(&self) -> &'static Caps {
        &caps::CAPS
    }

    fn options(&self) -> &'static [OptionSpec] {
        options::OPTIONS
    }

    fn templates(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("iptables.rules.j2", include_str!("../../../templates/iptables.rules.j2")),
            ("ipset.conf.j2", include_str!("../../../templates/ipset.conf.j2")),
            ("iptables-apply.sh.j2", include_str!("../../../templates/iptables-apply.sh.j2")),
        ]
    }

    fn generate(
        &self,
        filter: &Filter,
        spec: &Spec,
        header: &Header,
        templates: &Templates,
    ) -> Result<Vec<File>, Vec<Fault>> {
        generate(filter, spec, &Options::of(&spec.kind.settings), header, templates)
    }

    fn read_artifact(&self, spec: &Spec, files: &[File]) -> Result<Program, ReadError> {
        profile::check(&Options::of(&spec.kind.settings), files)?;
        self.read(spec, files, None)?.certain()
    }

    fn read(&self, spec: &Spec, files: &[File], _: Option<&IpSet>) -> Result<Listing, ReadError> {
        read::read(&spec.placement, files)
    }
}

fn generate(
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
        templates.render(name, labels::safe, self)
    }
}
