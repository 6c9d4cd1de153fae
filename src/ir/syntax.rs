//! Packets as people write them: `outbound udp 10.20.0.5:50000 -> 15.193.6.10:3478`.

use super::flow::RuleSet;
use super::{Action, Direction, Hook, Packet, Placement, State, StateMode, decide_flow};
use crate::net::protocol::{self, ICMP, ICMPV6, TCP};
use crate::net::{Family, icmp, parse_address};
use std::net::IpAddr;
use std::ops::Range;

/// A packet that would open a flow, as asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// Which way.
    pub direction: Direction,
    /// The packet, before it meets any firewall; SYN for TCP.
    pub packet: Packet,
    /// Whether the source port was left out.
    pub any_source_port: bool,
}

/// Why a text is not a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntaxError {
    /// The piece at fault, in bytes of the text.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// The form, for messages.
const FORM: &str = "write `outbound tcp 10.0.0.5:50000 -> 192.0.2.1:443`, `inbound udp [2001:db8::1] -> [2001:db8::2]:53` or `inbound icmp 192.0.2.1 -> 10.0.0.5 echo-request`";

fn fault(at: Range<usize>, message: impl Into<String>) -> SyntaxError {
    SyntaxError { at, message: message.into(), help: FORM.to_owned() }
}

/// A word and where it stands.
type Word<'a> = (&'a str, Range<usize>);

fn words(text: &str) -> Vec<Word<'_>> {
    text.split_whitespace()
        .map(|word| {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            (word, start..start + word.len())
        })
        .collect()
}

/// Reads a packet: direction, protocol, source, `->`, destination, and for ICMP the type.
///
/// Ports follow the address after `:`; an IPv6 address with a port is in brackets. The source port may
/// be left out.
///
/// # Errors
/// The piece that is not understood, and the form.
pub fn parse(text: &str) -> Result<Query, SyntaxError> {
    let words = words(text);
    let [way, protocol, source, arrow, destination, rest @ ..] = words.as_slice() else {
        return Err(fault(0..text.len(), "this is not a complete packet"));
    };
    let direction = match way.0 {
        "inbound" => Direction::Inbound,
        "outbound" => Direction::Outbound,
        _ => return Err(fault(way.1.clone(), format!("`{}` is not a direction", way.0))),
    };
    let number = protocol_number(protocol)?;
    if arrow.0 != "->" {
        return Err(fault(arrow.1.clone(), "`->` belongs between source and destination"));
    }
    let (from, source_port) = endpoint(source, number)?;
    let (to, port) = endpoint(destination, number)?;
    if Family::of(from) != Family::of(to) {
        return Err(fault(
            destination.1.clone(),
            "source and destination are of different address families",
        ));
    }
    let destination_port = match (port, icmp_family(number)) {
        (Some(port), _) => no_more(rest).map(|()| port)?,
        (None, Some(family)) if Family::of(from) != family => {
            return Err(fault(protocol.1.clone(), format!("`{}` is {family} only", protocol.0)));
        }
        (None, Some(family)) => icmp_word(family, rest, text.len())?,
        (None, None) if protocol::has_ports(number) => {
            return Err(fault(destination.1.clone(), "the destination port is missing"));
        }
        (None, None) => no_more(rest).map(|()| 0)?,
    };
    let packet = Packet {
        hook: Hook::Input,
        incoming: 0,
        outgoing: 0,
        state: State::New,
        source: from,
        destination: to,
        protocol: number,
        source_port: source_port.unwrap_or_default(),
        destination_port,
        tcp_flags: if number == TCP { 0x02 } else { 0 },
        hop_limit: 64,
    };
    let any_source_port = source_port.is_none() && protocol::has_ports(number);
    Ok(Query { direction, packet, any_source_port })
}

