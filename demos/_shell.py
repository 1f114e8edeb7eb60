"""What every tab shares: the page around the topics, and the Context that a topic builds with."""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from html import escape
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from demos import _i18n, _theme
from genmodels.errors import Refusal
from genmodels.step import Step

log = logging.getLogger(__name__)
HEAVY = "heavy"
LATEX = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]
SEED_MAX = 2**31 - 1
ON_LOAD = "async () => [await genlab.setLanguage(genlab.language())]"
ON_LANGUAGE = "async (lang, active) => [await genlab.setLanguage(lang), active]"
_numbers = itertools.count(1)


@dataclass
class Control:
    """A component that a share link restores; encode and decode turn its value into text and back."""

    component: Component
    encode: Callable[[Any], str]
    decode: Callable[[str], Any]


@dataclass
class Context:
    """What a topic's `build(ctx)` gets: texts, sections, controls, and the wiring of events."""

    topic: ModuleType
    i18n: gr.I18n
    lang: gr.Radio
    controls: dict[str, Control] = field(default_factory=dict)
    renders: list[tuple[Callable[..., Any], Sequence[Component], Sequence[Component]]] = field(default_factory=list)
    tabs: list[tuple[gr.Tab, str]] = field(default_factory=list)

    def t(self, key: str) -> Any:
        """A text of the topic, translated in the browser."""
        return self.i18n(f"{self.topic.ID}.{key}")

    def shell(self, key: str) -> Any:
        """A text of the shell, translated in the browser."""
        return self.i18n(f"shell.{key}")

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """One part of the tab grammar: "idea", "try", "inside", "measure" or "predict"."""
        with gr.Column(elem_classes=["gl-section", f"gl-{name}"]):
            gr.Markdown(self.shell(name), elem_classes="gl-heading")
            yield

    def tab(self, key: str, **options: Any) -> gr.Tab:
        """A tab labelled by a text of the topic; Gradio alone leaves labels of tabs not yet opened untranslated."""
        self.tabs.append((gr.Tab(self.t(key), **options), key))
        return self.tabs[-1][0]

    def control(
        self,
        name: str,
        component: Component,
        encode: Callable[[Any], str] = str,
        decode: Callable[[str], Any] | None = None,
    ) -> Any:
        """Let share links carry this component's value under `name`; returns the component."""
        self.controls[name] = Control(component, encode, decode or functools.partial(_decode, component, name))
        return component

    def on_show(
        self, fn: Callable[..., Any], inputs: Sequence[Component], outputs: Sequence[Component]
    ) -> Callable[..., Any]:
        """fn(lang, *inputs) fills the tab when it opens, after a link restored it, and in another language.

        Each call adds one such function. They take well under a second each, and go past the queue: many short events
        at once on its one stream leave it open at times.
        """
        self.renders.append((_guarded(fn, len(outputs)), [self.lang, *inputs], list(outputs)))
        return fn

    def live(
        self,
        triggers: Sequence[Any],
        fn: Callable[..., Any],
        inputs: Sequence[Component],
        outputs: Sequence[Component],
        api_name: str | None = None,
    ) -> Dependency:
        """A light event: fn(lang, *inputs) -> outputs, the last one wins while a slider is dragged."""
        return gr.on(
            triggers,
            _guarded(fn, len(outputs)),
            [self.lang, *inputs],
            list(outputs),
            trigger_mode="always_last",
            show_progress="hidden",
            concurrency_limit=4,
            **_api(api_name),
        )

    def run(
        self,
        start: gr.Button,
        stop: gr.Button,
        fn: Callable[..., Iterator[tuple[Any, ...]]],
        inputs: Sequence[Component],
        outputs: Sequence[Component],
        status: gr.HTML,
        api_name: str | None = None,
    ) -> Dependency:
        """A heavy event: fn(lang, *inputs) yields (Step, *outputs); Stop takes effect within one Step."""
        event = start.click(
            gpu(_stepped(fn, len(outputs))),
            [self.lang, *inputs],
            [status, *outputs],
            concurrency_id=HEAVY,
            concurrency_limit=1,
            show_progress="hidden",
            **_api(api_name),
        )
        said = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        stop.click(None, None, None, cancels=[event], **said).then(_stopped, self.lang, status, **said)
        return event

    def follow(
        self, event: Dependency, fn: Callable[..., Any], inputs: Sequence[Component], outputs: Sequence[Component]
    ) -> None:
        """A light event after another: fn(lang, *inputs) -> outputs of what that one showed."""
        event.then(
            _guarded(fn, len(outputs)),
            [self.lang, *inputs],
            list(outputs),
            trigger_mode="always_last",
            show_progress="hidden",
            concurrency_limit=4,
            api_visibility="private",
        )

    def seed_row(self, value: int = 7) -> gr.Number:
        """A seed to type, and a die that puts another one there for all to see."""
        with gr.Row(elem_classes="gl-seed"):
            seed = gr.Number(value, precision=0, minimum=0, maximum=SEED_MAX, label=self.shell("seed"), min_width=110)
            dice = gr.Button(self.shell("dice"), size="sm", min_width=90)
        dice.click(lambda: secrets.randbelow(SEED_MAX), None, seed, queue=False, api_visibility="private")
        return self.control("seed", seed)

    def actions(self, picture: str, snippet: Callable[..., str], inputs: Sequence[Component]) -> None:
        """Copy link, save the element `picture` (a CSS selector) as PNG, and the Python code of what is on screen."""
        with gr.Row(elem_classes="gl-actions"):
            share = gr.Button(self.shell("share"), size="sm")
            save = gr.Button(self.shell("save"), size="sm")
            code = gr.Button(self.shell("code"), size="sm")
        link = gr.Textbox(visible="hidden")
        source = gr.Code(language="python", visible=False, label=self.shell("code_hint"), elem_classes="gl-code")
        names = list(self.controls)
        components = [control.component for control in self.controls.values()]

        def query(lang: str, *values: Any) -> str:
            pairs = {n: self.controls[n].encode(v) for n, v in zip(names, values, strict=True) if v is not None}
            return urlencode({"tab": self.topic.ID, "lang": lang, **pairs})

        said = {lang: _i18n.say(lang, "shared") for lang in _i18n.LANGUAGES}
        share.click(query, [self.lang, *components], link, queue=False, api_visibility="private").then(
            None, [link, self.lang], None, js=f"(query, lang) => genlab.share(query, ({said})[lang])"
        )
        save.click(None, None, None, js=f"() => genlab.save({picture!r}, 'genlab-{self.topic.ID}')")
        code.click(
            lambda lang, *values: gr.update(value=snippet(*values), visible=True),
            [self.lang, *inputs],
            source,
            queue=False,
            api_visibility="private",
        )

    def restored(self, lang: str, query: dict[str, str]) -> tuple[list[Any], list[str]]:
        """Updates of this tab's controls from a link's query, and a sentence on each value that does not fit."""
        updates, wrong = [], []
        for name, control in self.controls.items():
            try:
                updates.append(gr.update(value=control.decode(query[name])) if name in query else gr.skip())
            except ValueError:
                wrong.append(_i18n.say(lang, "bad_link", name=name))
                updates.append(gr.skip())
        return updates, wrong


