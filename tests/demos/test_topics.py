"""What must hold of every topic's tab, of the shell's texts, and of the open-set tab's functions."""

import ast
import base64
import logging
import string
import zlib
from pathlib import Path
from xml.etree import ElementTree

import gradio as gr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import demos
from demos import _i18n, _plots, _shell, open_set
from demos.open_set import _views
from genmodels import weights
from genmodels.errors import Refusal
from genmodels.step import Step
from tests.demos.in_loop import in_loop

ROOT = Path(__file__).resolve().parents[2]
TOPICS = demos.topics()
each = pytest.mark.parametrize("topic", TOPICS, ids=[topic.ID for topic in TOPICS])
languages = pytest.mark.parametrize("lang", _i18n.LANGUAGES)
BAD_NUMBERS = [float("nan"), float("inf"), float("-inf"), 0, 79.9, 100, -1, "98", None, True, [98]]


def fields(text: str) -> set[str]:
    """Names of a format string's placeholders."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def same_in_both(table: dict[str, dict[str, str]]) -> None:
    assert set(table) == {"en", "pt"}
    assert table["en"].keys() == table["pt"].keys()
    for key, text in table["en"].items():
        other = table["pt"][key]
        assert text.strip() and other.strip(), key
        if not key.startswith("idea"):  # equations have braces of their own
            assert fields(text) == fields(other), key


@each
def test_topic_contract(topic):
    assert topic.ID == topic.__name__.removeprefix("demos.") and isinstance(topic.ORDER, int)
    assert callable(topic.build)
    assert [name for name in vars(topic) if name.startswith("run_")]
    same_in_both(topic.TEXT)
    assert {"tab", "idea"} <= topic.TEXT["en"].keys()


def test_topics_stand_in_the_lectures_order():
    orders = [topic.ORDER for topic in TOPICS]
    assert orders == sorted(set(orders)) and "open_set" in [topic.ID for topic in TOPICS]


def test_shell_texts():
    same_in_both(_i18n.SHELL)


@each
def test_topic_previews_alone(topic):
    page, _ = in_loop(lambda: _shell.page([topic]))
    assert isinstance(page, gr.Blocks) and len(page.fns) > 3


def test_the_whole_page_builds_twice():
    for _ in range(2):
        page, i18n = in_loop(lambda: _shell.page(TOPICS))
    assert isinstance(page, gr.Blocks)
    assert i18n.translations["pt"]["shell.run"] == "Executar"


def test_no_tab_is_an_output_of_the_server():
    """Gradio copies the state of all that a tab holds at every event after one that put out the tab."""
    page, _ = in_loop(lambda: _shell.page(TOPICS))
    assert not [
        (event.name, type(output).__name__)
        for event in page.fns.values()
        for output in event.outputs
        if event.fn is not None and isinstance(output, gr.Tab | gr.Tabs)
    ]


def calls(folder: str):
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node


def first_text(node: ast.Call) -> str | None:
    head = node.args[0] if node.args else None
    return head.value if isinstance(head, ast.Constant) and isinstance(head.value, str) else None


def imported(topic) -> set[str]:
    """Names that a tab's files import from `demos`."""
    home = ROOT / "demos" / topic.ID
    files = home.rglob("*.py") if home.is_dir() else [home.with_suffix(".py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    return {name.name for n in nodes if isinstance(n, ast.ImportFrom) and n.module == "demos" for name in n.names}


def tabs(path: Path) -> list:
    """The tabs whose texts the code in `path` speaks: its own, or all that import a file they share."""
    name = path.relative_to(ROOT / "demos").parts[0].removesuffix(".py")
    return [t for t in TOPICS if t.ID == name] or [t for t in TOPICS if name in imported(t)]


def test_every_text_that_the_code_names_exists():
    seen = set()
    for path, node in calls("demos"):
        name = ast.unparse(node.func)
        key = first_text(node)
        if name in ("ctx.shell", "self.shell") and key:
            assert key in _i18n.SHELL["en"], (path.name, key)
            seen.add(key)
        if name == "ctx.t" and key:
            spoken = tabs(path)
            assert spoken, path
            for topic in spoken:
                assert key in topic.TEXT["en"], (topic.ID, path.name, key)
            seen.add(key)
    assert len(seen) > 10


def refusals() -> list[tuple[str, str, set[str] | None]]:
    """(file, code, names of its values; None where they are not written out) of every Refusal in the model package."""
    found = [("genmodels/weights.py", code, fields(text)) for code, text in weights.HUB_SAYS.items()]
    for path, node in calls("genmodels"):
        code = first_text(node)
        if ast.unparse(node.func) == "Refusal" and code:
            names = {k.arg for k in node.keywords}
            found.append((path.relative_to(ROOT).as_posix(), code, None if None in names else names))
    return found


@pytest.mark.parametrize(("path", "code", "values"), refusals(), ids=[f"{p}:{c}" for p, c, _ in refusals()])
@languages
def test_every_refusal_has_a_sentence(lang, path, code, values):
    assert f"error.{code}" in _i18n.SHELL[lang], f"{path} raises {code}"
    needed = fields(_i18n.SHELL[lang][f"error.{code}"])
    assert values is None or needed <= values


def test_the_scan_finds_refusals():
    codes = {code for _, code, _ in refusals()}
    assert {"range", "drawing", "unknown_model", "picture_broken", "hub_gated", "memory", "unknown_file"} <= codes


@languages
def test_explaining_a_refusal(lang):
    sentence = _i18n.explain(lang, Refusal("range", "english", name="kept", value="nan", low=80, high=99))
    assert "kept" in sentence and "80" in sentence and "english" not in sentence


@languages
@pytest.mark.parametrize(
    "error", [ValueError("/secret/path"), RuntimeError("key=1"), Refusal("no_such_code", "hidden")]
)
def test_other_errors_are_logged_and_not_told(lang, error, caplog):
    with caplog.at_level(logging.ERROR):
        sentence = _i18n.explain(lang, error)
    assert sentence == _i18n.SHELL[lang]["error.unexpected"]
    assert str(error) not in sentence and str(error) in caplog.text


def test_any_other_language_reads_english():
    assert _i18n.say("xx", "run") == _i18n.say("en", "run") != _i18n.say("pt", "run")


@languages
def test_guarded_events_never_raise(lang, monkeypatch):
    said = []
    monkeypatch.setattr(gr, "Warning", said.append)

    def broken(lang):
        raise ValueError("inner text")

    assert _shell._guarded(broken, 2)(lang) == [gr.skip(), gr.skip()]
    assert said == [_i18n.SHELL[lang]["error.unexpected"]]


@languages
def test_stepped_events_end_with_a_status_and_close_the_work(lang):
    closed = []

    def work(lang):
        try:
            yield Step(1, 2), "first"
            raise Refusal("memory", "no", size=1)
        finally:
            closed.append(True)

    first, last = list(_shell._stepped(work, 1)(lang))
    assert first[1] == "first" and "1" in first[0]
    assert _i18n.SHELL[lang]["error.memory"] in last[0] and closed == [True]
    steps = _shell._stepped(work, 1)(lang)
    next(steps)
    steps.close()
    assert closed == [True, True]


@pytest.fixture(scope="module")
def tab() -> _shell.Context:
    """The open-set tab's context, built once."""

    def build() -> _shell.Context:
        i18n = _i18n.translations([open_set])
        with gr.Blocks():
            ctx = _shell.Context(open_set, i18n, gr.Radio(["pt", "en"]))
            open_set.build(ctx)
        return ctx

    return in_loop(build)


def restored(ctx: _shell.Context, **query: str) -> tuple[dict[str, object], list[str]]:
    """Values that a link sets, by control, and what is said of those that do not fit."""
    found, wrong = ctx.restored("en", query)
    updates = dict(zip(ctx.controls, found, strict=True))
    return {name: update["value"] for name, update in updates.items() if "value" in update}, wrong


def test_a_link_restores_every_control(tab):
    drawing = base64.b64encode(bytes(range(196)) * 4).decode()
    values = {"x": drawing, "method": "pca", "compare": "knn", "kept": 90.5, "against": "noise", "seed": 12}
    assert set(tab.controls) == set(values)
    query = {name: control.encode(values[name]) for name, control in tab.controls.items()}
    assert restored(tab, **query) == (values, [])


def test_controls_start_at_values_that_links_can_carry(tab):
    for name, control in tab.controls.items():
        value = control.component.value
        assert control.decode(control.encode(value)) == value, name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kept", "nan"),
        ("kept", "inf"),
        ("kept", "100"),
        ("kept", "many"),
        ("kept", ""),
        ("seed", "-1"),
        ("seed", "nan"),
        ("seed", "1e999"),
        ("seed", str(2**31)),
        ("method", "nonsense"),
        ("compare", "<script>"),
        ("against", ""),
        ("x", "not a drawing"),
        ("x", "é"),
        ("x", ""),
    ],
)
def test_bad_values_in_links_are_announced_and_ignored(tab, name, value):
    other = "kept" if name != "kept" else "seed"
    values, wrong = restored(tab, **{name: value, other: "85"})
    assert values.keys() == {other}
    assert wrong == [_i18n.say("en", "bad_link", name=name)]


