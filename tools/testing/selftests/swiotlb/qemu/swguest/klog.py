# SPDX-License-Identifier: GPL-2.0-only
"""Signatures in a kernel's log that fail a run, even if the verdict is good."""

import re

# (name, pattern). A test whose scenario provokes a message on purpose ignores the signature by
# its name. If several patterns match a line, the first one counts.
SIGNATURES = (
    ("panic", r"Kernel panic"),
    ("kasan", r"BUG: KASAN|KASAN: "),
    ("kcsan", r"BUG: KCSAN"),
    ("kfence", r"BUG: KFENCE"),
    ("ubsan", r"UBSAN: "),
    ("kmemleak", r"kmemleak: \d+ new suspected|unreferenced object 0x"),
    ("lockup", r"soft lockup|hard LOCKUP|Watchdog detected"),
    ("rcu-stall", r"rcu: INFO: .*(stall|kthread)|rcu_\w+ .*stall|"
                  r"self-detected stall|expedited stalls|"
                  r"kthread (starved|timer wakeup didn't happen)"),
    ("hung-task", r"INFO: task .* blocked for more than"),
    ("lockdep", r"possible (circular|recursive) locking|"
                r"possible irq lock inversion|inconsistent lock state|"
                r"suspicious RCU usage|bad unlock balance|"
                r"Invalid wait context|lock held when returning|"
                r"lockdep is turned off|DEBUG_LOCKS_WARN_ON|"
                r"HARDIRQ-safe.*unsafe|SOFTIRQ-safe.*unsafe"),
    ("atomic", r"sleeping function called from invalid context|"
               r"scheduling while atomic"),
    ("odebug", r"ODEBUG: "),
    ("corruption", r"refcount_t: |list_(add|del) corruption|"
                   r"Bad page state|Redzone|Poison overwritten|"
                   r"Object corrupt|double[- ]free"),
    ("dma-api", r"DMA-API: .*(warning|error|exceed|leak|without|not allocated|"
                r"overlap|mismatch|invalid|free|sync|different)"),
    ("oops", r"\bOops\b|general protection fault|Unable to handle kernel|"
             r"Internal error: |kernel NULL pointer|unable to handle page"),
    ("bug", r"\bBUG: |kernel BUG at"),
    ("warning", r"\bWARNING: "),
    ("swiotlb-full", r"swiotlb buffer is full"),
    ("io-error", r"I/O error|critical (target|medium|space allocation) error|"
                 r"Buffer I/O|Aborting journal|"
                 r"nvme\d*\S*: .*(timeout|abort|reset|Device not ready)|"
                 r"ata\d+(\.\d+)?: .*(exception Emask|failed command|"
                 r"hard resetting|SError: \{ [A-Z])|"
                 r"mapping error|DMA mapping failed"),
    ("memory", r"Out of memory|oom-kill|invoked oom-killer|"
               r"page allocation failure"),
    ("user-fault", r"segfault at|traps: |trap invalid opcode"),
    ("trace", r"\bCall [Tt]race:|---\[ (cut here|end trace)"),
)

_COMPILED = tuple((name, re.compile(pattern)) for name, pattern in SIGNATURES)

# Normal messages that match a signature, such as those of self-tests.
_HARMLESS = re.compile(
    r"ata\d+: SATA link|kmemleak: (Kernel memory leak detector|Automatic)|"
    r"DMA-API: (preallocated|debugging (enabled|disabled)|disable)|"
    r"KCSAN: (enabled|strict)|KASAN: init|kcsan: ")


_OOPS_INT3 = re.compile(r"Oops: int3: ")
_BEFORE_IP = re.compile(r"Code: (?:[0-9a-f]{2} )*([0-9a-f]{2}) <")


_CLOCKS_DIFFER = re.compile(r"tsc: PIT calibration deviates from HPET")


def clock_is_wrong(text):
    """Return whether the guest has calibrated its clock wrongly, as it was not scheduled meanwhile."""
    return bool(_CLOCKS_DIFFER.search(text))


def stale_int3(text):
    """Return whether a fault of the emulator, not of the kernel, caused the oops.

    QEMU before 8.1 can keep a translation of the int3 that the kernel's text_poke()
    writes temporarily: a vCPU then traps long after the real instruction is in memory. The
    oops shows this: the byte before the instruction pointer, on which the vCPU trapped, is
    no int3 (cc). If the kernel itself jumps into padding, that byte is a cc.
    """
    found = _OOPS_INT3.search(text)
    if not found or scan(text[:found.start()]):
        return False
    code = _BEFORE_IP.search(text, found.end())
    return bool(code) and code[1] != "cc"


class Finding:
    """A line of the log that fails the run."""

    def __init__(self, name, number, line):
        self.name = name
        self.number = number
        self.line = line

    def __str__(self):
        return f"{self.name}, line {self.number}: {self.line}"


def scan(text, ignore=()):
    """Return all findings in a log, except those whose names are in @ignore."""
    unknown = set(ignore) - {name for name, _ in SIGNATURES}
    if unknown:
        raise ValueError(f"no such signature: {', '.join(sorted(unknown))}")
    findings = []
    for number, line in enumerate(text.splitlines(), 1):
        if _HARMLESS.search(line):
            continue
        for name, pattern in _COMPILED:
            if pattern.search(line):
                if name not in ignore:
                    findings.append(Finding(name, number, line.strip()))
                break
    return findings


class Race:
    """One report of KCSAN."""

    # Number of frames of a stack to search for the code that made an access: it may have
    # called a copy function.
    DEPTH = 2

    def __init__(self, text):
        self.text = text

    def _accesses(self):
        """Return the stacks of both accesses, innermost function first."""
        stacks = []
        for line in self.text.splitlines():
            line = _TIME.sub("", line)
            if re.match(r"(race at unknown origin, with )?(read|write|assert)\b",
                        line):
                stacks.append([])
            elif stacks and line.startswith(" "):
                stacks[-1].append(line.strip())
        return stacks

    def concerns(self, word):
        return any(word in frame for stack in self._accesses()
                   for frame in stack[:self.DEPTH])


_TIME = re.compile(r"^\[ *\d+\.\d+\](\[ *[TC]\d+\])? ?")
_RULE = re.compile(r"^={20,}$")


def races(text):
    """Return the reports of KCSAN in a log, in order."""
    found, lines = [], None
    for line in text.splitlines():
        bare = _TIME.sub("", line.rstrip("\r"))
        if "BUG: KCSAN: " in bare:
            lines = [line]
        elif lines is not None and _RULE.match(bare):
            found.append(Race("\n".join(lines)))
            lines = None
        elif lines is not None:
            lines.append(line)
    return found
