# SPDX-License-Identifier: GPL-2.0-only
"""The cover letter: its text, with tables made from measured data."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from states import Failure
from swbench import figuretables

GUEST_CSV = "measured/run.csv"
NATIVE_CSV = "measured/bench.csv"
CONFIGS = {"base": "base", "ours": "patched", "dynamic": "dynamic", "none": "none"}
MARK = re.compile(r"^@(\w+)@$", re.M)


def rows(path):
    """Return {(device, bs, rw, jobs): {config: line}}, in the order of the file."""
    found = {}
    with open(path, encoding="utf-8", newline="") as f:
        for line in csv.DictReader(f):
            key = line["device"], line["bs"], line["rw"], int(line["jobs"])
            found.setdefault(key, {})[line["config"]] = line
    for key, configs in found.items():
        missing = CONFIGS.keys() - configs.keys()
        if missing:
            raise Failure(f"{path}: {key} has no line for {', '.join(sorted(missing))}")
    return found


def percent(text):
    return f"{100 * float(text):.0f}%"


def iops(line):
    return f"{int(line['iops']) / 1000:.1f} ({percent(line['cv'])})"


def grid(header, lines):
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]
    return "\n".join("  " + "  ".join([line[0].ljust(widths[0])]
                                      + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])])
                     for line in (header, *lines))


def name(key):
    device, size, rw, jobs = key
    return f"{device} {size} {rw} x{jobs}"


def guest(repo):
    """Return the tables of thousands of IOPS with their spread, and of ratios."""
    found = rows(repo / GUEST_CSV)
    return grid(["", "base", "patched", "none", "/base", "/none"],
                [[name(key), iops(c["base"]), iops(c["ours"]), iops(c["none"]),
                  percent(c["ours"]["vs_base"]), percent(c["ours"]["vs_none"])] for key, c in found.items()])


def losing(repo):
    """Return the rows in which the patched kernel, with or without growth, is slower than the base."""
    found = rows(repo / GUEST_CSV)
    lines = [[name(key), CONFIGS[config], percent(configs[config]["vs_base"]), percent(configs["base"]["cv"])]
             for key, configs in found.items() for config in ("ours", "dynamic")
             if float(configs[config]["vs_base"]) < 1]
    if not lines:
        return "  (none)"
    return grid(["row", "configuration", "of the base", "spread of the base"], lines)


def native(repo):
    """Return the rows of make bench in which the patched kernel is slower, or hardly faster."""
    path = repo / NATIVE_CSV
    with open(path, encoding="utf-8", newline="") as f:
        found = list(csv.DictReader(f))
    if not found:
        raise Failure(f"{path}: no rows")
    lines = [[line["row"], line["base"], line["ours"], line["unit"], f"{line['ratio']}x"]
             for line in figuretables.weak(found)]
    return grid(["row", "base", "patched", "unit", "ratio"], lines) if lines else "  (none)"


def address(repo):
    """Return the public URL of this repository: REPO, or its remote; None if that is a local path."""
    url = os.environ.get("REPO") or subprocess.run(
        ["git", "-C", str(repo), "config", "remote.origin.url"], capture_output=True, text=True, check=False).stdout
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https", "git") or not parts.hostname:
        return None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def repository(repo):
    url = address(repo)
    return f"\n\t{url}\n" if url else "which is to be had from the sender of this mail,"


def grown(state, before, suites):
    """Return the lines that an entry adds to the engine or, with @suites, to its suites."""
    def count(found):
        return sum(content[0].count(b"\n") for path, content in found.items() if content
                   and path.startswith("kernel/dma/swiotlb/") and path.endswith((".c", ".h"))
                   and ("/tests/" in path) == suites)
    return count(state.files) - (count(before.files) if before else 0)


def entries(found):
    """Return a table of the patches that add to the engine: their lines, and whether the engine is
    in use."""
    lines, total, live = [], 0, None
    for number, (state, before) in enumerate(zip(found, [None, *found]), 1):
        slug = state.entry.name.partition("-")[2].removesuffix(".patch")
        added, tests = (grown(state, before, suites) for suites in (False, True))
        total += added
        live = total if slug == "turn-over" else live
        if added or tests:
            lines.append([f"{number} {slug}", str(added), str(tests), "yes" if live is not None else "no"])
    if live is not None:
        lines.append([f"in use with the switch: {live} of {total} lines", "", "", ""])
    return grid(["patch", "engine", "suites", "in use"], lines)


MAKERS = {"guest": guest, "losing": losing, "native": native, "repository": repository}


def letter(repo, found=()):
    """Return (subject, text) of patches/7.3/cover-letter, with its tables. @found: the states of
    the series, for the table of them."""
    path = Path(repo) / "patches" / "7.3" / "cover-letter"
    head, _, text = path.read_text(encoding="utf-8").partition("\n\n")
    if not head.startswith("Subject: ") or "\n" in head or not text.strip():
        raise Failure(f"{path.name}: must begin with 'Subject: ' and an empty line, and have a text")
    makers = {**MAKERS, "entries": lambda _: entries(found)}
    unknown = set(MARK.findall(text)) - makers.keys()
    if unknown:
        raise Failure(f"{path.name}: no such table: {', '.join(sorted(unknown))}")
    return head.removeprefix("Subject: "), MARK.sub(lambda m: makers[m[1]](Path(repo)), text).strip()


if __name__ == "__main__":
    try:
        print("Subject: %s\n\n%s" % letter(Path(__file__).resolve().parent.parent))
    except Failure as failure:
        sys.exit("error: " + "\n".join(failure.messages))
