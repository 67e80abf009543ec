# SPDX-License-Identifier: GPL-2.0-only
"""The processes: one for each group of rows, one engine after the other."""

import re
import shutil
import statistics
import subprocess
import time

import callgrind
from swbench import measure

ENGINES = ("base", "ours")
# Groups with deterministic figures: one run is enough
EXACT = ("first", "meta", "count_empty", "count_half", "count_pinned", "count_sync_1",
         "count_sync_64")
COUNTED = {"count_empty": "counted_pairs", "count_half": "counted_flight",
           "count_from": "counted_pairs", "count_64k": "counted_pairs",
           "count_256k": "counted_pairs", "count_ring": "counted_ring",
           "count_sync": "counted_syncs", "count_sync_1": "counted_syncs",
           "count_sync_64": "counted_syncs", "count_pinned": "counted_pinned"}

# Number of undisturbed runs wanted, and limits of the runs and the time to get them
WANTED, AT_LEAST, AT_MOST = 5, 3, 8
BUDGET_SECONDS = 190.0
# A run is disturbed if other processes use more CPUs than this
DISTURBED = 0.15
WAIT_SECONDS = 30.0
LIMIT_SECONDS = 60
HEARTBEAT_SECONDS = 8.0


class BenchError(Exception):
    """A program of the bench failed."""


class Run:
    """A run of one group on both engines, one after the other."""

    def __init__(self, group, copies, values, others):
        self.group, self.copies = group, copies
        self.values = values
        self.others = others

    def quiet(self):
        return max(self.others.values()) < DISTURBED

    def as_dict(self):
        return {"group": self.group, "copies": self.copies,
                "values": self.values, "cpus_of_others": self.others}


def _communicate(command):
    """Return the output of @command, and kill it on any exception."""
    with subprocess.Popen(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as child:
        try:
            output, _ = child.communicate(timeout=LIMIT_SECONDS)
        except BaseException:
            child.kill()
            raise
        return child.returncode, output


def _values(output):
    pairs = (line.rsplit(" ", 1) for line in output.splitlines()
             if re.fullmatch(r"[\w/.-]+ [-+.e\d]+", line))
    return {name: float(value) for name, value in pairs}


class Programs:
    """The four programs, at the paths used by the Makefile."""

    def __init__(self, directory, tiny):
        self._directory = directory
        self._tiny = tiny
        self.valgrind = None if tiny else shutil.which("valgrind")

    def path(self, engine, copies):
        return self._directory / f"{engine}-bench-{copies}-yyy" / "bench" / "bench"

    def run(self, engine, group, copies):
        command = [str(self.path(engine, copies))]
        if group in COUNTED:
            return self._count(command, group)
        if self._tiny:
            command.append("-t")
        return self._checked([*command, group])

    @staticmethod
    def _checked(command):
        code, output = _communicate(command)
        if code:
            tail = "\n".join(output.splitlines()[-5:])
            raise BenchError(f"{' '.join(command)}: status {code}\n{tail}")
        return _values(output)

    def _count(self, command, group):
        """Return the instructions per pair. The check only tests that the program runs."""
        if self._tiny:
            values = self._checked([*command, "-t", group])
            return {"instructions": values["count/pairs"]}
        if not self.valgrind:
            return {}
        return {"instructions": sum(self._by_file(command, group).values())}

    def _by_file(self, command, group):
        output, costs = callgrind.profile(self.valgrind, [*command, "-t", group],
                                          (COUNTED[group],), LIMIT_SECONDS)
        pairs = _values(output)["count/pairs"]
        return {name: number / pairs for name, number in costs.items()}

    def profile(self, engine, group, copies):
        """Return the instructions of a pair, by source file."""
        return self._by_file([str(self.path(engine, copies))], group)


class Progress:
    def __init__(self, total):
        self._total = total
        self._started = self._spoken = time.monotonic()

    def note(self, done, what):
        now = time.monotonic()
        if now - self._spoken < HEARTBEAT_SECONDS or not done:
            return
        self._spoken = now
        left = (now - self._started) * (self._total - done) / done
        left = min(left, BUDGET_SECONDS - (now - self._started))
        print(f"  BENCH   {what}, about {measure.clock(max(0, left))} left",
              flush=True)


class Series:
    """All runs of the groups that some rows need."""

    def __init__(self, programs, rows, tiny):
        self._programs = programs
        self._tiny = tiny
        self._units = list(dict.fromkeys((row.group, row.copies) for row in rows))
        self._host = measure.HostLoad()
        self._waited = 0.0
        self.runs = []

    def _of(self, unit):
        return [run for run in self.runs if (run.group, run.copies) == unit]

    def _wait_for_quiet(self):
        """Wait until the host is idle, up to a second each time and WAIT_SECONDS in all."""
        started = time.monotonic()
        while self._waited + time.monotonic() - started < WAIT_SECONDS:
            self._host.note()
            time.sleep(0.15)
            if self._host.note() < DISTURBED or time.monotonic() - started > 1:
                break
        self._waited += time.monotonic() - started

    def _run(self, unit):
        values, others = {}, {}
        if not self._tiny and unit[0] not in EXACT:
            self._wait_for_quiet()
        for engine in ENGINES:
            self._host.note()
            values[engine] = self._programs.run(engine, *unit)
            others[engine] = round(self._host.note(), 3)
        self.runs.append(Run(*unit, values, others))

    def _missing(self, unit):
        """Return how many more runs a unit needs, and how many more are wanted."""
        runs = self._of(unit)
        if self._tiny or unit[0] in EXACT:
            return 1 - len(runs), 1 - len(runs)
        quiet = sum(run.quiet() for run in runs)
        return AT_LEAST - len(runs), min(WANTED - quiet, AT_MOST - len(runs))

    def conduct(self):
        started = time.monotonic()
        total = sum(self._missing(unit)[1] for unit in self._units)
        progress, turn = Progress(total), 0
        while True:
            turn += 1
            busy = False
            for unit in self._units:
                least, best = self._missing(unit)
                late = time.monotonic() - started > BUDGET_SECONDS
                if best <= 0 or (late and least <= 0):
                    continue
                busy = True
                self._run(unit)
                left = sum(max(0, self._missing(u)[1]) for u in self._units)
                if not self._tiny:
                    progress.note(total - left, f"turn {turn}, {unit[0]}")
            if not busy:
                return

    def counted(self, unit):
        """Return the undisturbed runs if there are enough, otherwise all runs."""
        runs = self._of(unit)
        quiet = [run for run in runs if run.quiet()]
        return quiet if len(quiet) >= AT_LEAST else runs

    def value(self, row, engine):
        """Return the median over the runs, None if nothing was measured."""
        found = []
        for run in self.counted((row.group, row.copies)):
            values = run.values[engine]
            key = row.base_key if engine == "base" else row.key
            keys = key if isinstance(key, tuple) else (key,)
            if any(key not in values for key in keys):
                continue
            value = values[keys[0]]
            if len(keys) == 2:
                if not values[keys[1]]:
                    continue
                value /= values[keys[1]]
            found.append(value)
        return statistics.median(found) if found else None

    def summary(self):
        timed = [unit for unit in self._units if unit[0] not in EXACT]
        return {"runs": len(self.runs),
                "runs_disturbed": sum(not run.quiet() for run in self.runs),
                "groups_with_disturbed_runs": [
                    "/".join(unit) for unit in timed
                    if not all(run.quiet() for run in self.counted(unit))],
                "cpus_used_by_others": round(self._host.others(), 2)}
