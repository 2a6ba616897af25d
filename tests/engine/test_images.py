"""Images in the engine: never cut by a chunk, distinguished in kept prefixes, and read as transformers reads them."""

import base64
import copy
import io
import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import dgemma
from dgemma import images
from dgemma.api import LLM
from dgemma.checkpoint import open_model, quantise_model, save_model
from dgemma.config import EngineConfig
from dgemma.engine.prefixes import split_prompt
from dgemma.errors import ImageError, PromptError, UsageError
from dgemma.images import PreparedImage
from dgemma.tokenizer import IMAGE, IMAGE_BEGIN, IMAGE_END
from tests.images import image_model, picture


def load(**settings) -> LLM:
    return LLM(image_model(), EngineConfig(device="cpu", dtype="float32", **settings))


def message(*parts) -> list[dict]:
    content = [{"type": "image", "image": part} if not isinstance(part, str) else {"type": "text", "text": part}
               for part in parts]  # fmt: skip
    return [{"role": "user", "content": content}]


OPTIONS = {"max_new_tokens": 16, "seed": 5, "image_tokens": 70}


def test_an_image_takes_its_number_of_tokens_in_the_prompt():
    llm = load()
    prepared, (image,) = llm.prepare_images(message("Which colour?", picture()), 70)
    assert prepared[0]["content"] == [{"type": "text", "text": "Which colour?"}, {"type": "image"}]
    ids = llm.chat_ids(prepared, images=(image,))
    special = image_model().tokenizer.special_ids
    begin, end = ids.index(special[IMAGE_BEGIN]), ids.index(special[IMAGE_END])
    assert list(ids[begin + 1 : end]) == [special[IMAGE]] * image.num_soft_tokens
    assert 50 <= image.num_soft_tokens <= 70
    # Images come first, whatever the order in which they are given.
    assert begin < ids.index(image_model().tokenizer.encode("Which")[0])
    assert llm.chat_ids(*_prepared(llm, message(picture(), "Which colour?"))) == ids


def _prepared(llm, messages):
    prepared, images = llm.prepare_images(messages, 70)
    return prepared, None, False, images


@pytest.mark.parametrize("mode", ["diffusion", "autoregressive"])
def test_answers_depend_on_the_image_and_on_nothing_else(mode):
    llm = load()
    asked = [message("Say it.", picture(colour)) for colour in ("red", "blue", "red")]
    options = OPTIONS | {"mode": mode}
    red, blue, again = (llm.chat(messages, **options).token_ids for messages in asked)
    assert red == again != blue
    assert red != llm.chat(message("Say it."), **options).token_ids
    assert red == load(prefill_chunk=32).chat(asked[0], **options).token_ids
    # The same with its prefix kept, without it, and from token ids.
    reply = llm.chat(asked[0], **options)
    assert reply.stats.reused_tokens > 50 and reply.token_ids == red
    llm.engine.forget_prefixes()
    prepared, images = llm.prepare_images(asked[0], 70)
    del options["image_tokens"]
    fresh = llm.generate(token_ids=llm.chat_ids(prepared, images=images), images=images, **options)
    assert fresh.token_ids == red and fresh.stats.reused_tokens == 0


def test_the_next_turn_reuses_the_image_without_encoding_it_again(monkeypatch):
    llm, encoded = load(prefill_chunk=64), []
    tower = llm.model.tower
    steps = type(tower).steps
    monkeypatch.setattr(type(tower), "steps", lambda *given: encoded.append(1) or steps(*given))
    first = message(picture(), "What is the boat?")
    answer = llm.chat(first, **OPTIONS)
    later = [*first, {"role": "assistant", "content": answer.text}, {"role": "user", "content": "And the lamp?"}]
    reply = llm.chat(later, **OPTIONS)
    assert reply.stats.reused_tokens > 60 and len(encoded) == 1
    other = [*message(picture("blue"), "What is the boat?"), *later[1:]]
    assert llm.chat(other, **OPTIONS).stats.reused_tokens < 10 and len(encoded) == 2
    llm.engine.forget_prefixes()
    assert llm.chat(later, **OPTIONS).token_ids == reply.token_ids


