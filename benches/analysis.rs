//! Rules that change nothing, in lists of two manners.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::analysis::useless;

fn analysis(c: &mut Criterion) {
    let mut group = c.benchmark_group("useless-rules");
    group.sample_size(10);
    for count in [1_000, 10_000] {
        for (name, policy) in
            [("access", support::rule_set(count)), ("wild", support::wild_rule_set(count))]
        {
            group.bench_function(format!("{count}-{name}"), |b| b.iter(|| useless(&policy)));
        }
    }
    group.finish();
}

criterion_group!(benches, analysis);
criterion_main!(benches);
