//! A run that is killed, that has no room, or that is not alone: nothing is half-written, what was told to have
//! worked has, and the next run repairs.
//!
//! A few rounds in `cargo test`; with `PORTCULLIS_THOROUGH=1`, as in `.ci/run`, hundreds.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Says something that `cargo test` does not keep to itself.
fn loud(text: &str) {
    let _ = writeln!(std::io::stderr(), "disk_faults: {text}");
}

/// How many rounds are run.
fn rounds(few: u32, many: u32) -> u32 {
    let thorough = std::env::var_os("PORTCULLIS_THOROUGH").is_some_and(|value| value == "1");
    let rounds = if thorough { many } else { few };
    loud(&format!(
        "{rounds} rounds{}",
        if thorough { "" } else { " only; PORTCULLIS_THOROUGH=1 runs more" }
    ));
    rounds
}

/// Numbers that look random and are the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A policy with many files, whose text and set of files differ from version to version.
fn policy(name: &str, version: usize) -> String {
    let mut text = format!("policy: {name}\nrules:\n");
    for rule in 0..4 {
        let port = 1000 * version + rule + 1;
        text += &format!(
            "  - {{ id: r{rule}, action: allow, direction: inbound, from: any, to: 10.0.{version}.0/24, service: tcp/{port} }}\n"
        );
    }
    text += "targets:\n";
    for target in 0..8 {
        text += &format!("  t{target}: {{ kind: iptables, output: {name}/t{target}/ }}\n");
    }
    text + &format!("  own{version}: {{ kind: nftables, output: {name}-own{version}.nft }}\n")
}

/// Folders with versions of policies, each with the files that it makes.
struct Versions {
    folder: TempDir,
    made: Vec<Tree>,
}

/// Files by their path.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

fn tree(folder: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => {
                    let inside = path.strip_prefix(folder).expect("inside").to_owned();
                    found.insert(inside, fs::read(&path).expect("a file"));
                }
            }
        }
    }
    found
}

fn portcullis() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.env_clear().stdin(Stdio::null());
    command
}

impl Versions {
    /// Versions of policies with these names.
    fn of(names: &[&str]) -> Versions {
        let folder = tempfile::tempdir().expect("a folder");
        let mut versions = Versions { folder, made: Vec::new() };
        for (version, name) in names.iter().enumerate() {
            let own = versions.path(&format!("v{version}"));
            fs::create_dir(&own).expect("a folder");
            fs::write(own.join("policy.yaml"), policy(name, version)).expect("a policy");
            let pristine = versions.path(&format!("pristine{version}"));
            let output = versions.compile(version, &pristine).output().expect("it runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            versions.made.push(tree(&pristine));
        }
        versions
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn compile(&self, version: usize, out: &Path) -> Command {
        let mut command = portcullis();
        let policy = self.path(&format!("v{version}/policy.yaml"));
        command.arg("compile").arg(policy).arg("-o").arg(out);
        command
    }

    fn quiet(&self, version: usize, out: &Path) -> Child {
        let mut command = self.compile(version, out);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs")
    }

    fn code(&self, version: usize, out: &Path, more: &[&str]) -> (i32, String) {
        let output = self.compile(version, out).args(more).output().expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().expect("an exit code"), String::from_utf8_lossy(&text).into_owned())
    }

    /// Files that no version has made in this place: half-written ones. Those that wait beside are none.
    fn foreign(&self, found: &Tree) -> Vec<PathBuf> {
        let made = |path: &PathBuf, text| self.made.iter().any(|made| made.get(path) == Some(text));
        let beside = |path: &Path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.starts_with(".portcullis-") && name.ends_with(".new")
        };
        let odd = found.iter().filter(|(path, text)| !made(path, text) && !beside(path));
        odd.map(|(path, _)| path.clone()).collect()
    }
}

fn manifest(tree: &Tree) -> Option<&Vec<u8>> {
    tree.get(Path::new("p.portcullis.json"))
}

/// Waits until a run has begun to write, or has ended.
fn writes(run: &mut Child, out: &Path) {
    let beside =
        |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".portcullis-");
    let begun = || fs::read_dir(out.join("p/t0")).into_iter().flatten().flatten().any(beside);
    while !begun() && run.try_wait().expect("it is ours").is_none() {}
}

