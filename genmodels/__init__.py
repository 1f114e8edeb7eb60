"""The model package of GenLab: cards, weights, samplers, recipes and measures. It knows nothing of the page."""

from genmodels.registry import cards, load

__all__ = ["cards", "load"]
