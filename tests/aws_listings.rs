//! What AWS and Terraform list of themselves: texts as their tools print them, and what becomes of single
//! packets.

#[path = "common/mod.rs"]
mod common;

use common::corpus;
use portcullis::command::compile::Intent;
use portcullis::firewall::options::Setting;
use portcullis::firewall::{self, File, Header, Kind, Listing, ReadError, Spec};
use portcullis::ir::flow::RuleSet;
use portcullis::ir::{Action, Hook, Packet, Placement, State, StateMode};
use portcullis::proof::{Failure, Prover};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

fn file(name: &str, text: &str) -> File {
    File { path: format!("listed/{name}"), text: text.to_owned(), executable: false }
}

fn texts(names: &[&str]) -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/aws");
    let read = |name: &&str| {
        file(name, &std::fs::read_to_string(folder.join(name)).expect("a text of the corpus"))
    };
    names.iter().map(read).collect()
}

fn group() -> Kind {
    let kind = Kind::of("aws-security-group").expect("a kind of the registry");
    kind.with("format", Setting::Word("ip-permissions"))
}

fn acl() -> Kind {
    let kind = Kind::of("aws-network-acl").expect("a kind of the registry");
    kind.with("format", Setting::Word("api-json"))
}

fn list(kind: Kind, files: &[File]) -> Result<Listing, ReadError> {
    let state = match kind.word() {
        "aws-network-acl" => StateMode::Stateless,
        _ => StateMode::Stateful,
    };
    let (placement, output) = (Placement::Host, "x.json".to_owned());
    firewall::read(&Spec { name: "x".to_owned(), kind, placement, state, output }, files)
}

/// A packet in words: `in tcp 192.0.2.1 > 10.0.0.1 443`, `out icmp A > B 8/0`; a state may stand first.
fn packet(text: &str) -> Packet {
    let mut words: Vec<_> = text.split_whitespace().filter(|word| *word != ">").collect();
    let states = ["new", "established", "related", "invalid", "untracked"];
    let state = match states.iter().position(|state| *state == words[0]) {
        Some(at) => {
            words.remove(0);
            State::ALL[at]
        }
        None => State::New,
    };
    let (hook, incoming, outgoing) = match words[0] {
        "in" => (Hook::Input, 1, 0),
        _ => (Hook::Output, 0, 1),
    };
    let protocol = words[1].parse().ok().or_else(|| portcullis::net::protocol::number(words[1]));
    let port = words.get(4).map_or(0, |word| match word.split_once('/') {
        Some((ty, code)) => {
            ty.parse::<u16>().expect("a type") << 8 | code.parse::<u16>().expect("a code")
        }
        None => word.parse().expect("a port"),
    });
    Packet {
        hook,
        incoming,
        outgoing,
        state,
        source: words[2].parse().expect("an address"),
        destination: words[3].parse().expect("an address"),
        protocol: protocol.expect("a protocol"),
        source_port: 50_000,
        destination_port: port,
        tcp_flags: if words[1] == "tcp" { 2 } else { 0 },
        hop_limit: 64,
    }
}

/// What may become of a packet: `accept`, `drop`, or `accept or drop`; and the line that accepts it.
fn fate(listing: &Listing, text: &str) -> (String, String) {
    let packet = packet(text);
    let outcomes = listing.program.outcomes(&packet);
    let mut words: Vec<_> =
        outcomes.iter().map(|(verdict, _)| format!("{verdict:?}").to_lowercase()).collect();
    words.sort();
    if let [one] = words.as_slice() {
        let decided = format!("{:?}", listing.program.decide(&packet).0).to_lowercase();
        assert_eq!(decided, *one, "{text}: what is sure is decided so");
    }
    let accepting =
        outcomes.iter().find(|(verdict, _)| *verdict == portcullis::ir::Verdict::Accept);
    let (_, place) = accepting.or(outcomes.first()).expect("something happens");
    let line = place.and_then(|place| {
        listing.files.get(place.file)?.text.lines().nth(place.line - 1).map(str::trim)
    });
    (words.join(" or "), line.unwrap_or_default().to_owned())
}

