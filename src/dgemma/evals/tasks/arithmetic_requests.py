"""Requests for the training of the *math* task, composed of parts: around a word problem, or for a plain sum.

Hundreds of each, none of them in the eval split or worded like it: they never say evaluate, find, explain, tell, write
down or work this out. Knows nothing of problems, numbers or answers.
"""

from random import Random

from dgemma.evals.tasks import arithmetic_templates as words
from dgemma.evals.tasks.extract_domain import expand

_OPENING = "[||||please |now |next, |kindly |your task: |to do: |I want you to |you should |first |let us ]"
_PROBLEM = "[this problem|the problem|this exercise|the exercise|this word problem|this math problem|this maths question|the question|this question|this task|this story problem|this puzzle]"
_SOLVE = "[solve|answer|do|calculate|tackle|finish|complete|take on|handle]"
_STEPWISE = "[step by step|one step at a time|in small steps|slowly|carefully|in order|with all steps]"
_WORKING = (
    "[your work|the work|your working|the working|the steps|all steps|the calculation|your calculation|the equations]"
)
_LABELS = (
    "[Problem|Question|Exercise|Task|Word problem|Math problem|Maths problem|Maths|Math|Homework|Quiz|Puzzle|Riddle]",
    "[New|Next|Another|Easy|Short|Small|First|Last] [problem|question|exercise|task|word problem|puzzle]",
    "A [problem|question|exercise|word problem|puzzle] [to solve|for you|for today|with numbers]",
)
"""Titles, used only before a problem."""
_COMMANDS = (
    f"{_OPENING}{_SOLVE} {_PROBLEM}",
    f"{_OPENING}[solve|answer|do] {_PROBLEM} {_STEPWISE}",
    f"{_OPENING}[solve|answer|do] {_PROBLEM} and [show|give|add|include] {_WORKING}",
    f"{_OPENING}[think|reason|go|calculate|compute|count] {_STEPWISE}",
    f"{_OPENING}[show|give|state] {_WORKING}[ and the answer| and the result| and then the answer|]",
    f"{_OPENING}[give|state|say|name] the [answer|result] [with|after] {_WORKING}",
    f"{_OPENING}[calculate|compute|give|state] the [answer|result|number]",
)
_AFTER = (
    *_COMMANDS,
    f"{_OPENING}solve it {_STEPWISE}",
    "[What is the answer|What is the result|What is the right number|What number is it]?",
    f"Answer with {_WORKING}",
)
_BEFORE_LAYOUTS = (
    "{request}: {problem}",
    "{request}: {problem}",
    "{request}: {problem}",
    "{request}. {problem}",
    "{request}. {problem}",
    "{request}:\n{problem}",
    "{request}.\n{problem}",
    "{request}:\n\n{problem}",
    "{request}.\n\n{problem}",
    "{request} - {problem}",
    '{request}: "{problem}"',
    "{request}.\nProblem: {problem}",
    "{request}. Question: {problem}",
)
_AFTER_LAYOUTS = (
    "{problem} {request}.",
    "{problem} {request}.",
    "{problem} {request}.",
    "{problem} ({request}.)",
    "{problem}\n{request}.",
    "{problem}\n\n{request}.",
    "Problem: {problem}\n{request}.",
    "Question: {problem} {request}.",
    '"{problem}"\n{request}.',
)
_PLAIN = (
    "[What is|What's|How much is] {sum}[?|?|?||, please?| now?]",
    "[What|And what|Now what] does {sum} [equal|make|come to|give|amount to|yield]?",
    f"{_OPENING}[calculate|compute|solve|work out|do|determine|figure out] [|||the value of |the result of ]{{sum}}[.|.|]",
    f"{_OPENING}[calculate|compute|solve|work out] {{sum}}[.|:] [Show|Give|Add] {_WORKING}.",
    f"{_OPENING}[calculate|compute|solve|do] {{sum}} {_STEPWISE}.",
    "[Give|Show|State|Say|Name] [|me ][the result of|the answer to|the value of|the answer for] {sum}.",
    "[The value of|The result of|The answer to] {sum} is[| what]?",
    "{sum} [=|= ?|equals|is|makes|gives|equals what?|is what?|is how much?|makes what?]",
    "{sum}[?|.|, please.|, what is it?|, how much is that?|: the answer?]",
    "[Sum|Task|Exercise|Arithmetic|Maths|Math|Problem|Calculation|Quiz|Homework|Question]: {sum}[| =|.|?| = ?]",
    "[Sum|Task|Exercise|Arithmetic|Maths|Problem|Calculation]:\n{sum}",
    "If you [calculate|work out|compute|do] {sum}, [what is the result|what is the answer|what comes out]?",
    "I [need|want|am looking for|would like] [the result of|the answer to|the value of] {sum}.",
    "[Can|Could|Would|Will] you [calculate|compute|work out|solve|do] {sum}[?| for me?|, please?]",
    "What number [is|equals|comes out of] {sum}?",
    "[What is|Which is|What's] the [result|answer|value|outcome] of {sum}?",
    "[How|In what way] do I [calculate|compute|work out|solve] {sum}?",
    f"{{sum}}: [show|give] {_WORKING}.",
)


def compose_frame(random: Random) -> tuple[str, str]:
    """The text before and after a word problem."""
    while True:
        if random.random() < 0.6:
            request = random.choice(_COMMANDS if random.random() < 0.75 else _LABELS)
            layout = random.choice(_BEFORE_LAYOUTS)
        else:
            request, layout = random.choice(_AFTER), random.choice(_AFTER_LAYOUTS)
        framed = _join(layout, expand(request, random))
        before, _, after = framed.partition("{problem}")
        if before not in words.PREFIXES["eval"] and after not in words.SUFFIXES["eval"]:
            return before, after


def compose_plain(random: Random) -> str:
    """A request with the placeholder `{sum}`."""
    while True:
        request = expand(random.choice(_PLAIN), random)
        request = request if random.random() < 0.1 else _capital(request)
        if request not in words.PLAIN_REQUESTS["eval"]:
            return request


def _join(layout: str, request: str) -> str:
    """The capitalised request in the layout; a question is not followed by a full stop."""
    if request.endswith("?"):
        layout = layout.replace("{request}.", "{request}")
    return layout.replace("{request}", _capital(request))


def _capital(request: str) -> str:
    return request[:1].upper() + request[1:]
