# SPDX-License-Identifier: GPL-2.0-only
"""KUnit results in a console log, as the kernel's own kunit.py reads them.

That tool checks only the results that are in the log. So this module also checks that
the log has all suites of the sources, with a result of each of their tests.
"""

import json
import re
import subprocess
import sys
from typing import NamedTuple

from . import initramfs, paths

TESTS = "kernel/dma/swiotlb/tests"
_SUITE = re.compile(r'^\t\.name\s*=\s*"(\w+)"', re.MULTILINE)
_CASE = re.compile(r"^\tKUNIT_CASE\w*\((\w+)", re.MULTILINE)
_VERDICTS = {"PASS": "ok", "SKIP": "ok"}


class Outcome(NamedTuple):
    """One test, or one row of its table: suite.test or suite.test.row."""

    name: str
    ok: bool
    skipped: bool = False


def expected(tree=paths.TREE):
    """Return {suite: [test, ...]} from the sources."""
    suites = {}
    for source in sorted((tree / TESTS).glob("*_kunit.c")):
        text = source.read_text()
        names = _SUITE.findall(text)
        if len(names) != 1:
            raise initramfs.BuildError(f"{source.name}: {len(names)} suites, not one")
        suites[names[0]] = _CASE.findall(text)
    if not suites:
        raise initramfs.BuildError(f"no suites in {tree / TESTS}")
    return suites


def parser():
    """Return kunit.py of this kernel tree, or of the composed one."""
    for tree in (paths.TREE, paths.build_dir() / "src-ours"):
        path = tree / "tools/testing/kunit/kunit.py"
        if path.is_file():
            return path
    raise initramfs.BuildError("no kunit.py: make compose")


def parse(log):
    """Return (whether all passed, the output of kunit.py, its results from JSON)."""
    report = log.with_suffix(".json")
    report.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-B", parser(), "parse", f"--json={report}", log],
        capture_output=True, text=True, check=False)
    results = json.loads(report.read_text()) if report.exists() else {}
    return done.returncode == 0, done.stdout + done.stderr, results


def outcomes(group, prefix=""):
    """Return a flat list of the outcomes, without the groups themselves."""
    found = [Outcome(prefix + case["name"], case["status"] in _VERDICTS,
                     case["status"] == "SKIP")
             for case in group.get("test_cases", [])]
    for sub in group.get("sub_groups", []):
        found += outcomes(sub, f"{prefix}{sub['name']}.")
    return found


def missing(suites, found):
    """Return the tests of @suites without a result."""
    seen = {tuple(outcome.name.split(".")[:2]) for outcome in found}
    return [f"{suite}.{case}" for suite, cases in suites.items()
            for case in cases if (suite, case) not in seen]
