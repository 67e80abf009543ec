#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run the libFuzzer target on the saved corpus and on new inputs; --keep writes the
smallest set of inputs that reaches the same edges back to the corpus.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

HEADER = """\
# SPDX-License-Identifier: GPL-2.0-only
# Inputs of the fuzzer that reach each edge of the engine that it has found, a line
# of hexadecimal digits for each: see input.c. make check replays them, make
# fuzz-corpus writes this file.
"""
STATUS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+)")


def unpack(corpus, directory):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    lines = [line for line in corpus.read_text().split("\n")
             if line and not line.startswith("#")] if corpus.exists() else []
    for number, line in enumerate(lines):
        (directory / f"{number:04}").write_bytes(bytes.fromhex(line))
    return len(lines)


def add_random(directory, seed, count=40):
    """Add long inputs to begin with: the inputs of libFuzzer start with one byte."""
    random = Random(seed)
    for number in range(count):
        data = random.randbytes(random.randrange(100, 3000))
        (directory / f"random-{number}").write_bytes(data)


def pack(directory, corpus):
    inputs = sorted((path.read_bytes() for path in directory.iterdir()),
                    key=lambda data: (len(data), data))
    temp = corpus.with_name(corpus.name + ".tmp")
    temp.write_text(HEADER + "".join(f"{data.hex()}\n" for data in inputs if data))
    temp.rename(corpus)
    return len(inputs)


def show(line, state):
    """Print a line of libFuzzer's output: status at most every ten seconds, others at once."""
    status = STATUS.match(line)
    if not status:
        return
    state["runs"], state["edges"] = int(status[1]), int(status[2])
    if time.monotonic() - state["shown"] >= 10:
        state["shown"] = time.monotonic()
        print(f"  FUZZ    {state['runs']} inputs, {state['edges']} edges", flush=True)


def run(command, log):
    """Run the program, with its output also in a log. Return (status, figures)."""
    state = {"runs": 0, "edges": 0, "shown": time.monotonic()}
    with open(log, "w") as out, subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace") as process:
        try:
            for line in process.stdout:
                out.write(line)
                show(line, state)
        except KeyboardInterrupt:
            process.kill()
            raise SystemExit(130) from None
    return process.returncode, state


def report_failures(found, log):
    for path in found:
        print(f"  FAILED  {path.name}, as a line of the corpus:\n{path.read_bytes().hex()}")
    print("".join(Path(log).read_text(errors="replace").splitlines(keepends=True)[-60:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--corpus", required=True, type=Path)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write the corpus")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    kept, new, least = (options.work / name for name in ("kept", "new", "least"))
    log = options.work / "log"
    count = unpack(options.corpus, kept)
    new.mkdir(exist_ok=True)
    add_random(kept, options.seed)
    for old in options.work.glob("failed-*"):
        old.unlink()
    print(f"  FUZZ    {options.seconds} s from {count} inputs, seed {options.seed}",
          flush=True)
    status, figures = run([options.program, f"-max_total_time={options.seconds}",
                           f"-seed={options.seed}", "-max_len=4096", "-len_control=0", "-timeout=600",
                           f"-artifact_prefix={options.work}/failed-", str(new),
                           str(kept)], log)
    found = sorted(options.work.glob("failed-*"))
    if status or found:
        report_failures(found, log)
    elif options.keep:
        shutil.rmtree(least, ignore_errors=True)
        least.mkdir()
        status, _ = run([options.program, "-merge=1", "-use_counters=0", str(least),
                         str(kept), str(new)],
                        options.work / "merge.log")
        if status == 0:
            print(f"  KEPT    {pack(least, options.corpus)} inputs")
    print(f"fuzz: {figures['runs']} inputs, {figures['edges']} edges, {len(found)} failures")
    return 1 if status or found else 0


if __name__ == "__main__":
    sys.exit(main())
