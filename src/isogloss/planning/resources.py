"""Which resource is worth buying: for each target what other source labels, or labels of its own, are known to bring.

The gain of another source language is the difference of two predictions, with the misses of such differences on targets
that were left out. The gain of the target's own labels is the few-shot law over all measured pairs; since the law can
only rise or fall throughout, it must agree with what that very number of labels gained where it was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from isogloss.planning.law import Estimate, Gains, next_of
from isogloss.planning.matrix import TransferMatrix
from isogloss.planning.planner import Measured, Ranked
from isogloss.planning.prediction import CASES

BOUGHT = (10, 50, 100, 250, 500)
"""Numbers of labelled target examples whose gain is foretold."""
What = Literal["nothing", "source", "labels", "raw text", "translations"]
UNTOLD: tuple[What, ...] = ("raw text", "translations")


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """Something that could be bought for a target.

    Attributes:
        what: nothing; ``labels`` in another ``source`` language, in place of those there are; ``labels`` of the target
            itself, beside those there are; raw text or translations of the target.
        source: the language of the source labels that the score is of; None where no score is predicted.
        labels: how many are bought; None where it is not known.
        score: to expect; the bounds of a sum are the sums of bounds, and hold at least as often.
        gain: over nothing bought.
        measured: of the target's own labels, what this very number gained, for a new pair.
        helps: whether the gain is known to be above zero: its lower bound is, and of the target's own labels also that
            of the most that were measured and are not more.
        basis: what it rests on, in words.
    """

    what: What
    source: str | None = None
    labels: int | None = None
    score: Estimate | None = None
    gain: Estimate | None = None
    measured: Estimate | None = None
    helps: bool = False
    basis: str


@dataclass(frozen=True, kw_only=True)
class Resources:
    """All purchases for one target, nothing first, and the advice in a sentence."""

    purchases: tuple[Purchase, ...]
    advice: str


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """What was measured of labelled target examples.

    Attributes:
        law: over all pairs.
        measured: by number of examples, the gain of a new pair.
        pairs: how many have a curve.
        most: the largest number of examples.
        level: of the intervals.
    """

    law: Gains
    measured: Mapping[int, Estimate]
    pairs: int
    most: int
    level: float

    @classmethod
    def of(cls, matrix: TransferMatrix, *, level: float) -> FewShot | None:
        """None where no pair was measured with three numbers of examples."""
        curves = matrix.curves()
        if not curves:
            return None
        return cls(
            law=Gains.fit(curves),
            measured={n: next_of(gains, level=level) for n, gains in matrix.gained().items()},
            pairs=len(curves),
            most=max(max(examples) for examples, _ in curves),
            level=level,
        )

    def gain(self, n: int, *, after: int = 0) -> Estimate:
        """What n examples add to ``after`` of them, by the law."""
        return self.law.gain(n, after=after, level=self.level)

    def helps(self, n: int, *, after: int = 0) -> bool:
        """Whether n more examples are known to help: by the law, and by the most measured ones that are not more."""
        there = max((count for count in self.measured if count <= n + after), default=None)
        return there is not None and sure(self.gain(n, after=after)) and sure(self.measured[there])


def sure(gain: Estimate | None) -> bool:
    """Whether a gain is known to be above zero."""
    return gain is not None and gain.low is not None and gain.low > 0


def resources(
    ranked: Mapping[str, Sequence[Ranked]],
    source: Sequence[str],
    measured: Measured | None,
    *,
    few: Mapping[str, int],
    spelling: Callable[[str], str] = str,
) -> dict[str, Resources]:
    """What could be bought for each target.

    Args:
        ranked: the candidates by target, with their predictions.
        source: the languages that have labels.
        measured: the matrix; None where there is none.
        few: how many labelled examples each target has already; 0 where it is not named.
        spelling: the user's own of a code, for the sentences.
    """
    curve = FewShot.of(measured.matrix, level=measured.level) if measured is not None else None
    found = {}
    for target, entries in ranked.items():
        purchases = _purchases(entries, source, measured, curve, few.get(target, 0), spelling)
        found[target] = Resources(purchases=purchases, advice=_advice(target, purchases, measured, spelling))
    return found


def _purchases(
    entries: Sequence[Ranked],
    source: Sequence[str],
    measured: Measured | None,
    curve: FewShot | None,
    few: int,
    spelling: Callable[[str], str],
) -> tuple[Purchase, ...]:
    """What there is, what else could be, and the two that nothing is told of."""
    held = curve.gain(few) if curve is not None and few else None
    own = _best(entry for entry in entries if entry.source in source)
    other = _best(entry for entry in entries if entry.source not in source)
    found = [_nothing(own, source, held, few, spelling)]
    if other is not None and measured is not None:
        found.append(_other_source(other, own, held, measured))
    if curve is not None:
        found += [_own_labels(n, found[0], curve, few) for n in BOUGHT]
    return (*found, *(Purchase(what=what, basis="nothing was measured of it") for what in UNTOLD))


def _best(entries: Iterable[Ranked]) -> Ranked | None:
    """The one with the best prediction, where there is any."""
    return max(
        (entry for entry in entries if entry.prediction is not None),
        key=lambda entry: entry.prediction.value if entry.prediction else 0.0,
        default=None,
    )


def _told_of(entry: Ranked) -> str:
    """What a prediction rests on."""
    if entry.measured is not None:
        return f"the matrix has {entry.measured:.3f} for this very pair"
    return CASES[entry.case or "both"]


def _nothing(
    own: Ranked | None, source: Sequence[str], held: Estimate | None, few: int, spelling: Callable[[str], str]
) -> Purchase:
    if own is None or own.prediction is None:
        return Purchase(what="nothing", basis="no score is predicted from the labels there are")
    basis = f"labels in {spelling(own.source)}; {_told_of(own)}"
    if len(source) > 1:
        basis += "; the best source alone, for several together were not measured"
    if few:
        basis += f"; with the {few} labels of the target" + (" left out" if held is None else "")
    return Purchase(what="nothing", source=own.source, labels=0, score=_plus(own.prediction, held), basis=basis)


def _other_source(other: Ranked, own: Ranked | None, held: Estimate | None, measured: Measured) -> Purchase:
    """Labels in another language, in place of those there are."""
    labels = measured.matrix.about.get("labels")
    basis = f"{_told_of(other)}; in place of the labels there are, for both together were not measured"
    gain = None
    if own is not None and own.prediction is not None and other.prediction is not None:
        value = other.prediction.value - own.prediction.value
        fit = measured.fit(other.rests_on) if own.rests_on == other.rests_on else None
        gain = fit[1].swap(other.source, own.source, value) if fit is not None else Estimate(value=value)
    return Purchase(
        what="source",
        source=other.source,
        labels=labels if isinstance(labels, int) else None,
        score=_plus(other.prediction, held),
        gain=gain,
        helps=sure(gain),
        basis=basis,
    )


def _own_labels(n: int, nothing: Purchase, curve: FewShot, few: int) -> Purchase:
    """Labels of the target itself."""
    gain, there = curve.gain(n, after=few), None if few else curve.measured.get(n)
    basis = f"the few-shot law of {curve.pairs} pairs with up to {curve.most} labels"
    if n + few > curve.most:
        basis += ", beyond them"
    if there is not None:
        basis += f"; with {n} they gained {there.value:+.3f}"
        basis += "" if there.low is None or there.high is None else f" [{there.low:+.2f}, {there.high:+.2f}]"
    return Purchase(
        what="labels",
        source=nothing.source,
        labels=n,
        score=_plus(nothing.score, gain),
        gain=gain,
        measured=there,
        helps=curve.helps(n, after=few),
        basis=basis,
    )


def _plus(score: Estimate | None, gain: Estimate | None) -> Estimate | None:
    """A score and what is added to it, in [0, 1]."""
    if score is None or gain is None:
        return score

    def bound(one: float | None, other: float | None) -> float | None:
        return None if one is None or other is None else min(max(one + other, 0.0), 1.0)

    value = min(max(score.value + gain.value, 0.0), 1.0)
    low, high = bound(score.low, gain.low), bound(score.high, gain.high)
    return Estimate(value=value, low=low, high=high) if low is not None and high is not None else Estimate(value=value)


def _advice(
    target: str, purchases: Sequence[Purchase], measured: Measured | None, spelling: Callable[[str], str]
) -> str:
    """The cheapest purchase, by the number of labels, whose gain is known to be above zero."""
    if measured is None:
        return "Nothing that is known to help: no transfer was measured to tell by."
    known = [purchase for purchase in purchases if purchase.helps and purchase.gain is not None]
    if not known:
        foretold = any(purchase.gain is not None for purchase in purchases)
        why = "every gain's interval reaches zero or is not known" if foretold else "no gain was measured"
        return f"Nothing that is known to help: {why}."
    first = min(known, key=lambda purchase: (purchase.labels is None, purchase.labels or 0))
    gain = first.gain or Estimate(value=0.0)
    count = "" if first.labels is None else f"{first.labels} "
    what = (
        f"texts in {spelling(first.source or '')} instead" if first.what == "source" else f"texts in {spelling(target)}"
    )
    return f"Label {count}{what}: {gain.value:+.3f} [{gain.low:+.2f}, {gain.high:+.2f}] by what was measured."
