//! Writing artifacts: what is in their places, and then all or nothing, with a manifest of what was written.

mod manifest;

use super::report::Failed;
use crate::command::compile::Artifact;
use crate::files::{Content, Seen, Standing, Tree, Unread, is_inside, most};
use crate::firewall::File;
use crate::policy::MANIFEST;
use manifest::{Maker, Manifest, digest, maker};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// What a compile made, and what it knows of its policy.
pub(super) struct Made<'a> {
    /// The folder that every path is relative to.
    pub(super) root: &'a Path,
    /// The policy's name.
    pub(super) policy: &'a str,
    /// The name of the policy's file.
    pub(super) source: &'a str,
    /// The version of each vendor's feed.
    pub(super) feeds: BTreeMap<String, String>,
    /// The artifacts.
    pub(super) artifacts: &'a [Artifact],
    /// Targets that the policy has and that were not compiled this time: the manifest keeps what it says of
    /// them.
    pub(super) others: &'a BTreeSet<&'a str>,
    /// The files that were read.
    pub(super) seen: &'a Seen,
    /// Whether files that others made may be overwritten.
    pub(super) force: bool,
}

/// How what is in the output folder differs from what a compile made.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Files to write, with what is there now.
    pub(super) changed: Vec<(File, Option<String>)>,
    /// Files of an earlier compile that no target makes any more.
    pub(super) stale: Vec<String>,
    /// Stale files that somebody edited, or that this program did not write: they are left alone.
    pub(super) edited: Vec<String>,
    /// Why nothing may be written.
    pub(super) conflicts: Vec<Conflict>,
    /// The manifest, if it has to be written.
    manifest: Option<File>,
    /// Folders that a killed run may have left files in: empty, or ending in `/`.
    folders: BTreeSet<String>,
    force: bool,
}

/// Something in the place of an output that must not be overwritten.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    /// Whose output it is; `None` for the manifest.
    pub(super) target: Option<String>,
    /// What it is.
    pub(super) message: String,
    /// What to do.
    pub(super) help: String,
}

/// Returns the folders from the root to the one that a path is in: empty, then ending in `/`.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(path.match_indices('/').map(|(at, _)| &path[..=at]))
}

/// Where a plan is made.
struct Planner<'a> {
    made: &'a Made<'a>,
    /// None where the root does not exist yet.
    tree: Option<&'a Tree>,
    /// The paths that other policies' manifests list, in lower case, and those manifests.
    claimed: BTreeMap<String, String>,
    plan: Plan,
}

/// Compares what a compile made with what is below the root.
///
/// # Errors
/// What cannot be read, with its path.
pub(super) fn plan(tree: Option<&Tree>, made: &Made<'_>) -> Result<Plan, Failed> {
    let plan = Plan { force: made.force, ..Plan::default() };
    let mut planner = Planner { made, tree, claimed: BTreeMap::new(), plan };
    let (old, found) = planner.old_manifest()?;
    let paths = made.artifacts.iter().flat_map(|artifact| &artifact.files).map(|file| &file.path);
    let paths = paths.chain(old.listed().map(|(path, _)| path).filter(|path| is_inside(path)));
    planner.plan.folders = paths.flat_map(|path| folders(path)).map(str::to_owned).collect();
    planner.plan.folders.insert(String::new());
    planner.claims();
    let mut new = Manifest::new(made.policy, made.source, made.feeds.clone());
    new.files = old.files.clone();
    new.files.retain(|target, _| made.others.contains(target.as_str()));
    let mut standing = Seen::default();
    for artifact in made.artifacts {
        let listed = new.files.entry(artifact.target.clone()).or_default();
        for file in &artifact.files {
            listed.insert(file.path.clone(), digest(file.text.as_bytes()));
            planner.output(&artifact.target, file, &old, &mut standing)?;
        }
    }
    planner.stale(&old, &new, &standing);
    if !(found && new.says(&old)) {
        let text = serde_json::to_string_pretty(&new).map_err(|error| Failed(error.to_string()))?;
        let path = manifest_name(made.policy);
        planner.plan.manifest = Some(File { path, text: text + "\n", executable: false });
    }
    Ok(planner.plan)
}

/// The manifest's file name: beside the artifacts, one for each policy.
fn manifest_name(policy: &str) -> String {
    format!("{policy}{MANIFEST}")
}

