//! Real packets through real firewalls get the verdict that the policy gives them.
//!
//! Each artifact is loaded in a network namespace of its own, packets go in through TUN devices and raw
//! sockets, and what became of each is held against `decide()`. Nothing outside the namespace is touched.
//! `PORTCULLIS_REQUIRE_KERNEL=1` runs everything in full and makes a failure of every skip.

#![cfg(target_os = "linux")]

mod artifact;
mod bench;
#[path = "../common/mod.rs"]
mod common;
mod draw;
mod foreign;
mod hand;
mod pairs;
mod pairs_iptables;
mod policies;
mod rules;
mod sandbox;
mod scenario;
mod ways;
mod wire;

use artifact::kinds;
use bench::{Bench, run};
use policies::Written;
use portcullis::firewall::{self, File, Header, Kind, Spec, render::Templates};
use portcullis::ir::flow::RuleSet;
use portcullis::ir::{Placement, StateMode};
use portcullis::pass;
use sandbox::{ready, required, run_all};
use scenario::{Case, Report};

/// Packets per artifact of the corpus: in full, and where a developer waits for them.
fn count() -> usize {
    if required() { 20_000 } else { 2_000 }
}

/// Foreign rules that this kernel takes only in parts: it has no flowtables, and others are no rules of nft
/// at all.
const UNLOADABLE: [&str; 2] = ["offload", "unknown"];

/// Rules of the corpus that decide no packet, on purpose.
const SHADOWED: [&str; 1] = ["mail-from-the-relay"];

/// Not a test of its own: the other tests run it in a namespace, once per case.
#[test]
#[ignore = "runs inside a network namespace, started by the other tests"]
fn worker() {
    let Ok(name) = std::env::var(sandbox::CASE) else { return };
    let parts: Vec<_> = name.split('/').collect();
    if let ["pairs", load] = parts[..] {
        let report = pairs::run(load.parse().expect("a number"));
        eprintln!("{name}: {report}");
        return assert!(report.differences.is_empty(), "the kernel and the listing differ");
    }
    if let ["foreign", kind, of, placement] = parts[..] {
        return run_foreign(kind, of, placement);
    }
    let report = match parts[..] {
        ["hand", name] => run_hand(name),
        ["generated", seed, kind] => {
            let (policy, placement, state) = policies::generated(seed.parse().expect("a number"));
            run_matrix(&policy, kind, &placement, state, count() / 4)
        }
        ["written", policy, target] => {
            let written = written(policy);
            let spec = written.targets().into_iter().find(|spec| spec.name == target);
            let spec = spec.expect("a target of the policy");
            let files = written.compile(target);
            run_files(&written.rules, &spec.kind, &spec.placement, spec.state, &files, count())
        }
        ["matrix", policy, kind, placement, state] => {
            let (placement, state) = mode(placement, state);
            run_matrix(&written(policy).rules, kind, &placement, state, count())
        }
        _ => panic!("no case is named `{name}`"),
    };
    eprintln!("{name}: {report}");
    if matches!(parts[0], "written" | "matrix") {
        assert!(report.sent >= count(), "too few packets");
        let shadowed = |id: &String| SHADOWED.contains(&id.as_str());
        assert!(report.undecided.iter().all(shadowed), "no packet met {:?}", report.undecided);
    }
    assert!(report.differences.is_empty(), "the kernel and the policy differ");
}

fn run_foreign(kind: &str, of: &str, placement: &str) {
    let report = foreign::run_case(kind, of, placement, count() / 2);
    eprintln!("{kind}/{of}/{placement}: {report}");
    if matches!(kind, "nft" | "iptables") {
        eprintln!("{}{}", foreign::SHARE, report.share(kind));
    }
    assert!(report.sent >= count() / 4, "too few packets");
    assert!(report.differences.is_empty(), "the kernel and the listing differ");
}

fn written(name: &str) -> Written {
    Written::all().into_iter().find(|written| written.name == name).expect("a policy of that name")
}

