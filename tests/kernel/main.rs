//! Real packets through real firewalls get the verdict that the policy gives them.
//!
//! Each artifact is loaded in a network namespace of its own, packets go in through TUN devices and raw
//! sockets, and what became of each is held against `decide()`. Nothing outside the namespace is touched.

#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests fail by panic and say what they skip"
)]
#![allow(missing_docs, unreachable_pub, reason = "nobody imports a test")]

mod bench;
mod draw;
mod hand;
mod sandbox;
mod scenario;
mod wire;

use bench::{Bench, run};
use sandbox::{ready, required, run_all};
use scenario::{Case, Report};

/// Packets per artifact: in full, and where a developer waits for them.
fn count() -> usize {
    if required() { 20_000 } else { 2_000 }
}

/// Not a test of its own: the other tests run it in a namespace, once per case.
#[test]
#[ignore = "runs inside a network namespace, started by the other tests"]
fn worker() {
    let Ok(case) = std::env::var(sandbox::CASE) else { return };
    let report = match case.split_once('/') {
        Some(("hand", name)) => run_hand(name),
        _ => panic!("no case is named `{case}`"),
    };
    eprintln!("{case}: {report}");
    assert!(report.differences.is_empty(), "the kernel and the policy differ");
}

fn run_hand(name: &str) -> Report {
    let hand = hand::case(name).expect("a case of that name");
    let mut bench = Bench::new(&hand.placement);
    run("nft", &["-f", "-"], &hand.ruleset);
    bench.note(hand.state);
    let case = Case { policy: &hand.policy, placement: &hand.placement, state: hand.state };
    scenario::run(&case, &mut bench, 1, count())
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
