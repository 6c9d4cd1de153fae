//! What pf can say.

use crate::firewall::caps::{Caps, Limit, Order};

/// From pf.conf(5) of OpenBSD 7.6 and FreeBSD 12, and their parsers.
pub(super) const CAPS: Caps = Caps {
    kind: "pf",
    writes: "one file for `pfctl -f`, or for an anchor (`load anchor NAME from FILE`)",
    floor: "pf of OpenBSD 7.6 and of FreeBSD 12 (`dialect: common`, unless said), or of one of them",
    listing: "`pfctl -sr` and `pfctl -sn`, or the whole pf.conf, with `pfctl -t NAME -T show` for tables",
    order: Order::FirstMatch,
    folder: false,
    default: "the last rule of each direction; what the policy does not speak of passes by pf's own default",
    deny: &[
        ("drop", "block drop, without an answer"),
        ("reject", "TCP: block return-rst; the rest: block return-icmp with admin-prohibited"),
    ],
    state: &["stateful", "stateless"],
    placements: &["host", "gateway"],
    ipv6: "rules of their own (inet6), tables of their own",
    names: "none: addresses only",
    comments: "200 bytes a rule; longer ones are cut and end in `...`",
    log: "log, to pflog(4); the prefix becomes the rule's label, a rate limit cannot be said",
    limits: &[
        Limit { of: "name of a table", most: 31, unit: "bytes" },
        Limit { of: "label", most: 63, unit: "bytes" },
        Limit { of: "entries of a table", most: 65_535, unit: "(200,000 with `dialect: openbsd`)" },
    ],
    differences: &[
        "wider, and reported as such: hop limits are not looked at",
        "every rule is quick: the first that matches decides, as in the policy",
        "a state passes its packets and the ICMP errors about it before any rule; a TCP packet that fits no state opens none (flags S/SA)",
        "host: for a machine that forwards nothing, for pf does not tell forwarded packets from its own",
        "gateway: packets are tagged where they come in and filtered where they leave; with `dialect: openbsd` by match rules, else by pass rules that end the evaluation for packets that come in by the named interfaces",
        "stateless: later fragments carry no ports, so they match no rule with ports, unless pf reassembles (the default)",
    ],
};
