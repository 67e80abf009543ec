# SPDX-License-Identifier: GPL-2.0-only
"""memcached and iperf3 in a guest, loaded from the host over virtio-net: requests and
blocks of 1 KiB a second, or the instructions that the guest executes for one.
"""

from swguest import driven, network

from . import counts, measure, plan as plans, report

# How many seconds a load may take beyond its configured time
PATIENCE = 60
PAIRS = (("ours", "base"), ("dynamic", "ours"), ("base", "none"), ("ours", "none"))


class Guests:
    """Shared by both measurements: guests with servers, and their loads."""

    def _verified(self):
        """Boot no guest to verify data: there are no disks, and memload.c checks each value."""
        return ()

    def _timed_guest(self, config, number, vcpus):
        spec = self._spec(config, "net", (), 0,
                          {"INSTANCES": network.INSTANCES, "MEMCACHED": network.MEMCACHED,
                           "IPERF3": network.IPERF3}, network.files(),
                          measure.READY_SECONDS, driven=True, vcpus=vcpus)
        spec.network, spec.counted = network.Ports(), self.counted
        log = f"{config.name}.{vcpus}.{number}.log"
        guest = driven.Driven(spec, self.accel, self.directory / "logs" / log,
                              lambda frame: self._progress.tick())
        guest.network = spec.network
        return guest

    def _begin(self, name, guest):
        """Let the guest check whether it bounces as configured. Return whether it still runs."""
        return guest.alive and \
            guest.run(name, f"{name}.begun", measure.TURN_SECONDS) is not None

    @staticmethod
    def _fill(row, guest):
        """Set all keys before each load: the guest may have booted again."""
        if row.rw == "memcached":
            guest.during(lambda: network.memcached(guest.network, ("fill",), PATIENCE))

    @staticmethod
    def _load(row, guest, memcached, iperf3):
        """Return (requests or KiB, seconds). @memcached, @iperf3: the amount, as options of each."""
        if row.rw == "memcached":
            return guest.during(lambda: network.memcached(guest.network, memcached, PATIENCE))
        sent, seconds = guest.during(lambda: network.iperf3(
            guest.network, iperf3, row.rw == "iperf3-out", PATIENCE))
        return sent >> 10, seconds


class Timed(Guests, measure.Measurement):
    counted = False

    def _turn(self, row, config, number, guest, cold):
        seconds = str(self.plan.runtime)
        name, done = f"{row.name}.{number}", 0
        try:
            if self._begin(name, guest):
                self._fill(row, guest)
                done, took = self._load(row, guest, ("time", seconds), ("-t", seconds))
        except network.NetworkError as err:
            self.problems.append(f"{config.name} {name}: {err}")
        self._progress.done(self._row_seconds())
        if done:
            self.samples.add(row, config.name, done / took, (0, 0, 0), 0)
        else:
            self.samples.add_errors(row, config.name, 1)


class Counted(Guests, counts.Counted):
    counted = True

    def _run(self, row, name, guest, ios):
        """Return {address: instructions} of @ios requests, without setting the keys; None if
        the guest has crashed or does not answer.
        """
        boots = guest.boots
        if not self._begin(name, guest) or guest.boots != boots:
            return None
        try:
            self._fill(row, guest)
            before = guest.insns()
            self._load(row, guest, ("count", str(ios)), ("-n", str(ios << 10)))
            after = guest.insns()
        except network.NetworkError as err:
            self.problems.append(f"{name}: {err}")
            return None
        return {address: count - before.get(address, 0) for address, count in after.items()}


def markdown(entries, measured, env):
    plan = measured.plan
    pairs = "\n\n".join(filter(None, (report.paired(measured.samples, plan.rows, *pair)
                                      for pair in PAIRS)))
    return f"""<!-- SPDX-License-Identifier: GPL-2.0-only -->
# memcached and iperf3 in a guest, over virtio-net

Thousands of requests a second, and of KiB a second:

{report.throughput(entries)}

{report.ratios(entries)}

{pairs}

- {network.INSTANCES} instances of memcached with four connections each, a request at a time;
  keys of 64 bytes, values of 1 KiB, nine of ten requests are a get; each value is checked
- iperf3 with one TCP stream to the guest (in), or from it (out)
- the load runs on the host, beside the emulator, and reaches the guest through QEMU's user
  network: that is in all columns
- {env['started']}, `{env['command']}`
- {env['qemu']}, accelerator {env['accelerator']}, {env['guest']['vcpus']} vCPUs,
  {plan.turns_text()} turns of {plan.runtime} s in each of {plan.repeats} boots
- other work took {env['host']['cpus_used_by_others']:.1f} CPUs of the host
"""
