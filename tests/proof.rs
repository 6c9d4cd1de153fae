//! The proof against what it stands for: single packets, and programs that are wrong.

#[path = "common/mod.rs"]
mod common;

use common::Edges;
use portcullis::ir::flow::{Defaults, RuleSet};
use portcullis::ir::packet::MatchCaps;
use portcullis::ir::{Action, Baseline, Placement, StateMode, Verdict, decide};
use portcullis::net::PortSet;
use portcullis::pass;
use portcullis::program::Program;
use portcullis::program::{Chain, Clause, Field, Match, Place, Target};
use portcullis::proof::{Budget, Claim, Differs, Failure, Prover, between, of_filter};
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
        Err(failure) => Err(TestCaseError::fail(format!("{failure:?}"))),
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
        let program = of_filter(&pass::filter(&policy, &placement, state));
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
        let mut program = of_filter(&pass::filter(&policy, &placement, state));
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
            _ => clauses[at].then = Target::Return,
        }
        let proven = check(&policy, &placement, state, &program, seed)?;
        let claim = Claim { placement: &placement, state, unseen: &[], declared: None };
        let found = Prover::new(&policy).differences(&claim, &program, 10_000).expect("small");
        prop_assert_eq!(found.is_empty(), proven);
        for packet in Edges::of(&policy, &placement).packets(seed, 300) {
            let differs = differs(claim.verdict(&policy, &packet), program.decide(&packet).0);
            let said: Vec<_> =
                found.iter().filter(|d| d.covers(&packet)).map(|d| d.differs).collect();
            prop_assert_eq!(said, Vec::from_iter(differs), "{}", packet);
        }
        for one in &found {
            prop_assert!(one.whole && one.covers(&one.example), "{:?}", one);
        }
    }

    #[test]
    fn two_programs_differ_where_packets_say_so(
        (old, new) in (common::rule_set(), common::rule_set()),
        (placement, state) in common::mode(),
        seed in any::<u64>(),
    ) {
        let [before, after] =
            [&old, &new].map(|policy| of_filter(&pass::filter(policy, &placement, state)));
        let found = between(&placement, &before, &after, 10_000).expect("small");
        let mut packets = Edges::of(&old, &placement).packets(seed, 200);
        packets.extend(Edges::of(&new, &placement).packets(seed, 200));
        for packet in packets {
            let differs = differs(before.decide(&packet).0, after.decide(&packet).0);
            let said: Vec<_> =
                found.iter().filter(|d| d.covers(&packet)).map(|d| d.differs).collect();
            prop_assert_eq!(said, Vec::from_iter(differs), "{}", packet);
        }
    }

    #[test]
    fn what_is_not_understood_makes_every_answer_a_double_one(
        policy in common::rule_set(),
        (placement, state) in common::mode(),
        (chain, clause) in (1usize..3, any::<prop::sample::Index>()),
        seed in any::<u64>(),
    ) {
        let exact = of_filter(&pass::filter(&policy, &placement, state));
        let mut program = exact.clone();
        let clauses = &mut program.chains[chain].clauses;
        let at = clause.index(clauses.len());
        clauses[at].when.push(Match::Unknown);
        // The two ways that it can be: the condition holds, or it does not.
        let mut without = exact.clone();
        without.chains[chain].clauses.remove(at);
        let claim = Claim { placement: &placement, state, unseen: &[], declared: None };
        let found = Prover::new(&policy).differences(&claim, &program, 10_000).expect("small");
        for packet in Edges::of(&policy, &placement).packets(seed, 300) {
            let (one, other) = (exact.decide(&packet).0, without.decide(&packet).0);
            let mut may: Vec<_> = program.outcomes(&packet).iter().map(|(v, _)| *v).collect();
            may.sort();
            let mut should = vec![one, other];
            should.sort();
            should.dedup();
            prop_assert_eq!(may, should, "{}", packet);
            let said: Vec<_> =
                found.iter().filter(|d| d.covers(&packet)).map(|d| d.differs).collect();
            let accepts = |verdict| verdict == Verdict::Accept || verdict == Verdict::Untrack;
            let expected = match (accepts(one), accepts(other)) {
                _ if one == other => vec![],
                (true, false) => vec![Differs::MayShut],
                (false, true) => vec![Differs::MayOpen],
                (true, true) => vec![Differs::Tracks],
                (false, false) => vec![Differs::Answers],
            };
            prop_assert_eq!(said, expected, "{}", packet);
        }
    }

    #[test]
    fn jumps_gotos_and_returns_are_followed(
        policy in common::rule_set(),
        (placement, state) in common::mode(),
        cuts in proptest::collection::vec((1usize..3, any::<prop::sample::Index>(), 0usize..4), 1..4),
        seed in any::<u64>(),
    ) {
        let mut program = of_filter(&pass::filter(&policy, &placement, state));
        for (chain, at, how) in cuts {
            let at = at.index(program.chains[chain].clauses.len());
            split(&mut program, chain, at, how);
        }
        prop_assert!(program.check().is_ok());
        prop_assert!(check(&policy, &placement, state, &program, seed)?, "moving clauses changed them");
    }
}

