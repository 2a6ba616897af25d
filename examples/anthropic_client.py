"""Anthropic's client with `dgemma serve`: a stream, and a forced tool call.

`tiny` was not trained on tools: its call has the right shape, and the arguments mean nothing.

Usage:
    dgemma serve &
    python examples/anthropic_client.py [http://127.0.0.1:8000]
"""

import sys

from anthropic import Anthropic

address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
city = {"type": "string", "maxLength": 20}
tool = {
    "name": "weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": city}, "required": ["city"]},
}

with Anthropic(base_url=address, api_key="none") as client:
    model = client.models.list().data[0].id

    messages = [{"role": "user", "content": "Fix the mistakes: They was late."}]
    with client.messages.stream(model=model, max_tokens=64, messages=messages) as stream:
        for text in stream.text_stream:
            print(text, end="", flush=True)
    print()

    question = [{"role": "user", "content": "How is the weather in Lisbon?"}]
    one_call = {"type": "any", "disable_parallel_tool_use": True}
    message = client.messages.create(model=model, max_tokens=64, messages=question, tools=[tool], tool_choice=one_call)
    for block in message.content:
        if block.type == "tool_use":
            print("calls", block.name, "with", block.input)
    print(message.stop_reason, message.usage.output_tokens, "tokens")
