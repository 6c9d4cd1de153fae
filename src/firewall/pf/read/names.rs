//! Names for numbers, as pfctl prints and takes them.

use crate::net::protocol::{self, ICMPV6};

/// Types of ICMP, of ICMPv6, and codes by their type (`icmp_type` and `icmp_code` tables of pfctl).
const ICMP: &[(&str, u8)] = &[
    ("echorep", 0),
    ("unreach", 3),
    ("squench", 4),
    ("redir", 5),
    ("althost", 6),
    ("echoreq", 8),
    ("routeradv", 9),
    ("routersol", 10),
    ("timex", 11),
    ("paramprob", 12),
    ("timereq", 13),
    ("timerep", 14),
    ("inforeq", 15),
    ("inforep", 16),
    ("maskreq", 17),
    ("maskrep", 18),
    ("trace", 30),
    ("dataconv", 31),
    ("mobredir", 32),
    ("ipv6-where", 33),
    ("ipv6-here", 34),
    ("mobregreq", 35),
    ("mobregrep", 36),
    ("skip", 39),
    ("photuris", 40),
];
const ICMP6: &[(&str, u8)] = &[
    ("unreach", 1),
    ("toobig", 2),
    ("timex", 3),
    ("paramprob", 4),
    ("echoreq", 128),
    ("echorep", 129),
    ("groupqry", 130),
    ("listqry", 130),
    ("grouprep", 131),
    ("listenrep", 131),
    ("groupterm", 132),
    ("listendone", 132),
    ("routersol", 133),
    ("routeradv", 134),
    ("neighbrsol", 135),
    ("neighbradv", 136),
    ("redir", 137),
    ("routrrenum", 138),
    ("wrureq", 139),
    ("fqdnreq", 139),
    ("niqry", 139),
    ("wrurep", 140),
    ("fqdnrep", 140),
    ("nirep", 140),
    ("listenrepv2", 143),
    ("mtraceresp", 200),
    ("mtrace", 201),
];
const CODES: &[(&str, u8, u8)] = &[
    ("net-unr", 3, 0),
    ("host-unr", 3, 1),
    ("proto-unr", 3, 2),
    ("port-unr", 3, 3),
    ("needfrag", 3, 4),
    ("srcfail", 3, 5),
    ("net-unk", 3, 6),
    ("host-unk", 3, 7),
    ("isolate", 3, 8),
    ("net-prohib", 3, 9),
    ("host-prohib", 3, 10),
    ("net-tos", 3, 11),
    ("host-tos", 3, 12),
    ("filter-prohib", 3, 13),
    ("host-preced", 3, 14),
    ("cutoff-preced", 3, 15),
    ("redir-net", 5, 0),
    ("redir-host", 5, 1),
    ("redir-tos-net", 5, 2),
    ("redir-tos-host", 5, 3),
    ("normal-adv", 9, 0),
    ("common-adv", 9, 16),
    ("transit", 11, 0),
    ("reassemb", 11, 1),
    ("badhead", 12, 0),
    ("optmiss", 12, 1),
    ("badlen", 12, 2),
];
const CODES6: &[(&str, u8, u8)] = &[
    ("noroute-unr", 1, 0),
    ("admin-unr", 1, 1),
    ("notnbr-unr", 1, 2),
    ("beyond-unr", 1, 2),
    ("addr-unr", 1, 3),
    ("port-unr", 1, 4),
    ("transit", 3, 0),
    ("reassemb", 3, 1),
    ("badhead", 4, 0),
    ("nxthdr", 4, 1),
    ("redironlink", 137, 0),
    ("redirrouter", 137, 1),
];

/// Returns the number of an ICMP type.
pub(super) fn icmp_type(text: &str, v6: bool) -> Option<u8> {
    let names = if v6 { ICMP6 } else { ICMP };
    let known = names.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    // A type is kept as one more than it is, in eight bits; so is a code.
    known.or_else(|| text.parse().ok().filter(|number| *number < u8::MAX))
}

/// Returns the number of a code of an ICMP type.
pub(super) fn icmp_code(text: &str, ty: u8, v6: bool) -> Option<u8> {
    let names = if v6 { CODES6 } else { CODES };
    let known = names.iter().find(|(name, of, _)| *name == text && *of == ty);
    let known = known.map(|(_, _, code)| *code);
    known.or_else(|| text.parse().ok().filter(|number| *number < u8::MAX))
}

/// Returns the number of a protocol.
pub(super) fn protocol(text: &str) -> Option<u8> {
    match text {
        "icmp6" => Some(ICMPV6),
        "carp" => Some(112),
        "pfsync" => Some(240),
        _ => protocol::listed(text).or_else(|| text.parse().ok()),
    }
    // Protocol 0 would be any.
    .filter(|number| *number != 0)
}
