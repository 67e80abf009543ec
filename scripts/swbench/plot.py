# SPDX-License-Identifier: GPL-2.0-only
"""Plot the throughput of each configuration, in percent of the one without bouncing."""

import hashlib
import shutil
import subprocess

from . import plan as plans


class PlotError(Exception):
    """gnuplot is missing or refused the script."""


COLOURS = {"base1": "#bdbdbd", "base": "#7f8c9b", "ours": "#1f6fb4",
           "dynamic": "#35a07c", "none": "#e8d9a8"}


def _label(row, cells):
    bs, jobs, rw = row
    full = cells.get("none", {}).get("iops")
    scale = "" if full is None else f"\\n100 % = {full / 1000:.1f} k"
    return f'"{bs} {rw}, {jobs} job{"s" if jobs > 1 else ""}{scale}"'


def _bars(entries, device):
    """Return the label, then the height and half of the error bar of each column."""
    rows = {}
    for entry in entries:
        if entry["device"] == device:
            key = entry["bs"], entry["jobs"], entry["rw"]
            rows.setdefault(key, {})[entry["config"]] = entry
    lines = []
    for row, cells in rows.items():
        values = [_label(row, cells)]
        for config in plans.CONFIGS:
            cell = cells.get(config.name, {})
            share, spread = cell.get("vs_none"), cell.get("cv")
            values.append("NaN" if share is None else f"{100 * share:.2f}")
            values.append("0" if share is None or spread is None
                          else f"{100 * share * spread:.2f}")
        lines.append(" ".join(values))
    return lines


def _highest(entries):
    tops = [100 * entry["vs_none"] * (1 + (entry["cv"] or 0))
            for entry in entries if entry["vs_none"] is not None]
    return max([110, *tops]) * 1.05


def _panel(number, count, name, groups):
    """Return the script for one device: its place on the page, and its bars."""
    height = 0.88 / count
    top = 0.87 - number * height
    block = f"${name.replace('-', '_')}"
    plots = [f"{block} using {2 + 2 * i}:{3 + 2 * i}"
             + (":xtic(1)" if i == 0 else "")
             + f" title '{config.label}' lc rgb '{COLOURS[config.name]}'"
             for i, config in enumerate(plans.CONFIGS)]
    key = "set key at screen 0.5,0.935 center horizontal maxcols 5 Left reverse samplen 1 width -2"
    return [f"set tmargin at screen {top:.3f}",
            f"set bmargin at screen {top - height + 0.12:.3f}",
            key if number == 0 else "unset key",
            f"set xrange [-0.6:{groups - 0.4}]",
            f"set title '{name}' offset 0,-0.7",
            "plot 100 notitle with lines lc rgb '#b08d2e' dt 2, \\\n  "
            + ", \\\n  ".join(plots)]


def script(entries, plan, accelerator, same):
    bars = {name: _bars(entries, name)
            for name in dict.fromkeys(entry["device"] for entry in entries)}
    lines = [f"${name.replace('-', '_')} << EOD\n" + "\n".join(data) + "\nEOD"
             for name, data in bars.items()]
    where = f"QEMU, {plans.VCPUS} vCPUs" if not plan.guest.native else "a native guest"
    title = (f"fio in {where}, depth 256: IOPS as a share of no bouncing "
             f"({accelerator})")
    if same:
        title += "; both images are the same kernel"
    lines += [
        "set multiplot",
        f"set label 1 '{title}' at screen 0.5,0.978 center",
        "set lmargin at screen 0.08; set rmargin at screen 0.985",
        "set style data histograms",
        "set style histogram errorbars gap 1.2 lw 1",
        "set style fill solid 1.0 border rgb '#404040'",
        f"set boxwidth 0.92; set yrange [0:{_highest(entries):.0f}]",
        "set ytics 20 nomirror; set grid ytics lc rgb '#dddddd'",
        "set xtics nomirror scale 0; set border 3",
        "set ylabel '% of no bouncing'"]
    for number, (name, data) in enumerate(bars.items()):
        lines += _panel(number, len(bars), name, len(data))
        lines.append("unset label 1")
    lines.append("unset multiplot")
    return "\n".join(lines) + "\n"


def render(body, terminal, path):
    """Let gnuplot draw one file."""
    gnuplot = shutil.which("gnuplot")
    if not gnuplot:
        raise PlotError("gnuplot is missing: apt-get install gnuplot-nox")
    text = f"set terminal {terminal}\nset output '{path}'\n{body}"
    done = subprocess.run([gnuplot], input=text, text=True, check=False,
                          capture_output=True)
    if done.returncode or not path.exists():
        raise PlotError(f"gnuplot: {done.stderr.strip()}")


def draw(entries, plan, accelerator, same, directory):
    height = 380 * len({entry["device"] for entry in entries})
    picture(script(entries, plan, accelerator, same), directory / "table", 1100, height)


def picture(body, stem, width, height):
    """Draw @stem.svg, and @stem.png at one and a half times the size."""
    for kind, terminal in (
            ("svg", f"svg size {width},{height} font 'sans,13'"),
            ("png", f"pngcairo size {width * 3 // 2},{height * 3 // 2} font 'sans,19'")):
        render(body, f"{terminal} background 'white'", stem.with_suffix(f".{kind}"))


def stamp(body):
    """Return a hash that identifies the picture of this script."""
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def stamped(path):
    """Return the end of a picture that stamped_svg() drew; empty if there is none."""
    return path.read_text(encoding="utf-8")[-100:] if path.is_file() else ""


def stamped_svg(body, path, width, height):
    """Draw @path from a script for gnuplot; the end of the file identifies the script."""
    render(body, f"svg size {width},{height} font 'sans,13' background 'white'", path)
    with open(path, "a", encoding="utf-8") as f:
        f.write(f"<!-- made by scripts/figures.py from {stamp(body)} -->\n")
