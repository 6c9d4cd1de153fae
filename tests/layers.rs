//! Rooms name only the rooms below them.

use std::fs;
use std::path::{Path, PathBuf};

/// Room, and the rooms that it may name. `lib`, `command` and `cli` may name all.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("net", &[]),
    ("source", &[]),
    ("files", &[]),
    ("diag", &["source"]),
    ("ir", &["net"]),
    ("program", &["ir", "net"]),
    ("proof", &["program", "ir", "net"]),
    ("analysis", &["ir", "net", "program", "proof"]),
    ("feed", &["net"]),
    ("firewall", &["net", "ir", "diag", "program"]),
    ("policy", &["net", "ir", "source", "diag", "feed", "firewall"]),
    ("pass", &["net", "ir", "source", "diag", "feed", "policy"]),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a line of code names after `crate::`, `use crate::{a::…, b::…}` included.
fn named(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => rooms.extend(list.split(',').map(|item| word(item.trim()))),
            None => rooms.push(word(rest)),
        }
    }
    rooms
}

fn violations(room: &str, allowed: &[&str], name: &str, text: &str) -> Vec<String> {
    let known = |named: &str| MAY_NAME.iter().any(|(room, _)| *room == named);
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for named in named(line) {
            let upper = matches!(named.as_str(), "cli" | "command") || known(&named);
            if upper && named != room && !allowed.contains(&named.as_str()) {
                found.push(format!("{name}:{}: `{room}` may not name `{named}`", number + 1));
            }
        }
    }
    found
}

