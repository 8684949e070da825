"""Events sent to other systems, such as an OpenTelemetry collector, NATS or a file."""
