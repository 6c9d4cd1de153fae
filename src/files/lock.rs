//! One lock a folder, so that runs that write into it come one after the other.

use super::read::Unread;
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions};
use std::fs::{File, TryLockError};
use std::io;
use std::time::Duration;

/// The file that is locked where a folder itself cannot be: on Windows, and on some network file systems.
/// It stays, since removing it would separate those who wait for it from those who come later.
const INSTEAD: &str = ".portcullis.lock";

/// A lock that is held until this is dropped, or the process is gone.
#[derive(Debug)]
pub(super) struct Lock(#[allow(dead_code, reason = "what it holds is the lock")] File);

/// Whether a run writes, or only must not see half of what another one writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Write,
    Read,
}

/// Locks a folder; says so by `waiting` when that takes long.
pub(super) fn lock(dir: &Dir, how: Use, waiting: &dyn Fn()) -> Result<Option<Lock>, Unread> {
    // The folder itself is locked, so that it contains nothing but artifacts.
    if cfg!(unix) {
        // A handle of its own: the one that paths are looked up by may be good for nothing else.
        let folder = dir.open_with(".", OpenOptions::new().read(true))?.into_std();
        if let Some(lock) = hold(folder, how, waiting) {
            return Ok(Some(lock));
        }
    }
    let mut options = OpenOptions::new();
    let options = options.read(true).follow(FollowSymlinks::No);
    let options = options.write(how == Use::Write).create(how == Use::Write);
    match dir.open_with(INSTEAD, options) {
        Err(error) if how == Use::Write => Err(error.into()),
        Err(_) => Ok(None),
        Ok(file) => match hold(file.into_std(), how, waiting) {
            None if how == Use::Write => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
            lock => Ok(lock),
        },
    }
}

/// Takes the lock; `None` when the system has no locks for this.
fn hold(file: File, how: Use, waiting: &dyn Fn()) -> Option<Lock> {
    const PATIENCE: u32 = 30;
    for _ in 0..PATIENCE {
        let tried = if how == Use::Write { file.try_lock() } else { file.try_lock_shared() };
        match tried {
            Ok(()) => return Some(Lock(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    waiting();
    let locked = if how == Use::Write { file.lock() } else { file.lock_shared() };
    locked.ok().map(|()| Lock(file))
}