/// How a verdict differs from another.
fn differs(expected: Verdict, done: Verdict) -> Option<Differs> {
    let passes = |verdict| matches!(verdict, Verdict::Accept | Verdict::Untrack);
    match (passes(expected), passes(done)) {
        _ if expected == done => None,
        (false, true) => Some(Differs::Opens),
        (true, false) => Some(Differs::Shuts),
        (true, true) => Some(Differs::Tracks),
        (false, false) => Some(Differs::Answers),
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
            let then = if how == 0 { Target::Jump(new) } else { Target::Goto(new) };
            clauses.push(portcullis::program::Clause { when: Vec::new(), then, ..model });
            program.chains.push(Chain { name: "end".to_owned(), clauses: moved });
        }
        2 => {
            // One clause alone, behind a jump that has its condition.
            let inner = portcullis::program::Clause { when: Vec::new(), ..model.clone() };
            clauses[at].then = Target::Jump(new);
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
    let few =
        [Budget { nodes: 2, ..Budget::default() }, Budget { bytes: 200, ..Budget::default() }];
    for budget in few {
        let mut prover = Prover::with_budget(&policy, budget);
        let result = prover.prove(&Placement::Host, StateMode::Stateful, &program);
        assert_eq!(result, Err(Failure::Budget), "{budget:?}");
    }
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

/// A firewall that looks at nothing more than it must.
const BLIND: MatchCaps = MatchCaps {
    source_ports: false,
    icmp_types: false,
    tcp_flags: false,
    hop_limit: false,
    ..MatchCaps::FULL
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_was_declared_is_proven_and_nothing_else(
        policy in common::rule_set(),
        (placement, state) in common::mode(),
        seed in any::<u64>(),
    ) {
        let planned = pass::filter_for(&policy, &placement, state, &BLIND);
        // A rule that refuses by source ports cannot be said.
        if !planned.unsayable.is_empty() {
            return Ok(());
        }
        let (filter, report) = (planned.filter, planned.report);
        let program = of_filter(&filter);
        let claim = Claim { placement: &placement, state, unseen: &[], declared: Some(&filter) };
        let mut prover = Prover::new(&policy);
        prop_assert!(prover.prove_claim(&claim, &program).is_ok(), "refused what was declared");
        let beyond = prover.prove_claim(&claim, &program).ok().and_then(|proof| proof.beyond);
        for packet in Edges::of(&policy, &placement).packets(seed, 300) {
            let meant = decide(&policy, &placement, state, &packet).verdict();
            let done = filter.verdict(&packet);
            prop_assert!(meant != Verdict::Accept || done == meant, "narrower: {packet}");
            prop_assert!(meant == done || beyond.is_some(), "wider in silence: {packet}");
            prop_assert!(beyond.is_none() || !report.is_empty(), "wider without a report");
        }
        if let Some(packet) = beyond {
            prop_assert_eq!(filter.verdict(&packet), Verdict::Accept, "{}", packet);
            let meant = decide(&policy, &placement, state, &packet).verdict();
            prop_assert_ne!(meant, Verdict::Accept, "{}", packet);
        }
        // The exact artifact is not what was declared, unless both mean the same.
        let exact = of_filter(&pass::filter(&policy, &placement, state));
        match prover.prove_claim(&claim, &exact) {
            Ok(_) => prop_assert!(prover.prove(&placement, state, &program).is_ok()),
            Err(Failure::NotAsDeclared { packet, declared, artifact }) => {
                prop_assert_ne!(declared, artifact.0, "no witness: {}", packet);
            }
            Err(other) => prop_assert!(false, "{other:?}"),
        }
        // Nor may it cut off more than it lets in.
        let shut = Program { bases: vec![], chains: vec![] };
        if let Err(Failure::Different { packet, policy, .. }) = prover.prove_claim(&claim, &shut) {
            prop_assert_eq!(policy.verdict(), Verdict::Accept, "{}", packet);
        }
    }
}

#[test]
fn nothing_is_claimed_of_packets_that_are_not_seen() {
    let policy = RuleSet {
        name: "shut".to_owned(),
        rules: Vec::new(),
        defaults: Defaults { inbound: Action::Drop, outbound: Action::Drop },
        baseline: Baseline::None,
        ephemeral: PortSet::all(),
    };
    let (placement, state) = (Placement::Host, StateMode::Stateless);
    let field = |field, value: u32| Match::Field(field, vec![(value, value)]);
    let drop_all = pass::filter(&policy, &placement, state);
    let mut program = of_filter(&drop_all);
    let open = Clause {
        when: vec![field(Field::Protocol, 17), field(Field::DestinationPort, 68)],
        then: Target::Decide(Verdict::Accept),
        place: Place::default(),
    };
    program.chains[1].clauses.insert(0, open.clone());
    let unseen = [open.when];
    let mut prover = Prover::new(&policy);
    let claim = Claim { placement: &placement, state, unseen: &unseen, declared: None };
    assert!(prover.prove_claim(&claim, &program).is_ok());
    let all = Claim { unseen: &[], ..claim };
    let Err(Failure::Different { packet, .. }) = prover.prove_claim(&all, &program) else {
        panic!("an open port was not seen");
    };
    assert!(!claim.covers(&packet) && all.covers(&packet));
}
