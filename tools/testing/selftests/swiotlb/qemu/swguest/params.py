# SPDX-License-Identifier: GPL-2.0-only
"""Forms of swiotlb= on the command line, and their effect on the kernel.

Boots with 4 CPUs and 1 GiB, which every device reaches: without force there is no
pool.
"""

import re
from typing import NamedTuple

DEFAULT_SLOTS = 32768
VCPUS = 4
MEMORY_MIB = 1024

_LINE = re.compile(r"^(?:\[ *\d+\.\d+\] ?)?software IO TLB: (.*)$", re.M)


class Form(NamedTuple):
    """@append: the command line; @slots: size of the pool, 0 for none; @says: all lines
    that the kernel logs about it.
    """

    name: str
    append: str
    slots: int
    says: tuple


def _pool(*before, areas=VCPUS):
    return (*before, f"area num {areas}.")


def _bad_max(size):
    return (f'swiotlb=: "max={size}" is not a size from 1M to 65536M, '
            "using a quarter of memory")


def _not_understood(word):
    return f'swiotlb=: "{word}" is not understood and ignored'


def _no_size(word):
    return f'swiotlb=: "{word}" is neither a number of slots nor a size as in 64M, and ignored'


def _too_large(word):
    return f'swiotlb=: "{word}" is more than 65536MB and ignored'


def _roundup(size):
    return f"SWIOTLB bounce buffer size roundup to {size}"


FORMS = (
    # Valid
    Form("none", "", 0, ()),
    Form("no-value", "swiotlb", 0, ()),
    Form("empty", "swiotlb=", 0, ()),
    Form("slots", "swiotlb=2048,force", 2048, _pool()),
    Form("slots-hex", "swiotlb=0x800,force", 2048, _pool()),
    Form("slots-octal", "swiotlb=04000,force", 2048, _pool()),
    Form("slots-unaligned", "swiotlb=2000,force", 2048, _pool()),
    Form("slots-unused", "swiotlb=2048", 0, ()),
    Form("areas", "swiotlb=2048,2,force", 2048, _pool(areas=2)),
    Form("areas-unaligned", "swiotlb=2048,3,force", 2048, _pool()),
    Form("areas-only", "swiotlb=,2,force", DEFAULT_SLOTS, _pool(areas=2)),
    Form("areas-grow-pool", "swiotlb=128,16,force", 2048,
         ("area num 16.", _roundup("4MB"))),
    Form("word-first", "swiotlb=force,2048,2", 2048, _pool(areas=2)),
    Form("word-between", "swiotlb=2048,force,2", 2048, _pool(areas=2)),
    Form("twice", "swiotlb=2048 swiotlb=force", 2048, _pool()),
    Form("noforce-wins", "swiotlb=force,noforce", 0,
         ('swiotlb=: "noforce" wins over "force"',)),
    Form("size", "swiotlb=16M,force", 8192, _pool()),
    Form("size-below-slots", "swiotlb=1K,1,force", 128, _pool(areas=1)),
    Form("dynamic", "swiotlb=dynamic,force", 512, _pool()),
    Form("dynamic-slots", "swiotlb=2048,dynamic,force", 2048, _pool()),
    Form("dynamic-last", "swiotlb=512,8,dynamic,force", 512, _pool(areas=8)),
    Form("dynamic-first", "swiotlb=dynamic,512,8,force", 512, _pool(areas=8)),
    Form("max", "swiotlb=dynamic,max=64M,force", 512, _pool()),
    Form("max-alone", "swiotlb=max=64M,force", DEFAULT_SLOTS, _pool()),
    Form("max-below-pool", "swiotlb=2048,max=1M,force", 2048, _pool()),
    # Invalid: the kernel names the invalid word, and the other words apply
    Form("unknown-word", "swiotlb=banana,force", DEFAULT_SLOTS,
         _pool(_not_understood("banana"))),
    Form("capitals", "swiotlb=Force", 0, (_not_understood("Force"),)),
    Form("size-with-two-letters", "swiotlb=16MB,force", DEFAULT_SLOTS,
         _pool(_no_size("16MB"))),
    Form("size-of-areas", "swiotlb=2048,1M,force", 2048,
         _pool(_not_understood("1M"))),
    Form("negative", "swiotlb=-1,force", DEFAULT_SLOTS,
         _pool(_no_size("-1"))),
    Form("beyond-64-bits", "swiotlb=18446744073709551616,force", DEFAULT_SLOTS,
         _pool(_too_large("18446744073709551616"))),
    *(Form(f"max-{name}", f"swiotlb=dynamic,max={size},force", 512,
           _pool(_bad_max(size)))
      for name, size in (("empty", ""), ("word", "all"), ("too-small", "512K"),
                         ("trailing", "64Mx"), ("too-large", "65G"))),
    Form("no-slots", "swiotlb=0,1,force", 128, _pool(areas=1)),
    Form("too-many-slots", "swiotlb=9999999999,force", DEFAULT_SLOTS,
         _pool(_too_large("9999999999"))),
    Form("no-areas", "swiotlb=2048,0,force", 2048, _pool(areas=1)),
    Form("too-many-areas", "swiotlb=2048,65,force", 8192,
         ("swiotlb=: 65 areas are too many, using 64", "area num 64.",
          _roundup("16MB"))),
    Form("third-number", "swiotlb=2048,2,3,force", 2048,
         _pool(_not_understood("3"), areas=2)),
    # The limit is a quarter of memory
    Form("more-than-memory", "swiotlb=524288,force", 131072,
         ("area num 4.",
          "1024MB are more than a quarter of memory, using 256MB",
          "SWIOTLB bounce buffer size adjusted 524288 -> 131072 slabs")),
)


def said(klog):
    """Return the lines that a kernel logged about swiotlb."""
    return tuple(_LINE.findall(klog))


def expect(form):
    def check(result):
        lines = said(result.text("klog"))
        if lines != form.says:
            return f"the log has {list(lines)}, not {list(form.says)}"
        values = result.values("swiotlb")
        slots = int(values.get("io_tlb_nslabs", "0"))
        return None if slots == form.slots else \
            f"{slots} slots, not {form.slots}"
    return check
