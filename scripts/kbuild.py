# SPDX-License-Identifier: GPL-2.0-only
"""Configure a tree for check-series, and compile a few of its directories."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from states import Failure

SCRUBBED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CROSS_COMPILE", "KCFLAGS", "KCPPFLAGS")
SPARSE = "sparse -D__typeof_unqual__=__typeof__"
# The users of swiotlb on a PC.
TARGETS = ("kernel/dma/", "drivers/base/core.o", "drivers/iommu/dma-iommu.o", "drivers/xen/swiotlb-xen.o",
           "arch/x86/kernel/pci-dma.o", "arch/x86/mm/mem_encrypt.o", "arch/x86/mm/mem_encrypt_amd.o")
# file:line: or file:line:column:, as gcc and sparse print it
REMARK = re.compile(r"^(?:\.\./)*(?P<path>[\w./-]+\.[ch]):\d+:(?:\d+:)? (?P<kind>warning|error|note): (?P<text>.*)")


class Objects:
    """One configuration, compiled in a directory inside of the source."""

    def __init__(self, tree, name, top, cache):
        self.tree, self.name = tree, name
        self.out = tree / f"O-{name}"
        self.log = self.out / "log"
        self.env = {k: v for k, v in os.environ.items() if k not in SCRUBBED}
        self.env.update(LC_ALL="C", CCACHE_DIR=f"{cache}/ccache", CCACHE_BASEDIR=str(top), CCACHE_NOHASHDIR="1",
                        CCACHE_DEPEND="1", CCACHE_COMPILERCHECK="content", CCACHE_MAXSIZE="5G")

    def make(self, *args):
        """Return the output of make; raise Failure if it fails."""
        command = ["make", "-C", str(self.tree), f"O={self.out}", "CC=ccache gcc", "HOSTCC=ccache gcc",
                   f"-j{os.cpu_count()}", *args]
        done = subprocess.run(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        with open(self.log, "a", encoding="utf-8") as f:
            f.write(done.stdout)
        if done.returncode:
            wrong = [line for line in done.stdout.splitlines() if "error" in line.lower() or "***" in line]
            raise Failure(f"{self.name}: make {args[-1]} failed, log: {self.log}", *wrong[:10])
        return done.stdout

    def configure(self, fragments, options):
        """Configure allnoconfig with the fragments and then the options. The options and
        those of the last fragment must be set afterwards. Objects of an earlier run are
        kept, except those of the engine, so that a missing one is noticed."""
        texts = [Path(f).read_text(encoding="utf-8") for f in fragments]
        text = "".join(texts) + "".join(f"{line}\n" for line in options)
        wanted = self.out / ".wanted.config"
        shutil.rmtree(self.out / "kernel/dma/swiotlb", ignore_errors=True)
        if (self.out / "prepared").is_file() and wanted.read_text(encoding="utf-8") == text:
            return
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        wanted.write_text(text, encoding="utf-8")
        self.make(f"KCONFIG_ALLCONFIG={wanted}", "allnoconfig")
        self.check([line for line in texts[-1].splitlines() if line.startswith("CONFIG_")], options)
        self.make("prepare")
        (self.out / "prepared").touch()

    def check(self, defaults, options):
        got = dict(line.split("=", 1) for line in (self.out / ".config").read_text(encoding="utf-8").splitlines()
                   if line.startswith("CONFIG_"))
        wanted = dict(line.split("=", 1) for line in (*defaults, *options))
        lost = [f"{name}={value}" for name, value in wanted.items() if got.get(name, "n") != value]
        if lost:
            raise Failure(f"{self.name}: the configuration does not get {' '.join(lost)}")

    def compile(self, targets):
        """Return the remarks of gcc and sparse as (path, text)."""
        said = self.make("W=1", "C=1", f"CHECK={SPARSE}", *targets)
        found = (REMARK.match(line) for line in said.splitlines())
        return [(m["path"], f"{m['kind']}: {m['text']}") for m in found if m and m["kind"] != "note"]

    def unlinkable(self, archive):
        """Return the swiotlb symbols that a built-in.a lacks or defines twice."""
        done = subprocess.run(["nm", "--no-sort", str(self.out / archive)], capture_output=True, text=True, check=True)
        symbols = [line.split()[-2:] for line in done.stdout.splitlines() if "swiotlb" in line and ":" not in line]
        there = [name for kind, name in symbols if kind in "TDBRV"]
        missing = {name for kind, name in symbols if kind == "U"} - set(there)
        return [f"{name} is missing" for name in sorted(missing)] + \
            [f"{name} is there twice" for name in sorted({n for n in there if there.count(n) > 1})]

    def uncalled(self, functions):
        """Return the functions that are compiled, but that no object calls except their own and
        the suites."""
        objects = [path for target in TARGETS if not target.startswith("arch/")
                   for path in ([self.out / target] if target.endswith(".o") else sorted((self.out / target).rglob("*.o")))
                   if path.is_file() and "/tests/" not in str(path)]
        done = subprocess.run(["nm", *map(str, objects)], capture_output=True, text=True, check=True)
        symbols = [line.split()[-2:] for line in done.stdout.splitlines() if line.strip() and not line.endswith(":")]
        there = {name for kind, name in symbols if kind in "Tt"}
        called = {name for kind, name in symbols if kind == "U"}
        return sorted(name for name in functions if name in there and name not in called)

    def has(self, path):
        return (self.out / path).is_file()
