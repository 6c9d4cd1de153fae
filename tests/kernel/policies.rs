//! The policies that the kernel is asked about.

use crate::common;
use portcullis::ir::flow::RuleSet;
use portcullis::ir::{Placement, StateMode};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Gives a policy that nobody wrote, the same for the same seed.
pub fn generated(seed: u8) -> (RuleSet, Placement, StateMode) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = (common::rule_set(), common::mode()).new_tree(&mut runner).expect("a policy");
    let (policy, (placement, state)) = tree.current();
    (policy, placement, state)
}

/// The kernel can only say something about packets that it is sent.
#[test]
fn drawn_packets_reach_most_rules() {
    use crate::draw::{Draw, Random};
    use portcullis::ir::{Decision, decide};
    let (mut all, mut met) = (0, 0);
    for seed in 0..40 {
        let (policy, placement, state) = generated(seed);
        let drawn = Draw::new(&policy, &placement, &mut Random(1)).openers(2_000);
        assert!(drawn.openers.len() >= 2_000, "{seed}: {} packets", drawn.openers.len());
        let mut rules = std::collections::BTreeSet::new();
        for packet in &drawn.openers {
            if let Decision::Rule(rule, _) = decide(&policy, &placement, state, packet) {
                rules.insert(rule);
            }
        }
        all += policy.rules.len();
        met += rules.len();
    }
    // The others are shadowed, or for addresses that no packet has.
    assert!(met * 10 > all * 7, "{met} of {all} rules decided a packet");
}
