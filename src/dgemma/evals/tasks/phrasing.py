"""Manners around a request, which change nothing of what is asked: a greeting, a please, a remark at its end.

Knows nothing of tasks.
"""

from random import Random

_OPENINGS = (
    "Please ", "Please ", "Can you ", "Could you ", "Would you ", "Hi, please ", "Hello. ", "Hey, ", "Now ", "I need you to ",
    "I want you to ", "Your task: ", "Task: ", "Next: ", "Instruction: ", "Help me: ", "Kindly ", "You should ", "Quick: ",
    "One more: ", "Would you please ", "Let us ", "Step one: ", "Question: ", "Job: ", "To do: ", "An easy one: ",
)  # fmt: skip


def dress(random: Random, request: str) -> str:
    """`request` behind an opening; one that begins with a placeholder or a quotation stays as it is."""
    if not request[:1].isalpha():
        return request
    return random.choice(_OPENINGS) + request[0].lower() + request[1:]
