import ast
import copy
import functools
import inspect
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from pytorch_ood import detector as reference
from safetensors.numpy import load_file
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from torch.testing import assert_close

from genmodels import registry, weights
from genmodels import train as loop
from genmodels.data import mnist, packages
from genmodels.errors import Refusal
from genmodels.open_set import baselines, evaluate, strokes, train
from genmodels.open_set.detector import Features, Standardise, Whiten
from genmodels.open_set.exposure import OutlierExposure
from genmodels.open_set.flow import ClassFlow, Coupling
from genmodels.open_set.gmm import ClassGMM
from genmodels.open_set.model import CLOSED, METHODS, OpenSetClassifier
from genmodels.open_set.network import DigitsCNN
from genmodels.open_set.pca import ClassPCA

DEPTHS, EMBEDDING = 16, 12


@functools.cache
def world(per_class: int = 80, seed: int = 0, unknown: bool = False) -> SimpleNamespace:
    """Features of ten Gaussian classes, or from between two of them, seen by one linear head: logits near 8 and -2."""
    fixed, own = torch.Generator().manual_seed(99), torch.Generator().manual_seed(seed)
    centres = 9 * torch.linalg.qr(torch.randn(EMBEDDING, 10, generator=fixed)).Q.T
    mix = torch.randn(EMBEDDING, DEPTHS, generator=fixed) / 3
    weight, bias = centres / 8.1, 0.3 * torch.randn(10, generator=fixed) - 2
    labels = torch.arange(10).repeat(per_class)
    middle = (centres[labels] + centres[(labels + 1) % 10]) / 2 if unknown else centres[labels]
    embedding = middle + torch.randn(middle.shape, generator=own)
    depths = embedding @ mix + 0.3 * torch.randn(len(labels), DEPTHS, generator=own)
    features = Features(depths, embedding @ weight.T + bias, embedding)
    return SimpleNamespace(features=features, labels=labels, weight=weight, bias=bias)


KNOWN, HELD, STRANGE = world(), world(seed=1), world(seed=2, unknown=True)


def test_pca_is_scikit_learns_density():
    ours = ClassPCA(DEPTHS, 5).fit(KNOWN.features, KNOWN.labels)
    x = KNOWN.features.depths
    mean, std = x.mean(0), x.std(0)
    held = ((HELD.features.depths - mean) / std).double().numpy()
    own = ((x - mean) / std).double().numpy()
    oracle = [PCA(5, svd_solver="full").fit(own[KNOWN.labels == c]).score_samples(held) for c in range(10)]
    assert_close(ours.log_likelihood(HELD.features).double(), torch.tensor(np.stack(oracle, 1)), rtol=1e-4, atol=1e-3)


def test_pca_projects_to_unit_variance():
    ours = ClassPCA(DEPTHS, 5).fit(KNOWN.features, KNOWN.labels)
    own = Features(*(t[KNOWN.labels == 3] for t in KNOWN.features))
    assert_close(torch.cov(ours.project(own, 3).T), torch.eye(5), rtol=0, atol=1e-3)


def test_mixture_is_scikit_learns_density():
    ours = ClassGMM(DEPTHS, 6, 2).fit(KNOWN.features, KNOWN.labels)
    train_z, held_z = (ours.whiten(f.depths).numpy() for f in (KNOWN.features, HELD.features))
    oracle = []
    for c in range(10):
        mixture = GaussianMixture(2, reg_covar=1e-3, random_state=0).fit(train_z[KNOWN.labels == c])
        oracle.append(mixture.score_samples(held_z))
    assert_close(ours.log_likelihood(HELD.features), torch.tensor(np.stack(oracle, 1)).float(), rtol=1e-4, atol=1e-3)


def test_whitening():
    z = Whiten(DEPTHS, 6).fit(KNOWN.features.depths)(KNOWN.features.depths)
    assert_close(torch.cov(z.T), torch.eye(6), rtol=0, atol=1e-3)
    assert_close(z.mean(0), torch.zeros(6), rtol=0, atol=1e-4)


def test_standardising_survives_a_dead_feature():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    x[:, 1] = 4.0
    assert Standardise(3).fit(x)(x).isfinite().all()


@pytest.mark.parametrize("kind", [ClassPCA, ClassGMM])
def test_class_models_score_the_predicted_class(kind):
    model = kind(DEPTHS, 5).fit(KNOWN.features, KNOWN.labels)
    every = model.log_likelihood(HELD.features)
    predicted = HELD.features.logits.argmax(1)
    assert_close(model.score(HELD.features), every[range(len(every)), predicted])


