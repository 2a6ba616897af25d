"""Messages -> ids through the model's chat template, and generated ids -> thinking, text and tool calls.

The template's own markers become special tokens; what a person, a tool or a schema wrote never does, whatever it looks
like. Nothing that a model may write makes `parse` fail, and a reply that is all thought is given as text, so an answer
is never empty because of where the model put it (Gemma 4 format). Knows nothing of generation, pixels or HTTP.
"""

from dgemma.chat.parts import MessageParts, ToolCall, parse
from dgemma.chat.prompt import default_template, render
from dgemma.chat.shown import ShownImage, take_images

__all__ = ["MessageParts", "ShownImage", "ToolCall", "default_template", "parse", "render", "take_images"]
