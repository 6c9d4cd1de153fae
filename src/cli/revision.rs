//! Files as they were at a revision of a git repository.

use super::InputArgs;
use super::disk::{self, Place};
use super::report::Failed;
use crate::files::most;
use crate::policy::Loader;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A revision of the repository that a policy is in.
pub(super) struct Revision {
    name: String,
    folder: PathBuf,
    place: Place,
}

impl Revision {
    /// Finds a revision by any name that git knows it by.
    ///
    /// # Errors
    /// When there is no repository, or no such revision.
    pub(super) fn new(name: &str, policy: &str, args: &InputArgs) -> Result<Self, Failed> {
        let folder = disk::folder(policy);
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let place = Place::new(policy, args.root.as_deref())?;
        let revision = Revision { name: name.to_owned(), folder, place };
        let commit = format!("{name}^{{commit}}");
        let found =
            revision.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]);
        let id = found.map(|id| String::from_utf8_lossy(&id).trim().to_owned());
        match id {
            // By its id from here on: a branch may move, and a name may be more than a name.
            Ok(id) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Ok(Revision { name: id, ..revision })
            }
            Ok(_) => Err(Failed(format!("unknown revision `{name}`"))),
            Err(why) => Err(Failed(format!("unknown revision `{name}`{}", after(&why)))),
        }
    }

    fn git(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        self.git_in(&self.folder, arguments)
    }

    /// Runs git, whose output is read up to a limit. What is in a checkout does not configure it: a folder that
    /// looks like a bare repository is not used as one, and nothing is fetched.
    fn git_in(&self, folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let mut command = Command::new("git");
        command.args(["-c", "safe.bareRepository=explicit", "-C"]).arg(folder).args(arguments);
        command.env("GIT_NO_LAZY_FETCH", "1").stdin(Stdio::null());
        let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = run.map_err(|error| format!("git: {error}"))?;
        let mut bytes = Vec::new();
        if let Some(output) = &mut child.stdout {
            let read = output.take(most::POLICY + 1).read_to_end(&mut bytes);
            read.map_err(|error| format!("git: {error}"))?;
        }
        if u64::try_from(bytes.len()).is_ok_and(|size| size > most::POLICY) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it is larger than {} MiB", most::POLICY >> 20));
        }
        let output = child.wait_with_output().map_err(|error| format!("git: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.success() {
            true => Ok(bytes),
            false => Err(said.lines().next().unwrap_or_default().trim().to_owned()),
        }
    }

    /// Returns a file as it was; its path is relative to the working folder, as today's is.
    ///
    /// # Errors
    /// Why it cannot be read.
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
        // Not `show`, which has programs of the configuration convert the text.
        self.git_in(folder, &["cat-file", "blob", &object])
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
        match self.place.inside(path) {
            Ok(_) => self.bytes(path),
            Err(_) => Err(disk::OUTSIDE.to_owned()),
        }
    }

    fn help(&self, path: &str) -> Option<String> {
        self.place.help(path)
    }
}
