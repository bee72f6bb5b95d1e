"""OMP: new rows are sums of shared rows, as a donor's vectors are of its own."""

from __future__ import annotations

from isogloss.methods.model.embedding_transplant import EmbeddingTransplant
from isogloss.recipes.recipe import Recipe
from isogloss.transplant.initialisers.omp import Omp

RECIPE = Recipe(
    name="omp",
    summary="Change the tokenizer; a new token's row is the sum of shared rows that rebuilds its vector elsewhere.",
    paper="Goddard and Fernandes Neto, 'Training-Free Tokenizer Transplantation via Orthogonal Matching Pursuit', 2025",
    link="https://arxiv.org/abs/2506.06607",
    model=(EmbeddingTransplant(initialiser=Omp()),),
    deviations="Shared tokens are chosen by the angle between their vector and what is left (the authors' program "
    "takes the inner product, which prefers long vectors: omp.normalise=false), and one that adds next to nothing to "
    "those taken is passed over. Special tokens are copied by role and not used. Without a donor model the vectors are "
    "trained on raw text cut by the new tokenizer, as for FOCUS: the paper always has a donor. Where rows of our "
    "encoder were taken away, such vectors rebuilt them worse than FOCUS does, and both worse than the mean of the old "
    "pieces; a donor is what makes the method. Encoders, where the paper has decoders.",
)
