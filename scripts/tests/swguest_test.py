# SPDX-License-Identifier: GPL-2.0-only
"""The verdicts of the guest runner. No guest is booted."""

import base64
import gzip
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "tools/testing/selftests/swiotlb/qemu"))

import tests  # noqa: E402
from swguest import dmabuf, driven, initramfs, klog, kunit, mapbench, params  # noqa: E402
from swguest import acpi, coco, machine, network, numa, pc, programs, run  # noqa: E402
from swguest import uml, unplug, verdict, xen  # noqa: E402

# For each signature, a line that a kernel really prints.
BAD = {
    "panic": "[    1.78] Kernel panic - not syncing: Fatal exception",
    "kasan": "[    5.10] BUG: KASAN: slab-use-after-free in foo+0x1/0x2",
    "kcsan": "[    5.10] BUG: KCSAN: data-race in a / b",
    "kfence": "[    5.10] BUG: KFENCE: out-of-bounds read in foo+0x1/0x2",
    "ubsan": "[    5.10] UBSAN: array-index-out-of-bounds in kernel/dma/x.c:1",
    "kmemleak": "[   65.10] kmemleak: 3 new suspected memory leaks (see ...)",
    "lockup": "[   40.10] watchdog: BUG: soft lockup - CPU#3 stuck for 26s!",
    "rcu-stall": "[   60.10] rcu: INFO: rcu_preempt self-detected stall on CPU",
    "hung-task": "[  120.10] INFO: task fio:71 blocked for more than 60 seconds.",
    "lockdep": "[    3.00] WARNING: possible circular locking dependency detected",
    "atomic": "[    3.00] BUG: sleeping function called from invalid context at x",
    "odebug": "[    3.00] ODEBUG: free active (active state 0) object: 0x1",
    "corruption": "[    3.00] list_del corruption. prev->next should be ...",
    "dma-api": "[    3.00] DMA-API: nvme 0000:00:03.0: device driver tries to "
               "free DMA memory it has not allocated [device address=0x1]",
    "oops": "[    1.70] Oops: int3: 0000 [#1] SMP",
    "bug": "[    3.00] kernel BUG at kernel/dma/swiotlb.c:100!",
    "warning": "[    3.00] WARNING: kernel/dma/swiotlb.c:100 at f+0x1/0x2, CPU#1",
    "swiotlb-full": "[    3.00] virtio-pci 0000:00:02.0: swiotlb buffer is full "
                    "(sz: 4096 bytes), total 512 (slots), used 512 (slots)",
    "io-error": "[    3.00] I/O error, dev vda, sector 8 op 0x0:(READ) flags 0x0",
    "memory": "[    3.00] Out of memory: Killed process 70 (fio)",
    "user-fault": "[    3.00] fio[70]: segfault at 0 ip 1 sp 2 error 4",
    "trace": "[    3.00] Call Trace:",
}

CLEAN = """\
[    0.000000] Linux version 7.3.4 (a@b) (gcc) #1 SMP PREEMPT
[    0.000000] software IO TLB: area num 8.
[    0.000000] rcu: Hierarchical RCU implementation.
[    0.000000] rcu: \tRCU restricting CPUs from NR_CPUS=64 to nr_cpu_ids=8.
[    0.010000] DMA-API: preallocated 65536 debug entries
[    0.010000] DMA-API: debugging enabled by kernel config
[    0.300000] software IO TLB: mapped [mem 0x7bfe0000-0x7ffe0000] (64MB)
[    0.400000] kmemleak: Kernel memory leak detector initialized (mem pool)
[    1.037049] ata3: SATA link down (SStatus 0 SControl 300)
[    1.600000] nvme nvme0: 8/0/0 default/read/poll queues
[    1.601000] NET: Registered PF_INET protocol family
[    2.636945] clocksource: Switched to clocksource tsc
[    2.706735] reboot: machine restart
"""


class KernelLog(unittest.TestCase):
    def test_a_clean_log_passes(self):
        self.assertEqual(list(map(str, klog.scan(CLEAN))), [])

    def test_every_signature_has_an_example_and_is_seen(self):
        self.assertEqual(set(BAD), {name for name, _ in klog.SIGNATURES})
        for name, line in BAD.items():
            with self.subTest(name):
                findings = klog.scan(CLEAN + line + "\n" + CLEAN)
                self.assertEqual([f.name for f in findings], [name])
                self.assertEqual(findings[0].number,
                                 len(CLEAN.splitlines()) + 1)

    def test_an_expected_message_is_ignored_and_nothing_else(self):
        log = BAD["swiotlb-full"] + "\n" + BAD["bug"] + "\n"
        findings = klog.scan(log, ignore=["swiotlb-full"])
        self.assertEqual([f.name for f in findings], ["bug"])

    def test_a_mistyped_name_is_refused(self):
        with self.assertRaises(ValueError):
            klog.scan(CLEAN, ignore=["swiotlb_full"])


class StaleInt3(unittest.TestCase):
    OOPS = ("[ 3.0] Oops: int3: 0000 [#1] SMP\n"
            "[ 3.0] RIP: 0010:sched_clock_cpu+0x5/0x190\n"
            "[ 3.0] Code: 41 54 55 53 {} <90> e8 a5 10\n"
            "[ 3.0] Call Trace:\n")

    def test_no_int3_in_memory(self):
        self.assertTrue(klog.stale_int3(CLEAN + self.OOPS.format("66")))

    def test_a_real_int3_is_the_kernel_s(self):
        self.assertFalse(klog.stale_int3(CLEAN + self.OOPS.format("cc")))

    def test_an_earlier_finding_is_the_kernel_s(self):
        log = BAD["swiotlb-full"] + "\n" + self.OOPS.format("66")
        self.assertFalse(klog.stale_int3(log))

    def test_another_oops_or_no_code(self):
        self.assertFalse(klog.stale_int3(CLEAN))
        self.assertFalse(klog.stale_int3(BAD["oops"] + "\n"))
        self.assertFalse(klog.stale_int3(
            self.OOPS.format("66").replace("int3", "invalid opcode")))


class Races(unittest.TestCase):
    RULE = "[    5.1] " + "=" * 66 + "\n"
    REPORT = RULE + """\
[    5.1] BUG: KCSAN: data-race in {0} / blk_update_request

[    5.1] write to 0xffff888003c4c018 of 8 bytes by task 61 on cpu 1:
[    5.1]  {0}+0x10/0x20
[    5.1]  {1}+0x10/0x20
[    5.1]  nvme_queue_rq+0x1/0x2

[    5.1] read to 0xffff888003c4c018 of 8 bytes by interrupt on cpu 0:
[    5.1]  blk_update_request+0x1/0x2
[    5.1]  {2}+0x10/0x20
[    5.1]  {3}+0x10/0x20

[    5.1] value changed: 0x1 -> 0x2

[    5.1] Reported by Kernel Concurrency Sanitizer on:
[    5.1] Hardware name: swiotlb
""" + RULE

    def concerns(self, *names):
        found = klog.races(CLEAN + self.REPORT.format(*names) + CLEAN)
        self.assertEqual(len(found), 1)
        return found[0].concerns("swiotlb")

    def test_who_is_concerned(self):
        self.assertTrue(self.concerns("swiotlb_map", "a", "b", "c"))
        self.assertTrue(self.concerns("a", "swiotlb_map", "b", "c"))
        self.assertTrue(self.concerns("a", "b", "swiotlb_map", "c"))
        self.assertFalse(self.concerns("a", "b", "c", "swiotlb_map"))

    def test_count(self):
        report = self.REPORT.format("a", "b", "c", "d")
        self.assertEqual(len(klog.races(report + CLEAN + report)), 2)
        self.assertEqual(klog.races(CLEAN), [])


