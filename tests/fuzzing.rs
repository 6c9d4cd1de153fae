//! Fuzzing gets far: how many inputs are read, and how many compile and are proven.

#[path = "../fuzz/bodies.rs"]
#[allow(dead_code, reason = "tests/regressions.rs runs the others")]
mod bodies;

use bodies::Far;

/// Bytes from a number (splitmix64).
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).to_le_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

/// Runs a body on some inputs, `PORTCULLIS_FUZZ_TIMES` as many where it is set, and tells what share of them,
/// in percent, was refused, read and proven.
fn shares(name: &str, inputs: u64, run: impl Fn(&[u8]) -> Far) -> [u64; 3] {
    let times = std::env::var("PORTCULLIS_FUZZ_TIMES").ok().and_then(|times| times.parse().ok());
    let inputs = inputs * times.unwrap_or(1);
    let mut counts = [0; 3];
    for seed in 0..inputs {
        counts[run(&bytes(seed, 200)) as usize] += 1;
    }
    let [refused, read, proven] = counts;
    println!("{name}: {inputs} inputs, {refused} refused, {read} read, {proven} proven");
    counts.map(|count| count * 100 / inputs)
}

#[test]
fn most_grown_policies_are_decoded_and_many_are_proven() {
    let [refused, _, proven] = shares("whole", 400, bodies::whole);
    assert!(refused <= 1, "{refused} % do not decode");
    assert!(proven >= 40, "only {proven} % are proven");
}

#[test]
fn most_grown_listings_are_read() {
    for kind in 0..6 {
        let run = |bytes: &[u8]| bodies::listing(&[&[kind], bytes].concat());
        let [refused, read, _] = shares(&format!("listings {kind}"), 300, run);
        assert!(read >= 80, "{refused} % of the listings of kind {kind} are refused");
    }
}

/// Bytes alone get nowhere: that is why texts are grown.
#[test]
fn hardly_any_bytes_are_read() {
    let [refused, ..] = shares("policy", 200, bodies::policy);
    assert!(refused > 95);
    let [refused, ..] = shares("readers", 100, |b| bodies::readers(&String::from_utf8_lossy(b)));
    assert!(refused > 90);
}
