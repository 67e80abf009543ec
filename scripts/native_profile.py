#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sample the time of an I/O in User Mode Linux: copies, swiotlb, DMA API, locks, the rest.

Base, patched, dynamic and no bouncing take turns; perf samples the kernel of each. The
results are in results/native-profile/<time>, or with --map, which samples the map benchmark
by kind of instruction, in results/map-profile/<time>; "latest" points to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "scripts"))

from swbench import command, environment, mapprofile, nativeprofile, plan, profiles, results  # noqa: E402
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


def profile_map(args, directory):
    sources = results.images(args.images, IMAGES)
    chosen = plan.native_map(args.repeats)
    symbols = {name: profiles.Symbols(results.symbols(path)) for name, path in sources.items()}
    measured = mapprofile.MapProfiled(symbols, chosen, results.copies(sources, directory / ".images"), directory,
                                      sys.stdout.isatty())
    return command.finish(measured, environment.Environment(chosen, sources), directory, mapprofile)


def main():
    parser = command.parser(__doc__, IMAGES.values(), 1)
    parser.add_argument("--map", action="store_true", help="sample the map benchmark alone")
    args = parser.parse_args()
    kind, bench = ("map-profile", profile_map) if args.map else ("native-profile", profile)
    try:
        nativeprofile.perf()
        return command.main(args, kind, IMAGES, bench)
    except nativeprofile.ProfileError as err:
        print(f"error: {err}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(run.main(main))
