from __future__ import annotations

import pytest

from isogloss.languages.alphabet import unicode_scripts, written_in


@pytest.mark.parametrize(
    ("text", "scripts", "expected"),
    [
        ("▁Ọmọ", ["Latn"], True),
        ("e\u0301", ["Latn"], True),
        ("a1,!🙂", ["Latn"], True),
        ("", ["Latn"], True),
        ("aж", ["Latn"], False),
        ("aж", ["Latn", "Cyrl"], True),
        ("カー", unicode_scripts("Jpan"), True),
        ("漢", unicode_scripts("Hans"), True),
        ("한", unicode_scripts("Hant"), False),
    ],
)
def test_letters_belong_to_scripts(text: str, scripts: list[str], expected: bool) -> None:
    assert written_in(text, scripts) is expected


def test_a_script_that_unicode_does_not_have() -> None:
    with pytest.raises(ValueError, match="Zxyz"):
        written_in("a", ["Zxyz"])