fn check(listing: &Listing, cases: &[(&str, &str, &str)]) {
    listing.program.check().expect("a program of good shape");
    let mut wrong = Vec::new();
    for (text, expected, line) in cases {
        let (found, at) = fate(listing, text);
        if found != *expected || !at.contains(line) {
            wrong.push(format!("{text}: {found} by `{at}`, not {expected} by `{line}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn unclear(listing: &Listing) -> Vec<String> {
    let said = |note: &ReadError| {
        let file = &listing.files[note.place.file];
        let line = file.text.lines().nth(note.place.line - 1).expect("a line").trim();
        format!("{} at {line}", note.reason)
    };
    listing.unclear.iter().map(said).collect()
}

#[test]
fn the_default_group_allows_what_leaves_and_perhaps_its_own_members() {
    let listing = list(group(), &texts(&["default-group.json"])).expect("a listing");
    check(
        &listing,
        &[
            ("in tcp 203.0.113.9 > 10.0.0.5 22", "accept or drop", "sg-0a1b2c3d4e5f60001"),
            ("in udp 2001:db8::1 > 2001:db8::2 53", "accept or drop", "sg-0a1b2c3d4e5f60001"),
            ("established in tcp 203.0.113.9 > 10.0.0.5 22", "accept", ""),
            ("invalid in tcp 203.0.113.9 > 10.0.0.5 22", "drop", ""),
            ("out tcp 10.0.0.5 > 203.0.113.9 25", "accept", "\"CidrIp\": \"0.0.0.0/0\""),
            ("out tcp 2001:db8::2 > 2001:db8::1 25", "drop", ""),
        ],
    );
    assert_eq!(
        unclear(&listing),
        [
            "the addresses of a group's members are not told at \"GroupId\": \"sg-0a1b2c3d4e5f60001\""
        ]
    );
}

#[test]
fn groups_of_one_text_act_together() {
    let listing = list(group(), &texts(&["alb-and-app.json"])).expect("a listing");
    check(
        &listing,
        &[
            ("in tcp 203.0.113.9 > 10.0.0.5 443", "accept", "\"CidrIp\": \"0.0.0.0/0\""),
            ("in tcp 2001:db8::1 > 2001:db8::2 80", "accept", "\"CidrIpv6\": \"::/0\""),
            ("in tcp 203.0.113.9 > 10.0.0.5 81", "drop", ""),
            ("in udp 203.0.113.9 > 10.0.0.5 443", "drop", ""),
            ("in tcp 10.0.1.9 > 10.0.0.5 8081", "accept or drop", "sg-0a1b2c3d4e5f60a1b"),
            ("in tcp 10.0.1.9 > 10.0.0.5 8082", "drop", ""),
            ("in icmp 10.0.1.9 > 10.0.0.5 3/4", "accept", "10.0.0.0/8"),
            ("in icmp 10.0.1.9 > 10.0.0.5 3/3", "drop", ""),
            ("in icmp 10.0.1.9 > 10.0.0.5 8/7", "accept", "10.0.0.0/8"),
            ("in icmpv6 2001:db8:10::1 > 2001:db8::2 128/0", "accept", "2001:db8:10::/48"),
            ("in icmpv6 2001:db8:11::1 > 2001:db8::2 128/0", "drop", ""),
            ("in 50 198.51.100.7 > 10.0.0.5", "accept", "198.51.100.7/32"),
            ("in 51 198.51.100.7 > 10.0.0.5", "drop", ""),
            ("out tcp 10.0.0.5 > 10.255.255.255 65535", "accept", "10.0.0.0/8"),
            ("out tcp 10.0.0.5 > 11.0.0.0 8080", "accept or drop", "sg-0a1b2c3d4e5f60a99"),
            ("out tcp 10.0.0.5 > 11.0.0.0 443", "drop", ""),
            ("out udp 10.0.0.5 > 10.0.0.2 53", "accept", "10.0.0.2/32"),
            ("out udp 2001:db8::2 > 2001:db8:10::53 53", "accept", "2001:db8:10::53/128"),
        ],
    );
    assert_eq!(listing.unclear.len(), 3, "{:?}", listing.unclear);
}

#[test]
fn prefix_lists_count_as_far_as_they_are_given() {
    let given = ["lists-rules.json", "pl-0a0a0a0a0a0a0a0a1.json", "prefix-lists.json"];
    let listing = list(group(), &texts(&given)).expect("a listing");
    let partner = "out tcp 10.0.0.5 > 198.51.100.127 443";
    check(
        &listing,
        &[
            (partner, "accept", "\"PrefixListId\": \"pl-0a0a0a0a0a0a0a0a1\""),
            ("out tcp 10.0.0.5 > 203.0.113.64 443", "accept", "pl-0a0a0a0a0a0a0a0a1"),
            ("out tcp 10.0.0.5 > 198.51.100.128 443", "accept or drop", "pl-6ea54007"),
            ("out tcp 10.0.0.5 > 198.51.100.128 444", "drop", ""),
            ("out tcp 2001:db8::2 > 2001:db8::1 443", "drop", ""),
            ("in tcp 192.0.2.255 > 10.0.0.5 22", "accept", "192.0.2.0/24"),
            ("in tcp 192.0.3.0 > 10.0.0.5 22", "drop", ""),
            ("in tcp 192.0.3.0 > 10.0.0.5 9099", "accept or drop", "sg-0a1b2c3d4e5f60c02"),
            ("in udp 2001:db8:99::1 > 2001:db8::2 1", "accept", "2001:db8:99::/64"),
        ],
    );
    // Without the lists all of it may hold, in either family.
    let listing = list(group(), &texts(&["lists-rules.json"])).expect("a listing");
    check(
        &listing,
        &[
            (partner, "accept or drop", "pl-0a0a0a0a0a0a0a0a1"),
            ("out tcp 2001:db8::2 > 2001:db8::1 443", "accept or drop", "pl-0a0a0a0a0a0a0a0a1"),
        ],
    );
    assert_eq!(listing.unclear.len(), 3, "{:?}", listing.unclear);
}

#[test]
fn a_prefix_list_of_which_a_part_is_told_is_sure_of_that_part() {
    let rule = json!({ "IsEgress": true, "IpProtocol": "-1", "PrefixListId": "pl-1" });
    let rules = file("rules.json", &json!({ "SecurityGroupRules": [rule] }).to_string());
    let (told, other) = ("out tcp 10.0.0.5 > 192.0.2.9 1", "out tcp 10.0.0.5 > 192.0.3.9 1");
    for (answer, fates) in [
        (json!({ "Entries": [{ "Cidr": "192.0.2.0/24" }] }), ["accept", "drop"]),
        (json!({ "Entries": [] }), ["drop", "drop"]),
        (
            json!({ "Entries": [{ "Cidr": "192.0.2.0/24" }], "NextToken": "eyJ2" }),
            ["accept", "accept or drop"],
        ),
        (
            json!({ "Entries": [{ "Cidr": "192.0.2.0/24" }, { "Cidr": "192.0.3" }] }),
            ["accept", "accept or drop"],
        ),
        (
            json!({ "PrefixLists": [{ "PrefixListId": "pl-1", "Cidrs": ["192.0.2.0/24"] }] }),
            ["accept", "drop"],
        ),
        (
            json!({ "PrefixLists": [{ "PrefixListId": "pl-1", "AddressFamily": "IPv6" }] }),
            ["drop", "drop"],
        ),
    ] {
        let files = [rules.clone(), file("pl-1.json", &answer.to_string())];
        let listing = list(group(), &files).expect("a listing");
        assert_eq!([told, other].map(|packet| fate(&listing, packet).0), fates, "{answer}");
    }
}

#[test]
fn an_acls_numbers_decide_not_its_text() {
    let listing = list(acl(), &texts(&["acl-unordered.json"])).expect("a listing");
    assert_eq!(listing.unclear, []);
    check(
        &listing,
        &[
            ("in tcp 198.51.100.17 > 10.0.0.5 443", "accept", "\"RuleNumber\": 80"),
            ("in tcp 198.51.100.18 > 10.0.0.5 443", "drop", "\"RuleNumber\": 90"),
            ("established in tcp 198.51.100.18 > 10.0.0.5 443", "drop", "\"RuleNumber\": 90"),
            ("in tcp 203.0.113.9 > 10.0.0.5 443", "accept", "\"RuleNumber\": 200"),
            ("in tcp 203.0.113.9 > 10.0.0.5 442", "drop", "\"RuleNumber\": 32767"),
            ("in icmp 10.1.0.1 > 10.0.0.5 8/0", "accept", "\"RuleNumber\": 300"),
            ("in icmp 10.1.0.1 > 10.0.0.5 0/0", "drop", "\"RuleNumber\": 32767"),
            ("in icmpv6 2001:db8::1 > 2001:db8::2 1/0", "accept", "\"RuleNumber\": 310"),
            ("in tcp 2001:db8::1 > 2001:db8::2 443", "drop", "\"RuleNumber\": 32768"),
            ("in 47 10.9.0.1 > 10.0.0.5", "accept", "\"RuleNumber\": 400"),
            ("out tcp 10.0.0.5 > 203.0.113.9 1024", "accept", "\"RuleNumber\": 100"),
            ("out tcp 10.0.0.5 > 203.0.113.9 443", "drop", "\"RuleNumber\": 32767"),
            ("out tcp 2001:db8::2 > 2001:db8::1 1024", "drop", ""),
        ],
    );
}

#[test]
fn the_default_acl_allows_all_of_ipv4() {
    let listing = list(acl(), &texts(&["acl-default.json"])).expect("a listing");
    assert_eq!(listing.unclear, []);
    check(
        &listing,
        &[
            ("in tcp 203.0.113.9 > 10.0.0.5 1", "accept", "\"RuleNumber\": 100"),
            ("invalid in udp 203.0.113.9 > 10.0.0.5 1", "accept", "\"RuleNumber\": 100"),
            ("out icmp 10.0.0.5 > 203.0.113.9 8/0", "accept", "\"RuleNumber\": 100"),
            ("in tcp 2001:db8::1 > 2001:db8::2 1", "drop", ""),
        ],
    );
}

#[test]
fn several_acls_are_refused_unless_they_say_the_same() {
    let two = ["acl-default.json", "acl-unordered.json"];
    let error = list(acl(), &texts(&two)).expect_err("two ACLs");
    assert!(error.reason.contains("acl-0a1b2c3d4e5f60001, acl-0a1b2c3d4e5f60dff"), "{error:?}");
    assert_eq!(error.place.file, 1);
    let same = texts(&["acl-default.json", "acl-default.json"]);
    assert!(list(acl(), &same).is_ok());
}

#[test]
fn a_state_of_terraform_is_read_through_its_modules() {
    let files = texts(&["terraform-state.json"]);
    assert_eq!(files[0].text.trim().lines().count(), 1, "as Terraform prints it");
    let listing = list(group(), &files).expect("a listing");
    check(
        &listing,
        &[
            ("in tcp 203.0.113.200 > 10.0.0.5 443", "accept", "203.0.113.0/24"),
            ("in tcp 2001:db8:aa::1 > 2001:db8::2 22", "accept", "pl-0a0a0a0a0a0a0a0b2"),
            ("in tcp 2001:db8:bb::1 > 2001:db8::2 22", "accept", "pl-0a0a0a0a0a0a0a0b2"),
            ("in tcp 2001:db8:cc::1 > 2001:db8::2 22", "accept or drop", "\"self\": true"),
            ("out tcp 10.0.0.5 > 3.5.135.255 443", "accept", "pl-6ea54007"),
            ("out tcp 10.0.0.5 > 3.5.136.0 443", "drop", ""),
            ("out udp 10.0.0.5 > 10.0.0.2 53", "accept", "10.0.0.2/32"),
            ("out udp 10.0.0.5 > 10.0.0.3 53", "drop", ""),
        ],
    );
    assert_eq!(
        unclear(&listing),
        ["the addresses of a group's members are not told at \"self\": true,"]
    );
    let listing = list(acl(), &files).expect("a listing");
    assert_eq!(listing.unclear, []);
    check(
        &listing,
        &[
            ("in tcp 192.0.2.66 > 10.0.0.5 443", "drop", "\"rule_no\": 150"),
            ("in tcp 192.0.2.67 > 10.0.0.5 443", "accept", "\"rule_no\": 200"),
            ("in icmpv6 2001:db8::1 > 2001:db8::2 128/9", "accept", "\"rule_no\": 300"),
            ("in icmpv6 2001:db8::1 > 2001:db8::2 129/0", "drop", ""),
            ("out tcp 10.0.0.5 > 192.0.2.67 50000", "accept", "\"rule_number\": 100"),
            ("out icmp 10.0.0.5 > 10.0.0.6 8/1", "accept", "\"rule_number\": 110"),
            ("out icmp 10.0.0.5 > 10.0.0.6 0/0", "drop", ""),
        ],
    );
}

#[test]
fn a_plan_is_sure_only_of_what_it_knows() {
    let files = texts(&["terraform-plan.json"]);
    let listing = list(group(), &files).expect("a listing");
    check(
        &listing,
        &[
            ("out tcp 10.0.0.5 > 192.0.2.9 443", "accept", "192.0.2.0/24"),
            // The list has no id yet; the configuration names it.
            ("out udp 10.0.0.5 > 15.193.31.255 3478", "accept", ""),
            ("out udp 10.0.0.5 > 15.193.32.0 3478", "drop", ""),
            ("out tcp 10.0.0.5 > 15.193.32.0 8443", "accept or drop", ""),
            ("in tcp 192.0.2.9 > 10.0.0.5 443", "drop", ""),
        ],
    );
    let listing = list(acl(), &files).expect("a listing");
    check(
        &listing,
        &[
            ("in tcp 192.0.2.9 > 10.0.0.5 443", "accept or drop", "\"rule_number\": 100"),
            ("in tcp 192.0.2.9 > 10.0.0.5 444", "drop", ""),
            ("out tcp 10.0.0.5 > 192.0.2.9 444", "drop", ""),
        ],
    );
}

/// An ACL that lets TCP 443 in by number 100, and one more entry.
fn with_entry(entry: Value) -> Listing {
    let web = json!({
        "RuleNumber": 100, "Egress": false, "RuleAction": "allow", "Protocol": "6",
        "CidrBlock": "0.0.0.0/0", "PortRange": { "From": 443, "To": 443 },
    });
    let told = json!({ "NetworkAcls": [{ "NetworkAclId": "acl-1", "Entries": [web, entry] }] });
    list(acl(), &[file("acl.json", &told.to_string())]).expect("a listing")
}

#[test]
fn an_entry_that_is_not_understood_leaves_open_what_it_may_do() {
    let deny = json!({
        "RuleNumber": 50, "Egress": false, "RuleAction": "deny", "Protocol": "6",
        "CidrBlock": "192.0.2.0/24", "PortRange": { "From": 0, "To": 65535 },
    });
    let (inside, outside) = ("in tcp 192.0.2.1 > 10.0.0.5 443", "in tcp 192.0.3.1 > 10.0.0.5 443");
    let listing = with_entry(deny.clone());
    check(&listing, &[(inside, "drop", "50"), (outside, "accept", "100")]);
    for (key, value, beyond) in [
        // It may stand behind the other one, or be of the other direction.
        ("RuleNumber", json!("x"), "accept"),
        ("Egress", json!(null), "accept"),
        ("RuleAction", json!("Deny"), "accept"),
        ("Protocol", json!("carrier-pigeon"), "accept"),
        ("PortRange", json!({ "From": 443, "To": 80 }), "accept"),
        ("PortRange", json!({ "From": 0, "To": 65535, "Step": 2 }), "accept"),
        ("Note", json!("only on Mondays"), "accept"),
        ("CidrBlock", json!("192.0.2"), "accept or drop"),
        ("Ipv6CidrBlock", json!("::/0"), "accept or drop"),
        ("CidrBlocks", json!(["198.51.100.0/24"]), "accept or drop"),
        // A second entry of the same number is out of date, or the first one is.
        ("RuleNumber", json!(100), "accept or drop"),
    ] {
        let mut entry = deny.clone();
        entry[key] = value.clone();
        let listing = with_entry(entry);
        assert!(!listing.unclear.is_empty(), "{key} {value}");
        let (found, _) = fate(&listing, inside);
        assert_eq!(found, "accept or drop", "{key} {value}");
        assert_eq!(fate(&listing, outside).0, beyond, "{key} {value}");
    }
    // With an IPv4 prefix, ICMPv6 is allowed whatever types are given.
    let mut entry = deny;
    entry["Protocol"] = json!("58");
    entry["IcmpTypeCode"] = json!({ "Type": 128, "Code": 0 });
    let listing = with_entry(entry);
    assert_eq!(listing.unclear, []);
    check(&listing, &[(inside, "accept", "100"), ("in 58 192.0.2.1 > 10.0.0.5 1/1", "drop", "50")]);
}

#[test]
fn a_group_may_allow_what_is_not_told() {
    let rule = json!({
        "IsEgress": false, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
        "CidrIpv4": "192.0.2.0/24", "GroupId": "sg-1",
    });
    let (inside, outside, port) = (
        "in tcp 192.0.2.1 > 10.0.0.5 443",
        "in tcp 192.0.3.1 > 10.0.0.5 443",
        "in tcp 192.0.2.1 > 10.0.0.5 444",
    );
    let perhaps = "accept or drop";
    for (key, value, fates) in [
        ("IpProtocol", json!("6"), ["accept", "drop", "drop"]),
        ("IpProtocol", json!("-1"), ["accept", "drop", "accept"]),
        ("ToPort", json!(444), ["accept", "drop", "accept"]),
        ("Description", json!("any"), ["accept", "drop", "drop"]),
        ("IpProtocol", json!("pigeon"), [perhaps, "drop", perhaps]),
        ("FromPort", json!(null), [perhaps, "drop", perhaps]),
        ("IsEgress", json!("no"), [perhaps, "drop", "drop"]),
        ("CidrIpv4", json!("192.0.2.0/33"), [perhaps, perhaps, "drop"]),
        ("CidrIpv4", json!(null), [perhaps, perhaps, "drop"]),
        ("Schedule", json!("mondays"), [perhaps, "drop", "drop"]),
        ("NewRanges", json!(["192.0.3.0/24"]), [perhaps, perhaps, "drop"]),
        ("ReferencedGroupInfo", json!({ "GroupId": "sg-2" }), ["accept", perhaps, "drop"]),
    ] {
        let mut told = rule.clone();
        told[key] = value.clone();
        let told = json!({ "SecurityGroupRules": [told] }).to_string();
        let listing = list(group(), &[file("rules.json", &told)]).expect("a listing");
        let found = [inside, outside, port].map(|packet| fate(&listing, packet).0);
        assert_eq!(found, fates, "{key} {value}");
        let unsure = fates.contains(&perhaps);
        assert_eq!(unsure, !listing.unclear.is_empty(), "{key} {value}: {:?}", listing.unclear);
    }
    // A page that is not the last, and a group without its egress rules.
    let page = json!({ "SecurityGroupRules": [rule], "NextToken": "eyJ2" }).to_string();
    let half =
        json!({ "SecurityGroups": [{ "GroupId": "sg-1", "IpPermissions": [] }] }).to_string();
    let out = "out tcp 10.0.0.5 > 192.0.2.1 443";
    for (told, ways) in [(page, [perhaps, perhaps]), (half, ["drop", perhaps])] {
        let listing = list(group(), &[file("told.json", &told)]).expect("a listing");
        assert_eq!([port, out].map(|packet| fate(&listing, packet).0), ways, "{told}");
        assert_eq!(listing.unclear.len(), 1);
    }
}

#[test]
fn rules_of_a_group_or_an_acl_that_is_elsewhere_are_not_all_there_is() {
    let state = |kind: &str, values: Value| {
        let address = format!("{kind}.x");
        let resource = json!({ "address": address, "mode": "managed", "type": kind, "name": "x", "values": values });
        let root = json!({ "root_module": { "resources": [resource] } });
        json!({ "format_version": "1.0", "values": root }).to_string()
    };
    let rule = json!({
        "type": "ingress", "protocol": "tcp", "from_port": 22, "to_port": 22,
        "cidr_blocks": ["192.0.2.0/24"], "security_group_id": "sg-elsewhere", "self": false,
    });
    let told = state("aws_security_group_rule", rule);
    let listing = list(group(), &[file("state.json", &told)]).expect("a listing");
    check(
        &listing,
        &[
            ("in tcp 192.0.2.1 > 10.0.0.5 22", "accept", "192.0.2.0/24"),
            ("in tcp 192.0.2.1 > 10.0.0.5 23", "accept or drop", "sg-elsewhere"),
        ],
    );
    let entry = json!({
        "egress": false, "protocol": "6", "from_port": 22, "to_port": 22, "rule_number": 7,
        "rule_action": "allow", "cidr_block": "192.0.2.0/24", "network_acl_id": "acl-elsewhere",
    });
    let told = state("aws_network_acl_rule", entry);
    let listing = list(acl(), &[file("state.json", &told)]).expect("a listing");
    check(&listing, &[("in tcp 192.0.2.1 > 10.0.0.5 22", "accept or drop", "acl-elsewhere")]);
}

#[test]
fn what_tells_nothing_is_refused() {
    for (told, reason) in [
        ("{}", "here"),
        ("[]", "here"),
        ("{\"SecurityGroups\": [], \"NetworkAcls\": []}", "listed"),
        ("{\"SecurityGroups\": 1, \"NetworkAcls\": 1}", "a list is expected here"),
        ("{\"format_version\": \"1.0\"}", "neither a state nor a plan"),
        (
            "{\"version\": 4, \"terraform_version\": \"1.11.4\", \"lineage\": \"a\"}",
            "terraform show -json",
        ),
        ("no JSON", "expected"),
    ] {
        for kind in [group(), acl()] {
            let error = list(kind, &[file("told.json", told)]).expect_err(told);
            assert!(error.reason.contains(reason), "{told}: {error:?}");
        }
    }
    let error = list(group(), &[file("entries.json", "{\"Entries\": []}")]).expect_err("no id");
    assert!(error.reason.contains("pl-"), "{error:?}");
    for kind in [group(), acl()] {
        assert!(list(kind, &[]).is_err());
    }
}

#[test]
fn artifacts_are_read_as_well() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let case = corpus::case(&policies.join("subnet.yaml"));
    let mut prover = Prover::new(&case.rules);
    let of_aws = case.artifacts.iter().filter(|(spec, _)| spec.kind.word().starts_with("aws"));
    let mut count = 0;
    for (spec, files) in of_aws {
        let listing = firewall::read(spec, files).expect("a listing");
        let intent = Intent::of(&case.rules, spec, case.members.get(&spec.name));
        let proof = prover.prove_claim(&intent.claim(), &listing.program);
        assert!(proof.is_ok() && listing.unclear.is_empty(), "{}: {proof:?}", spec.name);
        count += 1;
    }
    assert_eq!(count, 8);
}

/// An artifact of the API as AWS tells it afterwards: more words, permissions of one service together,
/// entries in any order behind a last one that denies.
fn described(kind: &Kind, artifact: &str, seed: usize) -> String {
    let mut artifact: Value = serde_json::from_str(artifact).expect("JSON");
    let told = match kind.word() {
        "aws-network-acl" => {
            let mut entries = artifact["NetworkAclEntries"].as_array().expect("a list").clone();
            for egress in [false, true] {
                for (number, key, all) in
                    [(32767, "CidrBlock", "0.0.0.0/0"), (32768, "Ipv6CidrBlock", "::/0")]
                {
                    entries.push(json!({
                        "Egress": egress, "RuleNumber": number, "RuleAction": "deny",
                        "Protocol": "-1", key: all,
                    }));
                }
            }
            let half = seed % entries.len();
            entries.rotate_left(half);
            json!({ "NetworkAcls": [{
                "NetworkAclId": "acl-1", "IsDefault": false, "Tags": [], "Entries": entries,
            }]})
        }
        _ => {
            for (at, group) in
                artifact["SecurityGroups"].as_array_mut().expect("a list").iter_mut().enumerate()
            {
                group["GroupId"] = json!(format!("sg-{at}"));
                group["OwnerId"] = json!("111122223333");
                for key in ["IpPermissions", "IpPermissionsEgress"] {
                    group[key] = together(group[key].as_array().expect("a list"));
                }
            }
            artifact
        }
    };
    let text = if seed.is_multiple_of(2) {
        serde_json::to_string_pretty(&told)
    } else {
        serde_json::to_string(&told)
    };
    text.expect("JSON")
}

/// One permission for each service.
fn together(permissions: &[Value]) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for one in permissions {
        let keys = ["IpProtocol", "FromPort", "ToPort"];
        let same = |other: &&mut Value| keys.iter().all(|key| other[*key] == one[*key]);
        let ranges = |key: &str| one[key].as_array().cloned().unwrap_or_default();
        let (v4, v6) = (ranges("IpRanges"), ranges("Ipv6Ranges"));
        match all.iter_mut().find(same) {
            Some(known) => {
                known["IpRanges"].as_array_mut().expect("a list").extend(v4);
                known["Ipv6Ranges"].as_array_mut().expect("a list").extend(v6);
            }
            None => {
                let mut new = one.clone();
                new["IpRanges"] = json!(v4);
                new["Ipv6Ranges"] = json!(v6);
                new["UserIdGroupPairs"] = json!([]);
                new["PrefixListIds"] = json!([]);
                all.push(new);
            }
        }
    }
    json!(all)
}

/// The targets of AWS whose artifact is the API's, with as much room as there may be.
fn by_the_api(policy: &RuleSet) -> Vec<Spec> {
    let modes = [(group(), StateMode::Stateful), (acl(), StateMode::Stateless)];
    let known = |(kind, state): (Kind, StateMode)| {
        let most = if kind.word() == "aws-network-acl" { 40 } else { 1_000 };
        let kind = kind.with("quota", Setting::Number(most));
        let (name, output) = ("api".to_owned(), "api.json".to_owned());
        let spec = Spec { name, kind, placement: Placement::Host, state, output };
        let can_say = Intent::of(policy, &spec, None).unsayable.is_empty();
        can_say.then_some(spec)
    };
    modes.into_iter().filter_map(known).collect()
}

/// A policy without what AWS cannot say.
fn sayable(mut policy: RuleSet) -> RuleSet {
    let plain = |action: &mut Action| {
        if *action == Action::Reject {
            *action = Action::Drop;
        }
    };
    plain(&mut policy.defaults.inbound);
    plain(&mut policy.defaults.outbound);
    for rule in &mut policy.rules {
        plain(&mut rule.action);
        rule.log = None;
    }
    policy
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn what_is_told_of_an_artifact_means_what_the_policy_means(
        policy in common::rule_set().prop_map(sayable),
        seed in 0usize..100,
    ) {
        let header = Header { policy: policy.name.clone(), source: "policy.yaml".to_owned() };
        let mut prover = Prover::new(&policy);
        for spec in by_the_api(&policy) {
            let intent = Intent::of(&policy, &spec, None);
            let templates = firewall::render::Templates::default();
            let Ok(files) = firewall::generate(&intent.filter, &spec, &header, &templates) else {
                continue;
            };
            let text = described(&spec.kind, &files[0].text, seed);
            let listing = firewall::read(&spec, &[file("told.json", &text)]);
            let listing = listing.map_err(|e| TestCaseError::fail(format!("{e:?} in\n{text}")))?;
            prop_assert!(listing.unclear.is_empty(), "{:?} in\n{text}", listing.unclear);
            let proof = prover.prove_claim(&intent.claim(), &listing.program);
            prop_assert!(proof.is_ok(), "{proof:?}\n{text}");
        }
    }
}

/// Makes one thing of an answer unreadable: a value, or the name of a member.
fn blurred(told: &Value, which: prop::sample::Index, rename: bool) -> Value {
    let mut all = Vec::new();
    pointers(told, String::new(), &mut all);
    let leaf = |at: &String| !told.pointer(at).is_some_and(|v| v.is_object() || v.is_array());
    all.retain(|at| {
        if rename { at.rsplit('/').any(|key| key.parse::<usize>().is_err()) } else { leaf(at) }
    });
    let at = which.get::<String>(&all);
    let (above, key) = at.rsplit_once('/').unwrap_or_default();
    let mut new = told.clone();
    match new.pointer_mut(above) {
        Some(Value::Object(members)) if rename => {
            if let Some(value) = members.remove(key) {
                members.insert("Xyz".to_owned(), value);
            }
        }
        _ if leaf(at) => *new.pointer_mut(at).expect("a value") = json!("x"),
        _ => {}
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    /// What is not understood makes less sure, never something else sure.
    #[test]
    fn what_is_unreadable_leaves_open_what_the_artifact_does(
        policy in common::rule_set().prop_map(sayable),
        which in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 8),
        seed in any::<u64>(),
    ) {
        let header = Header { policy: policy.name.clone(), source: "policy.yaml".to_owned() };
        let packets = common::Edges::of(&policy, &Placement::Host).packets(seed, 60);
        for spec in by_the_api(&policy) {
            let intent = Intent::of(&policy, &spec, None);
            let templates = firewall::render::Templates::default();
            let Ok(files) = firewall::generate(&intent.filter, &spec, &header, &templates) else {
                continue;
            };
            let text = described(&spec.kind, &files[0].text, 1);
            let clear = firewall::read(&spec, &[file("told.json", &text)]).expect("a listing");
            let told: Value = serde_json::from_str(&text).expect("JSON");
            for (which, rename) in &which {
                let text = serde_json::to_string(&blurred(&told, *which, *rename)).expect("JSON");
                let Ok(listing) = firewall::read(&spec, &[file("told.json", &text)]) else {
                    continue;
                };
                for packet in packets.iter().filter(|p| matches!(p.hook, Hook::Input | Hook::Output)) {
                    let (verdict, _) = clear.program.decide(packet);
                    let may = listing.program.outcomes(packet);
                    prop_assert!(may.iter().any(|(one, _)| *one == verdict), "{packet}: {text}");
                }
            }
        }
    }
}

/// The places of all values, by their pointers.
fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| pointers(value, format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, value)| pointers(value, format!("{at}/{i}"), found));
        }
        _ => {}
    }
    found.push(at);
}

