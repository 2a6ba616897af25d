"""Anthropic's client against `dgemma serve`: a stream, with a tool that the model may call.

dgemma serve &
python examples/anthropic_client.py [http://127.0.0.1:8000]
"""

import sys

from anthropic import Anthropic

address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
tool = {
    "name": "weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}

with Anthropic(base_url=address, api_key="none") as client:
    model = client.models.list().data[0].id
    question = [{"role": "user", "content": "How is the weather in Lisbon?"}]
    with client.messages.stream(model=model, max_tokens=64, messages=question, tools=[tool]) as stream:
        for text in stream.text_stream:
            print(text, end="", flush=True)
        message = stream.get_final_message()
    print()
    for block in message.content:
        if block.type == "tool_use":
            print("calls", block.name, "with", block.input)
    print(message.stop_reason, message.usage.output_tokens, "tokens")
