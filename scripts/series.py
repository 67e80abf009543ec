# SPDX-License-Identifier: GPL-2.0-only
"""The series: reading its entries, and applying their hunks exactly.

An entry is described in patches/7.3/README. Problems are collected rather
than raised one by one, so that one run names all of them.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
LINKS = re.compile(r"^Links: (\S+)$\Z", re.M)
SECTIONS = ("Owns:", "Adds:")
NO_NEWLINE = b"\\ No newline at end of file"


class DoesNotApply(Exception):
    """A hunk does not apply to the file; the message is the reason."""


@dataclass
class Hunk:
    header: str
    old_start: int
    old: list = field(default_factory=list)
    new: list = field(default_factory=list)
    trailing_context: int = 0


@dataclass
class FileDiff:
    path: str
    hunks: list = field(default_factory=list)
    deletes: bool = False


@dataclass
class Entry:
    name: str
    subject: str = ""
    body: str = ""
    owns: list = field(default_factory=list)
    adds: list = field(default_factory=list)
    links: str = ""
    diffs: list = field(default_factory=list)


def read_series(directory, problems, series="series"):
    """Return the entries in their order. The series must name all entries; a series of
    another name is a subset of it."""
    directory = Path(directory)
    try:
        text = (directory / series).read_text(encoding="utf-8")
    except OSError as error:
        problems.append(f"{directory}/{series}: {error.strerror}")
        return []
    names = [n for n in (line.split("#")[0].strip() for line in text.splitlines()) if n]
    for name in sorted({n for n in names if names.count(n) > 1}):
        problems.append(f"{series}: {name} is listed twice")
    for path in sorted(directory.glob("*.patch")) if series == "series" else ():
        if path.name not in names:
            problems.append(f"series: {path.name} is not listed")
    entries = []
    for name in dict.fromkeys(names):
        try:
            data = (directory / name).read_bytes()
        except OSError:
            problems.append(f"{series}: {name} is listed, but there is no such entry")
            continue
        entries.append(parse_entry(name, data, problems))
    return entries


def parse_entry(name, data, problems):
    """Parse the bytes of a file into an Entry."""
    text, diff = split_entry(data)
    entry = Entry(name)
    lines = text.decode("utf-8", errors="replace").splitlines()
    # A mail names its author, and may have remarks that are not part of the commit
    if lines and lines[0].startswith("From: "):
        del lines[0]
        diff = diff[max(diff.find(b"diff --git "), 0):]
    if not lines or not lines[0].startswith("Subject: ") or (lines[1:2] or [""])[0].strip():
        problems.append(f"{name}: must begin with 'Subject: ' and an empty line")
        return entry
    entry.subject = lines[0][len("Subject: "):]
    rest = lines[2:]
    at = min([n for n, line in enumerate(rest) if line in SECTIONS], default=len(rest))
    entry.body = "\n".join(rest[:at]).strip()
    found = LINKS.search(entry.body)
    if found:
        entry.links, entry.body = found[1], entry.body[:found.start()].strip()
    if not entry.body:
        problems.append(f"{name}: has no body: say why")
    parse_sections(entry, rest[at:], problems)
    entry.diffs = parse_diff(name, diff, problems)
    if not entry.owns and not entry.adds and not entry.diffs:
        problems.append(f"{name}: changes nothing")
    return entry


def parse_sections(entry, lines, problems):
    """Parse the lists of what an entry owns, and of what it adds to files of earlier ones."""
    section = ""
    for line in lines:
        if line in SECTIONS:
            section = line
        elif line.strip() and not line[0].isspace():
            problems.append(f"{entry.name}: under {section} only indented paths may stand, not '{line}'")
        elif line.strip() and section == "Owns:":
            entry.owns.append(line.strip())
        elif line.strip():
            path, _, wanted = line.strip().partition(": ")
            if not wanted.split():
                problems.append(f"{entry.name}: Adds: must have lines like 'path: name name', not '{line.strip()}'")
            entry.adds.append((path, wanted.split()))


def split_entry(data):
    """Return the parts above and below the line ---."""
    found = re.search(rb"^---[ \t]*$\n?", data, re.M)
    return (data[:found.start()], data[found.end():]) if found else (data, b"")


def parse_diff(name, data, problems):
    """Parse a git diff into FileDiffs; all that a FileDiff cannot express is a problem."""
    diffs, lines, at = [], data.removesuffix(b"\n").split(b"\n"), 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith(b"diff --git "):
            path = line.decode("utf-8", errors="replace").split(" b/")[-1]
            diffs.append(FileDiff(path))
        elif line.startswith(b"@@ ") and diffs:
            at = parse_hunk(name, diffs[-1], lines, at - 1, problems)
        elif line.startswith(b"deleted file mode") and diffs:
            diffs[-1].deletes = True
        elif line.startswith((b"new file mode", b"rename ", b"copy ", b"GIT binary", b"Binary ")):
            where = diffs[-1].path if diffs else "?"
            problems.append(f"{name}: {where}: '{line.decode(errors='replace')}' is not for an entry: "
                            "a new file is owned, hunks only edit or delete files of the base")
        elif line.strip() and not line.startswith((b"index ", b"--- ", b"+++ ", b"old mode", b"new mode")):
            problems.append(f"{name}: stray line in the diff: '{line.decode(errors='replace')}'")
    for diff in diffs:
        if not diff.hunks:
            problems.append(f"{name}: {diff.path}: has no hunk")
    return diffs


def parse_hunk(name, diff, lines, at, problems):
    """Add the hunk at lines[at] to @diff; return the index of the line after it."""
    header = lines[at].decode("utf-8", errors="replace")
    found = HUNK.match(lines[at])
    if not found:
        problems.append(f"{name}: {diff.path}: bad hunk header '{header}'")
        return at + 1
    old_left, new_left = (int(n) if n else 1 for n in (found[2], found[4]))
    hunk = Hunk(header, int(found[1]))
    at += 1
    while at < len(lines) and (old_left > 0 or new_left > 0 or lines[at] == NO_NEWLINE):
        line = lines[at]
        kind, text = (line[:1] or b" "), line[1:] + b"\n"
        if line == NO_NEWLINE:
            strip_newline(hunk, lines[at - 1][:1])
        elif kind in b" -+":
            if kind in b" -":
                hunk.old.append(text)
                old_left -= 1
            if kind in b" +":
                hunk.new.append(text)
                new_left -= 1
            hunk.trailing_context = hunk.trailing_context + 1 if kind == b" " else 0
        else:
            break
        at += 1
    if old_left or new_left:
        problems.append(f"{name}: {diff.path}: hunk '{header}' does not have the lines that it announces")
    else:
        diff.hunks.append(hunk)
    return at


def strip_newline(hunk, kind):
    """Drop the newline of the last line, on each side that has a line of this kind."""
    for lines, kinds in ((hunk.old, b" -"), (hunk.new, b" +")):
        if kind in kinds and lines:
            lines[-1] = lines[-1][:-1]


def apply_diff(diff, data):
    """Return the bytes after the diff, None if it deletes the file."""
    lines, shift = split_lf(data), 0
    for hunk in diff.hunks:
        at = find(lines, hunk, shift)
        lines[at:at + len(hunk.old)] = hunk.new
        shift = at - start_of(hunk) + len(hunk.new) - len(hunk.old)
    if diff.deletes:
        if lines:
            raise DoesNotApply("deletes the file, but %d lines would be left" % len(lines))
        return None
    return b"".join(lines)


def split_lf(data):
    """Split into lines at \\n only."""
    parts = data.split(b"\n")
    return [p + b"\n" for p in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def start_of(hunk):
    """Return the index of the first line; a hunk without old lines names the line before."""
    return hunk.old_start - 1 if hunk.old else hunk.old_start


def find(lines, hunk, shift):
    """Return the index at which all old lines match exactly: at the line number of the
    hunk or, since any 7.3.x is a base, at the nearest other line. Less than three lines
    of context mean the start or end of the file, and the hunk must match there.
    """
    size, wanted = len(hunk.old), start_of(hunk) + shift
    last = len(lines) - size
    places = sorted(range(last + 1), key=lambda at: abs(at - wanted))
    if hunk.old_start <= 1:
        places = [0] if last >= 0 else []
    elif not hunk.trailing_context:
        places = [last] if last >= 0 else []
    for at in places:
        if lines[at:at + size] == hunk.old:
            return at
    raise DoesNotApply(f"hunk '{hunk.header}' does not apply" + mismatch(lines, hunk, wanted))


def mismatch(lines, hunk, wanted):
    """Describe the first line that differs at the line number of the hunk."""
    for n, old in enumerate(hunk.old):
        at = wanted + n
        have = lines[at] if 0 <= at < len(lines) else b"(end of file)"
        if have != old:
            return ": line %d is '%s', expected '%s'" % (
                at + 1, have.decode(errors="replace").rstrip("\n"),
                old.decode(errors="replace").rstrip("\n"))
    return ""
