#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare the base kernel's swiotlb, ours, and no bouncing, by fio in QEMU.

Every byte is verified first. Then the configurations are booted in turn, as
often as REPEATS says (3). The results go to a directory of their own under
results/run/ (results/quick/ with --quick); "latest" points to the newest good
one.
"""

import argparse
import os
import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TREE / "scripts"),
                str(TREE / "tools/testing/selftests/swiotlb/qemu")]

from swbench import environment, measure, plan, plot, report, results, stats  # noqa: E402
from swguest import paths, run  # noqa: E402

NAMES = [config.name for config in plan.CONFIGS]
IMAGES = {"base": "base", "ours": "ours"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true",
                        help="fewer rows, one repeat: about three minutes")
    parser.add_argument("--repeats", type=int,
                        default=os.environ.get("REPEATS") or None,
                        help="boots of each configuration (REPEATS, or 3)")
    parser.add_argument("--images", type=pathlib.Path, metavar="DIR",
                        default=paths.build_dir() / "kernels",
                        help="where base.bzImage and ours.bzImage are")
    parser.add_argument("--only", type=lambda text: text.split(","),
                        metavar="CONFIG,...",
                        help="only these of " + ", ".join(NAMES))
    parser.add_argument("--results", type=pathlib.Path, metavar="DIR",
                        default=TREE / "results")
    args = parser.parse_args()
    if args.repeats is not None and args.repeats < 1:
        parser.error("--repeats (REPEATS) must be 1 or more")
    unknown = set(args.only or ()) - set(NAMES)
    if unknown:
        parser.error(f"no such configuration: {', '.join(sorted(unknown))}")
    return args


def write(directory, measured, env):
    """All files of a result; the entries of the table."""
    rows = measured.plan.rows
    entries = stats.table(measured.samples, rows,
                          [config.name for config in measured.plan.configs])
    (directory / "table.csv").write_text(stats.to_csv(entries))
    (directory / "cpu.csv").write_text(report.cpu_csv(
        measured.samples, rows, measured.plan.configs))
    (directory / "table.md").write_text(
        report.markdown(entries, measured.samples, measured.plan, env))
    same = env["images"]["base"]["sha256"] == env["images"]["ours"]["sha256"]
    plot.draw(entries, env["accelerator"], same, directory)
    return entries


def show(entries, env, directory):
    print()
    print(report.summary(entries, env))
    print(f"\n  {directory}/table.md  .csv  .svg  .png")


def compare(args, directory):
    sources = results.images(args.images, IMAGES)
    chosen = (plan.quick if args.quick else plan.full)(args.repeats, args.only)
    env = environment.Environment(chosen, sources)
    measured = measure.Measurement(chosen, results.copies(sources, directory / ".images"),
                                   directory, sys.stdout.isatty())
    measured.accel = run.choose_accel(measured.images["base"])
    if results.conduct(measured, env, directory):
        show(write(directory, measured, env.data), env.data, directory)
    else:
        print("\nverify failed: nothing was timed", file=sys.stderr)
    for problem in measured.problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    if measured.problems:
        return 1
    if not args.only:
        results.point_latest(directory)
    return 0


def main():
    args = arguments()
    results.images(args.images, IMAGES)
    directory = results.new_directory(args.results, "quick" if args.quick else "run")
    try:
        return compare(args, directory)
    except plot.PlotError as err:
        print(f"error: {err} (all else is in {directory})", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(run.main(main))
