"""Open set: a classifier that says "unknown" (PCA for each class, GeMOS, a flow, and the usual baselines)."""

from __future__ import annotations

from genmodels.registry import ModelCard, register
from genmodels.weights import Embedded

NETWORK, FLOW = 249_586, 103_968
DATA = "MNIST (LeCun, Cortes and Burges), training set"


def _card(id: str, can: set[str], params: int, source: str, data: str) -> ModelCard:
    return ModelCard(
        id=id,
        topic="open_set",
        can=frozenset(can),
        weights=Embedded(id),
        params=params,
        license="Apache-2.0",
        source=source,
        data=data,
    )


def _classifier():
    from genmodels.open_set.model import OpenSetClassifier

    return OpenSetClassifier()


for _seed in (1, 2, 3, 4, 5):
    register(_card(f"digits-cnn-{_seed}", {"classify"}, NETWORK + FLOW, "arXiv:2105.10013", DATA))(_classifier)


@register(
    _card("digits-exposure", {"classify"}, NETWORK + 129, "arXiv:1812.04606", f"{DATA}; synthetic outliers of our own")
)
def _exposed():
    from genmodels.open_set.model import OpenSetClassifier

    return OpenSetClassifier(("exposure",), logits=11)


@register(_card("digits-vae", {"generate"}, 1_090_360, "arXiv:1312.6114", DATA))
def _generator():
    from genmodels.open_set.generator import DigitsVAE

    return DigitsVAE()
