//! What is sent in which order, and what is expected of it.

use crate::bench::{Bench, Observation};
use crate::draw::{Draw, Random, carried};
use crate::ways;
use crate::wire::{self, Came, Probe};
use portcullis::ir::flow::RuleSet;
use portcullis::ir::{Decision, Hook, Packet, Placement, State, StateMode, Verdict, decide};
use portcullis::net::{Family, icmp, protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// One artifact, already loaded, and what it should mean.
pub struct Case<'a> {
    /// The meaning.
    pub policy: &'a RuleSet,
    /// Where the firewall stands.
    pub placement: &'a Placement,
    /// Whether it tracks connections.
    pub state: StateMode,
}

/// A packet that the kernel and the policy decide differently.
pub struct Difference {
    /// The packet, with the state that the kernel gave it.
    pub packet: Packet,
    /// What the policy says.
    pub expected: Decision,
    /// What happened.
    pub got: String,
}

/// What was sent and what became of it.
#[derive(Default)]
pub struct Report {
    /// Packets that came to the filter.
    pub sent: usize,
    /// Of these, packets that got through.
    pub accepted: usize,
    /// Of these, packets that were refused.
    pub refused: usize,
    /// Of these, packets whose refusal was answered in the way that the policy says.
    pub answered: usize,
    /// How many packets had each connection state.
    pub states: BTreeMap<State, usize>,
    /// How many packets each kind of decision was expected for.
    pub decisions: BTreeMap<&'static str, usize>,
    /// The rules of the policy that decided some packet.
    pub rules: BTreeSet<usize>,
    /// The ids of the others.
    pub undecided: Vec<String>,
    /// How many edges of the policy's ranges were met.
    pub edges: usize,
    /// Why some edges could not be met.
    pub excluded: BTreeSet<String>,
    /// The differences.
    pub differences: Vec<Difference>,
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// Sends at least `count` packets: openers, then replies to them, then strangers.
pub fn run(case: &Case, bench: &mut Bench, seed: u64, count: usize) -> Report {
    let mut random = Random(seed);
    let drawn = Draw::new(case.policy, case.placement, &mut random).openers(count / 2);
    let mut report = Report { edges: drawn.edges, excluded: drawn.excluded, ..Report::default() };
    let openers: Vec<_> =
        drawn.openers.into_iter().map(|packet| opener(packet, case.state, &mut random)).collect();
    let seen = bench.send(&openers);
    report.judge(case, &openers, &seen);
    let replies: Vec<_> = openers
        .iter()
        .filter_map(|opener| reply(opener, case.placement, case.state, &mut random))
        .collect();
    let answers = bench.send(&replies);
    report.judge(case, &replies, &answers);
    let left = count.saturating_sub(openers.len() + replies.len()).max(count / 4);
    let strangers = strangers(case.placement, &openers, &seen, left, &mut random);
    let seen = bench.send(&strangers);
    report.judge(case, &strangers, &seen);
    let rules = case.policy.rules.iter().enumerate();
    let undecided = rules.filter(|(index, _)| !report.rules.contains(index));
    report.undecided = undecided.map(|(_, rule)| rule.origins[0].rule.clone()).collect();
    report
}

/// Makes a packet one that opens a flow.
pub fn opener(mut packet: Packet, state: StateMode, random: &mut Random) -> Probe {
    if packet.protocol == protocol::TCP {
        let other = [SYN, SYN, SYN, ACK, RST, SYN | ACK, FIN | ACK, PSH | ACK, RST | ACK];
        packet.tcp_flags = if state == StateMode::Stateful { SYN } else { random.one_of(&other) };
    }
    let sctp = packet.protocol == protocol::SCTP;
    Probe {
        packet,
        sequence: if sctp { 0 } else { 1000 },
        acknowledgment: 0,
        identifier: u16::try_from(random.below(65536)).expect("16 bits"),
        chunk: wire::INIT,
        // What stands between the IP header and the payload must fool no filter.
        options: random.below(12) == 0,
        quote: None,
    }
}

/// Turns a packet round; `None` for what has no reply, or none that the kernel carries.
pub fn reply(
    opener: &Probe,
    placement: &Placement,
    state: StateMode,
    random: &mut Random,
) -> Option<Probe> {
    let mut probe = turned(opener, placement);
    let packet = &mut probe.packet;
    match packet.protocol {
        protocol::ICMP | protocol::ICMPV6 => {
            let (ty, code) = icmp::split(packet.destination_port);
            let own = (packet.protocol == protocol::ICMP) == (packet.family() == Family::V4);
            let answer = icmp::reply_of(packet.family(), ty).filter(|_| own)?;
            packet.destination_port = icmp::word(answer, code);
        }
        protocol::TCP => {
            packet.tcp_flags = match state {
                StateMode::Stateful => SYN | ACK,
                StateMode::Stateless => {
                    random.one_of(&[SYN | ACK, ACK, FIN | ACK, RST, SYN, FIN, 0])
                }
            };
            (probe.sequence, probe.acknowledgment) = (5000, 1001);
        }
        protocol::SCTP => (probe.sequence, probe.chunk) = (1, wire::INIT_ACK),
        _ => {}
    }
    carried(&probe.packet).ok().map(|()| probe)
}

/// The same with source and destination exchanged, sent from the other side.
fn turned(probe: &Probe, placement: &Placement) -> Probe {
    let mut turned = probe.clone();
    let packet = &mut turned.packet;
    (packet.hook, packet.incoming, packet.outgoing) = ways::back(placement, packet);
    std::mem::swap(&mut packet.source, &mut packet.destination);
    if protocol::has_ports(packet.protocol) {
        std::mem::swap(&mut packet.source_port, &mut packet.destination_port);
    }
    packet.hop_limit = 64;
    turned
}

/// Later packets of flows, packets of no flow, and errors about flows that exist or not.
pub fn strangers(
    placement: &Placement,
    openers: &[Probe],
    seen: &[Observation],
    count: usize,
    random: &mut Random,
) -> Vec<Probe> {
    let mut out = Vec::new();
    let passed: Vec<_> = (0..openers.len()).filter(|at| seen[*at].passed).collect();
    for turn in 0..20 * count {
        if out.len() >= count {
            break;
        }
        let any = random.below(openers.len());
        let known = if passed.is_empty() { any } else { random.one_of(&passed) };
        let probe = match turn % 8 {
            0 | 1 => later(&openers[known]),
            2 | 3 => out_of_state(openers[any].clone(), random),
            4 => out_of_state(turned(&openers[any], placement), random),
            5 | 6 => error(placement, &openers[known], random),
            _ => error(placement, &openers[any], random),
        };
        out.extend(probe.filter(|probe| carried(&probe.packet).is_ok()));
    }
    out
}

fn later(opener: &Probe) -> Option<Probe> {
    let mut probe = opener.clone();
    if probe.packet.protocol == protocol::TCP {
        probe.packet.tcp_flags = ACK;
        (probe.sequence, probe.acknowledgment) = (1001, 5001);
    }
    Some(probe)
}

fn out_of_state(mut probe: Probe, random: &mut Random) -> Option<Probe> {
    let odd = [ACK, RST, SYN | ACK, FIN | ACK, RST | ACK, PSH | ACK, FIN, 0, SYN | FIN];
    match probe.packet.protocol {
        protocol::TCP => probe.packet.tcp_flags = random.one_of(&odd),
        protocol::SCTP => probe.chunk = random.one_of(&[0, 2, 4, 6, 7, 14]),
        protocol::UDP => {}
        _ => return None,
    }
    if random.below(2) == 0 {
        probe.packet.source_port = u16::try_from(random.below(65536)).expect("a port");
    }
    Some(probe)
}

fn error(placement: &Placement, about: &Probe, random: &mut Random) -> Option<Probe> {
    let mut quoted = about.clone();
    if random.below(4) == 0 {
        // No packet of any batch has this port: nothing tracks the flow.
        quoted.packet.source_port = 1;
        quoted.identifier = quoted.identifier.wrapping_add(1);
    }
    let bytes = wire::bytes(&quoted, 7);
    let about = &Probe { options: false, ..about.clone() };
    let mut probe = turned(about, placement);
    let packet = &mut probe.packet;
    let (number, word) = match packet.family() {
        Family::V4 => {
            (protocol::ICMP, [(3, 0), (3, 1), (3, 3), (3, 13), (11, 0), (11, 1), (12, 0)])
        }
        Family::V6 => (protocol::ICMPV6, [(1, 0), (1, 1), (1, 4), (2, 0), (3, 0), (3, 1), (4, 0)]),
    };
    let (ty, code) = random.one_of(&word);
    packet.protocol = number;
    packet.source_port = 0;
    packet.destination_port = icmp::word(ty, code);
    packet.tcp_flags = 0;
    probe.quote = Some(bytes);
    Some(probe)
}

impl Report {
    fn judge(&mut self, case: &Case, probes: &[Probe], seen: &[Observation]) {
        for (probe, seen) in probes.iter().zip(seen) {
            let packet = Packet { state: seen.state.unwrap_or(State::New), ..probe.packet };
            let expected = decide(case.policy, case.placement, case.state, &packet);
            if let Some(got) = fault(case, &packet, &expected, seen) {
                self.differences.push(Difference { packet, expected: expected.clone(), got });
            }
            self.count(&packet, &expected, seen);
        }
    }