def coupling(dim: int, flip: bool) -> Coupling:
    """A coupling that is not the identity it starts as."""
    torch.manual_seed(0)
    layer = Coupling(dim, 8, flip)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layer.double()


@pytest.mark.parametrize("dim", [4, 5])
@pytest.mark.parametrize("flip", [False, True])
def test_coupling_round_trip_and_determinant(dim, flip):
    layer = coupling(dim, flip)
    z = torch.randn(6, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    onehot = torch.eye(10, dtype=torch.float64)[:6]
    out, log_det = layer(z, onehot)
    assert (out - z).abs().max() > 0.1
    assert_close(layer.inverse(out, onehot), z)
    for i in range(len(z)):
        jacobian = torch.autograd.functional.jacobian(lambda v, i=i: layer(v[None], onehot[i : i + 1])[0][0], z[i])
        assert_close(log_det[i], torch.linalg.slogdet(jacobian).logabsdet)


def test_flow_is_a_density():
    flow = ClassFlow(2, 2, couplings=3, hidden=6)
    flow.couplings = torch.nn.ModuleList(coupling(2, i % 2 == 1).float() for i in range(3))
    axis = torch.linspace(-25, 25, 501)
    z = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        density = flow.log_density(z, torch.full((len(z),), 4)).exp()
    assert_close(float(density.sum() * (axis[1] - axis[0]) ** 2), 1.0, rtol=0, atol=1e-2)


def test_flow_learns_and_tells_classes_apart():
    flow = ClassFlow(DEPTHS, 6, couplings=2, hidden=16)

    def own_class() -> torch.Tensor:
        return flow.log_likelihood(HELD.features).gather(1, HELD.labels[:, None]).mean()

    with torch.no_grad():
        flow.whiten.fit(KNOWN.features.depths)
        before = own_class()
        with torch.enable_grad():
            flow.fit(KNOWN.features, KNOWN.labels, steps=150)
        assert own_class() > before + 1
        assert (flow.log_likelihood(HELD.features).argmax(1) == HELD.labels).float().mean() > 0.9
    assert not any(p.requires_grad for p in flow.parameters())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (baselines.MaxSoftmax(), reference.MaxSoftmax(None)),
        (baselines.MaxLogit(), reference.MaxLogit(None)),
        (baselines.Energy(), reference.EnergyBased(None)),
    ],
    ids=["softmax", "logit", "energy"],
)
def test_scores_of_logits_are_pytorch_oods(ours, theirs):
    assert_close(ours.score(HELD.features), -theirs.predict_logits(HELD.features.logits))


def test_mahalanobis_is_pytorch_oods():
    """Theirs takes half the distance and leaves the sum of squares undivided: a constant factor."""
    ours = baselines.Mahalanobis(EMBEDDING).fit(KNOWN.features, KNOWN.labels)
    theirs = reference.Mahalanobis(None).fit_features(KNOWN.features.embedding, KNOWN.labels)
    for features in (HELD.features, STRANGE.features):
        expected = -theirs.predict_features(features.embedding) * 2 * len(KNOWN.labels)
        assert_close(ours.score(features), expected, rtol=1e-3, atol=1e-3)


def test_vim_is_pytorch_oods():
    ours = baselines.ViM(EMBEDDING, 7).fit_head(KNOWN.weight, KNOWN.bias).fit(KNOWN.features, KNOWN.labels)
    theirs = reference.ViM(None, 7, KNOWN.weight, KNOWN.bias).fit_features(KNOWN.features.embedding, KNOWN.labels)
    for features in (HELD.features, STRANGE.features):
        assert_close(ours.score(features), -theirs.predict_features(features.embedding), rtol=1e-3, atol=1e-3)


def test_vims_origin_sees_no_weights():
    """There all logits equal zero as nearly as ten equations in fewer unknowns allow: the least-squares solution."""
    origin = baselines.ViM(EMBEDDING, 7).fit_head(KNOWN.weight, KNOWN.bias).origin
    assert_close(origin, torch.linalg.lstsq(KNOWN.weight, -KNOWN.bias, driver="gelsd").solution, rtol=1e-3, atol=1e-4)


