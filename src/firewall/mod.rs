//! Targets: each is data (what it can say), a plan (its own words), a layout and a reader.
//!
//! This room may not know YAML or policies: it plans from [`Filter`] and reads into [`Program`].

pub mod aws_network_acl;
pub mod aws_security_group;
pub mod caps;
pub mod entries;
pub mod iptables;
mod lines;
pub mod nftables;
pub mod pf;
pub mod render;
mod services;

/// The limits of the readers.
pub(crate) mod limits {
    pub(crate) use super::entries::document::{DEEPEST as DOCUMENT, LISTED as JSON};
    pub(crate) use super::nftables::live::MOST as DEFINED;
    pub(crate) use super::pf::live::{DEEPEST as ANCHORS, MOST as MACROS};
}

use crate::diag::Code;
use crate::ir::packet::{Filter, Sight};
use crate::ir::{Hook, Origin, Placement, StateMode, Verdict};
use crate::net::IpSet;
use crate::program::Program;
use crate::program::{Base, Chain, Clause, Field, Match, Place, Then};

/// Returns the conjunction of the packets at a hook.
pub(crate) fn at_hook(hook: Hook) -> Match {
    let at = Hook::ALL.iter().position(|known| *known == hook).unwrap_or_default();
    let at = u32::try_from(at).unwrap_or_default();
    Match::Field(Field::Hook, vec![(at, at)])
}

/// One artifact that a policy asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spec {
    /// The target's name in the policy.
    pub name: String,
    /// Which firewall, with the options that only it has.
    pub kind: Kind,
    /// Where the firewall stands.
    pub placement: Placement,
    /// Whether it tracks connections.
    pub state: StateMode,
    /// The file, or for several files the folder (ending in `/`), relative to the output's root.
    pub output: String,
}

/// A kind of firewall.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// nftables: one file for `nft -f`.
    Nftables(nftables::Options),
    /// iptables and ip6tables: a folder with files for their `-restore` commands.
    Iptables(iptables::Options),
    /// pf: one file for `pfctl`.
    Pf(pf::Options),
    /// An AWS network ACL: one file.
    AwsNetworkAcl(aws_network_acl::Options),
    /// AWS security groups: one file.
    AwsSecurityGroup(aws_security_group::Options),
}

impl Kind {
    /// Returns the word that policies use.
    pub fn word(&self) -> &'static str {
        match self {
            Kind::Nftables(_) => "nftables",
            Kind::Iptables(_) => "iptables",
            Kind::Pf(_) => "pf",
            Kind::AwsNetworkAcl(_) => "aws-network-acl",
            Kind::AwsSecurityGroup(_) => "aws-security-group",
        }
    }

    /// Returns the endings of which the output must have one; none when any will do.
    pub fn endings(&self) -> &'static [&'static str] {
        match self {
            Kind::Nftables(_) | Kind::Iptables(_) | Kind::Pf(_) => &[],
            Kind::AwsNetworkAcl(options) => options.format.endings(),
            Kind::AwsSecurityGroup(options) => options.format.endings(),
        }
    }

    /// Returns what this kind of firewall can look at; `members` are the addresses behind it, where it does
    /// not look at them.
    pub fn sight(&self, members: Option<&IpSet>) -> Sight {
        match self {
            Kind::Nftables(_) | Kind::Iptables(_) => Sight::FULL,
            Kind::Pf(_) => pf::SIGHT,
            Kind::AwsNetworkAcl(_) | Kind::AwsSecurityGroup(_) => entries::aws::sight(members),
        }
    }

    /// Returns to how many prefixes a rule's addresses may be made to grow, where the policy asks for it.
    pub fn max_entries(&self) -> Option<usize> {
        match self {
            Kind::Nftables(_) | Kind::Iptables(_) | Kind::Pf(_) => None,
            Kind::AwsNetworkAcl(options) => options.max_entries.map(usize::from),
            Kind::AwsSecurityGroup(options) => options.max_entries.map(usize::from),
        }
    }
}

impl Spec {
    /// Returns the packets that never come to this firewall, as conjunctions: nothing is claimed of them.
    /// Only what the vendor documents, and other addresses than the members' own.
    pub fn unseen(&self, members: Option<&IpSet>) -> Vec<Vec<Match>> {
        match &self.kind {
            Kind::Nftables(_) | Kind::Iptables(_) => Vec::new(),
            Kind::Pf(_) => pf::unseen(&self.placement),
            Kind::AwsNetworkAcl(_) | Kind::AwsSecurityGroup(_) => entries::aws::unseen(members),
        }
    }
}

