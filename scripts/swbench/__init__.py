# SPDX-License-Identifier: GPL-2.0-only
"""Measure the base and the patched kernel in guests, and make tables and pictures.

The modules of the main comparison, fio in QEMU, and those that others share:

    command      shared by the commands: options, exit status
    plan         the comparison: configurations, rows, durations
    measure      the boots: first the verify pass, then the turns
    stats        medians, spread and ratios; table.csv
    counts       the instructions of an I/O
    mapbench     the rows of the map benchmark: boots, table, picture
    environment  the machine and tools of a run
    report       table.md and cpu.csv
    plot         table.svg and table.png
    figuretables tables of our pages and the cover letter, from csv
    summary      the picture of the README, from csv
    results      the directory of a result
"""

import sys
from pathlib import Path

# Add the directory of the guest tests, so that programs in scripts/ need not.
sys.path.append(str(Path(__file__).resolve().parents[2] / "tools/testing/selftests/swiotlb/qemu"))
