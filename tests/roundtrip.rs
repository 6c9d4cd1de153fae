//! What is written reads back as what was meant: generated policies, every target, all packets.

mod common;

use common::specs;
use portcullis::command::compile::Intent;
use portcullis::firewall::{self, Header, Spec, render::Templates};
use portcullis::ir::{Verdict, decide};
use portcullis::proof::Prover;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_artifact_is_proven(
        policy in common::rule_set(),
        (placement, state) in common::mode(),
        seed in any::<u64>(),
    ) {
        let header = Header { policy: policy.name.clone(), source: "policy.yaml".to_owned() };
        let mut prover = Prover::new(&policy);
        for spec in specs(&placement, state) {
            let intent = Intent::of(&policy, &spec, None);
            if !intent.unsayable.is_empty() {
                continue;
            }
            let files = firewall::generate(&intent.filter, &spec, &header, &Templates::default());
            let Ok(files) = files else {
                let faults = files.err();
                prop_assert!(may_refuse(&spec), "{}: {faults:?}", spec.name);
                continue;
            };
            let text: String = files.iter().map(|file| file.text.clone()).collect();
            let program = firewall::read_artifact(&spec, &files)
                .map_err(|error| TestCaseError::fail(format!("{}: {error:?} in\n{text}", spec.name)))?;
            let claim = intent.claim();
            if let Err(failure) = prover.prove_claim(&claim, &program) {
                return Err(TestCaseError::fail(format!("{}: {failure:?}\n{text}", spec.name)));
            }
            // The proof is held against single packets too.
            let packets = common::Edges::of(&policy, &placement).packets(seed, 100);
            for packet in packets.iter().filter(|packet| claim.covers(packet)) {
                let claimed = claim.verdict(&policy, packet);
                let meant = decide(&policy, &placement, state, packet).verdict();
                let done = program.decide(packet).0;
                prop_assert_eq!(done, claimed, "{}: {}", &spec.name, packet);
                prop_assert!(meant != Verdict::Accept || done == meant, "{}: {packet}", spec.name);
            }
        }
    }
}

/// Kinds that cannot say everything: no reject, no log, few rules.
fn may_refuse(spec: &Spec) -> bool {
    !["nftables", "iptables"].contains(&spec.kind.word())
}
