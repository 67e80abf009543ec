# SPDX-License-Identifier: GPL-2.0-only
"""Profiles of a guest: addresses to functions, functions to groups."""

import pathlib
import sys
import unittest
from unittest import mock

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "scripts"))

from swbench import mapprofile, nativeprofile, plan, profiles  # noqa: E402

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


def samples(**counts):
    """Return the output of perf script for this many samples of each function."""
    at = {"memcpy": "60001024", "swiotlb_map": "60001040", "libc": "7fa7972f9389",
          "host": "ffffffff816bb938"}
    return "".join(f"     {at[name]:>12}\n" * count for name, count in counts.items())


NATIVE = profiles.Symbols("60001000 T first\n60001020 t memcpy\n60001040 t swiotlb_map\n"
                          "60001080 T fput\n")


SAMPLES = samples(memcpy=1220, swiotlb_map=300, libc=60, host=40)


class Native(unittest.TestCase):
    def measured(self):
        row = plan.Row("virtio-blk", "4k", 256, 1, "read")
        found = nativeprofile.functions(SAMPLES, NATIVE)
        return mock.Mock(profiles={(row, "ours"): [
            {name: 2.0 * count for name, count in found.items()}]})

    def test_samples_are_read_by_function(self):
        found = nativeprofile.functions(SAMPLES, NATIVE)
        self.assertEqual(found, {"memcpy": 1220, "swiotlb_map": 300, profiles.HOST: 100})

    def test_groups_add_up(self):
        lines = {line["group"]: line for line in nativeprofile.entries(self.measured())}
        self.assertEqual({name: line["ns_per_io"] for name, line in lines.items()},
                         {"copies": "2440", "swiotlb": "600", "DMA API": "0", "locks": "0",
                          profiles.REST: "0", profiles.HOST: "200", "all": "3240"})
        self.assertEqual(lines["copies"]["percent"], "75.3")

    def test_a_table_has_a_line_for_each_kernel(self):
        shown = nativeprofile.grid(nativeprofile.entries(self.measured())).splitlines()
        self.assertEqual(len(shown), 3)
        self.assertIn("virtio-blk 4k read, 1 job, depth 256 | patched |   2440 |     600 |", shown[2])

    def test_the_functions_that_take_most_are_named(self):
        text = nativeprofile.top(self.measured(), 2)
        self.assertIn("`memcpy`", text)
        self.assertNotIn("fput", text)

    def test_without_permission_it_says_why(self):
        done = mock.Mock(returncode=255, stderr="Access to performance monitoring is limited\n")
        with mock.patch.object(nativeprofile.machine, "tool", return_value="perf"), \
                mock.patch.object(nativeprofile.subprocess, "run", return_value=done), \
                self.assertRaisesRegex(nativeprofile.ProfileError, "limited"):
            nativeprofile.perf()


LISTING = """
0000000060001040 <swiotlb_map>:
    60001040:	mfence
    60001043:	mov    0x58(%rsp),%eax
    60001047:	lock cmpxchg %edi,(%rsi)
    6000104b:	jne    60001060 <swiotlb_map+0x20>
    60001051:	xchg   %eax,0x8(%r14)
    60001054:	xchg   %ax,%ax
    60001056:	ret

0000000060001080 <fput>:
    60001080:	ret
"""


class Kinds(unittest.TestCase):
    """The profile of a map in User Mode Linux."""

    def test_a_sample_after_an_instruction_is_its(self):
        self.assertEqual(mapprofile.waited_for(LISTING), {
            0x60001043: mapprofile.FENCES, 0x6000104b: mapprofile.ATOMICS, 0x60001054: mapprofile.ATOMICS})

    def test_all_samples_count_once(self):
        waits = {**mapprofile.waited_for(LISTING), 0x60001084: mapprofile.FENCES}
        text = "60001043\n60001043\n6000104b\n60001056\n60001024\n60001084\n7fa7972f9389\n"
        self.assertEqual(mapprofile.kinds(text, NATIVE, waits), {
            mapprofile.FENCES: 2, mapprofile.ATOMICS: 1, mapprofile.SWIOTLB: 1, mapprofile.COPIES: 1,
            mapprofile.OTHER: 2})

    def test_the_table_has_a_column_for_each_row_and_kernel(self):
        row = mapprofile.ROWS[0]
        found = mapprofile.entries({(row, "ours"): [{mapprofile.FENCES: 1.0}, {mapprofile.FENCES: 3.0}, {}]})
        lines = [{column: mapprofile.cell(line, column) for column in mapprofile.COLUMNS} for line in found]
        shown = mapprofile.grid(lines).splitlines()
        self.assertIn("64 to device: patched", shown[0])
        self.assertRegex(shown[2], r"^\| fences +\| +1.0 \|$")
        self.assertRegex(shown[-1], r"^\| benchmark, clock, host +\| +0 \|$")


if __name__ == "__main__":
    unittest.main()
