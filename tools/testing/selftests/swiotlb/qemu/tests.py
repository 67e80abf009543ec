#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Guest tests of swiotlb: boot a kernel for each row of TESTS, print KTAP.

The group of a row selects its kernel: lean, or a kernel with the fragment (debug, kcsan,
xen, coco, pc, rt) or for the architecture (i386, um, arm64-coco) of that name.
"""

import argparse
import pathlib
import resource
import sys
import time
from typing import Callable, NamedTuple

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from swguest import coco, devicetree, dmabuf, growth, klog, kselftest, machine  # noqa: E402
from swguest import mapbench, numa, params, paths, pc, run, uml, unplug, xen  # noqa: E402

DISKS = ("virtio-blk", "nvme", "ahci")
DEFAULT_SLOTS = params.DEFAULT_SLOTS
SKIP = "4"
# Make all reports of a debug kernel panic.
DEBUG = "panic_on_warn=1"
LEAKS = f"{DEBUG} kmemleak=on"


# --- checks of a successful boot -------------------------------------------
# Each takes a result and returns the problem, or None.

def nothing_more(_result):
    return None


def slots(expected, more=False):
    """@more: whether there may be more."""
    def check(result):
        found = int(result.values("swiotlb").get("io_tlb_nslabs", "0"))
        return None if found == expected or more and found > expected else \
            f"io_tlb_nslabs is {found}, not {expected}{' or more' if more else ''}"
    return check


def no_pool(result):
    found = result.values("swiotlb").get("io_tlb_nslabs", "0")
    return None if found == "0" else f"there are {found} slots"


def hiwater(result):
    values = result.values("swiotlb")
    mark = int(values.get("io_tlb_used_hiwater", "0"))
    return None if mark > 0 else "the high-water mark is 0 after a load"


def grown(result):
    """Check by the events that pools were added: they may have been freed again by now."""
    found = int(result.values("swiotlb").get("events.grown", "0"))
    return None if found else "no pool was added"


def no_room(mib):
    """Return a check that maps found no room at the limit of @mib; swio has verified the data."""
    def check(result):
        found = int(result.values("swiotlb")["io_tlb_nslabs"])
        if found > mib * growth.MIB // growth.SLOT:
            return f"{found} slots are more than {mib} MiB"
        failed = growth.events(result)["at_limit"]
        run.say(f"{failed} maps failed at the limit")
        return None if failed else "all maps found room"
    return check


def hotplugged(result):
    rounds = int(result.values("hotplug")["rounds"])
    return None if rounds >= HOTPLUG_ROUNDS else f"{rounds} rounds"


def faults(result):
    """Check that each round of faults.sh had failures of its kind."""
    values = result.values("faults")
    for names in (("metadata_slab",), ("pages_pages",), ("half_slab", "half_pages"),
                  ("atomic_slab",), ("atomic_pages",)):
        if not any(int(values[name]) for name in names):
            return f"no allocation failed of {', '.join(names)}"
    return None


def highmem(result):
    """Check by the tracepoint that high memory was bounced; swio has verified the data."""
    values = result.values("swio")
    maps, kib = int(values["highmem_maps"]), int(values["highmem_bytes"]) >> 10
    run.say(f"{maps} mappings of high memory, {kib} KiB")
    return None if kib >= 1024 else f"{kib} KiB of high memory were bounced"


def no_race(result):
    """Check that KCSAN reported no race in swiotlb; other races do not matter."""
    found = klog.races(result.log.read_text(errors="replace"))
    ours = [race for race in found if race.concerns("swiotlb")]
    run.say(f"{len(found)} races, {len(ours)} of them in swiotlb")
    return "\n".join(race.text for race in ours) or None


# Common options of the benchmark of map and unmap.
MAP_OPTIONS = "-k -p -b 64 -T 300"
MAP_ROWS = {
    "one": f"{MAP_OPTIONS} -t 2 -S 64 -d 1",
    "deep": f"{MAP_OPTIONS} -t 2 -S 4096 -D 64 -d 2",
    "cross": f"{MAP_OPTIONS} -t 2 -S 64:65536 -D 16 -c",
    "sg": f"{MAP_OPTIONS} -t 2 -g 4 -D 4 -m 1",
    # These requests exceed the largest mapping, always or sometimes.
    "too-large": f"{MAP_OPTIONS} -t 2 -S 524288 -D 4",
    "some-too-large": f"{MAP_OPTIONS} -t 2 -S 65536:524288 -D 8",
    "cross-too-large": f"{MAP_OPTIONS} -t 2 -S 65536:524288 -D 8 -c",
    "bad-depth": "-k -T 10 -D 3",
    "bad-size": "-k -T 10 -S 48:96",
    "bad-most": "-k -T 10 -S 8388608",
    "first-version": "-s 1 -d 1 -b 64",
}
# (Whether some maps must succeed, whether some must fail); by default, all must succeed.
MAP_FAILURES = {"too-large": (False, True), "some-too-large": (True, True),
                "cross-too-large": (True, True)}


def _map_row(result, name):
    values = result.values(name + mapbench.FRAME)
    if name.startswith("bad-"):
        return None if values["status"] == "1" else "was not refused"
    if name == "first-version":
        text = result.text(name + mapbench.FRAME)
        return None if "average map latency(us):" in text and \
            values["status"] == "0" else f"says: {text}"
    cross = " -c" in MAP_ROWS[name]
    return mapbench.wrong(values, 2, cross, *MAP_FAILURES.get(name, (True, False)))


def map_rows(result):
    for name in MAP_ROWS:
        why = _map_row(result, name)
        if why:
            return f"row {name}: {why}"
    return None


def kselftests(result):
    return kselftest.wrong(result.text("kselftest"), 8)


def kselftests_natively(result):
    """Check the kselftest in User Mode Linux, which has no free device for the benchmark."""
    return kselftest.wrong(result.text("kselftest"), 8, ("map_benchmark",))


class Test(NamedTuple):
    """One boot. @bounce: whether the disks must (True), must not (False) or may (None) use
    bounce buffers; @ours: the base kernel does not support it; @base: it is for the base
    kernel alone, and shows its faults; @mib: size of each job of a disk; @bps: bytes per
    second that are read from a disk, 0 for no limit; @ignore: as in
    run.Spec; @leaks: kmemleak must find no leak; @tree: source to add to QEMU's device tree;
    @pool: the pool that must be used; @make: function that makes an unusual specification
    of the boot from kernel, append, vcpus, memory and ignore;
    @caller: the code through which the drivers of the disks use the pool.
    """

    name: str
    append: str
    vcpus: int = 4
    memory_mib: int = 1024
    scenario: str = "verify"
    disks: tuple = DISKS
    bounce: bool | None = True
    expect: Callable = nothing_more
    ours: bool = False
    base: bool = False
    mib: int = 4
    bps: int = 0
    group: str = "lean"
    ignore: tuple = ()
    leaks: bool = False
    tree: str = ""
    pool: str = ""
    make: Callable | None = None
    caller: str = "dma-direct"
    arch: str = ""
    external: bool = False


def debug(name, append, **more):
    """Make a row for the debug kernel. Under emulation it takes about five times as long as
    the lean one, so there are only few, short rows. They do not use am53c974, whose driver
    does not check whether a map failed, so that DMA_API_DEBUG warns.
    """
    return Test(name, f"{append} {LEAKS if more.get('leaks') else DEBUG}",
                group="debug", mib=more.pop("mib", 2), **more)


def other(group, name, append, **more):
    """Make a row for another architecture, which has no fio."""
    return Test(f"{group}-{name}", append, group=group, scenario="swio",
                disks=more.pop("disks", ("virtio-blk", "nvme")), **more)


def others(group, fixed=slots(DEFAULT_SLOTS), most=None, **more):
    """Make the rows that each further architecture has: with a pool of a fixed size, which
    @fixed checks; with pools that are added; and with requests that find no room in @most MiB."""
    yield other(group, "force", f"swiotlb={DEFAULT_SLOTS},force,track_hiwater", expect=fixed,
                **more)
    yield other(group, "dynamic", "swiotlb=dynamic,force,track_hiwater", expect=grown, ours=True,
                **more)
    most = most or SMALL_MIB
    yield other(group, "full", f"swiotlb=dynamic,force,max={most}M,track_hiwater",
                expect=no_room(most), ours=True, ignore=("swiotlb-full",), **more)


def arm64(group):
    """Make the rows for arm64 with pages of one size."""
    # If all memory is in reach, this architecture makes a small pool: 1 MiB per GiB of
    # memory.
    yield Test(f"{group}-default", "", group=group, scenario="boot", disks=(),
               expect=slots(512))
    yield from others(group)
    yield other(group, "restricted", "swiotlb=force,track_hiwater",
                tree=devicetree.RESTRICTED_POOL, pool=devicetree.POOL,
                caller="dma-direct, restricted pool")


def s390():
    """Make the rows for s390, whose disks are on channels: virtio-blk alone."""
    yield Test("s390-default", "", group="s390", scenario="boot", disks=(), expect=no_pool)
    # One disk has less in flight.
    yield from others("s390", most=2, disks=("virtio-blk",))


def arm():
    """Make the rows for 32-bit ARM with LPAE. Most of its memory is high."""
    yield from others("arm", memory_mib=3072)
    yield other("arm", "highmem", "swiotlb=force,track_hiwater", memory_mib=3072, expect=highmem)
    yield other("arm", "restricted", "swiotlb=force,track_hiwater", memory_mib=3072,
                tree=devicetree.RESTRICTED_POOL, pool=devicetree.POOL,
                caller="dma-direct, restricted pool")


def real_time(name, append, **more):
    """Make a row for PREEMPT_RT. Its kernel also checks locks, so the rows are short."""
    return Test(f"rt-{name}", f"{append} {DEBUG}", group="rt", mib=2,
                disks=more.pop("disks", PC_DISKS), caller="dma-direct, PREEMPT_RT", **more)


def dom0(name, append, **more):
    """Make a row for a PV dom0 of Xen, which both kernels must pass."""
    return Test(f"xen-{name}", append, vcpus=2, memory_mib=2048, group="xen", mib=16,
                caller="swiotlb-xen", **more)


def confidential(name, make, expect, disks=("nvme",), group="coco", **more):
    """Make a row for a confidential guest, for both kernels. By default both begin with 1 MiB:
    the base needs the number for this, since it ignores "dynamic".
    """
    # A map that finds no room is logged and retried: no I/O fails.
    return Test(f"{group}-{name}", more.pop("append", "swiotlb=512,dynamic"),
                vcpus=more.pop("vcpus", 2), disks=disks, group=group, caller="dma-direct, confidential",
                make=coco.on(group, make), expect=expect,
                ignore=("swiotlb-full", *more.pop("ignore", ())), **more)


def each_confidential(group):
    """Make the rows that the confidential guest of each architecture has."""
    def row(*args, append="swiotlb=512,dynamic", **more):
        if group == "arm64-coco" and append:
            # When a pool is added, NVMe sends all requests that have waited. The lists of 850
            # requests take 54 pages, more than the atomic pool of 128 KiB of this machine has.
            append += " coherent_pool=512K"
        return confidential(*args, group=group, append=append, **more)

    yield row("verify", coco.verify_spec(COCO_DISKS, 8), coco.held(COCO_DISKS), COCO_DISKS)
    yield row("default-size", coco.verify_spec(COCO_DISKS, 8), coco.held(COCO_DISKS), COCO_DISKS,
              append="")
    yield row("virtio-net", coco.network_spec(), coco.carried, disks=(), ignore=coco.IGNORE)
    yield row("grow", coco.burst_spec(AGAIN=1), coco.grew, ignore=coco.IGNORE)
    yield row("private-data", coco.burst_spec(FILL=1), coco.clean, ignore=coco.IGNORE)
    yield row("decrypt-fails", coco.burst_spec(FAIL_DECRYPT=1), coco.undecrypted,
              ignore=coco.IGNORE)
    yield row("slow", coco.burst_spec(DELAY=coco.DELAY_MS), coco.grew, ignore=coco.IGNORE)
    # The base never encrypts a pool again.
    yield row("encrypt-fails", coco.burst_spec(FAIL_REST=1, AGAIN=1), coco.unencrypted,
              ignore=coco.IGNORE, ours=True)
    yield row("undo-fails", coco.burst_spec(FAIL_DECRYPT=1, FAIL_ENCRYPT=1, FAIL_PAGES=512),
              coco.undone, ignore=coco.IGNORE, ours=True)
    yield row("violations", coco.control_spec(), coco.caught,
              ignore=("warning", "trace", "atomic", "bug", "io-error"))


def untrusted(name, append, **more):
    """Make rows for disks behind an IOMMU that are not trusted, and for the bytes around its
    buffers that a device can reach."""
    for arch in ("intel-iommu", "virtio-iommu"):
        yield Test(f"pc-{arch}-{name}", append, group="pc", arch=arch, external=True, mib=2,
                   disks=PC_DISKS, caller=f"dma-iommu, untrusted, {arch}", **more)
        yield Test(f"pc-{arch}-{name}-padding", append, vcpus=2, group="pc",
                   disks=(), make=pc.padding_spec(arch), expect=pc.hidden,
                   caller=f"dma-iommu, untrusted, {arch}", **more)


def nodes(count):
    """Make the rows for a machine with @count NUMA nodes, and memory above 4 GiB on each.
    Only a device's own pools must be on its node: common pools serve devices of all nodes.
    """
    for name, append, least, ours in (("force", "swiotlb=force", 0, False),
                                      ("dynamic", "swiotlb=dynamic,force", 0, True),
                                      ("own", "swiotlb=force,own", numa.LEAST, True)):
        yield Test(f"pc-{count}-nodes-{name}", append, memory_mib=NODES_MIB, group="pc",
                   disks=("virtio-blk",) * count, make=numa.spec(count),
                   expect=numa.counted(count, least), ours=ours,
                   caller=f"dma-direct, {count} NUMA nodes")


def many(name, append, **more):
    """Make a row with as many CPUs as the kernel for a PC supports. They share the few CPUs of
    the host, so any of them may not run for a while."""
    return Test(f"pc-128-cpus-{name}", f"{append} {PATIENT}", vcpus=128, memory_mib=4096, mib=1,
                group="pc", disks=PC_DISKS, caller="dma-direct, 128 CPUs", **more)


def frames(name, append, failing=None, large=True, **more):
    """Make a row for dma-bufs in User Mode Linux; @failing, @large as in dmabuf.fails()."""
    return Test(f"um-dmabuf-{name}", append, vcpus=2, memory_mib=1000, group=uml.ARCH,
                scenario="dmabuf", disks=(), expect=dmabuf.fails(failing or {}, large),
                caller="dma-buf", **more)


# Rounds in which all CPUs go offline and online under load.
HOTPLUG_ROUNDS = 3
# Do not report stalls that the host causes. Start CPUs one after the other, without the
# calibration of a delay loop.
PATIENT = ("rcupdate.rcu_cpu_stall_timeout=300 nosoftlockup lpj=4000000 "
           "cpuhp.parallel=0")
PC_DISKS = ("virtio-blk", "nvme")
# Memory of the guest: 2 GiB of it are below 4 GiB, and the guest touches little of it.
NODES_MIB = 8192
COCO_DISKS = ("nvme", "virtio-blk")
# This must be less than swio has in flight at the end: 16 requests of 1 MiB on two disks. A
# request needs all of its buffers at once, so with 1 MiB some would be retried for ever.
SMALL_MIB = 4
# Operations of each thread of swio on a disk.
OPERATIONS = 12

TESTS = (
    debug("debug-grow", "swiotlb=dynamic,force", expect=grown, ours=True,
          leaks=True),
    debug("debug-hotplug", "swiotlb=dynamic,force", scenario="hotplug",
          expect=hotplugged, ours=True),
    debug("debug-faults", "swiotlb=dynamic,force", scenario="faults",
          expect=faults, ours=True, leaks=True,
          disks=("virtio-blk", "nvme"),
          ignore=("swiotlb-full", "io-error", "memory", "trace")),
    debug("debug-map-benchmark", "swiotlb=2048,2,force", scenario="mapbench",
          disks=(), expect=map_rows, ours=True),
    Test("force", "swiotlb=force", expect=slots(DEFAULT_SLOTS)),
    Test("one-area", "swiotlb=32768,1,force", expect=slots(DEFAULT_SLOTS)),
    Test("64-areas", "swiotlb=32768,64,force", expect=slots(DEFAULT_SLOTS)),
    Test("pool-of-1-mib", "swiotlb=512,1,force"),
    Test("pool-of-1-gib", "swiotlb=524288,force", memory_mib=4608,
         expect=slots(524288)),
    Test("dynamic", "swiotlb=dynamic,force", ours=True),
    Test("grow-and-give-back", "swiotlb=dynamic,force", ours=True,
         make=growth.test_spec, expect=growth.gave_back),
    # Drivers without room report it, and the block layer retries: no I/O fails.
    Test("max", f"swiotlb=dynamic,force,max={growth.MAX_MIB}M", ours=True,
         make=growth.test_spec, expect=growth.kept_the_limit,
         ignore=("swiotlb-full",)),
    # An NVMe disk loses its power with requests in flight. Group pc has more rounds.
    Test("unplug-own-dynamic", "swiotlb=dynamic,force,own", disks=unplug.DISKS,
         make=unplug.spec(unplug.FEW), expect=unplug.ended(unplug.FEW), ignore=("io-error",), ours=True,
         caller="dma-direct, hot unplug"),
    Test("noforce", "swiotlb=noforce", bounce=False, expect=no_pool),
    Test("default", "", bounce=False),
    # A device with a 32-bit mask and memory that it cannot reach.
    Test("mask-32", "", memory_mib=6144, disks=("am53c974",)),
    Test("mask-32-dynamic", "swiotlb=dynamic", memory_mib=6144,
         disks=("am53c974",), ours=True),
    Test("kselftest", "swiotlb=dynamic,force,track_hiwater", scenario="kselftest",
         disks=("virtio-blk",), mib=8, expect=kselftests, ours=True),
    Test("track-hiwater", "swiotlb=force,track_hiwater", expect=hiwater),
    # With memory above 4 GiB there is a pool without any parameter.
    Test("bad-value", "swiotlb=banana", scenario="boot", disks=(),
         memory_mib=6144,
         expect=slots(DEFAULT_SLOTS)),
    *(Test(f"param-{form.name}", form.append, vcpus=params.VCPUS,
           memory_mib=params.MEMORY_MIB, scenario="boot", disks=(), ours=True,
           expect=params.expect(form)) for form in params.FORMS),
    Test("kcsan", "swiotlb=dynamic,force", group="kcsan", mib=2,
         expect=no_race, ignore=("kcsan",)),
    Test("kcsan-hotplug", "swiotlb=dynamic,force", group="kcsan", mib=2,
         scenario="hotplug", expect=no_race, ignore=("kcsan",)),
    other("i386", "highmem", "swiotlb=force,track_hiwater", memory_mib=2048,
          expect=highmem),
    other("i386", "dynamic", "swiotlb=dynamic,force,track_hiwater",
          memory_mib=2048, expect=highmem),
    *arm64("arm64"),
    *arm64("arm64-16k"),
    *arm64("arm64-64k"),
    # The interrupt controller of QEMU 7.2 loses interrupts of NVMe, so that requests time out,
    # and virtio-blk alone does not fill the pools.
    *list(others("riscv", disks=("virtio-blk",)))[:2],
    *s390(),
    *arm(),
    real_time("force", "swiotlb=force", expect=slots(DEFAULT_SLOTS)),
    real_time("dynamic", "swiotlb=dynamic,force", expect=grown, ours=True),
    # This kernel is slower, so less is in flight.
    real_time("full", "swiotlb=dynamic,force,max=2M,track_hiwater", scenario="swio",
              expect=no_room(2), ours=True, ignore=("swiotlb-full",)),
    real_time("grow-and-give-back", "swiotlb=dynamic,force", ours=True,
              make=growth.test_spec, expect=growth.gave_back),
    real_time("hotplug", "swiotlb=dynamic,force", scenario="hotplug", expect=hotplugged,
              ours=True),
    real_time("map-benchmark", "swiotlb=2048,2,force", scenario="mapbench", disks=(),
              expect=map_rows, ours=True),
    # One disk per boot, because bounced mappings are counted for all devices together.
    *(dom0(disk, "swiotlb=force", scenario="xen", disks=(disk,),
           expect=xen.held((disk,))) for disk in ("nvme", "ahci")),
    dom0("dynamic", "swiotlb=dynamic,force", scenario="boot", disks=(), ours=True,
         expect=xen.refused(DEFAULT_SLOTS)),
    *each_confidential("coco"),
    confidential("locked-down", coco.verify_spec(("nvme",), 4, LOCKED=1), coco.locked, ours=True,
                 append="swiotlb=512,dynamic,track_hiwater lockdown=confidentiality"),
    confidential("1-gib-in-flight", coco.hold_spec(coco.HOLD_SECONDS),
                 coco.in_flight(coco.HOLD_SECONDS), COCO_DISKS, append=coco.HOLD_APPEND, ours=True,
                 vcpus=coco.HOLD_CPUS, memory_mib=8192, ignore=coco.IGNORE),
    *(confidential(f"{gib}-gib", coco.sizes_spec(coco.RAMP), coco.small_at_boot(above), append="",
                   memory_mib=gib << 10, ignore=coco.IGNORE)
      for gib, above in ((2, 0), (16, 4 << 30), (64, 4 << 30))),
    confidential("2-gib-at-once", coco.sizes_spec(0), coco.at_once, append="", memory_mib=2048,
                 ignore=coco.IGNORE),
    *each_confidential("arm64-coco"),
    confidential("restricted", coco.verify_spec(COCO_DISKS, 8, devicetree.RESTRICTED_POOL,
                                                POOL=devicetree.POOL),
                 coco.restricted(COCO_DISKS), COCO_DISKS, group="arm64-coco",
                 append="swiotlb=512,dynamic,track_hiwater"),
    # All memory is below 4 GiB. The base reduces the pool to 2 MiB, which is enough for small
    # buffers of kmalloc() only. make check-fixes boots this row with the fix.
    Test("arm64-coco-boot-pool", "", vcpus=2, memory_mib=2048, group="arm64-coco", scenario="boot",
         disks=(), expect=slots(DEFAULT_SLOTS // 2, more=True), ours=True,
         caller="dma-direct, confidential"),
    *untrusted("force", "swiotlb=force"),
    *untrusted("dynamic", "swiotlb=dynamic,force", ours=True),
    Test("pc-intel-iommu-trusted", "swiotlb=force", group="pc", arch="intel-iommu", mib=1,
         disks=PC_DISKS, bounce=False, caller="dma-iommu"),
    Test("pc-kexec", "swiotlb=dynamic,force", group="pc", ours=True, disks=PC_DISKS,
         make=pc.next_spec("kexec", PC_DISKS, "swiotlb=dynamic,force"),
         expect=pc.started(growth.BOOT_SLOTS), caller="dma-direct, kexec"),
    *(Test(f"pc-crash-{name}", f"swiotlb=force crashkernel={mib}M", group="pc", disks=PC_DISKS,
           make=pc.next_spec("crash", PC_DISKS, f"{append} nr_cpus=1"), ours=ours,
           expect=pc.crashed(number, said), ignore=("panic", "trace"), caller="dma-direct, crash kernel")
      for name, append, mib, number, said, ours in (
          ("1-mib", "swiotlb=512,1,force", 256, 512, "", False),
          ("dynamic", "swiotlb=dynamic,force", 256, 512, "", True),
          # A sixteenth of the memory that it has
          ("default-256", "swiotlb=force", 256, 8192, "adjusted 32768 -> 8192 slabs", True),
          ("default-128", "swiotlb=force", 128, 4096, "adjusted 32768 -> 4096 slabs", True))),
    Test("pc-hibernate", "swiotlb=dynamic,force", group="pc", ours=True,
         disks=PC_DISKS, make=pc.hibernate_spec(("nvme",), "virtio-blk"), expect=pc.hibernated,
         caller="dma-direct, hibernation"),
    *(Test(f"pc-unplug-{name}", append, group="pc", ours=True, disks=unplug.DISKS,
           make=unplug.spec(unplug.MANY), expect=unplug.ended(unplug.MANY), ignore=("io-error",),
           caller="dma-direct, hot unplug")
      for name, append in (("own", "swiotlb=force,own"),
                           ("own-dynamic", "swiotlb=dynamic,force,own"))),
    *(Test(f"pc-suspend-{name}", append, group="pc", ours=True, disks=PC_DISKS,
           make=pc.suspend_spec(PC_DISKS), expect=pc.suspended(name == "own"),
           caller="dma-direct, suspend")
      for name, append in (("dynamic", "swiotlb=dynamic,force"),
                           ("own", "swiotlb=dynamic,force,own"))),
    Test("pc-memory-hotplug", "swiotlb=dynamic,force", group="pc", ours=True, disks=PC_DISKS,
         make=pc.memory_spec(PC_DISKS, HOTPLUG_ROUNDS), expect=pc.plugged(HOTPLUG_ROUNDS),
         caller="dma-direct, memory hotplug"),
    *nodes(2),
    *nodes(4),
    many("force", "swiotlb=force"),
    many("dynamic", "swiotlb=dynamic,force", ours=True),
    many("grow-and-give-back", "swiotlb=dynamic,force", ours=True,
         make=growth.test_spec, expect=growth.gave_back),
    Test("um-force", "swiotlb=force", vcpus=2, memory_mib=1024, group=uml.ARCH,
         disks=("virtio-blk",), expect=slots(DEFAULT_SLOTS)),
    Test("um-dynamic", "swiotlb=dynamic,force", vcpus=2, memory_mib=512, group=uml.ARCH,
         disks=("virtio-blk",), expect=grown, ours=True),
    Test("um-own", "swiotlb=512,force,own", vcpus=2, memory_mib=1000, group=uml.ARCH,
         scenario="own", disks=("virtio-blk",), ours=True),
    frames("grow", "swiotlb=dynamic,force", ours=True),
    Test("um-kselftest", "swiotlb=dynamic,force,track_hiwater", vcpus=2, memory_mib=512,
         group=uml.ARCH, scenario="kselftest", disks=("dmablk",), mib=8,
         expect=kselftests_natively, ours=True),
    frames("256-mib", "swiotlb=131072,force", ours=True),
    # The pool made at boot takes all of the limit, so that there are no large pools.
    frames("split", "swiotlb=131072,max=256M,force", large=False, ours=True),
    frames("base", "swiotlb=131072,force", dmabuf.BASE, large=False, base=True,
           ignore=("swiotlb-full",)),
)


def machine_of(test):
    """Return the name of the machine that a row boots."""
    if test.arch:
        return test.arch
    return test.group if test.group in (*machine.ARCHES, uml.ARCH) else machine.HOST


def specification(test, kernel):
    if test.make:
        return test.make(kernel, test.append, test.vcpus, test.memory_mib,
                         test.ignore)
    bounce = "" if test.bounce is None else int(test.bounce)
    conf = {"DISKS": " ".join(test.disks), "SIZE": test.mib,
            "BOUNCE": bounce, "ENGINE": "io_uring",
            "ROUNDS": HOTPLUG_ROUNDS, "OPERATIONS": OPERATIONS,
            "LEAKS": "1" if test.leaks else "", "POOL": test.pool,
            "HIGHMEM": "1" if test.expect is highmem else "",
            "SIZES": " ".join(xen.SIZES)}
    disks = [machine.Disk(kind, max(16, 4 * test.mib), test.bps) for kind in test.disks]
    files, devices = {}, ()
    if test.scenario == "mapbench":
        files = mapbench.files(MAP_ROWS, mapbench.tool())
        devices = (mapbench.DEVICE,)
    elif test.scenario == "kselftest":
        files = kselftest.files(mapbench.tool())
        devices = (mapbench.DEVICE,)
    elif test.scenario == "dmabuf":
        files = dmabuf.files()
        conf.update(dmabuf.conf())
    return run.Spec(kernel, test.scenario, test.append, test.vcpus,
                    test.memory_mib, disks, conf, files,
                    timeout=240 if test.group == "lean" else 900,
                    devices=devices, ignore=test.ignore, arch=machine_of(test),
                    device_tree=test.tree, external=test.external)


def outcome(test, args, log):
    """Return ("ok" or "not ok", directive, lines of diagnosis)."""
    if test.ours and args.base:
        return "ok", " # SKIP not in the base kernel", []
    result = run.run(specification(test, args.kernel), log)
    if result.reader.ended and result.values("end")["status"] == SKIP:
        others = result.problems[1:]
        reason = result.text("output").strip().splitlines()[-1]
        return ("not ok" if others else "ok"), f" # SKIP {reason}", others
    problems = list(result.problems)
    if not problems:
        wrong = test.expect(result)
        problems += [wrong] if wrong else []
    if problems:
        problems.append(f"log: {log}")
    return ("not ok" if problems else "ok"), "", problems


def cpu_seconds():
    """Return the CPU time of all QEMUs so far, which hardly depends on the load of the host."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", required=True, help="image to boot")
    parser.add_argument("--base", action="store_true",
                        help="it is the base kernel: skip what only ours does")
    parser.add_argument("--group", default="lean",
                        choices=sorted({test.group for test in TESTS}),
                        help="the rows for this kind of kernel (lean)")
    parser.add_argument("--list", action="store_true", help="names only")
    parser.add_argument("name", nargs="*", help="only these tests")
    args = parser.parse_args()
    unknown = set(args.name) - {test.name for test in TESTS}
    if unknown:
        parser.error(f"no such test: {', '.join(sorted(unknown))}")
    return args


