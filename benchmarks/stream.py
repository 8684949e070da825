"""Requests that a few threads send at a constant rate, and their answers."""

import contextlib
import http.client
import itertools
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.hostile import Request

ANSWER_TIMEOUT_SECONDS = 120


class Answer(NamedTuple):
    """Outcome of one request."""

    kind: str
    status: int  # 0 without an answer
    waited: float  # seconds since the request was due
    took: float  # seconds since the request was sent
    body: bytes


class Stream:
    """Requests at a constant rate from a few threads."""

    def __init__(
        self, port: int, rate: float, count: int, threads: int, make: Callable[[int], tuple]
    ) -> None:
        self.answers: list[Answer] = []
        self._port, self._rate, self._count, self._make = port, rate, count, make
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def start(self) -> None:
        """Start sending."""
        self._started = time.perf_counter()
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until every request has its answer."""
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=ANSWER_TIMEOUT_SECONDS
        )
        with contextlib.closing(connection):
            while (number := next(self._numbers)) < self._count:
                due = self._started + number / self._rate
                kind, request = self._make(number)
                time.sleep(max(0.0, due - time.perf_counter()))
                sent = time.perf_counter()
                try:
                    status, body = send(connection, request)
                except (OSError, http.client.HTTPException):
                    connection.close()
                    status, body = 0, b""
                now = time.perf_counter()
                self.answers.append(Answer(kind, status, now - due, now - sent, body))


def send(connection: http.client.HTTPConnection, request: Request) -> tuple[int, bytes]:
    """Send a request and return the status and the body."""
    connection.putrequest("GET", request.target, skip_accept_encoding=True)
    for name, value in request.headers:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read()