def test_nearest_neighbours_are_pytorch_oods():
    """The bank is kept in half precision, so the distances agree to its rounding."""
    ours = baselines.NearestNeighbours(EMBEDDING, per_class=80, k=10).fit(KNOWN.features, KNOWN.labels)
    theirs = reference.KNN(None, k=10).fit_features(KNOWN.features.embedding, KNOWN.labels)
    for features in (HELD.features, STRANGE.features):
        expected = -theirs.predict_features(features.embedding).float()
        assert_close(ours.score(features), expected, rtol=0, atol=2e-3)


@pytest.fixture(scope="module")
def openmax() -> tuple[baselines.OpenMax, reference.OpenMax]:
    ours = baselines.OpenMax().fit(KNOWN.features, KNOWN.labels)
    return ours, reference.OpenMax(None).fit_logits(KNOWN.features.logits.double(), KNOWN.labels)


def test_openmax_revises_as_pytorch_ood(openmax):
    """Given pytorch-ood's Weibulls (libMR's: moved 10,000 from zero), the scores are the same."""
    ours, theirs = openmax
    found = [theirs._openmax.distributions[c] for c in range(10)]
    ours = copy.deepcopy(ours).double()
    ours.weibull.copy_(
        torch.tensor([[w.c, float(w.min_val) - w.translation, w.scale] for w in found], dtype=torch.float64)
    )
    for features in (HELD.features, STRANGE.features):
        features = Features(*(t.double() for t in features))
        unknown = theirs.predict_logits(features.logits)
        assert_close((-ours.score(features)).sigmoid(), unknown, rtol=1e-4, atol=1e-12)


def test_openmax_ranks_as_pytorch_ood(openmax):
    """Our Weibulls start just below their own tail instead, so only the order of pictures is near theirs."""
    ours, theirs = openmax
    score = torch.cat([ours.score(HELD.features), ours.score(STRANGE.features)])
    other = -torch.cat([theirs.predict_logits(f.logits) for f in (HELD.features, STRANGE.features)])
    truth = np.r_[np.ones(len(HELD.labels)), np.zeros(len(STRANGE.labels))]
    assert abs(roc_auc_score(truth, score) - roc_auc_score(truth, other)) < 0.03
    assert spearmanr(score, other).statistic > 0.9


def test_openmax_never_doubts_the_class_means(openmax):
    ours, _ = openmax
    assert ours.score(Features(torch.zeros(10, DEPTHS), ours.mean, torch.zeros(10, EMBEDDING))).min() > 4.6  # 99 %


def test_exposure_adds_log_odds_and_density_on_one_scale():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(400, 11, generator=generator)
    known = Features(torch.randn(400, 352, generator=generator), logits, torch.zeros(400, EMBEDDING))
    labels = known.predicted
    ours = OutlierExposure()
    ours.density = ClassPCA(components=6)
    ours.fit(known, labels)
    probability = logits.softmax(1)[:, 10]
    odds, density = ((1 - probability) / probability).log(), ours.density.score(known)
    expected = sum((x - x.median()) / (x.quantile(0.5) - x.quantile(0.05)) for x in (odds, density))
    spread = (ours.score(known) - expected).std()  # medians may differ by half a step between neighbours
    assert spread < 1e-3 * expected.std()
    assert labels.max() < 10


@pytest.mark.parametrize("kind", [baselines.Mahalanobis, ClassPCA, ClassGMM])
def test_unknowns_score_lower(kind):
    model = kind(EMBEDDING) if kind is baselines.Mahalanobis else kind(DEPTHS, 6)
    model.fit(KNOWN.features, KNOWN.labels)
    assert model.score(STRANGE.features).mean() < model.score(HELD.features).mean() - 5


@functools.cache
def fitted() -> OpenSetClassifier:
    model = OpenSetClassifier(("softmax", "logit", "energy"))
    held = world(per_class=3000, seed=5)
    assert list(model.fit_detectors(KNOWN.features, KNOWN.labels, held.features)) == ["softmax", "logit", "energy"]
    return model


@pytest.mark.parametrize("method", ["softmax", "logit"])
@pytest.mark.parametrize("kept", [0.5, 0.8, 0.98, 0.999])
def test_a_threshold_keeps_its_share_of_every_class(method, kept):
    model, held = fitted(), world(per_class=3000, seed=5).features
    score = model.detectors[method].score(held)
    limit = model.threshold(method, kept)
    for c in range(10):
        own = score[held.predicted == c]
        assert abs(float((own >= limit[c]).float().mean()) - kept) < 0.003


