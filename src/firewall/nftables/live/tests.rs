//! Rules of other hands, and what becomes of single packets.

use super::read;
use crate::firewall::{File, Listing};
use crate::ir::{Hook, Packet, Placement, State, Verdict};
use crate::net::protocol::{ICMP, TCP, UDP};
use proptest::prelude::*;
use std::path::Path;

use Verdict::{Accept, Drop, RejectProhibited as Prohibited, RejectReset as Reset, Untrack};

fn corpus(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/nftables").join(name);
    std::fs::read_to_string(path).expect(name)
}

fn file(text: &str) -> Vec<File> {
    vec![File { path: "listing".to_owned(), text: text.to_owned(), executable: false }]
}

fn gateway() -> Placement {
    Placement::Gateway { inside: vec!["lan0".to_owned()], outside: vec!["wan0".to_owned()] }
}

fn listing(placement: &Placement, text: &str) -> Listing {
    match read(placement, &file(text)) {
        Ok(listing) => listing,
        Err(error) => panic!("{error:?} in\n{text}"),
    }
}

/// A packet in words: `input tcp wan0>- 192.0.2.1:999 10.0.0.1:22 new`, a port or type behind each address.
fn packet(placement: &Placement, words: &str) -> Packet {
    let words: Vec<_> = words.split(' ').collect();
    let [hook, protocol, ways, source, destination, rest @ ..] = words.as_slice() else {
        panic!("{words:?}")
    };
    let hook = Hook::ALL.into_iter().find(|known| known.word().replace(' ', "-") == *hook);
    let (incoming, outgoing) = ways.split_once('>').expect("two interfaces");
    let interface = |name: &str| match name {
        "-" => 0,
        name => placement.interface(name).unwrap_or(placement.other_interface()),
    };
    let end = |text: &str| {
        let (address, port) = text.rsplit_once(',').unwrap_or((text, "0"));
        (address.parse().expect("an address"), port.parse().expect("a port"))
    };
    let ((source, source_port), (destination, destination_port)) = (end(source), end(destination));
    let has = |word: &str| rest.contains(&word);
    let state = [
        ("established", State::Established),
        ("related", State::Related),
        ("invalid", State::Invalid),
        ("untracked", State::Untracked),
    ];
    Packet {
        hook: hook.expect("a hook"),
        incoming: interface(incoming),
        outgoing: interface(outgoing),
        state: state.iter().find(|(word, _)| has(word)).map_or(State::New, |(_, state)| *state),
        source,
        destination,
        protocol: match *protocol {
            "tcp" => TCP,
            "udp" => UDP,
            "icmp" => ICMP,
            other => other.parse().expect("a protocol"),
        },
        source_port,
        destination_port,
        tcp_flags: rest
            .iter()
            .find_map(|word| word.strip_prefix("flags=")?.parse().ok())
            .unwrap_or(if *protocol == "tcp" { 2 } else { 0 }),
        hop_limit: 64,
    }
}

/// Holds everything that may happen to each packet against what is expected.
fn holds(listing: &Listing, placement: &Placement, cases: &[(&str, &[Verdict])]) {
    for (words, wanted) in cases {
        let packet = packet(placement, words);
        let mut found: Vec<_> =
            listing.program.outcomes(&packet).into_iter().map(|(verdict, _)| verdict).collect();
        let mut wanted = wanted.to_vec();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{words}");
        if let [only] = wanted[..] {
            assert_eq!(listing.program.decide(&packet).0, only, "{words}");
        }
    }
}

fn unclear_lines(listing: &Listing) -> Vec<usize> {
    listing.unclear.iter().map(|error| error.place.line).collect()
}

#[test]
fn docker() {
    let place = gateway();
    let read = listing(&place, &corpus("docker.nft"));
    holds(
        &read,
        &place,
        &[
            // docker0 is among the other interfaces, so only these are sure.
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,80", &[Drop]),
            // What it was sent to before addresses were translated is not known.
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,80 established", &[Accept, Drop]),
            ("forward tcp wan0>lan0 198.51.100.1,999 10.0.0.1,80 established", &[Accept, Drop]),
            ("forward tcp wan0>docker0 192.0.2.1,999 172.17.0.9,81", &[Drop]),
            ("forward tcp wan0>docker0 192.0.2.1,999 172.17.0.2,80", &[Accept, Drop]),
            ("forward tcp docker0>wan0 172.17.0.2,999 192.0.2.1,80", &[Accept, Drop]),
            ("forward tcp wan0>lan0 2001:db8::1,999 2001:db8::2,80", &[Accept]),
            // What was sent to the container itself is dropped, what was translated to it is not.
            ("input tcp wan0>- 192.0.2.1,999 172.17.0.2,80", &[Accept, Drop]),
        ],
    );
}

