# SPDX-License-Identifier: GPL-2.0-only
"""Shared by the commands that measure guests."""

import argparse
import csv
import os
import pathlib
import sys

from swguest import paths

from . import plot, results, stats


def parser(doc, images, repeats):
    """Make the parser of the common options. @images: names of kernels; @repeats: the default."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("--repeats", type=positive,
                      default=os.environ.get("REPEATS") or None,
                      help=f"boots of each configuration (REPEATS, or {repeats})")
    made.add_argument("--images", type=pathlib.Path, metavar="DIR",
                      default=paths.build_dir() / "kernels",
                      help="where " + ", ".join(f"{name}.bzImage"
                                                for name in images) + " are")
    made.add_argument("--results", type=pathlib.Path, metavar="DIR",
                      default=paths.TREE / "results")
    return made


def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def conclude(measured, directory, latest=True):
    """Print all problems and return the exit status."""
    for problem in measured.problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    if measured.problems:
        return 1
    if latest:
        results.point_latest(directory)
    return 0


def finish(measured, env, directory, table):
    """Measure without a separate verify pass, and write and print table.csv. @table has entries(),
    COLUMNS, cell() and grid(). Return the exit status.
    """
    measured.verify = lambda: True
    results.conduct(measured, env, directory)
    (directory / "table.csv").write_text(stats.to_csv(
        table.entries(measured.found), table.COLUMNS, table.cell))
    with open(directory / "table.csv", encoding="utf-8", newline="") as file:
        print("\n" + table.grid(list(csv.DictReader(file))))
    print(f"\n  {directory}/table.csv")
    return conclude(measured, directory)


def main(args, kind, images, bench):
    """Run @bench(args, directory) in a new directory of results of that @kind."""
    results.images(args.images, images)
    directory = results.new_directory(args.results, kind)
    try:
        return bench(args, directory)
    except plot.PlotError as err:
        print(f"error: {err} (all else is in {directory})", file=sys.stderr)
        return 2
