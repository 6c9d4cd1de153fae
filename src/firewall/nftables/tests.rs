//! What is generated means what was asked for, and the real nft takes it.

use super::read::{artifact as read, listing as read_listing};
use super::testing::{Dice, addresses, empty, filter, origin, packet, run};
use crate::firewall::options::Setting;
use crate::firewall::render::Templates;
use crate::firewall::{Fault, File, Header, Kind, Spec};
use crate::ir::packet::{Filter, HopLimit, Rule};
use crate::ir::{Action, L4, Log, Placement, RateLimit, StateMode, TimeUnit};
use crate::net::{IpSet, PortSet, protocol};
use crate::program::{Field, Match};
use proptest::prelude::*;
use std::io::Write;
use std::process::{Command, Stdio};

fn artifact(filter: &Filter, counters: bool) -> Result<Vec<File>, Vec<Fault>> {
    let spec = Spec {
        name: "edge".to_owned(),
        kind: Kind::of("nftables").expect("a kind").with("counters", Setting::Flag(counters)),
        placement: filter.placement.clone(),
        state: filter.state,
        output: "firewall/edge.nft".to_owned(),
    };
    let header = Header { policy: filter.name.clone(), source: "policy.yaml".to_owned() };
    crate::firewall::generate(filter, &spec, &header, &Templates::default())
}

fn text(filter: &Filter) -> String {
    artifact(filter, false).expect("no fault").remove(0).text
}

fn file(text: &str) -> Vec<File> {
    vec![File { path: "edge.nft".to_owned(), text: text.to_owned(), executable: false }]
}

