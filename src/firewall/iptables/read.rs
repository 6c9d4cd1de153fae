//! Reads the files back: what `iptables-restore`, `ipset restore` and the script would do.
//!
//! Written apart from the plan. What is not understood is refused, with its place.

pub(super) mod condition;
mod line;
mod script;
mod sets;
pub(super) mod table;
pub(super) mod words;

use super::options::{Options, Scope};
use crate::firewall::{File, ReadError, at_hook};
use crate::ir::{Hook, Placement, Verdict};
use crate::net::Family;
use crate::program::Program;
use crate::program::{Base, Match, Place};
use table::Tables;

/// Makes the error for a place.
pub(super) fn refuse(place: Place, reason: impl Into<String>) -> ReadError {
    ReadError { place, reason: reason.into() }
}

/// Finds a file of the artifact by its name.
fn find<'a>(files: &'a [File], name: &str) -> Result<(usize, &'a File), ReadError> {
    let named = |file: &&File| file.path.rsplit('/').next() == Some(name);
    let at = files.iter().position(|file| named(&file));
    let found = at.and_then(|at| Some((at, files.get(at)?)));
    found.ok_or_else(|| refuse(Place::default(), format!("`{name}` is missing")))
}

/// Refuses a file that is not the artifact's, or is there twice: it would be taken for read.
fn nothing_else(files: &[File], options: &Options) -> Result<(), ReadError> {
    const NAMES: [&str; 4] = ["apply.sh", "v4.rules", "v6.rules", "sets.ipset"];
    let names = &NAMES[..if options.ipset { 4 } else { 3 }];
    let mut seen = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        if !names.contains(&name) || seen.contains(&name) {
            let place = Place { file: at, line: 1 };
            return Err(refuse(place, format!("`{}` is no file of the artifact", file.path)));
        }
        seen.push(name);
    }
    Ok(())
}

/// Reads the whole artifact.
pub(super) fn read(
    placement: &Placement,
    options: &Options,
    files: &[File],
) -> Result<Program, ReadError> {
    let sets = match options.ipset {
        true => sets::read(find(files, "sets.ipset")?)?,
        false => sets::Sets::default(),
    };
    let hooks = script::read(find(files, "apply.sh")?, options)?;
    nothing_else(files, options)?;
    let mut program = Program::default();
    for (family, name) in [(Family::V4, "v4.rules"), (Family::V6, "v6.rules")] {
        let (file, text) = find(files, name)?;
        let mut reader = line::Reader { family, placement, sets: &sets };
        let lines: Vec<_> = table::lines(file, &text.text).collect();
        let tables = table::read(&lines, &mut reader, program.chains.len())?;
        let bases = match options.scope {
            Scope::Table => built_in(&tables),
            Scope::Chains => hooked(&tables, &hooks)?,
        };
        let base = |(hook, chain, policy, place)| Base {
            when: vec![Match::Family(family), at_hook(hook)],
            chain,
            policy,
            place,
        };
        program.bases.extend(bases.into_iter().map(base));
        program.chains.extend(tables.chains);
    }
    program.check().map_err(|(place, reason)| refuse(place, reason))?;
    Ok(program)
}

/// An entry: hook, chain, policy, place.
type Entry = (Hook, usize, Verdict, Place);

/// The hook of a built-in chain.
fn hook(table: &str, chain: &str) -> Option<Hook> {
    match (table, chain) {
        ("filter", "INPUT") => Some(Hook::Input),
        ("filter", "OUTPUT") => Some(Hook::Output),
        ("filter", "FORWARD") => Some(Hook::Forward),
        ("raw", "PREROUTING") => Some(Hook::RawPrerouting),
        ("raw", "OUTPUT") => Some(Hook::RawOutput),
        _ => None,
    }
}

/// The built-in chains that the file declares with a policy.
fn built_in(tables: &Tables) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (table, chains) in &tables.declared {
        for (chain, (index, policy, place)) in chains {
            let entry = hook(table, chain).zip(*policy);
            entries.extend(entry.map(|(hook, policy)| (hook, *index, policy, *place)));
        }
    }
    entries
}

/// The chains that the script hooks into built-in ones; what they return for is not the policy's.
fn hooked(tables: &Tables, hooks: &[script::Hooked]) -> Result<Vec<Entry>, ReadError> {
    let mut declared = tables.declared.values().flat_map(|chains| chains.values());
    if let Some((_, _, place)) = declared.find(|(_, policy, _)| policy.is_some()) {
        return Err(refuse(*place, "a built-in chain is declared, which would flush it"));
    }
    let mut entries = Vec::new();
    for hooked in hooks {
        let chains = tables.declared.get(&hooked.table);
        let declared = chains.and_then(|chains| chains.get(&hooked.chain));
        let (index, _, _) =
            declared.ok_or_else(|| refuse(hooked.place, "the chain is not there"))?;
        let hook = hook(&hooked.table, &hooked.builtin);
        let hook = hook.ok_or_else(|| refuse(hooked.place, "this is no built-in chain"))?;
        entries.push((hook, *index, Verdict::Accept, hooked.place));
    }
    Ok(entries)
}
