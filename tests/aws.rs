//! AWS's artifacts before tools that others wrote: cfn-lint, a server that answers like AWS (moto), and
//! `terraform fmt`.
//!
//! `PORTCULLIS_AWS_PYTHON` names a Python with `tests/aws/requirements.txt` installed; with
//! `PORTCULLIS_REQUIRE_AWS=1` a skip is a failure. The server listens on loopback only.

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
    let output = Command::new(python).arg(script).arg(golden()).output().expect("Python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("group by CloudFormation, ingress: 2 as written"), "{said}");
}

#[test]
fn terraform_finds_nothing_to_format() {
    let Ok(version) = Command::new("terraform").arg("version").output() else {
        eprintln!("SKIPPED: no terraform");
        return;
    };
    assert!(version.status.success());
    let output = Command::new("terraform")
        .args(["fmt", "-check", "-diff"])
        .arg(golden())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
