#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of earlier.py, which restores a file to its state before an entry of the series."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True

import carry  # noqa: E402
import check_series  # noqa: E402
import earlier  # noqa: E402
import mails  # noqa: E402
import series  # noqa: E402
import states  # noqa: E402

SOURCE = """\
// SPDX
/*
 * About it.
 */

#define FIRST	1
#define SECOND(x)	\\
	((x) + 1)

/**
 * DOC: Two words
 *
 * Text.
 */

struct pair {
	int a;

	int b;
};

/* The lock of second(). */
static DEFINE_MUTEX(lock);

int first(void);
int second(int a,
	   int b);
extern int third;

/**
 * second() - does it
 *
 * Calls first().
 */
int second(int a, int b)
{
	int c;

	/* first() comes first. */
	c = first();

	return c;
}
initcall(second);

#ifdef CONFIG_X
void stub(void);
#else
static inline void stub(void)
{
}
#endif
"""
FILE = "kernel/dma/new/a.c"


class ItemsTest(unittest.TestCase):
    def without(self, *names, source=SOURCE):
        return earlier.without(source, names)

    def test_a_function_goes_with_its_comment_and_what_follows(self):
        text = self.without("initcall")
        self.assertNotIn("does it", text)
        self.assertNotIn("return c;", text)
        self.assertNotIn("initcall", text)
        self.assertIn("extern int third;\n\n#ifdef CONFIG_X\n", text)

    def test_one_of_several_declarations(self):
        self.assertIn("\nint first(void);\nint second(int a,\n\t   int b);\n\n/**\n", self.without("third"))

    def test_a_macro_of_two_lines(self):
        self.assertIn("#define FIRST\t1\n\n/**\n * DOC", self.without("SECOND"))

    def test_a_test_goes_with_its_case(self):
        source = SOURCE + "\nvoid some_test(void)\n{\n}\n\nstatic cases[] = {\n\tKUNIT_CASE(some_test),\n\tKUNIT_CASE(x),\n};\n"
        text = self.without("some_test", source=source)
        self.assertNotIn("some_test", text)
        self.assertIn("KUNIT_CASE(x)", text)

    def test_comment_structure_lock_and_stub(self):
        for name, gone in (("DOC:Two_words", "Text."), ("pair", "int b;"),
                           ("lock", "The lock"), ("stub", "CONFIG_X")):
            with self.subTest(name):
                self.assertNotIn(gone, self.without(name))

    def test_all_items_are_found_once(self):
        lines = SOURCE.splitlines(keepends=True)
        covered = [n for item in earlier.items(lines) for n in range(item.start, item.end)]
        self.assertEqual(covered, sorted(set(covered)))
        self.assertEqual("".join(lines[n] for n in covered).split(), SOURCE.split())

    def test_no_item_or_two(self):
        for name, count in (("none", 0), ("second", 2)):
            with self.assertRaises(series.DoesNotApply) as caught:
                self.without(name)
            self.assertIn(f"{count} items define {name}", str(caught.exception))


