//! Firewalls: a folder for each kind, and what all of them share.
//!
//! A kind is data (what it can say, its options), a plan (from [`Filter`] to its own words), a layout and a
//! reader (into [`Program`]). Whatever goes over kinds goes over [`REGISTRY`]: a new one is a folder and a
//! line there. This room may not know YAML or policies.

mod aws_network_acl;
mod aws_security_group;
mod azure_nsg;
pub mod caps;
mod doubt;
mod entries;
mod iptables;
mod lines;
mod nftables;
pub mod options;
mod pf;
pub mod render;
mod text;

use crate::diag::{Code, Limit};
use crate::ir::packet::{Filter, MatchCaps};
use crate::ir::{Hook, Origin, Placement, StateMode, Verdict};
use crate::net::IpSet;
use crate::program::{Base, Chain, Clause, Field, Match, Place, Program, Target};
use caps::Caps;
use options::{OptionSpec, Setting, Settings, Values};

/// Every kind of firewall, in the order of the documentation.
pub const REGISTRY: &[&dyn Firewall] = &[
    &nftables::Nftables,
    &iptables::Iptables,
    &pf::Pf,
    &aws_security_group::SecurityGroup,
    &aws_network_acl::NetworkAcl,
    &azure_nsg::Nsg,
];

/// A kind of firewall.
pub trait Firewall: Sync {
    /// What it can say.
    fn caps(&self) -> &'static Caps;

    /// The options that its targets have beside what all targets have.
    fn options(&self) -> &'static [OptionSpec];

    /// Returns the option that is at fault where several do not go together by their numbers, and why.
    fn refuses(&self, _: &Settings) -> Option<(&'static str, String)> {
        None
    }

    /// Its templates, by file name.
    fn templates(&self) -> &'static [(&'static str, &'static str)];

    /// The limits of its readers.
    fn limits(&self) -> Vec<Limit> {
        Vec::new()
    }

    /// Returns what it can match in a packet: everything, unless it says less. `members` are the addresses
    /// behind it, where the policy says them.
    fn match_caps(&self, _members: Option<&IpSet>) -> MatchCaps {
        MatchCaps::FULL
    }

    /// Returns the packets that never come to this firewall, as conjunctions: nothing is claimed of them.
    /// None unless it says which; only what the vendor documents, and other addresses than the members' own.
    fn exempt(&self, _spec: &Spec, _members: Option<&IpSet>) -> Vec<Vec<Match>> {
        Vec::new()
    }

    /// Plans and renders the files.
    ///
    /// # Errors
    /// Every fault: what it cannot say, and a template that does not render.
    fn generate(
        &self,
        filter: &Filter,
        spec: &Spec,
        header: &Header,
        templates: &render::Templates,
    ) -> Result<Vec<File>, Vec<Fault>>;

    /// Reads finished files back, and refuses what this program would not have written; shares nothing with
    /// what rendered them.
    ///
    /// # Errors
    /// The first place that is not understood.
    fn read_artifact(&self, spec: &Spec, files: &[File]) -> Result<Program, ReadError>;

    /// Reads a live listing, or rules written by hand: whatever the firewall's own tools print. What is not
    /// positively known is doubt. `members` are the addresses behind it, which rules may name without saying
    /// them.
    ///
    /// # Errors
    /// The first place that is not the format, or a part without which nothing can be said.
    fn read(
        &self,
        spec: &Spec,
        files: &[File],
        members: Option<&IpSet>,
    ) -> Result<Listing, ReadError>;
}

/// A kind of firewall with its options.
#[derive(Clone)]
pub struct Kind {
    firewall: &'static dyn Firewall,
    /// The options' values.
    pub settings: Settings,
}

impl Kind {
    /// Returns a kind of the registry by its word, with the options' defaults.
    pub fn of(word: &str) -> Option<Self> {
        Self::all().find(|kind| kind.word() == word)
    }

    /// Returns every kind, with the options' defaults.
    pub fn all() -> impl Iterator<Item = Self> {
        REGISTRY.iter().map(|firewall| Kind {
            firewall: *firewall,
            settings: Settings::defaults(firewall.options()),
        })
    }

