#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare the base kernel's swiotlb and ours, both compiled for user space.

The results are in a separate directory under results/bench/; "latest" points to the
newest complete one.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[3]
sys.path.insert(0, str(TREE / "scripts"))

import rows as plan  # noqa: E402
import runs  # noqa: E402
import table  # noqa: E402
from swbench import environment, plot, results  # noqa: E402
from swguest import run  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True,
                        metavar="DIR", help="where make has built them")
    parser.add_argument("--rows", default="", metavar="TEXT",
                        help="only the rows whose name, or group, contains TEXT")
    parser.add_argument("--check", action="store_true",
                        help="run everything for an instant: is any row missing?")
    parser.add_argument("--results", type=pathlib.Path, metavar="DIR",
                        default=TREE / "results")
    args = parser.parse_args()
    args.chosen = plan.matching(args.rows)
    if not args.chosen:
        parser.error(f"no row's name contains \"{args.rows}\"")
    return args


def describe(programs, rows):
    """Describe the environment before the first run."""
    base = subprocess.run([str(TREE / "scripts/base.sh")], text=True, check=False,
                          capture_output=True).stdout.strip()
    compiler = subprocess.run([os.environ.get("CC", "gcc"), "--version"],
                              text=True, check=False, capture_output=True)
    thp = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return {"command": "make bench" + (f" ROWS={rows}" if rows else ""),
            "started": datetime.datetime.now().astimezone().isoformat("T", "seconds"),
            "tree": environment.state_of_the_tree(),
            "host": environment.host(),
            "transparent_hugepages": thp.read_text().strip() if thp.exists() else None,
            "compiler": compiler.stdout.partition("\n")[0],
            "base": pathlib.Path(base).name,
            "valgrind": bool(programs.valgrind)}


def check(series, rows):
    """Check that no row lacks a value, and that the table has all columns."""
    found = table.entries(series, rows)
    missing = [f"{entry['row']}: no value of {engine}" for entry in found
               for engine in runs.ENGINES if entry[engine] is None]
    lines = table.to_csv(found).splitlines()
    if lines[0] != "row,base,ours,unit,ratio,limit,holds":
        missing.append(f"columns of the table: {lines[0]}")
    if len(lines) != len(rows) + 1:
        missing.append(f"{len(lines) - 1} rows in the table, not {len(rows)}")
    print("1..1")
    for problem in missing:
        print(f"# {problem}")
    print(f"{'not ok' if missing else 'ok'} 1 bench_has_{len(rows)}_rows")
    return 1 if missing else 0


def write(directory, found, series, about):
    (directory / "table.csv").write_text(table.to_csv(found))
    (directory / "table.md").write_text(table.markdown(found, about))
    (directory / "environment.json").write_text(json.dumps(about, indent=1) + "\n")
    (directory / "raw.json").write_text(json.dumps(
        [one.as_dict() for one in series.runs], indent=1) + "\n")
    table.svg(found, directory / "bench.svg")


def bench(args):
    programs = runs.Programs(args.programs, args.check)
    series = runs.Series(programs, args.chosen, args.check)
    if args.check:
        series.conduct()
        return check(series, args.chosen)

    about = describe(programs, args.rows)
    series.conduct()
    about["host"]["load_at_end"] = os.getloadavg()
    about["ended"] = datetime.datetime.now().astimezone().isoformat("T", "seconds")
    about["runs"] = series.summary()
    found = table.entries(series, args.chosen)
    directory = results.new_directory(args.results, "bench")
    write(directory, found, series, about)
    if not args.rows:
        results.point_latest(directory)
    print()
    print((directory / "table.md").read_text())
    print(f"  {directory}/table.csv  .md, bench.svg")
    return 0


def main():
    args = arguments()
    try:
        return bench(args)
    except (runs.BenchError, plot.PlotError, subprocess.TimeoutExpired) as err:
        print(f"error: {err}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(run.main(main))
