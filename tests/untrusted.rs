//! A checkout that somebody else has filled: what is read stays inside, what is written too, and nothing that
//! is not ours is written over or removed.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SECRET: &str = "SECRET_TOKEN=planted-not-real\n";

/// A checkout, and a folder beside it that nothing of the checkout may reach.
struct Place(TempDir);

struct Said {
    code: i32,
    text: String,
}

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a folder"));
        for folder in ["repo", "outside"] {
            fs::create_dir(place.0.path().join(folder)).expect("a folder");
        }
        fs::write(place.outside("secret.env"), SECRET).expect("a file");
        place
    }

    fn repo(&self, path: &str) -> PathBuf {
        self.0.path().join("repo").join(path)
    }

    fn outside(&self, path: &str) -> PathBuf {
        self.0.path().join("outside").join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.repo(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.repo(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Runs the program in the checkout; one that is not done in time is a failure.
    fn run(&self, args: &[&str]) -> Said {
        self.run_in("", args)
    }

    fn run_in(&self, folder: &str, args: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("TOKEN", "planted-not-real");
        command.current_dir(self.repo(folder)).args(args).stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("it runs");
        let end = Instant::now() + Duration::from_secs(60);
        while child.try_wait().expect("it is ours").is_none() {
            if Instant::now() > end {
                let _ = child.kill();
                panic!("{args:?} does not end");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let output = child.wait_with_output().expect("its output");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(!text.contains("planted-not-real"), "{args:?} shows what is outside: {text}");
        Said { code: output.status.code().expect("an exit code"), text }
    }

    /// Everything outside of the checkout, and what the checkout has, by name and content.
    fn trees(&self) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let kind = entry.file_type().expect("a type");
                let content = match kind {
                    kind if kind.is_dir() => {
                        folders.push(entry.path());
                        "folder".to_owned()
                    }
                    kind if kind.is_symlink() => format!("{:?}", fs::read_link(entry.path())),
                    kind if kind.is_file() => {
                        format!("{:?}", fs::read(entry.path()).expect("a file"))
                    }
                    _ => "other".to_owned(),
                };
                found.push((entry.path(), content));
            }
        }
        found.sort();
        found
    }

    /// Runs a compile that must refuse before it changes anything; gives what it said.
    fn refused(&self, args: &[&str]) -> String {
        let before = self.trees();
        let said = self.run(&[&["compile"], args].concat());
        assert_eq!(said.code, 2, "{}", said.text);
        assert_eq!(self.trees(), before, "something was changed: {}", said.text);
        said.text
    }
}

fn policy(name: &str, network: &str, targets: &str) -> String {
    let targets = if targets.is_empty() { String::new() } else { format!("targets:\n{targets}") };
    format!(
        "policy: {name}\nnetworks:\n  a: {network}\nrules:\n  - {{ id: r1, action: allow, direction: inbound, \
         from: a, to: any, service: tcp/1 }}\n{targets}"
    )
}

fn one(kind: &str, output: &str) -> String {
    policy("p", "10.0.0.0/8", &format!("  e: {{ kind: {kind}, output: {output} }}\n"))
}

fn digest(path: &Path) -> String {
    use sha2::{Digest, Sha256};
    let bytes = fs::read(path).expect("a file");
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn files_outside_the_policys_folder_are_not_read() {
    let place = Place::new();
    symlink("../outside/secret.env", place.repo("link.txt")).expect("a link");
    symlink("/proc/self/environ", place.repo("environ.txt")).expect("a link");
    symlink("../outside", place.repo("folder")).expect("a link");
    symlink("/", place.repo("root")).expect("a link");
    let absolute = place.outside("secret.env").display().to_string();
    let through = format!("root{absolute}");
    for path in [
        "../outside/secret.env",
        "link.txt",
        "environ.txt",
        "folder/secret.env",
        &through,
        "root/proc/self/environ",
    ] {
        place.write("policy.yaml", &policy("p", &format!("{{ file: {path} }}"), ""));
        let said = place.run(&["check"]);
        assert!(
            said.code == 2 && said.text.contains("outside the folder"),
            "{path}: {}",
            said.text
        );
        place.write("policy.yaml", &format!("imports: [{path}]\n{}", one("nftables", "e.nft")));
        let said = place.run(&["check"]);
        assert!(
            said.code == 2 && said.text.contains("outside the folder"),
            "{path}: {}",
            said.text
        );
    }
    for (link, to) in [("a.yaml", "/proc/self/environ"), ("b.yaml", "../outside/secret.env")] {
        symlink(to, place.repo(link)).expect("a link");
        for command in ["check", "compile", "test"] {
            let said = place.run(&[command, link]);
            assert!(said.code == 2 && said.text.contains("outside the folder"), "{}", said.text);
        }
        // A glob of the caller's goes through a link as well.
        let said = place.run(&["check", &format!("folder/{link}")]);
        assert_eq!(said.code, 2, "{}", said.text);
    }
}

#[test]
fn what_the_caller_names_by_a_relative_path_does_not_lead_out_by_a_link() {
    let place = Place::new();
    place.write("policy.yaml", &one("nftables", "e.nft"));
    symlink("../outside/secret.env", place.repo("link.env")).expect("a link");
    symlink("../outside", place.repo("folder")).expect("a link");
    fs::write(place.outside("policy.yaml"), one("nftables", "e.nft")).expect("a file");
    for args in [
        &["verify", "policy.yaml", "link.env"][..],
        &["verify", "policy.yaml", "folder/secret.env"],
        &["verify", "policy.yaml", "folder"],
        &["check", "--aws-feed", "link.env"],
        &["compile", "--template-dir", "folder", "--check"],
        &["test", "policy.yaml", "link.env"],
        &["diff", "link.env", "policy.yaml", "--policy", "policy.yaml"],
        &["diff", "link.env", "policy.yaml"],
        &["check", "folder/policy.yaml"],
        &["compile", "-o", "folder"],
        &["compile", "-o", "folder/new"],
        &["test", "--junit", "link.env"],
        &["test", "--junit", "folder/report.xml"],
    ] {
        let before = place.trees();
        let said = place.run(args);
        assert_eq!(said.code, 2, "{args:?}: {}", said.text);
        assert_eq!(place.trees(), before, "{args:?} changed something");
    }
    // By its absolute path it is the caller's word.
    let folder = place.outside("").display().to_string();
    let said = place.run(&["compile", "-o", &folder]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(place.outside("e.nft").exists());
    let feed = place.outside("secret.env").display().to_string();
    let said = place.run(&["check", "--aws-feed", &feed]);
    assert!(said.code == 2 && said.text.contains("secret.env"), "{}", said.text);
}

#[test]
fn a_folder_above_is_read_when_the_caller_says_so() {
    let place = Place::new();
    place.write("common.txt", "192.0.2.0/24\n");
    place.write(
        "site/policy.yaml",
        &policy("p", "{ file: ../common.txt }", "  e: { kind: nftables, output: e.nft }\n"),
    );
    let said = place.run(&["compile", "site/policy.yaml"]);
    assert!(said.code == 2 && said.text.contains("`--root .`"), "{}", said.text);
    let said = place.run_in("site", &["compile"]);
    assert!(said.code == 2 && said.text.contains("`--root ..`"), "{}", said.text);
    for (folder, args) in [
        ("", &["compile", "site/policy.yaml", "--root", "."][..]),
        ("site", &["compile", "--root", ".."]),
        ("site", &["compile", "./policy.yaml", "--root", "../../repo"]),
    ] {
        let said = place.run_in(folder, args);
        assert_eq!(said.code, 0, "{args:?}: {}", said.text);
    }
    assert!(place.read("site/e.nft").contains("192.0.2.0/24"));
    let said = place.run_in("site", &["compile", "--root", "..", "--check"]);
    assert_eq!(said.code, 0, "{}", said.text);
    // Not further than that, and not by a link.
    place.write("site/policy.yaml", &policy("p", "{ file: ../../outside/secret.env }", ""));
    assert_eq!(place.run_in("site", &["check", "--root", ".."]).code, 2);
    symlink("../outside/secret.env", place.repo("link.txt")).expect("a link");
    place.write("site/policy.yaml", &policy("p", "{ file: ../link.txt }", ""));
    assert_eq!(place.run_in("site", &["check", "--root", ".."]).code, 2);
    let said = place.run(&["check", "site/policy.yaml", "--root", "../outside"]);
    assert!(said.code == 2 && said.text.contains("is outside `--root"), "{}", said.text);
    // Links that stay inside are followed.
    symlink("common.txt", place.repo("inside.txt")).expect("a link");
    place.write("policy.yaml", &policy("p", "{ file: inside.txt }", ""));
    assert_eq!(place.run(&["check", "-A", "unused-name"]).code, 0);
}

#[test]
fn only_regular_files_are_read_and_nothing_waits() {
    let place = Place::new();
    let fifo = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
    };
    fifo(&place.repo("pipe"));
    fs::create_dir(place.repo("folder")).expect("a folder");
    let _socket = std::os::unix::net::UnixListener::bind(place.repo("socket")).expect("a socket");
    for path in ["pipe", "folder", "socket"] {
        place.write("policy.yaml", &policy("p", &format!("{{ file: {path} }}"), ""));
        assert_eq!(place.run(&["check"]).code, 2, "{path}");
        assert_eq!(place.run(&["check", path]).code, 2, "{path}");
    }
    place.write("policy.yaml", &one("nftables", "e.nft"));
    for args in [
        &["verify", "policy.yaml", "pipe"][..],
        &["verify", "policy.yaml", "/dev/zero"],
        &["check", "--aws-feed", "pipe"],
        &["check", "--aws-feed", "/dev/zero"],
        &["test", "policy.yaml", "pipe"],
        &["check", "/dev/zero"],
    ] {
        let said = place.run(args);
        assert!(
            said.code == 2 && said.text.contains("not a regular file"),
            "{args:?}: {}",
            said.text
        );
    }
    // In the places of what is written, too.
    for name in ["e.nft", "p.portcullis.json"] {
        for plant in ["pipe", "zero", "folder", "link"] {
            let path = place.repo(name);
            match plant {
                "pipe" => fifo(&path),
                "folder" => fs::create_dir(&path).expect("a folder"),
                "zero" => symlink("/dev/zero", &path).expect("a link"),
                _ => symlink("../outside/secret.env", &path).expect("a link"),
            }
            for args in [&[][..], &["--check"], &["--diff"], &["--force"]] {
                let said = place.refused(args);
                assert!(said.contains("error[output-taken]") && said.contains(name), "{said}");
            }
            if name == "e.nft" {
                assert_eq!(place.run(&["verify", "policy.yaml"]).code, 2);
            }
            if plant == "folder" { fs::remove_dir(&path) } else { fs::remove_file(&path) }
                .expect("removed");
        }
    }
}

#[test]
fn a_pipe_that_the_caller_gives_is_read() {
    let place = Place::new();
    place.write("policy.yaml", &one("nftables", "e.nft"));
    assert_eq!(place.run(&["compile"]).code, 0);
    for command in
        ["verify policy.yaml <(cat e.nft)", "check <(cat policy.yaml)", "test <(cat policy.yaml)"]
    {
        let script = format!("{} {command}", env!("CARGO_BIN_EXE_portcullis"));
        let output =
            Command::new("bash").args(["-c", &script]).current_dir(place.repo("")).output();
        let output = output.expect("bash");
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let place = Place::new();
    place.write("policy.yaml", &one("nftables", "out/x"));
    symlink("../outside", place.repo("out")).expect("a link");
    let said = place.refused(&[]);
    assert!(said.contains("`out` is a symbolic link") && said.contains("policy.yaml:7:"), "{said}");
    fs::remove_file(place.repo("out")).expect("removed");
    // A component in the middle, a link back and forth, a file in the place of a folder.
    place.write("policy.yaml", &one("iptables", "a/b/c/"));
    for (path, to) in [("a/b", "../../outside"), ("a", "../outside"), ("a/b/c", "../../../outside")]
    {
        fs::create_dir_all(place.repo(path).parent().expect("a folder")).expect("a folder");
        symlink(to, place.repo(path)).expect("a link");
        place.refused(&[]);
        place.refused(&["--force"]);
        let _ = fs::remove_file(place.repo(path));
        let _ = fs::remove_dir_all(place.repo("a"));
    }
    place.write("a", "a file\n");
    assert!(place.refused(&[]).contains("`a` is not a folder"));
}

#[test]
fn planted_names_are_not_followed() {
    let place = Place::new();
    fs::write(place.outside("victim"), "original\n").expect("a file");
    place.write("policy.yaml", &one("iptables", "i/"));
    fs::create_dir(place.repo("i")).expect("a folder");
    let planted = [
        "i/.apply.sh.portcullis-new",
        "i/.portcullis-0123456789abcdef.new",
        ".portcullis-0123456789abcdef.new",
        ".portcullis.lock",
    ];
    for path in planted {
        let to = if path.starts_with("i/") { "../../outside/victim" } else { "../outside/victim" };
        symlink(to, place.repo(path)).expect("a link");
    }
    let said = place.run(&["compile"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(fs::read_to_string(place.outside("victim")).expect("a file"), "original\n");
    let mode = fs::metadata(place.outside("victim")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o111, 0);
    for path in planted {
        assert!(place.repo(path).is_symlink(), "{path} was removed");
    }
    assert!(place.read("i/apply.sh").starts_with("#!/bin/sh"));
}

#[test]
fn a_hard_link_keeps_its_other_name() {
    let place = Place::new();
    place.write("policy.yaml", &one("nftables", "e.nft"));
    fs::write(place.outside("victim"), "original\n").expect("a file");
    fs::hard_link(place.outside("victim"), place.repo("e.nft")).expect("a hard link");
    place.refused(&[]);
    let said = place.run(&["compile", "--force"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(fs::read_to_string(place.outside("victim")).expect("a file"), "original\n");
    assert!(place.read("e.nft").contains("Generated by portcullis"));
}

#[test]
fn a_manifest_makes_nothing_go_that_is_not_ours() {
    let place = Place::new();
    symlink("../outside", place.repo("out")).expect("a link");
    place.write("LICENSE", "mit\n");
    place.write("package.json", "{\n  \"name\": \"x\"\n}\n");
    place.write(".git/config", "[core]\n");
    fs::write(place.outside("ours"), "# Generated by portcullis from a, policy p. Do not edit.\n")
        .expect("a file");
    let listed =
        ["LICENSE", "package.json", ".git/config", "out/ours", "../outside/ours", "policy.yaml"];
    place.write(
        "policy.yaml",
        &format!(
            "# Generated by portcullis from a, policy p. Do not edit.\n{}",
            one("nftables", "e.nft")
        ),
    );
    let long = "x".repeat(5000);
    let mut files: Vec<_> = listed
        .iter()
        .map(|path| format!("\"{path}\": \"{}\"", digest(&place.repo(path))))
        .collect();
    files.extend(
        ["\"\"", "\".\"", "\"/etc/passwd\"", "\"a\\u0000b\"", &format!("\"{long}\"")]
            .map(|path| format!("{path}: \"0\"")),
    );
    let manifest = format!(
        r#"{{"manifest":1,"portcullis":"0","policy":"p","source":"policy.yaml","feeds":{{}},"files":{{"old":{{{}}}}}}}"#,
        files.join(",")
    );
    place.write("p.portcullis.json", &manifest);
    let said = place.run(&["compile"]);
    assert_eq!(said.code, 0, "{}", said.text);
    for path in listed {
        assert!(place.repo(path).exists(), "{path} is gone");
    }
    assert!(said.text.contains("LICENSE (edited, or not written by portcullis"), "{}", said.text);
    // What it did write is removed when no target makes it any more.
    place.write("policy.yaml", &one("nftables", "f.nft"));
    assert_eq!(place.run(&["compile"]).code, 0);
    assert!(place.repo("f.nft").exists() && !place.repo("e.nft").exists());
}

/// Every kind and format that is written.
const ALL: &str = "  a: { kind: nftables, output: a.nft }
  b: { kind: iptables, ipset: true, output: b/ }
  c: { kind: pf, output: c.conf }
  d: { kind: aws-security-group, format: terraform, members: a, output: d.tf }
  e: { kind: aws-security-group, format: terraform-json, members: a, output: e.tf.json }
  f: { kind: aws-security-group, format: cloudformation, members: a, output: f.yaml }
  g: { kind: aws-security-group, format: ip-permissions, members: a, output: g.json }
  h: { kind: aws-network-acl, format: terraform, members: a, output: h.tf }
  i: { kind: aws-network-acl, format: terraform-json, members: a, output: i.tf.json }
  j: { kind: aws-network-acl, format: cloudformation, members: a, output: j.yaml }
  k: { kind: aws-network-acl, format: api-json, members: a, output: k.json }
";

#[test]
fn files_of_every_kind_are_known_for_ours() {
    let place = Place::new();
    let all = format!(
        "policy: p\nnetworks:\n  a: 10.0.0.0/8\n  b: 192.0.2.0/24\nrules:\n  - {{ id: r1, action: allow, direction: inbound, \
         from: b, to: a, service: tcp/1 }}\ntargets:\n{ALL}"
    );
    place.write("policy.yaml", &all);
    let said = place.run(&["compile"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let made = place.trees().len();
    assert!(made > 15);
    // Written anew, each, and then removed, each.
    place.write("policy.yaml", &all.replace("tcp/1", "tcp/2"));
    assert_eq!(place.run(&["compile"]).code, 0);
    place.write(
        "policy.yaml",
        &all[..all.find("  a: { kind").expect("targets")]
            .replace("targets:\n", "targets: { z: { kind: pf, output: z } }\n"),
    );
    let said = place.run(&["compile"]);
    assert!(said.code == 0 && !said.text.contains("by hand"), "{}", said.text);
    let left: Vec<_> = fs::read_dir(place.repo("")).expect("a folder").flatten().collect();
    let mut left: Vec<_> = left.iter().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["b", "p.portcullis.json", "policy.yaml", "z"]);
    assert_eq!(fs::read_dir(place.repo("b")).expect("a folder").count(), 0);
}

#[test]
fn outputs_are_not_written_over_inputs() {
    let place = Place::new();
    place.write("list.nft", "10.0.0.0/8\n");
    place.write("lib.nft", "library: x\nrules:\n  - { id: r, action: allow, direction: inbound, from: any, to: 192.0.2.1, service: tcp/9 }\n");
    place.write("own/nftables.nft.j2", include_str!("../templates/nftables.nft.j2"));
    let targets = |output: &str| {
        format!(
            "imports: [lib.nft]\n{}",
            policy(
                "p",
                "{ file: list.nft }",
                &format!("  e: {{ kind: nftables, output: {output} }}\n")
            )
        )
    };
    for (output, args) in [
        ("policy.yaml", &[][..]),
        ("list.nft", &[]),
        ("lib.nft", &[]),
        ("own/nftables.nft.j2", &["--template-dir", "own"]),
    ] {
        place.write("policy.yaml", &targets(output));
        for force in [&[][..], &["--force"]] {
            let said = place.refused(&[args, force].concat());
            assert!(
                said.contains("which is an input") && said.contains("policy.yaml:8:"),
                "{said}"
            );
        }
        assert!(place.refused(&[args, &["--check"]].concat()).contains("which is an input"));
    }
    // By another name of the same file, and into another folder.
    place.write("policy.yaml", &targets("out/e.nft"));
    fs::create_dir(place.repo("out")).expect("a folder");
    fs::hard_link(place.repo("list.nft"), place.repo("out/e.nft")).expect("a hard link");
    assert!(place.refused(&["--force"]).contains("which is an input"));
    fs::remove_file(place.repo("out/e.nft")).expect("removed");
    place.write("policy.yaml", &targets("list.nft"));
    let said = place.run(&["compile", "-o", "elsewhere"]);
    assert_eq!(said.code, 0, "{}", said.text);
    // Reports, too, over everything that was read.
    for report in ["list.nft", "lib.nft", "./policy.yaml"] {
        let said = place.run(&["test", "--junit", report]);
        assert!(said.code == 2 && said.text.contains("would overwrite"), "{}", said.text);
    }
}

#[test]
fn outputs_with_the_names_of_what_tools_obey_are_refused() {
    let place = Place::new();
    for output in [
        "p.portcullis.json",
        "P.PORTCULLIS.JSON",
        "sub/q.portcullis.json",
        ".git/hooks/post-checkout",
        ".GIT/config",
        ".github/workflows/x.yml",
        "sub/.github/x",
        ".gitlab-ci.yml",
        ".envrc",
    ] {
        place.write("policy.yaml", &one("nftables", output));
        let said = place.refused(&["--force"]);
        assert!(
            said.contains("error[bad-path]") && said.contains("policy.yaml:7:"),
            "{output}: {said}"
        );
    }
    place.write("policy.yaml", &one("iptables", "x.portcullis.json/"));
    place.refused(&[]);
}

#[test]
fn what_others_made_is_written_over_only_when_told() {
    let place = Place::new();
    place.write("policy.yaml", &one("nftables", "e.nft"));
    place.write("e.nft", "# mine\n");
    for args in [&[][..], &["--check"], &["--diff"]] {
        let said = place.refused(args);
        assert!(said.contains("error[output-taken]") && said.contains("--force"), "{said}");
    }
    assert_eq!(place.run(&["compile", "--force"]).code, 0);
    // From then on it is ours, whatever an editor did to it.
    place.write("e.nft", "# edited\n");
    assert_eq!(place.run(&["compile"]).code, 0);
    // Without its manifest it says itself whose it is.
    fs::remove_file(place.repo("p.portcullis.json")).expect("removed");
    place.write("policy.yaml", &one("nftables", "e.nft").replace("tcp/1", "tcp/2"));
    assert_eq!(place.run(&["compile"]).code, 0);
    // A manifest that is none is not ours.
    for text in ["<<<<<<< HEAD\n", "{}", "{\"manifest\":2}", ""] {
        place.write("p.portcullis.json", text);
        assert!(place.refused(&[]).contains("not this policy's manifest"));
    }
    assert_eq!(place.run(&["compile", "--force"]).code, 0);
    assert_eq!(place.run(&["compile", "--check"]).code, 0);
}

#[test]
fn policies_in_one_folder_leave_each_others_files_alone() {
    let place = Place::new();
    let text = |name: &str, output: &str| {
        policy(name, "10.0.0.0/8", &format!("  e: {{ kind: nftables, output: {output} }}\n"))
    };
    place.write("policy.yaml", &text("p", "e.nft"));
    assert_eq!(place.run(&["compile"]).code, 0);
    // Of one name.
    place.write("b.yaml", &text("p", "x.nft"));
    let before = place.trees();
    let said = place.run(&["compile", "b.yaml"]);
    assert!(
        said.code == 2 && said.text.contains("`policy.yaml` is also named `p`"),
        "{}",
        said.text
    );
    assert!(said.text.contains("b.yaml:1:"), "{}", said.text);
    assert_eq!(place.trees(), before);
    // Of two names, in the same place.
    place.write("b.yaml", &text("q", "e.nft"));
    for args in [&["compile", "b.yaml"][..], &["compile", "b.yaml", "--force"]] {
        let said = place.run(args);
        assert!(said.code == 2 && said.text.contains("`p.portcullis.json`"), "{}", said.text);
    }
    // Seen from a folder above or below.
    place.write("sub/c.yaml", &text("c", "e.nft"));
    assert_eq!(place.run(&["compile", "sub/c.yaml"]).code, 0);
    place.write("b.yaml", &text("q", "sub/e.nft"));
    let said = place.run(&["compile", "b.yaml"]);
    assert!(said.code == 2 && said.text.contains("`sub/c.portcullis.json`"), "{}", said.text);
    place.write("b.yaml", &text("q", "below/e.nft"));
    assert_eq!(place.run(&["compile", "b.yaml"]).code, 0);
    place.write("below/d.yaml", &text("d", "e.nft").replace("tcp/1", "tcp/3"));
    let said = place.run(&["compile", "below/d.yaml"]);
    assert!(said.code == 2 && said.text.contains("not made from this policy"), "{}", said.text);
    // Both beside each other.
    place.write("b.yaml", &text("q", "x.nft"));
    assert_eq!(place.run(&["compile", "b.yaml"]).code, 0);
    for policy in ["policy.yaml", "b.yaml", "sub/c.yaml"] {
        assert_eq!(place.run(&["compile", policy, "--check"]).code, 0, "{policy}");
    }
    // A policy that is renamed takes its files along when told.
    fs::rename(place.repo("policy.yaml"), place.repo("edge.yaml")).expect("renamed");
    assert_eq!(place.run(&["compile", "edge.yaml"]).code, 2);
    assert_eq!(place.run(&["compile", "edge.yaml", "--force"]).code, 0);
    assert_eq!(place.run(&["compile", "edge.yaml", "--check"]).code, 0);
}

#[test]
fn modes_and_owners_are_kept() {
    use std::os::unix::fs::{MetadataExt, chown};
    let place = Place::new();
    place.write("policy.yaml", &one("iptables", "i/"));
    assert_eq!(place.run(&["compile"]).code, 0);
    let mode = |path: &str| fs::metadata(place.repo(path)).expect(path).mode() & 0o7777;
    let executable = mode("i/apply.sh");
    assert_eq!(
        executable & 0o111,
        (executable & 0o444) >> 2,
        "whoever may read the script may run it"
    );
    let private = fs::Permissions::from_mode(0o600);
    for path in ["i/v4.rules", "i/apply.sh", "p.portcullis.json"] {
        fs::set_permissions(place.repo(path), private.clone()).expect("a mode");
    }
    let root = fs::metadata(place.repo("i")).expect("a folder").uid() == 0;
    if root {
        chown(place.repo("i/v4.rules"), Some(1234), Some(2345)).expect("an owner");
    } else {
        eprintln!("SKIPPED: owners are kept (only root can give a file to another user)");
    }
    place.write("policy.yaml", &one("iptables", "i/").replace("tcp/1", "tcp/2"));
    place.write("i/apply.sh", "edited\n");
    let said = place.run(&["compile"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(
        (mode("i/v4.rules"), mode("p.portcullis.json"), mode("i/apply.sh")),
        (0o600, 0o600, 0o700)
    );
    assert!(place.read("i/v4.rules").contains("--dport 2"));
    if root {
        let found = fs::metadata(place.repo("i/v4.rules")).expect("a file");
        assert_eq!((found.uid(), found.gid()), (1234, 2345));
    }
}

#[test]
fn folders_are_made_and_standard_input_is_a_policy_of_its_own() {
    let place = Place::new();
    place.write("policy.yaml", &one("nftables", "a/b/e.nft"));
    for folder in ["new/er", "./dot", "../repo/up"] {
        assert_eq!(place.run(&["compile", "-o", folder, "--check"]).code, 1);
        assert!(!place.repo(folder).exists(), "--check made a folder");
        let said = place.run(&["compile", "-o", folder]);
        assert_eq!(said.code, 0, "{}", said.text);
        assert!(place.repo(folder).join("a/b/e.nft").exists());
        assert_eq!(place.run(&["compile", "-o", folder, "--check"]).code, 0);
    }
    let long = format!("{}/e.nft", "x".repeat(190));
    place.write("policy.yaml", &one("nftables", &long));
    assert_eq!(place.run(&["compile"]).code, 0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let file = fs::File::open(place.repo("policy.yaml")).expect("a policy");
    command.current_dir(place.repo("")).args(["compile", "-", "-o", "stdin"]).stdin(file);
    assert!(command.stdout(Stdio::null()).status().expect("it runs").success());
    assert!(place.read(&format!("stdin/{long}")).contains("from standard input"));
}

#[test]
fn a_folder_that_looks_like_a_repository_configures_nothing() {
    let place = Place::new();
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("SKIPPED: a folder that looks like a repository (no git)");
        return;
    }
    let ran = place.outside("ran");
    place.write("bare/policy.yaml", &one("nftables", "e.nft"));
    let git = |args: &[&str]| {
        let status = Command::new("git").args(args).current_dir(place.repo("bare")).output();
        assert!(status.expect("git").status.success(), "{args:?}");
    };
    git(&["init", "-q", "--bare", "."]);
    git(&["config", "core.fsmonitor", &format!("touch {}", ran.display())]);
    git(&["config", "core.worktree", "."]);
    let said = place.run(&["diff", "bare/policy.yaml", "--against", "HEAD"]);
    assert_eq!(said.code, 2, "{}", said.text);
    assert!(!ran.exists(), "a program of the checkout ran");
}
