//! What never comes to a network security group: what Microsoft documents as not filtered, and what a
//! virtual network does not carry.

use crate::firewall::at_hook;
use crate::ir::Hook;
use crate::net::protocol::{ICMP, ICMPV6, TCP, UDP};
use crate::net::{Family, IpSet};
use crate::program::{Field, Match};
use std::net::Ipv4Addr;

/// The platform's own address (azure-docs, what-is-ip-address-168-63-129-16.md).
const PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
/// Instance metadata (network-security-groups-overview.md).
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// Windows' licence servers of the public cloud.
const LICENCES: [Ipv4Addr; 3] = [
    Ipv4Addr::new(20, 118, 99, 224),
    Ipv4Addr::new(23, 102, 135, 246),
    Ipv4Addr::new(40, 83, 235, 53),
];

/// Returns the packets of which nothing is claimed, as conjunctions.
pub(super) fn exempt(members: Option<&IpSet>) -> Vec<Vec<Match>> {
    [inside_a_machine(), platform(), link(), not_carried(), strangers(members)].concat()
}

/// What a machine sends to itself or forwards inside itself.
fn inside_a_machine() -> Vec<Vec<Match>> {
    // Loopback addresses never leave a machine (RFC 1122 3.2.1.3, RFC 4291 2.5.3).
    let loopback = || vec![(127 << 24, (128 << 24) - 1)];
    vec![
        vec![at_hook(Hook::Forward)],
        vec![at_hook(Hook::RawPrerouting)],
        vec![at_hook(Hook::RawOutput)],
        vec![at_hook(Hook::Input), one(Field::Incoming, 0)],
        vec![at_hook(Hook::Output), one(Field::Outgoing, 0)],
        vec![Match::Source4(loopback())],
        vec![Match::Destination4(loopback())],
        vec![Match::Source6(vec![(1, 1)])],
        vec![Match::Destination6(vec![(1, 1)])],
    ]
}

/// The services of the platform, and their answers; its probes are filtered.
fn platform() -> Vec<Vec<Match>> {
    let mut unseen = Vec::new();
    let ports = [(TCP, 53), (TCP, 80), (TCP, 32526), (UDP, 53)];
    for (protocol, port) in ports {
        unseen.extend(service(&[PLATFORM], protocol, port));
    }
    unseen.extend(service(&LICENCES, TCP, 1688));
    unseen.push(vec![Match::Source4(addresses(&[METADATA]))]);
    unseen.push(vec![Match::Destination4(addresses(&[METADATA]))]);
    unseen
}

/// What is asked of a port of some servers, and what comes back from there.
fn service(servers: &[Ipv4Addr], protocol: u8, port: u32) -> [Vec<Match>; 2] {
    let number = || one(Field::Protocol, protocol.into());
    let asked = Match::Destination4(addresses(servers));
    let answered = Match::Source4(addresses(servers));
    [
        vec![at_hook(Hook::Output), asked, number(), one(Field::DestinationPort, port)],
        vec![at_hook(Hook::Input), answered, number(), one(Field::SourcePort, port)],
    ]
}

/// What stays on a link: DHCP (virtual-networks-faq.md names its ports), which the host answers, and by
/// analogy neighbour and router discovery, multicast listeners and DHCPv6.
fn link() -> Vec<Vec<Match>> {
    let types = |low: u32, high: u32, hop_limit: u32| {
        let words = vec![(low << 8, high << 8 | 255)];
        let types = Match::Field(Field::DestinationPort, words);
        vec![one(Field::Protocol, ICMPV6.into()), types, one(Field::HopLimit, hop_limit)]
    };
    let mut unseen = vec![types(133, 137, 255), types(130, 132, 1), types(143, 143, 1)];
    for (from, to) in [(68, 67), (67, 68)] {
        let ports = [one(Field::SourcePort, from), one(Field::DestinationPort, to)];
        let udp = one(Field::Protocol, UDP.into());
        unseen.push([vec![Match::Family(Family::V4), udp], ports.to_vec()].concat());
    }
    let link_local = 0xfe80 << 112;
    for port in [546, 547] {
        unseen.push(vec![
            Match::Source6(vec![(link_local, link_local | (u128::MAX >> 10))]),
            one(Field::Protocol, UDP.into()),
            one(Field::DestinationPort, port),
        ]);
    }
    unseen
}

/// What a virtual network does not carry (virtual-networks-faq.md), and ICMP in the other family's packets,
/// which nobody sends.
fn not_carried() -> Vec<Vec<Match>> {
    let others = vec![(0, 0), (2, 5), (7, 16), (18, 49), (52, 57), (59, 255)];
    vec![
        vec![Match::Field(Field::Protocol, others)],
        vec![Match::Family(Family::V6), one(Field::Protocol, ICMP.into())],
        vec![Match::Family(Family::V4), one(Field::Protocol, ICMPV6.into())],
        vec![Match::Destination4(vec![(224 << 24, (240 << 24) - 1), (u32::MAX, u32::MAX)])],
        vec![Match::Destination6(vec![(0xff << 120, u128::MAX)])],
        vec![one(Field::Protocol, UDP.into()), one(Field::SourcePort, 65330)],
    ]
}

/// Other addresses than the members' own, where the policy says which these are.
fn strangers(members: Option<&IpSet>) -> Vec<Vec<Match>> {
    let Some(members) = members else { return Vec::new() };
    let others = IpSet::all().difference(members);
    let (v4, v6) = (others.v4.ranges().to_vec(), others.v6.ranges().to_vec());
    vec![
        vec![at_hook(Hook::Output), Match::Source4(v4.clone())],
        vec![at_hook(Hook::Output), Match::Source6(v6.clone())],
        vec![at_hook(Hook::Input), Match::Destination4(v4)],
        vec![at_hook(Hook::Input), Match::Destination6(v6)],
    ]
}

fn addresses(list: &[Ipv4Addr]) -> Vec<(u32, u32)> {
    list.iter().map(|address| (address.to_bits(), address.to_bits())).collect()
}

fn one(field: Field, value: u32) -> Match {
    Match::Field(field, vec![(value, value)])
}
