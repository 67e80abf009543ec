# SPDX-License-Identifier: GPL-2.0-only
"""The root file system of the guest: busybox, fio and our scripts, as an uncompressed cpio.

Debian's fio is linked against all of its engines: with those for Ceph, Gluster, RDMA
and persistent memory, its libraries add up to 84 MB, of which an io_uring run uses 3.
All symbols are resolved at start, so the libraries cannot be left out. Each library
that only an unused engine needs is replaced by a stub: a shared object of the same name
whose functions print their name and abort. fio itself is the unchanged binary of the
distribution; a smaller one built from source would save nothing in the guest and cost
a download and two minutes.

Nothing is compressed: under emulation, decompression takes longer than reading.
"""

import hashlib
import os
import pathlib
import re
import stat
import subprocess
import tempfile

from . import paths, programs

GUEST_DIR = paths.QEMU_DIR / "guest"

# Libraries that a run of fio on a block device really calls.
KEPT = ("libc.so", "libm.so", "libaio.so", "libnuma.so", "libz.so",
        "libpthread.so", "libdl.so", "librt.so", "ld-linux")

PACKAGES = {"gcc": "gcc", "nm": "binutils",
            "readelf": "binutils", "ldd": "libc-bin"}
# Prefix of the compiler and its programs, and where its C library is
CROSS = {"x86_64": "", "arm64": "aarch64-linux-gnu-"}
CROSS_LIB = {"arm64": "/usr/aarch64-linux-gnu/lib"}


class BuildError(Exception):
    """The initramfs cannot be built here; the message names the remedy."""


def _tool(name):
    return paths.tool(name, PACKAGES, BuildError)


def _output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        raise BuildError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


# --- cpio -----------------------------------------------------------------

class Cpio:
    """A reproducible "newc" archive, without times and owners, in a fixed order."""

    def __init__(self):
        self._entries = {}

    def _add(self, name, mode, data=b"", rdev=(0, 0)):
        parent = os.path.dirname(name)
        if parent and parent not in self._entries:
            self._add(parent, stat.S_IFDIR | 0o755)
        self._entries[name] = (mode, data, rdev)

    def directory(self, name):
        self._add(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, executable=False):
        self._add(name, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def link(self, name, target):
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        self._add(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    @staticmethod
    def _record(inode, name, mode, data, rdev):
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev,
                  len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields)
        head += name.encode() + b"\0"
        return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)

    def pack(self):
        out = [self._record(number, name, *self._entries[name])
               for number, name in enumerate(sorted(self._entries), 1)]
        out.append(self._record(0, "TRAILER!!!", 0, b"", (0, 0)))
        packed = b"".join(out)
        return packed + bytes(-len(packed) % 512)


# --- fio's libraries ------------------------------------------------------

def _is_kept(soname):
    return soname.startswith(KEPT)


def _needed(binary):
    return re.findall(r"\(NEEDED\).*\[(.+)\]",
                      _output(_tool("readelf"), "-dW", binary))


def _version_files(binary):
    """Return the library of each symbol version that @binary needs."""
    owner, current = {}, None
    for line in _output(_tool("readelf"), "-VW", binary).splitlines():
        if found := re.search(r"Version: \d+\s+File: (\S+)", line):
            current = found[1]
        elif current and (found := re.search(r"Name: (\S+)\s+Flags:", line)):
            owner[found[1]] = current
    return owner


def _stub_symbols(binary, stubs, cross):
    """Return the symbols that each stub has to define, as {soname: {version: names}}."""
    owner = _version_files(binary)
    wanted = {soname: {} for soname in stubs}
    listed = _output(_tool(f"{cross}nm"), "-D", "--undefined-only", binary)
    for line in listed.splitlines():
        kind, symbol = line.split()[-2:]
        name, _, version = symbol.partition("@")
        version = version.lstrip("@")
        if kind != "U":
            continue
        # An unversioned symbol is found in any library, so one stub defines them all.
        soname = owner.get(version) if version else stubs[0]
        if soname in wanted:
            wanted[soname].setdefault(version, []).append(name)
    return wanted


def _stub_source(soname, versions):
    lines = ["#include <stdio.h>", "#include <stdlib.h>"]
    for name in sorted(sum(versions.values(), [])):
        lines.append(f'void {name}(void) {{ fputs("{name}: {soname} is left '
                     f'out of this initramfs\\n", stderr); abort(); }}')
    return "\n".join(lines) + "\n"


def _stub_map(versions):
    return "".join(f"{version} {{ global: {'; '.join(sorted(names))}; }};\n"
                   for version, names in sorted(versions.items()) if version)


def _build_stub(directory, soname, versions, cross):
    base = pathlib.Path(directory) / soname
    source, script = base.with_name(soname + ".c"), base.with_name(soname + ".map")
    source.write_text(_stub_source(soname, versions))
    script.write_text(_stub_map(versions))
    command = [_tool(f"{cross}gcc"), "-shared", "-fPIC", "-O1", "-fno-builtin", "-w",
               "-s", "-Wl,--build-id=none", f"-Wl,-soname,{soname}",
               "-o", str(base), str(source)]
    if script.stat().st_size:
        command.append(f"-Wl,--version-script={script}")
    _output(*command)
    return base.read_bytes()


