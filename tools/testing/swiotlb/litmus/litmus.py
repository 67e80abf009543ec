#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Check the barriers of the engine: each litmus test here forbids an outcome, which must
become possible without the barrier that a label at the end of a line names.

The checker itself is tested first: it must agree with the results that the litmus tests
of the kernel, in tools/memory-model/litmus-tests of the base, document. herd7 reads the
same files. Each label except "lock" is that of a comment in the engine, and the function
that the line calls must follow that comment.
"""

import argparse
import re
import sys
from pathlib import Path

import model
import program

HERE = Path(__file__).resolve().parent
LABEL = re.compile(r"//\s*(\[\d+\]|\([a-z]\)|lock)\s*$")
ENGINE = ("kernel/dma/swiotlb.c", "include/linux/swiotlb.h", "kernel/dma/swiotlb")
WEAKER = ((r"\b(smp_store_release|rcu_assign_pointer)\((\w+),", r"WRITE_ONCE(*\2,"),
          (r"\brcu_assign_pointer\(", "WRITE_ONCE("),
          (r"\bsmp_load_acquire\((\w+)\)", r"READ_ONCE(*\1)"),
          (r"\b(xchg|cmpxchg)(_acquire|_release)?\(", r"\1_relaxed("))


def barriers(text):
    """Yield number, label and called function of each line with a label."""
    for number, line in enumerate(text.splitlines()):
        match = LABEL.search(line)
        if match:
            yield number, match[1], re.search(r"(\w+)\([^=]*$", line)[1]


def weaken(line):
    """Return the line without its ordering; empty if the line does nothing else."""
    for pattern, instead in WEAKER:
        weaker = re.sub(pattern, instead, line)
        if weaker != line:
            return weaker
    return ""


def without(text, numbers):
    return "\n".join(weaken(line) if number in numbers else line
                     for number, line in enumerate(text.splitlines()))


def ways_without(text):
    """Return {name: the test without that barrier}. A lock is removed with its unlock."""
    lines = list(barriers(text))
    lock = {number for number, label, _ in lines if label == "lock"}
    ways = {"lock": without(text, lock)} if lock else {}
    for number, label, name in lines:
        if label != "lock":
            once = [other for _, other, _ in lines].count(label) == 1
            ways[label if once else f"{label} {name}()"] = without(text, {number})
    return ways


def result(text):
    return "Sometimes" if model.happens(program.parse(text)) else "Never"


def check_kernel_tests(directory):
    """Return the numbers of correct tests and of unsupported tests, and the errors."""
    right, skipped, errors = 0, 0, []
    for path in sorted(directory.glob("*.litmus")):
        text = path.read_text()
        said = re.search(r"Result: (\w+)", text)
        try:
            found = result(text)
        except program.Unsupported:
            skipped += 1
            continue
        if said and said[1] == found:
            right += 1
        else:
            errors.append(f"{path.name}: {found}, but it says {said and said[1]}")
    return right, skipped, errors


def engine_comments(engine):
    """Yield each comment except kernel-doc, with the three lines after it."""
    for name in ENGINE:
        path = engine / name
        for file in [path] if path.is_file() else sorted(path.glob("*.[ch]")):
            for match in re.finditer(r"/\*[^*].*?\*/\n(?=((?:[^\n]*\n){1,3}))", file.read_text(),
                                     re.S):
                yield match[0], match[1]


def calls(code, name):
    """Return whether @code calls the function or its atomic_ or try_ variant, not a weaker one."""
    return re.search(rf"(?:\b|_){name}\(", code)


def engine_errors(comments, text):
    """Yield errors for labels that the engine lacks, or that precede another function."""
    names = {}
    for _, label, name in barriers(text):
        if label != "lock":
            names.setdefault(label, set()).add(name)
    for label, wanted in names.items():
        behind = [code for comment, code in comments if label in comment]
        for name in sorted(wanted):
            if not any(calls(code, name) for code in behind):
                yield f"the engine has no {name}() behind {label}"
        if any(not any(calls(code, name) for name in wanted) for code in behind):
            yield f"the engine has something else than {' or '.join(sorted(wanted))}() " \
                  f"behind {label}"


def check_test(comments, text):
    """Return {barrier: result without it}, and the errors."""
    errors = list(engine_errors(comments, text))
    if result(text) != "Never":
        errors.append("the outcome is there with all barriers")
    weak = {name: result(without) for name, without in ways_without(text).items()}
    errors += [f"nothing changes without {name}" for name, found in weak.items()
               if found == "Never"]
    if not weak:
        errors.append("no line has a label")
    return weak, errors


def untested(comments, texts):
    """Return errors for labels of the engine that no test has."""
    tested = {label for text in texts for _, label, _ in barriers(text)}
    found = {label for comment, _ in comments for label in re.findall(r"\[\d+\]", comment)}
    return [f"no test has {label}" for label in sorted(found - tested)]


class Report:
    """Prints results as KTAP, or as lines of a quiet build."""

    def __init__(self, ktap, planned):
        self.ktap, self.passed, self.failed = ktap, 0, 0
        if ktap:
            print(f"KTAP version 1\n1..{planned}")

    def add(self, name, what, errors):
        self.passed += not errors
        self.failed += bool(errors)
        for error in errors:
            print(f"# {name}: {error}")
        if self.ktap:
            print(f"{'not ok' if errors else 'ok'} {self.passed + self.failed} {name}")
        else:
            print(f"  LITMUS  {name}: {what}", flush=True)

    def end(self):
        print(f"# {self.passed} passed, {self.failed} failed" if self.ktap else
              f"litmus: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True, help="a kernel tree")
    parser.add_argument("--ktap", action="store_true")
    options = parser.parse_args()

    tests = {path.stem: path.read_text() for path in sorted(HERE.glob("*.litmus"))}
    comments = list(engine_comments(options.engine))
    report = Report(options.ktap, len(tests) + 2)
    right, skipped, errors = check_kernel_tests(
        options.base / "tools/memory-model/litmus-tests")
    if not right:
        errors.append(f"no test in {options.base}/tools/memory-model/litmus-tests")
    report.add("tests-of-the-kernel", f"{right} as they say, {skipped} use what is not "
               "modelled", errors)
    report.add("labels-of-the-engine", "each has a test", untested(comments, tests.values()))
    for name, text in tests.items():
        weak, errors = check_test(comments, text)
        report.add(name, "; ".join(["never", *(f"without {barrier} {found.lower()}"
                                               for barrier, found in weak.items())]),
                   errors)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
