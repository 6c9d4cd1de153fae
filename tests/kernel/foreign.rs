//! What the readers of listings say of rules that somebody else wrote is what the kernel does.
//!
//! A text is loaded as far as the tools here take it, listed again, and read. What must happen to a packet
//! by the reader's word has to happen; where several things may, what happens has to be one of them.

use crate::bench::{Bench, Observation, run, try_run};
use crate::draw::{Random, carried, flow_of};
use crate::scenario;
use crate::ways::{self, Way};
use crate::wire::{Came, Probe};
use crate::{mode, pairs_iptables, rules};
use portcullis::firewall::{self, File, Kind, Spec};
use portcullis::ir::{Direction, Hook, Packet, Placement, State, StateMode, Verdict};
use portcullis::net::{Family, icmp, protocol};
use portcullis::program::Program;
use portcullis::program::{Field, Match, Place};
use std::collections::HashSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// The least share of packets, in percent, whose fate readers are sure of in generated rules as a whole:
/// `perhaps` is never wrong.
pub const LEAST: usize = 85;

/// How a worker says the share of its packets.
pub const SHARE: &str = "share that is sure: ";

/// What a reader made of a listing.
pub struct Told {
    name: &'static str,
    program: Program,
    files: Vec<File>,
    /// Whether all was understood.
    clear: bool,
}

impl Told {
    /// What may happen to a packet, with the lines that say so.
    fn lines(&self, packet: &Packet) -> String {
        let line = |place: Option<Place>| {
            let place = place?;
            self.files.get(place.file)?.text.lines().nth(place.line.checked_sub(1)?)
        };
        let said = self.program.outcomes(packet).into_iter();
        said.map(|(verdict, place)| {
            format!("{verdict:?} by `{}`", line(place).unwrap_or("none").trim())
        })
        .collect::<Vec<_>>()
        .join(" or ")
    }
}

/// What was sent and what became of it.
#[derive(Default)]
pub struct Report {
    /// Packets.
    pub sent: usize,
    /// Of these, packets that got through.
    pub passed: usize,
    /// Packets whose refusal was answered.
    pub answered: usize,
    /// Packets that came out untracked.
    pub untracked: usize,
    /// Listings that were understood as a whole, and the share of packets in percent of which each is sure.
    pub sure: Vec<(&'static str, bool, usize)>,
    /// How the kernel differs.
    pub differences: Vec<String>,
    /// The rules.
    text: String,
}

/// Runs the case of a name: `nft/SEED`, `iptables/SEED`, `corpus/FILE` or `hand/NAME`, then a placement.
pub fn run_case(kind: &str, name: &str, placement: &str, count: usize) -> Report {
    let (placement, _) = mode(placement, "stateful");
    let mut bench = Bench::new(&placement);
    let seed = name.parse().unwrap_or(1);
    let mut random = Random(seed);
    let text = match kind {
        "nft" => load_nft(&rules::nftables(&mut random)),
        "iptables" => load_iptables(&rules::iptables(&mut random)),
        "pairs-iptables" => load_iptables(&pairs_iptables::texts(name.parse().expect("a number"))),
        "corpus" => {
            let folder = std::fs::read_dir(corpus().join(name)).expect(name);
            let texts = folder.map(|entry| entry.expect("an entry").path());
            let text = texts.filter(|path| path.extension().is_some_and(|ending| ending == "nft"));
            let text = text.map(|path| std::fs::read_to_string(path).expect(name));
            load_nft(&untranslated(&text.collect::<String>()))
        }
        _ => load_hand(name),
    };
    let pairs = kind == "pairs-iptables";
    let iptables = pairs || kind == "iptables" || name.starts_with("iptables");
    let mut told = listings(&placement, iptables);
    // What nft shows of other tools' extensions is another reader's.
    told.retain(|told| !pairs || told.name == "iptables-save");
    bench.note_ends();
    let mut report = Report { text, ..Report::default() };
    report.fill(&placement, &told, &mut bench, &mut random, count);
    report
}

/// Where the texts stand.
pub fn corpus() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/nftables")
}

/// Translation changes what a packet is: rules that do so are left out.
fn untranslated(text: &str) -> String {
    let translates = |line: &&str| {
        ["dnat", "snat", "masquerade", "redirect"].iter().any(|word| line.contains(word))
    };
    let lines = text.lines().filter(|line| !translates(line)).map(|line| format!("{line}\n"));
    // A packet whose mark is changed there is routed anew, by the marks of the bench.
    lines.collect::<String>().replace("type route", "type filter")
}

