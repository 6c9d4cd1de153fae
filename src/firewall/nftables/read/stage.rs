//! Stages: where a base chain stands on a packet's way, and what its rules can see of the packet there.

use super::head::Base;
use super::writes::Writes;
use crate::ir::Hook;
use crate::program::{Field, Match};

/// Whether packets have something at a stage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Has {
    /// They do.
    Yes,
    /// They do not.
    No,
    /// That is not known here.
    Perhaps,
}

/// A stage of a packet's way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Stage {
    /// The hooks of the packets that come by.
    pub(super) hooks: &'static [Hook],
    /// An incoming interface.
    pub(super) incoming: Has,
    /// An outgoing interface.
    pub(super) outgoing: Has,
    /// Whether their connection was looked up.
    pub(super) tracked: bool,
    /// Whether their source is the one that filters see.
    pub(super) source: bool,
    /// Whether their destination is the one that filters see.
    pub(super) destination: bool,
    /// Whether it is only asked if packets are tracked.
    pub(super) tracking: bool,
    /// What rules somewhere write of these packets: what they have here is then not known.
    pub(super) written: Writes,
}

/// Connection tracking comes at this priority (NF_IP_PRI_CONNTRACK).
const TRACKING: i32 = -200;
/// Destinations are translated at this one (NF_IP_PRI_NAT_DST).
const DESTINATIONS: i32 = -100;
/// Sources are translated at this one (NF_IP_PRI_NAT_SRC).
const SOURCES: i32 = 100;

/// What a base chain is to the packets of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// It decides at these stages; the number orders them.
    Decides(Vec<(u8, Stage)>),
    /// It may be that packets come by; the stage is only good for telling whether it refuses any.
    Beside(Stage),
    /// IP packets never come by.
    Nothing,
}

impl Stage {
    /// Everything that is seen at the filter hooks.
    fn at(hooks: &'static [Hook], incoming: Has, outgoing: Has) -> Self {
        Stage {
            hooks,
            incoming,
            outgoing,
            tracked: true,
            source: true,
            destination: true,
            tracking: false,
            written: Writes::NOTHING,
        }
    }

    /// Tells whether packets come by that may be forwarded later.
    pub(super) fn unrouted(&self) -> bool {
        self.hooks.contains(&Hook::Forward) && self.outgoing == Has::No
    }

    /// Returns the condition that a packet is at one of the hooks.
    pub(super) fn when(&self) -> Match {
        let number = |hook: &Hook| Hook::ALL.iter().position(|known| known == hook);
        let numbers = self.hooks.iter().filter_map(number).filter_map(|at| u32::try_from(at).ok());
        Match::Field(Field::Hook, numbers.map(|at| (at, at)).collect())
    }
}

/// Tells whether a chain comes before connection tracking.
pub(super) fn is_early(base: &Base<'_>) -> bool {
    base.priority < TRACKING && matches!(base.hook, "prerouting" | "output" | "input")
}

/// Tells whether it is not known which of a chain and connection tracking comes first.
pub(super) fn is_level(base: &Base<'_>) -> bool {
    base.priority == TRACKING
}

/// Returns the hooks of the packets that a base chain may meet.
pub(super) fn hooks(base: &Base<'_>) -> &'static [Hook] {
    match base.hook {
        "input" => &[Hook::Input],
        "output" => &[Hook::Output],
        "forward" => &[Hook::Forward],
        "egress" | "postrouting" => &[Hook::Output, Hook::Forward],
        "prerouting" | "ingress" => &[Hook::Input, Hook::Forward],
        _ => &[Hook::Input, Hook::Output, Hook::Forward],
    }
}

/// Returns what a base chain of a family's table is, where addresses are translated somewhere or not.
pub(super) fn role(family: &str, base: &Base<'_>, translates: bool) -> Role {
    use Has::{No, Perhaps, Yes};
    let early = is_early(base);
    let tracked = |stage: Stage| Stage { tracked: !early, ..stage };
    let original =
        |stage: Stage| Stage { destination: !translates || base.priority > DESTINATIONS, ..stage };
    let arriving = &[Hook::Input, Hook::Forward];
    let leaving = &[Hook::Output, Hook::Forward];
    match (family, base.hook) {
        ("arp", _) => Role::Nothing,
        ("ip" | "ip6" | "inet", "prerouting") => {
            let stage = original(tracked(Stage::at(arriving, Yes, No)));
            let raw = Stage { hooks: &[Hook::RawPrerouting], tracking: true, ..stage };
            let raw = early.then_some((0, raw));
            Role::Decides(raw.into_iter().chain([(1, stage)]).collect())
        }
        ("ip" | "ip6" | "inet", "input") => {
            Role::Decides(vec![(2, tracked(Stage::at(&[Hook::Input], Yes, No)))])
        }
        ("ip" | "ip6" | "inet", "forward") => {
            Role::Decides(vec![(2, Stage::at(&[Hook::Forward], Yes, Yes))])
        }
        ("ip" | "ip6" | "inet", "output") => {
            let stage = original(tracked(Stage::at(&[Hook::Output], No, Yes)));
            let raw = Stage { hooks: &[Hook::RawOutput], tracking: true, ..stage };
            let raw = early.then_some((0, raw));
            Role::Decides(raw.into_iter().chain([(2, stage)]).collect())
        }
        ("ip" | "ip6" | "inet", "postrouting") => {
            let source = !translates || base.priority < SOURCES;
            Role::Decides(vec![(3, Stage { source, ..Stage::at(leaving, Perhaps, Yes) })])
        }
        _ => Role::Beside(Stage { tracked: false, ..Stage::at(hooks(base), Perhaps, Perhaps) }),
    }
}
