//! How long a start with a selection takes, and the reading of a vendor's whole file.
//!
//! The file is made here, as large as AWS's was in 2026: 10,668 + 6,160 rows, 2.6 MB.
//! `PORTCULLIS_FEEDS` adds the published ones.

#![expect(clippy::expect_used, reason = "a benchmark may panic to say what is wrong")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis::feed::{Feeds, Selector, aws};
use std::fmt::Write;
use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};

fn selector(service: &str, regions: &[&str]) -> Selector {
    let regions = regions.iter().map(|r| (*r).to_owned()).collect();
    Selector { feed: "aws".into(), service: service.into(), regions, ..Default::default() }
}

fn start(c: &mut Criterion) {
    let wanted = [
        selector("AMAZON_CONNECT", &["GLOBAL", "us-east-1"]),
        selector("EC2", &["GLOBAL", "us-east-1"]),
        selector("CLOUDFRONT", &[]),
    ];
    c.bench_function("snapshot: open", |b| b.iter(Feeds::bundled));
    c.bench_function("snapshot: open and select for Amazon Connect", |b| {
        b.iter(|| {
            let feeds = Feeds::bundled();
            wanted.each_ref().map(|s| feeds.select(s).map(|set| set.v4.ranges().len()))
        });
    });
}

/// Spells rows as the vendor does, four keys on lines of their own.
fn rows(key: &str, prefixes: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for (at, prefix) in prefixes.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let (region, service) = (at % 43, at % 28);
        write!(
            text,
            "{comma}\n    {{\n      \"{key}\": \"{prefix}\",\n      \"region\": \"region-{region}\",\n      \
             \"service\": \"SERVICE_{service}\",\n      \"network_border_group\": \"group-{region}\"\n    }}"
        )
        .expect("memory");
    }
    text
}

fn made_up() -> String {
    let v4 = (0..10_668u32)
        .map(|at| Ipv4Addr::from_bits(0x0300_0000 + at.wrapping_mul(7919) % 0x1_0000 * 256));
    let v6 = (0..6_160u128).map(|at| Ipv6Addr::from_bits((0x2600_1f00 << 96) + (at << 80)));
    format!(
        "{{\n  \"syncToken\": \"1\",\n  \"createDate\": \"x\",\n  \"prefixes\": [{}\n  ],\n  \
         \"ipv6_prefixes\": [{}\n  ]\n}}\n",
        rows("ip_prefix", v4.map(|address| format!("{address}/24"))),
        rows("ipv6_prefix", v6.map(|address| format!("{address}/48"))),
    )
}

fn parse(c: &mut Criterion) {
    let mut inputs = vec![("made up".to_owned(), made_up().into_bytes())];
    let folder = std::env::var_os("PORTCULLIS_FEEDS").map(|p| std::path::Path::new(&p).join("aws"));
    for entry in folder.into_iter().filter_map(|f| std::fs::read_dir(f).ok()).flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        inputs.push((name, std::fs::read(entry.path()).expect("a readable file")));
    }
    let mut group = c.benchmark_group("parse");
    for (name, bytes) in &inputs {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| aws::parse(black_box(bytes)).expect("a good file"))
        });
    }
    group.finish();
}

criterion_group!(benches, start, parse);
criterion_main!(benches);
