# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's own device tree of a machine, with additions."""

import subprocess

from . import paths

PACKAGES = {"dtc": "device-tree-compiler"}
POOL = "bounce"

# A pool through which all PCI devices must bounce, large enough for all requests that
# swio has in flight on two disks.
RESTRICTED_POOL = """
/ {
	reserved-memory {
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;

		restricted: %s@50000000 {
			compatible = "restricted-dma-pool";
			reg = <0 0x50000000 0 0x2000000>;
		};
	};
};

&{/pcie@10000000} {
	memory-region = <&restricted>;
};
""" % POOL


class TreeError(Exception):
    """The device tree cannot be built; the message is the reason."""


def _run(command, **more):
    done = subprocess.run(command, capture_output=True, check=False, **more)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise TreeError(f"{command[0]}: {said}")
    return done.stdout


def build(board, addition, target):
    """Build the device tree. @board: QEMU's arguments for the machine; @addition: source for dtc."""
    dtc = paths.tool("dtc", PACKAGES, TreeError)
    dumped = target.with_suffix(".dump")
    _run([*board, "-machine", f"dumpdtb={dumped}"])
    source = _run([dtc, "-q", "-I", "dtb", "-O", "dts", str(dumped)])
    _run([dtc, "-q", "-I", "dts", "-O", "dtb", "-o", str(target), "-"],
         input=source + addition.encode())
