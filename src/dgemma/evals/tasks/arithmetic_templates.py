"""Sentences of the *math* task: word problems with the steps that solve them, plain requests, names and nouns.

One problem per line, `steps | text`: each step is one operation on letters, numbers or earlier results (`r1`, `r2`),
and the last step's result is the answer. `arithmetic.RANGES` has the letters' ranges. The two splits share nouns, but
no problem, phrasing or proper name. Knows nothing of drawing numbers or of scoring.
"""

TRAIN_PROBLEMS = """
a + b | {name} has {a} {things}. {other} gives {him} {b} more. How many {things} does {name} have now?
a + b | {name} has {a} {things} and {other} has {b} {things}. How many {things} do they have together?
a + b | {name} found {a} shells in the morning and {b} shells in the afternoon. How many shells did {he} find in all?
a + b | There are {a} red {things} and {b} blue {things} in a box. How many {things} are in the box?
a + b | A farmer has {a} {animals}. He buys {b} more {animals}. How many {animals} does he have now?
a + b | {a} girls and {b} boys are in the school play. How many children are in the play?
a + b | {name} read {a} pages on Monday and {b} pages on Tuesday. How many pages did {he} read in total?
a + b | A shirt costs {a} dollars and a hat costs {b} dollars. How much do they cost together?
a + b | {other} has {a} {things}. {name} has {b} more {things} than {other}. How many {things} does {name} have?
a + b | A bus drives {a} km in the morning and {b} km in the evening. How far does it drive that day?
e + f | {name} is {e} years old. How old will {he} be in {f} years?
e + m | {other} is {e} years old. {name} is {m} years older. How old is {name}?
a + b | It takes {name} {a} minutes to cook and {b} minutes to clean up. How many minutes is that in total?
u + v | A library has {u} story books and {v} picture books. How many books does it have?
u + v | {u} people came on Saturday and {v} people came on Sunday. How many people came in all?
a + b | {name} had {a} dollars and earned {b} dollars. How many dollars does {he} have now?
a - b | {name} had {a} {things}. {He} gave {b} of them to {other}. How many {things} does {name} have left?
a - b | {name} baked {a} {treats}. The children ate {b} of them. How many {treats} are left?
a - b | There were {a} birds in a tree. {b} of them flew away. How many birds stayed?
a - b | {name} has {a} {things}. {other} has {b} {things}. How many more {things} does {name} have than {other}?
a - b | {other} has {a} {things}. {name} has {b} fewer {things} than {other}. How many {things} does {name} have?
a - b | A book has {a} pages. {name} has read {b} pages. How many pages are left to read?
a - b | {name} had {a} dollars and bought a {good} for {b} dollars. How much money is left?
a - b | A {good} costs {a} dollars. {name} has {b} dollars. How many more dollars does {he} need?
a - b | There are {a} children in the class. {b} of them are girls. How many are boys?
a - b | A rope is {a} m long. {name} cuts off {b} m. How long is the rope now?
a - b | A train trip takes {a} minutes. {b} minutes have passed. How many minutes are left?
u - a | A farm had {u} {animals} and sold {a} of them. How many {animals} are left on the farm?
e - f | {name} is {e} years old and {other} is {f} years old. How many years older is {name}?
a - b | The walk to the lake is {a} km. {name} has walked {b} km. How many km are still to go?
m * n | {name} has {m} boxes with {n} {things} in each box. How many {things} does {he} have?
m * n | There are {m} rows of {n} chairs in the hall. How many chairs are there?
m * n | One {good} costs {m} dollars. How much do {n} {goods} cost?
m * n | {name} reads {m} pages every day. How many pages does {he} read in {n} days?
a * m | A car drives {a} km every hour. How far does it drive in {m} hours?
m * n | Each of {m} children gets {n} {treats}. How many {treats} are needed?
e * m | {name} earns {e} dollars an hour. How much does {he} earn in {m} hours?
m * n | A hen lays {m} eggs a week. How many eggs does it lay in {n} weeks?
m * 7 | {name} drinks {m} glasses of water a day. How many glasses does {he} drink in a week?
a * 2 | {other} has {a} {things}. {name} has twice as many. How many {things} does {name} have?
m * n | {other} picked {m} {fruits}. {name} picked {n} times as many. How many {fruits} did {name} pick?
m * 4 | A farmer has {m} cows. Each cow has 4 legs. How many legs do the cows have?
e * m | A bus can carry {e} people. How many people can {m} buses carry?
a / m | {name} shares {a} {treats} equally among {m} friends. How many {treats} does each friend get?
a / m | {a} children make {m} equal teams. How many children are in each team?
a / m | {name} puts {a} {things} into bags of {m}. How many bags does {he} fill?
a / m | {m} {goods} cost {a} dollars. How much does one {good} cost?
a / m | {name} has {a} pages to read and reads {m} pages a day. How many days does it take {him}?
a / 2 | {other} has {a} {things}. {name} has half as many. How many {things} does {name} have?
a / m | A ribbon of {a} cm is cut into {m} equal pieces. How long is each piece?
a / m | A train goes {a} km in {m} hours. How many km does it go in one hour?
a / m | A farmer puts {a} eggs into boxes of {m}. How many boxes does he need?
a / 2 | A {good} costs {a} dollars. Today it is half price. What does it cost today?
a + b; r1 - c | {name} has {a} {things}. {He} gets {b} more and then loses {c}. How many {things} does {he} have now?
a - b; r1 - c | {name} had {a} {treats}. {He} ate {b} and gave {c} to {other}. How many {treats} are left?
a - b; r1 + c | There were {a} people on the bus. {b} got off and {c} got on. How many people are on the bus now?
a - b; r1 + c | {name} had {a} dollars. {He} spent {b} dollars and then earned {c} dollars. How much does {he} have now?
a + b; r1 + c | {name} has {a} red, {b} green and {c} blue {things}. How many {things} does {he} have in all?
a + b; r1 + c | {name} walked {a} km on Monday, {b} km on Tuesday and {c} km on Friday. How far did {he} walk in total?
m * n; r1 + a | {name} buys {m} bags with {n} {fruits} each. {He} already had {a} {fruits}. How many does {he} have now?
m * n; r1 - a | {name} has {m} boxes of {n} {treats}. {He} eats {a} {treats}. How many are left?
m * n; a - r1 | {name} has {a} dollars. {He} buys {m} {goods} for {n} dollars each. How much money is left?
a + b; r1 / m | {name} has {a} {treats} and {other} has {b}. They share them equally among {m} children. \
How many does each child get?
a - b; r1 / m | {name} has {a} {things}. {He} keeps {b} and shares the rest equally among {m} friends. \
How many does each friend get?
a + b; a + r1 | {other} has {a} {things}. {name} has {b} more than {other}. How many {things} do they have together?
a - b; a + r1 | {other} has {a} {things}. {name} has {b} fewer than {other}. How many {things} do they have together?
a * 2; a + r1 | {other} has {a} {things}. {name} has twice as many as {other}. How many {things} do they have in all?
a / 2; a - r1 | {name} had {a} {things} and gave half of them to {other}. How many {things} does {name} have left?
a / 2; a + r1 | {other} picked {a} {fruits}. {name} picked half as many. How many {fruits} did they pick together?
a / 2; r1 - b | There were {a} {treats} on the table. Half of them were eaten. Then {name} took {b} more. \
How many are left?
m * n; a + r1 | {name} has {a} dollars and saves {m} dollars a week. How many dollars does {he} have after {n} weeks?
e + f; r1 + m | {other} is {e} years old. {name} is {f} years older. How old will {name} be in {m} years?
e - f; r1 * m | {other} has {e} {animals} and sells {f} of them. {name} has {m} times as many as are left. \
How many {animals} does {name} have?
e * m; r1 + b | A car drives {e} km an hour for {m} hours and then another {b} km. How far does it drive?
a + b; u - r1 | A book has {u} pages. {name} read {a} pages on Monday and {b} pages on Sunday. How many pages are left?
m * n; k * l; r1 + r2 | {name} buys {m} {goods} for {n} dollars each and {k} hats for {l} dollars each. \
How much does {he} pay?
m * n; k * l; r1 - r2 | {name} has {m} bags of {n} {fruits}. {other} has {k} bags of {l} {fruits}. \
How many more {fruits} does {name} have?
m * 4; n * 2; r1 + r2 | A farm has {m} cows and {n} hens. A cow has 4 legs and a hen has 2 legs. \
How many legs are there?
m * n; r1 / k | {name} has {m} boxes of {n} {things} and shares them equally among {k} children. \
How many does each child get?
a - b; r1 - c | A shop had {a} {goods}. It sold {b} in the morning and {c} in the afternoon. How many are left?
a + b; r1 - c | A farmer has {a} {animals} and buys {b} more. Then {c} run away. How many {animals} are left?
e + f; r1 * m | In each class there are {e} girls and {f} boys. How many children are in {m} classes?
a - b; r1 * m | A {good} costs {a} dollars, but today it is {b} dollars less. How much do {m} {goods} cost today?
m * n; u - r1 | The school has {u} pencils. {m} classes take {n} pencils each. How many pencils are left?
a + b; r1 * 2 | A garden is {a} m long and {b} m wide. How long is the fence around it?
m * n | A field is {m} m long and {n} m wide. How many square metres is it?
m * 60 | A film lasts {m} hours. How many minutes is that?
m * 12 | {name} buys {m} dozen eggs. How many eggs is that?
"""