#[test]
fn rooms_name_only_the_rooms_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for (room, allowed) in MAY_NAME {
        let mut paths = Vec::new();
        files(&src.join(room), &mut paths);
        assert!(!paths.is_empty(), "room `{room}` has no file");
        for path in paths {
            let text = fs::read_to_string(&path).expect("a source file");
            found.extend(violations(room, allowed, &path.display().to_string(), &text));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn only_cli_prints_or_exits() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    // Test modules in files of their own may say that they were skipped.
    let prints = |path: &&PathBuf| path.starts_with(src.join("cli")) || path.ends_with("tests.rs");
    for path in paths.iter().filter(|path| !prints(path)) {
        let text = fs::read_to_string(path).expect("a source file");
        for word in ["println!", "eprintln!", "process::exit", "stdout()", "stderr()", "env::var"] {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
}

#[test]
fn one_file_alone_prints_and_one_room_opens_files() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    let is_test =
        |path: &Path| path.ends_with("tests.rs") || path.to_string_lossy().contains("testing");
    for path in paths.iter().filter(|path| !is_test(path)) {
        let text = fs::read_to_string(path).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let prints =
            ["stdout()", "stderr()", "println!", "print!("].iter().any(|word| code.contains(word));
        assert!(!prints || path.ends_with("cli/report.rs"), "{} prints", path.display());
        // A report that the caller sends to a device is written by cli/output.rs.
        let opens = [
            "fs::read",
            "fs::write",
            "File::open",
            "fs::rename",
            "fs::remove",
            "read_dir",
            "OpenOptions",
        ];
        for word in opens.iter().filter(|word| code.contains(**word)) {
            let may = path.starts_with(src.join("files"))
                || (path.ends_with("cli/output.rs") && *word == "fs::write");
            assert!(may, "{} has {word}", path.display());
        }
    }
}

#[test]
fn a_planted_violation_is_found() {
    let planted =
        "use crate::pass::resolve;\nuse crate::{net, cli::main};\n// crate::policy is fine here\n";
    let found = violations("net", &[], "planted.rs", planted);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("planted.rs:1") && found[1].starts_with("planted.rs:2"));
}

#[test]
fn the_proof_uses_nothing_of_the_compilers_set_engine() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proof");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in [".union(", ".intersection(", ".difference(", ".complement(", "RangeSet::from"]
        {
            assert!(!code.contains(word), "{} uses {word}", path.display());
        }
    }
}

/// Says where a text names a kind of firewall, as a word of its own.
fn kinds_named(text: &str, kinds: &[&str]) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in line.split(|c| !is_word(c)) {
            if kinds.contains(&word.replace('_', "-").as_str()) {
                found.push(format!("{}: {word}", number + 1));
            }
        }
    }
    found
}

#[test]
fn a_kind_of_firewall_is_named_in_its_folder_and_on_its_lines_of_the_registry() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let kinds: Vec<_> = portcullis::firewall::Kind::words().collect();
    let folder = |word: &str| src.join("firewall").join(word.replace('-', "_"));
    let mut paths = Vec::new();
    files(&src, &mut paths);
    let mut found = Vec::new();
    for kind in &kinds {
        assert!(folder(kind).is_dir(), "`{kind}` has no folder");
        // What one firewall's tools list of another's rules is read in its own folder.
        let elsewhere = |path: &&PathBuf| !kinds.iter().any(|kind| path.starts_with(folder(kind)));
        for path in paths.iter().filter(elsewhere) {
            let text = fs::read_to_string(path).expect("a source file");
            let named = kinds_named(&text, &[kind]);
            let registry = path.ends_with("firewall/mod.rs");
            let most = if registry { 2 } else { 0 };
            if named.len() > most {
                found.extend(named.iter().map(|one| format!("{}:{one}", path.display())));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    assert_eq!(
        kinds_named("a pf_table\n\"aws_network_acl\" pf.\n", &["pf", "aws-network-acl"]).len(),
        2
    );
}

/// The module of a file within its room: `a` for `a.rs`, `a/mod.rs` and everything in the folder `a`.
fn part(room: &Path, path: &Path) -> Option<String> {
    let inside = path.strip_prefix(room).ok()?;
    let first = inside.components().next()?.as_os_str().to_string_lossy().into_owned();
    (first != "mod.rs").then(|| first.trim_end_matches(".rs").to_owned())
}

/// The parts of its own room that a text names: after `super::` at the room's top, and after the room's path.
fn parts_named(text: &str, room: &str, parts: &[String], top: bool) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String =
        code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let mut starts = vec![format!("crate::{room}::")];
    if top {
        starts.push("super::".to_owned());
    }
    let mut found = Vec::new();
    for start in starts {
        for (at, _) in code.match_indices(&start) {
            let rest = &code[at + start.len()..];
            let list = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or_default(),
                None => rest.split([';', ',', ')', ' ', '(', '<']).next().unwrap_or_default(),
            };
            for item in list.split(',') {
                let word = item.trim().split("::").next().unwrap_or_default().trim();
                if parts.iter().any(|part| part == word) {
                    found.push(word.to_owned());
                }
            }
        }
    }
    found
}

#[test]
fn no_two_parts_of_a_room_import_each_other() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let rooms = MAY_NAME.iter().map(|(room, _)| *room).chain(["command", "cli"]);
    for room in rooms {
        let folder = src.join(room);
        let mut paths = Vec::new();
        files(&folder, &mut paths);
        let mut parts: Vec<_> = paths.iter().filter_map(|path| part(&folder, path)).collect();
        parts.sort();
        parts.dedup();
        let mut edges = std::collections::BTreeSet::new();
        for path in paths.iter().filter(|path| !path.ends_with("tests.rs")) {
            let Some(own) = part(&folder, path) else { continue };
            let text = fs::read_to_string(path).expect("a source file");
            let top = path.parent() == Some(&folder)
                || path.parent() == Some(&folder.join(&own)) && path.ends_with("mod.rs");
            for named in parts_named(&text, room, &parts, top) {
                if named != own {
                    edges.insert((own.clone(), named));
                }
            }
        }
        for (one, other) in &edges {
            if one < other && edges.contains(&(other.clone(), one.clone())) {
                found.push(format!("{room}: `{one}` and `{other}`"));
            }
        }
    }
    assert!(found.is_empty(), "they import each other:\n{}", found.join("\n"));
}
