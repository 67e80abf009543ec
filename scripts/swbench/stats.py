# SPDX-License-Identifier: GPL-2.0-only
"""Medians, spread and ratios of samples. All figures are computed here."""

import csv
import io
import math
import statistics

COLUMNS = ("device", "bs", "depth", "jobs", "rw", "config",
           "iops", "cv", "vs_base", "vs_none", "errors")


def median(values):
    return statistics.median(values) if values else None


def variation(values):
    """Return the coefficient of variation: standard deviation of the sample over its mean."""
    if len(values) < 2 or not statistics.fmean(values):
        return None
    return statistics.stdev(values) / statistics.fmean(values)


def ratio(value, reference):
    return value / reference if value is not None and reference else None


# Two-sided 95 % points of Student's t, by degrees of freedom.
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262,
            2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101,
            2.093, 2.086)


def interval(values):
    """Return the mean of a sample and its 95 % interval, as (mean, low, high);
    None with less than two values.
    """
    if len(values) < 2:
        return None
    mean = statistics.fmean(values)
    point = _STUDENT[min(len(values) - 1, len(_STUDENT)) - 1]
    half = point * statistics.stdev(values) / len(values) ** 0.5
    return mean, mean - half, mean + half


def difference(values, references):
    """Return how far @values are above @references, as a share, in the form of interval().
    Values are compared in pairs that ran one after the other or together. The mean is
    geometric, so that it does not depend on which of the two is noisy.
    """
    if len(values) != len(references) or not all(values) or not all(references):
        return None
    found = interval([math.log(value / reference)
                      for value, reference in zip(values, references)])
    return found and tuple(map(math.expm1, found))


def slope(points):
    """Return the slope of y over x, by least squares over (x, y), in the form of
    interval(); None with less than three points.
    """
    count = len(points)
    if count < 3:
        return None
    places, values = zip(*points)
    middle, mean = statistics.fmean(places), statistics.fmean(values)
    spread = sum((x - middle) ** 2 for x in places)
    rise = sum((x - middle) * (y - mean) for x, y in zip(places, values)) / spread
    rest = sum((y - mean - rise * (x - middle)) ** 2
               for x, y in zip(places, values))
    point = _STUDENT[min(count - 2, len(_STUDENT)) - 1]
    half = point * (rest / (count - 2) / spread) ** 0.5
    return rise, rise - half, rise + half


class Samples:
    """All measured values: IOPS and CPU by row and configuration."""

    def __init__(self):
        self._turns = {}
        self._iops = {}
        self._cpu = {}
        self._errors = {}
        self._together = {}

    def add_together(self, row, pair, iops):
        """Add the IOPS of a @pair of configurations that ran at the same time."""
        self._together.setdefault((row, *pair), []).append(iops)

    def add(self, row, config, iops, cpu, errors, turn=None):
        """Add a sample. @turn: the name of its turn, by default its number."""
        turns = self._turns.setdefault((row, config), [])
        turns.append(len(turns) if turn is None else turn)
        self._iops.setdefault((row, config), []).append(iops)
        self._cpu.setdefault((row, config), []).append(cpu)
        self.add_errors(row, config, errors)

    def add_errors(self, row, config, errors):
        key = row, config
        self._errors[key] = self._errors.get(key, 0) + errors

    def iops(self, row, config):
        return self._iops.get((row, config), [])

    def paired(self, row, one, other):
        """Return the IOPS of two configurations, as two lists of pairs. If both ran at the same
        time, only these runs count, else all turns that both have.
        """
        if together := self._together.get((row, one, other)):
            return tuple(map(list, zip(*together)))
        found = [dict(zip(self._turns.get((row, config), []), self.iops(row, config)))
                 for config in (one, other)]
        turns = [turn for turn in found[0] if turn in found[1]]
        return tuple([values[turn] for turn in turns] for values in found)

    def difference(self, row, one, other):
        """Return how far @one is above @other in that row, in the form of interval()."""
        return difference(*self.paired(row, one, other))

    def cpu(self, row, config):
        return self._cpu.get((row, config), [])

    def errors(self, row, config):
        return self._errors.get((row, config), 0)


def table(samples, rows, configs):
    """Return table.csv as a list of dictionaries, None for values not measured."""
    out = []
    for row in rows:
        medians = {name: median(samples.iops(row, name)) for name in configs}
        for name in configs:
            out.append(dict(
                row._asdict(), config=name, iops=medians[name],
                cv=variation(samples.iops(row, name)),
                vs_base=ratio(medians[name], medians.get("base")),
                vs_none=ratio(medians[name], medians.get("none")),
                errors=samples.errors(row, name)))
    return out


def cell(entry, column):
    value = entry[column]
    if value is None:
        return ""
    if column == "iops":
        return f"{value:.0f}"
    if column in ("cv", "vs_base", "vs_none"):
        return f"{value:.3f}"
    return str(value)


def to_csv(entries, columns=COLUMNS, text_of=cell):
    """Return a table as text: a header, then a line for each entry.
    @text_of(entry, column) formats a field.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for entry in entries:
        writer.writerow([text_of(entry, name) for name in columns])
    return text.getvalue()