#[test]
fn firewalld() {
    let place = gateway();
    let read = listing(&place, &corpus("firewalld.nft"));
    holds(
        &read,
        &place,
        &[
            ("input tcp wan0>- 192.0.2.1,999 10.0.0.1,22", &[Accept]),
            ("input tcp wan0>- 192.0.2.7,999 10.0.0.1,22", &[Accept, Drop]),
            ("input tcp wan0>- 203.0.113.9,999 10.0.0.1,22 established", &[Accept]),
            ("input tcp wan0>- 192.0.2.1,999 10.0.0.1,23", &[Accept, Prohibited]),
            ("input tcp wan0>- 192.0.2.1,999 10.0.0.1,8001", &[Accept]),
            ("input tcp lan0>- 192.0.2.1,999 10.0.0.1,23", &[Accept]),
            ("input icmp wan0>- 192.0.2.1 10.0.0.1,2048", &[Accept]),
            ("input tcp wan0>- 192.0.2.1,999 10.0.0.1,23 invalid", &[Accept, Drop]),
            ("input tcp wan0>- 2001:db8::1,999 2001:db8::2,22", &[Accept, Drop]),
            ("input 58 wan0>- fe80::1 fe80::2,32768", &[Accept, Drop]),
            ("input 58 wan0>- fe80::1 fe80::2,34560", &[Accept]),
            ("output tcp ->wan0 192.0.2.1,999 10.0.0.1,23", &[Accept]),
        ],
    );
    assert_eq!(read.unclear.len(), 2, "{:?}", read.unclear);
}

#[test]
fn fail2ban() {
    let place = Placement::Host;
    let read = listing(&place, &corpus("fail2ban.nft"));
    holds(
        &read,
        &place,
        &[
            ("input tcp eth0>- 192.0.2.66,999 10.0.0.1,22", &[Prohibited]),
            ("input tcp eth0>- 192.0.2.66,999 10.0.0.1,80", &[Accept, Drop]),
            ("input tcp eth0>- 2001:db8::5,999 2001:db8::1,22", &[Accept, Prohibited]),
            ("input tcp eth0>- 2001:db8::5,999 2001:db8::1,443", &[Accept]),
            ("input tcp eth0>- 192.0.2.1,999 10.0.0.1,23", &[Drop]),
            ("input udp lo>- 127.0.0.1,999 127.0.0.1,53", &[Accept, Drop]),
            ("input udp lo>- ::1,999 ::1,53", &[Accept]),
        ],
    );
    assert_eq!(unclear_lines(&read), [22, 23, 24]);
}

#[test]
fn owner_and_rate() {
    let place = Placement::Host;
    let read = listing(&place, &corpus("owner-and-rate.nft"));
    holds(
        &read,
        &place,
        &[
            ("input tcp eth0>- 192.0.2.1,999 10.0.0.1,40000 flags=0", &[Drop]),
            ("input tcp eth0>- 192.0.2.1,999 10.0.0.1,40000 flags=3", &[Drop]),
            ("input tcp eth0>- 192.0.2.1,999 10.0.0.1,40000 flags=6", &[Drop]),
            ("input tcp eth0>- 192.0.2.1,999 10.0.0.1,40000", &[Accept]),
            ("input tcp eth0>- 192.0.2.1,1024 10.0.0.1,40000", &[Drop]),
            ("input tcp eth0>- 192.0.2.1,1023 10.0.0.1,32768", &[Accept]),
            ("input tcp eth0>- 192.0.2.1,1023 10.0.0.1,32767", &[Drop]),
            ("input tcp eth0>- 192.0.2.1,999 10.0.0.1,22", &[Accept, Reset]),
            ("input tcp eth0>- 192.0.2.1,999 10.0.0.1,22 established", &[Drop, Reset]),
            ("input icmp eth0>- 192.0.2.1 10.0.0.1,2048", &[Accept, Drop]),
            ("input udp eth0>- 192.0.2.1,999 10.0.0.1,53", &[Accept, Drop]),
            ("output tcp ->eth0 192.0.2.1,999 10.0.0.1,25", &[Accept, Drop]),
            ("output tcp ->lo 192.0.2.1,999 10.0.0.1,25", &[Accept]),
            ("output udp ->eth0 192.0.2.1,999 10.0.0.1,53", &[Accept, Prohibited]),
            ("output tcp ->eth0 192.0.2.1,999 10.0.0.1,6667", &[Drop]),
        ],
    );
}

