"""What a part holds besides numbers: a projector, an aligner, an initialiser, exchanged by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Tool(ABC):
    """Something exchangeable that parts hold. A frozen keyword-only dataclass of its settings, one file each.

    Its kind (``Projector``) knows the names of all its members: ``--set part.field=NAME`` puts another in its place.
    Its own settings are set like those of parts: ``--set codec.mode=exact``.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What the user types."""

    def __str__(self) -> str:
        """The name: how a tool is written where a part holds one."""
        return self.name

    @classmethod
    @abstractmethod
    def find(cls, name: str) -> Self:
        """The tool of this kind that has a name, with its default settings.

        Raises:
            IsoglossError: there is none of that name.
        """
