#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Plant the faults of mutants.list in copies of the engine, one at a time, and check that
a test finds each of them.

For each fault, first run the test that found it in an earlier run, or tests that found
other faults in the same file; then run all tests. Faults found before are skipped while
engine and tests do not change: a run continues where an earlier one was interrupted.
"""

import argparse
import hashlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENGINE_FILES = ("kernel/dma/swiotlb.c", "kernel/dma/swiotlb", "include/linux/swiotlb.h")
# Time limit of a program in seconds, as a fault may cause an endless loop
LIMIT = "400"
TEST_LIMIT = "60"
# Exit status of timeout(1), as the shell reports it
TIMED_OUT = 128 + signal.SIGKILL


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    expression: str
    # Variables of make: the configuration in which tests find it
    variables: tuple = ()


def read_mutants(path=HERE / "mutants.list"):
    mutants = []
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, file, expression = line.split("|", 2)
        name, *variables = name.split()
        mutants.append(Mutant(name, file.strip(), expression.strip(), tuple(variables)))
    names = [m.name for m in mutants]
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        raise SystemExit(f"mutants.list: more than one {', '.join(sorted(twice))}")
    return mutants


def read_json(path):
    return json.loads(path.read_text()) if path.exists() else {}


def fingerprint(engine):
    """Return a hash of the engine, of its tests, and of the faults."""
    files = [path for name in ENGINE_FILES
             for path in [engine / name, *(engine / name).rglob("*")]]
    files += [*HERE.rglob("*.[ch]"), HERE / "mutants.list"]
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def planted(engine, mutant):
    """Return the content of the file with the fault. The expression must change one line."""
    original = Path(engine) / mutant.file
    if not original.exists():
        raise Stale(f"there is no {mutant.file}")
    done = subprocess.run(["sed", "-E", mutant.expression, str(original)],
                          capture_output=True, text=True)
    if done.returncode:
        raise Stale(done.stderr.strip())
    before, after = original.read_text().splitlines(), done.stdout.splitlines()
    changed = sum(a != b for a, b in zip(before, after)) + abs(len(after) - len(before))
    if changed != 1:
        raise Stale(f"{changed} lines of {mutant.file} change, not one")
    return done.stdout


def table(mutants, killed):
    """Yield rows of text: the faults of each file, and how many each program has found."""
    names = ("faults", "killed", *PROGRAM)
    counts = {}
    for mutant in mutants:
        file = mutant.file.removeprefix("kernel/dma/").removeprefix("swiotlb/")
        row = counts.setdefault(file, dict.fromkeys(names, 0))
        row["faults"] += 1
        if mutant.name in killed:
            row["killed"] += 1
            row[killed[mutant.name].split(" ")[0]] += 1
    counts["all"] = {name: sum(row[name] for row in counts.values()) for name in names}
    yield f"{'':24}" + "".join(f"{name:>8}" for name in names)
    for file, row in counts.items():
        yield f"{file:24}" + "".join(f"{row[column]:8}" for column in names)


class Stale(Exception):
    """The expression does not match the engine, or no longer does."""


class Builder:
    """Builds and runs programs of the harness in a separate directory."""

    def __init__(self, work, make_args, prefix=""):
        self.work, self.make_args = Path(work), list(make_args)
        self.prefix = prefix.split()
        self.log = self.work / "log"
        self.log.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.variables = ()

    def run(self, command, log):
        """
        Return whether the command succeeds in time; its output is appended to @log. Time
        that the prefix spends waiting does not count.
        """
        command = [*self.prefix, "timeout", "--foreground", "-s", "KILL", LIMIT, *command]
        with open(log, "a") as out:
            self.process = subprocess.Popen(command, stdout=out,
                                            stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL,
                                            start_new_session=True)
            try:
                status = self.process.wait()
            finally:
                self.stop()
            if status in (TIMED_OUT, -signal.SIGKILL):
                out.write(f"# no end after {LIMIT} s\n")
            return status == 0

    def stop(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None

    def build(self, program, log):
        """Return the path of the program, None if it does not compile."""
        out = self.work / "-".join(("out", *self.variables))
        if not self.run(["make", "--no-print-directory", "-C", str(HERE),
                         f"OUTPUT={out}", "SUFFIX=-mutant", *self.make_args, *self.variables,
                         f"mutant-{program.rpartition('/')[2]}"], log):
            return None
        (found,) = out.glob(f"*-mutant/{program}")
        return str(found)


class Workshop(Builder):
    """A copy of the engine to plant faults in, and the programs built from it."""

    def __init__(self, engine, work, make_args, prefix=""):
        self.engine, self.tree = Path(engine), Path(work) / "tree"
        super().__init__(work, [f"ENGINE_SRC={self.tree}", *make_args], prefix)
        self.copy_engine()

    def copy_engine(self):
        """Copy only files that have changed, so that the others are not rebuilt."""
        wanted = {path.relative_to(self.engine) for name in ENGINE_FILES
                  for path in [self.engine / name, *(self.engine / name).rglob("*")]
                  if path.is_file()}
        for old in self.tree.rglob("*"):
            if old.is_file() and old.relative_to(self.tree) not in wanted:
                old.unlink()
        for name in wanted:
            source, target = (self.engine / name).read_bytes(), self.tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_bytes() != source:
                target.write_bytes(source)

    def plant(self, mutant):
        (self.tree / mutant.file).write_text(planted(self.engine, mutant))
        self.variables = mutant.variables

    def heal(self, mutant):
        # Write it now, so that it is newer than the object with the fault
        (self.tree / mutant.file).write_text((self.engine / mutant.file).read_text())


# Name, program, arguments: fast programs that find many faults come first
STAGES = (
    ("oracle", "oracle", ["-q", "-n", "60000", "-j", "1"]),
    ("basic", "test_basic", ["-x", "-j", "1", "-t", TEST_LIMIT]),
    ("oracle", "oracle", ["-q", "-n", "600000", "-j", "1"]),
    ("stress", "stress", ["-x", "-j", "1", "-t", TEST_LIMIT]),
    ("count", "count/count", ["-x", "-j", "1"]),
)
PROGRAM = {name: program for name, program, _ in STAGES}


def failed_test(log):
    """Return the last failed test in a log, if there is one."""
    text = Path(log).read_text(errors="replace")
    named = re.findall(r"^# (\w+) failed: (.*)$|^not ok \d+ (\w+)", text, re.M)
    if not named:
        return ""
    first, why, second = named[-1]
    # On a busy machine, a timeout may prove nothing
    late = " (timed out)" if "timed out" in why else ""
    return f"{first or second}{late}"


class Unchanged:
    """
    The unchanged engine. A test that finds a fault must pass with it, because on a busy
    machine any test may time out.
    """

    def __init__(self, options):
        self.builder = Builder(Path(options.work) / "unchanged",
                               [f"ENGINE_SRC={options.engine}", *options.make],
                               options.prefix)
        self.lock = threading.Lock()
        self.passed = set()

    def passes(self, stage, test, late, variables):
        """Return whether a test passes. Run it only once, unless it timed out."""
        if stage == "oracle":
            # Random tests depend only on the seed
            return True
        with self.lock:
            if (test, variables) in self.passed and not late:
                return True
            self.builder.variables = variables
            passed = run_test(self.builder, stage, test, self.builder.log / test)
            if passed is None:
                raise SystemExit(f"the unchanged engine does not build: {self.builder.log / test}")
            if passed:
                self.passed.add((test, variables))
            return passed


def run_test(builder, stage, test, log):
    """Return whether one test of the builder's engine passes, None if it does not build."""
    program = builder.build(PROGRAM[stage], log)
    if not program:
        return None
    return builder.run([program, "-j", "1", "-t", TEST_LIMIT, f"={test}"], log)