/// Loads a text, without the lines that this version of nft refuses.
pub fn load_nft(text: &str) -> String {
    shed(
        text,
        |text| try_run("nft", &["-f", "-"], text),
        |said| {
            let line = |said: &str| said.split_once(':')?.1.split_once(':')?.0.parse().ok();
            said.lines().filter(|line| line.contains("Error")).filter_map(line).collect()
        },
    )
}

fn load_iptables([sets, v4, v6]: &[String; 3]) -> String {
    let number = |said: &str| -> Vec<usize> {
        let words: Vec<_> = said.split([' ', ':', '\n']).filter(|word| !word.is_empty()).collect();
        let pairs = words.windows(2).filter(|pair| pair[0].eq_ignore_ascii_case("line"));
        pairs.filter_map(|pair| pair[1].parse().ok()).collect()
    };
    let by = |command: &'static str, arguments: &'static [&'static str], text: &str| {
        shed(text, |text| try_run(command, arguments, text), number)
    };
    by("ipset", &["restore", "-exist"], sets)
        + &by("iptables-restore", &["-w"], v4)
        + &by("ip6tables-restore", &["-w"], v6)
}

/// Loads a text, without the lines that are refused.
fn shed(
    text: &str,
    load: impl Fn(&str) -> Result<String, String>,
    refused: impl Fn(&str) -> Vec<usize>,
) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    for _ in 0..lines.len() + 1 {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let Err(said) = load(&text) else { return text };
        let wrong = refused(&said);
        assert!(!wrong.is_empty(), "what is wrong? {said}\n{text}");
        for at in wrong {
            let line = lines.get_mut(at - 1).expect("a line");
            assert!(!holds_others(line), "{line}: {said}\n{text}");
            *line = "";
        }
    }
    panic!("nothing of it loads:\n{text}")
}

/// Tells whether other lines are lost without this one.
fn holds_others(line: &str) -> bool {
    let whole = line.matches('{').count() == line.matches('}').count() && line.contains('{');
    let words = ["table ", "chain ", "}", "COMMIT", "*", ":"];
    !whole && words.iter().any(|word| line.trim().starts_with(word))
}

/// Lists what is loaded in every way, and reads it.
pub fn listings(placement: &Placement, iptables: bool) -> Vec<Told> {
    let nft = Kind::of("nftables").expect("a kind");
    let list = |name, arguments: &[&str]| {
        told(name, placement, &nft, &[file("ruleset", "nft", arguments)])
    };
    let mut all =
        vec![list("nft", &["list", "ruleset"]), list("nft -j", &["-j", "list", "ruleset"])];
    if iptables {
        let kind = Kind::of("iptables").expect("a kind");
        let files = [
            file("running.ipset", "ipset", &["save"]),
            file("running.v4", "iptables-save", &[]),
            file("running.v6", "ip6tables-save", &[]),
        ];
        all.push(told("iptables-save", placement, &kind, &files));
    }
    all
}

fn file(path: &str, command: &str, arguments: &[&str]) -> File {
    File { path: path.to_owned(), text: run(command, arguments, ""), executable: false }
}

fn told(name: &'static str, placement: &Placement, kind: &Kind, files: &[File]) -> Told {
    let spec = Spec {
        name: "foreign".to_owned(),
        kind: kind.clone(),
        placement: placement.clone(),
        state: StateMode::Stateful,
        output: "listing".to_owned(),
    };
    match firewall::read(&spec, files, None) {
        Ok(listing) => Told {
            name,
            program: listing.program,
            files: listing.files,
            clear: listing.unclear.is_empty(),
        },
        Err(error) => panic!("the listing is not understood: {error:?}\n{}", files[0].text),
    }
}

/// Packets from the values that the rules have.
struct Packets<'a> {
    random: &'a mut Random,
    ways: Vec<Way>,
    /// The conditions of each rule.
    rules: Vec<&'a [Match]>,
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
    ports: Vec<(u16, u16)>,
}

