//! What a command says: diagnostics in the format that was asked for.

use super::{CLEAN, Color, FAILED, Format, Global};
use crate::diag::{self, Diags};
use crate::policy::ast::Policy;
use crate::source::SourceMap;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// A reason why something could not be done: files, arguments.
#[derive(Debug)]
pub(super) struct Failed(pub(super) String);

/// The texts of a run and what was said about them.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) sources: SourceMap,
    pub(super) diags: Diags,
}

/// Runs a command on a policy; what cannot be done is said after what was found.
pub(super) fn run(global: &Global, attempt: impl FnOnce(&mut Session) -> Result<u8, Failed>) -> u8 {
    let mut session = Session::default();
    match attempt(&mut session) {
        Ok(code) => code,
        Err(Failed(message)) => {
            session.finish(global, &serde_json::json!({ "error": message }));
            failure(&message)
        }
    }
}

/// Says on standard error that something could not be done.
pub(super) fn failure(message: &str) -> u8 {
    say(&format!("error: {message}\n"));
    FAILED
}

/// Writes to standard error; nobody can be told when that fails.
pub(super) fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Whether something could not be written to standard output.
static LOST: AtomicBool = AtomicBool::new(false);

/// Writes to standard output; a reader that went away (`| head`) is no failure.
pub(super) fn print(text: &str) -> u8 {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => CLEAN,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => CLEAN,
        Err(error) => {
            LOST.store(true, Ordering::Relaxed);
            failure(&format!("standard output: {error}"))
        }
    }
}

/// Gives a command's exit code: what it printed must have got there.
pub(super) fn settled(code: u8) -> u8 {
    if LOST.load(Ordering::Relaxed) { FAILED } else { code }
}

impl Session {
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
        if global.format == Format::Human {
            say(&text);
        } else {
            print(&text);
        }
    }
}

/// A sign of life on a terminal, when the work on a policy is long enough to wonder.
pub(super) fn progress(doing: &str, policy: &Policy, global: &Global) -> indicatif::ProgressBar {
    const LONG: usize = 2_000;
    if policy.rules.len() < LONG || global.format != Format::Human {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner();
    bar.set_message(format!("{doing} {} rules", policy.rules.len()));
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
