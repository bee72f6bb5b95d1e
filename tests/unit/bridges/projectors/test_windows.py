"""The search for a string among runs of words equals a search that compares them all."""

from __future__ import annotations

from difflib import SequenceMatcher

from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.bridges.projectors.windows import EXACT, best_window, place
from isogloss.languages.scripts import units

TEXT = st.text(st.sampled_from("abcAB  .éßİΣ漢字"), max_size=25)


def low(text: str) -> str:
    return "".join(char.lower() for char in text)


def likeness(text: str, wanted: str) -> float:
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(low(wanted))
    matcher.set_seq1(low(text))
    return matcher.ratio()


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from("abcAB éßİΣ漢"), min_size=1, max_size=8), TEXT, st.sampled_from([0.1, 0.5, 0.8]))
def test_it_finds_the_best_of_all_windows(wanted: str, text: str, cutoff: float) -> None:
    words = units(text)
    windows = [(start, end) for n, (start, _) in enumerate(words) for _, end in words[n:]]
    passing = [ratio for s, e in windows if (ratio := likeness(text[s:e], wanted)) > cutoff]
    found = best_window(wanted, text, words, cutoff=cutoff)
    if not wanted.strip() or not passing:
        assert found is None
    else:
        assert found is not None
        assert found[1] == max(passing) == likeness(text[slice(*found[0])], wanted)
        assert found[0] in windows


def test_of_equal_windows_the_nearest_is_taken() -> None:
    text = "Paris and Paris and Paris"
    places = [best_window("paris", text, units(text), cutoff=0.5, near=near) for near in (0.0, 0.5, 1.0)]
    assert places == [((0, 5), 1.0), ((10, 15), 1.0), ((20, 25), 1.0)]


def test_an_exact_copy_is_settled_before_a_vague_one() -> None:
    text = "Maria saw Mario"
    first, second = place(["Mariano", "Maria"], [0.0, 0.9], text, units(text), cutoff=0.5)
    assert second == ((0, 5), 1.0)
    assert first is not None
    assert first[0] == (10, 15)


def test_a_name_with_more_copies_than_places_is_found_as_often_as_it_is_there() -> None:
    text = "Lima, Lima"
    placed = place(["Lima"] * 3, [0.0, 0.5, 1.0], text, units(text), cutoff=0.5)
    assert [found and found[0] for found in placed] == [(0, 4), (6, 10), None]


def test_the_exact_cutoff_takes_nothing_else() -> None:
    text = "Lisbon is Lisboa"
    assert best_window("LISBOA", text, units(text), cutoff=EXACT) == ((10, 16), 1.0)
    assert best_window("Lisboas", text, units(text), cutoff=EXACT) is None


def test_a_paragraph_is_found_in_bounded_time() -> None:
    text = " ".join(f"w{number % 37}x{number % 11}" for number in range(600))
    wanted = text[500:1800]
    found = best_window(wanted, text, units(text), cutoff=0.5, near=0.2)
    assert found is not None
