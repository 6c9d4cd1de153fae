//! Reading a policy and its inputs from the file system.

use super::InputArgs;
use super::disk::{self, Disk, Named, STDIN, refused};
use super::report::{Failed, Invocation};
use crate::command::check;
use crate::diag;
use crate::feed::{Feeds, aws};
use crate::files::{self, Unread, most};
use crate::firewall::{File, render::Templates};
use crate::policy::{self, Loader, ast::Policy};
use crate::source::shown;
use crate::timing::phase;
use std::path::Path;

/// Returns the name that artifacts and messages call the policy by.
pub(super) fn source_name(policy: &str) -> String {
    match Path::new(policy).file_name() {
        Some(name) if policy != "-" => name.to_string_lossy().into_owned(),
        _ => STDIN.to_owned(),
    }
}

/// Reads and decodes the policy; `None` when it has faults, which are in the invocation.
///
/// # Errors
/// When its folder cannot be opened.
pub(super) fn policy(
    path: &str,
    args: &InputArgs,
    invocation: &mut Invocation,
) -> Result<Option<Policy>, Failed> {
    let disk = Disk::new(path, args)?;
    let policy = policy_by(path, &disk, args, invocation);
    invocation.seen.append(disk.seen());
    Ok(policy)
}

/// Returns the same, with files from elsewhere.
pub(super) fn policy_by(
    path: &str,
    loader: &dyn Loader,
    args: &InputArgs,
    invocation: &mut Invocation,
) -> Option<Policy> {
    let policy = phase("load", || {
        policy::load(path, loader, &mut invocation.sources, &mut invocation.diags)
    })?;
    if let Some(day) = &args.as_of {
        check::expired(&policy, day, &mut invocation.diags);
    }
    Some(policy)
}

/// Adds tests and invariants from files of their own; `None` when one has faults, which are in the invocation.
///
/// # Errors
/// When the policy's folder cannot be opened.
pub(super) fn with_tests(
    mut policy: Policy,
    path: &str,
    files: &[String],
    args: &InputArgs,
    invocation: &mut Invocation,
) -> Result<Option<Policy>, Failed> {
    let disk = Disk::new(path, args)?;
    let Invocation { sources, diags, seen } = invocation;
    let mut fine = true;
    for file in files {
        fine &= policy::load_tests(file, &mut policy, &Named(&disk, file), sources, diags);
    }
    seen.append(disk.seen());
    Ok(fine.then_some(policy))
}

/// Reads the vendors' feeds: the snapshot that is built in, unless a file is given.
pub(super) fn feeds(args: &InputArgs, invocation: &mut Invocation) -> Result<Feeds, Failed> {
    let Some(path) = &args.aws_feed else { return Ok(Feeds::bundled()) };
    let content = disk::given(path, most::FEED).map_err(|error| refused(path, &error))?;
    invocation.seen.add(path, &content);
    feeds_of(path, &content.bytes)
}

/// Returns the same, with an AWS feed that was read already.
pub(super) fn feeds_of(path: &str, bytes: &[u8]) -> Result<Feeds, Failed> {
    let feed = aws::parse(bytes).map_err(|error| Failed(format!("{path}: {error}")))?;
    Ok(Feeds::bundled().with(aws::NAME, feed))
}

/// Reads the templates that replace those built in: every file of a folder.
pub(super) fn templates(
    folder: Option<&Path>,
    invocation: &mut Invocation,
) -> Result<Templates, Failed> {
    let mut templates = Templates::default();
    let Some(folder) = folder else { return Ok(templates) };
    for (path, name, content) in folder_of(folder, most::TEMPLATE)? {
        invocation.seen.add(&path, &content);
        templates.replace(&name, text(&path, content.bytes)?.text).map_err(|known| {
            let known = known.join(", ");
            Failed(format!("{path}: there is no template of this name; the templates are {known}"))
        })?;
    }
    Ok(templates)
}

/// A file's path and name, and what is in it.
type Entry = (String, String, files::Content);

