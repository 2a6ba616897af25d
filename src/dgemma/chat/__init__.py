"""Messages -> prompt ids through the model's chat template; generated ids -> thinking, text and tool calls.

Only the template's own markers become special tokens; text from a user, a tool or a schema never does, whatever it
contains. `parse` accepts everything that a model may write. It returns a reply that is all thinking as text, so that an
answer is not empty because of where the model put it (Gemma 4 format). Knows nothing of generation, pixels or HTTP.
"""

from dgemma.chat.message_images import MessageImage, take_images
from dgemma.chat.message_parser import MessageParts, ToolCall, parse
from dgemma.chat.prompt import default_template, render

__all__ = ["MessageImage", "MessageParts", "ToolCall", "default_template", "parse", "render", "take_images"]
