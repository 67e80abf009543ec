# SPDX-License-Identifier: GPL-2.0-only
"""Loads that need more pools, and the memory of the pools afterwards.

The scenario burst has many requests in flight at once, then is idle; cycles grows and
shrinks repeatedly. Throttled disks keep the requests in flight, so that their number
depends only on the queues of the guest.
"""

import json
from typing import NamedTuple

from . import machine, mapbench, run

SLOT = 2048
MIB = 1 << 20
BOOT_SLOTS = MIB // SLOT
LOAD_SECONDS = 120
# Longest time in seconds that each CPU takes to come up on a busy host
CPU_SECONDS = 4


class Job(NamedTuple):
    """Jobs of fio on one disk. @bs and @size (of each) are in KiB. @bps limits the bytes
    per second of the disk until the guest reports that it submits no more reads: so all
    reads are in flight at once, even in a slow guest.
    """

    disk: str
    jobs: int
    depth: int
    bs: int
    size: int
    bps: int = 0

    def line(self):
        return (f"{self.disk} {self.disk} {self.jobs} {self.depth} {self.bs}k "
                f"{self.size}k\n")

    @property
    def kib(self):
        """Return the KiB in flight when the queues are full."""
        return min(self.depth * self.bs, self.size) * self.jobs


# Throttle in bytes per second: fast enough to probe the disk, and slow enough to hold all
# requests in flight.
HOLD = 256 << 10
# 256 + 96 + 8 MiB in flight.
BURST = (Job("nvme", 8, 256, 128, 32 << 10, HOLD),
         Job("virtio-blk", 3, 256, 128, 32 << 10, HOLD),
         Job("ahci", 1, 32, 256, 8 << 10))
# The timeout of the driver, which must be longer than requests are held.
HELD_APPEND = "nvme_core.io_timeout=240"

# Up to 320 MiB: 5 threads with 256 mappings of 256 KiB. A thread that has them all unmaps half.
EXACT = {"exact": "-k -b 64 -T 6000 -t 5 -D 256 -S 262144 -d 1"}
# One load in a cycle: 8 MiB.
STEP = {"step": "-k -b 64 -T 10 -t 1 -D 32 -S 262144 -d 1"}


class Moment(NamedTuple):
    """A line of memory_line() in guest/lib/memory.sh."""

    seconds: float
    slots: int
    used: int
    transient: int
    free_kib: int


def moment(words):
    return Moment(float(words[0]), *map(int, words[1:5]))


def burst_spec(kernel, append, vcpus, memory_mib, rest, jobs=BURST, until="",
               **more):
    """Specify a boot that runs fio with @jobs, then is idle for @rest seconds, or until at
    most @until slots are left.
    """
    disks = [machine.Disk(job.disk, max(64, job.jobs * job.size >> 10), job.bps)
             for job in jobs]
    return run.Spec(kernel, "burst", f"{append} {HELD_APPEND}", vcpus, memory_mib,
                    disks,
                    {"ENGINE": "io_uring", "REST": rest, "UNTIL": until,
                     "LOAD_SECONDS": LOAD_SECONDS},
                    {"etc/jobs": "".join(job.line() for job in jobs)},
                    timeout=60 + CPU_SECONDS * vcpus + 2 * LOAD_SECONDS + rest, **more)


def exact_spec(kernel, append, vcpus, memory_mib, rest=0, rows=None, **more):
    """Specify a boot that runs the map benchmark, then is idle for @rest seconds."""
    return run.Spec(kernel, "burst", append, vcpus, memory_mib, (),
                    {"REST": rest, "UNTIL": ""}, mapbench.files(rows or EXACT, mapbench.tool()),
                    timeout=120 + rest, devices=(mapbench.DEVICE,), **more)


def cycles_spec(kernel, append, vcpus, memory_mib, cycles, seconds, **more):
    """Specify a boot that grows and shrinks @cycles times, but at most for @seconds."""
    return run.Spec(kernel, "cycles", append, vcpus, memory_mib, (),
                    {"CYCLES": cycles, "CYCLES_SECONDS": seconds},
                    mapbench.files(STEP, mapbench.tool()),
                    timeout=120 + 2 * seconds, devices=(mapbench.DEVICE,), **more)


