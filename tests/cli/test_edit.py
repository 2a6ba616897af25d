"""`dgemma edit`: which parts of a text the model sees, which answers are used, and what a terminal shows."""

import os
import re
import shutil
import subprocess
import sys
from itertools import chain
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgemma.api import load
from dgemma.cli.in_place import (
    _fragile_characters,
    _group,
    _revise_text,
    _split_long_lines,
    _words_changed,
    edit_file,
    wrap_like,
)
from dgemma.cli.spans import Keeper
from dgemma.cli.structure import lines, runs
from dgemma.tui import progress
from tests.cli.terminal import on_terminal


@pytest.fixture(scope="module")
def tiny():
    return load("tiny", device="cpu")


class Model:
    """Answers with a function and records the texts it was asked to edit."""

    tokenizer = None

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def edit(self, text, **options):
        self.asked.append(text)
        return SimpleNamespace(text=self.answer(text), finish_reason="stop")


class Rambling:
    """Corrects one word, never ends its answer to another, and leaves the rest."""

    tokenizer = None

    def edit(self, text, **options):
        if "endless" in text:
            return SimpleNamespace(text="aaaa", finish_reason="length")
        return SimpleNamespace(text=text.replace("teh", "the"), finish_reason="stop")


def fix_teh(text: str) -> str:
    return text.replace("teh", "the")


def revised(model, text: str, instruction: str | None = "Fix", strength: float = 0.5) -> str:
    return "".join(piece.new for piece in _revise_text(model, text, instruction, strength, 0))


def run_edit(file, model, **options):
    options = {"instruction": "Fix", "strength": 0.5, "write": False, "diff": False, "seed": 0, **options}
    edit_file(file, load=model if isinstance(model, type) else lambda: model, **options)


def dgemma(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "dgemma", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def test_edit_writes_what_it_prints(tmp_path):
    file = tmp_path / "note.txt"
    file.write_bytes("She go home.\r\n\nWörter bleiben.\n".encode())
    kept = dgemma("edit", str(file), "--strength", "0")
    assert kept.stdout.encode() == file.read_bytes().replace(b"\r\n", b"\n")
    assert kept.stderr == "0 of 5 words changed\n"
    for instruction in ([], ["--instruction", ""]):
        options = ("edit", str(file), "--strength", "0.6", "--seed", "3", *instruction)
        printed = dgemma(*options).stdout
        assert dgemma(*options, "--write").stdout == ""
        assert file.read_bytes().replace(b"\r\n", b"\n").decode() == printed


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(["```", "~~~~", "```py", "| a | b |", "# A b", "<p>", "[x]: d", "- - -", "Two words."]),
        max_size=20,
    )
)
def test_code_tables_headings_and_html_are_not_prose(all_lines):
    """The expected prose comes from a simple Markdown reader that goes line by line."""
    text, fence, prose = "".join(f"{line}\n" for line in all_lines), "", []
    for line in all_lines:
        if fence:
            fence = "" if line == fence else fence
        elif line[0] in "`~":
            fence = line.rstrip("py")
        elif line == "Two words.":
            prose.append(line)
    parsed = runs(text, Keeper())
    assert "".join(chain.from_iterable(parsed)) == text
    assert [part for run in parsed for part in run[1::2]] == prose
    assert all(len(run) % 2 for run in parsed)


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("- One.\n* Two.\n+ Three.\n", ["One.", "Two.", "Three."]),
        ("> We was there.\n>> And here.\n", ["We was there.", "And here."]),
        ("- [ ] Buy it.\n- [x] Sell it.\n", ["Buy it.", "Sell it."]),
        ("1. One.\n   2) Two.\n", ["One.", "Two."]),
        ("> - One.\n>   more\n", ["One.", "more"]),
        ("[^1]: A note.\n", ["A note."]),
        ("---\ntitle: teh\n---\nOne.\n", ["One."]),
        ("---\n\nOne.\n\n---\n", ["One."]),
        ("Title\n===\nOne.\n", ["One."]),
        ("> Title\n> ---\n> One.\n", ["One."]),
        ("One.\n\n    code\n\n    more code\n\nTwo.\n", ["One.", "Two."]),
        ("One.\n    goes on\n", ["One.", "goes on"]),
        ("- One.\n\n    in the item\n\n        code\n", ["One.", "in the item"]),
        ("- One.\n\nTwo.\n\n    code\n", ["One.", "Two."]),
        ("- ```\n  code\n  ```\n- One.\n", ["One."]),
        ("> ```\n> code\nOne.\n", ["One."]),
        ("```\n> ```\ncode\n```\nOne.\n", ["One."]),
        ("```a``` is code\n", ["```a``` is code"]),
        ("a | b\n--- | ---\nc | d\n\nOne.\n", ["One."]),
        ("<!-- a\n\nb -->\nOne.\n", ["One."]),
        ("<pre>\n\ncode\n</pre>\nOne.\n", ["One."]),
        ('<img\n  alt="teh">\nOne.\n', ["One."]),
        ("<https://a.b/c> is it.\n", ["<https://a.b/c> is it."]),
        ("One `code\nthat` goes on\nhere.\n", ["One `code\nthat` goes on", "here."]),
        ("One `stray\n\ntick` here.\n", ["One `stray", "tick` here."]),
        ("***\n…\n", []),
    ],
)
def test_markers_and_fixed_lines_are_separated_from_prose(text, prose):
    parsed = runs(text, Keeper())
    assert "".join(chain.from_iterable(parsed)) == text
    assert [part for run in parsed for part in run[1::2]] == prose


