#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure pools that are added and freed again: the cost, and the memory afterwards.

Runs rows of fio with the default pool and with one that grows from 1 MiB, in turn,
in REPEATS (5) boots; then loads that need 256 MiB at once, on the base and on ours,
and the memory afterwards; then cycles of growing and freeing. The results are in
results/dynamic/<time>; "latest" points to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, dynamic, dyntable, environment, plan  # noqa: E402
from swbench import results, stats  # noqa: E402
from swguest import run  # noqa: E402

IMAGES = {"base": "base-mapbench", "ours": "ours", "leak": "ours-leak"}


def write(directory, measured, env):
    """Write all files of a result; return the entries of the table."""
    entries = dyntable.entries(measured)
    (directory / "table.csv").write_text(
        stats.to_csv(entries, dyntable.COLUMNS, dyntable.cell))
    (directory / "memory.csv").write_text(dyntable.memory_csv(measured))
    (directory / "table.md").write_text(
        dyntable.markdown(entries, measured, env))
    dyntable.draw(entries, measured, env["accelerator"], directory)
    return entries


def bench(args, directory):
    sources = results.images(args.images, IMAGES)
    chosen = plan.dynamic(args.repeats)
    env = environment.Environment(chosen, sources)
    for config in (plan.SMALL, dynamic.LEAK):
        env.data["configurations"][config.name] = {
            "kernel": config.kernel, "append": config.append}
    measured = dynamic.DynamicBench(
        chosen, results.copies(sources, directory / ".images"), directory,
        sys.stdout.isatty(), dynamic.harness_figures)
    measured.accel = run.choose_accel(measured.images["base"])
    if results.conduct(measured, env, directory):
        entries = write(directory, measured, env.data)
        print(f"\n{dyntable.rows_grid(entries)}\n\n{dyntable.loads_grid(entries)}"
              f"\n\n{dyntable.verdict(entries)}")
        print(f"\n  {directory}/table.md  .csv  .svg  memory.csv  .svg")
    else:
        print("\nverify failed: nothing was timed", file=sys.stderr)
    return command.conclude(measured, directory)


def main():
    args = command.parser(__doc__, IMAGES.values(), 5).parse_args()
    return command.main(args, "dynamic", IMAGES, bench)


if __name__ == "__main__":
    sys.exit(run.main(main))
