//! Azure's artifacts before what others wrote: the models of Azure's SDK walked strictly, and an evaluator of
//! templates in Python that shares nothing with the readers here.
//!
//! `PORTCULLIS_AZURE_PYTHON` names a Python with `tests/azure/requirements.txt` installed; with
//! `PORTCULLIS_REQUIRE_AZURE=1` a skip is a failure. Azure itself is asked nothing.

mod common;

use common::corpus::{self, Case};
use portcullis::command::compile::Intent;
use portcullis::firewall::options::Setting;
use portcullis::firewall::{self, File, Header, Spec, render::Templates};
use portcullis::ir::flow::RuleSet;
use portcullis::ir::{Action, Hook, L4, Packet, Placement, State, StateMode, Verdict};
use portcullis::net::{PortSet, ProtocolSet};
use portcullis::program::{Match, Program, Target};
use portcullis::proof::Prover;
use proptest::prelude::*;
use std::path::Path;
use std::process::Command;

/// Runs the script; none where there is no Python for it.
fn python(arguments: &[&Path]) -> Option<String> {
    let Some(python) = std::env::var_os("PORTCULLIS_AZURE_PYTHON") else {
        let what = "no Python with azure-mgmt-network (PORTCULLIS_AZURE_PYTHON)";
        assert!(std::env::var_os("PORTCULLIS_REQUIRE_AZURE").is_none(), "required: {what}");
        eprintln!("SKIPPED: {what}");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/azure/check.py");
    let output = Command::new(python).arg(script).args(arguments).output().expect("Python runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}

fn golden(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_models_of_the_sdk_take_every_template_and_no_mutant() {
    let templates = [
        "tests/golden/azure/group.json",
        "tests/golden/azure/grown.json",
        "examples/azure/group.json",
    ];
    let paths = templates.map(golden);
    let arguments: Vec<_> = std::iter::once(Path::new("check"))
        .chain(paths.iter().map(|path| path.as_path()))
        .collect();
    let Some(said) = python(&arguments) else { return };
    assert_eq!(said.lines().count(), templates.len(), "{said}");
    let said = python(&[Path::new("mutants"), &paths[0]]).expect("it ran before");
    assert!(said.contains(" mutants found"), "{said}");
}

/// A spec of the kind in a format.
fn spec(format: &'static str) -> Spec {
    let kind = common::kind("azure-nsg").with("format", Setting::Word(format));
    let output = common::output(&kind);
    let (placement, state) = (Placement::Host, StateMode::Stateful);
    Spec { name: "edge".to_owned(), kind, placement, state, output }
}

/// Returns new packets as they come to a group, of which something is claimed.
fn arriving(case: &Case, claim: &portcullis::proof::Claim<'_>, count: usize) -> Vec<Packet> {
    let edges = common::Edges::of(&case.rules, &Placement::Host);
    let arrives = |packet: &Packet| {
        matches!(packet.hook, Hook::Input | Hook::Output)
            && packet.state == State::New
            && claim.covers(packet)
    };
    edges.packets(11, count).into_iter().filter(arrives).collect()
}

#[test]
fn a_stranger_decides_packets_by_the_template_as_the_proof_says() {
    for (policy, name, path) in [
        ("tests/corpus/azure.yaml", "arm", "tests/golden/azure/group.json"),
        ("tests/corpus/azure.yaml", "grown", "tests/golden/azure/grown.json"),
        ("examples/azure/policy.yaml", "group", "examples/azure/group.json"),
    ] {
        let case = corpus::case(&golden(policy));
        let found = case.artifacts.iter().find(|(spec, _)| spec.name == name);
        let (spec, files) = found.expect("the target");
        let program = firewall::read_artifact(spec, files).expect("an artifact");
        let intent = Intent::of(&case.rules, spec, case.members.get(name));
        let mut lines = String::new();
        for packet in arriving(&case, &intent.claim(), 6_000) {
            let verdict = program.decide(&packet).0;
            let (direction, expect) = (
                if packet.hook == Hook::Input { "Inbound" } else { "Outbound" },
                if verdict == Verdict::Accept { "Allow" } else { "Deny" },
            );
            lines += &serde_json::json!({
                "direction": direction,
                "protocol": packet.protocol,
                "source": packet.source,
                "destination": packet.destination,
                "source_port": packet.source_port,
                "destination_port": packet.destination_port,
                "expect": expect,
            })
            .to_string();
            lines.push('\n');
        }
        assert!(lines.lines().count() > 500, "{policy}: few packets");
        let folder = tempfile::tempdir().expect("a folder");
        let packets = folder.path().join("packets.jsonl");
        std::fs::write(&packets, lines).expect("packets");
        let Some(said) = python(&[Path::new("decide"), &golden(path), &packets]) else { return };
        assert!(!said.starts_with("0 allowed") && !said.contains(" 0 denied"), "{path}: {said}");
    }
}

/// Makes a policy sayable: no reject, no log, and the protocols that a group has words for.
fn sayable(mut policy: RuleSet) -> RuleSet {
    let known = ProtocolSet::from_ranges([1u8, 6, 17, 50, 51].map(|number| (number, number)));
    for rule in &mut policy.rules {
        rule.log = None;
        if rule.action == Action::Reject {
            rule.action = Action::Drop;
        }
        if rule.action == Action::Drop && rule.l4.words().is_some() {
            rule.l4 = L4::any();
        }
        let numbers = rule.l4.protocol_set().intersection(&known);
        if rule.l4.protocol_set().is_all() {
            continue;
        }
        rule.l4 = match numbers.is_empty() {
            true => L4::ports(17, PortSet::all(), PortSet::one(53)),
            false => L4::product(numbers, rule.l4.source().clone(), rule.l4.destination().clone()),
        };
    }
    for default in [&mut policy.defaults.inbound, &mut policy.defaults.outbound] {
        if *default == Action::Reject {
            *default = Action::Drop;
        }
    }
    policy
}

/// Tells whether a program has any doubt.
fn doubtful(program: &Program) -> bool {
    let mut clauses = program.chains.iter().flat_map(|chain| &chain.clauses);
    let doubt = |one: &Match| matches!(one, Match::Unknown | Match::AnyOf(_));
    clauses.any(|clause| clause.when.iter().any(doubt) || clause.then == Target::Continue)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_can_be_said_is_written_read_back_without_doubt_and_proven(
        policy in common::rule_set().prop_map(sayable),
        members in prop_oneof![Just(None), common::ip_set().prop_map(Some)],
    ) {
        let header = Header { policy: policy.name.clone(), source: "policy.yaml".to_owned() };
        let mut prover = Prover::new(&policy);
        for format in ["arm", "terraform", "terraform-json"] {
            let spec = spec(format);
            let intent = Intent::of(&policy, &spec, members.as_ref());
            prop_assert!(intent.unsayable.is_empty(), "{:?}", intent.unsayable);
            let files = firewall::generate(&intent.filter, &spec, &header, &Templates::default());
            let files = files.map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
            let text = &files[0].text;
            let listing = firewall::read(&spec, &files, None)
                .map_err(|error| TestCaseError::fail(format!("{format}: {error:?} in\n{text}")))?;
            prop_assert_eq!(&listing.unclear, &[], "{}", text);
            prop_assert!(!doubtful(&listing.program), "{text}");
            prop_assert!(firewall::read_artifact(&spec, &files).is_ok(), "{text}");
            if let Err(failure) = prover.prove_claim(&intent.claim(), &listing.program) {
                return Err(TestCaseError::fail(format!("{format}: {failure:?}\n{text}")));
            }
        }
    }
}

/// The priorities of an artifact's rules, by name.
fn priorities(networks: &str, more: &str) -> Vec<(String, u64)> {
    let policy = format!(
        "policy: p\nnetworks:\n  agents: [10.20.0.0/16, \"2001:db8:20::/48\"]\n  others: [{networks}]\nrules:\n  - {{ id: a, action: allow, direction: outbound, from: agents, to: others, service: [tcp/443, udp/3478] }}\n  - {{ id: b, action: drop, direction: outbound, from: agents, to: 203.0.113.0/24, service: tcp/22 }}\n{more}targets:\n  g: {{ kind: azure-nsg, format: arm, members: agents, output: g.json }}\n"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("policy.yaml");
    std::fs::write(&path, policy).expect("a policy");
    let case = corpus::case(&path);
    let template: serde_json::Value =
        serde_json::from_str(&case.artifacts[0].1[0].text).expect("JSON");
    let rules = template["resources"][0]["properties"]["securityRules"].as_array().expect("rules");
    let one = |rule: &serde_json::Value| {
        let priority = rule["properties"]["priority"].as_u64().expect("a number");
        (rule["name"].as_str().expect("a name").to_owned(), priority)
    };
    rules.iter().map(one).collect()
}

#[test]
fn a_new_prefix_or_family_moves_no_rule() {
    let before = priorities("192.0.2.0/24", "");
    let prefix = priorities("192.0.2.0/24, 198.51.100.0/24", "");
    assert_eq!(before, prefix);
    let family = priorities("192.0.2.0/24, \"2001:db8::/32\"", "");
    assert!(family.len() > before.len(), "{family:?}");
    assert!(before.iter().all(|rule| family.contains(rule)), "{before:?} {family:?}");
    assert_eq!(before.first(), Some(&("in-default-v6".to_owned(), 4095)));
    assert!(before.contains(&("out-a-tcp-v4".to_owned(), 1000)), "{before:?}");
}

fn listed(name: Option<&str>, text: &str) -> Result<firewall::Listing, firewall::ReadError> {
    let mut spec = spec("arm");
    if let Some(name) = name {
        spec.kind.settings.set_name("name", name.to_owned());
    }
    let file = File { path: "nsg.json".to_owned(), text: text.to_owned(), executable: false };
    firewall::read(&spec, &[file], None)
}

/// A group that allows one port to enter.
fn group(name: &str, port: u16) -> String {
    format!(
        r#"{{"name":"{name}","securityRules":[{{"name":"web","priority":100,"direction":"Inbound","access":"Allow","protocol":"Tcp","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"{port}"}}]}}"#
    )
}

#[test]
fn one_of_several_groups_is_chosen_by_its_name() {
    let text = format!("[{}, {}]", group("front", 443), group("back", 5432));
    let error = listed(None, &text).expect_err("two groups");
    assert!(error.reason.contains("`front`, `back`"), "{}", error.reason);
    let back = listed(Some("BACK"), &text).expect("the other one");
    let back = back.program.chains[0].clauses.iter().find(|clause| clause.when.len() == 2);
    assert!(format!("{back:?}").contains("5432"), "{back:?}");
    let next = format!(r#"{{"value":[{}],"nextLink":"https://x/?page=2"}}"#, group("front", 443));
    let listing = listed(None, &next).expect("a page");
    assert!(listing.unclear.iter().any(|note| note.reason.contains("goes on")));
}

#[test]
fn what_is_no_group_is_refused_with_the_reason() {
    for (text, reason) in [
        ("{}", "neither a network security group"),
        ("[]", "no network security group is listed"),
        (r#"{"name":"r","priority":100,"direction":"Inbound"}"#, "give all rules"),
        (r#"{"lineage":"x","terraform_version":"1"}"#, "terraform show -json"),
        (r#"{"format_version":"1.0","values":{}}"#, "no network security group is listed"),
        ("[1]", "neither a network security group"),
    ] {
        let error = listed(None, text).expect_err(text);
        assert!(error.reason.contains(reason), "`{reason}`, not `{}`: {text}", error.reason);
    }
}

#[test]
fn an_artifact_is_only_what_this_program_writes() {
    let path = golden("tests/golden/azure/group.json");
    let text = std::fs::read_to_string(path).expect("a golden");
    let spec = spec("arm");
    let read = |text: &str| {
        let file = File { path: "g.json".to_owned(), text: text.to_owned(), executable: false };
        firewall::read_artifact(&spec, &[file]).map_err(|error| error.reason)
    };
    assert!(read(&text).is_ok());
    for (from, to, reason) in [
        ("\"Tcp\"", "\"tcp\"", "not written here"),
        ("2024-05-01", "2015-06-15", "version of the API"),
        ("\"name\": \"in-default\"", "\"name\": \"[concat('a')]\"", "evaluate"),
        ("\"priority\": 4096", "\"priority\": 4094", "not closed"),
        ("\"priority\": 4096", "\"priority\": 5000", "from 100 to 4096"),
        ("\"192.0.2.0/24\"", "\"192.0.2.7/24\"", "no prefix as Azure takes it"),
        ("\"192.0.2.0/24\"", "\"0.0.0.0/0\"", "no prefix as Azure takes it"),
        ("\"192.0.2.0/24\"", "\"Internet\"", "no prefix as Azure takes it"),
        ("52.55.191.224/27", "15.193.0.0/20", "prefixes that meet"),
        ("\"name\": \"in-default\"", "\"name\": \"IN-default-v6\"", "name is there twice"),
        ("\"securityRules\"", "\"flushConnection\": true, \"securityRules\"", "not understood"),
    ] {
        assert!(text.contains(from), "{from}");
        let said = read(&text.replacen(from, to, 1)).expect_err(to);
        assert!(said.contains(reason), "`{reason}`, not `{said}`: {to}");
    }
}

#[test]
fn every_format_says_the_same() {
    let case = corpus::case(&golden("tests/corpus/azure.yaml"));
    let program = |name: &str| {
        let (spec, files) =
            case.artifacts.iter().find(|(spec, _)| spec.name == name).expect("a target");
        firewall::read_artifact(spec, files).expect("an artifact")
    };
    let what = |program: &Program| -> Vec<_> {
        let clauses = program.chains.iter().flat_map(|chain| &chain.clauses);
        clauses.map(|clause| (clause.when.clone(), clause.then)).collect()
    };
    let arm = what(&program("arm"));
    assert_eq!(arm, what(&program("terraform")));
    assert_eq!(arm, what(&program("json")));
}