impl Planner<'_> {
    fn standing(&self, path: &str, most: u64) -> Result<Standing, Unread> {
        self.tree.map_or(Ok(Standing::Nothing), |tree| tree.standing(path, most))
    }

    fn conflict(&mut self, target: Option<&str>, message: String, help: &str) {
        let target = target.map(str::to_owned);
        self.plan.conflicts.push(Conflict { target, message, help: help.to_owned() });
    }

    /// Reads the manifest of the compile before; tells whether there is one.
    fn old_manifest(&mut self) -> Result<(Manifest, bool), Failed> {
        let name = manifest_name(self.made.policy);
        let content = match self.standing(&name, most::MANIFEST) {
            Err(error) => return Err(at(self.made.root, &name, &error)),
            Ok(Standing::Nothing) => return Ok((Manifest::default(), false)),
            Ok(Standing::Other(why)) => {
                self.conflict(None, format!("the manifest cannot be written: {why}"), REMOVE);
                return Ok((Manifest::default(), false));
            }
            Ok(Standing::File(content)) => content,
        };
        if let Some(read) = self.made.seen.name(&content) {
            let message = format!("the manifest would overwrite `{read}`, which is an input");
            self.conflict(None, message, "give the file another name");
        }
        let manifest = Manifest::read(&content.bytes);
        let manifest = manifest.filter(|manifest| manifest.policy == self.made.policy);
        let other = |m: &Manifest| m.source.as_ref().filter(|s| *s != self.made.source).cloned();
        match manifest {
            _ if self.made.force => {}
            None => {
                let message = format!("`{name}` is not this policy's manifest");
                self.conflict(None, message, "remove it, or overwrite it with `--force`");
            }
            Some(ref manifest) => {
                if let Some(source) = other(manifest) {
                    let message = format!(
                        "the policy in `{source}` is also named `{}`, and its artifacts are in the same folder",
                        self.made.policy
                    );
                    let help = format!(
                        "rename one of them; if the file `{source}` is now `{}`, compile with `--force`",
                        self.made.source
                    );
                    self.conflict(None, message, &help);
                }
            }
        }
        Ok((manifest.unwrap_or_default(), true))
    }

    /// Finds what the manifests of other policies list, in the folders of this one's files.
    fn claims(&mut self) {
        let own = manifest_name(self.made.policy);
        let Some(tree) = self.tree else { return };
        for folder in &self.plan.folders {
            let is_other = |name: &String| {
                name.to_ascii_lowercase().ends_with(MANIFEST)
                    && !(folder.is_empty() && name.eq_ignore_ascii_case(&own))
            };
            for name in tree.names(folder).into_iter().filter(is_other) {
                let path = format!("{folder}{name}");
                let Ok(Standing::File(content)) = tree.standing(&path, most::MANIFEST) else {
                    continue;
                };
                let Some(manifest) = Manifest::read(&content.bytes) else { continue };
                for (listed, _) in manifest.listed() {
                    self.claimed
                        .insert(format!("{folder}{listed}").to_ascii_lowercase(), path.clone());
                }
            }
        }
    }

    /// Looks at the place of a file: it is up to date, is to be written, or must not be.
    fn output(
        &mut self,
        target: &str,
        file: &File,
        old: &Manifest,
        standing: &mut Seen,
    ) -> Result<(), Failed> {
        let path = &file.path;
        if let Some(manifest) = self.claimed.get(&path.to_ascii_lowercase()) {
            let message =
                format!("`{path}` is an artifact of another policy, according to `{manifest}`");
            let help = format!(
                "choose another `output`; if that policy is gone or was renamed to this one, remove `{manifest}` and compile with `--force`"
            );
            self.conflict(Some(target), message, &help);
            return Ok(());
        }
        let content = match self.standing(path, most::ARTIFACT) {
            Err(error) => return Err(at(self.made.root, path, &error)),
            Ok(Standing::File(content)) => content,
            Ok(Standing::Other(why)) => {
                self.conflict(Some(target), format!("`{path}` cannot be written: {why}"), REMOVE);
                return Ok(());
            }
            Ok(Standing::Nothing) => {
                self.plan.changed.push((file.clone(), None));
                return Ok(());
            }
        };
        standing.add(path, &content);
        if let Some(read) = self.made.seen.name(&content) {
            let message = format!("`{path}` would overwrite `{read}`, which is an input");
            self.conflict(Some(target), message, "choose another `output`");
        } else if content.bytes != file.text.as_bytes() {
            if !(self.made.force || old.lists(path) || self.is_ours(&content)) {
                let message = format!("`{path}` already exists and was not made from this policy");
                let help = "choose another `output`, or overwrite it with `--force`";
                self.conflict(Some(target), message, help);
            }
            let text = String::from_utf8_lossy(&content.bytes).into_owned();
            self.plan.changed.push((file.clone(), Some(text)));
        }
        Ok(())
    }

    fn is_ours(&self, content: &Content) -> bool {
        maker(&content.bytes) == Maker::Policy(self.made.policy)
    }

    /// Finds the files that the manifest lists and that no target makes any more. Only what this program wrote,
    /// byte by byte, and says so itself is removed.
    fn stale(&mut self, old: &Manifest, new: &Manifest, standing: &Seen) {
        for (path, written) in old.listed().filter(|(path, _)| !new.lists(path)) {
            let content = match self.standing(path, most::ARTIFACT) {
                Ok(Standing::Nothing) => continue,
                Ok(Standing::File(content)) if standing.name(&content).is_some() => continue,
                Ok(Standing::File(content)) => Some(content),
                Ok(Standing::Other(_)) | Err(_) => None,
            };
            let ours = content.is_some_and(|content| {
                digest(&content.bytes) == *written
                    && matches!(maker(&content.bytes), Maker::Unnamed | Maker::Policy(_))
                    && self.made.seen.name(&content).is_none()
                    && !self.claimed.contains_key(&path.to_ascii_lowercase())
            });
            let list = if ours { &mut self.plan.stale } else { &mut self.plan.edited };
            list.push(path.clone());
        }
    }
}