/// What else a value could be, so that other packets pass.
fn changed(key: &str, value: &Value, beside: &Value) -> Option<Value> {
    match key {
        "CidrIp" | "CidrIpv6" | "CidrBlock" | "Ipv6CidrBlock" => {
            let net: ipnet::IpNet = value.as_str()?.parse().expect("a prefix");
            Some(json!(net.supernet()?.to_string()))
        }
        "ToPort" | "To" | "Type" => {
            let number = value.as_i64().expect("a number");
            Some(json!(if number == 65535 { 65534 } else { number + 1 }))
        }
        "FromPort" | "From" => {
            let (from, to) = (value.as_i64()?, beside.get(key.replace("From", "To"))?.as_i64()?);
            Some(json!(if from == to { from - 1 } else { from + 1 }))
        }
        "RuleAction" => Some(json!(if value == "allow" { "deny" } else { "allow" })),
        _ => None,
    }
}

/// Every small change of an answer.
fn mutants(told: &Value) -> Vec<(String, Value)> {
    let (mut all, mut mutants) = (Vec::new(), Vec::new());
    pointers(told, String::new(), &mut all);
    for pointer in all {
        let Some((above, key)) = pointer.rsplit_once('/') else { continue };
        let (value, beside) = (told.pointer(&pointer), told.pointer(above));
        let (value, beside) = (value.expect("a value"), beside.expect("a value"));
        // Behind everything that is denied anyway, how much a denial says changes nothing.
        let entry: Vec<_> = pointer.split('/').take(5).collect();
        let entry = told.pointer(&entry.join("/")).and_then(|entry| entry.get("RuleAction"));
        if entry == Some(&json!("deny")) && key != "RuleAction" {
            continue;
        }
        let mut mutant = told.clone();
        if let Some(new) = changed(key, value, beside) {
            *mutant.pointer_mut(&pointer).expect("a value") = new.clone();
            mutants.push((format!("{pointer} is {new}"), mutant));
        } else if ["Entries", "IpRanges", "Ipv6Ranges"].iter().any(|list| above.ends_with(list)) {
            let list = mutant.pointer_mut(above).and_then(Value::as_array_mut).expect("a list");
            list.remove(key.parse().expect("an index"));
            mutants.push((format!("{pointer} is gone"), mutant));
        }
    }
    mutants
}

