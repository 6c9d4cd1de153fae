//! `portcullis explain`: what decides a packet, in the policy and in each artifact.

use super::report::{self, Failed, Invocation, print};
use super::{CLEAN, FAILED, Format, Global, InputArgs, load};
use crate::command::compile::Inputs;
use crate::command::explain::{self, Explanation};
use crate::command::{self, Session, reach};
use crate::diag::counted;
use crate::firewall::render::Templates;
use crate::ir::syntax;
use clap::Args;
use serde_json::json;

#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The policy file; `-` is standard input.
    policy: String,
    /// The packet, such as `outbound udp 10.20.0.5:50000 -> 15.193.6.10:3478`; or a question: `who can reach
    /// NETWORK on SERVICE`, `where can NETWORK go`.
    packet: String,
    #[command(flatten)]
    inputs: InputArgs,
}

/// Runs the command.
pub(super) fn run(command: &Explain, global: &Global) -> u8 {
    report::run(global, |invocation| attempt(command, global, invocation))
}

fn attempt(command: &Explain, global: &Global, invocation: &mut Invocation) -> Result<u8, Failed> {
    if reach::is_question(&command.packet) {
        return answer(command, global, invocation);
    }
    let query = syntax::parse(&command.packet).map_err(|error| {
        let piece = command.packet.get(error.at).unwrap_or_default();
        Failed(format!("{} (at `{piece}`); {}", error.message, error.help))
    })?;
    let feeds = load::feeds(&command.inputs, invocation)?;
    let templates = Templates::default();
    let policy = load::policy(&command.policy, &command.inputs, invocation)?;
    let source = load::source_name(&command.policy);
    let inputs = Inputs { templates: &templates, source: &source };
    let diags = &mut invocation.diags;
    let explanation = policy.and_then(|policy| {
        let resolved = command::resolved(&policy, &feeds, diags)?;
        let mut session = Session::new(&policy, &feeds, &resolved);
        explain::explain(&mut session, &inputs, &query, diags)
    });
    let Some(explanation) = explanation else {
        invocation.finish(global, &json!(null));
        return Ok(FAILED);
    };
    invocation.finish(global, &json!(explanation));
    if global.format == Format::Human {
        print(&text(&command.packet, &explanation));
    }
    Ok(CLEAN)
}

fn answer(command: &Explain, global: &Global, invocation: &mut Invocation) -> Result<u8, Failed> {
    let feeds = load::feeds(&command.inputs, invocation)?;
    let policy = load::policy(&command.policy, &command.inputs, invocation)?;
    let Invocation { sources, diags, .. } = invocation;
    let answers = policy.and_then(|policy| {
        let asking = reach::asking(&policy, &command.packet, sources, diags)?;
        let resolved = command::resolved(&asking, &feeds, diags)?;
        reach::reach(&mut Session::new(&asking, &feeds, &resolved), diags)
    });
    for diagnostic in diags.since(0) {
        diagnostic.labels.retain(|label| sources.name(label.span.file) != reach::FILE);
    }
    invocation.finish(global, &json!(answers));
    let Some(answers) = answers else { return Ok(FAILED) };
    if global.format == Format::Human {
        let line = |one: &reach::Answer| {
            format!("  {}: {} -> {}: {}\n", one.direction, one.from, one.to, one.service)
        };
        let list = answers.list.iter().map(line).collect::<String>();
        let list = if list.is_empty() { "  nothing\n".to_owned() } else { list };
        let more = if answers.more { "  and more than is listed\n" } else { "" };
        print(&format!("{}\nallowed:\n{list}{more}", command.packet));
    }
    Ok(CLEAN)
}

/// The most rules that are shown as passed by: the last before the one that decides.
const PASSED: usize = 8;

fn text(packet: &str, explanation: &Explanation) -> String {
    let by = match &explanation.rule {
        Some(rule) => format!("rule `{rule}`"),
        None => "the default: no rule matches".to_owned(),
    };
    let mut text = format!("{}: {packet}\n  by {by}\n", explanation.action);
    let passed = &explanation.passed;
    let hidden = passed.len().saturating_sub(PASSED);
    if !passed.is_empty() {
        text += "rules that do not match\n";
    }
    if hidden > 0 {
        text += &format!("  {}\n", counted(hidden, "earlier rule"));
    }
    for rule in &passed[hidden..] {
        text += &format!("  `{}`: {}\n", rule.rule, rule.why.join("; "));
    }
    for target in &explanation.targets {
        text += &format!("{}: {}\n", target.target, target.verdict);
        if let Some(line) = &target.line {
            text += &format!("  {}:{}: {}\n", line.file, line.line, line.text);
        }
    }
    text
}
