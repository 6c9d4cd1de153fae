//! Every condition of nft with every statement: as text and as JSON they are read alike, and what the kernel
//! does is among what the reader says.
//!
//! A load has one statement behind all conditions, each in a chain of its own that packets to one port come
//! by, so that a rule which is lost lets through what the kernel drops.

use crate::bench::Bench;
use crate::draw::Random;
use crate::foreign::{self, Report};
use crate::scenario;
use portcullis::ir::{Hook, Packet, Placement, State, StateMode};
use portcullis::net::protocol::{TCP, UDP};
use std::fmt::Write;

/// Conditions of all kinds.
const CONDITIONS: &[&str] = &[
    "",
    "ip saddr 10.0.0.0/8",
    "ip saddr != 10.0.0.0/8",
    "ip saddr { 10.0.0.1, 192.0.2.0/24 }",
    "ip saddr @known",
    "ip saddr . ip daddr { 10.0.0.1 . 192.0.2.5 }",
    "ip saddr & 255.0.0.255 == 10.0.0.1",
    "ip protocol { tcp, udp }",
    "ip ttl 64",
    "ip ttl > 3",
    "ip dscp cs0",
    "ip length 20-2000",
    "ip id >= 0",
    "ip option lsrr missing",
    "tcp sport 1024-65535",
    "tcp flags & (fin | syn) == syn",
    "tcp flags syn / syn,ack",
    "tcp flags { syn, syn | ack }",
    "tcp option maxseg missing",
    "tcp option timestamp exists",
    "tcp window >= 0",
    "udp sport { 1024-65535 }",
    "udp length > 3",
    "th sport 1024-65535",
    "@th,0,16 > 1000",
    "@nh,72,8 { 6, 17 }",
    "sctp chunk init exists",
    "icmp type echo-request",
    "iifname \"wan0\"",
    "iif != \"lo\"",
    "iifgroup 0",
    "iiftype != 1",
    "iifkind \"tun\"",
    "meta mark & 0xff == 0",
    "meta mark 0x0",
    "meta length < 2000",
    "meta pkttype host",
    "meta protocol ip",
    "meta l4proto { tcp, udp }",
    "meta nfproto ipv4",
    "meta priority none",
    "meta cpu >= 0",
    "meta skuid 0",
    "meta hour \"00:00\"-\"23:59\"",
    "meta day { \"Sunday\", \"Monday\", \"Wednesday\" }",
    "meta time > \"2020-01-01 00:00:00\"",
    "ct state new",
    "ct state != established",
    "ct state ! invalid",
    "ct status confirmed",
    "ct direction original",
    "ct mark 0",
    "ct mark & 0xf != 0x1",
    "ct bytes >= 0",
    "ct original packets < 100",
    "ct avgpkt > 10",
    "ct original ip saddr 10.0.0.1",
    "ct zone 0",
    "ct id >= 0",
    "ct label 1",
    "ct expiration > 1s",
    "ct helper \"ftp\"",
    "fib saddr . iif oif missing",
    "fib saddr . iif oif exists",
    "fib daddr type local",
    "fib daddr . iif type { unicast, local }",
    "rt classid 0",
    "rt ip nexthop 192.0.2.5",
    "socket transparent 0",
    "socket mark 0",
    "osf ttl loose name \"Linux\"",
    "ipsec in reqid 1",
    "meta ipsec missing",
    "exthdr hbh exists",
    "numgen inc mod 2 0",
    "numgen random mod 3 offset 1 < 5",
    "jhash ip saddr . tcp sport mod 2 seed 0xdead 1",
    "jhash ip saddr mod 1 0",
    "symhash mod 2 0",
    "limit rate 1000/second",
    "limit rate over 1/day burst 1 packets",
    "limit rate 10 kbytes/second burst 5 kbytes",
    "limit name \"l\"",
    "quota over 1 bytes",
    "quota name \"q\"",
    "ct count over 1000",
    "ct count 1000",
    "meta random < 2147483648",
    "update @seen { ip saddr limit rate 1000/second }",
];

