"""DALL-E 2's prior in small: from a phrase's vector to a picture's vector, which the denoiser then draws.

A diffusion model on the unit vectors that "emoji-clip" gives pictures, in diffusers' PriorTransformer: its tokens are
the style, the phrase, the time, the noisy vector, and one whose output is the predicted clean vector.
Source: Ramesh et al. 2022, arXiv:2204.06125, section 2.2; variations and interpolations are its section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from diffusers import DDIMScheduler
from diffusers.models import PriorTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels import registry, train, weights
from genmodels.data import emoji
from genmodels.errors import in_range
from genmodels.step import Step
from genmodels.text_to_image import pipeline, text
from genmodels.text_to_image.batches import DiffusionBatches
from genmodels.text_to_image.captions import LANGUAGES
from genmodels.text_to_image.latents import picture_vectors as encoded
from genmodels.text_to_image.latents import variants
from genmodels.text_to_image.walk import slerp
from genmodels.train import Budget, Trained

PAIRS = 512_000
BATCH = 256
NO_CAPTION = 0.1
GUIDANCE = 3.0
RANKED = 100
SAMPLED = {"prior": {}, "prior_one_step": {"steps": 1, "guidance_scale": 1.0}}  # one step gives the mean of all vectors
SIDES = {"unseen_pairs": emoji.HELD_PAIR, "unseen_subjects": emoji.HELD_SUBJECT}


class EmojiPrior(nn.Module):
    """Noisy picture vectors (B, 512), the time, phrases (B, 512) and styles (B,) -> clean picture vectors (B, 512)."""

    def __init__(self, dim: int = 256, num_layers: int = 3, num_heads: int = 4) -> None:
        super().__init__()
        self.style = nn.Embedding(len(pipeline.STYLE_IDS), text.DIM)
        self.transformer = PriorTransformer(
            num_attention_heads=num_heads,
            attention_head_dim=dim // num_heads,
            num_layers=num_layers,
            embedding_dim=text.DIM,
            num_embeddings=1,
        )
        self.transformer.clip_mean.requires_grad_(False)
        self.transformer.clip_std.requires_grad_(False)

    def forward(self, z_t: Tensor, t: Tensor, phrase: Tensor, style: Tensor) -> Tensor:
        """z_t and the prediction are normalised, see `normalize`; a phrase of zeros asks for any picture."""
        scaled = phrase * text.DIM**0.5
        styles = self.style(style)[:, None]
        return self.transformer(z_t, t, scaled, styles).predicted_image_embedding

    def normalize(self, vectors: Tensor) -> Tensor:
        """Unit vectors (B, 512) as diffusion sees them: mean 0, and a mean square of 1 over all their components."""
        return (vectors - self.transformer.clip_mean) / self.transformer.clip_std

    def denormalize(self, z: Tensor) -> Tensor:
        """The inverse of `normalize`, brought back to length 1."""
        return F.normalize(self.transformer.post_process_latents(z), dim=1)

    @torch.no_grad()
    def fit_statistics(self, vectors: Tensor) -> None:
        """Take mean and spread of picture vectors (N, 512); one spread for all components, which keeps angles."""
        self.transformer.clip_mean.copy_(vectors.mean(0, keepdim=True))
        self.transformer.clip_std.fill_(float((vectors - vectors.mean(0)).square().mean().sqrt()))


def new_scheduler() -> DDIMScheduler:
    """The cosine schedule of Nichol and Dhariwal 2021, arXiv:2102.09672, and a network that predicts the clean end."""
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        clip_sample=False,
        timestep_spacing="trailing",
    )


def picture_vectors(
    prior: EmojiPrior,
    prompts: Sequence[str],
    *,
    style: str = pipeline.ANY_STYLE,
    seed: int = 0,
    steps: int = 10,
    guidance_scale: float = GUIDANCE,
) -> Iterator[Step]:
    """A picture vector for each of `prompts` (B), in `steps` steps.

    x_t (B, 512) is the noisy state, normalised; x0 (B, 512) the predicted unit vector, which `as_tokens` hands to
    `pipeline.sample`. Vector i does not depend on B. Raises Refusal for what is out of range.
    """
    pipeline.check(steps, guidance_scale, seed, style)
    solver = new_scheduler()
    solver.set_timesteps(steps)
    place = prior.style.weight.device
    phrase = text.tokens(prompts)[0][:, 0].to(place)
    styles = torch.full((len(phrase),), pipeline.STYLE_IDS.index(style), device=place)
    generator = torch.Generator().manual_seed(seed)
    z_t = torch.stack([torch.randn(text.DIM, generator=generator) for _ in prompts]).to(place)
    for i, t in enumerate(solver.timesteps):
        with torch.no_grad():
            z0 = prior(z_t, t, phrase, styles)
            if guidance_scale != 1:
                empty = prior(z_t, t, torch.zeros_like(phrase), styles)
                z0 = empty + guidance_scale * (z0 - empty)
            z_t = solver.step(z0, t, z_t).prev_sample
        yield Step(i + 1, steps, x_t=z_t, x0=prior.denormalize(z0), info={"t": float(t)})


def as_tokens(vectors: Tensor) -> pipeline.Tokens:
    """Picture vectors (B, 512) -> what `pipeline.sample` takes for prompts: the vector stands where a phrase would."""
    return vectors[:, None], torch.ones(len(vectors), 1, dtype=torch.bool, device=vectors.device)


@torch.no_grad()
def variations(
    model: pipeline.EmojiPipeline,
    clip: nn.Module,
    picture: Tensor,
    *,
    count: int = 4,
    style: str = pipeline.ANY_STYLE,
    seed: int = 0,
    steps: int = 20,
    guidance_scale: float = 3.0,
) -> Iterator[Step]:
    """More like this: `count` (1 to 16) pictures from the vector that clip gives picture (1, 3, 64, 64) in [-1, 1].

    Steps are those of `pipeline.sample`. Raises Refusal for what is out of range.
    """
    in_range("count", count, 1, 16)
    tokens = as_tokens(clip(picture).expand(count, -1))
    return pipeline.sample(model, tokens, style=style, seed=seed, steps=steps, guidance_scale=guidance_scale)


@torch.no_grad()
def between(clip: nn.Module, first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Pictures (3, 64, 64) in [-1, 1] and share (F,) from 0 to 1 -> unit vectors (F, 512) on the arc between theirs."""
    return slerp(*clip(torch.stack([first, second])), share)


