# SPDX-License-Identifier: GPL-2.0-only
"""Threads that need more bounce buffers than there are: do their maps fail, or wait?"""

from typing import NamedTuple

from swguest import mapbench, run, uml

from . import measure, plan, report
from .stats import median

# 64 threads keep 64 mappings of 64 KiB each
THREADS, DEPTH, BYTES = 64, 64, 65536
MSECS = 3000
LOAD = f"-k -b 64 -T {MSECS} -t {THREADS} -D {DEPTH} -S {BYTES} -d 1"
# 8 MiB at boot. The load needs half of the limit, so that it may be met.
APPEND = "swiotlb=4096,force"
MAY_HAVE = ",max=512M"
MEMORY_MIB = 2048
TIMES = ("p50", "p99", "p999", "max")
COLUMNS = ("setup", "maps", "failed", "waited", "transient", "grown",
           *(f"{name}_us" for name in TIMES))


class Setup(NamedTuple):
    name: str
    kernel: str
    append: str
    options: str = ""


SETUPS = (Setup("base", "base", APPEND),
          Setup("patched, transient pools", "ours", APPEND + MAY_HAVE),
          Setup("patched, may sleep", "ours", APPEND + MAY_HAVE, " -w"))


def figures(values, state):
    """Return {column: number} from the output of the tool and the state of swiotlb after it."""
    found = {"maps": int(values["map_calls"]) * 1e9 / int(values["elapsed_ns"]) / 1e3,
             "failed": int(values["failures"])}
    found.update({f"{name}_us": int(values[f"map_{name}_ns"]) / 1e3 for name in TIMES})
    found.update({name: int(state[f"events.{name}"]) for name in ("waited", "transient", "grown")
                  if f"events.{name}" in state})
    return found


def entries(samples):
    """Return the lines of the table: medians of {setup: list of figures()}."""
    lines = []
    for setup in SETUPS:
        line = {"setup": setup.name}
        for column in COLUMNS[1:]:
            line[column] = median([found[column] for found in samples.get(setup, [])
                                   if column in found])
        lines.append(line)
    return lines


def cell(line, column):
    value = line[column]
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


class Waiting(measure.Measurement):
    """Boots the setups in turn; each boot begins with 8 MiB, and runs the load once."""

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
        spec = run.Spec(self.images[setup.kernel], "mapbench", setup.append, self.plan.guest.cpus,
                        MEMORY_MIB, files=mapbench.files({"load": LOAD + setup.options}, self._program),
                        timeout=300, devices=(mapbench.DEVICE,), arch=uml.ARCH)
        what = f"{setup.name} ({number}/{self.plan.repeats})"
        config = plan.Config(setup.name, setup.name, setup.kernel, setup.append, True)
        log = self.directory / "logs" / f"{setup.name.replace(', ', '.').replace(' ', '-')}.{number}.log"
        result = self._boot(config, what, spec, log, lambda frame: measure.BOOT_SECONDS / 3)
        if "load" + mapbench.FRAME not in result.reader.frames:
            return
        values = result.values("load" + mapbench.FRAME)
        why = mapbench.wrong(values, fails=None)
        if why:
            self.problems.append(f"{what}: {why}")
            return
        self.found.setdefault(setup, []).append(figures(values, result.values("swiotlb")))


def grid(lines):
    """Return the table of make native-wait, from lines of text."""
    return report.grid(["", "k maps/s", "failed", "waited", "transient pools", "pools added",
                        "map p50, us", "p99", "p99.9", "max"],
                       [[line[column] for column in COLUMNS] for line in lines])
