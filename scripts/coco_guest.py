#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure the memory that confidential guests of 2, 16 and 64 GiB share for swiotlb, in QEMU.

No guest has a swiotlb parameter. The results are in results/coco/<time>; "latest" points to
the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, environment, guests, results  # noqa: E402
from swguest import run  # noqa: E402

IMAGES = {"base": "base-coco", "ours": "ours-coco"}


def bench(args, directory):
    sources = results.images(args.images, IMAGES)
    measured = guests.Guests(results.copies(sources, directory / ".images"), directory, sys.stdout.isatty())
    env = environment.Environment(measured.plan, sources)
    env.data["command"] = "make count-coco"
    env.data["guest"]["vcpus"] = guests.VCPUS
    env.data["configurations"] = {f"{gib} GiB, {setup.name}": {"kernel": setup.kernel, "append": ""}
                                  for gib in guests.GIB for setup in guests.SETUPS}
    measured.accel = run.choose_accel(measured.images["base"])
    return command.finish(measured, env, directory, guests)


def main():
    args = command.parser(__doc__, IMAGES.values(), 1).parse_args()
    return command.main(args, "coco", IMAGES, bench)


if __name__ == "__main__":
    sys.exit(run.main(main))
