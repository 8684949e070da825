import threading

from eventlog.backends.delivery.segments import SegmentDelivery

TIMEOUT = 30.0  # seconds until a test fails


class HeldDelivery(SegmentDelivery):
    """A delivery without a database; each segment ends when ``may_end`` is set."""

    def __init__(self, spool, on_lost=lambda count: None):
        super().__init__(spool, on_lost)
        self.began = threading.Event()
        self.may_end = threading.Event()
        self.sent = []

    def send(self, segment, using, pacer):
        self.began.set()
        self.may_end.wait(TIMEOUT)
        self.sent.append(segment.id)
        segment.remove()
