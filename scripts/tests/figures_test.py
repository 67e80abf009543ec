#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The tool that checks figures of texts against runs, and our own texts."""

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))

import figures  # noqa: E402
from swbench import figuretables, plot, summary  # noqa: E402

BENCH = """row,base,ours,unit,ratio,limit,holds
small,1234.5,20,ns,61.7,ratio >= 5,yes
large,100,99,ns,1.01,ratio >= 5,no
"""
LIST = """# A comment
bench: measured/bench.csv by row, from results/bench/latest/table.csv
run: measured/run.csv by device config
small = bench["small"]
kept = sum(row.holds == "yes" for row in
\tbench.rows)

[TEXT.md, every number]

A small one takes {small.ours:.0f} ns instead of {small.base:,.0f}

{kept:.0f} of {len(bench.rows):.0f} hold

plain:
\tLinux 7\\.3

[mail-*.patch]

it is {small.ratio:.1f} times faster
"""
TEXT = """A small one takes 20 ns
instead of 1,234 in Linux 7.3; 1 of 2 hold. `code 77`

<!-- made: weak -->
<!-- end -->
"""
MAIL = "Subject: x\n\nIt has 9 layers, and it is 61.7\ntimes faster.\n\n---\n+ 55 ns\n"


class Tree(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.repo = Path(directory.name)
        self.put("measured/bench.csv", BENCH)
        self.put(figures.LIST, LIST)
        self.put("TEXT.md", TEXT)
        self.put("mail-1.patch", MAIL)
        self.put("mail-2.patch", "Subject: y\n\nNothing.\n")
        self.rewrite()

    def put(self, name, text):
        path = self.repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def text(self, name="TEXT.md"):
        return (self.repo / name).read_text(encoding="utf-8")

    def change(self, name, old, new):
        text = self.text(name)
        self.assertEqual(text.count(old), 1, text)
        self.put(name, text.replace(old, new))

    def check(self):
        return [line for line in figures.run(self.repo, check=True) if ".svg" not in line]

    def rewrite(self, **more):
        """Do the same as make figures, without pictures."""
        drawn, figures.plot.stamped_svg = plot.stamped_svg, lambda *_: None
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                return figures.run(self.repo, **more)
        finally:
            figures.plot.stamped_svg = drawn


class Check(Tree):
    def test_what_agrees_passes(self):
        self.assertEqual(self.check(), [])

    def test_a_figure_that_differs_is_named_with_its_place(self):
        self.change("TEXT.md", "takes 20 ns", "takes 21 ns")
        self.assertEqual(self.check(), ["TEXT.md:1: 21, but small.ours is 20"])

    def test_a_new_run_makes_texts_stale(self):
        self.change("measured/bench.csv", "small,1234.5,20,ns,61.7", "small,1500,25,ns,60.0")
        self.assertEqual(len(self.check()), 3)

    def test_a_sentence_that_is_lost_is_an_error(self):
        self.change("TEXT.md", "1 of 2 hold", "1 of 2 are kept")
        self.assertIn("found 0 times", self.check()[0])

    def test_a_sentence_that_stands_twice_is_an_error(self):
        self.put("mail-2.patch", MAIL)
        self.assertIn("found 2 times, not once, in mail-1.patch, mail-2.patch", self.check()[0])

    def test_a_number_from_nowhere_is_an_error(self):
        self.change("TEXT.md", "1 of 2 hold.", "1 of 2 hold, 55 do not.")
        self.assertEqual(len(self.check()), 1)
        self.assertIn("TEXT.md:2: where does 55 come from?", self.check()[0])

    def test_without_every_number_only_units_count(self):
        self.change("mail-1.patch", "9 layers", "9 layers, 70 ns each")
        self.assertEqual(len(self.check()), 1)
        self.assertIn("where does 70 come from?", self.check()[0])

    def test_what_is_below_the_text_of_a_patch_does_not_count(self):
        self.change("mail-1.patch", "+ 55 ns", "+ 55 ns and 66 ns")
        self.assertEqual(self.check(), [])

    def test_a_table_that_differs_is_named(self):
        self.change("TEXT.md", "  99 |", "  98 |")
        self.assertIn("TEXT.md: table weak", self.check()[0])

    def test_a_picture_that_differs_is_named(self):
        stale = figures.run(self.repo, check=True)
        self.assertEqual(stale, ["measured/summary.svg: drawn from other figures"])
        body = figures.pictures(figures.List(self.repo), self.repo)[self.repo / "measured/summary.svg"][2]
        self.put("measured/summary.svg", f"<svg/>\n<!-- made from {plot.stamp(body)} -->\n")
        self.assertEqual(figures.run(self.repo, check=True), [])


class Rewrite(Tree):
    def test_figures_change_and_nothing_else_does(self):
        before = self.text()
        self.put("measured/bench.csv", BENCH.replace("1234.5,20", "1500,25.4"))
        self.assertEqual(self.rewrite(), [])
        self.assertEqual(self.text(), before.replace("takes 20 ns", "takes 25 ns").replace("1,234", "1,500"))
        self.assertEqual(self.check(), [])

    def test_tables_are_made(self):
        self.assertIn("| large |  100 |      99 |   ns |  1.01x |", self.text())

    def test_tables_of_figures_line_up_again(self):
        self.put("TEXT.md", TEXT + "\n| a | b |\n|---|--:|\n| A small | 1 of 2 |\n")
        self.put(figures.LIST, LIST.replace("{kept:.0f} of {len(bench.rows):.0f} hold", "| {kept:.3f} of 2 |")
                 .replace("plain:", "plain:\n\t1 of 2 hold"))
        self.rewrite()
        self.assertIn("| a       |          b |\n|---------|-----------:|\n| A small | 1.000 of 2 |\n", self.text())

    def test_what_no_run_says_stays_an_error(self):
        self.change("TEXT.md", "1 of 2 hold.", "1 of 2 hold, 55 do not.")
        self.assertEqual(len(self.rewrite()), 1)

    def test_new_runs_are_taken(self):
        self.put("results/bench/latest/table.csv", BENCH.replace("1234.5,20", "1500,25"))
        self.put("results/bench/latest/environment.json",
                 '{"command": "make bench", "tree": {"commit": "0123456789abcdef", "changed": true}}')
        self.assertEqual(self.rewrite(fresh=True), [])
        self.assertIn("takes 25 ns", self.text())
        self.assertIn("bench,make bench,,0123456789ab+,", self.text(figures.RUNS))


class Lists(Tree):
    def fails(self, old, new, message):
        self.change(figures.LIST, old, new)
        with self.assertRaisesRegex(figures.Failure, message):
            figures.run(self.repo, check=True)

    def test_a_row_that_is_not_there(self):
        self.fails('bench["small"]', 'bench["tiny"]', "bench.csv: no row 'tiny'")

    def test_a_column_that_is_not_there(self):
        self.fails("{small.ours:", "{small.theirs:", "small has no column theirs")

    def test_a_run_that_is_not_there(self):
        self.fails("{small.ours:", '{run["nvme ours"].iops:', "run.csv is missing")

    def test_a_field_without_rounding(self):
        self.fails("{small.ours:.0f}", "{small.ours}", "say how to round")

    def test_a_file_that_is_not_there(self):
        self.fails("[mail-*.patch]", "[letter-*.patch]", "no such file")

    def test_a_table_nobody_makes(self):
        self.put("TEXT.md", TEXT.replace("made: weak", "made: strong"))
        with self.assertRaisesRegex(figures.Failure, "no such table: strong"):
            figures.run(self.repo, check=True)


class Summary(unittest.TestCase):
    MEMORY = [{"config": config, "seconds": str(second), "pools_mib": str(mib)}
              for config, mibs in (("small", (1, 64, 64, 64)), ("dynamic", (1, 64, 64, 1)))
              for second, mib in enumerate(mibs)]
    NATIVE = [{"device": "virtio-blk", "bs": "4k", "rw": "read", "jobs": "1", "config": config, "iops": "90000"}
              for config in ("base", "ours", "none")]

    def test_a_panel_for_each_run_that_is_there(self):
        self.assertEqual(summary.script({})[1], (1000, 0))
        body, size = summary.script({"memory": self.MEMORY, "native": self.NATIVE, "bench": []})
        self.assertEqual(body.count("\nplot "), 2)
        self.assertEqual(size, (1000, 300))

    def test_memory_has_the_moments_at_which_it_changes(self):
        body, _ = summary.script({"memory": self.MEMORY})
        self.assertIn("$base << EOD\n0 1\n1 64\n3 64\nEOD\n$ours << EOD\n0 1\n1 64\n3 1\nEOD", body)

    def test_occupancy_and_pools_are_found_by_name(self):
        rows = ("random churn from one CPU at 54 %", "random churn from one CPU at 54 % p99",
                "map+unmap 4 KiB without copy with 1 024 pools and room in the oldest")
        body, _ = summary.script({"bench": [{"row": row, "base": "7", "ours": "2"} for row in rows]})
        self.assertIn("EOD\n54 7 2\nEOD", body)
        self.assertIn("EOD\n1024 7 2\nEOD", body)

    def test_bounds_are_not_weak_rows(self):
        lines = [{"row": row, "ratio": ratio} for row, ratio in
                 (("bare memcpy 4 KiB warm", "1.00"), ("a", "1.05"), ("b", "0.8"), ("c", "1.2"), ("d", ""))]
        self.assertEqual([line["row"] for line in figuretables.weak(lines)], ["b", "a"])


class Ours(unittest.TestCase):
    def test_our_texts_agree_with_their_runs(self):
        self.assertEqual(figures.run(TOP, check=True), [])

    def test_the_readme_stays_short(self):
        self.assertLess((TOP / "README.md").stat().st_size, 5800)


if __name__ == "__main__":
    unittest.main()
