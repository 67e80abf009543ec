#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The client of the network load of a guest. No guest is booted."""

import collections
import os
import pathlib
import shutil
import socketserver
import sys
import tempfile
import threading
import unittest
from unittest import mock

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "scripts"))

from swbench import netbench, plan, profiles, stats  # noqa: E402
from swguest import machine, network, programs  # noqa: E402

MEMCACHED, IN, OUT = plan.network(None).rows
CONFIG = plan.CONFIGS[1]


class Cache(socketserver.ThreadingTCPServer):
    """A server that understands the commands of memload.c; @spoil changes the values it returns."""

    daemon_threads = True

    def __init__(self, spoil=lambda value: value):
        super().__init__(("127.0.0.1", 0), Answer)
        self.spoil, self.values, self.said = spoil, {}, collections.Counter()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def memcached(self):
        """The port, in the form of network.Ports."""
        return [str(self.server_address[1])]


class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            verb, key, *more = line.split()
            self.server.said[verb] += 1
            if verb == b"set":
                size = int(more[2])
                self.server.values[key] = self.rfile.read(size + 2)[:size]
                self.wfile.write(b"STORED\r\n")
            else:
                value = self.server.spoil(self.server.values[key])
                self.wfile.write(b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(value), value))


class Load(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        patched = mock.patch.dict(os.environ, {"SWIOTLB_BUILD": scratch.name})
        patched.start()
        self.addCleanup(patched.stop)
        programs.memload(machine.MachineError)

    def test_nine_of_ten_requests_are_a_get_of_a_kib(self):
        with Cache() as cache:
            filled, _ = network.memcached(cache, ("fill",), 20)
            self.assertEqual(cache.said, {b"set": filled})
            self.assertEqual({(len(key), len(value)) for key, value in cache.values.items()},
                             {(64, 1024)})
            cache.said.clear()
            done, seconds = network.memcached(cache, ("count", "2000"), 20)
            self.assertGreaterEqual(done, 2000)
            self.assertGreater(seconds, 0)
            self.assertEqual(sum(cache.said.values()), done)
            self.assertAlmostEqual(cache.said[b"get"] / done, 0.9, delta=0.05)

    def test_a_wrong_byte_is_an_error(self):
        with Cache(lambda value: value[:-1] + b"#") as cache:
            network.memcached(cache, ("fill",), 20)
            with self.assertRaisesRegex(network.NetworkError, "not the answer"):
                network.memcached(cache, ("count", "100"), 20)

    def test_no_server_is_an_error(self):
        with Cache() as cache:
            port = cache.memcached
        with self.assertRaisesRegex(network.NetworkError, "refused"):
            network.memcached(mock.Mock(memcached=port), ("count", "100"), 20)

    def test_a_load_that_does_not_end_is_an_error(self):
        with self.assertRaisesRegex(network.NetworkError, "no end"):
            network._output(["sleep", "10"], 0.1)


class Guests(unittest.TestCase):
    def test_each_server_has_a_port_of_its_own(self):
        ports = network.Ports()
        options = ports.arguments()[1].split(",")
        forwards = [word for word in options if word.startswith("hostfwd=")]
        self.assertEqual([int(word.rpartition(":")[2]) for word in forwards],
                         list(network.GUEST_PORTS))
        here = {*ports.memcached, ports.iperf3}
        self.assertEqual(len(here), network.INSTANCES + 1)
        self.assertIn("iommu_platform=on", ports.arguments()[3])

    def test_servers_come_with_libraries_and_loader(self):
        with mock.patch.object(network, "_tool", lambda name: shutil.which(
                "ldd" if name == "ldd" else "ls")):
            found = network.files()
        self.assertTrue(any(name.startswith("lib64/ld-") for name in found), found.keys())
        self.assertTrue(any(name.startswith("lib/libc.so") for name in found), found.keys())
        self.assertFalse(any("vdso" in name for name in found))


class Guest:
    """A guest that executes 100 instructions for a request, and 7 for each key set."""

    alive, boots = True, 1

    def __init__(self):
        self.network, self.executed = mock.Mock(), 0

    def run(self, _line, last, _seconds):
        return last

    def during(self, load):
        return load()

    def insns(self):
        return {0: self.executed}

    def memcached(self, _ports, how, _limit):
        if how[0] == "fill":
            self.executed += 7
            return 128, 0.1
        self.executed += 100 * int(how[1] if how[0] == "count" else 10)
        return 10, 0.5


class Turns(unittest.TestCase):
    def measured(self, kind):
        measured = kind.__new__(kind)
        measured.plan, measured.problems = plan.network(None), []
        measured.samples, measured._progress = stats.Samples(), mock.Mock()
        measured.costs = collections.defaultdict(list)
        measured.functions = collections.defaultdict(list)
        measured.symbols = collections.defaultdict(lambda: profiles.Symbols(""))
        return measured

    def test_rates(self):
        guest, measured = Guest(), self.measured(netbench.Timed)
        with mock.patch.object(network, "memcached", guest.memcached), \
             mock.patch.object(network, "iperf3", return_value=(4 << 20, 2.0)) as iperf3:
            for row in (MEMCACHED, IN, OUT):
                measured._turn(row, CONFIG, "1.1", guest, 0)
        self.assertEqual([measured.samples.iops(row, CONFIG.name) for row in (MEMCACHED, IN, OUT)],
                         [[20], [2048], [2048]])
        self.assertEqual([call.args[2] for call in iperf3.call_args_list], [False, True])

    def test_a_load_that_fails_is_a_problem_and_no_rate(self):
        measured = self.measured(netbench.Timed)
        with mock.patch.object(network, "memcached", side_effect=network.NetworkError("lost")):
            measured._turn(MEMCACHED, CONFIG, "1.1", Guest(), 0)
        self.assertIn("lost", measured.problems[0])
        self.assertEqual(measured.samples.iops(MEMCACHED, CONFIG.name), [])
        self.assertEqual(measured.samples.errors(MEMCACHED, CONFIG.name), 1)

    def test_setting_the_keys_is_not_counted(self):
        guest, measured = Guest(), self.measured(netbench.Counted)
        with mock.patch.object(network, "memcached", guest.memcached):
            self.assertEqual(measured._run(MEMCACHED, "warm", guest, 10), {0: 1000})
            measured._turn(MEMCACHED, CONFIG, "1.1", guest, 0)
        self.assertEqual(measured.costs[MEMCACHED, CONFIG.name], [100])

    def test_a_load_that_fails_is_not_counted(self):
        measured = self.measured(netbench.Counted)
        with mock.patch.object(network, "memcached", side_effect=network.NetworkError("lost")):
            measured._turn(MEMCACHED, CONFIG, "1.1", Guest(), 0)
        self.assertIn("lost", measured.problems[0])
        self.assertFalse(measured.costs)


if __name__ == "__main__":
    unittest.main()
