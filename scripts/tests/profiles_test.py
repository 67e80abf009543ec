# SPDX-License-Identifier: GPL-2.0-only
"""Profiles of a guest: addresses to functions, functions to groups."""

import pathlib
import sys
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "scripts"))

from swbench import plan, profiles  # noqa: E402

SYMBOLS = profiles.Symbols("""\
ffff000000001000 T first
ffff000000001020 T memcpy
ffff000000001028 d not_a_function
ffff000000001040 t swiotlb_map
""")
USER = profiles.OUTSIDE[1]


class Functions(unittest.TestCase):
    def test_an_address_is_of_the_function_that_it_lies_in(self):
        found = profiles.by_function({0xffff000000001000: 3, 0xffff000000001010: 4,
                                      0xffff000000001030: 5, 0xffff000000001040: 6}, SYMBOLS)
        self.assertEqual(found, {"first": 7, "memcpy": 5, "swiotlb_map": 6})

    def test_user_space_and_what_lies_before_all_functions(self):
        found = profiles.by_function({0: 9, 0xffff000000000ff0: 1}, SYMBOLS)
        self.assertEqual(found, {USER: 9, profiles.REST: 1})


class Groups(unittest.TestCase):
    def test_names(self):
        for name, group in (("memcpy", "copies"), ("memcpy_fromio", profiles.REST),
                            ("swiotlb_bounce", "copies"), ("swiotlb_map", "swiotlb"),
                            ("inc_used_and_hiwater_nop", "swiotlb"), (USER, USER),
                            ("dma_direct_map_sg", "DMA API"), ("fput", profiles.REST)):
            self.assertEqual(profiles.group(name), group, name)

    def test_groups_add_up_to_all(self):
        costs = {"memcpy": 1.0, "swiotlb_map": 2.0, "swiotlb_x": 3.0, USER: 4.0}
        self.assertEqual(profiles.grouped(costs),
                         {"copies": 1.0, "swiotlb": 5.0, USER: 4.0})

    def test_what_a_turn_has_not_seen_counts_as_nothing(self):
        self.assertEqual(profiles.medians([{"a": 4.0}, {"a": 2.0, "b": 6.0}, {}]),
                         {"a": 2.0, "b": 0})


class Tables(unittest.TestCase):
    row = plan.Row("nvme", "4k", 256, 4, "read")
    configs = plan.chosen(("base", "ours"))

    def test_a_row_without_all_configurations_has_none(self):
        costs = {(self.row, "base"): [{"memcpy": 1.0}]}
        self.assertEqual(profiles._row_tables(self.row, costs, self.configs), [])

    def test_medians_by_group_and_by_function(self):
        costs = {(self.row, "base"): [{"memcpy": 1700.0, "swiotlb_map": 300.0, USER: 9.0}],
                 (self.row, "ours"): [{"memcpy": 1800.0, "swiotlb_map": 100.0}]}
        _title, groups, _, functions, _ = profiles._row_tables(self.row, costs, self.configs)
        self.assertRegex(groups, r"(?m)^\| copies +\| +1700 \| +1800 \|$")
        self.assertRegex(groups, r"(?m)^\| user space +\| +9 \| +0 \|$")
        self.assertRegex(functions, r"(?m)^\| swiotlb_map +\| +300 \| +100 \|$")
        self.assertNotIn(USER, functions)


if __name__ == "__main__":
    unittest.main()
