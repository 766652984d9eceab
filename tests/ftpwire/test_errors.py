"""ftpwire.errors: whose fault it was can be told from the type."""

import pytest

from ftpwire.errors import LocalError, RemoteError, UnsupportedProtocol, WireError


@pytest.mark.parametrize("fault", [LocalError, RemoteError, UnsupportedProtocol])
def test_every_fault_is_a_wire_error_and_a_value_error(fault: type[Exception]) -> None:
    assert issubclass(fault, WireError)
    assert issubclass(fault, ValueError)


def test_our_faults_and_the_peers_are_apart() -> None:
    assert not issubclass(LocalError, RemoteError)
    assert not issubclass(RemoteError, LocalError)
    assert issubclass(UnsupportedProtocol, RemoteError)
