#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Read the output of a test: KTAP, or that of unittest -v, or other text.

    testlog.py LOG EXIT_CODE PREFIX

writes PREFIX.ktap and PREFIX.xml (JUnit) and prints how many results passed,
failed and were skipped. A program that fails without naming a failed test, or that
prints fewer results than it announced, counts as one more failure.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

KTAP = re.compile(r"^(\s*)(ok|not ok) \d+(?: -)?(?: ([^#]*?))?\s*(?:# (.*))?$")
PLAN = re.compile(r"^1\.\.(\d+)\s*(?:# *SKIP.*)?$")
UNITTEST = re.compile(r"^(test\w*) \(([\w.]+)\)(?:.*)? \.\.\. (ok|FAIL|ERROR|skipped.*)$")


class Result(NamedTuple):
    name: str
    verdict: str  # passed, failed or skipped
    detail: str = ""


def from_ktap(lines):
    """Return the results that have no subtests. A line that sums up subtests counts only
    if it failed and none of them did."""
    results, depth, pending, children = [], 0, [], []
    for line in lines:
        found = KTAP.match(line)
        if not found:
            if line.lstrip().startswith("#"):
                pending.append(line.lstrip(" #"))
            continue
        directive = (found[4] or "").upper()
        verdict = "failed" if found[2] == "not ok" else "passed"
        # TODO marks a test that is known to fail.
        if directive.startswith(("SKIP", "TODO")):
            verdict = "skipped"
        result = Result((found[3] or "").strip(), verdict, "\n".join(pending))
        pending, here = [], len(found[1])
        if here >= depth or not children:
            children = children + [result] if here == depth else [result]
            results.append(result)
        else:
            if verdict == "failed" and all(c.verdict != "failed" for c in children):
                results.append(result)
            children = []
        depth = here
    return results


def missing(lines, results):
    """Return how many of the results that a top-level plan announced are missing."""
    plans = [int(m[1]) for m in map(PLAN.match, lines) if m]
    top = sum(1 for line in lines if KTAP.match(line) and not line[:1].isspace())
    return max(0, sum(plans) - top) if results or plans else 0


def from_unittest(lines):
    words = {"ok": "passed", "FAIL": "failed", "ERROR": "failed"}
    return [Result(m[1], words.get(m[3], "skipped")) for m in map(UNITTEST.match, lines) if m]


def read(log, code):
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    results = from_ktap(lines) or from_unittest(lines)
    short = missing(lines, results)
    if short:
        results.append(Result("plan", "failed", f"{short} announced results are missing"))
    if code and all(r.verdict != "failed" for r in results):
        results.append(Result(log.stem, "failed", f"exit code {code}\n" + "\n".join(lines[-25:])))
    if not results:
        results.append(Result(log.stem, "passed"))
    return results


def write_ktap(path, results):
    with open(path, "w", encoding="utf-8") as f:
        print(f"KTAP version 1\n1..{len(results)}", file=f)
        for number, result in enumerate(results, 1):
            for line in result.detail.splitlines():
                print("#", line, file=f)
            verdict = "not ok" if result.verdict == "failed" else "ok"
            print(f"{verdict} {number} {result.name}" + (" # SKIP" if result.verdict == "skipped" else ""), file=f)


def write_junit(path, suite, results):
    root = ElementTree.Element("testsuite", name=suite, tests=str(len(results)),
                               failures=str(count(results, "failed")), skipped=str(count(results, "skipped")))
    for result in results:
        case = ElementTree.SubElement(root, "testcase", classname=suite, name=result.name)
        if result.verdict != "passed":
            kind = "failure" if result.verdict == "failed" else "skipped"
            # XML does not allow control characters.
            ElementTree.SubElement(case, kind).text = re.sub(r"[^\t\n\x20-\ufffd]", "?", result.detail)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def count(results, verdict):
    return sum(r.verdict == verdict for r in results)


def main(log, code, prefix):
    results = read(Path(log), int(code))
    write_ktap(prefix + ".ktap", results)
    write_junit(prefix + ".xml", Path(prefix).name, results)
    print(*(count(results, v) for v in ("passed", "failed", "skipped")))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
