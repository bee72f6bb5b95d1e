"""A student of every r-th layer learns from its teacher to read raw text of a few languages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from isogloss.backbones.hush import hushed
from isogloss.methods.model.text_training import workshop

if TYPE_CHECKING:
    from isogloss.backbones import Backbone
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.train.corpora import Corpus

FACTS = "student.json"
"""Beside the student: its size and its teacher's, and how far apart they are on held-out text before and after."""


@dataclass(frozen=True, kw_only=True)
class BilingualStudent:
    """Copy every r-th layer of the encoder, and teach the copy on raw text to compute what the whole encoder does.

    The student attends as its teacher and gives the same states where their layers meet (BiStil's first phase, Ansell
    et al., 2023, section 3.2). A twentieth of the lines of each language, 200 at most, is never trained on: by it the
    best state is chosen, and how far the two are apart is told. All seeds share one student.

    Attributes:
        every: r: of so many layers the last one is copied; must divide the encoder's depth.
        steps: updates, each of one language; 0 leaves the copied layers as they are.
        languages: ``all``: targets and source (whose training texts serve where it has no raw text); or ``targets``.
        batch_size, max_length: rows in an update and pieces in a row; longer lines make several rows.
        learning_rate: where the linear schedule begins.
        checks: how often the student is compared with its teacher on held-out text; the best state is kept.
        min_words: shorter lines are left out.
        seed: of order and masks.
    """

    needs: ClassVar[tuple[str, ...]] = ("unlabelled",)
    changes: ClassVar[tuple[str, ...]] = ("depth", "weights")

    every: Annotated[int, Ge(1)] = 2
    steps: Annotated[int, Ge(0)] = 500
    languages: Literal["all", "targets"] = "all"
    batch_size: Annotated[int, Ge(1)] = 8
    max_length: Annotated[int, Ge(8)] = 256
    learning_rate: Annotated[float, Gt(0), Le(1)] = 3e-4
    checks: Annotated[int, Ge(1)] = 5
    min_words: Annotated[int, Ge(1)] = 6
    seed: Annotated[int, Ge(0)] = 1

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Backbone:
        """The student, made once, then taken from where it is; it knows the encoder that it was made of."""
        from isogloss.train.corpora import read_corpora

        corpora = read_corpora(problem, languages=self.languages, min_words=self.min_words)
        for corpus in corpora:
            run.ledger.note_text("adapt", corpus.examples)
        facts = (type(self).__name__, self, backbone.fingerprint(), [corpus.fingerprint() for corpus in corpora])
        folder = run.make(facts, lambda place: self._distil(backbone, corpora, place, run))
        shutil.rmtree(workshop(folder), ignore_errors=True)
        run.say_once(told(json.loads((folder / FACTS).read_text(encoding="utf-8"))))
        names = ", ".join(problem.spelling(corpus.lang) for corpus in corpora)
        made = backbone.moved(folder, f"student of {self.every} to 1 layers for {names}")
        return replace(made, teacher=backbone)

    def _distil(self, backbone: Backbone, corpora: Sequence[Corpus], folder: Path, run: Run) -> None:
        """Make the student, train it, and save network, tokenizer and facts."""
        import transformers

        from isogloss.ledger import Ledger
        from isogloss.nets.student import depth_of, student_of
        from isogloss.train.distilling import distil

        transformers.set_seed(self.seed)
        teacher, tokenizer = backbone.bare(), backbone.tokenizer()
        student = student_of(teacher, every=self.every)
        inner = replace(
            run, folder=workshop(folder), seed=self.seed, ledger=Ledger(), trainings=count(), head=None, tokens=0
        )
        options: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        names = ("steps", "batch_size", "learning_rate", "max_length", "checks")
        result = distil(student, teacher, tokenizer, corpora, inner, **{name: options[name] for name in names})
        tokenizer.backend_tokenizer.no_truncation()  # how it was called last is no part of what is saved
        with hushed():
            student.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        languages = {
            corpus.lang: {
                "lines": len(corpus.train),
                "held_out": len(corpus.held_out),
                "before": asdict(result.before[corpus.lang]),
                "after": asdict(result.after[corpus.lang]),
            }
            for corpus in corpora
        }
        facts = {
            "layers": [depth_of(teacher), depth_of(student)],
            "weights": [teacher.num_parameters(), student.num_parameters()],
            "languages": languages,
            "rows": result.rows,
            "steps": self.steps,
            "best_step": result.best,
            "tokens": result.tokens,
            "settings": options,
        }
        (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def told(facts: dict[str, Any]) -> str:
    """Sizes, and distances of the states, as a sentence."""
    (layers, fewer), (weights, less) = facts["layers"], facts["weights"]
    sizes = f"{layers} layers -> {fewer}, {weights / 1e6:.1f} M weights -> {less / 1e6:.1f} M"
    rows = facts["languages"].items()
    if not facts["steps"]:
        each = ", ".join(f"{lang} {row['after']['hidden']:.3f}" for lang, row in rows)
        return f"Student made: {sizes}; squared distance of its states to the teacher's, untrained: {each}."
    each = ", ".join(f"{lang} {row['before']['hidden']:.3f} -> {row['after']['hidden']:.3f}" for lang, row in rows)
    return (
        f"Student made: {sizes}; squared distance of its states to the teacher's in held-out text before and after "
        f"{facts['best_step']} updates: {each}."
    )
