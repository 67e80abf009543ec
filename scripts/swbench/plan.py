# SPDX-License-Identifier: GPL-2.0-only
"""The comparison: configurations, rows and durations."""

from typing import NamedTuple

from swguest import uml


class Config(NamedTuple):
    """One column: a kernel and its swiotlb= parameter."""

    name: str
    label: str
    kernel: str
    append: str
    bounce: bool


# In the order of their turns; every other turn reverses it. "none" is measured on the
# base kernel, as the reference for both kernels.
CONFIGS = (
    Config("base1", "base, one area", "base", "swiotlb=32768,1,force", True),
    Config("base", "base", "base", "swiotlb=force", True),
    Config("ours", "patched", "ours", "swiotlb=force", True),
    Config("dynamic", "patched, dynamic", "ours", "swiotlb=dynamic,force", True),
    Config("none", "no bouncing", "base", "swiotlb=noforce", False),
)

# The base with the smallest pool, which also grows: the reference for "dynamic" in loads
# that do not fit the pool.
SMALL = Config("small", "base, 1 MiB", "base", "swiotlb=512,force", True)

# The ratios of a native guest whose intervals decide how many turns a row takes.
PRECISE = (("ours", "base"), ("dynamic", "ours"), ("ours", "none"))

# The smallest number of turns of a pair
LEAST = 5

# Data is verified on these configurations before anything is timed.
VERIFIED = ("base", "ours", "dynamic")
VERIFY_DISKS = ("virtio-blk", "nvme", "ahci")


class Row(NamedTuple):
    """One fio run."""

    device: str
    bs: str
    depth: int
    jobs: int
    rw: str

    @property
    def name(self):
        return f"{self.device}.{self.bs}.{self.depth}.{self.jobs}.{self.rw}"

    def counted_line(self, name, ios):
        """Return the line of guest_line() for a row in which each job does @ios I/Os."""
        kib = int(self.bs.rstrip("k"))
        return (f"{name} {self.device} {self.bs} {self.depth} {self.jobs} "
                f"{self.rw} {ios * kib << 10}")

    def guest_line(self, name, cold_ms=0):
        """Return the command for the guest; @name is the name of the result."""
        return (f"{name} {self.device} {self.bs} {self.depth} {self.jobs} "
                f"{self.rw} {cold_ms}")


VCPUS = 8
MEMORY_MIB = 2048
DISK_MIB = 1024
ENGINE = "io_uring"


class Guest(NamedTuple):
    """The guest that the kernels run in. @batch: requests that fio submits at once; if 0,
    one at a time.
    """

    arch: str = "x86_64"
    memory_mib: int = MEMORY_MIB
    disks: tuple = ("virtio-blk", "nvme")
    disk_mib: int = DISK_MIB
    verify_disks: tuple = VERIFY_DISKS
    batch: int = 0

    @property
    def native(self):
        return self.arch == uml.ARCH

    @property
    def cpus(self):
        """Return the largest number of CPUs. A native guest gets no more than the host has."""
        return 2 if self.native else VCPUS

    def vcpus(self, row):
        """Return the number of CPUs for a row. If a row needs only one, a native guest has only
        one, which is bound to a CPU of the host.
        """
        alone = row.jobs == 1 and not row.device.endswith("-remote")
        return 1 if self.native and alone else self.cpus


class Plan(NamedTuple):
    """The amount of work: @repeats boots, in each @turns of every row. Times are in seconds
    per turn. With @cold, each row also runs for @cold seconds once per boot, before the
    pools have grown.

    After these turns, the configurations of each pair of @precise take up to @most more
    turns of a row, until the interval of their ratio is no wider than +-@precision. Guests
    with one CPU then run at the same time, on the same CPU, so load of the host slows both.
    """

    kind: str
    configs: tuple
    rows: tuple
    repeats: int
    turns: int
    ramp: float
    runtime: float
    verify_mib: int
    job_mib: int = 128
    cold: float = 0
    guest: Guest = Guest()
    most: int = 0
    precise: tuple = ()
    precision: float = 0.03

    def turns_text(self):
        return f"{self.turns}, by pairs {LEAST} to {self.most} more" if self.most else str(self.turns)

    def pairs(self):
        """Return those of @precise whose configurations both take part."""
        names = {config.name for config in self.configs}
        return [pair for pair in self.precise if names.issuperset(pair)]

    def together(self, row):
        """Return whether the guests of a pair run @row at the same time. With more CPUs, one CPU of a
        guest would often wait for another one that does not run.
        """
        return self.guest.native and self.guest.vcpus(row) == 1

    def groups(self):
        """Return the rows by the number of CPUs of their guests, as (vcpus, rows)."""
        counts = sorted({self.guest.vcpus(row) for row in self.rows})
        return [(vcpus, [row for row in self.rows if self.guest.vcpus(row) == vcpus])
                for vcpus in counts]


def _rows(device, shapes):
    return tuple(Row(device, bs, 256, jobs, rw)
                 for bs, jobs in shapes for rw in ("read", "write"))


_FULL = (("4k", 1), ("4k", 4), ("64k", 1))


def chosen(names):
    """Return the configurations with these names, or all if there are no names."""
    return tuple(c for c in CONFIGS if not names or c.name in names)


def full(repeats, names=None):
    rows = _rows("virtio-blk", _FULL) + _rows("nvme", _FULL)
    return Plan("run", chosen(names), rows, repeats or 2, 2, 0.3, 1.0, 24)


# A guest at native speed: an I/O costs little besides the mapping, but a system call is expensive.
NATIVE = Guest(uml.ARCH, 768, ("virtio-blk", "dmablk"), 128,
               ("virtio-blk", "dmablk-store", "dmablk-store-remote"), 64)


