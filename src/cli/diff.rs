//! `portcullis diff`: what traffic a change opens and closes.

use super::report::{self, Failed, Invocation, print};
use super::{CLEAN, FAILED, FINDINGS, Format, Global, InputArgs, disk, load, revision::Revision};
use crate::analysis::Names;
use crate::command::compile::{self, Artifact, Inputs};
use crate::command::diff::{self, Diff, FirewallChange, Side};
use crate::command::verify;
use crate::command::{self, Session};
use crate::diag::{Diags, Severity, counted, listed};
use crate::feed::Feeds;
use crate::firewall::{File, Listing, ReadError, render::Templates};
use crate::pass::resolve::{self, Resolved};
use crate::policy::ast::{Policy, Target};
use crate::proof::Budget;
use clap::Args;
use serde_json::json;

#[derive(Args, Debug)]
pub(super) struct Compare {
    /// The old and the new policy; with `--against`, only the new one. With `--policy`, two artifacts or live
    /// listings of one of its targets: files or folders.
    #[arg(required = true, num_args = 1..=2, value_names = ["OLD", "NEW"])]
    sides: Vec<String>,
    /// Compare with the same policy at this revision of its git repository.
    #[arg(long, value_name = "REV", conflicts_with = "policy")]
    against: Option<String>,
    /// Compare two firewalls in the place of a target of this policy.
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// The target in whose place the two firewalls are compared.
    #[arg(short, long, value_name = "TARGET", requires = "policy")]
    target: Option<String>,
    #[command(flatten)]
    inputs: InputArgs,
    /// Read the AWS address feed of the old side from this file; by default both sides use the same feed.
    #[arg(long, value_name = "FILE", conflicts_with = "policy")]
    old_aws_feed: Option<String>,
    /// Write Markdown for a comment on a pull request.
    #[arg(long)]
    markdown: bool,
}

/// Runs the command.
pub(super) fn run(command: &Compare, global: &Global) -> u8 {
    report::run(global, |invocation| match &command.policy {
        Some(policy) => of_firewalls(command, policy, global, invocation),
        None => of_policies(command, global, invocation),
    })
}

/// What is known of one side.
struct Loaded<'a> {
    path: &'a str,
    revision: Option<&'a Revision>,
    policy: Policy,
    feeds: Feeds,
    resolved: Resolved,
}

impl Loaded<'_> {
    /// Compiles it; what prevents that is reported.
    fn side(&self, invocation: &mut Invocation) -> Side<'_> {
        let mut session = Session::new(&self.policy, &self.feeds, &self.resolved);
        let (templates, source) = (Templates::default(), load::source_name(self.path));
        let inputs = Inputs { templates: &templates, source: &source };
        let mut diags = Diags::default();
        let artifacts = compile::compile(&mut session, &inputs, &|_| true, &mut diags);
        let errors = diags.list().iter().filter(|d| d.severity == Severity::Error);
        errors.for_each(|error| invocation.diags.push(error.clone()));
        let committed = self.revision.zip(artifacts.as_ref());
        let committed = committed.map(|(revision, made)| committed_with(made, self.path, revision));
        Side { session, artifacts, committed: committed.unwrap_or_default() }
    }
}

fn of_policies(
    command: &Compare,
    global: &Global,
    invocation: &mut Invocation,
) -> Result<u8, Failed> {
    let (old, new) = match (&command.against, command.sides.as_slice()) {
        (None, [old, new]) => (old, new),
        (Some(_), [both]) => (both, both),
        (None, _) => {
            return Err(Failed(
                "nothing to compare with: give two policies, or `--against REV`".to_owned(),
            ));
        }
        (Some(_), _) => {
            return Err(Failed("`--against` takes one policy".to_owned()));
        }
    };
    let revision = match &command.against {
        Some(name) => Some(Revision::new(name, old, &command.inputs)?),
        None => None,
    };
    let old = load_old(command, old, revision.as_ref(), invocation)?;
    let new = load_side(&command.inputs, new, None, invocation)?;
    let (Some(old), Some(new)) = (old, new) else {
        invocation.finish(global, &json!(null));
        return Ok(FAILED);
    };
    let (was, is) = (old.side(invocation), new.side(invocation));
    let names = is.session.names().clone().or(was.session.names().clone());
    let Some(found) = diff::diff(&was, &is, &names, &invocation.sources) else {
        return Err(Failed(too_large("the policies")));
    };
    if matches!(global.format, Format::Github | Format::Sarif) {
        let notes = found.changes.iter().map(|line| line.diagnostic(new.policy.name.span));
        notes.for_each(|note| invocation.diags.push(note));
    }
    invocation.finish(global, &json!(found));
    if global.format == Format::Human {
        print(&text(command, &found, &new.policy));
    }
    Ok(match found.is_empty() {
        _ if invocation.diags.has_errors() => FAILED,
        true => CLEAN,
        false => FINDINGS,
    })
}

fn text(command: &Compare, found: &Diff, policy: &Policy) -> String {
    match (command.markdown, &command.against) {
        (false, _) => found.text(),
        (true, Some(against)) => {
            found.markdown(&format!("{}: traffic changes against {against}", policy.name.value))
        }
        (true, None) => found.markdown(&format!("{}: traffic changes", policy.name.value)),
    }
}

