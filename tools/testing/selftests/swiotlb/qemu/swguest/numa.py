# SPDX-License-Identifier: GPL-2.0-only
"""Where bounce buffers are: a guest with several NUMA nodes, a disk on each, and the share of
the bounces of a disk that are on its node.

The kernel's histograms of trace events count all mappings, by device and by the block of
memory that their DMA address is in. There is no IOMMU, so that is the address of the buffer.
"""

import re
from typing import NamedTuple

from . import machine, run

# Least share of the bounces that must be on the node of the device, with swiotlb=own
LEAST = 0.95
# A line of a histogram. The key of a block is the range of its addresses.
LINE = re.compile(r"\{ (?:dev_name|device): (\S+) *(?:, dma_addr: ~ (\d+)-\d+)? *\} "
                  r"hitcount: +(\d+) +size: +(\d+)")
DROPPED = re.compile(r"Dropped: (\d+)")
# The block of DMA_MAPPING_ERROR
TOP = 1 << 64
USELESS = "the test proves nothing"


class Count(NamedTuple):
    maps: int = 0
    bytes: int = 0

    def __add__(self, other):
        return Count(self.maps + other.maps, self.bytes + other.bytes)


class Disk(NamedTuple):
    """@node is the node that the kernel has for the disk @name; @on: {node: Count of the
    bounces there}; @failed: mappings that found no room; @bounced: Count of all."""

    name: str
    node: int
    on: dict
    failed: int
    bounced: Count

    def maps(self):
        """Return the number of bounces that found room."""
        return sum(count.maps for count in self.on.values())

    def share(self, what="maps"):
        """Return the share of the bounces, or of their bytes, on the node of the disk."""
        mapped = sum(self.on.values(), Count())
        return getattr(self.on.get(self.node, Count()), what) / max(1, getattr(mapped, what))


def _histogram(text):
    """Return {(device, first address of the block or None): Count} from a histogram."""
    dropped = DROPPED.search(text)
    if not dropped or int(dropped[1]):
        raise machine.MachineError("a histogram of the guest is not complete")
    return {(device, int(first) if first else None): Count(int(maps), int(size))
            for device, first, maps, size in LINE.findall(text)}


def _blocks(text):
    """Return (bytes of a block, {first address of a block: node}). A block on two nodes is
    left out: the node of a buffer in it is not known."""
    (_, size), *lines = (line.split() for line in text.splitlines())
    nodes = {}
    for node, block in lines:
        nodes.setdefault(int(block) * int(size), set()).add(int(node))
    return int(size), {first: found.pop() for first, found in nodes.items() if len(found) == 1}


def disks(result):
    """Return a Disk for each disk of the guest."""
    size, nodes = _blocks(result.text("blocks"))
    mapped, bounced = (_histogram(result.text(name)) for name in ("mapped", "bounced"))
    found = []
    for line in result.text("disks").splitlines():
        name, pci, node = line.split()
        on, failed = {}, 0
        for (device, first), count in mapped.items():
            if device != pci:
                continue
            if first == TOP - size:
                failed += count.maps
            else:
                on[nodes.get(first)] = on.get(nodes.get(first), Count()) + count
        found.append(Disk(name, int(node), on, failed, bounced.get((pci, None), Count())))
    return found


def spec(count, mib=4):
    """Return a function that specifies a boot with @count nodes, and a disk on each."""
    def make(kernel, append, vcpus, memory_mib, ignore):
        return run.Spec(kernel, "numa", append, vcpus, memory_mib,
                        [machine.Disk("virtio-blk", 4 * mib)] * count,
                        {"COUNT": count, "SIZE": mib, "ENGINE": "io_uring"}, timeout=600,
                        ignore=ignore, nodes=count)
    return make


def unsound(found, count):
    """Yield the problems of the measurement."""
    if sorted(disk.node for disk in found) != list(range(count)):
        yield f"the disks are on the nodes {[disk.node for disk in found]}: {USELESS}"
    for disk in found:
        mapped = disk.maps() + disk.failed
        if not disk.on:
            yield f"{disk.name} did not bounce: {USELESS}"
        if None in disk.on:
            yield f"{disk.name}: {disk.on[None].maps} buffers are in no block of a node"
        if mapped != disk.bounced.maps:
            yield f"{disk.name}: {mapped} mappings, but {disk.bounced.maps} bounces"


def counted(count, least=0):
    """Return a check of the measurement, that each disk has at least the share @least of its
    bounces on its own node."""
    def check(result):
        found = disks(result)
        for disk in found:
            run.say(f"{disk.name} on node {disk.node}: {100 * disk.share():.1f} % of "
                    f"{disk.bounced.maps} bounces are there, {100 * disk.share('bytes'):.1f} % of "
                    f"the bytes; by node: "
                    + " ".join(f"{node}:{disk.on.get(node, Count()).maps}" for node in range(count))
                    + (f"; {disk.failed} failed" if disk.failed else ""))
        wrong = [*unsound(found, count)]
        wrong += [f"{disk.name}: {100 * min(shares):.1f} %, not {100 * least:.0f} %"
                  for disk in found
                  if min(shares := [disk.share(), disk.share("bytes")]) < least]
        return "\n".join(wrong) or None
    return check
