"""Few labels of the visitor's own: photographs of two or three things, a probe, and its answer to a new picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from demos import _pictures, _shell
from demos._quick import on
from demos.masking import _few, _photos, _views
from demos.masking._views import says, text
from genmodels import images, registry
from genmodels.errors import Refusal, in_range, one_of
from genmodels.step import Step

if TYPE_CHECKING:
    from torch import Tensor

    from genmodels.masking.probe import Probe

HERE = Path(__file__).parent
CLASSES, MOST = 3, 24  # of the visitor's own, and photographs of each
AT_ONCE = 12
SIZE = 64
NAME = 30  # characters
KEEP_SECONDS = 3600
SHELF = '<div class="mk-own"></div><div class="mk-shelf"></div>'
SCRIPT = """
const host = element.querySelector(".mk-own"), shelf = element.querySelector(".mk-shelf");
const accept = picker(host, { many: MANY, side: 512 }, (data) => { element.pictures = data; trigger("upload"); });
droppable(element, accept);
const show = () => { shelf.innerHTML = props.value || ""; };
window.genlabMaskingTaken = window.genlabMaskingTaken || {};
window.genlabMaskingTaken["NAME"] = () => {
  const data = JSON.stringify(element.pictures || []);
  element.pictures = [];
  return data;
};
watch("value", show);
show();
"""


@dataclass
class Collection:
    """One visitor's photographs, (3, 64, 64) in [-1, 1], by class, and what was learned from them."""

    pictures: tuple[list[Tensor], ...] = field(default_factory=lambda: tuple([] for _ in range(CLASSES)))
    probe: Probe | None = None
    model: str = ""
    learned: tuple[int, ...] = ()  # the classes that the probe knows


def run_gather(lang: str, kept: object, which: object, data: object) -> tuple[Collection, str]:
    """Put photographs on a class's shelf.

    kept: the visitor's collection or None; which: the class, 0 to 2; data: JSON list of files in base64.
    -> the collection, HTML of the shelf.
    """
    found = kept if isinstance(kept, Collection) else Collection()
    which = int(in_range("class", which, 0, CLASSES - 1))
    whole = _photos.Crop.read(_photos.WHOLE)
    new = [whole.cut(_photos.own(file), SIZE)[0] for file in _files(data)]
    room = MOST - len(found.pictures[which])
    found.pictures[which].extend(new[:room])
    note = "" if len(new) <= room else text(lang, "own.full", most=MOST)
    return found, shelf(lang, found, which, note)


def run_shelves(lang: str, kept: object) -> list[str]:
    """Every shelf, in this language -> HTML of each."""
    found = kept if isinstance(kept, Collection) else Collection()
    return [shelf(lang, found, which) for which in range(CLASSES)]


def run_learn(lang: str, kept: object, model: object, *names: object) -> Iterator[tuple[Step, Collection, str]]:
    """Encode the photographs and train a probe on them. Yields (Step, the collection, HTML).

    Raises Refusal("few_classes") unless two classes have a photograph.
    """
    import torch

    from genmodels.masking.probe import Probe, features

    one_of("model", model, [card.id for card in _few.encoders()])
    found = kept if isinstance(kept, Collection) else Collection()
    filled = tuple(i for i, shelf in enumerate(found.pictures) if shelf)
    if len(filled) < 2:
        raise Refusal("few_classes", "photographs of at least two classes are needed")
    network = _views.load(model, "encode")
    pictures = [(label, one) for label, i in enumerate(filled) for one in found.pictures[i]]
    codes = []
    for i, (_, one) in enumerate(pictures):
        codes.append(features(network, one.unsqueeze(0)))
        yield Step(i + 1, len(pictures) + 1), found, gr.skip()
    labels = torch.tensor([label for label, _ in pictures])
    many = registry.load(_few.CODES, "cpu").of(model)[0]
    found.probe, found.model, found.learned = Probe.fit(torch.cat(codes), labels, many), str(model), filled
    counts = ", ".join(
        text(lang, "own.count", name=class_name(lang, names, i), n=len(found.pictures[i])) for i in filled
    )
    yield Step(len(pictures) + 1, len(pictures) + 1), found, says(text(lang, "own.learned", counts=counts))


