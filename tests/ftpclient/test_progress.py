"""Progress bars: the whole job, one file, and names that try to steer the terminal."""

import io

import pytest

from ftpclient.progress import BarMeter, PlainMeter, meter_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_progress_bar_shows_name_bytes_rate_and_time() -> None:
    screen = Terminal()
    with meter_for(stream=screen) as meter, meter.lane("file [bold]x\x1b[2J", 1000) as lane:
        lane.advance(400)
        lane.advance(600)
    shown = screen.getvalue()
    assert "[bold]x?[2J" in shown
    assert "1,000/1,000 bytes" in shown
    assert "/s" in shown
    assert "0:00:00" in shown


def test_a_refused_file_leaves_no_bar() -> None:
    meter = BarMeter(Terminal())
    with meter:
        with pytest.raises(FileNotFoundError), meter.lane("a", None):
            raise FileNotFoundError
        assert meter._progress.tasks == []


def test_the_whole_job_has_a_bar_of_its_own() -> None:
    meter = BarMeter(Terminal())
    with meter:
        meter.expect(2, 300)
        with meter.lane("a", 100) as lane:
            lane.advance(100)
        with meter.lane("b", 200) as lane:
            lane.skip(50)
            lane.advance(150)
        (job,) = meter._progress.tasks
        assert (job.completed, job.total) == (250, 250)


def test_taking_back_what_was_skipped() -> None:
    meter = BarMeter(Terminal())
    with meter, meter.lane("a", 100) as lane:
        lane.skip(50)
        lane.skip(-50)
        assert meter._progress.tasks[0].total == 100


def test_without_a_terminal_or_when_quiet_only_notes_are_written() -> None:
    for stream, quiet in ((io.StringIO(), False), (Terminal(), True)):
        with meter_for(quiet, stream) as meter:
            assert isinstance(meter, PlainMeter)
            meter.expect(1, 1)
            with meter.lane("a", 1) as lane:
                lane.advance(1)
            meter.note("starting over \x1b")
        assert stream.getvalue() == "starting over ?\n"


def test_notes_stand_above_the_bars() -> None:
    screen = Terminal()
    with meter_for(stream=screen) as meter:
        meter.note("[red]\x1bnote")
    assert "[red]?note" in screen.getvalue()