def test_thresholds_fall_as_more_is_kept():
    model = fitted()
    limits = torch.stack([model.threshold("logit", kept) for kept in (0.5, 0.7, 0.9, 0.99, 0.9999)])
    assert (limits.diff(dim=0) <= 0).all() and (limits[0] > limits[-1]).all()


def test_thresholds_come_from_known_pictures_alone():
    model = fitted()
    before = model.threshold("energy", 0.98)
    calibration = model.calibration.clone()
    answers, _ = model.decide(STRANGE.features, "energy", 0.98)
    assert (answers == 10).any()
    assert_close(model.threshold("energy", 0.98), before, rtol=0, atol=0)
    assert_close(model.calibration, calibration, rtol=0, atol=0)
    assert "unknown" not in inspect.signature(model.fit_detectors).parameters


@pytest.mark.parametrize("kept", [0.49, 1.0, -1, float("nan"), float("inf"), "0.98", None, True])
def test_a_share_out_of_range_is_refused(kept):
    with pytest.raises(Refusal) as refusal:
        OpenSetClassifier(("logit",)).threshold("logit", kept)
    assert refusal.value.code == "range"


def test_decide_says_unknown_below_the_threshold():
    model = fitted()
    for features in (HELD.features, STRANGE.features):
        answer, score = model.decide(features, "logit", 0.9)
        limit = model.threshold("logit", 0.9)
        for got, value, digit in zip(answer.tolist(), score.tolist(), features.predicted.tolist(), strict=True):
            assert got == (10 if value < float(limit[digit]) else digit)
        assert (answer == 10).any()


def test_detectors_are_fitted_on_correct_answers_only():
    wrong = KNOWN.labels.clone()
    wrong[::7] = (wrong[::7] + 1) % 10  # labels that the network does not predict
    correct = KNOWN.features.predicted == wrong
    expected = baselines.Mahalanobis(128)
    embedding = torch.nn.functional.pad(KNOWN.features.embedding, (0, 128 - EMBEDDING))
    embedding = embedding + 0.1 * torch.randn(embedding.shape, generator=torch.Generator().manual_seed(3))
    features = KNOWN.features._replace(embedding=embedding)
    expected.fit(Features(*(t[correct] for t in features)), wrong[correct])
    model = OpenSetClassifier(("mahalanobis",))
    list(model.fit_detectors(features, wrong, features))
    assert_close(model.detectors["mahalanobis"].mean, expected.mean)


@pytest.mark.parametrize("classes", [10, 11])
def test_network_shapes(classes):
    network = DigitsCNN(classes).eval()
    depths, logits, embedding = network.features(torch.zeros(3, 1, 28, 28))
    assert (depths.shape, logits.shape, embedding.shape) == ((3, 352), (3, classes), (3, 128))
    assert_close(depths[:, -128:], embedding)
    assert_close(network(torch.zeros(3, 1, 28, 28)), logits)


def test_features_do_not_depend_on_the_batch():
    model = OpenSetClassifier(("logit",)).eval()
    x = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for a, b in zip(model.features(x, batch=3), model.features(x), strict=True):
        assert_close(a, b, rtol=1e-4, atol=1e-5)


