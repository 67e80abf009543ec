#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Export the series as mails for git am, in build/series.

The author is that of the git configuration, the date is that of the commit that is
checked out. The mails have no sign-off: the sender adds it. A name between two @ in
patches/7.3/cover-letter is replaced by the content of a file, see cover.py.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cover
import states
from states import Failure

NAMES = ("NAME", "EMAIL", "DATE")


def git(directory, *args, env=None, data=None):
    """Return the output of git, run without the configuration of the user."""
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    done = subprocess.run(["git", "-C", str(directory), *args], env={**os.environ, **quiet, **(env or {})},
                          input=data, capture_output=True, check=False)
    if done.returncode:
        raise Failure(f"git {' '.join(args)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


def configured(repo, name):
    done = subprocess.run(["git", "-C", str(repo), "config", f"user.{name}"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip()


def author(repo):
    """Return the environment that tells git the author of the series."""
    name, email = configured(repo, "name"), configured(repo, "email")
    if not name or not email:
        raise Failure("who sends the series? git does not know: git config user.name '...', "
                      "git config user.email '...'")
    date = git(repo, "log", "-1", "--format=%cI").strip()
    return {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
            for what, value in zip(NAMES, (name, email, date))}


# --- a repository of the touched files --------------------------------------------

def put(directory, path, content):
    """Write a file of the working tree, or remove it if @content is None."""
    target = directory / path
    if content is None:
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content[0])
    target.chmod(content[1])


def commit(directory, env, message):
    git(directory, "add", "--force", "--all", ".")
    git(directory, "commit", "--quiet", "--allow-empty", "--no-verify", "--cleanup=verbatim", "--file=-",
        env=env, data=message.encode())


def touched(found):
    return sorted(set().union(*(state.files for state in found)))


def base_repository(directory, base, paths, env):
    """Make a new repository with those of @paths that the base has."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    git(directory, "init", "--quiet", "--initial-branch=series")
    for path in paths:
        if (base / path).is_file():
            put(directory, path, ((base / path).read_bytes(), (base / path).stat().st_mode & 0o777))
    commit(directory, env, "The base\n")


def repository(directory, base, found, env):
    """Make a repository of all files that the series touches, with a commit for each entry."""
    base_repository(directory, base, touched(found), env)
    before = {}
    for state in found:
        for path, content in state.files.items():
            if path not in before or before[path] != content:
                put(directory, path, content)
        commit(directory, env, f"{state.entry.subject}\n\n{state.entry.body}\n")
        before = state.files


# --- mails --------------------------------------------------------------------------

def write_mails(directory, repo_dir, count, env):
    """Write the mails into a new directory, the cover letter first."""
    directory.mkdir(parents=True)
    # Show a rewritten file as all old lines followed by all new lines.
    git(repo_dir, "format-patch", "--quiet", "--zero-commit", "--no-signoff", "--no-base", "--numbered",
        "--break-rewrites=40%/70%", "--histogram", "--cover-letter", f"--output-directory={directory}",
        f"HEAD~{count}..HEAD", env=env)
    return sorted(directory.glob("*.patch"))


def fill_cover(mail, subject, text):
    whole = mail.read_text(encoding="utf-8")
    for mark, content in (("*** SUBJECT HERE ***", subject), ("*** BLURB HERE ***", text)):
        if whole.count(mark) != 1:
            raise Failure(f"git's cover letter has no {mark}")
        whole = whole.replace(mark, content)
    mail.write_text(whole, encoding="utf-8")


def export(repo, base, found, directory, env):
    """Write the mails of the series into @directory, all of them or none."""
    subject, text = cover.letter(repo, found)
    temp, scratch = directory.with_name(f".{directory.name}.tmp"), directory.with_name(f".{directory.name}.git")
    for path in (temp, scratch):
        shutil.rmtree(path, ignore_errors=True)
    try:
        repository(scratch, base, found, env)
        mails = write_mails(temp, scratch, len(found), env)
        fill_cover(mails[0], subject, text)
        shutil.rmtree(directory, ignore_errors=True)
        temp.rename(directory)
    finally:
        shutil.rmtree(temp, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)
    return sorted(directory.glob("*.patch"))


def main():
    top = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="a pristine tree (scripts/base.sh prints it)")
    parser.add_argument("--repo", type=Path, default=top, help="the checkout with our files")
    parser.add_argument("--output", type=Path, help="default: <repo>/build/series")
    args = parser.parse_args()
    repo, base = args.repo.resolve(), args.base.resolve()
    output = (args.output or repo / "build" / "series").resolve()
    mails = export(repo, base, states.read(repo, base), output, author(repo))
    print("  SERIES  %s: %d patches and a cover letter" % (os.path.relpath(output), len(mails) - 1), file=sys.stderr)
    if not cover.address(repo):
        print("          the cover letter has no address of this repository: make series REPO=https://...",
              file=sys.stderr)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    states.run(main)
