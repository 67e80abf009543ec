#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Remove the mechanisms of without.list from the engine, one at a time, and time the rows
that should gain from each, with and without it.

The results are in a separate directory under results/without/; "latest" points to the
newest.
"""

import argparse
import csv
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
from typing import NamedTuple

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[3]
sys.path[:0] = [str(TREE / "scripts"), str(HERE.parent)]

import rows as plan  # noqa: E402
import runs  # noqa: E402
from swbench import results  # noqa: E402
from swguest import run  # noqa: E402
from mutants import ENGINE_FILES  # noqa: E402

COLUMNS = ("mechanism", "row", "unit", "base", "with", "without")
TURNS = 5


class Mechanism(NamedTuple):
    name: str
    rows: tuple
    file: str
    expressions: tuple


def mechanisms(path=HERE / "without.list"):
    by_name = {row.name: row for row in plan.all_rows()}
    found = []
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, rows, file, expressions = (part.strip() for part in line.split(" | ", 3))
        found.append(Mechanism(name, tuple(by_name[row] for row in rows.split("; ")), file,
                               tuple(expressions.split("; "))))
    return found


def taken_out(tree, mechanism):
    """Return the text of the file without the mechanism. Each expression must change it."""
    text = (tree / mechanism.file).read_text()
    for expression in mechanism.expressions:
        changed = subprocess.run(["sed", "-E", expression], input=text, text=True,
                                 capture_output=True, check=True).stdout
        if changed == text:
            raise runs.BenchError(f"without.list: {mechanism.name}: nothing matches {expression}")
        text = changed
    return text


def copied(engine, tree):
    shutil.rmtree(tree, ignore_errors=True)
    for name in ENGINE_FILES:
        source, target = engine / name, tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)


def built(args, engine, source, copies):
    """Build the program of an engine, and return its directory."""
    output = args.work / ("base" if engine == "base" else source.name)
    done = subprocess.run(["make", "--no-print-directory", "-C", str(HERE.parent),
                           f"ENGINE={engine}", f"ENGINE_SRC={source}", f"OUTPUT={output}",
                           f"BENCH={copies}", "SAN=none", "bench-program"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise runs.BenchError(f"{source}: {done.stderr.strip()}")
    return output


def timed(programs, row):
    """Return the median of each engine for a row. The engines take turns."""
    found = {name: [] for name in programs}
    for _ in range(TURNS):
        for name, (engine, output) in programs.items():
            values = runs.Programs(output, False).run(engine, row.group, row.copies)
            found[name].append(values[row.key])
    return {name: statistics.median(values) for name, values in found.items()}


def table(args):
    plain = args.work / "with"
    copied(args.engine, plain)
    for mechanism in mechanisms():
        without = args.work / "without"
        copied(args.engine, without)
        (without / mechanism.file).write_text(taken_out(plain, mechanism))
        for row in mechanism.rows:
            print(f"  BENCH   {row.name} without {mechanism.name}", flush=True)
            programs = {"base": ("base", built(args, "base", args.base, row.copies)),
                        "with": ("ours", built(args, "ours", plain, row.copies)),
                        "without": ("ours", built(args, "ours", without, row.copies))}
            values = timed(programs, row)
            yield {"mechanism": mechanism.name, "row": row.name, "unit": row.unit,
                   **{name: f"{value:.4g}" for name, value in values.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", type=pathlib.Path, required=True, help="tree of the engine")
    parser.add_argument("--base", type=pathlib.Path, required=True, help="tree of the base")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="directory for copies")
    parser.add_argument("--results", type=pathlib.Path, default=TREE / "results")
    parser.add_argument("--check", action="store_true", help="only see that all can be taken out")
    args = parser.parse_args()
    if args.check:
        for mechanism in mechanisms():
            taken_out(args.engine, mechanism)
        return 0
    lines = list(table(args))
    directory = results.new_directory(args.results, "without")
    with open(directory / "table.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    results.point_latest(directory)
    for line in lines:
        print(f"  {line['mechanism']:34} {line['row']:52} {line['unit']:4} base {line['base']:>7}"
              f"  with {line['with']:>7}  without {line['without']:>7}")
    print(f"\n  {os.path.relpath(directory)}/table.csv")
    return 0


if __name__ == "__main__":
    sys.exit(run.main(main))
