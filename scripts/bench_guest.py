#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure map, unmap and fio in a guest, on the base kernel and on ours.

Both kernels have the same dma_map_benchmark. They are booted in turn, as often
as REPEATS says (3). The results go to results/bench-guest/<time>; "latest"
points to the newest good one.
"""

import argparse
import os
import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TREE / "scripts"),
                str(TREE / "tools/testing/selftests/swiotlb/qemu")]

from swbench import environment, mapbench, plan, plot, results  # noqa: E402
from swguest import mapbench as guest, paths, run  # noqa: E402

IMAGES = {"base": "base-mapbench", "ours": "ours"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int,
                        default=os.environ.get("REPEATS") or 3,
                        help="boots of each kernel (REPEATS, or 3)")
    parser.add_argument("--images", type=pathlib.Path, metavar="DIR",
                        default=paths.build_dir() / "kernels",
                        help="where base-mapbench.bzImage and ours.bzImage are")
    parser.add_argument("--results", type=pathlib.Path, metavar="DIR",
                        default=TREE / "results")
    args = parser.parse_args()
    if args.repeats < 1:
        parser.error("--repeats (REPEATS) must be 1 or more")
    return args


def write(directory, measured, env):
    """All files of a result; the entries of the table."""
    entries = mapbench.map_entries(measured.answers) + \
        mapbench.fio_entries(measured.samples, measured.plan.rows)
    (directory / "table.csv").write_text(mapbench.to_csv(entries))
    (directory / "table.md").write_text(
        mapbench.markdown(entries, measured.plan, env))
    mapbench.draw(entries, env["accelerator"], directory)
    return entries


def bench(args, directory):
    sources = results.images(args.images, IMAGES)
    chosen = plan.bench_guest(args.repeats)
    env = environment.Environment(chosen, sources)
    env.data["plan"]["map_rows"] = {row.name: row.options() for row in mapbench.ROWS}
    measured = mapbench.GuestBench(
        chosen, results.copies(sources, directory / ".images"), directory,
        sys.stdout.isatty(), guest.tool())
    measured.accel = run.choose_accel(measured.images["base"])
    if results.conduct(measured, env, directory):
        entries = write(directory, measured, env.data)
        print(f"\n{mapbench.map_grid(entries)}\n\n{mapbench.fio_grid(entries)}")
        print(f"\n  {directory}/table.md  .csv  bench-guest.svg")
    else:
        print("\nverify failed: nothing was timed", file=sys.stderr)
    for problem in measured.problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    if measured.problems:
        return 1
    results.point_latest(directory)
    return 0


def main():
    args = arguments()
    results.images(args.images, IMAGES)
    directory = results.new_directory(args.results, "bench-guest")
    try:
        return bench(args, directory)
    except plot.PlotError as err:
        print(f"error: {err} (all else is in {directory})", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(run.main(main))
