#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Print the results of guest tests by the caller of swiotlb.

    callers.py STEP...

reads STEP.ktap, as testlog.py writes it, and adds up the results of boots with the
same caller of swiotlb, kernel and disks.
"""

import re
import sys
from collections import Counter
from pathlib import Path

import testlog

HEAD = ("caller", "kernel", "disks", "result")
BOOT = re.compile(r"^caller: (.*); kernel: (.*); disks: (.*)$", re.M)
VERDICTS = ("passed", "failed", "skipped")


def boots(results):
    """Yield ((caller, kernel, disks), verdict) for each result of a boot."""
    for result in results:
        found = BOOT.search(result.detail)
        if found:
            yield found.groups(), result.verdict


def table(results):
    """Return the rows, by caller, then in the order in which their boots first appear."""
    rows = {}
    for boot, verdict in boots(results):
        rows.setdefault(boot, Counter())[verdict] += 1
    callers = list(dict.fromkeys(caller for caller, _, _ in rows))
    return [(*boot, ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]))
            for boot, counts in sorted(rows.items(), key=lambda row: callers.index(row[0][0]))]


def formatted(rows):
    rows = [HEAD, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def main(*steps):
    results = []
    # A step that was killed leaves no file.
    for path in filter(Path.is_file, (Path(f"{step}.ktap") for step in steps)):
        results += testlog.from_ktap(path.read_text(encoding="utf-8").splitlines())
    rows = table(results)
    if rows:
        print(formatted(rows))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
