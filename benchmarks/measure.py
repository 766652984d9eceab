"""Measuring in turns: every round asks each participant once, so that a disturbance of the machine meets all of them.

A participant that fails is left out of the rest of its row, and the note under the table says why.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.generator import LoadFailed
from benchmarks.peers.base import Broken


@dataclass(frozen=True)
class Sample:
    """One measurement: the value in the row's unit, and how many cores the load generator kept busy for it."""

    value: float
    load: float | None = None


@dataclass
class Series:
    """All samples of one participant in one row."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def values(self) -> list[float]:
        """The values in the order they were taken."""
        return [sample.value for sample in self.samples]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def load(self) -> float | None:
        """Cores that the load generator took, the middle value; None where it is not the question."""
        loads = [sample.load for sample in self.samples if sample.load is not None]
        return statistics.median(loads) if loads else None


OURS, LIMIT = "ours", "limit"


@dataclass
class Row:
    """One workload with what everybody reached."""

    key: str
    title: str
    unit: str
    more_is_better: bool
    target: str
    series: dict[str, Series] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def best_peer(self) -> str | None:
        """Who was best beside us and the machine."""
        peers = {key: one.median for key, one in self.series.items() if key not in (OURS, LIMIT)}
        if not peers:
            return None
        return (max if self.more_is_better else min)(peers, key=peers.__getitem__)

    def ratio(self, other: str | None) -> float | None:
        """How many times better ours is than `other`; None when one of them is missing."""
        ours, theirs = self.series.get(OURS), self.series.get(other or "")
        if ours is None or theirs is None or not ours.median or not theirs.median:
            return None
        return ours.median / theirs.median if self.more_is_better else theirs.median / ours.median


Participant = tuple[str, Callable[[], Sample]]


def take_turns(row: Row, participants: Sequence[Participant], rounds: int) -> Row:
    """Fill the row by `rounds` rounds over the participants; the order turns by one each round."""
    for number in range(rounds):
        turn = number % max(1, len(participants))
        for key, measure in [*participants[turn:], *participants[:turn]]:
            if key in row.failures:
                continue
            try:
                sample = measure()
            except (LoadFailed, Broken) as error:
                row.failures[key] = str(error)
                row.series.pop(key, None)
            else:
                row.series.setdefault(key, Series()).samples.append(sample)
    return row
