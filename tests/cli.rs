//! The command as a user runs it: exit codes, what is written, what is left alone.

use assert_cmd::Command;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const POLICY: &str = "policy: small
networks: { lan: [10.0.0.0/8] }
rules:
  - { id: web, action: allow, direction: inbound, from: any, to: lan, service: tcp/443 }
tests:
  - { expect: allow, packet: \"inbound tcp 192.0.2.1 -> 10.0.0.1:443\" }
targets:
  edge: { kind: nftables, output: edge.nft }
  old: { kind: iptables, output: iptables/ }
";

fn portcullis() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.env_clear().env("PATH", "/nonexistent");
    command
}

fn folder(policy: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("policy.yaml"), policy).expect("a policy");
    folder
}

fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = portcullis().current_dir(folder).args(args).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => found.push((path.display().to_string(), fs::read(&path).expect("a file"))),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn compile_writes_once_and_then_finds_nothing_to_do() {
    let folder = folder(POLICY);
    let (code, stdout, stderr) = run(folder.path(), &["compile"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("edge: nftables") && stdout.contains("proven"), "{stdout}");
    let first = tree(folder.path());
    assert!(first.iter().any(|(path, _)| path.ends_with("edge.nft")));
    assert!(
        first.iter().all(|(path, _)| !path.contains("portcullis-new")),
        "a file was left behind"
    );
    let (code, stdout, _) = run(folder.path(), &["compile"]);
    assert_eq!((code, stdout.contains("written")), (0, false), "{stdout}");
    assert_eq!(tree(folder.path()), first, "a second run changed a byte");
    assert_eq!(run(folder.path(), &["compile", "--check"]).0, 0);
}

#[test]
fn check_finds_what_is_missing_changed_and_stale_and_says_how_to_repair() {
    let folder = folder(POLICY);
    let (code, stdout, stderr) = run(folder.path(), &["compile", "--check"]);
    assert_eq!(code, 1);
    assert!(stdout.contains("missing"), "{stdout}");
    assert!(stderr.contains("portcullis compile policy.yaml"), "{stderr}");
    assert_eq!(tree(folder.path()).len(), 1, "--check wrote something");
    run(folder.path(), &["compile"]);
    fs::write(folder.path().join("edge.nft"), "# edited\n").expect("an edit");
    let (code, stdout, _) = run(folder.path(), &["compile", "--check"]);
    assert!(code == 1 && stdout.contains("out of date"), "{stdout}");
    let (code, stdout, _) = run(folder.path(), &["compile", "--diff"]);
    assert!(code == 0 && stdout.contains("-# edited"), "{stdout}");
    run(folder.path(), &["compile"]);
    let without = POLICY.replace("  old: { kind: iptables, output: iptables/ }\n", "");
    fs::write(folder.path().join("policy.yaml"), without).expect("a policy");
    let (code, stdout, _) = run(folder.path(), &["compile", "--check"]);
    assert!(code == 1 && stdout.contains("stale"), "{stdout}");
    run(folder.path(), &["compile"]);
    assert!(!folder.path().join("iptables/v4.rules").exists());
    assert_eq!(run(folder.path(), &["compile", "--check"]).0, 0);
}

#[test]
fn a_stale_file_that_was_edited_is_left_alone() {
    let folder = folder(POLICY);
    run(folder.path(), &["compile"]);
    fs::write(folder.path().join("iptables/v4.rules"), "# mine\n").expect("an edit");
    let without = POLICY.replace("  old: { kind: iptables, output: iptables/ }\n", "");
    fs::write(folder.path().join("policy.yaml"), without).expect("a policy");
    let (code, stdout, _) = run(folder.path(), &["compile"]);
    assert!(code == 0 && stdout.contains("remove it by hand"), "{stdout}");
    assert!(folder.path().join("iptables/v4.rules").exists());
}

#[test]
fn a_manifest_cannot_make_it_remove_a_file_elsewhere() {
    let folder = folder(POLICY);
    let victim = folder.path().join("victim");
    fs::write(&victim, "").expect("a file");
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).expect("a folder");
    fs::write(inner.join("policy.yaml"), POLICY).expect("a policy");
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let manifest = format!(
        r#"{{"manifest":1,"portcullis":"0","policy":"small","feeds":{{}},"files":{{"gone":{{"../victim":"{empty}"}}}}}}"#
    );
    fs::write(inner.join("small.portcullis.json"), manifest).expect("a manifest");
    assert_eq!(run(&inner, &["compile"]).0, 0);
    assert!(victim.exists());
}

