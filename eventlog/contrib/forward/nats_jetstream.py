"""CloudEvents in a stream of NATS JetStream, which removes duplicates by ``Nats-Msg-Id``."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import nats
from nats.errors import MaxPayloadError
from nats.js import api
from nats.js.errors import NoStreamResponseError

from .cloudevents import SOURCE, checked_source, encoded
from .event import Event
from .target import Refused, Target, Unavailable, checked_timeout

MESSAGE_ID = "Nats-Msg-Id"


class NatsTarget(Target):
    """Publish each event to a subject that a stream stores, and wait for the acknowledgements.

    ``servers``: one URL or several. ``subject``: the subject. ``connect``: further keyword
    arguments of ``nats.connect()``, such as ``user_credentials``. ``source``: the name of the site
    in each event. ``timeout``: seconds for the connection, and for each acknowledgement.
    """

    def __init__(
        self,
        *,
        servers: str | Sequence[str] = "nats://127.0.0.1:4222",
        subject: str = "eventlog",
        connect: Mapping[str, Any] | None = None,
        source: str = SOURCE,
        timeout: float = 10.0,
    ) -> None:
        if not isinstance(subject, str) or not subject or any(each in subject for each in " *>"):
            raise ValueError(f"subject is {subject!r}; give a subject without spaces, * and >")
        self._servers = [servers] if isinstance(servers, str) else [*servers]
        self._subject = subject
        self._connect = dict(connect or {})
        self._source = checked_source(source)
        self._timeout = checked_timeout(timeout)

    def send(self, events: Sequence[Event]) -> str:
        answers = asyncio.run(self._publish(events))
        known = sum(bool(answer.duplicate) for answer in answers)
        return f"stored in the stream {answers[0].stream}, which had {known} of {len(answers)}"

    async def _publish(self, events: Sequence[Event]) -> Sequence[api.PubAck]:
        # A connection for each batch, because no event loop runs between two batches.
        connection = await nats.connect(
            self._servers,
            **{
                "connect_timeout": self._timeout,
                "allow_reconnect": False,
                # Otherwise the client tries for two minutes, although the sender tries again.
                "max_reconnect_attempts": 1,
                "reconnect_time_wait": 0.1,
                "error_cb": _ignore,  # errors are raised as well
                **self._connect,
            },
        )
        try:
            stream = connection.jetstream(timeout=self._timeout)
            answers = await asyncio.gather(
                *(
                    stream.publish(
                        self._subject,
                        encoded(event, self._source),
                        headers={MESSAGE_ID: event.id},
                    )
                    for event in events
                ),
                return_exceptions=True,
            )
        finally:
            await connection.close()
        return [self._checked(answer) for answer in answers]

    def _checked(self, answer: api.PubAck | BaseException) -> api.PubAck:
        if isinstance(answer, MaxPayloadError):
            raise Refused("the event is larger than the server's max_payload") from answer
        if isinstance(answer, NoStreamResponseError):
            raise Unavailable(f"no stream stores the subject {self._subject!r}") from answer
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def _ignore(error: Exception) -> None:
    pass
