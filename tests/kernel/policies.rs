//! The policies that the kernel is asked about.

use crate::artifact::runs_here;
use crate::common::{self, corpus};
use portcullis::command::Session;
use portcullis::command::compile::{Inputs, compile};
use portcullis::diag::{Diags, Format, render};
use portcullis::feed::Feeds;
use portcullis::firewall::{File, Spec, render::Templates};
use portcullis::ir::flow::{Rule, RuleSet};
use portcullis::ir::{L4Kind, Placement, StateMode};
use portcullis::net::Family;
use portcullis::pass::resolve::resolve;
use portcullis::policy::{ast::Policy, load};
use portcullis::source::SourceMap;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A policy of the corpus or an example.
pub struct Written {
    /// Its own name.
    pub name: String,
    policy: Policy,
    /// What it means.
    pub rules: RuleSet,
}

impl Written {
    /// Returns the corpus and the examples.
    pub fn all() -> Vec<Self> {
        corpus::policies().iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &std::path::Path) -> Self {
        let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
        let root = path.to_str().expect("UTF-8");
        let policy = load(root, &corpus::Disk, &mut sources, &mut diags);
        let resolved = policy.and_then(|policy| {
            let rules = resolve(&policy, &Feeds::bundled(), &mut diags)?.rules;
            Some(Written { name: policy.name.value.clone(), policy, rules })
        });
        resolved.unwrap_or_else(|| {
            panic!("{}", render(&diags, &sources, Format::Human { color: false }))
        })
    }

    /// Returns the targets that it asks for and that a kernel here runs.
    pub fn targets(&self) -> Vec<Spec> {
        let specs = self.policy.targets.iter().map(|target| target.spec.clone());
        specs.filter(|spec| runs_here(&spec.kind)).collect()
    }

    /// Returns the proven files of a target.
    pub fn compile(&self, target: &str) -> Vec<File> {
        let feeds = Feeds::bundled();
        let templates = Templates::default();
        let inputs = Inputs { templates: &templates, source: "policy.yaml" };
        let mut diags = Diags::default();
        let resolved = resolve(&self.policy, &feeds, &mut diags).expect("a policy that resolves");
        let mut session = Session::new(&self.policy, &feeds, &resolved);
        let compiled = compile(&mut session, &inputs, &|name| name == target, &mut diags);
        match compiled.map(|mut artifacts| artifacts.pop()) {
            Some(Some(artifact)) => artifact.files,
            _ => panic!("`{target}` does not compile: {:?}", diags.list()),
        }
    }
}

/// Returns a policy that nobody wrote, the same for the same seed.
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
