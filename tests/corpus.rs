//! The policies of the repository, compiled in memory.

use portcullis::compile::{Inputs, compile};
use portcullis::diag::{Diags, human};
use portcullis::feed::Feeds;
use portcullis::ir::flow::RuleSet;
use portcullis::pass::resolve::resolve;
use portcullis::policy::{self, Loader};
use portcullis::source::SourceMap;
use portcullis::target::{File, Spec, render::Templates};
use std::fs;
use std::path::{Path, PathBuf};

struct Beside(PathBuf);

impl Loader for Beside {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(self.0.join(path)).map_err(|error| error.to_string())
    }
}

/// A policy of the repository and the proven files of its targets.
pub struct Case {
    /// `corpus/denies`, `examples/contact-center`.
    pub name: String,
    /// What it means.
    pub rules: RuleSet,
    /// Each target and its files.
    pub artifacts: Vec<(Spec, Vec<File>)>,
}

/// Gives the policy files: both examples and the whole corpus, in order.
pub fn policies() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<_> = fs::read_dir(root.join("tests/corpus"))
        .expect("tests/corpus")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    found.push(root.join("examples/amazon-connect/policy.yaml"));
    found.push(root.join("examples/contact-center/policy.yaml"));
    found.sort();
    found
}

/// Compiles one policy; a fault of it is a failure of the test.
pub fn case(path: &Path) -> Case {
    let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    let bytes = fs::read(path).expect("a policy");
    let loader = Beside(path.parent().expect("a folder").to_owned());
    let feeds = Feeds::bundled();
    let policy = policy::load(&name, &bytes, &loader, &mut sources, &mut diags);
    let compiled = policy.and_then(|policy| {
        let inputs = Inputs { feeds: &feeds, templates: &Templates::default(), source: &name };
        let artifacts = compile(&policy, &inputs, &|_| true, &mut diags)?;
        let rules = resolve(&policy, &feeds, &mut Diags::default())?.rules;
        Some((policy, artifacts, rules))
    });
    let Some((policy, artifacts, rules)) = compiled else {
        panic!("{}:\n{}", path.display(), human::render(diags.list(), &sources, false));
    };
    let specs = policy.targets.iter().map(|target| target.spec.clone());
    let artifacts = specs.zip(artifacts.into_iter().map(|artifact| artifact.files)).collect();
    let folder = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy();
    Case { name: format!("{folder}/{name}"), rules, artifacts }
}
