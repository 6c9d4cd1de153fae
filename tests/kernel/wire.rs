//! Packets as bytes: IPv4 and IPv6, with the checksums that connection tracking looks at.

use portcullis::ir::Packet;
use portcullis::net::{icmp, protocol};
use std::net::IpAddr;

/// A packet to send: what rules see, and what only connection tracking sees.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What rules see.
    pub packet: Packet,
    /// TCP sequence number, or SCTP verification tag.
    pub sequence: u32,
    /// TCP acknowledgment number.
    pub acknowledgment: u32,
    /// Identifier of an ICMP query.
    pub identifier: u16,
    /// Type of the first SCTP chunk.
    pub chunk: u8,
    /// Whether IPv4 options, or an IPv6 header of destination options, stand before the payload.
    pub options: bool,
    /// The packet that an ICMP error is about.
    pub quote: Option<Vec<u8>>,
}

/// Chunk types of SCTP (RFC 9260 3.2).
pub const INIT: u8 = 1;
pub const INIT_ACK: u8 = 2;

/// Returns the packet's bytes with `id` as IPv4 identification or IPv6 flow label.
pub fn bytes(probe: &Probe, id: u16) -> Vec<u8> {
    let mut payload = payload(probe);
    let packet = &probe.packet;
    let (mut first, mut next) = (0x45, packet.protocol);
    if probe.options {
        // Four octets of padding options (RFC 791 3.1), or eight of header (RFC 8200 4.6).
        let padding: &[u8] =
            if packet.source.is_ipv4() { &[1, 1, 1, 0] } else { &[next, 0, 1, 4, 0, 0, 0, 0] };
        payload.splice(0..0, padding.iter().copied());
        (first, next) = (0x46, if packet.source.is_ipv4() { next } else { 60 });
    }
    let length = u16::try_from(payload.len()).expect("a small payload");
    let mut out = Vec::with_capacity(40 + payload.len());
    match (packet.source, packet.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            out.extend([first, 0]);
            out.extend((length + 20).to_be_bytes());
            out.extend(id.to_be_bytes());
            out.extend([0, 0, packet.hop_limit, packet.protocol, 0, 0]);
            out.extend(source.octets());
            out.extend(destination.octets());
            let header = usize::from(first & 15) * 4;
            out.extend(payload.drain(..header - 20));
            let sum = checksum(&[&out]);
            out[10..12].copy_from_slice(&sum);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            out.extend((0x6000_0000 | u32::from(id)).to_be_bytes());
            out.extend(length.to_be_bytes());
            out.extend([next, packet.hop_limit]);
            out.extend(source.octets());
            out.extend(destination.octets());
        }
        _ => panic!("one packet, two families: {packet:?}"),
    }
    out.extend(payload);
    out
}

fn payload(probe: &Probe) -> Vec<u8> {
    let packet = &probe.packet;
    match packet.protocol {
        protocol::TCP => tcp(probe),
        protocol::UDP => udp(packet),
        protocol::SCTP => sctp(probe),
        protocol::ICMP | protocol::ICMPV6 => icmp(probe),
        _ => other(&probe.packet),
    }
}

/// GRE version 0 without options; nothing looks into the others. But the payload must sum up to a right
/// checksum, for the kernel answers no broken packet by an error, and takes every protocol to have one.
fn other(packet: &Packet) -> Vec<u8> {
    let payload = vec![0, 0, 8, 0, 0, 0, 0, 0];
    if packet.source.is_ipv6() {
        return with_checksum(packet, payload, 6);
    }
    let sum = checksum(&[&payload]);
    [&payload[..6], &sum].concat()
}

fn ports(packet: &Packet) -> Vec<u8> {
    [packet.source_port.to_be_bytes(), packet.destination_port.to_be_bytes()].concat()
}

fn tcp(probe: &Probe) -> Vec<u8> {
    let mut out = ports(&probe.packet);
    out.extend(probe.sequence.to_be_bytes());
    out.extend(probe.acknowledgment.to_be_bytes());
    out.extend([0x50, probe.packet.tcp_flags, 0xff, 0xff, 0, 0, 0, 0]);
    with_checksum(&probe.packet, out, 16)
}

fn udp(packet: &Packet) -> Vec<u8> {
    let mut out = ports(packet);
    out.extend([0, 12, 0, 0]);
    out.extend(*b"ping");
    let mut out = with_checksum(packet, out, 6);
    if out[6..8] == [0, 0] {
        out[6..8].copy_from_slice(&[0xff, 0xff]); // zero says "no checksum" (RFC 768)
    }
    out
}

