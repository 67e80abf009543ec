# SPDX-License-Identifier: GPL-2.0-only
"""Profiles of a guest: ticks to functions, functions to CPU time."""

import pathlib
import struct
import sys
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TREE / "scripts"),
                str(TREE / "tools/testing/selftests/swiotlb/qemu")]

from swbench import profiles  # noqa: E402

SYMBOLS = profiles.Symbols("""\
ffff000000000000 before_text
ffff000000001000 _stext
ffff000000001000 first
ffff000000001020 memcpy
ffff000000001040 swiotlb_map
ffff000000001060 pv_native_safe_halt
""")


def raw(*counters):
    return struct.pack(f"<{len(counters) + 1}I", 16, *counters)


class Ticks(unittest.TestCase):
    def test_a_tick_is_of_the_function_that_it_lies_in(self):
        found = profiles.ticks(raw(1, 2, 4, 0, 8, 16), SYMBOLS)
        self.assertEqual(found, {"first": 3, "memcpy": 4, "swiotlb_map": 24})

    def test_an_idle_cpu_does_not_count(self):
        self.assertEqual(profiles.ticks(raw(0, 0, 0, 0, 1, 0, 7), SYMBOLS), {"swiotlb_map": 1})

    def test_a_torn_counter_is_left_out(self):
        self.assertEqual(profiles.ticks(raw(5) + b"\1", SYMBOLS), {"first": 5})


class Groups(unittest.TestCase):
    def test_names(self):
        for name, group in (("memcpy", "copies"), ("memcpy_fromio", profiles.REST),
                            ("swiotlb_bounce", "copies"), ("swiotlb_map", "swiotlb"),
                            ("dma_direct_map_sg", "DMA API"), ("fput", profiles.REST)):
            self.assertEqual(profiles.group(name), group, name)


class Costs(unittest.TestCase):
    # 50 ticks of 1/100 s busy are 125 of the profile's: 8 of 10 us are 100 of them
    def test_what_has_no_tick_is_outside(self):
        costs = profiles.per_io({"memcpy": 75, "first": 25}, 50, 10.0)
        self.assertAlmostEqual(costs["memcpy"], 6.0)
        self.assertAlmostEqual(costs["first"], 2.0)
        self.assertAlmostEqual(costs[profiles.OUTSIDE], 2.0)

    def test_groups_add_up_to_all(self):
        costs = {"memcpy": 1.0, "swiotlb_map": 2.0, "swiotlb_x": 3.0,
                 profiles.OUTSIDE: 4.0}
        self.assertEqual(profiles.grouped(costs),
                         {"copies": 1.0, "swiotlb": 5.0, profiles.OUTSIDE: 4.0})

    def test_what_a_boot_has_not_seen_counts_as_nothing(self):
        self.assertEqual(profiles.median_costs([{"a": 4.0}, {"a": 2.0, "b": 6.0}, {}]),
                         {"a": 2.0, "b": 0})


if __name__ == "__main__":
    unittest.main()