class Parameters(unittest.TestCase):
    class Answer:
        def __init__(self, klog, slots):
            self.text = lambda _name: klog
            self.values = lambda _name: {"io_tlb_nslabs": slots} if slots else {}

    CHECK = staticmethod(params.expect(params.Form("x", "swiotlb=x", 128, ("one", "two"))))
    LOG = "[    0.000000] software IO TLB: one\n[    0.1] software IO TLB: two\n"

    def test_right_answer(self):
        self.assertIsNone(self.CHECK(self.Answer(self.LOG, "128")))

    def test_wrong_answers(self):
        for log, slots in ((self.LOG, "256"), (self.LOG, ""), ("", "128"),
                           (self.LOG + self.LOG, "128"), (self.LOG.replace("two", "2"), "128")):
            self.assertIsNotNone(self.CHECK(self.Answer(log, slots)), (log, slots))

    def test_each_form_once(self):
        for field in ("name", "append"):
            values = [getattr(form, field) for form in params.FORMS]
            self.assertEqual(len(values), len(set(values)))


def frame(seq, name, payload, packed=False):
    body = gzip.compress(payload) if packed else payload
    return (f"SWV {seq} {name} {'gzip' if packed else 'plain'} {len(payload)} "
            f"{hashlib.md5(payload).hexdigest()}\n").encode() + \
        base64.encodebytes(body) + f"SWE {seq}\n".encode()


class Verdict(unittest.TestCase):
    GOOD = frame(1, "boot", b"cpus=8\nrelease=7.3.4\n") + \
        frame(2, "fio", b"{}" * 900, packed=True) + frame(3, "end", b"status=0\n")

    def test_whole(self):
        reader = verdict.Reader()
        self.assertEqual(reader.feed(self.GOOD), ["boot", "fio", "end"])
        self.assertTrue(reader.ended)
        self.assertEqual(reader.values("boot")["cpus"], "8")
        self.assertEqual(reader.text("fio"), "{}" * 900)

    def test_byte_by_byte(self):
        reader = verdict.Reader()
        for byte in self.GOOD:
            reader.feed(bytes([byte]))
        self.assertTrue(reader.ended)

    def test_cut_short_is_no_end(self):
        for length in range(0, len(self.GOOD) - 1, 7):
            reader = verdict.Reader()
            reader.feed(self.GOOD[:length])
            self.assertFalse(reader.ended)

    def test_a_lost_line_is_an_error(self):
        lines = self.GOOD.splitlines(keepends=True)
        for lost in range(len(lines) - 1):
            with self.subTest(lost), self.assertRaises(verdict.VerdictError):
                reader = verdict.Reader()
                reader.feed(b"".join(lines[:lost] + lines[lost + 1:]))
                reader.text("boot"), reader.text("fio"), reader.text("end")

    def test_a_changed_byte_is_an_error(self):
        with self.assertRaises(verdict.VerdictError):
            verdict.Reader().feed(frame(1, "end", b"status=0\n").replace(
                base64.b64encode(b"status=0\n"), base64.b64encode(b"status=1\n")))

    def test_foreign_text_is_an_error(self):
        for text in (b"hello\n", b"SWV 2 boot plain 0 x\n", b"SWV x\n"):
            with self.subTest(text), self.assertRaises(verdict.VerdictError):
                verdict.Reader().feed(text)

    def test_nothing_may_follow_the_end(self):
        with self.assertRaises(verdict.VerdictError):
            verdict.Reader().feed(self.GOOD + frame(4, "more", b""))


class FakeSession:
    """A guest that returns one frame of @plan at a time; None means that it dies."""

    def __init__(self, plan, log, healthy, console=""):
        self.reader, self.result, self.machine = verdict.Reader(), None, self
        self.console = lambda: console
        self._plan, self._log, self._healthy = plan, log, healthy

    def __enter__(self):
        self._log.append("boot")
        return self

    def __exit__(self, *_):
        problems = [] if self._healthy else ["gone"]
        self.result = run.Result(self.reader, problems, pathlib.Path("x"), 1.0, "tcg")
        self._log.append("gone")

    def follow(self, last, _seconds):
        frame = self._plan.pop(0)
        if frame:
            self.reader.frames[frame] = b""
        return frame == last

    def __getattr__(self, name):
        return lambda *words: self._log.append(" ".join(map(str, [name, *words])))


class Turns(unittest.TestCase):
    SPEC = run.Spec("x", "timed", driven=True)
    WRONG = "[    0.02] tsc: PIT calibration deviates from HPET: 158022 2592778\n"

    def guest(self, *plans, stale=(), wrong=()):
        """Return a Driven whose boots follow @plans, and the log of its calls. @stale: numbers
        of boots that the emulator broke; @wrong: numbers of boots with a wrong clock.
        """
        log, boots = [], []

        def session(*_):
            boots.append(FakeSession(list(plans[len(boots)]), log,
                                     None not in plans[len(boots)],
                                     self.WRONG if len(boots) + 1 in wrong else ""))
            return boots[-1]
        self.enterContext(mock.patch.object(run, "Session", session))
        self.enterContext(mock.patch.object(
            run, "broken_by_emulator",
            lambda result, _faults: not result.ok and len(boots) in stale))
        return driven.Driven(self.SPEC, "tcg", "x", None), log

    def test_it_stands_still_but_in_its_turn(self):
        guest, log = self.guest(["ready", "a", "end"])
        with guest:
            self.assertTrue(guest.ready())
            self.assertIn("a", guest.run("do a", "a", 1).frames)
            guest.end()
        self.assertEqual(log, ["boot", "pause", "resume", "tell do a", "pause",
                               "resume", "tell end", "wait 10", "gone"])
        self.assertTrue(guest.result.ok)

    def test_one_that_dies_is_asked_no_more(self):
        guest, log = self.guest(["ready", None])
        with guest:
            self.assertTrue(guest.ready())
            self.assertIsNone(guest.run("do a", "a", 1))
            self.assertFalse(guest.alive)
            self.assertIsNone(guest.run("do b", "b", 1))
            guest.end()
        self.assertFalse(guest.result.ok)
        self.assertEqual(log.count("gone"), 1)

    def test_what_the_emulator_broke_is_done_again(self):
        guest, log = self.guest([None], ["ready", None], ["ready", "a", "end"],
                                stale=(1, 2))
        with guest:
            self.assertTrue(guest.ready())
            self.assertIn("a", guest.run("do a", "a", 1).frames)
            guest.end()
        self.assertEqual(log.count("boot"), 3)
        self.assertEqual(log.count("tell do a"), 2)
        self.assertTrue(guest.result.ok)


    def test_a_wrong_clock_is_not_measured_with(self):
        with mock.patch.object(run, "say"):
            guest, log = self.guest(["ready"], ["ready", "a", "end"], wrong=(1,))
            with guest:
                self.assertTrue(guest.ready())
                self.assertIn("a", guest.run("do a", "a", 1).frames)
            self.assertEqual(log.count("boot"), 2)
            guest, log = self.guest(*[["ready"]] * 9, wrong=range(1, 10))
            with guest:
                self.assertFalse(guest.ready())
                self.assertFalse(guest.alive)
            self.assertEqual(log.count("boot"), driven.WRONG_CLOCKS)
            self.assertEqual(log[-2][:7], "give_up")


