//! What running firewalls list, and rules that other people wrote, read as far as they are understood.
//!
//! Each folder of `tests/foreign/<kind>/` has the texts, and in `expect` where the firewall stands, who is
//! behind it (`members`), how many lines of the texts are unclear and what is said of them (`note`), and what
//! may become of single packets, where it matters with a part of the line that lets them through (`by`). Of
//! what is no listing it has the reason (`refused`).

mod common;

use common::specs;
use portcullis::command::compile::Intent;
use portcullis::firewall::{self, File, Header, Kind, Listing, ReadError, Spec, render::Templates};
use portcullis::ir::{Hook, Packet, Placement, State, StateMode, Verdict};
use portcullis::net::{IpSet, protocol};
use portcullis::program::Place;
use portcullis::proof::Prover;
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

fn kinds() -> [(&'static str, Kind); 6] {
    ["aws-network-acl", "aws-security-group", "azure-nsg", "iptables", "nftables", "pf"]
        .map(|word| (word, common::kind(word)))
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

impl Case {
    /// The rest of a line of the expectations, by its first word.
    fn said(&self, word: &str) -> Option<&str> {
        self.expect.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
    }

    fn read(&self) -> Result<Listing, ReadError> {
        let one = |text: &str| text.parse().expect("a prefix");
        let members =
            self.said("members").map(|text| IpSet::from_prefixes(text.split(' ').map(one)));
        firewall::read(&self.spec, &self.files, members.as_ref())
    }
}

/// The line that lets a packet through, or else decides.
fn line<'a>(listing: &'a Listing, packet: &Packet) -> &'a str {
    let outcomes = listing.program.outcomes(packet);
    let accepting = outcomes.iter().find(|(verdict, _)| *verdict == Verdict::Accept);
    let place = accepting.or(outcomes.first()).and_then(|(_, place)| *place);
    let text = place.and_then(|place| {
        listing.files.get(place.file)?.text.lines().nth(place.line.checked_sub(1)?)
    });
    text.unwrap_or_default()
}

/// What is wrong with what is said of a case as a whole.
fn wrong_notes(case: &Case, listing: &Listing) -> Vec<String> {
    let mut wrong = Vec::new();
    if case.said("unclear").is_some_and(|count| count != listing.unclear.len().to_string()) {
        wrong.push(format!("{}: not {:#?}", case.name, listing.unclear));
    }
    if let Some(note) = case.said("note")
        && !listing.unclear.iter().any(|one| one.reason.contains(note))
    {
        wrong.push(format!("{}: no note says `{note}`: {:#?}", case.name, listing.unclear));
    }
    wrong
}

