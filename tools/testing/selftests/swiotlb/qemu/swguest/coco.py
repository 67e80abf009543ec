# SPDX-License-Identifier: GPL-2.0-only
"""Checks of a confidential guest: its specifications, and the verdicts on its reports.

The guest does not need the hardware: drivers/virt/coco/cocotest.c counts shared pages by their
user, and an emulated IOMMU keeps devices from all other pages.
"""

import re
from typing import NamedTuple

from . import growth, klog, machine, network, run

PAGE = 4096
MIB = 1 << 20
PAGES_PER_MIB = MIB // PAGE
# Counters that must stay 0 in each run
NEVER = {"faults": "accesses to private memory", "in_atomic": "conversions in atomic context",
         "wrong_state": "pages converted to the state that they had",
         "freed_shared": "pages freed while shared", "reused": "lost pages used again",
         "unmapped": "pages that the IOMMU does not have as it should"}
# Limit of the disk in bytes per second: so slow that all queues of the driver are full.
BPS = 16 * MIB
# Slow enough that nearly all reads of a load are in flight for some ten seconds, on any host
SLOW_BPS = 2 * MIB
# Seconds from one job to the next: long enough for an emulated guest to convert a pool
RAMP = 6
# This must fit in the buffers from the guest to the server and back: the program in the guest
# does not read while it cannot write.
STREAM_KIB = 256
STREAMS, ROUNDS = 4, 8
BURST_MIB = 32
# Time of a conversion in rows in which conversions are slow: longer than a hypervisor needs.
DELAY_MS = 300
BURST_JOBS = 4
REST = 60
# Documented size of the pool made at boot, if pools can be added
BOOT_MIB = 64
# More than 1 GiB in flight for HOLD_SECONDS, by jobs with few requests that start one after the
# other. With HOLD_CPUS CPUs, the requests of all jobs fit into the queues of their disk.
HOLD_CPUS, HOLD_MIB, HOLD_SECONDS = 4, 1024, 60
HOLD_JOBS = {"nvme": 32, "virtio-blk": 4}
HOLD_DEPTH, HOLD_KIB, HOLD_RAMP_MS = 248, 128, 1500
HOLD_APPEND = "swiotlb=track_hiwater nvme.io_queue_depth=2047"
# Longest time in which the accounts may differ without a conversion: a pool is converted
# before it is in the list of pools, or a grace period after it was removed.
SECONDS_APART = 5
# Transient pools may take 1 MiB of the atomic pools, which double when little is left.
MOST_ATOMIC_MIB = 4
# Warnings of an injected failure of a conversion, and of exhausted atomic pools, which the
# base causes
INJECTED = re.compile(r"WARNING: arch/x86/mm/pat/set_memory\.c")
EXHAUSTED = re.compile(r"WARNING: kernel/dma/pool\.c")
# Signatures of these lines and their stacks. _unexpected() finds all other warnings.
IGNORE = ("warning", "trace")


class Line(NamedTuple):
    """A line of coco_line() in guest/lib/coco.sh: memory is in pages, @used and @transient in
    slots."""

    when: str
    seconds: float
    calls: int
    swiotlb: int
    atomic: int
    coherent: int
    other: int
    pools: int
    dma_pools: int
    used: int
    transient: int

    @property
    def shared(self):
        return self.swiotlb + self.atomic + self.coherent + self.other

    def closes(self, lost):
        """Return whether the pools account for all shared pages."""
        return (self.swiotlb == self.pools + lost and self.atomic == self.dma_pools
                and not self.other)


class Round(NamedTuple):
    """A line of coco_round() in guest/lib/coco.sh: calls by swiotlb, and pools."""

    when: str
    decrypts: int
    encrypts: int
    grown: int
    freed: int

    @property
    def added(self):
        return self.grown - self.freed


def rounds(result):
    return [Round(when, *map(int, numbers)) for when, *numbers in
            map(str.split, result.text("rounds").splitlines())]


def lines(result):
    found = []
    for text in result.text("lines").splitlines():
        when, seconds, *numbers = text.split()
        found.append(Line(when, float(seconds), *map(int, numbers)))
    return found


def counters(result):
    return {name: int(value) for name, value in result.values("coco").items()}


