# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's benchmark of map and unmap, base against ours, beside fio."""

from typing import NamedTuple

from swguest import mapbench, run

from . import measure, plot, report
from .stats import median, ratio, variation

SECONDS = 0.4
DIRECTIONS = {"to": 1, "from": 2}
COLUMNS = ("row", "base", "ours", "none", "unit", "ratio", "spread")
CONFIGS = ("base", "ours")

# Fill all areas once and ignore the result: the first touch of the memory of the pool
# and of the page allocator is not part of the comparison.
def warm_up(threads):
    return {"warm-up": f"-k -b 64 -T 1500 -t {threads} -D 128 -S 65536 -d 1"}


class MapRow(NamedTuple):
    """One run. @size is in bytes, or min:max; @unmap on the same or cross CPU."""

    size: str
    threads: int = 1
    depth: int = 1
    unmap: str = "same"
    to: str = "to"

    @property
    def name(self):
        return (f"{self.size.replace(':', '-')}.{self.threads}.{self.depth}."
                f"{self.unmap}.{self.to}")

    @property
    def title(self):
        size = "-".join(_bytes(int(word)) for word in self.size.split(":"))
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        cross = ", cross-CPU" if self.unmap == "cross" else ""
        return f"{size} {self.to} device, {threads}, depth {self.depth}{cross}"

    def options(self, seconds=SECONDS):
        words = (f"-k -b 64 -T {round(1000 * seconds)} -t {self.threads} "
                 f"-D {self.depth} -S {self.size} -d {DIRECTIONS[self.to]}")
        return words + (" -c" if self.unmap == "cross" else "")


def _bytes(number):
    return f"{number >> 10}k" if number >= 1024 else f"{number}"


_SIZES = ("64", "4096", "65536", "262144")
_MIX = "64:65536"

ROWS = (
    *(MapRow(size, to=to) for size in _SIZES for to in DIRECTIONS),
    *(MapRow(size, threads) for threads in (2, 8) for size in _SIZES),
    *(MapRow(size, 1, 256) for size in _SIZES[:3]),
    *(MapRow("4096", threads, 256) for threads in (2, 8)),
    MapRow("4096", 1, 256, to="from"),
    MapRow("4096", 1, 1, "cross"),
    *(MapRow("4096", threads, 256, "cross") for threads in (1, 2, 8)),
    MapRow("65536", 1, 256, "cross"),
    MapRow("64", 8, 256, "cross"),
    MapRow(_MIX, 1, 256),
    MapRow(_MIX, 8, 256),
    MapRow(_MIX, 8, 256, "cross"),
    MapRow(_MIX, 1, 256, to="from"),
)

# Figures of a row: {name of the figure: keys of the tool whose values are added}.
PAIR, MEAN = "median pair", "mean pair"
FIGURES = {
    PAIR: ("map_p50_ns", "unmap_p50_ns"),
    MEAN: ("map_avg_ns", "unmap_avg_ns"),
    "map p99": ("map_p99_ns",),
    "unmap p99": ("unmap_p99_ns",),
    "map p99.9": ("map_p999_ns",),
    "failures": ("failures",),
}


def figures(values):
    """Return {figure: number} from the output of the tool."""
    return {name: sum(int(values[key]) for key in keys)
            for name, keys in FIGURES.items()}