#[test]
fn when_anything_fails_nothing_is_written_and_what_was_there_stays() {
    let folder = folder(POLICY);
    run(folder.path(), &["compile"]);
    let wrong = [
        POLICY.replace("tcp/443", "tcp/70000"),
        POLICY.replace("to: lan", "to: lna"),
        POLICY.replace("expect: allow", "expect: drop"),
        POLICY.replace("from: any", "from: \"2001:db8::/32\""),
    ];
    for policy in wrong {
        fs::write(folder.path().join("policy.yaml"), &policy).expect("a policy");
        let before = tree(folder.path());
        let (code, _, stderr) = run(folder.path(), &["compile"]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.starts_with("error["), "{stderr}");
        assert_eq!(tree(folder.path()), before, "something was written");
    }
}

#[test]
fn ten_megabytes_of_nesting_are_refused_where_they_become_too_deep() {
    const SIZE: usize = 10_000_000;
    let deep: String = (0..2_000).map(|depth| format!("{:depth$}a:\n", "")).collect();
    for text in ["[".repeat(SIZE), "{a: ".repeat(SIZE / 4), format!("\n{}", deep.repeat(5))] {
        let folder = folder(&format!("policy: x\nrules: {text}\n"));
        let (code, _, stderr) = run(folder.path(), &["compile"]);
        assert!(code == 2 && stderr.contains("error[yaml-not-accepted]"), "{stderr}");
        assert!(stderr.len() < 10_000, "{} bytes of explanation", stderr.len());
    }
}

