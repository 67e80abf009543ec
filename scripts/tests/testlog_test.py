#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The results that testlog.py finds in the output of a test."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

TESTLOG = Path(__file__).resolve().parent.parent / "testlog.py"


class TestlogTest(unittest.TestCase):
    def read(self, text, code=0):
        with tempfile.TemporaryDirectory() as top:
            (Path(top) / "step.log").write_text(text)
            done = subprocess.run(
                [sys.executable, str(TESTLOG), f"{top}/step.log", str(code), f"{top}/step"],
                capture_output=True, text=True, check=True)
            self.junit = ElementTree.parse(f"{top}/step.xml").getroot()
            self.ktap = (Path(top) / "step.ktap").read_text()
        return tuple(map(int, done.stdout.split()))

    def test_ktap(self):
        self.assertEqual(self.read("KTAP version 1\n1..3\n  CC a.o\nok 1 a\nnot ok 2 - b\nok 3 c # SKIP no disk\n", 1),
                         (1, 1, 1))
        self.assertEqual(self.junit.get("failures"), "1")
        self.assertIn("not ok 2 b\nok 3 c # SKIP", self.ktap)

    def test_a_known_fault_is_no_failure(self):
        self.assertEqual(self.read("1..2\nok 1 a\nnot ok 2 b # TODO not yet\n", 0), (1, 0, 1))

    def test_diagnosis_goes_with_the_result_below(self):
        self.read("1..2\nok 1 a\n# lost\x1b a byte\nnot ok 2 b\n", 1)
        self.assertEqual(self.junit.find("testcase[@name='b']/failure").text, "lost? a byte")

    def test_subtests_count_and_their_sum_does_not(self):
        text = "1..2\n    1..2\n    ok 1 a\n    not ok 2 b\nnot ok 1 suite\n    1..1\n    ok 1 c\nok 2 other\n"
        self.assertEqual(self.read(text, 1), (2, 1, 0))

    def test_suite_that_fails_without_a_failed_subtest(self):
        self.assertEqual(self.read("1..1\n    ok 1 a\nnot ok 1 suite\n", 1), (1, 1, 0))

    def test_missing_results(self):
        self.assertEqual(self.read("1..3\nok 1 a\n"), (1, 1, 0))
        self.assertEqual(self.read("1..2\n"), (0, 1, 0))

    def test_bad_end_after_good_results(self):
        self.assertEqual(self.read("1..1\nok 1 a\nSegmentation fault\n", 139), (1, 1, 0))

    def test_failed_result_with_a_good_end(self):
        self.assertEqual(self.read("1..1\nnot ok 1 a\n", 0), (0, 1, 0))

    def test_unittest(self):
        text = ("test_a (__main__.T.test_a) ... ok\ntest_b (__main__.T.test_b) ... FAIL\n"
                "test_c (__main__.T.test_c) ... skipped 'no'\n")
        self.assertEqual(self.read(text, 1), (1, 1, 1))

    def test_plain_command(self):
        self.assertEqual(self.read("composed\n"), (1, 0, 0))
        self.assertEqual(self.read("broken\n", 2), (0, 1, 0))


if __name__ == "__main__":
    unittest.main()
