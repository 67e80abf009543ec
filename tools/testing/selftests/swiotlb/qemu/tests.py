#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Guest tests of swiotlb: boots a kernel once a row of TESTS, prints KTAP."""

import argparse
import pathlib
import sys
import time
from typing import Callable, NamedTuple

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from swguest import growth, machine, mapbench, paths, run  # noqa: E402

DISKS = ("virtio-blk", "nvme", "ahci")
DEFAULT_SLOTS = 32768
SKIP = "4"


# --- what a row may expect of a boot that went well ------------------------
# Each takes a result and returns what is wrong with it, or None.

def nothing_more(_result):
    return None


def slots(expected):
    def check(result):
        found = result.values("swiotlb").get("io_tlb_nslabs")
        return None if found == str(expected) else \
            f"io_tlb_nslabs is {found}, not {expected}"
    return check


def no_pool(result):
    found = result.values("swiotlb").get("io_tlb_nslabs", "0")
    return None if found == "0" else f"there are {found} slots"


def hiwater(result):
    values = result.values("swiotlb")
    mark = int(values.get("io_tlb_used_hiwater", "0"))
    return None if mark > 0 else "the high-water mark is 0 after a load"


# What the benchmark of map and unmap is run with.
MAP_OPTIONS = "-k -p -b 64 -T 300"
MAP_ROWS = {
    "one": f"{MAP_OPTIONS} -t 2 -S 64 -d 1",
    "deep": f"{MAP_OPTIONS} -t 2 -S 4096 -D 64 -d 2",
    "cross": f"{MAP_OPTIONS} -t 2 -S 64:65536 -D 16 -c",
    "sg": f"{MAP_OPTIONS} -t 2 -g 4 -D 4 -m 1",
    # More than a mapping may have, always and now and then.
    "too-large": f"{MAP_OPTIONS} -t 2 -S 524288 -D 4",
    "some-too-large": f"{MAP_OPTIONS} -t 2 -S 65536:524288 -D 8",
    "cross-too-large": f"{MAP_OPTIONS} -t 2 -S 65536:524288 -D 8 -c",
    "bad-depth": "-k -T 10 -D 3",
    "bad-size": "-k -T 10 -S 48:96",
    "bad-most": "-k -T 10 -S 8388608",
    "first-version": "-s 1 -d 1 -b 64",
}
# Whether maps must succeed and whether some must fail; else only the former.
MAP_FAILURES = {"too-large": (False, True), "some-too-large": (True, True),
                "cross-too-large": (True, True)}


def _map_row(result, name):
    values = result.values(name + mapbench.FRAME)
    if name.startswith("bad-"):
        return None if values["status"] == "1" else "was not refused"
    if name == "first-version":
        text = result.text(name + mapbench.FRAME)
        return None if "average map latency(us):" in text and \
            values["status"] == "0" else f"says: {text}"
    cross = " -c" in MAP_ROWS[name]
    return mapbench.wrong(values, 2, cross, *MAP_FAILURES.get(name, (True, False)))


def map_rows(result):
    for name in MAP_ROWS:
        why = _map_row(result, name)
        if why:
            return f"row {name}: {why}"
    return None


class Test(NamedTuple):
    """One boot. @bounce: whether the disks must (True), must not (False) or
    may (None) use bounce buffers. @ours: the base kernel cannot do this. @make
    makes the boot's specification of kernel, append, vcpus, memory and ignore
    where it is not the usual one.
    """

    name: str
    append: str
    vcpus: int = 4
    memory_mib: int = 1024
    scenario: str = "verify"
    disks: tuple = DISKS
    bounce: bool | None = True
    expect: Callable = nothing_more
    ours: bool = False
    mib: int = 4
    ignore: tuple = ()
    make: Callable | None = None


