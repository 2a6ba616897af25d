"""load() and LLM: the few calls most people need.

    llm = dgemma.load("tiny")
    reply = llm.chat([{"role": "user", "content": "..."}], max_new_tokens=128, seed=7)
    print(reply.text, reply.stats.tokens_per_second)

`generate` continues a text as it stands; `chat` answers messages through the model's chat template; `stream` gives the
events of either as they happen. Nothing here prints.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dgemma import chat as chat_format
from dgemma.checkpoint import LoadedModel, open_model
from dgemma.config import EngineConfig, ModelConfig
from dgemma.decode.autoregressive import TokenSampler
from dgemma.engine.engine import Engine, resolve
from dgemma.engine.request import Commit, Draft, Event, Finish, FinishReason, Mode, Request, Stats
from dgemma.errors import ModelNotFoundError, PromptError, UsageError
from dgemma.model import DiffusionGemma
from dgemma.tokenizer import Tokenizer

Messages = Sequence[Mapping[str, Any]]

EMBEDDED = {"tiny": Path(__file__).parent / "tiny"}
"""Models that the package carries, by name."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A finished answer.

    text           the answer without its end token, thinking and tool calls taken out
    token_ids      every generated id, the end token included
    finish_reason  stop, length or tool_calls
    entropies      nats, one per id: how unsure the model was when the id was settled
    """

    text: str
    token_ids: list[int]
    finish_reason: FinishReason
    stats: Stats
    entropies: list[float] = field(default_factory=list)
    thinking: str = ""
    tool_calls: tuple[chat_format.ToolCall, ...] = ()


def load(
    name: str | Path = "tiny",
    *,
    device: str = "auto",
    dtype: str = "auto",
    quant: str | None = None,
    max_context: int | None = None,
) -> "LLM":
    """Loads a model: `tiny`, a local folder, or a hub id (`owner/name`, fetched once, resumable).

    Raises ModelNotFoundError for a name that is none of these, CheckpointError for files that cannot be used,
    UsageError for a device that is not there.
    """
    if quant is not None:
        raise UsageError("quant is not available in this version; leave it out.")
    config = resolve(EngineConfig(device=device, dtype=dtype, max_context=max_context))  # pyright: ignore[reportArgumentType]
    model = open_model(find_model(name), dtype=config.dtype, device=config.device)
    return LLM(model, config)


def find_model(name: str | Path) -> Path:
    """The folder of an embedded model, of a local path, or of a hub id, which is fetched when it is not here yet.

    Raises ModelNotFoundError for a name that is none of these.
    """
    if isinstance(name, str) and name in EMBEDDED:
        return EMBEDDED[name]
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.suffix == ".gguf":
        raise ModelNotFoundError(f"{name}: GGUF files are not read in this version; give a safetensors folder.")
    if isinstance(name, str) and name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return _from_hub(name)
    known = ", ".join(EMBEDDED)
    raise ModelNotFoundError(f"There is no model {str(name)!r}. Give {known}, a model folder, or a hub id owner/name.")


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.jinja"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"The hub has no public model {name}. Check the name or log in with hf.") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise ModelNotFoundError(f"{name} is no local folder and the hub cannot be reached to fetch it.") from error


class LLM:
    """A loaded model. `network`, `tokenizer` and `config` are the parts, for those who want them."""

    def __init__(self, model: LoadedModel, config: EngineConfig) -> None:
        self.model = model
        self.engine = Engine(model.network, model.sampler, config)

    @property
    def network(self) -> DiffusionGemma:
        """The network."""
        return self.model.network

    @property
    def tokenizer(self) -> Tokenizer | None:
        """The tokenizer; None for a folder without one, which works with `token_ids` only."""
        return self.model.tokenizer

    @property
    def config(self) -> ModelConfig:
        """The network's configuration."""
        return self.model.config

    def generate(self, prompt: str | None = None, *, token_ids: Sequence[int] | None = None, **options: Any) -> Reply:
        """Continues `prompt` (or `token_ids`) as it stands.

        Options: max_new_tokens, seed (default 0), mode ("diffusion", "autoregressive", "auto"), canvas_length,
        max_denoising_steps, temperature (diffusion: scales the schedule, default 1; autoregressive: default 0,
        greedy), top_k, top_p (autoregressive only), reference (transformers' loop, draw for draw).
        Raises PromptError and UsageError.
        """
        return self._finish(self.engine.submit(self._request(self._prompt_ids(prompt, token_ids), **options)))

    def chat(self, messages: Messages, *, schema: Mapping[str, Any] | None = None, **options: Any) -> Reply:
        """Answers messages such as `[{"role": "user", "content": "..."}]`; options as in `generate`, and
        `thinking=True`, `tools=[...]`."""
        if schema is not None:
            raise UsageError("schema is not available in this version; ask for JSON in words.")
        return self._finish(self.engine.submit(self._request(**self._chat_ids(messages, options))))

    def stream(self, prompt: str | Messages, *, drafts: bool = False, **options: Any) -> Iterator[Event]:
        """Events as they happen: Commit and Finish, and with `drafts` a Draft after every denoise step.

        A string is continued as by `generate`, messages are answered as by `chat`.
        """
        if isinstance(prompt, str):
            request = self._request(self._prompt_ids(prompt, None), **options)
        else:
            request = self._request(**self._chat_ids(prompt, options))
        events = self.engine.submit(request)
        return events if drafts else (event for event in events if not isinstance(event, Draft))

    def decode(self, token_ids: Sequence[int], *, skip_special: bool = True) -> str:
        """Ids as text; an empty string for a model without a tokenizer."""
        return "" if self.tokenizer is None else self.tokenizer.decode(token_ids, skip_special=skip_special)

    def parse(self, token_ids: Sequence[int], *, complete: bool = True) -> chat_format.MessageParts:
        """Generated ids as thinking, text and tool calls; `complete=False` for a reply that still grows."""
        if self.tokenizer is None:
            return chat_format.MessageParts(thinking="", text="", tool_calls=())
        return chat_format.parse(token_ids, self.tokenizer, complete=complete)

    def _prompt_ids(self, prompt: str | None, token_ids: Sequence[int] | None) -> tuple[int, ...]:
        if (prompt is None) == (token_ids is None):
            raise UsageError("Give either a prompt or token_ids.")
        if token_ids is not None:
            return tuple(int(token) for token in token_ids)
        return tuple(self._needed_tokenizer().encode(prompt or "", add_bos=True))

    def _chat_ids(self, messages: Messages, options: dict[str, Any]) -> dict[str, Any]:
        tools, thinking = options.pop("tools", None), options.pop("thinking", False)
        ids = chat_format.render(
            messages, self._needed_tokenizer(), template=self.model.chat_template, tools=tools, thinking=thinking
        )
        return {"prompt": tuple(ids), **options}

    def _needed_tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise PromptError("This model folder has no tokenizer.json; give token_ids instead of text.")
        return self.tokenizer

    def _request(
        self,
        prompt: tuple[int, ...],
        *,
        max_new_tokens: int | None = None,
        seed: int = 0,
        mode: Mode = "diffusion",
        canvas_length: int | None = None,
        max_denoising_steps: int | None = None,
        temperature: float | None = None,
        top_k: int = 0,
        top_p: float = 1.0,
        reference: bool = False,
    ) -> Request:
        if mode != "autoregressive" and (top_k or top_p != 1.0):
            raise UsageError("top_k and top_p work with mode='autoregressive' only.")
        if reference and (mode != "diffusion" or canvas_length is not None or temperature not in (None, 1.0)):
            raise UsageError("reference=True takes no mode, canvas_length or temperature of its own.")
        sampler = TokenSampler(temperature=temperature or 0.0, top_k=top_k, top_p=top_p)
        return Request(
            prompt=prompt,
            max_new_tokens=self.model.sampler.max_new_tokens if max_new_tokens is None else max_new_tokens,
            seed=seed,
            mode=mode,
            canvas_length=canvas_length,
            max_denoising_steps=max_denoising_steps,
            temperature=1.0 if temperature is None else temperature,
            token_sampler=sampler,
            reference=reference,
        )

    def _finish(self, events: Iterator[Event]) -> Reply:
        ids: list[int] = []
        entropies: list[float] = []
        for event in events:
            if isinstance(event, Commit):
                ids += event.token_ids
                entropies += event.entropies
            elif isinstance(event, Finish):
                parts = self.parse(ids)
                reason: FinishReason = "tool_calls" if parts.tool_calls else event.reason
                return Reply(
                    text=parts.text,
                    token_ids=ids,
                    finish_reason=reason,
                    stats=event.stats,
                    entropies=entropies,
                    thinking=parts.thinking,
                    tool_calls=parts.tool_calls,
                )
        raise AssertionError("the engine ended without Finish")
