"""Pretrained models with their tokenizers."""

from __future__ import annotations

from isogloss.backbones.encoder import DEFAULT, Backbone

__all__ = ["DEFAULT", "Backbone"]
