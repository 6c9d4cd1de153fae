//! `portcullis verify`: compares committed artifacts, or live listings of firewalls, with the policy.

use super::report::{self, Failed, Invocation, print};
use super::{CLEAN, FAILED, FINDINGS, Format, Global, InputArgs, disk, load};
use crate::command::compile::{self, Artifact, Inputs};
use crate::command::verify::Verified;
use crate::command::{self, Session};
use crate::diag::{Code, Diagnostic, listed};
use crate::files::{Standing, Tree, most};
use crate::firewall::{File, render::Templates};
use crate::policy::ast::Target;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The policy file; `-` is standard input.
    policy: String,
    /// Live listings of the target's firewall, or artifacts: files or folders; `-` is standard input. By
    /// default, the files that `compile` writes.
    artifacts: Vec<String>,
    #[command(flatten)]
    inputs: InputArgs,
    /// Verify only this target; can be repeated.
    #[arg(short, long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Look for the files below this folder instead of the policy's own.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(command: &Verify, global: &Global) -> u8 {
    report::run(global, |invocation| attempt(command, global, invocation))
}

fn attempt(command: &Verify, global: &Global, invocation: &mut Invocation) -> Result<u8, Failed> {
    let feeds = load::feeds(&command.inputs, invocation)?;
    let templates = Templates::default();
    let Some(policy) = load::policy(&command.policy, &command.inputs, invocation)? else {
        invocation.finish(global, &json!(null));
        return Ok(FAILED);
    };
    load::known_targets(&command.targets, &policy)?;
    let source = load::source_name(&command.policy);
    let inputs = Inputs { templates: &templates, source: &source };
    let wanted = |name: &str| load::wants(&command.targets, name);
    let progress = report::progress("verifying", &policy, global);
    let Some(resolved) = command::resolved(&policy, &feeds, &mut invocation.diags) else {
        invocation.finish(global, &json!(null));
        return Ok(FAILED);
    };
    let mut session = Session::new(&policy, &feeds, &resolved);
    let diags = &mut invocation.diags;
    let Some(compiled) = compile::compile(&mut session, &inputs, &wanted, diags) else {
        invocation.finish(global, &json!(null));
        return Ok(FAILED);
    };
    let targets: Vec<_> = policy.targets.iter().filter(|t| wanted(&t.spec.name)).collect();
    let given = given(command, &targets, &compiled, invocation)?;
    let verified = given.iter().filter_map(|(target, files)| {
        let made = compiled.iter().find(|artifact| artifact.target == target.spec.name)?;
        let Invocation { sources, diags, .. } = &mut *invocation;
        session.verify(target, (files, made), sources, diags)
    });
    let verified: Vec<_> = verified.collect();
    progress.finish_and_clear();
    let done = verified.len() == targets.len();
    invocation.finish(global, &json!({ "targets": verified }));
    if global.format == Format::Human {
        print(&verified.iter().map(|one| summary(one, &given)).collect::<String>());
    }
    Ok(match verified.iter().all(|one| one.equal) {
        _ if !done => FAILED,
        true => CLEAN,
        false => FINDINGS,
    })
}

/// A target and the files to compare with the policy.
type Given<'a> = (&'a Target, Vec<File>);

/// Reads what is to be verified, and reports what is missing.
fn given<'a>(
    command: &Verify,
    targets: &[&'a Target],
    compiled: &[Artifact],
    invocation: &mut Invocation,
) -> Result<Vec<Given<'a>>, Failed> {
    if !command.artifacts.is_empty() {
        let [target] = targets else {
            let names = listed(targets.iter().map(|target| target.spec.name.clone()), ", ");
            let message =
                format!("which target do these files belong to? choose one with `-t`: {names}");
            return Err(Failed(message));
        };
        return Ok(vec![(*target, load::files(&command.artifacts)?)]);
    }
    let root = command.output.clone().unwrap_or_else(|| disk::folder(&command.policy));
    let tree = Tree::to_read(&root, &|| super::waiting(&root))
        .map_err(|error| disk::refused(&root.to_string_lossy(), &error))?;
    let mut given = Vec::new();
    for target in targets {
        let artifact = compiled.iter().find(|artifact| artifact.target == target.spec.name);
        let wanted = artifact.map(|artifact| artifact.files.as_slice()).unwrap_or_default();
        let mut files = Vec::new();
        for file in wanted {
            let standing = tree.as_ref().map(|tree| tree.standing(&file.path, most::ARTIFACT));
            let why = match standing.unwrap_or(Ok(Standing::Nothing)) {
                Ok(Standing::File(content)) => {
                    files.push(load::text(&file.path, content.bytes)?);
                    continue;
                }
                Ok(Standing::Nothing) => "there is no such file".to_owned(),
                Ok(Standing::Other(why)) => why,
                Err(error) => error.to_string(),
            };
            invocation.diags.push(missing(target, &root.join(&file.path), &why));
        }
        if files.len() == wanted.len() {
            given.push((*target, files));
        }
    }
    Ok(given)
}

fn missing(target: &Target, path: &Path, why: &str) -> Diagnostic {
    let message = format!("`{}` cannot be read: {why}", path.display());
    Diagnostic::new(Code::ArtifactMissing, message)
        .at(target.name, "this target writes it")
        .help("run `portcullis compile`, or give the files as arguments")
}

fn summary(verified: &Verified, given: &[Given<'_>]) -> String {
    let files = given.iter().find(|(target, _)| target.spec.name == verified.target);
    let files = files.map(|(_, files)| files.as_slice()).unwrap_or_default();
    let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    let says = if verified.equal { "equal to the policy" } else { "differs from the policy" };
    format!("{}: {says}: {}\n", verified.target, paths.join(", "))
}