def tiny_mnist(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Ten easy classes: a bright bar whose place is the label."""
    labels = np.arange(200, dtype=np.uint8) % 10
    images = np.random.default_rng(0).integers(0, 40, (200, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 + 2 * label : 6 + 2 * label, 6:22] = 255
    return images, labels


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Training on a tiny set, in a cache of its own, with a Step for every batch; records the splits that are read."""
    read = []
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    monkeypatch.setattr(mnist, "load", lambda split: read.append(split) or tiny_mnist(split))
    monkeypatch.setattr(loop, "YIELD_SECONDS", -1)
    monkeypatch.setattr(train, "BATCH", 32)
    monkeypatch.setattr(train, "STEPS", 20)
    return read


def test_twenty_steps_lower_the_loss(tiny):
    trained = loop.Trained()
    steps = list(train.train_network("digits-cnn-1", 1, loop.Budget(), trained))
    losses = [step.loss for step in steps]
    assert len(losses) == 20 and trained.images == 640
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.2
    assert set(tiny) == {"train"}


def test_the_recipe_starts_the_same_for_the_same_seed(tiny):
    def first(seed: int) -> float:
        steps = train.train_network("digits-cnn-1", seed, loop.Budget(), loop.Trained())
        loss = next(steps).loss
        steps.close()
        return loss

    state = torch.get_rng_state()
    assert first(1) == first(1) != first(2)
    assert torch.equal(torch.get_rng_state(), state)


def test_exposure_sees_training_digits_and_our_strokes_only(tiny, monkeypatch):
    monkeypatch.setattr(train, "OUTLIERS", 12)
    monkeypatch.setattr(train, "OUTLIER_BATCH", 8)
    monkeypatch.setattr(packages, "npm", lambda *a: pytest.fail("data were fetched"))
    monkeypatch.setattr(packages, "debian", lambda *a: pytest.fail("data were fetched"))
    x, y = next(train.exposed_batches(1, 0))
    assert x.shape == (40, 1, 28, 28) and (y[32:] == 10).all() and (y[:32] < 10).all()
    assert set(tiny) == {"train"}


def test_augmenting_keeps_the_picture_and_depends_on_the_generator():
    x = train.to_input(tiny_mnist("train")[0][:8])
    assert x.shape == (8, 1, 28, 28) and x.min() >= -1 and x.max() == 1

    def varied(seed: int) -> torch.Tensor:
        return train.augment(x, torch.Generator().manual_seed(seed))

    assert torch.equal(varied(0), varied(0)) and not torch.equal(varied(0), varied(1))
    assert varied(0).min() >= -1 and varied(0).max() <= 1 + 1e-5 and not torch.equal(varied(0), x)
    assert abs(float(varied(0).mean() - x.mean())) < 0.1


KINDS = (strokes.scribble, strokes.rune, strokes.shapes, strokes.blob, strokes.noise)


@pytest.mark.parametrize("kind", KINDS)
def test_drawings_depend_on_the_seed_alone(kind):
    def drawn(seed: int) -> np.ndarray:
        return np.stack([kind(rng) for rng in [np.random.default_rng(seed)] for _ in range(6)])

    assert drawn(3).shape == (6, 28, 28) and drawn(3).dtype == np.uint8
    assert np.array_equal(drawn(3), drawn(3)) and not np.array_equal(drawn(3), drawn(4))
    assert all(picture.max() > 30 for picture in drawn(3))


def test_pseudo_unknowns():
    digits, labels = tiny_mnist("train")
    first, again, other = (strokes.pseudo_unknowns(40, seed, digits, labels) for seed in (1, 1, 2))
    assert first.shape == (40, 28, 28) and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_no_broken_digit_is_a_digit():
    digits, labels = tiny_mnist("train")
    rng = np.random.default_rng(0)
    for _ in range(60):
        assert not (strokes.broken_digit(rng, digits, labels) == digits).all((1, 2)).any()


def test_strokes_read_no_data():
    tree = ast.parse(inspect.getsource(strokes))
    imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if name.split(".")[0] == "genmodels"]


@pytest.mark.parametrize("seed", range(12))
def test_centred_follows_mnists_recipe(seed):
    rng = np.random.default_rng(seed)
    picture = Image.new("L", (200, 150))
    draw = ImageDraw.Draw(picture)
    middle = rng.uniform(40, 110, 2)
    for _ in range(3):  # lines through one point, so that the mass is not at the edge of its box
        way = rng.normal(0, 1, 2) * rng.uniform(10, 35)
        draw.line([*(middle - way), *(middle + way)], 255, 6)
    image = strokes.centred(picture).astype(float)
    rows, columns = np.flatnonzero(image.sum(1)), np.flatnonzero(image.sum(0))
    assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
    y, x = np.mgrid[:28, :28]
    assert abs((image * x).sum() / image.sum() - 13.5) <= 1 and abs((image * y).sum() / image.sum() - 13.5) <= 1


def test_centred_takes_an_empty_picture():
    assert not strokes.centred(Image.new("L", (50, 50))).any()


def test_figures_by_hand():
    known, unknown = np.array([0.9, 0.8, 0.4]), np.array([0.7, 0.3, 0.1])
    answers = (np.array([0, 1, 10]), np.array([0, 10, 10]))
    found = evaluate.figures(known, unknown, answers, np.array([0, 1, 1]))
    assert found["auroc"] == pytest.approx(8 / 9)  # 8 of 9 pairs in order
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 4 / 6) / 3)  # of 0, of 1, of unknown
    assert found["fpr95"] == pytest.approx(1 / 3)  # the limit is 0.44


