# SPDX-License-Identifier: GPL-2.0-only
"""The kselftest of a running kernel, in a guest: its files and its results."""

import re

from . import initramfs, mapbench, paths

SCRIPT = paths.QEMU_DIR.parent / "swiotlb.sh"
HELPERS = "tools/testing/selftests/kselftest/ktap_helpers.sh"
RESULT = re.compile(r"^(?:not )?ok \d+ .*", re.M)


def files(program):
    """Return the files for a boot; @program is the tool of the benchmark."""
    for tree in (paths.TREE, paths.build_dir() / "src-ours"):
        if (tree / HELPERS).is_file():
            helpers = (tree / HELPERS).read_text(encoding="utf-8")
            return {"selftests/swiotlb/swiotlb.sh": SCRIPT.read_text(encoding="utf-8"),
                    "selftests/kselftest/ktap_helpers.sh": helpers, mapbench.TOOL: program}
    raise initramfs.BuildError("no ktap_helpers.sh: make compose")


def wrong(text, tests, skipped=()):
    """Check that @tests tests passed, and that only those of @skipped were skipped; return
    the problem or None.
    """
    found = RESULT.findall(text)
    skips = [line.split()[2] for line in found if "# SKIP" in line]
    if len(found) == tests and skips == list(skipped) and all(line.startswith("ok ") for line in found):
        return None
    return text
