//! What is fuzzed, and replayed by tests/regressions.rs: no text may make any of it panic. Each body tells how
//! far its input got, which tests/fuzzing.rs counts.

#[path = "grow.rs"]
pub mod grow;

use portcullis::command::compile::{Inputs, Intent, compile};
use portcullis::command::{self, Session};
use portcullis::diag::{Code, Diags, Format, render};
use portcullis::feed::Feeds;
use portcullis::firewall::{self, File, Kind, Spec, render::Templates};
use portcullis::ir::{Placement, StateMode};
use portcullis::pass::resolve;
use portcullis::policy::{self, Loader};
use portcullis::proof::Prover;
use portcullis::source::SourceMap;

/// How far an input got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Far {
    /// It was refused where it was read.
    Refused,
    /// It was decoded, or read.
    Read,
    /// It was compiled and proven, and its artifacts verified.
    Proven,
}

fn read(read: bool) -> Far {
    if read { Far::Read } else { Far::Refused }
}

/// Reads a packet; what is pointed at is inside the text.
pub fn packet(text: &str) -> Far {
    let parsed = portcullis::ir::syntax::parse(text);
    if let Err(error) = &parsed {
        assert!(text.get(error.at.clone()).is_some());
    }
    read(parsed.is_ok())
}

struct Only<'a>(&'a [u8]);

impl Loader for Only<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path == "fuzz.yaml" { Ok(self.0.to_vec()) } else { Err("no such file".to_owned()) }
    }
}

/// Reads a policy, and a file of tests; what is accepted resolves or is refused, and all can be said.
pub fn policy(bytes: &[u8]) -> Far {
    let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
    let mut far = Far::Refused;
    if let Some(mut policy) = policy::load("fuzz.yaml", &Only(bytes), &mut sources, &mut diags) {
        far = Far::Read;
        let feeds = Feeds::bundled();
        let _ = resolve::resolve(&policy, &feeds, &mut diags);
        policy::load_tests("fuzz.yaml", &mut policy, &Only(bytes), &mut sources, &mut diags);
    }
    let _ = render(&diags, &sources, Format::Human { color: false });
    far
}

/// Compiles a policy that is grown from bytes. What compiles is proven, and its artifacts are verified; what
/// is refused is never refused for its proof.
pub fn whole(bytes: &[u8]) -> Far {
    let text = grow::policy(&mut grow::Seed(bytes));
    let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
    let loader = Only(text.as_bytes());
    let Some(policy) = policy::load("fuzz.yaml", &loader, &mut sources, &mut diags) else {
        return Far::Refused;
    };
    let feeds = Feeds::bundled();
    let inputs = Inputs { templates: &Templates::default(), source: "fuzz.yaml" };
    let resolved = command::resolved(&policy, &feeds, &mut diags);
    let artifacts = resolved.as_ref().and_then(|resolved| {
        let mut session = Session::new(&policy, &feeds, resolved);
        compile(&mut session, &inputs, &|_| true, &mut diags)
    });
    let said = render(&diags, &sources, Format::Human { color: false });
    assert!(!diags.counts().contains_key(&Code::NotProven), "{text}\n{said}");
    let Some((artifacts, resolved)) = artifacts.zip(resolved) else { return Far::Read };
    let mut prover = Prover::new(&resolved.rules);
    for (target, artifact) in policy.targets.iter().zip(artifacts) {
        let program = firewall::read_artifact(&target.spec, &artifact.files).expect("it was read");
        let members = resolved.members.get(&target.spec.name);
        let intent = Intent::of(&resolved.rules, &target.spec, members);
        let differences = prover.differences(&intent.claim(), &program, 4).expect("small");
        assert!(differences.is_empty(), "{text}");
    }
    Far::Proven
}

/// Reads a listing that is grown from bytes; the first one says of which firewall.
pub fn listing(bytes: &[u8]) -> Far {
    let (kind, rest) = bytes.split_first().map_or((0, bytes), |(kind, rest)| (*kind, rest));
    let (grown, kind, path) = match kind % 6 {
        0 => (0, "nftables", "edge.nft"),
        1 => (1, "nftables", "edge.json"),
        2 => (2, "iptables", "edge-v4.rules"),
        3 => (3, "pf", "edge.conf"),
        4 => (4, "aws-security-group", "edge.json"),
        _ => (5, "azure-nsg", "edge.json"),
    };
    let text = grow::listing(grown, &mut grow::Seed(rest));
    let Some(kind) = Kind::of(kind) else { return Far::Refused };
    let mut files = vec![File { path: path.to_owned(), text, executable: false }];
    if path.ends_with(".rules") {
        // Each family has a listing of its own.
        let text = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n".to_owned();
        files.push(File { path: "edge-v6.rules".to_owned(), text, executable: false });
    }
    let listing = firewall::read(&spec_of(kind, path), &files, None);
    if let Ok(listing) = &listing {
        assert!(listing.program.check().is_ok());
    }
    read(listing.is_ok())
}

fn spec_of(kind: Kind, path: &str) -> Spec {
    Spec {
        name: "edge".to_owned(),
        kind,
        placement: Placement::Host,
        state: StateMode::Stateful,
        output: path.to_owned(),
    }
}

/// Reads a text by the strict reader of every kind and by the reader of its listings.
pub fn readers(text: &str) -> Far {
    let mut far = Far::Refused;
    for (kind, path) in kinds() {
        let spec = spec_of(kind, &path);
        let file = File { path, text: text.to_owned(), executable: false };
        let artifact = firewall::read_artifact(&spec, std::slice::from_ref(&file));
        // As tools list it: JSON may be called like a prefix list.
        let listed = File { path: "pl-1.json".to_owned(), ..file.clone() };
        let lists = [listed, file].map(|file| firewall::read(&spec, &[file], None));
        // A text with no rule in it is read as a listing by most.
        let ruled =
            |list: &firewall::Listing| list.program.chains.iter().any(|c| !c.clauses.is_empty());
        let listed = lists.iter().flatten().any(ruled);
        far = far.max(read(artifact.is_ok() || listed));
    }
    far
}

fn kinds() -> Vec<(Kind, String)> {
    let path = |kind: &Kind| match kind.word() {
        "iptables" => "edge/v4.rules".to_owned(),
        _ => format!("edge{}", kind.endings().first().unwrap_or(&".conf")),
    };
    Kind::variants().into_iter().map(|kind| (kind.clone(), path(&kind))).collect()
}
