//! Rules that nobody wrote, in the words that readers of listings know.

use crate::draw::Random;
use std::fmt::Write;

const V4: [&str; 6] = [
    "10.0.0.0/8",
    "192.0.2.1",
    "192.0.2.64/26",
    "198.51.100.7-198.51.100.90",
    "203.0.113.0/24",
    "172.16.0.0-172.16.255.255",
];
const V6: [&str; 5] = [
    "2001:db8:1::/48",
    "2001:db8:2::7",
    "2001:db8:3::-2001:db8:3::ff",
    "2001:db8:4::/63",
    "fd00::/8",
];
const PORTS: [&str; 7] = ["22", "53", "80-90", "443", "1000-2000", "60000-61000", "65535"];
const PROTOCOLS: [&str; 7] = ["tcp", "udp", "icmp", "ipv6-icmp", "sctp", "47", "89"];
const NAMES: [&str; 6] = ["\"lan0\"", "\"wan0\"", "\"lo\"", "\"oth0\"", "\"wan*\"", "\"l*\""];
const STATES: [&str; 5] = ["new", "established", "related", "invalid", "untracked"];
const FLAGS: [&str; 12] = [
    "syn",
    "ack",
    "!= syn",
    "== syn",
    "syn,ack",
    "& (fin | syn | rst | ack) == syn",
    "& (fin | syn | rst | ack) != syn",
    "& (syn | ack) == 0x0",
    "& (ack | rst) != 0x0",
    "{ syn, syn | ack, rst }",
    "! fin,rst",
    "== syn | ack",
];

