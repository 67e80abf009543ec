# SPDX-License-Identifier: GPL-2.0-only
"""The rows of the comparison, and their limits.

A row uses one value of a group, or the quotient of two. It may use another value for the
base. Its ratio is above 1 if ours is better, no matter if higher or lower values are better.
"""

import collections

Limit = collections.namedtuple("Limit", "of op number")
Row = collections.namedtuple(
    "Row", "name group copies key unit better limit section base_key")

LOWER, HIGHER = "lower", "higher"


def holds(limit, ours, ratio):
    """Return whether the limit holds; None without a limit or without a value."""
    value = ratio if limit and limit.of == "ratio" else ours
    if limit is None or value is None:
        return None
    return value >= limit.number if limit.op == ">=" else value <= limit.number


def text(limit):
    return "" if limit is None else f"{limit.of} {limit.op} {limit.number:g}"


def _faster(number):
    return Limit("ratio", ">=", number)


def _at_most(number):
    return Limit("ours", "<=", number)


def _at_least(number):
    return Limit("ours", ">=", number)


_ROWS = []


def _add(section, name, group, key, unit="ns", limit=None, copies=False,
         better=LOWER, base_key=None):
    _ROWS.append(Row(name, group, "copy" if copies else "nocopy", key, unit,
                     better, limit, section, base_key or key))


SIZES = ((512, "512 B"), (2048, "2 KiB"), (4096, "4 KiB"), (16384, "16 KiB"),
         (65536, "64 KiB"), (262144, "256 KiB"))
POOLS = (1, 16, 64, 256, 1000)


def _one_thread():
    section = "one thread, one mapping at a time, empty pool"
    limits = {4096: _faster(5), 65536: _faster(5), 262144: _faster(5)}
    for size, label in SIZES:
        _add(section, f"map+unmap {label} without copy", "pairs",
             f"pair/{size}/none", limit=limits.get(size))
    for direction, times, limit in (("to", "one", _faster(10)),
                                    ("from", "two", _faster(8))):
        for size, label in SIZES:
            _add(section, f"map+unmap {label} {direction} device", "pairs",
                 f"pair/{size}/{direction}", copies=True,
                 limit=limit if size == 4096 else None)
        for size, label in SIZES:
            _add(section, f"map+unmap {label} {direction} device over {times} bare warm memcpy",
                 "pairs", f"pair/{size}/{direction}-over-copy", unit="x",
                 copies=True, limit=_at_most(2) if size == 4096 else None)
        _add(section, f"map+unmap 4 KiB {direction} device from cold sources",
             "pairs", f"pair/4096/{direction}-cold-source", copies=True)
    for kind, label in (("warm", "bare memcpy {} warm"),
                        ("warm-and-back", "bare memcpy {} warm there and back"),
                        ("cold", "bare memcpy {} into cold memory")):
        for size, name in SIZES:
            _add("lower bounds, the same code in both columns",
                 label.format(name), "pairs", f"copy/{size}/{kind}", copies=True)
    # The host chooses the two cores, so their distance may change
    for deep in (1, 256):
        _add("lower bounds, the same code in both columns",
             f"hand {deep} deep over without mapping", "ring", f"ring/{deep}/alone")


def _occupancy():
    section = "by occupancy, 4 KiB, no copy"
    for percent in (10, 25, 50, 75, 90, 99):
        _add(section, f"256 in flight at {percent} %", "flight",
             f"flight/{percent}", limit=_faster(2.5) if percent == 50 else None)
    for part in ("p50", "p99", "p99.9"):
        _add(section, f"256 in flight at 50 % {part}", "flight",
             f"flight/50/{part}")
    limits = {45: 2, 54: 100, 90: 100, 99: 100}
    for percent in (10, 30, 45, 54, 70, 90, 99):
        limit = limits.get(percent)
        _add(section, f"random churn from one CPU at {percent} %", "churn",
             f"churn/{percent}", limit=limit and _faster(limit))
    for part in ("p50", "p99", "p99.9"):
        for percent in (45, 54, 90, 99):
            _add(section, f"random churn from one CPU at {percent} % {part}",
                 "churn", f"churn/{percent}/{part}")
    _add(section, "random churn p99.9 at 99 % over 45 %", "churn",
         ("churn/99/p99.9", "churn/45/p99.9"), unit="x", limit=_at_most(2))


