//! `portcullis compile`: writes the artifacts of a policy, or says which are out of date.

use super::report::{self, Failed, Invocation, print, print_verbatim, say};
use super::{CLEAN, FAILED, FINDINGS, Format, Global, InputArgs, disk, load, output};
use crate::command::compile::{self, Artifact, Inputs};
use crate::command::{self, Session};
use crate::diag::{Code, Diagnostic, counted};
use crate::files::Tree;
use crate::policy::ast::Policy;
use crate::timing::phase;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
pub(super) struct Compile {
    /// The policy file; `-` is standard input.
    #[arg(default_value = "policy.yaml")]
    policy: String,
    #[command(flatten)]
    inputs: InputArgs,
    /// Compile only this target; can be repeated.
    #[arg(short, long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Write below this folder instead of the policy's own; `-` prints a single file to standard output.
    #[arg(short, long, value_name = "DIR")]
    output: Option<String>,
    /// Write nothing; fail if a file is missing, out of date or stale.
    #[arg(long)]
    check: bool,
    /// Write nothing; print what would change in each file.
    #[arg(long)]
    diff: bool,
    /// Overwrite files that were not made from this policy, or that belong to another user.
    #[arg(long, conflicts_with_all = ["check", "diff"])]
    force: bool,
    /// Use the templates in this folder in place of the built-in ones of the same names.
    #[arg(long, value_name = "DIR")]
    template_dir: Option<PathBuf>,
    /// Print a phase instead of compiling (unstable: for looking inside).
    #[arg(long, value_enum, value_name = "PHASE", hide = true)]
    emit: Option<Phase>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Phase {
    /// The policy as decoded: names are names.
    Ast,
    /// The flow rules: names are sets.
    Flow,
    /// The packet rules that each target is planned from.
    Plan,
}

/// Runs the command.
pub(super) fn run(command: &Compile, global: &Global) -> u8 {
    report::run(global, |invocation| attempt(command, global, invocation))
}

fn attempt(command: &Compile, global: &Global, invocation: &mut Invocation) -> Result<u8, Failed> {
    let feeds = load::feeds(&command.inputs, invocation)?;
    let templates = load::templates(command.template_dir.as_deref(), invocation)?;
    let Some(policy) = load::policy(&command.policy, &command.inputs, invocation)? else {
        invocation.finish(global, &json!(null));
        return Ok(FAILED);
    };
    load::known_targets(&command.targets, &policy)?;
    if let Some(phase) = command.emit {
        return emit(phase, &policy, &feeds, invocation, global);
    }
    if policy.targets.is_empty() {
        let none = Diagnostic::new(
            Code::NoTargets,
            "the policy has no targets, so there is nothing to compile",
        );
        invocation.diags.push(none.at(policy.name.span, "this policy"));
    }
    let source = load::source_name(&command.policy);
    let inputs = Inputs { templates: &templates, source: &source };
    let wanted = |name: &str| load::wants(&command.targets, name);
    let progress = report::progress("compiling and proving", &policy, global);
    let diags = &mut invocation.diags;
    let artifacts = command::resolved(&policy, &feeds, diags).and_then(|resolved| {
        let mut session = Session::new(&policy, &feeds, &resolved);
        compile::compile(&mut session, &inputs, &wanted, diags)
    });
    progress.finish_and_clear();
    match artifacts {
        Some(artifacts) if !invocation.diags.has_errors() => {
            deliver(command, global, invocation, &policy, &feeds, &artifacts)
        }
        _ => {
            invocation.finish(global, &json!(null));
            Ok(FAILED)
        }
    }
}

fn emit(
    phase: Phase,
    policy: &Policy,
    feeds: &crate::feed::Feeds,
    invocation: &mut Invocation,
    global: &Global,
) -> Result<u8, Failed> {
    let mut text = String::new();
    if phase == Phase::Ast {
        text = format!("{policy:#?}\n");
    } else if let Some(resolved) = command::resolved(policy, feeds, &mut invocation.diags) {
        if phase == Phase::Flow {
            text = format!("{:#?}\n", resolved.rules);
        } else {
            for target in &policy.targets {
                let spec = &target.spec;
                let filter = crate::pass::filter(&resolved.rules, &spec.placement, spec.state);
                text += &format!("{}: {filter:#?}\n", spec.name);
            }
        }
    }
    invocation.finish(global, &json!(null));
    if invocation.diags.has_errors() { Ok(FAILED) } else { Ok(print(&text)) }
}

fn deliver(
    command: &Compile,
    global: &Global,
    invocation: &mut Invocation,
    policy: &Policy,
    feeds: &crate::feed::Feeds,
    artifacts: &[Artifact],
) -> Result<u8, Failed> {
    if command.output.as_deref() == Some("-") {
        invocation.finish(global, &json!(null));
        return to_stdout(artifacts);
    }
    let root = root(command)?;
    let done: BTreeSet<_> = artifacts.iter().map(|artifact| artifact.target.as_str()).collect();
    let all = policy.targets.iter().map(|target| target.spec.name.as_str());
    let others = all.filter(|name| !done.contains(name)).collect();
    let feeds = feeds.iter().map(|(vendor, feed)| (vendor.to_owned(), feed.version().to_string()));
    let feeds: BTreeMap<_, _> = feeds.collect();
    let made = output::Made {
        root: &root,
        policy: &policy.name.value,
        source: &load::source_name(&command.policy),
        feeds,
        artifacts,
        others: &others,
        seen: &invocation.seen,
        force: command.force,
    };
    let writes = !command.check && !command.diff;
    let tree = phase("open, lock", || open(&root, writes))?;
    let plan = phase("compare with files", || output::plan(tree.as_ref(), &made))?;
    if !plan.conflicts.is_empty() {
        plan.conflicts.iter().for_each(|one| invocation.diags.push(in_the_way(policy, one)));
        invocation.finish(global, &json!(null));
        return Ok(FAILED);
    }
    if let Some(tree) = tree.as_ref().filter(|_| writes) {
        phase("write", || plan.carry_out(tree, &root))?;
    }
    invocation.finish(global, &results(artifacts, &plan));
    if command.diff {
        print(&diff(&plan));
    }
    if global.format == Format::Human && !command.diff {
        print(&summary(artifacts, &plan, &root, writes));
    }
    if !command.check || plan.is_up_to_date() {
        return Ok(CLEAN);
    }
    say(&format!("to bring them up to date: {}\n", repair(command)));
    Ok(FINDINGS)
}

/// Opens the output folder and locks it: nobody else writes while we read or write.
fn open(root: &Path, writes: bool) -> Result<Option<Tree>, Failed> {
    let waiting = || super::waiting(root);
    let tree = match writes {
        true => Tree::to_write(root, &waiting).map(Some),
        false => Tree::to_read(root, &waiting),
    };
    tree.map_err(|error| disk::refused(&root.to_string_lossy(), &error))
}

/// Reports what is in the place of an output.
fn in_the_way(policy: &Policy, conflict: &output::Conflict) -> Diagnostic {
    let target = policy.targets.iter().find(|t| Some(&t.spec.name) == conflict.target.as_ref());
    let span = target.map_or(policy.name.span, |target| target.output);
    Diagnostic::new(Code::OutputTaken, conflict.message.as_str())
        .at(span, "")
        .help(conflict.help.as_str())
}

fn root(command: &Compile) -> Result<PathBuf, Failed> {
    match command.output.as_deref() {
        Some(folder) => Ok(PathBuf::from(folder)),
        None if command.policy == "-" => {
            Err(Failed("a policy from standard input needs `-o DIR` or `-o -`".to_owned()))
        }
        None => Ok(disk::folder(&command.policy)),
    }
}

fn to_stdout(artifacts: &[Artifact]) -> Result<u8, Failed> {
    let mut files = artifacts.iter().flat_map(|artifact| &artifact.files);
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(print_verbatim(&file.text)),
        _ => Err(Failed(
            "`-o -` prints a single file: choose a target that writes one file with `-t`"
                .to_owned(),
        )),
    }
}

