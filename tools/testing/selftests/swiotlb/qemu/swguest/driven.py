# SPDX-License-Identifier: GPL-2.0-only
"""Guests that run a line at a time, when they are told to, and stand still else.

Several of them take turns so: what is compared lies seconds apart, and what the
host does meanwhile hits them all. The scenario sends a frame "ready", then reads
lines from the verdict port and does what each says, until one says "end".
"""

from . import klog, run

# Names of frames; the latter is also the line that ends it all.
READY, END = "ready", "end"
# How often a guest may boot with a clock that is wrong.
WRONG_CLOCKS = 5


class Driven:
    """One guest. Leave the with block, and it is gone; @result says how it went, and
    @boots how often it had to boot.
    """

    def __init__(self, spec, accel_name, keep, progress):
        self._arguments = (spec, accel_name, keep, progress)
        self._timeout = spec.timeout
        self._faults = []
        self._wrong_clocks = 0
        self._session = None
        self.result = None
        self.boots = 0

    def __enter__(self):
        self._start()
        return self

    def __exit__(self, *_):
        if self._session:
            self._finish()

    def _start(self):
        self.boots += 1
        self._session = run.Session(*self._arguments).__enter__()

    def _finish(self):
        session, self._session = self._session, None
        session.__exit__(None, None, None)
        self.result = session.result
        self.result.emulator_faults = self._faults

    def _lost(self):
        """The guest is gone. True if that was the emulator's fault: it boots again."""
        self._finish()
        if not run.broken_by_emulator(self.result, self._faults):
            return False
        self._start()
        return self.ready()

    @property
    def alive(self):
        return self._session is not None

    def ready(self):
        """Wait until it takes lines: does it?"""
        if not self._session.follow(READY, self._timeout):
            return self._lost()
        self._session.machine.pause()
        return not self._clock_is_wrong() or self._again()

    def _clock_is_wrong(self):
        return klog.clock_is_wrong(self._session.console())

    def _again(self):
        """A guest whose seconds are not ours measures nothing: it boots again."""
        self._wrong_clocks += 1
        if self._wrong_clocks == WRONG_CLOCKS:
            self._session.give_up("the guest's clock is wrong, again and again")
            self._finish()
            return False
        run.say("  AGAIN   a guest has calibrated its clock wrongly")
        self._finish()
        self._start()
        return self.ready()

    def run(self, line, last, seconds):
        """Let it do what @line says, which ends with frame @last: what it has said
        so far, None if it is gone.
        """
        while self.alive:
            session = self._session
            session.machine.resume()
            session.machine.tell(line)
            if session.follow(last, seconds):
                session.machine.pause()
                return session.reader
            self._lost()
        return None

    def insns(self):
        """Instructions that it has executed so far by address, while it stands still."""
        return self._session.machine.insns()

    def end(self, seconds=30):
        if self.alive:
            self._session.machine.resume()
            self._session.machine.tell(END)
            if self._session.follow(END, seconds):
                self._session.machine.wait(10)
            self._finish()