impl<'a> Packets<'a> {
    fn new(placement: &Placement, told: &'a [Told], random: &'a mut Random) -> Self {
        let governed = Direction::BOTH.map(|of| ways::governed(placement, of)).concat();
        let aside = Direction::BOTH.map(|of| ways::aside(placement, of));
        // What comes in over loopback went out first: two ways, of which one packet says nothing. What goes
        // out there is known by a mark.
        let mut files = told.iter().flat_map(|told| &told.files);
        let marks = files.any(|file| file.text.contains("mark set"));
        let once = |way: &Way| match (way.0, way.1, way.2) {
            (Hook::Input, 0, _) => false,
            (Hook::Output, _, 0) => !marks,
            _ => true,
        };
        let chains = told.iter().flat_map(|told| &told.program.chains);
        let rules = chains.flat_map(|chain| &chain.clauses).map(|clause| &clause.when[..]);
        let mut packets = Packets {
            random,
            ways: governed.into_iter().chain(aside).filter(once).collect(),
            rules: rules.filter(|when| !when.is_empty()).collect(),
            v4: vec![(0x0a00_0001, 0x0a00_0009)],
            v6: vec![(0x2001_0db8 << 96, (0x2001_0db8 << 96) + 9)],
            ports: vec![(1024, 65535)],
        };
        for when in packets.rules.clone() {
            packets.note(when);
        }
        packets
    }

    fn note(&mut self, when: &[Match]) {
        for one in when {
            match one {
                Match::Source4(ranges) | Match::Destination4(ranges) => self.v4.extend(ranges),
                Match::Source6(ranges) | Match::Destination6(ranges) => self.v6.extend(ranges),
                Match::Field(Field::SourcePort | Field::DestinationPort, ranges) => {
                    let port = |at: &u32| u16::try_from(*at).expect("a port");
                    self.ports.extend(ranges.iter().map(|(low, high)| (port(low), port(high))));
                }
                Match::AnyOf(any) => any.iter().for_each(|when| self.note(when)),
                _ => {}
            }
        }
    }

    /// Packets of different flows.
    fn draw(mut self, count: usize) -> Vec<Packet> {
        let (mut flows, mut all) = (HashSet::new(), Vec::new());
        for _ in 0..20 * count {
            let packet = self.packet();
            if all.len() < count && carried(&packet).is_ok() && flows.insert(flow_of(&packet)) {
                all.push(packet);
            }
        }
        all
    }

    fn packet(&mut self) -> Packet {
        let family = self.random.one_of(&Family::BOTH);
        let mut packet = self.any(family);
        if !self.rules.is_empty() && self.random.below(3) > 0 {
            let when = self.rules[self.random.below(self.rules.len())];
            self.fit(&mut packet, when);
        }
        let icmp = matches!(packet.protocol, protocol::ICMP | protocol::ICMPV6);
        let ports = protocol::has_ports(packet.protocol);
        packet.source_port = if ports { packet.source_port } else { 0 };
        packet.destination_port = if ports || icmp { packet.destination_port } else { 0 };
        packet
    }

    fn any(&mut self, family: Family) -> Packet {
        let (hook, incoming, outgoing) = self.random.one_of(&self.ways);
        let own = if family == Family::V4 { protocol::ICMP } else { protocol::ICMPV6 };
        let numbers = [6, 6, 6, 6, 17, 17, 17, own, own, 132, 47, 89, 1, 58];
        let protocol = self.random.one_of(&numbers);
        let mut packet = Packet {
            hook,
            incoming,
            outgoing,
            state: State::New,
            source: Ipv4Addr::UNSPECIFIED.into(),
            destination: Ipv4Addr::UNSPECIFIED.into(),
            protocol,
            source_port: self.port(),
            destination_port: self.port(),
            tcp_flags: 0,
            hop_limit: self.random.one_of(&[64, 64, 64, 255, 63, 65]),
        };
        (packet.source, packet.destination) = match family {
            Family::V4 => (self.v4().into(), self.v4().into()),
            Family::V6 => (self.v6().into(), self.v6().into()),
        };
        if matches!(protocol, protocol::ICMP | protocol::ICMPV6) {
            let ty = self.random.one_of(&[8, 0, 3, 13, 128, 129, 1, 2]);
            packet.destination_port = icmp::word(ty, self.random.one_of(&[0, 0, 1, 4]));
        }
        packet
    }

    fn port(&mut self) -> u16 {
        u16::try_from(self.random.near(&self.ports)).expect("a port")
    }

