# SPDX-License-Identifier: GPL-2.0-only
"""The QEMU command line, and a process that does not outlive its parent."""

import contextlib
import json
import os
import shlex
import signal
import socket
import struct
import subprocess
import sys
from typing import NamedTuple

from . import acpi, devicetree, paths, programs

PACKAGE = {"qemu-system-x86_64": "qemu-system-x86",
           "qemu-system-i386": "qemu-system-x86",
           "qemu-system-aarch64": "qemu-system-arm",
           "qemu-system-arm": "qemu-system-arm",
           "qemu-system-riscv64": "qemu-system-misc",
           "qemu-system-s390x": "qemu-system-misc", "setpriv": "util-linux"}

# TCG executes rep movsb one byte at a time. If TCG offered FSRM (7.2 does not), the kernel
# would copy with rep movsb, and QEMU's string instructions would dominate the results.
# Without FSRM, all versions run the same copy loop. Without LA57, page tables have four
# levels, as in nearly all guests.
CPU = {"kvm": "host", "tcg": "max,-fsrm,-la57"}



class Arch(NamedTuple):
    """@port: QEMU's arguments for the second serial port, which is @verdict in the guest;
    the first one is @console. @xen: Xen boots first, and the kernel is its dom0.
    @first: QEMU's arguments for devices that must come before the disks. @user: the
    architecture of its programs. @virtio: the end of the names of virtio devices, with their
    options. @fio: it has fio, as the host's architecture always does.
    """

    qemu: str
    machine: str
    cpu: dict
    console: str
    verdict: str
    port: tuple
    append: str = ""
    xen: bool = False
    first: tuple = ()
    user: str = "x86_64"
    virtio: str = "pci,disable-legacy=on"
    fio: bool = False


X86_APPEND = "mitigations=off tsc=reliable no_timer_check"
ARCHES = {
    "x86_64": Arch("qemu-system-x86_64", "q35,usb=off", CPU, "ttyS0", "ttyS1",
                   ("-serial", "chardev:verdict"), X86_APPEND),
    # The CPU "max" is an Athlon here, of which Linux uses only one.
    "i386": Arch("qemu-system-i386", "q35,usb=off", {"tcg": "coreduo"},
                 "ttyS0", "ttyS1", ("-serial", "chardev:verdict"), X86_APPEND, user="i386"),
    # A cortex-a57 does not support pages of 16 KiB.
    **{name: Arch("qemu-system-aarch64", "virt", {"tcg": cpu}, "ttyAMA0", "ttyS0",
                  ("-device", "pci-serial,chardev=verdict"), user="arm64")
       for name, cpu in (("arm64", "cortex-a57"), ("arm64-16k", "cortex-a76"),
                         ("arm64-64k", "cortex-a76"))},
    "arm": Arch("qemu-system-arm", "virt", {"tcg": "cortex-a15"}, "ttyAMA0", "ttyS0",
                ("-device", "pci-serial,chardev=verdict"), user="arm"),
    "riscv": Arch("qemu-system-riscv64", "virt", {"tcg": "rv64"}, "ttyS0", "ttyS1",
                  ("-device", "pci-serial,chardev=verdict"), user="riscv"),
    "s390": Arch("qemu-system-s390x", "s390-ccw-virtio", {"tcg": "max"}, "ttysclp0", "hvc0",
                 ("-device", "virtio-serial-ccw", "-device", "virtconsole,chardev=verdict"),
                 user="s390", virtio="ccw"),
    # Xen keeps the first port and provides it to dom0 as hvc0. With some features of
    # "max", the early code of Xen crashes under TCG.
    "xen": Arch("qemu-system-x86_64", "q35,usb=off", {"tcg": "qemu64"}, "hvc0",
                "ttyS1", ("-serial", "chardev:verdict"), "earlyprintk=xen", True),
    # Confidential guests without the hardware: the IOMMU keeps devices from memory that is not
    # shared. The kernel uses it in passthrough mode: else nothing would be bounced.
    "coco": Arch("qemu-system-x86_64", "q35,usb=off", {"tcg": CPU["tcg"]}, "ttyS0",
                 "ttyS1", ("-serial", "chardev:verdict"),
                 f"{X86_APPEND} cocotest iommu=pt intel_iommu=on",
                 first=("-device", "intel-iommu")),
    "arm64-coco": Arch("qemu-system-aarch64", "virt,iommu=smmuv3", {"tcg": "cortex-a57"},
                       "ttyAMA0", "ttyS0", ("-device", "pci-serial,chardev=verdict"),
                       "cocotest iommu.passthrough=1", user="arm64", fio=True),
    # A PC with an IOMMU in translation mode
    "intel-iommu": Arch("qemu-system-x86_64", "q35,usb=off", {"tcg": CPU["tcg"]}, "ttyS0",
                        "ttyS1", ("-serial", "chardev:verdict"),
                        f"{X86_APPEND} intel_iommu=on", first=("-device", "intel-iommu")),
    "virtio-iommu": Arch("qemu-system-x86_64", "q35,usb=off", {"tcg": CPU["tcg"]}, "ttyS0",
                         "ttyS1", ("-serial", "chardev:verdict"), X86_APPEND,
                         first=("-device", "virtio-iommu-pci")),
}
HOST = "x86_64"
XEN_APPEND = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all"

