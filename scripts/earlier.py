#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Our files as they are before an entry of the series that adds to them.

The tree has each file in its final form. To get the file as it is before an entry that adds
to it, remove the items that `Adds:` of this entry names, then apply its hunks in reverse. As a
program:

    scripts/earlier.py --base BASE ENTRY PATH               print the file before the entry
    scripts/earlier.py --base BASE ENTRY PATH --from FILE   let FILE be the file before it

The second form rewrites the hunks of the entry on that file.
"""

import argparse
import difflib
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import series

CASE = re.compile(r"\tKUNIT_CASE\w*\((\w+)")
HEAD = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)")


@dataclass
class Item:
    """A part of a source file at its top level: lines[start:end]."""

    start: int
    end: int
    names: set


# --- items ------------------------------------------------------------------------

def items(lines):
    """Return the items of a C file. Empty lines at the top level separate items: a function or
    a structure with its comment, a comment alone, a block between #if and #endif. In a list
    of declarations or definitions without comments, each of them is an item."""
    found, start = [], None
    for n, line in enumerate([*lines, ""]):
        ends = not line.strip() and (n + 1 >= len(lines) or not lines[n + 1][:1].isspace())
        if start is None and line.strip():
            start = n
        elif start is not None and ends:
            found += split(lines, start, n)
            start = None
    return found


def split(lines, start, end):
    block = lines[start:end]
    if any(line.startswith(("/*", "{", "#if", "#end")) or line.rstrip().endswith("{") for line in block):
        return [Item(start, end, names(block))]
    found, at = [], start
    for n in range(start, end):
        last = lines[n].rstrip()
        if last.endswith(";") or (lines[n].startswith("#") and not last.endswith("\\")) or n + 1 == end:
            found.append(Item(at, n + 1, names(lines[at:n + 1])))
            at = n + 1
    return found


def names(block):
    """Return the names that these lines define at the top level, and the titles of DOC
    comments as DOC:Title."""
    found = set()
    for line in block:
        if line.startswith(" * DOC: "):
            found.add("DOC:" + line.removeprefix(" * DOC: ").strip().replace(" ", "_"))
        elif line.startswith("#define"):
            found.add(re.split(r"\W", line.split()[1])[0])
        elif line[:1].isalpha():
            found.update(defined(line))
    return found


def defined(line):
    """Return the name that a line defines or declares. The line may be only the beginning of
    the definition."""
    tag = re.match(r"(?:struct|enum|union) (\w+) \{", line)
    call = re.search(r"\b(\w+)\((\w*)", line)
    if tag:
        return [tag[1]]
    if call:
        return [call[2] if call[1].isupper() else call[1]]
    words = [w for w in re.findall(r"\w+", re.split(r"[=;\[]", line)[0]) if not w.startswith("__")]
    return words[-1:]


def without(text, wanted):
    """Return the text without the items of these names, and without the lines of KUnit test
    cases that name them. Raise DoesNotApply if no item, or more than one, has a name."""
    lines = text.splitlines(keepends=True)
    gone = set()
    for name in wanted:
        found = [item for item in items(lines) if name in item.names]
        if len(found) != 1:
            raise series.DoesNotApply(f"Adds: {len(found)} items define {name}, not one")
        gone.update(range(found[0].start, found[0].end))
        gone.update(n for n, line in enumerate(lines) if CASE.match(line) and CASE.match(line)[1] == name)
    return "".join(left(lines, gone))


def left(lines, gone):
    """Return the lines without the @gone ones; of the empty lines around these, keep one."""
    kept, gap = [], False
    for n, line in enumerate(lines):
        if n in gone:
            gap = True
        elif not (gap and not line.strip() and (not kept or not kept[-1].strip())):
            kept.append(line)
            gap = gap and not line.strip()
    if gap and kept and not kept[-1].strip():
        del kept[-1]
    return kept


# --- hunks ------------------------------------------------------------------------

def reversed_diff(diff):
    """Return the FileDiff that undoes @diff."""
    return replace(diff, hunks=[replace(h, old_start=int(HEAD.match(h.header)[1]), old=h.new, new=h.old)
                                for h in diff.hunks])


def before(entry, path, data):
    """Return the content that a file has before @entry. @data: its content after it."""
    for where, wanted in entry.adds:
        if where == path:
            data = without(data.decode(), wanted).encode()
    for diff in entry.diffs:
        if diff.path == path:
            data = series.apply_diff(reversed_diff(diff), data)
    return data


def changes(entry, path):
    return any(diff.path == path for diff in entry.diffs) or any(where == path for where, _ in entry.adds)


def undo(entries, owner, places, final, problems):
    """Return {path: [(place, bytes)]}: the versions of each of our files, and their first place in
    the series. @final: {path: bytes}, the files in the tree."""
    found = {}
    for path, data in final.items():
        first, versions = places[owner[path].name], []
        for place in range(len(entries) - 1, first, -1):
            if not changes(entries[place], path):
                continue
            versions.append((place, data))
            try:
                data = before(entries[place], path, data)
            except series.DoesNotApply as error:
                problems.append(f"{entries[place].name}: {path}: {error}")
        found[path] = [*versions, (first, data)][::-1]
    return found


def at(versions, place):
    """Return the content at a place of the series, at or after that of the first version."""
    return [data for start, data in versions if start <= place][-1]


# --- the program ------------------------------------------------------------------

def rewritten(text, path, old, new):
    """Return the text of an entry with hunks on @path that lead from @old to @new."""
    head, diff = series.split_entry(text)
    parts = re.split(rb"(?m)^(?=diff --git )", diff)
    kept = [p for p in parts if p.strip() and not p.startswith(b"diff --git a/%s b/" % path.encode())]
    lines = list(difflib.unified_diff(old.decode().splitlines(keepends=True), new.decode().splitlines(keepends=True),
                                      f"a/{path}", f"b/{path}"))
    if lines:
        kept.append(f"diff --git a/{path} b/{path}\n{''.join(lines)}".encode())
    return head.rstrip(b"\n") + b"\n" + (b"\n---\n" + b"".join(kept) if kept else b"")


def main():
    top = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="a pristine tree (scripts/base.sh prints it)")
    parser.add_argument("--from", dest="old", type=Path, help="what the file shall be before the entry")
    parser.add_argument("entry", help="name of a file in patches/7.3")
    parser.add_argument("path", help="a file that an earlier entry owns")
    args = parser.parse_args()
    entry, data = states.after(top, args.base.resolve(), args.entry, args.path)
    if not args.old:
        sys.stdout.write(before(entry, args.path, data).decode())
        return
    target = top / "patches/7.3" / args.entry
    data = before(replace(entry, diffs=[]), args.path, data)
    target.write_bytes(rewritten(target.read_bytes(), args.path, args.old.read_bytes(), data))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    import states

    states.run(main)