def killers(workshop, log, likely):
    """
    Yield (stage, test) of tests that find the fault, starting with @likely, a list of tests
    for each stage.
    """
    for stage, tests in likely.items():
        program = workshop.build(PROGRAM[stage], log)
        if program and not workshop.run([program, "-x", "-j", "1", "-t", TEST_LIMIT,
                                         *(f"={test}" for test in tests)], log):
            yield stage, failed_test(log)
    for stage, name, arguments in STAGES:
        program = workshop.build(name, log)
        if not program:
            yield "build", ""
        elif not workshop.run([program, *arguments], log):
            yield stage, failed_test(log)


def killer_of(workshop, log, likely=None, unchanged=None):
    """Return "stage test" for the test that finds the fault, "build", or "" if none does."""
    for stage, test in killers(workshop, log, likely or {}):
        name = test.split(" ")[0]
        if stage == "build" or not unchanged or not name or \
           unchanged.passes(stage, name, test != name, workshop.variables):
            return f"{stage} {test}".strip()
    return ""


class Campaign:
    def __init__(self, options, mutants):
        self.options, self.total = options, len(mutants)
        self.files = {mutant.name: mutant.file for mutant in read_mutants()}
        self.known_file = Path(options.work) / "killers.json"
        self.known = read_json(self.known_file)
        self.state = fingerprint(Path(options.engine))
        self.killed_file = Path(options.work) / "killed.json"
        self.killed = read_json(self.killed_file).get(self.state, {})
        self.todo = queue.Queue()
        # Unknown faults first, because they take longest
        for mutant in sorted(mutants, key=lambda mutant: mutant.name in self.known):
            if mutant.name not in self.killed:
                self.todo.put(mutant)
        self.unchanged = Unchanged(options)
        self.lock = threading.Lock()
        self.counts = {"KILLED": 0, "SURVIVED": 0, "STALE": 0}
        self.workshops, self.broken = [], ""
        self.start = time.monotonic()

    def keep_killed(self):
        for file, content in ((self.known_file, self.known),
                              (self.killed_file, {self.state: self.killed})):
            temp = file.with_suffix(".tmp")
            temp.write_text(json.dumps(content, indent=1, sort_keys=True))
            temp.rename(file)

    def likely(self, mutant):
        """Return {stage: tests known to find the fault, or others in the same file}."""
        known = self.known.get(mutant.name, "").split(" ")
        if len(known) > 1:
            return {known[0]: [known[1]]} if known[0] != "oracle" else {}
        with self.lock:
            tests = {killer.split(" ")[1] for name, killer in self.known.items()
                     if self.files.get(name) == mutant.file and
                     killer.startswith("basic ")}
        return {"basic": sorted(tests)} if tests else {}

    def verdict(self, workshop, mutant):
        log = workshop.log / mutant.name
        log.write_text("")
        try:
            workshop.plant(mutant)
        except Stale as error:
            return "STALE", str(error)
        try:
            killer = killer_of(workshop, log, self.likely(mutant), self.unchanged)
        finally:
            workshop.heal(mutant)
        if killer == "build":
            return "STALE", f"does not compile, see {log}"
        return ("KILLED", killer) if killer else ("SURVIVED", "")

    def record(self, mutant, verdict, detail):
        with self.lock:
            self.counts[verdict] += 1
            print(f"  {verdict:9} {mutant.name}{': ' if detail else ''}{detail}", flush=True)
            if verdict == "KILLED":
                self.known[mutant.name] = self.killed[mutant.name] = detail
                self.keep_killed()
            done = sum(self.counts.values())
            if done % 10 == 0:
                print(f"  {done} of {self.total} after {time.monotonic() - self.start:.0f} s",
                      flush=True)

    def check_engine(self, workshop, log):
        """Check that all tests pass without a fault, once per state of engine and tests."""
        passed = Path(self.options.work) / "passed"
        if passed.exists() and passed.read_text() == self.state:
            return
        killer = killer_of(workshop, log)
        if killer:
            self.broken = f"the engine fails as it is, by {killer}: see {log}"
        else:
            passed.write_text(self.state)

    def work(self, number):
        workshop = Workshop(self.options.engine, f"{self.options.work}/{number}",
                            self.options.make, self.options.prefix)
        self.workshops.append(workshop)
        log = workshop.log / "unchanged"
        log.write_text("")
        if number == 0:
            self.check_engine(workshop, log)
        while not self.broken:
            try:
                mutant = self.todo.get_nowait()
            except queue.Empty:
                return
            self.record(mutant, *self.verdict(workshop, mutant))

    def run(self):
        # Handle SIGTERM like SIGINT, which runs in the background ignore
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        threads = [threading.Thread(target=self.work, args=(n,), daemon=True)
                   for n in range(self.options.jobs)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            for builder in [self.unchanged.builder, *self.workshops]:
                builder.stop()
            raise SystemExit(130)
        if self.broken:
            raise SystemExit(self.broken)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True, help="tree of the engine")
    parser.add_argument("--work", required=True, help="directory for copies and logs")
    parser.add_argument("--only", default="", help="part of the names (a regular expression)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--prefix", default="", help="run each command by this one: nice")
    parser.add_argument("make", nargs="*", help="variables for make")
    options = parser.parse_args()
    mutants = [m for m in read_mutants() if re.search(options.only, m.name)]
    if not mutants:
        raise SystemExit(f"no mutant has a name like {options.only}")
    Path(options.work).mkdir(parents=True, exist_ok=True)
    campaign = Campaign(options, mutants)
    campaign.run()
    counts, names = campaign.counts, {mutant.name for mutant in mutants}
    killed = {name: killer for name, killer in campaign.killed.items() if name in names}
    for row in table(mutants, killed):
        print(f"  {row}")
    if counts["STALE"]:
        print(f"{counts['STALE']} entries of mutants.list do not fit the engine")
    print(f"mutants: {len(killed)} killed, {counts['SURVIVED']} survived")
    return 1 if counts["SURVIVED"] or counts["STALE"] else 0


if __name__ == "__main__":
    sys.exit(main())
