//! What iptables can say.

use crate::firewall::caps::{Caps, Limit, Order};

/// The limits are those of iptables 1.8.9.
pub(super) const CAPS: Caps = Caps {
    kind: "iptables",
    writes: "a folder with files for `iptables-restore` and `ip6tables-restore`",
    floor: "iptables 1.8.9",
    listing: "`iptables-save` and `ip6tables-save`, with `ipset save` where sets are used",
    order: Order::FirstMatch,
    folder: true,
    default: "the last rule of each direction's chain",
    deny: &[
        ("drop", "DROP, without an answer"),
        ("reject", "TCP: REJECT with tcp-reset; the rest: REJECT with admin-prohibited"),
    ],
    state: &["stateful", "stateless"],
    placements: &["host", "gateway"],
    ipv6: "a file of its own",
    names: "none: addresses only",
    comments: "255 bytes a rule; longer ones are cut and end in `...`",
    log: "LOG, with or without a rate limit, in the kernel's log",
    limits: &[
        Limit { of: "comment", most: 255, unit: "bytes" },
        Limit { of: "log prefix", most: 29, unit: "bytes" },
        Limit { of: "interface name", most: 15, unit: "bytes" },
        Limit { of: "name of a chain", most: 28, unit: "bytes" },
        Limit { of: "name of an ipset", most: 31, unit: "bytes" },
    ],
    differences: &[
        "stateless: later fragments carry no ports, so they match no rule with ports",
        "the two families are loaded by two commands, each atomic by itself",
        "`scope: chains`: chains of an earlier artifact that this one has no more stay behind, without a jump to them",
    ],
};
