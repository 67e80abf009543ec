#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare the base kernel's swiotlb, ours, and no bouncing, with fio in a guest.

Every byte is verified first. Then all configurations are booted, REPEATS (3) times,
and take turns at each row, seconds apart. The results are in a directory of their
own under results/run/ (results/quick/ with --quick, results/native/
with --native, results/next/ with --next); "latest" points to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, environment, measure, plan, plot, report  # noqa: E402
from swbench import results, stats  # noqa: E402
from swguest import run, uml  # noqa: E402

NAMES = [config.name for config in plan.CONFIGS]
# Images of the kernels, and the rows, by the kind of run.
KINDS = {"run": ({"base": "base", "ours": "ours"}, plan.full),
         "quick": ({"base": "base", "ours": "ours"}, plan.quick),
         "native": ({"base": "base-mapbench-um", "ours": "ours-um"}, plan.native),
         "next": ({"base": "base-mapbench-um", "ours": "ours-um"}, plan.next_buffer)}


def arguments():
    parser = command.parser(__doc__, ("base", "ours"), 3)
    parser.set_defaults(kind="run")
    parser.add_argument("--quick", action="store_const", dest="kind", const="quick",
                        help="fewer rows, one repeat: about three minutes")
    parser.add_argument("--native", action="store_const", dest="kind", const="native",
                        help="in User Mode Linux, at the speed of this machine")
    parser.add_argument("--next", action="store_const", dest="kind", const="next",
                        help="the same for the policies of bench/next.patch")
    parser.add_argument("--only", type=lambda text: text.split(","),
                        metavar="CONFIG,...",
                        help="only these of " + ", ".join(NAMES))
    args = parser.parse_args()
    unknown = set(args.only or ()) - set(NAMES)
    if unknown:
        parser.error(f"no such configuration: {', '.join(sorted(unknown))}")
    return args


def write(directory, measured, env):
    """Write all files of a result; return the entries of the table."""
    rows = measured.plan.rows
    entries = stats.table(measured.samples, rows,
                          [config.name for config in measured.plan.configs])
    (directory / "table.csv").write_text(stats.to_csv(entries))
    (directory / "pairs.csv").write_text(report.pairs_csv(measured.samples, rows))
    (directory / "ratios.csv").write_text(report.ratios_csv(
        measured.samples, rows, measured.plan.configs))
    (directory / "cpu.csv").write_text(report.cpu_csv(
        measured.samples, rows, measured.plan.configs))
    (directory / "table.md").write_text(
        report.markdown(entries, measured.samples, measured.plan, env))
    if measured.handovers:
        (directory / "handover.csv").write_text(report.handover_csv(measured.handovers))
    same = env["images"]["base"]["sha256"] == env["images"]["ours"]["sha256"]
    plot.draw(entries, measured.plan, env["accelerator"], same, directory)
    return entries


def show(entries, measured, env, directory):
    print()
    print(report.summary(entries, measured.samples, measured.plan, env))
    print(f"\n  {directory}/table.md  .csv  .svg  .png")


def compare(args, directory):
    images, rows = KINDS[args.kind]
    sources = results.images(args.images, images)
    chosen = rows(args.repeats, args.only)
    env = environment.Environment(chosen, sources)
    measured = measure.Measurement(chosen, results.copies(sources, directory / ".images"),
                                   directory, sys.stdout.isatty())
    measured.accel = uml.ARCH if chosen.guest.native else \
        run.choose_accel(measured.images["base"])
    if results.conduct(measured, env, directory):
        show(write(directory, measured, env.data), measured, env.data, directory)
    else:
        print("\nverify failed: nothing was timed", file=sys.stderr)
    return command.conclude(measured, directory, not args.only)


def main():
    args = arguments()
    return command.main(args, args.kind, KINDS[args.kind][0], compare)


if __name__ == "__main__":
    sys.exit(run.main(main))
