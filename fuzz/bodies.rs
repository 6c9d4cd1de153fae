//! What is fuzzed, and replayed by tests/regressions.rs: no text may make any of it panic.

use portcullis::diag::{Diags, Format, render};
use portcullis::feed::Feeds;
use portcullis::ir::{Placement, StateMode};
use portcullis::policy::{self, Loader};
use portcullis::source::SourceMap;
use portcullis::target::{self, File, Kind, Spec, aws, iptables, nftables, pf};

/// Reads a packet; what is pointed at is inside the text.
pub fn packet(text: &str) {
    if let Err(error) = portcullis::ir::syntax::parse(text) {
        assert!(text.get(error.at).is_some());
    }
}

struct Only<'a>(&'a [u8]);

impl Loader for Only<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path == "fuzz.yaml" { Ok(self.0.to_vec()) } else { Err("no such file".to_owned()) }
    }
}

/// Reads a policy, and a file of tests; what is accepted resolves or is refused, and all can be said.
pub fn policy(bytes: &[u8]) {
    let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
    if let Some(mut policy) = policy::load("fuzz.yaml", &Only(bytes), &mut sources, &mut diags) {
        let feeds = Feeds::bundled();
        let _ = portcullis::pass::resolve::resolve(&policy, &feeds, &mut diags);
        policy::load_tests("fuzz.yaml", &mut policy, &Only(bytes), &mut sources, &mut diags);
    }
    let _ = render(&diags, &sources, Format::Human { color: false });
}

/// Reads a text by the strict reader of every kind and by the reader of its listings.
pub fn readers(text: &str) {
    for (kind, path) in kinds() {
        let spec = Spec {
            name: "edge".to_owned(),
            kind,
            placement: Placement::Host,
            state: StateMode::Stateful,
            output: path.to_owned(),
        };
        let file = File { path: path.to_owned(), text: text.to_owned(), executable: false };
        let _ = target::read(&spec, std::slice::from_ref(&file));
        // As tools list it: JSON may be called like a prefix list.
        let listed = File { path: "pl-1.json".to_owned(), ..file.clone() };
        let _ = target::read_listing(&spec, &[listed]);
        let _ = target::read_listing(&spec, &[file]);
    }
}

fn kinds() -> Vec<(Kind, &'static str)> {
    let mut kinds = vec![
        (Kind::Nftables(nftables::Options::default()), "edge.nft"),
        (Kind::Iptables(iptables::Options::default()), "edge/v4.rules"),
        (Kind::Pf(pf::Options::default()), "edge.conf"),
    ];
    for format in [
        aws::Format::Terraform,
        aws::Format::TerraformJson,
        aws::Format::CloudFormation,
        aws::Format::Api,
    ] {
        let acl = aws::acl::Options { format, quota: 20, max_entries: None };
        let group = aws::group::Options {
            format,
            quota: 60,
            groups: 1,
            prefix_lists: None,
            max_entries: None,
        };
        kinds.push((Kind::AwsNetworkAcl(acl), "edge"));
        kinds.push((Kind::AwsSecurityGroup(group), "edge"));
    }
    kinds
}