class MapBenchmark(unittest.TestCase):
    @staticmethod
    def result(prefix, calls, failures=0):
        values = {f"{prefix}failures": str(failures), f"{prefix}elapsed_ns": "9"}
        for what in ("map", "unmap"):
            numbers = {"calls": calls, "avg_ns": 20, "stddev_ns": 9, "min_ns": 10,
                       "p50_ns": 20, "p99_ns": 29, "p999_ns": 30, "max_ns": 30}
            for key, value in numbers.items():
                values[f"{prefix}{what}_{key}"] = str(value if calls else 0)
            values[f"{prefix}{what}_hist"] = f"0,0,0,{calls - calls // 2},{calls // 2},0"
        return values

    def answer(self, *cpus, **changed):
        """Return the output for one thread per pair of CPUs, with 3 calls each."""
        values = {"status": "0", "clock_ns": "1", **self.result("", 3 * max(1, len(cpus)))}
        for number, (mapped, unmapped) in enumerate(cpus):
            prefix = f"thread{number}_"
            values.update(self.result(prefix, 3))
            values[f"{prefix}map_cpu"] = str(mapped)
            values[f"{prefix}unmap_cpu"] = str(unmapped)
        values.update(changed)
        return values

    def test_right_answers(self):
        self.assertIsNone(mapbench.wrong(self.answer()))
        self.assertIsNone(mapbench.wrong(self.answer((0, 0), (1, 1)), 2))
        self.assertIsNone(mapbench.wrong(self.answer((0, 2), (1, 3)), 2, True))

    def test_nothing_but_failures(self):
        values = {"status": "0", **self.result("", 0, 5)}
        self.assertIsNone(mapbench.wrong(values, maps=False, fails=True))
        self.assertIn("0 calls and 5 failures", mapbench.wrong(values))

    def test_failures_that_may_be_or_not(self):
        for failures in ("0", "7"):
            values = self.answer(failures=failures)
            self.assertIsNone(mapbench.wrong(values, fails=None))
        self.assertIsNotNone(mapbench.wrong(self.answer(failures="7")))

    def test_wrong_counts(self):
        for changed in ({"unmap_calls": "2"}, {"map_hist": "0,1,0"},
                        {"map_calls": "4", "unmap_calls": "4"}, {"status": "1"}):
            self.assertIsNotNone(mapbench.wrong(self.answer(**changed)), changed)

    def test_wrong_order(self):
        for changed in ({"map_p99_ns": "31"}, {"unmap_min_ns": "21"},
                        {"map_avg_ns": "31"}, {"unmap_stddev_ns": "31"}):
            self.assertIsNotNone(mapbench.wrong(self.answer(**changed)), changed)

    def test_wrong_threads(self):
        self.assertIn("share", mapbench.wrong(self.answer((0, 0), (0, 0)), 2))
        self.assertIn("wrong CPU", mapbench.wrong(self.answer((0, 0), (1, 1)), 2, True))
        self.assertIn("wrong CPU", mapbench.wrong(self.answer((0, 1)), 1))
        odd = self.answer((0, 0), (1, 1), failures="1")
        self.assertIn("the threads have 0", mapbench.wrong(odd, 2, fails=True))

    def test_missing_field(self):
        values = self.answer()
        del values["map_p999_ns"]
        self.assertIn("map_p999_ns", mapbench.wrong(values))

    def test_what_a_boot_brings_along(self):
        files = mapbench.files({"a": "-t 1", "b": "-c"}, b"program")
        self.assertEqual(files["etc/maprows"], "a -t 1\nb -c\n")
        packed = initramfs.overlay(files)
        self.assertIn(b"%08x" % 0o100755, packed)
        self.assertIn(b"program", packed)


class KUnit(unittest.TestCase):
    GROUP = {"name": "KUnit Test Group", "test_cases": [], "sub_groups": [
        {"name": "swiotlb_pool", "test_cases": [
            {"name": "one", "status": "PASS"},
            {"name": "two", "status": "FAIL"},
            {"name": "three", "status": "SKIP"},
            {"name": "four", "status": "ERROR"}],
         "sub_groups": [{"name": "table", "sub_groups": [], "test_cases": [
             {"name": "row 1", "status": "PASS"}]}]}]}

    def test_flat(self):
        found = {o.name: (o.ok, o.skipped) for o in kunit.outcomes(self.GROUP)}
        self.assertEqual(found, {
            "swiotlb_pool.one": (True, False),
            "swiotlb_pool.two": (False, False),
            "swiotlb_pool.three": (True, True),
            "swiotlb_pool.four": (False, False),
            "swiotlb_pool.table.row 1": (True, False)})

    def test_nothing_found(self):
        self.assertEqual(kunit.outcomes({}), [])

    def test_missing_suite_and_test(self):
        found = kunit.outcomes(self.GROUP)
        suites = {"swiotlb_pool": ["one", "table", "gone"], "swiotlb_mem": ["a"]}
        self.assertEqual(kunit.missing(suites, found),
                         ["swiotlb_pool.gone", "swiotlb_mem.a"])

    def test_every_suite_has_tests_and_is_built(self):
        makefile = (TREE / kunit.TESTS / "Makefile").read_text()
        for suite, cases in kunit.expected().items():
            self.assertTrue(cases, suite)
            self.assertIn(suite.removeprefix("swiotlb_") + "_kunit.o", makefile)

    def test_two_suites_in_a_file(self):
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name) / kunit.TESTS
            directory.mkdir(parents=True)
            (directory / "a_kunit.c").write_text('\t.name = "a",\n\t.name = "b",\n')
            with self.assertRaises(initramfs.BuildError):
                kunit.expected(pathlib.Path(name))
            (directory / "a_kunit.c").unlink()
            with self.assertRaises(initramfs.BuildError):
                kunit.expected(pathlib.Path(name))


class Table(unittest.TestCase):
    def test_each_name_once(self):
        names = [row.name for row in tests.TESTS]
        self.assertEqual(len(names), len(set(names)))

    def test_each_scenario_is_there(self):
        for row in tests.TESTS:
            script = initramfs.GUEST_DIR / "scenarios" / f"{row.scenario}.sh"
            self.assertTrue(script.is_file(), row.name)

    def test_what_is_ignored_exists(self):
        names = {name for name, _ in klog.SIGNATURES}
        for row in tests.TESTS:
            self.assertLessEqual(set(row.ignore), names, row.name)

    def test_each_group_has_its_configuration(self):
        for part in "-".join({row.group for row in tests.TESTS} - {"lean"}).split("-"):
            directory = tests.paths.QEMU_DIR
            self.assertTrue((directory / f"{part}.config").is_file() or
                            (directory / "arch" / f"{part}.config").is_file(), part)

    def test_make_test_full_has_each_group(self):
        groups = " ".join(sorted({row.group for row in tests.TESTS}))
        text = (TREE / "scripts/test.sh").read_text()
        found = re.search(r'^GUESTS="(.*)"$', text, re.M)[1]
        self.assertEqual(" ".join(sorted(found.split())), groups)
        # make test boots lean and debug.
        steps = re.search(r"^full\(\) {\n(.*?)^}", text, re.M | re.S)[1]
        self.assertEqual({*re.findall(r"^\tgroup (\S+)$", steps, re.M), "lean", "debug"},
                         {row.group for row in tests.TESTS})

    def test_the_page_on_callers_has_each_group(self):
        text = (TREE / "Documentation/core-api/swiotlb.rst").read_text()
        table = re.search(r"^Caller, or state.*\n(=+ =+ =+)\n((?:.*\n)*?)\1$", text, re.M)
        first, second, _ = map(len, table[1].split(" "))
        cells = (line[first + 1:first + 1 + second] for line in table[2].splitlines())
        self.assertEqual({name for cell in cells for name in re.split("[, ]+", cell) if name},
                         {row.group for row in tests.TESTS})

    def test_no_configuration_is_without_a_disk_of_its_rows(self):
        """A guest without the driver of a disk would only skip the test."""
        symbols = {"ahci": ("SCSI", "BLK_DEV_SD", "ATA", "SATA_AHCI"), "nvme": ("BLK_DEV_NVME",),
                   "virtio-blk": ("VIRTIO_BLK",)}
        for row in tests.TESTS:
            fragment = tests.paths.QEMU_DIR / f"{row.group}.config"
            text = fragment.read_text() if fragment.is_file() else ""
            for disk in row.disks:
                for symbol in symbols.get(disk, ()):
                    self.assertNotIn(f"# CONFIG_{symbol} is not set", text, row.name)

    def test_only_kernels_with_checks_panic_and_look_for_leaks(self):
        for row in tests.TESTS:
            self.assertEqual("kmemleak=on" in row.append, row.leaks, row.name)
            self.assertEqual("panic_on_warn" in row.append, row.group in ("debug", "rt"), row.name)


