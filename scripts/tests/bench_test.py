# SPDX-License-Identifier: GPL-2.0-only
"""The native bench: its rows, limits and table, without a program."""

import contextlib
import io
import pathlib
import subprocess
import sys
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TREE / "scripts"),
                str(TREE / "tools/testing/swiotlb/bench")]

import callgrind  # noqa: E402
import hog  # noqa: E402
import rows as plan  # noqa: E402
import runs  # noqa: E402
import table  # noqa: E402

BUSY = {"base": 1.0, "ours": 0.0}
QUIET = {"base": 0.0, "ours": 0.0}


def row(key="a", better=plan.LOWER, limit=None, base_key=None):
    return plan.Row("a row", "group", "copy", key, "ns", better, limit, "here",
                    base_key or key)


def series(*measured):
    """Make runs of one group, each (base, ours, CPUs that other processes used)."""
    found = runs.Series(None, [row()], False)
    for base, ours, others in measured:
        found.runs.append(runs.Run("group", "copy", {"base": base, "ours": ours}, others))
    return found


class Values(unittest.TestCase):
    def test_base_may_use_another_value(self):
        found = series(({"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}, QUIET))
        self.assertEqual([found.value(row(), engine) for engine in runs.ENGINES], [1.0, 3.0])
        self.assertEqual([found.value(row(base_key="b"), engine) for engine in runs.ENGINES],
                         [2.0, 3.0])


class Rows(unittest.TestCase):
    def test_every_row_has_a_name_of_its_own(self):
        names = [one.name for one in plan.all_rows()]
        self.assertEqual(len(names), len(set(names)))

    def test_names_and_groups_are_matched(self):
        self.assertEqual({one.group for one in plan.matching("RANDOM CHURN")}, {"churn"})
        self.assertTrue(plan.matching("threads8"))
        self.assertEqual(plan.matching("no such row"), [])

    def test_limits_include_their_number(self):
        at_least, at_most = plan.Limit("ratio", ">=", 5), plan.Limit("ours", "<=", 5)
        self.assertTrue(plan.holds(at_least, 99, 5.0))
        self.assertFalse(plan.holds(at_least, 99, 4.99))
        self.assertTrue(plan.holds(at_most, 5.0, 0.1))
        self.assertFalse(plan.holds(at_most, 5.01, 100))

    def test_what_was_not_measured_holds_nothing(self):
        self.assertIsNone(plan.holds(plan.Limit("ours", "<=", 5), None, None))
        self.assertIsNone(plan.holds(None, 1.0, 1.0))


class Hog(unittest.TestCase):
    SETUP = hog.SETUPS[0]

    def entry(self, *turns):
        """Make the line of a disk from the throughput of (alone, beside) in each turn."""
        found = hog.Turns()
        for number, (alone, beside) in enumerate(turns):
            for how, rate in (("alone", alone), ("beside", beside)):
                found.add({f"hog/disk/{how}/{number}/rate": rate,
                           f"hog/disk/{how}/{number}/p99": 10.0,
                           f"hog/disk/{how}/{number}/failed": 0.0 if rate else 100.0})
        return hog.entry(self.SETUP, "disk", found)

    def test_a_turn_is_compared_with_the_one_before(self):
        line = self.entry((10.0, 9.0), (20.0, 18.0), (40.0, 36.0))
        self.assertAlmostEqual(line["share"], 90)
        self.assertAlmostEqual(line["low"], 90)
        self.assertEqual((line["alone"], line["beside"], line["failed"]), (20.0, 18.0, 0.0))

    def test_without_a_map_there_is_no_interval(self):
        line = self.entry((10.0, 0.0), (10.0, 0.0))
        self.assertEqual((line["share"], line["failed"]), (0, 100.0))
        self.assertEqual([hog.cell(line, name) for name in ("low", "high")], ["", ""])

    def test_a_missing_value_fails_the_check(self):
        line = self.entry((10.0, 9.0), (20.0, 18.0))
        # check() prints KTAP, which test.sh would count as results of this program.
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(hog.check([line]), 0)
            self.assertEqual(hog.check([{**line, "p99_beside": None}]), 1)


CALLGRIND = """\
events: Ir
fl=(1) a.c
fn=(1) outer
5 10
cfi=(2) b.c
cfn=(2) inner
calls=1 7
+2 100
-1 1
fi=(3) inlined.h
12 4
fe=(1)
* 2

fl=(2)
fn=(2)
7 100
"""


class Experiments(unittest.TestCase):
    """Variants of the engine that are measured, but not part of the series."""

    def test_their_patches_apply(self):
        for path in sorted((TREE / "tools/testing/swiotlb/bench").glob("*.patch")):
            done = subprocess.run(["git", "apply", "--check", str(path)], cwd=TREE,
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.stderr, "", path.name)


class Instructions(unittest.TestCase):
    def test_each_line_counts_for_the_file_that_it_is_written_in(self):
        self.assertEqual(callgrind.costs(CALLGRIND.splitlines()),
                         {"a.c": 13, "inlined.h": 4, "b.c": 100})


class Values(unittest.TestCase):
    def test_median_of_the_runs(self):
        found = series(*(({"a": n}, {"a": 2 * n}, QUIET) for n in (3.0, 1.0, 9.0)))
        self.assertEqual(found.value(row(), "base"), 3.0)
        self.assertEqual(found.value(row(), "ours"), 6.0)

    def test_disturbed_runs_count_only_when_there_are_few_others(self):
        quiet = [({"a": n}, {"a": n}, QUIET) for n in (1.0, 2.0, 3.0)]
        loud = [({"a": 100.0}, {"a": 100.0}, BUSY)] * 4
        self.assertEqual(series(*quiet, *loud).value(row(), "base"), 2.0)
        self.assertEqual(series(*quiet[:2], *loud).value(row(), "base"), 100.0)

    def test_quotients_are_made_run_by_run(self):
        found = series(*(({"a": a, "b": b}, {}, QUIET)
                         for a, b in ((4.0, 2.0), (9.0, 1.0), (3.0, 1.0))))
        self.assertEqual(found.value(row(("a", "b")), "base"), 3.0)
        self.assertIsNone(found.value(row(("a", "b")), "ours"))

    def test_output_of_a_program(self):
        self.assertEqual(runs._values("# a note\npair/4096/none 12.5\np99.9 1e+06\n"),
                         {"pair/4096/none": 12.5, "p99.9": 1e6})


class Table(unittest.TestCase):
    def entry(self, better):
        found = series(({"a": 10.0}, {"a": 2.0}, QUIET))
        return table.entries(found, [row(better=better, limit=plan.Limit("ratio", ">=", 5))])

    def test_the_ratio_says_how_many_times_better(self):
        self.assertEqual(self.entry(plan.LOWER)[0]["ratio"], 5.0)
        self.assertEqual(self.entry(plan.HIGHER)[0]["ratio"], 0.2)

    def test_csv(self):
        self.assertEqual(table.to_csv(self.entry(plan.HIGHER)).splitlines(),
                         ["row,base,ours,unit,ratio,limit,holds",
                          "a row,10.0,2.00,ns,0.20,ratio >= 5,no"])
        empty = table.entries(series(), [row(limit=plan.Limit("ours", "<=", 5))])
        self.assertEqual(table.to_csv(empty).splitlines()[1], "a row,,,ns,,ours <= 5,")

    def test_losing_rows_are_counted(self):
        self.assertEqual(table.verdict(self.entry(plan.HIGHER)), "0 of 1 limits hold.")
        self.assertEqual(table.verdict(self.entry(plan.LOWER)), "1 of 1 limits hold.")


if __name__ == "__main__":
    unittest.main()