class PriorBatches:
    """Called with a step, an endless stream of (z_t, z0, t, phrase, style), the same for the same step."""

    def __init__(self, prior: EmojiPrior, asked: DiffusionBatches, vectors: Tensor) -> None:
        self.asked = asked
        self.z0 = prior.normalize(vectors).detach()
        self.alphas_cumprod = new_scheduler().alphas_cumprod

    def __call__(self, step: int) -> Iterator[tuple[Tensor, ...]]:
        rng, generator = np.random.default_rng(step), torch.Generator().manual_seed(step)
        while True:
            rows = self.asked.draw(rng)
            tokens, mask, style = self.asked.ask(rows, rng)
            z0 = self.z0[torch.from_numpy(rows)]
            t = torch.randint(len(self.alphas_cumprod), (len(rows),), generator=generator)
            kept = self.alphas_cumprod[t][:, None]
            z_t = kept.sqrt() * z0 + (1 - kept).sqrt() * torch.randn(z0.shape, generator=generator)
            yield z_t, z0, t, tokens[:, 0] * mask[:, :1], style


def loss(prior: EmojiPrior, z_t: Tensor, z0: Tensor, t: Tensor, phrase: Tensor, style: Tensor) -> Tensor:
    """Mean square error of the clean vector, which the paper found better than predicting noise (equation 2)."""
    return F.mse_loss(prior(z_t, t, phrase, style), z0)


