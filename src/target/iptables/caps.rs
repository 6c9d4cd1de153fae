//! What iptables can say.

use crate::target::caps::{Caps, Limit, Order};

/// The limits are those of iptables 1.8.9.
pub const CAPS: Caps = Caps {
    kind: "iptables",
    writes: "a folder with files for `iptables-restore` and `ip6tables-restore`",
    floor: "iptables 1.8.9",
    order: Order::FirstMatch,
    default: "the last rule of each direction's chain",
    deny: &[
        ("drop", "DROP"),
        ("reject", "TCP: REJECT with tcp-reset; the rest: REJECT with admin-prohibited"),
    ],
    state: &["stateful", "stateless"],
    placements: &["host", "gateway"],
    ipv6: "a file of its own",
    names: "none: addresses only",
    comments: "255 bytes a rule; longer ones are cut",
    log: "LOG, with or without a rate limit, in the kernel's log",
    limits: &[
        Limit { of: "comment", most: 255, unit: "bytes" },
        Limit { of: "log prefix", most: 29, unit: "bytes" },
        Limit { of: "name of a chain", most: 28, unit: "bytes" },
        Limit { of: "name of an ipset", most: 31, unit: "bytes" },
    ],
    differences: &[],
};
