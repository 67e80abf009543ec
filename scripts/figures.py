#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make every measured figure in our texts from measured/*.csv.

measured/figures.list maps numbers in texts to cells of runs, so that texts and mails
need no markers; its head describes the format. Generated tables are between
"<!-- made: NAME -->" and "<!-- end -->"; pictures are generated as a whole.

Without an option, rewrite the texts. With --check, change nothing, and fail if a text
differs from its run, or has a figure that the list does not name. With
--take, first copy the newest runs from results/ to measured/.
"""

import argparse
import csv
import json
import re
import shutil
import sys
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "scripts"))

from swbench import cpus, figuretables, mechanisms, plan, plot, summary  # noqa: E402

LIST = "measured/figures.list"
RUNS = "measured/runs.csv"
RUN_COLUMNS = ("run", "command", "started", "commit", "host", "load", "qemu", "fio")

NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
# A number with a unit: it must come from a measurement, even in texts without "every number"
UNIT = re.compile(rf"(?<![\w.,-])({NUMBER})(?=\s*(?:ns|us|IOPS|instructions|times|x|%)(?![\w%]))")
EVERY = re.compile(rf"(?<![\w.,/-])({NUMBER})")
# Parts that are not prose: code, addresses, comments, and generated tables
CODE = re.compile(r"<!-- made: .*?<!-- end -->|<!--.*?-->|^```.*?^```|^\t[^\n]*|``[^`]*``|`[^`\n]*`|\]\([^)]*\)"
                  r"|https?://\S+", re.S | re.M)
BLOCK = re.compile(r"(<!-- made: ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.S)
FIELD = re.compile(r"\{([^{}]+)\}")


class Failure(Exception):
    """A list, a csv or a text that cannot be used."""


# --- runs -----------------------------------------------------------------------

def value(text):
    try:
        return float(text)
    except ValueError:
        return text


class Row:
    """A line of a csv: its columns are attributes, as numbers if they can be parsed as such."""

    def __init__(self, name, cells):
        self.__dict__.update({column: value(text) for column, text in cells.items()})
        self._name = name

    def __getattr__(self, column):
        raise Failure(f"{self._name} has no column {column}")

    def __getitem__(self, column):
        """For columns whose name is a keyword of Python, such as "with"."""
        return getattr(self, column)


class Table:
    """A csv. The key of a row is the text of its key columns, separated by spaces."""

    def __init__(self, name, path, keys, taken_from=None):
        self.name, self.path, self.taken_from = name, path, taken_from
        self.lines = []
        if path.is_file():
            with open(path, encoding="utf-8", newline="") as f:
                self.lines = list(csv.DictReader(f))
        self._rows = {}
        for line in self.lines:
            missing = set(keys) - line.keys()
            if missing:
                raise Failure(f"{path.name}: no column {', '.join(sorted(missing))}")
            key = " ".join(line[column] for column in keys)
            self._rows[key] = Row(f"{path.name}: {key}", line)

    @property
    def rows(self):
        return list(self._rows.values())

    def __getitem__(self, key):
        if key not in self._rows:
            raise Failure(f"{self.path.name}: no row {key!r}" if self.lines else f"{self.path.name} is missing or empty")
        return self._rows[key]


# --- the list -------------------------------------------------------------------

def template(text):
    """Return a regular expression with a group for each field; a space matches any white space."""
    fields, parts, end = [], [], 0
    for found in FIELD.finditer(text):
        expression, colon, form = found[1].rpartition(":")
        if not colon:
            raise Failure(f"{found[0]}: say how to round, as in {{{found[1]}:.0f}}")
        fields.append((expression, form))
        parts += [text[end:found.start()], None]
        end = found.end()
    parts.append(text[end:])
    sign = r"([-+]?" + NUMBER + ")"
    return re.compile("".join(sign if part is None else r"\s+".join(map(re.escape, re.split(r"\s+", part)))
                              for part in parts)), fields


def plain(text):
    """Compile a regular expression of the list; a space matches any white space."""
    try:
        return re.compile(text.replace(" ", r"\s+"), re.M)
    except re.error as error:
        raise Failure(f"{LIST}: {text}: {error}") from error


class Section:
    """The files of a section, and the patterns of their figures."""

    def __init__(self, head, repo):
        pattern, _, demand = head.partition(",")
        self.every = demand.strip() == "every number"
        if demand and not self.every:
            raise Failure(f"[{head}]: 'every number' is all that can be demanded")
        self.paths = sorted(repo.glob(pattern.strip()))
        if not self.paths:
            raise Failure(f"[{head}]: no such file")
        self.templates, self.plain = [], []


class List:
    """measured/figures.list."""

    TABLE = re.compile(r"(\w+): (\S+) by ([\w ]+?)(?:, from (\S+))?$")
    NAME = re.compile(r"(\w+) = (.+)$", re.S)

    def __init__(self, repo):
        self.tables, self.sections = {}, []
        self._repo, self._names = repo, {}
        text = re.sub(r"^#.*\n", "", (repo / LIST).read_text(encoding="utf-8"), flags=re.M)
        for paragraph in re.split(r"\n\s*\n", text):
            if paragraph.strip():
                self._paragraph(paragraph.strip())

    def _paragraph(self, text):
        if text.startswith("["):
            head, _, text = text.partition("\n")
            self.sections.append(Section(head.strip("[]"), self._repo))
        if not text:
            return
        if not self.sections:
            for line in re.sub(r"\n\s+", " ", text).split("\n"):
                self._define(line)
        elif text.startswith("plain:"):
            self.sections[-1].plain += [plain(line.strip()) for line in text.split("\n")[1:]]
        else:
            self.sections[-1].templates.append((text, *template(text)))

    def _define(self, line):
        table, name = self.TABLE.match(line), self.NAME.match(line)
        if table:
            self.tables[table[1]] = Table(table[1], self._repo / table[2], table[3].split(), table[4])
        elif name:
            self._names[name[1]] = name[2]
        else:
            raise Failure(f"{LIST}: neither a table nor a name: {line}")

    def _source(self, *patterns):
        return "".join(path.read_text(encoding="utf-8") for pattern in patterns
                       for path in sorted(self._repo.glob(pattern)))

    def lines(self, *patterns):
        return self._source(*patterns).count("\n")

    def code(self, *patterns):
        """Count lines of C without comments and empty lines."""
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", self._source(*patterns), flags=re.S)
        return sum(bool(line.strip()) for line in text.split("\n"))

    def evaluate(self, expression, seen=()):
        """Evaluate an expression of names of the list, tables and arithmetic to a number."""
        names = {"sum": sum, "len": len, "round": round, "min": min, "lines": self.lines, "code": self.code, **self.tables}
        code = compile(expression.strip(), expression, "eval")
        for name in code.co_names:
            if name in self._names and name not in seen:
                names[name] = self.evaluate(self._names[name], (*seen, name))
        try:
            return eval(code, {"__builtins__": {}}, names)
        except Failure:
            raise
        except Exception as error:
            raise Failure(f"{expression}: {error}") from error

    def figure(self, expression, form):
        found = self.evaluate(expression)
        if not isinstance(found, (int, float)):
            raise Failure(f"{expression} is no number: {found!r}")
        return f"{100 * found:.0f}" if form == "%" else format(found, form)


# --- texts ----------------------------------------------------------------------

def prose(path, text):
    """Return the length of the text in a file; in an entry of the series it ends before the hunks."""
    if path.suffix == ".patch":
        return len(re.split(r"^(?:---|Owns:)$", text, maxsplit=1, flags=re.M)[0])
    return len(text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def even(lines):
    """Return a Markdown table with its columns aligned again."""
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    right = [cell.endswith(":") for cell in cells[1]]
    widths = [max(len(line[i]) for n, line in enumerate(cells) if n != 1) for i in range(len(right))]
    out = ["| " + " | ".join(cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(line, widths, right)) + " |"
           for line in cells]
    out[1] = "|" + "|".join("-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right)) + "|"
    return out


def even_tables(text):
    def one(found):
        lines = found[0].rstrip("\n").split("\n")
        return "\n".join(even(lines)) + "\n" if len({line.count("|") for line in lines}) == 1 else found[0]
    return re.sub(r"(?:^\|.*\n){3,}", one, text, flags=re.M)


class Text:
    """A file with figures: its present text and its correct text."""

    def __init__(self, path, repo):
        self.path = path
        self.name = str(path.relative_to(repo))
        self.old = path.read_text(encoding="utf-8")
        self.end = prose(path, self.old)
        self.known = [match.span() for match in CODE.finditer(self.old, 0, self.end)]
        self.edits = []

    def complaint(self, position, text):
        return f"{self.name}:{line_of(self.old, position)}: {text}"

    def matches(self, pattern):
        return list(pattern.finditer(self.old, 0, self.end))

    def put(self, match, fields, figures):
        """Replace the groups of @match by @figures; return complaints about those that differ."""
        self.known.append(match.span())
        wrong = []
        for group, ((expression, _), figure) in enumerate(zip(fields, figures), 1):
            if match[group] != figure:
                self.edits.append((*match.span(group), figure))
                wrong.append(self.complaint(match.start(group), f"{match[group]}, but {expression} is {figure}"))
        return wrong

    def unnamed(self, pattern):
        """Return complaints about numbers that no pattern accounts for."""
        return [self.complaint(found.start(), f"where does {found[1]} come from? {LIST} does not say")
                for found in pattern.finditer(self.old, 0, self.end)
                if not any(start <= found.start() and found.end() <= end for start, end in self.known)]

    def new(self):
        text = self.old
        for start, end, figure in sorted(self.edits, reverse=True):
            text = text[:start] + figure + text[end:]
        if self.path.suffix == ".md" and self.edits:
            text = even_tables(text)
        return text


def blocks(text, content, makers):
    """Return @content with its tables generated, and the complaints."""
    wrong = []

    def one(found):
        if found[2] not in makers:
            raise Failure(f"{text.name}: no such table: {found[2]}")
        body = makers[found[2]]().strip("\n") + "\n"
        if body != found[3]:
            wrong.append(f"{text.name}: table {found[2]} is not that of its run")
        return found[1] + body + found[4]
    return BLOCK.sub(one, content), wrong


def section(listed, part, repo, makers):
    """Return (complaints that a rewrite fixes, other complaints, {path: new content})."""
    texts = [Text(path, repo) for path in part.paths]
    stale, wrong, contents = [], [], {}
    for source, pattern, fields in part.templates:
        found = [(text, match) for text in texts for match in text.matches(pattern)]
        if len(found) != 1:
            where = ", ".join(text.name for text, _ in found) or ", ".join(text.name for text in texts[:2])
            wrong.append(f"{LIST}: found {len(found)} times, not once, in {where}: {' '.join(source.split())}")
            continue
        text, match = found[0]
        stale += text.put(match, fields, [listed.figure(*field) for field in fields])
    for text in texts:
        for pattern in part.plain:
            text.known += [match.span() for match in text.matches(pattern)]
        wrong += text.unnamed(EVERY if part.every else UNIT)
        contents[text.path], more = blocks(text, text.new(), makers)
        stale += more
    return stale, wrong, contents


# --- all ------------------------------------------------------------------------

def read(path):
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def pictures(listed, repo):
    """Return {path: (width, height, script for gnuplot)}."""
    lines = {name: table.lines for name, table in listed.tables.items()}
    body, size = summary.script(lines)
    found = {repo / "measured/summary.svg": (*size, body)}
    if lines.get("run"):
        entries = figuretables.entries(lines["run"])
        found[repo / "measured/run.svg"] = (
            1100, 760, plot.script(entries, plan.full(None), "tcg", False))
    if lines.get("cpus"):
        found[repo / "measured/cpus.svg"] = (*cpus.SIZE, cpus.script(lines["cpus"]))
    return found


def take(listed, repo):
    """Copy the newest runs to measured/, and record the machine that they ran on."""
    noted = {line["run"]: line for line in read(repo / RUNS)}
    for table in listed.tables.values():
        source = repo / (table.taken_from or "")
        if not table.taken_from or not source.is_file():
            continue
        shutil.copyfile(source, table.path)
        print(f"  TAKE    {table.path.relative_to(repo)}", flush=True)
        kept = source.parent / "environment.json"
        noted[table.name] = run_line(table.name, json.loads(kept.read_text()) if kept.is_file() else {})
    with open(repo / RUNS, "w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, RUN_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(noted[name] for name in sorted(noted))


def run_line(name, env):
    """Make a line of runs.csv from the environment.json of a run."""
    host, tree = env.get("host", {}), env.get("tree", {})
    words = env.get("command", "").split()
    others = host.get("cpus_used_by_others")
    return {"run": name,
            # Drop the directories: they are specific to the machine.
            "command": " ".join([Path(word).name for word in words[:1]] + [word for word in words[1:] if "/" not in word]),
            "started": env.get("started", "")[:16].replace("T", " "),
            "commit": (tree.get("commit") or "")[:12] + ("+" if tree.get("changed") else ""),
            "host": f"{host['cpus']} CPUs, {host['cpu']}" if host else "",
            "load": "" if others is None else f"{others:.1f} CPUs",
            "qemu": ", ".join(env[key] for key in ("qemu", "accelerator") if env.get(key)), "fio": env.get("fio", "")}


def run(repo, check=False, fresh=False):
    """Check or rewrite all texts; return the complaints."""
    listed = List(repo)
    if fresh:
        take(listed, repo)
        listed = List(repo)
    makers = figuretables.makers({name: table.lines for name, table in listed.tables.items()}, read(repo / RUNS), repo)
    stale, wrong, contents = [], [], {}
    for part in listed.sections:
        more, worse, texts = section(listed, part, repo, makers)
        stale += more
        wrong += worse
        contents.update(texts)
    drawn = {path: it for path, it in pictures(listed, repo).items() if plot.stamp(it[2]) not in plot.stamped(path)}
    stale += [f"{path.relative_to(repo)}: drawn from other figures" for path in drawn]
    if check:
        return stale + wrong
    for path, content in contents.items():
        if content != path.read_text(encoding="utf-8"):
            path.write_text(content, encoding="utf-8")
            print(f"  FIGURES {path.relative_to(repo)}", flush=True)
    for path, (width, height, body) in drawn.items():
        plot.stamped_svg(body, path, width, height)
        print(f"  PLOT    {path.relative_to(repo)}", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if a text differs")
    parser.add_argument("--take", action="store_true", help="first copy the newest runs from results/")
    parser.add_argument("--repo", type=Path, default=TOP, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.check and args.take:
        parser.error("--check changes nothing, --take does")
    try:
        complaints = run(args.repo, args.check, args.take)
    except (Failure, mechanisms.Missing, plot.PlotError, OSError) as error:
        sys.exit(f"error: {error}")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if complaints:
        sys.exit(f"error: {len(complaints)} figures" + (": make figures rewrites those of a run" if args.check else ""))


if __name__ == "__main__":
    main()
