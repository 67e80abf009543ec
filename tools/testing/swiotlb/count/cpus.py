#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Count the cost of a map and an unmap of 4 KiB on 1 to 512 CPUs, for base and ours: locks,
cache lines that another CPU or a CPU of another node wrote last, and instructions.

Nothing is timed, so the load of the machine does not matter. The results go to a
directory of their own under results/cpus/; "latest" points to the newest.
"""

import argparse
import csv
import datetime
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[3]
sys.path[:0] = [str(TREE / "scripts"), str(HERE.parent / "bench")]

import callgrind  # noqa: E402
import runs  # noqa: E402
from swbench import cpus, environment, plot, results  # noqa: E402
from swguest import run  # noqa: E402

CPUS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SECONDS = 120
FUNCTIONS = ("counted_map", "counted_unmap")


def values(output):
    return {name: int(number) for name, number in
            (line.split() for line in output.splitlines())}


def program(directory, engine, kind):
    return str(directory / f"{engine}-{kind}-yyy" / "count" / "cpus")


def counted(directory, engine, load, ncpus):
    """Return locks and lines of a mapping, by name."""
    done = subprocess.run([program(directory, engine, "count"), load, str(ncpus)], check=True,
                          capture_output=True, text=True, timeout=SECONDS)
    found = values(done.stdout)
    mappings = found.pop("mappings")
    return {name: number / mappings for name, number in found.items()}


def instructions(directory, engine, load, ncpus, valgrind):
    """Return the instructions of a mapping, None without callgrind."""
    if not valgrind:
        return None
    output, costs = callgrind.profile(
        valgrind, [program(directory, engine, "bench-nocopy"), load, str(ncpus)],
        FUNCTIONS, SECONDS)
    said = "\n".join(line for line in output.splitlines() if not line.startswith("=="))
    return sum(costs.values()) / values(said)["mappings"]


def line(directory, engine, load, ncpus, valgrind):
    """Return a line of the table, without values for more nodes than CPUs."""
    found = counted(directory, engine, load, ncpus)
    cost = instructions(directory, engine, load, ncpus, valgrind)
    return {"load": load, "cpus": ncpus, "engine": engine, "locks": f"{found['locks']:.3f}",
            "lines": f"{found['lines']:.3f}",
            **{f"lines_{nodes}_nodes": f"{found[f'lines/{nodes}']:.3f}" if nodes <= ncpus else ""
               for nodes in cpus.NODES},
            "instructions": "" if cost is None else f"{cost:.0f}"}


def table(args, valgrind):
    for load in cpus.LOADS:
        for ncpus in CPUS:
            if ncpus == 1 and load != "same":
                continue
            print(f"  COUNT   {load} CPU, {ncpus} CPUs", flush=True)
            for engine in runs.ENGINES:
                yield line(args.programs, engine, load, ncpus, valgrind)


def to_csv(lines):
    text = io.StringIO()
    writer = csv.DictWriter(text, cpus.COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True, metavar="DIR",
                        help="where make has built them")
    parser.add_argument("--results", type=pathlib.Path, metavar="DIR", default=TREE / "results")
    args = parser.parse_args()
    about = {"command": "make count-cpus",
             "started": datetime.datetime.now().astimezone().isoformat("T", "seconds"),
             "tree": environment.state_of_the_tree(), "host": environment.host()}
    valgrind = shutil.which("valgrind")
    if not valgrind:
        print("no valgrind here: instructions are not counted", file=sys.stderr)
    lines = list(table(args, valgrind))
    directory = results.new_directory(args.results, "cpus")
    (directory / "table.csv").write_text(to_csv(lines))
    (directory / "environment.json").write_text(json.dumps(about, indent=1) + "\n")
    print(f"\n{cpus.grid(lines)}\n")
    try:
        plot.picture(cpus.script(lines), directory / "table", *cpus.SIZE)
    except plot.PlotError as err:
        print(f"error: {err}", file=sys.stderr)
        return 2
    results.point_latest(directory)
    print(f"  {os.path.relpath(directory)}/table.csv  .svg  .png")
    return 0


if __name__ == "__main__":
    sys.exit(run.main(main))
