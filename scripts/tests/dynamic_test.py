# SPDX-License-Identifier: GPL-2.0-only
"""make bench-dynamic: its arithmetic, limits and files. No guest is booted."""

import csv
import io
import pathlib
import sys
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "scripts"))

from swbench import dynamic, dyntable, plan, stats  # noqa: E402
from swguest import growth  # noqa: E402

ROW = plan.Row("virtio-blk", "4k", 256, 24, "rw")
MEMORY = """\
5.00 512 0 0 1000
6.00 512 512 0 900
7.00 65536 60000 8192 500
9.00 131072 131072 1000 400
10.00 131072 0 0 800
12.00 8192 0 0 900
14.00 512 0 0 990
"""


class Result:
    """Frames of a guest."""

    def __init__(self, **frames):
        self.reader = self
        self.frames = {name.replace("_", "."): text.encode()
                       for name, text in frames.items()}

    def text(self, name):
        return self.frames[name].decode()

    def values(self, name):
        return dict(line.split("=", 1) for line in self.text(name).splitlines())


def burst(memory=MEMORY, end="9.5", **more):
    return growth.Burst(Result(memory=memory, times=f"end={end}\n", **more))


class Measured:
    """The part of DynamicBench that the table uses."""

    def __init__(self, reference=(), ours=(), **more):
        self.plan = plan.dynamic(5)._replace(rows=(ROW,))
        self.samples, self.cold = stats.Samples(), stats.Samples()
        for name, values in (("ours", reference), ("dynamic", ours)):
            for value in values:
                self.samples.add(ROW, name, value, (1.0, 1.0, 1.0), 0)
        self.bursts, self.exact, self.cycles = {}, {}, None
        self.noise, self.harness, self.starts = {}, {}, {}
        vars(self).update(more)

    def entries(self):
        return {entry["row"]: entry for entry in dyntable.entries(self)}


class Intervals(unittest.TestCase):
    def test_interval_of_a_mean(self):
        # deviation 1 over root 4, Student's point for 3 degrees: 3.182
        mean, low, high = stats.interval([1.0, 1.0, 3.0, 3.0])
        self.assertEqual(mean, 2.0)
        self.assertAlmostEqual(high - mean, 3.182 * (4 / 3) ** 0.5 / 2)
        self.assertAlmostEqual(mean - low, high - mean)
        self.assertIsNone(stats.interval([1.0]))

    def test_difference_is_that_of_pairs(self):
        # The host becomes twice as fast, which does not affect the pairs
        found = stats.difference([90.0, 180.0, 360.0], [100.0, 200.0, 400.0])
        for value in found:
            self.assertAlmostEqual(value, -0.1)
        self.assertIsNone(stats.difference([1.0, 2.0], [1.0]))
        self.assertIsNone(stats.difference([1.0, 2.0], [1.0, 0.0]))
        self.assertIsNone(stats.difference([1.0, 0.0], [1.0, 2.0]))

    def test_noise_on_either_side_is_no_difference(self):
        for ours, base in ([50.0, 200.0], [100.0, 100.0]), ([100.0, 100.0], [50.0, 200.0]):
            self.assertAlmostEqual(stats.difference(ours, base)[0], 0.0)

    def test_slope(self):
        rise, low, high = stats.slope([(10, 1.0), (20, 3.0), (30, 5.0), (40, 7.0)])
        self.assertAlmostEqual(rise, 0.2)
        self.assertAlmostEqual(low, high)
        rise, low, high = stats.slope(list(enumerate([0.0, 1.0, 0.0, 1.0, 0.0])))
        self.assertAlmostEqual(rise, 0.0)
        self.assertLess(low, 0.0)
        self.assertIsNone(stats.slope([(1, 1.0), (2, 2.0)]))


