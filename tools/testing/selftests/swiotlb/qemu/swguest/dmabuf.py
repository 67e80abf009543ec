# SPDX-License-Identifier: GPL-2.0-only
"""Frames in dma-bufs that a device reads in User Mode Linux: cases, files and results.

dmabuf.c describes the cases, and drivers/dma-buf/dmabuf-reader.c the device.
"""

import re

from . import initramfs, programs, run

FRAMES = 60
MIB = (8, 34)
RESULT = re.compile(r"^(ok|not ok) \d+ (\S+)$")


def cases(exporter, *modes):
    return tuple(f"{exporter}:{mib}:{mode}" for mib in MIB for mode in modes)


# Cases with chunks of 1 MiB, and with runs of pages of up to 2 MiB
LARGE = cases("heap", "kept", "again", "part") + cases("udmabuf-512", "kept")
# Cases with chunks of a page
SMALL = cases("udmabuf-1", "kept", "again", "part")
# Cases that fail in the base, and how: it cannot map more than 256 KiB at once, and its
# udmabuf does not sync the mappings of importers. The runs of pages may be short or long, so
# these cases fail in either way.
BASE = {**dict.fromkeys(LARGE, "import"),
        **dict.fromkeys(cases("udmabuf-512", "kept"), "import|bytes are wrong"),
        **dict.fromkeys(cases("udmabuf-1", "kept"), "bytes are wrong")}


def conf():
    return {"CASES": " ".join((*LARGE, *SMALL)), "COUNT": FRAMES}


def files():
    """Return the files for a boot."""
    return {"bin/dmabuf": programs.dmabuf(initramfs.BuildError).read_bytes()}


def results(text):
    """Return {case: None if it passed, or why it failed}."""
    found, said = {}, ""
    for line in text.splitlines():
        result = RESULT.match(line)
        if result:
            found[result[2]] = None if result[1] == "ok" else said
        said = line
    return found


def wrong(text, failing):
    """Check that exactly the @failing cases fail, for the expected reasons; return the problem
    or None."""
    found = results(text)
    for name in (*LARGE, *SMALL):
        why = found.pop(name, "no result")
        as_expected = why and re.search(failing[name], why) if name in failing else why is None
        if not as_expected:
            return text
    return text if found else None


def fails(failing, large):
    """Return a check that all cases pass but those in @failing, {case: expression in the reason}.
    @large: whether chunks must be mapped as a whole; otherwise their exporters must split them.
    """
    def check(result):
        values = result.values("swiotlb")
        run.say(", ".join(f"{name} {values.get(f'events.{name}', 0)}"
                          for name in ("grown", "freed", "large", "waited")))
        if large != (int(values.get("events.large", 0)) > 0):
            return f"{values['events.large']} large mappings"
        return wrong(result.text("dmabuf"), failing)
    return check
