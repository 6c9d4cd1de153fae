//! What targets do: what is here is known, and any other target may do anything.

use super::rewrite::Written;
use crate::firewall::iptables::syntax::Flag;
use crate::ir::Verdict;
use crate::net::Family;
use crate::net::protocol::TCP;
use crate::program::{Field, Match, Target};

/// What a rule does with the packets that match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Does {
    /// One thing.
    One(Target),
    /// It goes on, and what later conditions ask for is another thing then.
    Writes(Written),
    /// Anything, for a reason.
    Any(String),
}

/// A target, what it writes, and all its options, each with `=` for every value that it has.
type Known = (&'static str, Option<Written>, &'static str);

/// Targets after which a packet goes on to the next rule.
const GO_ON: &[Known] = &[
    // These tell somebody, or count.
    (
        "LOG",
        None,
        "--log-prefix= --log-level= --log-tcp-sequence --log-tcp-options --log-ip-options \
         --log-uid --log-macdecode",
    ),
    (
        "NFLOG",
        None,
        "--nflog-group= --nflog-prefix= --nflog-range= --nflog-size= --nflog-threshold=",
    ),
    ("ULOG", None, "--ulog-nlgroup= --ulog-prefix= --ulog-cprange= --ulog-qthreshold="),
    ("AUDIT", None, "--type="),
    ("TRACE", None, ""),
    ("LED", None, "--led-trigger-id= --led-delay= --led-always-blink"),
    ("RATEEST", None, "--rateest-name= --rateest-interval= --rateest-ewmalog="),
    ("IDLETIMER", None, "--timeout= --label= --alarm"),
    // A copy goes elsewhere.
    ("TEE", None, "--gateway= --oif="),
    // Marks and classes are asked for by conditions that are in doubt anyway, by routing and by queues.
    ("MARK", None, "--set-mark= --set-xmark= --and-mark= --or-mark= --xor-mark="),
    (
        "CONNMARK",
        None,
        "--set-mark= --set-xmark= --and-mark= --or-mark= --xor-mark= --save-mark --restore-mark \
         --mask= --nfmask= --ctmask=",
    ),
    ("SECMARK", None, "--selctx="),
    ("CONNSECMARK", None, "--save --restore"),
    ("CLASSIFY", None, "--set-class="),
    // What they write is asked for by conditions that are in doubt anyway: `ECN` writes TCP flags that
    // `--tcp-flags` has no name for.
    ("TOS", None, "--set-tos= --and-tos= --or-tos= --xor-tos="),
    ("DSCP", None, "--set-dscp= --set-dscp-class="),
    ("ECN", None, "--ecn-tcp-remove"),
    ("CHECKSUM", None, "--checksum-fill"),
    ("TCPMSS", None, "--set-mss= --clamp-mss-to-pmtu"),
    ("TCPOPTSTRIP", None, "--strip-options="),
    // The sets that rules change are unclear wherever they are looked up.
    (
        "SET",
        None,
        "--add-set== --del-set== --map-set== --exist --timeout= --map-mark --map-prio --map-queue",
    ),
    ("TTL", Some(Written::HopLimit), "--ttl-set= --ttl-dec= --ttl-inc="),
    ("HL", Some(Written::HopLimit), "--hl-set= --hl-dec= --hl-inc="),
];

/// Targets of nat. Each ends the way through the table.
const NAT: &[Known] = &[
    ("SNAT", None, "--to-source= --random --random-fully --persistent"),
    ("MASQUERADE", None, "--to-ports= --random --random-fully"),
    ("DNAT", None, "--to-destination= --random --persistent"),
    ("REDIRECT", None, "--to-ports= --random"),
    ("NETMAP", None, "--to="),
];

/// Returns what a target that is no chain does; a note that goes with it is added to `notes`.
pub(super) fn does(
    (family, table): (Family, &str),
    name: &str,
    flags: &[&Flag<'_>],
    when: &[Match],
    notes: &mut Vec<String>,
) -> Does {
    let known = |list: &[Known]| list.iter().find(|(known, ..)| *known == name).copied();
    let (does, options) = match name {
        "ACCEPT" => (Does::One(Target::Decide(Verdict::Accept)), ""),
        "DROP" => (Does::One(Target::Decide(Verdict::Drop)), ""),
        "RETURN" => (Does::One(Target::Return), ""),
        "REJECT" => (reject(family, flags, when, notes), "--reject-with="),
        "NOTRACK" if table == "raw" => (untrack(), ""),
        "CT" if table == "raw" => return track(flags),
        _ => match (known(GO_ON), known(NAT).filter(|_| table == "nat")) {
            (Some((_, None, options)), _) => (Does::One(Target::Continue), options),
            (Some((_, Some(written), options)), _) => (Does::Writes(written), options),
            (_, Some((.., options))) => (Does::One(Target::Decide(Verdict::Accept)), options),
            _ => return Does::Any(format!("the target `{name}` is not understood")),
        },
    };
    match flags.iter().find(|flag| !takes(options, flag)) {
        None => does,
        Some(flag) => {
            Does::Any(format!("`{}` of the target `{name}` is not understood", flag.name))
        }
    }
}

/// Tells whether a flag is one of some options, with as many values.
fn takes(options: &str, flag: &Flag<'_>) -> bool {
    options.split_whitespace().any(|option| {
        let name = option.trim_end_matches('=');
        name == flag.name && option.len() - name.len() == flag.values.len()
    })
}

fn untrack() -> Does {
    Does::One(Target::Decide(Verdict::Untrack))
}

/// What `CT` does to the connection's entry.
fn track(flags: &[&Flag<'_>]) -> Does {
    let mut written = None;
    for flag in flags {
        match flag.name {
            "--notrack" if flags.len() == 1 => return untrack(),
            // A flow's way back is in no zone, or in another one: its packets are of no known flow.
            "--zone" | "--zone-orig" | "--zone-reply" => written = Some(Written::States),
            // New flows that the helper foresees are related ones.
            "--helper" => written = written.or(Some(Written::Expected)),
            // Who is told of it, and how long it lives.
            "--ctevents" | "--expevents" | "--timeout" => {}
            name => return Does::Any(format!("`{name}` of the target `CT` is not understood")),
        }
    }
    written.map_or(Does::One(Target::Continue), Does::Writes)
}

fn reject(family: Family, flags: &[&Flag<'_>], when: &[Match], notes: &mut Vec<String>) -> Does {
    let with = flags.first().map_or("port-unreach", |flag| flag.value(0));
    let tcp = |when: &Match| matches!(when, Match::Field(Field::Protocol, ranges) if *ranges == [(TCP.into(), TCP.into())]);
    match (with, family) {
        ("tcp-reset" | "tcp-rst", _) if when.iter().any(tcp) => {
            return Does::One(Target::Decide(Verdict::RejectReset));
        }
        ("icmp-admin-prohibited" | "admin-prohib", Family::V4)
        | ("icmp6-adm-prohibited" | "adm-prohibited", Family::V6) => {}
        _ => notes.push(format!(
            "`REJECT` answers `{with}`, which no policy asks for: taken as administratively \
             prohibited"
        )),
    }
    Does::One(Target::Decide(Verdict::RejectProhibited))
}
