# SPDX-License-Identifier: GPL-2.0-only
"""Instructions that a guest executes for an I/O, as QEMU counts them.

Each row is run with few and with many I/Os: what fio does before and after them
costs the same in both, and is not in the difference. Caches are not in it either,
nor is what the host does meanwhile.
"""

import json

from swguest import driven

from . import measure, plan as plans, report, stats

# I/Os of all jobs together, by the size of one.
IOS = {"4k": (3000, 15000), "64k": (1000, 5000)}
COLUMNS = ("row", "config", "insns_per_io", "cv", "against", "difference", "low",
           "high", "limit", "holds", "shown")
AGAINST = {"ours": "base", "dynamic": "ours"}
# What growing may cost once it has grown, as a share.
LIMITS = {"dynamic": 0.02}


class CountError(Exception):
    """The guest did something else than it was told."""


class Counted(measure.Measurement):
    """@costs: {(row, configuration): [instructions an I/O]}."""

    def __init__(self, *args):
        self.costs = {}
        super().__init__(*args)

    def _verified(self):
        return ()

    def _row_seconds(self):
        return 2 * measure.ROW_SECONDS + 3.0

    def _timed_guest(self, config, number):
        spec = self._spec(config, "counted", ("virtio-blk", "nvme"), plans.DISK_MIB,
                          {"SIZE": f"{self.plan.job_mib}m"}, {},
                          measure.READY_SECONDS, driven=True)
        spec.counted = True
        return driven.Driven(spec, self.accel,
                             self.directory / "logs" / f"{config.name}.{number}.log",
                             lambda frame: self._progress.tick())

    def _run(self, row, name, guest, ios):
        """Instructions of a whole run of so many I/Os; None if the guest is gone."""
        each = ios // row.jobs
        line = row.counted_line(name, each)
        before = guest.insns()
        said = guest.run(line, f"{name}.fio", measure.TURN_SECONDS)
        if said is None:
            return None
        job, = json.loads(said.text(f"{name}.fio"))["jobs"]
        done = job["read"]["total_ios"] + job["write"]["total_ios"]
        if job["error"] or done != each * row.jobs:
            raise CountError(f"{name}: {done} I/Os, error {job['error']}")
        return guest.insns() - before

    def _turn(self, row, config, number, guest, cold):
        name = f"{row.name}.{number}"
        few, many = IOS[row.bs]
        found = [guest.alive and self._run(row, f"{name}.{what}", guest, ios)
                 for what, ios in (("warm", few), ("few", few), ("many", many))]
        self._progress.done(self._row_seconds())
        if all(found):
            self.costs.setdefault((row, config.name), []).append(
                (found[2] - found[1]) / (many - few))


def _entry(measured, row, name):
    """A line of the table; differences are those of pairs of turns."""
    costs = measured.costs.get((row, name), [])
    entry = {**dict.fromkeys(COLUMNS), "row": row.name, "config": name,
             "insns_per_io": stats.median(costs), "cv": stats.variation(costs),
             "against": AGAINST.get(name, ""), "limit": LIMITS.get(name)}
    reference = measured.costs.get((row, AGAINST.get(name)), [])
    found = stats.difference(costs, reference) if reference else None
    if found:
        entry["difference"], entry["low"], entry["high"] = found
        if name in LIMITS:
            entry["holds"] = found[1] <= LIMITS[name]
            entry["shown"] = found[2] <= LIMITS[name]
    return entry


def entries(measured):
    return [_entry(measured, row, config.name) for row in measured.plan.rows
            for config in measured.plan.configs]


def cell(entry, column):
    value = entry[column]
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column == "insns_per_io":
        return f"{value:.0f}"
    return value if isinstance(value, str) else f"{value:.4f}"


def _interval(entry):
    if entry["difference"] is None:
        return "-"
    return (f"{100 * entry['difference']:+.1f} % ({100 * entry['low']:+.1f} to "
            f"{100 * entry['high']:+.1f})")


def grid(found, plan):
    by = {(entry["row"], entry["config"]): entry for entry in found}
    header = ["instructions an I/O (spread)"] + [c.label for c in plan.configs] + \
        ["ours against base", "dynamic against ours"]
    lines = []
    for row in plan.rows:
        line = [report.row_name((row.device, row.bs, row.depth, row.jobs,
                                 row.rw))]
        for config in plan.configs:
            entry = by[row.name, config.name]
            line.append("-" if entry["insns_per_io"] is None else
                        f"{entry['insns_per_io']:.0f} ({report.percent(entry['cv'])})")
        line += [_interval(by[row.name, name]) for name in AGAINST]
        lines.append(line)
    return report.grid(header, lines)


def markdown(found, measured, env):
    plan = measured.plan
    return f"""<!-- SPDX-License-Identifier: GPL-2.0-only -->
# Instructions of an I/O in a guest

{grid(found, plan)}

Medians of {plan.turns} turns in each of {plan.repeats} boots, and the coefficient of
variation as spread; differences are geometric means over pairs of turns with their
95 % interval (Student). An I/O's cost is the difference between runs of few and of
many, divided by that of their number: what the guest does to begin and to end is not
in it. All of the guest counts: fio, block layer, driver, interrupts, locks that are
waited for. Caches do not.

- {env['started']}, `{env['command']}`
- {env['qemu']}, accelerator {env['accelerator']}, {env['guest']['vcpus']} vCPUs
"""
