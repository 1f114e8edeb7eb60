"""`bench open_set`: one drawing judged, ours beside scikit-learn's and pytorch-ood's, in the same run."""

from __future__ import annotations

from typing import Any

import click
import numpy as np
import torch

from genmodels import registry, weights
from genmodels.bench import interleaved, peak_gflops
from genmodels.evaluate import show
from genmodels.open_set.detector import CLASSES
from genmodels.open_set.model import OpenSetClassifier

MODEL = "digits-cnn-1"


def sklearn_mixtures(model: OpenSetClassifier) -> list[Any]:
    """Ten scikit-learn mixtures with the very parameters of our GeMOS detector."""
    from sklearn.mixture import GaussianMixture

    gmm, found = model.detectors["gmm"], []
    for c in range(CLASSES):
        peer = GaussianMixture(gmm.mean.shape[1])
        peer.weights_ = gmm.log_weight[c].exp().numpy()
        peer.means_ = gmm.mean[c].numpy()
        peer.precisions_cholesky_ = gmm.precision_chol[c].numpy()
        found.append(peer)
    return found


def bench() -> dict[str, Any]:
    """Milliseconds from 28x28 pixels to a verdict, and seconds of peers over ours on the same features.

    A ratio above 1 says that ours is faster.
    """
    from pytorch_ood.detector import KNN, Mahalanobis

    from genmodels.open_set.train import to_input

    model = registry.load(MODEL, "cpu")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (1000, 28, 28)).astype(np.uint8)
    one, many = model.features(to_input(pixels[:1])), model.features(to_input(pixels))
    judged = interleaved(
        {m: lambda m=m: model.decide(model.features(to_input(pixels[:1])), m, 0.98) for m in model.detectors}
    )
    gmm, knn, mahalanobis = (model.detectors[name] for name in ("gmm", "knn", "mahalanobis"))
    mixtures = sklearn_mixtures(model)
    peer_knn = KNN(None, k=knn.k).fit_features(knn.bank.float(), torch.zeros(len(knn.bank)))
    peer_mahalanobis = Mahalanobis(None)
    peer_mahalanobis.mu, peer_mahalanobis.precision = mahalanobis.mean, mahalanobis.precision
    result: dict[str, Any] = {"peak_gflops": round(peak_gflops(), 1), "threads": torch.get_num_threads()}
    result["judge_ms"] = {name: round(seconds * 1e3, 3) for name, seconds in judged.items()}
    result["ratio"] = {}
    for label, features in (("1 picture", one), ("1000 pictures", many)):
        reduced = gmm.whiten(features.depths).numpy()
        work = {
            "gmm": lambda f=features: gmm.log_likelihood(f),
            "gmm/scikit-learn": lambda f=features, r=reduced: [m.score_samples(r) for m in mixtures],
            "knn": lambda f=features: knn.score(f),
            "knn/pytorch-ood": lambda f=features: peer_knn.predict_features(f.embedding),
            "mahalanobis": lambda f=features: mahalanobis.score(f),
            "mahalanobis/pytorch-ood": lambda f=features: peer_mahalanobis.predict_features(f.embedding),
        }
        seconds = interleaved(work)
        for peer in (name for name in seconds if "/" in name):
            result["ratio"][f"{peer}, {label}"] = round(seconds[peer] / seconds[peer.split("/")[0]], 2)
    return result


@click.command()
@click.option("--write", is_flag=True, help="Write the figures into the model's card.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(write: bool, as_json: bool) -> None:
    """Time a verdict, and this project's detectors against named peers, as ratios."""
    with torch.inference_mode():
        found = bench()
    if write:
        weights.write_card(MODEL, bench=found)
    show(found, as_json)
