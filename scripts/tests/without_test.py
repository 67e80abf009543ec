#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of without.py: each mechanism can be taken out of the engine."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TREE / "tools/testing/swiotlb/bench"), str(TREE / "scripts")]

import runs  # noqa: E402
import without  # noqa: E402


class WithoutTest(unittest.TestCase):
    def test_each_can_be_taken_out(self):
        for mechanism in without.mechanisms():
            with self.subTest(mechanism.name):
                self.assertNotEqual(without.taken_out(TREE, mechanism),
                                    (TREE / mechanism.file).read_text())

    def test_a_stale_expression_is_an_error(self):
        mechanism = without.mechanisms()[0]._replace(expressions=("s/not in the engine/x/",))
        with self.assertRaises(runs.BenchError):
            without.taken_out(TREE, mechanism)

    def test_rows_have_one_value(self):
        for mechanism in without.mechanisms():
            for row in mechanism.rows:
                self.assertIsInstance(row.key, str, row.name)


if __name__ == "__main__":
    unittest.main()
