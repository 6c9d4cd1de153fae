//! The files that a policy names, and where they may be.

use super::InputArgs;
use super::report::Failed;
use crate::files::{self, Content, Root, Seen, Unread, most};
use crate::policy::Loader;
use std::cell::RefCell;
use std::path::{Component, Path, PathBuf};

/// What messages call standard input.
pub(super) const STDIN: &str = "standard input";

/// Where a policy is, and how far up its paths may lead: to its own folder, or to `--root DIR`.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The policy's folder, as the caller wrote it: the paths that the policy's loader is asked for begin there.
    folder: PathBuf,
    /// The policy's folder as seen from the root.
    inner: PathBuf,
}

impl Place {
    /// Finds out where a policy is.
    ///
    /// # Errors
    /// When it is not below the root.
    pub(super) fn new(policy: &str, root: Option<&Path>) -> Result<Place, Failed> {
        let folder = folder(policy);
        let Some(root) = root else { return Ok(Place { folder, inner: PathBuf::new() }) };
        let real = |path: &Path| {
            let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            path.canonicalize().map_err(|error| Failed(format!("{}: {error}", path.display())))
        };
        match real(&folder)?.strip_prefix(real(root)?) {
            Ok(inner) => Ok(Place { inner: inner.to_owned(), folder }),
            Err(_) => Err(Failed(format!("the policy is outside `--root {}`", root.display()))),
        }
    }

    /// Returns the path from the root of a file that the policy, or one of its files, names; the error is how
    /// many folders above the root that is.
    pub(super) fn inside(&self, path: &str) -> Result<PathBuf, usize> {
        let mut folder = plain(&self.folder);
        let mut file = plain(Path::new(path));
        while !folder.is_empty() && folder.first() == file.first() {
            folder.remove(0);
            file.remove(0);
        }
        let mut inside = plain(&self.inner);
        let mut above = 0;
        let up = folder.iter().map(|_| Component::ParentDir);
        for part in up.chain(file) {
            match part {
                Component::ParentDir if inside.pop().is_none() => above += 1,
                Component::ParentDir => {}
                part => inside.push(part),
            }
        }
        if above == 0 { Ok(inside.into_iter().collect()) } else { Err(above) }
    }

    /// Returns what to write so that a path is inside.
    pub(super) fn help(&self, path: &str) -> Option<String> {
        let above = self.inside(path).err()?;
        let up = self.inner.components().count() + above;
        let folder = std::iter::repeat_n("..", up).collect::<PathBuf>();
        let folder = self.folder.join(folder);
        let root = plain(&folder).into_iter().fold(Vec::new(), shortened);
        let root = root.into_iter().collect::<PathBuf>();
        let root = if root.as_os_str().is_empty() { PathBuf::from(".") } else { root };
        Some(format!("to allow it, widen the folder: `--root {}`", root.display()))
    }
}

fn plain(path: &Path) -> Vec<Component<'_>> {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

fn shortened<'a>(mut parts: Vec<Component<'a>>, part: Component<'a>) -> Vec<Component<'a>> {
    match (part, parts.last()) {
        (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
        _ => parts.push(part),
    }
    parts
}

/// Returns the folder that a policy's relative paths start from.
pub(super) fn folder(policy: &str) -> PathBuf {
    match Path::new(policy).parent() {
        Some(parent) if policy != "-" => parent.to_owned(),
        _ => PathBuf::new(),
    }
}

/// Where a process finds its own open files.
const DESCRIPTORS: [&str; 2] = ["/dev/fd/", "/proc/self/fd/"];

/// Reads a policy and what it names beneath the root; the policy itself may be standard input, `-`.
pub(super) struct Disk {
    policy: String,
    place: Place,
    root: Root,
    seen: RefCell<Seen>,
}

impl Disk {
    /// Opens the folder that a policy's files must be in.
    ///
    /// # Errors
    /// When there is no such folder, or the policy is not in it.
    pub(super) fn new(policy: &str, args: &InputArgs) -> Result<Disk, Failed> {
        let place = Place::new(policy, args.root.as_deref())?;
        let path = args.root.as_deref().unwrap_or(&place.folder);
        let root = Root::given(path).map_err(|error| refused(&path.to_string_lossy(), &error))?;
        Ok(Disk { policy: policy.to_owned(), place, root, seen: RefCell::default() })
    }

    /// Returns what was read.
    pub(super) fn seen(self) -> Seen {
        self.seen.into_inner()
    }

    fn note(&self, path: &str, content: Content) -> Vec<u8> {
        self.seen.borrow_mut().add(path, &content);
        content.bytes
    }
}

impl Loader for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let content = match path {
            "-" => files::standard_input(most::POLICY),
            // Of a shell's `<(command)`: a pipe, which is in no folder.
            path if path == self.policy && DESCRIPTORS.iter().any(|d| path.starts_with(d)) => {
                files::given(path.as_ref(), most::POLICY)
            }
            path => match self.place.inside(path) {
                Ok(inside) => self.root.read(&inside, most::POLICY),
                Err(_) => Err(Unread::Outside),
            },
        };
        content.map(|content| self.note(path, content)).map_err(|error| reason(&error))
    }

    fn help(&self, path: &str) -> Option<String> {
        self.place.help(path)
    }
}

