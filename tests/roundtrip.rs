//! What is written reads back as what was meant: generated policies, every target, all packets.

mod common;

use common::specs;
use portcullis::ir::decide;
use portcullis::pass;
use portcullis::proof::{Failure, Prover};
use portcullis::target::{self, Header, render::Templates};
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
        let filter = pass::filter(&policy, &placement, state);
        for spec in specs(&placement, state) {
            let files = target::generate(&filter, &spec, &header, &Templates::default());
            let files = files.map_err(|faults| TestCaseError::fail(format!("{}: {faults:?}", spec.name)))?;
            let program = target::read(&spec, &files).map_err(|error| {
                let text = files.get(error.place.file).map_or("", |file| &file.text);
                TestCaseError::fail(format!("{}: {error:?} in\n{text}", spec.name))
            })?;
            if let Err(Failure::Different { packet, policy, artifact }) =
                prover.prove(&placement, state, &program)
            {
                let text: String = files.iter().map(|file| file.text.clone()).collect();
                return Err(TestCaseError::fail(format!("{}: {packet}: {policy:?} but {artifact:?}\n{text}", spec.name)));
            }
            // The proof is held against single packets too.
            for packet in common::Edges::of(&policy, &placement).packets(seed, 100) {
                let expected = decide(&policy, &placement, state, &packet).verdict();
                prop_assert_eq!(program.decide(&packet).0, expected, "{}: {}", &spec.name, packet);
            }
        }
    }
}
