"""CloudEvents in a Redis stream."""

from collections.abc import Sequence

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .cloudevents import SOURCE, checked_source, encoded
from .event import Event
from .target import Target, checked_timeout


class RedisTarget(Target):
    """Append events to a stream, a batch in one transaction.

    ``url``: the server and database. ``stream``: the key. ``maxlen``: about how many entries the
    stream keeps; all without it. ``source``: the name of the site in each event. ``timeout``:
    seconds for the connection and for an answer.
    """

    def __init__(
        self,
        *,
        url: str = "redis://127.0.0.1:6379/0",
        stream: str = "eventlog",
        maxlen: int | None = None,
        source: str = SOURCE,
        timeout: float = 10.0,
    ) -> None:
        if not isinstance(stream, str) or not stream:
            raise ValueError(f"stream is {stream!r}; give the key of a stream")
        if maxlen is not None and (type(maxlen) is not int or maxlen < 1):
            raise ValueError(f"maxlen is {maxlen!r}; give a number of entries above 0, or None")
        self._stream = stream
        self._maxlen = maxlen
        self._source = checked_source(source)
        checked_timeout(timeout)
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),  # the sender tries again, with a pause
        )

    def send(self, events: Sequence[Event]) -> str:
        with self._client.pipeline(transaction=True) as pipeline:
            for event in events:
                pipeline.xadd(
                    self._stream,
                    {"id": event.id, "event": encoded(event, self._source)},
                    maxlen=self._maxlen,
                )
            entries = pipeline.execute()
        return f"the newest entry is {entries[-1].decode()}"

    def close(self) -> None:
        self._client.close()