def test_foreign_parameters_of_a_link_are_ignored(tab):
    assert restored(tab, nonsense="1", tab="open_set", lang="pt") == ({}, [])


def encoded(pixels: np.ndarray) -> str:
    return base64.b64encode(pixels.astype(np.uint8).tobytes()).decode()


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return open_set.draw_digits(7, 10)


@pytest.mark.parametrize("drawing", [encoded(np.full((28, 28), 7)), encoded(np.eye(28) * 255), open_set.BLANK])
def test_packing_a_drawing(drawing):
    code = open_set.pack(drawing)
    assert open_set.unpack(code) == drawing
    assert set(code) <= set(string.ascii_letters + string.digits + "-_=")


def test_packing_noise_fits_into_a_link():
    drawing = encoded(np.random.default_rng(0).integers(0, 256, (28, 28)))
    assert open_set.unpack(open_set.pack(drawing)) == drawing


def squeezed(data: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(data, 9)).decode()


@pytest.mark.parametrize(
    "code",
    [
        "",
        "garbage",
        "é",
        "====",
        squeezed(bytes(20_000_000)),
        squeezed(bytes(785)),
        squeezed(bytes(783)),
        squeezed(bytes(range(196)) * 4)[:-100],
        base64.urlsafe_b64encode(bytes(784)).decode(),
        "A" * 100_000,
    ],
    ids=["nothing", "garbage", "accent", "padding", "bomb", "long", "short", "cut", "raw", "endless"],
)
def test_unpacking_anything_else_is_refused(code):
    with pytest.raises(Refusal) as refusal:
        open_set.unpack(code)
    assert refusal.value.code == "drawing"


