#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Count the instructions that a guest executes for an I/O, by function.

Base, ours, dynamic and no bouncing take turns, in REPEATS (3) boots, with the rows of
make run and make bench-dynamic. The results are in results/count-guest/<time>;
"latest" points to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, counts, environment, plan, profiles, results, stats  # noqa: E402
from swguest import run  # noqa: E402

IMAGES = {"base": "base", "ours": "ours"}


def count(args, directory):
    sources = results.images(args.images, IMAGES)
    chosen = plan.counted(args.repeats)
    env = environment.Environment(chosen, sources)
    symbols = {name: profiles.Symbols(results.symbols(path)) for name, path in sources.items()}
    measured = counts.Counted(symbols, chosen, results.copies(sources, directory / ".images"),
                              directory, sys.stdout.isatty())
    # The plugin works only with TCG.
    measured.accel = "tcg"
    results.conduct(measured, env, directory)
    found = counts.entries(measured)
    (directory / "table.csv").write_text(stats.to_csv(found, counts.COLUMNS, counts.cell))
    (directory / "profile.csv").write_text(profiles.to_csv(measured.functions))
    (directory / "table.md").write_text(counts.markdown(found, measured, env.data))
    print(f"\n{counts.grid(found, chosen)}\n\n{counts.grid(found, chosen, counts.MAPPING)}\n\n"
          f"  {directory}/table.md  .csv, profile.csv")
    return command.conclude(measured, directory)


def main():
    args = command.parser(__doc__, IMAGES.values(), 3).parse_args()
    return command.main(args, "count-guest", IMAGES, count)


if __name__ == "__main__":
    sys.exit(run.main(main))
