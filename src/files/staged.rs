//! A text that is written beside its destination and then renamed.

use super::read::{Unread, regular};
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions};
use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};

const BEFORE: &str = ".portcullis-";
const AFTER: &str = ".new";

/// A text that was written beside its destination; it is removed unless it is put there.
///
/// Nothing is flushed to the medium: after a rename everybody sees either the old text or the whole new one,
/// even if this process is killed at any moment. A machine that loses power may lose what was written last;
/// `compile --check` then finds that and the next compile writes it again. Waiting for the disk would cost more
/// than all the rest of a run.
#[derive(Debug)]
pub(crate) struct Staged {
    dir: Dir,
    temporary: Option<String>,
    name: String,
    /// Locked while it is ours, so that nobody takes it for a leftover.
    _file: File,
}

impl Staged {
    /// Writes a text beside `name`, with the mode and owner of what is there. If the owner cannot be kept
    /// that is an error, unless it `may_change`.
    pub(super) fn new(
        dir: Dir,
        name: &str,
        text: &str,
        executable: bool,
        may_change: bool,
    ) -> io::Result<Staged> {
        let standing = match regular(&dir, name.as_ref(), no_link(&mut OpenOptions::new())) {
            Ok(file) => Some(file.into_std().metadata()?),
            Err(Unread::System(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io::Error::other(error.to_string())),
        };
        let (temporary, file) = create(&dir, standing.is_some())?;
        let mut staged =
            Staged { dir, temporary: Some(temporary), name: name.to_owned(), _file: file };
        // Without locks on this file system nobody removes leftovers either.
        let _ = staged._file.try_lock();
        staged._file.write_all(text.as_bytes())?;
        keep(&staged._file, standing.as_ref(), executable, may_change)?;
        Ok(staged)
    }

    /// Puts the text into its place.
    ///
    /// # Errors
    /// When it cannot be; then what was there stays.
    pub(crate) fn put(mut self) -> io::Result<()> {
        if let Some(temporary) = &self.temporary {
            self.dir.rename(temporary, &self.dir, &self.name)?;
            self.temporary = None;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = self.dir.remove_file(temporary);
        }
    }
}

pub(super) fn no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    options.follow(FollowSymlinks::No)
}

/// Makes a file under a name that nobody can know before, and that nothing has.
fn create(dir: &Dir, closed: bool) -> io::Result<(String, File)> {
    const TRIES: usize = 16;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if closed {
        // Nobody reads what is to have a mode of its own before it has it.
        only_ours(&mut options);
    }
    for _ in 0..TRIES {
        let name = format!("{BEFORE}{:016x}{AFTER}", RandomState::new().build_hasher().finish());
        match dir.open_with(&name, &options) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return Ok((name, made?.into_std())),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Removes what a killed run left in a folder: regular files with a name that only this program gives, and
/// that no running process holds.
pub(super) fn remove_leftovers(dir: &Dir) -> io::Result<()> {
    for entry in dir.entries()? {
        let name = entry?.file_name();
        let Some(name) = name.to_str().filter(|name| is_temporary(name)) else { continue };
        if let Ok(file) = regular(dir, name.as_ref(), no_link(&mut OpenOptions::new()))
            && file.into_std().try_lock().is_ok()
        {
            dir.remove_file(name)?;
        }
    }
    Ok(())
}

fn is_temporary(name: &str) -> bool {
    let digits = name.strip_prefix(BEFORE).and_then(|name| name.strip_suffix(AFTER));
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(is_digit))
}

#[cfg(unix)]
fn only_ours(options: &mut OpenOptions) {
    use cap_std::fs::OpenOptionsExt;
    options.mode(0o600);
}

/// Returns a file the owner and the mode of the one that it replaces.
#[cfg(unix)]
fn keep(
    file: &File,
    standing: Option<&std::fs::Metadata>,
    executable: bool,
    may_change: bool,
) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let made = file.metadata()?;
    let mut mode = made.mode();
    if let Some(old) = standing {
        mode = old.mode();
        let differs = |old: u32, made: u32| (old != made).then_some(old);
        let (user, group) = (differs(old.uid(), made.uid()), differs(old.gid(), made.gid()));
        if user.or(group).is_some() && fchown(file, user, group).is_err() && !may_change {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "it belongs to user {} and group {}, which cannot be kept; run as that user, or \
                     `--force` makes it yours",
                    old.uid(),
                    old.gid()
                ),
            ));
        }
    }
    // Whoever may read a script may run it.
    let mode = if executable { mode | (mode & 0o444) >> 2 } else { mode } & 0o777;
    if made.mode() & 0o7777 == mode {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn only_ours(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn keep(_: &File, _: Option<&std::fs::Metadata>, _: bool, _: bool) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_temporary;

    #[test]
    fn only_names_of_ours_are_leftovers() {
        assert!(is_temporary(".portcullis-0123456789abcdef.new"));
        for name in [
            ".portcullis-0123456789abcdeF.new",
            ".portcullis-0123.new",
            ".portcullis.lock",
            "portcullis-0123456789abcdef.new",
            ".portcullis-0123456789abcdef.new.txt",
        ] {
            assert!(!is_temporary(name), "{name}");
        }
    }
}
