//! Mutants of real artifacts: the proof names each one that means something else, and no other.
//!
//! A mutant is an artifact's text with one small change. It is *refused* when the reader does not
//! understand it, *killed* when the proof finds a packet that differs, *equal* when the proof says that it
//! means the same. Killed ones are checked with the packet, equal ones with many packets.

#[path = "common/mod.rs"]
mod common;

use common::corpus::{self, Case};
use portcullis::command::compile::Intent;
use portcullis::firewall::{self, File, Spec};
use portcullis::ir::Packet;
use portcullis::program::Program;
use portcullis::proof::{Difference, Differs, Failure, Prover};

/// At most so many mutants of one file, spread over its whole length; a developer waits for fewer.
fn most() -> usize {
    if std::env::var_os("PORTCULLIS_REQUIRE_KERNEL").is_some() { 400 } else { 60 }
}

#[derive(Default, Debug)]
struct Tally {
    refused: usize,
    killed: usize,
    equal: usize,
    /// Read as a listing too, by the other reader of the same kind.
    listed: usize,
}

/// Words and what they turn into.
const SWAPS: &[(&str, &str)] = &[
    ("allow", "deny"),
    ("deny", "allow"),
    ("Allow", "Deny"),
    ("Deny", "Allow"),
    ("Inbound", "Outbound"),
    ("Outbound", "Inbound"),
    ("Tcp", "Udp"),
    ("Udp", "Tcp"),
    ("Icmp", "*"),
    ("true", "false"),
    ("false", "true"),
    ("accept", "drop"),
    ("drop", "accept"),
    ("ACCEPT", "DROP"),
    ("DROP", "ACCEPT"),
    ("RETURN", "ACCEPT"),
    ("return", "accept"),
    ("saddr", "daddr"),
    ("daddr", "saddr"),
    ("-s", "-d"),
    ("-d", "-s"),
    ("--dport", "--sport"),
    ("dport", "sport"),
    ("src", "dst"),
    ("dst", "src"),
    ("tcp", "udp"),
    ("udp", "tcp"),
    ("established", "new"),
    ("ESTABLISHED,RELATED", "NEW,ESTABLISHED,RELATED"),
    ("==", "!="),
    ("!=", "=="),
    ("!", ""),
    ("input", "output"),
];

/// Every way that one line loses something; an empty string takes the line away.
fn losses(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut changed = vec![String::new()];
    // Blanks that align a text say nothing.
    for at in (0..words.len()).filter(|at| !words[*at].is_empty()) {
        for many in 1..=3 {
            if at + many <= words.len() {
                changed.push([&words[..at], &words[at + many..]].concat().join(" "));
            }
        }
    }
    changed
}

/// Every way that one word of a line becomes another.
fn exchanges(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut changed = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let bare = word.trim_end_matches(',');
        let tail = &word[bare.len()..];
        for other in alternatives(bare) {
            let mut new: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            new[at] = other + tail;
            changed.push(new.join(" "));
        }
    }
    changed
}

/// What a word could be instead: the opposite, the next number, a prefix twice as large.
fn alternatives(word: &str) -> Vec<String> {
    let trimmed = word.trim_matches(|c: char| "\t;\",".contains(c));
    let mut others: Vec<_> = SWAPS
        .iter()
        .filter(|(from, _)| *from == trimmed)
        .map(|(_, to)| word.replace(trimmed, to))
        .collect();
    if let Ok(number) = trimmed.parse::<u32>() {
        others.push(word.replace(trimmed, &(number + 1).to_string()));
    }
    if let Some((low, high)) = trimmed.split_once(['-', ':'])
        && let (Ok(low), Ok(high)) = (low.parse::<u32>(), high.parse::<u32>())
    {
        let separator = &trimmed[low.to_string().len()..=low.to_string().len()];
        others.push(word.replace(trimmed, &format!("{low}{separator}{}", high.saturating_sub(1))));
        others.push(word.replace(trimmed, &format!("{}{separator}{high}", low.saturating_sub(1))));
    }
    if let Ok(net) = trimmed.parse::<ipnet::IpNet>()
        && let Some(larger) = net.supernet()
    {
        others.push(word.replace(trimmed, &larger.to_string()));
    }
    others
}

/// One changed file for each mutant.
fn mutants(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut lost, mut exchanged) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        lost.extend(losses(line).into_iter().map(|new| (at, vec![new])));
        exchanged.extend(exchanges(line).into_iter().map(|new| (at, vec![new])));
        if let Some(next) = lines.get(at + 1) {
            lost.push((at, vec![(*next).to_owned(), (*line).to_owned()]));
        }
    }
    let spell = |(at, new): (usize, Vec<String>)| {
        let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        changed.splice(at..at + new.len(), new);
        changed.join("\n") + "\n"
    };
    spread(lost).chain(spread(exchanged)).map(spell).collect()
}