#[test]
fn negations() {
    let place = gateway();
    let read = listing(&place, &corpus("negations.nft"));
    holds(
        &read,
        &place,
        &[
            ("forward tcp wan0>lan0 192.168.3.255,999 10.0.0.1,80", &[Drop]),
            ("forward tcp wan0>lan0 192.168.4.0,999 10.0.0.1,80", &[Accept]),
            ("forward tcp lan0>wan0 192.168.4.0,999 192.0.2.1,80", &[Drop]),
            ("forward tcp lan0>wan0 10.255.255.255,999 192.0.2.1,80", &[Accept]),
            ("forward tcp lan0>wan0 10.0.0.1,999 192.0.2.1,81", &[Drop]),
            ("forward udp lan0>wan0 10.0.0.1,999 192.0.2.1,54", &[Drop]),
            ("forward udp lan0>wan0 10.0.0.1,999 192.0.2.1,53", &[Accept]),
            ("forward udp lan0>other 10.0.0.1,999 192.0.2.1,54", &[Accept, Drop]),
            ("forward tcp wan0>lan0 2001:db9::1,999 2001:db8::1,80", &[Drop]),
            ("forward tcp wan0>lan0 2001:db8::1,999 2001:db8::1,80", &[Accept]),
            ("forward 47 wan0>lan0 2001:db8::1 2001:db8::1", &[Drop]),
            ("forward 58 wan0>lan0 2001:db8::1 2001:db8::1,32768", &[Accept]),
            ("forward 58 wan0>lan0 2001:db8::1 2001:db8::1,512", &[Drop]),
        ],
    );
    // `wan*` may mean another interface; all else is plain.
    assert_eq!(unclear_lines(&read), [14]);
}

#[test]
fn mixed() {
    let place = gateway();
    let read = listing(&place, &corpus("mixed.nft"));
    holds(
        &read,
        &place,
        &[
            ("raw-prerouting udp wan0>- 192.0.2.1,999 10.0.0.1,53", &[Untrack]),
            ("raw-prerouting udp wan0>- 192.0.2.1,999 10.0.0.1,54", &[Accept]),
            ("raw-prerouting udp wan0>- 2001:db8::1,999 2001:db8::2,53", &[Accept]),
            ("input tcp wan0>- 127.0.0.1,999 10.0.0.1,443", &[Drop]),
            ("forward tcp wan0>lan0 127.0.0.1,999 10.0.0.1,443", &[Drop]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,443", &[Accept]),
            ("forward tcp lan0>wan0 192.0.2.1,999 10.0.0.1,443", &[Drop]),
            ("output tcp ->wan0 192.0.2.1,999 10.0.0.1,443", &[Drop]),
            ("output tcp ->lan0 192.0.2.1,999 10.0.0.1,443", &[Accept]),
            ("input tcp wan0>- 192.0.2.1,999 10.0.0.1,443", &[Accept]),
            ("input tcp wan0>- 192.0.2.200,999 10.0.0.1,443", &[Accept, Drop]),
            ("input tcp wan0>- 192.0.2.2,999 10.0.0.1,22", &[Accept]),
            ("input tcp wan0>- 198.51.100.2,999 10.0.0.1,22", &[Accept]),
            ("input tcp wan0>- 192.0.2.3,999 10.0.0.1,22", &[Drop]),
            ("input 47 wan0>- 192.0.2.3 10.0.0.1", &[Accept]),
            ("input tcp wan0>- 2001:db8::1,999 2001:db8::2,22", &[Accept]),
            ("input tcp wan0>- 2001:db8::1,999 2001:db8::2,23", &[Drop]),
            ("input tcp lo>- 2001:db8::1,999 2001:db8::2,23", &[Accept]),
            ("input 58 wan0>- fe80::1 fe80::2,34560", &[Accept]),
        ],
    );
    let said: Vec<_> = read.unclear.iter().map(|error| error.reason.as_str()).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("`netdev`"), "{said:?}");
}

