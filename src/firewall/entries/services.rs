//! Protocols, ports and ICMP types as AWS says them.

use crate::ir::{L4, L4Kind};
use crate::net::protocol::{self, ICMP, ICMPV6, TCP, UDP};
use crate::net::{PortSet, icmp};

/// One protocol, with one range of ports or one ICMP type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::firewall) struct Service {
    /// The IP protocol number; `None` is every protocol (`-1`).
    pub(in crate::firewall) protocol: Option<u8>,
    /// What of it.
    pub(in crate::firewall) part: Part,
}

/// What of a protocol.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::firewall) enum Part {
    /// All of it; it has neither ports nor types, or AWS does not look at them.
    Whole,
    /// Destination ports of TCP or UDP.
    Ports(u16, u16),
    /// An ICMP type and code; `None` is any.
    Icmp(Option<u8>, Option<u8>),
}

impl Service {
    /// Everything.
    pub(in crate::firewall) fn all() -> Self {
        Service { protocol: None, part: Part::Whole }
    }
}

/// Returns the services of a layer 4 set whose source ports are not looked at.
///
/// # Errors
/// What AWS cannot say.
pub(in crate::firewall) fn of(l4: &L4) -> Result<Vec<Service>, String> {
    let service = |protocol: u8, part| Service { protocol: Some(protocol), part };
    Ok(match l4.kind() {
        L4Kind::Any => vec![Service::all()],
        L4Kind::Protocols(set) => {
            let numbers = set.ranges().iter().flat_map(|(low, high)| *low..=*high);
            numbers.map(|protocol| service(protocol, whole(protocol))).collect()
        }
        L4Kind::Ports { protocols, destination, .. } => {
            let numbers = protocols.ranges().iter().flat_map(|(low, high)| *low..=*high);
            let mut services = Vec::new();
            for protocol in numbers {
                if !matches!(protocol, TCP | UDP) {
                    let name = protocol::name(protocol).unwrap_or("this protocol");
                    return Err(format!("AWS does not look at ports of {name}"));
                }
                let ranges = destination.ranges().iter();
                services.extend(ranges.map(|(a, b)| service(protocol, Part::Ports(*a, *b))));
            }
            services
        }
        L4Kind::Icmp(words) => types(words).map(|part| service(ICMP, part)).collect(),
        L4Kind::Icmpv6(words) => types(words).map(|part| service(ICMPV6, part)).collect(),
    })
}

fn whole(protocol: u8) -> Part {
    match protocol {
        TCP | UDP => Part::Ports(0, u16::MAX),
        ICMP | ICMPV6 => Part::Icmp(None, None),
        _ => Part::Whole,
    }
}

/// Whole types where all codes are in the set, else each code.
fn types(words: &PortSet) -> impl Iterator<Item = Part> {
    (0..=u8::MAX).flat_map(move |ty| {
        let all = icmp::all_codes(ty);
        let some = words.intersection(&all);
        if some == all {
            return vec![Part::Icmp(Some(ty), None)];
        }
        let codes = some.ranges().iter().flat_map(|(low, high)| *low..=*high);
        codes.map(|word| Part::Icmp(Some(ty), Some(icmp::split(word).1))).collect()
    })
}
