//! The policies of the repository, compiled in memory.

use portcullis::command::compile::{Inputs, compile};
use portcullis::command::{Session, resolved};
use portcullis::diag::{Diags, Format, render};
use portcullis::feed::Feeds;
use portcullis::firewall::{File, Spec, render::Templates};
use portcullis::ir::flow::RuleSet;
use portcullis::net::IpSet;
use portcullis::policy::{self, Loader};
use portcullis::source::SourceMap;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads files from the disk.
pub struct Disk;

impl Loader for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(path).map_err(|error| error.to_string())
    }
}

/// A policy of the repository and the proven files of its targets.
pub struct Case {
    /// `corpus/denies.yaml`, `contact-center/policy.yaml`.
    pub name: String,
    /// What it means.
    pub rules: RuleSet,
    /// The addresses behind a target, by its name.
    pub members: BTreeMap<String, IpSet>,
    /// Each target and its files.
    pub artifacts: Vec<(Spec, Vec<File>)>,
}

/// Returns the policy files: the whole corpus and the examples, in order.
pub fn policies() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<_> = fs::read_dir(root.join("tests/corpus"))
        .expect("tests/corpus")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    found.push(root.join("examples/amazon-connect/policy.yaml"));
    found.push(root.join("examples/azure/policy.yaml"));
    found.push(root.join("examples/contact-center/policy.yaml"));
    found.push(root.join("examples/contact-center/voice.yaml"));
    found.sort();
    found
}

/// Compiles one policy; a fault of it is a failure of the test.
pub fn case(path: &Path) -> Case {
    let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    let feeds = Feeds::bundled();
    let root = path.to_str().expect("UTF-8");
    let policy = policy::load(root, &Disk, &mut sources, &mut diags);
    let compiled = policy.and_then(|policy| {
        let inputs = Inputs { templates: &Templates::default(), source: &name };
        let resolved = resolved(&policy, &feeds, &mut diags)?;
        let mut session = Session::new(&policy, &feeds, &resolved);
        let artifacts = compile(&mut session, &inputs, &|_| true, &mut diags)?;
        Some((policy, artifacts, resolved))
    });
    let Some((policy, artifacts, resolved)) = compiled else {
        panic!("{}", render(&diags, &sources, Format::Human { color: false }));
    };
    let specs = policy.targets.iter().map(|target| target.spec.clone());
    let artifacts = specs.zip(artifacts.into_iter().map(|artifact| artifact.files)).collect();
    let folder = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy();
    Case {
        name: format!("{folder}/{name}"),
        rules: resolved.rules,
        members: resolved.members,
        artifacts,
    }
}
