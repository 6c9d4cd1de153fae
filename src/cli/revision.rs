//! Files as they were at a revision of a git repository.

use super::report::Failed;
use crate::policy::Loader;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A revision of the repository that a policy stands in.
pub(super) struct Revision {
    name: String,
    folder: PathBuf,
}

impl Revision {
    /// Finds a revision by any name that git knows it by.
    ///
    /// # Errors
    /// When there is no repository, or no such revision.
    pub(super) fn new(name: &str, policy: &str) -> Result<Self, Failed> {
        let folder = super::load::folder(policy);
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let revision = Revision { name: name.to_owned(), folder };
        let commit = format!("{name}^{{commit}}");
        let found =
            revision.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]);
        let id = found.map(|id| String::from_utf8_lossy(&id).trim().to_owned());
        match id {
            // By its id from here on: a branch may move, and a name may be more than a name.
            Ok(id) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Ok(Revision { name: id, ..revision })
            }
            Ok(_) => Err(Failed(format!("no revision `{name}`"))),
            Err(why) => Err(Failed(format!("no revision `{name}`{}", after(&why)))),
        }
    }

    fn git(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        self.git_in(&self.folder, arguments)
    }

    fn git_in(&self, folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let run = Command::new("git").arg("-C").arg(folder).args(arguments).output();
        let output = run.map_err(|error| format!("git: {error}"))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }

    /// Gives a file as it was; its path is relative to the working folder, as today's is.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = Path::new(path);
        // The folder of a file beside the policy may be gone today; the policy's own is not.
        let (folder, inside) = match path.strip_prefix(&self.folder) {
            Ok(inside) => (self.folder.as_path(), inside),
            Err(_) => (
                path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(".".as_ref()),
                path.file_name().map_or(path, Path::new),
            ),
        };
        let object = format!("{}:./{}", self.name, inside.to_string_lossy());
        self.git_in(folder, &["show", "--end-of-options", &object])
    }

    /// Tells whether a file was there.
    pub(super) fn has(&self, path: &str) -> bool {
        self.bytes(path).is_ok()
    }
}

fn after(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

impl Loader for Revision {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.bytes(path)
    }
}