# No report is disabled, but a busy host may not schedule a vCPU for some seconds, which
# is no stall of the guest: RCU stalls are reported after 60 s (default 21), soft lockups
# after 40 s (default 20), well before the timeout of the runner.
APPEND = ("panic=-1 oops=panic rcupdate.rcu_cpu_stall_timeout=60 "
          "watchdog_thresh=20 random.trust_cpu=on")


# Memory to plug and unplug
HOT_MIB = 512

# PLACES and NOWHERE of insns.c
INSNS_PLACES = 1 << 18
INSNS_NOWHERE = 1


class MachineError(Exception):
    """QEMU cannot be started; the message names the remedy."""


class Disk:
    """@kind is virtio-blk, nvme, ahci or am53c974; @mib its size; @bps, if not 0, the
    limit of reads in bytes per second.

    The backing is anonymous memory of this process, passed as a file descriptor: raw,
    sparse, never on a disk of the host, and freed when QEMU exits.
    """

    def __init__(self, kind, mib, bps=0):
        self.kind = kind
        self.mib = mib
        self.bps = bps

    def device(self, node, vcpus, iothread, virtio, port):
        """Return QEMU's names of the devices. @virtio as in Arch; @port: the PCI bus, or empty."""
        bus = f",bus={port}" if port else ""
        if self.kind == "virtio-blk":
            thread = f",iothread={iothread}" if iothread else ""
            return [f"virtio-blk-{virtio},drive={node},"
                    f"iommu_platform=on,num-queues={vcpus},queue-size=256"
                    f"{thread}{bus}"]
        if self.kind == "nvme":
            return [f"nvme,drive={node},serial={node},max_ioqpairs={vcpus}{bus}"]
        if self.kind == "ahci" and port:
            return [f"ich9-ahci,id={node}-ahci{bus}", f"ide-hd,drive={node},bus={node}-ahci.0"]
        if self.kind == "ahci":
            return [f"ide-hd,drive={node},bus=ide.0"]
        if self.kind == "am53c974":
            return ["am53c974,id=esp", f"scsi-hd,drive={node},bus=esp.0"]
        raise MachineError(f"no such kind of disk: {self.kind}")


def tool(name):
    return paths.tool(name, PACKAGE, MachineError)


def version():
    done = subprocess.run([tool(ARCHES[HOST].qemu), "--version"], capture_output=True,
                          text=True, check=True)
    return done.stdout.splitlines()[0]


def accel_argument(accel):
    return "tcg,thread=multi" if accel == "tcg" else accel


def board(spec, accel):
    """Return the arguments for the machine without devices."""
    arch = ARCHES[spec.arch]
    more = f",slots=1,maxmem={spec.memory_mib + HOT_MIB}M" if spec.plugs else ""
    return [tool(arch.qemu), "-nodefaults", "-no-user-config",
            *(() if spec.reboots else ("-no-reboot",)),
            "-display", "none", "-machine", arch.machine,
            "-accel", accel_argument(accel), "-cpu", arch.cpu[accel],
            "-smp", f"{spec.vcpus}{f',sockets={spec.nodes}' if spec.nodes else ''}", "-m", f"{spec.memory_mib}M{more}", *_memory(spec),
            *arch.first]


def _backend(name, mib):
    """Return the arguments for memory. The host may have less, since a guest uses little of it."""
    return ["-object", f"memory-backend-ram,id={name},size={mib}M,reserve=off"]