fn load_old<'a>(
    command: &Compare,
    path: &'a str,
    revision: Option<&'a Revision>,
    invocation: &mut Invocation,
) -> Result<Option<Loaded<'a>>, Failed> {
    let mut inputs = command.inputs.clone();
    let then = |feed: &String| revision.is_some_and(|revision| revision.has(feed));
    if let Some(feed) = &command.old_aws_feed {
        inputs.aws_feed = Some(feed.clone());
    } else if let (Some(revision), Some(feed)) =
        (revision, command.inputs.aws_feed.as_ref().filter(|feed| then(feed)))
    {
        let feeds = load::feeds_of(feed, &revision.bytes(feed).map_err(Failed)?)?;
        return load_with(feeds, &inputs, path, Some(revision), invocation);
    }
    load_side(&inputs, path, revision, invocation)
}

fn load_side<'a>(
    inputs: &InputArgs,
    path: &'a str,
    revision: Option<&'a Revision>,
    invocation: &mut Invocation,
) -> Result<Option<Loaded<'a>>, Failed> {
    load_with(load::feeds(inputs, invocation)?, inputs, path, revision, invocation)
}

fn load_with<'a>(
    feeds: Feeds,
    inputs: &InputArgs,
    path: &'a str,
    revision: Option<&'a Revision>,
    invocation: &mut Invocation,
) -> Result<Option<Loaded<'a>>, Failed> {
    let policy = match revision {
        Some(revision) => load::policy_by(path, revision, inputs, invocation),
        None => load::policy(path, inputs, invocation)?,
    };
    let Some(policy) = policy else { return Ok(None) };
    let resolved = command::resolved(&policy, &feeds, &mut invocation.diags);
    Ok(resolved.map(|resolved| Loaded { path, revision, policy, feeds, resolved }))
}

/// Returns the committed files of the targets whose files all exist.
fn committed_with(
    made: &[Artifact],
    policy: &str,
    revision: &Revision,
) -> Vec<(String, Vec<File>)> {
    let then = |file: &File| {
        let path = disk::folder(policy).join(&file.path);
        let text = String::from_utf8(revision.bytes(&path.to_string_lossy()).ok()?).ok()?;
        Some(File { text, ..file.clone() })
    };
    let all = made.iter().map(|artifact| {
        let files = artifact.files.iter().map(then).collect::<Option<Vec<_>>>()?;
        Some((artifact.target.clone(), files))
    });
    all.flatten().collect()
}

fn of_firewalls(
    command: &Compare,
    path: &str,
    global: &Global,
    invocation: &mut Invocation,
) -> Result<u8, Failed> {
    let [old, new] = command.sides.as_slice() else {
        return Err(Failed("`--policy` compares two artifacts or listings: give both".to_owned()));
    };
    let feeds = load::feeds(&command.inputs, invocation)?;
    let Some(policy) = load::policy(path, &command.inputs, invocation)? else {
        invocation.finish(global, &json!(null));
        return Ok(FAILED);
    };
    let target = one_target(command, &policy)?;
    let read = |path: &String| {
        let files = load::files(std::slice::from_ref(path))?;
        verify::read(&target.spec, &files, None).map_err(|error| unread(&files, &error))
    };
    let (old, new) = (read(old)?, read(new)?);
    let sets = resolve::names(&policy, &feeds);
    let names = Names::new(sets.networks, sets.services);
    let found = diff::firewalls(&target.spec, &old, &new, &names);
    let found = found.map_err(|_| Failed(too_large("the two")))?;
    let unclear = unclear(&old) + unclear(&new);
    invocation.finish(global, &json!({ "changes": found, "not_understood": unclear }));
    if global.format == Format::Human {
        print(&firewalls(&found, unclear));
    }
    Ok(if found.is_empty() { CLEAN } else { FINDINGS })
}

fn too_large(what: &str) -> String {
    let budget = Budget::default();
    format!("{what} could not be compared within {budget}; raise `--proof-memory MIB`")
}

fn unclear(listing: &Listing) -> usize {
    listing.unclear.len()
}

fn unread(files: &[File], error: &ReadError) -> Failed {
    let file = files.get(error.place.file).map_or("", |file| &file.path);
    Failed(format!("{file}:{}: {}", error.place.line, error.reason))
}

fn one_target<'a>(command: &Compare, policy: &'a Policy) -> Result<&'a Target, Failed> {
    let wanted = |target: &&Target| match &command.target {
        Some(name) => target.spec.name == *name,
        None => policy.targets.len() == 1,
    };
    policy.targets.iter().find(wanted).ok_or_else(|| {
        let names = listed(policy.targets.iter().map(|t| t.spec.name.clone()), ", ");
        Failed(format!("choose a target with `-t`: {names}"))
    })
}

fn firewalls(found: &[FirewallChange], unclear: usize) -> String {
    let mut text: String = found.iter().map(FirewallChange::text).collect();
    if found.is_empty() {
        text += "both decide every packet the same way\n";
    }
    if unclear > 0 {
        let lines = counted(unclear, "line");
        text += &format!("not fully understood: {lines}; `verify` names them\n");
    }
    text
}
