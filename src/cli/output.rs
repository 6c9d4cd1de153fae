//! Writing artifacts: all or nothing, beside and then renamed, with a manifest of what was written.

use crate::compile::Artifact;
use crate::target::File;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a compile wrote, so that the next one finds what has become stale.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The version of this format.
    manifest: u32,
    /// The version of the program that wrote the files.
    portcullis: String,
    /// The policy's name.
    policy: String,
    /// Version of each vendor's feed that a rule used.
    feeds: BTreeMap<String, String>,
    /// SHA-256 of each file, by target and path.
    files: BTreeMap<String, BTreeMap<String, String>>,
}

/// What stands in the output's root against what a compile made.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// The folder that every path is relative to.
    root: PathBuf,
    /// Files to write, with what stands there now.
    pub(super) changed: Vec<(File, Option<String>)>,
    /// Files of an earlier compile that no target makes any more.
    pub(super) stale: Vec<String>,
    /// Stale files that somebody edited since: they are left alone.
    pub(super) edited: Vec<String>,
    /// The manifest, if it has to be written.
    manifest: Option<File>,
}

fn digest(text: &[u8]) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The manifest's file name: beside the artifacts, one for each policy.
fn manifest_name(policy: &str) -> String {
    format!("{policy}.portcullis.json")
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path, &error)),
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Holds what a compile made against what stands under `root`.
///
/// Targets that were not compiled this time, but that the policy still has, keep what the manifest says
/// of them.
///
/// # Errors
/// A file that cannot be read, with its path.
pub(super) fn plan(
    root: &Path,
    policy: &str,
    feeds: BTreeMap<String, String>,
    artifacts: &[Artifact],
    others: &BTreeSet<&str>,
) -> io::Result<Plan> {
    let name = manifest_name(policy);
    let found = read(&root.join(&name))?;
    let old: Manifest =
        found.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut new = Manifest {
        manifest: 1,
        portcullis: env!("CARGO_PKG_VERSION").to_owned(),
        policy: policy.to_owned(),
        feeds,
        files: old.files.clone(),
    };
    new.files.retain(|target, _| others.contains(target.as_str()));
    let mut plan = Plan { root: root.to_owned(), ..Plan::default() };
    for artifact in artifacts {
        let listed = new.files.entry(artifact.target.clone()).or_default();
        for file in &artifact.files {
            listed.insert(file.path.clone(), digest(file.text.as_bytes()));
            let standing = read(&root.join(&file.path))?;
            if standing.as_deref() != Some(&file.text) {
                plan.changed.push((file.clone(), standing));
            }
        }
    }
    stale(&mut plan, &old, &new)?;
    let same = Manifest { portcullis: old.portcullis.clone(), ..new.clone() } == old;
    if !same {
        let text = serde_json::to_string_pretty(&new).map_err(io::Error::other)? + "\n";
        plan.manifest = Some(File { path: name, text, executable: false });
    }
    Ok(plan)
}

fn stale(plan: &mut Plan, old: &Manifest, new: &Manifest) -> io::Result<()> {
    let kept: BTreeSet<_> = new.files.values().flat_map(BTreeMap::keys).collect();
    for (path, written) in old.files.values().flatten().filter(|(path, _)| !kept.contains(path)) {
        if !is_inside(path) {
            continue;
        }
        match read(&plan.root.join(path))? {
            Some(text) if digest(text.as_bytes()) == *written => plan.stale.push(path.clone()),
            Some(_) => plan.edited.push(path.clone()),
            None => {}
        }
    }
    Ok(())
}

/// A manifest is text that anybody can edit: it must not make us remove a file elsewhere.
fn is_inside(path: &str) -> bool {
    use std::path::Component;
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

impl Plan {
    /// Tells whether everything stands as it should.
    pub(super) fn is_up_to_date(&self) -> bool {
        self.changed.is_empty() && self.stale.is_empty() && self.manifest.is_none()
    }

    /// Tells whether only the manifest differs.
    pub(super) fn only_manifest(&self) -> bool {
        self.changed.is_empty() && self.stale.is_empty() && self.manifest.is_some()
    }

    /// Writes every file beside its place, then renames them all, then removes what is stale.
    ///
    /// # Errors
    /// The first file that cannot be written; then nothing that stood there has changed.
    pub(super) fn carry_out(&self) -> io::Result<()> {
        let files: Vec<_> =
            self.changed.iter().map(|(file, _)| file).chain(&self.manifest).collect();
        let mut beside = Vec::new();
        for file in &files {
            match write_beside(&self.root.join(&file.path), file) {
                Ok(path) => beside.push(path),
                Err(error) => {
                    beside.iter().for_each(|path| drop(fs::remove_file(path)));
                    return Err(error);
                }
            }
        }
        for (done, (path, file)) in beside.iter().zip(&files).enumerate() {
            let target = self.root.join(&file.path);
            if let Err(error) = fs::rename(path, &target) {
                beside[done..].iter().for_each(|path| drop(fs::remove_file(path)));
                return Err(at(&target, &error));
            }
        }
        for path in &self.stale {
            let path = self.root.join(path);
            fs::remove_file(&path).map_err(|error| at(&path, &error))?;
        }
        Ok(())
    }
}

/// Writes one text in the place of what a file has: beside it, then renamed. What is no file, such as a
/// device or a pipe, is written to.
///
/// # Errors
/// When it cannot be written; then what stood there stays.
pub(super) fn replace(target: &Path, text: &str) -> io::Result<()> {
    if fs::metadata(target).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        return fs::write(target, text).map_err(|error| at(target, &error));
    }
    // What a link points to is replaced, not the link.
    let target = &fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
    let file = File { path: String::new(), text: text.to_owned(), executable: false };
    let beside = write_beside(target, &file)?;
    fs::rename(&beside, target).map_err(|error| {
        drop(fs::remove_file(&beside));
        at(target, &error)
    })
}

fn write_beside(target: &Path, file: &File) -> io::Result<PathBuf> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    }
    if target.is_dir() {
        return Err(io::Error::other(format!("{}: is a folder", target.display())));
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let beside = target.with_file_name(format!(".{name}.portcullis-new"));
    fs::write(&beside, &file.text).map_err(|error| at(&beside, &error))?;
    set_mode(&beside, file.executable).map_err(|error| at(&beside, &error))?;
    Ok(beside)
}

#[cfg(unix)]
fn set_mode(path: &Path, executable: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if executable {
        let mode = fs::metadata(path)?.permissions().mode();
        // Whoever may read the script may run it.
        fs::set_permissions(path, fs::Permissions::from_mode(mode | (mode & 0o444) >> 2))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: bool) -> io::Result<()> {
    Ok(())
}
