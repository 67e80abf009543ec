#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare the base kernel's swiotlb, ours, and no bouncing, with fio in a guest.

First fio verifies every byte. Then all configurations are booted, REPEATS times (2 in QEMU,
1 natively), and take turns at each row, seconds apart; natively, guests with one CPU then run
in pairs at the same time. Without an option, a few rows are first measured natively, in User
Mode Linux, then all rows in QEMU; both tables are printed at the end.

The results are in a directory of their own under results/run-native/ and results/run/
(results/quick/ with --quick, results/native/ with --native, results/next/ with --next);
"latest" points to the newest good one.
"""

import functools
import os
import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, environment, measure, plan, plot, report  # noqa: E402
from swbench import results, stats  # noqa: E402
from swguest import run, uml  # noqa: E402

NAMES = [config.name for config in plan.CONFIGS]
# Images of the kernels, and the rows, by the kind of measurement.
QEMU, UML = {"base": "base", "ours": "ours"}, {"base": "base-mapbench-um", "ours": "ours-um"}
KINDS = {"run": (QEMU, plan.full),
         "run-native": (UML, plan.native_few),
         "quick": (QEMU, plan.quick),
         "native": (UML, plan.native),
         "next": (UML, plan.next_buffer)}
# The kinds measured without an option, in the order of their tables
BOTH = ("run-native", "run")


def arguments():
    parser = command.parser(__doc__, ("base", "ours"), "2 in QEMU, natively 1")
    parser.set_defaults(kinds=BOTH)
    parser.add_argument("--quick", action="store_const", dest="kinds", const=("quick",),
                        help="fewer rows, one repeat: about three minutes")
    parser.add_argument("--native", action="store_const", dest="kinds", const=("native",),
                        help="in User Mode Linux, at the speed of this machine")
    parser.add_argument("--next", action="store_const", dest="kinds", const=("next",),
                        help="the same for the policies of bench/next.patch")
    parser.add_argument("--only", type=lambda text: text.split(","),
                        metavar="CONFIG,...",
                        help="only these of " + ", ".join(NAMES))
    parser.add_argument("--turns", type=command.positive, default=os.environ.get("TURNS") or None,
                        help="the most turns of a pair, where its interval decides (TURNS)")
    parser.add_argument("--rows", metavar="TEXT", default=os.environ.get("ROWS") or "",
                        help="only rows whose name contains this, as .256.1. for one job (ROWS)")
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
    print(f"\n{env['accelerator']}:\n")
    print(report.summary(entries, measured.samples, measured.plan, env))
    print(f"\n  {directory}/table.md  .csv  .svg  .png")


def compare(args, directory, kind, tables):
    """Measure one kind, and append the arguments of show() to @tables."""
    images, rows = KINDS[kind]
    sources = results.images(args.images, images)
    chosen = rows(args.repeats, args.only)
    if args.rows:
        chosen = chosen._replace(rows=tuple(row for row in chosen.rows if args.rows in row.name))
        if not chosen.rows:
            raise SystemExit(f"error: no row of {kind} has {args.rows} in its name")
    if args.turns and chosen.most:
        chosen = chosen._replace(most=args.turns)
    env = environment.Environment(chosen, sources)
    measured = measure.Measurement(chosen, results.copies(sources, directory / ".images"),
                                   directory, sys.stdout.isatty())
    measured.accel = uml.ARCH if chosen.guest.native else \
        run.choose_accel(measured.images["base"])
    if results.conduct(measured, env, directory):
        tables.append((write(directory, measured, env.data), measured, env.data, directory))
    else:
        print("\nverify failed: nothing was timed", file=sys.stderr)
    return command.conclude(measured, directory, not args.only)


def main():
    args = arguments()
    # Fail now if an image is missing, rather than in the middle of the run.
    for kind in args.kinds:
        results.images(args.images, KINDS[kind][0])
    tables = []
    status = max([command.main(args, kind, KINDS[kind][0], functools.partial(
        compare, kind=kind, tables=tables)) for kind in args.kinds])
    for table in tables:
        show(*table)
    return status


if __name__ == "__main__":
    sys.exit(run.main(main))
