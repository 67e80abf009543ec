#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Composing: on a base of a few files, in a temporary repository."""

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

COMPOSE = Path(__file__).resolve().parent.parent / "compose.py"
BASE_FILES = {
    "Makefile": "VERSION = 7\nPATCHLEVEL = 3\n",
    "kernel/dma/Makefile": "".join(f"obj-{n}\n" for n in range(20)),
    "kernel/dma/swiotlb.c": "old\n",
    "kernel/old/gone.c": "one\ntwo\n",
    "include/linux/device.h": "struct device;\n",
    "scripts/mkcompile": "base\n",
}
HUNK = """\
    diff --git a/kernel/dma/Makefile b/kernel/dma/Makefile
    --- a/kernel/dma/Makefile
    +++ b/kernel/dma/Makefile
    @@ -5,7 +5,7 @@
     obj-4
     obj-5
     obj-6
    -obj-7
    +ours-7
     obj-8
     obj-9
     obj-10
    """
DELETION = """\
    diff --git a/kernel/old/gone.c b/kernel/old/gone.c
    deleted file mode 100644
    --- a/kernel/old/gone.c
    +++ /dev/null
    @@ -1,2 +0,0 @@
    -one
    -two
    """


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


class ComposeTest(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.top = Path(temp.name)
        self.base, self.repo = self.top / "base", self.top / "repo"
        self.tree = self.repo / "build" / "src-ours"
        for path, text in BASE_FILES.items():
            write(self.base / path, text)
        self.repo.mkdir()
        subprocess.run(["git", "init", "-q", str(self.repo)], check=True)
        write(self.repo / ".gitignore", "/build/\n*.o\n")
        self.file("kernel/dma/swiotlb.c", "ours\n")
        self.entry("0001-a.patch", ["kernel/dma/swiotlb.c"], HUNK)

    def file(self, path, text):
        write(self.repo / path, text)

    def entry(self, name, owns=(), diff="", body="Because.\n", listed=True):
        directory = self.repo / "patches/7.3"
        text = f"Subject: swiotlb: {name}\n\n{body}\nOwns:\n"
        text += "".join(f"  {path}\n" for path in owns)
        text += "\n---\n" + textwrap.dedent(diff)
        write(directory / name, text)
        series = directory / "series"
        old = series.read_text() if series.exists() else "# order\n"
        if listed and name not in old:
            series.write_text(f"{old}{name}  # why\n")

    def run_compose(self, name="ours"):
        return subprocess.run(
            [sys.executable, str(COMPOSE), "--repo", str(self.repo), "--base", str(self.base), name],
            capture_output=True, text=True, check=False)

    def compose(self, name="ours"):
        done = self.run_compose(name)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def refuse(self, *words):
        """Expect that composing fails with one error with all words, and keeps the tree."""
        done = self.run_compose()
        self.assertEqual(done.returncode, 1, done.stderr)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        self.assertTrue(any(all(w in e for w in words) for e in errors), done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def read(self, path):
        return (self.tree / path).read_text()

    def base_is_untouched(self):
        for path, text in BASE_FILES.items():
            self.assertEqual((self.base / path).read_text(), text)

    # The result

    def test_lays_files_and_hunks_over_the_base(self):
        self.compose()
        self.assertEqual(self.read("kernel/dma/swiotlb.c"), "ours\n")
        self.assertEqual(self.read("kernel/dma/Makefile").split()[6:9], ["obj-6", "ours-7", "obj-8"])
        self.assertEqual(self.read("include/linux/device.h"), "struct device;\n")
        self.base_is_untouched()

    def test_subset_lays_its_entries_alone_over_the_base(self):
        write(self.repo / "patches/7.3/series.some", "# some\n0002-b.patch\n")
        self.entry("0002-b.patch", [], DELETION)
        self.compose("base-some")
        tree = self.tree.with_name("src-base-some")
        self.assertFalse((tree / "kernel/old/gone.c").exists())
        self.assertEqual((tree / "kernel/dma/swiotlb.c").read_text(), "old\n")
        self.assertIn("obj-7\n", (tree / "kernel/dma/Makefile").read_text())
        self.base_is_untouched()

    def test_subset_with_a_directory_of_its_own(self):
        write(self.repo / "patches/some-7.3/series", "0001-a.patch\n")
        write(self.repo / "patches/some-7.3/0001-a.patch",
              "From: A <a@b>\nSubject: a\n\nWhy.\n\n---\nNot for the commit.\n\n" + textwrap.dedent(DELETION))
        self.compose("base-some")
        tree = self.tree.with_name("src-base-some")
        self.assertFalse((tree / "kernel/old/gone.c").exists())
        self.assertEqual((tree / "kernel/dma/swiotlb.c").read_text(), "old\n")
        self.base_is_untouched()

    def test_an_architecture_goes_below_the_rest(self):
        """The entry of um owns a file that the series lacks, and edits one that the series edits."""
        self.file("kernel/dma/um.c", "um\n")
        um = self.repo / "patches/um-7.3"
        write(um / "series", "below.patch\n")
        write(um / "below.patch", "Subject: um\n\nWhy.\n\nOwns:\n  kernel/dma/um.c\n\n---\n" +
              textwrap.dedent(HUNK).replace("obj-7", "um-7").replace("ours-7", "obj-7"))
        self.compose("ours")
        self.assertFalse((self.tree / "kernel/dma/um.c").exists())
        write(self.base / "kernel/dma/Makefile", BASE_FILES["kernel/dma/Makefile"].replace("obj-7", "um-7"))
        self.compose("ours-um")
        tree = self.tree.with_name("src-ours-um")
        self.assertEqual((tree / "kernel/dma/um.c").read_text(), "um\n")
        self.assertIn("ours-7\n", (tree / "kernel/dma/Makefile").read_text())
        write(self.repo / "patches/7.3/series.some", "0002-b.patch\n")
        self.entry("0002-b.patch", [], DELETION)
        self.compose("base-some-um")
        tree = self.tree.with_name("src-base-some-um")
        self.assertFalse((tree / "kernel/old/gone.c").exists())
        self.assertIn("obj-7\n", (tree / "kernel/dma/Makefile").read_text())

    def test_a_patch_for_a_test_goes_below_the_rest(self):
        """Only trees with the name of a directory have the files of its entries."""
        self.file("kernel/dma/coco.c", "coco\n")
        write(self.repo / "patches/coco-7.3/series", "below.patch\n")
        write(self.repo / "patches/coco-7.3/below.patch",
              "Subject: coco\n\nWhy.\n\nOwns:\n  kernel/dma/coco.c\n")
        for name in ("ours", "ours-coco", "base-coco"):
            self.compose(name)
            there = (self.tree.with_name(f"src-{name}") / "kernel/dma/coco.c").exists()
            self.assertEqual(there, name != "ours", name)

    def test_subset_that_is_not_there(self):
        done = self.run_compose("base-none")
        self.assertEqual(done.returncode, 1)
        self.assertIn("series.none", done.stderr)

    def test_no_such_tree(self):
        self.assertEqual(self.run_compose("ours-some").returncode, 2)

    def test_shares_what_it_does_not_change(self):
        self.compose()
        for path in BASE_FILES:
            shared = (self.tree / path).samefile(self.base / path)
            self.assertEqual(shared, path not in ("kernel/dma/swiotlb.c", "kernel/dma/Makefile"), path)

    def test_breaks_links_of_owned_files_that_equal_the_base(self):
        self.file("kernel/dma/swiotlb.c", "old\n")
        self.compose()
        self.assertFalse((self.tree / "kernel/dma/swiotlb.c").samefile(self.base / "kernel/dma/swiotlb.c"))

    def test_base_is_a_plain_copy(self):
        self.compose("base")
        self.assertEqual((self.repo / "build/src-base/kernel/dma/swiotlb.c").read_text(), "old\n")

    def test_empty_series_is_a_plain_copy(self):
        write(self.repo / "patches/7.3/series", "# nothing yet\n")
        (self.repo / "patches/7.3/0001-a.patch").unlink()
        self.assertIn("empty", self.compose())
        self.assertEqual(self.read("kernel/dma/swiotlb.c"), "old\n")

    def test_deletes_a_file_and_its_empty_directory(self):
        self.entry("0002-b.patch", diff=DELETION)
        self.compose()
        self.assertFalse((self.tree / "kernel/old").exists())
        self.base_is_untouched()

    def test_entries_build_on_each_other(self):
        self.entry("0002-b.patch", diff=HUNK.replace("-obj-7", "-ours-7").replace("+ours-7", "+more-7"))
        self.compose()
        self.assertIn("more-7", self.read("kernel/dma/Makefile"))

    def test_hunk_may_have_moved(self):
        write(self.base / "kernel/dma/Makefile", "new\nnew\n" + BASE_FILES["kernel/dma/Makefile"])
        self.compose()
        self.assertEqual(self.read("kernel/dma/Makefile").split()[8:11], ["obj-6", "ours-7", "obj-8"])

    def test_keeps_the_executable_bit(self):
        self.file("tools/testing/swiotlb/run", "#!/bin/sh\n")
        (self.base / "tools").mkdir()
        (self.repo / "tools/testing/swiotlb/run").chmod(0o755)
        self.entry("0002-b.patch", ["tools/testing/swiotlb/run"])
        self.compose()
        self.assertTrue(os.access(self.tree / "tools/testing/swiotlb/run", os.X_OK))

    def test_directory_is_owned_with_all_below_it(self):
        self.file("kernel/dma/swiotlb/slots.c", "slots\n")
        self.file("kernel/dma/swiotlb/tests/slots.c", "tests\n")
        self.entry("0002-b.patch", ["kernel/dma/swiotlb/"])
        self.compose()
        self.assertEqual(self.read("kernel/dma/swiotlb/tests/slots.c"), "tests\n")

    # The second run

    def test_rewrites_only_what_changed(self):
        self.compose()
        for path in self.tree.rglob("*"):
            if path.is_file() and not path.samefile(self.base / path.relative_to(self.tree)):
                os.utime(path, (1, 1))
        self.file("kernel/dma/swiotlb.c", "ours, edited\n")
        self.assertIn("1 written", self.compose())
        self.assertEqual(self.read("kernel/dma/swiotlb.c"), "ours, edited\n")
        self.assertNotEqual((self.tree / "kernel/dma/swiotlb.c").stat().st_mtime, 1)
        self.assertEqual((self.tree / "kernel/dma/Makefile").stat().st_mtime, 1)

    def test_restores_with_a_new_time_what_is_not_ours_any_more(self):
        self.entry("0002-b.patch", diff=DELETION)
        for path in self.base.rglob("*.c"):
            os.utime(path, (1, 1))
        self.compose()
        (self.repo / "patches/7.3/0002-b.patch").unlink()
        (self.repo / "kernel/dma/swiotlb.c").unlink()
        write(self.repo / "patches/7.3/series", "0001-a.patch\n")
        self.entry("0001-a.patch", diff=HUNK)
        self.compose()
        self.assertEqual(self.read("kernel/old/gone.c"), "one\ntwo\n")
        self.assertEqual(self.read("kernel/dma/swiotlb.c"), "old\n")
        self.assertNotEqual((self.tree / "kernel/dma/swiotlb.c").stat().st_mtime, 1)

    def test_removes_a_file_of_ours_that_went(self):
        self.file("kernel/dma/swiotlb/slots.c", "slots\n")
        self.entry("0002-b.patch", ["kernel/dma/swiotlb/slots.c"])
        self.compose()
        (self.repo / "kernel/dma/swiotlb/slots.c").unlink()
        (self.repo / "patches/7.3/0002-b.patch").unlink()
        write(self.repo / "patches/7.3/series", "0001-a.patch\n")
        self.compose()
        self.assertFalse((self.tree / "kernel/dma/swiotlb").exists())

    def test_undoes_edits_of_the_composed_tree(self):
        self.compose()
        write(self.tree / "kernel/dma/swiotlb.c", "edited in the wrong place\n")
        self.compose()
        self.assertEqual(self.read("kernel/dma/swiotlb.c"), "ours\n")

    def test_starts_over_on_another_base(self):
        self.compose()
        # Replace the file: writing to it would also change the linked tree.
        (self.base / "include/linux/device.h").unlink()
        write(self.base / "include/linux/device.h", "struct device { };\n")
        self.compose()
        self.assertEqual(self.read("include/linux/device.h"), "struct device { };\n")

    def test_does_not_trust_a_copy_that_was_cut_short(self):
        self.compose()
        (self.repo / "build/src-ours.state").unlink()
        (self.tree / "include/linux/device.h").unlink()
        self.compose()
        self.assertEqual(self.read("include/linux/device.h"), "struct device;\n")

    # Errors

    def test_file_that_nobody_owns(self):
        self.file("kernel/dma/extra.c", "")
        self.refuse("kernel/dma/extra.c", "no entry")

    def test_committed_file_that_nobody_owns(self):
        self.file("include/linux/extra.h", "")
        subprocess.run(["git", "-C", str(self.repo), "add", "-A"], check=True)
        self.refuse("include/linux/extra.h", "no entry")

    def test_ignored_and_own_files_need_no_owner(self):
        self.file("kernel/dma/swiotlb.o", "")
        self.file("scripts/tool.py", "")
        self.compose()
        self.assertEqual(self.read("scripts/mkcompile"), "base\n")

    def test_owned_file_that_is_not_there(self):
        self.entry("0002-b.patch", ["kernel/dma/none.c"])
        self.refuse("0002-b.patch", "kernel/dma/none.c", "not there")

    def test_two_owners(self):
        self.entry("0002-b.patch", ["kernel/dma/swiotlb.c"])
        self.refuse("kernel/dma/swiotlb.c", "0001-a.patch", "0002-b.patch")

    def test_two_owners_by_a_directory(self):
        self.file("kernel/dma/swiotlb/slots.c", "")
        self.entry("0002-b.patch", ["kernel/dma/swiotlb/"])
        self.entry("0003-c.patch", ["kernel/dma/swiotlb/"])
        self.refuse("kernel/dma/swiotlb/slots.c", "0002-b.patch", "0003-c.patch")

    def test_a_file_is_of_the_entry_that_names_it_most_exactly(self):
        for name in ("slots.c", "tests/slots.c", "pool.c"):
            self.file(f"kernel/dma/swiotlb/{name}", "")
        self.entry("0002-b.patch", ["kernel/dma/swiotlb/slots.c", "kernel/dma/swiotlb/tests/"])
        self.entry("0003-c.patch", ["kernel/dma/swiotlb/"])
        self.compose("ours-0002")
        swiotlb = self.tree.with_name("src-ours-0002") / "kernel/dma/swiotlb"
        self.assertEqual({path.relative_to(swiotlb).as_posix()
                          for path in swiotlb.rglob("*.c")}, {"slots.c", "tests/slots.c"})

    def test_empty_directory(self):
        self.entry("0002-b.patch", ["kernel/dma/none/"])
        self.refuse("0002-b.patch", "kernel/dma/none/", "not there")

    def test_deletion_of_a_file_that_is_owned_before(self):
        self.file("kernel/old/gone.c", "ours\n")
        self.entry("0002-b.patch", ["kernel/old/gone.c"])
        self.entry("0003-c.patch", [], DELETION)
        self.refuse("0003-c.patch", "deletes kernel/old/gone.c", "0002-b.patch")

    def test_hunk_on_a_file_that_is_owned_later(self):
        self.file("kernel/dma/Makefile", "all ours\n")
        self.entry("0002-b.patch", ["kernel/dma/Makefile"])
        self.compose()
        self.assertEqual((self.tree / "kernel/dma/Makefile").read_text(), "all ours\n")

    def test_hunk_whose_context_differs(self):
        for line in ("obj-4", "obj-7", "obj-10"):
            self.entry("0001-a.patch", ["kernel/dma/swiotlb.c"], HUNK.replace(line + "\n", line + "x\n"))
            self.refuse("0001-a.patch", "kernel/dma/Makefile", "@@ -5,7 +5,7 @@", f"expected '{line}x'")
        self.assertFalse(self.tree.exists())

    def test_short_context_is_an_end_of_the_file(self):
        diff = """\
            diff --git a/kernel/dma/Makefile b/kernel/dma/Makefile
            --- a/kernel/dma/Makefile
            +++ b/kernel/dma/Makefile
            @@ -18,2 +18,3 @@
             obj-17
             obj-18
            +ours
            """
        self.entry("0001-a.patch", ["kernel/dma/swiotlb.c"], diff)
        self.refuse("0001-a.patch", "does not apply")

    def test_hunk_on_a_file_that_the_base_does_not_have(self):
        self.entry("0002-b.patch", diff=HUNK.replace("dma/Makefile", "dma/Kconfig"))
        self.refuse("0002-b.patch", "kernel/dma/Kconfig", "not in the base")

    def test_hunk_with_missing_lines(self):
        self.entry("0001-a.patch", ["kernel/dma/swiotlb.c"], HUNK.replace("     obj-10\n", ""))
        self.refuse("0001-a.patch", "kernel/dma/Makefile", "announces")

    def test_new_file_by_diff(self):
        self.entry("0002-b.patch", diff="""\
            diff --git a/kernel/new.c b/kernel/new.c
            new file mode 100644
            --- /dev/null
            +++ b/kernel/new.c
            @@ -0,0 +1 @@
            +new
            """)
        self.refuse("0002-b.patch", "kernel/new.c", "owned")

    def test_deletion_that_leaves_lines(self):
        write(self.base / "kernel/old/gone.c", "one\ntwo\nthree\n")
        self.entry("0002-b.patch", diff=DELETION)
        self.refuse("0002-b.patch", "kernel/old/gone.c", "1 lines would be left")

    def test_entry_that_is_not_listed(self):
        self.entry("0002-b.patch", diff=DELETION, listed=False)
        self.refuse("0002-b.patch", "not listed")

    def test_listed_entry_that_is_not_there(self):
        (self.repo / "patches/7.3/0001-a.patch").unlink()
        self.refuse("0001-a.patch", "no such entry")

    def test_entry_listed_twice(self):
        with open(self.repo / "patches/7.3/series", "a", encoding="utf-8") as f:
            f.write("0001-a.patch\n")
        self.refuse("0001-a.patch", "twice")

    def test_entry_without_a_body(self):
        self.entry("0001-a.patch", ["kernel/dma/swiotlb.c"], HUNK, body="")
        self.refuse("0001-a.patch", "no body")

    def test_entry_without_a_subject(self):
        write(self.repo / "patches/7.3/0001-a.patch", "Because.\n")
        self.refuse("0001-a.patch", "Subject")

    def test_all_problems_at_once(self):
        self.file("kernel/dma/extra.c", "")
        self.entry("0002-b.patch", ["kernel/dma/none.c"])
        self.refuse("extra.c")
        self.refuse("none.c")

    def test_changed_base_in_the_cache(self):
        sums = subprocess.run("find . -type f | xargs sha256sum", shell=True, cwd=self.base,
                              capture_output=True, text=True, check=True).stdout
        write(self.top / "base.sha256", sums)
        self.compose()
        write(self.base / "kernel/dma/Makefile", BASE_FILES["kernel/dma/Makefile"] + "edited\n")
        self.refuse("base in the cache was changed", "kernel/dma/Makefile")


if __name__ == "__main__":
    unittest.main()