class Warm(unittest.TestCase):
    NAME = "4 KiB, 24 jobs, warm"

    def entry(self, *shares):
        reference = [100.0] * len(shares)
        measured = Measured(reference, [100.0 * share for share in shares])
        return measured.entries()[self.NAME]

    def test_a_loss_that_is_certain_does_not_hold(self):
        entry = self.entry(0.94, 0.95, 0.94, 0.95, 0.94)
        self.assertAlmostEqual(entry["difference"], -0.056, 4)
        self.assertIs(entry["holds"], False)
        self.assertIs(entry["shown"], False)

    def test_noise_holds_but_shows_nothing(self):
        entry = self.entry(0.90, 1.08, 0.93, 1.02, 0.97)
        self.assertIs(entry["holds"], True)
        self.assertIs(entry["shown"], False)

    def test_no_loss_is_shown_only_without_noise(self):
        entry = self.entry(1.00, 1.01, 0.99, 1.00, 1.00)
        self.assertIs(entry["holds"], True)
        self.assertIs(entry["shown"], True)

    def test_nothing_is_said_of_what_was_not_measured(self):
        entry = Measured().entries()[self.NAME]
        self.assertIsNone(entry["holds"])
        self.assertIsNone(entry["ours"])

    def test_cold_rows_have_no_limit(self):
        entry = Measured().entries()["4 KiB, 24 jobs, cold"]
        self.assertEqual(entry["limit"], "")


class Loads(unittest.TestCase):
    def test_memory_over_time(self):
        found = burst()
        self.assertEqual(found.peak(), 132072)
        counted = burst(after="io_tlb_used_hiwater=131080")
        self.assertEqual(counted.peak(), 131080)
        self.assertEqual(found.peak_transient(), 8192)
        self.assertEqual(found.peak_slots(), 131072)
        self.assertEqual(found.at(3), 8192)
        self.assertEqual(found.at(60), 512)
        self.assertEqual(found.back_after(512), 4.5)
        self.assertIsNone(found.back_after(100))

    def test_errors_of_fio(self):
        fio = 'note\n{\n "jobs": [{"error": 0, "total_err": 2,' \
              ' "read": {"io_bytes": 8}}, {"error": 5, "read": {"io_bytes": 1}}]}'
        self.assertEqual(burst(fio=fio, load="status=0").fio_errors(), 3)
        good = '{\n "jobs": [{"error": 0, "read": {"io_bytes": 8}}]}'
        self.assertEqual(burst(fio=good, load="status=0").fio_errors(), 0)
        self.assertEqual(burst(fio=good, load="status=143").fio_errors(), 1)
        self.assertEqual(burst(load="status=143").fio_errors(), 1)

    def test_limits(self):
        fio = {"fio": '{\n "jobs": [{"error": 0, "read": {"io_bytes": 8}}]}',
               "load": "status=0"}
        small = "5 512 0 0 1\n9 1024 1024 0 1\n"
        entries = Measured(bursts={"dynamic": burst(**fio),
                                   "small": burst(small, **fio)}).entries()
        self.assertIs(entries["in flight at once, fio, most"]["holds"], True)
        self.assertIs(entries["I/O errors, fio"]["holds"], True)
        self.assertIs(entries["memory of pools 60 s after the load"]["holds"], True)
        entries = Measured(bursts={"dynamic": burst(small, **fio)}).entries()
        self.assertIs(entries["in flight at once, fio, most"]["holds"], False)
        self.assertIs(entries["memory of pools 60 s after the load"]["holds"], False)

    def test_a_load_that_did_not_run_holds_nothing(self):
        for name in ("I/O errors, fio", "maps that failed, map benchmark",
                     "memory of pools 60 s after the load",
                     "maps that found no room, fio, messages"):
            self.assertIsNone(Measured().entries()[name]["holds"], name)

    def test_the_load_needs_more_than_its_limit(self):
        self.assertGreater(dyntable.needed_mib(), dyntable.NEEDED_MIB)