class SeriesTest(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.top = Path(temp.name)
        self.base, self.repo = self.top / "base", self.top / "repo"
        self.put(self.base / "kernel/dma/old.c", "one\ntwo\nthree\n")
        self.put(self.repo / FILE, SOURCE)
        self.put(self.repo / "kernel/dma/new/b.c", "b\n")
        subprocess.run(["git", "init", "-q", str(self.repo)], check=True)
        self.entry("0001-a", owns=FILE)
        self.entry("0002-b", owns="kernel/dma/new/b.c", adds=f"{FILE}: lock stub")
        self.entry("0003-c", adds=f"{FILE}: third", diff=self.hunk(" \treturn c;", "+\tc = first();"))
        (self.repo / "patches/7.3/series").write_text("0001-a.patch\n0002-b.patch\n0003-c.patch\n")

    @staticmethod
    def put(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @staticmethod
    def hunk(last, added):
        return (f"diff --git a/{FILE} b/{FILE}\n@@ -33,6 +33,7 @@\n \tint c;\n \n"
                f" \t/* first() comes first. */\n{added}\n \n{last}\n }}\n")

    def entry(self, name, owns="", adds="", diff=""):
        text = f"Subject: swiotlb: {name}\n\nBecause.\n"
        for title, line in (("Owns", owns), ("Adds", adds)):
            text += f"\n{title}:\n  {line}\n" if line else ""
        self.put(self.repo / f"patches/7.3/{name}.patch", text + (f"\n---\n{diff}" if diff else ""))

    def states(self):
        return states.read(self.repo, self.base)

    def contents(self):
        return [state.files[FILE][0].decode() for state in self.states()]

    def refused(self, *words):
        with self.assertRaises(states.Failure) as caught:
            self.states()
        for word in words:
            self.assertIn(word, "\n".join(caught.exception.messages))

    def test_file_grows_to_that_of_the_tree(self):
        first, second, third = self.contents()
        self.assertEqual(third, SOURCE)
        self.assertEqual(second, SOURCE.replace("extern int third;\n", "").replace("\tc = first();\n", ""))
        self.assertNotIn("stub", first)
        self.assertNotIn("DEFINE_MUTEX", first)

    def test_git_am_gives_every_state(self):
        found = self.states()
        paths, directory = mails.touched(found), self.top / "git"
        mails.repository(directory, self.base, found, check_series.NOBODY)
        _, *exported = mails.write_mails(self.top / "out", directory, len(found), check_series.NOBODY)
        mails.base_repository(directory, self.base, paths, check_series.NOBODY)
        for mail, state in zip(exported, found):
            check_series.apply(directory, mail, self.base, paths, state)

    def test_hunk_that_is_not_in_the_file(self):
        self.entry("0003-c", diff=self.hunk(" \treturn c;", "+\tc = other();"))
        self.refused("0003-c.patch", FILE, "does not apply")

    def test_item_that_is_not_in_the_file(self):
        self.entry("0003-c", adds=f"{FILE}: none")
        self.refused("0003-c.patch", FILE, "0 items define none")

    def test_adds_to_a_file_of_its_own_or_of_a_later_entry(self):
        for adds in (FILE, "kernel/dma/new/b.c"):
            self.entry("0001-a", owns=FILE, adds=f"{adds}: x")
            self.refused("0001-a.patch", f"Adds: to {adds}, which no earlier entry owns")

    def test_hunk_on_a_file_of_its_own(self):
        self.entry("0001-a", owns=FILE, diff=self.hunk(" \treturn c;", "+\tc = first();"))
        self.refused("0001-a.patch", FILE, "which it owns")

    def test_lines_that_name_nothing(self):
        self.entry("0003-c", adds=FILE)
        self.refused("0003-c.patch", "path: name name")

    def test_hunks_are_rewritten(self):
        entry, data = states.after(self.repo, self.base, "0003-c.patch", FILE)
        self.assertEqual(data.decode(), SOURCE)
        wanted = earlier.without(SOURCE, ["third"]).replace("return c;", "return 0;")
        text = earlier.rewritten((self.repo / "patches/7.3/0003-c.patch").read_bytes(), FILE, wanted.encode(),
                                 earlier.without(SOURCE, ["third"]).encode())
        (self.repo / "patches/7.3/0003-c.patch").write_bytes(text)
        self.assertEqual(self.contents()[1], wanted)
        self.assertEqual(entry.name, "0003-c.patch")

    def carried(self, source):
        """Edit the file, then run carry.py."""
        old = self.top / "old"
        shutil.copytree(self.repo, old)
        self.put(self.repo / FILE, source)
        return carry.carry(self.repo, old, self.base)

    def test_hunks_are_carried_over_an_edit(self):
        source = SOURCE.replace("/* first() comes first. */", "/* It comes first. */")
        self.put(self.repo / FILE, source)
        self.refused("0003-c.patch", "does not apply")
        self.put(self.repo / FILE, SOURCE)
        self.assertEqual(self.carried(source.replace("\treturn c;", "\tc++;\n\treturn c;")),
                         [("0003-c.patch", FILE, False)])
        self.assertIn("<<<<", (self.repo / "build/carry/0003-c.patch" / FILE).read_text())

    def test_hunks_are_carried_over_an_edit_nearby(self):
        source = SOURCE.replace("\tint c;\n", "\tlong c;\n")
        self.put(self.repo / FILE, source)
        self.refused("0003-c.patch", "does not apply")
        self.put(self.repo / FILE, SOURCE)
        self.assertEqual(self.carried(source), [("0003-c.patch", FILE, True)])
        _, second, third = self.contents()
        self.assertEqual(third, source)
        self.assertEqual(second, source.replace("extern int third;\n", "").replace("\tc = first();\n", ""))


if __name__ == "__main__":
    unittest.main()
