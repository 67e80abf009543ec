#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Draw the layers of the engine, as internal.h lists them, for the documentation.

    scripts/layers.py > Documentation/core-api/swiotlb-layers.svg
"""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
ENGINE = TOP / "kernel/dma/swiotlb"
FIGURE = TOP / "Documentation/core-api/swiotlb-layers.svg"
ROW, LEFT, WIDTH = 34, 20, 640
COLOURS = {"": "#cfe2ff", "SWIOTLB_DYNAMIC": "#fff0c2", "DMA_RESTRICTED_POOL": "#d9f2d9"}
CALLERS = "dma-direct, dma-iommu, xen-swiotlb"


def layers():
    """Return (file, description, option) from the list in internal.h, bottom layer first."""
    text = (ENGINE / "internal.h").read_text(encoding="utf-8")
    block = text[text.index("DOC: Layers"):]
    return re.findall(r"^ \*\t([\w./]+\.[ch])\t+(.*?)(?:\t+\((\w+)\))?$",
                      block[:block.index("*/")], re.M)


def header(name):
    own = name.replace(".c", ".h")
    return f" {own}" if own != name and (ENGINE / own).exists() else ""


def box(row, colour, name, what):
    top = 10 + row * ROW
    yield (f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{ROW - 6}" rx="5" '
           f'fill="{colour}" stroke="#777"/>')
    yield f'<text x="{LEFT + 14}" y="{top + 19}" font-size="14">{name}</text>'
    yield f'<text x="{LEFT + 230}" y="{top + 19}" font-size="12" fill="#333">{what}</text>'


def picture():
    rows = [(COLOURS[option], name.removeprefix("../") + header(name), what)
            for name, what, option in layers()]
    rows.append(("#eee", "DMA API", CALLERS))
    height = 10 + (len(rows) + 2) * ROW
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield "<!-- SPDX-License-Identifier: GPL-2.0-only -->"
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="680" height="{height}" '
           f'viewBox="0 0 680 {height}" font-family="sans-serif">')
    yield '<rect width="100%" height="100%" fill="white"/>'
    for number, row in enumerate(rows):
        yield from box(number, *row)
    notes = ["A file calls only files above it.",
             "Yellow: CONFIG_SWIOTLB_DYNAMIC, green: CONFIG_DMA_RESTRICTED_POOL."]
    for number, note in enumerate(notes):
        yield (f'<text x="{LEFT}" y="{26 + len(rows) * ROW + 20 * number}" font-size="12" '
               f'fill="#333">{note}</text>')
    yield "</svg>"


if __name__ == "__main__":
    sys.stdout.writelines(line + "\n" for line in picture())
