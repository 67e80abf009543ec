# SPDX-License-Identifier: GPL-2.0-only
"""Disks that are unplugged and plugged again while they have requests in flight, and their
allocators, which are freed with them."""

from typing import NamedTuple

from . import growth, klog, machine, params, run

DISKS = ("virtio-blk", "nvme", "ahci")
# Disks whose driver ends the requests of a device that no longer answers; others wait for ever.
SURPRISED = ("nvme",)
# See guest/scenarios/unplug.sh
REMOVE, POWER, UNBIND = "remove", "power", "unbind"
MANY = (REMOVE, POWER) * 5 + (UNBIND,)
FEW = (REMOVE, POWER, UNBIND)
# Throttle in bytes per second: requests are in flight for half a second.
BPS = 8 << 20
# See guest/lib/load.sh
LOAD_MIB = 8
# How much free memory may differ between two rounds. A pool is larger than this.
LEFT_KIB = 1024
USELESS = "the test proves nothing"


class Unplugged(NamedTuple):
    """One line of the frame "rounds": a disk that was unplugged with @flying requests in flight,
    while @used KiB of bounce buffers were in use, @own of them in its own allocator."""

    round: int
    way: str
    disk: str
    flying: int
    used: int
    own: int


def spec(ways, disks=DISKS, mib=1):
    """Return a function that specifies a boot in which @disks are unplugged in all @ways."""
    def make(kernel, append, vcpus, memory_mib, ignore):
        dynamic = "dynamic" in append
        return run.Spec(kernel, "unplug", append, vcpus, memory_mib,
                        [machine.Disk(kind, 4 * mib + LOAD_MIB, BPS) for kind in disks],
                        {"DISKS": " ".join(disks),
                         "SURPRISED": " ".join(SURPRISED), "WAYS": " ".join(ways),
                         "BOOT": growth.BOOT_SLOTS if dynamic else params.DEFAULT_SLOTS,
                         "SIZE": mib, "ENGINE": "io_uring"},
                        timeout=1800, ignore=ignore, slots=True)
    return make


def _rounds(result):
    for line in result.text("rounds").splitlines():
        number, way, disk, *numbers = line.split()
        yield Unplugged(int(number), way, disk, *map(int, numbers))


def _errors(result):
    """Yield I/O errors of disks that never lost power."""
    for finding in klog.scan(result.log.read_text(errors="replace")):
        if finding.name == "io-error" and not any(disk in finding.line for disk in SURPRISED):
            yield str(finding)


def ended(ways, disks=DISKS):
    """Return a check that all @disks were unplugged in all @ways with requests in flight, and
    that no memory was lost. The scenario checks the rest."""
    def check(result):
        found = [*_rounds(result)]
        left = [int(line.split()[1]) for line in result.text("left").splitlines()]
        wrong = [*_errors(result)]
        for disk in disks:
            rows = [row for row in found if row.disk == disk]
            if [row.way for row in rows] != [*ways]:
                wrong.append(f"{disk} was unplugged {len(rows)} times, not {len(ways)}")
            if not all(row.flying and row.used and row.own for row in rows):
                wrong.append(f"{disk} had nothing in flight: {USELESS}")
            if rows:
                run.say(f"{disk}: unplugged {len(rows)} times, with "
                        f"{min(row.flying for row in rows)} to {max(row.flying for row in rows)} "
                        f"requests in flight, {min(row.own for row in rows)} to "
                        f"{max(row.own for row in rows)} KiB mapped by its own allocator")
        run.say("memory without disks, compared with the first round: "
                + " ".join(f"{kib - left[0]:+d}" for kib in left[1:]) + " KiB")
        if len(left) != len(ways):
            wrong.append(f"{len(left)} rounds, not {len(ways)}")
        elif left[-1] - left[0] > LEFT_KIB:
            wrong.append(f"{left[-1] - left[0]} KiB are lost")
        return "\n".join(wrong) or None
    return check