class Archive(unittest.TestCase):
    @unittest.skipUnless(shutil.which("cpio"), "no cpio here")
    def test_cpio_reads_it_back(self):
        cpio = initramfs.Cpio()
        cpio.file("etc/one", b"1")
        cpio.file("bin/two", b"22\n" * 1000, executable=True)
        cpio.link("bin/three", "two")
        packed = cpio.pack()
        self.assertEqual(len(packed) % 512, 0)
        with tempfile.TemporaryDirectory() as name:
            subprocess.run(["cpio", "-id", "--quiet"], input=packed, cwd=name,
                           check=True)
            root = pathlib.Path(name)
            self.assertEqual((root / "etc/one").read_bytes(), b"1")
            self.assertEqual((root / "bin/three").read_bytes(), b"22\n" * 1000)
            self.assertTrue((root / "bin/two").stat().st_mode & 0o100)

    def test_the_same_whatever_the_order(self):
        def archive(names):
            cpio = initramfs.Cpio()
            for name in names:
                cpio.file(name, name.encode())
            return cpio.pack()
        self.assertEqual(archive(["a/b", "c"]), archive(["c", "a/b"]))


class Uml(unittest.TestCase):
    def pins(self, vcpus, cpus):
        with mock.patch("os.sched_getaffinity", lambda _: set(cpus)):
            return uml.pins(vcpus)

    def test_a_guest_with_one_cpu_is_bound_apart_from_its_disks(self):
        self.assertEqual(self.pins(1, [2, 3, 5]), ("2", "5"))
        self.assertEqual(self.pins(2, [2, 3, 5]), ("2,3,5", "2,3,5"))
        self.assertEqual(self.pins(1, [4]), ("4", "4"))

    def words(self, *disks):
        spec = run.Spec("linux", "boot", "swiotlb=force", 1, 256,
                        [machine.Disk(kind, 32) for kind in disks], arch=uml.ARCH)
        self.assertIn(f"VERDICT=/dev/{uml.VERDICT}".encode(), spec.overlay())
        return uml.command(spec, "initrd", "d", ["socket"][:disks.count("virtio-blk")], 3, 4)

    def test_virtio_disks_use_the_dma_api(self):
        words = self.words("virtio-blk", "dmablk")
        self.assertIn("virtio_uml.device=socket:2,dma", words)
        self.assertIn("dmablk.mib=32", words)
        self.assertIn("swiotlb=force", words)

    def test_without_a_disk_there_is_none(self):
        words = self.words()
        self.assertIn("dmablk.mib=0", words)
        self.assertFalse([word for word in words if "virtio_uml" in word])

    def test_other_disks_are_refused(self):
        with self.assertRaisesRegex(machine.MachineError, "no nvme"):
            self.words("nvme")


class Dmabuf(unittest.TestCase):
    """Which cases may fail, and why."""

    ALL = (*dmabuf.LARGE, *dmabuf.SMALL)

    def ktap(self, failed):
        lines = ["KTAP version 1", f"1..{len(self.ALL)}"]
        for number, name in enumerate(self.ALL, 1):
            lines.append(f"# frame 0: {failed[name]}: Bad" if name in failed else "# 8 chunks")
            lines.append(f"{'not ok' if name in failed else 'ok'} {number} {name}")
        return "\n".join(lines) + "\n"

    def test_all_pass(self):
        self.assertIsNone(dmabuf.wrong(self.ktap({}), {}))

    def test_one_fails(self):
        for name in self.ALL:
            self.assertTrue(dmabuf.wrong(self.ktap({name: "import"}), {}))

    def test_one_is_missing(self):
        text = self.ktap({})
        self.assertTrue(dmabuf.wrong(text[:text.rindex("ok")], {}))
        self.assertTrue(dmabuf.wrong(text + f"ok {len(self.ALL) + 1} heap:99:kept\n", {}))

    def test_the_base_fails_as_it_should(self):
        self.assertIsNone(dmabuf.wrong(self.ktap(dmabuf.BASE), dmabuf.BASE))
        for name in dmabuf.BASE:
            fewer = {case: why for case, why in dmabuf.BASE.items() if case != name}
            self.assertTrue(dmabuf.wrong(self.ktap(fewer), dmabuf.BASE))
            self.assertTrue(dmabuf.wrong(self.ktap({**fewer, name: "no memory"}), dmabuf.BASE))


class Xen(unittest.TestCase):
    POOL = {"segments": "256", "broken": "0", "apart": "255"}
    RUNS = "".join(f"{size} 0 5000 900 {12 << 10}\n" for size in xen.SIZES)

    class Answer:
        def __init__(self, frames):
            self.reader = verdict.Reader()
            self.reader.frames = {name: text.encode() for name, text in frames.items()}
            self.text, self.values = self.reader.text, self.reader.values

    def held(self, runs=RUNS, **pool):
        frames = {"pool": "".join(f"{name}={value}\n" for name, value in {**self.POOL, **pool}.items()),
                  "nvme.runs": runs, "output": "verify: bad header\n"}
        with mock.patch.object(run, "say"):
            return xen.held(("nvme",))(self.Answer(frames))

    def test_right_run(self):
        self.assertIsNone(self.held())

    def test_wrong_data(self):
        said = self.held(self.RUNS.replace("12k 0", "12k 84"))
        self.assertIn("nvme 12k: verify failed", said)
        self.assertIn("verify: bad header", said)
        self.assertNotIn("nvme 68k", said)

    def test_runs_that_mean_nothing(self):
        none = self.RUNS.replace("68k 0 5000 900", "68k 0 0 0")
        short = self.RUNS.replace(" 900 ", " 19 ")
        for said in (self.held(none), self.held(short), self.held(apart="0"),
                     self.held(segments="1", apart="0")):
            self.assertIn(xen.USELESS, said)

    def test_pool_that_xen_has_not_remapped(self):
        self.assertIn("3 segments are not contiguous", self.held(broken="3"))

    def test_missing_runs(self):
        self.assertIn("only", self.held("".join(self.RUNS.splitlines(True)[:-1])))
        self.assertIn("no size", self.held(""))

    def refused(self, klog, slots):
        return xen.refused(32768)(self.Answer({"klog": klog, "swiotlb": f"io_tlb_nslabs={slots}\n"}))

    def test_growth_is_refused(self):
        line = f"[    0.000000] {xen.REFUSED}\n"
        self.assertIsNone(self.refused(line, 32768))
        self.assertIsNotNone(self.refused(line, 512))
        self.assertIsNotNone(self.refused("", 32768))

    def test_what_is_booted(self):
        spec = run.Spec("bzImage", "xen", "swiotlb=dynamic,force", 2, 2048, arch="xen")
        self.assertEqual(spec.user, machine.HOST)
        with mock.patch.object(programs, "xen", lambda _error: "xen-4.17"), \
             mock.patch.object(machine, "tool", str):
            words = machine.command(spec, "tcg", "initrd", "log", pathlib.Path("port"))
        self.assertEqual(words[words.index("-kernel") + 1], "xen-4.17")
        self.assertIn("dom0_mem=1024M,max:1024M", words[words.index("-append") + 1])
        modules = words[words.index("-initrd") + 1]
        self.assertRegex(modules, r"^bzImage console=hvc0 .*swiotlb=dynamic,,force,initrd$")