EVAL_PROBLEMS = """
a + b | {name} collected {a} {things} last week and {b} this week. How many has {he} collected altogether?
a + b | A baker sold {a} loaves before noon and {b} loaves after noon. What was the number of loaves sold?
a - b | {name} wants to send {a} letters and has written {b} so far. How many letters must {he} still write?
a - b | A shelf held {a} {goods}. Somebody took {b} away. How many remain on the shelf?
e - m | {name} is {m} years younger than {other}, who is {e}. What is the age of {name}?
m * n | Every shelf in a shop holds {m} {goods}. The shop has {n} shelves. How many {goods} fit?
m * n | {name} runs {m} km each morning. What distance has {he} run after {n} mornings?
a / m | {a} {treats} are handed out evenly to {m} children. What does each one receive?
a / m | A gardener plants {a} trees in {m} rows of the same length. How many trees stand in a row?
a - b; r1 + c | A pond had {a} fish. A bear caught {b}, and later {c} new fish swam in. How many fish live there now?
a + b; r1 - c | {name} picked {a} {fruits}, then {b} more, and sold {c} of them. How many {fruits} remain?
m * n; r1 - a | {name} packed {m} crates with {n} {fruits} apiece, but {a} went bad. How many good ones remain?
m * n; r1 + a | A hotel has {m} floors with {n} rooms each and {a} rooms in the garden. How many rooms are there?
a + b; r1 / m | {name} earned {a} coins and {other} earned {b}. They split everything evenly into {m} jars. \
How many coins go in a jar?
a / 2; r1 + b | {name} gave away half of {his} {a} {things}, then bought {b}. How many has {he} got?
a + b; a + r1 | A hen house is home to {a} hens. The barn has {b} more hens than that. How many hens live in both?
m * n; a - r1 | {name} pays for {m} tickets at {n} dollars apiece out of {his} {a} dollars. What does {he} keep?
"""

