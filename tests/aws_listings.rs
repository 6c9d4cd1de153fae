//! What AWS tells of an artifact afterwards: it means what the artifact means, every change of it is found,
//! and what is unreadable of it leaves open what the artifact does. Texts of other hands are in
//! `tests/foreign/`.

#[path = "common/mod.rs"]
mod common;

use common::corpus;
use portcullis::command::compile::Intent;
use portcullis::firewall::options::Setting;
use portcullis::firewall::{self, File, Header, Kind, Spec};
use portcullis::ir::flow::RuleSet;
use portcullis::ir::{Action, Hook, Placement, StateMode};
use portcullis::proof::{Failure, Prover};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

fn file(name: &str, text: &str) -> File {
    File { path: format!("listed/{name}"), text: text.to_owned(), executable: false }
}

fn group() -> Kind {
    let kind = Kind::of("aws-security-group").expect("a kind of the registry");
    kind.with("format", Setting::Word("ip-permissions"))
}

fn acl() -> Kind {
    let kind = Kind::of("aws-network-acl").expect("a kind of the registry");
    kind.with("format", Setting::Word("api-json"))
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
            let listing = firewall::read(&spec, &[file("told.json", &text)], None);
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
            let clear = firewall::read(&spec, &[file("told.json", &text)], None).expect("a listing");
            let told: Value = serde_json::from_str(&text).expect("JSON");
            for (which, rename) in &which {
                let text = serde_json::to_string(&blurred(&told, *which, *rename)).expect("JSON");
                let Ok(listing) = firewall::read(&spec, &[file("told.json", &text)], None) else {
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
        let listing = firewall::read(spec, &[file("told.json", &text)], None).expect("a listing");
        assert!(prover.prove_claim(&claim, &listing.program).is_ok(), "{}", spec.name);
        for (what, mutant) in mutants(&serde_json::from_str(&text).expect("JSON")) {
            let text = serde_json::to_string_pretty(&mutant).expect("JSON");
            let listing =
                firewall::read(spec, &[file("told.json", &text)], None).expect("a listing");
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
