//! The policies that are measured, made the same way each time: as this program reads them, and as others do.

use super::Random;
use portcullis::diag::Diags;
use portcullis::feed::Feeds;
use portcullis::ir::flow::RuleSet;
use portcullis::ir::{Action, Direction};
use portcullis::net::{Family, IpSet, protocol};
use portcullis::policy::Loader;
use portcullis::source::SourceMap;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;

/// Rules over named networks, in the least that every compiler can say.
pub struct Workload {
    /// Their prefixes as they are written: neither sorted nor merged.
    networks: Vec<Vec<String>>,
    lines: Vec<Line>,
}

/// A rule; networks by their numbers, `None` is any.
struct Line {
    allow: bool,
    outbound: bool,
    from: Option<usize>,
    to: Option<usize>,
    protocol: &'static str,
    ports: Vec<(u16, u16)>,
}

/// Lists as people have them: a rule has one of 200 sources, one object of some prefixes, and one to three
/// ports of 400; a quarter of the prefixes is next to another one or in it.
pub fn synthetic(rules: usize, objects: usize, prefixes: usize) -> Workload {
    let mut random = Random(0x853c_49e6_748f_ea9b);
    let mut networks: Vec<_> = (0..objects).map(|_| object(&mut random, prefixes)).collect();
    networks.extend((0..200u32).map(|site| vec![spelled(0x0a00_0000 + (site << 8), 24)]));
    let mut draw = |count: usize| random.index(count);
    let line = |number: usize| {
        let (from, protocol) = (objects + draw(200), ["tcp", "udp"][draw(2)]);
        let mut ports: Vec<_> = (0..=draw(3)).map(|_| 20 + port(draw(400))).collect();
        ports.sort_unstable();
        ports.dedup();
        let ports = ports.into_iter().map(|port| (port, port)).collect();
        let (from, to) = (Some(from), Some(number % objects));
        Line { allow: true, outbound: true, from, to, protocol, ports }
    };
    let lines = (0..rules).map(line).collect();
    Workload { networks, lines }
}

fn port(number: usize) -> u16 {
    u16::try_from(number).expect("a port")
}

fn object(random: &mut Random, prefixes: usize) -> Vec<String> {
    let mut members = Vec::new();
    while members.len() < prefixes {
        let base = 0x0b00_0000 + low(random, 0xd400_0000 >> 8) * 256;
        let length = [24, 24, 25, 26, 27, 28][random.index(6)];
        members.push(spelled(base, length));
        match random.index(20) {
            0..=2 => members.push(spelled(base ^ (1 << (32 - length)), length)),
            3 | 4 => members.push(spelled(base, length + 2)),
            _ => {}
        }
    }
    members.truncate(prefixes);
    members
}

fn low(random: &mut Random, count: u64) -> u32 {
    u32::try_from(random.below(count)).expect("32 bits")
}

fn spelled(address: u32, length: u32) -> String {
    format!("{}/{length}", Ipv4Addr::from_bits(address))
}

/// What the agents of an Amazon Connect contact centre need, with the vendor's addresses.
pub fn connect() -> (String, Workload) {
    let text = "policy: connect\nimports: [builtin:amazon-connect]\nnetworks:\n  \
        agents: [\"10.20.0.0/16\", \"2001:db8:20::/48\"]\nrules:\n  - use: amazon-connect\n    \
        with: { clients: agents, region: us-east-1, instance: acme, access: ip-ranges }\n"
        .to_owned();
    let rules = resolved(&text).rules;
    let (mut known, mut networks) = (BTreeMap::new(), Vec::new());
    let mut network = |set: &IpSet| {
        (!set.is_all()).then(|| {
            *known.entry(set.clone()).or_insert_with(|| {
                networks.push(set.prefixes().map(|net| net.to_string()).collect());
                networks.len() - 1
            })
        })
    };
    let mut lines = Vec::new();
    for rule in &rules {
        let protocol = match rule.l4.protocol_set().single() {
            Some(protocol::TCP) => "tcp",
            Some(protocol::UDP) => "udp",
            other => panic!("another protocol: {other:?}"),
        };
        assert!(rule.l4.source().is_all(), "source ports");
        lines.push(Line {
            allow: rule.action == Action::Allow,
            outbound: rule.direction == Direction::Outbound,
            from: network(&rule.source),
            to: network(&rule.destination),
            protocol,
            ports: rule.l4.destination().ranges().to_vec(),
        });
    }
    (text, Workload { networks, lines })
}

struct Text<'a>(&'a str);

impl Loader for Text<'_> {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.as_bytes().to_vec())
    }
}

/// Reads and resolves a policy without targets.
fn resolved(text: &str) -> RuleSet {
    let text = text.to_owned() + &targets(&["nftables"]);
    let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
    let policy = portcullis::policy::load("policy", &Text(&text), &mut sources, &mut diags);
    let policy = policy.expect("a policy without faults");
    let resolved = portcullis::pass::resolve::resolve(&policy, &Feeds::bundled(), &mut diags);
    resolved.expect("a policy that resolves").rules
}

