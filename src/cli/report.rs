//! What a command prints: diagnostics in the format that was asked for.

use super::{CLEAN, Color, FAILED, Format, Global};
use crate::diag::{self, Diags, counted};
use crate::files::Seen;
use crate::policy::ast::Policy;
use crate::source::{SourceMap, shown, shown_json, shown_lines};
use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a command could not complete: files, arguments.
#[derive(Debug)]
pub(super) struct Failed(pub(super) String);

/// The texts of a run, the diagnostics about them, and which files they are.
#[derive(Debug, Default)]
pub(super) struct Invocation {
    pub(super) sources: SourceMap,
    pub(super) diags: Diags,
    /// The files that were read.
    pub(super) seen: Seen,
}

/// Runs a command on a policy; if it cannot complete, the reason is printed after what was found.
pub(super) fn run(
    global: &Global,
    attempt: impl FnOnce(&mut Invocation) -> Result<u8, Failed>,
) -> u8 {
    let mut invocation = Invocation::default();
    match attempt(&mut invocation) {
        Ok(code) => code,
        Err(Failed(message)) => {
            invocation.finish(global, &serde_json::json!({ "error": message }));
            failure(&message)
        }
    }
}

/// Prints on standard error why something could not be done.
pub(super) fn failure(message: &str) -> u8 {
    say(&format!("error: {}\n", shown(message)));
    FAILED
}

/// What a printed text may contain. This file alone prints, and every text passes through here, whatever a
/// command forgot: the names, files and listings in it come from others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Text {
    /// Human-readable lines.
    Plain,
    /// The same, with colors, which only renderers have put in: their input has no escape sequences.
    Colored,
    /// A JSON document.
    Json,
    /// Workflow commands, whose data the renderer has escaped.
    Commands,
    /// What another program reads, byte by byte: an artifact, or this program's own text.
    Verbatim,
}

impl Text {
    fn made(self, text: &str) -> Cow<'_, str> {
        match self {
            Text::Plain => shown_lines(text),
            Text::Colored => painted(text),
            Text::Json => shown_json(text),
            Text::Commands => text.split_inclusive('\n').map(command).collect(),
            Text::Verbatim => Cow::Borrowed(text),
        }
    }
}

/// Shows text with colors: of escape sequences only those pass that choose one, such as `[1;31m`.
fn painted(text: &str) -> Cow<'_, str> {
    let mut pieces = text.split('\u{1b}');
    let mut shown = shown_lines(pieces.next().unwrap_or_default()).into_owned();
    for piece in pieces {
        let rest = piece
            .strip_prefix('[')
            .map(|p| p.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
        match rest.and_then(|rest| rest.strip_prefix('m')) {
            Some(rest) => {
                shown.push('\u{1b}');
                shown.push_str(&piece[..piece.len() - rest.len()]);
                shown.push_str(&shown_lines(rest));
            }
            None => {
                shown.push_str("\\u{1b}");
                shown.push_str(&shown_lines(piece));
            }
        }
    }
    Cow::Owned(shown)
}

/// Shows a line that is a workflow command; any other becomes a line like those for people.
fn command(line: &str) -> String {
    let ours = ["::error ", "::warning ", "::notice "];
    match ours.iter().find_map(|word| line.strip_prefix(word).map(|rest| (word, rest))) {
        Some((word, rest)) => format!("{word}{}", shown_lines(rest)),
        None => shown_lines(line).into_owned(),
    }
}

/// Writes lines for people to standard error.
pub(super) fn say(text: &str) {
    say_as(Text::Plain, text);
}

/// Writes to standard error; if that fails, there is nowhere left to report it.
fn say_as(how: Text, text: &str) {
    let _ = std::io::stderr().write_all(how.made(text).as_bytes());
}

/// Whether something could not be written to standard output.
static LOST: AtomicBool = AtomicBool::new(false);

/// Writes lines for people to standard output.
pub(super) fn print(text: &str) -> u8 {
    print_as(Text::Plain, text)
}

/// Writes to standard output what another program reads: an artifact, or this program's own text.
pub(super) fn print_verbatim(text: &str) -> u8 {
    print_as(Text::Verbatim, text)
}

/// Writes a JSON document to standard output.
pub(super) fn print_json(document: &serde_json::Value) -> u8 {
    print_as(Text::Json, &format!("{document:#}\n"))
}

/// Writes to standard output; a reader that went away (`| head`) is not a failure.
fn print_as(how: Text, text: &str) -> u8 {
    let mut out = std::io::stdout();
    match out.write_all(how.made(text).as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => CLEAN,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => CLEAN,
        Err(error) => {
            LOST.store(true, Ordering::Relaxed);
            failure(&format!("standard output: {error}"))
        }
    }
}

/// Prints what is wrong with the arguments, or the help or the version that they ask for.
pub(super) fn arguments(error: &clap::Error) -> u8 {
    let color = match error.use_stderr() {
        true => std::io::stderr().is_terminal(),
        false => std::io::stdout().is_terminal(),
    } && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let text = match color {
        true => error.render().ansi().to_string(),
        false => error.render().to_string(),
    };
    let how = if color { Text::Colored } else { Text::Plain };
    match error.use_stderr() {
        true => say_as(how, &text),
        false => drop(print_as(how, &text)),
    }
    settled(u8::try_from(error.exit_code()).unwrap_or(FAILED))
}

/// Returns a command's exit code, which is a failure if what it printed was lost.
pub(super) fn settled(code: u8) -> u8 {
    if LOST.load(Ordering::Relaxed) { FAILED } else { code }
}

impl Invocation {
    /// Says what was found: for people on standard error, else one document on standard output, which
    /// has `results` in it where the format is JSON.
    pub(super) fn finish(&self, global: &Global, results: &serde_json::Value) {
        let (diags, sources) = (&self.diags, &self.sources);
        let format = match global.format {
            Format::Human => diag::Format::Human { color: colored(global) },
            Format::Json => diag::Format::Json,
            Format::Sarif => diag::Format::Sarif,
            Format::Github => diag::Format::Github,
        };
        let text = diag::render_with(diags, sources, format, results);
        match format {
            diag::Format::Human { color: true } => say_as(Text::Colored, &text),
            diag::Format::Human { color: false } => say(&text),
            diag::Format::Json | diag::Format::Sarif => drop(print_as(Text::Json, &text)),
            diag::Format::Github => drop(print_as(Text::Commands, &text)),
        }
    }
}

/// Returns a progress indicator for a terminal, shown when the work on a policy takes long.
pub(super) fn progress(doing: &str, policy: &Policy, global: &Global) -> indicatif::ProgressBar {
    const LONG: usize = 2_000;
    if policy.rules.len() < LONG || global.format != Format::Human {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner();
    bar.set_message(format!("{doing} {}", counted(policy.rules.len(), "rule")));
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}

/// Tells whether human output has colors.
pub(super) fn colored(global: &Global) -> bool {
    match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            std::io::stderr().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        }
    }
}
