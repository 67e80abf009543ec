# SPDX-License-Identifier: GPL-2.0-only
"""The boots: first all data is verified, then all configurations are timed in turn."""

import contextlib
import json
import os
import pathlib
import resource
import time

from swguest import driven, machine, run, uml

from . import plan as plans
from .stats import Samples, median

# Seconds that a boot and a row take beyond their configured time. Only the first
# estimate of the time left uses them; later ones use the measured times.
BOOT_SECONDS = 5.0
ROW_SECONDS = 0.8
VERIFY_SECONDS = 12.0
# Timeouts of a boot and of a turn, in seconds.
READY_SECONDS = 60
TURN_SECONDS = 60


class Progress:
    """A heartbeat: the share that is done, the time elapsed, an estimate of the time left."""

    EVERY = 10.0

    def __init__(self, weight, terminal, machine="QEMU"):
        self._machine = machine
        self._weight, self._done = weight, 0.0
        self._started = self._spoken = time.monotonic()
        self._terminal = terminal
        self._what = ""

    def begin(self, what):
        self._what = what
        print(f"  {self._machine:7} {what}", flush=True)
        self._spoken = time.monotonic()

    def done(self, weight):
        self._done += weight

    def left(self):
        elapsed = time.monotonic() - self._started
        pace = elapsed / self._done if self._done > 0.05 * self._weight else 1
        return max(0.0, (self._weight - self._done) * pace)

    def tick(self):
        now = time.monotonic()
        if now - self._spoken < (1.0 if self._terminal else self.EVERY):
            return
        self._spoken = now
        line = (f"          {min(100, 100 * self._done / self._weight):3.0f} % after "
                f"{clock(now - self._started)}, about {clock(self.left())} "
                f"left")
        if self._terminal:
            print(f"\r{line}\033[K", end="", flush=True)
        else:
            print(line, flush=True)

    def clear(self):
        if self._terminal:
            print("\r\033[K", end="", flush=True)


