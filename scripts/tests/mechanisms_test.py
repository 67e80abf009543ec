#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the table of the engine's mechanisms."""

import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "scripts"))

from swbench import mechanisms  # noqa: E402

SOURCE = """\
#define SWIOTLB_ONE	1

/* Two lines with its comment. */
static int swiotlb_two;

/* The other. */
int swiotlb_five(void)
{
	return 5;
}
"""
LINE = {"mechanism": "m", "lines_before": "7", "variables_before": "-", "now": "a.c: swiotlb_two swiotlb_five",
        "variables": "swiotlb_two", "buys": "without: m: a row"}
WITHOUT = [{"mechanism": "m", "row": "a row", "unit": "ns", "base": "9", "with": "1", "without": "4"}]
BENCH = [{"row": "another", "unit": "ns", "base": "9", "ours": "2"}]


class MechanismsTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.repo = Path(self.directory.name)
        (self.repo / mechanisms.ENGINE).mkdir(parents=True)
        (self.repo / mechanisms.ENGINE / "a.c").write_text(SOURCE)

    def row(self, **changes):
        """Return the cells of the only line of the table."""
        table = mechanisms.grid([{**LINE, **changes}], WITHOUT, BENCH, self.repo)
        return [cell.strip() for cell in table.split("\n")[2].strip("|").split("|")]

    def test_items_are_counted_with_their_comments(self):
        self.assertEqual(self.row(), ["m", "7", "7", "-", "1", "a row: 1 ns instead of 4"])

    def test_a_file_counts_as_a_whole(self):
        self.assertEqual(self.row(now="a.c")[2], str(SOURCE.count("\n")))

    def test_a_mechanism_that_was_removed(self):
        self.assertEqual(self.row(now="", variables="", buys="no figure")[2:], ["-", "-", "-", "no figure"])

    def test_a_row_of_the_benchmark(self):
        self.assertEqual(self.row(buys="bench: another")[-1], "another: 2 ns instead of 9")

    def test_what_is_not_there_is_an_error(self):
        for changes in ({"now": "a.c: swiotlb_none"}, {"variables": "none"}, {"buys": "without: m: none"},
                        {"buys": "bench: none"}):
            with self.subTest(changes), self.assertRaises(mechanisms.Missing):
                self.row(**changes)


if __name__ == "__main__":
    unittest.main()
