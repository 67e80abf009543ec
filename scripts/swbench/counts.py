# SPDX-License-Identifier: GPL-2.0-only
"""Instructions that a guest executes for an I/O, as QEMU counts them.

Each row is run with few and with many I/Os: the start and the end of fio cost the same
in both, so the difference does not include them. The count does not include effects of
caches, or of other work on the host.
"""

import collections
import json

from swguest import driven

from . import measure, plan as plans, profiles, report, stats

# Few and many I/Os, of all jobs together, by the size of an I/O.
IOS = {"1k": (4000, 24000), "4k": (3000, 15000), "64k": (1000, 5000)}
# Number of attempts at a turn if the guest crashes.
TRIES = 3
COLUMNS = ("row", "config", "insns_per_io", "cv", "against", "difference", "low", "high",
           "mapping", "mapping_cv", "mapping_difference", "mapping_low", "mapping_high",
           "limit", "holds", "shown")
AGAINST = {"ours": "base", "dynamic": "ours"}
# Limit of the cost of growth after the pool has grown, as a share of an I/O. Only the cost
# of the mapping counts: the rest varies with how often fio polls for completions.
LIMITS = {"dynamic": 0.02}


class CountError(Exception):
    """The guest did not do the requested I/Os."""


class Counted(measure.Measurement):
    """@symbols: profiles.Symbols by kernel. @costs: {(row, configuration): [instructions of an
    I/O]}; @functions: {(row, configuration): [{function: instructions of an I/O}]}.
    """

    def __init__(self, symbols, *args):
        self.symbols = symbols
        self.costs = collections.defaultdict(list)
        self.functions = collections.defaultdict(list)
        super().__init__(*args)

    def _verified(self):
        return ()

    def _row_seconds(self):
        return 2 * measure.ROW_SECONDS + 3.0

    def _timed_guest(self, config, number, vcpus):
        spec = self._spec(config, "counted", ("virtio-blk", "nvme"), plans.DISK_MIB,
                          {"SIZE": f"{self.plan.job_mib}m"}, {},
                          measure.READY_SECONDS, driven=True, vcpus=vcpus)
        spec.counted = True
        return driven.Driven(spec, self.accel,
                             self.directory / "logs" / f"{config.name}.{vcpus}.{number}.log",
                             lambda frame: self._progress.tick())

    def _run(self, row, name, guest, ios):
        """Return {address: instructions} of a run of @ios I/Os; None if the guest has
        crashed, even if it has booted again.
        """
        each = ios // row.jobs
        line = row.counted_line(name, each)
        before, boots = guest.insns(), guest.boots
        said = guest.run(line, f"{name}.fio", measure.TURN_SECONDS)
        if said is None or guest.boots != boots:
            return None
        job, = json.loads(said.text(f"{name}.fio"))["jobs"]
        done = job["read"]["total_ios"] + job["write"]["total_ios"]
        if job["error"] or done != each * row.jobs:
            raise CountError(f"{name}: {done} I/Os, error {job['error']}")
        after = guest.insns()
        return {address: count - before.get(address, 0) for address, count in after.items()}

    def _turn(self, row, config, number, guest, cold):
        name = f"{row.name}.{number}"
        few, many = IOS[row.bs]
        for _ in range(TRIES):
            found = [guest.alive and self._run(row, f"{name}.{what}", guest, ios)
                     for what, ios in (("warm", few), ("few", few), ("many", many))]
            if all(found) or not guest.alive:
                break
        self._progress.done(self._row_seconds())
        if not all(found):
            self.problems.append(f"{config.name} {name}: nothing counted")
        else:
            self._take_counts(row, config, *found[1:], many - few)

    def _take_counts(self, row, config, few, many, ios):
        """Add the counts of a turn. @many has @ios more I/Os than @few."""
        each = {address: (many.get(address, 0) - few.get(address, 0)) / ios
                for address in many.keys() | few.keys()}
        self.costs[row, config.name].append(sum(each.values()))
        self.functions[row, config.name].append(
            profiles.by_function(each, self.symbols[config.kernel]))


def _mappings(measured, row, name):
    return [profiles.mapping(costs) for costs in measured.functions.get((row, name), [])]


def _mapping_difference(measured, row, name, other):
    """Return the difference between pairs of turns, as a share of all instructions of an
    I/O with @other."""
    whole = stats.median(measured.costs.get((row, other), []))
    costs, references = _mappings(measured, row, name), _mappings(measured, row, other)
    if len(costs) != len(references):
        return None
    return stats.interval([(cost - reference) / whole
                           for cost, reference in zip(costs, references)])


def _entry(measured, row, name):
    """Make a line of the table; differences are between pairs of turns."""
    costs = measured.costs.get((row, name), [])
    mappings = _mappings(measured, row, name)
    entry = {**dict.fromkeys(COLUMNS), "row": row.name, "config": name,
             "insns_per_io": stats.median(costs), "cv": stats.variation(costs),
             "mapping": stats.median(mappings), "mapping_cv": stats.variation(mappings),
             "against": AGAINST.get(name, ""), "limit": LIMITS.get(name)}
    reference = measured.costs.get((row, AGAINST.get(name)), [])
    found = stats.difference(costs, reference) if reference else None
    if found:
        entry["difference"], entry["low"], entry["high"] = found
    found = _mapping_difference(measured, row, name, AGAINST.get(name))
    if found:
        entry["mapping_difference"], entry["mapping_low"], entry["mapping_high"] = found
        if name in LIMITS:
            entry["holds"] = found[0] <= LIMITS[name]
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
    if column in ("insns_per_io", "mapping"):
        return f"{value:.0f}"
    return value if isinstance(value, str) else f"{value:.4f}"


def _interval(entry, prefix):
    mean, low, high = (entry[f"{prefix}{name}"] for name in ("difference", "low", "high"))
    if mean is None:
        return "-"
    return f"{100 * mean:+.1f} % ({100 * low:+.1f} to {100 * high:+.1f})"


# The parts of a row that are shown: title, the column with the median, that with its
# spread, the prefix of the columns with the difference.
ALL = "instructions an I/O (spread)", "insns_per_io", "cv", ""
MAPPING = "of that for mapping (spread)", "mapping", "mapping_cv", "mapping_"


def grid(found, plan, shown=ALL):
    title, cost, spread, prefix = shown
    by = {(entry["row"], entry["config"]): entry for entry in found}
    against = [name for name in AGAINST if name in {c.name for c in plan.configs}]
    header = [title] + [c.label for c in plan.configs] + \
        [f"{name} against {AGAINST[name]}" for name in against]
    lines = []
    for row in plan.rows:
        line = [report.row_name((row.device, row.bs, row.depth, row.jobs,
                                 row.rw))]
        for config in plan.configs:
            entry = by[row.name, config.name]
            line.append("-" if entry[cost] is None else
                        f"{entry[cost]:.0f} ({report.percent(entry[spread])})")
        line += [_interval(by[row.name, name], prefix) for name in against]
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

{grid(found, plan, MAPPING)}

Mapping is the groups "copies", "swiotlb", "DMA API" and "locks" of the tables below:
differences are arithmetic means over pairs of turns, as shares of all instructions of an
I/O. What is not in it is the same for all, but for how often fio and the kernel find
nothing to do, and that depends on the host. By this, dynamic may be 2 % above ours.

{profiles.markdown(plan, measured.functions)}
Code that is inlined counts for the function that it is in. Groups are by names of
functions; `profile.csv` has all.

- {env['started']}, `{env['command']}`
- {env['qemu']}, accelerator {env['accelerator']}, {env['guest']['vcpus']} vCPUs
"""
