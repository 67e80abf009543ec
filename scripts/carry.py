#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""After an edit of our files, adapt the hunks of the series on these files.

    scripts/carry.py --base BASE COMMIT

COMMIT is the last one at which all hunks applied. If a hunk of a later entry no longer
applies in reverse, merge the edit with the file as it was before the entry at COMMIT,
and rewrite the hunks in patches/7.3. After a conflict, resolve the file in build/carry, and
pass it to scripts/earlier.py --from.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import earlier
import series
import states
from states import Failure


def merge(mine, old, theirs):
    """Return (the bytes with the edits of both sides, whether they do not conflict)."""
    with tempfile.TemporaryDirectory() as temp:
        paths = [Path(temp) / name for name in ("after", "old", "before")]
        for path, data in zip(paths, (mine, old, theirs)):
            path.write_bytes(data)
        done = subprocess.run(["git", "merge-file", "-p", *map(str, paths)], capture_output=True, check=False)
    return done.stdout, done.returncode == 0


def carry_one(repo, entry, path, data, old):
    """Rewrite the hunks of an entry on one file. Return the file before it, or None after a
    conflict. @data: the file after the entry; @old: the entry and that file, at the commit."""
    after = earlier.before(replace(entry, diffs=[]), path, data)
    old_after = earlier.before(replace(old[0], diffs=[]), path, old[1])
    merged, clean = merge(after, old_after, earlier.before(*old[:1], path, old[1]))
    if not clean:
        target = repo / "build/carry" / entry.name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(merged)
        return None
    target = repo / "patches/7.3" / entry.name
    target.write_bytes(earlier.rewritten(target.read_bytes(), path, merged, after))
    return merged


def carry(repo, before, base):
    """Return (entry, path, whether it could be merged) for all hunks that did not apply."""
    found, problems = [], []
    entries = series.read_series(repo / "patches" / "7.3", problems)
    owner = states.find_owners(entries, states.candidates(repo, base), repo, False, [])
    for path in sorted({diff.path for entry in entries for diff in entry.diffs} & owner.keys()):
        data = (repo / path).read_bytes()
        for entry in reversed(entries[entries.index(owner[path]) + 1:]):
            if not earlier.changes(entry, path):
                continue
            try:
                data = earlier.before(entry, path, data)
                continue
            except series.DoesNotApply:
                data = carry_one(repo, entry, path, data, states.after(before, base, entry.name, path))
            found.append((entry.name, path, data is not None))
            if data is None:
                break
    if problems:
        raise Failure(*problems)
    return found


def main():
    top = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="a pristine tree (scripts/base.sh prints it)")
    parser.add_argument("commit", help="at which all hunks applied")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temp:
        before = Path(temp) / "before"
        git = ["git", "-C", str(top), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(before), args.commit], check=True)
        try:
            found = carry(top, before, args.base.resolve())
        finally:
            subprocess.run([*git, "remove", "--force", str(before)], check=True)
    for entry, path, clean in found:
        print(f"{entry}: {path}: {'merged' if clean else 'a conflict, in build/carry'}")
    return 0 if all(clean for _, _, clean in found) else 1


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    states.run(main, subprocess.CalledProcessError)
