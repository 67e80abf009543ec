#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The faults of mutants.list, and the ledger that names some of them."""

import re
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
HARNESS = TOP / "tools/testing/swiotlb"
sys.dont_write_bytecode = True
sys.path.insert(0, str(HARNESS))

import ledger  # noqa: E402
import mutants  # noqa: E402

LEDGER = ledger.read_ledger(HARNESS / "ledger")


def stale(faults):
    """Yield the name of each fault that does not change exactly one line of the engine, and why."""
    for mutant in faults:
        try:
            mutants.planted(TOP, mutant)
        except mutants.Stale as error:
            yield f"{mutant.name}: {error}"


class MutantsTest(unittest.TestCase):
    def test_each_changes_one_line(self):
        self.assertEqual(list(stale(mutants.read_mutants())), [])

    def test_what_changes_nothing_is_noticed(self):
        for file, expression in (("kernel/dma/swiotlb.c", "s/no such line//"),
                                 ("kernel/dma/swiotlb.c", "s/return/RETURN/"),
                                 ("kernel/dma/none.c", "s/a/b/"), ("kernel/dma/swiotlb.c", "s/a")):
            self.assertEqual(len(list(stale([mutants.Mutant("x", file, expression)]))), 1)

    def test_variables_of_make_stand_behind_the_name(self):
        with tempfile.TemporaryDirectory() as work:
            path = Path(work) / "mutants.list"
            path.write_text("one A=1 B=2 | f.c | s/a/b/\ntwo | f.c | s/c|d/e/\n")
            self.assertEqual(mutants.read_mutants(path),
                             [mutants.Mutant("one", "f.c", "s/a/b/", ("A=1", "B=2")),
                              mutants.Mutant("two", "f.c", "s/c|d/e/")])

    def test_ledger_names_faults_that_there_are(self):
        names = {mutant.name for mutant in mutants.read_mutants()}
        named = {defect.name for defect in LEDGER if defect.kind == "mutant"}
        self.assertTrue(named)
        self.assertEqual(named - names, set())

    def test_ledger_names_tests_that_there_are(self):
        texts = [path.read_text() for path in HARNESS.rglob("*.c")]
        tests = {name for text in texts for name in re.findall(r"^TEST\w*\((\w+)", text, re.M)}
        named = {defect.test for defect in LEDGER if defect.stage == "basic"}
        self.assertTrue(named)
        self.assertEqual(named - tests, set())


if __name__ == "__main__":
    unittest.main()