def _mixed():
    section = "mixed sizes, random lifetimes, no copy"
    for kind, label in (("pow2", "powers of two 4-256 KiB"),
                        ("uniform", "uniform 1-64 pages")):
        for percent in (30, 50, 80, 90):
            limited = kind == "pow2" and percent > 30
            _add(section, f"a map of {label} at {percent} %", "mixed",
                 f"mixed/{kind}/{percent}", limit=_faster(20) if limited else None)
        for percent in (80, 90):
            _add(section, f"maps of {label} at {percent} % that fail", "mixed",
                 f"mixed/{kind}/{percent}/failed", unit="%")
    for kind, label in (("pow2", "powers of two 4-256 KiB"),
                        ("uniform", "uniform 1-64 pages")):
        _add(section, f"occupancy at the first failure of {label}", "first",
             f"first/{kind}", unit="%", better=HIGHER, limit=_faster(1))


def _pools():
    section = "by number of pools of 2 MiB"
    for n in POOLS:
        _add(section, f"find pool of a random address with {n:,} pools".replace(",", " "),
             "pools", f"pools/{n}/find", limit=_at_most(5))
    _add(section, "find pool with 1 000 pools over 16", "pools",
         ("pools/1000/find", "pools/16/find"), unit="x", limit=_at_most(1.5))
    for n in POOLS:
        _add(section, f"sync 64 B with {n:,} pools".replace(",", " "), "pools",
             f"pools/{n}/sync/64", copies=True,
             limit=_faster(30) if n == 256 else None)
    # The pages of a page_pool stay mapped, and are synced for each packet
    for size in (64, 1500, 4096):
        for n in POOLS:
            pools = f"{n:,}".replace(",", " ")
            _add(section, f"sync {size} B with {pools} pools, base with 1", "pools",
                 f"pools/{n}/sync/{size}", base_key=f"pools/1/sync/{size}",
                 copies=True, limit=_faster(1))
    for n in POOLS:
        _add(section, f"map+unmap 4 KiB without copy with {n:,} pools and room in the oldest"
             .replace(",", " "), "pools", f"pools/{n}/pair")


CPUS_FAILING = (2, 8, 64, 512)
POOLS_FAILING = (1, 8, 64, 512)


def _failing():
    section = "maps that fail, 4 KiB, no copy"
    for cpus in CPUS_FAILING:
        for how in ("quiet", "loud"):
            _add(section, f"failing map, {how}, {cpus} CPUs", f"failing_{cpus}",
                 f"failing/{cpus}/{how}", limit=_faster(1))
    for reach, label in (("all", "all"), ("some", "all but one")):
        for n in POOLS_FAILING:
            if n > 1 or reach == "all":
                _add(section, f"failing map, 64 CPUs, device that reaches {label} of {n} pools",
                     "failing_pools", f"failing_pools/{n}/{reach}", limit=_faster(1))


def _apart():
    section = "with a jiffy between two maps, 256 KiB, half full, no copy"
    for cpus in (2, 64, 512):
        _add(section, f"map+unmap 256 KiB a jiffy apart, {cpus} CPUs", f"apart_{cpus}",
             f"apart/{cpus}/1")
        _add(section, f"map+unmap 256 KiB a jiffy apart over at once, {cpus} CPUs",
             f"apart_{cpus}", (f"apart/{cpus}/1", f"apart/{cpus}/0"), unit="x",
             limit=_at_most(1.5))


def _boundary():
    section = "small segment boundary, 1 GiB of which every other slot is used, no copy"
    for boundary, size, label in ((4096, 4, "4 KiB"), (65536, 6, "64 KiB"),
                                  (1048576, 6, "1 MiB"), ("none", 6, "4 GiB")):
        _add(section, f"map+unmap {size} KiB, boundary of {label}", "boundary",
             f"boundary/{boundary}", limit=_at_most(300))


