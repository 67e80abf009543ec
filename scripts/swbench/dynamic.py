# SPDX-License-Identifier: GPL-2.0-only
"""The boots of make bench-dynamic: rows with pools that grow, then loads that need far
more than the boot pool, the memory afterwards, and cycles of growing and freeing.
"""

import re
import subprocess

from swguest import growth, klog, paths

from . import measure, plan as plans
from .stats import Samples

# Idle seconds after a load.
REST = 62
# Cycles of growing and freeing, their time limit and their expected time in seconds.
CYCLES = 1000
CYCLES_MOST = 1100
CYCLES_SECONDS = 650
# Findings in the log that the base may have under a load that exceeds its pool. Ours must
# have none.
NOISE = ("swiotlb-full", "io-error", "trace", "warning", "hung-task")

# Only ours boots with track_hiwater: the base miscounts transient pools with it.
LOADS = (plans.SMALL,
         *(config._replace(append=config.append + ",track_hiwater")
           for config in plans.chosen(("dynamic",))))
# slab_nomerge: each slab cache has only the objects of one user.
LEAK = plans.Config("leak", "ours, kmemleak", "leak",
                    "swiotlb=dynamic,force slab_nomerge", True)


class DynamicBench(measure.Measurement):
    """@samples: warm rows; @cold: cold rows; @bursts, @exact: results of the loads, by the
    name of the configuration; @cycles: the result of the cycles, or None.
    """

    def __init__(self, plan, images, directory, terminal, harness):
        self.cold = Samples()
        self.starts = {}
        self.bursts, self.exact, self.cycles = {}, {}, None
        self.noise = {}
        self.harness = {}
        self._harness = harness
        super().__init__(plan, images, directory, terminal)

    def _weight(self):
        loads = len(LOADS) * (2 * measure.BOOT_SECONDS + 40 + REST)
        return super()._weight() + loads + measure.BOOT_SECONDS + CYCLES_SECONDS

    def _verified(self):
        return self.plan.configs

    # --- the rows ----------------------------------------------------------

    def _take_cold(self, row, name, config, said):
        name = f"{name}.cold"
        iops, usr, system, errors = self._take_fio(name, config, said)
        sample = said.values(f"{name}.sample")
        self.starts.setdefault((row, config.name), []).append(
            int(sample["slots"]))
        self.cold.add(row, config.name, iops, (0.0, usr, system), errors)

    # --- the loads ---------------------------------------------------------

    def timed(self):
        super().timed()
        for config in LOADS:
            self._burst(config)
            self._exact(config)
        self._cycles()
        self.harness = self._harness(self)

    def _load(self, config, what, make, weight, **more):
        """Boot once for a load of about @weight seconds, which @make of growth specifies."""
        log = self.directory / "logs" / f"{config.name}.{what}.log"
        spec = make(self.images[config.kernel], config.append, plans.VCPUS,
                    plans.MEMORY_MIB, **more)
        result = self._boot(config, f"{config.name} {what} {spec.append}", spec,
                            log, lambda frame: weight
                            if frame == "end" else 0)
        findings = klog.scan(log.read_text(errors="replace"))
        for name in {finding.name for finding in findings}:
            self.noise[config.name, what, name] = \
                sum(finding.name == name for finding in findings)
        self._keep(config, what, result)
        return result

    def _keep(self, config, what, result):
        """Save the frames of a load as files, for a closer look."""
        for name in result.reader.frames:
            raw = self.directory / what / f"{config.name}.{name}.txt"
            raw.parent.mkdir(parents=True, exist_ok=True)
            raw.write_text(result.text(name))

    def _burst(self, config):
        ignore = NOISE if config.kernel == "base" else ()
        result = self._load(config, "burst", growth.burst_spec,
                            measure.BOOT_SECONDS + 40 + REST, rest=REST,
                            ignore=ignore)
        if "times" in result.reader.frames:
            self.bursts[config.name] = growth.Burst(result)

    def _exact(self, config):
        ignore = NOISE if config.kernel == "base" else ()
        result = self._load(config, "exact", growth.exact_spec,
                            measure.BOOT_SECONDS, rest=1, ignore=ignore)
        if "exact.map" in result.reader.frames and \
           "times" in result.reader.frames:
            self.exact[config.name] = (growth.Burst(result),
                                       result.values("exact.map"))

    def _cycles(self):
        result = self._load(LEAK, "cycles", growth.cycles_spec, CYCLES_SECONDS,
                            cycles=CYCLES, seconds=CYCLES_MOST)
        if "unnamed" in result.reader.frames:
            self.cycles = result


_FIGURE = re.compile(r"^# giveback: (\w+)=(-?\d+)$", re.M)


def figures(text):
    """Parse the figures that the user-space harness prints of its cycles: {name: number}."""
    return {name: int(number) for name, number in _FIGURE.findall(text)}


def harness_figures(measured):
    """Run the cycles of the harness, and return their figures()."""
    where = paths.TREE / "tools/testing/swiotlb"
    done = subprocess.run(["make", "-C", str(where), "giveback"], text=True,
                          capture_output=True, check=False)
    (measured.directory / "logs").mkdir(exist_ok=True)
    (measured.directory / "logs" / "harness.log").write_text(
        done.stdout + done.stderr)
    if done.returncode:
        measured.problems.append(f"cycles in the harness: status "
                                 f"{done.returncode} (logs/harness.log)")
    return figures(done.stdout)
