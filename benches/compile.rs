//! The whole command as a process, and each stage of it on a large policy.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::diag::Diags;
use portcullis::feed::Feeds;
use portcullis::ir::{Placement, StateMode};
use portcullis::source::SourceMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// One text, whatever the path.
struct Only(String);

impl portcullis::policy::Loader for Only {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

fn process(c: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("portcullis-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let large = folder.join("large.yaml");
    fs::write(&large, support::policy(10_000)).expect("a policy");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/amazon-connect/policy.yaml");
    let five = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/contact-center/voice.yaml");
    let mut group = c.benchmark_group("process");
    for (name, policy) in
        [("readme", example), ("five-kinds", five), ("10000-rules", large.to_str().expect("UTF-8"))]
    {
        group.bench_function(name, |b| {
            b.iter(|| {
                let status = Command::new(env!("CARGO_BIN_EXE_portcullis"))
                    .args(["compile", policy, "-o"])
                    .arg(folder.join("out"))
                    .output()
                    .expect("the command runs");
                assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
            });
        });
    }
    group.finish();
    fs::remove_dir_all(&folder).expect("the folder goes");
}

fn stages(c: &mut Criterion) {
    let text = support::policy(10_000);
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

criterion_group!(benches, process, stages);
criterion_main!(benches);
