//! The proof against what it stands for: single packets, and programs that are wrong.

#[path = "common/mod.rs"]
mod common;

use common::{Edges, translate};
use portcullis::ir::flow::RuleSet;
use portcullis::ir::{Action, Placement, StateMode, decide};
use portcullis::pass;
use portcullis::proof::program::{Chain, Match, Then};
use portcullis::proof::{Failure, Program, Prover};
use proptest::prelude::*;

/// The proof's answer, checked with packets: a witness must differ, and where there is none no packet may.
fn check(
    policy: &RuleSet,
    placement: &Placement,
    state: StateMode,
    program: &Program,
    seed: u64,
) -> Result<bool, TestCaseError> {
    let meaning =
        |packet: &portcullis::ir::Packet| decide(policy, placement, state, packet).verdict();
    match Prover::new(policy).prove(placement, state, program) {
        Ok(_) => {
            for packet in Edges::of(policy, placement).packets(seed, 300) {
                prop_assert_eq!(program.decide(&packet).0, meaning(&packet), "missed: {}", packet);
            }
            Ok(true)
        }
        Err(Failure::Different { packet, .. }) => {
            prop_assert_ne!(program.decide(&packet).0, meaning(&packet), "no witness: {}", packet);
            Ok(false)
        }
        Err(Failure::Budget) => Err(TestCaseError::fail("the budget is spent")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_faithful_program_is_proven(
        policy in common::rule_set(),
        (placement, state) in common::mode(),
        seed in any::<u64>(),
    ) {
        let program = translate::program(&pass::filter(&policy, &placement, state));
        prop_assert!(program.check().is_ok());
        prop_assert!(check(&policy, &placement, state, &program, seed)?, "refused what is right");
    }

    #[test]
    fn a_changed_program_is_judged_rightly(
        policy in common::rule_set(),
        (placement, state) in common::mode(),
        (chain, clause, condition, how) in (1usize..3, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..5),
        seed in any::<u64>(),
    ) {
        let mut program = translate::program(&pass::filter(&policy, &placement, state));
        let clauses = &mut program.chains[chain].clauses;
        let at = clause.index(clauses.len());
        match how {
            0 => drop(clauses.remove(at)),
            1 => {
                let other = clause.index(clauses.len() / 2 + 1);
                clauses.swap(at, other);
            }
            2 if !clauses[at].when.is_empty() => {
                let condition = condition.index(clauses[at].when.len());
                clauses[at].when.remove(condition);
            }
            3 => widen(&mut clauses[at].when),
            _ => clauses[at].then = Then::Return,
        }
        check(&policy, &placement, state, &program, seed)?;
    }

    #[test]
    fn jumps_gotos_and_returns_are_followed(
        policy in common::rule_set(),
        (placement, state) in common::mode(),
        cuts in proptest::collection::vec((1usize..3, any::<prop::sample::Index>(), 0usize..4), 1..4),
        seed in any::<u64>(),
    ) {
        let mut program = translate::program(&pass::filter(&policy, &placement, state));
        for (chain, at, how) in cuts {
            let at = at.index(program.chains[chain].clauses.len());
            split(&mut program, chain, at, how);
        }
        prop_assert!(program.check().is_ok());
        prop_assert!(check(&policy, &placement, state, &program, seed)?, "moving clauses changed them");
    }
}

/// Makes one range larger by one.
fn widen(when: &mut [Match]) {
    for one in when {
        if let Match::Field(_, ranges) = one
            && let Some(last) = ranges.last_mut().filter(|(_, high)| *high < 255)
        {
            last.1 += 1;
            return;
        }
    }
}

/// Moves the end of a chain to a chain of its own, in a way that must change nothing.
fn split(program: &mut Program, chain: usize, at: usize, how: usize) {
    let new = program.chains.len();
    let clauses = &mut program.chains[chain].clauses;
    let Some(model) = clauses.get(at).cloned() else { return };
    match how {
        0 | 1 => {
            let moved = clauses.split_off(at);
            let then = if how == 0 { Then::Jump(new) } else { Then::Goto(new) };
            clauses.push(portcullis::proof::program::Clause { when: Vec::new(), then, ..model });
            program.chains.push(Chain { name: "end".to_owned(), clauses: moved });
        }
        2 => {
            // One clause alone, behind a jump that has its condition.
            let inner = portcullis::proof::program::Clause { when: Vec::new(), ..model.clone() };
            clauses[at].then = Then::Jump(new);
            program.chains.push(Chain { name: "one".to_owned(), clauses: vec![inner] });
        }
        _ => {
            // The condition as a union of itself with itself.
            clauses[at].when = vec![Match::AnyOf(vec![model.when.clone(), model.when])];
        }
    }
}

#[test]
fn a_spent_budget_is_no_proof() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let policy = common::rule_set().new_tree(&mut runner).expect("a policy").current();
    let program = Program::default();
    let result =
        Prover::with_budget(&policy, 2).prove(&Placement::Host, StateMode::Stateful, &program);
    assert_eq!(result, Err(Failure::Budget));
}

#[test]
fn an_empty_artifact_is_not_a_policy() {
    let policy = RuleSet {
        name: "shut".to_owned(),
        rules: Vec::new(),
        defaults: portcullis::ir::flow::Defaults { inbound: Action::Drop, outbound: Action::Drop },
        baseline: portcullis::ir::Baseline::None,
        ephemeral: portcullis::net::PortSet::all(),
    };
    let result =
        Prover::new(&policy).prove(&Placement::Host, StateMode::Stateful, &Program::default());
    assert!(matches!(result, Err(Failure::Different { .. })));
}