/// What is wrong with a case.
fn wrong(case: &Case, listing: &Listing) -> Vec<String> {
    listing.program.check().expect("a program of good shape");
    let mut wrong = wrong_notes(case, listing);
    let mut checked = 0;
    for text in case.expect.lines().filter(|line| line.contains(" => ")) {
        let (text, expected) = text.split_once(" => ").expect("what is expected");
        let (expected, by) = expected.split_once(" by ").unwrap_or((expected, ""));
        let packet = packet(text, &case.spec.placement);
        let outcomes = listing.program.outcomes(&packet);
        let mut found: Vec<_> = outcomes.iter().map(|(verdict, _)| word(*verdict)).collect();
        found.sort_unstable();
        let found = found.join(" ");
        if found != expected || !line(listing, &packet).contains(by) {
            let at = line(listing, &packet);
            wrong.push(format!("{}: {text}: {found} by `{at}`, not {expected} by {by}", case.name));
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
    assert!(cases.len() >= 90, "only {} cases", cases.len());
    let mut found = Vec::new();
    for case in &cases {
        match (case.read(), case.said("refused")) {
            (Ok(listing), None) => found.extend(wrong(case, &listing)),
            (Err(error), Some(reason)) if error.reason.contains(reason) => {}
            (read, _) => found.push(format!("{}: {:?}", case.name, read.err())),
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Packets of all kinds that rules tell apart.
fn grid(placement: &Placement) -> Vec<Packet> {
    let mut packets = Vec::new();
    let hosts = ["1.2.3.4", "10.0.0.3", "1.1.1.1", "1.2.3.5", "[fe80::1]"];
    for (hook, interface) in ["input", "output"]
        .iter()
        .flat_map(|hook| ["lo", "lan0", "eth0"].iter().map(move |interface| (hook, interface)))
    {
        for host in hosts {
            let target = if host.starts_with('[') { "[fe80::2]" } else { "10.0.0.1" };
            for ports in [(22, 22), (53, 53), (80, 80), (2000, 9), (5, 5), (3, 3), (85, 8)] {
                for rest in ["new tcp", "new udp", "new 132", "established tcp", "invalid udp"] {
                    let (from, to) = ports;
                    let text = format!("{hook} {interface} {rest} {host}:{from} {target}:{to}");
                    packets.push(packet(&text, placement));
                }
            }
        }
    }
    packets
}

/// Folders of which one's name ends in `-json` have one rule set in both formats.
#[test]
fn json_means_what_the_text_means() {
    let cases = cases();
    let mut pairs = 0;
    for json in cases.iter().filter(|case| case.name.ends_with("-json")) {
        let name = json.name.strip_suffix("-json").expect("the ending");
        // nft 1.0.6 prints another value for `dormant`.
        let text = cases.iter().find(|case| case.name == name && !name.ends_with("dormant"));
        let Some(text) = text else { continue };
        let read = |case: &Case| case.read().expect("a listing");
        let (text, json) = (read(text), read(json));
        for packet in grid(&Placement::Host) {
            let may = |listing: &Listing| -> Vec<_> {
                let all = listing.program.outcomes(&packet).into_iter();
                all.map(|(verdict, _)| verdict).collect()
            };
            assert_eq!(may(&text), may(&json), "{name}: {packet:?}");
        }
        pairs += 1;
    }
    assert!(pairs >= 3, "{pairs} pairs");
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
    ("nftables", &[], "no listing"),
    ("nftables", &[("a", "hello\n")], "no command"),
    ("nftables", &[("a", "table inet x {\n\tchain c {\n\t\tdrop\n\t}\n")], "not closed"),
    (
        "nftables",
        &[("a", "table inet x {\nchain c {\ntype filter hook input priority nope;\n}\n}\n")],
        "head of a base chain",
    ),
    ("nftables", &[("a", "table inet x {\n}\n}\n")], "no command"),
    ("nftables", &[("a", "table inet x {\nset s {\nelements = { 1.2.3.4\n")], "list of elements"),
    ("nftables", &[("a", "table inet x {\nchain c {\nlog prefix \"open\n}\n}\n")], "quote"),
    (
        "nftables",
        &[(
            "a",
            "table inet x {\nchain a {\ntype filter hook input priority 0\njump b\n}\nchain b {\njump b\n}\n}\n",
        )],
        "reached from itself",
    ),
    ("nftables", &[("a", "{")], "not JSON"),
    ("nftables", &[("a", "{}")], "what `nft -j` prints"),
    (
        "nftables",
        &[("a", "{\"nftables\": [{\"future\": {\"family\": \"inet\"}}]}")],
        "nothing that a listing has",
    ),
    (
        "nftables",
        &[("a", "{\"nftables\": [{\"chain\": {\"table\": \"t\", \"name\": \"c\"}}]}")],
        "family is no name",
    ),
    (
        "nftables",
        &[("a", "{\"nftables\": [{\"table\": {\"family\": \"inet\", \"name\": \"t {}\"}}]}")],
        "no name",
    ),
    ("nftables", &[("a", "{\"nftables\": [{}]}")], "not one object"),
    ("pf", &[("t", "10.0.0.0/8\n")], "rules are not given"),
    ("pf", &[("a", "block all\n"), ("b", "pass all\n")], "one file"),
    ("pf", &[("a", "anchor x {\nblock all\n")], "does not end"),
    ("pf", &[("a", "pass in on $ext all\n")], "no macro `ext`"),
    ("pf", &[("a", "frobnicate all\n")], "not understood"),
    ("pf", &[("a", "pass from { 10.0.0.1\n")], "missing"),
    ("pf", &[("a", "block all label \"x\n")], "quote"),
    ("aws-security-group", &[], "no security group is here"),
    ("aws-security-group", &[("a.json", "{}")], "neither security groups nor prefix lists"),
    ("aws-security-group", &[("a.json", "[]")], "neither security groups nor prefix lists"),
    ("aws-security-group", &[("a.json", "{\"SecurityGroups\": 1}")], "a list is expected"),
    (
        "aws-security-group",
        &[("a.json", "{\"format_version\": \"1.0\"}")],
        "neither a state nor a plan",
    ),
    ("aws-security-group", &[("entries.json", "{\"Entries\": []}")], "pl-"),
    ("aws-network-acl", &[], "no network ACL is here"),
    ("aws-network-acl", &[("a.json", "{}")], "no network ACLs are here"),
    ("aws-network-acl", &[("a.json", "{\"NetworkAcls\": []}")], "no network ACL is here"),
    ("aws-network-acl", &[("a.json", "no JSON")], "expected"),
    (
        "aws-network-acl",
        &[("a.json", "{\"version\": 4, \"terraform_version\": \"1.11.4\", \"lineage\": \"a\"}")],
        "terraform show -json",
    ),
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
        let read = firewall::read(&spec(kind, Placement::Host, StateMode::Stateful), &files, None);
        let said = read.err().map_or_else(|| "nothing".to_owned(), |error| error.reason);
        assert!(said.contains(reason), "`{reason}`, not `{said}`: {files:?}");
    }
}

/// Tells whether something is said where not everything is sure, and at places of the texts.
fn said(listing: &Listing) -> bool {
    let unknown = format!("{:?}", listing.program).contains("Unknown");
    let lines = |file: &File| file.text.lines().count();
    let there = |place: Place| {
        listing
            .files
            .get(place.file)
            .map(lines)
            .is_some_and(|most| (1..=most).contains(&place.line))
    };
    let clauses = listing.program.chains.iter().flat_map(|chain| &chain.clauses);
    let ruled = clauses.filter(|clause| !clause.when.is_empty()).map(|clause| clause.place);
    let mut places = ruled.chain(listing.unclear.iter().map(|note| note.place));
    (!unknown || !listing.unclear.is_empty()) && places.all(there)
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
        if let Ok(listing) = firewall::read(&spec, &files, None) {
            prop_assert!(listing.program.check().is_ok());
            if spec.kind.word().starts_with("aws-") {
                prop_assert!(said(&listing), "{:?}", listing.unclear);
            }
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
            let intent = Intent::of(&policy, &spec, None);
            if !["nftables", "iptables", "pf"].contains(&spec.kind.word()) || !intent.unsayable.is_empty() {
                continue;
            }
            let files = firewall::generate(&intent.filter, &spec, &header, &Templates::default());
            let Ok(files) = files else { continue };
            let text: String = files.iter().map(|file| file.text.clone()).collect();
            let listing = firewall::read(&spec, &files, None)
                .map_err(|error| TestCaseError::fail(format!("{}: {error:?} in\n{text}", spec.name)))?;
            prop_assert!(listing.unclear.is_empty(), "{}: {:?} in\n{text}", spec.name, listing.unclear);
            if let Err(failure) = prover.prove_claim(&intent.claim(), &listing.program) {
                return Err(TestCaseError::fail(format!("{}: {failure:?}\n{text}", spec.name)));
            }
        }
    }
}

/// The rows of a table of the system: a name, and what stands after it.
fn rows(path: &str) -> Vec<(String, String)> {
    let Ok(table) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: no {path} to hold our names against");
        return Vec::new();
    };
    let rows = table.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    });
    let rows: Vec<_> = rows.collect();
    assert!(!rows.is_empty(), "{path} has no row");
    rows
}

#[test]
fn names_of_protocols_and_services_are_the_systems() {
    for (name, number) in rows("/etc/protocols") {
        let known = portcullis::net::protocol::listed(&name);
        assert!(known.is_none_or(|known| known.to_string() == number), "{name} is {number}");
    }
    let services = rows("/etc/services");
    for (name, _) in &services {
        let Some(known) = portcullis::net::service::port(name) else { continue };
        let mut ports = services.iter().filter(|(other, _)| other == name);
        let same =
            |(_, port): &(String, String)| port.split('/').next() == Some(&known.to_string());
        assert!(ports.any(same), "{name} is not {known}");
    }
}