def test_spread_by_hand():
    runs = [{"a": 1.0, "sets": {"x": {"b": v}}} for v in (0.2, 0.4)]
    assert evaluate.spread(runs) == {"a": 1.0, "a_std": 0.0, "sets": {"x": {"b": 0.3, "b_std": 0.14142}}}
    assert evaluate.spread(runs[:1])["sets"]["x"] == {"b": 0.2, "b_std": 0.0}


def test_noises():
    digits = tiny_mnist("test")[0][:20]
    first, again, other = (evaluate.noises(digits, seed) for seed in (0, 0, 1))
    assert set(first) == {"mnist-noise", "noise"}
    for name in first:
        assert first[name].dtype == np.uint8 and first[name].shape == digits.shape
        assert np.array_equal(first[name], again[name]) and not np.array_equal(first[name], other[name])
    assert np.array_equal(first["mnist-noise"], np.maximum(digits, first["noise"]))
    assert abs(first["noise"].mean() - 127.5) < 3


def test_unknowns_take_the_evaluation_split_first(tmp_path, monkeypatch):
    path = tmp_path / "set.npz"
    images = np.arange(20, dtype=np.uint8)[:, None, None] + np.zeros((1, 28, 28), np.uint8)
    marked = np.arange(20) >= 12
    np.savez(path, images=images, is_evaluation=marked)
    monkeypatch.setattr(evaluate, "LIMIT", 5)
    found = evaluate.read_unknowns(path)[:, 0, 0]
    assert len(found) == 5 and found.min() >= 12
    monkeypatch.setattr(evaluate, "LIMIT", 11)
    found = evaluate.read_unknowns(path)[:, 0, 0]
    assert set(range(12, 20)) <= set(found.tolist()) and len(set(found.tolist())) == 11
    np.savez_compressed(path, images=images)
    assert len(evaluate.read_unknowns(path)) == 11
    assert np.array_equal(evaluate.read_unknowns(path), evaluate.read_unknowns(path))


def test_at_most_ten_thousand_unknowns(tmp_path):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, images=np.zeros((10_003, 28, 28), np.uint8))
    assert evaluate.read_unknowns(path).shape == (10_000, 28, 28)


