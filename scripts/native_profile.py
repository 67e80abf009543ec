#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Say where the time of an I/O goes in User Mode Linux: copies, swiotlb, DMA API, locks, the rest.

Base, patched, dynamic and no bouncing take turns; perf samples the kernel of each. The
results are in results/native-profile/<time>; "latest" points to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, environment, nativeprofile, plan, profiles, results  # noqa: E402
from swguest import run, uml  # noqa: E402

IMAGES = {"base": "base-mapbench-um", "ours": "ours-um"}


def profile(args, directory):
    chosen = plan.native_profile(args.repeats)
    sources = results.images(args.images, IMAGES)
    env = environment.Environment(chosen, sources)
    symbols = {name: profiles.Symbols(results.symbols(path)) for name, path in sources.items()}
    measured = nativeprofile.Profiled(symbols, chosen, results.copies(sources, directory / ".images"), directory,
                                      sys.stdout.isatty())
    measured.accel = uml.ARCH
    if results.conduct(measured, env, directory):
        found = nativeprofile.entries(measured)
        (directory / "table.csv").write_text(nativeprofile.to_csv(found))
        (directory / "functions.md").write_text(nativeprofile.top(measured))
        print(f"\n{nativeprofile.grid(found)}\n\n  {directory}/table.csv, functions.md")
    return command.conclude(measured, directory)


def main():
    args = command.parser(__doc__, IMAGES.values(), 1).parse_args()
    try:
        return command.main(args, "native-profile", IMAGES, profile)
    except nativeprofile.ProfileError as err:
        print(f"error: {err}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(run.main(main))
