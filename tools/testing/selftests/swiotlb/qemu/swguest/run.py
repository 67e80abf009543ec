# SPDX-License-Identifier: GPL-2.0-only
"""One boot, from a specification to a checked result."""

import contextlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

from . import accel, acpi, devicetree, initramfs, klog, machine, paths, uml, verdict


class Spec:
    """The kernel to boot and the scenario to run in it.

    @conf: shell variables for the scenario; @files: additional files for it, by their path
    in the guest; @ignore: names of klog signatures that the scenario provokes on purpose;
    @devices: QEMU's arguments for additional devices; @network: network.Ports or network.Echo;
    @device_tree: source to add to the device tree of the machine; @taint: the expected taint of
    the kernel; @driven: the scenario reads lines from the verdict port, see driven.py; @counted:
    QEMU counts the instructions of the guest; @external: the disks are at external ports, and
    not trusted; @plugs: the scenario has memory plugged and unplugged; @reboots: the guest boots
    more than once, and powers off at the end; @nodes: number of NUMA nodes, which share the
    CPUs, the memory and the disks; @slots: the disks are in slots that can be powered off.
    """

    def __init__(self, kernel, scenario, append="", vcpus=8, memory_mib=2048,
                 disks=(), conf=None, files=None, timeout=120, ignore=(),
                 iothread=True, devices=(), arch=machine.HOST, device_tree="",
                 taint=0, driven=False, counted=False, network=None, external=False,
                 plugs=False, reboots=False, nodes=0, slots=False):
        self.kernel = pathlib.Path(kernel)
        self.scenario = scenario
        self.append = append
        self.vcpus = vcpus
        self.memory_mib = memory_mib
        self.disks = tuple(disks)
        self.conf = dict(conf or {})
        self.files = dict(files or {})
        self.timeout = timeout
        self.ignore = tuple(ignore)
        self.iothread = iothread
        self.devices = tuple(devices)
        self.arch = arch
        self.device_tree = device_tree
        self.taint = taint
        self.driven = driven
        self.counted = counted
        self.network = network
        self.external = external
        self.plugs = plugs
        self.reboots = reboots
        self.nodes = nodes
        self.slots = slots

    @property
    def uml(self):
        """Return whether the guest is User Mode Linux."""
        return self.arch == uml.ARCH

    @property
    def user(self):
        """Return the architecture of the guest's programs."""
        return machine.HOST if self.uml else machine.ARCHES[self.arch].user

    @property
    def fio(self):
        """Return whether the guest has fio although its programs are not for the host."""
        return not self.uml and machine.ARCHES[self.arch].fio

    def overlay(self):
        lines = [f"SCENARIO='{self.scenario}'",
                 f"VERDICT=/dev/{uml.VERDICT if self.uml else machine.ARCHES[self.arch].verdict}"]
        if self.reboots:
            lines.append("END=poweroff")
        for key, value in self.conf.items():
            quoted = str(value).replace("'", "'\\''")
            lines.append(f"{key}='{quoted}'")
        text = "\n".join(lines) + "\n"
        return initramfs.overlay({**self.files, "etc/run.conf": text})


class Result:
    """The result of a boot. @problems is empty if and only if it passed."""

    def __init__(self, reader, problems, log, seconds, accel_name):
        self.reader = reader
        self.problems = problems
        self.log = log
        self.seconds = seconds
        self.accel = accel_name
        self.emulator_faults = []

    @property
    def ok(self):
        return not self.problems

    def text(self, name):
        return self.reader.text(name)

    def values(self, name):
        return self.reader.values(name)


class Interrupted(Exception):
    """The runner got a signal to end."""


def handle_signals():
    """Let SIGTERM and SIGHUP unwind like Ctrl-C, so that QEMU is stopped."""
    def stop(number, _frame):
        raise Interrupted(signal.Signals(number).name)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def say(line):
    print(line, flush=True)


TEMPORARY = "swiotlb-guest."


def _sweep():
    """Remove temporary files of a run that was killed."""
    for path in pathlib.Path(tempfile.gettempdir()).glob(TEMPORARY + "*"):
        pid = path.name[len(TEMPORARY):].partition(".")[0]
        if pid.isdigit() and not pathlib.Path("/proc", pid).exists():
            shutil.rmtree(path, ignore_errors=True)


def _without_waiting(path, flags):
    return os.open(path, flags | os.O_NONBLOCK)


# The frame after which the limit of throttled disks is lifted.
HELD = "held"
# The beginnings of the names of frames after which memory is plugged or unplugged
PLUG, UNPLUG = "plug.", "unplug."


def _initrd(spec, directory):
    target = directory / "initrd"
    with open(target, "wb") as out:
        out.write(initramfs.build(say, spec.user, spec.fio).read_bytes())
        out.write(spec.overlay())
    return target


def _gone(running):
    said = running.errors.read_text(errors="replace").strip()
    return (f"the guest ended before the verdict (status {running.exit_status()})"
            + (f": {said.splitlines()[-1]}" if said else ""))


def _judge(reader, log_text, spec):
    problems = [str(finding) for finding in klog.scan(log_text, spec.ignore)]
    if not reader.ended:
        return problems
    end = reader.values("end")
    if end.get("status") != "0":
        # If the scenario has started another kernel, the name is "next.output".
        said = [*(text for name, text in reader.frames.items()
                  if name.endswith("output")), b""][0].decode(errors="replace")
        problems.insert(0, "scenario failed: " + (said.strip() or "no reason"))
    if end.get("tainted") != str(spec.taint) and not spec.ignore:
        problems.append(f"kernel is tainted ({end.get('tainted')})")
    return problems