GOOD = np.zeros((4, 28, 28), np.uint8)
BAD_FILES = {
    "missing": {"pictures": GOOD},
    "float": {"images": GOOD.astype(np.float32)},
    "flat": {"images": GOOD.reshape(4, 784)},
    "large": {"images": np.zeros((4, 32, 32), np.uint8)},
    "colour": {"images": np.zeros((4, 28, 28, 3), np.uint8)},
    "single": {"images": np.uint8(4)},
    "none": {"images": GOOD[:0]},
    "pickle": {"images": np.array([{"a": 1}], dtype=object)},
    "pickled split": {"images": GOOD, "is_evaluation": np.array([None] * 4, dtype=object)},
    "short split": {"images": GOOD, "is_evaluation": np.ones(3, bool)},
    "number split": {"images": GOOD, "is_evaluation": np.ones(4, np.int64)},
    "text": b"not a picture",
    "empty": b"",
    "zip head": b"PK\x03\x04 and then nothing",
    "truncated": ...,
    "damaged": ...,
    "npy": ...,
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_refusal(name, tmp_path):
    path = tmp_path / "bad.npz"
    content = BAD_FILES[name]
    if name == "npy":
        with path.open("wb") as file:
            np.save(file, GOOD)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez_compressed(path, **(content if isinstance(content, dict) else {"images": GOOD}))
    if name == "truncated":
        path.write_bytes(path.read_bytes()[:-40])
    if name == "damaged":
        data = bytearray(path.read_bytes())
        data[60:80] = bytes(20)
        path.write_bytes(data)
    with pytest.raises(Refusal) as refusal:
        evaluate.read_unknowns(path)
    assert refusal.value.code == "unknown_file" and "\n" not in str(refusal.value)


def test_a_missing_file_is_a_refusal(tmp_path):
    with pytest.raises(Refusal):
        evaluate.read_unknowns(tmp_path / "none.npz")


def test_every_method_but_exposure_needs_no_outliers():
    assert set(METHODS) - set(CLOSED) == {"exposure"}


SHIPPED, COUNT = "digits-cnn-1", 1000


@pytest.fixture(scope="module")
def shipped() -> SimpleNamespace:
    """The page's network on the first thousand of MNIST's test digits, and the scores stored beside it."""
    model = registry.load(SHIPPED, "cpu")
    images, labels = mnist.load("test")
    stored = load_file(registry.folder(SHIPPED) / "scores" / "scores.safetensors")
    features = model.features(train.to_input(images[:COUNT]))
    return SimpleNamespace(model=model, images=images, labels=labels, stored=stored, features=features)


def test_shipped_network_reads_digits(shipped):
    predicted = shipped.features.predicted.numpy()
    assert (predicted == shipped.labels[:COUNT]).mean() >= 0.99
    assert (predicted == shipped.stored["known.predicted"][:COUNT]).mean() > 0.998
    accuracy = (shipped.stored["known.predicted"] == shipped.labels).mean()
    assert accuracy >= 0.994 and len(shipped.stored["known.predicted"]) == 10_000
    assert accuracy == pytest.approx(weights.read_card(SHIPPED)["metrics"]["closed_set_accuracy"], abs=1e-5)


@pytest.mark.parametrize("method", CLOSED)
def test_shipped_scores_are_what_the_model_says(shipped, method):
    score = shipped.model.detectors[method].score(shipped.features)
    expected = torch.from_numpy(shipped.stored[f"known.{method}"][:COUNT])
    same = shipped.features.predicted.numpy() == shipped.stored["known.predicted"][:COUNT]
    scale = float(expected.std())
    assert float((score - expected).abs()[same].quantile(0.99)) < 0.01 * scale


def test_shipped_figures_follow_from_the_shipped_scores(shipped):
    card = weights.read_card(SHIPPED)["metrics"]["sets"]
    for name, method in itertools.product(card, ("gmm", "softmax")):
        known, unknown = shipped.stored[f"known.{method}"], shipped.stored[f"{name}.{method}"]
        truth = np.r_[np.ones(len(known)), np.zeros(len(unknown))]
        assert roc_auc_score(truth, np.r_[known, unknown]) == pytest.approx(card[name][method]["auroc"], abs=1e-4)


def test_shipped_mixture_knows_noise(shipped):
    noise = evaluate.noises(shipped.images[:300])["noise"]
    known = shipped.model.detectors["gmm"].score(shipped.features)
    unknown = shipped.model.detectors["gmm"].score(shipped.model.features(train.to_input(noise)))
    truth = np.r_[np.ones(COUNT), np.zeros(300)]
    assert roc_auc_score(truth, torch.cat([known, unknown])) >= 0.99


@pytest.mark.parametrize("method", CLOSED)
def test_shipped_thresholds_hold_on_test_digits(shipped, method):
    """Measured on all 10,000: they are a little harder than the training pictures that set the thresholds."""
    digits = shipped.stored["known.predicted"]
    for kept, slack in ((0.8, 0.07), (0.98, 0.015)):
        limit = shipped.model.threshold(method, kept).numpy()[digits]
        assert abs((shipped.stored[f"known.{method}"] >= limit).mean() - kept) < slack


def test_digits_of_the_vae(shipped):
    vae = registry.load("digits-vae", "cpu")
    labels = torch.arange(200) % 10
    first = vae.sample(labels, 3)
    assert first.shape == (200, 1, 28, 28) and first.min() >= -1 and first.max() <= 1
    assert torch.equal(first, vae.sample(labels, 3)) and not torch.equal(first, vae.sample(labels, 4))
    assert (shipped.model.features(first).predicted == labels).float().mean() >= 0.9


@pytest.mark.parametrize(
    ("seed", "temperature"), [(-1, 0.8), (2**31, 0.8), ("7", 0.8), (7, 2.0), (7, float("nan")), (7, -0.1)]
)
def test_the_vae_refuses_values_out_of_range(seed, temperature):
    vae = registry.build("digits-vae")
    with pytest.raises(Refusal):
        vae.sample(torch.arange(2), seed, temperature)


def test_a_likelier_digit_has_a_lower_bound():
    """The bound is a negative log-likelihood: zero weights give 784 bits and no divergence."""
    vae = registry.build("digits-vae")
    for parameter in vae.parameters():
        torch.nn.init.zeros_(parameter)
    x = train.to_input(tiny_mnist("train")[0][:5])
    with torch.no_grad():
        bound = float(vae.loss(x, torch.arange(5)))
    assert bound == pytest.approx(784 * np.log(2), rel=1e-5)