def test_concurrent_requests_with_images_are_answered_as_alone():
    llm = load()
    asked = [message(picture("red"), "or", picture("blue", (40, 90)), "?"), message(picture("green"), "Say it.")]
    alone = [llm.chat(messages, **OPTIONS).token_ids for messages in asked]
    llm.engine.forget_prefixes()
    open_requests = [llm.stream(messages, **OPTIONS) for messages in asked]
    concurrent = [[token for event in events if hasattr(event, "token_ids") for token in event.token_ids]
                for events in open_requests]  # fmt: skip
    assert concurrent == alone


@settings(max_examples=200)
@given(
    prompt=st.lists(st.integers(-3, 4), min_size=1, max_size=60),
    longest=st.integers(1, 12),
    more=st.lists(st.integers(0, 4), max_size=9),
)
def test_chunks_cut_no_image(prompt, longest, more):
    chunks = split_prompt(prompt, longest, turn_ends=(4,), shortest=3)
    assert [token for chunk in chunks for token in chunk] == prompt and all(chunks)
    for left, right in itertools.pairwise(chunks):
        assert not (left[-1] < 0 and right[0] < 0)
    for chunk in chunks:
        # An image ends a chunk; only the image may exceed the limit.
        texts = [token for token in chunk if token >= 0]
        assert len(texts) <= longest and list(chunk[: len(texts)]) == texts
    # Prompts that begin alike are cut alike, except for the last chunk of the shorter one.
    other = split_prompt([*prompt, 4, *more], longest, turn_ends=(4,), shortest=3)
    assert other[: len(chunks) - 1] == chunks[:-1]


def test_generation_from_ids_equals_transformers(tmp_path):
    pytest.importorskip("transformers")
    from tests.parity.images import IMAGE as TOKEN
    from tests.parity.images import SHAPES, build, build_tower, draw_images
    from tests.parity.test_vision import prompt

    shape = SHAPES["full first"]
    model = build("all", shape, embedding_std=0.12)
    model.generation_config.max_denoising_steps = 6
    model.save_pretrained(tmp_path)
    sizes = [(5, 4), (2, 3)]
    patches, positions = draw_images(build_tower(model), sizes)
    tokens = torch.tensor([prompt([20, 6], 7)])
    torch.manual_seed(11)
    expected = model.generate(
        tokens, pixel_values=patches, image_position_ids=positions, mm_token_type_ids=(tokens == TOKEN).long(),
        max_new_tokens=2 * shape.canvas,
    ).sequences[0, tokens.shape[1] :].tolist()  # fmt: skip
    images = []
    for index, (columns, rows) in enumerate(sizes):
        kept = positions[index, :, 0] >= 0
        images.append(
            PreparedImage(
                pixels_PC=patches[index, kept], positions_P2=positions[index, kept], num_soft_tokens=columns * rows
            )
        )
    llm = dgemma.load(tmp_path, dtype="float32")
    reply = llm.generate(
        token_ids=tokens[0].tolist(), images=images, max_new_tokens=2 * shape.canvas, seed=11, reference=True
    )
    assert reply.token_ids == expected[: len(reply.token_ids)] and len(reply.token_ids) > shape.canvas


