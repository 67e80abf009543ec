#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Profile the rows of the bench that are far from their limit.

For each row: instructions of a map and unmap by source file, which callgrind counts and
which are the same in every run; the time; and the time of the parts that no allocator
can avoid. The result is results/bench-profile/<time>/profile.md.
"""

import argparse
import collections
import pathlib
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[3]
sys.path.insert(0, str(TREE / "scripts"))

import rows as plan  # noqa: E402
import runs  # noqa: E402
import table  # noqa: E402
from swbench import report, results  # noqa: E402
from swguest import run  # noqa: E402

REPEATS = 5

# An unavoidable cost: how often it occurs, and the measured value of one occurrence.
Floor = collections.namedtuple("Floor", "times what group copies key")
# @timed: group and value to time, if the group of the row measures much more.
Case = collections.namedtuple("Case", "row counted floors timed", defaults=(None,))

_LOCK = "locks with interrupts off, taken and released"
_COPY = "copies of 4 KiB into a warm buffer"
CASES = (
    Case("map+unmap 64 KiB without copy", "count_64k",
         (Floor(2, _LOCK, "parts", "nocopy", "part/lock"),)),
    Case("map+unmap 256 KiB without copy", "count_256k",
         (Floor(2, _LOCK, "parts", "nocopy", "part/lock"),)),
    Case("map+unmap 4 KiB to device", "count_empty",
         (Floor(1, _COPY, "pairs", "copy", "copy/4096/warm"),)),
    Case("map+unmap 4 KiB from device", "count_from",
         (Floor(1, "copies of 4 KiB there and back", "pairs", "copy",
                "copy/4096/warm-and-back"),)),
    Case("sync 64 B with 256 pools", "count_sync",
         (Floor(1, "copies of 64 B from the same places", "parts_sync", "copy",
                "part/copy-64-of-256"),),
         ("parts_sync", "part/sync-64-of-256")),
    Case("map here, unmap there, 256 deep, no copy", "count_ring",
         (Floor(1, "hand-overs of an address, without mapping", "ring", "nocopy",
                "ring/256/alone"),)),
)

# Parts by a string in the name of the file; the first match counts.
SHIM = "locks, interrupts, per-CPU data, device"
PARTS = (
    ("dma/swiotlb/slots.c", "bitmaps: search, claim, release"),
    ("dma/swiotlb/area.h", "one area"),
    ("dma/swiotlb/pool.c", "one pool"),
    ("dma/swiotlb/record.h", "record of the mapping"),
    ("dma/swiotlb/magazine.h", "magazines"),
    ("dma/swiotlb/magazine.c", "magazines"),
    ("dma/swiotlb/mem.h", "order of search"),
    ("dma/swiotlb/mem.c", "order of search"),
    ("dma/swiotlb/pools.c", "address to pool"),
    ("linux/swiotlb.h", "address to pool"),
    ("dma/swiotlb/bounce.", "around the copy"),
    ("dma/swiotlb/request.h", "arithmetic of alignment and slots"),
    ("dma/swiotlb.c", "front door: request and checks"),
    ("/bench/", "the loop of the bench"),
    ("/shim/", SHIM),
    ("/lib/", "lib/ and include/linux of the kernel"),
    ("include/linux/", "lib/ and include/linux of the kernel"),
)


def part_of(name):
    return next((part for text, part in PARTS if text in name), "rest")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True,
                        metavar="DIR", help="where make has built them")
    parser.add_argument("--rows", default="", metavar="TEXT",
                        help="only those whose name contains TEXT")
    parser.add_argument("--results", type=pathlib.Path, metavar="DIR",
                        default=TREE / "results")
    args = parser.parse_args()
    args.cases = [case for case in CASES if args.rows.lower() in case.row.lower()]
    if not args.cases:
        parser.error(f"no profiled row's name contains \"{args.rows}\"")
    return args


class Times:
    """Medians over REPEATS runs of each group, with the engines in turn."""

    def __init__(self, programs):
        self._programs = programs
        self._seen = {}

    def _run(self, engine, group, copies):
        """Run a group. Threads that wait for each other may time out on a busy machine."""
        try:
            return self._programs.run(engine, group, copies)
        except subprocess.TimeoutExpired:
            print(f"          {group} took too long: others use the cores")
            return {}

    def of(self, engine, group, copies, key):
        if (group, copies) not in self._seen:
            print(f"  BENCH   {group}, {REPEATS} times", flush=True)
            self._seen[group, copies] = [
                {one: self._run(one, group, copies) for one in runs.ENGINES}
                for _ in range(REPEATS)]
        values = [turn[engine][key] for turn in self._seen[group, copies]
                  if key in turn[engine]]
        return statistics.median(values) if values else None


def counted(programs, case):
    """Return lines of part, instructions, share; the last line is the sum."""
    row = row_of(case)
    print(f"  COUNT   {case.counted}", flush=True)
    files = programs.profile("ours", case.counted, row.copies)
    parts = collections.Counter()
    for name, number in files.items():
        # Skip the copy: callgrind counts rep movsb as one instruction per byte
        if name in ("", "???"):
            continue
        parts[part_of(name)] += number
    total = sum(parts.values())
    lines = [(part, number, number / total) for part, number in parts.most_common()
             if number >= 0.5]
    return [*lines, ("all", total, 1)]


def row_of(case):
    return next(row for row in plan.all_rows() if row.name == case.row)


def times(found, case):
    """Return the measured times, the limit, and the unavoidable costs."""
    row = row_of(case)
    group, key = case.timed or (row.group, row.key)
    base, ours = (found.of(one, group, row.copies, key) for one in runs.ENGINES)
    lines = [("base", base), ("ours", ours)]
    costs = [(f"of ours, {floor.times} {floor.what}", floor.times,
              found.of("ours", floor.group, floor.copies, floor.key))
             for floor in case.floors]
    if None in (base, ours, *(cost for _, _, cost in costs)):
        return [*lines, ("of the rest nothing was measured", None)]
    lines += [(f"limit: base / {row.limit.number:g}", base / row.limit.number)]
    lines += [(what, number * cost) for what, number, cost in costs]
    rest = ours - sum(number * cost for _, number, cost in costs)
    return [*lines, ("of ours, all else", rest)]


def markdown(programs, cases):
    found = Times(programs)
    parts = ["<!-- SPDX-License-Identifier: GPL-2.0-only -->",
             "# Where the time goes in rows that miss their limit"]
    for case in cases:
        parts += [
            f"## {case.row}",
            report.grid(["time", "ns"], [[what, table.number(value)]
                                         for what, value in times(found, case)]),
            report.grid(["part", "instructions, without copies", "%"],
                        [[part, f"{number:.0f}", f"{100 * share:.0f}"]
                         for part, number, share in counted(programs, case)])]
    return "\n\n".join(parts) + "\n"


def profile(args):
    programs = runs.Programs(args.programs, False)
    if not programs.valgrind:
        print("error: callgrind is missing: apt-get install valgrind",
              file=sys.stderr)
        return 2
    text = markdown(programs, args.cases)
    directory = results.new_directory(args.results, "bench-profile")
    (directory / "profile.md").write_text(text)
    results.point_latest(directory)
    print(f"\n{text}\n  {directory}/profile.md")
    return 0


def main():
    args = arguments()
    try:
        return profile(args)
    except runs.BenchError as err:
        print(f"error: {err}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(run.main(main))
