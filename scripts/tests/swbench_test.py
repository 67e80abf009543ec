# SPDX-License-Identifier: GPL-2.0-only
"""The comparison's arithmetic and its files. No guest is booted."""

import collections
import contextlib
import csv
import io
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "scripts"))

from swbench import figuretables, guests, mapbench, measure, nodes, plan, plot, report  # noqa: E402
from swbench import results, stats, waiting  # noqa: E402
from swguest import coco, numa  # noqa: E402

import compare  # noqa: E402

ROW = plan.Row("nvme", "4k", 256, 4, "read")
NAMES = [config.name for config in plan.CONFIGS]


def filled(values):
    """Make samples of one row from {configuration: list of IOPS}."""
    samples = stats.Samples()
    for name, numbers in values.items():
        for number in numbers:
            samples.add(ROW, name, number, (4.0, 10.0, 30.0), 0)
    return samples


class Arithmetic(unittest.TestCase):
    def test_pairs_are_of_turns_that_both_took(self):
        samples = stats.Samples()
        for config, turns in (("ours", {"1": 2.0, "2": 3.0, "3": 8.0}), ("base", {"1": 1.0, "3": 4.0})):
            for turn, value in turns.items():
                samples.add(ROW, config, value, None, 0, turn)
        self.assertEqual(samples.paired(ROW, "ours", "base"), ([2.0, 8.0], [1.0, 4.0]))
        self.assertAlmostEqual(samples.difference(ROW, "ours", "base")[0], 1.0)

    def test_median(self):
        self.assertEqual(stats.median([9.0, 1.0, 5.0]), 5.0)
        self.assertEqual(stats.median([1.0, 2.0]), 1.5)
        self.assertIsNone(stats.median([]))

    def test_variation_is_that_of_a_sample(self):
        # mean 4, squared deviations 4 + 0 + 4 over n - 1 = 2: deviation 2
        self.assertAlmostEqual(stats.variation([2.0, 4.0, 6.0]), 0.5)
        self.assertEqual(stats.variation([3.0, 3.0]), 0.0)

    def test_variation_needs_two_samples_and_a_mean(self):
        self.assertIsNone(stats.variation([7.0]))
        self.assertIsNone(stats.variation([0.0, 0.0]))

    def test_ratio_of_nothing_is_nothing(self):
        self.assertEqual(stats.ratio(3.0, 4.0), 0.75)
        self.assertIsNone(stats.ratio(None, 4.0))
        self.assertIsNone(stats.ratio(3.0, None))
        self.assertIsNone(stats.ratio(3.0, 0))


class Table(unittest.TestCase):
    def entries(self):
        samples = filled({"base1": [50.0, 40.0, 60.0], "base": [100.0] * 3,
                          "ours": [150.0] * 3, "none": [200.0] * 3})
        samples.add_errors(ROW, "dynamic", 1)
        return {entry["config"]: entry
                for entry in stats.table(samples, [ROW], NAMES)}

    def test_ratios_are_those_of_medians(self):
        entries = self.entries()
        self.assertEqual(entries["base1"]["iops"], 50.0)
        self.assertEqual(entries["base1"]["vs_base"], 0.5)
        self.assertEqual(entries["ours"]["vs_base"], 1.5)
        self.assertEqual(entries["ours"]["vs_none"], 0.75)
        self.assertEqual(entries["none"]["vs_none"], 1.0)

    def test_a_configuration_without_samples_is_empty_and_in_error(self):
        entry = self.entries()["dynamic"]
        self.assertIsNone(entry["iops"])
        self.assertIsNone(entry["vs_base"])
        self.assertEqual(entry["errors"], 1)

    def test_csv(self):
        lines = list(csv.reader(io.StringIO(
            stats.to_csv(self.entries().values()))))
        self.assertEqual(",".join(lines[0]), "device,bs,depth,jobs,rw,config,"
                         "iops,cv,vs_base,vs_none,errors")
        self.assertEqual(lines[1], ["nvme", "4k", "256", "4", "read", "base1",
                                    "50", "0.200", "0.500", "0.250", "0"])
        self.assertEqual([line[5] for line in lines[1:]], NAMES)
        self.assertEqual(lines[4][6:], ["", "", "", "", "1"])