@pytest.mark.parametrize("quant", [None, "int8", "int4"])
def test_a_tower_is_saved_and_opened_again(tmp_path, quant):
    model = image_model()
    save_model(model, tmp_path / "float", dtype="bfloat16")
    if quant is None:
        opened = open_model(tmp_path / "float")
    else:
        quantise_model(tmp_path / "float", tmp_path / quant, quant)
        opened = open_model(tmp_path / quant)
    assert opened.config == model.config and opened.tower is not None and model.tower is not None
    theirs = opened.tower.state_dict()
    for name, value in model.tower.state_dict().items():
        assert torch.equal(theirs[name], value.bfloat16())
    llm = LLM(opened, EngineConfig(device="cpu", dtype="float32"))
    assert llm.chat(message("Say it.", picture()), **OPTIONS).token_ids


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ({"type": "image"}, "names no image"),
        ({"type": "image", "image": "nosuch.png"}, "nosuch.png cannot be read"),
        ({"type": "image", "image": b"GIF"}, "none of PNG"),
        ({"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}, "links to"),
        ({"type": "image_url", "image_url": "photo.png"}, "links to"),
        ({"type": "input_image", "image_url": "data:image/png;base64,?"}, "not base64"),
        ({"type": "input_image", "image_url": "data:image/png;base64"}, "has no data"),
        ({"type": "image", "base64": 3}, "not base64"),
        ({"type": "image_url", "image_url": {"url": "data:,x", "detail": "best"}}, "detail 'best'"),
        ({"type": "video", "video": "a.mp4"}, "neither text nor image"),
    ],
)
def test_the_error_for_an_unusable_image_says_what_is_wrong(part, error):
    with pytest.raises(PromptError, match=error):
        load().chat([{"role": "user", "content": [part]}], **OPTIONS)
    with pytest.raises(PromptError, match="only the user's"):
        load().chat([{"role": "system", "content": [{"type": "image", "image": picture()}]}], **OPTIONS)


def test_images_that_do_not_fit_are_refused_before_anything_is_computed():
    llm = load()
    _, images = llm.prepare_images(message(picture()), 70)
    token, count = image_model().config.image_token_id, images[0].num_soft_tokens
    right = [5, *[token] * count, 6]
    for ids, shown, error in (
        ([5, 6], images, "no tokens"),
        ([*right[:-2], 6], images, "needs as many image tokens"),
        ([5, token, 5, *[token] * (count - 1)], images, "in a row"),
        ([*right, *right], images, "image tokens, and its images"),
        (right[:-1], images, "ends with an image"),
    ):
        with pytest.raises(PromptError, match=error):
            llm.generate(token_ids=ids, images=shown, max_new_tokens=8)
    with pytest.raises(UsageError, match="what prepare_images gives"):
        llm.generate(token_ids=right, images=[picture()])
    with pytest.raises(UsageError, match="A text shows no images"):
        llm.generate("Look.", images=images)
    with pytest.raises(UsageError, match="not 71"):
        llm.chat(message(picture()), image_tokens=71)
    wrong = PreparedImage(pixels_PC=torch.zeros(4, 12), positions_P2=torch.zeros(4, 2).long(), num_soft_tokens=1)
    with pytest.raises(UsageError, match="patches of 4 by"):
        llm.generate(token_ids=[5, token, 6], images=[wrong], max_new_tokens=8)
    tiny = dgemma.load("tiny")
    with pytest.raises(PromptError, match="reads text only"):
        tiny.chat(message("Look.", picture()))
    with pytest.raises(PromptError, match="reads text only"):
        tiny.generate(token_ids=[5, 6], images=images)
    assert llm.engine.snapshot().active == 0


def test_a_model_that_checks_its_drafts_reads_images():
    model = replace(image_model(), sampler=replace(image_model().sampler, causal_check=True))
    llm = LLM(model, EngineConfig(device="cpu", dtype="float32"))
    red, blue, again = (llm.chat(message("Say it.", picture(colour)), **OPTIONS) for colour in ("red", "blue", "red"))
    assert red.token_ids == again.token_ids != blue.token_ids


def test_changed_tower_weights_invalidate_kept_prefixes():
    model = replace(image_model(), tower=copy.deepcopy(image_model().tower))
    llm = LLM(model, EngineConfig(device="cpu", dtype="float32"))
    before = llm.chat(message("Say it.", picture()), **OPTIONS)
    assert llm.chat(message("Say it.", picture()), **OPTIONS).stats.reused_tokens > 50
    model.tower.embed_vision.embedding_projection.weight.mul_(-3)
    after = llm.chat(message("Say it.", picture()), **OPTIONS)
    assert after.stats.reused_tokens == 0 and after.token_ids != before.token_ids


