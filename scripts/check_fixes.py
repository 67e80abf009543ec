#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Check patches/fixes-7.3, or the same for another kernel: each patch must apply, be
clean and compile, and the tests of the defect that it fixes must fail without it and pass
with it.

The tests are those of tools/testing/swiotlb that patches/fixes-7.3/tests names.
For each patch they run on the base, on the base with all earlier patches, and with
this patch as well. The commands in a mail run without its patch and with it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import check_series
import compose
import mails
import remarks
import states
from states import Failure

TOP = Path(__file__).resolve().parent.parent
FIXES = TOP / "patches/fixes-7.3"
HARNESS = TOP / "tools/testing/swiotlb"
QEMU = TOP / "tools/testing/selftests/swiotlb/qemu"
# Files that the harness takes from the tree of the engine
ENGINE_FILES = ("kernel/dma/swiotlb.c", "include/linux/swiotlb.h", "arch/arm64/mm/init.c",
                "kernel/dma/pool.c")
# The command in a mail that runs its test
COMMAND = re.compile(r"^  (make -C tools/testing/swiotlb basic ENGINE=base ENGINE_SRC=\$PWD"
                     r" +FIXED=y TEST=(\w+))$", re.MULTILINE)
RESULT = re.compile(r"^(ok|not ok) \d+ (\S+)(?P<skip> # SKIP)?")
# A repository with only a few files does not have the commits that a patch names.
NO_REPOSITORY = "UNKNOWN_COMMIT_ID"
# The number that stands for the base without patches
BASE = "0000"
# Rows of the guest tests that boot the fixed base, by the kernel and the version of Linux
BOOTED = {"base-fixes": ("force", "one-area", "pool-of-1-mib", "mask-32")}
BOOTED_7_3 = BOOTED | {"base-fixes-arm64-coco": ("arm64-coco-boot-pool",)}

say = check_series.say


def label(fixes):
    """Return the name of the directories of these patches under build."""
    return fixes.name.removesuffix("-7.3")


def number(state):
    return state.entry.name[:4]


class Shown(NamedTuple):
    """A line of the table: tests that show the defect that a patch fixes."""

    sanitizer: str
    tests: list


# --- the table of tests -----------------------------------------------------------

def parse_table(text, names):
    """Return {number of a patch: its lines}; each patch of the series must have lines."""
    table, problems = {name[:4]: [] for name in names}, []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) < 3 or words[0] not in table or words[1] not in ("none", "address"):
            problems.append(f"tests: a line is a patch of the series, a sanitizer and tests, not '{line}'")
            continue
        table[words[0]].append(Shown(words[1], words[2:]))
    problems += [f"tests: nothing shows what {number} fixes" for number, lines in table.items() if not lines]
    if problems:
        raise Failure(*problems)
    return table


def commands(mail, lines):
    """Return the commands of a mail: exactly one for each test of the table."""
    found = {m[2]: m[1] for m in COMMAND.finditer(mail.replace("\\\n", ""))}
    named = {test for line in lines for test in line.tests}
    problems = [f"{test} is in the table, but no command of the mail runs it" for test in sorted(named - set(found))]
    problems += [f"a command of the mail runs {test}, which is not in the table" for test in sorted(set(found) - named)]
    if problems:
        raise Failure(*problems)
    return found


# --- the harness on one state of swiotlb.c ------------------------------------------

