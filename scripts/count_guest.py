#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Count the instructions that a guest executes for an I/O: base, ours, dynamic, none.

The guests take turns, in as many boots as REPEATS says (3), with the rows of make run
and make bench-dynamic. The results go to results/count-guest/<time>; "latest" points
to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TREE / "scripts"),
                str(TREE / "tools/testing/selftests/swiotlb/qemu")]

from swbench import command, counts, environment, plan, results, stats  # noqa: E402
from swguest import run  # noqa: E402

IMAGES = {"base": "base", "ours": "ours"}


def count(args, directory):
    sources = results.images(args.images, IMAGES)
    chosen = plan.counted(args.repeats)
    env = environment.Environment(chosen, sources)
    measured = counts.Counted(chosen, results.copies(sources, directory / ".images"),
                              directory, sys.stdout.isatty())
    # The plugin is one for TCG.
    measured.accel = "tcg"
    results.conduct(measured, env, directory)
    found = counts.entries(measured)
    (directory / "table.csv").write_text(stats.to_csv(found, counts.COLUMNS, counts.cell))
    (directory / "table.md").write_text(counts.markdown(found, measured, env.data))
    print(f"\n{counts.grid(found, chosen)}\n\n  {directory}/table.md  .csv")
    return command.conclude(measured, directory)


def main():
    args = command.parser(__doc__, IMAGES.values(), 3).parse_args()
    return command.main(args, "count-guest", IMAGES, count)


if __name__ == "__main__":
    sys.exit(run.main(main))
