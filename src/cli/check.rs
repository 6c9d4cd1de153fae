//! `portcullis check`: everything that looks wrong with a policy; writes nothing.

use super::report::{self, Failed, Invocation, print};
use super::{CLEAN, FAILED, FINDINGS, Format, Global, InputArgs, load};
use crate::command::check::{self, Asks, STEPS};
use crate::command::compile::{self, Inputs};
use crate::command::{self, Session};
use crate::diag::{Code, Severity, counted};
use crate::firewall::render::Templates;
use crate::timing::phase;
use clap::Args;
use serde_json::json;

#[derive(Args, Debug)]
pub(super) struct Check {
    /// The policy file; `-` is standard input.
    #[arg(default_value = "policy.yaml")]
    policy: String,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    levels: Levels,
    /// Report rules that expire within this many days (with `--as-of`).
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    soon: u16,
    /// Limit the steps of the search for useless and overlapping rules; rules that it does not reach are reported.
    #[arg(long, value_name = "STEPS", default_value_t = STEPS)]
    steps: u64,
}

/// The levels of findings that are not errors by themselves.
#[derive(Args, Debug)]
struct Levels {
    /// Treat this finding as an error.
    #[arg(short = 'D', long, value_name = "CODE", value_parser = finding)]
    deny: Vec<Code>,
    /// Treat this finding as a warning.
    #[arg(short = 'W', long, value_name = "CODE", value_parser = finding)]
    warn: Vec<Code>,
    /// Do not report this finding.
    #[arg(short = 'A', long, value_name = "CODE", value_parser = finding)]
    allow: Vec<Code>,
}

/// Returns a code whose level may be chosen: what is an error by itself stays one.
fn finding(text: &str) -> Result<Code, String> {
    let open = || Code::ALL.iter().filter(|code| code.severity() != Severity::Error);
    let names = || open().map(|code| code.as_str());
    open().copied().find(|code| code.as_str() == text).ok_or_else(|| {
        crate::diag::suggestion(text, names().collect::<Vec<_>>())
            .unwrap_or_else(|| "no such finding".to_owned())
    })
}

/// Runs the command.
pub(super) fn run(command: &Check, global: &Global) -> u8 {
    report::run(global, |invocation| attempt(command, global, invocation))
}

fn attempt(command: &Check, global: &Global, invocation: &mut Invocation) -> Result<u8, Failed> {
    let feeds = load::feeds(&command.inputs, invocation)?;
    let templates = Templates::default();
    let Some(policy) = load::policy(&command.policy, &command.inputs, invocation)? else {
        invocation.finish(global, &json!(null));
        return Ok(FAILED);
    };
    let source = load::source_name(&command.policy);
    let inputs = Inputs { templates: &templates, source: &source };
    let diags = &mut invocation.diags;
    let progress = report::progress("checking", &policy, global);
    let resolved = command::resolved(&policy, &feeds, diags);
    let compiled = resolved.as_ref().and_then(|resolved| {
        let mut session = Session::new(&policy, &feeds, resolved);
        compile::compile(&mut session, &inputs, &|_| true, diags)
    });
    let soon = command.inputs.as_of.as_deref().map(|day| (day, load::after(day, command.soon)));
    let asks = Asks {
        days: soon.as_ref().map(|(day, soon)| (*day, soon.as_str())),
        owners: [&command.levels.deny, &command.levels.warn]
            .into_iter()
            .any(|codes| codes.contains(&Code::MissingOwner)),
        steps: command.steps,
    };
    phase("check", || check::check(&policy, resolved.as_ref(), &asks, diags));
    progress.finish_and_clear();
    policy.checks.iter().for_each(|(code, level)| diags.set_level(*code, *level));
    for (codes, severity) in [
        (&command.levels.deny, Some(Severity::Error)),
        (&command.levels.warn, Some(Severity::Warning)),
        (&command.levels.allow, None),
    ] {
        codes.iter().for_each(|code| diags.set_level(*code, severity));
    }
    let findings = diags.list().iter().any(|d| d.severity != Severity::Note);
    invocation.finish(global, &json!({ "findings": findings }));
    if global.format == Format::Human && !findings {
        let (rules, targets) = (policy.rules.len(), compiled.map_or(0, |list| list.len()));
        let (rules, targets) = (counted(rules, "rule"), counted(targets, "target"));
        print(&format!("no errors or warnings: {rules}, {targets}, proven\n"));
    }
    Ok(if findings { FINDINGS } else { CLEAN })
}