def main():
    args = arguments()
    chosen = [t for t in TESTS if t.name in args.name or
              (not args.name and t.group == args.group and t.base <= args.base)]
    if args.list:
        print("\n".join(test.name for test in chosen))
        return 0
    logs = paths.build_dir() / "guest" / ("tests-base" if args.base else "tests")
    kernel = pathlib.Path(args.kernel).name.partition(".")[0]
    run.say = lambda line: print(f"# {line.strip()}", flush=True)
    print(f"KTAP version 1\n1..{len(chosen)}", flush=True)
    failed = 0
    for number, test in enumerate(chosen, 1):
        started, busy = time.monotonic(), cpu_seconds()
        verdict, directive, lines = outcome(test, args, logs / f"{test.name}.log")
        failed += verdict != "ok"
        for line in "\n".join(lines).splitlines():
            print(f"# {line}")
        print(f"# caller: {test.caller}; kernel: {kernel}; "
              f"disks: {' '.join(test.disks) or 'none'}")
        print(f"# {test.append or 'no swiotlb='}, "
              f"{time.monotonic() - started:.1f} s, "
              f"{cpu_seconds() - busy:.1f} s of CPU time")
        print(f"{verdict} {number} {test.name}{directive}", flush=True)
    print(f"# {len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run.main(main))