def parsed(html: str) -> list[ElementTree.Element]:
    """Every inline SVG of a piece of HTML, as XML."""
    parts = ["<svg" + part.split("</svg>")[0] + "</svg>" for part in html.split("<svg")[1:]]
    return [ElementTree.fromstring(part) for part in parts]


@languages
def test_a_digit_is_judged(lang, digits):
    answers = []
    for digit, pixels in enumerate(digits):
        verdicts, plots = open_set.run_judge(lang, encoded(pixels), "gmm", "softmax", 98, "quickdraw")
        answers.append(_views.text(lang, "digit", digit=digit) in verdicts)
    assert sum(answers) >= 8
    assert len(parsed(verdicts)) == 2 and len(parsed(plots)) == 3
    assert all(svg.get("aria-label") and svg.get("role") == "img" for svg in parsed(verdicts + plots))


@languages
@pytest.mark.parametrize("method", [m for m in open_set.METHODS if m != "exposure"])
def test_every_method_judges(lang, method, digits):
    verdicts, plots = open_set.run_judge(lang, encoded(digits[3]), method, "logit", 90, "noise")
    assert _views.text(lang, f"method.{method}") in verdicts
    assert len(parsed(plots)) == 3


def test_exposure_judges(digits):
    verdicts, _ = open_set.run_judge("en", encoded(digits[3]), "exposure", "gmm", 98, "noise")
    assert _views.text("en", "method.exposure") in verdicts


def test_noise_is_unknown_to_the_mixture():
    noise = encoded(np.random.default_rng(0).integers(0, 256, (28, 28)))
    found = _views.judge(np.frombuffer(base64.b64decode(noise), np.uint8).reshape(28, 28), "gmm", 0.98)
    assert found.answer == 10 and found.score < found.limit
    verdicts, _ = open_set.run_judge("en", noise, "gmm", "gmm", 98, "noise")
    assert verdicts.count("os-unknown") == 2


