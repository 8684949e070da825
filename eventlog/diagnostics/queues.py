"""The checks of the task queue of CeleryBackend and TasksBackend."""

import threading
from collections.abc import Iterator

from ..backends.queued import QueuedBackend, QueueState
from .findings import Finding, info, problem, warning
from .site import Site
from .spool_findings import overdue_findings

CLIENT_SECONDS = 10.0  # for loading and connecting the client of a broker, beyond the timeout


def overdue_batch_findings(site: Site) -> Iterator[Finding]:
    """Yield a problem if no worker has written a published batch in time."""
    if site.spooled is not None:
        yield from overdue_findings(site.spooled)


def worker_findings(site: Site) -> Iterator[Finding]:
    """Yield a problem if no worker reads the queue, or that this is not known."""
    backend = site.backend
    if not isinstance(backend, QueuedBackend):
        return
    state = _ask(backend, site.options.timeout)
    if state is None:
        seconds = site.options.timeout + CLIENT_SECONDS
        yield warning(
            "queue-unknown",
            f"The task queue did not say within {seconds:.0f} s whether a worker reads it.",
            "Look at the broker, or give more seconds with --timeout.",
        )
    elif isinstance(state, Exception):
        raise state
    elif state.problem:
        yield problem("queue-without-worker", state.problem, backend.worker_question())
    elif state.broker_error:
        yield warning(
            "queue-unknown",
            state.broker_error,
            "Start the broker, or correct its address. Events wait in the spool until then.",
        )
    elif state.unknown:
        yield info("queue-unknown", state.unknown)


def _ask(backend: QueuedBackend, timeout: float) -> QueueState | Exception | None:
    """Ask in a thread, because the client of a broker may wait for longer than its timeout."""
    answers: list[QueueState | Exception] = []

    def ask() -> None:
        try:
            answers.append(backend.queue_state(timeout))
        except Exception as error:  # noqa: BLE001 (raised again by the caller)
            answers.append(error)

    thread = threading.Thread(target=ask, name="eventlog-doctor", daemon=True)
    thread.start()
    thread.join(timeout + CLIENT_SECONDS)
    return answers[0] if answers else None