class Harness:
    """Programs of tools/testing/swiotlb, one per state and sanitizer. The name of a state
    is the number of its last patch, or BASE."""

    def __init__(self, base, build, found):
        self.base, self.build, self.engine = base, build, build / "engine"
        self.files = {BASE: {}, **{number(state): state.files for state in found}}

    def take(self, state):
        """Set the engine to @state. Write only files that differ: make compares
        timestamps."""
        for path in ENGINE_FILES:
            content = self.files[state].get(path) or ((self.base / path).read_bytes(), 0o644)
            if not (self.engine / path).is_file() or (self.engine / path).read_bytes() != content[0]:
                mails.put(self.engine, path, content)

    def program(self, state, sanitizer="none", name="test_basic"):
        kept = self.build / "programs" / f"{state}-{sanitizer}-{name}"
        if not kept.exists():
            self.take(state)
            kept.parent.mkdir(exist_ok=True)
            shutil.copy2(self.make(sanitizer, name), kept)
        return kept

    def make(self, sanitizer, name):
        out, log = self.build / "harness", self.build / "harness.log"
        built = out / f"base-{sanitizer}-yyy" / name
        with open(log, "a", encoding="utf-8") as f:
            done = subprocess.run(["make", "-C", str(HARNESS), f"-j{os.cpu_count()}", "ENGINE=base", "V=1",
                                   "CC=ccache gcc", f"BASE_SRC={self.base}", f"ENGINE_SRC={self.engine}",
                                   f"OUTPUT={out}", f"SAN={sanitizer}", str(built)],
                                  stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise Failure(f"the harness does not build, log: {log}")
        return built

    def obey(self, state, command, test):
        """Run the command of a mail in a tree of @state. Return whether its test is ok,
        and the output."""
        self.take(state)
        link = self.engine / "tools/testing/swiotlb"
        if not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(HARNESS)
        done = subprocess.run(["sh", "-c", command], cwd=self.engine, stdin=subprocess.DEVNULL,
                              env={**os.environ, "CC": "ccache gcc", "BASE_SRC": str(self.base),
                                   "OUTPUT": str(self.build / "harness")},
                              capture_output=True, text=True, errors="replace", check=False)
        results = parse_results(done.stdout)
        if test not in results or results[test] != (done.returncode == 0):
            raise Failure(f"'{command}': exit {done.returncode}", *(done.stdout + done.stderr).splitlines()[-10:])
        return results[test], done.stdout


def parse_results(output):
    """Return {test: whether it passed}."""
    found = [m for m in map(RESULT.match, output.splitlines()) if m]
    return {m[2]: m[1] == "ok" and not m["skip"] for m in found}


def run_tests(program, name=""):
    """Run the tests with @name in their names. Return {test: whether it passed}, and
    the output."""
    done = subprocess.run([str(program), "-d", *([name] if name else [])],
                          capture_output=True, text=True, errors="replace", check=False)
    results = parse_results(done.stdout)
    if done.returncode not in (0, 1) or not results:
        raise Failure(f"{program.name} {name}: exit {done.returncode}",
                      *(done.stdout + done.stderr).splitlines()[-10:])
    return results, done.stdout


def passes(program, name):
    results, said = run_tests(program, name)
    if name not in results:
        raise Failure(f"{program.name}: there is no test {name}")
    return results[name], said


def check_tests(harness, before, after, lines):
    """Check that each test fails on the base and without the patch, and passes with it."""
    wrong = []
    for line in lines:
        programs = [harness.program(state, line.sanitizer) for state in (BASE, before, after)]
        for test in line.tests:
            for program, expected in zip(programs, (False, False, True)):
                passed, said = passes(program, test)
                if passed != expected:
                    wrong += [f"{program.name}: {test} {'passes' if passed else 'fails'}",
                              *(said.splitlines() if not passed else [])]
    return wrong


def check_commands(harness, before, after, found):
    """Check that each command of a mail prints "not ok" without the patch, "ok" with it."""
    wrong = []
    for state, expected in ((before, False), (after, True)):
        for test, command in found.items():
            passed, said = harness.obey(state, command, test)
            if passed != expected:
                wrong += [f"the command of the mail on {state}: {test} {'passes' if passed else 'fails'}",
                          *(said.splitlines() if not passed else [])]
    return wrong


def check_nothing_lost(harness, last):
    """Check that all tests that pass on the base pass with all patches, and that the
    oracle finds no violation."""
    old, _ = run_tests(harness.program(BASE))
    new, _ = run_tests(harness.program(last))
    wrong = [f"{test} passes on the base, but not with all patches"
             for test, passed in old.items() if passed and not new.get(test)]
    done = subprocess.run([str(harness.program(last, name="oracle")), "-j", "2", "-n", "400000"],
                          capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        wrong += ["the oracle disagrees with the base with all patches:", *done.stdout.splitlines()[-10:]]
    return wrong


# --- one patch ----------------------------------------------------------------------

def compile_state(objects):
    """Return the warnings of gcc and sparse for kernel/dma, in each configuration."""
    return {(name, path, text) for name, built in objects.items()
            for path, text in built.compile(["kernel/dma/"])}


def read_patch(tree, base, mail, state):
    """Return the remarks of checkpatch, kernel-doc and codespell."""
    old, new = ({re.sub(r"\d+ ", "", text) for _, text in remarks.doc_remarks(where, sorted(state.files))}
                for where in (base, tree))
    return [f"checkpatch: {text}" for _, text in remarks.checkpatch(tree, mail) if NO_REPOSITORY not in text] + \
        [f"kernel-doc: {text}" for text in sorted(new - old)] + \
        [f"codespell: {text}" for _, text in remarks.spelling(remarks.added(mail))]


class Checker:
    def __init__(self, base, build, fixes, objects, found):
        self.base, self.fixes, self.objects = base, fixes, objects
        self.directory, self.tree = build / "git", TOP / "build" / f"src-{label(fixes)}"
        self.paths, self.last = mails.touched(found), number(found[-1])
        self.harness, self.table, self.before = None, {}, BASE
        if (fixes / "tests").is_file():
            self.harness = Harness(base, build, found)
            self.table = parse_table((fixes / "tests").read_text(encoding="utf-8"), [s.entry.name for s in found])
        mails.base_repository(self.directory, base, self.paths, check_series.NOBODY)
        for sanitizer in sorted({line.sanitizer for lines in self.table.values() for line in lines}):
            say("HARNESS", f"the base, sanitizer {sanitizer}")
            self.harness.program(BASE, sanitizer)
        if objects:
            say("BUILD", "kernel/dma of the base")
        self.known = compile_state(objects)

    def patch(self, state):
        """Check one patch; return the problems."""
        mail = self.fixes / state.entry.name
        check_series.apply(self.directory, mail, self.base, self.paths, state)
        compose.compose(label(self.fixes), self.base, TOP / "build", state.files)
        wrong = read_patch(self.tree, self.base, mail, state)
        wrong += ["%s: %s: %s" % remark for remark in sorted(compile_state(self.objects) - self.known)]
        before, self.before = self.before, number(state)
        if not self.harness:
            return wrong
        lines = self.table[number(state)]
        # The harness is still built for the state before, so run the commands first: they need it.
        wrong += check_commands(self.harness, before, number(state),
                                commands(mail.read_text(encoding="utf-8"), lines))
        wrong += check_tests(self.harness, before, number(state), lines)
        return wrong


# --- the kernel -----------------------------------------------------------------------

def boot(version, kernel, rows):
    """Boot the fixed base; fio verifies the data that it reads from bounced disks."""
    older = version != "7.3"
    environment = {**os.environ, "LINUX": version} if older else os.environ
    if subprocess.run([TOP / "scripts/kernel.sh", kernel], check=False, env=environment).returncode:
        return ["the kernel does not build"]
    kernels = TOP / "build" / (f"linux-{version}" if older else "") / "kernels"
    # With --base, rows that fail without the patches would be skipped.
    done = subprocess.run([sys.executable, "-B", QEMU / "tests.py", "--kernel",
                           kernels / f"{kernel}.bzImage", *rows],
                          capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode else []


def check(base, build, args):
    """Return the number of patches checked, and the number of failures."""
    fixes = args.fixes.resolve()
    found = states.read(TOP, base, [fixes / "series"], whole=False)
    compose.compose(label(fixes), base, TOP / "build", {})
    objects = {} if args.no_build else {name: check_series.configure(TOP / "build" / f"src-{label(fixes)}", name)
                                        for name in check_series.CONFIGURATIONS}
    checker = Checker(base, build, fixes, objects, found)
    steps = [(s.entry.name.removesuffix(".patch"), "FIX", checker.patch, (s,)) for s in found]
    if checker.harness:
        steps.append(("all that the base passes", "TEST", check_nothing_lost,
                      (checker.harness, checker.last)))
    if not args.no_boot:
        version = fixes.name.removeprefix("fixes-")
        for kernel, rows in (BOOTED_7_3 if version == "7.3" else BOOTED).items():
            steps.append((f"{kernel}: {', '.join(rows)}", "BOOT", boot, (version, kernel, rows)))
    shown = failed = 0
    for name, verb, function, arguments in steps:
        started = time.monotonic()
        try:
            wrong = function(*arguments)
        except Failure as failure:
            wrong = failure.messages
        for line in wrong:
            print(f"    {line}", file=sys.stderr)
        say("FAILED" if wrong else verb, "%s (%d s)" % (name, time.monotonic() - started))
        failed += bool(wrong)
        shown += verb == "FIX" and not wrong
    return shown, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="a pristine tree (scripts/base.sh prints it)")
    parser.add_argument("--fixes", type=Path, default=FIXES, help="the patches (default: patches/fixes-7.3)")
    parser.add_argument("--no-build", action="store_true", help="no kernel code is compiled")
    parser.add_argument("--no-boot", action="store_true", help="no kernel is built and booted")
    args = parser.parse_args()
    build = TOP / "build" / f"check-{label(args.fixes.resolve())}"
    with compose.locked(build.with_name(f".{build.name}.lock"), build.name):
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir(parents=True)
        shown, failed = check(args.base.resolve(), build, args)
    print(f"fixes: {shown} shown, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    states.run(main)
