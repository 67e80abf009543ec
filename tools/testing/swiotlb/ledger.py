#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prove the file ledger: each test must pass with our engine, and fail with the defect
that the last column names.
"""

import argparse
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import mutants

SANITIZERS = ("thread", "address")


@dataclass(frozen=True)
class Defect:
    what: str
    commit: str
    stage: str
    test: str
    kind: str  # "base", "mutant" or "elsewhere"
    name: str  # sanitizer, mutant or reason


def parse(line):
    what, commit, test, proof = (part.strip() for part in line.split(" | "))
    if test.startswith("elsewhere: "):
        return Defect(what, commit, "", "", "elsewhere", test.partition(": ")[2])
    stage, _, test = test.partition(" ")
    kind, _, name = proof.partition(" ")
    if (stage not in mutants.PROGRAM or kind not in ("base", "mutant") or
            (kind == "base" and name and name not in SANITIZERS)):
        raise ValueError
    return Defect(what, commit, stage, test, kind, name)


def read_ledger(path):
    defects = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            defects.append(parse(line))
        except ValueError:
            raise SystemExit(f"{path.name}:{number}: not \"defect | commit | program test | "
                             "base or mutant\"") from None
    return defects


class Proof:
    def __init__(self, options):
        self.options = options
        self.faults = {m.name: m for m in mutants.read_mutants()}
        self.builders = {}

    def builder(self, name, *variables):
        if name not in self.builders:
            self.builders[name] = mutants.Builder(f"{self.options.work}/{name}",
                                                  [*variables, *self.options.make],
                                                  self.options.prefix)
        return self.builders[name]

    def ours(self, sanitizer):
        return self.builder(f"ours-{sanitizer}", f"ENGINE_SRC={self.options.engine}",
                            f"SAN={sanitizer}")

    def base(self, sanitizer):
        return self.builder(f"base-{sanitizer}", "ENGINE=base", f"SAN={sanitizer}")

    def workshop(self):
        if "mutants" not in self.builders:
            self.builders["mutants"] = mutants.Workshop(
                self.options.engine, f"{self.options.work}/mutants", self.options.make,
                self.options.prefix)
        return self.builders["mutants"]

    def passes(self, builder, defect, suffix):
        log = Path(self.options.work) / f"{defect.test}.{suffix}.log"
        log.write_text("")
        result = mutants.run_test(builder, defect.stage, defect.test, log)
        if result is None:
            raise SystemExit(f"{defect.test} does not build: see {log}")
        # An expected failure of the base does not count as passed
        return result and " # XFAIL" not in log.read_text() and "SKIP" not in log.read_text()

    def fails_with_mutant(self, defect):
        mutant = self.faults.get(defect.name)
        if not mutant:
            return f"no {defect.name} in mutants.list"
        workshop = self.workshop()
        try:
            workshop.plant(mutant)
            return "" if not self.passes(workshop, defect, "mutant") else \
                f"passes with {mutant.name}"
        except mutants.Stale as error:
            return f"{mutant.name}: {error}"
        finally:
            workshop.heal(mutant)

    def verdict(self, defect):
        """Return the problem with the entry, "" if it is proved."""
        sanitizer = defect.name if defect.kind == "base" and defect.name else "none"
        if not self.passes(self.ours(sanitizer), defect, "ours"):
            return "fails with our engine"
        if defect.kind == "mutant":
            return self.fails_with_mutant(defect)
        return "passes with the base" if self.passes(self.base(sanitizer), defect,
                                                     "base") else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True, help="tree of the engine")
    parser.add_argument("--work", required=True, help="directory for builds and logs")
    parser.add_argument("--prefix", default="", help="run each command by this one: nice")
    parser.add_argument("make", nargs="*", help="variables for make")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Path(options.work).mkdir(parents=True, exist_ok=True)

    proof = Proof(options)
    bad = proved = elsewhere = 0
    for defect in read_ledger(mutants.HERE / "ledger"):
        if defect.kind == "elsewhere":
            elsewhere += 1
            print(f"  {'NOT HERE':9} {defect.what}: {defect.name}", flush=True)
            continue
        problem = proof.verdict(defect)
        where = f"{defect.kind} {defect.name}".strip()
        bad, proved = bad + bool(problem), proved + (not problem)
        print(f"  {'UNPROVED' if problem else 'PROVED':9} {defect.test}, {where}"
              f"{': ' if problem else ''}{problem}", flush=True)
    print(f"ledger: {proved} proved, {bad} not, {elsewhere} not of this harness")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
