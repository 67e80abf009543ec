#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Let 64 threads map more than the 8 MiB of bounce buffers made at boot, in User Mode Linux.

Boots the base without and with SWIOTLB_DYNAMIC, and the patched kernel without and with maps
that may sleep, in turn, REPEATS (5) times: with room to grow, and at the limit. The results
are in results/wait/<time>; "latest" points to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, environment, results, waiting  # noqa: E402
from swguest import mapbench, run, uml  # noqa: E402

IMAGES = {"fixed": "base-mapbench-nodynamic-um", "base": "base-mapbench-um", "ours": "ours-um"}


def bench(args, directory):
    sources = results.images(args.images, IMAGES)
    measured = waiting.Waiting(args.repeats or 5, results.copies(sources, directory / ".images"),
                               directory, sys.stdout.isatty(), mapbench.tool())
    env = environment.Environment(measured.plan, sources)
    env.data["command"] = "make native-wait"
    env.data["configurations"] = {
        setup.name: {"kernel": setup.kernel, "append": setup.append, "load": setup.load.options + setup.options}
        for setup in waiting.SETUPS}
    measured.accel = uml.ARCH
    return command.finish(measured, env, directory, waiting)


def main():
    args = command.parser(__doc__, IMAGES.values(), 5).parse_args()
    return command.main(args, "wait", IMAGES, bench)


if __name__ == "__main__":
    sys.exit(run.main(main))