#[test]
fn kube_proxy() {
    let place = gateway();
    let read = listing(&place, &corpus("kube-proxy.nft"));
    holds(
        &read,
        &place,
        &[
            ("forward udp lan0>wan0 10.0.0.1,999 10.96.0.10,53", &[Prohibited]),
            ("forward udp lan0>wan0 10.0.0.1,999 10.96.0.10,53 established", &[Accept]),
            ("forward tcp lan0>wan0 10.0.0.1,999 10.96.0.11,80", &[Drop]),
            ("forward tcp lan0>wan0 10.0.0.1,999 10.96.0.11,81", &[Accept]),
            // Before destinations are translated, a packet may still have had another one.
            ("output tcp ->wan0 10.0.0.1,999 10.96.0.1,81", &[Accept, Drop, Prohibited]),
        ],
    );
}

#[test]
fn concatenations() {
    let place = gateway();
    let read = listing(&place, &corpus("concatenations.nft"));
    holds(
        &read,
        &place,
        &[
            ("forward tcp wan0>lan0 10.9.0.1,999 192.0.2.1,443", &[Accept]),
            ("forward tcp wan0>lan0 10.9.0.1,999 192.0.2.1,444", &[Drop]),
            ("forward tcp wan0>lan0 10.1.0.9,999 192.0.2.2,8080", &[Accept]),
            ("forward tcp wan0>lan0 10.1.0.10,999 192.0.2.2,8080", &[Drop]),
            ("forward tcp lan0>wan0 1.1.1.1,999 192.0.2.2,8080", &[Accept, Drop]),
            ("forward tcp lan0>lo 1.1.1.1,999 192.0.2.2,853", &[Accept]),
            ("forward udp wan0>lan0 1.1.1.1,999 192.0.2.2,61000", &[Accept]),
            ("forward tcp wan0>lan0 1.1.1.1,999 192.0.2.2,61000", &[Drop]),
            ("forward tcp wan0>lan0 1.1.1.1,999 192.0.2.2,22", &[Accept]),
            ("forward tcp wan0>lan0 10.0.0.1,999 192.0.2.2,80", &[Accept]),
            ("forward tcp wan0>lan0 10.0.1.1,999 192.0.2.2,80", &[Drop]),
            ("forward tcp wan0>lan0 2001:db8::1,999 2001:db8::2,80", &[Accept]),
            ("forward tcp wan0>lan0 2001:db9::1,999 2001:db8::2,80", &[Drop]),
            ("forward tcp wan0>lan0 10.0.1.1,53 192.0.2.2,1053", &[Accept]),
            ("forward udp wan0>lan0 10.0.1.1,53 192.0.2.2,53", &[Accept]),
            ("forward udp wan0>lan0 10.0.1.1,54 192.0.2.2,53", &[Drop]),
        ],
    );
    assert_eq!(unclear_lines(&read), [24]);
}

#[test]
fn odd() {
    let place = Placement::Host;
    let read = listing(&place, &corpus("odd.nft"));
    let to = |port: u16| packet(&place, &format!("input tcp eth0>- 10.0.0.9,999 10.0.0.1,{port}"));
    let may = |port: u16| -> Vec<Verdict> {
        let mut all: Vec<_> =
            read.program.outcomes(&to(port)).into_iter().map(|(verdict, _)| verdict).collect();
        all.sort_unstable();
        all
    };
    for uncertain in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] {
        assert_eq!(may(uncertain), [Accept, Drop], "{uncertain}");
    }
    for refused in [13, 14, 16] {
        assert_eq!(may(refused), [Drop], "{refused}");
    }
    assert_eq!(may(15), [Accept]);
    // The chain of type nat drops some first packets, and which is not known.
    assert!(unclear_lines(&read).contains(&32), "{:?}", read.unclear);
    holds(
        &read,
        &place,
        &[
            ("output tcp ->eth0 10.0.0.9,999 10.0.0.1,1", &[Drop]),
            ("output tcp ->eth0 10.0.0.9,999 10.0.0.1,2", &[Accept]),
            // Another protocol's header may have those bytes.
            ("input 47 eth0>- 10.0.0.9 10.0.0.1", &[Accept, Drop]),
        ],
    );
}