class MapRows(unittest.TestCase):
    ROW = mapbench.MapRow("64:65536", 8, 256, "cross", "from")

    @staticmethod
    def answer(pair, failures=0):
        return {figure: failures if figure == "failures" else pair
                for figure in mapbench.FIGURES}

    def entries(self):
        answers = {(self.ROW, "base"): [self.answer(n) for n in (200, 100, 300)],
                   (self.ROW, "ours"): [self.answer(100, 4)] * 3}
        fio = filled({"base": [100.0, 100.0], "ours": [150.0, 50.0]})
        return mapbench.map_entries(answers, [self.ROW]) + \
            mapbench.fio_entries(fio, [ROW])

    def test_options_are_those_of_the_tool(self):
        self.assertEqual(self.ROW.options(0.25), "-k -b 64 -T 250 -t 8 -D 256 "
                         "-S 64:65536 -d 2 -c")
        self.assertEqual(mapbench.MapRow("64").options(1),
                         "-k -b 64 -T 1000 -t 1 -D 1 -S 64 -d 1")

    def test_every_row_has_a_name_and_a_title_of_its_own(self):
        for names in ([row.name for row in mapbench.ROWS],
                      [row.title for row in mapbench.ROWS]):
            self.assertEqual(len(names), len(set(names)))
        self.assertFalse(any(" " in row.name for row in mapbench.ROWS))

    def test_figures_add_up_map_and_unmap(self):
        values = {key: str(number) for number, key in enumerate(
            sorted({key for keys in mapbench.FIGURES.values() for key in keys}))}
        found = mapbench.figures(values)
        self.assertEqual(found[mapbench.PAIR],
                         int(values["map_p50_ns"]) + int(values["unmap_p50_ns"]))
        self.assertEqual(found["map p99"], int(values["map_p99_ns"]))

    def test_csv(self):
        lines = list(csv.reader(io.StringIO(stats.to_csv(
            self.entries(), mapbench.COLUMNS, mapbench.cell))))
        self.assertEqual(lines[0], ["row", "base", "ours", "none", "unit", "ratio", "spread"])
        self.assertEqual(lines[1], ["64-64k from device, 8 threads, depth 256, "
                                    "cross-CPU: median pair", "200", "100", "", "ns",
                                    "0.500", "0.500"])
        self.assertEqual(lines[6][1:], ["0", "4", "", "maps", "", "0.000"])
        self.assertEqual(lines[7][1:], ["100", "100", "", "IOPS", "1.000", "0.707"])

    def test_a_row_that_was_not_measured_is_empty(self):
        entry = mapbench.map_entries({}, [self.ROW])[0]
        self.assertEqual(stats.to_csv([entry], mapbench.COLUMNS, mapbench.cell)
                         .splitlines()[1],
                         '"64-64k from device, 8 threads, depth 256, cross-CPU: '
                         'median pair",,,,ns,,')

    def test_tables_line_up_and_have_their_rows_alone(self):
        for grid, rows in ((mapbench.map_grid(self.entries()), 1),
                           (mapbench.fio_grid(self.entries()), 1)):
            lines = grid.splitlines()
            self.assertEqual(len(lines), 2 + rows)
            self.assertEqual(len({len(line) for line in lines}), 1)

    def test_the_picture_has_a_bar_for_each_row(self):
        text = mapbench.script(self.entries(), "tcg")
        self.assertIn('0 50.00 25.00 "64-64k from device', text)
        self.assertIn('0 100.00 70.71 "nvme 4k read', text)

    def test_natively_it_stands_beside_the_rows_of_make_bench_that_do_the_same(self):
        self.assertLessEqual(set(figuretables.SAME_ROWS), {row.title for row in mapbench.ROWS})
        bench = [{"row": row, "base": "643", "ours": "47"} for row in figuretables.SAME_ROWS.values()]
        entries = mapbench.map_entries({(row, config): [{figure: number for figure in mapbench.FIGURES}]
                                        for row in mapbench.ROWS for config, number in (("base", 800), ("ours", 200), ("none", 150))
                                        if row.threads < 8})
        found = [{column: mapbench.cell(entry, column) for column in mapbench.COLUMNS} for entry in entries]
        made = figuretables.makers({"nativemap": found, "bench": bench}, [], None)["nativemap"]().splitlines()
        self.assertEqual(len(made), 2 + sum(row.threads < 8 for row in mapbench.ROWS))
        self.assertEqual(sum(" 643 |" in line for line in made), len(figuretables.SAME_ROWS))
        self.assertIn(" 650 |", made[2])