def _resolved(binary, arch):
    """Return {soname: path} with at least all libraries that the loader would load."""
    if arch in CROSS_LIB:
        directories = CROSS_LIB[arch], os.path.dirname(binary)
        return {path.name: str(path) for directory in directories
                for path in pathlib.Path(directory).glob("*.so*")}
    return dict(re.findall(r"^\s*(\S+) => (/\S+)",
                           _output(_tool("ldd"), binary), re.M))


def _interpreter(binary):
    found = re.search(r"program interpreter: (\S+?)\]",
                      _output(_tool("readelf"), "-lW", binary))
    return found[1] if found else None


def fio_parts(fio, scratch, arch="x86_64"):
    """Return {path in the guest: content} of fio and its libraries."""
    parts = {"/bin/fio": pathlib.Path(fio).read_bytes()}
    interpreter = _interpreter(fio)
    if not interpreter:
        return parts
    where, needed = _resolved(fio, arch), _needed(fio)
    loader = where[os.path.basename(interpreter)] if arch in CROSS_LIB else interpreter
    parts[interpreter] = pathlib.Path(loader).read_bytes()
    for soname in filter(_is_kept, needed):
        if soname not in where:
            raise BuildError(f"{fio} needs {soname}, which is not installed")
        parts[f"/lib/{soname}"] = pathlib.Path(where[soname]).read_bytes()
    stubs = [soname for soname in needed if not _is_kept(soname)]
    if stubs:
        for soname, versions in _stub_symbols(fio, stubs, CROSS[arch]).items():
            parts[f"/lib/{soname}"] = _build_stub(scratch, soname, versions, CROSS[arch])
    return parts


def _check_fio(parts, scratch):
    """Run fio with the stubs here, so that a missing symbol is found now, not in the guest."""
    root = pathlib.Path(scratch) / "root"
    for name, data in parts.items():
        target = root / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o755)
    loaders = list(root.glob("lib*/ld-linux*")) + list(root.glob("lib/ld-*"))
    if loaders:
        _output(str(loaders[0]), "--library-path", str(root / "lib"),
                str(root / "bin/fio"), "--version")


# --- the archive ----------------------------------------------------------

def _scripts():
    return sorted(path for path in GUEST_DIR.rglob("*") if path.is_file())


def _resolved_kept(fio, arch):
    found = _resolved(fio, arch) if _interpreter(fio) else {}
    return sorted(path for soname, path in found.items() if _is_kept(soname))


def _key(inputs):
    digest = hashlib.sha256()
    for path in (*inputs, __file__, *_scripts()):
        digest.update(str(path).encode() + b"\0")
        digest.update(hashlib.sha256(pathlib.Path(path).read_bytes()).digest())
    return digest.hexdigest()[:16]


def _assemble(busybox, swio, fio, arch):
    cpio = Cpio()
    for name in ("proc", "sys", "dev", "tmp", "etc"):
        cpio.directory(name)
    # The kernel opens the console before /dev can be mounted.
    cpio.device("dev/console", 5, 1)
    cpio.device("dev/null", 1, 3)
    cpio.file("bin/busybox", pathlib.Path(busybox).read_bytes(), True)
    for applet in programs.applets(BuildError):
        cpio.link(f"bin/{applet}", "busybox")
    cpio.file("bin/swio", pathlib.Path(swio).read_bytes(), True)
    for name, data in _fio(fio, arch).items() if fio else ():
        cpio.file(name.lstrip("/"), data, True)
    for path in _scripts():
        cpio.file(str(path.relative_to(GUEST_DIR)), path.read_bytes(), True)
    return cpio.pack()


def _fio(fio, arch):
    with tempfile.TemporaryDirectory(prefix="swiotlb-initramfs.") as scratch:
        parts = fio_parts(fio, scratch, arch)
        if arch not in CROSS_LIB:
            _check_fio(parts, scratch)
    return parts


def build(say=lambda line: None, arch="x86_64", with_fio=False):
    """Return the path of the initramfs, and build it if any of its inputs changed. For the host's
    architecture it always has fio.
    """
    busybox = programs.busybox(arch, BuildError)
    if _interpreter(busybox):
        raise BuildError(f"{busybox} is not static: "
                         "apt-get install busybox-static")
    swio = programs.swio(arch, BuildError)
    fio = programs.fio(arch, BuildError) if with_fio or arch == "x86_64" else None
    name = "initramfs.cpio" if arch == "x86_64" else f"initramfs-{arch}{'-fio' if fio else ''}.cpio"
    target = paths.build_dir() / "guest" / name
    stamp = target.with_suffix(".key")
    key = _key([busybox, swio, *([fio, *_resolved_kept(fio, arch)] if fio else [])])
    if target.exists() and stamp.exists() and stamp.read_text() == key:
        return target
    say(f"  CPIO    guest/{name}")
    stamp.unlink(missing_ok=True)
    paths.write_atomically(target, _assemble(busybox, swio, fio, arch))
    paths.write_atomically(stamp, key.encode())
    return target


def overlay(files):
    """Return a second archive with the files of one run, unpacked over the first. Text is
    a file, bytes are a program.
    """
    cpio = Cpio()
    for name, content in files.items():
        program = isinstance(content, bytes)
        cpio.file(name, content if program else content.encode(), program)
    return cpio.pack()
