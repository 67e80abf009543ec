# SPDX-License-Identifier: GPL-2.0-only
"""Guests that execute one line at a time on request, and are paused otherwise.

So several guests can take turns: the compared runs are only seconds apart, and other
work on the host affects them all. The scenario sends a frame "ready", then reads lines
from the verdict port and executes each, until the line "end".
"""

from . import klog, run

# Names of frames; END is also the line that ends the scenario.
READY, END = "ready", "end"
# Give up a guest after this many boots with a wrong clock.
WRONG_CLOCKS = 5


class Driven:
    """One guest, which is stopped at the end of the with block. Then @result is its
    result, and @boots is the number of its boots.
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
        """Handle a crash of the guest. Boot again and return True if the emulator caused it."""
        self._finish()
        if not run.broken_by_emulator(self.result, self._faults):
            return False
        self._start()
        return self.ready()

    @property
    def alive(self):
        return self._session is not None

    @property
    def pid(self):
        return self._session.machine.pid

    def ready(self):
        """Wait until the guest reads lines; return whether it does."""
        if not self._session.follow(READY, self._timeout):
            return self._lost()
        self._session.machine.pause()
        return not self._clock_is_wrong() or self._again()

    def _clock_is_wrong(self):
        return klog.clock_is_wrong(self._session.console())

    def _again(self):
        """Boot again: a guest whose clock is wrong cannot measure time."""
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
        """Let the guest execute @line, which ends with the frame @last. Return the frames
        so far, or None if the guest has crashed.
        """
        while self.alive:
            self.begin(line)
            said = self.finished(last, seconds)
            if said is not None:
                return said
        return None

    def begin(self, line):
        """Let the guest execute @line, up to a call of finished()."""
        self._session.machine.resume()
        self._session.machine.tell(line)

    def finished(self, last, seconds):
        """Return the frames up to @last, which ends a line; None if the guest has crashed."""
        session = self._session
        if session.follow(last, seconds):
            session.machine.pause()
            return session.reader
        self._lost()
        return None

    def during(self, load):
        """Let the guest run while @load() runs on this host; return the result of @load()."""
        self._session.machine.resume()
        try:
            return load()
        finally:
            self._session.machine.pause()

    def insns(self):
        """Return {address: instructions executed so far}, while the guest is paused."""
        return self._session.machine.insns()

    def end(self, seconds=30):
        if self.alive:
            self._session.machine.resume()
            self._session.machine.tell(END)
            if self._session.follow(END, seconds):
                self._session.machine.wait(10)
            self._finish()
