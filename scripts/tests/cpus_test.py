#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The counts on 1 to 512 CPUs: the lines of a run, the table and the picture."""

import pathlib
import sys
import tempfile
import unittest
from unittest import mock

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TREE / "scripts"), str(TREE / "tools/testing/swiotlb/count"),
                str(TREE / "tools/testing/selftests/swiotlb/qemu")]

from swbench import cpus as shown  # noqa: E402

import cpus as command  # noqa: E402

# Output of the program of an engine for 8 CPUs
SAID = "mappings 200\nlocks 400\nlines 100\nlines/2 20\nlines/4 40\nlines/8 100\n"
# Valgrind's own lines are around those of the program
UNDER_VALGRIND = "==12== Callgrind\nmappings 200\n==12== Collected : 82800\n"


def line(load, ncpus, engine, lines):
    return {"load": load, "cpus": ncpus, "engine": engine, "locks": "2.000", "lines": lines,
            **{f"lines_{nodes}_nodes": lines if nodes <= ncpus else "" for nodes in shown.NODES},
            "instructions": "414"}


class Run(unittest.TestCase):
    def counted(self, ncpus):
        with mock.patch.object(command.subprocess, "run",
                               return_value=mock.Mock(stdout=SAID)), \
             mock.patch.object(command.callgrind, "profile",
                               return_value=(UNDER_VALGRIND, {"mem.c": 80000, "slots.c": 2800})):
            return command.line(pathlib.Path("programs"), "ours", "any", ncpus, "valgrind")

    def test_all_is_of_a_mapping(self):
        found = self.counted(8)
        self.assertEqual(tuple(found), shown.COLUMNS)
        self.assertEqual((found["locks"], found["lines"], found["instructions"]),
                         ("2.000", "0.500", "414"))
        self.assertEqual([found[f"lines_{nodes}_nodes"] for nodes in shown.NODES],
                         ["0.100", "0.200", "0.500"])

    def test_no_node_without_a_cpu(self):
        found = self.counted(2)
        self.assertEqual([found[f"lines_{nodes}_nodes"] for nodes in shown.NODES],
                         ["0.100", "", ""])

    def test_without_valgrind_there_are_no_instructions(self):
        self.assertIsNone(command.instructions(pathlib.Path("programs"), "ours", "any", 8, None))


class Shown(unittest.TestCase):
    lines = [line("same", 8, "base", "3.000"), line("same", 8, "ours", "0.000"),
             line("same", 1, "base", "0.000"), line("same", 1, "ours", "0.000"),
             line("any", 8, "base", "26.390")]

    def test_table_has_both_engines_or_no_row(self):
        text = shown.grid(self.lines)
        self.assertIn("3.00 / 0.00", text)
        self.assertIn("414 / 414", text)
        self.assertNotIn("any CPU", text)
        self.assertIn("- |", next(row for row in text.split("\n") if "1 CPU " in row))

    def test_picture_shows_zero_as_the_least_value(self):
        text = shown.script(self.lines)
        self.assertEqual(text.count("$ours_same << EOD\n1 0.01\n8 0.01")
                         + text.count("$ours_same << EOD\n8 0.01\n1 0.01"), 1)
        self.assertIn("$base_any << EOD\n8 26.39\nEOD", text)

    def test_program_that_fails_is_no_figure(self):
        with tempfile.TemporaryDirectory() as scratch, self.assertRaises(OSError):
            command.counted(pathlib.Path(scratch), "ours", "any", 8)


if __name__ == "__main__":
    unittest.main()
