#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Boot one kernel in QEMU or as User Mode Linux, run one scenario in it, print the result (KTAP)."""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from swguest import machine, paths, run  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", required=True, help="image to boot")
    parser.add_argument("--arch", default=machine.HOST,
                        help="um for User Mode Linux (default: %(default)s)")
    parser.add_argument("--append", default="", help="more kernel parameters")
    parser.add_argument("--vcpus", type=int, default=4)
    parser.add_argument("--memory", type=int, default=1024, metavar="MIB")
    parser.add_argument("--disk", action="append", default=[], metavar="KIND",
                        help="virtio-blk, nvme, ahci or am53c974, in um virtio-blk or "
                             "dmablk; repeatable")
    parser.add_argument("--disk-mib", type=int, default=256)
    parser.add_argument("--scenario", default="boot",
                        help="a script of guest/scenarios, without .sh")
    parser.add_argument("--set", action="append", default=[],
                        metavar="NAME=VALUE", help="a variable for the scenario")
    parser.add_argument("--ignore", action="append", default=[],
                        metavar="SIGNATURE", help="a message that is expected")
    parser.add_argument("--timeout", type=int, default=120)
    parser.add_argument("--log", help="where the console log goes")
    parser.add_argument("--show", action="append", default=[], metavar="FRAME",
                        help="print a frame of the verdict")
    return parser.parse_args()


def main():
    args = arguments()
    spec = run.Spec(args.kernel, args.scenario, args.append, args.vcpus,
                    args.memory,
                    [machine.Disk(kind, args.disk_mib) for kind in args.disk],
                    dict(item.split("=", 1) for item in args.set),
                    timeout=args.timeout, ignore=args.ignore, arch=args.arch)
    log = args.log or paths.build_dir() / "guest" / "console.log"
    run.say = lambda line: print(f"# {line.strip()}", flush=True)
    result = run.run(spec, log)
    print("KTAP version 1\n1..1")
    for problem in result.problems:
        print("\n".join(f"# {line}" for line in problem.splitlines()))
    for name in args.show:
        if name in result.reader.frames:
            print(result.text(name))
    print(f"{'ok' if result.ok else 'not ok'} 1 {args.scenario} "
          f"# {result.seconds:.1f} s under {result.accel}, log {result.log}")
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(run.main(main))
