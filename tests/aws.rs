//! AWS's artifacts before tools that others wrote: cfn-lint, a server that answers like AWS (moto), and
//! `terraform fmt`.
//!
//! `PORTCULLIS_AWS_PYTHON` names a Python with `tests/aws/requirements.txt` installed; with
//! `PORTCULLIS_REQUIRE_AWS=1` a skip is a failure. The server listens on loopback only.

mod common;

use common::corpus;
use portcullis::command::compile::Intent;
use portcullis::firewall::{self, File};
use portcullis::proof::Prover;
use std::path::Path;
use std::process::Command;

fn golden() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/subnet")
}

fn skipped(what: &str) {
    assert!(std::env::var_os("PORTCULLIS_REQUIRE_AWS").is_none(), "required: {what}");
    eprintln!("SKIPPED: {what}");
}

#[test]
fn a_linter_and_a_server_take_the_artifacts_and_give_them_back() {
    let Some(python) = std::env::var_os("PORTCULLIS_AWS_PYTHON") else {
        return skipped("no Python with cfn-lint, moto and boto3 (PORTCULLIS_AWS_PYTHON)");
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws/check.py");
    let told = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(python);
    let output = command.arg(script).arg(golden()).arg(told.path()).output().expect("Python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("group by CloudFormation, ingress: 2 as written"), "{said}");
    for (folder, policy, target) in [
        ("groups", "subnet", "sg-api"),
        ("rules", "subnet", "sg-api"),
        ("acl", "subnet", "acl-api"),
        ("lists", "cloud", "json"),
    ] {
        runs_as_meant(&told.path().join(folder), policy, target);
    }
}

/// Proves that what a server tells of itself means what the policy means.
fn runs_as_meant(folder: &Path, policy: &str, target: &str) {
    let told = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("an answer");
        let path = path.file_name().expect("a name").to_string_lossy().into_owned();
        File { path, text, executable: false }
    };
    let files: Vec<_> = std::fs::read_dir(folder).expect("answers").map(told).collect();
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let case = corpus::case(&policies.join(format!("{policy}.yaml")));
    let spec = case.artifacts.iter().map(|(spec, _)| spec).find(|spec| spec.name == target);
    let spec = spec.expect("the target");
    let listing = firewall::read(spec, &files, None).expect("a listing");
    assert_eq!(listing.unclear, [], "{target}");
    let intent = Intent::of(&case.rules, spec, case.members.get(target));
    let proof = Prover::new(&case.rules).prove_claim(&intent.claim(), &listing.program);
    assert!(proof.is_ok(), "{target}: {proof:?}");
}

/// Runs Terraform in a folder; none where it is not installed.
fn terraform(folder: &Path, arguments: &[&str]) -> Option<std::process::Output> {
    Command::new("terraform").args(arguments).current_dir(folder).output().ok()
}

#[test]
fn terraform_finds_nothing_to_format_and_takes_the_artifacts() {
    let Some(formatted) = terraform(&golden(), &["fmt", "-check", "-diff", "-recursive", ".."])
    else {
        // No package of a registry has it, so it is never required.
        eprintln!("SKIPPED: no terraform: nothing but our own reader has read the .tf files");
        return;
    };
    assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stdout));
    for file in ["subnet/acl.tf", "subnet/group.tf", "cloud/main.tf", "cloud/main.tf.json"] {
        let folder = tempfile::tempdir().expect("a folder");
        let name = Path::new(file).file_name().expect("a name");
        std::fs::copy(golden().join("..").join(file), folder.path().join(name)).expect("a copy");
        if !terraform(folder.path(), &["init", "-input=false"]).is_some_and(|o| o.status.success())
        {
            eprintln!(
                "SKIPPED: terraform has no provider hashicorp/aws here: {file} is not validated"
            );
            continue;
        }
        let output = terraform(folder.path(), &["validate"]).expect("it ran before");
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The resources of a file by what they say.
fn resources(networks: &str, options: &str) -> std::collections::BTreeSet<String> {
    let policy = format!(
        "policy: p\nnetworks:\n  agents: [10.20.0.0/16]\n  others: [{networks}]\nrules:\n  - {{ id: a, action: allow, direction: outbound, from: agents, to: others, service: [tcp/443, udp/3478] }}\ntargets:\n  g: {{ kind: aws-security-group, format: terraform, members: agents, output: g.tf, {options} }}\n"
    );
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("policy.yaml"), policy).expect("a policy");
    assert_cmd::Command::cargo_bin("portcullis")
        .expect("the program")
        .args(["compile", "policy.yaml"])
        .current_dir(folder.path())
        .assert()
        .success();
    let text = std::fs::read_to_string(folder.path().join("g.tf")).expect("the artifact");
    text.split("\n\n").map(|resource| resource.trim().to_owned()).collect()
}

#[test]
fn a_changed_prefix_changes_its_own_resources() {
    let prefixes: Vec<_> = (0..40).map(|at| format!("192.0.2.{}/31", at * 4)).collect();
    let (old, new) = (prefixes.join(", "), prefixes[1..].join(", ") + ", 198.51.100.7/32");
    for options in ["quota: 100", "quota: 30, groups: 5"] {
        let (before, after) = (resources(&old, options), resources(&new, options));
        let (gone, come) = (before.difference(&after).count(), after.difference(&before).count());
        // One prefix in two services; in groups that are full one may have to make room for another.
        let most = if options.contains("groups") { 6 } else { 2 };
        assert!(
            (2..=most).contains(&gone) && (2..=most).contains(&come),
            "{options}: {gone} {come}"
        );
    }
}
