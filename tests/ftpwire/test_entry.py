"""ftpwire.entry: a plain value, compared by what it holds."""

import pytest

from ftpwire.entry import Entry, Kind


def test_only_the_name_and_the_kind_must_be_known() -> None:
    entry = Entry("a", Kind.FILE)
    facts = ("size", "modified", "mode", "links", "unique", "target", "owner", "group", "perm")
    assert all(getattr(entry, fact) is None for fact in facts)


def test_entries_are_compared_by_value() -> None:
    entry = Entry("a", Kind.FILE, 3, 1.5, 0o644, 1, "1g2", None, "ftp", "ftp", "r")
    assert entry == Entry("a", Kind.FILE, 3, 1.5, 0o644, 1, "1g2", None, "ftp", "ftp", "r")
    assert entry != Entry("a", Kind.LINK, 3, 1.5, 0o644, 1, "1g2", None, "ftp", "ftp", "r")


def test_an_entry_takes_no_facts_of_its_own() -> None:
    with pytest.raises(AttributeError):
        setattr(Entry("a", Kind.FILE), "colour", "red")  # noqa: B010 - mypy knows it, the test asks Python


def test_a_kind_is_its_word() -> None:
    assert [f"{kind}" for kind in Kind] == ["file", "dir", "link", "other"]