    fn v4(&mut self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::try_from(self.random.near(&self.v4)).expect("an address"))
    }

    fn v6(&mut self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.random.near(&self.v6))
    }

    /// Makes a packet one that a rule is about, as far as it can be chosen.
    fn fit(&mut self, packet: &mut Packet, when: &[Match]) {
        for one in when {
            match one {
                Match::Family(family) if *family != packet.family() => *packet = self.any(*family),
                Match::Source4(ranges) if !ranges.is_empty() => {
                    self.of(packet, Family::V4);
                    let bits = u32::try_from(self.random.inside(ranges)).expect("an address");
                    packet.source = Ipv4Addr::from_bits(bits).into();
                }
                Match::Destination4(ranges) if !ranges.is_empty() => {
                    self.of(packet, Family::V4);
                    let bits = u32::try_from(self.random.inside(ranges)).expect("an address");
                    packet.destination = Ipv4Addr::from_bits(bits).into();
                }
                Match::Source6(ranges) if !ranges.is_empty() => {
                    self.of(packet, Family::V6);
                    packet.source = Ipv6Addr::from_bits(self.random.inside(ranges)).into();
                }
                Match::Destination6(ranges) if !ranges.is_empty() => {
                    self.of(packet, Family::V6);
                    packet.destination = Ipv6Addr::from_bits(self.random.inside(ranges)).into();
                }
                Match::Field(field, ranges) if !ranges.is_empty() => {
                    let at = self.random.inside(ranges);
                    set(packet, *field, u16::try_from(at).expect("a small value"));
                }
                Match::AnyOf(any) if !any.is_empty() => {
                    let when = any[self.random.below(any.len())].clone();
                    self.fit(packet, &when);
                }
                _ => {}
            }
        }
    }

    fn of(&mut self, packet: &mut Packet, family: Family) {
        if packet.family() != family {
            *packet = self.any(family);
        }
    }
}

fn set(packet: &mut Packet, field: Field, value: u16) {
    let octet = |value: u16| u8::try_from(value).unwrap_or(u8::MAX);
    match field {
        Field::Protocol => packet.protocol = octet(value),
        Field::SourcePort => packet.source_port = value,
        Field::DestinationPort => packet.destination_port = value,
        Field::HopLimit => packet.hop_limit = octet(value).max(2),
        _ => {}
    }
}

impl Report {
    /// Returns a report of no packets yet.
    pub fn of(text: String) -> Self {
        Report { text, ..Report::default() }
    }

    /// The rules that were loaded.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Sends packets, judges each, and holds what the listings say of it against each other.
    pub fn compare(&mut self, told: &[Told], bench: &mut Bench, probes: &[Probe]) {
        self.sure = told.iter().map(|told| (told.name, told.clear, 0)).collect();
        self.send(bench, told, probes);
        for probe in probes {
            for state in State::ALL {
                let packet =
                    Packet { state, hop_limit: probe.packet.hop_limit - 1, ..probe.packet };
                let said = told.iter().map(|told| {
                    let mut all = verdicts(&told.program, &packet);
                    all.sort_unstable();
                    all
                });
                let said: Vec<_> = said.collect();
                if said.windows(2).any(|pair| pair[0] != pair[1]) {
                    self.differences.push(format!("{packet:?}: the listings say {said:?}"));
                }
            }
        }
    }

    /// Sends openers, then replies, then strangers, and judges each.
    fn fill(
        &mut self,
        placement: &Placement,
        told: &[Told],
        bench: &mut Bench,
        random: &mut Random,
        count: usize,
    ) {
        self.sure = told.iter().map(|told| (told.name, told.clear, 0)).collect();
        let packets = Packets::new(placement, told, random).draw(count / 2);
        let states = [StateMode::Stateful, StateMode::Stateful, StateMode::Stateless];
        let mut openers = Vec::new();
        for packet in packets {
            let state = random.one_of(&states);
            openers.push(scenario::opener(packet, state, random));
        }
        let seen = self.send(bench, told, &openers);
        let mut replies = Vec::new();
        for opener in &openers {
            let state = random.one_of(&states);
            replies.extend(scenario::reply(opener, placement, state, random));
        }
        replies.truncate(count / 4);
        self.send(bench, told, &replies);
        let strangers = scenario::strangers(placement, &openers, &seen, count / 4, random);
        self.send(bench, told, &strangers);
        for (.., sure) in &mut self.sure {
            *sure = *sure * 100 / self.sent.max(1);
        }
    }

