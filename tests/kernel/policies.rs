//! The policies that the kernel is asked about.

use crate::common;
use portcullis::ir::flow::{Rule, RuleSet};
use portcullis::ir::{L4Kind, Placement, StateMode};
use portcullis::net::Family;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Gives a policy that nobody wrote, the same for the same seed.
pub fn generated(seed: u8) -> (RuleSet, Placement, StateMode) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = (common::rule_set(), common::mode()).new_tree(&mut runner).expect("a policy");
    let (mut policy, (placement, state)) = tree.current();
    policy.rules = policy.rules.into_iter().filter_map(of_one_family).collect();
    (policy, placement, state)
}

/// Takes from a rule for ICMP types the family that does not have them, as resolving a policy does.
fn of_one_family(mut rule: Rule) -> Option<Rule> {
    let family = match rule.l4.kind() {
        L4Kind::Icmp(_) => Family::V4,
        L4Kind::Icmpv6(_) => Family::V6,
        _ => return Some(rule),
    };
    rule.source = rule.source.only(family);
    rule.normalized()
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
