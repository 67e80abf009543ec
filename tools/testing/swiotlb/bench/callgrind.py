# SPDX-License-Identifier: GPL-2.0-only
"""Instructions by source file, as callgrind counts them."""

import collections
import os
import re
import subprocess
import tempfile

_COST = re.compile(r"^[+\-*\d]\S* (\d+)$")


def costs(lines):
    """Return the instructions of each source file; inlined code counts for its own file.

    The line after "calls=" is the cost of the callee, which has lines of its own.
    """
    found, names = collections.Counter(), {}
    current, callee = None, False
    for line in lines:
        key, _, value = line.rstrip("\n").partition("=")
        if key in ("fl", "fi", "fe", "cfi", "cfl"):
            number, _, name = value.partition(" ")
            name = names.setdefault(number, name)
            current = current if key.startswith("c") else name
        elif key == "calls":
            callee = True
        else:
            cost = _COST.match(line)
            if cost and not callee:
                found[current] += int(cost[1])
            callee = False
    return found


def profile(valgrind, command, functions, seconds):
    """Return the output of @command, and costs() of @functions with all that they call."""
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, "callgrind")
        done = subprocess.run(
            [valgrind, "--tool=callgrind", f"--callgrind-out-file={out}",
             *(f"--toggle-collect={function}" for function in functions), *command], check=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=seconds)
        with open(out, encoding="ascii") as lines:
            return done.stdout, costs(lines)