/// Reads the files of a folder that the caller names, in the order of their names.
fn folder_of(folder: &Path, most: u64) -> Result<Vec<Entry>, Failed> {
    let (root, names) =
        files::listed(folder).map_err(|error| refused(&folder.to_string_lossy(), &error))?;
    let read = |name: String| {
        let path = folder.join(&name).to_string_lossy().into_owned();
        match root.read(name.as_ref(), most) {
            Ok(content) => Ok((path, name, content)),
            Err(Unread::Outside) => Err(Failed(format!("{path}: it leads outside its folder"))),
            Err(error) => Err(Failed(format!("{path}: {error}"))),
        }
    };
    names.into_iter().map(read).collect()
}

/// Tells whether a target is asked for; all are where none is named.
pub(super) fn wants(targets: &[String], name: &str) -> bool {
    targets.is_empty() || targets.iter().any(|target| target == name)
}

/// Refuses names of targets that the policy does not have.
pub(super) fn known_targets(targets: &[String], policy: &Policy) -> Result<(), Failed> {
    let known: Vec<_> = policy.targets.iter().map(|target| target.spec.name.as_str()).collect();
    match targets.iter().find(|wanted| !known.contains(&wanted.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let known = diag::listed(known.into_iter().map(str::to_owned), ", ");
            Err(Failed(format!("unknown target `{unknown}`; the policy's targets are {known}")))
        }
    }
}

/// Reads files, and those of folders in the order of their names; `-` is standard input.
pub(super) fn files(paths: &[String]) -> Result<Vec<File>, Failed> {
    let mut files = Vec::new();
    for path in paths {
        if path != "-" && files::is_folder(path.as_ref()) {
            for (path, _, content) in folder_of(path.as_ref(), most::ARTIFACT)? {
                files.push(text(&path, content.bytes)?);
            }
            continue;
        }
        let name = if path == "-" { STDIN } else { path };
        let content = disk::given(path, most::ARTIFACT).map_err(|error| refused(name, &error))?;
        files.push(text(name, content.bytes)?);
    }
    Ok(files)
}

/// Returns a file's bytes as text.
pub(super) fn text(path: &str, bytes: Vec<u8>) -> Result<File, Failed> {
    let text = String::from_utf8(bytes).map_err(|_| Failed(format!("{path}: not UTF-8 text")))?;
    Ok(File { path: shown(path).into_owned(), text, executable: false })
}

/// Checks the form of a day given as an argument.
pub(super) fn day(text: &str) -> Result<String, String> {
    let form =
        |(at, c): (usize, char)| if at == 4 || at == 7 { c == '-' } else { c.is_ascii_digit() };
    if text.len() != 10 || !text.chars().enumerate().all(form) {
        return Err("write a date as YYYY-MM-DD".to_owned());
    }
    let month = text.get(5..7).filter(|month| ("01"..="12").contains(month));
    match month.and_then(|_| text.get(..8)).map(|month| format!("{month}01")) {
        Some(first) if (0..31).any(|days| after(&first, days) == text) => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is not a real date")),
    }
}

/// Returns the day so many days after another (proleptic Gregorian calendar, as ISO 8601 has it).
pub(super) fn after(day: &str, days: u16) -> String {
    let number = |range| day.get(range).and_then(|text: &str| text.parse().ok()).unwrap_or(1);
    let (mut year, mut month, mut of_month): (u32, u32, u32) =
        (number(0..4), number(5..7), number(8..10));
    for _ in 0..days {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        (of_month, month, year) = match (of_month < last, month < 12) {
            (true, _) => (of_month + 1, month, year),
            (false, true) => (1, month + 1, year),
            (false, false) => (1, 1, year + 1),
        };
    }
    format!("{year:04}-{month:02}-{of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn days_are_counted_over_months_and_years() {
        assert_eq!(after("2027-12-15", 30), "2028-01-14");
        assert_eq!(after("2028-02-27", 2), "2028-02-29");
        assert_eq!(after("2100-02-28", 1), "2100-03-01");
        assert_eq!(after("2026-04-30", 0), "2026-04-30");
        for (text, real) in [
            ("2028-02-29", true),
            ("2026-02-29", false),
            ("2026-13-01", false),
            ("2026-00-10", false),
            ("2026-04-31", false),
            ("2026-4-3", false),
            ("2026-12-31", true),
        ] {
            assert_eq!(super::day(text).is_ok(), real, "{text}");
        }
    }
}
