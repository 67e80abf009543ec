#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The messages of the engine, and the administrator's guide that explains them."""

import re
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
GUIDE = TOP / "Documentation/admin-guide/swiotlb.rst"
# A call that prints, with all string literals up to the end of the first line that has any
PRINTS = re.compile(r"\b(?:pr_(?!fmt)\w+|dev_(?:emerg|alert|crit|err|warn|WARN|notice|info|dbg)\w*|WARN_(?:ONCE|RATELIMIT)"
                    r"|panic|printk\w*|swiotlb_driver_error)\s*\(([^;]*?)((?:\"(?:\\.|[^\"\\])*\"\s*)+)")
ARGUMENT = re.compile(r"%(?:p[a-zA-Z]*|[-+ #0-9.*]*(?:hh?|ll?|z|t)?[a-zA-Z])")


def messages():
    """Return {message: the file that prints it}."""
    found = {}
    for path in [TOP / "kernel/dma/swiotlb.c", *sorted((TOP / "kernel/dma/swiotlb").glob("*.[ch]"))]:
        for call in PRINTS.finditer(path.read_text(encoding="utf-8")):
            literals = re.findall(r'"((?:\\.|[^"\\])*)"', call[2])
            found["".join(literals).replace("\\n", "").replace('\\"', '"')] = path.name
    return found


def pattern(message):
    """Return a regular expression for a line of the log with this message."""
    return re.compile(".*?".join(re.escape(part) for part in ARGUMENT.split(message)))


def explained():
    """Return the messages for which the guide has a paragraph."""
    text = GUIDE.read_text(encoding="utf-8")
    section = text[text.index("What the log says\n"):text.index("Tracepoints\n")]
    return re.findall(r"^``(.*)``$", section, re.M)


class MessagesTest(unittest.TestCase):
    def test_they_are_found(self):
        self.assertGreater(len(messages()), 40)
        self.assertGreater(len(explained()), 40)
        self.assertIn("boot.c", messages().values())

    def test_each_is_explained(self):
        lost = [f"{name}: {message}" for message, name in messages().items()
                if not any(pattern(message).fullmatch(line) for line in explained())]
        self.assertEqual(lost, [])

    def test_each_that_is_explained_is_printed(self):
        stale = [line for line in explained() if not any(pattern(message).fullmatch(line) for message in messages())]
        self.assertEqual(stale, [])


if __name__ == "__main__":
    unittest.main()