PIECES = [
    "\n",
    "\r\n",
    " ",
    "    ",
    "\t",
    "- ",
    "> ",
    "1. ",
    "```",
    "`",
    "|",
    "---",
    "<p",
    ">",
    "](b)",
    "[",
    "a",
    "b. ",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_splitting_loses_no_character(text):
    keeper = Keeper(text)
    assert "".join(lines(text)) == text
    for run in runs(text, keeper):
        for part in run[1::2]:
            assert part == part.strip() != "" and not part.startswith(("- ", "> ", "1. "))
    for by_sentence, longest in ((True, 0), (False, 1000), (False, 9)):
        cut = [_split_long_lines(run, keeper, by_sentence=by_sentence) for run in runs(text, keeper)]
        parts = [part for run in cut for group, _ in _group(run, longest) for part in group]
        assert "".join(parts) == text
    assert revised(Model(lambda text: text), text) == revised(Model(lambda text: text), text, None) == text


def test_long_lines_are_revised_sentence_by_sentence():
    model = Model(fix_teh)
    line = "One teh. " * 30 + "See `a. b`.  Two (there)!  Three?"
    text = f"  {line}\r\n\n short\n"
    assert revised(model, text) == fix_teh(text)
    assert model.asked == ["One teh."] * 30 + ["See `a. b`.", "Two (there)!", "Three?", "short"]


def test_prose_is_revised_line_by_line_with_an_instruction_and_as_a_whole_without():
    text = "teh one\nteh two\n\nteh three\n"
    for instruction, asked in (("Fix", ["teh one", "teh two", "teh three"]), (None, [text.strip()])):
        model = Model(fix_teh)
        assert revised(model, text, instruction) == fix_teh(text)
        assert model.asked == asked


def test_words_too_long_for_a_piece_are_left_unchanged():
    model = Model(fix_teh)
    text = f"teh {'teh' * 400} teh"
    assert revised(model, text) == f"the {'teh' * 400} the"
    assert revised(model, "她说。" * 500) == "她说。" * 500
    assert max(map(len, model.asked)) <= 1000


SPANS = [
    "https://exmaple.com/teh?a=b&c=(d)",
    "[teh](https://exmaple.com/teh)",
    "![teh](teh.png)",
    "[two words][teh]",
    "[^teh]",
    "<https://a.b/teh>",
    "teh.tom@exmaple.org",
    "www.exmaple.com/teh",
    "exmaple.com",
    "`teh code`",
    "``teh ` code``",
    '<a href="teh">',
    "<!-- teh -->",
    "**",
]


@pytest.mark.parametrize("instruction", ["Fix", None])
@pytest.mark.parametrize("span", SPANS)
def test_links_code_and_markup_survive(span, instruction):
    """A model that changes a span is asked again with a stand-in, and corrects the text around it."""

    def careless(text):
        return text.replace(span, "gone").replace("was", "were")

    model = Model(careless)
    assert revised(model, f"They was at {span} today.", instruction) == f"They were at {span} today."
    assert model.asked == [f"They was at {span} today.", "They was at X1 today."]
    assert revised(Model(lambda text: "Now. " + text), f"It is {span} now.", instruction) == f"Now. It is {span} now."


def test_the_text_of_an_inline_link_is_revised_and_that_of_a_reference_link_kept():
    assert revised(Model(fix_teh), "See [teh page](a.md).") == "See [the page](a.md)."
    model = Model(fix_teh)
    assert revised(model, "[teh page]: teh.md\n\nSee [teh page].") == "[teh page]: teh.md\n\nSee [teh page]."
    assert model.asked == ["See [teh page].", "See X1."]


WRAPPED = (
    "They was late for the train, and the conductor who\n  had seen them coming did not waited. So they goes home.\n"
    "He sat.\n"
)


def test_a_wrapped_paragraph_is_revised_as_one_piece():
    parts = _split_long_lines(next(iter(runs(WRAPPED, Keeper()))), Keeper(), by_sentence=True)
    assert "".join(parts) == WRAPPED
    assert [part for part in parts if part.strip()] == [WRAPPED[: WRAPPED.index("\nHe sat")], "He sat."]
    model = Model(fix_teh)
    text = "Long ago in teh land that lay between the two mountains teh\nking had one dog.\n"
    assert revised(model, text) == fix_teh(text)
    assert model.asked == [text.strip().replace("\n", " ")]


@pytest.mark.parametrize(
    ("old", "new", "wrapped"),
    [
        ("They was late and\nwent home.", "They were late and went home.", "They were late and\nwent home."),
        ("They was late\r\nand sat.", "They were very late and sat.", "They were very late\r\nand sat."),
        ("a b c\nd e f\ng h", "b c d f g h", "b c\nd f\ng h"),
        ("one line", "another line", "another line"),
        ("a\nb\nc", "all", None),
    ],
)
def test_line_breaks_stay_where_they_were(old, new, wrapped):
    assert wrap_like(old, new) == wrapped


GAPS = st.sampled_from([" ", "\n", "\n  ", "\r\n"])


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", "dd"]), GAPS), min_size=2),
    st.lists(st.sampled_from(["a", "b", "x"]), min_size=1),
)
def test_rewrapping_keeps_every_break_and_every_new_word(old, new):
    gaps = [gap for _, gap in old[:-1] if "\n" in gap]
    wrapped = wrap_like("".join(map("".join, old)).rstrip(), " ".join(new))
    if wrapped is None:
        assert gaps
        return
    assert wrapped.split() == new and re.findall(r"\r?\n *", wrapped) == gaps