    /// Returns the share of packets that the tools' own listings are sure of, in percent.
    pub fn share(&self, kind: &str) -> usize {
        let own = |name: &str| kind != "iptables" || name == "iptables-save";
        let own = self.sure.iter().filter(|(name, ..)| own(name));
        own.map(|(.., sure)| *sure).min().unwrap_or_default()
    }

    fn send(&mut self, bench: &mut Bench, told: &[Told], probes: &[Probe]) -> Vec<Observation> {
        let mut seen = bench.send(probes);
        for (probe, seen) in probes.iter().zip(&mut seen) {
            if probe.packet.outgoing > 0 {
                seen.passed = seen.came_out == Some(usize::from(probe.packet.outgoing) - 1);
            }
            self.judge(told, probe, seen);
        }
        seen
    }

    fn judge(&mut self, told: &[Told], probe: &Probe, seen: &Observation) {
        self.sent += 1;
        self.passed += usize::from(seen.passed);
        self.answered += usize::from(!seen.passed && seen.answer.is_some());
        self.untracked += usize::from(seen.state == Some(State::Untracked));
        let state = seen.state.unwrap_or(State::New);
        // A packet is forwarded with one hop less (ip_forward, ip6_forward).
        let less = u8::from(probe.packet.hook == Hook::Forward);
        let packet = Packet { state, hop_limit: probe.packet.hop_limit - less, ..probe.packet };
        for (told, sure) in told.iter().zip(&mut self.sure) {
            let said = verdicts(&told.program, &packet);
            sure.2 += usize::from(said.len() == 1);
            let wrong = match &seen.unsent {
                Some(_) => true,
                None => !said.iter().any(|verdict| fits(*verdict, seen, said.len() == 1)),
            };
            let tracking = wrongly_tracked(&told.program, &probe.packet, seen);
            if wrong || tracking.is_some() {
                let options = if probe.options { " with options" } else { "" };
                let name = told.name;
                let by = told.lines(&packet);
                self.differences.push(format!(
                    "{packet:?}{options}\n    {name} says {by} {tracking:?}; it {seen:?}"
                ));
            }
        }
    }
}

fn verdicts(program: &Program, packet: &Packet) -> Vec<Verdict> {
    program.outcomes(packet).into_iter().map(|(verdict, _)| verdict).collect()
}

/// Tells whether what happened is what a verdict says; the answer itself may be refused. Where it is not known
/// at all what a rule does, `Drop` stands for every refusal.
fn fits(verdict: Verdict, seen: &Observation, sure: bool) -> bool {
    match verdict {
        Verdict::Accept => seen.passed,
        Verdict::Drop => !seen.passed && (!sure || seen.answer.is_none()),
        Verdict::RejectReset => !seen.passed && matches!(seen.answer, None | Some(Came::Reset)),
        Verdict::RejectProhibited => {
            !seen.passed && matches!(seen.answer, None | Some(Came::Error(..)))
        }
        Verdict::Untrack => false,
    }
}

/// What is said of a packet's tracking, where that is not what happened.
fn wrongly_tracked(program: &Program, packet: &Packet, seen: &Observation) -> Option<Vec<Verdict>> {
    let state = seen.state?;
    let hook = match packet.hook {
        Hook::Output => Hook::RawOutput,
        _ => Hook::RawPrerouting,
    };
    let outgoing = if hook == Hook::RawOutput { packet.outgoing } else { 0 };
    let said = verdicts(program, &Packet { hook, outgoing, state: State::New, ..*packet });
    let may = |untracked| said.iter().any(|verdict| (*verdict == Verdict::Untrack) == untracked);
    // Discovery and listener messages are never tracked.
    let own = packet.protocol == protocol::ICMPV6;
    let fits = may(state == State::Untracked) || (own && state == State::Untracked);
    (!fits).then_some(said)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { sent, passed, answered, untracked, sure, .. } = self;
        write!(
            f,
            "{sent} packets, {passed} passed, {answered} answered, {untracked} untracked; sure {sure:?}"
        )?;
        if self.differences.is_empty() {
            return Ok(());
        }
        write!(f, "\n  {} DIFFERENCES, the first:", self.differences.len())?;
        for difference in self.differences.iter().take(6) {
            write!(f, "\n  {difference}")?;
        }
        let lines = self.text.lines().filter(|line| !line.is_empty());
        write!(f, "\n{}", lines.collect::<Vec<_>>().join("\n"))
    }
}

