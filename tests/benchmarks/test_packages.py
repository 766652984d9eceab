"""Programs are found, or their absence is explained."""

import pytest

from benchmarks import packages


def test_a_program_of_the_system_is_used_as_it_is() -> None:
    assert packages.Program("sh").path.endswith("/sh")


def test_what_cannot_be_downloaded_is_said_and_not_kept(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FTPSERVER_BENCHMARKS_CACHE", str(cache))
    monkeypatch.setitem(packages.DEBIAN, "nothing", ("no-such-package-anywhere",))
    monkeypatch.setattr(packages, "_apt", lambda *_: False)
    with pytest.raises(packages.Missing, match="no-such-package-anywhere"):
        packages.Program("nothing")
    assert not (cache / "nothing").exists()
