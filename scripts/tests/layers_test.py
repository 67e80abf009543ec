#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The files of the engine, and the places that name them: internal.h, the figure, the Makefile."""

import re
import sys
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "scripts"))

import layers  # noqa: E402

ENGINE = layers.ENGINE
SOURCES = sorted(p.name for p in ENGINE.glob("*.c"))
HEADERS = sorted(p.name for p in ENGINE.glob("*.h"))
LISTED = [name for name, _, _ in layers.layers()]
ORDER = [name for name in LISTED if name.endswith(".c")]
# The only call from a lower layer to a higher one, as internal.h documents
UPWARD = {"__swiotlb_track"}
# Headers for all files, which belong to no layer
COMMON = {"internal.h", "deps.h"}


def code(name):
    """Return a file without comments and strings."""
    text = (ENGINE / name).read_text(encoding="utf-8")
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"', " ", text, flags=re.S)


def defined(name):
    """Return the functions that other files may call."""
    return re.findall(r"^(?!static\b)\w[\w\s*]*?\b(\w*swiotlb_\w+)\([^;{}]*\)\s*\{", code(name), re.M)


def called(text):
    return set(re.findall(r"\b(\w*swiotlb_\w+)\(", text))


def inlines():
    """Return {inline function of a header: the functions that it calls}."""
    found = {}
    for header in HEADERS:
        for name, body in re.findall(r"^static inline\b[^;{}]*?\b(\w+)\([^;{}]*\)\s*\{(.*?)^\}", code(header), re.M | re.S):
            found.setdefault(name, set()).update(called(body))
    return found


def calls(name, inline):
    """Return the functions that a file calls, directly and through inline functions."""
    found, more = set(), called(code(name))
    while more:
        found |= more
        more = set().union(*(inline.get(function, set()) for function in more)) - found
    return found


def calls_up(order):
    """Return (caller, function, its file) if that file is later in the list."""
    place = {name: n for n, name in enumerate(order)}
    owner = {function: name for name in order for function in defined(name)}
    inline = inlines()
    return [(name, used, owner[used]) for name in order for used in sorted(calls(name, inline) - UPWARD)
            if used in owner and place[owner[used]] > place[name]]


class LayersTest(unittest.TestCase):
    def test_figure_is_the_list(self):
        drawn = layers.FIGURE.read_text(encoding="utf-8").splitlines()
        self.assertEqual(drawn, list(layers.picture()))

    def test_list_has_every_source(self):
        self.assertEqual(sorted(ORDER), sorted([*SOURCES, "../swiotlb.c"]))

    def test_each_header_is_of_a_layer(self):
        known = {*LISTED, *(name.replace(".c", ".h") for name in ORDER)}
        self.assertEqual(sorted(set(HEADERS) - COMMON - known), [])

    def test_no_file_calls_one_that_is_later_in_the_list(self):
        self.assertGreater(len(defined("pool.c")), 5)
        self.assertEqual(calls_up(ORDER), [])

    def test_order_matters(self):
        self.assertGreater(len(calls_up(ORDER[::-1])), 20)

    def test_inline_functions_are_followed(self):
        self.assertIn("__swiotlb_track", calls("transient.c", inlines()))

    def test_exceptions_are_named(self):
        text = (ENGINE / "internal.h").read_text(encoding="utf-8")
        block = text[text.index("DOC: Layers"):text.index("DOC: Lock order")]
        self.assertEqual([name for name in UPWARD if name not in block], [])

    def test_no_condition_in_a_source(self):
        wrong = [p.name for p in [ENGINE.parent / "swiotlb.c", *ENGINE.glob("*.c"), *ENGINE.glob("tests/*.c")]
                 if re.search(r"^\s*#\s*if", p.read_text(encoding="utf-8"), re.M)]
        self.assertEqual(wrong, [])

    def test_makefile_has_every_file(self):
        text = (ENGINE / "Makefile").read_text(encoding="utf-8")
        # Two options may list the same file; kbuild links it once.
        self.assertEqual(sorted(set(re.findall(r"\b(\w+)\.o\b", text))), sorted(s.removesuffix(".c") for s in SOURCES))


if __name__ == "__main__":
    unittest.main()
