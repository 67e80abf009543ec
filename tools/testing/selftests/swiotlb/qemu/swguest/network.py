# SPDX-License-Identifier: GPL-2.0-only
"""A guest with virtio-net, whose servers can be reached through ports of this host:
memcached and iperf3, as Debian has them, with their libraries.
"""

import json
import pathlib
import re
import socket
import subprocess

from . import machine, paths, programs

INSTANCES = 16
MEMCACHED, IPERF3 = 11211, 5201
GUEST_PORTS = (*range(MEMCACHED, MEMCACHED + INSTANCES), IPERF3)
PACKAGES = {"memcached": "memcached", "iperf3": "iperf3", "ldd": "libc-bin"}


class NetworkError(Exception):
    """A load has failed."""


def _tool(name):
    return paths.tool(name, PACKAGES, machine.MachineError)


def _libraries(binary):
    """Return (soname, path, "") for each library, and ("", "", path) for the loader."""
    done = subprocess.run([_tool("ldd"), binary], capture_output=True, text=True, check=True)
    return re.findall(r"^\s*(\S+) => (/\S+)|^\s*(/\S+)", done.stdout, re.M)


def files():
    """Return {path in the guest: content} of the servers."""
    found = {"etc/passwd": "root:x:0:0:root:/:/bin/sh\n"}
    for name in ("memcached", "iperf3"):
        binary = _tool(name)
        found[f"bin/{name}"] = pathlib.Path(binary).read_bytes()
        for soname, path, loader in _libraries(binary):
            where = loader.lstrip("/") if loader else f"lib/{soname}"
            found[where] = pathlib.Path(loader or path).read_bytes()
    return found


def free_ports(count):
    """Return ports of this host that no other program uses at present."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


CARD = "virtio-net-pci,netdev=net,disable-legacy=on,iommu_platform=on"


class Echo:
    """A server that returns all data that it receives. QEMU runs it, and the host needs no port."""

    ADDRESS, PORT = "10.0.2.100", 7

    def arguments(self):
        return ["-netdev", f"user,id=net,guestfwd=tcp:{self.ADDRESS}:{self.PORT}-cmd:cat",
                "-device", CARD]


class Ports:
    """Ports of this host that QEMU forwards to the servers in the guest."""

    def __init__(self):
        self._here = dict(zip(GUEST_PORTS, free_ports(len(GUEST_PORTS))))

    def arguments(self):
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{guest}"
                           for guest, here in self._here.items())
        return ["-netdev", f"user,id=net{forwards}", "-device", CARD]

    @property
    def memcached(self):
        return [str(here) for guest, here in self._here.items() if guest != IPERF3]

    @property
    def iperf3(self):
        return str(self._here[IPERF3])


def _output(command, seconds):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds,
                              check=False)
    except subprocess.TimeoutExpired as err:
        raise NetworkError(f"{pathlib.Path(command[0]).name}: no end in {seconds} s") from err
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise NetworkError(f"{pathlib.Path(command[0]).name}: {said[-1] if said else 'failed'}")
    return done.stdout


def memcached(ports, how, limit):
    """Load all instances; @how: arguments for memload.c. Return (requests, seconds)."""
    text = _output([str(programs.memload(machine.MachineError)), *how, *ports.memcached], limit)
    said = dict(line.split() for line in text.splitlines())
    return int(said["requests"]), float(said["seconds"])


def iperf3(ports, how, reverse, limit):
    """Send to the guest, or with @reverse from it; @how: -t SECONDS or -n BYTES. Return
    (bytes that have arrived, seconds).
    """
    command = [_tool("iperf3"), "-c", "127.0.0.1", "-p", ports.iperf3, "-J", *how]
    found = json.loads(_output(command + ["-R"] * reverse, limit))["end"]["sum_received"]
    return int(found["bytes"]), float(found["seconds"])
