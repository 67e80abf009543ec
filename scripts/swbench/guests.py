# SPDX-License-Identifier: GPL-2.0-only
"""Confidential guests of several sizes: the memory that they share for swiotlb."""

from typing import NamedTuple

from swguest import coco

from . import measure, plan, report

GIB = (2, 16, 64)
COLUMNS = ("gib", "setup", "boot", "used", "held", "end", "failed", "conversions")
SECONDS = 100
VCPUS = 2


class Setup(NamedTuple):
    name: str
    kernel: str


SETUPS = (Setup("base", "base"), Setup("patched", "ours"))


def entries(found):
    """Return the lines of the table from {(GiB, setup): coco.Sizes}."""
    return [{"gib": gib, "setup": setup.name, **sizes._asdict()} for (gib, setup), sizes in found.items()]


def cell(line, column):
    """Return a field as text; memory is in MiB."""
    value = line[column]
    return f"{value / coco.PAGES_PER_MIB:.1f}" if column in ("boot", "used", "held", "end") else str(value)


class Guests(measure.Measurement):
    """Boots both kernels once with each size. Nothing is timed: fio has more in flight than the
    pool made at boot has room for."""

    def __init__(self, images, directory, terminal):
        self.found = {}
        super().__init__(plan.guests(), images, directory, terminal)

    def _weight(self):
        return len(SETUPS) * len(GIB) * SECONDS

    def timed(self):
        for gib in GIB:
            for setup in SETUPS:
                self._load(gib, setup)

    def _load(self, gib, setup):
        name = f"{gib} GiB, {setup.name}"
        spec = coco.sizes_spec(coco.RAMP)(self.images[setup.kernel], "", VCPUS, gib << 10,
                                          (*coco.IGNORE, "swiotlb-full"))
        config = plan.Config(name, name, setup.kernel, "", True)
        result = self._boot(config, name, spec, self.directory / "logs" / f"{gib}-gib.{setup.name}.log",
                            lambda frame: SECONDS / 8)
        if not result.ok:
            return
        self.problems += [f"{name}: {why}" for why in coco.unsound(result)]
        self.found[gib, setup] = coco.sizes(result)


def grid(lines):
    """Return the table, from lines of text."""
    return report.grid(["MiB that are shared for swiotlb", "kernel", "at boot", "in use", "at most",
                        f"up to {coco.REST} s after it", "failed maps", "conversions"],
                       [[f"guest of {line['gib']} GiB", line["setup"],
                         *(line[name] for name in COLUMNS[2:6]),
                         ("at least " if line["setup"] == "base" and line["failed"] != "0" else "") + line["failed"],
                         line["conversions"]] for line in lines])
