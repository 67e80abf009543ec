# SPDX-License-Identifier: GPL-2.0-only
"""The time of a map and its unmap in User Mode Linux, by kind of instruction.

perf samples the map benchmark. A sample counts for its function. In swiotlb and the DMA API,
a sample after a fence or an atomic operation counts for that instruction, since the CPU has
waited for it.
"""

import collections
import re
import subprocess

from swguest import machine, mapbench as guest, run, uml

from . import mapbench, measure, nativeprofile, profiles, report
from .stats import median

SECONDS = 4
ROWS = [mapbench.MapRow(size) for size in ("64", "4096")]
COLUMNS = ("row", "config", "kind", "ns")
FENCES, ATOMICS, FLAG, SWIOTLB, COPIES, API = (
    "fences", "atomic operations", "interrupt flag", "rest of swiotlb", "copies", "DMA API")
KINDS = (FENCES, ATOMICS, FLAG, SWIOTLB, COPIES, API)
OTHER = "benchmark, clock, host"
# Functions in which User Mode Linux keeps the interrupt flag
FLAG_FUNCTIONS = ("um_set_signals", "um_get_signals", "unblock_signals", "block_signals", "uml_curr_cpu")
_FENCE = re.compile(r"[msl]fence\b")
_ATOMIC = re.compile(r"lock |xchg\b(?!.*%ax,%ax)")
_LINE = re.compile(r"\s*([0-9a-f]+):\s+(\S.*)")


def waited_for(listing):
    """Return {address after a fence or an atomic operation: its kind}, from objdump's @listing."""
    found, kind = {}, None
    for line in listing.splitlines():
        match = _LINE.match(line)
        if not match:
            kind = None
            continue
        if kind:
            found[int(match[1], 16)] = kind
        kind = FENCES if _FENCE.match(match[2]) else ATOMICS if _ATOMIC.match(match[2]) else None
    return found


def _listing(image):
    done = subprocess.run([machine.tool("objdump"), "-d", "--no-show-raw-insn", "-j", ".text", str(image)],
                          capture_output=True, text=True, check=True)
    return done.stdout


def _kind(function):
    if function.split(".")[0] in FLAG_FUNCTIONS:
        return FLAG
    group = profiles.group(function)
    return {"copies": COPIES, "swiotlb": SWIOTLB, "locks": SWIOTLB, "DMA API": API}.get(group, OTHER)


def kinds(text, symbols, waits):
    """Return {kind: samples}. @text: an address a sample; @waits: from waited_for().

    Fences outside of swiotlb and the DMA API, as in the clock, count for their function.
    """
    found = collections.Counter()
    for address in (int(word, 16) for word in text.split()):
        kind = OTHER if address >= nativeprofile.HIGHEST else _kind(symbols.name(address))
        found[waits.get(address, kind) if kind in (SWIOTLB, API) else kind] += 1
    return found


class MapProfiled(measure.Measurement):
    """Boots each configuration in turn, and samples rows of the map benchmark. @symbols:
    profiles.Symbols by kernel. @found: lists of {kind: nanoseconds for a map and its unmap}, by
    row and configuration."""

    def __init__(self, symbols, *arguments):
        self.found = collections.defaultdict(list)
        super().__init__(*arguments)
        self.accel = uml.ARCH
        self._program = guest.tool()
        self._symbols = symbols
        self._waits = {name: waited_for(_listing(path)) for name, path in self.images.items()}

    def _weight(self):
        return self.plan.repeats * len(self.plan.configs) * SECONDS * len(ROWS)

    def timed(self):
        for number in range(1, self.plan.repeats + 1):
            for config in self.plan.configs:
                self._sampled(config, number)

    def _sampled(self, config, number):
        what = f"{config.name} ({number}/{self.plan.repeats}) map benchmark"
        self._progress.begin(what)
        options = {**mapbench.warm_up(1), **{row.name: row.options(SECONDS) for row in ROWS}}
        spec = run.Spec(self.images[config.kernel], "mapbench", config.append, 1, self.plan.guest.memory_mib,
                        files=guest.files(options, self._program), devices=(guest.DEVICE,), arch=uml.ARCH)
        with run.Session(spec, uml.ARCH, self.directory / "logs" / f"{config.name}.{number}.log",
                         lambda frame: self._progress.tick()) as session:
            session.follow("warm-up" + guest.FRAME, spec.timeout)
            for row in ROWS:
                self._sample(session, row, config)
            session.follow("end", spec.timeout)
        self._progress.clear()
        self.host.note()
        self._ended(config, what, session.result)

    def _sample(self, session, row, config):
        data, frame = self.directory / "map.perf", row.name + guest.FRAME
        with nativeprofile.watched(session.machine.pid, data) as text:
            if not session.follow(frame, SECONDS + 10):
                return
        data.unlink(missing_ok=True)
        samples = kinds(text[0], self._symbols[config.kernel], self._waits[config.kernel])
        values = session.reader.values(frame)
        each = int(values["elapsed_ns"]) / int(values["map_calls"]) / max(1, sum(samples.values()))
        self.found[row, config.name].append({kind: each * count for kind, count in samples.items()})
        self._progress.done(SECONDS)


def entries(found):
    """Return the lines of the table: medians of the boots."""
    return [dict(zip(COLUMNS, (row.title, config, kind, median([sample.get(kind, 0) for sample in taken]))))
            for (row, config), taken in found.items() for kind in (*KINDS, OTHER)]


def cell(line, column):
    return f"{line[column]:.1f}" if isinstance(line[column], float) else str(line[column])


def grid(lines):
    """Return the table: a line for each kind, a column for each row and configuration."""
    labels = {"base": "base", "ours": "patched", "none": "no bouncing"}
    columns = list(dict.fromkeys((line["row"], line["config"]) for line in lines))
    cells = {(line["row"], line["config"], line["kind"]): line["ns"] for line in lines}
    return report.grid(["ns for a map and its unmap",
                        *(f"{row.split(',')[0]}: {labels[config]}" for row, config in columns)],
                       [[kind, *(cells[(*column, kind)] for column in columns)] for kind in (*KINDS, OTHER)])
