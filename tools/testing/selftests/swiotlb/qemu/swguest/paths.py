# SPDX-License-Identifier: GPL-2.0-only
"""Paths: the tree, its build directory, the cache outside of both, programs."""

import os
import pathlib
import shutil

QEMU_DIR = pathlib.Path(__file__).resolve().parent.parent
TREE = QEMU_DIR.parents[4]


def build_dir():
    return pathlib.Path(os.environ.get("SWIOTLB_BUILD") or TREE / "build")


def cache_dir():
    if os.environ.get("SWIOTLB_CACHE"):
        return pathlib.Path(os.environ["SWIOTLB_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "swiotlb"


def write_atomically(path, data):
    """Write a file so that readers, or a run after an interrupted one, see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def tool(name, packages, error):
    """Return the path of a program, or raise @error, which names its package if that differs."""
    found = shutil.which(name)
    if not found:
        raise error(f"{name} is missing: "
                    f"apt-get install {packages.get(name, name)}")
    return found
