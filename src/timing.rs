//! Where the time of a run goes: named phases, for `--timings`.
//!
//! It knows nothing about what it times, so every room may name it. While it is off, a phase costs one load.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static ON: AtomicBool = AtomicBool::new(false);
static PHASES: Mutex<Vec<Phase>> = Mutex::new(Vec::new());

struct Phase {
    name: &'static str,
    runs: u32,
    time: Duration,
}

/// Starts counting.
pub(crate) fn start() {
    ON.store(true, Ordering::Relaxed);
}

/// Does some work as part of a phase. Phases may be nested and may run on several threads: each counts the
/// time from its own start to its own end.
pub(crate) fn phase<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    if !ON.load(Ordering::Relaxed) {
        return work();
    }
    let start = Instant::now();
    let result = work();
    let time = start.elapsed();
    if let Ok(mut phases) = PHASES.lock() {
        match phases.iter_mut().find(|phase| phase.name == name) {
            Some(phase) => (phase.runs, phase.time) = (phase.runs + 1, phase.time + time),
            None => phases.push(Phase { name, runs: 1, time }),
        }
    }
    result
}

/// Returns one line for each phase, in the order in which they first ended; `None` while it is off.
pub(crate) fn report() -> Option<String> {
    if !ON.load(Ordering::Relaxed) {
        return None;
    }
    let phases = PHASES.lock().ok()?;
    let line = |phase: &Phase| {
        let time = phase.time.as_secs_f64() * 1000.0;
        format!("{time:>10.3} ms  {:>4} x  {}\n", phase.runs, phase.name)
    };
    Some(phases.iter().map(line).collect())
}