#[test]
fn every_small_change_of_an_answer_is_found() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let case = corpus::case(&policies.join("subnet.yaml"));
    let mut prover = Prover::new(&case.rules);
    let mut found = 0;
    for (spec, files) in &case.artifacts {
        if !["acl-api", "sg-api"].contains(&spec.name.as_str()) {
            continue;
        }
        let intent = Intent::of(&case.rules, spec, case.members.get(&spec.name));
        let claim = intent.claim();
        let text = described(&spec.kind, &files[0].text, 4);
        let listing = firewall::read(spec, &[file("told.json", &text)]).expect("a listing");
        assert!(prover.prove_claim(&claim, &listing.program).is_ok(), "{}", spec.name);
        for (what, mutant) in mutants(&serde_json::from_str(&text).expect("JSON")) {
            let text = serde_json::to_string_pretty(&mutant).expect("JSON");
            let listing = firewall::read(spec, &[file("told.json", &text)]).expect("a listing");
            match prover.prove_claim(&claim, &listing.program) {
                Err(Failure::Different { packet, .. } | Failure::NotAsDeclared { packet, .. }) => {
                    let claimed = claim.verdict(&case.rules, &packet);
                    let done = listing.program.outcomes(&packet);
                    assert!(
                        done.iter().any(|(verdict, _)| *verdict != claimed),
                        "{what}: {packet}"
                    );
                    found += 1;
                }
                other => panic!("{}: {what}: {other:?}", spec.name),
            }
        }
    }
    assert!(found > 120, "only {found} changes");
}