@pytest.mark.parametrize(
    "answer",
    [
        lambda text: text.replace("X1", "x").replace("X2", "x").replace("`", ""),
        lambda text: text.replace("X1", "X3").replace("X2", "X1").replace("X3", "X2").replace("`", ""),
        lambda text: text.replace("X1", "X1 X1").replace("`", ""),
        lambda text: text + "\nAnd more.",
        lambda text: text + " \ufffd",
        lambda text: "",
    ],
)
def test_an_answer_that_changes_what_must_stay_is_not_used(answer, tmp_path, capsys):
    file = tmp_path / "file.md"
    file.write_text("Copy `a` to `b` now.\n")
    run_edit(file, Model(answer))
    output = capsys.readouterr()
    assert (
        output.out == file.read_text()
        and "1 piece left unchanged: the model's answer changed what must stay (" in output.err
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_kept_if_several_are_revised_together(end):
    text = f"- teh one{end}{end}  teh `two`  {end}> teh three{end}"
    joining = Model(lambda text: fix_teh(text).replace(end, " "))
    assert revised(joining, text, None) == fix_teh(text)
    assert joining.asked[1:] == ["teh one", "teh `two`", "teh three"]
    unquoting = Model(lambda text: fix_teh(text).replace("`", "'"))
    assert revised(unquoting, text, None) == fix_teh(text)
    assert unquoting.asked[1:] == ["teh `two`", "teh X1"]
    assert revised(Model(lambda text: "words"), f" {end} {end}", None) == f" {end} {end}"


def test_characters_that_the_model_cannot_write_are_kept(tiny):
    assert _fragile_characters(tiny.tokenizer, "a\tb é€ 🐶“\r\n") == {"é", "€", "🐶", "“"}
    keeper = Keeper("", "é🐶“”\u2019")
    assert [span.kept for span in keeper.spans("A café 🐶")] == [("café",), ("🐶",)]
    assert keeper.keeps("café", "no café") and not keeper.keeps("café", "cafe")
    masked = keeper.masked("“Don\u2019t,” said the café\u2019s 🐶 X1.")
    assert masked and masked.text == "\"Don't,\" said the X2's X3 X1."
    assert masked.restore("\"Don't!\" say the X2's X3 X1.") == "“Don\u2019t!” say the café\u2019s 🐶 X1."
    assert masked.restore('"Dont!" say the X2\'s X3 X1.') is None


REVIEWED = [
    "Visit https://exmaple.com/teh now.",
    "Read [the docs](https://exmaple.com) and mail teh@exmaple.com.",
    "See `inline code` in <b>teh</b> file.",
    "- She go to school.\n* She go home.\n> We was there.\n- [ ] Buy teh milk.\n1. item\n",
    "---\ntitle: teh\n---\nTeh title\n===\n",
    "One.\n\n    teh code\n",
    "他是老师。",
    "I has 5 € left.",
    "She love her dog 🐶.",
    "Once upon a time there was a dog.\n\n```sh\nls\n```\n\nIt was big.\n",
    "Once upon a time there was a dog.\r\nIt was big.\r\n\r\n| a | b |\r\n",
    "  \n \n",
]


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("instruction", ["Fix the mistakes", None])
@pytest.mark.parametrize("text", REVIEWED)
def test_an_edit_by_the_embedded_model_keeps_markup_and_spans(tiny, text, instruction, strength):
    revised_text = revised(tiny, text, instruction, strength)
    keeper = Keeper(text, _fragile_characters(tiny.tokenizer, text))
    assert keeper.keeps(text, revised_text)
    old, new = runs(text, keeper), runs(revised_text, keeper)
    assert [run[::2] for run in old] == [run[::2] for run in new]


def test_the_embedded_model_corrects_text_after_a_marker_and_around_a_span(tiny):
    text = "- She go to school.\n> We was there.\n\nThey was reading https://a.b/teh yesterday.\n"
    corrected = "- She goes to school.\n> We were there.\n\nThey were reading https://a.b/teh yesterday.\n"
    assert revised(tiny, text, "Fix the mistakes") == corrected


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_edit_shows_its_progress_only_on_a_terminal(tmp_path, capsys, monkeypatch, terminal):
    monkeypatch.setattr(progress, "PATIENCE_S", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    file = tmp_path / "long.txt"
    file.write_text("teh cat\n\n" * 1200)
    run_edit(file, Rambling, write=True)
    output = capsys.readouterr().err
    assert ("edit: 1,200 of 1,200 sentences" in output) == terminal and "1200 of 2400 words changed" in output
    assert terminal or output == "1200 of 2400 words changed\n"


@pytest.mark.parametrize(("text", "gap"), [("teh cat", b"\r\n"), ("teh cat\n", b"")])
def test_the_count_has_a_line_of_its_own_on_a_terminal(tmp_path, text, gap):
    file = tmp_path / "file.txt"
    file.write_text(text)
    output = on_terminal(["edit", "--strength", "0", str(file)])
    assert output == text.replace("\n", "\r\n").encode() + gap + b"0 of 2 words changed\r\n"


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("one two three", "one two three four", (0, 1)),
        ("one two three", "a b c d", (3, 1)),
        ("one two three", "one three", (1, 0)),
        ("one two three", "one 2 three", (1, 0)),
    ],
)
def test_changed_and_added_words_are_counted(old, new, counts, tmp_path, capsys):
    assert _words_changed(old, new) == counts
    file = tmp_path / "file.txt"
    file.write_text(old)
    run_edit(file, Model(lambda text: new))
    added = f", {counts[1]} added" if counts[1] else ""
    assert capsys.readouterr().err == f"{counts[0]} of 3 words changed{added}\n"


