"""One process's memory of failures: bounded, and it follows a change of the rules."""

import pytest

import ftpserver.auth.memory as memory_module
from ftpserver.auth.memory import OwnMemory


def fail(memory: OwnMemory, name: str, times: int, allowed: int = 3, now: float = 1000.0) -> list[bool]:
    return [memory.failed(("here", name), now, 60.0, allowed, now + 900) for _ in range(times)]


def test_the_last_allowed_failure_is_a_ban() -> None:
    memory = OwnMemory()
    assert fail(memory, "ada", 3) == [False, False, True]
    assert memory.banned_until((("here", "ada"), ("here", None)), 1000.0) == 1900.0
    assert memory.banned_until((("here", "bob"),), 1000.0) == 0.0
    assert memory.banned_until((("here", "ada"),), 1900.0) == 0.0


def test_a_success_forgets_failures_only() -> None:
    memory = OwnMemory()
    fail(memory, "ada", 2)
    memory.succeeded(("here", "ada"))
    assert fail(memory, "ada", 3) == [False, False, True]
    memory.succeeded(("here", "ada"))
    memory.tidy(1000.0, 60.0)
    assert memory.banned_until((("here", "ada"),), 1000.0) == 1900.0


def test_the_rules_may_change_on_the_way() -> None:
    memory = OwnMemory()
    fail(memory, "ada", 4, allowed=5)
    assert fail(memory, "ada", 1, allowed=3) == [True]
    fail(memory, "bob", 2, allowed=3)
    assert fail(memory, "bob", 3, allowed=5) == [False, False, True]


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "_CAPACITY", 10)
    memory = OwnMemory()
    for i in range(200):
        fail(memory, f"user{i}", 3 if i % 2 else 1)
    assert len(memory._attempts) <= 10
    assert len(memory._banned) <= 10
    assert memory.banned_until((("here", "user199"),), 1000.0) == 1900.0
