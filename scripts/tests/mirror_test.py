#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Which entry of apt's configuration is Debian's own archive."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import debian_mirror  # noqa: E402

NAMES = {"bookworm", "stable"}
DEB822 = """\
# third party first
Types: deb
URIs: https://third.example/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/third.gpg

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
ONE_LINE = """\
# deb http://off.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/docker.asc] https://docker.example/debian bookworm stable
deb cdrom:[Debian 12]/ bookworm main
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian/ bookworm main contrib # ours
deb http://mirror.example/debian/ bookworm-backports main
"""


class MirrorTest(unittest.TestCase):
    def choose(self, *files):
        with tempfile.TemporaryDirectory() as top:
            paths = []
            for n, (suffix, text) in enumerate(files):
                paths.append(f"{top}/{n}.{suffix}")
                Path(paths[-1]).write_text(text)
            return debian_mirror.choose(list(debian_mirror.entries(paths)), NAMES)

    def test_deb822(self):
        entry, suites = self.choose(("sources", DEB822))
        self.assertEqual(debian_mirror.stanza(entry, "sid"), (
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: sid\nComponents: main\n"
            "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"))
        self.assertEqual(suites, ["bookworm", "bookworm-updates"])

    def test_one_line(self):
        entry, suites = self.choose(("list", ONE_LINE))
        self.assertEqual(debian_mirror.stanza(entry, "sid"), (
            "Types: deb\nURIs: http://mirror.example/debian/\nSuites: sid\nComponents: main\n"))
        self.assertEqual(suites, ["bookworm", "bookworm-backports"])

    def test_one_line_with_keyring(self):
        line = "deb [ arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] http://m.example/d stable main\n"
        entry, _ = self.choose(("list", ONE_LINE + line))
        self.assertEqual(entry["uris"], "http://m.example/d")
        self.assertIn("Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg", debian_mirror.stanza(entry, "sid"))

    def test_key_in_the_entry(self):
        key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
        text = "Types: deb\nURIs: http://m.example/d\nSuites: bookworm\nComponents: main\n" + key
        entry, _ = self.choose(("sources", text))
        self.assertIn(" -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n", debian_mirror.stanza(entry, "sid"))

    def test_disabled_entry(self):
        text = "Enabled: no\nTypes: deb\nURIs: http://m.example/d\nSuites: bookworm\nComponents: main\n"
        self.assertEqual(self.choose(("sources", text)), (None, []))

    def test_no_entry_for_debian(self):
        self.assertEqual(self.choose(("list", "deb http://m.example/ubuntu noble main\n")), (None, []))

    def test_never_without_signatures(self):
        entry, _ = self.choose(("list", "deb [trusted=yes] http://m.example/d bookworm main\n"))
        self.assertNotIn("rusted", debian_mirror.stanza(entry, "sid"))


if __name__ == "__main__":
    unittest.main()
