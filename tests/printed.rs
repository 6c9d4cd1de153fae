//! Whatever stands in a file, a name or a listing: printed it acts neither on a terminal nor on a CI server.

#![cfg(unix)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Text that would act: on a terminal, on the reader, on GitHub, on Azure and TeamCity.
const HOSTILE: &[&str] = &[
    "\u{1b}[2Jx\u{1b}[8my\u{1b}[1A\u{1b}]0;z\u{7}\u{8}\u{7f}",
    "x\rerror",
    "\u{9b}2J\u{85}::error::x",
    "\u{202e}x\u{2066}\u{200b}y\u{e0041}\u{2028}z",
    "\n::stop-commands::x\n  ::add-mask::x\n",
    "##[group]x ##vso[task.setvariable variable=x]y\n##teamcity[x]",
];

const POLICY: &str = "policy: p
networks: { lan: [10.0.0.0/8] }
rules:
  - { id: web, action: allow, direction: inbound, from: any, to: lan, service: tcp/443 }
targets:
  e: { kind: nftables, output: e.nft }
";

/// Words of commands that print other things than one document.
const BESIDE: &[&str] = &["--diff", "--junit", "codes", "completions", "targets"];

/// Says what in an output acts. `colors` are those of the program, which may be in it.
fn acts(text: &str, commands: bool, colors: bool) -> Option<String> {
    let mut plain = text.to_owned();
    if colors {
        // The program's colors are bold and from the table of sixteen: nothing that hides text.
        for color in [
            "", "0", "1", "91", "92", "93", "94", "95", "96", "31", "32", "33", "34", "35", "36",
            "4",
        ] {
            plain = plain.replace(&format!("\u{1b}[{color}m"), "");
        }
    }
    let invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e0fff}');
    if let Some(c) =
        plain.chars().find(|c| (c.is_control() && !"\n\t".contains(*c)) || invisible(*c))
    {
        return Some(format!("{c:?}"));
    }
    let ours = ["::error ", "::warning ", "::notice "];
    for line in plain.lines() {
        let start = line.trim_start();
        let is_ours = commands && ours.iter().any(|word| line.starts_with(word));
        if start.starts_with("::") && !start.starts_with("::: ") && !is_ours {
            return Some(line.to_owned());
        }
        if ["##[", "##vso[", "##teamcity["].iter().any(|word| line.contains(word)) {
            return Some(line.to_owned());
        }
    }
    None
}

/// Runs a command in every format; everything that it prints is harmless.
fn harmless(folder: &Path, args: &[OsString]) {
    for format in ["human", "human-colored", "json", "sarif", "github"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.env_clear().current_dir(folder).args(args).stdin(Stdio::null());
        match format {
            "human" => command.args(["--color", "never"]),
            "human-colored" => command.args(["--color", "always"]),
            format => command.args(["--format", format]),
        };
        let output = command.output().expect("it runs");
        let code = output.status.code();
        assert!(code.is_some_and(|code| code <= 2), "{args:?}: {code:?}");
        for bytes in [&output.stdout, &output.stderr] {
            let text = std::str::from_utf8(bytes).expect("UTF-8");
            let found = acts(text, format == "github", format == "human-colored");
            assert_eq!(found, None, "{args:?} {format}:\n{text}");
        }
        // Others print something beside the document.
        let alone = !args.iter().any(|word| BESIDE.iter().any(|other| word == other));
        if alone && matches!(format, "json" | "sarif") && !output.stdout.is_empty() {
            serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON");
        }
    }
}

fn words(args: &[&str]) -> Vec<OsString> {
    args.iter().map(OsString::from).collect()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("policy.yaml"), POLICY).expect("a policy");
    harmless(folder.path(), &words(&["compile"]));
    assert!(folder.path().join("e.nft").exists());
    folder
}

#[test]
fn what_acts_is_told_from_what_does_not() {
    for text in HOSTILE {
        assert!(acts(text, false, false).is_some() && acts(text, true, true).is_some(), "{text:?}");
    }
    assert_eq!(acts("a::b\n  ::: x.yaml:1:1\n## x\n", false, false), None);
    assert_eq!(acts("::error file=x::y\n", true, false), None);
    assert!(acts("::error file=x::y\n", false, false).is_some());
    assert!(acts("\u{1b}[8mx", false, true).is_some());
}

