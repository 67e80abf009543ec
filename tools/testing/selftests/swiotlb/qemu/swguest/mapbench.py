# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's dma_map_benchmark: its tool, its rows, its results.

A row is a line of /etc/maprows: a name, then the options of the tool. The
scenario mapbench answers each with a frame <name>.map of KEY=value lines, with
the tool's exit status among them.
"""

import os
import subprocess

from . import initramfs, paths

# A PCI device without a driver, so that the benchmark can be its driver.
DEVICE = "pci-testdev"
TOOL = "bin/dma_map_benchmark"
LATENCY = ("min_ns", "p50_ns", "p99_ns", "p999_ns", "max_ns")
FRAME = ".map"


def _source():
    """Return the directory of the tool, in this kernel tree or in a composed one."""
    for tree in (paths.TREE, paths.build_dir() / "src-ours", paths.build_dir() / "src-ours-um"):
        if (tree / "tools/dma/dma_map_benchmark.c").is_file():
            return tree / "tools/dma"
    raise initramfs.BuildError("no source of dma_map_benchmark: make compose")


def tool():
    """Build the tool of the benchmark, linked so that it runs in the guest."""
    source, out = _source(), paths.build_dir() / "guest/dma"
    out.mkdir(parents=True, exist_ok=True)
    clean = {name: value for name, value in os.environ.items()
             if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CFLAGS")}
    done = subprocess.run(
        ["make", "-s", "-C", str(source), f"OUTPUT={out}/", "CFLAGS=-static"],
        capture_output=True, text=True, check=False, env=clean)
    if done.returncode:
        raise initramfs.BuildError(f"dma_map_benchmark: {done.stderr.strip()}")
    return (out / "dma_map_benchmark").read_bytes()


def files(rows, program):
    """Return the files for a boot. @rows: {name: options of the tool}."""
    lines = "".join(f"{name} {options}\n" for name, options in rows.items())
    return {"etc/maprows": lines, TOOL: program}


def _numbers(text):
    return [int(word) for word in text.split(",")]


def _wrong_latency(values, prefix):
    calls = int(values[prefix + "calls"])
    if sum(_numbers(values[prefix + "hist"])) != calls:
        return f"{prefix}hist does not add up to {calls} calls"
    marks = [int(values[prefix + name]) for name in LATENCY]
    if marks != sorted(marks):
        return f"{prefix}: min, percentiles and max are not in order: {marks}"
    if not marks[0] <= int(values[prefix + "avg_ns"]) <= marks[-1]:
        return f"{prefix}avg_ns is not between min and max"
    if int(values[prefix + "stddev_ns"]) > marks[-1]:
        return f"{prefix}stddev_ns is above max"
    return None


def _wrong_threads(values, threads, cross):
    """Check that the values of all threads add up to the total, and that they share no CPU."""
    for key in ("map_calls", "unmap_calls", "failures"):
        parts = sum(int(values[f"thread{i}_{key}"]) for i in range(threads))
        if parts != int(values[key]):
            return f"{key} is {values[key]}, the threads have {parts}"
    cpus = [(values[f"thread{i}_map_cpu"], values[f"thread{i}_unmap_cpu"])
            for i in range(threads)]
    if len({cpu for cpu, _ in cpus}) != threads:
        return f"threads share CPUs: {cpus}"
    if any((mapped != unmapped) != cross for mapped, unmapped in cpus):
        return f"unmapped on the wrong CPU: {cpus}"
    return None


def wrong(values, threads=0, cross=False, maps=True, fails=False):
    """Check the output for a row; return the problem or None. With @threads, also check the
    values per thread of -p. @maps, @fails: whether some maps must succeed, and whether some
    must fail; @fails is None if maps may fail, but need not.
    """
    try:
        if values["status"] != "0":
            return f"the tool ended with {values['status']}"
        calls = int(values["map_calls"])
        if int(values["unmap_calls"]) != calls:
            return f"{calls} maps, {values['unmap_calls']} unmaps"
        failures = int(values["failures"])
        if (calls > 0) != maps or fails not in (None, failures > 0):
            return f"{calls} calls and {failures} failures"
        prefixes = [""] + [f"thread{i}_" for i in range(threads)]
        for prefix in prefixes:
            why = _wrong_latency(values, prefix + "map_") or \
                _wrong_latency(values, prefix + "unmap_")
            if why:
                return why
        return _wrong_threads(values, threads, cross) if threads else None
    except KeyError as err:
        return f"the tool did not say {err}"
