//! Reading: regular files only, bounded, and beneath a folder.

use cap_fs_ext::{MetadataExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};
use std::fmt;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Why something cannot be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The path, or a link on it, leads out of the folder that it has to stay in.
    Outside,
    /// It is not a regular file.
    Irregular,
    /// It has more than so many bytes.
    Large(u64),
    /// Standard input has been read before.
    Again,
    /// What the system says.
    System(io::Error),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::Outside => write!(f, "it leads outside its folder"),
            Unread::Irregular => write!(f, "it is not a regular file"),
            Unread::Large(most) => write!(f, "it is larger than {} MiB", most >> 20),
            Unread::Again => write!(f, "standard input can be read only once"),
            Unread::System(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        // An escape is refused by the library, not by the system: it has no error number.
        match error.kind() {
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => Unread::Outside,
            _ => Unread::System(error),
        }
    }
}

/// What identifies a file on the machine, whatever it is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Identity(u64, u64);

impl Identity {
    pub(super) fn of(file: &File) -> io::Result<Identity> {
        let metadata = file.metadata()?;
        Ok(Identity(metadata.dev(), metadata.ino()))
    }
}

/// The files that a run has read, so that it overwrites none of them.
#[derive(Clone, Default, Debug)]
pub(crate) struct Seen(Vec<(Identity, String)>);

impl Seen {
    /// Adds a file by what the run calls it.
    pub(crate) fn add(&mut self, name: &str, content: &Content) {
        self.0.extend(content.identity.map(|identity| (identity, name.to_owned())));
    }

    /// Adds all that others have seen.
    pub(crate) fn append(&mut self, other: Seen) {
        self.0.extend(other.0);
    }

    /// Returns what the run calls a file that it has read.
    pub(crate) fn name(&self, content: &Content) -> Option<&str> {
        let found = self.0.iter().find(|(identity, _)| Some(*identity) == content.identity);
        found.map(|(_, name)| name.as_str())
    }
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Content {
    /// All of it.
    pub(crate) bytes: Vec<u8>,
    identity: Option<Identity>,
}

impl Content {
    fn read(file: &mut impl Read, most: u64, identity: Option<Identity>) -> Result<Self, Unread> {
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        match u64::try_from(bytes.len()) {
            Ok(size) if size <= most => Ok(Content { bytes, identity }),
            _ => Err(Unread::Large(most)),
        }
    }

    /// Reads an open file.
    pub(super) fn of(file: &mut File, most: u64) -> Result<Self, Unread> {
        let identity = Identity::of(file)?;
        if file.metadata()?.len() > most {
            return Err(Unread::Large(most));
        }
        Content::read(file, most, Some(identity))
    }
}

/// Opens a regular file. It is looked at after it was opened, so that nobody can put something else in its
/// place between; a pipe without a writer does not make the open wait.
pub(super) fn regular(dir: &Dir, path: &Path, options: &mut OpenOptions) -> Result<File, Unread> {
    let file = dir.open_with(path, options.read(true).nonblock(true))?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(Unread::Irregular) }
}

/// A folder that no path can leave.
#[derive(Debug)]
pub(crate) struct Root(Dir);

impl Root {
    /// Opens a folder that the caller names; the empty path is the working folder.
    ///
    /// # Errors
    /// When it cannot be opened, or a link in a relative path leads elsewhere.
    pub(crate) fn given(path: &Path) -> Result<Root, Unread> {
        folder(path).map(Root)
    }

    /// Reads a file of it.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn read(&self, path: &Path, most: u64) -> Result<Content, Unread> {
        Content::of(&mut regular(&self.0, path, &mut OpenOptions::new())?, most)
    }
}

/// Opens a folder that the caller names.
pub(super) fn folder(path: &Path) -> Result<Dir, Unread> {
    let (base, inside) = split(path);
    let base = Dir::open_ambient_dir(base, ambient_authority())?;
    if inside.as_os_str().is_empty() { Ok(base) } else { Ok(base.open_dir(inside)?) }
}

/// Makes a folder that the caller names, and its parents.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    match split(path) {
        (_, inside) if inside.as_os_str().is_empty() => std::fs::create_dir_all(path),
        (base, inside) => Dir::open_ambient_dir(base, ambient_authority())?.create_dir_all(inside),
    }
}

/// Splits a path that the caller names: the folder that the caller answers for, and the rest, beneath it.
/// All of an absolute path is the caller's word; of a relative one only the `..` that it begins with.
fn split(path: &Path) -> (PathBuf, PathBuf) {
    if path.has_root() {
        return (path.to_owned(), PathBuf::new());
    }
    let up = path.components().take_while(|part| matches!(part, Component::ParentDir)).count();
    let base = if up == 0 { PathBuf::from(".") } else { path.components().take(up).collect() };
    (base, path.components().skip(up).filter(|part| *part != Component::CurDir).collect())
}

/// Reads a file that the caller names. By an absolute path that may also be a pipe, such as `/dev/fd/63` of a
/// shell's `<(command)`.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn given(path: &Path, most: u64) -> Result<Content, Unread> {
    if !path.has_root() {
        let (base, inside) = split(path);
        return Root(Dir::open_ambient_dir(base, ambient_authority())?).read(&inside, most);
    }
    if is_pipe(path) {
        return Content::read(&mut std::fs::File::open(path)?, most, None);
    }
    let mut options = OpenOptions::new();
    let options = options.read(true).nonblock(true);
    let mut file = File::open_ambient_with(path, options, ambient_authority())?;
    if file.metadata()?.is_file() { Content::of(&mut file, most) } else { Err(Unread::Irregular) }
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

/// Tells whether the caller names a folder.
pub(crate) fn is_folder(path: &Path) -> bool {
    folder(path).is_ok()
}

/// Returns the names of the regular files of a folder that the caller names, sorted, and the folder.
///
/// # Errors
/// When it cannot be listed.
pub(crate) fn listed(path: &Path) -> Result<(Root, Vec<String>), Unread> {
    let dir = folder(path)?;
    let mut names = Vec::new();
    for entry in dir.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        // A link to a file in the folder is one, and so is one that leads out: reading it says so.
        let file = entry.file_type()?;
        if file.is_file() || (file.is_symlink() && !dir.is_dir(&name)) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok((Root(dir), names))
}

/// Whether standard input was read.
static STDIN_READ: AtomicBool = AtomicBool::new(false);

/// Reads standard input.
///
/// # Errors
/// Why it cannot be read; it can be read only once.
pub(crate) fn standard_input(most: u64) -> Result<Content, Unread> {
    if STDIN_READ.swap(true, Ordering::Relaxed) {
        return Err(Unread::Again);
    }
    Content::read(&mut io::stdin(), most, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_answers_for_what_a_path_begins_with() {
        for (path, base, inside) in [
            ("a/b", ".", "a/b"),
            ("./a/./b", ".", "a/b"),
            ("", ".", ""),
            (".", ".", ""),
            ("../../a/../b", "../..", "a/../b"),
            ("/etc/a", "/etc/a", ""),
        ] {
            assert_eq!(split(path.as_ref()), (base.into(), inside.into()), "{path}");
        }
    }
}
