# SPDX-License-Identifier: GPL-2.0-only
"""The state of the touched files after each entry of the series.

The rules are those of patches/7.3/README.
"""

import re
import subprocess
import sys
from dataclasses import dataclass

import earlier
import series

# Directories of the base in which our files are not part of the series.
NOT_IN_SERIES = {"scripts"}
OBJECT = re.compile(r"[\w-]+\.o|[\w-]+/")


class Failure(Exception):
    """An error with messages for the caller."""

    def __init__(self, *messages):
        super().__init__(*messages)
        self.messages = messages


def run(main, *told):
    """Call @main as a program: print each error on a line, and set the exit status.
    Exceptions in @told have already been reported.
    """
    try:
        sys.exit(main())
    except Failure as failure:
        for message in failure.messages:
            print("error:", message, file=sys.stderr)
        sys.exit(1)
    except told:
        sys.exit(1)
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


@dataclass
class State:
    """An entry, and {path: (content, mode)} after it, None for a removed file. Files of
    the base that no entry up to this one touches are not included."""

    entry: series.Entry
    files: dict


# --- owners ---------------------------------------------------------------------

def candidates(repo, base):
    """Return our files in directories of the kernel."""
    tops = sorted(p.name for p in base.iterdir() if p.is_dir() and p.name not in NOT_IN_SERIES)
    tops = [t for t in tops if (repo / t).is_dir()]
    if not tops:
        return set()
    git = subprocess.run(
        ["git", "-C", str(repo), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *tops],
        capture_output=True, text=True, check=False)
    if git.returncode:
        raise Failure(f"cannot list the files of {repo}: {git.stderr.strip()}")
    return {p for p in git.stdout.split("\0") if p and (repo / p).is_file()}


def owned_files(entry, files, named):
    """Yield the files that an entry owns. A path that ends in / means all files below it,
    except those below a longer path that some entry names."""
    for path in entry.owns:
        longer = tuple(p for p in named if p != path and p.startswith(path))
        below = sorted(f for f in files if f.startswith(path)) if path.endswith("/") else []
        yield from [f for f in below if not is_below(f, longer)] if below else [path]


def is_below(file, paths):
    return any(file == p or (p.endswith("/") and file.startswith(p)) for p in paths)


def find_owners(entries, files, repo, whole, problems):
    """Return {path: the entry that owns it}. In a whole series every file has an owner."""
    owner = {}
    named = [path for entry in entries for path in entry.owns]
    for entry in entries:
        for path in owned_files(entry, files, named):
            if path in owner:
                problems.append(f"{path}: owned by both {owner[path].name} and {entry.name}")
            elif path not in files:
                reason = "is not there" if not (repo / path).exists() else \
                    "is ignored by git, or lies outside the directories of the kernel"
                problems.append(f"{entry.name}: owns {path}, which {reason}")
            owner.setdefault(path, entry)
    for path in sorted(files - owner.keys()) if whole else ():
        problems.append(f"{path}: no entry of the series owns it")
    return owner


# --- Makefiles that grow with the series ------------------------------------------

def find_links(entries, owner, problems):
    """Return {path of an object: the position in the series from which on it is linked}."""
    places = {entry.name: n for n, entry in enumerate(entries)}
    for n, entry in enumerate(entries):
        if entry.links and places.get(entry.links, -1) <= n:
            problems.append(f"{entry.name}: Links: {entry.links}, which is no later entry")
    return {path.removesuffix(".c") + ".o": places.get(entry.links, 0)
            for path, entry in owner.items() if entry.links and path.endswith(".c")}


def grown(path, text, files, links, place):
    """Return the owned Makefile at a position of the series: it names only objects whose
    source exists, and compiles those that cannot be linked yet without linking them."""
    directory = path.rpartition("/")[0] + "/"
    lines = []
    for line in text.splitlines(keepends=True):
        kind, sign, names = line.partition("+=")
        if not kind.startswith("obj-") or not sign:
            lines.append(line)
            continue
        there = [n for n in names.split() if not OBJECT.fullmatch(n) or has_source(directory + n, files)]
        later = [n for n in there if links.get(directory + n, 0) > place]
        now = [n for n in there if n not in later]
        if now == names.split():
            lines.append(line)
            continue
        if now:
            lines.append(f"{kind}{sign} {' '.join(now)}\n")
        if later:
            lines.append(f"always-{kind.removeprefix('obj-')}{sign} {' '.join(later)}\n")
    return "".join(lines)


def has_source(name, files):
    if name.endswith("/"):
        return files.get(name + "Makefile") is not None
    return files.get(name.removesuffix(".o") + ".c") is not None


# --- the states -------------------------------------------------------------------

