"""The silent meter takes everything and says nothing."""

import pytest

from ftpclient.meter import SILENT


def test_silence(capsys: pytest.CaptureFixture[str]) -> None:
    SILENT.expect(1, 2)
    with SILENT.lane("x", None) as lane:
        lane.advance(1)
        lane.skip(1)
    SILENT.note("x")
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
