//! What the script of an artifact does: it loads the files and hooks chains.

use super::refuse;
use crate::firewall::ReadError;
use crate::firewall::iptables::syntax::Line;
use crate::program::Place;

/// A jump from a built-in chain.
pub(super) struct Hooked<'a> {
    pub(super) table: &'a str,
    pub(super) builtin: &'a str,
    pub(super) chain: &'a str,
    pub(super) place: Place,
}

/// What a script does.
#[derive(Default)]
pub(in crate::firewall::iptables) struct Script<'a> {
    pub(super) hooks: Vec<Hooked<'a>>,
    /// The lines that load something, in order.
    pub(in crate::firewall::iptables) loads: Vec<&'a str>,
    /// Lines that may do anything.
    pub(super) unclear: Vec<ReadError>,
}

/// What loads something. The file comes by standard input: behind `-w` its name would be taken for the
/// seconds to wait, and nothing would be loaded (iptables 1.8.9).
const LOADS: [&str; 5] = [
    "ipset restore < sets.ipset",
    "iptables-restore -w < v4.rules",
    "ip6tables-restore -w < v6.rules",
    "iptables-restore --noflush -w < v4.rules",
    "ip6tables-restore --noflush -w < v6.rules",
];

/// What changes no rules: tests, the shell's own words, how a hook is put in, and old sets that go.
const IDLE: [&str; 18] = [
    "set -eu",
    "cd \"$(dirname \"$0\")\"",
    "iptables-restore --test < v4.rules",
    "ip6tables-restore --test < v6.rules",
    "iptables-restore --noflush --test < v4.rules",
    "ip6tables-restore --noflush --test < v6.rules",
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

/// Reads a script.
pub(in crate::firewall::iptables) fn read<'a>(lines: &[Line<'a>]) -> Script<'a> {
    let mut script = Script::default();
    for (place, line) in lines.iter().copied() {
        if LOADS.contains(&line) {
            script.loads.push(line);
        } else if let Some(hooked) = hook(line, place) {
            script.hooks.push(hooked);
        } else if !(line.is_empty() || line.starts_with('#') || IDLE.contains(&line) || own(line)) {
            script.unclear.push(refuse(place, format!("`{line}` is not understood")));
        }
    }
    script
}

fn hook(line: &str, place: Place) -> Option<Hooked<'_>> {
    let words: Vec<_> = line.split(' ').collect();
    let ["hook", table, builtin, chain] = words.as_slice() else { return None };
    plain(chain).then_some(Hooked { table, builtin, chain, place })
}

/// Tells whether a shell takes a name as it stands.
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
