# SPDX-License-Identifier: GPL-2.0-only
"""Machines with several NUMA nodes: the share of the bounces on the node of the device."""

from typing import NamedTuple

from swguest import numa

from . import measure, plan, report

COUNTS = (2, 4)
COLUMNS = ("nodes", "setup", "bounces", "share", "least", "most")
VCPUS, MEMORY_MIB = 4, 8192


class Setup(NamedTuple):
    name: str
    kernel: str
    append: str


SETUPS = (Setup("base", "base", "swiotlb=force"),
          Setup("patched", "ours", "swiotlb=force"),
          Setup("patched, dynamic", "ours", "swiotlb=dynamic,force"),
          Setup("patched, own", "ours", "swiotlb=force,own"))


def _shares(boots):
    """Return (bounces, share on the node of the device) of each disk in all @boots."""
    for disks in zip(*boots):
        maps = sum(disk.maps() for disk in disks)
        yield maps, sum(disk.share() * disk.maps() for disk in disks) / maps


def entries(found):
    """Return the lines of the table from {(nodes, setup): [numa.disks() of each boot]}."""
    lines = []
    for (count, setup), boots in found.items():
        disks = list(_shares(boots))
        maps = sum(number for number, _ in disks)
        shares = [share for _, share in disks]
        lines.append({"nodes": count, "setup": setup.name, "bounces": maps,
                      "share": sum(number * share for number, share in disks) / maps,
                      "least": min(shares), "most": max(shares)})
    return lines


def cell(line, column):
    return f"{line[column]:.4f}" if isinstance(line[column], float) else str(line[column])


class Nodes(measure.Measurement):
    """Boots all setups in turn, with each number of nodes. Nothing is timed: bounces are counted
    while fio verifies its data."""

    def __init__(self, repeats, images, directory, terminal):
        self.found = {}
        super().__init__(plan.nodes(repeats, MEMORY_MIB), images, directory, terminal)

    def _weight(self):
        return self.plan.repeats * len(SETUPS) * len(COUNTS) * measure.VERIFY_SECONDS

    def timed(self):
        for count in COUNTS:
            for setup in SETUPS:
                for number in range(1, self.plan.repeats + 1):
                    self._load(count, setup, number)

    def _load(self, count, setup, number):
        spec = numa.spec(count)(self.images[setup.kernel], setup.append, VCPUS, MEMORY_MIB, ())
        name = f"{count} nodes, {setup.name}"
        config = plan.Config(name, name, setup.kernel, setup.append, True)
        log = f"{name.replace(', ', '.').replace(' ', '-')}.{number}.log"
        result = self._boot(config, f"{name} ({number}/{self.plan.repeats})", spec,
                            self.directory / "logs" / log,
                            lambda frame: measure.VERIFY_SECONDS / 8)
        if not result.ok:
            return
        disks = numa.disks(result)
        self.problems += [f"{name}: {why}" for why in numa.unsound(disks, count)]
        self.found.setdefault((count, setup), []).append(disks)


def grid(lines):
    """Return the table of make count-numa, from lines of text."""
    def percent(text):
        return f"{100 * float(text):.1f} %"
    return report.grid(["", "nodes", "bounces", "on the node of the device", "worst device", "best device"],
                       [[line["setup"], line["nodes"], f"{int(line['bounces']):,}",
                         *(percent(line[name]) for name in ("share", "least", "most"))]
                        for line in lines])
