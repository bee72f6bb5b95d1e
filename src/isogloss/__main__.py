"""``python -m isogloss``: the command line."""

from __future__ import annotations

from isogloss.cli import main

if __name__ == "__main__":
    main()