# Number of boots to try if the emulator breaks them.
STALE_INT3_TRIES = 8


def boot(spec, accel_name, keep, progress=lambda frame: None):
    """Boot under a given accelerator. @keep: the file for the console log.

    A boot that ended with QEMU's stale int3 (klog.stale_int3()) does not count: print a
    line, save its log beside the good one, and boot again.

    Call @progress with the name of every frame that arrives, and with None many times per
    second in between.
    """
    faults = []
    while True:
        result = _boot_once(spec, accel_name, keep, progress)
        result.emulator_faults = faults
        if not broken_by_emulator(result, faults):
            return result


def broken_by_emulator(result, faults):
    """Return True if QEMU's stale int3 broke the boot, and tries are left. Then rename its log, and
    add the new name to @faults.
    """
    if result.ok or result.accel != "tcg" or len(faults) + 1 == STALE_INT3_TRIES or \
       not klog.stale_int3(result.log.read_text(errors="replace")):
        return False
    faults.append(result.log.with_suffix(f".int3-{len(faults) + 1}.log"))
    result.log.replace(faults[-1])
    say(f"  AGAIN   QEMU ran an int3 that was gone from memory: {faults[-1]}")
    return True


class Session:
    """A running guest. At the end of the with block it is stopped, its console log is in
    @keep, and @result is its result.
    """

    def __init__(self, spec, accel_name, keep, progress):
        self.spec, self._accel, self._keep = spec, accel_name, pathlib.Path(keep)
        self._progress = progress
        self.reader, self.result = verdict.Reader(), None
        self._why = None
        self._started = time.monotonic()
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._keep.parent.mkdir(parents=True, exist_ok=True)
        _sweep()
        with self._stack:
            directory = pathlib.Path(self._stack.enter_context(
                tempfile.TemporaryDirectory(prefix=f"{TEMPORARY}{os.getpid()}.")))
            kind = uml.Machine if self.spec.uml else machine.Machine
            self.machine = self._stack.enter_context(kind(
                self.spec, self._accel, _initrd(self.spec, directory), directory))
            self._port = self._stack.enter_context(
                open(self.machine.port, "rb", opener=_without_waiting))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_):
        with self._stack:
            self.machine.stop()
            shutil.copyfile(self.machine.console, self._keep)
        text = self._keep.read_text(errors="replace")
        problems = _judge(self.reader, text, self.spec)
        if self._why:
            problems.insert(0, self._why)
        self.result = Result(self.reader, problems, self._keep,
                             time.monotonic() - self._started, self._accel)

    def console(self):
        return self.machine.console.read_text(errors="replace")

    def give_up(self, why):
        self._why = why

    def follow(self, last, seconds):
        """Read the port until the frame @last, the end, an error or the timeout. Return
        whether @last has arrived.
        """
        try:
            self._why = self._read(last, time.monotonic() + seconds, seconds)
        except verdict.VerdictError as err:
            self._why = str(err)
        return last in self.reader.frames

    def _read(self, last, deadline, seconds):
        """Read until @last. Return the reason why it can no longer arrive, or None."""
        while True:
            gone = self.machine.exited()
            for name in self.reader.feed(self._port.read() or b""):
                if name == HELD:
                    self.machine.release()
                if name.startswith(PLUG):
                    self.machine.plug(name.removeprefix(PLUG))
                if name.startswith(UNPLUG):
                    self.machine.unplug(name.removeprefix(UNPLUG))
                self._progress(name)
            self._progress(None)
            if last in self.reader.frames:
                return None
            if self.reader.ended:
                self.machine.wait(10)
                return None
            if gone:
                return _gone(self.machine)
            if time.monotonic() > deadline:
                return f"no verdict within {seconds} s"
            time.sleep(0.05)


def _boot_once(spec, accel_name, keep, progress):
    with Session(spec, accel_name, keep, progress) as session:
        if session.follow("end", spec.timeout):
            session.machine.wait(10)
    return session.result


def choose_accel(kernel):
    """Return the accelerator for this host, found by booting @kernel."""
    log = paths.build_dir() / "guest" / "accel.log"

    def fails_under(name, seconds):
        # KUnit suites provoke messages that would fail the boot, so disable them.
        spec = Spec(kernel, "boot", "kunit.enable=0", vcpus=2, memory_mib=512,
                    timeout=seconds)
        result = boot(spec, name, log)
        return result.problems[0] if result.problems else None
    return accel.choose(fails_under, say)


def run(spec, keep, progress=lambda frame: None):
    if not spec.kernel.is_file():
        raise machine.MachineError(f"no kernel image {spec.kernel}")
    if spec.uml:
        accel_name = uml.ARCH
    else:
        accel_name = choose_accel(spec.kernel) if spec.arch == machine.HOST else "tcg"
    return boot(spec, accel_name, keep, progress)


def main(function):
    """Run the main function of a command, and print errors that the user can fix."""
    handle_signals()
    try:
        return function()
    except (machine.MachineError, initramfs.BuildError,
            acpi.TableError, devicetree.TreeError, verdict.VerdictError) as err:
        print(f"error: {err}", file=sys.stderr)
        return 2
    except OSError as err:
        print(f"error: {err.strerror}: {err.filename or ''}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, Interrupted):
        print("\ninterrupted", file=sys.stderr)
        return 130