def native(repeats, names=None, devices=None):
    """Rows with a disk in another process, which reads and writes the data; with a disk in
    the kernel, which ignores it; and with that disk when another CPU touches the data.
    """
    shapes = [(bs, jobs) for bs in ("4k", "64k") for jobs in (1, 2, 4)]
    rows = _rows("dmablk-none", shapes) + \
        _rows("dmablk-touch-remote", (("4k", 1), ("64k", 1))) + _rows("virtio-blk", shapes)
    rows = tuple(row for row in rows if not devices or row.device in devices)
    return Plan("native", chosen(names), rows, repeats or 1, 3, 0.1, 0.4, 8,
                job_mib=NATIVE.disk_mib // 4, guest=NATIVE, most=20, precise=PRECISE)


def native_few(repeats, names=None):
    """The native part of make run: the same shapes as in QEMU, few turns."""
    rows = _rows("dmablk-none", _FULL) + _rows("virtio-blk", _FULL)
    return Plan("run-native", chosen(names), rows, repeats or 1, 2, 0.1, 0.4, 4,
                job_mib=NATIVE.disk_mib // 4, guest=NATIVE, most=8, precise=PRECISE[:1])


# The policies of bench/next.patch
NEXT = ("ring", "lowest", "fit", "lifo-nt")


def next_buffer(repeats, names=None):
    """Policies for the choice of a free buffer, on disks whose data is touched by nothing, by
    another CPU, or by another process.
    """
    configs = chosen(("base", "ours")) + tuple(
        Config(name, name, "ours", f"swiotlb=force swiotlb_next={name}", True)
        for name in NEXT)
    rows = [row for device in ("dmablk-none", "dmablk-touch-remote", "virtio-blk")
            for row in _rows(device, (("4k", 1), ("64k", 1)))]
    return Plan("next", tuple(c for c in configs if not names or c.name in names),
                tuple(rows), repeats or 1, 2, 0.1, 0.4, 8, job_mib=NATIVE.disk_mib // 4,
                guest=NATIVE, most=12, precise=tuple((name, "base") for name in ("ours", *NEXT)))


def native_profile(repeats):
    """The rows of make run on a guest with one CPU, with perf beside each turn."""
    rows = _rows("dmablk-none", (("4k", 1), ("64k", 1))) + \
        _rows("virtio-blk", (("4k", 1), ("64k", 1)))
    return Plan("native-profile", chosen(("base", "ours", "dynamic", "none")), rows,
                repeats or 1, 5, 0.05, 0.6, 4, job_mib=NATIVE.disk_mib // 4, guest=NATIVE)


def native_map(repeats):
    """Only the map benchmark. Without bouncing, it shows the cost of the clock and the DMA API."""
    return Plan("native-map", chosen(("base", "ours", "none")), (), repeats or 5, 1, 0, 0, 4,
                guest=NATIVE)


def bench_guest(repeats):
    """The fio part of make bench-guest: only base and ours, few rows."""
    rows = _rows("virtio-blk", (("4k", 1), ("4k", 4))) + \
        _rows("nvme", (("4k", 4),))
    return Plan("bench-guest", chosen(("base", "ours")), rows, repeats or 3,
                2, 0.3, 1.0, 4)


def dynamic(repeats):
    return Plan("bench-dynamic", chosen(("ours", "dynamic")), _dynamic_rows(), repeats or 5,
                6, 0.3, 1.0, 4, job_mib=DISK_MIB // 24, cold=1.0)


def _dynamic_rows():
    """The rows of the first measurements of dynamic swiotlb, in 2023."""
    return tuple(Row("virtio-blk", bs, 256, jobs, "rw")
                 for bs, jobs in (("4k", 1), ("64k", 1), ("4k", 4), ("4k", 24)))


def counted(repeats):
    """The rows of make run and make bench-dynamic."""
    rows = _rows("virtio-blk", _FULL) + _rows("nvme", _FULL) + _dynamic_rows()
    return Plan("count-guest", chosen(("base", "ours", "dynamic", "none")), rows,
                repeats or 3, 2, 0.0, 1.0, 4, job_mib=DISK_MIB // 24)


# Requests to 16 instances of memcached over 4 connections each, nine of ten of them a get; and
# blocks of 1 KiB in one stream of iperf3 to the guest, or from it.
_NETWORK = (Row("virtio-net", "1k", 64, 16, "memcached"),
            Row("virtio-net", "1k", 1, 1, "iperf3-in"),
            Row("virtio-net", "1k", 1, 1, "iperf3-out"))


def network(repeats):
    return Plan("net", chosen(("base", "ours", "dynamic", "none")), _NETWORK, repeats or 3, 4,
                0.0, 2.0, 0)


def counted_network(repeats):
    return Plan("count-net", chosen(("base", "ours", "dynamic", "none")), _NETWORK,
                repeats or 3, 2, 0.0, 1.0, 0)


def nodes(repeats, memory_mib):
    """Boots that count bounces while fio verifies its data; nothing is timed."""
    return Plan("numa", chosen(("base", "ours")), (), repeats or 3, 1, 0, 0, 4,
                guest=Guest(memory_mib=memory_mib, disks=("virtio-blk",)))


def guests():
    """Boots of confidential guests of several sizes; nothing is timed."""
    return Plan("coco", chosen(("base", "ours")), (), 1, 1, 0, 0, 4, guest=Guest(disks=("nvme",)))


def quick(repeats, names=None):
    rows = _rows("virtio-blk", (("4k", 1), ("4k", 4))) + \
        _rows("nvme", (("4k", 4),))
    return Plan("quick", chosen(names), rows, repeats or 1, 2, 0.3, 1.0, 4)
