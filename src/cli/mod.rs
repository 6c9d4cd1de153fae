//! The command line: the only room that prints, reads the environment or exits.

mod check;
mod compile;
mod diff;
mod disk;
mod explain;
mod info;
mod load;
mod output;
mod report;
mod revision;
mod test;
mod verify;

use crate::timing;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::process::ExitCode;

/// Nothing to report.
const CLEAN: u8 = 0;
/// Findings, files out of date, or a difference.
const FINDINGS: u8 = 1;
/// The command could not complete.
const FAILED: u8 = 2;

/// A firewall rule compiler: one policy, every firewall, each artifact proven equal to the policy.
#[derive(Parser, Debug)]
#[command(name = "portcullis", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

const EXIT_CODES: &str = "Exit codes: 0 nothing to report; 1 findings, files out of date, or a \
difference; 2 could not complete.";

#[derive(Args, Debug)]
struct Global {
    /// Output format of diagnostics and results.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// When to color human-readable output.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    color: Color,
    /// Memory limit of a proof for each address family, in MiB.
    #[arg(long, global = true, value_name = "MIB", default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(1..), hide_short_help = true)]
    proof_memory: u32,
    /// Print how long each phase took, on standard error (unstable: for looking inside).
    #[arg(long, global = true, hide = true)]
    timings: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// Human-readable, on standard error.
    Human,
    /// One JSON document, on standard output.
    Json,
    /// SARIF 2.1.0, on standard output.
    Sarif,
    /// GitHub workflow commands, on standard output.
    Github,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Color {
    /// If standard error is a terminal and NO_COLOR is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Write a policy's artifacts, each proven, or report which are out of date.
    Compile(compile::Compile),
    /// Report everything that looks wrong with a policy, and write nothing.
    Check(check::Check),
    /// Explain what decides a packet, and why; or who can reach something, or where it can go.
    Explain(explain::Explain),
    /// Run a policy's tests and invariants, and report each.
    Test(test::Test),
    /// Compare committed artifacts, or live listings of firewalls, with the policy.
    Verify(verify::Verify),
    /// Show what traffic a change to a policy opens and closes, in the policy's own names.
    Diff(diff::Compare),
    /// List the kinds of firewall and what each can express.
    Targets,
    /// Print the JSON Schema of a kind of file, for editors.
    Schema {
        /// Which kind of file.
        #[arg(value_enum, default_value_t = info::Schema::Policy)]
        kind: info::Schema,
    },
    /// List the codes of diagnostics, or explain one.
    Codes {
        /// The code, such as `bad-address`.
        code: Option<String>,
    },
    /// Print a shell's completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// The inputs that every command on a policy takes.
#[derive(Args, Clone, Debug)]
struct InputArgs {
    /// Read the AWS address feed (`ip-ranges.json`) from a file instead of the built-in snapshot.
    #[arg(long, value_name = "FILE")]
    aws_feed: Option<String>,
    /// Let the policy read files anywhere below this folder, not only below its own.
    #[arg(long, value_name = "DIR")]
    root: Option<std::path::PathBuf>,
    /// The date at which `expires:` is judged (YYYY-MM-DD); without it, no rule has expired.
    #[arg(long, value_name = "DATE", value_parser = load::day)]
    as_of: Option<String>,
}

/// Runs the command line and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match arguments() {
        Ok(cli) => cli,
        Err(code) => return ExitCode::from(code),
    };
    let global = &cli.global;
    let bytes = usize::try_from(global.proof_memory).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    crate::proof::limit_memory(bytes);
    if global.timings {
        timing::start();
    }
    let code = match cli.command {
        Command::Compile(command) => compile::run(&command, global),
        Command::Check(command) => check::run(&command, global),
        Command::Explain(command) => explain::run(&command, global),
        Command::Test(command) => test::run(&command, global),
        Command::Verify(command) => verify::run(&command, global),
        Command::Diff(command) => diff::run(&command, global),
        Command::Targets => info::targets(global),
        Command::Schema { kind } => info::schema(kind),
        Command::Codes { code } => info::codes(code.as_deref()),
        Command::Completions { shell } => info::completions(shell, &mut Cli::command()),
        Command::Man => info::man(Cli::command()),
    };
    if let Some(timings) = timing::report() {
        report::say(&timings);
    }
    ExitCode::from(report::settled(code))
}

/// Says that a folder is locked by another run.
fn waiting(folder: &std::path::Path) {
    let folder = folder.display().to_string();
    let folder = if folder.is_empty() { "." } else { &folder };
    report::say(&format!(
        "waiting for another run of portcullis in {}\n",
        crate::source::shown(folder)
    ));
}

/// Reads the arguments; the error is the exit code, once what is wrong (or the help) was printed.
fn arguments() -> Result<Cli, u8> {
    let arguments: Vec<_> = std::env::args_os().collect();
    let error = match Cli::try_parse_from(&arguments) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    // The message has the arguments in it, of which a shell may have taken some from a folder's listing.
    let shown =
        arguments.iter().map(|one| crate::source::shown(&one.to_string_lossy()).into_owned());
    let error = Cli::try_parse_from(shown).err().unwrap_or(error);
    Err(report::arguments(&error))
}