/// Both formats of one rule set mean the same.
#[test]
fn json_means_what_the_text_means() {
    for place in [Placement::Host, gateway()] {
        let text = listing(&place, &corpus("everything.nft"));
        let json = listing(&place, &corpus("everything.json"));
        let spelled = &json.files[0].text;
        for hook in ["input", "output"] {
            for interface in ["lo", "lan0", "eth0"] {
                for source in ["1.2.3.4", "10.0.0.3", "1.1.1.1", "fe80::1", "1.2.3.5"] {
                    for state in ["new", "established", "invalid"] {
                        for port in ["22,22", "53,53", "80,80", "2000,9", "5,5", "3,3", "85,8"] {
                            for protocol in ["tcp", "udp", "132", "icmp"] {
                                let (from, to) = port.split_once(',').expect("two");
                                let target =
                                    if source.contains(':') { "fe80::2" } else { "10.0.0.1" };
                                let ways = if hook == "input" {
                                    format!("{interface}>-")
                                } else {
                                    format!("->{interface}")
                                };
                                let words = format!(
                                    "{hook} {protocol} {ways} {source},{from} {target},{to} {state} flags=2"
                                );
                                let packet = packet(&place, &words);
                                let may = |listing: &Listing| -> Vec<Verdict> {
                                    let all = listing.program.outcomes(&packet);
                                    all.into_iter().map(|(verdict, _)| verdict).collect()
                                };
                                assert_eq!(may(&text), may(&json), "{words}\n{spelled}");
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What the crate's types would lose is spelled as something that is not understood.
#[test]
fn json_loses_nothing() {
    let rule = |statements: &str| {
        format!(
            r#"{{"nftables": [{{"metainfo": {{"version": "9"}}}},
            {{"table": {{"family": "inet", "name": "t", "handle": 1}}}},
            {{"chain": {{"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}}}},
            {{"rule": {{"family": "inet", "table": "t", "chain": "c", "handle": 2, "expr": [{statements}]}}}}]}}"#
        )
    };
    let cases: [(&str, &[Verdict]); 9] = [
        (r#"{"drop": null}"#, &[Drop]),
        (r#"{"drop": {"new": 1}}"#, &[Accept, Drop]),
        (r#"{"future": {"x": 1}}, {"drop": null}"#, &[Accept, Drop]),
        (r#"{"match": {"op": "~", "left": "x", "right": 1}}, {"drop": null}"#, &[Accept, Drop]),
        (
            r#"{"set": {"op": "add", "elem": {"payload": {"protocol": "ip", "field": "saddr"}}, "set": "@d", "stmt": [{"limit": {"rate": 1}}]}}, {"drop": null}"#,
            &[Accept, Drop],
        ),
        (r#"{"limit": "named"}, {"drop": null}"#, &[Accept, Drop]),
        (r#"{"log": {"flags": "all", "new": 1}}, {"counter": "x"}, {"drop": null}"#, &[Drop]),
        (
            r#"{"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"new": 1}}}, {"drop": null}"#,
            &[Accept, Drop],
        ),
        (r#"{"reject": {"type": "icmp", "expr": 7}}"#, &[Prohibited]),
    ];
    for (statements, wanted) in cases {
        let read = listing(&Placement::Host, &rule(statements));
        holds(&read, &Placement::Host, &[("input tcp eth0>- 10.0.0.9,999 10.0.0.1,1", wanted)]);
        let sure = wanted == [Drop];
        assert_eq!(read.unclear.is_empty(), sure, "{statements}: {:?}", read.unclear);
    }
    for bad in [
        "{",
        "{}",
        r#"{"nftables": [{"future": {"family": "inet", "table": "t"}}]}"#,
        r#"{"nftables": [{"chain": {"table": "t", "name": "c"}}]}"#,
        r#"{"nftables": [{"table": {"family": "inet", "name": "t {}"}}]}"#,
        r#"{"nftables": [{}]}"#,
    ] {
        assert!(read(&Placement::Host, &file(bad)).is_err(), "{bad}");
    }
}

#[test]
fn what_is_no_rule_set_is_refused_with_its_line() {
    let refused = [
        ("hello\n", 1),
        ("table inet x {\n\tchain c {\n\t\tdrop\n\t}\n", 1),
        ("table inet x {\n\tchain c {\n\t\ttype filter hook input priority nope;\n\t}\n}\n", 3),
        ("table inet x {\n}\n}\n", 3),
        ("table inet x {\n\tset s {\n\t\telements = { 1.2.3.4\n", 3),
        ("table inet x {\n\tchain c {\n\t\tlog prefix \"open\n\t}\n}\n", 3),
        (
            "table inet x {\nchain a {\ntype filter hook input priority 0\njump b\n}\nchain b {\njump b\n}\n}\n",
            7,
        ),
    ];
    for (text, line) in refused {
        let error = read(&Placement::Host, &file(text)).expect_err(text);
        assert_eq!(error.place.line, line, "{error:?} in\n{text}");
    }
    let nothing = listing(&Placement::Host, "");
    assert!(nothing.program.bases.is_empty() && nothing.unclear.is_empty());
    assert!(read(&Placement::Host, &[]).is_err());
}

/// An index may be that of an interface which the policy names.
#[test]
fn an_interface_by_its_index_may_be_any() {
    let place = gateway();
    let text = "table ip t {\nchain c {\ntype filter hook forward priority 0\niif 2 drop\n}\n}\n";
    let read = listing(&place, text);
    let words = "forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,80";
    holds(&read, &place, &[(words, &[Accept, Drop])]);
    assert_eq!(unclear_lines(&read), [4]);
}

fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/nftables");
    let entries = std::fs::read_dir(folder).expect("the corpus").flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_makes_the_reader_panic(
        which in 0usize..100,
        cuts in proptest::collection::vec((any::<u32>(), any::<u32>(), 0u8..5, any::<u8>()), 1..5),
    ) {
        let names = names();
        let mut text = corpus(&names[which % names.len()]).into_bytes();
        for (at, other, how, byte) in cuts {
            let at = at as usize % text.len().max(1);
            let other = other as usize % text.len().max(1);
            let mut lines: Vec<Vec<u8>> = text.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
            let (line, another) = (at % lines.len(), other % lines.len());
            match how {
                _ if text.is_empty() => {}
                0 => text[at] = byte,
                1 => drop(text.drain(at.min(other)..at.max(other).min(at.min(other) + 9))),
                2 => { lines.swap(line, another); text = lines.join(&b'\n'); }
                3 => { lines.remove(line); text = lines.join(&b'\n'); }
                _ => text.insert(at, b"{}\":@$#\\ \n"[usize::from(byte) % 10]),
            }
            let text = String::from_utf8_lossy(&text).into_owned();
            for place in [Placement::Host, gateway()] {
                if let Ok(listing) = read(&place, &file(&text)) {
                    prop_assert!(listing.program.check().is_ok());
                }
            }
        }
    }
}

/// Each was seen in the kernel.
#[test]
fn what_a_packet_lacks_ends_a_rule() {
    let place = gateway();
    let read = listing(
        &place,
        "table inet a {
            set seen {
                type ipv4_addr
                size 65535
                flags dynamic,timeout
            }
            chain p {
                type filter hook prerouting priority mangle
                ip ttl 64 tcp dport 26 drop
            }
            chain f {
                type filter hook forward priority filter
                tcp dport 20 ip dscp set cs1 drop
                tcp dport 21 add @seen { ip saddr timeout 2d } drop
                tcp dport 22 meta mark set ct mark drop
                tcp dport 23 meta mark set meta mark | 0x1 drop
                ip6 nexthdr tcp tcp dport 24 drop
                ip6 nexthdr != udp tcp dport 25 drop
                udp sport . udp dport { 0-65535 . 27, 27 . 0-65535 } drop
                tcp dport 28 xt match set counter packets 0 bytes 0 drop
                tcp dport 31 ip ttl lt 64 drop
                tcp dport 32 ip ttl gt 63 drop
                tcp dport 30 ct state ! established,related drop
                tcp dport 29 xt target \"REJECT\"
            }
        }",
    );
    holds(
        &read,
        &place,
        &[
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,20", &[Drop]),
            ("forward tcp wan0>lan0 2001:db8::1,999 2001:db8::2,20", &[Accept]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,21", &[Drop]),
            ("forward tcp wan0>lan0 2001:db8::1,999 2001:db8::2,21", &[Accept]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,22", &[Drop]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,22 invalid", &[Accept, Drop]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,23", &[Drop]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,24", &[Accept]),
            ("forward tcp wan0>lan0 2001:db8::1,999 2001:db8::2,24", &[Accept, Drop]),
            ("forward tcp wan0>lan0 2001:db8::1,999 2001:db8::2,25", &[Drop]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,26", &[Accept, Drop]),
            ("forward udp wan0>lan0 192.0.2.1,999 10.0.0.1,27", &[Accept, Drop]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,28", &[Accept, Drop]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,31", &[Accept]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,32", &[Drop]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,30", &[Drop]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,30 related", &[Accept]),
            ("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,29", &[Prohibited, Reset]),
        ],
    );
}

/// The kernel puts a chain ahead of those that are at the same place already.
#[test]
fn the_later_chain_of_a_place_comes_first() {
    let place = gateway();
    let read = listing(
        &place,
        "table inet a {
            chain f { type filter hook forward priority 0; tcp dport 22 drop; }
            chain g { type filter hook forward priority 0; tcp dport 22 reject with tcp reset; }
        }",
    );
    holds(&read, &place, &[("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,22", &[Reset])]);
}

#[test]
fn what_a_rule_writes_into_packets_is_not_known_elsewhere() {
    let place = gateway();
    let text = |how: &str| {
        format!(
            "table ip a {{
                chain p {{ type filter hook prerouting priority mangle; tcp dport 80 {how}; }}
                chain f {{
                    type filter hook forward priority filter; policy drop
                    ip daddr 10.0.0.1 tcp dport 22 accept
                    meta l4proto udp accept
                }}
            }}"
        )
    };
    let to = |port| format!("forward tcp wan0>lan0 192.0.2.1,999 10.0.0.1,{port}");
    let udp = "forward udp wan0>lan0 192.0.2.1,999 10.0.0.1,53";
    let read = listing(&place, &text("ip daddr set 10.0.0.1 tcp dport set 22"));
    assert!(!read.unclear.is_empty());
    holds(
        &read,
        &place,
        &[(&to(22), &[Accept, Drop]), (&to(23), &[Accept, Drop]), (udp, &[Accept])],
    );
    // What is no part of a packet that is looked at may be written.
    for how in ["meta mark set 0x1", "tcp option maxseg size set rt mtu", "ip dscp set cs1"] {
        let read = listing(&place, &text(how));
        holds(&read, &place, &[(&to(22), &[Accept]), (&to(23), &[Drop]), (udp, &[Accept])]);
    }
}

#[test]
fn what_stands_behind_a_lookup_is_still_known() {
    let place = gateway();
    let read = listing(
        &place,
        "table ip a {
            chain f {
                type filter hook forward priority filter; policy drop
                fib daddr type local ip saddr 10.0.0.0/24 tcp dport 22 accept
                fib saddr . mark . iif oif exists tcp dport 23 accept
                fib daddr . iif type { local, broadcast } tcp dport 24 accept
            }
        }",
    );
    assert_eq!(read.unclear.len(), 3, "{:?}", read.unclear);
    holds(
        &read,
        &place,
        &[
            ("forward tcp wan0>lan0 10.0.0.1,999 10.0.0.9,22", &[Accept, Drop]),
            ("forward tcp wan0>lan0 10.0.1.1,999 10.0.0.9,22", &[Drop]),
            ("forward tcp wan0>lan0 10.0.1.1,999 10.0.0.9,23", &[Accept, Drop]),
            ("forward tcp wan0>lan0 10.0.1.1,999 10.0.0.9,24", &[Accept, Drop]),
            ("forward tcp wan0>lan0 10.0.1.1,999 10.0.0.9,25", &[Drop]),
            ("forward udp wan0>lan0 10.0.1.1,999 10.0.0.9,53", &[Drop]),
        ],
    );
}
