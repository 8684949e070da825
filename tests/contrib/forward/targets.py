"""Targets of the tests."""

import threading

from eventlog.contrib.forward.target import Refused, Target, Unavailable


class MemoryTarget(Target):
    """A target that keeps events in memory. ``behaviours``: what it does with each batch."""

    batches: list = []
    behaviours: list = []

    def send(self, events):
        behaviour = self.behaviours.pop(0) if self.behaviours else "accept"
        if behaviour == "refuse":
            raise Refused("no")
        if behaviour == "fail":
            raise Unavailable("down")
        if any(event.record.action == "POISON" for event in events):
            raise Refused("poison")
        self.batches.append([event.id for event in events])
        if behaviour == "forget":
            raise ConnectionError("the answer was lost")
        return "kept"


class OtherTarget(MemoryTarget):
    batches: list = []
    behaviours: list = []


class WaitedTarget(Target):
    """A target that a test waits for."""

    sent = threading.Event()
    released = threading.Event()  # set, unless a test lets the target hang

    def send(self, events):
        self.sent.set()
        self.released.wait(10)
        return "kept"