def conversions(values):
    """Return how often swiotlb has converted memory."""
    return values["swiotlb_decrypts"] + values["swiotlb_encrypts"]


def is_base(result):
    """Return whether the kernel is the base, which has no table of events."""
    return not growth.events(result)


def _mib(pages):
    return f"{pages / PAGES_PER_MIB:.1f} MiB"


def _never(values):
    return [f"{values[name]} {what}" for name, what in NEVER.items() if values[name]]


# --- accounting -------------------------------------------------------------------

def _open_end(found, lost):
    """Return the longest time without a conversion in which a line does not close, in seconds."""
    longest, since = 0, None
    for line in found:
        if line.closes(lost):
            since = None
        elif since is None or since.calls != line.calls:
            since = line
        else:
            longest = max(longest, line.seconds - since.seconds)
    return longest


def accounting(found, lost=0):
    """Yield the errors of the accounts. @lost: pages that are lost at the end."""
    first, last = found[0], found[-1]
    load = [line for line in found if line.when not in ("boot", "rest", "after")]
    closed = sum(line.closes(lost) or line.closes(0) for line in load)
    run.say(f"shared at boot: {_accounts(first)}; afterwards: {_accounts(last)}; it closes "
            f"in {closed} of {len(load)} samples under load")
    if not first.closes(0):
        yield f"at boot it does not close: {_accounts(first)}"
    if not last.closes(lost):
        yield f"afterwards it does not close, {lost} pages are lost: {_accounts(last)}"
    if first.coherent != last.coherent:
        yield f"coherent memory: {first.coherent} pages before, {last.coherent} afterwards"
    if not closed:
        yield "it closes in no sample under load"
    if not lost and _open_end(found, 0) > SECONDS_APART:
        yield f"it did not close for {_open_end(found, 0):.1f} s without a conversion"


def _accounts(line):
    return (f"{line.shared} pages = swiotlb {line.swiotlb} (its pools {line.pools}) + atomic "
            f"{line.atomic} (dma_pools {line.dma_pools}) + coherent {line.coherent} + "
            f"other {line.other}")


# --- rows ---------------------------------------------------------------------------

def _spec(scenario, disks, conf, timeout=600, **more):
    def make(kernel, append, vcpus, memory_mib, ignore):
        return run.Spec(kernel, scenario, f"{append} {growth.HELD_APPEND}", vcpus, memory_mib, disks,
                        {"ENGINE": "io_uring", **conf}, timeout=timeout, ignore=ignore,
                        iothread=False, arch="coco", **more)
    return make


def on(arch, make):
    """Return @make for that machine."""
    def made(*args):
        spec = make(*args)
        spec.arch = arch
        return spec
    return made


def verify_spec(disks, mib, tree="", **conf):
    """@tree: source to add to QEMU's device tree."""
    return _spec("coco", [machine.Disk(kind, 4 * mib) for kind in disks],
                 {"DISKS": " ".join(disks), "SIZE": mib, **conf}, device_tree=tree)


