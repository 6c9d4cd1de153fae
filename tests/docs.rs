//! Pages that are made from the program are as it would make them now.
//!
//! `UPDATE_GOLDEN=1 cargo test --test docs` writes them anew.

mod common;

use common::corpus;
use portcullis::diag::Code;
use portcullis::firewall::caps;
use portcullis::limits;
use portcullis::policy::{self, FileKind, language};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

fn diagnostics() -> String {
    let mut page = String::from(
        "# Diagnostics\n\nEvery message of Portcullis has a stable code. This page is made from the \
         program: do not edit it.\n\n| code | severity |\n|---|---|\n",
    );
    for code in Code::ALL {
        let _ = writeln!(page, "| [`{code}`](#{code}) | {} |", code.severity().word());
    }
    for code in Code::ALL {
        let _ = write!(page, "\n## {code}\n\n{}\n", code.explain());
    }
    page
}

#[test]
fn pages_are_as_the_program_makes_them() {
    for (name, page) in [
        ("diagnostics.md", diagnostics()),
        ("targets.md", caps::document()),
        ("limits.md", limits::document()),
        ("language.md", language::document(example)),
        ("schema/policy.json", policy::schema(FileKind::Policy)),
        ("schema/library.json", policy::schema(FileKind::Library)),
        ("schema/tests.json", policy::schema(FileKind::Tests)),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &page).expect("written");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == page, "docs/{name} is out of date: UPDATE_GOLDEN=1 writes it anew");
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/language")
}

fn example(name: &str) -> String {
    std::fs::read_to_string(folder().join(format!("{name}.yaml"))).expect("an example")
}

/// Every key of a document, wherever it stands.
fn keys(value: &serde_yaml::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_yaml::Value::Mapping(map) => {
            for (key, value) in map {
                found.extend(key.as_str().map(str::to_owned));
                keys(value, found);
            }
        }
        serde_yaml::Value::Sequence(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn examples_of_the_language_show_every_key_and_compile() {
    for (name, wanted) in language::examples() {
        let value = serde_yaml::from_str(&example(name)).expect("YAML");
        let mut shown = BTreeSet::new();
        keys(&value, &mut shown);
        let missing: Vec<_> = wanted.into_iter().filter(|key| !shown.contains(key)).collect();
        assert!(missing.is_empty(), "docs/language/{name}.yaml does not show {missing:?}");
        if name != "library" {
            let case = corpus::case(&folder().join(format!("{name}.yaml")));
            assert!(!case.artifacts.is_empty(), "{name}");
        }
    }
}

#[test]
fn every_code_of_the_front_end_has_a_recorded_fault() {
    let mut said = String::new();
    for folder in ["tests/faults", "tests/reviews"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "txt") {
                said += &std::fs::read_to_string(entry.path()).expect("text");
            }
        }
    }
    // Those that need another template or fewer steps (tests/cli.rs provokes them) or files in the way
    // (tests/untrusted.rs), that `explain` says, or that are said to code hosts only.
    let later = [
        "not-proven",
        "template",
        "decision",
        "no-targets",
        "traffic-changed",
        "undecided-rules",
        "output-taken",
    ];
    for code in Code::ALL.iter().filter(|code| !later.contains(&code.as_str())) {
        assert!(said.contains(&format!("[{code}]")), "no recorded fault has the code {code}");
    }
}
