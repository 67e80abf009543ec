# SPDX-License-Identifier: GPL-2.0-only
"""The machine and tools of a result, so that it can be judged and repeated."""

import datetime
import hashlib
import os
import pathlib
import platform
import subprocess
import sys

from swguest import machine, paths, uml

from . import plan as plans


def _output(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False, cwd=paths.TREE)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def _cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_mib():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def _config(source):
    """Return the .config that an image was built from, if it can be found."""
    name = source.name.partition(".")[0]
    for path in (source.with_name(f"{name}.config"),
                 paths.build_dir() / name / ".config"):
        if path.is_file():
            return _sha256(path)
    return None


def host():
    return {"cpu": _cpu(), "cpus": os.cpu_count(), "memory_mib": _memory_mib(),
            "kernel": platform.release(), "load_at_start": os.getloadavg()}


def state_of_the_tree():
    commit = _output("git", "rev-parse", "HEAD")
    changed = bool(_output("git", "status", "--porcelain"))
    return {"commit": commit or None, "changed": changed}


class Environment:
    """The environment of a run: filled at its start, completed at its end, written as JSON."""

    def __init__(self, plan, sources):
        self.data = {
            "command": " ".join(sys.argv),
            "started": datetime.datetime.now().astimezone().isoformat("T", "seconds"),
            "tree": state_of_the_tree(),
            "host": host(),
            "qemu": machine.version(),
            "fio": _output("fio", "--version"),
            "guest": {"vcpus": " or ".join(str(vcpus) for vcpus, _ in plan.groups()),
                      "memory_mib": plan.guest.memory_mib,
                      "append": machine.APPEND if plan.guest.native else
                      f"{machine.APPEND} {machine.X86_APPEND}",
                      "backing": "raw, anonymous host memory"},
            "plan": {"kind": plan.kind, "repeats": plan.repeats,
                     "turns": plan.turns_text(),
                     "batch": plan.guest.batch or 1,
                     "ramp_s": plan.ramp, "runtime_s": plan.runtime,
                     "engine": plans.ENGINE,
                     "rows": [row.name for row in plan.rows]},
            "configurations": {c.name: {"kernel": c.kernel, "append": c.append}
                               for c in plan.configs},
            "images": {name: {"sha256": _sha256(path),
                              "config_sha256": _config(path)}
                       for name, path in sources.items()},
        }

    def complete(self, measurement):
        host = self.data["host"]
        host["load_at_end"] = os.getloadavg()
        host["cpus_used_by_others"] = round(measurement.host.others(), 2)
        self.data["ended"] = datetime.datetime.now().astimezone().isoformat("T", "seconds")
        if measurement.accel == uml.ARCH:
            self.data["accelerator"] = "User Mode Linux"
            self.data["guest"]["cpu"] = "host"
        else:
            self.data["accelerator"] = machine.accel_argument(measurement.accel)
            self.data["guest"]["cpu"] = machine.CPU[measurement.accel]
        self.data["seconds_a_boot"] = {
            name: [round(second, 1) for second in seconds]
            for name, seconds in measurement.seconds.items()}
        self.data["boots_repeated_for_stale_int3"] = measurement.emulator_faults
        for name, values in measurement.boots.items():
            self.data["configurations"][name]["booted"] = values
        self.data["handovers"] = measurement.handovers
        self.data["problems"] = measurement.problems
        return self.data
