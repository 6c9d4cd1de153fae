//! Rules that change nothing or overlap, in lists of two manners.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::analysis::{Work, overlaps, useless};
use std::collections::BTreeSet;

fn analysis(c: &mut Criterion) {
    let mut group = c.benchmark_group("rules");
    group.sample_size(10);
    for count in [1_000, 10_000] {
        for (name, policy) in
            [("access", support::rule_set(count)), ("wild", support::wild_rule_set(count))]
        {
            let work = || Work::new(portcullis::command::check::STEPS);
            group.bench_function(format!("{count}-{name}-useless"), |b| {
                b.iter(|| useless(&policy, &mut work()));
            });
            group.bench_function(format!("{count}-{name}-overlaps"), |b| {
                b.iter(|| overlaps(&policy, &BTreeSet::new(), &mut work()));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, analysis);
criterion_main!(benches);