fn repair(command: &Compile) -> String {
    let mut words = vec!["portcullis compile".to_owned(), quoted(&command.policy)];
    words.extend(command.targets.iter().map(|target| format!("-t {}", quoted(target))));
    words.extend(command.output.iter().map(|folder| format!("-o {}", quoted(folder))));
    let root = command.inputs.root.iter();
    words.extend(root.map(|d| format!("--root {}", quoted(&d.to_string_lossy()))));
    words.extend(command.inputs.aws_feed.iter().map(|feed| format!("--aws-feed {}", quoted(feed))));
    let templates = command.template_dir.iter();
    words.extend(templates.map(|d| format!("--template-dir {}", quoted(&d.to_string_lossy()))));
    words.join(" ")
}

/// Quotes a word for a POSIX shell where it needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn state_of(plan: &output::Plan, path: &str, wrote: bool) -> &'static str {
    let changed = plan.changed.iter().find(|(file, _)| file.path == path);
    match (changed, wrote) {
        (None, _) => "unchanged",
        (Some(_), true) => "written",
        (Some((_, None)), false) => "missing",
        (Some(_), false) => "out of date",
    }
}

fn summary(artifacts: &[Artifact], plan: &output::Plan, root: &Path, wrote: bool) -> String {
    let mut text = String::new();
    for artifact in artifacts {
        text += &format!(
            "{}: {} for {}, {}, {}, proven\n",
            artifact.target,
            artifact.kind,
            artifact.place,
            counted(artifact.rules, "rule"),
            counted(artifact.prefixes, "CIDR")
        );
        for file in &artifact.files {
            let path = root.join(&file.path);
            text += &format!("  {:<11} {}\n", state_of(plan, &file.path, wrote), path.display());
        }
    }
    for path in &plan.stale {
        let word = if wrote { "removed" } else { "stale" };
        text += &format!("  {word:<11} {}\n", root.join(path).display());
    }
    for path in &plan.edited {
        text += &format!(
            "  {:<11} {} (edited, or not written by portcullis; remove it by hand)\n",
            "stale",
            root.join(path).display()
        );
    }
    if plan.only_manifest() && !wrote {
        text += "  out of date the manifest\n";
    }
    text
}

fn results(artifacts: &[Artifact], plan: &output::Plan) -> serde_json::Value {
    let changed: BTreeSet<_> = plan.changed.iter().map(|(file, _)| file.path.as_str()).collect();
    let artifacts: Vec<_> = artifacts
        .iter()
        .map(|artifact| {
            let files = artifact.files.iter().map(|file| {
                json!({ "path": file.path, "changed": changed.contains(file.path.as_str()) })
            });
            json!({
                "target": artifact.target,
                "kind": artifact.kind,
                "rules": artifact.rules,
                "prefixes": artifact.prefixes,
                "proven": true,
                "files": files.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "artifacts": artifacts, "stale": plan.stale, "up_to_date": plan.is_up_to_date() })
}

fn diff(plan: &output::Plan) -> String {
    let one = |path: &str, old: &str, new: &str| {
        similar::TextDiff::from_lines(old, new)
            .unified_diff()
            .header(&format!("a/{path}"), &format!("b/{path}"))
            .to_string()
    };
    let changed = plan.changed.iter();
    changed.map(|(file, old)| one(&file.path, old.as_deref().unwrap_or(""), &file.text)).collect()
}
