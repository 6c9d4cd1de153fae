//! What an artifact has to be, whatever it says: the files that this program writes, loaded in order, and
//! with `scope: chains` no chain of other people's.

use super::options::{Options, Scope};
use super::read::{refuse, script};
use super::syntax::{Item, is_script, lines, sections};
use crate::firewall::{File, ReadError};
use crate::program::Place;

/// Checks the files of an artifact.
///
/// # Errors
/// The first place that is not as this program writes it.
pub(super) fn check(options: &Options, files: &[File]) -> Result<(), ReadError> {
    names(options, files)?;
    for (at, file) in files.iter().enumerate() {
        match is_script(file) {
            true => loads(options, at, file)?,
            false if options.scope == Scope::Chains => own_chains(at, file)?,
            false => {}
        }
    }
    Ok(())
}

/// Refuses a file that is not the artifact's, is there twice, or is missing.
fn names(options: &Options, files: &[File]) -> Result<(), ReadError> {
    const NAMES: [&str; 4] = ["apply.sh", "v4.rules", "v6.rules", "sets.ipset"];
    let names = &NAMES[..if options.ipset { 4 } else { 3 }];
    let name = |file: &File| file.path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut missing = names.to_vec();
    for (at, file) in files.iter().enumerate() {
        let found = missing.iter().position(|known| *known == name(file));
        let place = Place { file: at, line: 1 };
        let reason = || refuse(place, format!("`{}` is no file of the artifact", file.path));
        missing.remove(found.ok_or_else(reason)?);
    }
    match missing.first() {
        None => Ok(()),
        Some(name) => Err(refuse(Place::default(), format!("`{name}` is missing"))),
    }
}

/// Refuses a script that does not load everything, the sets first.
fn loads(options: &Options, at: usize, file: &File) -> Result<(), ReadError> {
    let flag = if options.scope == Scope::Chains { "--noflush " } else { "" };
    let mut wanted = vec![
        format!("iptables-restore {flag}-w < v4.rules"),
        format!("ip6tables-restore {flag}-w < v6.rules"),
    ];
    if options.ipset {
        wanted.insert(0, "ipset restore < sets.ipset".to_owned());
    }
    let lines: Vec<_> = lines(at, &file.text).collect();
    let loads = script::read(&lines).loads;
    for (at_load, wanted) in wanted.iter().enumerate() {
        if loads.get(at_load) != Some(&wanted.as_str()) {
            let place = Place { file: at, line: 1 };
            return Err(refuse(place, format!("`{wanted}` is missing, or not in its place")));
        }
    }
    Ok(())
}

/// Refuses chains that are not the artifact's own: a built-in one that is declared would be flushed.
fn own_chains(at: usize, file: &File) -> Result<(), ReadError> {
    for (place, item) in sections(at, file).into_iter().flat_map(|section| section.items) {
        let of_others = match item {
            Item::Chain(_, policy) | Item::Policy(_, policy) => policy != "-",
            Item::Rule(line) => {
                let mut words = line.split_whitespace().skip_while(|word| word.starts_with('['));
                let chain = words.nth(1).unwrap_or_default();
                chain.contains('"') || chain.bytes().all(|b| b.is_ascii_uppercase())
            }
            _ => false,
        };
        if of_others {
            return Err(refuse(place, "a built-in chain is none of the artifact's own"));
        }
    }
    Ok(())
}
