"""The values that terms may have."""

import re

from ...metadata import correlation

DEVICES = ("pc", "mobile", "tablet", "bot", "other")
TRACE_ID = re.compile(rf"[0-9a-f]{{{correlation.TRACE_ID_LENGTH}}}")
MAX_STARS = 4  # of a pattern, because matching may take time that grows with each one
