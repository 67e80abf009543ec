#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure map, unmap and fio in a guest, on the base kernel and on ours.

Both kernels have the same dma_map_benchmark. They are booted in turn, REPEATS (3)
times. The results are in results/bench-guest/<time>, or with --native, which runs
only the map benchmark in User Mode Linux, in results/native-map/<time>;
"latest" points to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, environment, mapbench, plan, results, stats  # noqa: E402
from swguest import mapbench as guest, run, uml  # noqa: E402

# Images of the kernels, and the rows of fio, by the kind of run.
KINDS = {"bench-guest": ({"base": "base-mapbench", "ours": "ours"}, plan.bench_guest),
         "native-map": ({"base": "base-mapbench-um", "ours": "ours-um"}, plan.native_map)}


def write(directory, measured, env):
    """Write all files of a result; return the entries of the table."""
    entries = mapbench.map_entries(measured.answers) + \
        mapbench.fio_entries(measured.samples, measured.plan.rows)
    (directory / "table.csv").write_text(stats.to_csv(
        entries, mapbench.COLUMNS, mapbench.cell))
    (directory / "table.md").write_text(
        mapbench.markdown(entries, measured.plan, env))
    mapbench.draw(entries, env["accelerator"], directory)
    return entries


def bench(args, directory):
    images, rows = KINDS[args.kind]
    sources = results.images(args.images, images)
    chosen = rows(args.repeats)
    env = environment.Environment(chosen, sources)
    env.data["plan"]["map_rows"] = {row.name: row.options() for row in mapbench.ROWS}
    measured = mapbench.GuestBench(
        chosen, results.copies(sources, directory / ".images"), directory,
        sys.stdout.isatty(), guest.tool())
    measured.accel = uml.ARCH if chosen.guest.native else \
        run.choose_accel(measured.images["base"])
    if results.conduct(measured, env, directory):
        entries = write(directory, measured, env.data)
        print(f"\n{mapbench.map_grid(entries)}\n\n{mapbench.fio_grid(entries)}")
        print(f"\n  {directory}/table.md  .csv  bench-guest.svg")
    else:
        print("\nverify failed: nothing was timed", file=sys.stderr)
    return command.conclude(measured, directory)


def main():
    parser = command.parser(__doc__, ("base-mapbench", "ours"), 3)
    parser.set_defaults(kind="bench-guest")
    parser.add_argument("--native", action="store_const", dest="kind",
                        const="native-map",
                        help="the map benchmark alone, in User Mode Linux")
    args = parser.parse_args()
    return command.main(args, args.kind, KINDS[args.kind][0], bench)


if __name__ == "__main__":
    sys.exit(run.main(main))
