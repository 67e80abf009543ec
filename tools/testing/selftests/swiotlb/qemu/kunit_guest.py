#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Boot a kernel with the KUnit suites of swiotlb, print their results (KTAP)."""

import argparse
import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from swguest import kunit, paths, run  # noqa: E402


# KUnit taints a kernel with this bit when it runs a test.
TAINT_TEST = 1 << 18


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", required=True,
                        help="image to boot, with CONFIG_SWIOTLB_KUNIT_TEST=y")
    parser.add_argument("--filter", default="swiotlb*", metavar="GLOB",
                        help="suites to run, or SUITE.TEST (default: %(default)s)")
    parser.add_argument("--append", default="", help="more kernel parameters")
    parser.add_argument("--vcpus", type=int, default=4)
    parser.add_argument("--memory", type=int, default=1024, metavar="MIB")
    parser.add_argument("--timeout", type=int, default=180)
    parser.add_argument("--quiet", action="store_true",
                        help="only what failed, and the sum")
    return parser.parse_args()


def report(outcomes, others, quiet):
    """Print KTAP. @others: [(name, reason)] of failures that are not results of tests."""
    failed = 0
    if not quiet:
        print(f"KTAP version 1\n1..{len(outcomes) + len(others)}")
    number = 0
    for number, outcome in enumerate(outcomes, 1):
        failed += not outcome.ok
        if not outcome.ok or not quiet:
            # A # would end the name of the test.
            print(f"{'ok' if outcome.ok else 'not ok'} {number} "
                  f"{outcome.name.replace('#', '')}"
                  f"{' # SKIP' if outcome.skipped else ''}")
    for number, (name, why) in enumerate(others, number + 1):
        failed += 1
        print("\n".join(f"# {line}" for line in why.splitlines()))
        print(f"not ok {number} {name}")
    return failed


# Lines of kunit.py about tests that passed.
_WELL = re.compile(r"\[PASSED\]|\[SKIPPED\]|={5}|# module: |fail:0 ")


def why_failed(said):
    """Return the lines of kunit.py about failed tests, without their timestamps."""
    return [re.sub(r"^\[[\d:]+\] ", "", line) for line in said.splitlines()
            if line.strip() and not _WELL.search(line)]


def main():
    args = arguments()
    log = paths.build_dir() / "guest" / "kunit.log"
    run.say = lambda line: print(f"# {line.strip()}", flush=True)
    spec = run.Spec(args.kernel, "boot", f"kunit.filter_glob={args.filter} {args.append}",
                    args.vcpus, args.memory, timeout=args.timeout,
                    taint=TAINT_TEST, ignore=("swiotlb-full",))
    result = run.run(spec, log)
    fine, said, results = kunit.parse(log)
    found = kunit.outcomes(results)
    others = [("boot", problem) for problem in result.problems]
    if args.filter == "swiotlb*":
        others += [(name, "there is no result")
                   for name in kunit.missing(kunit.expected(), found)]
    if not found:
        others.append(("results", "no KTAP in the log"))
    if not fine and not others and all(outcome.ok for outcome in found):
        others.append(("kunit.py", said))
    if not fine:
        print("\n".join(f"# {line}" for line in why_failed(said)))
    failed = report(found, others, args.quiet)
    print(f"# {len(found) - sum(not o.ok for o in found)} passed, {failed} failed, "
          f"{result.seconds:.1f} s under {result.accel}, log {result.log}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run.main(main))
