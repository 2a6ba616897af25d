"""The page at `/`: its files, and in headless Chromium against a real server on the embedded model, what it does.

The tests that need a browser are skipped where none is installed. With WRITE_SCREENSHOT set, the picture of the README
is made: `WRITE_SCREENSHOT=1 pytest tests/server/test_page.py -k screenshot`.
"""

import json
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

import dgemma
from dgemma.api import LLM
from dgemma.config import EngineConfig
from dgemma.server import ServerConfig, page
from dgemma.server.sse import COMMENT, DONE, frame
from tests.images import image_model, picture
from tests.server.serving import Running, running

FOLDER = Path(str(files("dgemma.server"))) / "page"
SCREENSHOT = Path(__file__).parents[2] / "docs" / "canvas.png"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
KEY = "open sesame, 1"
TABS = ["Chat", "Side by side", "Text to JSON", "Infill", "Edit"]
ALONE = "This model answers each message on its own; it does not see earlier ones."
SUPPORTED = "supported formats are PNG, JPEG, WebP, GIF, BMP and TIFF."
TOO_LONG = r"Prompt is too long: (at least )?\d+ tokens > 4095 maximum; shorten it\."
PATIENCE_MS = 60_000
FRAME = {"canvas": 0, "step": 1, "before": "", "tokens": ["1", "2"], "entropies": [0.0, 3.0], "special": []}


@pytest.fixture(scope="module")
def url(server: Running) -> str:
    return server.url


@pytest.fixture(scope="module")
def locked_url(llm: dgemma.LLM) -> Iterator[str]:
    with running(llm, ServerConfig(api_key=KEY)) as locked:
        yield locked.url


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH (apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


class Visit:
    """A tab on the page, and all that it asked for and complained about."""

    def __init__(self, browser, url: str, **context) -> None:
        self.url, self.requests, self.complaints = url, [], []
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self._heard(message))
        self.page.goto(url)

    def _heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def run(self, script: str, argument=None):
        return self.page.evaluate(script, argument)

    def button(self, name: str):
        return self.page.get_by_role("button", name=name, exact=True)

    def tab(self, name: str):
        return self.page.get_by_role("tab", name=name, exact=True)

    @property
    def message(self):
        """The box for the next message of the chat."""
        return self.page.get_by_role("textbox", name="Message")

    @property
    def alert(self):
        """Where the page tells what went wrong."""
        return self.page.get_by_role("alert")

    def add_pictures(self, *paths: Path) -> None:
        """Chooses files for the next message."""
        self.page.locator("#chat-form input[type=file]").set_input_files(paths)

    def settle(self):
        """Waits until the newest reply is complete -> its element."""
        reply = self.page.locator(".reply:visible").last
        reply.locator(".figures li").first.wait_for()
        return reply


@pytest.fixture
def visits(browser) -> Iterator[list[Visit]]:
    opened: list[Visit] = []
    yield opened
    for visit in opened:
        visit.context.close()


@pytest.fixture
def visit(browser, url, visits) -> Visit:
    visits.append(Visit(browser, url, viewport={"width": 1000, "height": 760}))
    visits[-1].tab("Chat").wait_for()
    return visits[-1]


def fetch(address: str, key: str | None = None):
    request = urllib.request.Request(address, headers={"x-api-key": key} if key else {})
    with urllib.request.urlopen(request) as response:
        return response.status, response.headers, response.read()


def test_every_file_is_served_with_a_policy_that_allows_this_server_only(url: str) -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(name for name, _ in page.FILES.values())
    for path, (name, kind) in page.FILES.items():
        status, headers, content = fetch(url + path)
        assert status == 200 and content == (FOLDER / name).read_bytes()
        assert headers["content-type"].startswith(kind)
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self';") and "unsafe" not in policy and "//" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_no_file_names_another_host_or_writes_markup() -> None:
    for path in FOLDER.iterdir():
        # The name of SVG's namespace is not fetched.
        text = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"//[\w\[]|@import|url\(", text), path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text), path.name
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=|<style", text), path.name


def test_a_path_outside_the_page_is_not_found(url: str) -> None:
    for path in ("/page/", "/page/page.py", "/page/..%2fpage.py", "/page/%2e%2e/app.py", "/favicon.ico"):
        with pytest.raises(urllib.error.HTTPError) as error:
            fetch(url + path)
        with error.value:
            assert error.value.code == 404