class Waiting(unittest.TestCase):
    TOOL = {"map_calls": "3000000", "elapsed_ns": "3000000000", "failures": "1000000", "map_p50_ns": "1500",
            "map_p99_ns": "20000", "map_p999_ns": "300000", "map_max_ns": "5000000"}

    @staticmethod
    def lines(samples):
        return [{column: waiting.cell(line, column) for column in waiting.COLUMNS}
                for line in waiting.entries(samples)]

    def test_figures_have_units(self):
        found = waiting.figures(self.TOOL, {"events.waited": "12", "events.wait_timed_out": "1", "io_tlb_used": "0"})
        self.assertEqual(found, {"maps": 1000, "failed": 250, "waited": 12, "timed_out": 1, "p50_us": 1.5,
                                 "p99_us": 20, "p999_us": 300, "max_us": 5000})

    def test_a_setup_has_medians_and_no_event_that_its_kernel_lacks(self):
        base, sleeps = waiting.SETUPS[0], waiting.SETUPS[-1]
        lines = self.lines({base: [{"maps": 1.0}, {"maps": 3.0}, {"maps": 9.0}],
                            sleeps: [{"maps": 2.25, "waited": 4}]})
        self.assertEqual([line["maps"] for line in lines], ["3", *[""] * (len(lines) - 2), "2.2"])
        self.assertEqual([line["waited"] for line in lines], [*[""] * (len(lines) - 1), "4"])
        self.assertEqual(len(waiting.grid(lines).splitlines()), 2 + len(waiting.SETUPS))

    def test_results_have_the_table_of_the_run(self):
        lines = self.lines({setup: [{"maps": 1.0}] for setup in waiting.SETUPS})
        made = figuretables.makers({"wait": lines}, [], None)["wait"]()
        self.assertEqual(made, waiting.grid(lines))
        self.assertEqual([row.split("|")[1].strip() for row in made.splitlines()[2:]],
                         [setup.name for setup in waiting.SETUPS])

    def test_a_boot_that_does_not_end_is_counted(self):
        line = self.lines({waiting.SETUPS[0]: [{"maps": 1.0}, None, {"maps": 3.0}]})[0]
        self.assertEqual((line["unended"], line["maps"]), ("1", "2"))

    def test_only_the_base_may_not_end(self):
        measured = waiting.Waiting.__new__(waiting.Waiting)
        measured.problems, measured.boots, measured.emulator_faults = [], {}, 0
        result = mock.Mock(ok=False, problems=["no verdict within 45 s"], emulator_faults=[], log="log")
        result.reader.ended, result.reader.frames = None, {}
        with contextlib.redirect_stdout(io.StringIO()):
            for setup in waiting.SETUPS:
                measured._ended(plan.Config(setup.name, setup.name, setup.kernel, "", True), setup.name, result)
            self.assertEqual([problem.partition(": no verdict")[0] for problem in measured.problems],
                             [setup.name for setup in waiting.SETUPS if setup.kernel == "ours"])
            result.problems = ["scenario failed"]
            measured._ended(plan.Config("", "", "base", "", True), "base", result)
            self.assertEqual(measured.problems[-1], "base: scenario failed (log: log)")

    def test_a_failure_of_one_boot_is_not_hidden(self):
        line = self.lines({waiting.SETUPS[0]: [{"failed": 0, "max_us": 7.0}, {"failed": 0.004, "max_us": 8.0},
                                               {"failed": 0, "max_us": 900.0}]})[0]
        self.assertEqual((line["failed"], line["max_us"]), ("0.004", "900"))

    def test_loads_need_what_their_setups_say(self):
        self.assertEqual((waiting.GROWS.needs, waiting.LIMITED.needs), (256, 12))
        names = [setup.name for setup in waiting.SETUPS]
        self.assertEqual(len({*names, *(setup.file for setup in waiting.SETUPS)}), 2 * len(names))
        for setup in waiting.SETUPS:
            self.assertTrue(setup.name.startswith(f"{setup.load.needs} "))

    def test_some_thread_can_always_continue_at_the_limit(self):
        load = waiting.LIMITED
        self.assertLess(waiting.THREADS * (load.depth - 1) * load.kib, waiting.BOOT_MIB << 10)
        self.assertLess(waiting.BOOT_MIB, load.needs)

    def test_only_the_last_of_each_load_sleeps(self):
        sleeps = [setup for setup in waiting.SETUPS if setup.options]
        self.assertEqual([setup.load for setup in sleeps], [waiting.GROWS, waiting.LIMITED])
        self.assertTrue(all(setup.options == " -w" and setup.kernel == "ours" for setup in sleeps))

    def test_only_the_patched_kernel_gets_a_limit(self):
        self.assertEqual({setup.append for setup in waiting.SETUPS if setup.kernel != "ours"}, {"swiotlb=4096,force"})
        self.assertEqual({setup.append for setup in waiting.SETUPS if setup.kernel == "ours"},
                         {"swiotlb=4096,force,max=512M", "swiotlb=4096,force,max=8M"})