class GuestBench(measure.Measurement):
    """Boots base and ours in each round, for the map rows and then for fio."""

    def __init__(self, plan, images, directory, terminal, program):
        self._program = program
        self.answers = {}
        super().__init__(plan, images, directory, terminal)

    @staticmethod
    def _map_seconds():
        return SECONDS + 0.15

    def _rows(self):
        return [row for row in ROWS if row.threads <= self.plan.guest.cpus]

    def _weight(self):
        maps = measure.BOOT_SECONDS + 2 + len(self._rows()) * self._map_seconds()
        return super()._weight() + self.plan.repeats * len(self.plan.configs) * maps

    def _repeat(self, number):
        for config in self.plan.configs:
            self._map_boot(config, number)
        super()._repeat(number)

    def _map_boot(self, config, number):
        guest = self.plan.guest
        rows = {**warm_up(guest.cpus), **{row.name: row.options() for row in self._rows()}}
        spec = run.Spec(
            self.images[config.kernel], "mapbench", config.append, guest.cpus,
            guest.memory_mib, files=mapbench.files(rows, self._program),
            timeout=60 + 10 * len(rows), devices=(mapbench.DEVICE,), arch=guest.arch)
        result = self._boot(
            config, f"{config.name} ({number}/{self.plan.repeats}) map benchmark",
            spec, self.directory / "logs" / f"{config.name}.{number}.map.log",
            lambda frame: self._map_seconds() if frame.endswith(mapbench.FRAME)
            else measure.BOOT_SECONDS / 3)
        for row in self._rows():
            self._take_map(row, config, number, result)

    def _take_map(self, row, config, number, result):
        frame = row.name + mapbench.FRAME
        if frame not in result.reader.frames:
            return
        raw = self.directory / "map" / f"{config.name}.{number}.{row.name}.txt"
        raw.parent.mkdir(parents=True, exist_ok=True)
        raw.write_text(result.text(frame))
        values = result.values(frame)
        why = mapbench.wrong(values, fails=None)
        if why:
            self.problems.append(f"{config.name} ({number}) {row.name}: {why} ({raw})")
            return
        self.answers.setdefault((row, config.name), []).append(figures(values))


# --- the table --------------------------------------------------------------

def _entry(name, unit, samples):
    """Make a line of table.csv from {configuration: list of numbers}. The spread is
    the larger of the two coefficients of variation."""
    base, ours = (median(samples[config]) for config in CONFIGS)
    spreads = [variation(samples[config]) for config in CONFIGS]
    return {"row": name, "base": base, "ours": ours, "none": median(samples.get("none", [])), "unit": unit,
            "ratio": ratio(ours, base),
            "spread": max((s for s in spreads if s is not None), default=None)}


def map_entries(answers, rows=ROWS):
    entries = []
    for row in rows:
        for figure in FIGURES:
            samples = {config: [answer[figure] for answer
                                in answers.get((row, config), [])]
                       for config in (*CONFIGS, "none")}
            unit = "maps" if figure == "failures" else "ns"
            entries.append(_entry(f"{row.title}: {figure}", unit, samples))
    return entries


def fio_entries(samples, rows):
    return [_entry(f"fio {report.row_name(row)}", "IOPS",
                   {config: samples.iops(row, config) for config in CONFIGS})
            for row in rows]


def cell(entry, column):
    value = entry[column]
    if value is None:
        return ""
    if column in ("ratio", "spread"):
        return f"{value:.3f}"
    return f"{value:.0f}" if column in (*CONFIGS, "none") else value


def _number(value):
    return "-" if value is None else f"{value:.0f}"


def _map_lines(entries):
    """Return {row: {figure: entry}}."""
    rows = {}
    for entry in entries:
        if entry["unit"] != "IOPS":
            row, _, figure = entry["row"].rpartition(": ")
            rows.setdefault(row, {})[figure] = entry
    return rows


def map_grid(entries):
    """Return the table of rows that were measured. The times are medians, or means in a native
    guest, whose clock is coarse.
    """
    natively = any(entry["none"] is not None for entry in entries)
    shown, other = (MEAN, PAIR) if natively else (PAIR, MEAN)
    header = [f"ns for a map and its unmap, {shown.split()[0]}s", "base", "patched", "no bouncing",
              "patched / base", "spread", f"{other.split()[0]}s", "map p99", "failures"]
    lines = []
    for row, cells in _map_lines(entries).items():
        pair, failed = cells[shown], cells["failures"]
        if pair["base"] is None:
            continue
        lines.append([row, _number(pair["base"]), _number(pair["ours"]), _number(pair["none"]),
                      report.percent(pair["ratio"]), report.percent(pair["spread"]),
                      report.percent(cells[other]["ratio"]),
                      report.percent(cells["map p99"]["ratio"]),
                      f"{_number(failed['base'])} / {_number(failed['ours'])}"])
    return report.grid(header, lines)


