#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Coverage of the engine by the harness: lines and branches, with gcov.

The .c files of the engine and the inline code of its headers count, built with
gcc -O0 --coverage. A branch is one outcome of a condition as gcc compiles it: each
operand of && and || has two. Two kinds of branches are not in the source of the engine,
and do not count:

 - branches inside of kernel macros (WARN_ON_ONCE(), spin_trylock_irqsave(), a cmpxchg):
   in the coverage build the shims make them function calls. Arguments of such macros
   still count.
 - branches with only one possible outcome, because their condition is a constant: gcc
   removes them before gcov sees them.

Uncovered code must be in coverage.list, with a reason; an entry of that list that
matches no uncovered code is stale. Both are failures. A "race" of that list is code that
threads run only sometimes: it may be covered or not.
"""

import argparse
import gzip
import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass
class Line:
    count: int = 0
    # {number of branches that the line was compiled to: counts of each branch}
    branches: dict = None


def engine_name(path, engine):
    """Return the path in the tree of the engine, None for other files."""
    try:
        name = str(Path(path).resolve().relative_to(engine))
    except ValueError:
        return None
    if name in ("kernel/dma/swiotlb.c", "include/linux/swiotlb.h"):
        return name
    return name if name.startswith("kernel/dma/swiotlb/") else None


def gcov(data, gcov_command):
    """Return the JSON output of gcov for one object file."""
    out = subprocess.run([gcov_command, "-b", "-t", "--json-format", data.name],
                         cwd=data.parent, capture_output=True, check=True).stdout
    return json.loads(gzip.decompress(out) if out[:2] == b"\x1f\x8b" else out)


def declarations(file):
    """
    Return the lines of a header that only declare a function: gcov assigns the first
    condition of the body to them, too.
    """
    return {f["start_line"] for f in file["functions"]
            if f["start_line"] == f["end_line"] and file["file"].endswith(".h")}


def add_file(lines, file):
    skip = declarations(file)
    for entry in file["lines"]:
        if entry["line_number"] in skip:
            continue
        line = lines[entry["line_number"]]
        line.count += entry["count"]
        branches = [b["count"] for b in entry["branches"]]
        if branches:
            line.branches = line.branches or {}
            old = line.branches.get(len(branches), [0] * len(branches))
            line.branches[len(branches)] = [a + b for a, b in zip(old, branches)]


def read_counts(directories, engine, gcov_command):
    files = defaultdict(lambda: defaultdict(Line))
    for directory in directories:
        found = sorted(Path(directory).glob("engine/**/*.gcda"))
        if not found:
            raise SystemExit(f"{directory}: no *.gcda there, has nothing run?")
        for data in found:
            for file in gcov(data, gcov_command)["files"]:
                name = engine_name(data.parent / file["file"], engine)
                if name:
                    add_file(files[name], file)
    return files


def branch_counts(line):
    """
    Return the counts of the branches of a line. Configurations may compile it to different
    numbers of branches: the largest number includes them all.
    """
    return line.branches[max(line.branches)] if line.branches else []


@dataclass(frozen=True)
class Hole:
    """A line that never ran, or branches of a line that were never taken."""
    file: str
    number: int
    text: str
    kind: str


def holes_of(files, engine):
    for name in sorted(files):
        source = (engine / name).read_text().splitlines()
        for number, line in sorted(files[name].items()):
            text = source[number - 1].strip()
            if not line.count:
                yield Hole(name, number, text, "line")
            elif 0 in branch_counts(line):
                yield Hole(name, number, text, "branch")


def read_list(path):
    """Return {(file, kind, text): reason}."""
    known = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        head, _, reason = line.rpartition(" | ")
        parts = [p.strip() for p in (*head.split(" | ", 2), reason)]
        if len(parts) != 4 or parts[1] not in ("line", "branch", "race") or not parts[3]:
            raise SystemExit(f"{path.name}:{number}: not \"file | line, branch or race | "
                             "text | reason\"")
        known[tuple(parts[:3])] = parts[3]
    return known


def compare(holes, known, engine):
    """Return holes that are not in the list, and entries of the list that are no holes."""
    keys = {(h.file, h.kind, h.text) for h in holes}
    races = {(file, text) for file, kind, text in known if kind == "race"}
    new = [h for h in holes if (h.file, h.kind, h.text) not in known and
           (h.file, h.text) not in races]
    stale = [k for k in known if k[1] != "race" and k not in keys]
    for file, text in races:
        lines = (engine / file).read_text().splitlines() if (engine / file).exists() else []
        if text not in (line.strip() for line in lines):
            stale.append((file, "race", text))
    return new, stale


def percent(part, whole):
    return 100 * part / whole if whole else 100.0


def rates(lines):
    branches = [b for line in lines for b in branch_counts(line)]
    return (sum(line.count > 0 for line in lines), len(lines),
            sum(b > 0 for b in branches), len(branches))


def print_table(files):
    print(f"{'file':32} {'lines':>12} {'%':>6} {'branches':>12} {'%':>6}")
    for name in sorted(files):
        hit, lines, taken, branches = rates(files[name].values())
        print(f"{name.removeprefix('kernel/dma/'):32} {hit:5} / {lines:4} "
              f"{percent(hit, lines):6.1f} {taken:5} / {branches:4} "
              f"{percent(taken, branches):6.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engine", required=True, type=Path, help="tree of the engine")
    parser.add_argument("--list", type=Path, default=HERE / "coverage.list")
    parser.add_argument("--gcov", default="gcov")
    parser.add_argument("--lines", type=float, default=95, help="least percentage")
    parser.add_argument("--branches", type=float, default=90, help="least percentage")
    parser.add_argument("directory", nargs="+", help="variants that have run")
    options = parser.parse_args()
    engine = options.engine.resolve()

    files = read_counts(options.directory, engine, options.gcov)
    new, stale = compare(list(holes_of(files, engine)), read_list(options.list), engine)
    print_table(files)
    for hole in new:
        print(f"UNCOVERED {hole.file}:{hole.number}: {hole.kind}: {hole.text}")
    for file, kind, text in stale:
        print(f"STALE     {options.list.name}: {file} | {kind} | {text}")
    hit, lines, taken, branches = rates([line for file in files.values()
                                         for line in file.values()])
    result = percent(hit, lines), percent(taken, branches)
    print(f"coverage: lines {result[0]:.1f} % branches {result[1]:.1f} %")
    return 1 if (new or stale or result[0] <= options.lines or
                 result[1] <= options.branches) else 0


if __name__ == "__main__":
    sys.exit(main())
