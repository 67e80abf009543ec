# SPDX-License-Identifier: GPL-2.0-only
"""Remarks of checkpatch, kernel-doc and codespell, and the list of accepted ones."""

import re
import subprocess
from dataclasses import dataclass

from states import Failure

CHECKPATCH = re.compile(r"^(?P<path>[^:]*):\d+: (?P<kind>ERROR|WARNING|CHECK):(?P<type>\w+): (?P<text>.*)")
DOCUMENTED = ("kernel/", "include/", "drivers/", "arch/")


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stdout, done.stderr


# --- tools: each yields (path, text) --------------------------------------------------

def checkpatch(tree, mail):
    status, out, err = run("perl", "scripts/checkpatch.pl", "--strict", "--no-signoff", "--terse", "--showfile",
                           "--show-types", "--no-summary", str(mail), cwd=tree)
    found = [m for m in map(CHECKPATCH.match, out.splitlines()) if m]
    if bool(status) != bool(found) or err.strip():
        raise Failure(f"checkpatch does not work on {mail.name}: exit {status}", *out.splitlines(), *err.splitlines())
    return [(m["path"] or "-", f"{m['type']}: {m['text']}") for m in found]


def kernel_doc(tree, base, paths):
    """Return the remarks of kernel-doc that it does not make on the base."""
    files = [p for p in paths if p.startswith(DOCUMENTED) and p.endswith((".c", ".h"))]
    old = {text for _, text in doc_remarks(base, [p for p in files if (base / p).is_file()])}
    return [(path, text) for path, text in doc_remarks(tree, files) if text not in old]


def language(script):
    """Return the interpreter of a script: kernel-doc of older kernels is in Perl."""
    try:
        with open(script, encoding="utf-8") as f:
            return "perl" if "perl" in f.readline() else "python3"
    except FileNotFoundError:
        return "python3"


def doc_remarks(tree, files):
    if not files:
        return []
    status, out, err = run(language(tree / "scripts/kernel-doc"), "scripts/kernel-doc", "-none", "-Wall", *files,
                           cwd=tree)
    said = (out + err).splitlines()
    if status and not said:
        raise Failure(f"kernel-doc fails with {status} and says nothing")
    # Drop the line number, which changes with edits.
    return [(path, re.sub(re.escape(path) + r":\d+:? *", "", line))
            for line in said for path in [next((p for p in files if p in line), files[0])]]


def added(mail):
    """Return the message of a patch, and the lines that it adds."""
    lines = mail.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith(("-", " ", "@@", "diff ", "index ")))


def spelling(text):
    done = subprocess.run(["codespell", "-"], input=text, capture_output=True, text=True, check=False)
    if done.stderr.strip():
        raise Failure("codespell does not work", *done.stderr.splitlines())
    return [("-", word) for word in re.findall(r"^\s*(\S+ ==> .*)$", done.stdout, re.M)]


# --- accepted remarks -------------------------------------------------------------------

@dataclass
class Remark:
    tool: str
    path: str
    text: str
    met: bool = False

    def covers(self, path):
        return self.path in (path, "*") or self.path.endswith("/") and path.startswith(self.path)


class Known:
    """patches/7.3/remarks: the accepted remarks, with a reason for each."""

    def __init__(self, path):
        self.path, self.remarks, self.unknown = path, [], []
        reason = False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("#") or not line.strip():
                reason = line.startswith("#") and not line.startswith("# SPDX")
                continue
            parts = line.split(None, 2)
            if len(parts) != 3 or not reason:
                raise Failure(f"{path.name}:{number}: a remark is a tool, a path and a text, below a comment that "
                              "says why it stays")
            self.remarks.append(Remark(*parts))

    def meet(self, tool, path, text, where):
        for remark in self.remarks:
            if remark.tool == tool and remark.covers(path) and remark.text in text:
                remark.met = True
                return
        self.unknown.append(f"{where}: {tool}: {path}: {text}")

    def finish(self, tools, build):
        """Raise Failure for remarks that are not accepted, and for accepted remarks that no
        longer occur. Skip those of tools that did not run."""
        stale = [f"{self.path.name}: nothing says this any more: {r.tool} {r.path} {r.text}"
                 for r in self.remarks if not r.met and (build if r.tool == "build" else tools)]
        if self.unknown or stale:
            raise Failure(*dict.fromkeys(self.unknown), *stale)
