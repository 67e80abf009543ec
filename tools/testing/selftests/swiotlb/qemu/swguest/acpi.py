# SPDX-License-Identifier: GPL-2.0-only
"""External ports of the machine, and the ACPI table that marks them as external.

The kernel does not trust devices behind such a port: they can reach nothing but their
mappings. The firmware of notebooks marks Thunderbolt ports in this way.
"""

import subprocess

from . import paths

PACKAGES = {"iasl": "acpica-tools"}
# The slot of the first port. QEMU's ACPI tables name a device by 8 times its slot, in hex.
SLOT = 0x10
PORT = """
	External (\\_SB.PCI0.{name}, DeviceObj)
	Scope (\\_SB.PCI0.{name})
	{{
		Name (_DSD, Package ()
		{{
			ToUUID ("efcc06cc-73ac-4bc3-bff0-76143807c389"),
			Package () {{ Package () {{ "ExternalFacingPort", 1 }} }}
		}})
	}}
"""
TABLE = 'DefinitionBlock ("", "SSDT", 2, "SWTLB", "PORTS", 1)\n{{{ports}}}\n'


class TableError(Exception):
    """The table cannot be built; the message is the reason."""


def port(number):
    """Return the name of the bus behind a port."""
    return f"port{number}"


def device(number):
    """Return QEMU's arguments for a port."""
    return (f"pcie-root-port,id={port(number)},bus=pcie.0,addr={SLOT + number:#x},"
            f"chassis={number + 1}")


def source(number):
    """Return the source of the table for @number ports."""
    return TABLE.format(ports="".join(PORT.format(name=f"S{(SLOT + n) << 3:02X}")
                                      for n in range(number)))


def build(number, target):
    """Build the table for @number ports at @target, and return @target."""
    iasl = paths.tool("iasl", PACKAGES, TableError)
    text = target.with_suffix(".asl")
    text.write_text(source(number))
    done = subprocess.run([iasl, "-p", str(target.with_suffix("")), str(text)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise TableError(f"iasl: {(done.stdout + done.stderr).strip()}")
    return target