/// Statements of all kinds; what does not decide has a verdict behind it.
const STATEMENTS: &[&str] = &[
    "accept",
    "drop",
    "return",
    "continue",
    "jump q",
    "goto q",
    "reject",
    "reject with tcp reset",
    "reject with icmp host-unreachable",
    "queue to 3",
    "queue flags bypass to 1-3",
    "counter drop",
    "counter name \"c\" drop",
    "log prefix \"x\" level warn flags tcp sequence,options drop",
    "log group 3 snaplen 10 queue-threshold 5 drop",
    "limit rate 1000/second drop",
    "quota over 1 bytes drop",
    "ct count over 1000 drop",
    "last drop",
    "notrack drop",
    "meta mark set 0x1 drop",
    "meta mark set ct mark drop",
    "meta mark set ct mark & 0xff | 0x10 drop",
    "meta mark set jhash ip saddr mod 2 drop",
    "meta mark set ip saddr map { 10.0.0.1 : 0x1 } drop",
    "meta mark set numgen inc mod 4 drop",
    "meta priority set 1:1 drop",
    "meta nftrace set 1 drop",
    "meta pkttype set host drop",
    "ct mark set meta mark drop",
    "ct zone set 7 drop",
    "ct helper set \"h\" drop",
    "ct timeout set \"t\" drop",
    "ct expectation set \"e\" drop",
    "ct event set new,destroy drop",
    "ct label set 1 drop",
    "ip ttl set 77 drop",
    "ip dscp set cs1 drop",
    "ip daddr set 192.0.2.9 drop",
    "th dport set 9 drop",
    "tcp option maxseg size set 100 drop",
    "reset tcp option timestamp drop",
    "@nh,64,8 set 9 drop",
    "add @seen { ip saddr } drop",
    "add @seen { ip saddr timeout 1m } drop",
    "update @seen { ip saddr . 0 } drop",
    "delete @seen { ip saddr } drop",
    "dup to 10.9.9.9 drop",
    "synproxy mss 1460 wscale 7 timestamp sack-perm",
    "tproxy to :5080 drop",
    "tproxy to :5080 accept",
    "flow add @f drop",
    "dnat to 192.0.2.9",
    "ip saddr vmap { 10.0.0.0/8 : drop, 192.0.2.1 : accept }",
    "ip saddr vmap @m",
    "ip saddr . meta l4proto vmap { 10.0.0.1 . tcp : drop, 10.0.0.1 . udp : jump q }",
    "tcp flags vmap { syn : drop, ack : accept }",
    "jhash ip saddr mod 2 vmap { 0 : drop, 1 : drop }",
    "numgen inc mod 2 vmap { 0 : drop, 1 : accept }",
    "fib daddr type vmap { local : accept, unicast : drop }",
    "meta mark & 0x1 == 0x0 drop",
    "comment \"x\"",
];

/// How many loads there are.
pub fn loads() -> usize {
    STATEMENTS.len()
}

/// How many pairs there are.
pub fn all() -> usize {
    STATEMENTS.len() * CONDITIONS.len()
}

const PORT: u16 = 20_000;

fn text(statement: &str) -> String {
    let mut text = "table ip pairs {\n counter c {\n }\n quota q {\n over 1 bytes\n }\n limit l {\n rate 1000/second\n }\n \
         ct helper h {\n type \"ftp\" protocol tcp\n l3proto ip\n }\n \
         set known {\n type ipv4_addr\n flags interval\n elements = { 10.0.0.0/24 }\n }\n \
         set seen {\n type ipv4_addr\n size 1000\n flags dynamic,timeout\n timeout 1m\n }\n \
         map m {\n type ipv4_addr : verdict\n elements = { 10.0.0.1 : drop }\n }\n \
         chain q {\n drop\n }\n"
        .to_owned();
    for (at, condition) in CONDITIONS.iter().enumerate() {
        writeln!(text, " chain p{at} {{\n{condition} {statement}\n }}").expect("a text");
    }
    text += " chain pre {\n type filter hook prerouting priority mangle\n";
    for (port, at) in (PORT..).zip(0..CONDITIONS.len()) {
        writeln!(text, "tcp dport {port} jump p{at}\nudp dport {port} jump p{at}").expect("a text");
    }
    text + " }\n}\n"
}

/// Loads a statement behind all conditions and sends packets to each.
pub fn run(load: usize) -> Report {
    let (placement, _) = crate::mode("gateway", "stateful");
    let mut bench = Bench::new(&placement);
    let loaded = foreign::load_nft(&text(STATEMENTS[load]));
    let told = foreign::listings(&placement, false);
    bench.note_ends();
    let mut report = Report::of(loaded);
    let (wan, lan) = (interface(&placement, "wan0"), interface(&placement, "lan0"));
    let mut random = Random(1);
    let mut probes = Vec::new();
    for port in PORT..PORT + u16::try_from(CONDITIONS.len()).expect("few") {
        for (protocol, source) in
            [(TCP, [10, 0, 0, 1]), (UDP, [10, 0, 0, 1]), (TCP, [172, 16, 0, 9])]
        {
            let packet = Packet {
                hook: Hook::Forward,
                incoming: wan,
                outgoing: lan,
                state: State::New,
                source: source.into(),
                destination: [192, 0, 2, 5].into(),
                protocol,
                source_port: 40_000,
                destination_port: port,
                tcp_flags: 2,
                hop_limit: 64,
            };
            probes.push(scenario::opener(packet, StateMode::Stateful, &mut random));
        }
    }
    report.compare(&told, &mut bench, &probes);
    let refused = |at: &usize| report.text().contains(&format!(" chain p{at} {{\n\n"));
    eprintln!("{}: {} refused", STATEMENTS[load], (0..CONDITIONS.len()).filter(refused).count());
    report
}

fn interface(placement: &Placement, name: &str) -> u16 {
    placement.interface(name).expect("an interface of the placement")
}
