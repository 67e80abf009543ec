# SPDX-License-Identifier: GPL-2.0-only
"""User Mode Linux instead of QEMU: a guest that is a process, at native speed.

It runs the same initramfs. Its disks are dmablk, in its own kernel, and virtio-blk,
which a qemu-storage-daemon serves from memory, so that the data is really read and
written. A guest with one CPU and its disks are each bound to a CPU of the host; a guest
with more CPUs is not bound.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time

from . import machine, programs

ARCH = "um"
VERDICT = "ttyS0"
DAEMON_SECONDS = 10
# For memory, io_uring completes in the context of the caller; threads would add a hand-over.
BACKEND = "driver=file,aio=io_uring,locking=off,cache.no-flush=on"


def pins(vcpus):
    """Return the CPUs of the host for the guest and for its disks, in the format of taskset."""
    cpus = sorted(os.sched_getaffinity(0))
    if vcpus > 1 or len(cpus) < 2:
        both = ",".join(map(str, cpus))
        return both, both
    return str(cpus[0]), str(cpus[-1])


def handover():
    """Return the nanoseconds that a cache line takes from the CPU of a bound guest to that
    of its disks; None if both use the same CPU.
    """
    guest, disks = pins(1)
    if guest == disks:
        return None
    done = subprocess.run([programs.handover(machine.MachineError), guest, disks],
                          capture_output=True, text=True, check=True)
    return float(done.stdout)


def _started(arguments, cpus, **how):
    """Start a process in a new session, which does not outlive the runner."""
    arguments = [machine.tool("setpriv"), "--pdeathsig", "KILL", "--",
                 machine.tool("taskset"), "-c", cpus, *arguments]
    if os.environ.get("V") == "1":
        print(shlex.join(arguments), file=sys.stderr, flush=True)
    return subprocess.Popen(arguments, stdin=subprocess.DEVNULL,
                            start_new_session=True, **how)


def daemon(disk, vcpus, socket, fd):
    """Return the arguments of a daemon that serves the memory @fd at @socket."""
    if disk.bps:
        raise machine.MachineError("User Mode Linux has no disks that answer slowly")
    return [machine.tool("qemu-storage-daemon"),
            "--blockdev", f"{BACKEND},node-name=disk,filename=/dev/fd/{fd}",
            "--export", "type=vhost-user-blk,id=export,node-name=disk,writable=on,"
            f"num-queues={vcpus},addr.type=unix,addr.path={socket}"]


def command(spec, initrd, directory, sockets, lines, port):
    """Return the kernel and its arguments. @lines, @port: file descriptors of its port."""
    arguments = [str(spec.kernel), f"mem={spec.memory_mib}M", f"ncpus={spec.vcpus}",
                 "seccomp=on", "noreboot", f"uml_dir={directory}/", f"initrd={initrd}",
                 "con=null", "con0=null,fd:1", "ssl=null", f"ssl0=fd:{lines},fd:{port}"]
    arguments += [f"virtio_uml.device={socket}:2,dma" for socket in sockets]
    mib = 0
    for disk in spec.disks:
        if disk.kind == "dmablk":
            mib = disk.mib
        elif disk.kind != "virtio-blk":
            raise machine.MachineError(f"User Mode Linux has no {disk.kind}")
    arguments.append(f"dmablk.mib={mib}")
    return arguments + f"{machine.APPEND} {spec.append}".split()


class Machine:
    """A running guest, with the interface of machine.Machine."""

    def __init__(self, spec, _accel, initrd, directory):
        self.console = self.errors = directory / "console.log"
        self.port = directory / "verdict.out"
        self._spec, self._initrd, self._directory = spec, initrd, directory
        self._process = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with self._stack:
            self._stack.callback(self.stop)
            lines, self._lines = os.pipe()
            self._stack.callback(os.close, self._lines)
            os.mkfifo(self.port)
            port = os.open(self.port, os.O_RDWR)
            sockets = [self._serve(number, disk)
                       for number, disk in enumerate(self._spec.disks)
                       if disk.kind == "virtio-blk"]
            arguments = command(self._spec, self._initrd, self._directory, sockets,
                                lines, port)
            with open(self.console, "wb") as console:
                self._process = _started(arguments, pins(self._spec.vcpus)[0],
                                         stdout=console, stderr=console,
                                         pass_fds=(lines, port))
            os.close(lines)
            os.close(port)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _serve(self, number, disk):
        socket = self._directory / f"disk{number}"
        memory = os.memfd_create(f"swiotlb-disk{number}")
        os.ftruncate(memory, disk.mib << 20)
        process = _started(daemon(disk, self._spec.vcpus, socket, memory),
                           pins(self._spec.vcpus)[1], pass_fds=(memory,),
                           stderr=subprocess.PIPE, text=True)
        os.close(memory)
        self._stack.callback(_end, process)
        deadline = time.monotonic() + DAEMON_SECONDS
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise machine.MachineError(
                    f"qemu-storage-daemon: {process.communicate()[1].strip()}")
            time.sleep(0.01)
        return socket

    def pause(self):
        """Do nothing: a guest that waits for a line is idle."""

    def resume(self):
        """Do nothing: the guest continues when it gets a line."""

    def tell(self, line):
        os.write(self._lines, line.encode() + b"\n")

    @property
    def pid(self):
        """The process ID of the kernel: setpriv and taskset execute it in their place."""
        return self._process.pid

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
        if self._process:
            _end(self._process)


def _end(process):
    """Stop a process and all processes it has started, even if it has exited itself."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
