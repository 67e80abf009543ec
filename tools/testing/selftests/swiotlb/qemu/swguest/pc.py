# SPDX-License-Identifier: GPL-2.0-only
"""Tests on a PC: an IOMMU with a device that is not trusted, another kernel after this one,
hibernation and suspend, memory that is plugged and unplugged."""

import pathlib
from typing import NamedTuple

from . import acpi, growth, klog, machine, mapbench, programs, run

USELESS = "the test proves nothing"
# Prefix of the names of frames from a kernel that another kernel has started
NEXT = "next."
MIB = 1 << 20


def _told(wrong):
    return "\n".join(wrong) or None


# --- a device that is not trusted ---------------------------------------------------

EDU_MASK = (1 << 64) - 1
# Number of lines of drivers/iommu/edutest.c
CASES = 48


class Case(NamedTuple):
    """A line of edutest/cases."""

    offset: int
    size: int
    kept: int
    direction: str
    reused: int
    bounced: int
    wrong: int
    padding: int
    leftover: int


def _case(line):
    words = line.split()
    return Case(*(word if word in ("to", "from") else int(word) for word in words))


def hidden(result):
    """Check that the device saw and changed nothing but its buffers."""
    found = [_case(line) for line in result.text("cases").splitlines()]
    to_device = [case for case in found if case.direction == "to"]
    dirty = sum(case.reused for case in to_device)
    run.say(f"{len(found)} mappings; {sum(case.padding for case in found)} bytes around them; "
            f"{dirty} of {len(to_device)} that the device reads are where other data were")
    wrong = []
    for case in found:
        name = f"{case.size} bytes at {case.offset}{', kept' if case.kept else ''}, {case.direction} device"
        if not case.bounced:
            wrong.append(f"{name}: was not bounced")
        if case.wrong:
            wrong.append(f"{name}: {case.wrong} bytes are wrong")
        if case.leftover:
            wrong.append(f"{name}: {case.leftover} of {case.padding} bytes around it were "
                         + ("seen" if case.direction == "to" else "changed"))
    if len(found) != CASES:
        wrong.append(f"{len(found)} mappings, not {CASES}")
    if not dirty:
        wrong.append(f"none was where other data were: {USELESS}")
    return _told(wrong)


def padding_spec(arch):
    """Return a function that specifies a boot with QEMU's edu device behind an IOMMU."""
    def make(kernel, append, vcpus, memory_mib, ignore):
        return run.Spec(kernel, "padding", append, vcpus, memory_mib, timeout=300, arch=arch,
                        devices=(f"edu,bus={acpi.port(0)},dma_mask={EDU_MASK:#x}",),
                        external=True, ignore=ignore)
    return make


# --- another kernel -----------------------------------------------------------------

PANIC = "Kernel panic - not syncing: sysrq triggered crash"


def _disks(disks, mib):
    return [machine.Disk(kind, 4 * mib) for kind in disks]


def next_spec(scenario, disks, append_next, mib=4):
    """Return a function that specifies a boot of a kernel, and of another one after it, with
    @append_next on its command line."""
    def make(kernel, append, vcpus, memory_mib, ignore):
        files = {"boot/kernel": pathlib.Path(kernel).read_bytes(),
                 "bin/kexec": pathlib.Path(programs.kexec(machine.MachineError)).read_bytes()}
        return run.Spec(kernel, scenario, append, vcpus, memory_mib, _disks(disks, mib),
                        {"DISKS": " ".join(disks), "SIZE": mib, "BOUNCE": 1, "LEAKS": "",
                         "ENGINE": "io_uring", "DUMP": 3 * mib, "APPEND": append_next},
                        files, timeout=600, ignore=ignore)
    return make


def _slots(result, frame):
    return int(result.values(frame).get("io_tlb_nslabs", "0"))


def started(slots):
    """Return a check that the next kernel ran, with at least @slots in its pools."""
    def check(result):
        there = f"{NEXT}swiotlb" in result.reader.frames
        found = _slots(result, f"{NEXT}swiotlb") if there else 0
        run.say(f"{_slots(result, 'swiotlb')} slots, then {found}")
        wrong = [] if there else ["the next kernel has not said anything"]
        if there and found < slots:
            wrong.append(f"the next kernel has {found} slots, not {slots}")
        return _told(wrong)
    return check


def crashed(slots, said=""):
    """Return a check that the kernel crashed under load, only because sysrq triggered it, and
    that the next one passes started(), and logs @said."""
    def check(result):
        text = result.log.read_text(errors="replace")
        found = [finding for finding in klog.scan(text, ("trace",))
                 if PANIC not in finding.line]
        wrong = [str(finding) for finding in found]
        if PANIC not in text:
            wrong.append("it did not crash")
        if result.values("load")["used"] == "0":
            wrong.append(f"nothing was bounced when it crashed: {USELESS}")
        if said not in text:
            wrong.append(f"the log does not say: {said}")
        after = started(slots)(result)
        return _told([*wrong, *([after] if after else [])])
    return check


# --- hibernation --------------------------------------------------------------------

ROUNDS = 2
# Up to 64 MiB: 2 threads with 128 mappings of 256 KiB. A thread that has them all unmaps half.
GROW = {"grow": "-k -b 64 -T 20 -t 2 -D 128 -S 262144 -d 1"}
SWAP_MIB = 1024
NODES = {"virtio-blk": "vda", "nvme": "nvme0n1"}
LOADED = "Image loading done"


