"""What is wrong with a profile."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ProfileError"]


class ProfileError(ValueError):
    """A profile that cannot be: says which file, which key, what is wrong and what would do.

    `problems` has each thing that is wrong by itself.
    """

    def __init__(self, text: str, problems: Iterable[str] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems) or (text,)

    @classmethod
    def of(cls, name: str, problems: Iterable[str]) -> ProfileError:
        """All that is wrong with the profile of that name, in one error."""
        found = tuple(problems)
        start = f"profile {name}: "
        if len(found) == 1:
            return cls(start + found[0], found)
        return cls("\n  ".join([f"{start}{len(found)} things are wrong", *found]), found)