/// Some of a list from all over it. By a multiplicative hash: a fixed step would always meet the same words
/// of lines that are alike.
fn spread<T: Clone>(all: Vec<T>) -> impl Iterator<Item = T> {
    let mut order: Vec<u64> = (0..all.len() as u64).collect();
    order.sort_by_key(|index| index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let taken = order.into_iter().take(most() / 2);
    taken.map(move |index| all[usize::try_from(index).expect("an index")].clone())
}

fn judge(
    case: &Case,
    spec: &Spec,
    files: &[File],
    prover: &mut Prover<'_>,
    packets: &[Packet],
) -> Tally {
    let mut tally = Tally::default();
    for (index, file) in files.iter().enumerate() {
        for text in mutants(&file.text) {
            if text == file.text {
                continue;
            }
            let mut mutant = files.to_vec();
            mutant[index].text.clone_from(&text);
            match firewall::read_artifact(spec, &mutant) {
                Err(_) => tally.refused += 1,
                Ok(program) => {
                    one(case, spec, &program, prover, packets, &text, &mut tally);
                    let listed = listed((case, spec), &mutant, &program, prover, &text);
                    tally.listed += usize::from(listed);
                }
            }
        }
    }
    tally
}

/// Holds the reader of listings against the strict one: what is equal to it is equal or, with a word about
/// it, open; what differs is not equal. Tells whether it reads the text at all.
fn listed(
    (case, spec): (&Case, &Spec),
    files: &[File],
    strict: &Program,
    prover: &mut Prover<'_>,
    text: &str,
) -> bool {
    let mut files = files.to_vec();
    if spec.kind.word() == "iptables" {
        // Chains of one's own are hooked in by the script, which is no listing.
        if spec.kind.settings.word("scope") == "chains" {
            return false;
        }
        files.retain(|file| !file.executable);
    }
    let Ok(listing) = firewall::read(spec, &files, None) else { return false };
    let intent = Intent::of(&case.rules, spec, case.members.get(&spec.name));
    let mut differences =
        |program: &Program| prover.differences(&intent.claim(), program, 4).expect("small");
    let (by_strict, by_listing) = (differences(strict), differences(&listing.program));
    let open = |one: &Difference| matches!(one.differs, Differs::MayOpen | Differs::MayShut);
    assert!(
        by_strict.is_empty() || !by_listing.is_empty(),
        "missed in a listing, of {}\n{text}",
        spec.name
    );
    assert!(
        !by_strict.is_empty() || by_listing.iter().all(open),
        "wrong in a listing, of {}\n{text}",
        spec.name
    );
    assert!(
        !by_strict.is_empty() || by_listing.is_empty() || !listing.unclear.is_empty(),
        "open without a word, of {}\n{text}",
        spec.name
    );
    true
}

fn one(
    case: &Case,
    spec: &Spec,
    program: &Program,
    prover: &mut Prover<'_>,
    packets: &[Packet],
    text: &str,
    tally: &mut Tally,
) {
    let intent = Intent::of(&case.rules, spec, case.members.get(&spec.name));
    let claim = intent.claim();
    let proof = prover.prove_claim(&claim, program);
    // Verifying finds what the proof finds.
    let found = prover.differences(&claim, program, 4).expect("a small policy");
    assert_eq!(found.is_empty(), proof.is_ok(), "of {}\n{text}", spec.name);
    match proof {
        Ok(_) => {
            tally.equal += 1;
            for packet in packets.iter().filter(|packet| claim.covers(packet)) {
                let (verdict, _) = program.decide(packet);
                let claimed = claim.verdict(&case.rules, packet);
                assert_eq!(verdict, claimed, "missed, of {}: {packet}\n{text}", spec.name);
            }
        }
        Err(Failure::Different { packet, .. } | Failure::NotAsDeclared { packet, .. }) => {
            tally.killed += 1;
            let (verdict, _) = program.decide(&packet);
            let claimed = claim.verdict(&case.rules, &packet);
            assert!(claim.covers(&packet), "nothing was claimed of {packet}");
            assert_ne!(verdict, claimed, "no witness, of {}: {packet}\n{text}", spec.name);
        }
        Err(Failure::Budget) => panic!("no budget for a mutant of {}", spec.name),
    }
}

#[test]
fn the_proof_catches_every_mutant_that_means_something_else() {
    let mut sum = Tally::default();
    for path in corpus::policies() {
        let case = corpus::case(&path);
        let mut prover = Prover::new(&case.rules);
        for (spec, files) in &case.artifacts {
            let packets = common::Edges::of(&case.rules, &spec.placement).packets(7, 2_000);
            let tally = judge(&case, spec, files, &mut prover, &packets);
            println!("{} {}: {tally:?}", case.name, spec.name);
            assert!(tally.killed > 0, "no mutant of {} {} was killed", case.name, spec.name);
            sum.refused += tally.refused;
            sum.killed += tally.killed;
            sum.equal += tally.equal;
            sum.listed += tally.listed;
        }
    }
    println!("all: {sum:?}");
    assert!(sum.killed >= 500, "{sum:?}");
    assert!(sum.listed >= 500, "{sum:?}");
}