const PLACEMENTS: [&str; 2] = ["host", "gateway"];
const STATES: [&str; 2] = ["stateful", "stateless"];

fn mode(placement: &str, state: &str) -> (Placement, StateMode) {
    let gateway =
        Placement::Gateway { inside: vec!["lan0".to_owned()], outside: vec!["wan0".to_owned()] };
    let placement = if placement == PLACEMENTS[0] { Placement::Host } else { gateway };
    let state = if state == STATES[0] { StateMode::Stateful } else { StateMode::Stateless };
    (placement, state)
}

fn run_hand(name: &str) -> Report {
    let hand = hand::case(name).expect("a case of that name");
    let mut bench = Bench::new(&hand.placement);
    if hand.iptables {
        // These commands skip the other family's lines by themselves.
        run("iptables-restore", &["-w"], &hand.ruleset);
        run("ip6tables-restore", &["-w"], &hand.ruleset);
    } else {
        run("nft", &["-f", "-"], &hand.ruleset);
    }
    bench.note(hand.state);
    let case = Case { policy: &hand.policy, placement: &hand.placement, state: hand.state };
    scenario::run(&case, &mut bench, 1, 10_000)
}

/// Compiles a policy for one kind of firewall, loads it, and sends packets.
fn run_matrix(
    policy: &RuleSet,
    kind: &str,
    placement: &Placement,
    state: StateMode,
    count: usize,
) -> Report {
    let kind = kinds().into_iter().find(|(name, _)| *name == kind).expect("a kind").1;
    let files = compile(policy, &kind, placement, state);
    run_files(policy, &kind, placement, state, &files, count)
}

fn run_files(
    policy: &RuleSet,
    kind: &Kind,
    placement: &Placement,
    state: StateMode,
    files: &[File],
    count: usize,
) -> Report {
    let mut bench = Bench::new(placement);
    artifact::load(kind, files);
    artifact::prove_listing(policy, placement, state, kind);
    bench.note(state);
    scenario::run(&Case { policy, placement, state }, &mut bench, 1, count)
}

fn compile(policy: &RuleSet, kind: &Kind, placement: &Placement, state: StateMode) -> Vec<File> {
    let filter = pass::filter(policy, placement, state);
    let output = match kind.word() {
        "nftables" => "rules.nft",
        "iptables" => "rules/",
        _ => panic!("no kernel here runs {}", kind.word()),
    };
    let spec = Spec {
        name: "test".to_owned(),
        kind: kind.clone(),
        placement: placement.clone(),
        state,
        output: output.to_owned(),
    };
    let header = Header { policy: policy.name.clone(), source: "policy.yaml".to_owned() };
    match firewall::generate(&filter, &spec, &header, &Templates::default()) {
        Ok(files) => files,
        Err(faults) => panic!("{faults:?}"),
    }
}

