"""Language adapters: a small piece for each language and one for the task, put together at prediction time."""

from __future__ import annotations

from isogloss.methods.model.language_adapters import LanguageAdapters
from isogloss.methods.objective.task_adapter import TaskAdapter
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="language-adapters",
    summary="Learn an adapter of each language from raw text and one of the task from source labels; then swap.",
    paper="Litschko, Vulic and Glavas, 'Parameter-Efficient Neural Reranking for Cross-Lingual and Multilingual "
    "Retrieval', COLING 2022; Pfeiffer, Vulic, Gurevych and Ruder, 'MAD-X: An Adapter-Based Framework for Multi-Task "
    "Cross-Lingual Transfer', EMNLP 2020",
    link="https://arxiv.org/abs/2204.02292",
    model=(LanguageAdapters(),),
    objective=TaskAdapter(),
    deviations="Language adapters are 16 times narrower than the encoder, not twice, so that a language is a file of "
    "under a megabyte (--set language_adapters.reduction=2 for the paper's). They learn for a few passes over the text "
    "that there is, not 250,000 updates. A hidden piece is told apart from those that the text has. An encoder that "
    "comes without a head for hidden pieces gets one for each language, which is trained first and then stays.",
)
