//! The whole commands as processes, on the policies that are measured beside other compilers, and each stage of
//! a compile.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::diag::Diags;
use portcullis::feed::Feeds;
use portcullis::ir::{Placement, StateMode};
use portcullis::source::SourceMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::workloads;

/// One text, whatever the path.
struct Only(String);

impl portcullis::policy::Loader for Only {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

/// A folder that goes when the benchmark ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("portcullis-bench-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder goes");
    }
}

/// Runs the command; findings are no failure.
fn run(command: &str, policy: &Path, more: &[&Path]) {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg(command)
        .arg(policy)
        .args(more)
        .output()
        .expect("the command runs");
    let good = output.status.code().is_some_and(|code| code < 2);
    assert!(good, "{}", String::from_utf8_lossy(&output.stderr));
}

fn compile(c: &mut Criterion) {
    let folder = Folder::new();
    folder.write("prefixes.txt", &workloads::prefixes(1_000_000));
    let (connect, _) = workloads::connect();
    let mut group = c.benchmark_group("compile");
    group.sample_size(10);
    for (name, text) in [
        ("connect", connect),
        ("1000-rules", workloads::synthetic(1_000, 200, 50).policy()),
        ("10000-rules", workloads::synthetic(10_000, 2_000, 5).policy()),
        ("million-prefixes", workloads::FROM_FILE.to_owned()),
    ] {
        // pf's own tables end at 200,000 entries.
        let with_pf = name != "million-prefixes";
        let all =
            if with_pf { &["nftables", "iptables", "pf"][..] } else { &["nftables", "iptables"] };
        for kinds in all.chunks(1).chain([all]) {
            let policy = folder.write("policy.yaml", &(text.clone() + &workloads::targets(kinds)));
            let out = folder.0.join("out");
            group.bench_function(format!("{name}-{}", kinds.join("-")), |b| {
                b.iter(|| run("compile", &policy, &[Path::new("-o"), &out]));
            });
            fs::remove_dir_all(&out).expect("what was written goes");
        }
    }
    group.finish();
}

fn check(c: &mut Criterion) {
    let folder = Folder::new();
    let mut group = c.benchmark_group("check");
    group.sample_size(10);
    for (name, text) in [
        ("10000-access", support::policy(10_000)),
        ("10000-wild", support::wild_policy(10_000)),
        ("10000-rules", workloads::synthetic(10_000, 2_000, 5).policy()),
        ("40000-hosts", workloads::hosts(40_000)),
        ("union-1000", workloads::union(1_000)),
        ("union-2000", workloads::union(2_000)),
        ("union-4000", workloads::union(4_000)),
        ("dense-20", workloads::dense(20)),
    ] {
        let policy = folder.write("policy.yaml", &(text + &workloads::targets(&["nftables"])));
        group.bench_function(name, |b| b.iter(|| run("check", &policy, &[])));
    }
    group.finish();
}

fn stages(c: &mut Criterion) {
    let text = support::policy(10_000) + &workloads::targets(&["nftables"]);
    let load = || {
        let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
        portcullis::policy::load("large.yaml", &Only(text.clone()), &mut sources, &mut diags)
            .expect("a policy without faults")
    };
    let policy = load();
    let feeds = Feeds::bundled();
    let resolve = || {
        portcullis::pass::resolve::resolve(&policy, &feeds, &mut Diags::default())
            .expect("resolved")
            .rules
    };
    let rules = resolve();
    let gateway = Placement::Gateway { inside: vec!["lan0".into()], outside: vec!["wan0".into()] };
    let mut group = c.benchmark_group("10000-rules");
    group.measurement_time(Duration::from_secs(8)).sample_size(20);
    group.bench_function("decode", |b| b.iter(load));
    group.bench_function("resolve", |b| b.iter(resolve));
    group.bench_function("lower-and-merge", |b| {
        b.iter(|| portcullis::pass::filter(&rules, &gateway, StateMode::Stateful));
    });
    group.finish();
}

criterion_group!(benches, compile, check, stages);
criterion_main!(benches);
