//! The folder that a run writes into. No link is followed below it, and nothing is written outside it.

use super::lock::{self, Lock, Use};
use super::read::{Content, Unread, folder, make_folder, regular};
use super::staged::{Staged, no_link, remove_leftovers};
use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, OpenOptions};
use std::io;
use std::path::{Component, Path};

/// A folder, locked. Its paths are relative, with `/`, of plain names only ([`is_inside`]).
#[derive(Debug)]
pub(crate) struct Tree {
    dir: Dir,
    _lock: Option<Lock>,
}

/// What is in a place.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Nothing.
    Nothing,
    /// A regular file.
    File(Content),
    /// Something that no file may replace, and why: a link, a folder, a file where a folder has to be.
    Other(String),
}

/// Tells whether a path has plain names only, so that it means a place below a folder.
pub(crate) fn is_inside(path: &str) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    !path.is_empty()
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|part| !part.is_empty() && part != ".")
        && Path::new(path).components().all(plain)
}

/// The folder in which the last part of a path stands, and that part.
enum Parent<'a> {
    Here(Dir, &'a str),
    Missing,
    Blocked(String),
}

impl Tree {
    /// Opens a folder that the caller names, to look at what is there; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn to_read(path: &Path, waiting: &dyn Fn()) -> Result<Option<Tree>, Unread> {
        match folder(path) {
            Err(Unread::System(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            dir => Tree::locked(dir?, Use::Read, waiting).map(Some),
        }
    }

    /// Opens a folder that the caller names, to write; makes it when there is none.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub(crate) fn to_write(path: &Path, waiting: &dyn Fn()) -> Result<Tree, Unread> {
        let dir = match folder(path) {
            Err(Unread::System(error)) if error.kind() == io::ErrorKind::NotFound => {
                make_folder(path)?;
                folder(path)?
            }
            dir => dir?,
        };
        Tree::locked(dir, Use::Write, waiting)
    }

    fn locked(dir: Dir, how: Use, waiting: &dyn Fn()) -> Result<Tree, Unread> {
        let lock = lock::lock(&dir, how, waiting)?;
        Ok(Tree { dir, _lock: lock })
    }

    /// Walks to the folder of a path, link by link refused.
    fn parent<'a>(&self, path: &'a str, make: bool) -> io::Result<Parent<'a>> {
        if !is_inside(path) {
            return Ok(Parent::Blocked(format!("`{path}` is not a place below the folder")));
        }
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut dir = self.dir.try_clone()?;
        let mut walked = String::new();
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            walked += part;
            dir = match dir.open_dir_nofollow(part) {
                Ok(next) => next,
                Err(error) if error.kind() == io::ErrorKind::NotFound && !make => {
                    return Ok(Parent::Missing);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    dir.create_dir(part).or_else(ignore(io::ErrorKind::AlreadyExists))?;
                    dir.open_dir_nofollow(part)?
                }
                Err(error) => match dir.symlink_metadata(part) {
                    Ok(found) if found.is_symlink() => {
                        return Ok(Parent::Blocked(format!("`{walked}` is a symbolic link")));
                    }
                    Ok(found) if !found.is_dir() => {
                        return Ok(Parent::Blocked(format!("`{walked}` is not a folder")));
                    }
                    _ => return Err(error),
                },
            };
            walked += "/";
        }
        Ok(Parent::Here(dir, name))
    }

    /// Looks at a place.
    ///
    /// # Errors
    /// When what is there cannot be read.
    pub(crate) fn standing(&self, path: &str, most: u64) -> Result<Standing, Unread> {
        let (dir, name) = match self.parent(path, false)? {
            Parent::Here(dir, name) => (dir, name),
            Parent::Missing => return Ok(Standing::Nothing),
            Parent::Blocked(why) => return Ok(Standing::Other(why)),
        };
        match dir.symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Standing::Nothing),
            Err(error) => Err(error.into()),
            Ok(found) if found.is_symlink() => {
                Ok(Standing::Other(format!("`{path}` is a symbolic link")))
            }
            Ok(found) if found.is_dir() => Ok(Standing::Other(format!("`{path}` is a folder"))),
            Ok(_) => match regular(&dir, name.as_ref(), no_link(&mut OpenOptions::new())) {
                Err(Unread::Irregular) => {
                    Ok(Standing::Other(format!("`{path}` is not a regular file")))
                }
                file => Ok(Standing::File(Content::of(&mut file?, most)?)),
            },
        }
    }

    /// Writes a text beside its place; makes the folders on the way.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn stage(
        &self,
        path: &str,
        text: &str,
        executable: bool,
        may_change: bool,
    ) -> io::Result<Staged> {
        match self.parent(path, true)? {
            Parent::Here(dir, name) => Staged::new(dir, name, text, executable, may_change),
            Parent::Missing => Err(io::ErrorKind::NotFound.into()),
            Parent::Blocked(why) => Err(io::Error::other(why)),
        }
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn remove(&self, path: &str) -> io::Result<()> {
        match self.parent(path, false)? {
            Parent::Here(dir, name) => dir.remove_file(name),
            Parent::Missing => Ok(()),
            Parent::Blocked(why) => Err(io::Error::other(why)),
        }
    }

    /// Returns the names in a folder of the tree, sorted; none where there is no folder.
    pub(crate) fn names(&self, inside: &str) -> Vec<String> {
        let Some(dir) = self.inner(inside) else { return Vec::new() };
        let entries = dir.entries().into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Removes what killed runs left in a folder of the tree.
    ///
    /// # Errors
    /// When a leftover cannot be removed.
    pub(crate) fn clean(&self, inside: &str) -> io::Result<()> {
        self.inner(inside).map_or(Ok(()), |dir| remove_leftovers(&dir))
    }

    fn inner(&self, inside: &str) -> Option<Dir> {
        match self.parent(&format!("{inside}x"), false) {
            Ok(Parent::Here(dir, _)) => Some(dir),
            _ => None,
        }
    }
}

fn ignore(kind: io::ErrorKind) -> impl Fn(io::Error) -> io::Result<()> {
    move |error| if error.kind() == kind { Ok(()) } else { Err(error) }
}
