#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The kselftest on a fake debugfs and sysfs: which tests pass, fail and are skipped."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SCRIPT = TOP / "tools/testing/selftests/swiotlb/swiotlb.sh"
CACHE = Path(os.environ.get("SWIOTLB_CACHE") or Path.home() / ".cache/swiotlb") / "base"
FILES = {"io_tlb_nslabs": "2560\n", "io_tlb_used": "100\n", "io_tlb_used_hiwater": "0\n",
         "io_tlb_transient_nslabs": "0\n",
         "pools": "id start KiB node state areas used\n0 0x3e380000 1024 0 open 4 343\n"
                  "1 0x3c00000 4096 0 open 4 991\n2 0xc000000 4096 0 closed 4 0\n",
         "events": "grown 2\nleaked_bytes 0\n"}
ALLOCATORS = {"low/total_bytes": "1048576\n", "low/used_bytes": "4096\n", "low/bounced_bytes": "123\n",
              "low/pools": "1\n", "low/node_bytes": "1048576\n", "low/cc_shared": "0\n",
              "low/last_address": "0xffffffff\n", "low/transient_bytes": "0\n", "low/events/full": "0\n",
              "any/total_bytes": "4194304\n", "any/used_bytes": "0\n", "any/bounced_bytes": "0\n",
              "any/pools": "2\n", "any/node_bytes": "4194304 0\n", "any/cc_shared": "1\n",
              "any/events/full": "0\n"}
PRIVATE = ("used_bytes", "bounced_bytes", "last_address", "transient_bytes", "full")


def helpers():
    """Return ktap_helpers.sh of the base, if the cache has a base."""
    current = CACHE / "current"
    if current.is_file():
        path = CACHE / current.read_text().strip() / "tools/testing/selftests/kselftest/ktap_helpers.sh"
        if path.is_file():
            return path
    return None


