#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""check_fixes.py: its table, and its verdict on tests that pass and fail."""

import os
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import check_fixes  # noqa: E402
from states import Failure  # noqa: E402

NAMES = ["0001-a.patch", "0002-b.patch"]


class Table(unittest.TestCase):
    def refuse(self, text, *words):
        with self.assertRaises(Failure) as caught:
            check_fixes.parse_table(text, NAMES)
        for word in words:
            self.assertIn(word, " ".join(caught.exception.messages))

    def test_lines_of_a_patch(self):
        table = check_fixes.parse_table("# how\n0001 none x y # z\n0001 address x\n\n0002 none w\n", NAMES)
        self.assertEqual(table, {"0001": [("none", ["x", "y"]), ("address", ["x"])], "0002": [("none", ["w"])]})

    def test_patch_without_a_test(self):
        self.refuse("0001 none x\n", "nothing shows", "0002")

    def test_patch_that_is_not_there(self):
        self.refuse("0001 none x\n0002 none y\n0003 none z\n", "0003 none z")

    def test_no_such_sanitizer(self):
        self.refuse("0001 none x\n0002 memory y\n", "0002 memory y")

    def test_line_without_a_test(self):
        self.refuse("0001 none x\n0002 none\n", "'0002 none'")


class Commands(unittest.TestCase):
    """The commands of a mail below its ---."""

    MAIL = "Shown by tests.\n\n" + "".join(
        f"  make -C tools/testing/swiotlb basic ENGINE=base ENGINE_SRC=$PWD \\\n       FIXED=y TEST={test}\n"
        for test in ("x", "y")) + "\ndiff --git a/f b/f\n"
    LINES = [check_fixes.Shown("none", ["x", "y"]), check_fixes.Shown("address", ["x"])]

    def refuse(self, mail, lines, *words):
        with self.assertRaises(Failure) as caught:
            check_fixes.commands(mail, lines)
        for word in words:
            self.assertIn(word, " ".join(caught.exception.messages))

    def test_one_a_test(self):
        found = check_fixes.commands(self.MAIL, self.LINES)
        self.assertEqual(list(found), ["x", "y"])
        self.assertTrue(found["y"].endswith(" FIXED=y TEST=y"))

    def test_test_without_a_command(self):
        self.refuse(self.MAIL, [check_fixes.Shown("none", ["x", "y", "z"])], "z is in the table")

    def test_command_without_a_line(self):
        self.refuse(self.MAIL, [check_fixes.Shown("none", ["x"])], "runs y")

    def test_mode_in_which_fixed_is_not_ok(self):
        self.refuse(self.MAIL.replace(" FIXED=y", ""), self.LINES, "x is in the table")

    def check(self, before, after):
        """Run check_commands(). @before, @after: whether the test passes without and with the patch."""
        passed = {"0001": before, "0002": after}
        harness = SimpleNamespace(obey=lambda state, command, test: (passed[state], f"{command}: {test}\n"))
        return check_fixes.check_commands(harness, "0001", "0002", {"x": "make x"})

    def test_ok_once_fixed(self):
        self.assertEqual(self.check(False, True), [])

    def test_ok_without_the_patch(self):
        self.assertIn("on 0001: x passes", self.check(True, True)[0])

    def test_not_ok_though_fixed(self):
        wrong = self.check(False, False)
        self.assertIn("on 0002: x fails", wrong[0])
        self.assertIn("make x: x", wrong)


class Obeyed(unittest.TestCase):
    """Commands that run in the tree of a state, as for a reader of the mail."""

    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        base = Path(temp.name) / "base"
        for path in check_fixes.ENGINE_FILES:
            (base / path).parent.mkdir(parents=True, exist_ok=True)
            (base / path).write_text("of the base\n")
        state = SimpleNamespace(entry=SimpleNamespace(name="0001-a.patch"),
                                files={check_fixes.ENGINE_FILES[0]: (b"fixed\n", 0o644)})
        build = Path(temp.name) / "build"
        build.mkdir()
        self.harness = check_fixes.Harness(base, build, [state])

    def obey(self, state, command):
        return self.harness.obey(state, command, "x")[0]

    def test_the_state_is_there(self):
        command = "if grep -q fixed kernel/dma/swiotlb.c; then echo ok 1 x; else echo not ok 1 x; false; fi"
        self.assertFalse(self.obey("0000", command))
        self.assertTrue(self.obey("0001", command))

    def test_the_harness_is_there(self):
        self.assertTrue(self.obey("0000", "test -f tools/testing/swiotlb/Makefile && echo ok 1 x"))

    def test_nothing_said(self):
        with self.assertRaises(Failure):
            self.obey("0000", "true")

    def test_ok_but_an_error(self):
        with self.assertRaises(Failure):
            self.obey("0000", "echo ok 1 x; false")


class Tests(unittest.TestCase):
    """Programs with the output of test_basic."""

    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.directory = Path(temp.name)

    def program(self, output, status):
        path = self.directory / f"p{len(list(self.directory.iterdir()))}"
        path.write_text(f"#!/bin/sh\ncat <<'EOF'\n{output}EOF\nexit {status}\n")
        os.chmod(path, 0o755)
        return path

    def check(self, *programs):
        states = dict(zip(("0000", "0001", "0002"), programs))
        harness = SimpleNamespace(program=lambda state, sanitizer: states[state])
        return check_fixes.check_tests(harness, "0001", "0002", [check_fixes.Shown("none", ["x"])])

    def test_fails_before_and_passes_after(self):
        bad, good = self.program("1..1\nnot ok 1 x\n", 1), self.program("1..1\nok 1 x\n", 0)
        self.assertEqual(self.check(bad, bad, good), [])

    def test_passes_on_the_base(self):
        bad, good = self.program("1..1\nnot ok 1 x\n", 1), self.program("1..1\nok 1 x\n", 0)
        self.assertIn("x passes", self.check(good, bad, good)[0])

    def test_passes_without_the_patch(self):
        bad, good = self.program("1..1\nnot ok 1 x\n", 1), self.program("1..1\nok 1 x\n", 0)
        self.assertIn("x passes", self.check(bad, good, good)[0])

    def test_fails_with_the_patch(self):
        bad = self.program("1..1\n# why\nnot ok 1 x\n", 1)
        wrong = self.check(bad, bad, bad)
        self.assertIn("x fails", wrong[0])
        self.assertIn("# why", wrong)

    def test_skipped_is_not_passed(self):
        bad, skipped = self.program("1..1\nnot ok 1 x\n", 1), self.program("1..1\nok 1 x # SKIP why\n", 0)
        self.assertIn("x fails", self.check(bad, bad, skipped)[0])

    def test_program_that_breaks(self):
        bad, broken = self.program("1..1\nnot ok 1 x\n", 1), self.program("no test of that name\n", 2)
        with self.assertRaises(Failure):
            self.check(bad, bad, broken)

    def test_another_test_of_a_like_name(self):
        bad, other = self.program("1..1\nnot ok 1 x\n", 1), self.program("1..1\nok 1 xy\n", 0)
        with self.assertRaises(Failure):
            self.check(bad, bad, other)


if __name__ == "__main__":
    unittest.main()
