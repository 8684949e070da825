"""OpenTelemetry logs over HTTP, by the official SDK and exporter.

The logs API of OpenTelemetry for Python is still in development, so only this module uses it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from google.protobuf.message import DecodeError
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from .event import Event
from .event_values import values_of
from .fields import FIELD_NAMES
from .https import REFUSED_STATUSES, retry_after
from .severity import Severity, severity_of
from .target import PartlyRefused, Refused, Target, Unavailable, checked_timeout

SCOPE = InstrumentationScope("eventlog")
SEVERITIES = {
    Severity.INFO: SeverityNumber.INFO,
    Severity.WARN: SeverityNumber.WARN,
    Severity.ERROR: SeverityNumber.ERROR,
}
MIN_INTEGER, MAX_INTEGER = -(1 << 63), (1 << 63) - 1  # of OTLP
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MAX_TIME = (1 << 64) - 1  # nanoseconds
IN_RECORD = ("action", "trace_id", "span_id")  # fields of the log record itself
MAX_ANSWER_LENGTH = 300
SUCCESS_STATUSES = range(200, 300)


class OtlpTarget(Target):
    """Send each event as a log record to a collector, or to another receiver of OTLP.

    ``endpoint``: the URL, with ``/v1/logs`` at its end. ``headers``: sent with each request.
    ``service_name``: the attribute ``service.name``. ``resource``: further attributes of the
    resource. ``compression``: ``"gzip"``, or None. ``certificate_file``: certificates to trust.
    ``timeout``: seconds for a batch, in which the exporter repeats failed requests. Without an
    option, the exporter reads its environment variables, such as ``OTEL_EXPORTER_OTLP_ENDPOINT``.
    """

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        service_name: str = "django",
        resource: Mapping[str, Any] | None = None,
        compression: str | None = "gzip",
        certificate_file: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        if endpoint is not None and not str(endpoint).startswith(("http://", "https://")):
            raise ValueError(f"endpoint is {endpoint!r}; give a URL such as http://host/v1/logs")
        self._resource = Resource.create({"service.name": service_name, **(resource or {})})
        session = requests.Session()
        session.hooks["response"].append(self._keep_answer)
        self._exporter = OTLPLogExporter(
            endpoint=endpoint,
            headers=dict(headers) if headers else None,
            timeout=checked_timeout(timeout),
            compression=Compression(compression or "none"),
            certificate_file=certificate_file,
            session=session,
        )
        self._answer: requests.Response | None = None

    def send(self, events: Sequence[Event]) -> str:
        self._answer = None
        result = self._exporter.export([self._record(event) for event in events])
        answer = self._answer
        if answer is None:
            raise Unavailable("the receiver did not answer; see the logger 'opentelemetry'")
        # The exporter takes a redirect for a success, and does not follow it.
        if result is LogRecordExportResult.SUCCESS and answer.status_code in SUCCESS_STATUSES:
            _check_partial_success(answer)
            return f"the receiver answered {answer.status_code}"
        message = f"the receiver answered {answer.status_code}: {answer.text[:MAX_ANSWER_LENGTH]}"
        if answer.status_code in REFUSED_STATUSES:
            raise Refused(message)
        raise Unavailable(message, retry_after(answer.headers.get("Retry-After")))

    def close(self) -> None:
        shutdown: Callable[[], object] = self._exporter.shutdown  # which has no types
        shutdown()

    def _keep_answer(self, response: requests.Response, *args: Any, **kwargs: Any) -> None:
        self._answer = response

    def _record(self, event: Event) -> ReadableLogRecord:
        severity = severity_of(event)
        record = LogRecord(
            timestamp=_nanoseconds(event.moment),
            observed_timestamp=time.time_ns(),
            context=_context_of(event),
            severity_number=SEVERITIES[severity],
            severity_text=severity.value,
            body=event.summary,
            event_name=event.record.action,
            attributes={
                FIELD_NAMES[name].otel: _encodable(value)
                for name, value in values_of(event).items()
                if name not in IN_RECORD
            },
        )
        return ReadableLogRecord(record, self._resource, SCOPE)


def _context_of(event: Event) -> Context:
    """Return the context of the span that sent the request; one without a span if unknown."""
    trace_id, span_id = (int(event.facts.get(name, "0"), 16) for name in ("trace_id", "span_id"))
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True)))


def _nanoseconds(moment: datetime) -> int:
    """Return the time since 1970, within the range that OTLP can represent."""
    return min(max(0, (moment - EPOCH) // MICROSECOND * 1000), MAX_TIME)


def _check_partial_success(answer: requests.Response) -> None:
    """Raise ``PartlyRefused`` if the receiver rejected records, which must not be sent again."""
    try:
        parsed = ExportLogsServiceResponse.FromString(answer.content)
    except DecodeError:  # such as an answer in JSON
        return
    partial = parsed.partial_success
    if partial.rejected_log_records:
        raise PartlyRefused(
            f"the receiver rejected {partial.rejected_log_records} events of the batch: "
            f"{partial.error_message[:MAX_ANSWER_LENGTH]}"
        )


def _encodable(value: Any) -> Any:
    """Return a JSON value without integers that OTLP cannot represent."""
    if isinstance(value, dict):
        return {key: _encodable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_encodable(each) for each in value]
    if isinstance(value, int) and not MIN_INTEGER <= value <= MAX_INTEGER:
        return str(value)
    return value
