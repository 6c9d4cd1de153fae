//! The proof alone: a faithful program of a large generated rule set.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::ir::{Placement, StateMode};
use portcullis::pass;
use portcullis::proof::{Prover, of_filter};

fn proof(c: &mut Criterion) {
    let mut group = c.benchmark_group("proof");
    group.sample_size(10);
    for count in [100, 1_000, 10_000] {
        let policy = support::rule_set(count);
        for state in [StateMode::Stateful, StateMode::Stateless] {
            let filter = pass::filter(&policy, &Placement::Host, state);
            let program = of_filter(&filter);
            group.bench_function(format!("{count}-{}", state.word()), |b| {
                b.iter(|| {
                    Prover::new(&policy).prove(&Placement::Host, state, &program).expect("proven")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, proof);
criterion_main!(benches);