@languages
@pytest.mark.parametrize("drawing", [open_set.BLANK, "", None])
def test_a_blank_drawing_asks_for_one(lang, drawing):
    verdicts, plots = open_set.run_judge(lang, drawing, "gmm", "softmax", 98, "noise")
    assert _views.text(lang, "empty") in verdicts and not plots


@pytest.mark.parametrize("kept", BAD_NUMBERS)
def test_a_bad_share_is_refused(kept, digits):
    with pytest.raises(Refusal) as refusal:
        open_set.run_judge("en", encoded(digits[0]), "gmm", "softmax", kept, "noise")
    assert refusal.value.code == "range" and _i18n.explain("pt", refusal.value)
    with pytest.raises(Refusal):
        next(open_set.run_measure("en", 7, kept))


@pytest.mark.parametrize("place", ["method", "other", "against"])
@pytest.mark.parametrize("value", ["nonsense", "", None, 3, ["gmm"], "<b>"])
def test_bad_choices_are_refused(place, value):
    values = {"method": "gmm", "other": "softmax", "against": "noise", place: value}
    with pytest.raises(Refusal) as refusal:
        open_set.run_judge("en", open_set.BLANK, values["method"], values["other"], 98, values["against"])
    assert refusal.value.code == "choice" and _i18n.explain("pt", refusal.value)


@pytest.mark.parametrize("drawing", ["abc", 5, ["x"], "é" * 1048, encoded(np.zeros(785)), "A" * 10**6])
def test_bad_drawings_are_refused(drawing):
    with pytest.raises(Refusal) as refusal:
        open_set.run_judge("en", drawing, "gmm", "softmax", 98, "noise")
    assert refusal.value.code == "drawing"


@pytest.mark.parametrize("seed", [-1, 2**31, float("nan"), float("inf"), "7", None, True])
def test_bad_seeds_are_refused(seed):
    for run in (
        lambda: open_set.run_examples("en", seed),
        lambda: open_set.run_noise("en", seed),
        lambda: next(open_set.run_measure("en", seed, 98)),
    ):
        with pytest.raises(Refusal) as refusal:
            run()
        assert refusal.value.code == "range"


@languages
def test_examples_depend_on_the_seed(lang):
    first = open_set.run_examples(lang, 7)
    assert first == open_set.run_examples(lang, 7) != open_set.run_examples(lang, 8)
    assert first.count("data-code") == 20 and "data-generated" in first
    assert _views.text(lang, "digit", digit=9) in first


@languages
def test_noise_button(lang):
    drawing, sentence = open_set.run_noise(lang, 7)
    assert len(base64.b64decode(drawing)) == 784 and sentence
    assert drawing == open_set.run_noise(lang, 7)[0]


@languages
def test_leak_button(lang):
    sentence, plots = open_set.run_leak(lang)
    assert ("**1,000**" if lang == "pt" else "**1.000**") in sentence and len(parsed(plots)) == 2


@languages
def test_answer(lang):
    assert "%" in open_set.run_answer(lang)


@languages
def test_measuring_yields_a_step_for_each_method(lang, monkeypatch):
    monkeypatch.setattr(open_set, "LIVE", 20)
    monkeypatch.setattr(open_set, "METHODS", ("gmm", "flow"))
    steps = list(open_set.run_measure(lang, 7, 98))
    assert [(step.i, step.n) for step, _ in steps] == [(1, 2), (2, 2)]
    assert steps[-1][1].count("<tr>") == 3
    ElementTree.fromstring(f"<div>{steps[-1][1]}</div>")


@languages
def test_published_table(lang):
    table = open_set.published_table(lang)
    ElementTree.fromstring(f"<div>{table}</div>")
    for method in open_set.METHODS:
        assert _views.text(lang, f"method.{method}") in table
    assert ("0,780" if lang == "pt" else "0.780") in table and "CROSR" in table


@pytest.mark.parametrize("method", ["gmm", "exposure"])
def test_the_snippet_runs(method, digits, capsys):
    code = open_set.snippet(encoded(digits[3]), method, 98)
    exec(compile(code, "snippet", "exec"), {})
    assert capsys.readouterr().out.split()[0] in ("digit", "unknown")


