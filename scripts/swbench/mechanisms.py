# SPDX-License-Identifier: GPL-2.0-only
"""The table of the engine's mechanisms: lines and variables before and now, and the gain of each.

The csv has the lines of the first complete engine, commit c676e0a of this repository. Those of
the present engine are counted: the column "now" of the csv names the items of each file. A name
stands for a function, a structure or a macro, with its comment; a file without names counts as a
whole.
"""

import earlier

from . import report

ENGINE = "kernel/dma/swiotlb"


class Missing(Exception):
    """The engine lacks an item, or a csv lacks a row."""


def _lines(repo, listed):
    """Count the lines of @listed, "file: name name; file: name"."""
    total = 0
    for part in filter(None, map(str.strip, listed.split(";"))):
        name, _, wanted = part.partition(":")
        text = (repo / ENGINE / name).read_text(encoding="utf-8").splitlines(keepends=True)
        total += len(text) if not wanted else 0
        for item in wanted.split():
            found = [i for i in earlier.items(text) if item in i.names]
            if len(found) != 1:
                raise Missing(f"measured/mechanisms.csv: {name} has {len(found)} items {item}, not one")
            total += found[0].end - found[0].start
    return total


def _variables(repo, names):
    """Count the variables in @names. Each must exist."""
    source = "".join(path.read_text(encoding="utf-8") for path in sorted((repo / ENGINE).glob("*.[ch]")))
    for name in names.split():
        if name not in source:
            raise Missing(f"measured/mechanisms.csv: the engine has no {name}")
    return len(names.split())


def _buys(text, without, bench):
    """Return the gain of a mechanism, from the row that @text names in a csv, or else @text."""
    kind, _, rest = text.partition(": ")
    if kind == "without":
        mechanism, _, row = rest.partition(": ")
        found = [line for line in without if (line["mechanism"], line["row"]) == (mechanism, row)]
        old, new = "without", "with"
    elif kind == "bench":
        row = rest
        found = [line for line in bench if line["row"] == row]
        old, new = "base", "ours"
    else:
        return text
    if len(found) != 1:
        raise Missing(f"measured/mechanisms.csv: no row {row}")
    line = found[0]
    return f"{row}: {line[new]} {line['unit']} instead of {line[old]}".replace("  ", " ")


def grid(found, without, bench, repo):
    return report.grid(["mechanism", "lines before", "now", "variables before", "now", "buys"],
                       [[line["mechanism"], line["lines_before"], str(_lines(repo, line["now"]) or "-"),
                         line["variables_before"], str(_variables(repo, line["variables"]) or "-"),
                         _buys(line["buys"], without, bench)] for line in found])