def hibernate_spec(disks, swap, mib=2):
    def make(kernel, append, vcpus, memory_mib, ignore):
        return run.Spec(kernel, "hibernate", f"{append} resume=/dev/{NODES[swap]} resumewait",
                        vcpus, memory_mib,
                        [*_disks(disks, mib), machine.Disk(swap, SWAP_MIB)],
                        {"DISKS": " ".join(disks), "SWAP": swap, "SIZE": mib,
                         "ENGINE": "io_uring", "ROUNDS": ROUNDS},
                        mapbench.files(GROW, mapbench.tool()), timeout=900,
                        devices=(mapbench.DEVICE,), ignore=ignore, reboots=True)
    return make


def hibernated(result):
    """Check that pools that were added at run time came back with the image."""
    rounds = [tuple(map(int, line.split())) for line in result.text("rounds").splitlines()]
    wrong = []
    for number, boot, before, after in rounds:
        run.say(f"round {number}: {boot} slots after boot, {before} before hibernation, "
                f"{after} after it")
        if not before > boot or not after > boot:
            wrong.append(f"round {number}: no pool was in the image: {USELESS}")
    if len(rounds) != ROUNDS:
        wrong.append(f"{len(rounds)} rounds, not {ROUNDS}")
    if result.log.read_text(errors="replace").count(LOADED) != ROUNDS:
        wrong.append(f"the log does not say {ROUNDS} times: {LOADED}")
    return _told(wrong)


# --- suspend ------------------------------------------------------------------------

# Words for /sys/power/state and for pm_test: "core" stops all CPUs but one. The machine never
# really sleeps: QEMU, with these options, would end.
STATES = ("freeze:devices", "freeze:platform", "mem:devices", "mem:core") * 2
SUSPEND_APPEND = "suspend.pm_test_delay=1"
# Lines that the log has for each state
SUSPEND_TESTED = "suspend debug: Waiting for"
SUSPENDED = "PM: suspend exit"
# Throttle in bytes per second: requests are in flight for half a second.
SUSPEND_BPS = 8 << 20
# See guest/lib/load.sh
LOAD_MIB = 8


def suspend_spec(disks, mib=1):
    def make(kernel, append, vcpus, memory_mib, ignore):
        return run.Spec(kernel, "suspend", f"{append} {SUSPEND_APPEND}", vcpus, memory_mib,
                        [machine.Disk(kind, 4 * mib + LOAD_MIB, SUSPEND_BPS) for kind in disks],
                        {"DISKS": " ".join(disks), "SIZE": mib, "ENGINE": "io_uring",
                         "STATES": " ".join(STATES), "BOOT": growth.BOOT_SLOTS},
                        timeout=900, ignore=ignore)
    return make


def suspended(own):
    """Return a check that the machine was suspended in all STATES, with requests in flight and
    added pools; with @own, also pools of single devices."""
    def check(result):
        lines = [line.split() for line in result.text("rounds").splitlines()]
        wrong = []
        for state, level, *numbers in lines:
            flying, used, slots, single = map(int, numbers)
            run.say(f"{state}, {level}: {flying} requests in flight on the last disk, {used} slots "
                    f"in use of {slots}, {single} of single devices")
            if not flying or not used or slots <= growth.BOOT_SLOTS or (own and not single):
                wrong.append(f"{state}, {level}: nothing in flight in added pools: {USELESS}")
        if [f"{state}:{level}" for state, level, *_ in lines] != [*STATES]:
            wrong.append(f"{len(lines)} states, not {len(STATES)}")
        log = result.log.read_text(errors="replace")
        for line in (SUSPENDED, SUSPEND_TESTED):
            if log.count(line) != len(STATES):
                wrong.append(f"the log does not say {len(STATES)} times: {line}")
        return _told(wrong)
    return check


# --- memory that is plugged and unplugged --------------------------------------------

def memory_spec(disks, rounds, mib=1):
    def make(kernel, append, vcpus, memory_mib, ignore):
        return run.Spec(kernel, "memory", append, vcpus, memory_mib, _disks(disks, mib),
                        {"DISKS": " ".join(disks), "SIZE": mib, "ENGINE": "io_uring",
                         "ROUNDS": rounds},
                        mapbench.files(GROW, mapbench.tool()), timeout=900,
                        devices=(mapbench.DEVICE,), ignore=ignore, plugs=True)
    return make


def plugged(rounds):
    """Return a check that memory was plugged and unplugged, and that pools were added and freed,
    in all @rounds."""
    def check(result):
        found = [tuple(map(int, line.split())) for line in result.text("rounds").splitlines()]
        pools, events = result.values("pools"), result.values("swiotlb")
        wrong = []
        for number, blocks, online, offline in found:
            run.say(f"round {number}: {blocks} blocks came, {online} were used, {offline} went")
            if not blocks or not online or offline != online:
                wrong.append(f"round {number}: {offline} of {online} blocks went")
        run.say(f"{pools['cycles']} times pools were added, {pools['most']} slots at most, "
                f"{events.get('events.grown')} added, {events.get('events.freed')} freed")
        if len(found) != rounds:
            wrong.append(f"{len(found)} rounds, not {rounds}")
        if not int(events.get("events.grown", "0")) or not int(events.get("events.freed", "0")):
            wrong.append(f"no pool came or went: {USELESS}")
        return _told(wrong)
    return check