const REMOVE: &str = "remove it, or choose another place";

fn at(root: &Path, path: &str, error: &dyn std::fmt::Display) -> Failed {
    Failed(format!("{}: {error}", root.join(path).display()))
}

impl Plan {
    /// Tells whether everything is up to date.
    pub(super) fn is_up_to_date(&self) -> bool {
        self.changed.is_empty() && self.stale.is_empty() && self.manifest.is_none()
    }

    /// Tells whether only the manifest differs.
    pub(super) fn only_manifest(&self) -> bool {
        self.changed.is_empty() && self.stale.is_empty() && self.manifest.is_some()
    }

    /// Writes every file beside its place, then renames them all, then removes what is stale; the manifest takes
    /// its place last, so that it never lists what is not there.
    ///
    /// # Errors
    /// The first file that cannot be written; then nothing that stood there has changed, unless the system
    /// refuses a rename.
    pub(super) fn carry_out(&self, tree: &Tree, root: &Path) -> Result<(), Failed> {
        for folder in &self.folders {
            tree.clean(folder).map_err(|error| at(root, folder, &error))?;
        }
        let stage = |file: &File| {
            let staged = tree.stage(&file.path, &file.text, file.executable, self.force);
            staged.map_err(|error| at(root, &file.path, &error))
        };
        let files: Vec<_> = self.changed.iter().map(|(file, _)| file).collect();
        let staged = files.iter().map(|file| stage(file)).collect::<Result<Vec<_>, _>>()?;
        let manifest = self.manifest.iter().map(stage).collect::<Result<Vec<_>, _>>()?;
        for (staged, file) in staged.into_iter().zip(files) {
            staged.put().map_err(|error| at(root, &file.path, &error))?;
        }
        for path in &self.stale {
            tree.remove(path).map_err(|error| at(root, path, &error))?;
        }
        for (staged, file) in manifest.into_iter().zip(&self.manifest) {
            staged.put().map_err(|error| at(root, &file.path, &error))?;
        }
        Ok(())
    }
}

/// Writes a report to a file that the caller names. By an absolute path that may be a device or a pipe, which
/// is written to, or a link, which is followed.
///
/// # Errors
/// When it cannot be written, or is a file that was read; then what stood there stays.
pub(super) fn report(path: &Path, text: &str, seen: &Seen) -> Result<(), Failed> {
    let failed = |error: &dyn std::fmt::Display| Failed(format!("{}: {error}", path.display()));
    let real = match path.has_root() {
        true => path.canonicalize().unwrap_or_else(|_| path.to_owned()),
        false => path.to_owned(),
    };
    if path.has_root() && std::fs::metadata(&real).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        return std::fs::write(&real, text).map_err(|error| failed(&error));
    }
    let (Some(folder), Some(name)) = (real.parent(), real.file_name().and_then(|n| n.to_str()))
    else {
        return Err(failed(&io::Error::from(io::ErrorKind::InvalidInput)));
    };
    let tree =
        Tree::to_write(folder, &|| super::waiting(folder)).map_err(|error| failed(&error))?;
    match tree.standing(name, most::ARTIFACT) {
        Ok(Standing::File(content)) => {
            if let Some(read) = seen.name(&content) {
                return Err(Failed(format!("the report would overwrite `{read}`")));
            }
        }
        Ok(Standing::Other(why)) => return Err(failed(&why)),
        Ok(Standing::Nothing) | Err(_) => {}
    }
    tree.clean("").map_err(|error| failed(&error))?;
    let staged = tree.stage(name, text, false, true).map_err(|error| failed(&error))?;
    staged.put().map_err(|error| failed(&error))
}
