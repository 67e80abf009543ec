# SPDX-License-Identifier: GPL-2.0-only
"""Counting instructions of an I/O. No guest is booted."""

import collections
import json
import pathlib
import sys
import unittest
from unittest import mock

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "scripts"))

from swbench import counts, plan, profiles  # noqa: E402

KERNEL = 0xffff000000001000
SYMBOLS = profiles.Symbols(f"{KERNEL:x} T memcpy\n")
ROW = plan.Row("virtio-blk", "4k", 256, 4, "read")


class Reader:
    def __init__(self, ios, error=0):
        self._job = {"read": {"total_ios": ios}, "write": {"total_ios": 0},
                     "error": error}

    def text(self, _name):
        return json.dumps({"jobs": [self._job]})


class Guest:
    """A guest that executes @start instructions per run in user space, and @each per I/O in
    the kernel; @lost: I/Os that fio reports as not done.
    """

    alive = True
    boots = 1

    def __init__(self, start, each, lost=0):
        self._start, self._each, self._lost = start, each, lost
        self._done = self._runs = 0

    def insns(self):
        return {0: self._start * self._runs, **({KERNEL: self._each * self._done}
                                                if self._done else {})}

    def run(self, line, _last, _seconds):
        *_, jobs, _rw, size = line.split()
        ios = int(size) // 4096 * int(jobs)
        self._runs += 1
        self._done += ios
        return Reader(ios - self._lost)


class Measured(counts.Counted):
    def __init__(self, chosen):
        self.costs = collections.defaultdict(list)
        self.functions = collections.defaultdict(list)
        self.problems = []
        self.symbols, self.plan = collections.defaultdict(lambda: SYMBOLS), chosen
        self._progress = self

    def done(self, _weight):
        pass

    begin = done

    def clear(self):
        pass

    @property
    def host(self):
        return mock.Mock()


class Boots(unittest.TestCase):
    def test_guests_of_a_round_are_counted(self):
        """A round boots a guest for each configuration, with the number of CPUs of the plan."""
        measured = Measured(plan.counted(1)._replace(rows=(ROW,)))
        measured.directory, measured.accel = pathlib.Path("results"), "tcg"
        measured.images = collections.defaultdict(lambda: "image")
        with mock.patch.object(counts.driven, "Driven") as guest, \
             mock.patch.object(measured, "_turns") as turns, \
             mock.patch.object(measured, "_ended"):
            measured._repeat(1)
        specs = [call.args[0] for call in guest.call_args_list]
        self.assertEqual([(spec.counted, spec.vcpus) for spec in specs],
                         [(True, plan.VCPUS)] * len(measured.plan.configs))
        self.assertEqual(turns.call_count, 1)


class Costs(unittest.TestCase):
    def setUp(self):
        self.plan = plan.counted(1)._replace(rows=(ROW,))
        self.measured = Measured(self.plan)

    def take(self, **guests):
        for number in "12":
            for config in self.plan.configs:
                if config.name in guests:
                    self.measured._turn(ROW, config, number, guests[config.name], 0)

    def test_what_a_run_begins_with_is_not_in_it(self):
        self.take(base=Guest(10 ** 9, 5000))
        self.assertEqual(self.measured.costs[ROW, self.plan.configs[0].name],
                         [5000, 5000])
        self.assertEqual(self.measured.functions[ROW, self.plan.configs[0].name],
                         [{"user space": 0, "memcpy": 5000}] * 2)

    def test_a_guest_that_has_booted_again_counts_nothing(self):
        class Lost(Guest):
            def run(self, *args):
                self.boots += 1
                return super().run(*args)

        self.take(base=Lost(0, 5000))
        self.assertFalse(self.measured.costs)
        self.assertEqual(len(self.measured.problems), 2)

    def test_a_run_that_did_less_is_no_result(self):
        with self.assertRaises(counts.CountError):
            self.take(base=Guest(0, 5000, lost=1))

    def test_differences_and_limits(self):
        self.take(base=Guest(7, 5000), ours=Guest(9, 4000), dynamic=Guest(0, 4100))
        found = {entry["config"]: entry for entry in counts.entries(self.measured)}
        self.assertAlmostEqual(found["ours"]["difference"], -0.2)
        self.assertIsNone(found["ours"]["holds"])
        self.assertAlmostEqual(found["dynamic"]["difference"], 0.025)
        self.assertAlmostEqual(found["dynamic"]["mapping_difference"], 0.025)
        self.assertIs(found["dynamic"]["holds"], False)
        self.assertIs(found["dynamic"]["shown"], False)
        self.assertIsNone(found["none"]["insns_per_io"])

    def test_a_mapping_is_a_share_of_the_whole(self):
        self.measured.symbols["base"] = profiles.Symbols(f"{KERNEL:x} T fput\n")
        self.take(base=Guest(7, 5000), ours=Guest(9, 4000))
        found = {entry["config"]: entry for entry in counts.entries(self.measured)}
        self.assertEqual(found["base"]["mapping"], 0)
        self.assertEqual(found["ours"]["mapping"], 4000)
        self.assertAlmostEqual(found["ours"]["mapping_difference"], 0.8)

    def test_the_table_has_all(self):
        self.take(base=Guest(7, 5000), ours=Guest(9, 4000), dynamic=Guest(0, 4010))
        lines = counts.grid(counts.entries(self.measured), self.plan).splitlines()
        self.assertEqual(len({len(line) for line in lines}), 1)
        self.assertIn("5000 (0 %)", lines[-1])
        self.assertIn("-20.0 %", lines[-1])
        lines = counts.grid(counts.entries(self.measured), self.plan,
                            counts.MAPPING).splitlines()
        self.assertIn("+0.2 %", lines[-1])


if __name__ == "__main__":
    unittest.main()