def test_the_page_is_there_without_a_key_and_the_model_is_not(locked_url: str) -> None:
    for path in page.PATHS:
        assert fetch(locked_url + path)[0] == 200
    with pytest.raises(urllib.error.HTTPError) as error:
        fetch(locked_url + "/v1/models")
    with error.value:
        assert error.value.code == 401
    assert fetch(locked_url + "/v1/models", KEY)[0] == 200


def status_of(url: str, body: dict) -> int:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str) -> None:
    """Contrast of at least 4.5 : 1, which WCAG asks of text."""
    styles = (FOLDER / "page.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", styles, re.DOTALL)[scheme == "dark"]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    pairs = [("ink", f"doubt-{level}") for level in range(1, 5)]
    pairs += [(text, ground) for text in ("ink", "muted", "error") for ground in ("page", "card")]
    pairs += [("ink", "question"), ("on-accent", "accent"), ("accent", "page")]
    for text, ground in pairs:
        dark, light = sorted((luminance(colours[text]), luminance(colours[ground])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def test_a_question_is_drafted_then_answered_and_can_be_stepped_through(visit: Visit) -> None:
    # A whole answer may come within one animation frame, which then shows it alone: here every draft is painted.
    visit.run("""() => {
        window.requestAnimationFrame = (paint) => paint(performance.now());
        window.seen = [];
        const look = () => {
            const label = document.querySelector(".canvas[aria-label]:not([hidden])")?.getAttribute("aria-label");
            if (label && label !== window.seen.at(-1)) window.seen.push(label);
        };
        new MutationObserver(look).observe(document, { attributes: true, childList: true, subtree: true });
    }""")
    visit.page.get_by_role("textbox", name="Message").fill("Solve this Sudoku:\n1030\n0402\n2043\n0320")
    visit.page.keyboard.press("Enter")
    reply = visit.settle()
    drafts = visit.run("() => window.seen")
    for step, draft in enumerate(drafts, start=1):
        assert re.fullmatch(rf"Draft, canvas 1, step {step}: \d+ of \d+ tokens certain", draft)
    settled, canvas = reply.locator(".settled"), reply.locator(".canvas")
    answer = settled.inner_text()
    assert answer.strip() and settled.is_visible() and not canvas.is_visible()
    assert visit.page.get_by_role("status").inner_text().split() == f"Reply: {answer}".split()
    assert all(unit in reply.inner_text() for unit in ("tokens/s", "tokens/forward", "denoise steps"))

    slider = reply.get_by_role("slider", name="Denoise step")
    assert len(drafts) == int(slider.get_attribute("max") or 0) - 1 > 0
    slider.focus()
    visit.page.keyboard.press("Home")
    assert canvas.is_visible() and not settled.is_visible()
    assert f" of {canvas.locator('.token').count()} tokens" in reply.locator(".place").inner_text()
    assert slider.get_attribute("aria-valuetext") == reply.locator(".place").inner_text()
    assert "step 1" in reply.locator(".place").inner_text()
    visit.page.keyboard.press("End")
    assert settled.is_visible() and settled.inner_text() == answer
    assert visit.complaints == []
    assert len(visit.requests) >= len(page.PATHS) and all(asked.startswith(visit.url) for asked in visit.requests)


def test_replay_runs_through_the_steps_and_a_new_question_takes_them_away(visit: Visit) -> None:
    visit.button("4x4 Sudoku").click()
    reply = visit.settle()
    visit.button("Replay").click()
    reply.locator(".canvas").wait_for()
    reply.locator(".settled").wait_for()
    visit.button("Replay").wait_for()
    visit.page.get_by_role("textbox", name="Message").fill("And again")
    visit.button("Send").click()
    visit.settle()
    assert visit.page.locator(".reply").count() == 2 and visit.page.get_by_role("slider").count() == 1
    assert visit.complaints == []


def test_the_newest_draft_is_painted_with_the_next_animation_frame(visit: Visit) -> None:
    labels = visit.run(
        """async (frame) => {
            const { ReplyView } = await import("/page/reply.js");
            const view = new ReplyView();
            const label = () => view.canvas.element.getAttribute("aria-label");
            view.begin();
            view.draft(frame);
            view.draft({ ...frame, step: 2 });
            const before = label();
            await new Promise(requestAnimationFrame);
            view.breakOff("stopped");
            return [before, label()];
        }""",
        FRAME,
    )
    assert labels == [None, "Draft, canvas 1, step 2: 1 of 2 tokens certain"]


@pytest.fixture(scope="module")
def seeing_llm() -> Iterator[LLM]:
    """A model that reads images and knows conversations."""
    llm = LLM(image_model(), EngineConfig(device="cpu", dtype="float32"))
    yield llm
    llm.engine.close()


@pytest.fixture(scope="module")
def seeing_url(seeing_llm: LLM) -> Iterator[str]:
    with running(seeing_llm, ServerConfig(model_name="seeing", default_max_tokens=24)) as server:
        yield server.url


@pytest.fixture(scope="module")
def narrow_url(seeing_llm: LLM) -> Iterator[str]:
    """A server that takes small bodies only."""
    config = ServerConfig(model_name="seeing", default_max_tokens=24, max_body_bytes=20_000)
    with running(seeing_llm, config) as server:
        yield server.url


def seeing_visit(browser, url: str, visits: list[Visit]) -> Visit:
    """A tab on a server whose model reads images, with short replies."""
    visits.append(Visit(browser, url, viewport={"width": 900, "height": 700}))
    visits[-1].button("Add an image").wait_for()
    visits[-1].page.get_by_label("Longest reply").evaluate("input => (input.value = 24)")
    return visits[-1]


def read_slowly(visit: Visit) -> None:
    """From now on the browser takes its time to read a file."""
    visit.run("""() => {
        const read = FileReader.prototype.readAsDataURL;
        FileReader.prototype.readAsDataURL = function (file) { setTimeout(() => read.call(this, file), 300); };
    }""")


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.png"
    picture("red", (40, 30)).save(path)
    return path


def test_a_picture_goes_with_the_message(browser, seeing_url: str, visits: list[Visit], tmp_path: Path) -> None:
    visits.append(Visit(browser, seeing_url, viewport={"width": 900, "height": 700}))
    (visit,) = visits
    file = tmp_path / "red.png"
    picture("red", (400, 300)).save(file)
    visit.button("Add an image").wait_for()
    chooser = visit.page.locator("#chat-form input[type=file]")
    chooser.set_input_files([file, file])
    visit.button("Remove red.png").nth(1).click()
    assert visit.page.locator("#chat-form .image").count() == 1
    drawn = visit.page.get_by_role("img", name="red.png")
    colour = "canvas => [...canvas.getContext('2d').getImageData(5, 5, 1, 1).data]"
    assert drawn.evaluate(colour) == [255, 0, 0, 255] and drawn.bounding_box()["height"] <= 80
    visit.page.get_by_label("Longest reply").evaluate("input => (input.value = 24)")
    visit.page.get_by_role("textbox", name="Message").fill("Which colour is it?")
    with visit.page.expect_request("**/v1/chat/completions") as sent:
        visit.page.keyboard.press("Enter")
    (message,) = sent.value.post_data_json["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url", "text"]
    assert message["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    visit.settle()
    assert visit.page.locator(".question .image").count() == 1
    assert not visit.page.locator("#chat-form .tray").is_visible()
    assert visit.complaints == []


def test_a_picture_that_is_still_read_goes_with_the_message(
    browser, seeing_url: str, visits: list[Visit], red: Path
) -> None:
    visit = seeing_visit(browser, seeing_url, visits)
    read_slowly(visit)
    visit.add_pictures(red)
    with visit.page.expect_request("**/v1/chat/completions") as sent:
        visit.message.press("Enter")
    (message,) = sent.value.post_data_json["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url"]  # a picture may say all
    visit.settle()
    assert visit.page.locator(".question .image").count() == 1
    assert visit.complaints == []


def test_what_is_typed_while_pictures_are_read_is_the_next_message(
    browser, seeing_url: str, visits: list[Visit], red: Path
) -> None:
    visit = seeing_visit(browser, seeing_url, visits)
    read_slowly(visit)
    visit.add_pictures(red)
    visit.message.fill("Which colour is it?")
    with visit.page.expect_request("**/v1/chat/completions") as sent:
        visit.message.press("Enter")
        assert visit.message.input_value() == ""
        visit.message.fill("And how large")
    assert [part["type"] for part in sent.value.post_data_json["messages"][0]["content"]] == ["image_url", "text"]
    visit.settle()
    assert visit.message.input_value() == "And how large"
    assert visit.complaints == []


def test_stop_gives_pictures_back_that_were_still_read(
    browser, seeing_url: str, visits: list[Visit], red: Path
) -> None:
    visit = seeing_visit(browser, seeing_url, visits)
    read_slowly(visit)
    visit.add_pictures(red)
    visit.message.fill("Which colour is it?")
    visit.run("""() => {
        document.getElementById("chat-form").requestSubmit();
        document.querySelector("#chat-form .stop").click();
    }""")
    visit.page.locator("#chat .stop:disabled").wait_for()
    assert visit.message.input_value() == "Which colour is it?"
    assert visit.button("Remove red.png").count() == 1
    assert visit.page.locator("#conversation > *").count() == 0 and visit.complaints == []


def test_a_file_that_is_no_picture_is_told_of(
    browser, seeing_url: str, visits: list[Visit], tmp_path: Path, red: Path
) -> None:
    visit = seeing_visit(browser, seeing_url, visits)
    document, letter = tmp_path / "doc.pdf", tmp_path / "letter.odt"
    document.write_bytes(b"%PDF-1.7")
    letter.write_bytes(b"")
    visit.add_pictures(document)
    visit.alert.wait_for()
    assert visit.alert.inner_text() == f"doc.pdf is not an image; {SUPPORTED}"
    visit.add_pictures(red)
    visit.button("Remove red.png").wait_for()
    assert not visit.alert.is_visible()
    visit.add_pictures(document, red, letter)
    visit.alert.wait_for()
    assert visit.alert.inner_text() == f"doc.pdf and letter.odt are not images; {SUPPORTED}"
    assert visit.button("Remove red.png").count() == 2
    visit.run("""() => {
        const dropped = new DataTransfer();
        dropped.items.add(new File(["x"], "dropped.txt", { type: "text/plain" }));
        const event = new DragEvent("drop", { dataTransfer: dropped, cancelable: true, bubbles: true });
        document.getElementById("question").dispatchEvent(event);
    }""")
    visit.page.get_by_text("dropped.txt is not an image", exact=False).wait_for()
    assert visit.complaints == []


def test_a_picture_that_the_browser_cannot_read_is_told_of(
    browser, seeing_url: str, visits: list[Visit], red: Path
) -> None:
    visit = seeing_visit(browser, seeing_url, visits)
    # What a file is to the browser that was deleted after it had been chosen.
    visit.run("""() => {
        FileReader.prototype.readAsDataURL = function () { this.dispatchEvent(new ProgressEvent("error")); };
    }""")
    visit.add_pictures(red)
    visit.alert.wait_for()
    assert visit.alert.inner_text() == "The browser cannot read red.png from the disk; choose another file."
    assert visit.page.locator("#chat-form .attached").count() == 0


def test_a_picture_that_the_server_cannot_read_is_named(
    browser, seeing_url: str, visits: list[Visit], tmp_path: Path, red: Path
) -> None:
    visit = seeing_visit(browser, seeing_url, visits)
    visit.message.fill("Hello")
    visit.button("Send").click()
    visit.settle()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    visit.add_pictures(red, broken)
    visit.button("Send").click()
    visit.alert.wait_for()
    assert visit.alert.inner_text().startswith("broken.png: The image is none of ")
    assert visit.page.locator("#chat-form .attached").count() == 2
    visit.button("Remove broken.png").click()
    visit.button("Send").click()
    visit.page.locator(".reply:visible").nth(1).locator(".figures li").first.wait_for()
    assert not visit.alert.is_visible()


def test_pictures_that_are_too_large_are_told_of(
    browser, narrow_url: str, visits: list[Visit], tmp_path: Path, red: Path
) -> None:
    visit = seeing_visit(browser, narrow_url, visits)
    large = tmp_path / "large.bmp"
    picture("blue", (100, 100)).save(large)
    visit.add_pictures(large)
    visit.button("Send").click()
    visit.alert.wait_for()
    told = "These images are too large for this server; use smaller ones, or restart it with a larger --max-body-mb."
    assert visit.alert.inner_text() == told
    visit.button("Remove large.bmp").click()
    visit.add_pictures(red)
    visit.button("Send").click()
    visit.settle()
    visit.message.fill("x" * 30_000)
    visit.button("Send").click()
    visit.alert.wait_for()
    # The picture that is sent again with every message may be what is too much.
    assert visit.alert.inner_text() == f"{told} Or press New chat to start over."


def test_a_conversation_that_is_full_is_told_of(browser, seeing_url: str, visits: list[Visit]) -> None:
    visit = seeing_visit(browser, seeing_url, visits)
    assert not visit.page.get_by_text(ALONE).is_visible()
    long = "word " * 2000
    visit.message.fill(long)
    visit.button("Send").click()
    visit.alert.wait_for()
    assert re.fullmatch(TOO_LONG, visit.alert.inner_text())
    visit.message.fill("Hello")
    visit.button("Send").click()
    visit.settle()
    visit.message.fill(long)
    visit.button("Send").click()
    visit.alert.wait_for()
    assert re.fullmatch(TOO_LONG + r" Or press New chat to start over\.", visit.alert.inner_text())
    assert visit.message.input_value() == long.strip()
    visit.button("New chat").click()
    assert visit.page.locator("#conversation > *").count() == 0 and not visit.alert.is_visible()


def test_a_model_of_texts_offers_no_pictures(visit: Visit) -> None:
    assert not visit.button("Add an image").is_visible()


@pytest.mark.parametrize(
    ("number", "mode", "told"),
    [
        (1, "diffusion", ["1 token", "1 tokens/s", "1.00 tokens/forward", "1 denoise step", "1 ms to first text"]),
        (2, "diffusion", ["2 tokens", "2 tokens/s", "1.00 tokens/forward", "2 denoise steps", "1 ms to first text"]),
        (1, "autoregressive", ["1 token", "1 tokens/s", "1.00 tokens/forward", "1 ms to first text"]),
        # So an edit by instruction counts.
        (0, "diffusion", ["0 tokens", "0 tokens/s", "1.00 tokens/forward", "3 passes", "1 ms to first text"]),
    ],
)
def test_counts_are_told_in_words_that_fit(visit: Visit, number: int, mode: str, told: list[str]) -> None:
    took = {"mode": mode, "tokens_per_second": number, "tokens_per_forward": 1, "denoise_steps": number}
    usage = {"completion_tokens": number, "diffusion": {**took, "forward_passes": 3, "first_text_ms": 1}}
    figures, place, draft = visit.run(
        """async ([frame, number, usage]) => {
            const { ReplyView } = await import("/page/reply.js");
            const view = new ReplyView();
            view.begin();
            for (let step = 1; step <= Math.max(1, number); step++) view.draft({ ...frame, step });
            view.finish({ text: "1", usage, reason: "stop" });
            const place = view.place.textContent;
            view.slider.stepDown();
            view.slider.dispatchEvent(new Event("input"));
            const figures = [...view.element.querySelectorAll(".figures li")].map((item) => item.textContent);
            return [figures, place, view.place.textContent];
        }""",
        [{**FRAME, "tokens": ["1"], "entropies": [0.0]}, number, usage],
    )
    assert figures == told
    assert place == ("settled after 2 steps" if number == 2 else "settled after 1 step")
    assert draft.endswith(": 1 of 1 token certain")


def test_text_of_the_model_stays_text(visit: Visit) -> None:
    evil = '<img src="/x" onerror="window.evil = 1"><script>window.evil = 1</script>'
    usage = {"completion_tokens": 2, "diffusion": {}}
    usage["diffusion"] = {"mode": "diffusion", "tokens_per_second": 1, "tokens_per_forward": 1}
    usage["diffusion"] |= {"denoise_steps": 1, "first_text_ms": 1}
    found = visit.run(
        """async ([frame, text, usage]) => {
            const { ReplyView } = await import("/page/reply.js");
            const view = new ReplyView();
            document.body.append(view.element);
            view.begin();
            view.draft(frame);
            view.thoughtSoFar(text);
            await new Promise(requestAnimationFrame);
            const drawn = view.canvas.element.textContent;
            view.finish({ text, usage, reason: "stop" });
            const shaded = [...view.settled.children].map((token) => token.dataset.doubt);
            return [drawn, view.settled.textContent, shaded, view.element.querySelectorAll("img, script").length];
        }""",
        [{**FRAME, "tokens": [evil, "<turn|>"], "special": [1]}, evil, usage],
    )
    assert found == [f"{evil}·", evil, ["0"], 0]
    assert visit.run("() => window.evil") is None and visit.complaints == []


def test_a_stream_that_is_kept_alive_is_read_on(visit: Visit) -> None:
    chunk = {"choices": [{"text": "of", "finish_reason": "stop"}], "usage": {"completion_tokens": 1}}
    body = COMMENT + frame(chunk) + COMMENT + COMMENT + DONE
    visit.page.route(
        "**/v1/completions", lambda route: route.fulfill(body=body, headers={"content-type": "text/event-stream"})
    )
    reply = visit.run("""async () => {
        const { infill } = await import("/page/client.js");
        return await infill("a", "b", {}, { text: () => {} });
    }""")
    assert reply["text"] == "of" and reply["usage"] == chunk["usage"] and visit.complaints == []


def test_one_prompt_is_decoded_in_two_ways(visit: Visit) -> None:
    visit.tab("Side by side").click()
    visit.button("Run both").click()
    visit.page.locator("#verdict:not(:empty)").wait_for()
    lanes = visit.page.locator(".lane")
    for lane in lanes.all():
        assert lane.locator(".settled").inner_text().strip()
        assert "tokens/s" in lane.inner_text() and "tokens/forward" in lane.inner_text()
        assert re.fullmatch(r"\d+\.\d\d s", lane.locator(".stopwatch").inner_text())
    assert lanes.nth(0).get_by_role("slider").count() == 1 and lanes.nth(1).get_by_role("slider").count() == 0
    told = visit.page.locator("#verdict").inner_text()
    assert told.startswith("Measured by the server, diffusion took ")
    assert visit.page.get_by_role("status").inner_text() == told
    assert visit.complaints == []


def test_text_and_keys_become_json(visit: Visit) -> None:
    visit.tab("Text to JSON").click()
    visit.page.get_by_label("Keys, separated by commas").fill("name, date, name,")
    visit.button("Extract").click()
    verdict = visit.page.locator("#form-verdict:not(:empty)")
    verdict.wait_for()
    text, told = visit.settle().locator(".settled").inner_text(), verdict.inner_text()
    shown = visit.page.locator("#form-values dt")
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if isinstance(values, dict):
        assert told.startswith("Valid JSON") and shown.all_inner_texts() == list(values)
    else:
        assert told.startswith("The reply is ") and shown.count() == 0
    assert visit.complaints == []


def test_a_gap_is_filled_between_two_texts(visit: Visit) -> None:
    visit.tab("Infill").click()
    before, after = "The cat sat on the ", " and went to sleep."
    visit.page.get_by_label("Text before the gap").fill(before)
    visit.page.get_by_label("Text after the gap").fill(after)
    visit.button("Fill the gap").click()
    filled = visit.page.locator("#infill .settled")
    filled.wait_for()
    gap = filled.locator("mark").text_content()
    assert gap and filled.text_content() == before + gap + after
    assert visit.page.get_by_role("status").text_content() == f"The gap reads: {gap}"
    visit.page.get_by_role("slider").press("Home")
    canvas = visit.page.locator("#infill .canvas").text_content() or ""
    assert canvas.startswith(before) and canvas.endswith(after)
    assert visit.complaints == []


def test_a_text_is_gone_over_and_its_changes_are_shown(visit: Visit) -> None:
    visit.tab("Edit").click()
    text = "She go to the the market 😀 yestreday."
    visit.page.get_by_label("Text to edit").fill(text)
    strength = visit.page.get_by_role("slider", name="Strength")
    strength.focus()
    visit.page.keyboard.press("End")
    assert strength.get_attribute("aria-valuetext") == "everything may be rewritten"
    for _ in range(2):
        visit.page.keyboard.press("ArrowLeft")
    assert strength.get_attribute("aria-valuetext") == "90 %; lower keeps more of the text"
    with visit.page.expect_request("**/v1/edit") as asked:
        visit.button("Edit text").click()
    assert asked.value.post_data_json["strength"] == 0.9
    assert asked.value.post_data_json["instruction"] == "Fix the mistakes"
    verdict = visit.page.locator("#edit-verdict:not(:empty)")
    verdict.wait_for()
    assert re.search(r"\d+ pass(es)?\b", visit.settle().inner_text()) and "denoise" not in visit.settle().inner_text()
    settled = visit.page.locator("#edit .settled")
    pieces = settled.evaluate("box => [...box.childNodes].map((node) => [node.nodeName, node.textContent])")
    assert "".join(piece for name, piece in pieces if name != "INS") == text
    # What was only dropped has nothing put in.
    names = [name for name, _ in pieces]
    changed = names.count("INS") + sum(pair[0] == "DEL" and pair[1] != "INS" for pair in pairwise([*names, ""]))
    assert verdict.inner_text().startswith(str(changed) if changed > 1 else "One" if changed else "Nothing")
    told = visit.page.get_by_role("status").text_content() or ""
    assert told == f"{verdict.inner_text()} " + "".join(piece for name, piece in pieces if name != "DEL")
    strength.focus()
    visit.page.keyboard.press("Home")
    visit.button("Edit text").click()
    visit.page.get_by_text("Nothing changed", exact=False).first.wait_for()
    assert settled.text_content() == text and visit.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(browser, url: str, visits: list[Visit], scheme: str) -> None:
    visits.append(Visit(browser, url, viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True))
    (visit,) = visits
    visit.page.get_by_text("Settings").click()
    visit.page.get_by_label("Seed").fill("7")
    visit.button("4x4 Sudoku").click()
    visit.settle().get_by_role("slider").press("Home")
    for name in TABS:
        visit.tab(name).click()
        assert visit.run("() => document.documentElement.scrollWidth") == 360, name
    assert len({visit.tab(name).bounding_box()["y"] for name in TABS}) == 1
    assert visit.complaints == []


def test_the_keyboard_reaches_everything_and_everything_has_a_name(visit: Visit) -> None:
    tabs = [visit.tab(name) for name in TABS]
    tabs[0].focus()
    last = len(tabs) - 1
    for key, at in (("ArrowRight", 1), ("End", last), ("ArrowRight", 0), ("ArrowLeft", last), ("Home", 0)):
        visit.page.keyboard.press(key)
        selected = [tab.get_attribute("aria-selected") for tab in tabs]
        assert selected == [str(number == at).lower() for number in range(len(tabs))]
        assert tabs[at].evaluate("tab => tab === document.activeElement")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    assert visit.page.get_by_label("Seed").is_visible()
    nameless = """() => [...document.querySelectorAll("button, input, textarea")]
        .filter((element) => !(element.labels?.length || element.ariaLabel || element.textContent.trim()))
        .map((element) => element.outerHTML)"""
    assert visit.run(nameless) == []
    order = []
    for _ in range(3 + 4 + 3):
        visit.page.keyboard.press("Tab")
        order.append(visit.run("() => document.activeElement.id || document.activeElement.textContent"))
    assert order[:3] == ["seed", "max-tokens", "canvas-length"]
    assert order[-3:] == ["question", "Send", "new-chat"]


def test_stop_gives_the_question_back_when_nothing_was_said(visit: Visit) -> None:
    question = visit.page.get_by_role("textbox", name="Message")
    question.fill("Solve this Sudoku")
    visit.run("""() => {
        const form = document.getElementById("chat-form");
        form.requestSubmit();
        form.querySelector(".stop").click();
    }""")
    visit.page.locator(".reply").wait_for(state="detached")
    assert question.input_value() == "Solve this Sudoku"
    assert not visit.page.get_by_role("alert").is_visible()
    visit.button("Send").click()
    assert visit.settle().locator(".settled").inner_text().strip()


def test_a_question_that_failed_comes_back_before_what_was_typed_meanwhile(visit: Visit) -> None:
    visit.message.fill("The first question")
    visit.run("""() => {
        document.getElementById("chat-form").requestSubmit();
        document.getElementById("question").value = "The next one";
        document.querySelector("#chat-form .stop").click();
    }""")
    visit.page.locator("#chat .stop:disabled").wait_for()
    assert visit.message.input_value() == "The first question\n\nThe next one"


def test_a_new_chat_forgets_the_question_that_it_cut_off(visit: Visit) -> None:
    visit.page.get_by_role("textbox", name="Message").fill("The old question")
    visit.run("""() => {
        document.getElementById("chat-form").requestSubmit();
        document.getElementById("new-chat").click();
    }""")
    assert visit.page.locator("#conversation > *").count() == 0
    visit.page.get_by_role("textbox", name="Message").fill("The new one")
    with visit.page.expect_request("**/v1/chat/completions") as asked:
        visit.button("Send").click()
    assert asked.value.post_data_json["messages"] == [{"role": "user", "content": "The new one"}]
    visit.settle()


def test_a_model_that_knows_no_conversations_gets_each_message_alone(visit: Visit) -> None:
    assert visit.page.get_by_text(ALONE).is_visible()
    question = visit.page.get_by_role("textbox", name="Message")
    sent: list[dict] = []
    visit.page.on("request", lambda request: sent.append(request.post_data_json) if request.post_data else None)
    texts = ("Fix the mistakes: They was late.", "Solve this Sudoku:\n1030\n0402\n2043\n0320")
    for number, text in enumerate(texts):
        question.fill(text)
        visit.button("Send").click()
        visit.page.locator(".reply:visible").nth(number).locator(".figures li").first.wait_for()
        assert [message["content"] for message in sent[-1]["messages"]] == [text]
    assert "4321" in visit.page.locator(".reply:visible").last.inner_text().replace("\n", "")


def test_escape_stops_what_an_example_began(visit: Visit) -> None:
    visit.page.get_by_label("Longest reply, tokens").evaluate("field => (field.value = 2000)")
    visit.button("Fix a sentence").click()
    visit.page.keyboard.press("Escape")
    visit.page.locator("#chat .stop:disabled").wait_for()


def test_a_setting_that_cannot_be_is_told_by_its_label(visit: Visit) -> None:
    visit.page.get_by_text("Settings").click()
    canvas, longest = visit.page.get_by_label("Canvas, tokens"), visit.page.get_by_label("Longest reply, tokens")
    visit.message.fill("Hello")

    def refused(field, value: str) -> str:
        field.fill(value)
        visit.button("Send").click()
        visit.alert.wait_for()
        told = visit.alert.inner_text()
        assert visit.message.input_value() == "Hello"
        field.fill("16")
        return told

    with visit.page.expect_response("**/v1/chat/completions") as answer:
        assert refused(longest, "99999999999") == "Settings, Longest reply: at most 2147483647."
    assert answer.value.status == 400
    own = [refused(canvas, value) for value in ("99999", "0", "1.5")]
    sentences = [f"Settings, Canvas: {told}." for told in ("at most 4096", "at least 1", "a whole number")]
    assert own == sentences
    # A service that takes less than the page knows says it in the same words.
    canvas.evaluate("field => field.removeAttribute('max')")
    with visit.page.expect_response("**/v1/chat/completions") as answer:
        assert refused(canvas, "99999") == sentences[0]
    assert answer.value.status == 400
    visit.button("Send").click()
    visit.settle()
    assert not visit.alert.is_visible()


def test_a_refusal_of_another_kind_is_shown_in_the_server_s_own_sentence(visit: Visit) -> None:
    visit.message.fill("word " * 5000)
    visit.button("Send").click()
    visit.alert.wait_for()
    # Where each message is taken alone a new chat takes no more.
    assert re.fullmatch(TOO_LONG, visit.alert.inner_text())


def test_the_key_is_asked_for_only_when_the_server_asks(browser, locked_url: str, visits: list[Visit]) -> None:
    visits.append(Visit(browser, locked_url))
    (visit,) = visits
    field, alert = visit.page.get_by_label("This server requires an API key"), visit.alert
    field.wait_for()
    assert not visit.tab("Chat").is_visible() and not alert.is_visible()
    wrong = "Wrong API key. Enter the key that dgemma serve was started with."
    for key, told in (("wrong", wrong), ("schlüssel", "An API key consists of printable ASCII characters only.")):
        field.fill(key)
        visit.button("Unlock").click()
        visit.page.get_by_text(told).wait_for()
        visit.page.locator("#key:focus").wait_for()
    field.fill(KEY)
    visit.button("Unlock").click()
    visit.tab("Chat").wait_for()
    assert not field.is_visible() and not alert.is_visible()
    visit.page.locator("#question:focus").wait_for()
    visit.button("4x4 Sudoku").click()
    assert visit.settle().locator(".settled").inner_text().strip()


def test_a_key_that_a_server_asks_for_later_leads_back_to_the_tab(
    browser, locked_url: str, visits: list[Visit]
) -> None:
    visits.append(Visit(browser, locked_url))
    (visit,) = visits
    field = visit.page.get_by_label("This server requires an API key")
    field.fill(KEY)
    visit.button("Unlock").click()
    visit.tab("Edit").click()
    visit.run("() => sessionStorage.clear()")
    visit.button("Edit text").click()
    visit.page.get_by_text("This server now requires an API key.").wait_for()
    for key in ("wrong", KEY):
        field.fill(key)
        visit.button("Unlock").click()
        visit.page.locator("#model", has_text="tiny" if key == KEY else "not connected").wait_for()
    field.wait_for(state="hidden")
    visit.page.locator("#edit-text:focus").wait_for()


def test_without_a_key_no_field_asks_for_one(visit: Visit) -> None:
    assert not visit.page.locator("#key-form").is_visible()


def test_nothing_moves_for_those_who_asked_for_stillness(browser, url: str, visits: list[Visit]) -> None:
    for motion in ("reduce", "no-preference"):
        visits.append(Visit(browser, url, reduced_motion=motion))
    transition = "() => getComputedStyle(document.querySelector('.token')).transition"
    still, moving = (visit.run(transition) for visit in visits)
    assert "background-color" in moving and "background-color" not in still


@pytest.mark.skipif("WRITE_SCREENSHOT" not in os.environ, reason="WRITE_SCREENSHOT is not set")
def test_screenshot_for_the_readme(browser, url: str, visits: list[Visit]) -> None:
    visits.append(Visit(browser, url, viewport={"width": 900, "height": 620}))
    (visit,) = visits
    visit.page.get_by_text("Settings").click()
    visit.page.get_by_label("Seed").fill("7")
    visit.page.get_by_text("Settings").click()
    visit.button("Text to JSON").click()
    slider = visit.settle().get_by_role("slider")
    slider.focus()
    for _ in range(1 + int(slider.get_attribute("max") or 0) * 2 // 3):
        visit.page.keyboard.press("ArrowLeft")
    visit.run("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    visit.page.wait_for_timeout(300)
    visit.page.screenshot(path=SCREENSHOT)
    assert SCREENSHOT.stat().st_size <= 200_000
