"""Turns, medians and ratios."""

from benchmarks.generator import LoadFailed
from benchmarks.measure import LIMIT, OURS, Row, Sample, take_turns


def row(*, more: bool = True) -> Row:
    return Row("key", "title", "/s", more, "")


def test_everybody_has_a_turn_in_every_round() -> None:
    order: list[str] = []

    def measure(name: str) -> Sample:
        order.append(name)
        return Sample(float(len(order)))

    names = ["a", "b", "c"]
    done = take_turns(row(), [(name, lambda name=name: measure(name)) for name in names], 3)  # type: ignore[misc]
    assert order == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert done.series["a"].values == [1, 6, 8]
    assert done.series["a"].median == 6


def test_who_fails_is_out_of_the_row() -> None:
    values = iter([Sample(1), LoadFailed("gone"), Sample(2)])

    def falls() -> Sample:
        value = next(values)
        if isinstance(value, LoadFailed):
            raise value
        return value

    done = take_turns(row(), [(OURS, lambda: Sample(4)), ("peer", falls)], 3)
    assert done.failures == {"peer": "gone"}
    assert list(done.series) == [OURS]
    assert len(done.series[OURS].samples) == 3


def test_better_is_above_one_whichever_way_the_row_counts() -> None:
    for more, ours, best in ((True, 20.0, 10.0), (False, 5.0, 10.0)):
        done = take_turns(
            row(more=more),
            [
                (OURS, lambda ours=ours: Sample(ours)),  # type: ignore[misc]
                ("good", lambda best=best: Sample(best)),  # type: ignore[misc]
                ("bad", lambda more=more: Sample(1.0 if more else 99.0)),  # type: ignore[misc]
                (LIMIT, lambda: Sample(1000.0)),
            ],
            1,
        )
        assert done.best_peer == "good"
        assert done.ratio("good") == 2.0


def test_without_a_peer_there_is_no_ratio() -> None:
    done = take_turns(row(), [(OURS, lambda: Sample(1))], 1)
    assert done.best_peer is None
    assert done.ratio(done.best_peer) is None
