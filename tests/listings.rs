//! What running firewalls list, and rules that other people wrote, read as far as they are understood.
//!
//! Each folder of `tests/foreign/<kind>/` has the texts, and in `expect` where the firewall stands, how many
//! lines of the texts are unclear, and what may become of single packets.

mod common;

use common::specs;
use portcullis::command::compile::Intent;
use portcullis::firewall::{self, File, Header, Kind, Listing, Spec, render::Templates};
use portcullis::ir::{Hook, Packet, Placement, State, StateMode, Verdict};
use portcullis::net::protocol;
use portcullis::proof::Prover;
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

fn kinds() -> [(&'static str, Kind); 2] {
    ["iptables", "pf"].map(|word| (word, common::kind(word)))
}

/// One folder of foreign rules.
struct Case {
    name: String,
    spec: Spec,
    files: Vec<File>,
    expect: String,
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).expect("a folder").flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn spec(kind: Kind, placement: Placement, state: StateMode) -> Spec {
    Spec { name: "edge".to_owned(), kind, placement, state, output: "edge".to_owned() }
}

fn case(kind: &Kind, folder: &Path) -> Case {
    let (mut files, mut expect) = (Vec::new(), String::new());
    for path in folders(folder) {
        let text = std::fs::read_to_string(&path).expect("a text");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name == "expect" {
            expect = text;
        } else {
            files.push(File { path: name, text, executable: false });
        }
    }
    let first: Vec<_> = expect.lines().next().expect("a placement").split(' ').collect();
    let placement = match first.as_slice() {
        ["gateway", inside, outside] => Placement::Gateway {
            inside: vec![(*inside).to_owned()],
            outside: vec![(*outside).to_owned()],
        },
        _ => Placement::Host,
    };
    let name = folder.to_string_lossy().into_owned();
    Case { name, spec: spec(kind.clone(), placement, StateMode::Stateful), files, expect }
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign");
    let all = kinds().map(|(name, kind)| {
        folders(&root.join(name)).iter().map(|folder| case(&kind, folder)).collect::<Vec<_>>()
    });
    all.into_iter().flatten().collect()
}

fn end(text: &str) -> (IpAddr, u16) {
    match text.parse::<SocketAddr>() {
        Ok(socket) => (socket.ip(), socket.port()),
        Err(_) => (text.parse().unwrap_or_else(|_| panic!("`{text}` is no address")), 0),
    }
}

/// `forward wan0 lan0 new tcp 192.0.2.1:1024 10.0.0.1:80 flags=2 ttl=64`.
fn packet(text: &str, placement: &Placement) -> Packet {
    let mut words = text.split_whitespace();
    let mut next = || words.next().unwrap_or_else(|| panic!("`{text}` is too short"));
    let hook = next();
    let hook =
        *Hook::ALL.iter().find(|known| known.word().replace(' ', "") == hook).expect("a hook");
    let mut interface = |has: bool| match has {
        true => placement.interface(next()).unwrap_or(placement.other_interface()),
        false => 0,
    };
    let (incoming, outgoing) = (interface(hook.has_incoming()), interface(hook.has_outgoing()));
    let state = match next() {
        "new" => State::New,
        "established" => State::Established,
        "related" => State::Related,
        "invalid" => State::Invalid,
        _ => State::Untracked,
    };
    let (name, icmp) = {
        let word = next();
        word.split_once(':').unwrap_or((word, ""))
    };
    let number = match name {
        "icmp6" => protocol::ICMPV6,
        _ => protocol::number(name).unwrap_or_else(|| name.parse().expect("a protocol")),
    };
    let ((source, source_port), (destination, mut destination_port)) = (end(next()), end(next()));
    if let Some((ty, code)) = icmp.split_once('/') {
        let octet = |text: &str| text.parse::<u16>().expect("a number");
        destination_port = octet(ty) << 8 | octet(code);
    }
    let (mut tcp_flags, mut hop_limit) = (0, 64);
    if number == protocol::TCP {
        tcp_flags = if state == State::New { 0x02 } else { 0x10 };
    }
    for word in words {
        match word.split_once('=') {
            Some(("flags", flags)) => tcp_flags = flags.parse().expect("flags"),
            Some(("ttl", ttl)) => hop_limit = ttl.parse().expect("a hop limit"),
            _ => panic!("`{word}` in `{text}`"),
        }
    }
    Packet {
        hook,
        incoming,
        outgoing,
        state,
        source,
        destination,
        protocol: number,
        source_port,
        destination_port,
        tcp_flags,
        hop_limit,
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Drop => "drop",
        Verdict::RejectReset => "reset",
        Verdict::RejectProhibited => "prohibited",
        Verdict::Untrack => "untrack",
    }
}

/// What is wrong with a case.
fn wrong(case: &Case, listing: &Listing) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for line in case.expect.lines().skip(1).filter(|line| !line.starts_with('#')) {
        if let Some(count) = line.strip_prefix("unclear ") {
            if count != listing.unclear.len().to_string() {
                wrong.push(format!("{}: {line}, not {:#?}", case.name, listing.unclear));
            }
            continue;
        }
        let (text, expected) = line.split_once(" => ").expect("what is expected");
        let packet = packet(text, &case.spec.placement);
        let outcomes = listing.program.outcomes(&packet);
        let mut found: Vec<_> = outcomes.iter().map(|(verdict, _)| word(*verdict)).collect();
        found.sort_unstable();
        let found = found.join(" ");
        if found != expected {
            wrong.push(format!("{}: {line}, not {found}: {outcomes:?}", case.name));
        }
        if outcomes.len() == 1 && listing.program.decide(&packet).0 != outcomes[0].0 {
            wrong.push(format!("{}: {text}: sure, and decided otherwise", case.name));
        }
        checked += 1;
    }
    if checked < 2 {
        wrong.push(format!("{}: nothing is checked", case.name));
    }
    wrong
}

