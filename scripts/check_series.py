#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Check the exported series: each patch must apply, be clean and compile, a kernel must boot
after each entry that changes how it behaves, and the result must be the composed tree.

Prints one line per patch. patches/7.3/remarks lists the remarks that are accepted.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import compose
import earlier
import kbuild
import mails
import remarks
import states
from states import Failure

TOP = Path(__file__).resolve().parent.parent
QEMU = TOP / "tools/testing/selftests/swiotlb/qemu"
NOBODY = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
          for what, value in (("NAME", "check-series"), ("EMAIL", "check@series.invalid"),
                              ("DATE", "2026-01-01T00:00:00+00:00"))}
# From this entry on, each function that an entry adds must have a caller.
TURN_OVER = "turn-over"
# The kernels to boot: (name of the last entry, guest test). User Mode Linux boots in a second:
# it comes first, once after each entry that changes how the kernel behaves.
BOOTED = (("private", "um-force"), (TURN_OVER, "um-force"), (TURN_OVER, "um-dynamic"),
          ("magazine", "um-dynamic"), ("stats", "um-dynamic"), ("device-stats", "um-dynamic"),
          ("wait", "um-dynamic"), ("virtio-blk", "um-own"), (TURN_OVER, "dynamic"))
CONFIGURATIONS = {
    "on": ("CONFIG_SWIOTLB_DYNAMIC=y", "CONFIG_DMA_RESTRICTED_POOL=y", "CONFIG_DEBUG_FS=y"),
    "off": ("CONFIG_SWIOTLB_DYNAMIC=n", "CONFIG_DMA_RESTRICTED_POOL=n", "CONFIG_DEBUG_FS=n",
            "CONFIG_DMA_MAP_BENCHMARK=n", "CONFIG_KUNIT=n", "CONFIG_KUNIT_ALL_TESTS=n"),
}


def say(verb, text):
    print("  %-7s %s" % (verb, text), file=sys.stderr, flush=True)


def cache_dir():
    return os.environ.get("SWIOTLB_CACHE") or \
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swiotlb"


# --- git am -------------------------------------------------------------------------

def same(directory, base, paths, state):
    """Return the paths whose content differs from that in the state."""
    wrong = []
    for path in paths:
        content = state.files.get(path) if path in state.files else \
            ((base / path).read_bytes(), 0) if (base / path).is_file() else None
        have = (directory / path).read_bytes() if (directory / path).is_file() else None
        if have != (content and content[0]):
            wrong.append(path)
    return wrong


def apply(directory, mail, base, paths, state):
    """Apply one mail with git am, and check the result."""
    try:
        mails.git(directory, "am", "--quiet", "--keep-non-patch", str(mail), env=NOBODY)
    except Failure as failure:
        raise Failure(f"{state.entry.name}: git am fails", *failure.messages) from failure
    wrong = same(directory, base, paths, state)
    if wrong:
        raise Failure(f"{state.entry.name}: after git am these differ from the entry: {' '.join(wrong)}")


def check_sum(directory, tree, paths):
    """Check that the result of git am is the composed tree."""
    wrong = [p for p in paths if (directory / p).is_file() != (tree / p).is_file()
             or ((tree / p).is_file() and (tree / p).read_bytes() != (directory / p).read_bytes())]
    if wrong:
        raise Failure(f"after the last patch these differ from the composed tree: {' '.join(wrong)}")


# --- each patch ---------------------------------------------------------------------

def touched_by(state, before):
    """Return the paths that an entry changes or adds, without those it removes."""
    old = before.files if before else {}
    return [p for p, content in sorted(state.files.items()) if content and old.get(p) != content]


def not_compiled(objects, state):
    """Return files of the engine that an entry added, but the build did not compile."""
    sources = [p for p in state.files if p.startswith("kernel/dma/swiotlb/") and p.endswith(".c")]
    return [p for p in sources if not objects.has(p.removesuffix(".c") + ".o")]


def new_functions(state, before):
    """Return the functions that an entry adds to the engine, and that other files can call."""
    found = set()
    for path, content in state.files.items():
        if content and path.startswith("kernel/dma/swiotlb") and path.endswith(".c") and "/tests/" not in path:
            old = before.files.get(path)
            found |= functions(content[0]) - (functions(old[0]) if old else set())
    return found


def functions(data):
    lines = data.decode(errors="replace").splitlines(keepends=True)
    text = "".join(lines)
    return {name for item in earlier.items(lines) for name in item.names
            if re.search(rf"^(?:(?!static\b)\w.*\b)?{name}\(.*(?<!;)$", text, re.M)
            and not re.search(rf"^static\b.*\n?.*\b{name}\(", text, re.M)}


