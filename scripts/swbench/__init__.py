# SPDX-License-Identifier: GPL-2.0-only
"""The headline comparison: fio in QEMU on the base and the patched kernel.

    command      what the commands share: options, exit status
    plan         what is compared: configurations, rows, how long
    measure      the boots, verify pass first, then taking turns
    stats        medians, spread and ratios; table.csv
    counts       the instructions of an I/O
    mapbench     the rows of the map benchmark: boots, table, picture
    environment  what it ran on
    report       table.md and cpu.csv
    plot         table.svg and table.png
    figuretables tables of our pages and the cover letter, from csv
    summary      the picture of the README, from csv
    results      where a result goes
"""

import sys
from pathlib import Path

# The guest tests are a directory of their own: programs of scripts/ need only their own
sys.path.append(str(Path(__file__).resolve().parents[2] / "tools/testing/selftests/swiotlb/qemu"))
