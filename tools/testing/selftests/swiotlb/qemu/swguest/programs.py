# SPDX-License-Identifier: GPL-2.0-only
"""Programs for the guest and for the host. Our own programs are compiled here. Xen, and a static
busybox and fio for another architecture, are in the cache. Other programs are those of the host.
"""

import os
import subprocess

from . import paths

SWIO = paths.QEMU_DIR / "swio.c"
INSNS = paths.QEMU_DIR / "insns.c"
HANDOVER = paths.QEMU_DIR / "handover.c"
MEMLOAD = paths.QEMU_DIR / "memload.c"
DMABUF = paths.QEMU_DIR / "dmabuf.c"
KEXEC = paths.QEMU_DIR / "kexec.c"
COMPILER = {"x86_64": "gcc", "i386": "i686-linux-gnu-gcc",
            "arm": "arm-linux-gnueabihf-gcc", "arm64": "aarch64-linux-gnu-gcc",
            "riscv": "riscv64-linux-gnu-gcc", "s390": "s390x-linux-gnu-gcc"}
PACKAGES = {"i686-linux-gnu-gcc": "gcc-i686-linux-gnu libc6-dev-i386-cross",
            "arm-linux-gnueabihf-gcc": "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
            "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
            "riscv64-linux-gnu-gcc": "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross",
            "s390x-linux-gnu-gcc": "gcc-s390x-linux-gnu libc6-dev-s390x-cross",
            "busybox": "busybox-static"}


def _compiled(source, name, arch, options, error):
    """Return the path of the program from @source, compiled if it is missing or older."""
    target = paths.build_dir() / "guest" / name
    if target.exists() and target.stat().st_mtime > source.stat().st_mtime:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    done = subprocess.run(
        [paths.tool(COMPILER[arch], PACKAGES, error), "-O2", *options,
         "-o", str(temporary), str(source)],
        capture_output=True, text=True, check=False)
    if done.returncode:
        temporary.unlink(missing_ok=True)
        raise error(f"{name}: {done.stderr.strip()}")
    temporary.replace(target)
    return target


def swio(arch, error):
    return _compiled(SWIO, f"swio-{arch}", arch,
                     ["-static", "-pthread", "-D_FILE_OFFSET_BITS=64"], error)


def insns(error):
    """Return the plugin with which QEMU counts instructions."""
    return _compiled(INSNS, "insns.so", "x86_64", ["-shared", "-fPIC"], error)


def handover(error):
    return _compiled(HANDOVER, "handover", "x86_64", ["-pthread"], error)


def memload(error):
    """Return the program that loads memcached from this host."""
    return _compiled(MEMLOAD, "memload", "x86_64", [], error)


def dmabuf(error):
    """Return the program for User Mode Linux on this host."""
    return _compiled(DMABUF, "dmabuf", "x86_64", ["-static", "-D_FILE_OFFSET_BITS=64"], error)


def kexec(error):
    return _compiled(KEXEC, "kexec", "x86_64", ["-static"], error)


def busybox(arch, error):
    if arch == "x86_64":
        return paths.tool("busybox", PACKAGES, error)
    path = paths.cache_dir() / "foreign" / f"busybox-{arch}"
    if not path.is_file():
        raise error(f"no busybox for {arch}: a static one belongs at {path}")
    return str(path)


def fio(arch, error):
    """Return fio; for another architecture, its libraries are beside it."""
    if arch == "x86_64":
        return paths.tool("fio", PACKAGES, error)
    path = paths.cache_dir() / "foreign" / f"fio-{arch}" / "fio"
    if not path.is_file():
        raise error(f"no fio for {arch}: scripts/foreign.sh fio-{arch}")
    return str(path)


def xen(error):
    path = paths.cache_dir() / "foreign" / "xen-4.17"
    if not path.is_file():
        raise error(f"no Xen: scripts/packages.sh xen, or an uncompressed one at {path}")
    return str(path)


def applets(error):
    """Return the names of busybox applets: those of the host, for all architectures."""
    busybox_here = paths.tool("busybox", PACKAGES, error)
    done = subprocess.run([busybox_here, "--list"], capture_output=True,
                          text=True, check=True)
    return [name for name in done.stdout.split() if name != "busybox"]