#[test]
fn names_of_files() {
    for hostile in HOSTILE {
        let folder = folder();
        let name = |ending: &str| format!("x{}{ending}", hostile.replace('/', "_"));
        let at = |name: &str| folder.path().join(name);
        let (policy, tests, listings) = (name(".yaml"), name(".tests.yaml"), name(".d"));
        fs::write(at(&policy), POLICY.replace("tcp/443", "tcp/0").replace("lan: [", "lna: ["))
            .expect("a policy");
        fs::write(at(&tests), "tests:\n  - { expct: allow }\n").expect("tests");
        fs::create_dir(at(&listings)).expect("a folder");
        fs::write(at(&listings).join(name(".nft")), "table inet x {\n").expect("a listing");
        let good = name(".good.yaml");
        fs::write(at(&good), POLICY).expect("a policy");
        for args in [
            &["check", &policy][..],
            &["compile", &policy],
            &["compile", &good, "--check"],
            &["compile", &good, "--diff", "-o", &listings],
            &["compile", &good, "-o", &policy],
            &["compile", "--template-dir", &listings, "--check"],
            &["check", "--aws-feed", &policy],
            &["check", "--root", &listings],
            &["test", "policy.yaml", &tests],
            &["test", &good, "--junit", &listings],
            &["test", &good, "--junit", "-"],
            &["verify", "policy.yaml", &listings],
            &["verify", "policy.yaml", &policy],
            &["verify", &good, "-o", &listings],
            &["diff", &good, &policy],
            &["diff", &good, "policy.yaml", "--markdown"],
            &["diff", &listings, "e.nft", "--policy", "policy.yaml"],
            &["explain", &good, "inbound tcp 192.0.2.1:1024 -> 10.0.0.1:443"],
            &["explain", &good, "who can reach lan on tcp/443"],
            &["check", &format!("nothing{policy}")],
        ] {
            harmless(folder.path(), &words(args));
        }
    }
}

#[test]
fn arguments() {
    let folder = folder();
    for hostile in HOSTILE {
        for args in [
            &["compile", "-t", hostile][..],
            &["compile", "--emit", hostile],
            &["verify", "policy.yaml", "-t", hostile],
            &["check", "-D", hostile],
            &["check", "--as-of", hostile],
            &["check", "policy.yaml", hostile],
            &["explain", "policy.yaml", hostile],
            &["explain", "policy.yaml", &format!("who can reach {hostile} on tcp/1")],
            &["diff", "policy.yaml", "--against", hostile],
            &["diff", "policy.yaml", "policy.yaml", hostile],
            &["codes", hostile],
            &["completions", hostile],
            &[hostile],
            &[&format!("--{hostile}")],
        ] {
            harmless(folder.path(), &words(args));
        }
    }
    let odd = OsString::from_vec(b"\xff\x1b[2J\n::error::x".to_vec());
    harmless(folder.path(), &[OsString::from("check"), odd.clone()]);
    harmless(folder.path(), &[odd]);
}

#[test]
fn what_policies_and_feeds_say() {
    for hostile in HOSTILE {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        let quoted = serde_json::to_string(hostile).expect("JSON");
        let texts = [
            format!("policy: {quoted}\n"),
            format!("policy: p\n{quoted}: x\nrules: []\n"),
            format!("policy: p # {hostile}\nrules: {quoted}\n"),
            format!(
                "policy: p\nnetworks: {{ file: {quoted} }}\nrules: [{{ id: {quoted}, from: {quoted} }}]\n"
            ),
            POLICY.replace("e.nft", "PATH").replace("PATH", &quoted),
            POLICY.replace("tcp/443", &quoted),
            POLICY.replace(
                "service: tcp/443",
                &format!("service: tcp/443, comment: {quoted}, owner: {quoted}"),
            ),
            format!("{POLICY}imports: [{quoted}]\n"),
            format!("{POLICY}tests: [{{ expect: allow, packet: {quoted} }}]\n"),
            POLICY.replace("[10.0.0.0/8]", "{ file: list.txt }"),
        ];
        fs::write(at("list.txt"), format!("10.0.0.0/8 {hostile}\n{hostile}\n")).expect("a list");
        for text in texts {
            fs::write(at("bad.yaml"), text).expect("a policy");
            for args in [
                &["check", "bad.yaml"][..],
                &["compile", "bad.yaml", "-o", "o"],
                &["diff", "policy.yaml", "bad.yaml"],
                &["test", "policy.yaml", "bad.yaml"],
            ] {
                harmless(folder.path(), &words(args));
            }
        }
        for feed in [
            format!("{{{quoted}: 1}}"),
            format!("{{\"syncToken\": {quoted}, \"prefixes\": [{{\"ip_prefix\": {quoted}}}]}}"),
        ] {
            fs::write(at("feed.json"), feed).expect("a feed");
            harmless(folder.path(), &words(&["check", "--aws-feed", "feed.json"]));
        }
        fs::create_dir(at("own")).expect("a folder");
        fs::write(
            at("own/nftables.nft.j2"),
            format!("{hostile}{{{{ {quoted} }}}} {{{{ x.{hostile} }}}}"),
        )
        .expect("a template");
        harmless(folder.path(), &words(&["compile", "--template-dir", "own", "--check"]));
        fs::write(at("p.portcullis.json"), format!(
            "{{\"manifest\":1,\"portcullis\":{quoted},\"policy\":\"p\",\"source\":{quoted},\"feeds\":{{}},\"files\":{{{quoted}:{{{quoted}:{quoted}}}}}}}"
        )).expect("a manifest");
        harmless(folder.path(), &words(&["compile", "--check"]));
        harmless(folder.path(), &words(&["compile"]));
        harmless(folder.path(), &words(&["compile", "--force"]));
    }
}

