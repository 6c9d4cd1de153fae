//! No text makes a reader panic.
#![no_main]

use portcullis::ir::{Placement, StateMode};
use portcullis::target::{self, File, Kind, Spec, aws, iptables, nftables, pf};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let formats = [
        aws::Format::Terraform,
        aws::Format::TerraformJson,
        aws::Format::CloudFormation,
        aws::Format::Api,
    ];
    let acl = |format| (Kind::AwsNetworkAcl(aws::acl::Options { format, quota: 20, max_entries: None }), "edge");
    let group = |format| {
        (Kind::AwsSecurityGroup(aws::group::Options { format, quota: 60, groups: 1, prefix_lists: None, max_entries: None }), "edge")
    };
    let mut kinds = vec![
        (Kind::Nftables(nftables::Options::default()), "edge.nft"),
        (Kind::Iptables(iptables::Options::default()), "edge/v4.rules"),
        (Kind::Pf(pf::Options::default()), "edge.conf"),
    ];
    kinds.extend(formats.map(acl));
    kinds.extend(formats.map(group));
    for (kind, path) in kinds {
        let spec = Spec {
            name: "edge".to_owned(),
            kind,
            placement: Placement::Host,
            state: StateMode::Stateful,
            output: path.to_owned(),
        };
        let file = File { path: path.to_owned(), text: text.to_owned(), executable: false };
        let files = [file];
        let _ = target::read(&spec, &files);
        let _ = target::read_listing(&spec, &files);
    }
});