/// A file of an artifact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Path relative to the output's root, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// Whether it is a script.
    pub executable: bool,
}

/// What the first lines of an artifact say of its origin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The policy's name.
    pub policy: String,
    /// The policy file as the artifact should name it: its file name, never a path of a machine.
    pub source: String,
}

/// What a target cannot do with a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The stable code.
    pub code: Code,
    /// The sentence.
    pub message: String,
    /// The rule at fault, if one is.
    pub origin: Option<Origin>,
    /// What to do instead; may be empty.
    pub help: String,
}

/// Why an artifact could not be read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadError {
    /// Where.
    pub place: Place,
    /// Why.
    pub reason: String,
}

/// What a running firewall, or one that somebody else wrote, says that it does.
#[derive(Clone, Default, Debug)]
pub struct Listing {
    /// Its chains. A condition that is not understood is [`Match::Unknown`], so that what a packet's fate
    /// hangs on is kept apart from what is sure.
    pub program: Program,
    /// The texts that the program's places point into: as given, or spelled out where the format has no
    /// lines of its own.
    pub files: Vec<File>,
    /// What was not understood, in the order of the texts.
    pub unclear: Vec<ReadError>,
}

impl Listing {
    /// Puts what is not understood in the order of the texts, once a line.
    fn order(&mut self) {
        self.unclear.sort_by_key(|unclear| unclear.place);
        self.unclear.dedup_by(|next, one| {
            let same = next.place == one.place;
            if same && !one.reason.contains(&next.reason) {
                one.reason = format!("{}; {}", one.reason, next.reason);
            }
            same
        });
    }
}

/// Adds that packets at some hooks may be refused by something that is not read.
pub(crate) fn may_refuse(program: &mut Program, hooks: &[Hook], place: Place) {
    let clause = Clause { when: vec![Match::Unknown], then: Then::Decide(Verdict::Drop), place };
    let chain = program.chains.len();
    program.chains.push(Chain { name: "elsewhere".to_owned(), clauses: vec![clause] });
    let base = |hook| Base { when: vec![at_hook(hook)], chain, policy: Verdict::Accept, place };
    program.bases.extend(hooks.iter().copied().map(base));
}

/// Plans and renders a target's files.
///
/// # Errors
/// Every fault: what the target cannot say, and a template that does not render.
pub fn generate(
    filter: &Filter,
    spec: &Spec,
    header: &Header,
    templates: &render::Templates,
) -> Result<Vec<File>, Vec<Fault>> {
    match &spec.kind {
        Kind::Nftables(options) => nftables::generate(filter, spec, options, header, templates),
        Kind::Iptables(options) => iptables::generate(filter, spec, options, header, templates),
        Kind::Pf(options) => pf::generate(filter, spec, options, header, templates),
        Kind::AwsNetworkAcl(options) => {
            aws_network_acl::generate(filter, spec, options, header, templates)
        }
        Kind::AwsSecurityGroup(options) => {
            aws_security_group::generate(filter, spec, options, header, templates)
        }
    }
}

/// Reads a target's finished files back; shares nothing with what rendered them.
///
/// # Errors
/// The first place that is not understood.
pub fn read(spec: &Spec, files: &[File]) -> Result<Program, ReadError> {
    match &spec.kind {
        Kind::Nftables(_) => nftables::read(&spec.placement, files),
        Kind::Iptables(options) => iptables::read(&spec.placement, options, files),
        Kind::Pf(_) => pf::read(&spec.placement, spec.state, files),
        Kind::AwsNetworkAcl(options) => aws_network_acl::read(options, files),
        Kind::AwsSecurityGroup(options) => aws_security_group::read(options, files),
    }
}

/// Reads what a running firewall lists of itself, or rules that somebody else wrote: whatever its own tools
/// print. Only what cannot be read at all is an error.
///
/// # Errors
/// The first place that is not the format, or a part without which nothing can be said.
pub fn read_listing(spec: &Spec, files: &[File]) -> Result<Listing, ReadError> {
    match &spec.kind {
        Kind::Nftables(_) => nftables::live::read(&spec.placement, files),
        Kind::Iptables(_) => iptables::live::read(&spec.placement, files),
        Kind::Pf(_) => pf::live::read(&spec.placement, spec.state, files),
        Kind::AwsNetworkAcl(_) => aws_network_acl::live::read(files),
        Kind::AwsSecurityGroup(_) => aws_security_group::live::read(files),
    }
}
