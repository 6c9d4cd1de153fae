//! No text makes a reader panic.
#![no_main]

use portcullis::ir::{Placement, StateMode};
use portcullis::target::{self, File, Kind, Spec, iptables, nftables};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let kinds = [
        (Kind::Nftables(nftables::Options::default()), "edge.nft"),
        (Kind::Iptables(iptables::Options::default()), "edge/v4.rules"),
    ];
    for (kind, path) in kinds {
        let spec = Spec {
            name: "edge".to_owned(),
            kind,
            placement: Placement::Host,
            state: StateMode::Stateful,
            output: path.to_owned(),
        };
        let file = File { path: path.to_owned(), text: text.to_owned(), executable: false };
        let _ = target::read(&spec, &[file]);
    }
});
