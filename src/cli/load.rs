//! Reading a policy and its inputs from the file system.

use super::InputArgs;
use super::report::{Failed, Session};
use crate::compile;
use crate::feed::{Feeds, aws};
use crate::policy::{self, Loader, ast::Policy};
use crate::target::render::Templates;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The file system, and standard input as `-`.
struct Disk;

impl Loader for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path != "-" {
            return fs::read(path).map_err(|error| error.to_string());
        }
        let mut bytes = Vec::new();
        let read = std::io::stdin().read_to_end(&mut bytes);
        read.map(|_| bytes).map_err(|error| error.to_string())
    }
}

/// Gives the folder that a policy's relative paths start from.
pub(super) fn folder(policy: &str) -> PathBuf {
    match Path::new(policy).parent() {
        Some(parent) if policy != "-" => parent.to_owned(),
        _ => PathBuf::new(),
    }
}

/// Gives the name that artifacts and messages call the policy by.
pub(super) fn source_name(policy: &str) -> String {
    match Path::new(policy).file_name() {
        Some(name) if policy != "-" => name.to_string_lossy().into_owned(),
        _ => "standard input".to_owned(),
    }
}

/// Reads and decodes the policy; `None` when it has faults, which are in the session.
pub(super) fn policy(path: &str, args: &InputArgs, session: &mut Session) -> Option<Policy> {
    let policy = policy::load(path, &Disk, &mut session.sources, &mut session.diags)?;
    if let Some(day) = &args.as_of {
        compile::expired(&policy, day, &mut session.diags);
    }
    Some(policy)
}

/// Reads the vendors' feeds: the snapshot that is built in, unless a file is given.
pub(super) fn feeds(args: &InputArgs) -> Result<Feeds, Failed> {
    let feeds = Feeds::bundled();
    let Some(path) = &args.aws_feed else { return Ok(feeds) };
    let bytes = fs::read(path).map_err(|error| Failed(format!("{path}: {error}")))?;
    let feed = aws::parse(&bytes).map_err(|error| Failed(format!("{path}: {error}")))?;
    Ok(feeds.with(aws::NAME, feed))
}

/// Reads the templates that replace those built in: every file of a folder.
pub(super) fn templates(folder: Option<&Path>) -> Result<Templates, Failed> {
    let mut templates = Templates::default();
    let Some(folder) = folder else { return Ok(templates) };
    let failed =
        |path: &Path, error: &dyn std::fmt::Display| Failed(format!("{}: {error}", path.display()));
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry.map_err(|error| failed(folder, &error))?.path();
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        templates.replace(&name, text).map_err(|known| {
            failed(&path, &format!("no template has this name; there are {}", known.join(", ")))
        })?;
    }
    Ok(templates)
}

/// Checks the form of a day given as an argument.
pub(super) fn day(text: &str) -> Result<String, String> {
    let form =
        |(at, c): (usize, char)| if at == 4 || at == 7 { c == '-' } else { c.is_ascii_digit() };
    if text.len() == 10 && text.chars().enumerate().all(form) {
        Ok(text.to_owned())
    } else {
        Err("a day is written YYYY-MM-DD".to_owned())
    }
}