/// Some of a list, each once.
fn some(random: &mut Random, of: &[&'static str]) -> Vec<&'static str> {
    let mut all = of.to_vec();
    let wanted = 1 + random.below(4.min(all.len()));
    while all.len() > wanted {
        all.remove(random.below(all.len()));
    }
    all
}

/// Returns tables, chains and rules of nftables; a line that nft refuses is to be left out.
pub fn nftables(random: &mut Random) -> String {
    let mut text = String::new();
    for at in 0..=random.below(3) {
        let family = random.one_of(&["inet", "inet", "inet", "ip", "ip6"]);
        writeln!(text, "table {family} t{at} {{").expect("a text");
        sets(random, &mut text);
        for chain in 0..4 {
            let own = Chain {
                family,
                name: format!("c{chain}"),
                below: chain + 1,
                early: false,
                last: false,
            };
            writeln!(text, "chain c{chain} {{").expect("a text");
            rules(random, &own, 4, &mut text);
        }
        for chain in 0..=random.below(3) {
            base(random, family, chain, &mut text);
        }
        text += "}\n";
    }
    text
}

fn sets(random: &mut Random, text: &mut String) {
    text.push_str("set seen {\ntype ipv4_addr\nsize 65535\nflags dynamic,timeout\n}\n");
    let mut set = |name: &str, of: &str, elements: &str| {
        let lines = format!("type {of}\nflags interval\nelements = {{ {elements} }}");
        writeln!(text, "{name} {{\n{lines}\n}}").expect("a text");
    };
    set("set a4", "ipv4_addr", &some(random, &V4).join(", "));
    set("set a6", "ipv6_addr", &some(random, &V6).join(", "));
    set("set p", "inet_service", &some(random, &PORTS).join(", "));
    set("set all4", "ipv4_addr", "0.0.0.0/0");
    set("set all6", "ipv6_addr", "::/0");
    let pairs: Vec<_> = some(random, &V4)
        .into_iter()
        .map(|address| format!("{address} . {}", random.one_of(&PORTS)))
        .collect();
    set("set pairs", "ipv4_addr . inet_service", &pairs.join(", "));
    let entries: Vec<_> = some(random, &PORTS)
        .into_iter()
        .map(|port| {
            format!(
                "{port} : {}",
                random.one_of(&["accept", "drop", "return", "jump c3", "goto c2"])
            )
        })
        .collect();
    set("map m", "inet_service : verdict", &entries.join(", "));
}

struct Chain {
    family: &'static str,
    name: String,
    /// The first chain that it may jump to.
    below: usize,
    /// Before connection tracking.
    early: bool,
    /// Behind routing, where nothing may be rejected.
    last: bool,
}

fn base(random: &mut Random, family: &'static str, at: usize, text: &mut String) {
    let hook = random.one_of(&[
        "prerouting",
        "prerouting",
        "input",
        "input",
        "forward",
        "forward",
        "forward",
        "output",
        "output",
        "postrouting",
    ]);
    let priority = random.one_of(&["-300", "-300", "-150", "0", "0", "0", "10", "-210", "-5"]);
    let policy = random.one_of(&["accept", "accept", "accept", "drop"]);
    let early = priority == "-300" && matches!(hook, "prerouting" | "output");
    let name = format!("b{at}");
    writeln!(
        text,
        "chain {name} {{\ntype filter hook {hook} priority {priority}; policy {policy};"
    )
    .expect("a text");
    let chain = Chain { family, name, below: 1, early, last: hook == "postrouting" };
    rules(random, &chain, 7, text);
}

fn rules(random: &mut Random, chain: &Chain, most: usize, text: &mut String) {
    for _ in 0..random.below(most) {
        let rule = rule(random, chain);
        writeln!(text, "{rule}").expect("a text");
    }
    // An own line for each end, so that no rule is lost with it.
    text.push_str("}\n");
    debug_assert!(!chain.name.is_empty());
}

fn not(random: &mut Random) -> &'static str {
    random.one_of(&["", "", "", "!= "])
}

/// One value, or several in braces.
fn value(random: &mut Random, of: &[&'static str]) -> String {
    match random.below(2) {
        0 => random.one_of(of).to_owned(),
        _ => format!("{{ {} }}", some(random, of).join(", ")),
    }
}

fn rule(random: &mut Random, chain: &Chain) -> String {
    let layer = match chain.family {
        "ip" => 4,
        "ip6" => 6,
        _ => random.one_of(&[0, 0, 4, 6]),
    };
    let mut parts = Vec::new();
    if random.below(3) == 0 {
        parts.push(interface(random));
    }
    if layer > 0 && random.below(3) > 0 {
        parts.push(address(random, layer));
    }
    if random.below(3) > 0 {
        parts.push(upper(random, layer));
    }
    if random.below(4) == 0 {
        parts.push(state(random));
    }
    if random.below(6) == 0 {
        parts.push(other(random, layer));
    }
    if random.below(5) == 0 {
        parts.push("counter".to_owned());
    }
    let end = match random.below(6) {
        0 if !chain.last => map(random, chain, layer),
        _ => verdict(random, chain),
    };
    parts.push(end);
    parts.join(" ")
}

fn interface(random: &mut Random) -> String {
    let field = random.one_of(&["iifname", "oifname"]);
    let not = not(random);
    match random.below(3) {
        0 => format!("{field} {not}{}", value(random, &NAMES[..4])),
        1 => format!("{} {not}\"lo\"", &field[..3]),
        _ => format!("{field} {not}{}", random.one_of(&NAMES)),
    }
}

fn address(random: &mut Random, layer: u8) -> String {
    let (ip, all, set): (_, &[&str], _) =
        if layer == 4 { ("ip", &V4, "4") } else { ("ip6", &V6, "6") };
    let side = random.one_of(&["saddr", "daddr"]);
    let not = not(random);
    match random.below(5) {
        0 => format!("{ip} {side} {not}@a{set}"),
        1 if random.below(4) == 0 => format!("{ip} {side} {not}@all{set}"),
        2 if layer == 4 => {
            format!(
                "ip {side} . {} @pairs",
                random.one_of(&["tcp dport", "udp dport", "tcp sport"])
            )
        }
        _ => format!("{ip} {side} {not}{}", value(random, all)),
    }
}

fn upper(random: &mut Random, layer: u8) -> String {
    let protocol = random.one_of(&["tcp", "tcp", "udp", "th", "sctp"]);
    let side = random.one_of(&["dport", "dport", "sport"]);
    let not = not(random);
    match random.below(10) {
        0 => format!("tcp flags {}", random.one_of(&FLAGS)),
        1 if layer != 6 => format!(
            "icmp type {not}{}",
            value(random, &["echo-request", "echo-reply", "destination-unreachable", "13"])
        ),
        2 if layer != 4 => format!(
            "icmpv6 type {not}{}",
            value(random, &["echo-request", "echo-reply", "packet-too-big", "nd-neighbor-solicit"])
        ),
        3 => format!("meta l4proto {not}{}", value(random, &PROTOCOLS)),
        4 => format!(
            "{protocol} {side} {} {}",
            random.one_of(&["<", ">", "<=", ">="]),
            random.one_of(&["80", "1024", "0"])
        ),
        5 => format!("{protocol} {side} {not}@p"),
        6 => "meta l4proto . th dport { tcp . 22, udp . 53, tcp . 1000-2000 }".to_owned(),
        _ => format!("{protocol} {side} {not}{}", value(random, &PORTS)),
    }
}

fn state(random: &mut Random) -> String {
    match random.below(6) {
        0 => format!("ct state != {}", random.one_of(&STATES)),
        5 => format!("ct state ! {}", some(random, &STATES).join(",")),
        1 => format!("ct state {{ {} }}", some(random, &STATES).join(", ")),
        2 => format!("ct state != {{ {} }}", some(random, &STATES).join(", ")),
        3 => format!("ct state != {}", some(random, &STATES).join(",")),
        _ => format!("ct state {}", some(random, &STATES).join(",")),
    }
}

fn other(random: &mut Random, layer: u8) -> String {
    let not = not(random);
    match random.below(8) {
        0 => format!("meta nfproto {not}{}", random.one_of(&["ipv4", "ipv6"])),
        1 if layer != 6 => format!("ip protocol {not}{}", value(random, &PROTOCOLS)),
        2 if layer != 4 => format!("ip6 nexthdr {not}{}", value(random, &PROTOCOLS)),
        3 if layer == 4 => format!("ip ttl {} 64", random.one_of(&["<", "==", "!=", ">="])),
        4 if layer == 6 => format!("ip6 hoplimit {} 64", random.one_of(&["<", "==", "!=", ">="])),
        5 => "iifname . oifname { \"lan0\" . \"wan0\", \"wan0\" . \"lan0\" }".to_owned(),
        6 => format!("meta mark {not}0"),
        _ => format!("meta protocol {not}{}", random.one_of(&["ip", "ip6"])),
    }
}

fn map(random: &mut Random, chain: &Chain, layer: u8) -> String {
    let (key, all): (_, &[&str]) = match random.below(7) {
        0 => ("tcp dport", &PORTS),
        1 => ("ct state", &STATES),
        2 if layer == 4 => ("ip saddr", &V4),
        3 if layer == 6 => ("ip6 daddr", &V6),
        4 => ("meta l4proto", &PROTOCOLS),
        5 => {
            return random
                .one_of(&["tcp dport vmap @m", "udp sport vmap @m", "th dport vmap @m"])
                .to_owned();
        }
        _ => ("iifname", &NAMES[..4]),
    };
    let mut entries: Vec<_> = some(random, all)
        .into_iter()
        .map(|key| format!("{key} : {}", plain(random, chain)))
        .collect();
    if random.below(4) == 0 {
        entries.push(format!("* : {}", plain(random, chain)));
    }
    format!("{key} vmap {{ {} }}", entries.join(", "))
}

/// A verdict that may stand in a map.
fn plain(random: &mut Random, chain: &Chain) -> String {
    match random.below(6) {
        0 | 1 if chain.below < 4 && !chain.last => {
            let to = chain.below + random.below(4 - chain.below);
            format!("{} c{to}", random.one_of(&["jump", "goto"]))
        }
        2 => "return".to_owned(),
        3 => "continue".to_owned(),
        _ => random.one_of(&["accept", "drop"]).to_owned(),
    }
}

fn verdict(random: &mut Random, chain: &Chain) -> String {
    match random.below(12) {
        11 => {
            let change = random.one_of(&[
                "add @seen { ip saddr timeout 1h }",
                "update @seen { ip daddr }",
                "meta mark set ct mark",
                "meta mark set meta mark",
                "ct mark set meta mark",
            ]);
            format!("{change} {}", plain(random, chain))
        }
        0 | 1 if !chain.last => random
            .one_of(&[
                "reject",
                "reject with tcp reset",
                "reject with icmpx type admin-prohibited",
                "reject with icmp type admin-prohibited",
                "reject with icmpv6 type no-route",
            ])
            .to_owned(),
        2 | 3 if chain.early => "notrack".to_owned(),
        _ => plain(random, chain),
    }
}

/// Returns the input of `ipset restore`, `iptables-restore` and `ip6tables-restore`.
pub fn iptables(random: &mut Random) -> [String; 3] {
    [ipset(random), tables(random, 4), tables(random, 6)]
}

const SETS: [(&str, &str); 8] = [
    ("nets", "hash:net"),
    ("ips", "hash:ip"),
    ("ipport", "hash:ip,port"),
    ("netport", "hash:net,port"),
    ("netnet", "hash:net,net"),
    ("three", "hash:ip,port,net"),
    ("ports", "bitmap:port"),
    ("list", "list:set"),
];

fn ipset(random: &mut Random) -> String {
    let mut text = String::new();
    for (suffix, family) in [("4", "inet"), ("6", "inet6")] {
        for (name, kind) in SETS {
            let options = match kind {
                "bitmap:port" => " range 0-65535".to_owned(),
                "list:set" => String::new(),
                _ => format!(" family {family}"),
            };
            writeln!(text, "create {name}{suffix} {kind}{options}").expect("a text");
            for _ in 0..random.below(4) {
                let words: Vec<_> = kind
                    .split_once(':')
                    .map(|(_, parts)| {
                        parts.split(',').map(|part| element(random, part, kind, suffix))
                    })
                    .into_iter()
                    .flatten()
                    .collect();
                writeln!(text, "add -exist {name}{suffix} {}", words.join(",")).expect("a text");
            }
        }
    }
    text
}

fn element(random: &mut Random, part: &str, kind: &str, suffix: &str) -> String {
    let words: &[&str] = match (part, suffix) {
        ("ip", "4") => &["192.0.2.1", "10.0.0.1", "198.51.100.7", "192.0.2.64"],
        ("ip", _) => &["2001:db8:2::7", "2001:db8:1::1", "fd00::1"],
        ("net", "4") => {
            &["10.0.0.0/8", "192.0.2.0/25", "198.51.100.7", "0.0.0.0/1", "203.0.113.0/24"]
        }
        ("net", _) => &["2001:db8:1::/48", "2001:db8:2::7", "fd00::/8", "2001:db8::/33"],
        ("port", _) if kind == "bitmap:port" => &["22", "53", "1000-2000", "65535", "0"],
        ("port", "4") => &["tcp:22", "udp:53", "tcp:80-90", "icmp:echo-request", "sctp:443"],
        ("port", _) => &["tcp:22", "udp:53", "tcp:80-90", "icmpv6:echo-request", "sctp:443"],
        (_, "4") => &["nets4", "ips4", "ipport4", "netport4", "ports4", "nets6"],
        _ => &["nets6", "ips6", "ipport6", "netport6", "ports6", "ips4"],
    };
    random.one_of(words).to_owned()
}

fn tables(random: &mut Random, layer: u8) -> String {
    let mut text = String::new();
    let stages: [(&str, &[&str]); 3] = [
        ("raw", &["PREROUTING", "OUTPUT"]),
        ("mangle", &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
        ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ];
    for (table, chains) in stages {
        if table != "filter" && random.below(2) == 0 {
            continue;
        }
        writeln!(text, "*{table}").expect("a text");
        for chain in chains {
            let policy = random.one_of(&["ACCEPT", "ACCEPT", "ACCEPT", "DROP"]);
            let policy = if table == "filter" { policy } else { "ACCEPT" };
            writeln!(text, ":{chain} {policy} [0:0]").expect("a text");
        }
        text += ":u0 - [0:0]\n:u1 - [0:0]\n:u2 - [0:0]\n";
        let most = if table == "filter" { 7 } else { 4 };
        for (at, chain) in ["u0", "u1", "u2"].iter().enumerate() {
            for _ in 0..random.below(4) {
                let rule = line(random, table, chain, at + 1, layer);
                writeln!(text, "{rule}").expect("a text");
            }
        }
        for chain in chains {
            for _ in 0..random.below(most) {
                let rule = line(random, table, chain, 0, layer);
                writeln!(text, "{rule}").expect("a text");
            }
        }
        text += "COMMIT\n";
    }
    text
}

fn line(random: &mut Random, table: &str, chain: &str, below: usize, layer: u8) -> String {
    let mut parts = vec![format!("-A {chain}")];
    let negation = |random: &mut Random| random.one_of(&["", "", "", "! "]);
    if random.below(3) == 0 {
        let name = random.one_of(&["lan0", "wan0", "lo", "oth0", "wan+", "l+"]);
        parts.push(format!("{}{} {name}", negation(random), random.one_of(&["-i", "-o"])));
    }
    let (nets, ranges): (&[&str], &[&str]) = match layer {
        4 => (
            &["10.0.0.0/8", "192.0.2.1", "192.0.2.64/26", "203.0.113.0/24", "0.0.0.0/0"],
            &["198.51.100.7-198.51.100.90", "172.16.0.0-172.16.255.255"],
        ),
        _ => (
            &["2001:db8:1::/48", "2001:db8:2::7", "2001:db8:4::/63", "fd00::/8", "::/0"],
            &["2001:db8:3::-2001:db8:3::ff"],
        ),
    };
    match random.below(6) {
        0 | 1 => parts.push(format!(
            "{}{} {}",
            negation(random),
            random.one_of(&["-s", "-d"]),
            random.one_of(nets)
        )),
        2 => {
            let side = random.one_of(&["--src-range", "--dst-range"]);
            parts.push(format!("-m iprange {}{side} {}", negation(random), random.one_of(ranges)));
        }
        _ => {}
    }
    let protocol = transport(random, layer, &mut parts);
    if table != "raw" && random.below(4) == 0 {
        let states =
            some(random, &["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"]).join(",");
        parts.push(format!("-m conntrack {}--ctstate {states}", negation(random)));
    }
    if random.below(3) == 0 {
        let (name, _) = random.one_of(&SETS);
        let sides = random.one_of(&[
            "src",
            "dst",
            "src,dst",
            "dst,dst",
            "dst,src",
            "src,dst,src",
            "dst,dst,src",
        ]);
        parts.push(format!("-m set {}--match-set {name}{layer} {sides}", negation(random)));
    }
    if random.below(12) == 0 {
        let option = if layer == 4 { "-m ttl --ttl" } else { "-m hl --hl" };
        parts.push(format!("{option}-{} 64", random.one_of(&["eq", "lt", "gt"])));
    }
    parts.push(target(random, table, below, layer, protocol));
    parts.join(" ")
}

/// Adds a protocol and what is asked of it; gives the protocol where it can be no other.
fn transport(random: &mut Random, layer: u8, parts: &mut Vec<String>) -> &'static str {
    let not = random.one_of(&["", "", "", "! "]);
    let icmp = if layer == 4 { "icmp" } else { "ipv6-icmp" };
    let protocol = random.one_of(&["", "tcp", "tcp", "tcp", "udp", "sctp", icmp]);
    if protocol.is_empty() {
        return "";
    }
    if random.below(8) == 0 {
        parts.push(format!("! -p {protocol}"));
        return "";
    }
    parts.push(format!("-p {protocol}"));
    let side = random.one_of(&["d", "d", "s"]);
    if protocol == icmp {
        let (name, types) = match layer {
            4 => ("icmp --icmp-type", ["echo-request", "3/1", "any", "3"]),
            _ => ("icmp6 --icmpv6-type", ["echo-request", "1/4", "135", "1"]),
        };
        let (matching, option) = name.split_once(' ').expect("two words");
        // nft lists `! --icmp-type any`, which no packet fits, as if it were of every one.
        let ty = random.one_of(&types);
        let not = if ty == "any" { "" } else { not };
        parts.push(format!("-m {matching} {not}{option} {ty}"));
        return protocol;
    }
    match random.below(7) {
        0 if protocol == "tcp" => parts.push(format!("{not}--syn")),
        1 if protocol == "tcp" => {
            let flags = random.one_of(&[
                "SYN,ACK SYN,ACK",
                "ALL NONE",
                "ACK,RST NONE",
                "FIN,SYN,RST,ACK ACK",
                "ALL SYN",
            ]);
            parts.push(format!("{not}--tcp-flags {flags}"));
        }
        2 => parts.push(format!("-m multiport {not}--{side}ports 22,80:90,443")),
        3 => parts.push(format!("-m multiport {not}--ports 53,1000:2000,65535")),
        4 => {}
        _ => {
            let port = random.one_of(&["22", "53", "80:90", "1000:", ":1023", "65535"]);
            parts.push(format!("{not}--{side}port {port}"));
        }
    }
    protocol
}

fn target(random: &mut Random, table: &str, below: usize, layer: u8, protocol: &str) -> String {
    match random.below(7) {
        0 | 1 if below < 3 => {
            let to = below + random.below(3 - below);
            format!("{} u{to}", random.one_of(&["-j", "-g"]))
        }
        2 => "-j RETURN".to_owned(),
        3 if table == "raw" => "-j CT --notrack".to_owned(),
        3 if table == "filter" => match (random.below(3), protocol, layer) {
            (0, "tcp", _) => "-j REJECT --reject-with tcp-reset".to_owned(),
            (1, _, 4) => "-j REJECT --reject-with icmp-admin-prohibited".to_owned(),
            (1, ..) => "-j REJECT --reject-with icmp6-adm-prohibited".to_owned(),
            _ => "-j REJECT".to_owned(),
        },
        _ => random.one_of(&["-j ACCEPT", "-j DROP", "-j DROP"]).to_owned(),
    }
}