TESTS = (
    Test("force", "swiotlb=force", expect=slots(DEFAULT_SLOTS)),
    Test("one-area", "swiotlb=32768,1,force", expect=slots(DEFAULT_SLOTS)),
    Test("64-areas", "swiotlb=32768,64,force", expect=slots(DEFAULT_SLOTS)),
    Test("pool-of-1-mib", "swiotlb=512,1,force"),
    Test("pool-of-1-gib", "swiotlb=524288,force", memory_mib=2560,
         expect=slots(524288)),
    Test("dynamic", "swiotlb=dynamic,force", ours=True),
    Test("grow-and-give-back", "swiotlb=dynamic,force", ours=True,
         make=growth.test_spec, expect=growth.gave_back),
    # Who finds no room says so, and is asked again: no I/O fails.
    Test("max", f"swiotlb=dynamic,force,max={growth.MAX_MIB}M", ours=True,
         make=growth.test_spec, expect=growth.kept_the_limit,
         ignore=("swiotlb-full",)),
    Test("noforce", "swiotlb=noforce", bounce=False, expect=no_pool),
    Test("default", "", bounce=False),
    # A device with a 32-bit mask and memory that it cannot reach.
    Test("mask-32", "", memory_mib=6144, disks=("am53c974",)),
    Test("track-hiwater", "swiotlb=force,track_hiwater", expect=hiwater),
    # Only with memory above 4 GiB is there a pool that nothing asked for.
    Test("bad-value", "swiotlb=banana", scenario="boot", disks=(),
         memory_mib=6144,
         expect=slots(DEFAULT_SLOTS)),
    Test("map-benchmark", "swiotlb=2048,2,force", scenario="mapbench", disks=(),
         expect=map_rows, ours=True),
)


def specification(test, kernel):
    if test.make:
        return test.make(kernel, test.append, test.vcpus, test.memory_mib,
                         test.ignore)
    bounce = "" if test.bounce is None else int(test.bounce)
    conf = {"DISKS": " ".join(test.disks), "SIZE": test.mib,
            "BOUNCE": bounce, "ENGINE": "io_uring"}
    disks = [machine.Disk(kind, 4 * test.mib) for kind in test.disks]
    files, devices = {}, ()
    if test.scenario == "mapbench":
        files = mapbench.files(MAP_ROWS, mapbench.tool())
        devices = (mapbench.DEVICE,)
    return run.Spec(kernel, test.scenario, test.append, test.vcpus,
                    test.memory_mib, disks, conf, files, timeout=240,
                    devices=devices)


def outcome(test, args, log):
    """("ok" or "not ok", directive, lines of diagnosis)"""
    if test.ours and args.base:
        return "ok", " # SKIP not in the base kernel", []
    result = run.run(specification(test, args.kernel), log)
    if result.reader.ended and result.values("end")["status"] == SKIP:
        others = result.problems[1:]
        reason = result.text("output").strip().splitlines()[-1]
        return ("not ok" if others else "ok"), f" # SKIP {reason}", others
    problems = list(result.problems)
    if not problems:
        wrong = test.expect(result)
        problems += [wrong] if wrong else []
    if problems:
        problems.append(f"log: {log}")
    return ("not ok" if problems else "ok"), "", problems


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", required=True, help="image to boot")
    parser.add_argument("--base", action="store_true",
                        help="it is the base kernel: skip what only ours does")
    parser.add_argument("--list", action="store_true", help="names only")
    parser.add_argument("name", nargs="*", help="only these tests")
    args = parser.parse_args()
    unknown = set(args.name) - {test.name for test in TESTS}
    if unknown:
        parser.error(f"no such test: {', '.join(sorted(unknown))}")
    return args


def main():
    args = arguments()
    chosen = [t for t in TESTS if not args.name or t.name in args.name]
    if args.list:
        print("\n".join(test.name for test in chosen))
        return 0
    logs = paths.build_dir() / "guest" / "tests"
    run.say = lambda line: print(f"# {line.strip()}", flush=True)
    print(f"KTAP version 1\n1..{len(chosen)}", flush=True)
    failed = 0
    for number, test in enumerate(chosen, 1):
        started = time.monotonic()
        verdict, directive, lines = outcome(test, args, logs / f"{test.name}.log")
        failed += verdict != "ok"
        for line in "\n".join(lines).splitlines():
            print(f"# {line}")
        print(f"# {test.append or 'no swiotlb='}, "
              f"{time.monotonic() - started:.1f} s")
        print(f"{verdict} {number} {test.name}{directive}", flush=True)
    print(f"# {len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run.main(main))