/// Rules whose meaning the kernel was asked about by name.
const HAND: &[(&str, &str)] = &[
    (
        "late-drop",
        "table inet a {\nchain f { type filter hook forward priority 0; policy drop; accept; }\n\
         chain g { type filter hook forward priority 5; policy accept; tcp dport 22 drop; }\n\
         chain p { type filter hook prerouting priority -300; ip saddr 10.0.0.0/8 udp dport 53 drop; }\n\
         chain i { type filter hook input priority 0; oifname \"lan0\" accept; oifname != \"lan0\" tcp dport 80 drop; }\n}\n",
    ),
    (
        "same-place",
        "table inet a {\nchain f { type filter hook forward priority 0; tcp dport 22 drop; udp dport 53 reject; }\n\
         chain g { type filter hook forward priority 0; tcp dport 22 reject with tcp reset; udp dport 53 drop; }\n}\n",
    ),
    (
        "next-header",
        "table inet a {\nchain f { type filter hook forward priority 0; ip6 nexthdr tcp drop; ip6 nexthdr != udp drop; }\n\
         chain i { type filter hook input priority 0; ip6 nexthdr { tcp, 60 } drop; }\n}\n",
    ),
    (
        "lacking",
        "table inet a {\nset seen {\ntype ipv4_addr\nsize 65535\nflags dynamic,timeout\n}\n\
         chain f {\ntype filter hook forward priority 0\ntcp dport 23 add @seen { ip saddr timeout 2d } drop\n\
         tcp dport 22 meta mark set ct mark drop\nudp dport 53 ct mark set meta mark drop\n\
         meta mark set ip saddr map { 10.0.0.1 : 1 } drop\n}\n}\n",
    ),
    (
        "hops",
        "table inet a {\nchain p { type filter hook prerouting priority -150; ip ttl 64 udp dport 53 drop; }\n\
         chain f { type filter hook forward priority 0; ip ttl 64 drop; ip6 hoplimit 63 drop; }\n}\n",
    ),
    (
        "families",
        "table inet a {\nchain f {\ntype filter hook forward priority 0\nip saddr != 10.0.0.1 tcp dport 22 drop\n\
         ip protocol udp drop\nicmp type echo-request drop\nip6 saddr ::/0 tcp dport 23 drop\n\
         ip daddr { 0.0.0.0/0 } tcp dport 24 drop\ntcp flags syn tcp dport 25 drop\n\
         tcp flags != syn tcp dport 26 drop\ntcp flags & (fin | syn | rst | ack) == syn tcp dport 27 drop\n\
         tcp dport vmap { 28 : goto c, 29 : jump c, 30 : jump e }\ntcp dport { 28, 29, 30 } drop\nreturn\n\
         drop\n}\nchain c {\nip protocol tcp return\n}\nchain e {\n}\n}\n",
    ),
    (
        "tracking-first",
        "table inet a {\nchain p {\ntype filter hook prerouting priority -300\nct state new tcp dport 22 drop\n\
         ct state untracked tcp dport 23 drop\nct state invalid tcp dport 24 drop\nudp dport 53 notrack accept\n}\n\
         chain f {\ntype filter hook forward priority 0\nct state untracked drop\n\
         ct state != established,related tcp dport 25 drop\n}\n}\n",
    ),
    (
        "iptables-multiport",
        "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m multiport ! --ports 22,1000:2000 -j DROP\n\
         -A FORWARD -p udp -m multiport --ports 53,1000:2000 -j REJECT\nCOMMIT\n",
    ),
    (
        "iptables-out-before-routing",
        "*mangle\n:PREROUTING ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:u - [0:0]\n:v - [0:0]\n\
         -A u ! -o wan0 -p tcp --dport 22 -j DROP\n-A u -o wan0 -p tcp --dport 23 -j DROP\n\
         -A v -o wan0 -p udp -j ACCEPT\n-A v -p udp --dport 53 -j DROP\n\
         -A PREROUTING -j u\n-A PREROUTING -g v\nCOMMIT\n",
    ),
];

/// The cases' names.
pub fn hands() -> impl Iterator<Item = &'static str> {
    HAND.iter().map(|(name, _)| *name)
}

fn load_hand(name: &str) -> String {
    let (_, text) = HAND.iter().find(|(known, _)| *known == name).expect("a case of that name");
    match name.starts_with("iptables") {
        true => load_iptables(&[String::new(), (*text).to_owned(), (*text).to_owned()]),
        false => load_nft(text),
    }
}
