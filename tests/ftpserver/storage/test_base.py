import errno

import pytest

from ftpserver.storage.base import Existing, Identity, Removed, Storage, StorageBusy
from ftpserver.storage.local import LocalStorage


def test_busy_keeps_its_class_and_errno() -> None:
    error = StorageBusy(errno.EBUSY, "text")
    assert isinstance(error, OSError)
    assert error.errno == errno.EBUSY


def test_values_compare() -> None:
    assert Removed(1, 1, True) == Removed(1, 1, True)
    assert Identity(1, 2) != Identity(2, 1)
    with pytest.raises(AttributeError):
        Removed(1, 1, True).size = 2  # type: ignore[misc]
    assert Existing(Identity(1, 2), 3, 0o644).size == 3


def test_local_is_a_storage(storage: LocalStorage) -> None:
    store: Storage = storage  # mypy holds the two together
    assert store.umask == storage.umask
