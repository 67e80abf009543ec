#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Let a disk fill all pools, and time the maps of two devices beside it: see hog.c.

The results are in a separate directory under results/hog/; "latest" points to the newest.
"""

import argparse
import csv
import json
import os
import pathlib
import sys
from typing import NamedTuple

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[3]
sys.path.insert(0, str(TREE / "scripts"))

import bench  # noqa: E402
import runs  # noqa: E402
from swbench import figuretables, measure, results, stats  # noqa: E402
from swguest import run  # noqa: E402

COLUMNS = ("setup", "device", "alone", "beside", "share", "low", "high",
           "p99_alone", "p99_beside", "failed")
DEVICES = ("disk", "ring", "hog")
TURNS = 5


class Setup(NamedTuple):
    name: str
    engine: str
    group: str


SETUPS = (Setup("base, 64 MiB from boot", "base", "hog_fixed"),
          Setup("base, grows", "base", "hog_grows"),
          Setup("patched, 64 MiB from boot", "ours", "hog_fixed"),
          Setup("patched, grows to 64 MiB", "ours", "hog_grows"),
          Setup("patched, own, 64 MiB in all", "ours", "hog_own"))


class Turns:
    """Values of all turns of a setup: a list for each (device, how, what)."""

    def __init__(self):
        self._found = {}

    def add(self, values):
        for name, value in values.items():
            _, device, how, _, what = name.split("/")
            self._found.setdefault((device, how, what), []).append(value)

    def all(self, device, how, what):
        return self._found.get((device, how, what), [])

    def median(self, *key):
        return stats.median(self.all(*key))


def entry(setup, device, turns):
    """Make a line of the table. A turn beside the hog is compared with the turn alone."""
    share = stats.difference(turns.all(device, "beside", "rate"),
                             turns.all(device, "alone", "rate"))
    beside = turns.median(device, "beside", "rate")
    line = {"setup": setup.name, "device": device,
            "alone": turns.median(device, "alone", "rate"), "beside": beside,
            "p99_alone": turns.median(device, "alone", "p99"),
            "p99_beside": turns.median(device, "beside", "p99"),
            "failed": turns.median(device, "beside", "failed")}
    if share:
        line.update(zip(("share", "low", "high"), (100 * (1 + part) for part in share)))
    elif beside == 0:
        line["share"] = 0
    return line


def cell(line, column):
    value = line.get(column)
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def measured(programs, tiny, host=None):
    """Return the lines of the table. The setups take turns."""
    found = {setup: Turns() for setup in SETUPS}
    for turn in range(1 if tiny else TURNS):
        for setup in SETUPS:
            if not tiny:
                print(f"  BENCH   {setup.name}, turn {turn + 1} of {TURNS}", flush=True)
            found[setup].add(programs.run(setup.engine, setup.group, "nocopy"))
            if host:
                host.note()
    return [entry(setup, device, found[setup]) for setup in SETUPS for device in DEVICES]


def check(lines):
    """Check that each line has all values that it must have."""
    missing = [f"{line['setup']}, {line['device']}: no {column}" for line in lines
               for column in COLUMNS
               if line.get(column) is None and column not in ("share", "low", "high")
               and not (line["device"] == "hog" and column.endswith("alone"))]
    print("1..1")
    for problem in missing:
        print(f"# {problem}")
    print(f"{'not ok' if missing else 'ok'} 1 hog_has_{len(lines)}_rows")
    return 1 if missing else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True, metavar="DIR",
                        help="where make has built them")
    parser.add_argument("--results", type=pathlib.Path, default=TREE / "results")
    parser.add_argument("--check", action="store_true",
                        help="run everything for an instant: is any value missing?")
    args = parser.parse_args()
    programs = runs.Programs(args.programs, args.check)
    if args.check:
        return check(measured(programs, True))
    about = {**bench.describe(programs, ""), "command": "make bench-hog"}
    host = measure.HostLoad()
    lines = measured(programs, False, host)
    about["host"].update(load_at_end=os.getloadavg(), cpus_used_by_others=host.others())
    directory = results.new_directory(args.results, "hog")
    (directory / "table.csv").write_text(stats.to_csv(lines, COLUMNS, cell))
    (directory / "environment.json").write_text(json.dumps(about, indent=1) + "\n")
    results.point_latest(directory)
    with open(directory / "table.csv", encoding="utf-8", newline="") as file:
        print("\n" + figuretables.hog(list(csv.DictReader(file))))
    print(f"\n  {os.path.relpath(directory)}/table.csv")
    return 0


if __name__ == "__main__":
    sys.exit(run.main(main))
