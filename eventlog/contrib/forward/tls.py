"""TLS connections to targets."""

import ssl


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that verifies the other side by ``ca_file``, or as the system does.

    Raise ``ValueError`` if the file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ValueError(f"ca_file is {ca_file!r}, which cannot be read: {error}") from error
