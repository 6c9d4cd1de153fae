//! What fuzzing found once, and what it starts from: replayed, and changed at random.

#[path = "../fuzz/bodies.rs"]
#[allow(dead_code, reason = "tests/fuzzing.rs runs the others")]
mod bodies;

use std::fs;
use std::path::{Path, PathBuf};

/// Every file below a folder of the repository, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// A deterministic source of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        usize::try_from((mixed ^ (mixed >> 27)) % (count.max(1) as u64)).expect("an index")
    }
}

/// Some changes to bytes: one lost, turned, doubled, a stretch cut out or moved, words of the grammar put in.
fn changed(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    const WORDS: &[&str] =
        &["{", "}", "\"", "!", " - ", ":", "\n", "0", "/0", "é", "\0", "any", "\\"];
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let end = (at + random.below(40)).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => drop(bytes.remove(at)),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => {
                let piece: Vec<_> = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let word = WORDS[random.below(WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
        }
    }
    bytes
}

fn replay(folders: &[&str], each: usize, largest: u64, run: fn(&[u8]) -> bodies::Far) -> usize {
    let all = folders.iter().flat_map(|folder| files(folder));
    let small = |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| meta.len() <= largest);
    let mut ran = 0;
    for path in all.filter(small) {
        let bytes = fs::read(&path).expect("a file");
        run(&bytes);
        let mut random = Random(ran);
        for _ in 0..each {
            run(&changed(&bytes, &mut random));
        }
        ran += 1;
    }
    usize::try_from(ran).expect("a count")
}

#[test]
fn no_policy_makes_the_front_end_panic() {
    let folders = ["tests/regressions/policy", "tests/faults", "tests/corpus", "examples"];
    assert!(replay(&folders, 60, 20_000, bodies::policy) > 100);
}

#[test]
fn no_text_makes_a_reader_panic() {
    let folders = ["tests/regressions/readers", "tests/foreign", "tests/golden"];
    let run = |bytes: &[u8]| bodies::readers(&String::from_utf8_lossy(bytes));
    assert!(replay(&folders, 60, 12_000, run) > 40);
}

#[test]
fn no_text_makes_the_packet_syntax_panic() {
    let run = |bytes: &[u8]| bodies::packet(&String::from_utf8_lossy(bytes));
    assert!(replay(&["tests/regressions/packet"], 2_000, 1_000, run) > 2);
}