/// Writes targets on a host.
pub fn targets(kinds: &[&str]) -> String {
    let mut text = "targets:\n".to_owned();
    for kind in kinds {
        let output = if *kind == "iptables" { "iptables/".into() } else { format!("{kind}.conf") };
        writeln!(text, "  {kind}: {{ kind: {kind}, placement: host, output: {output} }}")
            .expect("memory");
    }
    text
}

impl Workload {
    /// Writes a policy without targets.
    pub fn policy(&self) -> String {
        let mut text = "policy: measured\nnetworks:\n".to_owned();
        for (number, prefixes) in self.networks.iter().enumerate() {
            writeln!(text, "  n{number}: [\"{}\"]", prefixes.join("\", \"")).expect("memory");
        }
        text += "rules:\n";
        for (number, line) in self.lines.iter().enumerate() {
            let action = if line.allow { "allow" } else { "drop" };
            let way = if line.outbound { "outbound" } else { "inbound" };
            let name = |network: Option<usize>| network.map_or("any".into(), |n| format!("n{n}"));
            let services = line.ports.iter().map(|ports| match ports {
                (first, last) if first == last => format!("{}/{first}", line.protocol),
                (first, last) => format!("{}/{first}-{last}", line.protocol),
            });
            writeln!(
                text,
                "  - {{ id: r{number}, action: {action}, direction: {way}, from: {}, to: {}, \
                 service: [{}] }}",
                name(line.from),
                name(line.to),
                services.collect::<Vec<_>>().join(", ")
            )
            .expect("memory");
        }
        text
    }

    /// Writes Aerleon's definitions, and its policy for some of its targets.
    pub fn aerleon(&self, targets: &[&str]) -> (String, String) {
        let mut names = "networks:\n".to_owned();
        for (number, prefixes) in self.networks.iter().enumerate() {
            writeln!(names, "  N{number}:\n    values:").expect("memory");
            for prefix in prefixes {
                writeln!(names, "      - address: \"{prefix}\"").expect("memory");
            }
        }
        names += "services:\n";
        let ports = |line: &Line| line.ports.iter().map(|ports| (line.protocol, *ports)).collect();
        let mut services: Vec<_> =
            self.lines.iter().flat_map(|line| -> Vec<_> { ports(line) }).collect();
        services.sort_unstable();
        services.dedup();
        for (protocol, (first, last)) in services {
            let name = service(protocol, (first, last));
            writeln!(names, "  {name}:\n    - protocol: {protocol}\n      port: {first}-{last}")
                .expect("memory");
        }
        let terms = self.terms();
        // A header has each kind of target once.
        let (second, first): (Vec<_>, Vec<_>) =
            targets.iter().partition(|target| **target == "iptables6");
        let mut rules = "filters:\n".to_owned();
        for targets in [first, second].iter().filter(|targets| !targets.is_empty()) {
            rules += "  - header:\n      targets:\n";
            for target in targets {
                let (target, options) = match *target {
                    "nftables" => ("nftables", "mixed output"),
                    "iptables" => ("iptables", "OUTPUT DROP"),
                    "iptables6" => ("iptables", "OUTPUT DROP inet6"),
                    _ => ("packetfilter", "measured out mixed"),
                };
                writeln!(rules, "        {target}: {options}").expect("memory");
            }
            rules += "    terms:\n";
            rules += &terms;
        }
        (names, rules)
    }

    /// The rules as Aerleon's terms.
    fn terms(&self) -> String {
        let mut terms = String::new();
        for (number, line) in self.lines.iter().enumerate() {
            assert!(line.outbound, "only what goes out is compared");
            writeln!(terms, "      - name: r{number}").expect("memory");
            for (side, network) in [("source", line.from), ("destination", line.to)] {
                if let Some(network) = network {
                    writeln!(terms, "        {side}-address: N{network}").expect("memory");
                }
            }
            let services = line.ports.iter().map(|ports| service(line.protocol, *ports));
            let services = services.collect::<Vec<_>>().join(" ");
            let action = if line.allow { "accept" } else { "deny" };
            writeln!(
                terms,
                "        destination-port: {services}\n        protocol: {}\n        action: {action}",
                line.protocol
            )
            .expect("memory");
        }
        terms
    }

    /// Writes ferm's configuration of a family.
    pub fn ferm(&self, family: Family) -> String {
        let domain = if family == Family::V4 { "ip" } else { "ip6" };
        let mut text = format!("domain {domain} table filter chain OUTPUT {{\n  policy DROP;\n");
        for line in &self.lines {
            let Some([from, to]) = self.sides(line, family) else { continue };
            let side = |word: &str, prefixes: &[&str]| match prefixes {
                [] => String::new(),
                some => format!("{word} ({}) ", some.join(" ")),
            };
            let (from, to) = (side("saddr", &from), side("daddr", &to));
            let ports = line.ports.iter().map(|(first, last)| format!("{first}:{last}"));
            let ports = ports.collect::<Vec<_>>().join(" ");
            let action = if line.allow { "ACCEPT" } else { "DROP" };
            writeln!(text, "  {from}{to}proto {} dport ({ports}) {action};", line.protocol)
                .expect("memory");
        }
        text + "}\n"
    }