def _threads():
    section = "threads, 4 KiB if there is no other size"
    _add(section, "two threads over one, no copy", "threads2",
         "threads/shared/2-over-1", unit="x", better=HIGHER, limit=_at_least(1.8))
    _add(section, "two threads over one, 6 KiB, no copy", "threads2",
         "threads/areas/2-over-1", unit="x", better=HIGHER)
    _add(section, "eight threads on two cores over two, no copy", "threads8",
         "threads/many/8-over-2", unit="x", better=HIGHER, limit=_at_least(0.9))
    _add(section, "map here, unmap there, 256 deep, no copy", "ring", "ring/256",
         limit=_faster(10))
    _add(section, "map here, unmap there, 16 deep, no copy", "ring", "ring/16")
    _add(section, "map here, unmap there, 256 deep, to device", "ring", "ring/256",
         copies=True)
    for size, label in ((4096, "4 KiB"), (65536, "64 KiB")):
        for deep in (1, 64):
            _add(section, f"{label} to device, another CPU reads it, {deep} deep",
                 "read", f"read/{size}/{deep}", copies=True)
    for copies, label in ((False, "no copy"), (True, "to device")):
        for n in (1, 2):
            _add(section, f"{n} of 2 CPUs, {label}", "threads2",
                 f"threads/shared/{n}", unit="M/s", copies=copies, better=HIGHER)
        _add(section, f"2 of 2 CPUs, a device each, {label}", "threads2",
             "threads/own/2", unit="M/s", copies=copies, better=HIGHER)
        for n in (1, 2, 4, 8):
            _add(section, f"{n} of 8 CPUs, {label}", "threads8",
                 f"threads/many/{n}", unit="M/s", copies=copies, better=HIGHER)
    _add("lower bounds, the same code in both columns",
         "two threads over one, locks of their own and nothing else", "threads2",
         "threads/alone/2-over-1", unit="x", better=HIGHER)
    _add(section, "two threads over one, a device each, no copy", "threads2",
         "threads/own/2-over-1", unit="x", better=HIGHER)
    _add(section, "restricted pool, two threads over one, no copy", "threads2",
         "threads/restricted/2-over-1", unit="x", better=HIGHER, limit=_at_least(1.8))
    _add(section, "two threads over one, to device", "threads2",
         "threads/shared/2-over-1", unit="x", copies=True, better=HIGHER)


def _pinned():
    section = "beside 8 rings of 256 pages of a network card that stay mapped, in 16 MiB, no copy"
    for size, label in ((4096, "4 KiB"), (65536, "64 KiB")):
        _add(section, f"map+unmap {label} beside rings", "pinned", f"pinned/{size}",
             limit=_faster(1))
    _add(section, "map 4 KiB beside rings to the last slot, with all it takes, and unmap",
         "pinned", "pinned/fill", limit=_faster(1))


def _counts():
    section = "counted"
    _add(section, "metadata a slot of 2 KiB", "meta", "meta/slot", unit="bytes",
         limit=_at_most(10))
    _add(section, "instructions of map+unmap 4 KiB, empty pool", "count_empty",
         "instructions", unit="", limit=_at_most(400))
    _add(section, "instructions of map+unmap 4 KiB, pool half full",
         "count_half", "instructions", unit="", limit=_at_most(400))
    _add(section, "instructions of map+unmap 4 KiB, beside rings", "count_pinned",
         "instructions", unit="", limit=_at_most(400))
    for n in (1, 64):
        _add(section, f"instructions of sync without copy, {n} pools", f"count_sync_{n}",
             "instructions", unit="", limit=_faster(1))


def all_rows():
    if not _ROWS:
        for part in (_one_thread, _occupancy, _mixed, _pools, _failing, _apart,
                     _boundary, _pinned, _threads, _counts):
            part()
    return _ROWS


def matching(pattern):
    wanted = pattern.lower()
    return [row for row in all_rows() if wanted in row.name.lower()
            or wanted in row.group]
