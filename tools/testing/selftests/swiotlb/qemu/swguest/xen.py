# SPDX-License-Identifier: GPL-2.0-only
"""The checks of a run in a PV dom0 of Xen.

Xen makes only each segment of 128 slots of the pool contiguous in machine memory: data of a
mapping that crosses the end of a segment would be written to other memory. A run proves that
no mapping does so only if the segments are really apart, and if the disks bounced with
mappings longer than a page, even of pages that are adjacent in the machine.
"""

from . import run

# Sizes of the requests. A segment of 256 KiB is a multiple of only the first and the last.
SIZES = ("4k", "12k", "68k", "132k", "256k")
REFUSED = ('software IO TLB: swiotlb=: the pool cannot grow on this platform, '
           '"dynamic" is ignored')
# Smallest number of mappings longer than a page, of all sizes together. Runs have some
# 1,200 to 4,200. With an allocator that ignored the segments, each of four boots read
# wrong data, at three or four sizes.
LEAST_LONG = 300
USELESS = "the test proves nothing"


def _pool(values):
    """Check the machine addresses of the pool; yield the problems."""
    found = {name: int(values[name]) for name in ("segments", "broken", "apart")}
    run.say(f"{found['segments']} segments, {found['apart']} of them do not follow the "
            "one before in the machine")
    if found["broken"]:
        yield f"{found['broken']} segments are not contiguous in the machine"
    if found["segments"] < 2 or not found["apart"]:
        yield f"the pool is contiguous in the machine: {USELESS}"


def _runs(disk, text):
    """Check the runs on a disk; yield the problems. There is one line per run, SIZE STATUS
    MAPPINGS LONG LONGEST: the status of fio, the number of bounced mappings, that of those
    longer than a page, and the bytes of the longest.
    """
    sizes, all_long = [], 0
    for line in text.splitlines():
        size, *numbers = line.split()
        status, mappings, longer, longest = map(int, numbers)
        run.say(f"{disk} {size}: {mappings} bounced, {longer} of them longer than a "
                f"page, up to {longest >> 10} KiB")
        if status:
            yield f"{disk} {size}: verify failed (fio: {status})"
        if not mappings:
            yield f"{disk} {size}: nothing was bounced: {USELESS}"
        sizes.append(size)
        all_long += longer
    if tuple(sizes) != SIZES:
        yield f"{disk}: was run with {' '.join(sizes) or 'no size'} only"
    if all_long < LEAST_LONG:
        yield f"{disk}: {all_long} mappings were longer than a page: {USELESS}"


def held(disks):
    """Return a check that all data was read back from @disks, and that this proves something."""
    def check(result):
        wrong = [*_pool(result.values("pool"))]
        for disk in disks:
            wrong += _runs(disk, result.text(f"{disk}.runs"))
        said = result.reader.frames.get("output", b"").decode(errors="replace").strip()
        return "\n".join([*wrong, said]).strip() if wrong else None
    return check


def refused(slots):
    """Return a check that "dynamic" was refused, and that the pool has @slots."""
    def check(result):
        if REFUSED not in result.text("klog"):
            return f"the log has not: {REFUSED}"
        found = result.values("swiotlb").get("io_tlb_nslabs")
        return None if found == str(slots) else f"{found} slots, not {slots}"
    return check