class Nodes(unittest.TestCase):
    @staticmethod
    def disk(node, here, there):
        return numa.Disk("vda", node, {node: numa.Count(here, 9), 1 - node: numa.Count(there, 9)},
                         0, numa.Count())

    def test_shares_of_all_boots(self):
        boots = [[self.disk(0, 90, 10), self.disk(1, 20, 80)],
                 [self.disk(0, 300, 0), self.disk(1, 10, 90)]]
        line, = nodes.entries({(2, nodes.SETUPS[0]): boots})
        self.assertEqual([nodes.cell(line, column) for column in nodes.COLUMNS],
                         ["2", "base", "600", "0.7000", "0.1500", "0.9750"])
        self.assertIn("70.0 %", nodes.grid([{column: nodes.cell(line, column) for column in
                                             nodes.COLUMNS}]))


class Guests(unittest.TestCase):
    def test_memory_is_in_mib(self):
        sizes = coco.Sizes(16384, 23000, 65536, 16384, 2, 5)
        line, = guests.entries({(16, guests.SETUPS[0]): sizes})
        cells = [guests.cell(line, column) for column in guests.COLUMNS]
        self.assertEqual(cells, ["16", "base", "64.0", "89.8", "256.0", "64.0", "2", "5"])
        shown = guests.grid([dict(zip(guests.COLUMNS, cells))])
        self.assertRegex(shown, r"guest of 16 GiB +\| +base \| +64.0 \|")
        # The base logs only some failed maps.
        self.assertIn("at least 2", shown)


class Results(unittest.TestCase):
    def test_latest_points_to_the_newest(self):
        with tempfile.TemporaryDirectory() as name:
            first = results.new_directory(pathlib.Path(name), "x")
            results.point_latest(first)
            (first.parent / "later").mkdir()
            results.point_latest(first.parent / "later")
            self.assertEqual((first.parent / "latest").readlink().name, "later")

    def test_a_missing_image_is_named(self):
        with tempfile.TemporaryDirectory() as name:
            with self.assertRaisesRegex(Exception, "base kernel: .*base-x.bzImage"):
                results.images(pathlib.Path(name), {"base": "base-x"})


class Fio(unittest.TestCase):
    def job(self, **more):
        return json.dumps({"jobs": [{
            "read": {"iops": 10.5}, "write": {"iops": 2.0}, "usr_cpu": 3.0,
            "sys_cpu": 4.0, "error": 0, **more}]})

    def test_iops_of_both_directions(self):
        self.assertEqual(measure.read_fio(self.job()), (12.5, 3.0, 4.0, 0))

    def test_errors_are_counted(self):
        self.assertEqual(measure.read_fio(self.job(total_err=7, error=5))[3], 7)
        self.assertEqual(measure.read_fio(self.job(error=5))[3], 1)

    def test_busy_cpus(self):
        sample = {"ticks": "100 1000 300 1800"}
        self.assertEqual(measure.read_busy(sample, 8), 8 * 200 / 800)