def users(state):
    """Return the objects of the files that the series has changed so far outside of the engine."""
    return [p.removesuffix(".c") + ".o" for p, content in sorted(state.files.items())
            if content and p.startswith(("arch/x86/", "drivers/")) and p.endswith(".c")]


def compile_patch(objects, state, before, known, live):
    for name, built in objects.items():
        for path, text in built.compile([*kbuild.TARGETS, *users(state)]):
            if path in state.files:
                known.meet("build", path, text, f"{state.entry.name}, {name}")
        wrong = built.unlinkable("kernel/dma/built-in.a")
        if wrong:
            raise Failure(f"{state.entry.name}, {name}: the kernel would not link:", *wrong)
    unused = objects["on"].uncalled(new_functions(state, before)) if live else []
    if unused:
        raise Failure(f"{state.entry.name}: nothing calls {' '.join(unused)}")
    missing = not_compiled(objects["on"], state)
    if missing:
        raise Failure(f"{state.entry.name}: not compiled: {' '.join(missing)}")


def check_patch(tree, base, mail, state, before, known):
    changed = touched_by(state, before)
    for path, text in remarks.checkpatch(tree, mail):
        known.meet("checkpatch", path, text, state.entry.name)
    for path, text in remarks.kernel_doc(tree, base, changed):
        known.meet("kernel-doc", path, text, state.entry.name)
    for path, text in remarks.spelling(remarks.added(mail)):
        known.meet("codespell", path, text, state.entry.name)


def configure(tree, name):
    objects = kbuild.Objects(tree, name, TOP, cache_dir())
    fragments = [QEMU / "kernel.config", QEMU / "arch" / "x86_64.config", TOP / "scripts" / "series.config"]
    say("CONFIG", f"SWIOTLB_DYNAMIC and others {name}")
    objects.configure(fragments, CONFIGURATIONS[name])
    return objects


def boot(number, test):
    """Build the kernel of the series so far and run one guest test on it."""
    kernel = f"ours-{number}-um" if test.startswith("um-") else f"ours-{number}"
    subprocess.run([TOP / "scripts/kernel.sh", kernel], check=True)
    done = subprocess.run([sys.executable, "-B", QEMU / "tests.py", "--kernel",
                           TOP / f"build/kernels/{kernel}.bzImage", test],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{kernel} does not pass the guest test {test}:", *done.stdout.splitlines())


def slug(entry):
    return entry.name.partition("-")[2].removesuffix(".patch")


def check(base, build, args):
    found = states.read(TOP, base)
    unknown = {name for name, _ in BOOTED} - {slug(state.entry) for state in found}
    if unknown:
        raise Failure(f"no entry to boot after: {' '.join(sorted(unknown))}")
    known = remarks.Known(TOP / "patches/7.3/remarks")
    letter, *exported = mails.export(TOP, base, found, build / "mails", NOBODY)
    for path, text in () if args.no_tools else remarks.spelling(letter.read_text(encoding="utf-8")):
        known.meet("codespell", path, text, "cover-letter")
    paths, directory, tree = mails.touched(found), build / "git", TOP / "build/src-series"
    mails.base_repository(directory, base, paths, NOBODY)
    compose.compose("series", base, TOP / "build", {})
    objects = {} if args.no_build else {name: configure(tree, name) for name in CONFIGURATIONS}
    before, live = None, False
    for state, mail in zip(found, exported):
        started = time.monotonic()
        apply(directory, mail, base, paths, state)
        compose.compose("series", base, TOP / "build", state.files)
        if not args.no_tools:
            check_patch(tree, base, mail, state, before, known)
        if objects:
            compile_patch(objects, state, before, known, live)
        say("PATCH", "%s (%d s)" % (state.entry.name.removesuffix(".patch"), time.monotonic() - started))
        before, live = state, live or slug(state.entry) == TURN_OVER
    compose.compose("ours", base, TOP / "build", found[-1].files)
    check_sum(directory, TOP / "build/src-ours", paths)
    known.finish(not args.no_tools, bool(objects))
    for name, test in () if args.no_boot else BOOTED:
        number = next(s.entry.name[:4] for s in found if slug(s.entry) == name)
        boot(number, test)
        say("BOOT", f"after {number}-{name}: {test}")
    return len(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="a pristine tree (scripts/base.sh prints it)")
    parser.add_argument("--no-tools", action="store_true", help="no checkpatch, kernel-doc, codespell")
    parser.add_argument("--no-build", action="store_true", help="nothing is compiled")
    parser.add_argument("--no-boot", action="store_true", help="no kernel is built and booted")
    args = parser.parse_args()
    build = TOP / "build/check-series"
    with compose.locked(TOP / "build/.check-series.lock", "check-series"):
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir(parents=True)
        count = check(args.base.resolve(), build, args)
    print(f"check-series: {count} patches, ok")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    states.run(main, subprocess.CalledProcessError)
