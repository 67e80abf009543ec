# SPDX-License-Identifier: GPL-2.0-only
"""The directory of a result, and the images of its kernels."""

import datetime
import json
import os
import pathlib
import shutil

from swguest import machine


def images(directory, names):
    """Return {kernel: path of its image} from {kernel: name of its image}."""
    found = {kernel: directory / f"{name}.bzImage" for kernel, name in names.items()}
    for kernel, path in found.items():
        if not path.is_file():
            raise machine.MachineError(f"no image of the {kernel} kernel: {path}")
    return found


def symbols(image):
    """Return the System.map beside an image."""
    path = image.with_suffix(".map")
    if not path.is_file():
        raise machine.MachineError(f"no System.map of {image.name}: {path}")
    return path.read_text()


def copies(sources, directory):
    """Copy the images, so that a rebuild does not change the kernel of later boots."""
    directory.mkdir()
    return {name: pathlib.Path(shutil.copy(path, directory / path.name))
            for name, path in sources.items()}


def new_directory(results, kind):
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    directory = results / kind / stamp
    directory.mkdir(parents=True)
    return directory


def point_latest(directory):
    fresh = directory.parent / f".latest.{os.getpid()}"
    fresh.symlink_to(directory.name)
    fresh.replace(directory.parent / "latest")


def conduct(measured, env, directory):
    """Verify, then time. The environment is saved in any case."""
    try:
        verified = measured.verify()
        if verified:
            measured.timed()
        return verified
    finally:
        shutil.rmtree(directory / ".images")
        (directory / "environment.json").write_text(
            json.dumps(env.complete(measured), indent=1) + "\n")
