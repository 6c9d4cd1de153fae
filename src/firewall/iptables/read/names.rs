//! Names for numbers, as the tools print and take them.

use crate::net::Family;
use crate::net::protocol;

/// Returns the number of a protocol; 0 is any.
pub(super) fn protocol(text: &str) -> Option<u8> {
    let text = text.to_ascii_lowercase();
    match text.as_str() {
        "all" => Some(0),
        _ => protocol::listed(&text).or_else(|| text.parse().ok()),
    }
}

/// ICMP types, some with a code, by the names of `iptables -p icmp -h`.
const ICMP: &[(&str, &str)] = &[
    ("any", "255"),
    ("echo-reply", "0"),
    ("pong", "0"),
    ("destination-unreachable", "3"),
    ("network-unreachable", "3/0"),
    ("host-unreachable", "3/1"),
    ("protocol-unreachable", "3/2"),
    ("port-unreachable", "3/3"),
    ("fragmentation-needed", "3/4"),
    ("source-route-failed", "3/5"),
    ("network-unknown", "3/6"),
    ("host-unknown", "3/7"),
    ("network-prohibited", "3/9"),
    ("host-prohibited", "3/10"),
    ("TOS-network-unreachable", "3/11"),
    ("TOS-host-unreachable", "3/12"),
    ("communication-prohibited", "3/13"),
    ("host-precedence-violation", "3/14"),
    ("precedence-cutoff", "3/15"),
    ("source-quench", "4"),
    ("redirect", "5"),
    ("network-redirect", "5/0"),
    ("host-redirect", "5/1"),
    ("TOS-network-redirect", "5/2"),
    ("TOS-host-redirect", "5/3"),
    ("echo-request", "8"),
    ("ping", "8"),
    ("router-advertisement", "9"),
    ("router-solicitation", "10"),
    ("time-exceeded", "11"),
    ("ttl-exceeded", "11"),
    ("ttl-zero-during-transit", "11/0"),
    ("ttl-zero-during-reassembly", "11/1"),
    ("parameter-problem", "12"),
    ("ip-header-bad", "12/0"),
    ("required-option-missing", "12/1"),
    ("timestamp-request", "13"),
    ("timestamp-reply", "14"),
    ("address-mask-request", "17"),
    ("address-mask-reply", "18"),
];

/// The same of `ip6tables -p ipv6-icmp -h`.
const ICMP6: &[(&str, &str)] = &[
    ("destination-unreachable", "1"),
    ("no-route", "1/0"),
    ("communication-prohibited", "1/1"),
    ("beyond-scope", "1/2"),
    ("address-unreachable", "1/3"),
    ("port-unreachable", "1/4"),
    ("failed-policy", "1/5"),
    ("reject-route", "1/6"),
    ("packet-too-big", "2"),
    ("time-exceeded", "3"),
    ("ttl-exceeded", "3"),
    ("ttl-zero-during-transit", "3/0"),
    ("ttl-zero-during-reassembly", "3/1"),
    ("parameter-problem", "4"),
    ("bad-header", "4/0"),
    ("unknown-header-type", "4/1"),
    ("unknown-option", "4/2"),
    ("echo-request", "128"),
    ("ping", "128"),
    ("echo-reply", "129"),
    ("pong", "129"),
    ("mld-listener-query", "130"),
    ("mld-listener-report", "131"),
    ("mld-listener-done", "132"),
    ("mld-listener-reduction", "132"),
    ("router-solicitation", "133"),
    ("router-advertisement", "134"),
    ("neighbour-solicitation", "135"),
    ("neighbor-solicitation", "135"),
    ("neighbour-advertisement", "136"),
    ("neighbor-advertisement", "136"),
    ("redirect", "137"),
];

/// Returns an ICMP type in numbers.
pub(super) fn icmp(family: Family, text: &str) -> &str {
    let names = match family {
        Family::V4 => ICMP,
        Family::V6 => ICMP6,
    };
    let known = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    known.map_or(text, |(_, numbers)| numbers)
}

/// Returns the family of which a word of a rule can only be.
pub(super) fn family(word: &str) -> Option<Family> {
    match word {
        "icmp" | "--icmp-type" | "--ttl-eq" | "--ttl-lt" | "--ttl-gt" => return Some(Family::V4),
        "ipv6-icmp" | "icmpv6" | "icmp6" | "--icmpv6-type" | "--hl-eq" | "--hl-lt" | "--hl-gt" => {
            return Some(Family::V6);
        }
        _ if word.starts_with("icmp6-") => return Some(Family::V6),
        _ => {}
    }
    let first = word.split(['/', ',', '-']).next().unwrap_or_default();
    first.parse::<std::net::IpAddr>().ok().map(Family::of)
}
