//! What the network itself needs under a default deny, as rules.

use super::packet::{HopLimit, Rule, TcpFlags};
use super::{Action, Direction, L4, Origin, OriginKind, Placement};
use crate::net::protocol::UDP;
use crate::net::{Family, IpSet, Ipv4Set, Ipv6Set, PortSet, icmp};

/// How much of what the network itself needs is allowed beyond the rules.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Baseline {
    /// Loopback, neighbour and router discovery, multicast listeners, DHCP client.
    Standard,
    /// Loopback, neighbour and router discovery.
    Strict,
    /// Nothing.
    None,
}

impl Baseline {
    /// Tells whether a host's own loopback traffic passes.
    pub fn loopback(self) -> bool {
        self != Baseline::None
    }
}

/// Returns the baseline's rules for packets of one direction.
///
/// They are for hosts only: neighbour discovery, listener reports and DHCP are link-local and are not
/// forwarded (RFC 4861, RFC 3810, RFC 8415). ICMP errors are not among them: on a stateful firewall they
/// are *related*, and stateless lowering adds them for the addresses that have flows.
pub fn baseline_rules(baseline: Baseline, placement: &Placement, way: Direction) -> Vec<Rule> {
    if *placement != Placement::Host || baseline == Baseline::None {
        return Vec::new();
    }
    let mut rules = discovery(way);
    if baseline == Baseline::Standard {
        rules.push(listener(way));
        rules.extend(dhcp_client(way));
    }
    rules
}

/// fe80::/10, the link-local addresses (RFC 4291 2.5.6).
fn link_local() -> IpSet {
    let low = 0xfe80 << 112;
    IpSet { v4: Ipv4Set::empty(), v6: Ipv6Set::range(low, low | (u128::MAX >> 10)) }
}

fn rule(name: &str, source: IpSet, destination: IpSet, l4: L4, hop_limit: HopLimit) -> Rule {
    Rule {
        action: Action::Allow,
        source,
        destination,
        l4,
        tcp_flags: TcpFlags::Any,
        hop_limit,
        log: None,
        origins: vec![Origin::new(OriginKind::Baseline, name)],
    }
}

fn types(types: &[u8]) -> L4 {
    let words: Vec<_> = types.iter().map(|ty| icmp::all_codes(*ty)).collect();
    L4::icmpv6(PortSet::union_all(&words))
}

/// RFC 4861: a hop limit of 255 proves that the sender is on the link (7.1), and advertisements come
/// from link-local addresses (6.1.2). Conntrack leaves these untracked, so no state covers them.
fn discovery(way: Direction) -> Vec<Rule> {
    let v6 = || IpSet::family(Family::V6);
    let on_link = HopLimit::Exactly(255);
    let neighbors = rule("neighbor-discovery", v6(), v6(), types(&[135, 136]), on_link);
    let routers = match way {
        Direction::Inbound => {
            rule("router-advertisement", link_local(), v6(), types(&[134]), on_link)
        }
        Direction::Outbound => rule("router-solicitation", v6(), v6(), types(&[133]), on_link),
    };
    vec![neighbors, routers]
}

/// RFC 2710 3 and RFC 3810 5: hop limit 1; queries come from link-local addresses.
fn listener(way: Direction) -> Rule {
    let v6 = IpSet::family(Family::V6);
    let hop = HopLimit::Exactly(1);
    match way {
        Direction::Inbound => rule("mld-query", link_local(), v6, types(&[130]), hop),
        Direction::Outbound => rule("mld-report", v6.clone(), v6, types(&[131, 132, 143]), hop),
    }
}

/// RFC 2131 4.1 and RFC 8415 7.2: replies come from other addresses than were asked, so connection
/// tracking does not know them as replies.
fn dhcp_client(way: Direction) -> Vec<Rule> {
    let udp = |from: PortSet, to: u16| L4::ports(UDP, from, PortSet::one(to));
    let v4 = || IpSet::family(Family::V4);
    let agents = 0xff02_0000_0000_0000_0000_0000_0001_0002;
    let servers = IpSet { v4: Ipv4Set::empty(), v6: Ipv6Set::one(agents) };
    let any = HopLimit::Any;
    match way {
        Direction::Inbound => vec![
            rule("dhcp", v4(), v4(), udp(PortSet::one(67), 68), any),
            rule("dhcpv6", link_local(), link_local(), udp(PortSet::all(), 546), any),
        ],
        Direction::Outbound => vec![
            rule("dhcp", v4(), v4(), udp(PortSet::one(68), 67), any),
            rule("dhcpv6", link_local(), servers, udp(PortSet::one(546), 547), any),
        ],
    }
}
