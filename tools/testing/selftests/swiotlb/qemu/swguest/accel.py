# SPDX-License-Identifier: GPL-2.0-only
"""Choose the accelerator: kvm if a guest reaches its verdict under it, else tcg.

On some hosts /dev/kvm can be opened, but no standard guest ever reaches its console. So a
kernel is booted, with a limit of ten seconds. The result is valid for this host, its kernel
and this QEMU. A failure is saved only if the same kernel boots under tcg: otherwise the
kernel itself may be the cause.
"""

import hashlib
import json
import os
import pathlib
import platform

from . import machine, paths

KVM_SECONDS = 10
TCG_SECONDS = 60


def _cpu_model():
    for line in _text("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _text(path):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _key():
    text = "\0".join((_text("/etc/machine-id"), platform.node(), _cpu_model(),
                      platform.release(), machine.version()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(store):
    try:
        return json.loads(store.read_text())
    except (OSError, ValueError):
        return {}


def _forced():
    accel = os.environ.get("SWIOTLB_ACCEL")
    if accel and accel not in machine.CPU:
        raise machine.MachineError(f"SWIOTLB_ACCEL={accel}: say kvm or tcg")
    return accel


def choose(fails_under, say):
    """Return the accelerator. @fails_under(accel, seconds) boots a kernel, and returns None or
    the error."""
    if _forced():
        return _forced()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    store, key = paths.cache_dir() / "accel.json", _key()
    answers = _read(store)
    if key in answers:
        return answers[key]
    why = fails_under("kvm", KVM_SECONDS)
    if why:
        also = fails_under("tcg", TCG_SECONDS)
        if also:
            raise machine.MachineError(f"the kernel boots nowhere: "
                                       f"kvm: {why}; tcg: {also}")
    answers[key] = "tcg" if why else "kvm"
    paths.write_atomically(store, json.dumps(answers, indent=1).encode())
    say(f"  ACCEL   {answers[key]}" + (f" (kvm: {why})" if why else ""))
    return answers[key]
