# SPDX-License-Identifier: GPL-2.0-only
"""make bench-dynamic: table.csv, table.md and the pictures."""

from swguest import growth

from . import dynamic, plan as plans, plot, report, stats

COLUMNS = ("row", "against", "reference", "ours", "unit", "difference", "low",
           "high", "cv_reference", "cv_ours", "limit", "holds", "shown")

# Limit of the cost of growth in warm rows, as a share.
SLOWER = -0.02
WARM_LIMIT = "not 2 % slower"
NEEDED_MIB = 256
PAGE_KIB = 4

DEFAULT, BASE = "default pool", "base, 1 MiB"


def _entry(row, against, reference, ours, unit, limit="", holds=None):
    return {**dict.fromkeys(COLUMNS), "row": row, "against": against,
            "reference": reference, "ours": ours, "unit": unit,
            "limit": limit, "holds": holds}


# --- rows ---------------------------------------------------------------------

def _title(row):
    jobs = "single job" if row.jobs == 1 else f"{row.jobs} jobs"
    return f"{row.bs.replace('k', ' KiB')}, {jobs}"


def _rated(row, phase, samples, limit):
    """Compare growth with the default pool. The limit is missed only if the whole 95 % interval
    is below it, and is shown to hold only if the whole interval is above it."""
    ours, reference = (samples.iops(row, name) for name in ("dynamic", "ours"))
    entry = _entry(f"{_title(row)}, {phase}", DEFAULT, stats.median(reference),
                   stats.median(ours), "IOPS", limit)
    entry["cv_reference"], entry["cv_ours"] = map(stats.variation,
                                                  (reference, ours))
    found = stats.difference(ours, reference)
    if found:
        entry["difference"], entry["low"], entry["high"] = found
        if limit:
            entry["holds"] = entry["high"] >= SLOWER
            entry["shown"] = entry["low"] >= SLOWER
    return entry


def _rows(measured):
    return [_rated(row, phase, samples, limit)
            for phase, samples, limit in (("warm", measured.samples, WARM_LIMIT),
                                          ("cold", measured.cold, ""))
            for row in measured.plan.rows]


# --- loads --------------------------------------------------------------------

def _mib(slots):
    return slots * growth.SLOT / growth.MIB


def _pair(bursts, value):
    """Return value(burst) for the base and for ours, None if there is no such burst."""
    small, ours = plans.SMALL.name, "dynamic"
    return tuple(value(bursts[name]) if name in bursts else None
                 for name in (small, ours))


def _against_base(row, pair, unit, limit="", holds=None):
    """Make an entry against the base. @holds(ours): whether the limit holds."""
    ours = pair[1]
    return _entry(row, BASE, pair[0], ours, unit, limit,
                  None if holds is None or ours is None else holds(ours))


def _messages(measured, what):
    """Return how often the log says that the buffer is full, for base and ours."""
    return tuple(measured.noise.get((name, what, "swiotlb-full"), 0)
                 if name in measured.bursts else None
                 for name in (plans.SMALL.name, "dynamic"))


def _none(value):
    return value == 0


def _enough(value):
    return value >= NEEDED_MIB


def _loads(measured):
    fio, exact = measured.bursts, measured.exact
    return [
        _against_base("in flight at once, fio, most",
                      _pair(fio, lambda b: _mib(b.peak())), "MiB",
                      f">= {NEEDED_MIB}", _enough),
        _against_base("I/O errors, fio",
                      _pair(fio, lambda b: b.fio_errors()), "errors", "= 0",
                      _none),
        _against_base("transient pools at once, fio, most",
                      _pair(fio, lambda b: _mib(b.peak_transient())), "MiB"),
        _against_base("maps that found no room, fio, messages",
                      _messages(measured, "burst"), "messages", "= 0", _none),
        _against_base("the load, fio",
                      _pair(fio, lambda b: b.end - b.moments[0].seconds), "s"),
        _against_base("in flight at once, map benchmark, most",
                      _pair(exact, lambda e: _mib(e[0].peak())), "MiB",
                      f">= {NEEDED_MIB}", _enough),
        _against_base("maps that failed, map benchmark",
                      _pair(exact, lambda e: int(e[1]["failures"])), "maps",
                      "= 0", _none),
        _against_base("maps, map benchmark",
                      _pair(exact, lambda e: int(e[1]["map_calls"])), "maps"),
        _against_base("transient pools at once, map benchmark, most",
                      _pair(exact, lambda e: _mib(e[0].peak_transient())), "MiB"),
    ]


