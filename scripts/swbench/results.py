# SPDX-License-Identifier: GPL-2.0-only
"""Directories of results: one a run, and "latest" for the newest good one."""

import datetime
import os


def new_directory(results, kind):
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    directory = results / kind / stamp
    directory.mkdir(parents=True)
    return directory


def point_latest(directory):
    fresh = directory.parent / f".latest.{os.getpid()}"
    fresh.symlink_to(directory.name)
    fresh.replace(directory.parent / "latest")
