# SPDX-License-Identifier: GPL-2.0-only
"""mutants.found: what has found each fault of mutants.list, and a table by layer."""

from pathlib import Path

HEAD = """# SPDX-License-Identifier: GPL-2.0-only
# What finds each fault of mutants.list: the first of the programs that fails, and its
# test. Made by make keep-mutants
#
"""
PROGRAMS = ("oracle", "basic", "stress", "count")


def read(path):
    """By name of the fault."""
    if not path.exists():
        return {}
    lines = [line for line in path.read_text().splitlines()
             if line and not line.startswith("#")]
    return dict(map(str.strip, line.split("|")) for line in lines)


def layer(file):
    return file.removeprefix("kernel/dma/").removeprefix("swiotlb/")


def table(mutants, found):
    """Rows of text: the faults of each file, and how many each program has found."""
    counts = {}
    for mutant in mutants:
        row = counts.setdefault(layer(mutant.file), dict.fromkeys(("faults", "killed",
                                                                  *PROGRAMS), 0))
        row["faults"] += 1
        if mutant.name in found:
            row["killed"] += 1
            row[found[mutant.name].split(" ")[0]] += 1
    names = ("faults", "killed", *PROGRAMS)
    counts["all"] = {name: sum(row[name] for row in counts.values()) for name in names}
    yield f"{'':24}" + "".join(f"{name:>8}" for name in names)
    for name, row in counts.items():
        yield f"{name:24}" + "".join(f"{row[column]:8}" for column in names)


def write(path, mutants, found):
    lines = [f"# {row}".rstrip() for row in table(mutants, found)]
    lines += [f"{mutant.name} | {found[mutant.name]}" for mutant in mutants
              if mutant.name in found]
    temp = Path(f"{path}.tmp")
    temp.write_text(HEAD + "\n".join(lines) + "\n")
    temp.rename(path)
