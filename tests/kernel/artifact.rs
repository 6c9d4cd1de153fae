//! Loads artifacts as their users do: checked first, then for real, then once more.

use crate::bench::{run, try_run};
use portcullis::firewall::options::Setting;
use portcullis::firewall::{self, File, Kind, Spec};
use portcullis::ir::flow::RuleSet;
use portcullis::ir::{Placement, StateMode};
use portcullis::proof::Prover;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The kinds of artifact, with a name for each.
pub fn kinds() -> [(&'static str, Kind); 5] {
    let kind = |word| Kind::of(word).expect("a kind of the registry");
    let flag = |key, kind: Kind| kind.with(key, Setting::Flag(true));
    [
        ("nft", kind("nftables")),
        ("nft-counters", flag("counters", kind("nftables"))),
        ("iptables", kind("iptables")),
        ("iptables-table", kind("iptables").with("scope", Setting::Word("table"))),
        ("ipset", flag("ipset", kind("iptables"))),
    ]
}

/// Somebody else's rules, which an artifact that owns only its own table or chains must leave alone.
const FOREIGN: &str = "table inet foreign { chain forward { type filter hook forward priority 0; \
                       iifname nosuch0 counter drop; }; }\n";

/// Tells whether a Linux kernel runs this kind of artifact.
pub fn runs_here(kind: &Kind) -> bool {
    ["nftables", "iptables"].contains(&kind.word())
}

/// Loads an artifact's files twice.
///
/// # Panics
/// When a check or a load fails, when the second load changes something, or other rules are lost.
pub fn load(kind: &Kind, files: &[File]) {
    run("nft", &["-f", "-"], FOREIGN);
    let folder = tempfile::tempdir().expect("a folder");
    for file in files {
        let path = folder.path().join(&file.path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &file.text).expect("a file");
        let mode = if file.executable { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    }
    let once = || match kind.word() {
        "nftables" => load_nftables(folder.path(), files),
        "iptables" => load_iptables(folder.path(), kind, files),
        _ => panic!("no kernel here runs {}", kind.word()),
    };
    once();
    let first = dump();
    assert!(first.contains("iifname \"nosuch0\""), "another table is lost");
    once();
    assert_eq!(first, dump(), "loading twice is not loading once");
}

/// Proves that what the kernel lists means the policy, where a reader of listings exists.
///
/// # Panics
/// When it is not understood, or means something else.
pub fn prove_listing(policy: &RuleSet, placement: &Placement, state: StateMode, kind: &Kind) {
    if kind.word() == "iptables" {
        return prove_saved(policy, placement, state, kind);
    }
    if kind.word() != "nftables" {
        return;
    }
    let tables = run("nft", &["list", "tables"], "");
    let table =
        tables.lines().find(|line| !line.ends_with(" foreign")).expect("the artifact's table");
    let spec = Spec {
        name: "test".to_owned(),
        kind: kind.clone(),
        placement: placement.clone(),
        state,
        output: "listing".to_owned(),
    };
    for options in [&["--numeric-protocol"][..], &["-a"], &["-j"]] {
        prove_foreign(policy, &spec, options, table);
    }
}

/// Proves the same by the reader of listings that anybody may have made; in the whole rule set only the
/// other table's interface is one that the policy does not name.
fn prove_foreign(policy: &RuleSet, spec: &Spec, options: &[&str], table: &str) {
    let read = |arguments: &str| {
        let words: Vec<_> = options.iter().copied().chain(arguments.split_whitespace()).collect();
        let text = run("nft", &words, "");
        let file = File { path: "listing".to_owned(), text: text.clone(), executable: false };
        match firewall::read(spec, &[file], None) {
            Ok(listing) => listing,
            Err(error) => panic!("the listing is not understood: {error:?}\n{text}"),
        }
    };
    let listing = read(&format!("list {table}"));
    let text = &listing.files[0].text;
    assert!(listing.unclear.is_empty(), "{:?}\n{text}", listing.unclear);
    let mut prover = Prover::new(policy);
    if let Err(failure) = prover.prove(&spec.placement, spec.state, &listing.program) {
        panic!("the listing means something else: {failure:?}\n{text}");
    }
    let all = read("list ruleset");
    let foreign = |reason: &str| reason.contains("nosuch0");
    let unclear = matches!(all.unclear.as_slice(), [one] if foreign(&one.reason));
    assert!(unclear, "{:?}\n{}", all.unclear, all.files[0].text);
}

/// Proves that what `iptables-save`, `ip6tables-save` and `ipset save` print means the policy.
fn prove_saved(policy: &RuleSet, placement: &Placement, state: StateMode, kind: &Kind) {
    let saved = |path: &str, command: &str, arguments: &[&str]| File {
        path: path.to_owned(),
        text: run(command, arguments, ""),
        executable: false,
    };
    let files = [
        saved("running.ipset", "ipset", &["save"]),
        saved("running.v6", "ip6tables-save", &[]),
        saved("running.v4", "iptables-save", &[]),
    ];
    let text: String = files.iter().map(|file| file.text.as_str()).collect();
    assert!(!text.contains("nosuch0"), "another tool's table is listed:\n{text}");
    let spec = Spec {
        name: "running".to_owned(),
        kind: kind.clone(),
        placement: placement.clone(),
        state,
        output: "running/".to_owned(),
    };
    let listing = match firewall::read(&spec, &files, None) {
        Ok(listing) => listing,
        Err(error) => panic!("what is saved is not understood: {error:?}\n{text}"),
    };
    assert!(listing.unclear.is_empty(), "unclear: {:?}\n{text}", listing.unclear);
    if let Err(failure) = Prover::new(policy).prove(placement, state, &listing.program) {
        panic!("what is saved means something else: {failure:?}\n{text}");
    }
}

fn text_of(folder: &Path, file: &File) -> String {
    folder.join(&file.path).to_string_lossy().into_owned()
}

fn load_nftables(folder: &Path, files: &[File]) {
    for file in files {
        let path = text_of(folder, file);
        run("nft", &["-c", "-f", &path], "");
        run("nft", &["-f", &path], "");
    }
}

/// Runs the artifact's own script; what it loads must also pass the check of each tool.
fn load_iptables(folder: &Path, kind: &Kind, files: &[File]) {
    let script =
        files.iter().find(|file| file.executable).expect("a script that applies the files");
    run("sh", &[&text_of(folder, script)], "");
    for file in files {
        let command = match file.path.rsplit('/').next() {
            Some("v4.rules") => "iptables-restore",
            Some("v6.rules") => "ip6tables-restore",
            _ => continue,
        };
        let keep: &[&str] =
            if kind.settings.word("scope") == "chains" { &["--noflush"] } else { &[] };
        run(command, &[&["--test"], keep, &[&text_of(folder, file)]].concat(), "");
    }
}

/// Everything that is loaded, without counters.
fn dump() -> String {
    let mut text = run("nft", &["-s", "list", "ruleset"], "");
    for command in ["iptables-save", "ip6tables-save"] {
        let saved = try_run(command, &[], "").unwrap_or_default();
        for line in saved.lines().filter(|line| !line.starts_with('#')) {
            text += line.split(" [").next().unwrap_or(line);
            text.push('\n');
        }
    }
    // Sets are not listed in the order in which they were made, and each has a random hash seed.
    let saved = run("ipset", &["save"], "");
    let seedless = |line: &str| line.split(" initval").next().unwrap_or_default().to_owned();
    let mut sets: Vec<_> = saved.lines().map(seedless).collect();
    sets.sort_unstable();
    text + &sets.join("\n")
}