def fio_grid(entries):
    lines = [[entry["row"], _number(entry["base"]), _number(entry["ours"]),
              report.percent(entry["ratio"]), report.percent(entry["spread"])]
             for entry in entries if entry["unit"] == "IOPS"]
    return report.grid(["IOPS", "base", "patched", "patched / base", "spread"], lines) \
        if lines else ""


def _fio_part(entries):
    grid = fio_grid(entries)
    return f"More is better:\n\n{grid}\n\n" if grid else ""


def markdown(entries, plan, env):
    host, guest = env["host"], env["guest"]
    return f"""<!-- SPDX-License-Identifier: GPL-2.0-only -->
# swiotlb in a guest: the map benchmark and fio, base and ours

The time of a median, or mean, map and unmap; less is better, also where only
the ratio is shown, that of the others and that of the 99th percentile of map.
Failures are those of one boot.

{map_grid(entries)}

{_fio_part(entries)}- {env['started']}, `{env['command']}`
- {env['qemu']}, accelerator {env['accelerator']}, CPU {guest['cpu']},
  {guest['vcpus']} vCPUs, {guest['memory_mib']} MiB, `swiotlb=force`
- host: {host['cpu']}, {host['cpus']} CPUs, Linux {host['kernel']}, load
  {host['load_at_start'][0]:.1f} at the start and {host['load_at_end'][0]:.1f} at the end;
  other work took {host['cpus_used_by_others']:.1f} CPUs
- both kernels have the same benchmark (`patches/7.3/series.mapbench`) and the same
  options; {SECONDS} s a row, {plan.repeats} boots of each, in turn; all areas are
  filled once before the first row
- medians of the boots; the spread is the larger coefficient of variation of both
- emulated or not, a guest on a shared host gives ratios, not times
"""


# --- the picture ------------------------------------------------------------

def _bars(name, entries):
    lines = [f"${name} << EOD"]
    for number, entry in enumerate(entries):
        value, spread = entry["ratio"], entry["spread"] or 0
        label = entry["row"].removesuffix(f": {PAIR}").removeprefix("fio ")
        height = "NaN" if value is None else f"{100 * value:.2f}"
        error = 0 if value is None else 100 * value * spread
        lines.append(f'{number} {height} {error:.2f} "{label}"')
    return "\n".join(lines + ["EOD"])


def _panel(name, title, count, left, right):
    return [f"set lmargin at screen {left}; set rmargin at screen {right}",
            f"set title '{title}'", f"set xrange [-0.8:{count - 0.2}]",
            "plot 100 notitle with lines lc rgb '#7f8c9b' dt 2, \\\n"
            f"  ${name} using 1:2:3:xtic(4) notitle with boxerrorbars lc rgb '#1f6fb4'"]


def script(entries, accelerator):
    pairs = [entry for entry in entries if entry["row"].endswith(f": {PAIR}")]
    fio = [entry for entry in entries if entry["unit"] == "IOPS"]
    tops = [100 * entry["ratio"] * (1 + (entry["spread"] or 0))
            for entry in pairs + fio if entry["ratio"] is not None]
    return "\n".join([
        _bars("map", pairs), _bars("fio", fio), "set multiplot",
        f"set label 1 'ours, in percent of base (guest, {accelerator})' "
        "at screen 0.5,0.97 center",
        "set tmargin at screen 0.89; set bmargin at screen 0.36",
        f"set yrange [0:{min(300, max([120, *tops])):.0f}]",
        "set boxwidth 0.7; set style fill solid 1.0 border rgb '#404040'",
        "set bars 0.5; set border 3; set ytics nomirror",
        "set grid ytics lc rgb '#dddddd'",
        "set xtics nomirror scale 0 rotate by 60 right font ',10'",
        *_panel("map", "time of map and unmap: less is better", len(pairs), 0.06, 0.79),
        "unset label 1",
        *_panel("fio", "IOPS: more is better", len(fio), 0.83, 0.99),
        "unset multiplot"]) + "\n"


def draw(entries, accelerator, directory):
    plot.picture(script(entries, accelerator), directory / "bench-guest", 1400, 640)
