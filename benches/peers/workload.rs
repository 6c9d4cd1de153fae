//! Writes the policies that `run.py` measures, as each compiler takes them, into a folder; tells on standard
//! output how many rules each has to come to.

#![expect(clippy::print_stdout, reason = "this is a program")]

#[path = "../support/mod.rs"]
mod support;

use portcullis::net::Family;
use std::fs;
use std::path::Path;
use support::workloads::{self, Workload};

fn main() {
    let folder = std::env::args().nth(1).expect("usage: workload FOLDER");
    let folder = Path::new(&folder);
    let (text, connect) = workloads::connect();
    compared(folder, "connect", &text, &connect);
    for (name, rules, objects, prefixes) in [("s1k", 1_000, 200, 50), ("s10k", 10_000, 2_000, 5)] {
        let workload = workloads::synthetic(rules, objects, prefixes);
        compared(folder, name, &workload.policy(), &workload);
    }
    for (name, text) in [
        ("million", workloads::FROM_FILE.to_owned()),
        ("acl", support::policy(10_000)),
        ("wild", support::wild_policy(10_000)),
        ("union", workloads::union(2_000)),
        ("hosts", workloads::hosts(40_000)),
        ("dense", workloads::dense(100)),
    ] {
        policies(&folder.join(name), &text);
    }
    write(&folder.join("million/prefixes.txt"), &workloads::prefixes(1_000_000));
}

/// Writes a policy for each kind of target, and one for all of them.
fn policies(folder: &Path, text: &str) {
    let kinds = ["nftables", "iptables", "pf"];
    for kind in kinds {
        write(
            &folder.join(format!("{kind}.yaml")),
            &(text.to_owned() + &workloads::targets(&[kind])),
        );
    }
    write(&folder.join("all.yaml"), &(text.to_owned() + &workloads::targets(&kinds)));
}

fn compared(folder: &Path, name: &str, text: &str, workload: &Workload) {
    let own = folder.join(name);
    policies(&own, text);
    let (v4, v6) = (workload.counts(Family::V4), workload.counts(Family::V6));
    for (kind, targets) in [
        ("nftables", &["nftables"][..]),
        ("iptables", &["iptables", "iptables6"]),
        ("all", &["nftables", "iptables", "iptables6", "packetfilter"]),
    ] {
        let targets = if v6.0 == 0 {
            targets.iter().copied().filter(|target| *target != "iptables6").collect()
        } else {
            targets.to_vec()
        };
        let (names, rules) = workload.aerleon(&targets);
        write(&own.join("aerleon/definitions/names.yaml"), &names);
        write(&own.join(format!("aerleon/{kind}.yaml")), &rules);
    }
    let mut ferm = workload.ferm(Family::V4);
    if v6.0 > 0 {
        ferm += &workload.ferm(Family::V6);
    }
    write(&own.join("ferm.conf"), &ferm);
    println!(
        "{name} {} {} {} {}",
        workload.rules(),
        v4.0 + v6.0,
        v4.1 + v6.1,
        if v6.0 > 0 { 2 } else { 1 }
    );
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("written");
}