#[test]
fn foreign_rules_are_read_as_far_as_they_are_understood() {
    let cases = cases();
    assert!(cases.len() >= 14, "only {} cases", cases.len());
    let mut found = Vec::new();
    for case in &cases {
        match firewall::read(&case.spec, &case.files) {
            Ok(listing) => found.extend(wrong(case, &listing)),
            Err(error) => found.push(format!("{}: {error:?}", case.name)),
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A kind, paths with texts, and a part of the reason.
type Nonsense = (&'static str, &'static [(&'static str, &'static str)], &'static str);

/// What is no listing at all, and what the error says.
const NONSENSE: &[Nonsense] = &[
    ("iptables", &[("a.v4", "*filter\n:INPUT DROP [0:0]\nCOMMIT\n")], "IPv6 half is not given"),
    ("iptables", &[("a.v6", "")], "IPv4 half is not given"),
    ("iptables", &[("rules", "*filter\n:INPUT DROP [0:0]\nCOMMIT\n")], "family is not known"),
    ("iptables", &[("a.v4", "*filter\n:INPUT DROP [0:0]\n")], "COMMIT is missing"),
    (
        "iptables",
        &[("a.v4", "*filter\n:INPUT DROP\n-A INPUT -j gone\nCOMMIT\n"), ("b.v6", "")],
        "there is no chain `gone`",
    ),
    (
        "iptables",
        &[("a.v4", "*filter\n:INPUT DROP\n:a -\n-A a -j a\nCOMMIT\n"), ("b.v6", "")],
        "reached from itself",
    ),
    (
        "iptables",
        &[("a.v4", "*filter\n:INPUT DROP\nCOMMIT\n*filter\n:INPUT DROP\nCOMMIT\n"), ("b.v6", "")],
        "twice",
    ),
    (
        "iptables",
        &[("a.v4", "*filter\n:INPUT DROP\n-I INPUT -j DROP\nCOMMIT\n"), ("b.v6", "")],
        "nothing that is listed",
    ),
    ("iptables", &[("a.v4", "*fitler\n:INPUT DROP\nCOMMIT\n"), ("b.v6", "")], "not understood"),
    (
        "iptables",
        &[("a", "*filter\n:INPUT DROP\n-A INPUT -s 10.0.0.1 -d ::1\nCOMMIT\n")],
        "IPv4 and IPv6",
    ),
    ("pf", &[("t", "10.0.0.0/8\n")], "rules are not given"),
    ("pf", &[("a", "block all\n"), ("b", "pass all\n")], "one file"),
    ("pf", &[("a", "anchor x {\nblock all\n")], "does not end"),
    ("pf", &[("a", "pass in on $ext all\n")], "no macro `ext`"),
    ("pf", &[("a", "frobnicate all\n")], "not understood"),
    ("pf", &[("a", "pass from { 10.0.0.1\n")], "missing"),
    ("pf", &[("a", "block all label \"x\n")], "quote"),
];

#[test]
fn what_is_no_listing_is_refused_with_the_reason() {
    for (kind, files, reason) in NONSENSE {
        let kind = kinds().into_iter().find(|(name, _)| name == kind).expect("a kind").1;
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
            executable: false,
        };
        let files: Vec<_> = files.iter().map(file).collect();
        let read = firewall::read(&spec(kind, Placement::Host, StateMode::Stateful), &files);
        let said = read.err().map_or_else(|| "nothing".to_owned(), |error| error.reason);
        assert!(said.contains(reason), "`{reason}`, not `{said}`: {files:?}");
    }
}

/// One small change of a text.
fn change(text: &str, (how, at, what): (u8, usize, u8)) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut bytes = text.as_bytes().to_vec();
    match how % 4 {
        0 if !bytes.is_empty() => {
            let at = at % bytes.len();
            bytes[at] ^= 1 << (what % 8);
        }
        1 if !bytes.is_empty() => {
            let at = at % bytes.len();
            let end = (at + usize::from(what)).min(bytes.len());
            bytes.drain(at..end);
        }
        2 if lines.len() > 1 => {
            let count = lines.len();
            lines.swap(at % count, (at / 7 + usize::from(what)) % count);
            return lines.join("\n") + "\n";
        }
        _ => {
            let mut words: Vec<&str> = text.split(' ').collect();
            let count = words.len();
            words.swap(at % count, (at / 7 + usize::from(what)) % count);
            return words.join(" ");
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_change_of_a_listing_makes_a_reader_panic(
        which in any::<prop::sample::Index>(),
        file in any::<prop::sample::Index>(),
        stateless in any::<bool>(),
        changes in proptest::collection::vec(any::<(u8, usize, u8)>(), 1..6),
    ) {
        let cases = cases();
        let case = which.get(&cases);
        let mut files = case.files.clone();
        let file = file.index(files.len());
        for one in changes {
            files[file].text = change(&files[file].text, one);
        }
        let mut spec = case.spec.clone();
        if stateless {
            spec.state = StateMode::Stateless;
        }
        if let Ok(listing) = firewall::read(&spec, &files) {
            for line in case.expect.lines().filter(|line| line.contains(" => ")) {
                let text = line.split(" => ").next().expect("a packet");
                listing.program.outcomes(&packet(text, &spec.placement));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Our own artifacts are listings too, and say the same when they are read as such.
    #[test]
    fn own_artifacts_are_proven_as_listings(
        policy in common::rule_set(),
        (placement, state) in common::mode(),
    ) {
        let header = Header { policy: policy.name.clone(), source: "policy.yaml".to_owned() };
        let mut prover = Prover::new(&policy);
        for spec in specs(&placement, state) {
            let whole = match spec.kind.word() {
                "pf" => true,
                "iptables" => spec.kind.settings.word("scope") == "table",
                _ => false,
            };
            let intent = Intent::of(&policy, &spec, None);
            if !whole || !intent.unsayable.is_empty() {
                continue;
            }
            let files = firewall::generate(&intent.filter, &spec, &header, &Templates::default());
            let Ok(mut files) = files else { continue };
            files.retain(|file| !file.executable);
            let text: String = files.iter().map(|file| file.text.clone()).collect();
            // The strict reader follows files that are restored: sets are made and swapped there.
            if text.contains("\nswap ") {
                continue;
            }
            let listing = firewall::read(&spec, &files)
                .map_err(|error| TestCaseError::fail(format!("{}: {error:?} in\n{text}", spec.name)))?;
            prop_assert!(listing.unclear.is_empty(), "{}: {:?} in\n{text}", spec.name, listing.unclear);
            if let Err(failure) = prover.prove_claim(&intent.claim(), &listing.program) {
                return Err(TestCaseError::fail(format!("{}: {failure:?}\n{text}", spec.name)));
            }
        }
    }
}