fn no_more(rest: &[Word<'_>]) -> Result<(), SyntaxError> {
    match rest.first() {
        None => Ok(()),
        Some((word, at)) => Err(fault(at.clone(), format!("unexpected `{word}`"))),
    }
}

fn icmp_family(number: u8) -> Option<Family> {
    match number {
        ICMP => Some(Family::V4),
        ICMPV6 => Some(Family::V6),
        _ => None,
    }
}

fn protocol_number((word, at): &Word<'_>) -> Result<u8, SyntaxError> {
    protocol::number(word)
        .or_else(|| word.parse().ok())
        .ok_or_else(|| fault(at.clone(), format!("`{word}` is not a protocol")))
}

fn icmp_word(family: Family, rest: &[Word<'_>], end: usize) -> Result<u16, SyntaxError> {
    let [(word, at), more @ ..] = rest else {
        return Err(fault(end..end, "the ICMP type is missing"));
    };
    no_more(more)?;
    let (ty, code) = word.split_once('/').unwrap_or((word, "0"));
    let ty = icmp::number(family, ty).or_else(|| ty.parse().ok());
    match (ty, code.parse()) {
        (Some(ty), Ok(code)) => Ok(icmp::word(ty, code)),
        _ => Err(fault(at.clone(), format!("`{word}` is not an ICMP type of {family}"))),
    }
}

fn endpoint((word, at): &Word<'_>, number: u8) -> Result<(IpAddr, Option<u16>), SyntaxError> {
    let wrong = |message: String| fault(at.clone(), message);
    let (address, port) = match word.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, port)) => (address, Some(port.strip_prefix(':').unwrap_or(""))),
            None => return Err(wrong("the `]` is missing".to_owned())),
        },
        None if word.matches(':').count() == 1 => match word.split_once(':') {
            Some((address, port)) => (address, Some(port)),
            None => (*word, None),
        },
        None => (*word, None),
    };
    let address = parse_address(address).map_err(|error| wrong(error.to_string()))?;
    let Some(port) = port else { return Ok((address, None)) };
    if !protocol::has_ports(number) {
        return Err(wrong("this protocol has no ports".to_owned()));
    }
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse() {
        Ok(port) if digits => Ok((address, Some(port))),
        _ => Err(wrong(format!("`{port}` is not a port"))),
    }
}

impl Query {
    /// Returns what the policy decides: the action, and the index of the rule or `None` for the default.
    ///
    /// # Errors
    /// Without a source port, two source ports that the policy decides differently.
    pub fn decide(&self, policy: &RuleSet) -> Result<(Action, Option<usize>), (u16, u16)> {
        let with = |port| {
            decide_flow(policy, self.direction, &Packet { source_port: port, ..self.packet })
        };
        if !self.any_source_port {
            return Ok(with(self.packet.source_port));
        }
        // A decision can only change where a range of some rule's source ports begins or ends.
        let edges = policy.rules.iter().flat_map(|rule| rule.l4.source().ranges());
        let mut ports: Vec<u16> =
            edges.flat_map(|(low, high)| [Some(*low), high.checked_add(1)]).flatten().collect();
        ports.extend([0, 49152]);
        ports.sort_unstable();
        ports.dedup();
        let likely = with(49152);
        match ports.into_iter().find(|port| with(*port) != likely) {
            None => Ok(likely),
            Some(other) => Err((49152, other)),
        }
    }

    /// Returns the packet as a firewall sees it: the first of its flow.
    pub fn at(&self, placement: &Placement, state: StateMode) -> Packet {
        let (hook, incoming, outgoing) = placement.governed(self.direction);
        let state = match state {
            StateMode::Stateful => State::New,
            StateMode::Stateless => State::Untracked,
        };
        let source_port = if self.any_source_port { 49152 } else { self.packet.source_port };
        Packet { hook, incoming, outgoing, state, source_port, ..self.packet }
    }
}

