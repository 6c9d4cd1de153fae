//! What the script does: it may do nothing but load the files and hook chains.

use super::refuse;
use crate::firewall::iptables::options::{Options, Scope};
use crate::firewall::{File, ReadError};
use crate::program::Place;

/// A jump from a built-in chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hooked {
    pub(super) table: String,
    pub(super) builtin: String,
    pub(super) chain: String,
    pub(super) place: Place,
}

/// What the script must do, in this order, whatever else it may. The file comes by standard input: behind
/// `-w` its name would be taken for the seconds to wait, and nothing would be loaded (iptables 1.8.9).
const MUST: [&str; 2] = ["iptables-restore {}-w < v4.rules", "ip6tables-restore {}-w < v6.rules"];

/// What it may do besides.
const MAY: &[&str] = &[
    "set -eu",
    "cd \"$(dirname \"$0\")\"",
    "ipset restore < sets.ipset",
    "iptables-restore {}--test < v4.rules",
    "ip6tables-restore {}--test < v6.rules",
    "hook() {",
    "for tool in iptables ip6tables; do",
    "\"$tool\" -w -t \"$1\" -C \"$2\" -j \"$3\" 2>/dev/null || \"$tool\" -w -t \"$1\" -I \"$2\" 1 -j \"$3\"",
    "done",
    "}",
    "ipset list -name | while read -r name; do",
    "case \"$name\" in",
    "case \"$keep\" in",
    "*\" $name \"*) ;;",
    "*) ipset destroy \"$name\" ;;",
    "esac",
    ";;",
];

/// Reads the script.
pub(super) fn read(
    (file, text): (usize, &File),
    options: &Options,
) -> Result<Vec<Hooked>, ReadError> {
    let flag = if options.scope == Scope::Chains { "--noflush " } else { "" };
    let filled = |line: &&str| line.replace("{}", flag);
    let must: Vec<_> = MUST.iter().map(filled).collect();
    let may: Vec<_> = MAY.iter().map(filled).collect();
    let (mut hooks, mut done) = (Vec::new(), 0);
    let mut sets_loaded = !options.ipset;
    for (number, line) in text.text.lines().enumerate() {
        let place = Place { file, line: number + 1 };
        let line = line.trim();
        sets_loaded |= line == "ipset restore < sets.ipset";
        if must.get(done).is_some_and(|must| must == line) {
            if !sets_loaded {
                return Err(refuse(place, "the sets are not loaded yet"));
            }
            done += 1;
        } else if let Some(hooked) = hook(line, place) {
            hooks.push(hooked);
        } else if !(line.is_empty()
            || line.starts_with('#')
            || may.iter().any(|m| m == line)
            || own(line))
        {
            return Err(refuse(place, format!("`{line}` is not understood")));
        }
    }
    if done < must.len() {
        return Err(refuse(Place { file, line: 1 }, format!("`{}` is missing", must[done])));
    }
    Ok(hooks)
}

fn hook(line: &str, place: Place) -> Option<Hooked> {
    let words: Vec<_> = line.split(' ').collect();
    let ["hook", table, builtin, chain] = words.as_slice() else { return None };
    plain(chain).then(|| Hooked {
        table: (*table).to_owned(),
        builtin: (*builtin).to_owned(),
        chain: (*chain).to_owned(),
        place,
    })
}

/// A name that a shell takes as it stands.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

/// The two lines with names of the policy's own sets.
fn own(line: &str) -> bool {
    if let Some(names) = line.strip_prefix("keep=\" ").and_then(|rest| rest.strip_suffix(" \"")) {
        return names.split(' ').all(|name| name.is_empty() || plain(name));
    }
    line.strip_suffix("[46].????????)").is_some_and(plain)
}