#[test]
fn a_target_that_cannot_be_written_leaves_the_others_unwritten() {
    let folder = folder(POLICY);
    fs::create_dir_all(folder.path().join("iptables/v6.rules/in-the-way")).expect("a folder");
    let before = tree(folder.path());
    let (code, _, stderr) = run(folder.path(), &["compile"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("v6.rules"), "{stderr}");
    assert_eq!(tree(folder.path()), before);
}

#[test]
fn formats_say_the_same_and_do_not_change_the_exit_code() {
    let folder = folder(&POLICY.replace("tcp/443 }\n", "tcp/70000 }\n"));
    for format in ["human", "json", "sarif", "github"] {
        let (code, stdout, stderr) = run(folder.path(), &["compile", "--format", format]);
        assert_eq!(code, 2, "{format}");
        let said = if format == "human" { stderr } else { stdout };
        assert!(said.contains("70000"), "{format}: {said}");
        if matches!(format, "json" | "sarif") {
            serde_json::from_str::<serde_json::Value>(&said).expect(format);
        }
    }
}

#[test]
fn one_file_goes_to_standard_output_and_a_policy_comes_from_standard_input() {
    let folder = folder(POLICY);
    let (code, stdout, _) = run(folder.path(), &["compile", "-t", "edge", "-o", "-"]);
    assert!(code == 0 && stdout.contains("table inet"), "{stdout}");
    assert_eq!(run(folder.path(), &["compile", "-o", "-"]).0, 2);
    let output = portcullis()
        .current_dir(folder.path())
        .args(["compile", "-", "-t", "edge", "-o", "-"])
        .write_stdin(POLICY)
        .output()
        .expect("it runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).replace("standard input", "policy.yaml"),
        stdout
    );
    assert_eq!(run(folder.path(), &["compile", "-t", "nope"]).0, 2);
}

#[test]
fn check_reports_findings_and_takes_them_as_it_is_told() {
    let folder = folder(POLICY);
    let (code, stdout, stderr) = run(folder.path(), &["check"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(stdout, "no errors or warnings: 1 rule, 2 targets, proven\n");
    let twice = POLICY.replace("tests:", "  - { id: again, action: allow, direction: inbound, from: any, to: 10.1.0.0/16, service: tcp/443 }\ntests:");
    fs::write(folder.path().join("policy.yaml"), twice).expect("a policy");
    let (code, _, stderr) = run(folder.path(), &["check"]);
    assert!(code == 1 && stderr.starts_with("warning[shadowed-rule]"), "{stderr}");
    let (code, _, stderr) = run(folder.path(), &["check", "-D", "shadowed-rule"]);
    assert!(code == 1 && stderr.starts_with("error[shadowed-rule]"), "{stderr}");
    assert_eq!(run(folder.path(), &["check", "-A", "shadowed-rule"]).0, 0);
    let (code, _, stderr) = run(folder.path(), &["check", "-A", "shadowed-rul"]);
    assert!(code == 2 && stderr.contains("did you mean `shadowed-rule`"), "{stderr}");
    assert_eq!(run(folder.path(), &["check", "-A", "bad-address"]).0, 2);
    fs::write(folder.path().join("policy.yaml"), "policy: 1").expect("a policy");
    assert_eq!(run(folder.path(), &["check"]).0, 2);
    assert_eq!(tree(folder.path()).len(), 1, "check wrote something");
}

#[test]
fn explain_names_the_rule_and_the_line_in_each_target() {
    let folder = folder(POLICY);
    let packet = "inbound tcp 192.0.2.1:40000 -> 10.0.0.1:443";
    let (code, stdout, stderr) = run(folder.path(), &["explain", "policy.yaml", packet]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("policy.yaml:4:"), "{stderr}");
    for part in ["allow", "rule `web`", "edge.nft:", "iptables/v4.rules:"] {
        assert!(stdout.contains(part), "{part} is not in {stdout}");
    }
    let (code, stdout, _) = run(
        folder.path(),
        &["explain", "policy.yaml", "inbound tcp 192.0.2.1:40000 -> 10.0.0.1:22"],
    );
    assert!(code == 0 && stdout.starts_with("drop") && stdout.contains("default"), "{stdout}");
    assert_eq!(run(folder.path(), &["explain", "policy.yaml", "nonsense"]).0, 2);
}

#[test]
fn a_template_of_ones_own_is_held_to_the_same_proof() {
    let folder = folder(POLICY);
    let templates = folder.path().join("own");
    fs::create_dir(&templates).expect("a folder");
    let builtin = include_str!("../templates/nftables.nft.j2");
    let compile = |text: &str, args: &[&str]| {
        fs::write(templates.join("nftables.nft.j2"), text).expect("a template");
        let before = tree(folder.path());
        let all = [&["compile", "-t", "edge", "--template-dir", "own"], args].concat();
        let (code, stdout, stderr) = run(folder.path(), &all);
        assert!(code == 0 || tree(folder.path()) == before, "something was written");
        (code, stdout, stderr)
    };
    let (code, stdout, stderr) = compile(&format!("# Ours\n{builtin}"), &["-o", "-"]);
    assert!(code == 0 && stdout.starts_with("# Ours\n# Generated"), "{stderr}");
    let port = "{{ rule.matches | replace('tcp dport 443', 'meta l4proto tcp') }}";
    let wider = builtin.replace("{{ rule.matches }}", port);
    let (code, _, stderr) = compile(&wider, &[]);
    assert!(code == 2 && stderr.contains("error[not-proven]"), "{stderr}");
    assert!(stderr.contains("a packet that shows it: "), "{stderr}");
    assert!(stderr.contains("the policy: drop, by the inbound default"), "{stderr}");
    let (code, _, stderr) =
        compile(&builtin.replace("delete table", "flush ruleset\ndelete table"), &[]);
    assert!(code == 2 && stderr.contains("was not understood when it was read back"), "{stderr}");
    let (code, _, stderr) = compile("{{ nothing.like.it }}", &[]);
    assert!(code == 2 && stderr.contains("error[template]"), "{stderr}");
    fs::rename(templates.join("nftables.nft.j2"), templates.join("nft.j2")).expect("renamed");
    let (code, _, stderr) = run(folder.path(), &["compile", "--template-dir", "own"]);
    assert!(code == 2 && stderr.contains("nftables.nft.j2"), "{stderr}");
}

#[test]
fn rules_that_check_has_no_steps_left_for_are_said() {
    let mut policy = "policy: small\nrules:\n".to_owned();
    for (id, action) in
        [("a", "allow"), ("b", "drop"), ("c", "allow"), ("d", "drop"), ("e", "allow")]
    {
        let to = if id == "e" { "10.0.0.0/8" } else { "any" };
        policy += &format!(
            "  - {{ id: {id}, action: {action}, direction: inbound, from: 10.0.0.0/8, to: {to}, service: tcp/any }}\n"
        );
    }
    let folder = folder(&(policy + "targets:\n  edge: { kind: nftables, output: edge.nft }\n"));
    let (code, _, stderr) = run(folder.path(), &["check"]);
    assert!(code == 1 && !stderr.contains("undecided-rules"), "{stderr}");
    let (code, _, stderr) = run(folder.path(), &["check", "--steps", "0"]);
    assert_eq!(code, 1, "{stderr}");
    for part in [
        "warning[undecided-rules]: could not determine whether 5 rules change nothing",
        "warning[undecided-rules]: could not determine whether 5 rules lose packets to earlier rules that do the opposite",
        "and 2 more rules",
        "raise `--steps`",
    ] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(!stderr.contains("shadowed-rule"), "{stderr}");
}

/// Rules that allow and refuse in turn, between halves of 400 hosts.
fn dense(rules: usize, state: &str) -> String {
    let mut seed = 1u64;
    let mut half = || {
        let mut hosts = Vec::new();
        for host in 0..400 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if seed >> 63 == 1 {
                hosts.push(format!("\"10.0.{}.{}\"", host >> 7, (host * 2) & 255));
            }
        }
        format!("[{}]", hosts.join(", "))
    };
    let mut text = "policy: dense\nrules:\n".to_owned();
    for rule in 0..rules {
        let (action, from, to) = (["drop", "allow"][rule % 2], half(), half());
        text += &format!(
            "  - {{ id: r{rule}, action: {action}, direction: inbound, from: {from}, to: {to}, service: tcp/{}-{} }}\n",
            rule + 1,
            60_000 - rule
        );
    }
    text + &format!("targets:\n  edge: {{ kind: nftables, state: {state}, output: edge.nft }}\n")
}

#[test]
fn large_groups_that_overlap_are_proven_in_little_memory() {
    let folder = folder(&dense(60, "stateful"));
    let (code, stdout, stderr) = run(folder.path(), &["compile", "--proof-memory", "2"]);
    assert!(code == 0 && stdout.contains("proven"), "{stdout}{stderr}");
    let (code, stdout, stderr) =
        run(folder.path(), &["verify", "policy.yaml", "-t", "edge", "--proof-memory", "2"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
}

#[test]
fn a_proof_that_needs_too_much_memory_says_what_to_do() {
    let folder = folder(&dense(60, "stateless"));
    let (code, _, stderr) = run(folder.path(), &["compile", "--proof-memory", "2"]);
    assert_eq!(code, 2, "{stderr}");
    for part in
        ["error[not-proven]", "the proof did not finish within", " 2 MiB", "`--proof-memory MIB`"]
    {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(!folder.path().join("edge.nft").exists());
}

#[test]
fn files_that_are_too_large_are_not_read() {
    let folder = folder(POLICY);
    let large = |name: &str, mib: u64| {
        let file = fs::File::create(folder.path().join(name)).expect("a file");
        file.set_len((mib << 20) + 1).expect("a hole");
    };
    fs::create_dir(folder.path().join("layouts")).expect("a folder");
    for (name, mib, args) in [
        ("feed.json", 256, &["compile", "--aws-feed", "feed.json"][..]),
        ("listing.nft", 512, &["verify", "policy.yaml", "listing.nft", "-t", "edge"]),
        ("edge.nft", 512, &["verify", "policy.yaml", "-t", "edge"]),
        ("small.portcullis.json", 16, &["compile"]),
        ("layouts/pf.conf.j2", 1, &["compile", "--template-dir", "layouts"]),
    ] {
        large(name, mib);
        let (code, _, stderr) = run(folder.path(), args);
        assert_eq!(code, 2, "{name}: {stderr}");
        assert!(stderr.contains(&format!("larger than {mib} MiB")), "{name}: {stderr}");
        fs::remove_file(folder.path().join(name)).expect("the file");
    }
}

#[test]
fn what_the_program_tells_of_itself() {
    let folder = folder(POLICY);
    for (args, part) in [
        (&["targets"][..], "nftables"),
        (&["schema"], "\"$schema\""),
        (&["codes"], "not-proven"),
        (&["codes", "not-proven"], "read back"),
        (&["completions", "bash"], "portcullis"),
        (&["man"], ".TH"),
        (&["--help"], "Exit codes"),
    ] {
        let (code, stdout, stderr) = run(folder.path(), args);
        assert_eq!(code, 0, "{args:?}: {stderr}");
        assert!(stdout.contains(part), "{args:?}: {stdout}");
    }
    assert_eq!(run(folder.path(), &["codes", "not-provne"]).0, 2);
    assert_eq!(run(folder.path(), &["nonsense"]).0, 2);
}

/// How often each phase of a run was gone through.
fn phases(folder: &Path, arguments: &[&str]) -> BTreeMap<String, u32> {
    let (_, _, said) = run(folder, &[arguments, &["--timings"]].concat());
    let count = |line: &str| {
        let (_, rest) = line.split_once(" ms ")?;
        let (runs, phase) = rest.split_once(" x ")?;
        Some((phase.trim().to_owned(), runs.trim().parse().ok()?))
    };
    said.lines().filter_map(count).collect()
}

#[test]
fn nothing_is_resolved_proven_or_read_twice() {
    let folder = folder(POLICY);
    let packet = "inbound tcp 192.0.2.1 -> 10.0.0.1:443";
    for (arguments, policies) in [
        (&["compile"][..], 1),
        (&["verify", "policy.yaml"], 1),
        (&["check"], 1),
        (&["explain", "policy.yaml", packet], 1),
        (&["diff", "policy.yaml", "policy.yaml"], 2),
    ] {
        let phases = phases(folder.path(), arguments);
        let runs = |phase: &str| phases.get(phase).copied().unwrap_or_default();
        assert_eq!(runs("resolve"), policies, "{arguments:?}: {phases:?}");
        for phase in ["lower, aggregate", "generate", "read back", "prove"] {
            assert_eq!(runs(phase), policies * 2, "{arguments:?}: {phase}: {phases:?}");
        }
        assert_eq!(runs("read"), 0, "{arguments:?}: {phases:?}");
    }
    for arguments in [&["test"][..], &["explain", "policy.yaml", "where can lan go on tcp/80"]] {
        let phases = phases(folder.path(), arguments);
        assert_eq!(phases.get("resolve"), Some(&1), "{arguments:?}: {phases:?}");
        assert_eq!(phases.get("prove"), None, "{arguments:?}: {phases:?}");
    }
    // What was changed by hand is read, once.
    let edge = folder.path().join("edge.nft");
    let text = fs::read_to_string(&edge).expect("an artifact");
    fs::write(&edge, text.replace("policy drop", "policy accept")).expect("a file");
    let phases = phases(folder.path(), &["verify", "policy.yaml"]);
    assert_eq!(phases.get("read"), Some(&1), "{phases:?}");
}
