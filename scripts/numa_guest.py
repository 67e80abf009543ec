#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Count the bounce buffers on the node of the device, with 2 and with 4 NUMA nodes, in QEMU.

Boots the base, and the patched kernel with a fixed pool, with pools that are added, and with
swiotlb=own, REPEATS (3) times each. The results are in results/numa/<time>; "latest" points
to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, environment, nodes, results  # noqa: E402
from swguest import run  # noqa: E402

IMAGES = {"base": "base-pc", "ours": "ours-pc"}


def bench(args, directory):
    sources = results.images(args.images, IMAGES)
    measured = nodes.Nodes(args.repeats, results.copies(sources, directory / ".images"),
                           directory, sys.stdout.isatty())
    env = environment.Environment(measured.plan, sources)
    env.data["command"] = "make count-numa"
    env.data["guest"]["vcpus"] = nodes.VCPUS
    env.data["configurations"] = {
        f"{count} nodes, {setup.name}": {"kernel": setup.kernel, "append": setup.append}
        for count in nodes.COUNTS for setup in nodes.SETUPS}
    measured.accel = run.choose_accel(measured.images["base"])
    return command.finish(measured, env, directory, nodes)


def main():
    args = command.parser(__doc__, IMAGES.values(), 3).parse_args()
    return command.main(args, "numa", IMAGES, bench)


if __name__ == "__main__":
    sys.exit(run.main(main))