/// Every text of the corpus.
const ALL: &[&str] = &[
    "default-group.json",
    "alb-and-app.json",
    "lists-rules.json",
    "pl-0a0a0a0a0a0a0a0a1.json",
    "prefix-lists.json",
    "acl-unordered.json",
    "acl-default.json",
    "terraform-state.json",
    "terraform-plan.json",
];

/// Reads texts as both kinds; what is read is of good shape and points into its texts.
fn survives(files: &[File]) -> Result<(), TestCaseError> {
    for kind in [group(), acl()] {
        let Ok(listing) = list(kind, files) else { continue };
        prop_assert!(listing.program.check().is_ok());
        let chains = listing.program.chains.iter().flat_map(|chain| &chain.clauses);
        let places = chains.map(|clause| clause.place);
        for place in places.chain(listing.unclear.iter().map(|note| note.place)) {
            let lines = listing.files.get(place.file).map(|file| file.text.lines().count());
            prop_assert!(lines.is_some_and(|lines| (1..=lines).contains(&place.line)), "{place:?}");
        }
        // What is not known is said, and what is said to be unclear is not taken for sure.
        let unknown = format!("{:?}", listing.program).contains("Unknown");
        prop_assert!(!unknown || !listing.unclear.is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_changed_value_makes_no_reader_panic(
        which in 0..ALL.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..14), 1..4),
        pretty in any::<bool>(),
    ) {
        let mut files = texts(&[ALL[which]]);
        let mut told: Value = serde_json::from_str(&files[0].text).expect("JSON");
        for (at, new) in changes {
            let mut all = Vec::new();
            pointers(&told, String::new(), &mut all);
            let odd = [
                json!(null), json!(true), json!(false), json!(-1), json!(70_000), json!(1e300),
                json!(""), json!("x"), json!([]), json!({}), json!([[]]), json!({ "x": 1 }),
                json!("::/0"), told.clone(),
            ];
            *told.pointer_mut(at.get::<String>(&all)).expect("a value") = odd[new].clone();
        }
        let text = if pretty { serde_json::to_string_pretty(&told) } else { serde_json::to_string(&told) };
        files[0].text = text.expect("JSON");
        survives(&files)?;
    }

    #[test]
    fn a_changed_text_makes_no_reader_panic(
        which in 0..ALL.len(),
        from in any::<prop::sample::Index>(),
        length in 0usize..40,
        new in "[\\[\\]{}:,\"0-9a-z\\\\ \n\u{e9}-]{0,6}",
    ) {
        let mut files = texts(&[ALL[which]]);
        let mut chars: Vec<char> = files[0].text.chars().collect();
        let from = from.index(chars.len());
        let to = (from + length).min(chars.len());
        chars.splice(from..to, new.chars());
        files[0].text = chars.into_iter().collect();
        survives(&files)?;
    }
}
