#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Say by /proc/profile where the CPU time of an I/O of 4 KiB goes in a guest.

Base, ours and no bouncing are booted in turn, as often as REPEATS says (3), with
fio as in make run. The results go to results/profile-guest/<time>; "latest"
points to the newest good one.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TREE / "scripts"),
                str(TREE / "tools/testing/selftests/swiotlb/qemu")]

from swbench import command, environment, plan, profiles, results  # noqa: E402
from swguest import run  # noqa: E402

IMAGES = {"base": "base-profile", "ours": "ours-profile"}


def profile(args, directory):
    sources = results.images(args.images, IMAGES)
    chosen = plan.profile(args.repeats)
    env = environment.Environment(chosen, sources)
    measured = profiles.Profiled(chosen, results.copies(sources, directory / ".images"),
                                 directory, sys.stdout.isatty())
    measured.accel = run.choose_accel(measured.images["base"])
    if results.conduct(measured, env, directory):
        text = profiles.markdown(measured, env)
        (directory / "table.md").write_text(text)
        (directory / "profile.csv").write_text(profiles.to_csv(measured))
        print(f"\n{text}\n  {directory}/table.md  profile.csv")
    else:
        print("\nverify failed: nothing was timed", file=sys.stderr)
    return command.conclude(measured, directory)


def main():
    args = command.parser(__doc__, IMAGES.values(), 3).parse_args()
    return command.main(args, "profile-guest", IMAGES, profile)


if __name__ == "__main__":
    sys.exit(run.main(main))