def test_the_first_drawing_is_a_picture():
    assert np.frombuffer(base64.b64decode(open_set.first_drawing()), np.uint8).reshape(28, 28).any()


@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e5))
def test_ticks_are_round_even_and_inside(low, span):
    high = low + span
    found = _plots.ticks(low, high)
    slack = 1e-6 * span
    assert 2 <= len(found) <= 7
    assert all(low - slack <= value <= high + slack for value in found)
    steps = np.diff(found)
    assert np.allclose(steps, steps[0], rtol=1e-6, atol=1e-9)
    mantissa = steps[0] / 10 ** np.floor(np.log10(steps[0]) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 2.5, 5)) < 1e-3


def test_ticks_by_hand():
    assert _plots.ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert _plots.ticks(-3, 17) == [0, 5, 10, 15]
    assert str(_plots.ticks(-1, 1)[2]) == "0.0"


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (float("nan"), 1), (0, float("nan"))])
def test_an_empty_range_has_no_ticks(low, high):
    with pytest.raises(ValueError, match="empty"):
        _plots.ticks(low, high)


def test_axes_map_the_ends():
    plot = _plots.Plot((-2, 6), (10, 20), "x", "y", width=400, height=200)
    margin = _plots.MARGIN
    assert plot.px(-2) == margin["left"] and plot.px(6) == 400 - margin["right"]
    assert plot.py(10) == 200 - margin["bottom"] and plot.py(20) == margin["top"]
    assert plot.px(2) == pytest.approx((plot.px(-2) + plot.px(6)) / 2)
    assert plot.px(-99) == plot.px(-2) and plot.py(99) == plot.py(20)


def test_marks_lie_where_the_data_are():
    plot = _plots.Plot((0, 10), (0, 1), "a < b", 'say "y"')
    before = len(plot.marks)
    plot.bars([0, 5, 10], [0.5, 0], "known").point(5, 0.5, label="<you> & me").vline(2.5, "limit").line(
        [(0, 0), (10, 1)]
    )
    svg = ElementTree.fromstring(plot.svg('alt & "quotes" <b>'))
    assert svg.get("aria-label") == 'alt & "quotes" <b>'
    (bar,) = svg.findall("rect")  # the empty bar is left out
    assert float(bar.get("height")) == pytest.approx(plot.py(0) - plot.py(0.5), abs=0.1)
    circle = svg.find("circle")
    assert float(circle.get("cx")) == pytest.approx(plot.px(5), abs=0.1)
    assert len(plot.marks) > before + 4
    assert any(text.text == "<you> & me" for text in svg.findall("text"))


def test_an_ellipse_is_a_level_of_its_gaussian():
    cov = np.array([[2.0, 0.8], [0.8, 1.0]])
    plot = _plots.Plot((-10, 10), (-10, 10), "x", "y", width=2000, height=2000)
    plot.ellipse((1.0, -1.0), cov, "c0", sigmas=2.0)
    points = ElementTree.fromstring(plot.svg("a")).find("polygon").get("points").split()
    pixels = np.array([[float(v) for v in point.split(",")] for point in points])
    x = (pixels[:, 0] - plot.px(0)) / (plot.px(1) - plot.px(0)) - 1.0
    y = (pixels[:, 1] - plot.py(0)) / (plot.py(1) - plot.py(0)) + 1.0
    distance = np.einsum("ni,ij,nj->n", np.c_[x, y], np.linalg.inv(cov), np.c_[x, y])
    assert np.allclose(np.sqrt(distance), 2.0, atol=0.01)


def test_plot_colours_are_the_themes():
    css = (ROOT / "demos" / "_page.css").read_text(encoding="utf-8")
    names = {"known", "unknown", "accent", "ink", "soft", "grid", "paper", *(f"c{i}" for i in range(10))}
    missing = [name for name in sorted(names) if f"--gl-{name}:" not in css]
    assert not missing


def test_measure_table_escapes():
    table = _shell.measure_table("en", [["<b>", "1 & 2"]], ["a", "b"])
    assert [cell.text for cell in ElementTree.fromstring(table).iter("td")] == ["1 & 2"]


def test_status_line_escapes():
    assert "<b>" not in _shell.status_line("<b>")
