"""Syslog messages (RFC 5424) whose text is JSON with names of the Elastic Common Schema."""

import json
import os
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from .ecs import ecs_document
from .event import Event
from .severity import Severity, severity_of
from .target import Refused, Target, checked_timeout
from .tls import tls_context

FACILITY_AUDIT = 13  # "log audit" in RFC 5424
MAX_FACILITY = 23
PRIORITIES = {Severity.INFO: 6, Severity.WARN: 4, Severity.ERROR: 3}
DEFAULT_PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
MAX_NAME_LENGTH = 32  # of a message's kind in RFC 5424
MAX_DATAGRAM_BYTES = 65_000


class SyslogTarget(Target):
    """Send each event to a syslog daemon, which does not acknowledge it.

    ``address``: a socket such as ``/dev/log``, or a URL such as ``tcp://host:601``,
    ``tls://host:6514`` or ``udp://host:514``. ``facility``: the number of the facility.
    ``app_name``: the name of the sender. ``timeout``: seconds for the connection and for sending.
    ``ca_file``: certificates to trust in place of the system's.
    """

    def __init__(
        self,
        *,
        address: str = "/dev/log",
        facility: int = FACILITY_AUDIT,
        app_name: str = "eventlog",
        timeout: float = 10.0,
        ca_file: str | None = None,
    ) -> None:
        self._address = address
        parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
        self._kind = parts.scheme or "unix"
        is_url = self._kind in DEFAULT_PORTS and parts.hostname
        if not is_url and not (self._kind == "unix" and parts.path.startswith("/")):
            raise ValueError(f"address is {address!r}; give /dev/log or a URL such as tcp://host")
        self._host = parts.hostname or ""
        self._port = parts.port or DEFAULT_PORTS.get(self._kind, 0)
        if type(facility) is not int or not 0 <= facility <= MAX_FACILITY:
            raise ValueError(f"facility is {facility!r}; give a number from 0 to {MAX_FACILITY}")
        self._facility = facility
        self._app_name = "".join(app_name.split()) or "-"
        self._timeout = checked_timeout(timeout)
        self._context = tls_context(ca_file) if self._kind == "tls" else None

    def send(self, events: Sequence[Event]) -> str:
        messages = [self._message(event) for event in events]
        is_stream = self._kind in ("tcp", "tls")
        if not is_stream and max(map(len, messages)) > MAX_DATAGRAM_BYTES:
            raise Refused(f"the event is larger than {MAX_DATAGRAM_BYTES} bytes")
        with self._connected() as connection:
            for message in messages:
                # Octet counting of RFC 6587 in a stream, and one message in a datagram.
                connection.sendall(b"%d %s" % (len(message), message) if is_stream else message)
        return f"sent to {self._address}; syslog does not acknowledge"

    def _connected(self) -> socket.socket:
        if self._kind in ("tcp", "tls"):
            connection = socket.create_connection((self._host, self._port), self._timeout)
            if self._context is None:
                return connection
            return self._context.wrap_socket(connection, server_hostname=self._host)
        family, where = self._datagram_address()
        connection = socket.socket(family, socket.SOCK_DGRAM)
        connection.settimeout(self._timeout)
        try:
            connection.connect(where)
        except OSError:
            connection.close()
            raise
        return connection

    def _datagram_address(self) -> tuple[int, str | tuple[str, int]]:
        if self._kind == "unix":
            return socket.AF_UNIX, self._address
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
        return found[0], (str(found[4][0]), int(found[4][1]))

    def _message(self, event: Event) -> bytes:
        priority = self._facility * 8 + PRIORITIES[severity_of(event)]
        kind = "".join(letter for letter in event.record.action if "!" <= letter <= "~")
        header = (
            f"<{priority}>1 {event.moment.isoformat()} {socket.gethostname() or '-'} "
            f"{self._app_name} {os.getpid()} {kind[:MAX_NAME_LENGTH] or '-'} -"
        )
        return f"{header} {json.dumps(ecs_document(event))}".encode()