/// Runs cases and gives what each said; fails with what every failed one said.
fn all_pass(test: &str, cases: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    if !ready(test) {
        return all;
    }
    let mut failures = Vec::new();
    for (name, result) in cases.iter().zip(run_all(cases)) {
        match result {
            Ok(said) => {
                eprint!("{}", said.lines().next().map(|l| format!("{l}\n")).unwrap_or_default());
                all.push(said);
            }
            Err(said) => failures.push(format!("{name}: {said}")),
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
    all
}

/// Every artifact that the corpus and the examples ask for.
#[test]
fn every_artifact_holds_in_the_kernel() {
    let cases: Vec<_> = Written::all()
        .iter()
        .flat_map(|w| w.targets().into_iter().map(|s| format!("written/{}/{}", w.name, s.name)))
        .collect();
    all_pass("every_artifact_holds_in_the_kernel", &cases);
}

/// Every policy as every kind of artifact, at either place, tracking or not.
#[test]
fn every_policy_holds_as_every_kind() {
    if !required() {
        eprintln!("every_policy_holds_as_every_kind: only with PORTCULLIS_REQUIRE_KERNEL=1");
        return;
    }
    let mut cases = Vec::new();
    for written in Written::all() {
        for (kind, _) in kinds() {
            for placement in PLACEMENTS {
                cases.extend(
                    STATES.map(|s| format!("matrix/{}/{kind}/{placement}/{s}", written.name)),
                );
            }
        }
    }
    all_pass("every_policy_holds_as_every_kind", &cases);
}

/// Policies that nobody thought of, one kind of firewall each.
#[test]
fn generated_policies_hold_in_the_kernel() {
    let seeds = if required() { 40 } else { 8 };
    let cases: Vec<_> = (0..seeds)
        .map(|seed| format!("generated/{seed}/{}", kinds()[seed % kinds().len()].0))
        .collect();
    all_pass("generated_policies_hold_in_the_kernel", &cases);
}

/// What is said of rules that somebody else wrote, or nobody.
#[test]
fn listings_of_other_hands_mean_what_the_kernel_does() {
    let seeds = if std::env::var("MORE").is_ok() {
        240
    } else if required() {
        40
    } else {
        4
    };
    let of =
        |kind: &str, name: &str, at: usize| format!("foreign/{kind}/{name}/{}", PLACEMENTS[at % 2]);
    let mut cases = Vec::new();
    for seed in 0..seeds {
        cases.push(of("nft", &seed.to_string(), seed + 1));
        cases.push(of("iptables", &seed.to_string(), seed + 1));
    }
    cases.extend(foreign::hands().map(|name| of("hand", name, 1)));
    let texts = std::fs::read_dir(foreign::corpus()).expect("the corpus");
    for name in
        texts.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
    {
        let loads = !name.contains("json") && !UNLOADABLE.contains(&name.as_str());
        if loads && required() {
            cases.extend([of("corpus", &name, 0), of("corpus", &name, 1)]);
        }
    }
    let said = all_pass("listings_of_other_hands_mean_what_the_kernel_does", &cases);
    let share = |said: &String| {
        said.lines().find_map(|line| line.strip_prefix(foreign::SHARE)?.parse::<usize>().ok())
    };
    let shares: Vec<_> = said.iter().filter_map(share).collect();
    let sum: usize = shares.iter().sum();
    assert!(sum >= foreign::LEAST * shares.len(), "too little is sure: {shares:?}");
}

/// Every condition with every statement: no rule is lost in either format.
#[test]
fn every_condition_with_every_statement_is_read_as_the_kernel_has_it() {
    if !required() {
        eprintln!("every condition with every statement: only with PORTCULLIS_REQUIRE_KERNEL=1");
        return;
    }
    let cases: Vec<_> = (0..pairs::loads()).map(|load| format!("pairs/{load}")).collect();
    let said =
        all_pass("every_condition_with_every_statement_is_read_as_the_kernel_has_it", &cases);
    let refused = said.iter().flat_map(|said| said.lines()).filter_map(|line| {
        line.strip_suffix(" refused")?.rsplit(' ').next()?.parse::<usize>().ok()
    });
    eprintln!("{} pairs, of which nft refuses {}", pairs::all(), refused.sum::<usize>());
}

/// The harness is a check as well: it must pass what is right and name what is wrong.
#[test]
fn the_harness_finds_every_planted_fault() {
    if !ready("the_harness_finds_every_planted_fault") {
        return;
    }
    let names = hand::names();
    for (name, result) in names.iter().zip(run_all(&names)) {
        let wrong = name.split_once('/').and_then(|(_, n)| hand::case(n)).expect("a case").wrong;
        match result {
            Ok(said) => {
                assert!(!wrong, "{name}: the planted fault was not found\n{said}");
                eprintln!("{said}");
            }
            Err(said) => {
                assert!(wrong, "{name}: {said}");
                assert!(said.contains("the kernel and the policy differ"), "{name}: {said}");
            }
        }
    }
}