class Cycles(unittest.TestCase):
    LEAKED = "memory lost a cycle, guest"

    @staticmethod
    def measured(unnamed=(), cycles=1000, freed=1000, kmemleak=""):
        lines = "".join(f"{n} 512 0 0 1000 16384\n" for n in range(cycles))
        points = "".join(f"{10 * n} {kib}\n" for n, kib in enumerate(unnamed))
        return Measured(cycles=Result(
            cycles=lines, unnamed=points, kmemleak=kmemleak,
            swiotlb=f"events.grown=1000\nevents.freed={freed}\n")).entries()

    def test_a_page_a_cycle_is_a_leak(self):
        self.assertIs(self.measured(range(0, 800, 50))[self.LEAKED]["holds"], False)
        steady = [1000, 1020, 990, 1010, 1000, 995, 1005, 1010]
        self.assertIs(self.measured(steady)[self.LEAKED]["holds"], True)
        self.assertIs(self.measured(steady)[self.LEAKED]["shown"], True)
        self.assertIsNone(self.measured()[self.LEAKED]["holds"])

    def test_all_cycles_and_all_pools(self):
        name = "cycles of growing and giving back, guest"
        self.assertIs(self.measured()[name]["holds"], True)
        self.assertIs(self.measured(cycles=999)[name]["holds"], False)
        name = "pools added and not freed, guest"
        self.assertIs(self.measured()[name]["holds"], True)
        self.assertIs(self.measured(freed=999)[name]["holds"], False)
        name = "objects that kmemleak found"
        self.assertIs(self.measured()[name]["holds"], True)
        found = self.measured(kmemleak="unreferenced object 0x1 (size 8):\n")
        self.assertIs(found[name]["holds"], False)

    def test_slab_caches_that_grow_with_each_cycle(self):
        result = Result(slab_before="# name\na 10 20\nb 5 5\n",
                        slab_after="a 12 20\nb 5 5\nc 7 7\n")
        self.assertEqual(growth.slab_growth(result), {"a": 2, "c": 7})
        self.assertIsNone(growth.slab_growth(Result()))

    def test_set_memory(self):
        figures = {"cycles": 1000, "freed": 3, "set_memory": 6, "allocations": 0,
                   "pages": 0, "slots": 0}
        name = "set_memory calls in a pool's life, harness"
        self.assertIs(Measured(harness=figures).entries()[name]["holds"], True)
        figures["set_memory"] = 7
        self.assertIs(Measured(harness=figures).entries()[name]["holds"], False)
        self.assertIsNone(Measured().entries()[name]["holds"])

    def test_figures_of_the_harness(self):
        text = "# warn: x\n# giveback: cycles=10\n# giveback: pages=-3\nok 1 y\n"
        self.assertEqual(dynamic.figures(text), {"cycles": 10, "pages": -3})


class Files(unittest.TestCase):
    def test_csv(self):
        found = dyntable.entries(Measured([100.0, 100.0], [99.0, 100.0]))
        lines = list(csv.reader(io.StringIO(stats.to_csv(
            found, dyntable.COLUMNS, dyntable.cell))))
        self.assertEqual(lines[0], list(dyntable.COLUMNS))
        self.assertEqual(lines[1], [
            "4 KiB, 24 jobs, warm", "default pool", "100", "99.5", "IOPS",
            "-0.005", "-0.067", "0.061", "0.000", "0.007", "not 2 % slower",
            "yes", "no"])

    def test_every_row_has_a_name_of_its_own(self):
        names = [entry["row"] for entry in dyntable.entries(Measured())]
        self.assertEqual(len(names), len(set(names)))

    def test_pictures_have_what_was_measured(self):
        measured = Measured([100.0, 100.0], [99.0, 100.0],
                            bursts={"dynamic": burst()})
        rows = dyntable.rows_script(dyntable.entries(measured), "tcg")
        self.assertIn('0 -0.50 -6.66 6.06 "4 KiB, 24 jobs, warm"', rows)
        self.assertIn("patched: pools", dyntable.memory_script(measured.bursts, "tcg"))
        self.assertIn("dynamic,4.50,1,0.00,0.00,1.0",
                      dyntable.memory_csv(measured))


if __name__ == "__main__":
    unittest.main()
