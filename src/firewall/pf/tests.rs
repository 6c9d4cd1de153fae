//! What pf's parsers and kernels make of a text (the traps that were met on real ones).

use super::{profile, read};
use crate::firewall::{File, Listing};
use crate::ir::{Placement, StateMode};

fn error(text: &str) -> String {
    let file = File { path: "pf.conf".to_owned(), text: text.to_owned(), executable: false };
    let files = [file];
    let listed = || read::read(&Placement::Host, StateMode::Stateful, &files);
    let read = profile::check(&files).and_then(|()| listed()).and_then(Listing::certain);
    read.err().map_or_else(String::new, |error| error.reason)
}

#[test]
fn traps_are_refused() {
    for (text, reason) in [
        ("pass in quick all keep state", "the last line does not end"),
        ("# a comment \\\npass in quick all keep state\n", "a backslash joins"),
        (
            "pass in quick inet from any to <nowhere> keep state\n",
            "the table `nowhere` is not given",
        ),
        ("table <t> {\n10.0.0.0/8\n}\ntable <t> {\n::1\n}\n", "there twice"),
        ("table <a2345678901234567890123456789012> {\n10.0.0.0/8\n}\n", "at most 31 bytes"),
        ("pass in quick inet proto tcp from any to any port 1024-65535 keep state\n", "no ports"),
        ("pass in quick inet proto tcp from any to any port https keep state\n", "no ports"),
        ("pass in quick inet from any to any port 443 keep state\n", "ports need TCP or UDP"),
        (
            "pass in quick inet proto 0 from any to any keep state\n",
            "the protocol `0` is not known",
        ),
        ("pass in quick inet from { !10.0.0.1, !10.0.0.2 } to any keep state\n", "negation"),
        ("pass in quick inet from any to ! 10.0.0.1 keep state\n", "negation"),
        ("pass quick in all keep state\n", "`in` is out of place"),
        ("pass in quick on em0 all keep state\n", "not the policy's"),
        (
            "pass in quick inet proto icmp from any to any icmp-type 255 keep state\n",
            "an ICMP type",
        ),
        ("pass in quick inet from 10.0.0.1/8 to any keep state\n", "no address or prefix"),
        ("set skip on lo\n", "`set` is not understood"),
        ("block in quick all\n", "is expected here"),
        ("pass in quick all keep state label \"x\"\n", "`\"` is not understood"),
        ("pass in quick all keep state \u{a0}\n", "plain characters only"),
    ] {
        assert!(error(text).contains(reason), "{text}: {}", error(text));
    }
    assert_eq!(
        error("pass in quick inet proto tcp from any to any port { 80 443 } keep state\n"),
        ""
    );
}
