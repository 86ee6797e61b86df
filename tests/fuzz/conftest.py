"""The servers of the wire's tests."""

from tests.wire.conftest import one_server, served

__all__ = ["one_server", "served"]
