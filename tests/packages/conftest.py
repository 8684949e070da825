from tests.contrib.forward.conftest import forwarding, run

__all__ = ["forwarding", "run"]