def apply_diff(entry, diff, files, base, problems):
    """Apply one FileDiff to the file as the earlier entries left it."""
    path = base / diff.path
    if diff.path not in files and path.is_file():
        files[diff.path] = (path.read_bytes(), path.stat().st_mode & 0o777)
    if files.get(diff.path) is None:
        why = "deleted by an entry before" if diff.path in files else "not in the base"
        problems.append(f"{entry.name}: {diff.path}: {why}")
        return
    data, mode = files[diff.path]
    try:
        data = series.apply_diff(diff, data)
    except series.DoesNotApply as error:
        problems.append(f"{entry.name}: {diff.path}: {error}")
        return
    files[diff.path] = None if data is None else (data, mode)


def content(repo, path):
    return (repo / path).read_bytes(), (repo / path).stat().st_mode & 0o777


def our_versions(entries, repo, owner, problems):
    """Return (versions of our files, see earlier.undo; {path: mode})."""
    there = {path: content(repo, path) for path in owner if (repo / path).is_file()}
    places = {entry.name: n for n, entry in enumerate(entries)}
    for n, entry in enumerate(entries):
        for path in sorted({path for path, _ in entry.adds}):
            if path not in owner or places[owner[path].name] >= n:
                problems.append(f"{entry.name}: Adds: to {path}, which no earlier entry owns")
        for diff in entry.diffs:
            if diff.path in owner and owner[diff.path] is entry:
                problems.append(f"{entry.name}: has a hunk on {diff.path}, which it owns")
            elif diff.deletes and diff.path in owner and places[owner[diff.path].name] < n:
                problems.append(f"{entry.name}: deletes {diff.path}, which {owner[diff.path].name} owns")
    versions = earlier.undo(entries, owner, places, {path: data for path, (data, _) in there.items()}, problems)
    return versions, {path: mode for path, (_, mode) in there.items()}


def build(entries, repo, base, lists, whole, problems):
    """Return the states after each entry."""
    files = candidates(repo, base) - (beside(repo, lists) if whole else set())
    owner = find_owners(entries, files, repo, whole, problems)
    links = find_links(entries, owner, problems)
    versions, modes = our_versions(entries, repo, owner, problems)
    found, files, makefiles = [], {}, {}
    for place, entry in enumerate(entries):
        for path in versions:
            if versions[path][0][0] <= place:
                files[path] = (earlier.at(versions[path], place), modes[path])
                if path.startswith("kernel/") and path.endswith("/Makefile"):
                    makefiles[path] = files[path]
        for diff in entry.diffs:
            if diff.path not in versions or versions[diff.path][0][0] > place:
                apply_diff(entry, diff, files, base, problems)
        for path, (data, mode) in makefiles.items():
            files[path] = (grown(path, data.decode(), files, links, place).encode(), mode)
        found.append(State(entry, dict(files)))
    for path, (data, _) in makefiles.items():
        if whole and found[-1].files[path][0] != data:
            problems.append(f"{path}: names an object that has no source")
    return found


def after(repo, base, name, path):
    """Return (the entry @name, the content of one of our files after it). The hunks of the entry
    need not apply."""
    problems = []
    entries = series.read_series(repo / "patches" / "7.3", problems)
    owner = find_owners(entries, candidates(repo, base), repo, False, [])
    places = {entry.name: n for n, entry in enumerate(entries)}
    if name not in places or path not in owner or places[owner[path].name] >= places[name]:
        raise Failure(f"{path}: is not owned by an entry before {name}", *problems)
    later = [entry for entry in entries if places[entry.name] > places[name]]
    versions = earlier.undo(entries, {path: owner[path]}, places, {path: content(repo, path)[0]}, problems)
    problems = [problem for problem in problems if problem.startswith(tuple(entry.name for entry in later))]
    if problems:
        raise Failure(*problems)
    return entries[places[name]], earlier.at(versions[path], places[name])


def beside(repo, lists):
    """Return the files owned by series that are not in @lists."""
    others = [path for path in (repo / "patches").glob("*/series") if path not in lists]
    return {path for other in others for entry in series.read_series(other.parent, [])
            for path in entry.owns}


def read(repo, base, lists=None, whole=True):
    """Return the states of several series on top of each other, or raise a Failure with
    all problems. @lists: the series files, by default patches/7.3/series; @whole: they
    own all our files."""
    lists = lists or [repo / "patches" / "7.3" / "series"]
    problems = []
    entries = [entry for path in lists
               for entry in series.read_series(path.parent, problems, path.name)]
    if not entries and not problems:
        return []
    found = build(entries, repo, base, lists, whole, problems)
    if problems:
        raise Failure(*problems)
    return found


def up_to(found, number):
    """Return the states up to that of the entry with this number."""
    for n, state in enumerate(found):
        if state.entry.name.startswith(number + "-"):
            return found[:n + 1]
    raise Failure(f"no entry of the series has the number {number}")