#[test]
fn a_killed_run_leaves_nothing_half_written_and_the_next_one_repairs() {
    let versions = Versions::of(&["p", "p"]);
    let out = versions.path("out");
    let mut draw = Draw(1);
    let start = Instant::now();
    assert_eq!(versions.code(0, &out, &[]).0, 0);
    let whole = u64::try_from(start.elapsed().as_micros()).expect("a short time");
    let (mut unfinished, mut mixed, mut leftovers) = (0, 0, 0);
    let count = rounds(20, 100);
    for round in 0..count {
        let version = usize::try_from(draw.below(2)).expect("small");
        let mut child = versions.quiet(version, &out);
        // Half of the times while it writes, which is short.
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_micros(draw.below(whole)));
        } else {
            writes(&mut child, &out);
            std::thread::sleep(Duration::from_micros(draw.below(3000)));
        }
        let _ = child.kill();
        unfinished += u32::from(!child.wait().expect("it ends").success());
        let found = tree(&out);
        assert_eq!(versions.foreign(&found), Vec::<PathBuf>::new(), "round {round}: half-written");
        leftovers +=
            u32::from(found.keys().any(|path| path.to_string_lossy().contains(".portcullis-")));
        let files: Tree = found
            .into_iter()
            .filter(|(path, _)| !path.to_string_lossy().contains(".portcullis-"))
            .collect();
        let is_whole = versions.made.contains(&files);
        mixed += u32::from(!is_whole);
        // A manifest takes its place after all that it lists.
        let latest = &versions.made[version];
        if manifest(&files) == manifest(latest) && !is_whole {
            panic!("round {round}: the manifest of version {version} stands, and its files do not");
        }
        let (code, said) = versions.code(version, &out, &["--check"]);
        assert_eq!(code, i32::from(files != *latest), "round {round}: {said}");
        assert_eq!(versions.code(version, &out, &[]).0, 0);
        assert_eq!(tree(&out), *latest, "round {round}: not repaired");
    }
    loud(&format!(
        "of {count} runs {unfinished} were killed, {mixed} between two renames, {leftovers} with files beside"
    ));
}

#[test]
fn runs_that_are_not_alone_do_not_mix() {
    let same = Versions::of(&["p", "p", "p", "p"]);
    let other = Versions::of(&["p", "q", "r", "s"]);
    let mut draw = Draw(2);
    for round in 0..rounds(10, 100) {
        // Of one policy's versions one is there in the end; of four policies all are.
        for (versions, all) in [(&same, false), (&other, true)] {
            let out = versions.path("out");
            let mut running: Vec<_> = (0..4).map(|version| versions.quiet(version, &out)).collect();
            let victim = usize::try_from(draw.below(12)).expect("small");
            if let Some(child) = running.get_mut(victim) {
                std::thread::sleep(Duration::from_micros(draw.below(50_000)));
                let _ = child.kill();
            }
            let ended: Vec<_> =
                running.into_iter().map(|run| run.wait_with_output().expect("it ends")).collect();
            for (version, output) in
                ended.iter().enumerate().filter(|(version, _)| *version != victim)
            {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "round {round}, version {version}: {said}");
            }
            if victim < 4 {
                assert_eq!(versions.foreign(&tree(&out)), Vec::<PathBuf>::new(), "round {round}");
                assert_eq!(versions.code(victim, &out, &[]).0, 0, "round {round}");
            }
            let found = tree(&out);
            let whole = match all {
                false => versions.made.contains(&found),
                true => {
                    found
                        == versions
                            .made
                            .iter()
                            .flatten()
                            .map(|(p, t)| (p.clone(), t.clone()))
                            .collect()
                }
            };
            assert!(whole, "round {round}: mixed: {:?}", found.keys());
        }
    }
}

#[test]
fn who_waits_for_another_run_says_so() {
    let versions = Versions::of(&["p"]);
    let out = versions.path("out");
    assert_eq!(versions.code(0, &out, &[]).0, 0);
    let folder = fs::File::open(&out).expect("a folder");
    folder.lock().expect("a lock");
    let waiting = [
        versions.quiet(0, &out),
        versions
            .compile(0, &out)
            .arg("--check")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs"),
    ];
    // The lock is held until both have said that they wait, or for a minute.
    let (both_said, waited) = std::sync::mpsc::channel::<()>();
    let holder = std::thread::spawn(move || {
        let _ = waited.recv_timeout(Duration::from_secs(60));
        folder.unlock().expect("unlocked");
    });
    let waiting = waiting.map(|mut run| {
        let mut said = String::new();
        let mut errors = BufReader::new(run.stderr.take().expect("a pipe"));
        errors.read_line(&mut said).expect("text");
        (run, said)
    });
    drop(both_said);
    holder.join().expect("unlocked");
    for (mut run, said) in waiting {
        assert!(said.contains("waiting for another run"), "{said}");
        assert!(run.wait().expect("it ends").success());
    }
}