def test_a_symlinked_file_is_written_in_place_with_its_permissions(tmp_path, capsys):
    file, link = tmp_path / "private.txt", tmp_path / "link.txt"
    file.write_text("teh cat\n")
    file.chmod(0o600)
    link.symlink_to(file)
    run_edit(link, Rambling, write=True, diff=True)
    assert link.is_symlink() and file.read_text() == "the cat\n" and file.stat().st_mode & 0o777 == 0o600
    assert "+the cat" in capsys.readouterr().out


def test_a_file_is_not_written_if_its_diff_cannot_be_printed(tmp_path):
    file = tmp_path / "note.txt"
    text = "They was late.\n\nWörter.\n"
    file.write_text(text)
    result = dgemma("edit", "--diff", "--write", str(file), PYTHONIOENCODING="ascii")
    assert result.returncode == 1 and "ascii" in result.stderr and not result.stdout
    assert file.read_text() == text
    result = dgemma("edit", "--diff", "--write", str(file), PYTHONIOENCODING="utf-8")
    assert result.returncode == 0 and "+They were late." in result.stdout
    assert file.read_text() == text.replace("was", "were")


def test_a_byte_order_mark_is_kept_and_not_shown_to_the_model(tmp_path):
    model = Model(lambda text: fix_teh(text).replace("\ufeff", ""))
    file = tmp_path / "bom.txt"
    for instruction in ("Fix", None):
        file.write_bytes(b"\xef\xbb\xbfteh cat\r\n")
        run_edit(file, model, instruction=instruction, write=True)
        assert file.read_bytes() == b"\xef\xbb\xbfthe cat\r\n"
    assert model.asked == ["teh cat", "teh cat"]


