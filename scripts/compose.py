#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compose build/src-<name>: the base, with our files over it and the hunks applied.

<name> is ours for the whole series, ours-<number> for the series up to the entry with
that number, base for none of it, or base-<subset> for the entries that
patches/7.3/series.<subset> lists. A part of the name that has a directory of patches (um, coco,
pc and s390: patches/um-7.3 and so on) adds the entries of that directory, before all others.
With LINUX=6.12 or LINUX=6.1, the base is that kernel, and base-fixes has patches/fixes-6.12 and so on.

The tree consists of hard links to the base. A changed file is always written to a new
file that replaces the link, so that the base does not change. If the tree already
exists, only files whose content changes are written: kbuild compares timestamps.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import states
from states import Failure

HEARTBEAT_SECONDS = 10


def say(verb, text):
    print("  %-7s %s" % (verb, text), file=sys.stderr, flush=True)


# --- the base -------------------------------------------------------------------

def base_id(base):
    """Return a unique name of the base: that of a tree in the cache, or a hash over the
    names, sizes and times of its files."""
    if Path(f"{base}.sha256").is_file():
        return base.name
    digest = hashlib.sha256(str(base).encode())
    for directory, names, files in os.walk(base):
        names[:] = sorted(n for n in names if n != ".git")
        for name in sorted(files):
            stat = os.lstat(os.path.join(directory, name))
            digest.update(f"{directory}/{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return "tree-" + digest.hexdigest()[:16]


def check_base(base, paths):
    """Check that the files of the base that we replace are as they were unpacked."""
    try:
        with open(f"{base}.sha256", encoding="utf-8") as f:
            sums = dict(reversed(line.rstrip("\n").split("  ./", 1)) for line in f)
    except FileNotFoundError:
        return
    changed = [p for p in paths if p in sums
               and hashlib.sha256((base / p).read_bytes()).hexdigest() != sums[p]]
    if changed:
        raise Failure("the base in the cache was changed: " + " ".join(sorted(changed)),
                      f"remove {base} to have it unpacked again")


# --- the tree -------------------------------------------------------------------

def can_link(base, directory):
    probe = directory / ".link"
    try:
        os.link(base / "Makefile", probe)
    except OSError:
        return False
    probe.unlink()
    return True


def wait_for(process, what):
    """Wait, with a line now and then; return the errors of the process if it failed."""
    start = time.monotonic()
    while True:
        try:
            return process.communicate(timeout=HEARTBEAT_SECONDS)[1]
        except subprocess.TimeoutExpired:
            say("", "%s: %d s elapsed" % (what, time.monotonic() - start))


def copy_base(base, tree):
    """Make @tree a copy of @base, completely or not at all."""
    temp = tree.with_name(f".{tree.name}.tmp")
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir(parents=True)
    how = ["cp", "-al"] if can_link(base, temp) else ["cp", "-a", "--reflink=auto"]
    names = [str(p) for p in sorted(base.iterdir()) if p.name != ".git"]
    try:
        with subprocess.Popen([*how, "--", *names, str(temp)], stderr=subprocess.PIPE, text=True) as process:
            errors = wait_for(process, f"copying {base.name}")
        if process.returncode:
            raise Failure(f"cannot copy {base} to {tree}: {errors.strip().splitlines()[-1]}")
        shutil.rmtree(tree, ignore_errors=True)
        temp.rename(tree)
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def put(path, data, mode):
    """Replace the content of a file in one step, and never through a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.tmp")
    try:
        temp.write_bytes(data)
        temp.chmod(mode)
        os.replace(temp, path)
    finally:
        temp.unlink(missing_ok=True)


def drop(path, top):
    """Remove a file, and the directories that it leaves empty."""
    path.unlink(missing_ok=True)
    for parent in path.parents:
        if parent == top or any(parent.iterdir()):
            return
        parent.rmdir()


def settle(tree, base, relative, content):
    """Bring one file up to date; return whether it changed."""
    path = tree / relative
    if content is None:
        if not path.exists():
            return False
        drop(path, tree)
        return True
    data, mode = content
    # A link to the base must be broken even if the content is the same.
    own = path.is_file() and not (
        (base / relative).exists() and path.samefile(base / relative))
    if own and path.read_bytes() == data and path.stat().st_mode & 0o777 == mode:
        return False
    put(path, data, mode)
    return True


def from_base(base, relative):
    """Return the content of a file that we no longer change. A link to the base would
    have an old timestamp, and kbuild would not see the change."""
    path = base / relative
    return (path.read_bytes(), path.stat().st_mode & 0o777) if path.is_file() else None


def read_state(state):
    """Return the base and the overlaid files of the existing tree."""
    try:
        lines = state.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None, set()
    return (lines[0] if lines else None), set(lines[1:])


def write_state(state, ident, paths):
    put(state, "".join(f"{line}\n" for line in [ident, *sorted(paths)]).encode(), 0o644)


def compose(name, base, build, wanted):
    """Bring build/src-<name> up to date; return the number of files written."""
    tree, state = build / f"src-{name}", build / f"src-{name}.state"
    check_base(base, wanted)
    ident = base_id(base)
    old_ident, old = read_state(state)
    if old_ident != ident or not tree.is_dir():
        state.unlink(missing_ok=True)
        (build / f"src-{name}.sum").unlink(missing_ok=True)
        copy_base(base, tree)
        old = set()
    # Record all files that may differ from the base before the first one is written.
    write_state(state, ident, old | wanted.keys())
    changed = 0
    for relative in sorted(old - wanted.keys()):
        changed += settle(tree, base, relative, from_base(base, relative))
    for relative, content in sorted(wanted.items()):
        changed += settle(tree, base, relative, content)
    write_state(state, ident, wanted.keys())
    check_base(base, wanted)
    put(build / f"src-{name}.sum", checksum(ident, wanted), 0o644)
    return changed


def checksum(ident, wanted):
    """Return a hash that identifies the content of the composed tree."""
    digest = hashlib.sha256(ident.encode())
    for path, content in sorted(wanted.items()):
        digest.update(f"\n{path} ".encode())
        digest.update(b"-" if content is None else hashlib.sha256(content[0]).digest())
    return (digest.hexdigest() + "\n").encode()


@contextlib.contextmanager
def locked(path, what):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("WAIT", f"another run is at work on {what}")
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


def lists_of(repo, directory, name):
    """Return the series files to apply to the base, lowest first, and the number of the
    last entry to apply, if not all."""
    kind, *parts = name.split("-")
    version = os.environ.get("LINUX") or "7.3"
    below, above, last = [], [directory / "series"] if kind == "ours" else [], None
    for part in parts:
        own = repo / "patches" / f"{part}-{version}" / "series"
        if own.is_file():
            below.append(own)
        elif kind == "ours":
            last = part
        else:
            above.append(directory / f"series.{part}")
    return below + above, last


def plan(repo, base, directory, name):
    """Return the files that differ from the base, and the number of entries."""
    lists, last = lists_of(repo, directory, name)
    if not lists:
        return {}, 0
    found = states.read(repo, base, lists, whole=name.startswith("ours"))
    if last:
        found = states.up_to(found, last)
    if not found:
        say("NOTE", f"{lists[-1]} is empty: composing the plain base")
        return {}, 0
    return found[-1].files, len(found)


def main():
    top = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="a pristine tree (scripts/base.sh prints it)")
    parser.add_argument("--repo", type=Path, default=top, help="the checkout with our files")
    parser.add_argument("--series", type=Path, help="default: <repo>/patches/7.3")
    parser.add_argument("--build", type=Path, help="default: <repo>/build")
    parser.add_argument("name", help="base (a plain copy), ours, ours-<number> or base-<subset>, with -um, -coco, -pc or -s390")
    args = parser.parse_args()
    if not re.fullmatch("ours(-[0-9]{4})?(-um|-coco|-pc|-s390)?|base(-[a-z0-9]+)*", args.name):
        parser.error(f"no such tree: {args.name} (base, ours, ours-<number> or base-<subset>, with -um, -coco, -pc or -s390)")
    repo, base = args.repo.resolve(), args.base.resolve()
    build = (args.build or repo / "build").resolve()
    with locked(build / f".src-{args.name}.lock", f"src-{args.name}"):
        wanted, entries = plan(repo, base, args.series or repo / "patches" / "7.3", args.name)
        changed = compose(args.name, base, build, wanted)
    say("COMPOSE", f"{args.name}: {entries} entries, {len(wanted)} files, {changed} written")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    states.run(main)