/// A file that the caller names, and what it names itself.
pub(super) struct Named<'a>(pub(super) &'a Disk, pub(super) &'a str);

impl Loader for Named<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let Named(disk, named) = self;
        if path != *named {
            return disk.read(path);
        }
        let content = given(path, most::POLICY).map_err(|error| reason(&error))?;
        Ok(disk.note(path, content))
    }

    fn help(&self, path: &str) -> Option<String> {
        if path == self.1 { None } else { self.0.help(path) }
    }
}

/// Reads a file that the caller names; `-` is standard input.
pub(super) fn given(path: &str, most: u64) -> Result<Content, Unread> {
    if path == "-" { files::standard_input(most) } else { files::given(path.as_ref(), most) }
}

/// Why a file is not read that a policy names.
pub(super) const OUTSIDE: &str = "it is outside the folder that the policy may read";

/// Returns why a file that a policy names is not read.
fn reason(error: &Unread) -> String {
    match error {
        Unread::Outside => OUTSIDE.to_owned(),
        error => error.to_string(),
    }
}

/// Returns why what the caller names is not read.
pub(super) fn refused(path: &str, error: &Unread) -> Failed {
    let path = if path.is_empty() { "." } else { path };
    Failed(match error {
        Unread::Outside => format!(
            "{path}: a symbolic link leads out of the working folder; give the absolute path if that is intended"
        ),
        error => format!("{path}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_root() {
        let place =
            |folder: &str, inner: &str| Place { folder: folder.into(), inner: inner.into() };
        for (folder, inner, path, expected) in [
            ("p", "", "p/lists/a.txt", Ok("lists/a.txt")),
            ("./p", "", "p/a.txt", Ok("a.txt")),
            ("p", "", "common.yaml", Err(1)),
            ("p/q", "", "c.yaml", Err(2)),
            ("p/q", "q", "p/c.yaml", Ok("c.yaml")),
            ("p/q", "q", "c.yaml", Err(1)),
            ("", "", "a.txt", Ok("a.txt")),
            ("", "p", "../a.txt", Ok("a.txt")),
            ("../p", "", "../p/a", Ok("a")),
            ("../p", "p", "../c", Ok("c")),
            ("../p", "", "../../c", Err(2)),
            ("/etc/p", "", "/etc/p/a", Ok("a")),
            ("/etc/p", "p", "/etc/a", Ok("a")),
            ("/etc/p", "", "/a", Err(2)),
        ] {
            let found = place(folder, inner).inside(path);
            assert_eq!(found, expected.map(PathBuf::from), "{folder} {inner} {path}");
        }
        for (folder, inner, path, root) in [
            ("p", "", "common.yaml", "."),
            ("", "", "../common.yaml", ".."),
            ("a/b", "", "c.yaml", "."),
            ("a/b", "b", "c.yaml", "."),
            ("../p", "", "../c.yaml", ".."),
            ("/etc/p", "", "/etc/c.yaml", "/etc"),
        ] {
            let help = place(folder, inner).help(path).expect("help");
            assert!(help.ends_with(&format!("`--root {root}`")), "{folder} {path}: {help}");
        }
        assert_eq!(place("p", "").help("p/a"), None);
    }
}
