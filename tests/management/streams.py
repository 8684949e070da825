"""Standard output as a terminal, a pipe, or a pipe that its reader has closed."""

from io import BytesIO, StringIO, TextIOWrapper


class Terminal(StringIO):
    def isatty(self):
        return True


class Pipe(TextIOWrapper):
    """A pipe, or a terminal, with an encoding."""

    def __init__(self, encoding, is_terminal=False):
        super().__init__(BytesIO(), encoding=encoding)
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal


class ClosedPipe(StringIO):
    attempts = 0

    def write(self, text):
        self.attempts += 1
        raise BrokenPipeError