class HostLoad:
    """CPUs of the host that are busy with processes other than this run."""

    def __init__(self):
        self._samples = []
        self._last = self._snapshot()

    @staticmethod
    def _snapshot():
        fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()
        user, nice, system, _idle, _wait, irq, softirq, steal = \
            map(int, fields[1:9])
        busy = (user + nice + system + irq + softirq + steal) \
            / os.sysconf("SC_CLK_TCK")
        own = sum(usage.ru_utime + usage.ru_stime for usage in
                  map(resource.getrusage, (resource.RUSAGE_SELF,
                                           resource.RUSAGE_CHILDREN)))
        return time.monotonic(), busy - own

    def note(self):
        """Record and return the CPUs that other processes used since the last note."""
        before, self._last = self._last, self._snapshot()
        self._samples.append(max(0.0, (self._last[1] - before[1])
                                 / max(0.1, self._last[0] - before[0])))
        return self._samples[-1]

    def others(self):
        return median(self._samples) or 0.0


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Measurement:
    """One whole comparison. @problems lists the failures of all boots."""

    def __init__(self, plan, images, directory, terminal):
        self.plan = plan
        self.images = images
        self.directory = directory
        self.samples = Samples()
        self.problems = []
        self.boots = {}
        self.seconds = {}
        self.accel = None
        self.emulator_faults = 0
        # (name of the row, turn, nanoseconds) of each measurement
        self.handovers = []
        self.host = HostLoad()
        self._progress = Progress(self._weight(), terminal, "UML" if plan.guest.native else "QEMU")

    def _row_seconds(self):
        return self.plan.ramp + self.plan.runtime + ROW_SECONDS

    def _cold_seconds(self):
        return self.plan.cold + ROW_SECONDS if self.plan.cold else 0

    def _verify_seconds(self):
        return VERIFY_SECONDS * (0.4 + self.plan.verify_mib / 40)

    def _weight(self):
        plan = self.plan
        timed = BOOT_SECONDS * len(plan.groups()) + len(plan.rows) * (
            plan.turns * self._row_seconds() + self._cold_seconds())
        more = sum(self._pair_seconds(row) for row in plan.rows) * len(plan.pairs()) * plan.most
        checked = BOOT_SECONDS + 3 * self._verify_seconds()
        return (plan.repeats * (len(plan.configs) * timed + more)
                + len(self._verified()) * checked)

    def _pair_seconds(self, row):
        """Return the seconds that a turn of a pair takes."""
        return self._row_seconds() * (1 if self.plan.together(row) else 2)

    def _verified(self):
        return [c for c in self.plan.configs if c.name in plans.VERIFIED]

    # --- one boot ---------------------------------------------------------

    def _boot(self, config, what, spec, log, weigh):
        self._progress.begin(what)

        def heard(frame):
            if frame:
                self._progress.done(weigh(frame))
            self._progress.tick()
        result = run.boot(spec, self.accel, log, heard)
        self._progress.clear()
        self.host.note()
        self.seconds.setdefault(spec.scenario, []).append(result.seconds)
        self._ended(config, what, result)
        return result

    def _ended(self, config, what, result):
        self.emulator_faults += len(result.emulator_faults)
        if "boot" in result.reader.frames:
            self.boots.setdefault(config.name, result.values("boot"))
        if not result.ok:
            self._complain(what, result)

    def _complain(self, what, result):
        self.problems.append(f"{what}: {result.problems[0]} (log: {result.log})")
        print(f"FAILED: {what}")
        for problem in result.problems[:8]:
            print(f"        {problem}")
        print(f"        log: {result.log}", flush=True)

    def _spec(self, config, scenario, disks, disk_mib, conf, files, timeout,
              driven=False, vcpus=plans.VCPUS):
        guest = self.plan.guest
        conf = {"ENGINE": plans.ENGINE, "BOUNCE": int(config.bounce),
                "BATCH": guest.batch or "", **conf}
        return run.Spec(
            self.images[config.kernel], scenario, config.append, vcpus,
            guest.memory_mib, [machine.Disk(kind, disk_mib) for kind in disks],
            conf, files, timeout, driven=driven, arch=guest.arch)

    # --- the two passes ---------------------------------------------------

    def verify(self):
        """Write and read back all disks on each kernel. Return whether all data was correct."""
        mib, guest = self.plan.verify_mib, self.plan.guest
        # A disk and its "-store" variant are the same disk
        disks = dict.fromkeys(disk.partition("-store")[0] for disk in guest.verify_disks)
        for config in self._verified():
            spec = self._spec(
                config, "verify", disks, 4 * mib,
                {"DISKS": " ".join(guest.verify_disks), "SIZE": mib}, {},
                120 + 10 * mib, vcpus=guest.cpus)
            self._boot(config, f"{config.name} verify {config.append}", spec,
                       self.directory / "logs" / f"verify.{config.name}.log",
                       lambda frame: self._verify_seconds()
                       if frame.endswith(".fio") else BOOT_SECONDS / 4)
        return not self.problems

    def timed(self):
        for number in range(1, self.plan.repeats + 1):
            self._repeat(number)

    def _repeat(self, number):
        for vcpus, rows in self.plan.groups():
            self._round(number, vcpus, rows)

    def _round(self, number, vcpus, rows):
        """Boot each configuration, then let them take turns. They boot one after the
        other: a guest that is not scheduled during its boot may calibrate its clock wrongly.
        """
        self._progress.begin(f"{number}/{self.plan.repeats}: "
                             + ", ".join(c.name for c in self.plan.configs))
        with contextlib.ExitStack() as stack:
            guests = []
            for config in self.plan.configs:
                guests.append((config, stack.enter_context(
                    self._timed_guest(config, number, vcpus))))
                guests[-1][1].ready()
                self._progress.done(BOOT_SECONDS)
            for row in rows:
                self._turns(row, number, guests)
            for config, guest in guests:
                guest.end()
                self._ended(config, f"{config.name} ({number})", guest.result)
        self._progress.clear()
        self.host.note()

    def _timed_guest(self, config, number, vcpus):
        plan = self.plan
        conf = {"RUNTIME_MS": round(1000 * plan.runtime), "RAMP": plan.ramp,
                "RAMP_MS": round(1000 * plan.ramp),
                "STEP": round(plan.runtime / 5, 2), "SIZE": f"{plan.job_mib}m"}
        spec = self._spec(config, "timed", plan.guest.disks, plan.guest.disk_mib,
                          conf, {}, READY_SECONDS, driven=True, vcpus=vcpus)
        log = f"{config.name}.{vcpus}.{number}.log"
        return driven.Driven(spec, self.accel, self.directory / "logs" / log,
                             lambda frame: self._progress.tick())

    def _turns(self, row, number, guests):
        """Reverse the order of the guests in every other turn, so that drift affects all alike."""
        for turn in range(self.plan.turns):
            self._hand_over(row, f"{number}.{turn + 1}")
            cold = self.plan.cold if turn == 0 else 0
            for config, guest in guests[::-1 if turn % 2 else 1]:
                self._turn(row, config, f"{number}.{turn + 1}", guest, cold)
        for pair in self.plan.pairs():
            self._pair_turns(row, pair, number, [one for one in guests if one[0].name in pair])

    def _pair_turns(self, row, pair, number, guests):
        """Let the guests of a @pair take turns until their ratio is precise."""
        for turn in range(self.plan.most):
            if turn >= plans.LEAST and self._precise(row, pair):
                self._progress.done(self._pair_seconds(row) * (self.plan.most - turn))
                return
            name = f"{number}.{'-'.join(pair)}.{turn + 1}"
            order = guests[::-1 if turn % 2 else 1]
            if self.plan.together(row):
                self._together(row, pair, name, order)
            else:
                for config, guest in order:
                    self._turn(row, config, name, guest, 0)

    def _together(self, row, pair, number, guests):
        """Let both guests run @row at the same time, on the same CPU."""
        name = f"{row.name}.{number}"
        alive = [(config, guest) for config, guest in guests if guest.alive]
        for _, guest in alive:
            guest.begin(row.guest_line(name))
        said = {config.name: guest.finished(f"{name}.fio", TURN_SECONDS) for config, guest in alive}
        self._progress.done(self._pair_seconds(row))
        found = {config.name: self._take_fio(name, config, said[config.name])
                 for config, _ in alive if said[config.name] is not None}
        if len(found) < len(pair):
            for config in {*pair} - {*found}:
                self.samples.add_errors(row, config, 1)
            return
        self.samples.add_together(row, pair, [found[config][0] for config in pair])
        for config in pair:
            self.samples.add_errors(row, config, found[config][3])

    def _hand_over(self, row, turn):
        """Record the time that a cache line takes between two CPUs. Rows in which another CPU
        touches the data depend on this time, which depends on the host's choice of CPUs.
        """
        found = uml.handover() if self.plan.guest.native else None
        if found is not None:
            self.handovers.append((row.name, turn, found))

    def _precise(self, row, pair):
        """Return whether the ratio of that @pair is precise enough without another turn."""
        found = self.samples.difference(row, *pair)
        return bool(found) and found[2] - found[1] <= 2 * self.plan.precision

    def _turn(self, row, config, number, guest, cold):
        name = f"{row.name}.{number}"
        said = guest.run(row.guest_line(name, round(1000 * cold)), f"{name}.fio",
                         TURN_SECONDS + 3 * self._row_seconds()) \
            if guest.alive else None
        self._progress.done(self._row_seconds()
                            + (self._cold_seconds() if cold else 0))
        if said is None:
            self.samples.add_errors(row, config.name, 1)
            return
        self._take(row, name, config, said)
        if cold:
            self._take_cold(row, name, config, said)

    def _take(self, row, name, config, said):
        """Add the results that the guest of @config has @said for a turn @name of @row."""
        iops, usr, system, errors = self._take_fio(name, config, said)
        busy = read_busy(said.values(f"{name}.sample"), self.plan.guest.vcpus(row))
        self.samples.add(row, config.name, iops, (busy, usr, system), errors, name)

    def _take_cold(self, row, name, config, said):
        """Subclasses with cold runs take their results here."""

    def _take_fio(self, name, config, said):
        """Return the results of fio under that name, and save its output in a file."""
        text = said.text(f"{name}.fio")
        raw = self.directory / "fio" / f"{config.name}.{name}.json"
        raw.parent.mkdir(parents=True, exist_ok=True)
        raw.write_text(text)
        fio = read_fio(text)
        if fio[3]:
            self.problems.append(f"{config.name} {name}: {fio[3]} fio errors ({raw})")
        return fio


def read_fio(text):
    """Return IOPS, user and system CPU in percent of a job, and errors."""
    job, = json.loads(text)["jobs"]
    iops = job["read"]["iops"] + job["write"]["iops"]
    errors = job.get("total_err", 0) or int(bool(job["error"]))
    return iops, job["usr_cpu"], job["sys_cpu"], errors


def read_busy(sample, vcpus):
    """Return the number of busy CPUs of the guest in the middle of a row."""
    busy0, all0, busy1, all1 = map(int, sample["ticks"].split())
    return vcpus * (busy1 - busy0) / max(1, all1 - all0)
