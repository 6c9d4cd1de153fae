//! Runs each case in a process of its own, in a network namespace that ends with it.

use std::path::Path;
use std::process::Command;

/// Names the case that a worker process runs.
pub const CASE: &str = "PORTCULLIS_KERNEL_CASE";
/// Set where every kernel test must run in full: nothing may be skipped.
const REQUIRE: &str = "PORTCULLIS_REQUIRE_KERNEL";

/// Tells whether every kernel test must run in full.
pub fn required() -> bool {
    std::env::var(REQUIRE).is_ok_and(|value| value == "1")
}

/// Says what the kernel tests lack here, or nothing.
fn missing() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root =
        status.lines().any(|l| l.starts_with("Uid:") && l.split_whitespace().nth(2) == Some("0"));
    if !root {
        return Some("root".to_owned());
    }
    if !Path::new("/dev/net/tun").exists() {
        return Some("/dev/net/tun".to_owned());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let on_path = |name: &str| path.split(':').any(|folder| Path::new(folder).join(name).exists());
    let tools = ["unshare", "ip", "nft", "iptables-restore", "ip6tables-restore", "ipset"];
    if let Some(tool) = tools.iter().find(|tool| !on_path(tool)) {
        return Some(format!("the command `{tool}`"));
    }
    let works = Command::new("unshare").args(["-n", "true"]).status();
    (!works.is_ok_and(|status| status.success())).then(|| "new network namespaces".to_owned())
}

/// Tells whether the kernel tests can run; where they must, a lack is a failure.
pub fn ready(test: &str) -> bool {
    let Some(missing) = missing() else { return true };
    assert!(!required(), "{test}: {missing} is missing, and {REQUIRE}=1 allows no skip");
    eprintln!("SKIPPED {test}: it needs {missing}");
    false
}

/// Runs the worker test with each case's name in a fresh namespace; gives what each said.
pub fn run_all(cases: &[String]) -> Vec<Result<String, String>> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let results = std::sync::Mutex::new(vec![Err("not run".to_owned()); cases.len()]);
    // Half of the time is spent waiting for the kernel to put rules in place.
    let workers = std::thread::available_parallelism().map_or(1, |n| 2 * n.get());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(case) = cases.get(at) else { break };
                    let result = run_one(case);
                    results.lock().expect("no worker panics")[at] = result;
                }
            });
        }
    });
    results.into_inner().expect("no worker panics")
}

fn run_one(case: &str) -> Result<String, String> {
    let binary = std::env::current_exe().map_err(|error| error.to_string())?;
    let outer = std::fs::read_link("/proc/self/ns/net").map_err(|error| error.to_string())?;
    let output = Command::new("unshare")
        .arg("-n")
        .arg(binary)
        .args(["--exact", "worker", "--ignored", "--nocapture"])
        .env(CASE, case)
        .env("RUST_BACKTRACE", "0")
        .env("PORTCULLIS_KERNEL_OUTER", outer)
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}