fn sctp(probe: &Probe) -> Vec<u8> {
    let mut out = ports(&probe.packet);
    out.extend(probe.sequence.to_be_bytes());
    out.extend([0; 4]);
    out.extend([probe.chunk, 0, 0, 20]);
    for word in [1u32, 0xffff, 0x0001_0001, 1] {
        out.extend(word.to_be_bytes()); // tag, window, streams, first sequence number
    }
    let sum = crc32c(&out);
    out[8..12].copy_from_slice(&sum.to_le_bytes());
    out
}

fn icmp(probe: &Probe) -> Vec<u8> {
    let packet = &probe.packet;
    let (ty, code) = icmp::split(packet.destination_port);
    let mut out = vec![ty, code, 0, 0];
    match &probe.quote {
        // The last two octets are the next hop's MTU where the error has one.
        Some(quote) => {
            out.extend([0, 0, 0x05, 0xdc]);
            out.extend(quote);
        }
        None => {
            out.extend(probe.identifier.to_be_bytes());
            out.extend([0, 1]);
            out.extend([0; 16]);
        }
    }
    if packet.source.is_ipv6() {
        return with_checksum(packet, out, 2);
    }
    let sum = checksum(&[&out]);
    out[2..4].copy_from_slice(&sum);
    out
}

/// Fills the checksum at `at` over the pseudo header and the payload (RFC 9293 3.1, RFC 8200 8.1).
fn with_checksum(packet: &Packet, mut payload: Vec<u8>, at: usize) -> Vec<u8> {
    let mut pseudo = Vec::with_capacity(40);
    for address in [packet.source, packet.destination] {
        match address {
            IpAddr::V4(address) => pseudo.extend(address.octets()),
            IpAddr::V6(address) => pseudo.extend(address.octets()),
        }
    }
    let length = u16::try_from(payload.len()).expect("a small payload");
    pseudo.extend(length.to_be_bytes());
    pseudo.extend([0, packet.protocol]);
    let sum = checksum(&[&pseudo, &payload]);
    payload[at..at + 2].copy_from_slice(&sum);
    payload
}

/// The Internet checksum (RFC 1071); every part but the last has an even length.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or_default();
            sum += u32::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).map(|sum| (!sum).to_be_bytes()).expect("folded")
}

/// CRC32c, bit by bit (RFC 9260 appendix A).
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

/// What came out of an interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Came {
    /// The packet with that id.
    Packet(u16),
    /// A TCP reset.
    Reset,
    /// An ICMP error of that type and code.
    Error(u8, u8),
}

/// Says what a packet that was read from an interface is; `sent` is the last one that was sent.
pub fn came(read: &[u8], sent: &[u8], id: u16) -> Option<Came> {
    let (source, destination, protocol, got, body) = parse(read)?;
    let (from, to, _, _, payload) = parse(sent)?;
    if got == u32::from(id) && source == from && destination == to {
        return Some(Came::Packet(id));
    }
    match protocol {
        protocol::TCP if destination == from && source == to && body.get(13)? & 4 != 0 => {
            Some(Came::Reset)
        }
        protocol::ICMP | protocol::ICMPV6 if destination == from => {
            let quoted = parse(body.get(8..)?)?;
            // Not one about the answer to another packet between the two.
            let same = quoted.4.get(..4) == payload.get(..4);
            let about = quoted.0 == from && quoted.1 == to && same;
            about.then_some(Came::Error(*body.first()?, *body.get(1)?))
        }
        _ => None,
    }
}

type Parsed<'a> = (&'a [u8], &'a [u8], u8, u32, &'a [u8]);

/// Source, destination, protocol, identification or flow label, payload.
fn parse(bytes: &[u8]) -> Option<Parsed<'_>> {
    match bytes.first()? >> 4 {
        4 => {
            let header = usize::from(bytes[0] & 15) * 4;
            let id = u16::from_be_bytes([*bytes.get(4)?, *bytes.get(5)?]);
            let (source, destination) = (bytes.get(12..16)?, bytes.get(16..20)?);
            Some((source, destination, bytes[9], id.into(), bytes.get(header..)?))
        }
        6 => {
            let word = u32::from_be_bytes(*bytes.first_chunk()?);
            let (source, destination) = (bytes.get(8..24)?, bytes.get(24..40)?);
            Some((source, destination, bytes[6], word & 0xf_ffff, bytes.get(40..)?))
        }
        _ => None,
    }
}

#[test]
fn checksums_match_the_published_examples() {
    // RFC 1071 3 (the sum's complement) and RFC 9260's "123456789".
    assert_eq!(checksum(&[&[0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7]]), (!0xddf2u16).to_be_bytes());
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}
