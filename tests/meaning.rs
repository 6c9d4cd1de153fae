//! Every pass keeps the meaning: held against `ir::decide` on packets from the edges of every range.

mod common;

use common::Edges;
use portcullis::ir::{decide, packet::Filter};
use portcullis::pass::{self, aggregate::aggregate, state};
use proptest::prelude::*;

fn total(filter: &Filter) -> usize {
    filter.inbound.len() + filter.outbound.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn lowering_and_merging_change_no_verdict(
        policy in common::rule_set(),
        (placement, state) in common::mode(),
        seed in any::<u64>(),
    ) {
        let lowered = state::lower(&policy, &placement, state);
        let merged = pass::filter(&policy, &placement, state);
        prop_assert!(total(&merged) <= total(&lowered));
        for packet in Edges::of(&policy, &placement).packets(seed, 400) {
            let expected = decide(&policy, &placement, state, &packet);
            prop_assert_eq!(lowered.verdict(&packet), expected.verdict(), "lowered: {:?} {:?}", packet, expected);
            prop_assert_eq!(merged.verdict(&packet), expected.verdict(), "merged: {:?} {:?}", packet, expected);
        }
    }

    #[test]
    fn merging_again_finds_nothing(policy in common::rule_set(), (placement, state) in common::mode()) {
        let once = pass::filter(&policy, &placement, state);
        prop_assert_eq!(aggregate(once.inbound.clone()), once.inbound);
    }
}

#[test]
fn most_generated_packets_reach_the_rules() {
    // The property above says nothing if its packets never meet a rule.
    use portcullis::ir::Decision;
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<&str, u32>::new();
    for seed in 0..200 {
        let (policy, (placement, state)) =
            (common::rule_set(), common::mode()).new_tree(&mut runner).expect("a tree").current();
        for packet in Edges::of(&policy, &placement).packets(seed, 200) {
            let kind = match decide(&policy, &placement, state, &packet) {
                Decision::Rule(..) => "rule",
                Decision::Return(_) => "return",
                Decision::Related => "related",
                Decision::Baseline(_) => "baseline",
                _ => "other",
            };
            *seen.entry(kind).or_default() += 1;
        }
    }
    for kind in ["rule", "return", "related", "baseline"] {
        assert!(seen.get(kind).is_some_and(|n| *n > 150), "{kind}: {seen:?}");
    }
}