def test_a_piece_whose_answer_does_not_end_is_left_unchanged(tmp_path, capsys):
    file = tmp_path / "lines.txt"
    text = "endless words " * 60 + "\nteh cat"
    file.write_text(text)
    run_edit(file, Rambling)
    output = capsys.readouterr()
    assert (
        output.out == fix_teh(text)
        and "1 piece left unchanged: the model's answer reached its token limit." in output.err
    )


@pytest.mark.parametrize("text", ["teh cat", "teh cat\n", "a\u2028teh\x0cb\r\nteh", "x\n" * 20 + "teh\n\nteh"])
def test_a_diff_can_be_applied_by_patch(tmp_path, capsys, text):
    file = tmp_path / "file.txt"
    file.write_bytes(text.encode())
    run_edit(file, Rambling, diff=True)
    diff = capsys.readouterr().out
    if shutil.which("patch"):
        subprocess.run(["patch", "--binary", str(file)], input=diff.encode(), check=True, capture_output=True)
        assert file.read_bytes().decode() == fix_teh(text)
    ended = diff.endswith("\\ No newline at end of file\n")
    assert diff.endswith("\n") and ended == (not text.endswith("\n"))


def test_a_long_text_takes_linear_time(tiny):
    """No pattern takes quadratic time, whatever the text consists of."""
    for unit in ("`a ", "[a ", "<a ", "a.b", "a@b", "*a", "[[a] ", "](", "(a", "http://", "é", "<!-- ", "- > ", "_a "):
        text = unit * 20_000
        assert revised(Model(lambda text: text), text) == text
