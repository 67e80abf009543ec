# SPDX-License-Identifier: GPL-2.0-only
"""The report of the guest, read from a separate serial port.

A frame is a header, the payload in base64, and a trailer:

    SWV <seq> <name> <plain|gzip> <bytes> <md5>
    <base64> ...
    SWE <seq>

<bytes> and <md5> are those of the decoded payload. Sequence numbers count from 1 without
a gap; the name of the last frame is "end". Other data on the line, a lost byte, a frame
out of order or a missing end is an error: a verdict must be complete.
"""

import base64
import binascii
import gzip
import hashlib
import zlib


class VerdictError(Exception):
    """The data from the port is not a sequence of complete frames."""


def _decode(encoding, lines):
    try:
        raw = base64.b64decode("".join(lines), validate=True)
        if encoding == "gzip":
            raw = gzip.decompress(raw)
    except (binascii.Error, OSError, EOFError, zlib.error) as err:
        raise VerdictError(f"payload does not decode: {err}") from err
    return raw


class Reader:
    """Parses bytes as they arrive into complete frames."""

    def __init__(self):
        self.frames = {}
        self.ended = False
        self._pending = b""
        self._header = None
        self._lines = []
        self._seq = 0

    def feed(self, data):
        """Return the names of the frames that @data completed."""
        self._pending += data
        *lines, self._pending = self._pending.split(b"\n")
        done = []
        for raw in lines:
            line = raw.decode("ascii", "replace").strip("\r\0")
            name = self._line(line) if line else None
            if name:
                done.append(name)
        return done

    def _line(self, line):
        if self.ended:
            raise VerdictError(f"text after the end: {line[:60]!r}")
        if self._header is None:
            self._header = self._parse_header(line)
            self._lines = []
            return None
        if line.startswith("SWE "):
            return self._finish(line)
        self._lines.append(line)
        return None

    def _parse_header(self, line):
        words = line.split(" ")
        if len(words) != 6 or words[0] != "SWV" or \
           words[3] not in ("plain", "gzip") or \
           not words[1].isdigit() or not words[4].isdigit():
            raise VerdictError(f"not a frame header: {line[:60]!r}")
        if int(words[1]) != self._seq + 1:
            raise VerdictError(f"frame {words[1]} after frame {self._seq}")
        return words

    def _finish(self, line):
        _, seq, name, encoding, nbytes, digest = self._header
        if line != f"SWE {seq}":
            raise VerdictError(f"frame {seq} ends with {line[:60]!r}")
        payload = _decode(encoding, self._lines)
        if len(payload) != int(nbytes) or \
           hashlib.md5(payload).hexdigest() != digest:
            raise VerdictError(f"frame {name} is damaged")
        if name in self.frames:
            raise VerdictError(f"frame {name} came twice")
        self.frames[name] = payload
        self._seq += 1
        self._header = None
        self.ended = name == "end"
        return name

    def text(self, name):
        if name not in self.frames:
            raise VerdictError(f"the guest sent no frame {name}")
        return self.frames[name].decode("utf-8", "replace")

    def values(self, name):
        """Return a frame of KEY=value lines as a dictionary."""
        pairs = (line.partition("=") for line in self.text(name).splitlines())
        return {key: value for key, _, value in pairs if key}
