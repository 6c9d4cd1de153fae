//! What nftables can say.

use crate::firewall::caps::{Caps, Limit, Order};

/// The limits were measured with nft 1.0.6 on Linux 6.18.
pub(super) const CAPS: Caps = Caps {
    kind: "nftables",
    writes: "one file for `nft -f` that replaces the policy's own table and touches no other",
    floor: "nft 1.0.6",
    listing: "`nft list ruleset` or `nft -j list ruleset`",
    order: Order::FirstMatch,
    folder: false,
    default: "host: the base chains' policy; gateway: the last rule of each direction's chain",
    deny: &[
        ("drop", "drop, without an answer"),
        ("reject", "TCP: reject with tcp reset; the rest: reject with icmpx admin-prohibited"),
    ],
    state: &["stateful", "stateless"],
    placements: &["host", "gateway"],
    ipv6: "the same table (inet), sets of their own",
    names: "none: addresses only",
    comments: "128 bytes a rule; longer ones are cut and end in `...`",
    log: "log prefix, with or without a rate limit, in the kernel's log",
    limits: &[
        Limit { of: "comment", most: 128, unit: "bytes" },
        Limit { of: "log prefix", most: 127, unit: "bytes" },
        Limit { of: "interface name", most: 15, unit: "bytes" },
        Limit { of: "name of a table, chain or set", most: 255, unit: "bytes" },
        Limit { of: "depth of jumps", most: 16, unit: "chains" },
    ],
    differences: &["stateless: later fragments carry no ports, so they match no rule with ports"],
};