def _memory(measured):
    boot = _mib(growth.BOOT_SLOTS)
    return [
        _against_base("memory of pools, most",
                      _pair(measured.bursts, lambda b: _mib(b.peak_slots())), "MiB"),
        _against_base("memory of pools 60 s after the load",
                      _pair(measured.bursts, lambda b: _mib(b.at(60))), "MiB",
                      f"<= {boot:g}", lambda mib: mib <= boot),
        _against_base("back at the boot size after",
                      _pair(measured.bursts,
                            lambda b: b.back_after(growth.BOOT_SLOTS)), "s"),
    ]


# --- cycles -------------------------------------------------------------------

def _ours(row, value, unit, limit="", holds=None):
    return _entry(row, "", None, value, unit, limit,
                  None if holds is None or value is None else holds(value))


def _lost(result):
    """Return the KiB per cycle that are neither free nor accounted, as a slope with its
    interval. Skip the first half, in which the lists of all CPUs settle."""
    points = growth.unnamed(result)
    return stats.slope(points[len(points) // 2:])


def _enough_cycles(count):
    return count == dynamic.CYCLES


def _lost_memory(result):
    lost = _lost(result)
    entry = _ours("memory lost a cycle, guest", lost and lost[0], "KiB",
                  f"< {PAGE_KIB}", lambda _: lost[1] < PAGE_KIB)
    if lost:
        entry["low"], entry["high"] = lost[1:]
        entry["shown"] = lost[2] < PAGE_KIB
    return entry


def _guest_cycles(result):
    cycles, counted = growth.cycles(result), growth.events(result)
    leaks = result.reader.frames.get("kmemleak")
    slabs = growth.slab_growth(result)
    return [
        _ours("cycles of growing and giving back, guest", len(cycles), "cycles",
              f"= {dynamic.CYCLES}", _enough_cycles),
        _ours("grown to in a cycle, guest",
              _mib(stats.median([cycle.most for cycle in cycles])), "MiB"),
        _ours("pools added, guest", counted.get("grown"), "pools"),
        _ours("pools added and not freed, guest",
              counted["grown"] - counted["freed"] if counted else None, "pools",
              "= 0", _none),
        _ours("slots in use after a cycle, guest, most",
              max(cycle.after.used for cycle in cycles), "slots", "= 0", _none),
        _lost_memory(result),
        _ours("objects that kmemleak found", None if leaks is None else
              leaks.count(b"unreferenced object"), "objects", "= 0", _none),
        _ours("slab caches with an object more for each cycle",
              None if slabs is None else
              sum(more >= len(cycles) for more in slabs.values()), "caches",
              "= 0", _none)]


def _set_memory(figures):
    pools = figures.get("freed")
    return figures["set_memory"] / pools if pools else None


def _harness_cycles(figures):
    return [
        _ours("cycles of growing and giving back, harness",
              figures.get("cycles"), "cycles", f"= {dynamic.CYCLES}",
              _enough_cycles),
        _ours("allocations left, harness", figures.get("allocations"),
              "objects", "= 0", _none),
        _ours("pages left, harness", figures.get("pages"), "pages", "= 0", _none),
        _ours("slots lost, harness", figures.get("slots"), "slots", "= 0", _none),
        _ours("set_memory calls in a pool's life, harness",
              _set_memory(figures), "calls", "<= 2", lambda calls: calls <= 2)]


def entries(measured):
    """Return table.csv as a list of dictionaries, None for values not measured."""
    found = _rows(measured) + _loads(measured) + _memory(measured)
    if measured.cycles:
        found += _guest_cycles(measured.cycles)
    return found + _harness_cycles(measured.harness)


# --- text ---------------------------------------------------------------------

def cell(entry, column):
    value = entry[column]
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column in ("cv_reference", "cv_ours"):
        return f"{value:.3f}"
    if column in ("difference", "low", "high"):
        return f"{value:.3f}"
    return value if isinstance(value, str) else _number(value)


def _number(value):
    return f"{value:.0f}" if value == int(value) or abs(value) >= 100 \
        else f"{value:.1f}"


def _signed(value):
    return "-" if value is None else f"{100 * value:+.1f} %"


def rows_grid(found):
    lines = [[entry["row"], *(_number(entry[name]) if entry[name] is not None
                              else "-" for name in ("reference", "ours")),
              _signed(entry["difference"]),
              f"{_signed(entry['low'])} to {_signed(entry['high'])}",
              f"{report.percent(entry['cv_reference'])}, "
              f"{report.percent(entry['cv_ours'])}",
              cell(entry, "holds"), cell(entry, "shown")]
             for entry in found if entry["against"] == DEFAULT]
    return report.grid(["IOPS", "default pool", "growing", "difference",
                        "95 % interval", "variation", "holds", "shown"], lines)


def loads_grid(found):
    lines = [[entry["row"], cell(entry, "reference") or "-",
              cell(entry, "ours") or "-", entry["unit"], entry["limit"],
              cell(entry, "holds")]
             for entry in found if entry["against"] != DEFAULT]
    return report.grid(["from 1 MiB", "base", "patched", "unit", "limit", "holds"],
                       lines)


def verdict(found):
    limited = [entry for entry in found if entry["limit"]]
    kept = sum(bool(entry["holds"]) for entry in limited)
    empty = sum(entry["holds"] is None for entry in limited)
    return (f"{kept} of {len(limited)} limits hold"
            + (f", {empty} could not be measured" if empty else "") + ".")


def _cold_starts(measured):
    starts = [slots for (_, config), values in measured.starts.items()
              if config == "dynamic" for slots in values]
    return "-" if not starts else \
        f"{_mib(min(starts)):g} to {_mib(max(starts)):g} MiB"


def _events(measured):
    """Return the events counted in the last burst of ours, if the kernel counts them."""
    burst = measured.bursts.get("dynamic")
    counted = growth.events(burst.result) if burst else {}
    return ", ".join(f"{name} {count}" for name, count in counted.items()) or \
        "this kernel counts none"


def markdown(found, measured, env):
    host, guest, plan = env["host"], env["guest"], measured.plan
    return f"""<!-- SPDX-License-Identifier: GPL-2.0-only -->
# Pools that grow, and are freed

{verdict(found)}

## Growing against the default pool

{rows_grid(found)}

fio on virtio-blk, reads and writes mixed, depth 256. *Default pool* is
`swiotlb=force`, 64 MiB from boot; *growing* is `swiotlb=dynamic,force`, 1 MiB from
boot. Warm rows are measured once the pools have what the row needs. Cold ones are
the run before, right after all was freed (growing: from
{_cold_starts(measured)}), without a ramp: they have growth in them.

The difference is the geometric mean over pairs of turns, one after the other, with
its 95 % interval (Student); cold rows have a pair a boot. The limit *holds* unless that interval lies
below {100 * SLOWER:.0f} % as a whole: it says that no loss beyond the limit was
found, not that there is none. It is *shown* only where the interval lies above
{100 * SLOWER:.0f} % as a whole. Variation is the coefficient of variation of the
default pool and of growing.

## More than there is, and what is left of it

{loads_grid(found)}

The load of fio wants {needed_mib()} MiB in flight: NVMe, virtio-blk and AHCI, with
checksums, read back from disks that answer slowly so that queues stay full. That
of the map benchmark is 320 MiB: 5 threads, 256 mappings of 256 KiB each. The base is
`{plans.SMALL.append}`, which is the least that it boots with, and grows. *Most* is the
most of samples ten times a second; in flight, of the patched kernel, as it has counted. A
cycle in the guest is 8 MiB of mappings, then the shrinkers, under kmemleak and with
each slab cache by itself; memory lost is the slope over the second half of the cycles
of all that is neither free nor has a name in /proc/meminfo, and its limit holds unless
the 95 % interval of that lies above one page a cycle as a whole. Cycles in the harness step time and work queues, on
a platform that decrypts. An empty field could not be measured.

Events of the patched kernel under fio: {_events(measured)}.

- {env['started']}, `{env['command']}`
- {env['qemu']}, accelerator {env['accelerator']}, CPU {guest['cpu']},
  {guest['vcpus']} vCPUs, {guest['memory_mib']} MiB
- host: {host['cpu']}, {host['cpus']} CPUs, Linux {host['kernel']}, load
  {host['load_at_start'][0]:.1f} at the start and {host['load_at_end'][0]:.1f} at the end;
  other work took {host['cpus_used_by_others']:.1f} CPUs
- {env['fio']}, {plans.ENGINE}, direct, {plan.runtime} s a warm turn after {plan.ramp} s,
  {plan.turns} turns of each row in each of {plan.repeats} boots, {plan.cold} s a cold
  one, while the other guest stands still; before, crc32c verified every byte on virtio-blk, NVMe and AHCI
"""


def needed_mib():
    return sum(job.kib for job in growth.BURST) >> 10


# --- pictures -----------------------------------------------------------------

def memory_csv(measured):
    """Return the memory of pools over time, of both kernels, as csv."""
    lines = ["config,seconds,pools_mib,in_use_mib,transient_mib,free_mib"]
    for name, burst in measured.bursts.items():
        lines += [f"{name},{m.seconds - burst.end:.2f},{_mib(m.slots):g},"
                  f"{_mib(burst.in_use(m)):.2f},{_mib(m.transient):.2f},"
                  f"{m.free_kib / 1024:.1f}" for m in burst.moments]
    return "\n".join(lines) + "\n"


def _curve(name, burst):
    lines = [f"${name} << EOD"]
    lines += [f"{m.seconds - burst.end:.2f} {_mib(m.slots):g} "
              f"{_mib(burst.in_use(m)):.2f}" for m in burst.moments]
    return "\n".join(lines + ["EOD"])


def memory_script(bursts, accelerator):
    styles = {"small": ("base", "#7f8c9b"), "dynamic": ("patched", "#1f6fb4")}
    plots = []
    for name in bursts:
        label, colour = styles[name]
        plots += [f"${name} using 1:2 with steps lw 2 lc rgb '{colour}' "
                  f"title '{label}: pools'",
                  f"${name} using 1:3 with lines dt 3 lc rgb '{colour}' "
                  f"title '{label}: in use'"]
    return "\n".join([
        *(_curve(name, burst) for name, burst in bursts.items()),
        f"set title 'memory of pools, from 1 MiB ({accelerator})'",
        "set xlabel 'seconds after the load'; set ylabel 'MiB'",
        "set border 3; set xtics nomirror; set ytics nomirror",
        "set grid ytics lc rgb '#dddddd'; set key top right",
        "set arrow from 60, graph 0 to 60, graph 1 nohead dt 2 lc rgb '#404040'",
        "plot " + ", \\\n  ".join(plots)]) + "\n"


def rows_script(found, accelerator):
    drawn = [entry for entry in found if entry["against"] == DEFAULT
             and entry["difference"] is not None]
    lines = [f"{place} {100 * entry['difference']:.2f} {100 * entry['low']:.2f} "
             f"{100 * entry['high']:.2f} \"{entry['row']}\""
             for place, entry in enumerate(drawn)]
    return "\n".join([
        "$rows << EOD", *lines, "EOD",
        f"set title 'IOPS of growing above those of the default pool, and the "
        f"95 % interval ({accelerator})'",
        "set border 3; set ytics nomirror; set grid ytics lc rgb '#dddddd'",
        "set xtics nomirror scale 0 rotate by 30 right",
        f"set xrange [-0.8:{len(lines) - 0.2}]; set ylabel '%'; unset key",
        "set style fill solid 1.0 border rgb '#404040'; set boxwidth 0.6",
        f"plot {100 * SLOWER:g} with lines lc rgb '#c0504d' dt 2, \\\n"
        "  $rows using 1:2:3:4:xtic(5) with boxerrorbars lc rgb '#1f6fb4'"]) + "\n"


def draw(found, measured, accelerator, directory):
    if any(entry["difference"] is not None for entry in found):
        plot.picture(rows_script(found, accelerator), directory / "table", 900, 480)
    if measured.bursts:
        plot.picture(memory_script(measured.bursts, accelerator),
                     directory / "memory", 900, 420)
