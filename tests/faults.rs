//! Bad inputs and what is said about them: each `tests/faults/NAME.yaml` beside its `NAME.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test --test faults` writes the texts anew; review them like code.

use portcullis::command::compile::{self, Inputs};
use portcullis::command::{self, Session};
use portcullis::diag::{self, Diags, Format};
use portcullis::feed::Feeds;
use portcullis::firewall::render::Templates;
use portcullis::policy::{self, Loader};
use portcullis::source::SourceMap;
use std::path::{Path, PathBuf};

/// Reads below `tests/faults`.
struct Folder(PathBuf);

impl Loader for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.0.join(path)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            _ => "cannot be opened".to_owned(),
        })
    }
}

/// The whole compile, as of a day in 2030: front end, resolving, the policy's tests, targets.
fn check(root: &str, loader: &dyn Loader, sources: &mut SourceMap, diags: &mut Diags) {
    let policy = policy::load(root, loader, sources, diags);
    assert_eq!(
        policy.is_none(),
        diags.has_errors(),
        "{root}: a policy and errors exclude each other"
    );
    let Some(policy) = policy else { return };
    command::check::expired(&policy, "2030-01-01", diags);
    let (feeds, templates) = (Feeds::bundled(), Templates::default());
    let inputs = Inputs { templates: &templates, source: root };
    let before = diags.errors();
    let resolved = command::resolved(&policy, &feeds, diags);
    let compiled = resolved.as_ref().and_then(|resolved| {
        let mut session = Session::new(&policy, &feeds, resolved);
        compile::compile(&mut session, &inputs, &|_| true, diags)
    });
    assert!(compiled.is_none() || diags.errors() == before, "{root}: files in spite of errors");
    if compiled.is_some() {
        let days = Some(("2030-01-01", "2030-01-31"));
        let steps = command::check::STEPS;
        let asks = command::check::Asks { days, owners: false, steps };
        command::check::check(&policy, resolved.as_ref(), &asks, diags);
    }
}

fn rendered(folder: &Path, name: &str) -> String {
    let mut sources = SourceMap::default();
    let mut diags = Diags::default();
    check(name, &Folder(folder.to_owned()), &mut sources, &mut diags);
    for format in [Format::Json, Format::Sarif, Format::Github] {
        assert!(!diag::render(&diags, &sources, format).is_empty(), "{name} in {format:?}");
    }
    diag::render(&diags, &sources, Format::Human { color: false })
}

#[test]
fn every_fault_is_said_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults");
    let bless = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("tests/faults")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(names.len() > 50, "only {} faults", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        let text = rendered(&folder, name);
        assert!(!text.is_empty(), "{name} has no fault");
        let golden = folder.join(name).with_extension("txt");
        if bless {
            std::fs::write(&golden, &text).expect("written");
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if text != expected {
            let diff = similar::TextDiff::from_lines(&expected, &text);
            wrong.push(format!("{name}:\n{}", diff.unified_diff()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_recorded_text_is_left_over() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults");
    for entry in std::fs::read_dir(&folder).expect("tests/faults") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            assert!(path.with_extension("yaml").exists(), "{} has no fault", path.display());
        }
    }
}