def test_other_requests_get_turns_while_an_image_is_encoded():
    llm = load()
    seeing, reading = llm.submit(message("Say it.", picture()), **OPTIONS), llm.submit("The boat", max_new_tokens=4)
    turns = llm.engine.snapshot().turns
    next(reading)
    assert llm.engine.snapshot().prompt_tokens > 50  # the request with the image came first and is running
    assert llm.engine.snapshot().turns - turns <= 4
    list(seeing), list(reading)


def test_too_many_or_too_large_images_are_refused_before_decoding(monkeypatch):
    decoded = []
    monkeypatch.setattr(images, "prepare_image", lambda *given, **sizes: decoded.append(given))
    llm = load(max_context=512)
    with pytest.raises(PromptError, match=r"images take 6\d\d tokens, and the context has 512"):
        llm.chat(message(*[picture()] * 10, "Say it."), **OPTIONS)
    with pytest.raises(PromptError, match="257 images; at most 256"):
        llm.chat(message(*[picture()] * 257), **OPTIONS)
    monkeypatch.setattr(images, "MAX_PIXELS_OF_ALL", 5000)
    with pytest.raises(PromptError, match="million pixels together; make them smaller"):
        llm.chat(message(picture(), picture()), **OPTIONS)
    assert not decoded


def test_image_size_reads_only_the_header_and_a_stream_is_read_once(monkeypatch, tmp_path):
    class Pipe(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self._rest = io.BytesIO(content)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            return self._rest.readinto(buffer)

    llm, file = load(), tmp_path / "p.png"
    picture().save(file)
    (expected,) = llm.prepare_images(message(picture()), 70)[1]
    part = {"type": "image", "image": Pipe(file.read_bytes())}
    (piped,) = llm.prepare_images([{"role": "user", "content": [part]}], 70)[1]
    assert piped.digest == expected.digest
    turned = Image.Exif()
    turned[0x0112] = 6
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda image: pytest.fail("decoded"))
    assert images.image_size(file) == (64, 48)
    monkeypatch.undo()
    picture().save(file, exif=turned)
    assert images.image_size(file) == (48, 64) == images.open_image(file).size


def test_the_error_for_a_broken_image_has_its_number():
    with pytest.raises(ImageError) as raised:
        load().chat(message(picture(), "and", b"GIF"), **OPTIONS)
    assert raised.value.number == 1


def test_replies_to_one_prompt_encode_its_image_once(monkeypatch):
    llm, encoded = load(), []
    steps = type(llm.model.tower).steps
    monkeypatch.setattr(type(llm.model.tower), "steps", lambda *given: encoded.append(1) or steps(*given))
    for _ in range(3):
        llm.engine.forget_prefixes()
        llm.chat(message(picture("pink"), "Say it."), **OPTIONS)
    assert len(encoded) == 1


def test_a_template_that_shows_no_images_is_refused():
    blind = "{{ bos_token }}{% for message in messages %}{{ message.content | string | length }}{% endfor %}"
    llm = LLM(replace(image_model(), chat_template=blind), EngineConfig(device="cpu", dtype="float32"))
    with pytest.raises(PromptError, match="does not show images"):
        llm.chat(message("Look.", picture()), **OPTIONS)


def test_a_path_bytes_and_a_data_url_give_the_same_image(tmp_path):
    llm, file = load(), tmp_path / "p.png"
    picture().save(file)
    content = file.read_bytes()
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    shown = [
        {"type": "image", "image": str(file)},
        {"type": "image", "path": file},
        {"type": "image", "image": content},
        {"type": "image", "base64": base64.b64encode(content).decode()},
        {"type": "image", "url": url},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
        {"type": "input_image", "image_url": url, "detail": "low"},
    ]
    prepared = [llm.prepare_images([{"role": "user", "content": [part]}], 70)[1][0] for part in shown]
    assert {image.digest for image in prepared} == {llm.prepare_images(message(picture()), 70)[1][0].digest}
    (large,) = llm.prepare_images([{"role": "user", "content": [shown[-1] | {"detail": "high"}]}], 70)[1]
    assert 700 < large.num_soft_tokens <= 1120
