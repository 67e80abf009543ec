#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write apt sources for a private apt root, from the system's own.

    debian_mirror.py DIRECTORY SUITE...

finds the entry of the system's apt configuration that serves Debian itself and
writes one DIRECTORY/NN-<suite>.sources for each SUITE, then for each suite that
the system uses from that mirror. Mirror and keyring are those of the system. Nothing
in the system is changed.
"""

import glob
import os
import re
import shlex
import subprocess
import sys

GENERIC_SUITES = {"oldoldstable", "oldstable", "stable", "testing", "unstable", "sid"}


def deb822(text):
    """Yield the stanzas of a .sources file, as dicts with lower-case names."""
    for block in re.split(r"\n[ \t]*\n", text):
        fields, last = {}, None
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in " \t" and last:
                fields[last] += "\n" + line
            elif ":" in line:
                last, value = line.split(":", 1)
                last = last.strip().lower()
                fields[last] = value.strip()
        if fields:
            yield fields


def one_line(text):
    """Yield the deb lines of a .list file, in the same form as deb822()."""
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if not found:
            continue
        options = dict(o.split("=", 1) for o in shlex.split(found[1] or "") if "=" in o)
        fields = {"types": "deb", "uris": found[2], "suites": found[3],
                  "components": found[4].strip()}
        if "signed-by" in options:
            fields["signed-by"] = options["signed-by"].replace(",", " ")
        yield fields


def apt_paths():
    """Return the lists of sources that the system's apt reads."""
    shell = subprocess.run(
        ["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"],
        check=True, capture_output=True, text=True).stdout
    paths = dict(word.split("=", 1) for word in shlex.split(shell))
    return [p for p in [paths.get("LIST", "")] if os.path.isfile(p)] + sorted(
        glob.glob(os.path.join(paths.get("PARTS", ""), "*.list")) +
        glob.glob(os.path.join(paths.get("PARTS", ""), "*.sources")))


def entries(paths):
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
        for fields in (deb822 if path.endswith(".sources") else one_line)(text):
            uris = [u for u in fields.get("uris", "").split() if not u.startswith("cdrom:")]
            if uris and "deb" in fields.get("types", "").split() \
                    and fields.get("enabled", "yes").lower() not in ("no", "false", "0"):
                fields["uris"] = " ".join(uris)
                yield fields


def release_names(os_release="/etc/os-release"):
    """Return the possible names of the main suite of this system."""
    with open(os_release, encoding="utf-8") as f:
        found = re.search(r"^VERSION_CODENAME=[\"']?(\w+)", f.read(), re.M)
    return GENERIC_SUITES | ({found[1]} if found else set())


def rank(fields, names):
    """Return how certain it is that an entry is Debian's own archive; 0 if it is not."""
    if "main" not in fields.get("components", "").split() \
            or not names & set(fields.get("suites", "").split()):
        return 0
    if "debian-archive" in fields.get("signed-by", ""):
        return 3
    return 1 if "signed-by" in fields else 2


def choose(found, names):
    """Return the best entry, with all suites that the system uses from its mirror."""
    best = max(found, key=lambda f: rank(f, names), default=None)
    if best is None or not rank(best, names):
        return None, []
    suites = []
    for fields in found:
        if fields["uris"] == best["uris"] and "main" in fields.get("components", "").split():
            suites += fields["suites"].split()
    return best, suites


def stanza(entry, suite):
    lines = ["Types: deb", "URIs: " + entry["uris"], "Suites: " + suite, "Components: main"]
    if "signed-by" in entry:
        lines.append("Signed-By: " + entry["signed-by"])
    return "\n".join(lines) + "\n"


def main(directory, *wanted):
    paths = apt_paths()
    entry, own = choose(list(entries(paths)), release_names())
    if not entry:
        sys.exit("error: no entry for Debian's own archive in apt's configuration (%s)"
                 % (", ".join(paths) or "which has no sources at all"))
    os.makedirs(directory, exist_ok=True)
    for old in glob.glob(os.path.join(directory, "*.sources")):
        os.remove(old)
    for n, suite in enumerate(dict.fromkeys([*wanted, *own])):
        with open(os.path.join(directory, "%02d-%s.sources" % (n, suite.replace("/", "_"))),
                  "w", encoding="utf-8") as f:
            f.write(stanza(entry, suite))
    print(entry["uris"])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