def hold_spec(seconds):
    """Specify a load that has HOLD_MIB in flight for @seconds. The first job reads most until the
    last one has started, about 100 MiB; then all read less than a MiB per second. The load lasts a
    few seconds longer, since the check only has the time from the first sample to the last one.
    """
    mib, count = 192 + seconds, sum(HOLD_JOBS.values())
    jobs = [disk for disk, number in HOLD_JOBS.items() for _ in range(number)]
    return _spec("coco-hold", [machine.Disk(disk, mib, BPS * number // count)
                               for disk, number in HOLD_JOBS.items()],
                 {"DISKS": " ".join(HOLD_JOBS), "JOBS": " ".join(jobs), "SIZE": mib,
                  "BS": f"{HOLD_KIB}k", "DEPTH": HOLD_DEPTH, "RAMP": HOLD_RAMP_MS, "REST": REST,
                  "HOLD": seconds + 5, "LEAST": HOLD_MIB * MIB // growth.SLOT},
                 timeout=600 + 2 * seconds)


def burst_spec(bps=BPS, **conf):
    disk = machine.Disk("nvme", BURST_JOBS * BURST_MIB, bps)
    return _spec("coco-burst", [disk],
                 {"DISKS": "nvme", "SIZE": BURST_MIB, "BS": "64k", "RAMP": 0, "REST": REST,
                  "FAIL_PAGES": 1, "FAIL_DECRYPT": 0, "FAIL_ENCRYPT": 0, "FAIL_REST": 0, **conf})


def sizes_spec(ramp):
    """Specify a load that has twice as much in flight as the pool made at boot has room for."""
    return burst_spec(SLOW_BPS, BS="128k", RAMP=ramp)


def network_spec():
    server = network.Echo()
    return _spec("coco-net", (), {"DISKS": "", "SERVER": server.ADDRESS, "PORT": server.PORT,
                                  "STREAMS": STREAMS, "ROUNDS": ROUNDS, "KIB": STREAM_KIB},
                 network=server)


def control_spec():
    return _spec("coco-control", [machine.Disk("nvme", 16)], {"DISKS": "nvme"})


def _told(wrong):
    return "\n".join(wrong) or None


def held(disks):
    """Return a check that all data is read back, and that devices saw only shared memory."""
    def check(result):
        values, found = counters(result), lines(result)
        run.say(f"{values['decrypts']} calls decrypt and {values['encrypts']} encrypt, "
                f"{conversions(values)} of them by swiotlb; {values['faults']} faults, "
                f"{values['in_atomic']} in atomic context, {values['wrong_state']} wrong states, "
                f"{values['freed_shared']} freed while shared")
        wrong = [*_never(values), *accounting(found)]
        if values["devices"] < len(disks):
            wrong.append(f"{values['devices']} devices are confined, not {len(disks)}")
        for disk in disks:
            most = max((line.used for line in found if line.when == disk), default=0)
            run.say(f"{disk}: up to {most} slots in use")
            if most <= found[0].used:
                wrong.append(f"{disk} did not bounce")
        return _told(wrong)
    return check


def restricted(disks):
    """Return the check of held() for disks with a restricted pool, and check that this pool was
    shared once, that no other pool was used, and that none was added.
    """
    def check(result):
        wrong = [*filter(None, (held(disks)(result),))]
        before, after = rounds(result)
        most = result.values("swiotlb")["io_tlb_used_hiwater"]
        run.say(f"{before.decrypts} decryptions for the boot pool, the restricted pool and "
                f"{before.grown} that were added at boot; up to {most} slots of the default pool in use")
        if before.decrypts != before.grown + 2:
            wrong.append(f"{before.decrypts} decryptions, not {before.grown + 2}")
        if before[1:] != after[1:]:
            wrong.append(f"pools were added or converted: {before}, {after}")
        if most != "0":
            wrong.append(f"{most} slots of the default pool were used")
        return _told(wrong)
    return check


def locked(result):
    """Check that all statistics of the default allocator can be read while debugfs is closed."""
    files = result.values("low")
    run.say(", ".join(f"{name} {value}" for name, value in files.items()))
    wrong = [f"low/{name} cannot be read" for name, value in files.items() if not value]
    wrong += [f"low/{name} is 0 after a load" for name in
              ("total_bytes", "peak_bytes", "bounced_bytes", "pools", "cc_shared")
              if files.get(name, "0") == "0"]
    return _told([*wrong, *filter(None, (held(("nvme",))(result),))])


def _status(result):
    return [f"fio, {line.replace('=', ' load: ')}" for line in result.text("status").splitlines()
            if not line.endswith("=0")]


def _conversions(result, whole):
    """Yield what is wrong with the conversions by swiotlb: at the end of each round, the boot pool
    and each pool that was added were decrypted once, and each pool that was freed was encrypted
    once; and as many pools are left as before the load. @whole: whether the boot pool, too,
    consists of ranges of 2 MiB, as all added pools do.
    """
    split, (before, *ended) = counters(result)["split"], rounds(result)
    for at in (before, *ended):
        run.say(f"{at.when}: {at.decrypts} decryptions for the boot pool and {at.grown} pools that "
                f"were added, {at.encrypts} encryptions for {at.freed} that were freed")
        if at.decrypts != at.grown + 1:
            yield f"{at.when}: {at.decrypts} decryptions, not {at.grown + 1}"
        if at.encrypts != at.freed:
            yield f"{at.when}: {at.encrypts} encryptions, not {at.freed}"
        if at.added != before.added:
            yield f"{at.when}: {at.added} pools are left, not {before.added} as before"
    for last, at in zip((before, *ended), ended):
        if at.grown == last.grown:
            yield f"{at.when}: no pool was added"
    run.say(f"{split} conversions split a range of 2 MiB")
    if split != (not whole):
        yield f"{split} conversions split a range of 2 MiB"


def _highest(result, frame):
    """Return the highest start of a pool in the list of pools in @frame."""
    return max(int(line.split()[1], 16) for line in result.text(frame).splitlines()[1:])


def _unexpected(result, *expected):
    """Return the findings in the log, except the expected ones and those known of the base."""
    expected += (EXHAUSTED,) if is_base(result) else ()
    found = klog.scan(result.log.read_text(errors="replace"), ("trace", "swiotlb-full"))
    return [str(finding) for finding in found
            if not any(pattern.search(finding.line) for pattern in expected)]


def _say_burst(result, found):
    values, events = counters(result), growth.events(result)
    first, last = found[0], found[-1]
    load = [line for line in found if line.when == "load"]
    end = next(line for line in found if line.when == "end")
    back = next((line for line in found if line.when in ("end", "rest", "after")
                 and line.swiotlb <= first.swiotlb), None)
    run.say(f"{conversions(values)} conversions, most shared for swiotlb "
            f"{_mib(values['most_swiotlb'])}, most in use "
            f"{max(line.used for line in load) / 512:.1f} MiB, "
            f"transient pools: {events.get('transient', 'not counted')}, most of them "
            f"at once {max(line.transient for line in load) / 512:.1f} MiB")
    run.say(f"swiotlb: {_mib(first.swiotlb)} at boot, {_mib(end.swiotlb)} at the end of the "
            f"load, {_mib(last.swiotlb)} {last.seconds - end.seconds:.0f} s after it"
            + (f", back after {back.seconds - end.seconds:.0f} s" if back else ", kept"))
    run.say(f"atomic pools: {_mib(first.atomic)} before, {_mib(last.atomic)} after; "
            f"exhausted: {result.text('warnings').count('DMA pool exhausted')}")
    return back


def grew(result):
    """Check that the pools grew for the load, that no page was lost, and that our pools have
    their size at boot again.
    """
    found, values = lines(result), counters(result)
    back = _say_burst(result, found)
    wrong = [*_status(result), *_never(values), *_unexpected(result), *accounting(found)]
    if values["most_swiotlb"] <= found[0].swiotlb:
        wrong.append("it did not grow")
    if is_base(result):
        return _told(wrong)
    wrong += _conversions(result, False)
    if not back or found[-1].swiotlb != found[0].swiotlb:
        wrong.append(f"{_mib(found[-1].swiotlb)} {REST} s after the load")
    if found[-1].atomic - found[0].atomic > MOST_ATOMIC_MIB * PAGES_PER_MIB:
        wrong.append(f"the atomic pools keep {_mib(found[-1].atomic)}")
    return _told(wrong)


def _failed_maps(result):
    """Return the number of maps that failed; the base only logs some of them."""
    counted = growth.events(result).get("full")
    return result.text("klog").count("swiotlb buffer is full") if counted is None else counted


class Sizes(NamedTuple):
    """Memory that a guest shares for swiotlb: pages at boot, in use, at most and at the end; and
    the maps that failed, of which the base only logs some, and conversions."""

    boot: int
    used: int
    held: int
    end: int
    failed: int
    conversions: int


def sizes(result):
    found, values = lines(result), counters(result)
    used = max(line.used for line in found) * growth.SLOT // PAGE
    return Sizes(found[0].swiotlb, used, values["most_swiotlb"], found[-1].swiotlb,
                 _failed_maps(result), conversions(values))


def unsound(result):
    """Return the errors of a load in a guest of some size, on either kernel."""
    return [*_status(result), *_never(counters(result)), *_unexpected(result), *accounting(lines(result))]


def _sizes(result):
    """Print a line for the table of sizes. Return (failed maps, errors).
    """
    _say_burst(result, lines(result))
    boot, used, held, end, failed, conversions = sizes(result)
    run.say(f"sizes: {_mib(boot)} at boot, {_mib(used)} in use, {_mib(held)} "
            f"held, {_mib(end)} at the end; {'logged' if is_base(result) else 'all'} "
            f"failed maps: {failed}; {conversions} conversions")
    wrong = unsound(result)
    if is_base(result):
        return failed, wrong
    wrong += _conversions(result, True)
    if boot != BOOT_MIB * PAGES_PER_MIB:
        wrong.append(f"{_mib(boot)} at boot")
    if used <= boot:
        wrong.append("the load fits into the pool made at boot: the test proves nothing")
    if end != boot:
        wrong.append(f"{_mib(end)} {REST} s after the load")
    return failed, wrong


def small_at_boot(above):
    """Return a check of a guest with all defaults and, after a while, more in flight than the pool
    made at boot has room for: no map fails, and afterwards there is only that pool again.
    @above: an address above which pools must have been added.
    """
    def check(result):
        failed, wrong = _sizes(result)
        if is_base(result):
            return _told(wrong)
        highest = _highest(result, "pools.first")
        run.say(f"the highest pool begins at {highest:#x}")
        if failed:
            wrong.append(f"{failed} maps failed")
        if highest < above:
            wrong.append(f"no pool was added above {above:#x}")
        return _told(wrong)
    return check


def in_flight(seconds):
    """Return a check that HOLD_MIB were in flight for @seconds, that no map failed, and that
    afterwards there is only the pool made at boot.
    """
    def check(result):
        failed, wrong = _sizes(result)
        longest, since = 0, None
        for line in lines(result):
            since = (since or line) if line.used >= HOLD_MIB * MIB // growth.SLOT else None
            longest = max(longest, line.seconds - since.seconds) if since else longest
        peak = int(result.values("swiotlb")["io_tlb_used_hiwater"]) * growth.SLOT / MIB
        run.say(f"{HOLD_MIB} MiB or more in use for {longest:.0f} s, at most {peak:.1f} MiB")
        if longest < seconds:
            wrong.append(f"{HOLD_MIB} MiB were in use for {longest:.0f} s, not {seconds}")
        if failed or "swiotlb buffer is full" in result.text("klog"):
            wrong.append(f"{failed} maps failed")
        return _told(wrong)
    return check


def at_once(result):
    """Check a load that begins at once: before a pool is converted, which takes seconds in an
    emulated guest, maps may fail. They are retried, and all I/O succeeds.
    """
    return _told(_sizes(result)[1])


def clean(result):
    """Check that no page with private data became shared for swiotlb or the atomic coherent
    pools, although free memory was full of such data. Coherent memory is cleared after it was shared.
    """
    values = counters(result)
    known = {owner: values[f"{owner}_canaries"] for owner in ("swiotlb", "atomic")}
    run.say(f"{_mib(values['filled'])} of free memory filled with private data; pages that "
            f"became shared with it: {known['swiotlb']} for swiotlb, {known['atomic']} for the atomic pools, "
            f"{values['canaries'] - sum(known.values())} for all else; {conversions(values)} conversions")
    wrong = [*_status(result), *_never(values), *_unexpected(result)]
    if values["filled"] < 256 * PAGES_PER_MIB or values["most_swiotlb"] < 8 * PAGES_PER_MIB:
        wrong.append("too little was filled or shared: the test proves nothing")
    # The base clears a pool only after sharing it, and the atomic pools only where they are used.
    for owner, dirty in (("swiotlb", values["swiotlb_canaries"]), ("atomic pools", values["atomic_canaries"])):
        if dirty and not is_base(result):
            wrong.append(f"{dirty} pages became shared with private data for {owner}")
    return _told(wrong)


def carried(result):
    """Check that all data came back over the network as it was sent, that the card saw only
    shared memory, and that no page became shared with private data.
    """
    values, found = counters(result), lines(result)
    moved = {name: int(value) for name, value in result.values("net").items()}
    most = max(line.used for line in found if line.when == "net")
    dirty, want = values["swiotlb_canaries"], STREAMS * ROUNDS * STREAM_KIB << 10
    run.say(f"{moved['sent']} bytes sent, {moved['received']} received, up to {most} slots in "
            f"use, {conversions(values)} conversions by swiotlb; {values['faults']} faults; "
            f"{_mib(values['filled'])} filled with private data, {dirty} pages became shared "
            "with it for swiotlb")
    wrong = [*_never(values), *_unexpected(result), *accounting(found)]
    if min(moved.values()) < want or not most or not values["devices"]:
        wrong.append("too little has moved, or it did not bounce: the test proves nothing")
    if is_base(result):
        return _told(wrong)
    if values["most_swiotlb"] <= found[0].swiotlb:
        wrong.append("no page became shared: the test proves nothing")
    if dirty:
        wrong.append(f"{dirty} pages became shared with private data")
    return _told(wrong)


def _injected(result, decrypts, encrypts):
    found, values, events = lines(result), counters(result), growth.events(result)
    leaked = events.get("leaked_bytes", 0)
    _say_burst(result, found)
    run.say(f"{values['failed_decrypts']} decryptions and {values['failed_encrypts']} "
            f"encryptions failed, {values['lost']} pages lost, {leaked} bytes counted as such, "
            f"{events.get('grow_failed', 'not counted')} times that memory was short")
    wrong = [*_status(result), *_never(values), *_unexpected(result, INJECTED)]
    if (values["failed_decrypts"] > 0) != decrypts:
        wrong.append(f"{values['failed_decrypts']} decryptions failed")
    if (values["failed_encrypts"] > 0) != encrypts:
        wrong.append(f"{values['failed_encrypts']} encryptions failed")
    if not is_base(result) and leaked != values["lost"] * PAGE:
        wrong.append(f"{leaked} bytes are counted as lost, not {values['lost'] * PAGE}")
    said = "stay decrypted and are lost" in result.text("klog")
    if not is_base(result) and said != bool(values["lost"]):
        wrong.append(f"the log does {'' if said else 'not '}say that memory is lost")
    return found, values, wrong


def undecrypted(result):
    """Check that transient pools serve all I/O if decryption fails, and that no page is lost."""
    found, _, wrong = _injected(result, True, False)
    if not is_base(result) and not growth.events(result)["transient"]:
        wrong.append("no transient pool was made: the test proves nothing")
    return _told([*wrong, *accounting(found)])


def unencrypted(result):
    """Check that pages that cannot be encrypted are lost, counted, logged and not reused."""
    found, values, wrong = _injected(result, False, True)
    return _told([*wrong, *accounting(found, values["lost"])])


def undone(result):
    """Check the same if decryption fails half way and cannot be undone: half stays shared."""
    found, values, wrong = _injected(result, True, True)
    return _told([*wrong, *accounting(found, values["lost"] // 2)])


def caught(result):
    """Check that each violation was detected, and none before it was committed."""
    control, values = result.values("control"), counters(result)
    before, skipped, after = (control[f"{when}.data"] for when in ("before", "skipped", "after"))
    faults = {when: int(control[f"{when}.faults"]) for when in ("before", "skipped", "after")}
    run.say(f"not bounced: {faults['skipped']} faults, data "
            f"{'arrives' if skipped == before else 'does not arrive'}; bounced again: data "
            f"{'arrives' if after == before else 'does not arrive'}")
    run.say(", ".join(f"{name} {control[f'clean.{name}']} -> {values[name]}" for name in
                      ("in_atomic", "wrong_state", "freed_shared", "canaries", "other")))
    wrong = []
    if faults["before"]:
        wrong.append(f"{faults['before']} faults before there was a violation")
    if not faults["skipped"]:
        wrong.append("no fault when bouncing was skipped")
    if skipped == before:
        wrong.append("data arrived in private memory")
    if after != before:
        wrong.append("data do not arrive after it")
    for name in ("in_atomic", "wrong_state", "freed_shared", "canaries", "other"):
        if control[f"clean.{name}"] != "0":
            wrong.append(f"{name} was {control[f'clean.{name}']} before there was a violation")
        if not values[name]:
            wrong.append(f"{name}: not noticed")
    if not any(accounting(lines(result))):
        wrong.append("the accounting closes all the same")
    return _told(wrong)
