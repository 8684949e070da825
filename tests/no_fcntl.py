"""Hide the modules that Windows does not have from eventlog, for a run of the tests elsewhere."""

import builtins

MISSING = frozenset(["fcntl", "grp", "pwd", "resource", "termios"])


def hide():
    """Let ``import fcntl`` fail inside eventlog. Other packages may need it on this platform."""
    real = builtins.__import__

    def imported(name, *args, **kwargs):
        names = args[0] if args else kwargs.get("globals")
        importer = (names or {}).get("__name__", "")
        if name in MISSING and importer.partition(".")[0] == "eventlog":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **kwargs)

    builtins.__import__ = imported
