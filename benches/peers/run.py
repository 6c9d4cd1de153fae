#!/usr/bin/env python3
"""Times Portcullis beside Aerleon and ferm, and prints the README's table.

    python3 benches/peers/run.py [--rounds N]

The same rules and addresses for all (benches/peers/workload.rs makes them), whole processes, one after the other in
every round; the table has the medians. Aerleon is installed into a virtual environment below target/; ferm comes from
the distribution (Debian: apt-get install ferm python3-venv). A compiler that fails, or that writes another number of
rules than it was given, ends the run.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
AERLEON = "1.18.0"


def fail(message):
    sys.exit(f"run.py: {message}")


def built():
    """Builds the program and the workloads; returns the paths of both."""
    command = ["cargo", "build", "--release", "--locked", "--bin", "portcullis", "--example", "workload"]
    subprocess.run(command, cwd=ROOT, check=True)
    return TARGET / "release/portcullis", TARGET / "release/examples/workload"


def aerleon():
    """Installs Aerleon once; returns the path of its compiler."""
    home = TARGET / f"aerleon-{AERLEON}"
    if not (home / "bin/aclgen").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([home / "bin/pip", "install", "--quiet", f"aerleon=={AERLEON}"], check=True)
    return home / "bin/aclgen"


def timed(command, good=(0,)):
    """Runs a command; returns its seconds, its peak of memory in MiB, and what it printed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        text = out.read().decode()
        if process.returncode not in good:
            fail(f"{' '.join(map(str, command))}: exit {process.returncode}\n{err.read().decode()[-2000:]}")
    return seconds, usage.ru_maxrss / 1024, text


def counted(what, found, expected):
    if found != expected or not found:
        fail(f"{what}: {found} rules instead of {expected}")


def read(folder, pattern):
    """Returns the text of the files of a folder that a pattern names; there has to be one at least."""
    files = sorted(folder.rglob(pattern))
    if not files:
        fail(f"{folder} has no {pattern}")
    return "".join(file.read_text() for file in files)


class Job:
    """A policy, a kind of target (or all), and how many rules each compiler has to come to."""

    def __init__(self, folder, name, kind, counts):
        self.folder, self.name, self.kind = folder / name, name, kind
        self.rules, self.families, self.flat, self.both = counts
        self.out = Path(tempfile.mkdtemp(dir=folder))

    def portcullis(self, binary):
        shutil.rmtree(self.out), self.out.mkdir()
        result = timed([binary, "compile", self.folder / f"{self.kind}.yaml", "-o", self.out])
        if not any(path.stat().st_size for path in self.out.rglob("*") if path.is_file()):
            fail(f"{self.name}, {self.kind}: Portcullis wrote nothing")
        return result

    def aerleon(self, binary):
        shutil.rmtree(self.out), self.out.mkdir()
        own = self.folder / "aerleon"
        result = timed([
            binary, "--base_directory", own, "--policy_file", own / f"{self.kind}.yaml",
            "--definitions_directory", own / "definitions", "--output_directory", self.out,
        ])
        if self.kind in ("nftables", "all"):
            # A chain for each rule; each of its lines stands there once or twice.
            chains = re.findall(r"^    chain (r\d+) \{\n(.*?)^    \}", read(self.out, "*.nft"), re.M | re.S)
            lines = sum(len(set(re.findall(r"^.* accept$", body, re.M))) for _, body in chains)
            counted(f"Aerleon, {self.name}, nftables", lines, self.families)
        if self.kind in ("iptables", "all"):
            text = "".join(path.read_text() for path in self.out.iterdir() if not path.suffix)
            jumps = len(re.findall(r"^-A OUTPUT -j ", text, re.M))
            # It works out both families and keeps one: their files have one name.
            families = self.rules if self.kind == "all" else self.families
            counted(f"Aerleon, {self.name}, iptables", jumps, families)
        if self.kind == "all":
            passes = len(re.findall(r"^pass out ", read(self.out, "*.pf"), re.M))
            counted(f"Aerleon, {self.name}, pf", passes, self.rules)
        return result

    def ferm(self, binary):
        result = timed([binary, "--noexec", "--lines", self.folder / "ferm.conf"])
        counted(f"ferm, {self.name}", len(re.findall(r"^-A OUTPUT ", result[2], re.M)), self.flat)
        return result


def spelled(seconds):
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def cell(results, own=None):
    """Spells the medians of time and memory, and how many times our own time that is."""
    if not results:
        return "–"
    seconds = statistics.median(result[0] for result in results)
    memory = statistics.median(result[1] for result in results)
    times = f" ({seconds / own:.0f} times)" if own and seconds >= 10 * own else ""
    times = f" ({seconds / own:.1f} times)" if own and not times else times
    return f"{spelled(seconds)}{times}, {memory:.0f} MiB"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="how often each is run (7)")
    rounds = parser.parse_args().rounds
    ferm = shutil.which("ferm") or shutil.which("ferm", path="/usr/sbin:/sbin")
    if not ferm:
        fail("ferm is not installed (Debian: apt-get install ferm)")
    (binary, workload), peer = built(), aerleon()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        lines = subprocess.run([workload, folder], check=True, capture_output=True, text=True).stdout
        counts = {name: list(map(int, rest)) for name, *rest in map(str.split, lines.splitlines())}
        measure(folder, counts, rounds, binary, peer, ferm)


def measure(folder, counts, rounds, binary, peer, ferm):
    rows = []
    for name, kind, what in [
        ("connect", "all", "Amazon Connect's addresses: nftables, iptables and pf"),
        ("s1k", "nftables", "1,000 rules over 10,000 prefixes: nftables"),
        ("s1k", "iptables", "the same: iptables"),
        ("s10k", "nftables", "10,000 rules over 10,000 prefixes: nftables"),
        ("s10k", "iptables", "the same: iptables"),
    ]:
        job = Job(folder, name, kind, counts[name])
        runs = [lambda job=job: job.portcullis(binary), lambda job=job: job.aerleon(peer)]
        # ferm writes iptables only.
        runs.append((lambda job=job: job.ferm(ferm)) if kind != "nftables" else None)
        rows.append((what, runs))
    # pf's own tables end at 200,000 entries.
    for kind in ("nftables", "iptables"):
        job = Job(folder, "million", kind, (0, 0, 0, 0))
        rows.append((f"1,000,000 prefixes from a file: {kind}", [lambda job=job: job.portcullis(binary)]))
    for name, what in [
        ("acl", "10,000 rules like access lists"),
        ("wild", "10,000 rules with many wildcards"),
        ("s10k", "10,000 rules over 10,000 prefixes"),
        ("hosts", "40,000 rules of one host each"),
        ("union", "2,000 networks and 200 rules over all of them"),
    ]:
        # Findings are exit code 1.
        run = lambda name=name: timed([binary, "check", folder / name / "nftables.yaml"], (0, 1))
        rows.append((f"`check`: {what}", [run]))
    results = [[[] for _ in runs] for _, runs in rows]
    for turn in range(rounds):
        for (what, runs), found in zip(rows, results):
            for run, list_ in zip(runs, found):
                if run:
                    list_.append(run())
        print(f"round {turn + 1} of {rounds}", file=sys.stderr)
    print(f"| what | Portcullis, proven | Aerleon {AERLEON} | ferm |\n|---|---|---|---|")
    for (what, _), (own, *peers) in zip(rows, results):
        time_ = statistics.median(result[0] for result in own)
        cells = [cell(own)] + [cell(peer, time_) for peer in peers]
        print(f"| {what} | {' | '.join(cells + ['–'] * (3 - len(cells)))} |")


if __name__ == "__main__":
    main()