class Plan(unittest.TestCase):
    def test_every_row_has_a_name_of_its_own(self):
        for chosen in (plan.full(None), plan.quick(None), plan.native(None),
                       plan.native_few(None)):
            names = [row.name for row in chosen.rows]
            self.assertEqual(len(names), len(set(names)))

    def test_repeats(self):
        self.assertEqual(plan.full(None).repeats, 2)
        self.assertEqual(plan.full(5).repeats, 5)

    def test_names_choose_configurations_in_order(self):
        names = [c.name for c in plan.full(None, ["none", "base"]).configs]
        self.assertEqual(names, ["base", "none"])
        self.assertEqual(plan.full(None).configs, plan.CONFIGS)

    def test_only_one_configuration_does_not_bounce(self):
        self.assertEqual([c.name for c in plan.CONFIGS if not c.bounce],
                         ["none"])


class Command(unittest.TestCase):
    """compare.py, with measurements that take no time."""

    def run_it(self, *words, failing=()):
        measured, shown = [], []

        def measure_one(_args, _directory, kind, tables):
            measured.append(kind)
            tables.append((kind,))
            return int(kind in failing)

        with mock.patch.object(compare.results, "images") as self.images, \
             mock.patch.object(compare, "compare", measure_one), \
             mock.patch.object(compare.command.results, "new_directory"), \
             mock.patch.object(compare, "show", shown.append), \
             mock.patch.object(sys, "argv", ["compare.py", *words]):
            return compare.main(), measured, shown

    def test_both_tables_are_at_the_end_the_native_one_first(self):
        self.assertEqual(self.run_it(), (0, ["run-native", "run"], ["run-native", "run"]))
        wanted = [call.args[1] for call in self.images.call_args_list[:2]]
        self.assertEqual(wanted, [compare.UML, compare.QEMU])

    def test_a_failure_does_not_stop_the_other_part(self):
        for kind in compare.BOTH:
            self.assertEqual(self.run_it(failing=(kind,))[:2], (1, list(compare.BOTH)))

    def test_an_option_is_one_part(self):
        for word in ("quick", "native", "next"):
            self.assertEqual(self.run_it(f"--{word}"), (0, [word], [word]))


class Native(unittest.TestCase):
    def test_a_second_cpu_is_for_rows_that_use_it(self):
        groups = dict(plan.native(None).groups())
        self.assertEqual(sorted(groups), [1, 2])
        self.assertEqual({row.jobs for row in groups[1]}, {1})
        self.assertIn(("dmablk-touch-remote", 1),
                      {(row.device, row.jobs) for row in groups[2]})
        self.assertEqual([vcpus for vcpus, _ in plan.full(None).groups()], [plan.VCPUS])

    def test_every_row_is_in_one_group(self):
        chosen = plan.native(None)
        self.assertEqual(sorted(row for _, rows in chosen.groups() for row in rows),
                         sorted(chosen.rows))

    ALONE = plan.Row("dmablk-none", "4k", 256, 1, "read")
    TWO = ALONE._replace(jobs=2)

    def measured(self, ours=()):
        with mock.patch.object(measure, "HostLoad"):
            found = measure.Measurement(plan.native(None), {}, None, False)
        for value in ours:
            found.samples.add_together(self.ALONE, ("ours", "base"), (value, 100.0))
        return found

    def test_a_pair_ends_when_its_interval_is_narrow(self):
        narrow, wide = [101.0, 100.0, 101.0, 100.0], [120.0, 90.0, 110.0, 100.0]
        self.assertTrue(self.measured(narrow)._precise(self.ALONE, ("ours", "base")))
        self.assertFalse(self.measured(wide)._precise(self.ALONE, ("ours", "base")))
        self.assertFalse(self.measured(narrow)._precise(self.ALONE, ("dynamic", "ours")))

    def turns(self, row):
        """Return how often each configuration and each pair ran @row."""
        found = self.measured()
        with mock.patch.multiple(found, _turn=mock.DEFAULT, _hand_over=mock.DEFAULT, _together=mock.DEFAULT,
                                 _precise=lambda row, pair: pair != ("ours", "base")) as calls:
            found._turns(row, 1, [(config, None) for config in plan.CONFIGS])
        return (collections.Counter(call.args[1].name for call in calls["_turn"].call_args_list),
                collections.Counter(call.args[1] for call in calls["_together"].call_args_list), found.plan)

    def test_guests_with_one_cpu_run_together(self):
        alone, together, chosen = self.turns(self.ALONE)
        self.assertEqual(alone, dict.fromkeys(NAMES, chosen.turns))
        self.assertEqual(together, {("ours", "base"): chosen.most, ("dynamic", "ours"): plan.LEAST,
                                    ("ours", "none"): plan.LEAST})

    def test_with_more_cpus_they_take_turns(self):
        alone, together, chosen = self.turns(self.TWO)
        self.assertEqual(together, {})
        self.assertEqual(alone, {"base1": chosen.turns, "base": chosen.turns + chosen.most,
                                 "ours": chosen.turns + chosen.most + 2 * plan.LEAST,
                                 "dynamic": chosen.turns + plan.LEAST, "none": chosen.turns + plan.LEAST})

    def together(self, **said):
        """Return the samples after a run of both guests: @said has their IOPS, or None for a crash."""
        found, guests = self.measured(), []
        for name, iops in said.items():
            job = {"read": {"iops": iops}, "write": {"iops": 0}, "usr_cpu": 1, "sys_cpu": 1, "error": 0}
            reader = iops and mock.Mock(text=lambda frame, job=job: json.dumps({"jobs": [job]}))
            guests.append((next(c for c in plan.CONFIGS if c.name == name),
                           mock.Mock(**{"finished.return_value": reader})))
        with tempfile.TemporaryDirectory() as found.directory:
            found.directory = pathlib.Path(found.directory)
            found._together(self.ALONE, ("ours", "base"), "1", guests)
        for _, guest in guests:
            guest.begin.assert_called_once()
        return found.samples

    def test_a_pair_is_of_one_time(self):
        samples = self.together(base=100.0, ours=150.0)
        self.assertEqual(samples.paired(self.ALONE, "ours", "base"), ([150.0], [100.0]))
        self.assertEqual(samples.iops(self.ALONE, "ours"), [])

    def test_a_crash_is_an_error_of_that_guest(self):
        samples = self.together(base=100.0, ours=None)
        self.assertEqual([samples.errors(self.ALONE, name) for name in ("ours", "base")], [1, 0])
        self.assertEqual(samples.paired(self.ALONE, "ours", "base"), ([], []))

    def test_means_are_geometric_and_by_device(self):
        samples = filled({"ours": [200.0, 200.0], "base": [100.0, 100.0]})
        self.assertAlmostEqual(report.mean_ratio(samples, [ROW], "ours", "base"), 2.0)
        self.assertIsNone(report.mean_ratio(samples, [ROW], "ours", "none"))


