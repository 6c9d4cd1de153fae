//! `portcullis test`: runs a policy's tests and invariants, and reports each.

use super::report::{self, Failed, Invocation, print};
use super::{CLEAN, FAILED, FINDINGS, Format, Global, InputArgs, load, output};
use crate::command::test::{Outcome, expectations};
use crate::command::{self, Session};
use crate::source::SourceMap;
use clap::Args;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::json;

#[derive(Args, Debug)]
pub(super) struct Test {
    /// The policy file; `-` is standard input.
    #[arg(default_value = "policy.yaml")]
    policy: String,
    /// Files with more `tests:` and `invariants:` that use the policy's names.
    files: Vec<String>,
    #[command(flatten)]
    inputs: InputArgs,
    /// Write a JUnit report to this file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    junit: Option<String>,
}

/// Runs the command.
pub(super) fn run(command: &Test, global: &Global) -> u8 {
    report::run(global, |invocation| attempt(command, global, invocation))
}

fn attempt(command: &Test, global: &Global, invocation: &mut Invocation) -> Result<u8, Failed> {
    let feeds = load::feeds(&command.inputs, invocation)?;
    let policy = load::policy(&command.policy, &command.inputs, invocation)?;
    let policy = match policy {
        Some(policy) => {
            load::with_tests(policy, &command.policy, &command.files, &command.inputs, invocation)?
        }
        None => None,
    };
    let resolved =
        policy.and_then(|p| Some((command::resolved(&p, &feeds, &mut invocation.diags)?, p)));
    let Some((resolved, policy)) = resolved else {
        invocation.finish(global, &json!(null));
        return Ok(FAILED);
    };
    let outcomes = expectations(&mut Session::new(&policy, &feeds, &resolved));
    if let Some(path) = &command.junit {
        let text = junit(&policy.name.value, &outcomes, &invocation.sources)?;
        match path.as_str() {
            "-" => drop(print(&text)),
            path => output::report(path.as_ref(), &text, &invocation.seen)?,
        }
    }
    outcomes.iter().filter_map(|o| o.fault.clone()).for_each(|fault| invocation.diags.push(fault));
    let failed = outcomes.iter().filter(|outcome| outcome.fault.is_some()).count();
    let list: Vec<_> = outcomes.iter().map(|o| result(o, &invocation.sources)).collect();
    invocation.finish(global, &json!({ "tests": list, "failed": failed }));
    if global.format == Format::Human && command.junit.as_deref() != Some("-") {
        print(&lines(&outcomes, failed));
    }
    Ok(if failed == 0 { CLEAN } else { FINDINGS })
}

/// Returns where an outcome's test is: `policy.yaml:12`.
fn place(outcome: &Outcome, sources: &SourceMap) -> String {
    let span = outcome.span;
    format!("{}:{}", sources.name(span.file), sources.line(span.file, span.start))
}

fn result(outcome: &Outcome, sources: &SourceMap) -> serde_json::Value {
    let message = outcome.fault.as_ref().map(|fault| &fault.message);
    json!({
        "name": outcome.name,
        "place": place(outcome, sources),
        "passed": message.is_none(),
        "message": message,
    })
}

fn lines(outcomes: &[Outcome], failed: usize) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let word = if outcome.fault.is_none() { "ok" } else { "FAILED" };
        text += &format!("{word:<6} {}\n", outcome.name);
    }
    text + &format!("{} passed, {failed} failed\n", outcomes.len() - failed)
}

/// Writes the report that CI servers read: one suite, a case for each test and invariant.
fn junit(policy: &str, outcomes: &[Outcome], sources: &SourceMap) -> Result<String, Failed> {
    let mut suite = TestSuite::new(policy);
    for outcome in outcomes {
        let status = match &outcome.fault {
            None => TestCaseStatus::success(),
            Some(fault) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(&fault.message).set_type(fault.code.as_str());
                status.set_description(fault.notes.join("\n"));
                status
            }
        };
        let mut case = TestCase::new(&outcome.name, status);
        case.set_classname(place(outcome, sources));
        suite.add_test_case(case);
    }
    let mut report = Report::new("portcullis");
    report.add_test_suite(suite);
    report.to_string().map_err(|error| Failed(format!("the report: {error}")))
}