    fn count(&mut self, packet: &Packet, expected: &Decision, seen: &Observation) {
        self.sent += 1;
        *self.states.entry(packet.state).or_default() += 1;
        let kind = match expected {
            Decision::Rule(rule, _) => {
                self.rules.insert(*rule);
                "rule"
            }
            Decision::Baseline(_) => "baseline",
            Decision::Return(_) => "return",
            Decision::Related => "related",
            Decision::Tracked => "tracked",
            Decision::Invalid => "invalid",
            Decision::Default(..) => "default",
            Decision::Loopback => "loopback",
            Decision::Ungoverned => "ungoverned",
            Decision::Tracking(_) => "tracking",
        };
        *self.decisions.entry(kind).or_default() += 1;
        if seen.passed {
            self.accepted += 1;
        } else {
            self.refused += 1;
            self.answered += usize::from(seen.answer.is_some());
        }
    }
}

/// Says how what happened is not what was expected.
fn fault(case: &Case, packet: &Packet, expected: &Decision, seen: &Observation) -> Option<String> {
    if let Some(error) = &seen.unsent {
        return Some(format!("could not be sent: {error}"));
    }
    let Some(state) = seen.state else {
        return Some("never came to the filter".to_owned());
    };
    let governed = !matches!(expected, Decision::Ungoverned | Decision::Loopback);
    if case.state == StateMode::Stateless && governed && state != State::Untracked {
        return Some("is tracked".to_owned());
    }
    let verdict = expected.verdict();
    if seen.passed != (verdict == Verdict::Accept) {
        return Some(if seen.passed { "passed" } else { "was refused" }.to_owned());
    }
    if packet.outgoing > 0 && seen.passed {
        let out = usize::from(packet.outgoing) - 1;
        return (seen.came_out != Some(out)).then(|| "passed, but did not come out".to_owned());
    }
    if seen.passed { None } else { wrong_answer(case, packet, verdict, seen) }
}

/// Says how the answer to a refused packet is not the one that was expected.
fn wrong_answer(
    case: &Case,
    packet: &Packet,
    verdict: Verdict,
    seen: &Observation,
) -> Option<String> {
    let administratively = match packet.family() {
        Family::V4 => Came::Error(3, 13),
        Family::V6 => Came::Error(1, 1),
    };
    let wanted = match verdict {
        Verdict::RejectReset => Some(Came::Reset),
        Verdict::RejectProhibited => Some(administratively),
        _ => None,
    };
    let silent = seen.answer.is_none() && !must_answer(case, packet);
    (seen.answer != wanted && !silent).then(|| match seen.answer {
        None => "was refused without an answer".to_owned(),
        Some(answer) => format!("was refused and answered by {answer:?}"),
    })
}

/// Tells whether the answer to a rejected packet can be seen.
///
/// Resets are not answered (RFC 9293 3.5.2), nor are ICMP errors and multicasts (RFC 1122 3.2.2,
/// RFC 4443 2.4). A stateless host's own filter decides whether the answer leaves the machine.
fn must_answer(case: &Case, packet: &Packet) -> bool {
    let host = *case.placement == Placement::Host && case.state == StateMode::Stateless;
    let reset = packet.protocol == protocol::TCP && packet.tcp_flags & RST != 0;
    let message = matches!(packet.protocol, protocol::ICMP | protocol::ICMPV6);
    let query = message
        && icmp::requests(packet.family()).contains(&icmp::split(packet.destination_port).0);
    // Towards a link-local address the machine's own answer would need the link's name.
    let nobody = match (packet.source, packet.destination) {
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            to.is_multicast() || (from.is_unicast_link_local() && packet.hook == Hook::Output)
        }
        (_, IpAddr::V4(to)) => to.is_broadcast(),
        _ => false,
    };
    let empty = packet.source.is_ipv6() && packet.protocol == 59; // no next header (RFC 8200 4.7)
    !host && !reset && (!message || query) && !nobody && !empty
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} packets, {} accepted, {} refused ({} answered); {} edges; states {:?}; decided by {:?}; {} rules, \
             not {:?}",
            self.sent,
            self.accepted,
            self.refused,
            self.answered,
            self.edges,
            self.states,
            self.decisions,
            self.rules.len(),
            self.undecided
        )?;
        for reason in &self.excluded {
            write!(f, "\n  not sent: {reason}")?;
        }
        if !self.differences.is_empty() {
            write!(f, "\n  {} DIFFERENCES, the first:", self.differences.len())?;
        }
        let limit = std::env::var("PORTCULLIS_KERNEL_SHOWN")
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(20);
        for Difference { packet, expected, got } in self.differences.iter().take(limit) {
            write!(f, "\n  {packet:?}\n    the policy says {expected:?}; it {got}")?;
        }
        Ok(())
    }
}