PREFIXES = {
    "train": (
        "Solve: ",
        "Solve this problem step by step: ",
        "Solve this word problem: ",
        "Question: ",
        "Problem: ",
        "Answer this: ",
        "Solve this problem. ",
        "Think step by step. ",
    ),
    "eval": ("Work this out: ", "Can you solve this? ", "Here is a problem: ", "Explain each step. "),
}
SUFFIXES = {
    "train": (" Show your work.", " Think step by step.", " Solve it step by step.", " Show the steps."),
    "eval": (" Show how you got there.", " Write down each step."),
}
PLAIN_REQUESTS = {
    "train": (
        "What is {sum}?",
        "what is {sum}",
        "Calculate {sum}.",
        "Compute {sum}.",
        "{sum} = ?",
        "{sum}",
        "{sum} =",
        "How much is {sum}?",
        "What does {sum} equal?",
        "Solve {sum}.",
        "Work out {sum}.",
        "What is {sum}? Show your work.",
    ),
    "eval": ("Please evaluate {sum}.", "Tell me what {sum} is.", "What do you get for {sum}?", "Find {sum}."),
}
PLAIN_SUMS = {
    "one-step": ("a + b", "a - b", "m * n", "a / m", "a + b", "a - b", "u + v", "u - a", "e * m"),
    "several": ("a + b; r1 + c", "a + b; r1 - c", "a - b; r1 + c", "a - b; r1 - c", "m * n; r1 + a", "m * n; a + r1"),
}
OPERATION_WORDS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}

NAMES = {
    "train": (
        "Anna Lily Mia Emma Sara Zoe Lucy Maya Nina Rosa Ella Amy Kate Jane Mary Lisa Eva Ruth Clara Ivy Leila Aisha "
        "Mei Priya Yuki Fatima Ingrid Olga Chloe Grace Hannah Julia Nora Sophie Alice Bella Daisy Fiona Gina Holly",
        "Tom Ben Sam Max Leo Tim Jack Noah Adam Paul Mark John Peter David Omar Ali Ravi Ken Luis Ivan Finn Hugo Otto "
        "Felix Oscar Carlos Diego Ahmed Kofi Liam Ethan Henry James Lucas Oliver Daniel Erik Frank George Harry",
    ),
    "eval": (
        "Wanda Beatrice Tamara Naomi Greta Petra Yasmin Odette Freya Zelda",
        "Victor Walter Bruno Rashid Gustav Kenji Milo Edgar Tobias Arthur",
    ),
}
NOUNS = {
    "things": "marbles stickers cards shells coins stamps buttons beads blocks books pencils pens balloons stones "
    "balls toys crayons badges flowers leaves",
    "fruits": "apples oranges pears plums lemons peaches cherries bananas mangoes figs berries nuts",
    "treats": "cookies cakes sweets muffins pancakes buns pies candies biscuits sandwiches",
    "animals": "cows sheep goats pigs hens ducks horses geese rabbits",
    "good": "book pen ball toy game cup plate lamp bag kite doll scarf ticket notebook puzzle",
}
