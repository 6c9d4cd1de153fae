//! Every policy of the corpus and of the examples, and the artifacts that it compiles to.
//!
//! The goldens are reviewed like code; `UPDATE_GOLDEN=1` writes them anew. The examples' artifacts stand
//! beside their policies, as users have them.

mod common;

use common::corpus;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the artifacts of a policy are kept.
fn home(policy: &Path) -> PathBuf {
    let folder = policy.parent().expect("a folder");
    match folder.ends_with("corpus") {
        true => folder.parent().expect("tests").join("golden"),
        false => folder.to_owned(),
    }
}

#[test]
fn artifacts_are_as_they_were_reviewed() {
    let bless = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for policy in corpus::policies() {
        let case = corpus::case(&policy);
        assert!(!case.artifacts.is_empty(), "{} has no target", case.name);
        for file in case.artifacts.iter().flat_map(|(_, files)| files) {
            let path = home(&policy).join(&file.path);
            if bless {
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(&path, &file.text).expect("a golden");
            }
            match fs::read_to_string(&path) {
                Ok(text) if text == file.text => {}
                Ok(text) => wrong.push(format!("{}:\n{}", path.display(), diff(&text, &file.text))),
                Err(error) => wrong.push(format!("{}: {error}", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "UPDATE_GOLDEN=1 writes these anew:\n{}", wrong.join("\n"));
}

fn diff(old: &str, new: &str) -> String {
    similar::TextDiff::from_lines(old, new).unified_diff().to_string()
}

#[test]
fn compiling_again_gives_the_same_bytes() {
    for policy in corpus::policies() {
        let (one, two) = (corpus::case(&policy), corpus::case(&policy));
        assert_eq!(one.artifacts, two.artifacts, "{}", one.name);
    }
}