    /// Returns the words of all kinds.
    pub fn words() -> impl Iterator<Item = &'static str> {
        REGISTRY.iter().map(|firewall| firewall.caps().kind)
    }

    /// Returns every kind with every choice of its flags and words; numbers as they are unless said.
    pub fn variants() -> Vec<Self> {
        Kind::all().flat_map(|kind| kind.choices()).collect()
    }

    fn choices(self) -> Vec<Self> {
        let mut kinds = vec![self.clone()];
        for option in self.options().iter().filter(|option| option.ties.is_empty()) {
            let settings: Vec<_> = match option.values {
                Values::Flag => [false, true].map(Setting::Flag).to_vec(),
                Values::Words(_) | Values::Format(_) => {
                    option.values.words().into_iter().map(Setting::Word).collect()
                }
                _ => continue,
            };
            let each =
                |kind: Kind| settings.iter().map(move |one| kind.clone().with(option.key, *one));
            kinds = kinds.into_iter().flat_map(each).collect();
        }
        kinds
    }

    /// Returns the words of its choices, to tell its variants apart.
    pub fn title(&self) -> String {
        let words = self.options().iter().filter_map(|option| match option.values {
            Values::Flag if self.settings.flag(option.key) => Some(option.key),
            Values::Words(_) | Values::Format(_) => Some(self.settings.word(option.key)),
            _ => None,
        });
        let mut title = vec![self.word()];
        title.extend(words);
        title.join(" ")
    }

    /// Returns its options.
    pub fn options(&self) -> &'static [OptionSpec] {
        self.firewall.options()
    }

    /// Returns the keys of a target that not every kind has.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        let placement = self.caps().has_gateways().then_some("placement");
        self.options().iter().map(|option| option.key).chain(placement)
    }

    /// Tells whether a target of this kind may have a key that not every kind has.
    pub fn has(&self, key: &str) -> bool {
        self.keys().any(|known| known == key)
    }

    /// Returns the kind with another value of an option.
    #[must_use]
    pub fn with(mut self, key: &'static str, setting: Setting) -> Self {
        self.settings.set(key, setting);
        self
    }

    /// Returns what it can say.
    pub fn caps(&self) -> &'static Caps {
        self.firewall.caps()
    }

    /// Returns the word that policies use.
    pub fn word(&self) -> &'static str {
        self.caps().kind
    }

    /// Returns what it can look at in a packet.
    pub fn match_caps(&self, members: Option<&IpSet>) -> MatchCaps {
        self.firewall.match_caps(members)
    }

    /// Returns the endings of which the output must have one; none when any will do.
    pub fn endings(&self) -> &'static [&'static str] {
        let ending = |one: &OptionSpec| match one.values {
            Values::Format(formats) => {
                let word = self.settings.word(one.key);
                formats.iter().find(|(known, _)| *known == word).map(|(_, endings)| *endings)
            }
            _ => None,
        };
        self.firewall.options().iter().find_map(ending).unwrap_or_default()
    }

    /// Returns to how many prefixes a rule's addresses may be made to grow, where the policy asks for it.
    pub fn max_entries(&self) -> Option<usize> {
        self.settings.number("max-entries").map(usize::from)
    }

    /// Returns the option that is at fault where several do not go together by their numbers, and why.
    pub fn refuses(&self) -> Option<(&'static str, String)> {
        self.firewall.refuses(&self.settings)
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.word() == other.word() && self.settings == other.settings
    }
}

impl Eq for Kind {}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct(self.word()).field("settings", &self.settings).finish()
    }
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

impl Spec {
    /// Returns the packets that never come to this firewall.
    pub fn exempt(&self, members: Option<&IpSet>) -> Vec<Vec<Match>> {
        self.kind.firewall.exempt(self, members)
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
    /// Returns the program of a text of which everything is understood.
    ///
    /// # Errors
    /// The first place that is not, or that may do one thing or another.
    pub(crate) fn certain(self) -> Result<Program, ReadError> {
        let clauses = || self.program.chains.iter().flat_map(|chain| &chain.clauses);
        let doubt = clauses().find(|clause| clause.when.iter().any(unknown));
        let reason = || "what this does is not certain".to_owned();
        let doubt = doubt.map(|clause| ReadError { place: clause.place, reason: reason() });
        self.unclear.into_iter().next().or(doubt).map_or(Ok(self.program), Err)
    }

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

/// Tells whether a condition may or may not hold.
fn unknown(one: &Match) -> bool {
    match one {
        Match::Unknown => true,
        Match::AnyOf(list) => list.iter().flatten().any(unknown),
        _ => false,
    }
}

/// Adds that packets at some hooks may be refused by something that is not read.
pub(crate) fn may_refuse(program: &mut Program, hooks: &[Hook], place: Place) {
    let clause = Clause { when: vec![Match::Unknown], then: Target::Decide(Verdict::Drop), place };
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
    spec.kind.firewall.generate(filter, spec, header, templates)
}

/// Reads a target's finished files back, and refuses what this program would not have written.
///
/// # Errors
/// The first place that is not understood.
pub fn read_artifact(spec: &Spec, files: &[File]) -> Result<Program, ReadError> {
    spec.kind.firewall.read_artifact(spec, files)
}

/// Reads a live listing, or rules written by hand; `members` are the addresses behind the firewall, where the
/// policy says them.
///
/// # Errors
/// The first place that is not the format, or a part without which nothing can be said.
pub fn read(spec: &Spec, files: &[File], members: Option<&IpSet>) -> Result<Listing, ReadError> {
    spec.kind.firewall.read(spec, files, members)
}

/// Returns the limits of the readers.
pub(crate) fn limits() -> Vec<Limit> {
    let kinds = REGISTRY.iter().flat_map(|firewall| firewall.limits());
    kinds.chain(entries::document::limits()).collect()
}

/// Returns the conjunction of the packets at a hook.
pub(crate) fn at_hook(hook: Hook) -> Match {
    let at = Hook::ALL.iter().position(|known| *known == hook).unwrap_or_default();
    let at = u32::try_from(at).unwrap_or_default();
    Match::Field(Field::Hook, vec![(at, at)])
}