def page(topics: list[ModuleType]) -> tuple[gr.Blocks, gr.I18n]:
    """The whole page over the given topics, and its texts for `launch`. Loads no model."""
    i18n = _i18n.translations(topics)
    with gr.Blocks(title="GenLab", analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)) as demo:
        lang = _header(i18n)
        contexts, tab_items = [], []
        with gr.Tabs(elem_id="topics", overflow_behavior="wrap") as tabs:
            for topic in topics:
                ctx = Context(topic, i18n, lang)
                with ctx.tab("tab", id=topic.ID, elem_classes=f"gl-topic gl-{topic.ID}") as item:
                    topic.build(ctx)
                contexts.append(ctx)
                tab_items.append(item)
        _wire(demo, lang, tabs, tab_items, contexts)
    return demo, i18n


def serve(topics: list[ModuleType], **options: Any) -> None:
    """Launch the page on this machine; `options` go to Gradio's launch."""
    demo, i18n = page(topics)
    demo.queue(max_size=32).launch(
        theme=_theme.theme(),
        css_paths=_theme.styles(topics),
        head=_theme.head(),
        i18n=i18n,
        footer_links=["api", "gradio"],
        run_history=False,
        max_file_size="20mb",
        ssr_mode=False,
        **options,
    )


def gpu(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The hosted GPU machines' decorator, where they are; elsewhere the function itself."""
    try:
        import spaces
    except ImportError:
        return fn
    return spaces.GPU(fn)


def status_line(text: str) -> str:
    """HTML of a status line; screen readers hear it change."""
    return f'<p class="gl-status" role="status">{escape(text)}</p>'


def measure_table(lang: str, rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """HTML table; the first cell of a row is its header."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    table = f'<table class="gl-table"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="gl-scroll" tabindex="0">{table}</div>'


def generated_label(lang: str) -> str:
    """The mark on every picture that a model made; it also makes the saved PNG say so."""
    return f'<span class="gl-generated" data-generated="1">{escape(_i18n.say(lang, "generated"))}</span>'


def _header(i18n: gr.I18n) -> gr.Radio:
    with gr.Row(elem_classes="gl-header"):
        gr.HTML('<h1 class="gl-title">GenLab</h1>')
        gr.Markdown(i18n("shell.tagline"), elem_classes="gl-tagline")
        choices = [("Português", "pt"), ("English", "en")]
        lang = gr.Radio(choices, value=None, label=i18n("shell.language"), container=False, elem_classes="gl-lang")
        theme = gr.Button(i18n("shell.theme"), size="sm", elem_classes="gl-tool")
        show = gr.Button(i18n("shell.present"), size="sm", elem_classes="gl-tool")
    theme.click(None, None, None, js="() => genlab.toggleTheme()")
    show.click(None, None, None, js="() => genlab.present(true)")
    return lang


def _wire(demo: gr.Blocks, lang: gr.Radio, tabs: gr.Tabs, items: list[gr.Tab], contexts: list[Context]) -> None:
    """Fill a tab when it opens and again in another language.

    Tabs are outputs of the browser's own functions only: at each event Gradio 6 copies the state of every component
    that was an output of the server's before, with all that it holds.
    """
    known = [ctx.topic.ID for ctx in contexts]
    active = gr.State("")
    shows = [gr.Number(visible="hidden") for _ in contexts]  # a new number here fills that tab
    asked, wrong = (gr.Textbox(visible="hidden") for _ in range(2))  # by the link: the tab, and what does not fit

    def opened(lang: str, request: gr.Request) -> list[Any]:
        query = dict(request.query_params)
        tab = query.get("tab", known[0])
        said = [] if tab in known else [_i18n.say(lang, "no_tab")]
        tab = tab if tab in known else known[0]
        updates = []
        for ctx in contexts:
            group, unfit = ctx.restored(lang, query if ctx.topic.ID == tab else {})
            updates += group
            said += unfit
        first = tab if tab == known[0] else ""  # another tab fills itself when it is selected, after this
        return [lang, first, tab, "\n".join(said), *shown(first), *updates]

    def warn(said: str) -> None:
        for line in said.splitlines():
            gr.Warning(line, duration=None)  # the page may still be filling when it comes

    def shown(tab: str) -> list[Any]:
        return [next(_numbers) if name == tab else gr.skip() for name in known]

    def select(tab: str, lang: str | None) -> tuple[str, Any]:
        return tab, next(_numbers) if lang else gr.skip()  # Gradio selects the first tab before it knows the language

    labelled = [tab for ctx in contexts for tab, _ in ctx.tabs]
    labels = json.dumps(
        {
            code: [
                {"__type__": "update", "label": ctx.topic.TEXT[code][key]} for ctx in contexts for _, key in ctx.tabs
            ]
            for code in _i18n.LANGUAGES
        }
    )
    controls = [control.component for ctx in contexts for control in ctx.controls.values()]
    private = {"api_visibility": "private", "show_progress": "hidden"}
    loaded = demo.load(
        opened, lang, [lang, active, asked, wrong, *shows, *controls], js=ON_LOAD, queue=False, **private
    )
    select_and_label = f"(tab, lang) => [{{ __type__: 'update', selected: tab }}, ...({labels})[lang]]"
    loaded.then(None, [asked, lang], [tabs, *labelled], js=select_and_label)
    wrong.change(warn, wrong, None, **private)  # through the queue: past it Gradio drops warnings
    switched = lang.input(
        lambda lang, active: [lang, *shown(active)],
        [lang, active],
        [lang, *shows],
        js=ON_LANGUAGE,
        queue=False,
        **private,
    )
    switched.then(None, lang, labelled, js=f"(lang) => ({labels})[lang]")
    for ctx, item, show in zip(contexts, items, shows, strict=True):
        item.select(functools.partial(select, ctx.topic.ID), lang, [active, show], queue=False, **private)
        for fn, inputs, outputs in ctx.renders:
            show.change(fn, inputs, outputs, queue=False, **private)


def _guarded(fn: Callable[..., Any], outputs: int) -> Callable[..., Any]:
    """fn, with anything it raises turned into one sentence for the visitor and the outputs left as they are."""

    @functools.wraps(fn)
    def call(lang: str, *values: Any) -> Any:
        try:
            return fn(lang, *values)
        except Exception as error:
            gr.Warning(_i18n.explain(lang, error))
            return _skips(outputs)

    call.__signature__ = inspect.signature(fn)
    return call


def _stepped(fn: Callable[..., Iterator[tuple[Any, ...]]], outputs: int) -> Callable[..., Iterator[Any]]:
    """fn's (Step, *outputs) as (status line, *outputs); errors become the status line."""

    @functools.wraps(fn)
    def steps(lang: str, *values: Any) -> Iterator[Any]:
        began = time.monotonic()
        try:
            with closing(fn(lang, *values)) as results:
                for step, *out in results:
                    yield status_line(_progress(lang, step, time.monotonic() - began)), *out
            yield status_line(_i18n.say(lang, "done", seconds=time.monotonic() - began)), *_skips(outputs, True)
        except Exception as error:
            yield status_line(_i18n.explain(lang, error)), *_skips(outputs, True)

    return steps


def _stopped(lang: str) -> str:
    time.sleep(0.2)  # what the run sent before it heard of the stop arrives first, and does not overwrite this
    return status_line(_i18n.say(lang, "stopped"))


def _progress(lang: str, step: Step, seconds: float) -> str:
    return _i18n.say(lang, "running", i=step.i, n=step.n, seconds=seconds)


def _skips(count: int, as_list: bool = False) -> Any:
    return [gr.skip() for _ in range(count)] if count > 1 or as_list else gr.skip()


def _api(name: str | None) -> dict[str, str]:
    return {"api_name": name} if name else {"api_visibility": "private"}


def _decode(component: Component, name: str, text: str) -> Any:
    """A link's text as the component's value. Raises ValueError for what the component does not offer."""
    if isinstance(component, gr.Slider | gr.Number):
        value = float(text)
        low, high = component.minimum, component.maximum
        if not low <= value <= high:
            raise Refusal(
                "range", f"{name} must be from {low} to {high}", name=name, value=text[:20], low=low, high=high
            )
        return int(value) if isinstance(component, gr.Number) else value
    if isinstance(component, gr.Radio | gr.Dropdown):
        if text not in [choice[1] for choice in component.choices]:
            raise Refusal("choice", f"{text!r} is not a choice of {name}", name=name, value=text[:40])
        return text
    if isinstance(component, gr.Checkbox):
        return text == "True"
    return text[:2000]