/// Runs a shell script in a mount namespace of its own; `None`, said aloud, where that is not possible.
fn in_namespace(folder: &Path, script: &str) -> Option<String> {
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-euc", script])
            .current_dir(folder);
        command.env("PORTCULLIS", env!("CARGO_BIN_EXE_portcullis")).output().ok()
    };
    let possible = run("mkdir -p probe && mount -t tmpfs tmpfs probe");
    if !possible.is_some_and(|output| output.status.success()) {
        loud(
            "SKIPPED: no mount namespace can be made; set kernel.unprivileged_userns_clone or run as root",
        );
        return None;
    }
    let output = run(script).expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn without_room_nothing_changes() {
    let versions = Versions::of(&["p", "p"]);
    // Room for so many more files, or pages, than are there: the disk is full at every step of the way.
    let script = "mkdir t
again() {
  cp -r t before; mount -o remount,$1 t
  $PORTCULLIS compile v1/policy.yaml -o t >/dev/null 2>said && rc=0 || rc=$?
  if diff -r before t >/dev/null; then same=same; elif diff -r pristine1 t >/dev/null; then same=new; else same=mixed; fi
  echo \"$1 again $rc $same 0\"
  umount t; rm -r before
}
for more in 1 2 9 10 12 20 30 35 36 37 60; do
  for limit in nr_inodes=$((1 + more)) size=$((4 * more))k; do
    mount -t tmpfs -o $limit tmpfs t
    $PORTCULLIS compile v0/policy.yaml -o t >/dev/null 2>said && rc=0 || rc=$?
    find t -type f >files
    echo \"$limit fresh $rc $(grep -c . files || true) $(grep -c portcullis- files || true)\"
    umount t
  done
  for kind in inodes size; do
    mount -t tmpfs -o size=4m,nr_inodes=1000 tmpfs t
    $PORTCULLIS compile v0/policy.yaml -o t >/dev/null
    case $kind in
    inodes) again nr_inodes=$(($(df --output=iused t | tail -1) + more - 1)) ;;
    size) again size=$(($(df -k --output=used t | tail -1) + 4 * (more - 1)))k ;;
    esac
  done
done";
    let Some(said) = in_namespace(versions.folder.path(), script) else { return };
    let (mut full, mut fine) = (0, 0);
    for line in said.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [_, case, code, found, beside] = words[..] else { panic!("{line}") };
        match (case, code, found) {
            ("fresh", "0", files) => {
                assert_eq!(files, versions.made[0].len().to_string(), "{line}")
            }
            ("fresh", "2", files) => assert_eq!(files, "0", "{line}"),
            (_, "0", found) => assert_eq!(found, "new", "{line}"),
            (_, "2", found) => assert_eq!(found, "same", "{line}"),
            _ => panic!("{line}"),
        }
        assert_eq!(beside, "0", "{line}");
        if code == "0" { fine += 1 } else { full += 1 }
    }
    assert!(full >= 20 && fine >= 8, "{said}");
}

#[test]
fn a_file_that_may_not_grow_is_a_failure_and_changes_nothing() {
    let versions = Versions::of(&["p", "p"]);
    let out = versions.path("out");
    assert_eq!(versions.code(0, &out, &[]).0, 0);
    // The signal ignored, the write fails; not ignored, it kills.
    for trap in ["trap '' XFSZ", ":"] {
        let script = format!(
            "{trap}; ulimit -f 1; exec {} compile v1/policy.yaml -o out",
            env!("CARGO_BIN_EXE_portcullis")
        );
        let output =
            Command::new("bash").args(["-c", &script]).current_dir(versions.folder.path()).output();
        let output = output.expect("bash");
        assert!(!output.status.success(), "{trap}");
        let files: Tree = tree(&out)
            .into_iter()
            .filter(|(p, _)| !p.to_string_lossy().contains(".portcullis-"))
            .collect();
        assert_eq!(files, versions.made[0], "{trap}");
    }
    assert_eq!(versions.code(1, &out, &[]).0, 0);
    assert_eq!(tree(&out), versions.made[1]);
}

#[test]
fn a_read_only_folder_is_checked_and_not_written() {
    let versions = Versions::of(&["p", "p"]);
    assert_eq!(versions.code(0, &versions.path("t"), &[]).0, 0);
    let script = "mount --bind t t; mount -o remount,bind,ro t
for version in 0 1; do for how in --check --diff -f; do
  [ $how != -f ] || how=
  $PORTCULLIS compile v$version/policy.yaml -o t $how >said 2>&1 && rc=0 || rc=$?
  echo \"$version$how $rc $(grep -c 'Read-only' said || true)\"
done; done";
    let Some(said) = in_namespace(versions.folder.path(), script) else { return };
    assert_eq!(said, "0--check 0 0\n0--diff 0 0\n0 0 0\n1--check 1 0\n1--diff 0 0\n1 2 1\n");
    assert_eq!(tree(&versions.path("t")), versions.made[0]);
}

#[test]
fn closed_outputs_end_up_in_no_file() {
    let versions = Versions::of(&["p"]);
    for (number, redirect) in
        [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "| head -c 0"].iter().enumerate()
    {
        let out = versions.path(&format!("closed{number}"));
        let script = format!(
            "{} compile v0/policy.yaml -o closed{number} {redirect}",
            env!("CARGO_BIN_EXE_portcullis")
        );
        let status = Command::new("bash")
            .args(["-c", &script])
            .current_dir(versions.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.expect("bash").success(), "{redirect}");
        assert_eq!(tree(&out), versions.made[0], "{redirect}");
    }
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let out = versions.path("full");
    let status = versions.compile(0, &out).stdout(full).status().expect("it runs");
    assert_eq!(status.code(), Some(2));
    assert_eq!(tree(&out), versions.made[0]);
}