def _memory(spec):
    """Return the arguments for the memory, or for NUMA nodes with shares of it and of the CPUs."""
    if not spec.nodes:
        return [*_backend("ram", spec.memory_mib), "-machine", "memory-backend=ram"]
    arguments, cpus = [], spec.vcpus // spec.nodes
    for node in range(spec.nodes):
        arguments += [*_backend(f"node{node}", spec.memory_mib // spec.nodes),
                      "-numa", f"node,nodeid={node},memdev=node{node},"
                               f"cpus={node * cpus}-{(node + 1) * cpus - 1}"]
    return arguments


def _verdict(spec, port):
    """Return the arguments for the verdict port, which writes to @port; a driven guest also
    reads from it."""
    if not spec.driven:
        return f"file,id=verdict,path={port}"
    return f"pipe,id=verdict,path={port.with_suffix('')}"


def _module(path, append=""):
    """Return the argument for a module. QEMU separates modules by commas, so double those in it."""
    return f"{path} {append}".strip().replace(",", ",,")


def _images(spec, arch, initrd):
    """Return the arguments for the images that QEMU loads, with their parameters."""
    append = f"console={arch.console} {APPEND} {arch.append} {spec.append}"
    append = " ".join(append.split())
    if arch.xen:
        mib = spec.memory_mib // 2
        return ["-kernel", programs.xen(MachineError),
                "-append", f"dom0_mem={mib}M,max:{mib}M {XEN_APPEND}",
                "-initrd", f"{_module(spec.kernel, append)},{_module(initrd)}"]
    return ["-kernel", str(spec.kernel), "-initrd", str(initrd), "-append", append]


def command(spec, accel, initrd, console, port):
    """Return QEMU's arguments, without those for the disks."""
    arch = ARCHES[spec.arch]
    return [*board(spec, accel), *_images(spec, arch, initrd),
            "-chardev", f"file,id=console,path={console}",
            "-serial", "chardev:console",
            "-chardev", _verdict(spec, port), *arch.port]


def _throttled(disk, node):
    """Return the arguments for a node that limits reads of the disk to its @bps."""
    return ["-object", f"throttle-group,id={node}-limit,"
                       f"x-bps-read={disk.bps}",
            "-blockdev", f"driver=throttle,node-name={node},"
                         f"throttle-group={node}-limit,file={node}-raw"]


def _disk_arguments(spec, fds):
    arguments = []
    for number, (disk, fd) in enumerate(zip(spec.disks, fds)):
        node, thread = f"disk{number}", None
        if disk.kind == "virtio-blk" and spec.iothread:
            thread = f"thread{number}"
            arguments += ["-object", f"iothread,id={thread}"]
        arguments += [
            "-add-fd", f"fd={fd},set={number + 1}",
            "-blockdev", f"driver=file,node-name={node}-file,aio=threads,"
                         f"filename=/dev/fdset/{number + 1},locking=off,"
                         "cache.no-flush=on",
            "-blockdev", f"driver=raw,node-name={node}-raw,file={node}-file"]
        arguments += _throttled(disk, node) if disk.bps else []
        node = node if disk.bps else f"{node}-raw"
        port = acpi.port(number) if spec.external or spec.nodes or spec.slots else ""
        for device in disk.device(node, spec.vcpus, thread, ARCHES[spec.arch].virtio, port):
            arguments += ["-device", device]
    return arguments


def _other_devices(spec):
    return [word for device in spec.devices for word in ("-device", device)]


def _node_ports(spec):
    """Return the arguments for a port for each disk, behind a bridge that the firmware's
    tables put on the node of the disk. The numbers of the buses leave room for the ports.
    """
    arguments = []
    for node in range(min(spec.nodes, len(spec.disks))):
        arguments += ["-device", f"pxb-pcie,id=bridge{node},bus=pcie.0,"
                                 f"bus_nr={0x40 + 0x20 * node},numa_node={node}"]
    for number in range(len(spec.disks) if spec.nodes else 0):
        arguments += ["-device", f"pcie-root-port,id={acpi.port(number)},"
                                 f"bus=bridge{number % spec.nodes},chassis={number + 1}"]
    return arguments


def _external_ports(spec, directory):
    """Return the arguments for external ports: one for each disk, and one more."""
    if not spec.external:
        return []
    number = len(spec.disks) + 1
    table = acpi.build(number, directory / "ports.aml")
    ports = [word for port in range(number) for word in ("-device", acpi.device(port))]
    return ["-acpitable", f"file={table}", *ports]


def _slots(spec):
    """Return the arguments for a slot for each disk, which the guest can power off."""
    return [word for number in range(len(spec.disks) if spec.slots else 0)
            for word in ("-device", f"pcie-root-port,id={acpi.port(number)},bus=pcie.0,"
                                    f"chassis={number + 1}")]


def _ask(stream, command, **arguments):
    """Send a command to QEMU's monitor, and wait for its answer. Raise MachineError if it fails."""
    stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    stream.flush()
    for line in stream:
        answer = json.loads(line)
        if "error" in answer:
            raise MachineError(f"QEMU: {command}: {answer['error']['desc']}")
        if "return" in answer:
            return
    raise MachineError(f"QEMU: {command}: no answer")


class Machine:
    """A running QEMU, which is always stopped at the end of the with block.

    QEMU has its own session, so that Ctrl-C reaches only the runner, and the kernel kills
    QEMU if the runner is killed.
    """

    def __init__(self, spec, accel, initrd, directory):
        self.console = directory / "console.log"
        # QEMU appends .out and .in to the name of a pipe.
        self.port = directory / "verdict.out"
        self._told = directory / "verdict.in"
        self.monitor = directory / "monitor"
        self.errors = directory / "qemu.err"
        self._spec, self._accel, self._initrd = spec, accel, initrd
        self._insns = directory / "insns"
        self._process = self._lines = None

    def __enter__(self):
        self.console.touch()
        self.port.touch()
        if self._spec.driven:
            os.mkfifo(self._told)
            self._lines = os.open(self._told, os.O_RDWR | os.O_CLOEXEC)
        fds = []
        try:
            for number, disk in enumerate(self._spec.disks):
                fds.append(os.memfd_create(f"swiotlb-disk{number}"))
                os.ftruncate(fds[-1], disk.mib << 20)
            arguments = command(self._spec, self._accel, self._initrd,
                                self.console, self.port)
            arguments += _external_ports(self._spec, self.console.parent)
            arguments += _node_ports(self._spec)
            arguments += _slots(self._spec)
            arguments += _disk_arguments(self._spec, fds)
            arguments += ["-qmp", f"unix:{self.monitor},server=on,wait=off"]
            arguments += _other_devices(self._spec)
            if self._spec.network:
                arguments += self._spec.network.arguments()
            if self._spec.counted:
                arguments += ["-plugin", f"{programs.insns(MachineError)},"
                                         f"counts={self._insns}"]
            if self._spec.device_tree:
                tree = self.errors.with_name("tree.dtb")
                devicetree.build(board(self._spec, self._accel),
                                 self._spec.device_tree, tree)
                arguments += ["-dtb", str(tree)]
            if os.environ.get("V") == "1":
                print(shlex.join(arguments), file=sys.stderr, flush=True)
            with open(self.errors, "wb") as errors:
                self._process = subprocess.Popen(
                    [tool("setpriv"), "--pdeathsig", "KILL", "--", *arguments],
                    stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                    pass_fds=fds, start_new_session=True)
        finally:
            for fd in fds:
                os.close(fd)
        return self

    def __exit__(self, *_):
        self.stop()
        if self._lines is not None:
            os.close(self._lines)

    @contextlib.contextmanager
    def _monitored(self):
        """Yield a stream to the monitor, for _ask()."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(10)
            monitor.connect(str(self.monitor))
            stream = monitor.makefile("rw")
            _ask(stream, "qmp_capabilities")
            yield stream

    def release(self):
        """Lift the limit of throttled disks."""
        with self._monitored() as stream:
            for number, disk in enumerate(self._spec.disks):
                if disk.bps:
                    _ask(stream, "qom-set", path=f"/objects/disk{number}-limit",
                         property="limits", value={"bps-read": 0})

    def plug(self, name):
        """Plug HOT_MIB of memory."""
        with self._monitored() as stream:
            _ask(stream, "object-add", **{"qom-type": "memory-backend-ram",
                                          "id": f"ram{name}", "size": HOT_MIB << 20})
            _ask(stream, "device_add", driver="pc-dimm", id=f"dimm{name}", memdev=f"ram{name}")

    def unplug(self, name):
        """Ask the guest to release this memory; only the guest knows when it has done so."""
        with self._monitored() as stream:
            _ask(stream, "device_del", id=f"dimm{name}")

    def pause(self):
        """Stop the guest and its clock."""
        with self._monitored() as stream:
            _ask(stream, "stop")

    def resume(self):
        with self._monitored() as stream:
            _ask(stream, "cont")

    def tell(self, line):
        """Send a line to a driven guest, which must be reading its verdict port."""
        os.write(self._lines, line.encode() + b"\n")

    def insns(self):
        """Return the instructions that the guest has executed so far, as {address in its
        kernel: instructions}; user space is at 0. insns.c describes the file.
        """
        with open(self._insns, "rb") as file:
            def counters():
                return struct.unpack(f"={INSNS_PLACES}Q", file.read(8 * INSNS_PLACES))
            addresses = counters()
            sums = [*map(sum, zip(*(counters() for _ in range(self._spec.vcpus))))]
        if sums[INSNS_NOWHERE]:
            raise MachineError("insns.c has too few places for this kernel")
        return {address: count for address, count in zip(addresses, sums) if count}

    def exited(self):
        return self._process.poll() is not None

    def exit_status(self):
        return self._process.returncode

    def wait(self, seconds):
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass

    def stop(self):
        if self._process and not self.exited():
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