class Coco(unittest.TestCase):
    # When, seconds, calls; shared pages of swiotlb, atomic pools, coherent memory, others; pages
    # of pools, of atomic pools; slots in use, of transient pools
    BOOT = "boot 1.0 4 256 160 44 0 256 160 0 0\n"
    LOAD = "load 2.0 8 768 160 44 0 768 160 300 0\n"
    END = "end 3.0 8 768 160 44 0 768 160 0 0\n"
    AFTER = "after 9.0 12 256 160 44 0 256 160 0 0\n"
    STATE = {"faults": 0, "in_atomic": 0, "wrong_state": 0, "freed_shared": 0, "reused": 0,
             "unmapped": 0, "devices": 1, "decrypts": 8, "encrypts": 4, "split": 1,
             "swiotlb_decrypts": 3, "swiotlb_encrypts": 2,
             "failed_decrypts": 0, "failed_encrypts": 0, "lost": 0, "most_swiotlb": 768,
             "canaries": 0, "swiotlb_canaries": 0, "atomic_canaries": 0, "filled": 1 << 17}
    EVENTS = {"grown": 2, "freed": 2, "transient": 3, "full": 0, "leaked_bytes": 0}
    POOLS = "id start KiB node state areas used\n0 0x7c000000 1024 0 open 1 0\n2 0x180000000 2048 0 open 4 9\n"

    # When, decryptions and encryptions by swiotlb, pools added and freed: one stays as before
    ROUNDS = "boot 2 0 1 0\nfirst 4 2 3 2\nsecond 6 4 5 4\n"

    def ask(self, check, lines=BOOT + LOAD + END + AFTER, leaked=0, **frames):
        """@leaked: bytes that are counted as lost; None for the base, which counts no events."""
        state = {**self.STATE, **{n: frames.pop(n) for n in [*frames] if n in self.STATE}}
        events = {**self.EVENTS, "leaked_bytes": leaked, **{n: frames.pop(n) for n in [*frames] if n in self.EVENTS}}
        with tempfile.TemporaryDirectory() as directory:
            log = pathlib.Path(directory) / "log"
            log.write_text(frames.pop("log", ""), encoding="utf-8")
            answer = Xen.Answer({
                "lines": lines, "coco": "".join(f"{n}={v}\n" for n, v in state.items()),
                "swiotlb": "x=1\n" if leaked is None else "".join(f"events.{n}={v}\n" for n, v in events.items()),
                "pools.first": self.POOLS, "rounds": self.ROUNDS,
                "status": "first=0\n", "warnings": "", "klog": "", **frames})
            answer.log = log
            with mock.patch.object(run, "say"):
                return check(answer)

    def test_all_well(self):
        self.assertIsNone(self.ask(coco.grew))
        self.assertIsNone(self.ask(coco.held(("load",))))

    def carried(self, sent=coco.STREAMS * coco.ROUNDS * coco.STREAM_KIB << 10, **more):
        lines = self.BOOT + self.LOAD.replace("load", "net") + self.AFTER
        return self.ask(coco.carried, lines, net=f"sent={sent}\nreceived={sent}\n", **more)

    def test_a_network_card(self):
        self.assertIsNone(self.carried())
        self.assertIn("proves nothing", self.carried(sent=1000))
        self.assertIn("proves nothing", self.carried(devices=0))
        self.assertIn("no page became shared", self.carried(most_swiotlb=256))
        self.assertIn("3 pages became shared with private", self.carried(swiotlb_canaries=3))
        self.assertIn("1 accesses to private memory", self.carried(faults=1))
        self.assertIn("guestfwd=tcp:10.0.2.100:7-cmd:cat", network.Echo().arguments()[1])

    def test_what_must_never_happen(self):
        for name, what in coco.NEVER.items():
            for check in (coco.grew, coco.held(()), coco.clean, coco.undecrypted):
                self.assertIn(f"3 {what}", self.ask(check, **{name: 3}))

    def test_accounts_that_do_not_close(self):
        grew = coco.grew
        self.assertIn("at boot it does not close", self.ask(
            grew, self.BOOT.replace("0 256 160", "0 255 160") + self.LOAD + self.END + self.AFTER))
        self.assertIn("afterwards it does not close", self.ask(
            grew, self.BOOT + self.LOAD + self.END + self.AFTER.replace("0 256 160", "0 256 159")))
        self.assertIn("does not close", self.ask(
            grew, self.BOOT + self.LOAD + self.END + self.AFTER.replace("44 0", "44 1")))
        self.assertIn("44 pages before, 45", self.ask(
            grew, self.BOOT + self.LOAD + self.END + self.AFTER.replace("44 0", "45 0")))

    def test_accounts_under_load(self):
        """A pool may be shared shortly before it is listed."""
        early = "load 2.0 8 768 160 44 0 256 160 300 0\n"
        self.assertIsNone(self.ask(coco.grew, self.BOOT + early + self.END + self.AFTER))
        late = early.replace("load 2.0", "load 8.0")
        self.assertIn("without a conversion", self.ask(
            coco.grew, self.BOOT + early + late + self.END.replace("3.0", "8.5") + self.AFTER))

    def test_memory_that_is_kept(self):
        kept = self.AFTER.replace("256 160", "768 160")
        lines = self.BOOT + self.LOAD + self.END + kept
        self.assertIn("after the load", self.ask(coco.grew, lines))
        # The base does not free pools, so memory that it keeps is no error.
        self.assertIsNone(self.ask(coco.grew, lines, leaked=None))
        pools = (self.BOOT + self.LOAD + self.END + self.AFTER).splitlines(True)
        pools[-1] = self.AFTER.replace("160", "4160")
        self.assertIn("the atomic pools keep 16.2 MiB", self.ask(coco.grew, "".join(pools)))

    def test_atomic_pools_are_exhausted(self):
        said = "WARNING: kernel/dma/pool.c:343 at dma_alloc_from_pool+0x1/0x2\n"
        self.assertIn("pool.c", self.ask(coco.grew, log=said))
        self.assertIsNone(self.ask(coco.grew, leaked=None, log=said))
        self.assertIn("set_memory.c", self.ask(
            coco.grew, leaked=None, log="WARNING: arch/x86/mm/pat/set_memory.c:1 at f\n"))

    def test_private_data(self):
        enough = {"most_swiotlb": 4096}
        self.assertIsNone(self.ask(coco.clean, **enough))
        self.assertIn("7 pages became shared", self.ask(coco.clean, canaries=9, swiotlb_canaries=7, **enough))
        self.assertIn("5 pages became shared with private data for atomic pools", self.ask(
            coco.clean, canaries=9, atomic_canaries=5, **enough))
        self.assertIsNone(self.ask(coco.clean, canaries=9, **enough))
        self.assertIsNone(self.ask(coco.clean, leaked=None, swiotlb_canaries=7, **enough))
        self.assertIn("proves nothing", self.ask(coco.clean))

    def test_failures_on_demand(self):
        warning = "WARNING: arch/x86/mm/pat/set_memory.c:2487 at __set_memory_enc_pgtable\n"
        self.assertIsNone(self.ask(coco.undecrypted, failed_decrypts=1, log=warning))
        self.assertIn("0 decryptions failed", self.ask(coco.undecrypted))
        self.assertIn("no transient pool", self.ask(coco.undecrypted, failed_decrypts=1, transient=0))
        self.assertIn("mm/slub.c", self.ask(coco.undecrypted, failed_decrypts=1,
                                            log="WARNING: mm/slub.c:1 at kfree\n"))
        lost = {"failed_encrypts": 1, "lost": 512}
        lines = self.BOOT + self.LOAD + self.END + self.AFTER.replace("256 160 44", "768 160 44")
        said = {"klog": "2097152 bytes at 0x1 stay decrypted and are lost\n"}
        self.assertIsNone(self.ask(coco.unencrypted, lines, leaked=2 << 20, **lost, **said))
        self.assertIn("0 bytes are counted", self.ask(coco.unencrypted, lines, **lost, **said))
        self.assertIn("not say", self.ask(coco.unencrypted, lines, leaked=2 << 20, **lost))
        self.assertIn("512 pages are lost", self.ask(
            coco.unencrypted, self.BOOT + self.LOAD + self.END + self.AFTER, leaked=2 << 20, **lost, **said))

    # 64 MiB at boot, 70 MiB in use, 128 MiB held
    SMALL = {name: "{} {} 4 {pages} 160 44 0 {pages} 160 {used} 0\n".format(name, at, pages=pages, used=used)
             for name, at, pages, used in (("boot", 1, 16384, 0), ("load", 2, 32768, 35840),
                                           ("end", 3, 32768, 0), ("after", 9, 16384, 0))}

    def small(self, check=coco.small_at_boot(4 << 30), full=0, split=0, pools=POOLS, **lines):
        text = "".join({**self.SMALL, **lines}.values())
        return self.ask(check, text, most_swiotlb=32768, full=full, split=split, **{"pools.first": pools})

    def test_small_at_boot(self):
        self.assertIsNone(self.small())
        self.assertIn("128.0 MiB at boot", self.small(boot=self.SMALL["boot"].replace("16384", "32768")))
        self.assertIn("proves nothing", self.small(load=self.SMALL["load"].replace("35840", "32768")))
        self.assertIn("3 maps failed", self.small(full=3))
        self.assertIn("2 conversions split", self.small(split=2))
        low = self.POOLS.replace("0x180000000", "0x80000000")
        self.assertIn("no pool was added above 0x100000000", self.small(pools=low))
        self.assertIsNone(self.small(coco.small_at_boot(0), pools=low))
        self.assertIsNone(self.small(coco.at_once, full=3))
        self.assertIn("128.0 MiB at boot", self.small(
            coco.at_once, boot=self.SMALL["boot"].replace("16384", "32768")))
        self.assertIn("after the load", self.small(after=self.SMALL["end"].replace("end", "after")))

    def test_base_that_is_large_at_boot(self):
        kept = "".join(self.SMALL.values()).replace("16384", "32768")
        self.assertIsNone(self.ask(coco.small_at_boot(0), kept, leaked=None,
                                   klog="swiotlb buffer is full (sz: 1 bytes)\n"))
        self.assertIn("fio", self.ask(coco.small_at_boot(0), kept, leaked=None, status="first=1\n"))

    def test_each_pool_is_converted_once(self):
        def told(old, new):
            return self.ask(coco.grew, rounds=self.ROUNDS.replace(old, new))
        self.assertIn("second: 7 decryptions, not 6", told("second 6", "second 7"))
        self.assertIn("first: 3 encryptions, not 2", told("first 4 2", "first 4 3"))
        self.assertIn("first: 2 pools are left, not 1", told("4 2 3 2", "4 1 3 1"))
        self.assertIn("second: no pool was added", told("second 6 4 5 4", "second 4 2 3 2"))
        self.assertIn("0 conversions split", self.ask(coco.grew, split=0))

    def restricted(self, rounds="boot 3 0 1 0\nafter 3 0 1 0\n", most=0):
        return self.ask(coco.restricted(("load",)), rounds=rounds, swiotlb=f"io_tlb_used_hiwater={most}\n")

    def test_a_restricted_pool(self):
        self.assertIsNone(self.restricted())
        self.assertIn("2 decryptions, not 3", self.restricted("boot 2 0 1 0\nafter 2 0 1 0\n"))
        self.assertIn("added or converted", self.restricted("boot 3 0 1 0\nafter 4 0 2 0\n"))
        self.assertIn("7 slots of the default pool", self.restricted(most=7))
        self.assertIn("load did not bounce", self.ask(
            coco.restricted(("load",)), self.BOOT + self.LOAD.replace("160 300", "160 0") + self.END + self.AFTER,
            rounds="boot 2 0 0 0\nafter 2 0 0 0\n", swiotlb="io_tlb_used_hiwater=0\n"))

    def test_statistics_under_lockdown(self):
        files = "total_bytes=1\npeak_bytes=2\nbounced_bytes=3\npools=1\ncc_shared=1\nfull=0\n"
        lines = self.BOOT + self.LOAD.replace("load", "nvme") + self.AFTER
        self.assertIsNone(self.ask(coco.locked, lines, low=files))
        self.assertIn("low/full cannot be read", self.ask(coco.locked, lines, low=files.replace("full=0", "full=")))
        self.assertIn("low/peak_bytes is 0", self.ask(coco.locked, lines, low=files.replace("peak_bytes=2\n", "")))

    def hold(self, seconds=70, most=524288, **more):
        load = "".join(self.SMALL["load"].replace("load 2", f"load {at}").replace("35840", str(most))
                       for at in (2, 2 + seconds))
        lines = self.SMALL["boot"] + load + self.SMALL["end"] + self.SMALL["after"]
        state = "io_tlb_used_hiwater=524288\n" + "".join(
            f"events.{n}={v}\n" for n, v in {**self.EVENTS, **more}.items())
        return self.ask(coco.in_flight(60), lines, split=0, swiotlb=state)

    def test_in_flight_for_a_while(self):
        self.assertIsNone(self.hold())
        self.assertIn("for 50 s, not 60", self.hold(50))
        self.assertIn("for 0 s, not 60", self.hold(most=524287))
        self.assertIn("3 maps failed", self.hold(full=3))

    NOTICED = ("in_atomic", "wrong_state", "freed_shared", "canaries", "other")

    def caught(self, lines=BOOT + LOAD + AFTER.replace("44 0", "44 1"), **control):
        control = {"before.data": "a", "skipped.data": "b", "after.data": "a",
                   "before.faults": "0", "skipped.faults": "9", "after.faults": "9",
                   **{f"clean.{name}": "0" for name in self.NOTICED}, **control}
        frame = "".join(f"{name}={value}\n" for name, value in control.items())
        state = {**dict.fromkeys(self.NOTICED, 1)}
        coco_frame = "".join(f"{n}={v}\n" for n, v in {**self.STATE, **state}.items())
        return self.ask(coco.caught, lines, control=frame, coco=coco_frame)

    def test_violations_that_nothing_notices(self):
        self.assertIsNone(self.caught())
        self.assertIn("no fault", self.caught(**{"skipped.faults": "0"}))
        self.assertIn("data arrived", self.caught(**{"skipped.data": "a"}))
        self.assertIn("canaries was 2", self.caught(**{"clean.canaries": "2"}))
        self.assertIn("closes all the same", self.caught(self.BOOT + self.LOAD + self.AFTER))

    def test_what_is_booted(self):
        spec = coco.verify_spec(("nvme",), 8)("bzImage", "swiotlb=512,dynamic", 2, 1024, ())
        self.assertEqual(spec.user, machine.HOST)
        self.assertFalse(spec.iothread)
        with mock.patch.object(machine, "tool", str):
            words = machine.command(spec, "tcg", "initrd", "log", pathlib.Path("port"))
        self.assertIn("intel-iommu", words)
        self.assertRegex(words[words.index("-append") + 1], "cocotest iommu=pt intel_iommu=on")

    def test_what_is_booted_on_arm64(self):
        make = coco.on("arm64-coco", coco.verify_spec(("nvme",), 8))
        spec = make("Image", "swiotlb=512,dynamic", 2, 1024, ())
        self.assertEqual((spec.user, spec.fio, spec.iothread), ("arm64", True, False))
        with mock.patch.object(machine, "tool", str):
            words = machine.command(spec, "tcg", "initrd", "log", pathlib.Path("port"))
        self.assertIn("virt,iommu=smmuv3", words)
        self.assertRegex(words[words.index("-append") + 1], "cocotest iommu.passthrough=1")

    def test_each_machine_has_the_same_rows(self):
        rows = [{row.name.removeprefix(f"{group}-") for row in tests.TESTS if row.group == group}
                for group in ("coco", "arm64-coco")]
        self.assertLess(rows[1] - {"restricted", "boot-pool"}, rows[0])
        self.assertLess({"verify", "violations", "decrypt-fails"}, rows[1])