/// Writes a packet as people read it, with its place and state.
impl std::fmt::Display for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = |address: IpAddr, port: Option<u16>| match (address, port) {
            (IpAddr::V4(a), Some(port)) => format!("{a}:{port}"),
            (IpAddr::V6(a), Some(port)) => format!("[{a}]:{port}"),
            (address, None) => address.to_string(),
        };
        let ports = protocol::has_ports(self.protocol);
        let name = protocol::name(self.protocol).map_or(self.protocol.to_string(), str::to_owned);
        let source = end(self.source, ports.then_some(self.source_port));
        let destination = end(self.destination, ports.then_some(self.destination_port));
        write!(f, "{name} {source} -> {destination}")?;
        if let Some(family) = icmp_family(self.protocol) {
            let (ty, code) = icmp::split(self.destination_port);
            let ty = icmp::name(family, ty).map_or(ty.to_string(), str::to_owned);
            write!(f, " {ty}/{code}")?;
        }
        if self.protocol == TCP {
            write!(f, " flags {:#04x}", self.tcp_flags)?;
        }
        let state = format!("{:?}", self.state).to_lowercase();
        write!(f, " (hop limit {}, state {state})", self.hop_limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::flow::{Defaults, Rule};
    use crate::ir::{Baseline, L4, Origin, OriginKind};
    use crate::net::{IpSet, PortSet};

    #[test]
    fn each_form_is_read() {
        let query = parse("outbound udp 10.20.0.5:50000 -> 15.193.6.10:3478").expect("udp");
        assert_eq!((query.packet.source_port, query.packet.destination_port), (50000, 3478));
        let query = parse("inbound tcp [2001:db8::1] -> [2001:db8::2]:443").expect("tcp");
        assert!(query.any_source_port);
        let query = parse("inbound tcp 2001:db8::1 -> [2001:db8::2]:443").expect("no brackets");
        assert_eq!(query.packet.source.to_string(), "2001:db8::1");
        let query =
            parse("inbound icmp 192.0.2.1 -> 10.0.0.5 destination-unreachable/4").expect("icmp");
        assert_eq!(query.packet.destination_port, 0x0304);
        assert!(parse("outbound gre 10.0.0.1 -> 10.0.0.2").is_ok());
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let wrong = [
            ("sideways tcp 10.0.0.1 -> 10.0.0.2:1", "sideways"),
            ("inbound tpc 10.0.0.1 -> 10.0.0.2:1", "tpc"),
            ("inbound tcp 10.0.0.1 => 10.0.0.2:1", "=>"),
            ("inbound tcp 10.0.0.1 -> 10.0.0.2", "10.0.0.2"),
            ("inbound tcp 10.0.0.1 -> 10.0.0.2:70000", "10.0.0.2:70000"),
            ("inbound tcp 10.0.0.1 -> [2001:db8::1]:1", "[2001:db8::1]:1"),
            ("inbound icmp 2001:db8::1 -> 2001:db8::2 echo-request", "icmp"),
            ("inbound icmp 10.0.0.1 -> 10.0.0.2 echo", "echo"),
            ("inbound gre 10.0.0.1 -> 10.0.0.2 more", "more"),
            ("inbound tcp 10.0.0.1 -> 10.0.0.2:+1", "10.0.0.2:+1"),
        ];
        for (text, at) in wrong {
            let error = parse(text).expect_err(text);
            assert_eq!(&text[error.at], at, "{text}: {}", error.message);
        }
        assert!(parse("").is_err());
    }

    #[test]
    fn a_source_port_that_matters_must_be_said() {
        let rule = Rule {
            action: Action::Allow,
            direction: Direction::Inbound,
            source: IpSet::all(),
            destination: IpSet::all(),
            l4: L4::ports(17, PortSet::range(500, 600), PortSet::one(500)),
            ephemeral: PortSet::all(),
            log: None,
            origins: vec![Origin::new(OriginKind::Policy, "ike")],
        };
        let policy = RuleSet {
            name: "p".to_owned(),
            rules: vec![rule],
            defaults: Defaults { inbound: Action::Drop, outbound: Action::Drop },
            baseline: Baseline::None,
            ephemeral: PortSet::all(),
        };
        let ask = |text: &str| parse(text).expect(text).decide(&policy);
        assert_eq!(ask("inbound udp 192.0.2.1 -> 10.0.0.1:500"), Err((49152, 500)));
        assert_eq!(ask("inbound udp 192.0.2.1:500 -> 10.0.0.1:500"), Ok((Action::Allow, Some(0))));
        assert_eq!(ask("inbound udp 192.0.2.1 -> 10.0.0.1:501"), Ok((Action::Drop, None)));
    }
}
