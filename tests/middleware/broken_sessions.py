"""Sessions whose server is down."""

from django.contrib.sessions.backends.base import SessionBase


class SessionStore(SessionBase):
    def load(self):
        raise ConnectionError("the server of the sessions is down")