/// Checks packets from the edges of the filter's rules against a program.
fn agree(filter: &Filter, program: &crate::program::Program, seed: u64, text: &str) {
    let mut dice = Dice(seed);
    for _ in 0..400 {
        let packet = packet(filter, &mut dice);
        let (wanted, found) = (filter.verdict(&packet), run(program, &packet));
        assert_eq!(wanted, found, "{packet:?}\n{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_text_read_back_means_the_filter(filter in filter(), counters in any::<bool>(), seed in any::<u64>()) {
        let files = artifact(&filter, counters).expect("no fault");
        let program = read(&filter.placement, &files).unwrap_or_else(|e| panic!("{e:?}\n{}", files[0].text));
        agree(&filter, &program, seed, &files[0].text);
    }

    /// Our own text read as anybody's means the same, and nothing of it is unclear.
    #[test]
    fn the_text_read_as_a_listing_means_the_filter(filter in filter(), counters in any::<bool>(), seed in any::<u64>()) {
        let files = artifact(&filter, counters).expect("no fault");
        let listing = read_listing(&filter.placement, &files).unwrap_or_else(|e| panic!("{e:?}\n{}", files[0].text));
        prop_assert!(listing.unclear.is_empty(), "{:?}\n{}", listing.unclear, files[0].text);
        agree(&filter, &listing.program, seed, &files[0].text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(filter in filter(), cuts in proptest::collection::vec((any::<u64>(), 0usize..7), 1..6)) {
        let mut text = text(&filter);
        for (seed, how) in cuts {
            text = mutated(&text, seed, how);
            let _ = read(&filter.placement, &file(&text));
            let _ = read_listing(&filter.placement, &file(&text));
        }
    }
}

fn mutated(text: &str, seed: u64, how: usize) -> String {
    let mut dice = Dice(seed);
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let (at, other) = (dice.roll(lines.len()), dice.roll(lines.len()));
    let mut words: Vec<String> = lines[at].split(' ').map(str::to_owned).collect();
    let word = dice.roll(words.len());
    match how {
        0 => {
            lines.remove(at);
        }
        1 => lines.swap(at, other),
        2 => {
            words.remove(word);
            lines[at] = words.join(" ");
        }
        3 => {
            words[word] = lines[other].split(' ').next_back().unwrap_or_default().to_owned();
            lines[at] = words.join(" ");
        }
        4 => lines[at] = lines[at].chars().rev().collect(),
        5 => lines.truncate(at),
        _ => {
            let odd =
                ["é", "\"", "{", "}", "\\", "@", " . ", "4294967296", "/33", "-", "!=", ";", "#"];
            words.insert(word, odd[dice.roll(odd.len())].to_owned());
            lines[at] = words.join(" ");
        }
    }
    lines.join("\n")
}

fn allow(rule: &str, source: IpSet, destination: IpSet, l4: L4) -> Rule {
    Rule::allow(source, destination, l4, origin(rule, ""))
}

/// A small policy with one of everything.
fn sample() -> Filter {
    let mut filter = empty(Placement::Host, StateMode::Stateful);
    let web =
        L4::ports(protocol::TCP, PortSet::all(), PortSet::from_ranges([(80, 80), (443, 443)]));
    let mut crm = allow(
        "crm",
        addresses("10.20.0.0/16 2001:db8:20::/48"),
        addresses("192.0.2.0/24 198.51.100.7 2001:db8::/32"),
        web,
    );
    crm.log = Some(Log {
        prefix: "crm: ".to_owned(),
        limit: Some(RateLimit { count: 10, unit: TimeUnit::Minute }),
    });
    let mut refuse = allow(
        "no-mail",
        IpSet::all(),
        IpSet::all(),
        L4::ports(protocol::TCP, PortSet::all(), PortSet::one(25)),
    );
    refuse.action = Action::Reject;
    filter.outbound = vec![crm, refuse];
    filter.inbound = vec![Rule {
        hop_limit: HopLimit::Exactly(255),
        ..allow(
            "nd",
            addresses("::/0"),
            addresses("::/0"),
            L4::icmpv6(crate::net::icmp::all_codes(135)),
        )
    }];
    filter
}

#[test]
fn a_small_file_reads_like_one_written_by_hand() {
    insta::assert_snapshot!(text(&sample()));
}

/// Every fact of the sample that can be broken in the text is seen by the reader or by a packet.
#[test]
fn what_is_broken_in_the_text_is_noticed() {
    let filter = sample();
    let good = text(&filter);
    let same = |text: &str| -> Option<bool> {
        let program = read(&filter.placement, &file(text)).ok()?;
        let mut dice = Dice(7);
        Some((0..40_000).all(|_| {
            let packet = packet(&filter, &mut dice);
            filter.verdict(&packet) == run(&program, &packet)
        }))
    };
    assert_eq!(same(&good), Some(true));
    let breaks = [
        ("policy drop", "policy accept"),
        ("limit rate 10/minute burst 5 packets log prefix \"crm: \"", "drop"),
        ("ip saddr 10.20.0.0/16 ", ""),
        ("192.0.2.0/24", "192.0.2.0/25"),
        ("{ 80, 443 }", "80"),
        (" reject with tcp reset", " drop"),
        ("tcp dport 25", "udp dport 25"),
        ("tcp dport 25", "iifname \"lo\""),
        ("ip6 hoplimit 255", "ip6 hoplimit 254"),
        ("icmpv6 type nd-neighbor-solicit", "icmpv6 type nd-neighbor-advert"),
        ("invalid : drop", "invalid : accept"),
        ("established : accept, ", ""),
        ("iifname \"lo\" accept comment \"baseline loopback\"\n", "ip saddr 10.9.9.9 accept\n"),
        ("hook output", "hook input"),
    ];
    for (from, to) in breaks {
        assert!(good.contains(from), "{from} is not in\n{good}");
        let broken = good.replace(from, to);
        assert_ne!(same(&broken), Some(true), "{from} -> {to} went unnoticed");
    }
}

/// What the reader must refuse rather than overlook: each stands for a firewall that is another one.
#[test]
fn what_touches_more_than_its_table_is_refused() {
    let filter = sample();
    let good = text(&filter);
    let refused = [
        ("delete table inet edge\n", ""),
        ("delete table inet edge\n", "delete table inet other\n"),
        ("delete table inet edge\n", "delete table inet edge\nflush ruleset\n"),
        ("table inet edge {}\n", "table inet edge {}\ntable ip nat {}\n"),
        ("table inet edge {}\n", "include \"x\"\ntable inet edge {}\n"),
        ("tcp dport 25", "tcp dport @nothing"),
        ("tcp dport 25", "tcp dport 025"),
        ("tcp dport 25", "tcp dport { }"),
        ("tcp dport 25 reject with tcp reset", "th dport 25 drop"),
        ("tcp dport 25", "ip saddr @crm_dst_v6"),
        ("tcp dport 25", "oifname \"eth*\""),
        ("tcp dport 25", "oifname \"eth0\""),
        ("tcp dport 25", "meta mark 1"),
        ("tcp dport 25", "limit rate 1/second"),
        ("198.51.100.7,", "198.51.100.7/24,"),
        ("198.51.100.7", "198.51.100.07"),
        ("198.51.100.7", ", 198.51.100.7"),
        ("reject with tcp reset", "reject"),
        ("reject with tcp reset", "jump nowhere"),
        ("reject with tcp reset", "jump input"),
        ("reject with tcp reset", "accept accept"),
        ("reject with tcp reset", "notrack"),
        ("reject with tcp reset", "dnat to 10.0.0.1"),
        ("flags interval", "flags timeout"),
        ("flags interval", "auto-merge"),
        ("hook output priority filter", "hook input priority filter"),
        ("hook output priority filter", "hook prerouting priority filter"),
        ("type filter hook output", "type nat hook output"),
        ("hook output priority filter", "hook output priority raw"),
        ("}\n}\n", "}\n"),
    ];
    for (from, to) in refused {
        let broken = good.replacen(from, to, 1);
        assert_ne!(broken, good, "{from} is not in\n{good}");
        let read = read(&filter.placement, &file(&broken));
        assert!(read.is_err(), "{from} -> {to} was read:\n{broken}");
    }
    let loops = "table inet x {\nchain b {\ntype filter hook input priority 0\njump a\n}\nchain a {\njump a\n}\n}\n";
    assert!(read_listing(&filter.placement, &file(loops)).is_err());
    for character in ["\\", "$", "\r", "\0", "\u{a0}"] {
        let broken = good.replacen("tcp dport 25", &format!("tcp dport 25{character}"), 1);
        assert!(read(&filter.placement, &file(&broken)).is_err(), "{character:?}");
    }
    assert!(read(&filter.placement, &[]).is_err());
}

/// Lists of elements are read as a whole, used or not.
#[test]
fn lists_of_elements_are_refused_where_they_are_not_understood() {
    let good = text(&sample());
    let list = "192.0.2.0/24,\n\t\t\t198.51.100.7,";
    for elements in [
        "192.0.2.0/24 198.51.100.7",
        "192.0.2.0/24,, 198.51.100.7",
        "192.0.2.0/24, \"x\"",
        "192.0.2.0/24, # c \\\n198.51.100.7",
        "192.0.2.0/24, elements = { }",
        "192.0.2.0/24 timeout 1h",
        "192.0.2.0/24 : accept",
        "192.0.2.0/24, ten",
        "",
    ] {
        let broken = good.replacen(list, elements, 1);
        assert_ne!(broken, good);
        assert!(read(&Placement::Host, &file(&broken)).is_err(), "{elements}");
        let unused = good.replacen("\tchain input", &format!("\tset unused {{\n\t\ttype ipv4_addr . inet_proto\n\t\telements = {{ {elements} }}\n\t}}\n\n\tchain input"), 1);
        assert!(read(&Placement::Host, &file(&unused)).is_err(), "{elements}");
    }
}

/// Elements that differ in their last value alone are one product, wherever lines break.
#[test]
fn elements_that_differ_in_the_last_value_alone_are_one_product() {
    let one = |low: u8, ports: &[u32]| {
        let low = u32::from_be_bytes([10, 0, 0, low]);
        let ports = ports.iter().map(|port| (*port, *port)).collect();
        let ports = Match::Field(Field::DestinationPort, ports);
        vec![Match::Source4(vec![(low, low)]), ports]
    };
    let wanted = Match::AnyOf(vec![one(1, &[80, 443]), one(2, &[80]), one(1, &[81])]);
    for list in [
        " 10.0.0.1 . 80, 10.0.0.1 . 443,\n10.0.0.2 . 80, 10.0.0.1 . 81 ",
        "\n10.0.0.1 . 80, # a } b\n\n10.0.0.1 . 443,\n10.0.0.2 . 80,\n10.0.0.1 . 81,\n",
    ] {
        let text = format!(
            "table inet x {{\nset s {{\ntype ipv4_addr . inet_service\nelements = {{{list}}}\n}}\n\
             chain c {{\ntype filter hook input priority 0\nip saddr . tcp dport @s accept\n}}\n}}\n"
        );
        let listing = read_listing(&Placement::Host, &file(&text)).expect(list);
        assert!(listing.program.chains[0].clauses[0].when.contains(&wanted), "{listing:?}");
    }
}

#[test]
fn text_of_a_policy_stays_text() {
    let evil = [
        "\" ; flush ruleset #",
        "${x}",
        "$x",
        "a\\",
        "a\nflush ruleset\n",
        "'`",
        "}\n}\nflush ruleset",
        "\u{202e}x",
        "é{};",
    ];
    for evil in evil {
        let mut filter = sample();
        for rule in filter.inbound.iter_mut().chain(&mut filter.outbound) {
            rule.origins = vec![origin(evil, evil)];
        }
        let text = text(&filter);
        let program =
            read(&filter.placement, &file(&text)).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        agree(&filter, &program, 1, &text);
        assert!(
            !text.contains('$') && !text.contains('\\') && !text.contains('\u{202e}'),
            "{text}"
        );
        nft_takes(&text);
    }
    for evil in ["a\" ; flush ruleset #", "${x}", "a\\", "a\nb", &"x".repeat(128), "\u{202e}"] {
        let mut filter = sample();
        filter.outbound[0].log = Some(Log { prefix: evil.to_owned(), limit: None });
        let faults = artifact(&filter, false).expect_err(evil);
        assert_eq!(faults[0].origin.as_ref().map(|o| o.rule.as_str()), Some("crm"), "{evil}");
        let mut filter = sample();
        filter.name = evil.to_owned();
        assert_eq!(artifact(&filter, false).is_err(), evil.len() != 128, "{evil}");
        let outside = vec![evil.to_owned()];
        filter = sample();
        filter.placement = Placement::Gateway { inside: vec!["lan0".to_owned()], outside };
        assert!(artifact(&filter, false).is_err(), "{evil}");
    }
}

#[test]
fn a_gateway_needs_two_sides_that_differ() {
    let sides = |inside: &[&str], outside: &[&str]| {
        let own = |names: &[&str]| names.iter().map(|s| (*s).to_owned()).collect();
        let placement = Placement::Gateway { inside: own(inside), outside: own(outside) };
        artifact(&empty(placement, StateMode::Stateful), false).is_ok()
    };
    assert!(sides(&["a"], &["b"]));
    assert!(!sides(&["a"], &["a"]) && !sides(&["a", "a"], &["b"]));
    assert!(!sides(&[], &["b"]) && !sides(&["a"], &[]) && !sides(&["lo"], &["b"]));
}

/// Random rules like those of an access list (ClassBench's acl): mostly allow, a few drops.
fn access_list(count: usize, seed: u64, wild: (usize, usize), drops: usize) -> Filter {
    let mut dice = Dice(seed);
    let mut filter = empty(Placement::Host, StateMode::Stateful);
    for i in 0..count {
        let mut side = |wild: usize| {
            if dice.roll(100) < wild {
                return addresses("0.0.0.0/0");
            }
            let length = [16u8, 20, 24, 24, 24, 28, 30, 32, 32, 32][dice.roll(10)];
            let at =
                u32::try_from((dice.roll(1 << 16) << 16) | dice.roll(1 << 16)).expect("32 bits");
            let mask = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            IpSet { v4: crate::net::Ipv4Set::range(at & !mask, at | mask), ..IpSet::empty() }
        };
        let (source, destination) = (side(wild.0), side(wild.1));
        let low =
            [22, 53, 80, 443, 1024, 8080, 1 + u16::try_from(dice.roll(65000)).expect("16 bits")]
                [dice.roll(7)];
        let high = match low {
            1024 => 65535,
            8080 => 8090,
            _ => low,
        };
        let carried = [protocol::TCP, protocol::TCP, protocol::TCP, protocol::UDP][dice.roll(4)];
        let l4 = L4::ports(carried, PortSet::all(), PortSet::range(low, high));
        let mut rule = allow(&format!("rule-{i}"), source, destination, l4);
        if dice.roll(100) < drops {
            rule.action = Action::Drop;
        }
        filter.inbound.push(rule);
    }
    filter
}

#[test]
fn a_long_list_becomes_a_few_sets() {
    let filter = access_list(2_000, 1, (20, 3), 1);
    let text = text(&filter);
    let rules = text.lines().filter(|line| line.contains(" comment \"")).count();
    assert!(rules < 200, "{rules} rules");
    let program = read(&filter.placement, &file(&text)).expect("our own text");
    agree(&filter, &program, 3, "a long list");
    nft_takes(&text);
}

/// Says something that a test runner does not swallow.
fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").expect("standard error");
}

/// Whether the kernel's tests can run here; loud when not, and fatal where they must.
fn kernel() -> bool {
    let found = Command::new("unshare").args(["-n", "nft", "list", "ruleset"]).output();
    let ready = found.is_ok_and(|output| output.status.success());
    if !ready {
        assert!(
            std::env::var_os("PORTCULLIS_REQUIRE_KERNEL").is_none(),
            "nft in a namespace is required"
        );
        say("SKIPPED: needs root, unshare and nft");
    }
    ready
}

/// Runs a shell script in a fresh network namespace with the text on stdin.
fn namespace(script: &str, text: &str) -> (bool, String) {
    let mut child = Command::new("unshare")
        .args(["-n", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare");
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("a pipe");
    let output = child.wait_with_output().expect("unshare");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

/// Loads a file twice: the second load changes nothing and another table lives on. What the kernel lists
/// means the filter, and so does that listing when it is loaded in its turn.
fn kernel_holds(filter: &Filter, counters: bool, seed: u64) {
    let text = artifact(filter, counters).expect("no fault").remove(0).text;
    let script = "set -e; d=$(mktemp -d /dev/shm/nft.XXXXXX); trap 'rm -r $d' EXIT; cat > $d/file
        nft add table ip docker; nft -c -f $d/file; nft -f $d/file
        nft list ruleset > $d/one; nft -f $d/file; nft list ruleset > $d/two; cmp $d/one $d/two
        nft list table ip docker > /dev/null
        nft list table inet edge > $d/saved; nft delete table inet edge; nft -f $d/saved
        nft list ruleset > $d/three; sort $d/one > $d/a; sort $d/three > $d/b; cmp $d/a $d/b
        nft -p list table inet edge";
    let (fine, listing) = namespace(script, &text);
    assert!(fine, "{listing}\n{text}");
    let read = read_listing(&filter.placement, &file(&listing))
        .unwrap_or_else(|e| panic!("{e:?}\n{listing}\n{text}"));
    assert!(read.unclear.is_empty(), "{:?}\n{listing}\n{text}", read.unclear);
    agree(filter, &read.program, seed, &listing);
}

/// nft 1.0.6 leaves a match on the family out of what it lists in these places, and what is saved so and
/// loaded again would match the other family too.
#[test]
fn a_saved_listing_keeps_the_family() {
    let v4 = |l4| allow("v4-only", addresses("0.0.0.0/0"), addresses("0.0.0.0/0"), l4);
    let whole = |p| L4::protocols(crate::net::ProtocolSet::one(p));
    let refuse = |l4| Rule { action: Action::Reject, ..v4(l4) };
    let mut filter = empty(Placement::Host, StateMode::Stateful);
    filter.defaults = crate::ir::flow::Defaults { inbound: Action::Drop, outbound: Action::Allow };
    filter.inbound =
        vec![v4(whole(protocol::ICMP)), v4(whole(protocol::ICMPV6)), v4(whole(protocol::TCP))];
    let mail = L4::ports(protocol::TCP, PortSet::all(), PortSet::one(25));
    filter.outbound =
        vec![refuse(mail), refuse(whole(protocol::TCP)), refuse(whole(protocol::UDP))];
    if kernel() {
        for seed in 0..20 {
            kernel_holds(&filter, seed % 2 == 0, seed);
        }
    }
}

fn nft_takes(text: &str) {
    if kernel() {
        let (fine, said) = namespace("nft -c -f -", text);
        assert!(fine, "{said}\n{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_holds_what_was_meant(filter in filter(), counters in any::<bool>(), seed in any::<u64>()) {
        if kernel() {
            kernel_holds(&filter, counters, seed);
        }
    }
}
