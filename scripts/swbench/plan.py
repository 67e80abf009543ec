# SPDX-License-Identifier: GPL-2.0-only
"""What is compared, on which rows, and for how long."""

from typing import NamedTuple

from swguest import uml


class Config(NamedTuple):
    """One column: a kernel and its swiotlb= parameter."""

    name: str
    label: str
    kernel: str
    append: str
    bounce: bool


# In the order in which they take turns, and back. Not bouncing is
# measured on the base kernel: it is what both of them are held against.
CONFIGS = (
    Config("base1", "base, one area", "base", "swiotlb=32768,1,force", True),
    Config("base", "base", "base", "swiotlb=force", True),
    Config("ours", "patched", "ours", "swiotlb=force", True),
    Config("dynamic", "patched, dynamic", "ours", "swiotlb=dynamic,force", True),
    Config("none", "no bouncing", "base", "swiotlb=noforce", False),
)

# The base as small as it can be, and growing: what "dynamic" is held against
# where the load does not fit the pool.
SMALL = Config("small", "base, 1 MiB", "base", "swiotlb=512,force", True)

# Bytes are checked on these before anything is timed.
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
        """The same for a row of which each job has so many I/Os."""
        kib = int(self.bs.rstrip("k"))
        return (f"{name} {self.device} {self.bs} {self.depth} {self.jobs} "
                f"{self.rw} {ios * kib << 10}")

    def guest_line(self, name, cold_ms=0):
        """What the guest is told, which calls it @name."""
        return (f"{name} {self.device} {self.bs} {self.depth} {self.jobs} "
                f"{self.rw} {cold_ms}")


VCPUS = 8
MEMORY_MIB = 2048
DISK_MIB = 1024
ENGINE = "io_uring"


class Guest(NamedTuple):
    """What the kernels run in. @batch: requests that fio submits at once; if 0,
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
        """The most that it has: at native speed there is no use for more than the host
        has.
        """
        return 2 if self.native else VCPUS

    def vcpus(self, row):
        """CPUs that a row is run with. A native guest has no second one for a row that
        needs none: it is then bound to a CPU of the host.
        """
        alone = row.jobs == 1 and not row.device.endswith("-remote")
        return 1 if self.native and alone else self.cpus


class Plan(NamedTuple):
    """How much of it is done: @repeats boots, in each @turns of every row. Seconds
    are those of one turn; with @cold, each row is also run once a boot for so long
    from pools that have grown for nothing yet. With @most, rows go on up to so many
    turns until the interval of ours against base is no wider than +-@precision.
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
    precision: float = 0.03

    def turns_text(self):
        return f"{self.turns} to {self.most}" if self.most else str(self.turns)

    def groups(self):
        """Rows by the number of CPUs of their guests: (vcpus, rows) of each."""
        counts = sorted({self.guest.vcpus(row) for row in self.rows})
        return [(vcpus, [row for row in self.rows if self.guest.vcpus(row) == vcpus])
                for vcpus in counts]


def _rows(device, shapes):
    return tuple(Row(device, bs, 256, jobs, rw)
                 for bs, jobs in shapes for rw in ("read", "write"))


_FULL = (("4k", 1), ("4k", 4), ("64k", 1))


def chosen(names):
    """The configurations of these names, all without any."""
    return tuple(c for c in CONFIGS if not names or c.name in names)


def full(repeats, names=None):
    rows = _rows("virtio-blk", _FULL) + _rows("nvme", _FULL)
    return Plan("run", chosen(names), rows, repeats or 3, 2, 0.3, 1.0, 24)


# In a guest at native speed: an I/O costs little else there, and a system call much.
NATIVE = Guest(uml.ARCH, 768, ("virtio-blk", "dmablk"), 128,
               ("virtio-blk", "dmablk-store", "dmablk-store-remote"), 64)


def native(repeats, names=None, devices=None):
    """A disk of another process, which reads and writes the data; one in the kernel
    that ignores it, and the same where another CPU touches it.
    """
    shapes = [(bs, jobs) for bs in ("4k", "64k") for jobs in (1, 2, 4)]
    rows = _rows("dmablk-none", shapes) + \
        _rows("dmablk-touch-remote", (("4k", 1), ("64k", 1))) + _rows("virtio-blk", shapes)
    rows = tuple(row for row in rows if not devices or row.device in devices)
    return Plan("native", chosen(names), rows, repeats or 1, 4, 0.05, 0.3, 8,
                job_mib=NATIVE.disk_mib // 4, guest=NATIVE, most=8)


def native_map(repeats):
    """The map benchmark alone."""
    return Plan("native-map", chosen(("base", "ours")), (), repeats or 5, 1, 0, 0, 4,
                guest=NATIVE)


def bench_guest(repeats):
    """The fio part of make bench-guest: base and ours alone, few rows."""
    rows = _rows("virtio-blk", (("4k", 1), ("4k", 4))) + \
        _rows("nvme", (("4k", 4),))
    return Plan("bench-guest", chosen(("base", "ours")), rows, repeats or 3,
                2, 0.3, 1.0, 4)


def dynamic(repeats):
    return Plan("bench-dynamic", chosen(("ours", "dynamic")), _dynamic_rows(), repeats or 5,
                6, 0.3, 1.0, 4, job_mib=DISK_MIB // 24, cold=1.0)


def _dynamic_rows():
    """The rows of the first measurements of a growing swiotlb, in 2023."""
    return tuple(Row("virtio-blk", bs, 256, jobs, "rw")
                 for bs, jobs in (("4k", 1), ("64k", 1), ("4k", 4), ("4k", 24)))


def counted(repeats):
    """Those of run and of bench-dynamic."""
    rows = _rows("virtio-blk", _FULL) + _rows("nvme", _FULL) + _dynamic_rows()
    return Plan("count-guest", chosen(("base", "ours", "dynamic", "none")), rows,
                repeats or 3, 2, 0.0, 1.0, 4, job_mib=DISK_MIB // 24)


def quick(repeats, names=None):
    rows = _rows("virtio-blk", (("4k", 1), ("4k", 4))) + \
        _rows("nvme", (("4k", 4),))
    return Plan("quick", chosen(names), rows, repeats or 1, 2, 0.3, 1.0, 4)