def run_decide(lang: str, kept: object, data: object, *names: object) -> str:
    """What the visitor's probe says of a new picture -> HTML of its bars. Raises Refusal("untrained") before."""
    from genmodels.masking.probe import features

    if not isinstance(kept, Collection) or kept.probe is None:
        raise Refusal("untrained", "nothing has been trained on this page yet")
    files = _files(data)
    if not files:
        raise Refusal("picture_empty", "no file came")
    tile = _photos.Crop.read(_photos.WHOLE).cut(_photos.own(files[0]), SIZE)
    chances = kept.probe.probabilities(features(_views.load(kept.model, "encode"), tile))[0].tolist()
    labels = [class_name(lang, names, i) for i in kept.learned]
    best = max(range(len(chances)), key=chances.__getitem__)
    bars = "".join(
        f'<div class="mk-bar-row"><span>{escape(label)}</span><i style="--part:{chance:.4f}"></i>'
        f"<b>{_views.cell(lang, '{:.0f} %', 100 * chance)}</b></div>"
        for label, chance in zip(labels, chances, strict=True)
    )
    answer = text(lang, "own.answer", name=labels[best], percent=100 * chances[best])
    seen = _views.figure(tile, text(lang, "own.seen"), text(lang, "own.seen"))
    return f'<div class="mk-decision">{seen}<div>{says(answer)}{bars}</div></div>'


def class_name(lang: str, names: tuple[object, ...], which: int) -> str:
    """What the visitor calls a class, or its letter."""
    typed = str(names[which] or "").strip()[:NAME] if which < len(names) else ""
    return typed or text(lang, "own.class", letter="ABC"[which])


def shelf(lang: str, found: Collection, which: int, note: str = "") -> str:
    """HTML: the photographs of one class."""
    pictures = found.pictures[which]
    cells = "".join(
        f'<img alt="{escape(text(lang, "own.photo", i=i + 1))}" src="{_pictures.uri(one)}">'
        for i, one in enumerate(pictures)
    )
    return f"<div>{cells}</div>{says(note or text(lang, 'own.have', n=len(pictures)), 'mk-small')}"


def build(ctx: _shell.Context) -> None:
    """Lay the shelves out and wire them."""
    gr.Markdown(ctx.t("own.intro"))
    kept = gr.State(None, time_to_live=KEEP_SECONDS)
    arriving = gr.Textbox(visible="hidden")
    names, shelves = [], []
    with gr.Row(elem_classes="mk-classes"):
        for which in range(CLASSES):
            with gr.Column(min_width=240):
                letter = "ABC"[which]
                names.append(gr.Textbox("", label=ctx.t(f"own.name_{letter}"), max_length=NAME))
                shelves.append(_shelf(f"class{which}", many=True))
    with gr.Row(elem_classes="gl-actions mk-bar"):
        encoder = _few.encoder_list(ctx)
        start = gr.Button(ctx.t("own.start"), variant="primary", size="md")
        stop = gr.Button(ctx.shell("stop"), size="md")
        clear = gr.Button(ctx.t("own.clear"), size="md")
    status = gr.HTML(min_height=24)
    learned = gr.HTML(elem_id="mk-own-learned", min_height=28)
    gr.Markdown(ctx.t("own.ask"))
    new = _shelf("new", many=False)
    decided = gr.HTML(elem_id="mk-decided", min_height=120)
    for which, one in enumerate(shelves):

        def gather(lang: str, kept: object, data: object, which: int = which) -> tuple[Collection, str]:
            return run_gather(lang, kept, which, data)

        on(ctx, [one.upload], gather, [kept, arriving], [kept, one], 1, _taken(f"class{which}"))
    on(ctx, [new.upload], run_decide, [kept, arriving, *names], [decided], 0, _taken("new"))
    ctx.on_show(run_shelves, [kept], shelves)
    ctx.run(start, stop, run_learn, [kept, encoder, *names], [kept, learned], status)
    ctx.live(
        [clear.click], lambda lang: (None, *run_shelves(lang, None), "", ""), [], [kept, *shelves, learned, decided]
    )


def _shelf(name: str, many: bool) -> gr.HTML:
    script = _pictures.picker() + SCRIPT.replace("NAME", name).replace("MANY", "true" if many else "false")
    return gr.HTML(html_template=SHELF, js_on_load=script, elem_classes="mk-pictures", elem_id=f"mk-{name}")


def _taken(name: str) -> str:
    return f"(lang, kept, data, ...rest) => [lang, kept, genlabMaskingTaken.{name}(), ...rest]"


def _files(data: object) -> list[str]:
    """A JSON list of files in base64, at most AT_ONCE. Raises Refusal for anything else."""
    limit = images.MAX_BYTES // 10**6
    if not isinstance(data, str) or len(data) > AT_ONCE * images.MAX_BYTES // 8:
        raise Refusal("picture_bytes", f"the files are too large; the limit is {limit} MB", limit=limit)
    try:
        files = json.loads(data)
    except ValueError as error:
        raise Refusal("picture_kind", "the files did not arrive as a list") from error
    if not isinstance(files, list):
        raise Refusal("picture_kind", "the files did not arrive as a list")
    return files[:AT_ONCE]