class Burst:
    """The report of the scenario burst."""

    def __init__(self, result):
        self.result = result
        self.moments = [moment(line.split()) for line
                        in result.text("memory").splitlines()]
        self.end = float(result.values("times")["end"])
        self._mark = int(result.values("after").get("io_tlb_used_hiwater", "0")) \
            if "after" in result.reader.frames else 0

    def in_use(self, at):
        """Return the slots in use at a moment, including transient pools: a kernel that
        keeps a high-water mark already counts these as used."""
        return at.used if self._mark else at.used + at.transient

    def peak(self):
        """Return the most slots in use at once, from the samples or the kernel's mark."""
        return max(self._mark, *map(self.in_use, self.moments))

    def peak_transient(self):
        return max(m.transient for m in self.moments)

    def peak_slots(self):
        return max(m.slots for m in self.moments)

    def at(self, seconds):
        """Return the slots @seconds after the end of the load, or at the last sample before."""
        until = [m for m in self.moments if m.seconds <= self.end + seconds]
        return until[-1].slots

    def back_after(self, slots):
        """Return the seconds from the end of the load until there are at most @slots for
        the rest of the time; None if that never happens."""
        back = None
        for m in reversed(self.moments):
            if m.slots > slots or m.seconds < self.end:
                break
            back = m.seconds - self.end
        return back

    def fio_errors(self):
        """Return the number of errors in fio's results; at least 1 if fio failed."""
        jobs = self._fio_jobs()
        if not jobs:
            return 1
        errors = sum(job.get("total_err", 0) or int(bool(job["error"]))
                     for job in jobs)
        status = self.result.values("load").get("status", "1")
        return errors or int(status != "0")

    def fio_bytes(self):
        """Return the bytes that were read back."""
        return sum(job["read"]["io_bytes"] for job in self._fio_jobs())

    def _fio_jobs(self):
        """Return fio's results; other output may precede them."""
        if "fio" not in self.result.reader.frames:
            return []
        text = self.result.text("fio")
        return json.loads(text[text.index("{\n"):])["jobs"]


def events(result, frame="swiotlb"):
    """Return {name: count} from the table of events in debugfs; empty if there is none."""
    return {name.partition(".")[2]: int(value)
            for name, value in result.values(frame).items()
            if name.startswith("events.")}


class Cycle(NamedTuple):
    """One line of the scenario cycles: the state after a cycle, and its largest number of
    slots."""

    after: Moment
    most: int


def cycles(result):
    found = []
    for line in result.text("cycles").splitlines():
        words = line.split()
        found.append(Cycle(moment(words), int(words[5])))
    return found


def unnamed(result):
    """Return [(cycle, KiB that were neither free nor accounted after it)]."""
    return [tuple(map(int, line.split()))
            for line in result.text("unnamed").splitlines()]


def slab_growth(result):
    """Return {cache: additional objects} of all caches that grew; None if the kernel
    has no slabinfo."""
    if "slab.before" not in result.reader.frames:
        return None
    before, after = (_slabs(result.text(f"slab.{when}"))
                     for when in ("before", "after"))
    return {name: count - before.get(name, 0) for name, count in after.items()
            if count > before.get(name, 0)}


def _slabs(text):
    """Return {cache: active objects} from /proc/slabinfo."""
    return {words[0]: int(words[1]) for words in map(str.split, text.splitlines())
            if len(words) > 2 and words[1].isdigit()}


# --- tests --------------------------------------------------------------------

# 48 MiB in flight.
TEST_BURST = (Job("nvme", 2, 128, 128, 16 << 10, HOLD),
              Job("virtio-blk", 2, 64, 128, 8 << 10, HOLD))
# The clock of an emulated guest on a busy host is not reliable, so a test waits longer
# than pools need to be freed. make bench-dynamic measures that time.
TEST_REST = 150
MAX_MIB = 8


def test_spec(kernel, append, vcpus, memory_mib, ignore=()):
    return burst_spec(kernel, append, vcpus, memory_mib, TEST_REST, TEST_BURST,
                      BOOT_SLOTS, ignore=ignore)


def _wrong_data(burst):
    errors, want = burst.fio_errors(), sum(j.jobs * j.size << 10 for j in TEST_BURST)
    if errors:
        return f"{errors} I/O errors"
    return None if burst.fio_bytes() == want else \
        f"{burst.fio_bytes()} bytes were read back, not {want}"


def gave_back(result):
    """Check that the load added pools, that all of them were freed, and that data is correct."""
    burst = Burst(result)
    wrong = _wrong_data(burst)
    if wrong:
        return wrong
    counted = events(result)
    # The peak depends on the speed of the host.
    if burst.peak_slots() <= BOOT_SLOTS or not counted.get("grown"):
        return f"{burst.peak_slots()} slots at most: it did not grow"
    if burst.back_after(BOOT_SLOTS) is None:
        return (f"{burst.moments[-1].slots} slots {TEST_REST} s after the load: "
                + ", ".join(f"{name} {n}" for name, n in counted.items() if n)
                + "\n" + result.text("pools"))
    if counted["freed"] != counted["grown"]:
        return f"{counted['grown']} pools grown, {counted['freed']} freed"
    return None


def kept_the_limit(result):
    """Check that all pools together never exceeded MAX_MIB, and that the log says why."""
    burst = Burst(result)
    wrong = _wrong_data(burst)
    if wrong:
        return wrong
    most = burst.peak_slots()
    if most > MAX_MIB * MIB // SLOT:
        return f"{most} slots are more than {MAX_MIB} MiB"
    if most < BOOT_SLOTS + MIB // SLOT:
        return f"{most} slots at most: it did not grow"
    said = f"{MAX_MIB << 10} KiB is all that swiotlb may have"
    return None if said in result.text("klog") else f"the log does not say: {said}"