#[test]
fn what_artifacts_and_listings_say() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let artifact = fs::read_to_string(at("e.nft")).expect("an artifact");
    for hostile in HOSTILE {
        let quoted = serde_json::to_string(hostile).expect("JSON");
        let texts = [
            format!("{hostile}\n{artifact}{hostile}"),
            artifact.replace("tcp dport 443", &format!("tcp dport 444 {hostile}")),
            artifact.replace(
                "tcp dport 443 accept",
                &format!("tcp dport 444 accept comment \"{hostile}\""),
            ),
            artifact.replace("tcp dport 443 accept", &format!("tcp dport 443 jump {hostile}")),
            format!(
                "table inet {hostile} {{\n chain {hostile} {{ type filter hook input priority 0; {hostile} }}\n}}\n"
            ),
            format!(
                "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m comment --comment {quoted} -j {hostile}\nCOMMIT\n"
            ),
            format!(
                "{{\"nftables\": [{{\"table\": {{\"family\": \"inet\", \"name\": {quoted}, \"handle\": 1}}}}, {{\"rule\": {{\"family\": \"inet\", \"table\": {quoted}, \"chain\": {quoted}, \"expr\": [{{{quoted}: {quoted}}}]}}}}]}}"
            ),
            format!(
                "{{\"SecurityGroups\": [{{\"GroupId\": {quoted}, \"IpPermissions\": [{{\"IpProtocol\": {quoted}}}]}}]}}"
            ),
            format!(
                "pass in quick on {hostile} proto tcp from any to any port 443 label {quoted}\n"
            ),
        ];
        for text in texts {
            fs::write(at("e.nft"), &text).expect("an artifact");
            for args in [
                &["verify", "policy.yaml"][..],
                &["verify", "policy.yaml", "e.nft"],
                &["compile", "--diff"],
                &["compile", "--check"],
                &["diff", "e.nft", "e.nft", "--policy", "policy.yaml"],
                &["diff", "e.nft", "e.nft", "--policy", "policy.yaml", "--markdown"],
            ] {
                harmless(folder.path(), &words(args));
            }
        }
    }
}

#[test]
fn every_command_is_tried_here() {
    let help =
        Command::new(env!("CARGO_BIN_EXE_portcullis")).arg("help").output().expect("it runs");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let listed = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next());
    let commands: Vec<_> = listed
        .expect("commands")
        .lines()
        .filter(|l| l.starts_with("  ") && !l.starts_with("   "))
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    assert!(commands.len() > 10, "{help}");
    let own = include_str!("printed.rs");
    // Those without anything of others in them.
    let plain = ["targets", "schema", "man", "help"];
    for command in commands.iter().filter(|command| !plain.contains(command)) {
        assert!(own.contains(&format!("&[\"{command}\"")), "`{command}` is not tried");
    }
    let folder = folder();
    for command in ["targets", "codes"] {
        harmless(folder.path(), &words(&[command]));
    }
}

#[test]
fn an_artifact_is_printed_byte_by_byte() {
    let folder = folder();
    // Addresses that look like the beginning of a command, and letters beyond ASCII.
    let list: Vec<_> =
        (1..60).map(|n| format!("\"::{n:x}:0/112\"")).filter(|p| !p.contains("f:")).collect();
    let policy = POLICY.replace("10.0.0.0/8", &list.join(", "));
    let policy = policy.replace("tcp/443 }", "tcp/443, comment: \"é – 日本\" }");
    fs::write(folder.path().join("policy.yaml"), policy).expect("a policy");
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let printed = command.current_dir(folder.path()).args(["compile", "-o", "-"]).output();
    let printed = printed.expect("it runs").stdout;
    harmless(folder.path(), &words(&["compile"]));
    assert!(
        printed == fs::read(folder.path().join("e.nft")).expect("an artifact")
            && !printed.is_empty()
    );
}
