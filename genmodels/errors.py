"""Refusals that a visitor may read: a code that the page translates, and the values that fill its sentence."""

from __future__ import annotations

from collections.abc import Collection


class Refusal(ValueError):
    """Input or a state of the machine that cannot be served.

    `code` names the sentence in the page's dictionary (`demos/_i18n.py`, under `error.`);
    `values` fill it. The English message is complete by itself, for the command line and logs.
    """

    def __init__(self, code: str, message: str, **values: object) -> None:
        super().__init__(message)
        self.code = code
        self.values = values


def in_range(name: str, value: float, low: float, high: float) -> float:
    """Return `value` if it is a finite number in [low, high].

    Raises Refusal("range", ...) otherwise: NaN, infinities and non-numbers included.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Refusal(
            "range",
            f"{name} is {value!r}; it must be a number from {low} to {high}",
            name=name,
            value=repr(value)[:40],
            low=low,
            high=high,
        )
    return value


def one_of(name: str, value: object, choices: Collection[str]) -> str:
    """The value, if it is one of the choices. Raises Refusal("choice") otherwise."""
    if not isinstance(value, str) or value not in choices:
        raise Refusal("choice", f"{name} is {value!r}, not one of {list(choices)}", name=name, value=str(value)[:40])
    return value
