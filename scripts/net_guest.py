#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Load memcached and iperf3 in a guest over virtio-net, on the base kernel and on ours.

Base, ours, dynamic and no bouncing take turns, in REPEATS (3) boots. The results are in
results/net/<time>; with --count, instructions are counted instead, and the results are in
results/count-net/<time>; "latest" points to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, counts, environment, netbench, plan, profiles  # noqa: E402
from swbench import results, stats  # noqa: E402
from swguest import run  # noqa: E402

IMAGES = {"base": "base-net", "ours": "ours-net"}


def write_rates(measured, env, directory):
    entries = stats.table(measured.samples, measured.plan.rows,
                          [config.name for config in measured.plan.configs])
    (directory / "table.csv").write_text(stats.to_csv(entries))
    (directory / "table.md").write_text(netbench.markdown(entries, measured, env))
    print("\n" + (directory / "table.md").read_text())


def write_counts(measured, env, directory):
    found = counts.entries(measured)
    (directory / "table.csv").write_text(stats.to_csv(found, counts.COLUMNS, counts.cell))
    (directory / "profile.csv").write_text(profiles.to_csv(measured.functions))
    (directory / "table.md").write_text(counts.markdown(found, measured, env))
    print(f"\n{counts.grid(found, measured.plan)}\n\n"
          f"{counts.grid(found, measured.plan, counts.MAPPING)}\n")


def bench(args, directory):
    sources = results.images(args.images, IMAGES)
    chosen = (plan.counted_network if args.count else plan.network)(args.repeats)
    env = environment.Environment(chosen, sources)
    terminal = sys.stdout.isatty()
    images = results.copies(sources, directory / ".images")
    if args.count:
        symbols = {name: profiles.Symbols(results.symbols(path))
                   for name, path in sources.items()}
        measured = netbench.Counted(symbols, chosen, images, directory, terminal)
        # The plugin works only with TCG.
        measured.accel = "tcg"
    else:
        measured = netbench.Timed(chosen, images, directory, terminal)
        measured.accel = run.choose_accel(images["base"])
    results.conduct(measured, env, directory)
    (write_counts if args.count else write_rates)(measured, env.data, directory)
    print(f"  {directory}/table.md  .csv")
    return command.conclude(measured, directory)


def main():
    parser = command.parser(__doc__, IMAGES.values(), 3)
    parser.add_argument("--count", action="store_true",
                        help="count the instructions of a request, or of a KiB")
    args = parser.parse_args()
    return command.main(args, "count-net" if args.count else "net", IMAGES, bench)


if __name__ == "__main__":
    sys.exit(run.main(main))
