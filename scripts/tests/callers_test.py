#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The table of guest tests by the callers of swiotlb."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
OURS = """KTAP version 1
1..3
# caller: swiotlb-xen; kernel: ours-xen; disks: nvme
ok 1 xen-nvme
# some line
# caller: dma-direct; kernel: ours; disks: nvme ahci
not ok 2 force
# caller: swiotlb-xen; kernel: ours-xen; disks: nvme
not ok 3 xen-nvme-again
"""
BASE = """KTAP version 1
1..2
# caller: swiotlb-xen; kernel: base-xen; disks: none
ok 1 xen-dynamic # SKIP not in the base kernel
ok 2 no-boot
"""


class CallersTest(unittest.TestCase):
    def table(self, *texts):
        with tempfile.TemporaryDirectory() as top:
            steps = []
            for number, text in enumerate(texts):
                steps.append(f"{top}/guest-{number}")
                Path(steps[-1] + ".ktap").write_text(text)
            done = subprocess.run([sys.executable, "-B", str(SCRIPTS / "callers.py"), *steps, f"{top}/killed"],
                                  capture_output=True, text=True, check=True)
        return [line.split("  ") for line in done.stdout.splitlines()]

    def test_same_boots_are_added_up_and_callers_are_together(self):
        head, *rows = [[word.strip() for word in line if word] for line in self.table(OURS, BASE)]
        self.assertEqual(head, ["caller", "kernel", "disks", "result"])
        self.assertEqual(rows, [["swiotlb-xen", "ours-xen", "nvme", "1 passed, 1 failed"],
                                ["swiotlb-xen", "base-xen", "none", "1 skipped"],
                                ["dma-direct", "ours", "nvme ahci", "1 failed"]])

    def test_no_boots(self):
        self.assertEqual(self.table("1..1\nok 1 a\n"), [])


if __name__ == "__main__":
    unittest.main()