    /// Counts the rules.
    pub fn rules(&self) -> usize {
        self.lines.len()
    }

    /// Counts the rules with both sides in a family; of one prefix on each side and one range of ports.
    pub fn counts(&self, family: Family) -> (usize, usize) {
        let sides = self.lines.iter().filter_map(|line| Some((line, self.sides(line, family)?)));
        let flat = |(line, [from, to]): (&Line, [Vec<&str>; 2])| {
            from.len().max(1) * to.len().max(1) * line.ports.len()
        };
        (sides.clone().count(), sides.map(flat).sum())
    }

    /// The prefixes of a rule's two sides in a family, empty for any; none where one side has none.
    fn sides(&self, line: &Line, family: Family) -> Option<[Vec<&str>; 2]> {
        let of = |network: Option<usize>| match network {
            None => Some(Vec::new()),
            Some(network) => {
                let own = |prefix: &&String| prefix.contains(':') == (family == Family::V6);
                let own = self.networks[network].iter().filter(own);
                let own: Vec<_> = own.map(String::as_str).collect();
                (!own.is_empty()).then_some(own)
            }
        };
        Some([of(line.from)?, of(line.to)?])
    }
}

fn service(protocol: &str, (first, last): (u16, u16)) -> String {
    format!("{}_{first}_{last}", protocol.to_uppercase())
}

/// Prefixes of an Internet's size in a file: /20 to /28 in random places.
pub fn prefixes(count: usize) -> String {
    let mut random = Random(0xda3e_39cb_94b9_5bdb);
    let mut text = String::new();
    for _ in 0..count {
        let length = 20 + low(&mut random, 9);
        let address = (low(&mut random, 1 << 16) << 16) | low(&mut random, 1 << 16);
        let address = (address >> (32 - length)) << (32 - length);
        writeln!(text, "{}", spelled(address, length)).expect("memory");
    }
    text
}

/// A policy over the file `prefixes.txt`.
pub const FROM_FILE: &str = "policy: measured\nnetworks:\n  listed: { file: prefixes.txt }\nrules:\n  \
    - { id: listed, action: allow, direction: outbound, from: any, to: listed, service: tcp/443 }\n";

/// Some allows of disjoint /24s, then a tenth as many drops on one port each of all around them.
pub fn union(count: usize) -> String {
    let allow = |i: usize| rule(i, "allow", &format!("10.{}.{}.0/24", i >> 8, i & 255), "tcp/any");
    let drop = |i: usize| rule(count + i, "drop", "10.0.0.0/8", &format!("tcp/{}", i + 1));
    let rules = (0..count).map(allow).chain((0..count / 10).map(drop));
    format!("policy: measured\nrules:\n{}", rules.collect::<String>())
}

/// Allows of one host each.
pub fn hosts(count: usize) -> String {
    let host = |i: usize| format!("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255);
    let rules = (0..count).map(|i| rule(i, "allow", &host(i), "tcp/443"));
    format!("policy: measured\nrules:\n{}", rules.collect::<String>())
}

/// Rules over random halves of 400 hosts on both sides, with ten ports each and source ports.
pub fn dense(count: usize) -> String {
    let mut random = Random(0xbf58_476d_1ce4_e5b9);
    let mut half = || {
        let taken = (0..400).filter(|_| random.index(2) == 0);
        let hosts = taken.map(|x| format!("\"10.0.{}.{}\"", x >> 7, (x * 2) & 255));
        format!("[{}]", hosts.collect::<Vec<_>>().join(", "))
    };
    let sides: Vec<_> = (0..count).map(|_| (half(), half())).collect();
    let mut text = "policy: measured\nrules:\n".to_owned();
    for (i, (from, to)) in sides.into_iter().enumerate() {
        let action = ["drop", "allow"][i % 2];
        let ports: Vec<_> = (0..10).map(|_| format!("tcp/{}", 1 + random.index(65535))).collect();
        let source = match i % 3 {
            0 => format!("\"{}-{}\"", 1 + i * 100 % 30000, 60000 - i * 100 % 20000),
            _ => (1 + random.index(65535)).to_string(),
        };
        writeln!(
            text,
            "  - {{ id: r{i}, action: {action}, direction: inbound, from: {from}, to: {to}, \
             service: [{}], source-ports: {source} }}",
            ports.join(", ")
        )
        .expect("memory");
    }
    text
}

fn rule(number: usize, action: &str, from: &str, service: &str) -> String {
    format!(
        "  - {{ id: r{number}, action: {action}, direction: inbound, from: \"{from}\", to: any, \
         service: {service} }}\n"
    )
}