@unittest.skipUnless(helpers(), "no base in the cache: make base")
class Kselftest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)
        for path, name in ((SCRIPT, "swiotlb"), (helpers(), "kselftest")):
            (self.top / name).mkdir()
            shutil.copy(path, self.top / name)
        self.debugfs = self.top / "debug"
        self.put(**FILES)
        self.sysfs = self.top / "sys"
        self.put_allocators(**ALLOCATORS)

    def put_allocators(self, **files):
        for name, text in files.items():
            path = self.sysfs / "kernel/mm/swiotlb" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o400 if path.name in PRIVATE else 0o444)

    def put(self, **files):
        for name, text in files.items():
            path = self.debugfs / "swiotlb" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run_it(self, **more):
        """Return ({test: result}, the output, the exit status)."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("SWIOTLB_")}
        done = subprocess.run(["sh", str(self.top / "swiotlb/swiotlb.sh")], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                              env={**env, "DEBUGFS": str(self.debugfs), "SYSFS": str(self.sysfs), **more})
        found = {name: "skip" if skipped else result for result, name, skipped in
                 re.findall(r"^(ok|not ok) \d+ (\w+) ?(# SKIP)?", done.stdout, re.M)}
        self.assertIn("1..8\n", done.stdout)
        self.assertEqual(len(found), 8, done.stdout)
        return found, done.stdout, done.returncode

    def test_statistics_pass_and_the_rest_is_skipped(self):
        found, text, status = self.run_it()
        self.assertEqual(found, {"files": "ok", "within_size": "ok", "pools": "ok", "events": "ok",
                                 "sysfs": "ok", "map_benchmark": "skip", "fio_verify": "skip",
                                 "devices": "skip"}, text)
        self.assertEqual(status, 0)

    def test_each_wrong_file_fails_its_test_alone(self):
        pools = FILES["pools"]
        for name, text, test in (("io_tlb_used_hiwater", "many\n", "files"),
                                 ("io_tlb_used", "2561\n", "within_size"),
                                 ("pools", pools.replace("991", "2049"), "pools"),
                                 ("pools", pools.replace("closed", "gone"), "pools"),
                                 ("pools", pools.replace("closed", "open"), "pools"),
                                 ("pools", pools.replace("areas ", ""), "pools"),
                                 ("events", "grown 2\nleaked_bytes 4096\n", "events"),
                                 ("events", "grown\n", "events"), ("events", "", "events")):
            with self.subTest(name=name, text=text):
                self.put(**{**FILES, name: text})
                found, output, status = self.run_it()
                self.assertEqual([test for test, result in found.items() if result == "not ok"], [test], output)
                self.assertEqual(status, 1)

    def test_each_wrong_file_of_an_allocator_fails(self):
        for name, text in (("low/total_bytes", "1 MiB\n"), ("low/total_bytes", "1048577\n"),
                           ("low/used_bytes", "-1\n"), ("any/bounced_bytes", ""), ("low/pools", "1\n2\n"),
                           ("any/node_bytes", "1,2\n"), ("low/cc_shared", "yes\n"),
                           ("low/last_address", "4294967295\n"), ("low/transient_bytes", "x\n"),
                           ("low/events/full", "full 0\n"), ("low/peak_bytes", "0\n")):
            with self.subTest(name=name, text=text):
                self.put_allocators(**{**ALLOCATORS, name: text})
                found, output, status = self.run_it()
                (self.sysfs / "kernel/mm/swiotlb/low/peak_bytes").unlink(missing_ok=True)
                self.assertEqual([test for test, result in found.items() if result == "not ok"], ["sysfs"], output)
                self.assertEqual(status, 1)

    def test_what_tells_about_io_is_for_root(self):
        for name in ("low/used_bytes", "any/bounced_bytes", "low/last_address", "low/events/full"):
            with self.subTest(name=name):
                self.put_allocators(**ALLOCATORS)
                path = self.sysfs / "kernel/mm/swiotlb" / name
                path.chmod(0o444)
                self.assertEqual(self.run_it()[0]["sysfs"], "not ok")

    def devices(self, **files):
        """Run the tests with these files of one device; return the result of run_it()."""
        for name, text in files.items():
            path = self.sysfs / "devices/pci0/0000:00:04.0/swiotlb" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self.run_it()

    def test_devices(self):
        # Unlike those of the kernel, these files accept any value.
        found, text, _ = self.devices(used_bytes="0\n", peak_bytes="4096\n", failed="0\n")
        self.assertEqual(found["devices"], "not ok")
        self.assertIn('0000:00:04.0/swiotlb/peak_bytes accepts "1"', text)
        found, text, _ = self.devices(used_bytes="all\n")
        self.assertEqual(found["devices"], "not ok")
        self.assertIn("used_bytes: not ", text)

    def test_transient_slots_count(self):
        self.put(io_tlb_used="2561\n", io_tlb_transient_nslabs="1\n")
        self.assertEqual(self.run_it()[0]["within_size"], "ok")

    def test_a_kernel_without_swiotlb_or_debugfs_skips_all(self):
        shutil.rmtree(self.debugfs)
        shutil.rmtree(self.sysfs)
        found, _, status = self.run_it()
        self.assertEqual((set(found.values()), status), ({"skip"}, 0))

    def test_a_kernel_without_a_pool_skips_all(self):
        for name in FILES:
            (self.debugfs / "swiotlb" / name).unlink()
        shutil.rmtree(self.sysfs / "kernel/mm/swiotlb/low")
        found, _, status = self.run_it()
        self.assertEqual((set(found.values()), status), ({"skip"}, 0))

    def test_a_kernel_with_the_former_swiotlb(self):
        for name in ("pools", "events"):
            (self.debugfs / "swiotlb" / name).unlink()
        shutil.rmtree(self.sysfs)
        found, _, status = self.run_it()
        self.assertEqual((found["files"], found["pools"], found["events"], status), ("ok", "skip", "skip", 0))

    def test_a_disk_that_is_none_is_not_written(self):
        disk = self.top / "file"
        disk.write_text("precious")
        found, text, _ = self.run_it(SWIOTLB_SCRATCH=str(disk))
        self.assertEqual(found["fio_verify"], "skip")
        self.assertIn("is no block device", text)
        self.assertEqual(disk.read_text(), "precious")

    def benchmark(self, failures, status=0):
        tool = self.top / "swiotlb/dma_map_benchmark"
        tool.write_text(f"#!/bin/sh\necho map_calls=5\necho failures={failures}\nexit {status}\n")
        tool.chmod(0o755)
        (self.debugfs / "dma_map_benchmark").touch()
        return self.run_it()[0]["map_benchmark"]

    def test_the_benchmark_passes_without_failures_only(self):
        self.assertEqual(self.benchmark(0), "ok")
        self.assertEqual(self.benchmark(1), "not ok")
        self.assertEqual(self.benchmark(0, 1), "not ok")


if __name__ == "__main__":
    unittest.main()