class Numa(unittest.TestCase):
    BLOCK = 1 << 27
    DISKS = "vda 0000:41:00.0 0\nvdb 0000:61:00.0 1\n"
    BLOCKS = "bytes 134217728\n0 0\n0 1\n1 32\n1 33\n"
    # (device, block, mappings, bytes)
    MAPPED = (("41", 0, 97, 970), ("41", 33, 3, 30), ("61", 32, 100, 400))
    BOUNCED = (("41", None, 100, 1000), ("61", None, 100, 400))

    def histogram(self, name, lines, dropped=0):
        """Return a histogram as the kernel prints it."""
        text = f"# event histogram\n#\n# trigger info: hist:keys={name}:vals=hitcount,size [active]\n#\n\n"
        for device, block, maps, size in lines:
            first = "" if block is None else \
                f", dma_addr: ~ {block * self.BLOCK}-{(block + 1) * self.BLOCK - 1}"
            text += f"{{ {name}: {f'0000:{device}:00.0':50}{first} }} hitcount: {maps:10}  size: {size:10}\n"
        return text + f"\nTotals:\n    Hits: 9\n    Entries: 3\n    Dropped: {dropped}\n"

    def ask(self, check, mapped=MAPPED, bounced=BOUNCED, dropped=0, **frames):
        answer = Xen.Answer({"disks": self.DISKS, "blocks": self.BLOCKS,
                             "mapped": self.histogram("device", mapped, dropped),
                             "bounced": self.histogram("dev_name", bounced), **frames})
        with mock.patch.object(run, "say"):
            return check(answer)

    def test_enough_is_on_the_node(self):
        self.assertIsNone(self.ask(numa.counted(2, 0.95)))
        self.assertIn("vda: 97.0 %, not 98 %", self.ask(numa.counted(2, 0.98)))

    def test_few_but_large_ones_elsewhere(self):
        mapped = (("41", 0, 97, 500), *self.MAPPED[1:])
        self.assertIn("vda: 94.3 %", self.ask(numa.counted(2, 0.95), mapped))

    def test_a_measurement_that_does_not_close(self):
        check = numa.counted(2)
        self.assertIn("99 mappings, but 100", self.ask(check, (("41", 0, 99, 9), *self.MAPPED[2:])))
        self.assertIn("vdb did not bounce", self.ask(check, self.MAPPED[:2], self.BOUNCED[:1]))
        self.assertIn("in no block of a node", self.ask(check, blocks=self.BLOCKS + "0 33\n"))
        self.assertIn("on the nodes [0, 0]", self.ask(check, disks=self.DISKS.replace(" 1\n", " 0\n")))
        with self.assertRaisesRegex(machine.MachineError, "not complete"):
            self.ask(check, dropped=1)

    def test_maps_that_fail_are_no_bounces(self):
        failed = ("41", numa.TOP // self.BLOCK - 1, 7, 70)
        bounced = (("41", None, 107, 1070), self.BOUNCED[1])
        self.assertIsNone(self.ask(numa.counted(2, 0.95), (*self.MAPPED, failed), bounced))

    def test_each_disk_is_on_its_node(self):
        spec = numa.spec(2)("bzImage", "swiotlb=force", 4, 8192, ())
        with mock.patch.object(machine, "tool", str):
            words = " ".join(machine.command(spec, "tcg", "initrd", "log", pathlib.Path("port")))
        self.assertIn("id=node1,size=4096M", words)
        self.assertIn("node,nodeid=1,memdev=node1,cpus=2-3", words)
        self.assertIn("id=port1,bus=bridge1,", " ".join(machine._node_ports(spec)))
        self.assertIn("id=bridge1,bus=pcie.0,bus_nr=96,numa_node=1", " ".join(machine._node_ports(spec)))
        self.assertIn("bus=port1", " ".join(machine._disk_arguments(spec, [3, 4])))


class Unplug(unittest.TestCase):
    ROUNDS = "".join(f"{number} {way} {disk} 64 8192 4096\n"
                     for number, way in enumerate(unplug.FEW, 1) for disk in unplug.DISKS)
    LEFT = "1 90000\n2 89000\n3 91024\n"

    def ask(self, rounds=ROUNDS, left=LEFT, log=""):
        return Pc.ask(self, unplug.ended(unplug.FEW), log, rounds=rounds, left=left)

    def test_all_well(self):
        self.assertIsNone(self.ask())
        self.assertIsNone(self.ask(log="[ 1.0] nvme0n1: I/O error, dev nvme0n1\n"))

    def test_memory_that_is_lost(self):
        self.assertIn("1025 KiB are lost", self.ask(left=self.LEFT.replace("91024", "91025")))
        self.assertIn("2 rounds, not 3", self.ask(left=self.LEFT[:16]))

    def test_errors_of_a_disk_that_still_answers(self):
        self.assertIn("dev vda", self.ask(log=BAD["io-error"]))

    def test_rounds_that_prove_nothing(self):
        for line in ("1 remove nvme 0 8192 4096", "1 remove nvme 64 0 4096",
                     "1 remove ahci 64 8192 0"):
            name = line.split()[2]
            rounds = re.sub(f"1 remove {name} .*", line, self.ROUNDS)
            self.assertNotEqual(rounds, self.ROUNDS)
            self.assertIn(unplug.USELESS, self.ask(rounds))

    def test_missing_rounds(self):
        self.assertIn("ahci was unplugged 2 times, not 3", self.ask(
            self.ROUNDS[:self.ROUNDS.rindex("3")]))


class Pc(unittest.TestCase):
    CASES = "".join(f"512 512 1 {way} 1 1 0 3584 0\n" for way in ("to", "from") * (pc.CASES // 2))

    def ask(self, check, log="", **frames):
        with tempfile.TemporaryDirectory() as directory:
            answer = Xen.Answer({name.replace("_", "."): text for name, text in frames.items()})
            answer.log = pathlib.Path(directory) / "log"
            answer.log.write_text(log, encoding="utf-8")
            with mock.patch.object(run, "say"):
                return check(answer)

    def hidden(self, old="", new=""):
        return self.ask(pc.hidden, cases=self.CASES.replace(old, new, 1) if old else self.CASES)

    def test_nothing_but_the_buffer(self):
        self.assertIsNone(self.hidden())
        self.assertIn("7 of 3584 bytes around it were seen", self.hidden(" 3584 0\n", " 3584 7\n"))
        self.assertIn("bytes around it were changed", self.hidden(
            "from 1 1 0 3584 0", "from 1 1 0 3584 1"))
        self.assertIn("2 bytes are wrong", self.hidden("1 1 0 ", "1 1 2 "))
        self.assertIn("was not bounced", self.hidden("1 1 0 ", "1 0 0 "))
        self.assertIn("47 mappings", self.hidden("512 512 1 to 1 1 0 3584 0\n"))
        never = self.CASES.replace("to 1", "to 0")
        self.assertIn(pc.USELESS, self.ask(pc.hidden, cases=never))

    def test_another_kernel(self):
        both = {"swiotlb": "io_tlb_nslabs=32768\n", "next_swiotlb": "io_tlb_nslabs=512\n"}
        self.assertIsNone(self.ask(pc.started(512), **both))
        self.assertIn("512 slots, not 513", self.ask(pc.started(513), **both))
        del both["next_swiotlb"]
        self.assertIn("has not said", self.ask(pc.started(512), **both))

    def test_a_crash(self):
        both = {"swiotlb": "io_tlb_nslabs=32768\n", "next_swiotlb": "io_tlb_nslabs=512\n"}
        panic = f"[ 9.0] {pc.PANIC}\n[ 9.0] Call Trace:\n"

        def ask(log=panic, used=9):
            return self.ask(pc.crashed(512), log, load=f"used={used}\n", **both)
        self.assertIsNone(ask())
        self.assertIn("did not crash", ask(CLEAN))
        self.assertIn("Fatal exception", ask(panic + BAD["panic"]))
        self.assertIn("nothing was bounced", ask(used=0))

    def test_hibernation(self):
        loaded = f"[ 1.0] PM: {pc.LOADED}\n" * pc.ROUNDS
        rounds = "".join(f"{number + 1} 512 1536 1024\n" for number in range(pc.ROUNDS))
        self.assertIsNone(self.ask(pc.hibernated, loaded, rounds=rounds))
        self.assertIn("does not say", self.ask(pc.hibernated, rounds=rounds))
        for gone in ("1 512 1536 512", "1 512 512 1024"):
            self.assertIn(pc.USELESS, self.ask(
                pc.hibernated, loaded, rounds=rounds.replace("1 512 1536 1024", gone)))
        self.assertIn("rounds, not", self.ask(pc.hibernated, loaded, rounds=rounds[:15]))

    def test_suspend(self):
        log = f"[ 1.0] {pc.SUSPENDED}\n[ 1.0] PM: {pc.SUSPEND_TESTED} 1\n" * len(pc.STATES)
        rounds = "".join(f"{state.replace(':', ' ')} 64 4096 8192 4096\n" for state in pc.STATES)
        self.assertIsNone(self.ask(pc.suspended(True), log, rounds=rounds))
        for line in pc.SUSPENDED, pc.SUSPEND_TESTED:
            self.assertIn(line, self.ask(
                pc.suspended(True), log.replace(line, "", 1), rounds=rounds))
        self.assertIn(f"{len(pc.STATES) - 1} states, not {len(pc.STATES)}", self.ask(
            pc.suspended(True), log, rounds=rounds.partition("\n")[2]))
        for idle in ("0 4096 8192 4096", "64 0 8192 4096", "64 4096 512 4096"):
            self.assertIn(pc.USELESS, self.ask(pc.suspended(False), log, rounds=rounds.replace(
                "64 4096 8192 4096", idle, 1)))
        single = rounds.replace(" 4096\n", " 0\n", 1)
        self.assertIsNone(self.ask(pc.suspended(False), log, rounds=single))
        self.assertIn(pc.USELESS, self.ask(pc.suspended(True), log, rounds=single))

    def test_memory_that_stays(self):
        rounds = "1 4 4 4\n2 4 4 4\n"
        more = {"pools": "cycles=9\nmost=4096\n",
                "swiotlb": "events.grown=3\nevents.freed=3\n"}
        check = pc.plugged(2)
        self.assertIsNone(self.ask(check, rounds=rounds, **more))
        self.assertIn("3 of 4 blocks", self.ask(check, rounds="1 4 4 4\n2 4 4 3\n", **more))
        self.assertIn("0 of 0 blocks", self.ask(check, rounds="1 4 4 4\n2 4 0 0\n", **more))
        self.assertIn("1 rounds", self.ask(check, rounds="1 4 4 4\n", **more))
        more["swiotlb"] = "events.grown=3\nevents.freed=0\n"
        self.assertIn(pc.USELESS, self.ask(check, rounds=rounds, **more))

    def words(self, spec):
        with mock.patch.object(machine, "tool", str):
            return machine.command(spec, "tcg", "initrd", "log", pathlib.Path("port"))

    def test_what_is_booted(self):
        hot = pc.memory_spec(("nvme",), 1)
        with mock.patch.object(pc.mapbench, "tool", lambda: b""):
            words = self.words(hot("bzImage", "swiotlb=force", 2, 1024, ()))
            self.assertIn(f"1024M,slots=1,maxmem={1024 + machine.HOT_MIB}M", words)
            self.assertIn("-no-reboot", words)
            spec = pc.hibernate_spec(("nvme",), "virtio-blk")("bzImage", "swiotlb=force", 2, 1024, ())
        self.assertNotIn("-no-reboot", self.words(spec))
        self.assertIn(b"END=poweroff", spec.overlay())

    def test_ports_are_where_the_table_says(self):
        spec = run.Spec("x", "verify", disks=[machine.Disk(kind, 16) for kind in
                                              ("nvme", "virtio-blk", "ahci")],
                        external=True, arch="intel-iommu")
        words = " ".join(machine._disk_arguments(spec, [3, 4, 5]))
        for part in ("nvme,drive=disk0-raw,serial=disk0-raw,max_ioqpairs=8,bus=port0",
                     "thread1,bus=port1", "ich9-ahci,id=disk2-raw-ahci,bus=port2",
                     "bus=disk2-raw-ahci.0"):
            self.assertIn(part, words)
        self.assertIn("addr=0x11,", acpi.device(1))
        self.assertIn("\\_SB.PCI0.S88,", acpi.source(2))
        self.assertNotIn("S90", acpi.source(2))

    def test_each_disk_is_in_a_slot(self):
        spec = unplug.spec(unplug.FEW)("x", "swiotlb=dynamic,own", 4, 1024, ())
        self.assertIn("pcie-root-port,id=port2,bus=pcie.0,chassis=3", machine._slots(spec))
        words = " ".join(machine._disk_arguments(spec, [3, 4, 5]))
        for part in ("iothread=thread0,bus=port0", "bus=port1", "ich9-ahci,id=disk2-ahci,bus=port2"):
            self.assertIn(part, words)
        spec.slots = False
        self.assertEqual(machine._slots(spec), [])
        self.assertNotIn("bus=port", " ".join(machine._disk_arguments(spec, [3, 4, 5])))

    def test_each_machine_has_its_programs(self):
        self.assertEqual({arch.user for arch in machine.ARCHES.values()}, set(programs.COMPILER))


if __name__ == "__main__":
    unittest.main()
