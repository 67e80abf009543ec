# SPDX-License-Identifier: GPL-2.0-only
"""Threads that need more bounce buffers than there are: do their maps fail, or wait?

A load with room to grow needs 256 MiB, from 8 MiB at boot; the limit is 512 MiB. A load at the
limit needs 12 MiB of 8. At the limit a thread that waits holds at most one mapping, and all of
these fit, so some thread can always continue.
"""

from typing import NamedTuple

from swguest import mapbench, run, uml

from . import measure, plan, report
from .stats import median

THREADS, MSECS = 64, 3000
MEMORY_MIB = 2048
# In seconds. Boot and load take ten: a boot that takes longer than this will not end.
TIMEOUT = 45
# Messages that the base may log: without a limit, it makes a pool for each mapping, until memory
# is short.
BASE_MAY_LOG = ("memory", "trace", "rcu-stall")


class Load(NamedTuple):
    """Each thread keeps up to @depth mappings of @kib KiB."""

    depth: int
    kib: int

    @property
    def options(self):
        return f"-k -b 64 -T {MSECS} -t {THREADS} -D {self.depth} -S {self.kib << 10} -d 1"

    @property
    def needs(self):
        """Return the MiB of all threads."""
        return THREADS * self.depth * self.kib >> 10


GROWS, LIMITED = Load(64, 64), Load(2, 96)
BOOT_MIB = 8
APPEND = f"swiotlb={BOOT_MIB << 9},force"
TIMES = ("p50", "p99", "p999", "max")
EVENTS = {"waited": "waited", "timed_out": "wait_timed_out", "transient": "transient", "grown": "grown"}
COLUMNS = ("setup", "unended", "maps", "failed", *EVENTS, *(f"{name}_us" for name in TIMES))


class Setup(NamedTuple):
    name: str
    kernel: str
    load: Load
    limit: str = ""
    options: str = ""

    @property
    def append(self):
        return APPEND + (f",max={self.limit}" if self.limit else "")

    @property
    def file(self):
        """Return the name in the form of a file name."""
        return self.name.lower().replace(":", "").replace(",", "").replace(" ", "-")


def _setups(load, label, limit, grows):
    yield Setup(f"{label}: base, cannot grow", "fixed", load)
    if grows:
        yield Setup(f"{label}: base, grows", "base", load)
    yield Setup(f"{label}: patched", "ours", load, limit)
    yield Setup(f"{label}: patched, may sleep", "ours", load, limit, " -w")


# The base has no limit: if it can grow, it always does.
SETUPS = (*_setups(GROWS, f"{GROWS.needs} MiB", f"{2 * GROWS.needs}M", True),
          *_setups(LIMITED, f"{LIMITED.needs} of {BOOT_MIB} MiB", f"{BOOT_MIB}M", False))


def figures(values, state):
    """Return {column: number} from the output of the tool and the state of swiotlb after it."""
    calls, failures = int(values["map_calls"]), int(values["failures"])
    found = {"maps": calls * 1e9 / int(values["elapsed_ns"]) / 1e3,
             "failed": 1000 * failures / (calls + failures)}
    found.update({f"{name}_us": int(values[f"map_{name}_ns"]) / 1e3 for name in TIMES})
    found.update({column: int(state[f"events.{event}"]) for column, event in EVENTS.items()
                  if f"events.{event}" in state})
    return found


# Columns with the worst boot: a median would hide failures and waits of single boots.
_WORST = ("failed", "timed_out", "max_us")


def entries(samples):
    """Return the lines of the table from {setup: list of figures()}: medians, or the worst.
    A boot that did not end has no figures, None.
    """
    lines = []
    for setup in SETUPS:
        boots = samples.get(setup, [])
        ended = [found for found in boots if found]
        line = {"setup": setup.name, "unended": len(boots) - len(ended) if boots else None}
        for column in COLUMNS[2:]:
            values = [found[column] for found in ended if column in found]
            line[column] = max(values, default=None) if column in _WORST else median(values)
        lines.append(line)
    return lines


def cell(line, column):
    value = line[column]
    if value is None or isinstance(value, str):
        return value or ""
    # Do not print a small value as 0.0
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}" if value >= 0.1 else f"{value:.1g}"


class Waiting(measure.Measurement):
    """Boots the setups in turn; each boot begins with 8 MiB, and runs its load once."""

    def __init__(self, repeats, images, directory, terminal, program):
        self._program = program
        self.found = {}
        super().__init__(plan.native_map(repeats), images, directory, terminal)

    def _weight(self):
        return self.plan.repeats * len(SETUPS) * (measure.BOOT_SECONDS + MSECS / 1000)

    def timed(self):
        for number in range(1, self.plan.repeats + 1):
            for setup in SETUPS[::-1 if number % 2 else 1]:
                self._load(setup, number)

    def _load(self, setup, number):
        rows = {"load": setup.load.options + setup.options}
        spec = run.Spec(self.images[setup.kernel], "mapbench", setup.append, self.plan.guest.cpus,
                        MEMORY_MIB, files=mapbench.files(rows, self._program),
                        timeout=TIMEOUT, devices=(mapbench.DEVICE,), arch=uml.ARCH,
                        ignore=() if setup.kernel == "ours" else BASE_MAY_LOG)
        what = f"{setup.name} ({number}/{self.plan.repeats})"
        config = plan.Config(setup.name, setup.name, setup.kernel, setup.append, True)
        log = self.directory / "logs" / f"{setup.file}.{number}.log"
        result = self._boot(config, what, spec, log, lambda frame: measure.BOOT_SECONDS / 3)
        if "load" + mapbench.FRAME not in result.reader.frames:
            self.found.setdefault(setup, []).append(None)
            return
        (log.parent / f"{setup.file}.{number}.map").write_text(result.text("load" + mapbench.FRAME))
        values = result.values("load" + mapbench.FRAME)
        why = mapbench.wrong(values, fails=None)
        if why:
            self.problems.append(f"{what}: {why}")
        elif "swiotlb" in result.reader.frames:
            self.found.setdefault(setup, []).append(figures(values, result.values("swiotlb")))


    def _ended(self, config, what, result):
        """A boot of the base that does not end is a result, not an error."""
        if config.kernel != "ours" and not result.reader.ended and result.problems[0].startswith("no verdict"):
            print(f"          {what} does not end", flush=True)
        else:
            super()._ended(config, what, result)


def grid(lines):
    """Return the table of make native-wait, from lines of text."""
    return report.grid(["", "boots that did not end", "k maps/s", "failed of 1,000", "waited", "timed out", "transient pools",
                        "pools added", "map p50, us", "p99", "p99.9", "max"],
                       [[line[column] for column in COLUMNS] for line in lines])