class Host(unittest.TestCase):
    ENVIRONMENT = {"host": {"cpus": 2, "cpus_used_by_others": 0.1}}

    def test_a_quiet_host_needs_no_word(self):
        self.assertEqual(report.disturbance(self.ENVIRONMENT), "")

    def test_a_busy_host_is_told(self):
        busy = {"host": {"cpus": 2, "cpus_used_by_others": 1.2}}
        self.assertIn("1.2 of the host's 2 CPUs", report.disturbance(busy))


class Pairs(unittest.TestCase):
    def verdict(self, ours, base):
        samples = filled({"ours": ours, "base": base})
        return report.paired(samples, [ROW]).splitlines()[-1]

    def test_a_difference_beyond_noise_is_told(self):
        self.assertIn("slower", self.verdict([90.0, 91.0, 89.0], [100.0] * 3))
        self.assertIn("faster", self.verdict([110.0, 111.0, 109.0], [100.0] * 3))

    def test_noise_is_no_difference(self):
        self.assertIn("the same", self.verdict([90.0, 112.0, 99.0], [100.0] * 3))

    def test_one_turn_tells_nothing(self):
        samples = filled({"ours": [90.0], "base": [100.0]})
        self.assertEqual(report.paired(samples, [ROW]), "")


class Pictures(unittest.TestCase):
    def entries(self):
        samples = filled({name: [100.0, 110.0] for name in NAMES})
        return stats.table(samples, [ROW], NAMES)

    def test_the_script_has_a_bar_for_each_configuration(self):
        text = plot.script(self.entries(), plan.full(None), "tcg", False)
        for config in plan.CONFIGS:
            self.assertIn(f"title '{config.label}'", text)
        self.assertNotIn("same kernel", text)
        self.assertIn("same kernel",
                      plot.script(self.entries(), plan.full(None), "tcg", True))

    def test_markdown_columns_line_up(self):
        lines = report.throughput(self.entries()).splitlines()
        self.assertEqual(len({len(line) for line in lines}), 1)


if __name__ == "__main__":
    unittest.main()