def recipe(budget: Budget) -> Iterator[Step]:
    """Captions drawn anew and their pictures' vectors, recoloured copies included; some captions dropped."""
    data = emoji.load()
    clip = registry.load("emoji-clip", "cpu")
    vectors = encoded(data, clip)
    asked = DiffusionBatches(data, variants(data, registry.load("emoji-autoencoder", "cpu")), BATCH, NO_CAPTION)
    prior, trained = EmojiPrior(), Trained()
    prior.fit_statistics(vectors)
    yield from train.fit(
        "emoji-prior",
        prior,
        PriorBatches(prior, asked, vectors),
        loss,
        budget=budget,
        steps=PAIRS // BATCH,
        lr=1e-3,
        warmup=100,
        weight_decay=0.03,
        average=0.995,
        trained=trained,
    )
    prior = prior.cpu()
    weights.write("emoji-prior", prior, small=True)
    prior.load_state_dict(weights.read(registry.folder("emoji-prior")))  # figures are of what ships
    weights.write_card(
        "emoji-prior",
        trained=vars(trained),
        device=budget.device,
        recipe="python -m genmodels train emoji-prior",
        data=registry.card("emoji-prior").data,
        license=registry.card("emoji-prior").license,
        params=sum(p.numel() for p in prior.parameters()),
        held_out=measure(prior, data, clip),
    )


def measure(prior: EmojiPrior, data: emoji.Emoji, clip: nn.Module) -> dict[str, float]:
    """On pictures that no model learned from: how near the phrase, and the prior's vector, come to the picture's own.

    By side of the split: mean cosine, and how often the picture comes first, and among the first five, of 100 in the
    same style. The phrase is the subject's name, in both languages.
    """
    vectors = torch.zeros(len(data.split), text.DIM)
    for side in np.unique(data.split).tolist():
        vectors[torch.from_numpy(data.split == side)] = encoded(data, clip, side, copies=False)
    figures: dict[str, float] = {}
    for name, side in SIDES.items():
        rows = np.flatnonzero(data.split == side)
        for what, found in _found(prior, data, rows).items():
            ranked = [_places(part, vectors, data, rows) for part in found]
            cosine, places = (np.concatenate(column) for column in zip(*ranked, strict=True))
            figures |= {
                f"cosine_{what}_{name}": round(float(cosine.mean()), 4),
                f"top1_{what}_{name}": round(float((places < 1).mean()), 4),
                f"top5_{what}_{name}": round(float((places < 5).mean()), 4),
            }
    return figures


def _found(prior: EmojiPrior, data: emoji.Emoji, rows: np.ndarray) -> dict[str, list[Tensor]]:
    """What stands for each of the rows' pictures (N, 512), in each language: the phrase alone, and the prior's."""
    found: dict[str, list[Tensor]] = {"text": [], **{what: [] for what in SAMPLED}}
    for language in LANGUAGES:
        names = [data.subjects[s].names[language] for s in data.subject[rows]]
        found["text"].append(text.tokens(names)[0][:, 0])
        for what, options in SAMPLED.items():
            vectors = torch.zeros(len(rows), text.DIM)
            for number in np.unique(data.style[rows]).tolist():
                own = np.flatnonzero(data.style[rows] == number)
                asked = [names[i] for i in own]
                *_, last = picture_vectors(prior, asked, style=emoji.STYLES[number].id, **options)
                vectors[torch.from_numpy(own)] = last.x0
            found[what].append(vectors)
    return found


def _places(
    found: Tensor, vectors: Tensor, data: emoji.Emoji, rows: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of found (N, 512) with its own picture, and that picture's place, from 0, among RANKED of its style."""
    rng = np.random.default_rng(seed)
    cosine = (found * vectors[torch.from_numpy(rows)]).sum(1).numpy()
    places = np.zeros(len(rows), np.int64)
    for i, row in enumerate(rows):
        rivals = np.flatnonzero((data.style == data.style[row]) & (data.subject != data.subject[row]))
        drawn = torch.from_numpy(rng.choice(rivals, RANKED - 1, replace=False))
        places[i] = int((vectors[drawn] @ found[i] >= cosine[i]).sum())
    return cosine, places
