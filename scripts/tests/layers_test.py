#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The files of the engine, and who names them: the figure, internal.h, the series."""

import re
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
ENGINE = TOP / "kernel/dma/swiotlb"
SOURCES = sorted(p.name for p in ENGINE.glob("*.c"))
HEADERS = sorted(p.name for p in ENGINE.glob("*.h"))
# What inline functions call from below; internal.h says so
UPWARD = {"__swiotlb_account"}


def layers():
    """The files of the list in internal.h, from the ground up."""
    text = (ENGINE / "internal.h").read_text(encoding="utf-8")
    block = text[text.index("DOC: Layers"):]
    return re.findall(r"^ \*\t([\w./]+\.c)\t", block[:block.index("*/")], re.M)


def places():
    """name -> (how far down it stands in the figure, how far right)."""
    figure = (TOP / "Documentation/core-api/swiotlb-layers.svg").read_text(encoding="utf-8")
    found = re.findall(r'<text x="(\d+)" y="(\d+)" font-size="14" [^>]*>([\w./]+\.c)</text>', figure)
    return {name: (int(y), int(x)) for x, y, name in found}


def code(name):
    """A file without comments and strings."""
    text = (ENGINE / name).read_text(encoding="utf-8")
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"', " ", text, flags=re.S)


def defined(name):
    """Functions that others may call."""
    return re.findall(r"^(?!static\b)\w[\w\s*]*?\b(\w*swiotlb_\w+)\([^;{}]*\)\s*\{", code(name), re.M)


def called(text):
    return set(re.findall(r"\b(\w*swiotlb_\w+)\(", text))


def inlines():
    """Inline function of a header -> what it calls."""
    found = {}
    for header in HEADERS:
        for name, body in re.findall(r"^static inline\b[^;{}]*?\b(\w+)\([^;{}]*\)\s*\{(.*?)^\}", code(header), re.M | re.S):
            found.setdefault(name, set()).update(called(body))
    return found


def calls(name, inline):
    """What a file calls, by itself and through inline functions."""
    found, more = set(), called(code(name))
    while more:
        found |= more
        more = set().union(*(inline.get(function, set()) for function in more)) - found
    return found


def calls_up(order):
    """(caller, function, its file) where that stands later in the list."""
    place = {name: n for n, name in enumerate(order)}
    owner = {function: name for name in order for function in defined(name)}
    inline = inlines()
    return [(name, used, owner[used]) for name in order for used in sorted(calls(name, inline) - UPWARD)
            if used in owner and place[owner[used]] > place[name]]


class LayersTest(unittest.TestCase):
    def test_figure_has_every_file(self):
        self.assertEqual(sorted(places()), sorted([*SOURCES, "swiotlb.c"]))

    def test_figure_names_the_headers(self):
        figure = (TOP / "Documentation/core-api/swiotlb-layers.svg").read_text(encoding="utf-8")
        self.assertEqual([h for h in HEADERS if h not in figure], [])

    def test_list_has_every_file(self):
        self.assertEqual(sorted(layers()), sorted([*SOURCES, "../swiotlb.c"]))

    def test_no_file_calls_one_that_is_later_in_the_list(self):
        self.assertGreater(len(defined("pool.c")), 5)
        self.assertEqual(calls_up(layers()), [])

    def test_inline_functions_are_followed(self):
        self.assertIn("__swiotlb_account", calls("transient.c", inlines()))

    def test_exceptions_are_named(self):
        text = (ENGINE / "internal.h").read_text(encoding="utf-8")
        block = text[text.index("DOC: Layers"):text.index("DOC: Lock order")]
        self.assertEqual([name for name in UPWARD if name not in block], [])

    def test_figure_agrees(self):
        place = places()
        place["../swiotlb.c"] = place.pop("swiotlb.c")
        self.assertEqual(calls_up(sorted(layers(), key=place.get, reverse=True)), [])

    def test_no_condition_in_a_source(self):
        wrong = [p.name for p in [ENGINE.parent / "swiotlb.c", *ENGINE.glob("*.c"), *ENGINE.glob("tests/*.c")]
                 if re.search(r"^\s*#\s*if", p.read_text(encoding="utf-8"), re.M)]
        self.assertEqual(wrong, [])

    def test_makefile_has_every_file(self):
        text = (ENGINE / "Makefile").read_text(encoding="utf-8")
        self.assertEqual(sorted(re.findall(r"\b(\w+)\.o\b", text)), sorted(s.removesuffix(".c") for s in SOURCES))


if __name__ == "__main__":
    unittest.main()
