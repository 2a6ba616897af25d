"""Words of the sentence grammar: names, subjects, verb phrases, times, and the forms of English verbs.

Lists named `*_TRAIN` and `*_EVAL` are disjoint, so evaluation has unseen people and actions. Knows nothing of templates,
mistakes or requests.
"""

from dataclasses import dataclass

_IRREGULAR = """
be was been|become became become|begin began begun|bend bent bent|bite bit bitten|blow blew blown|break broke broken
bring brought brought|build built built|burn burned burned|buy bought bought|catch caught caught|choose chose chosen
come came come|cost cost cost|cut cut cut|dig dug dug|do did done|draw drew drawn|dream dreamed dreamed|drink drank drunk
drive drove driven|eat ate eaten|fall fell fallen|feed fed fed|feel felt felt|fight fought fought|find found found
fly flew flown|forget forgot forgotten|forgive forgave forgiven|freeze froze frozen|get got got|give gave given
go went gone|grow grew grown|hang hung hung|have had had|hear heard heard|hide hid hidden|hit hit hit|hold held held
hurt hurt hurt|keep kept kept|know knew known|lead led led|leave left left|lend lent lent|let let let|lose lost lost
make made made|mean meant meant|meet met met|pay paid paid|put put put|read read read|ride rode ridden|ring rang rung
rise rose risen|run ran run|say said said|see saw seen|sell sold sold|send sent sent|shake shook shaken|shine shone shone
show showed shown|shut shut shut|sing sang sung|sink sank sunk|sit sat sat|sleep slept slept|speak spoke spoken
spend spent spent|stand stood stood|steal stole stolen|swim swam swum|swing swung swung|take took taken|teach taught taught
tear tore torn|tell told told|think thought thought|throw threw thrown|understand understood understood
wake woke woken|wear wore worn|win won won|write wrote written
"""
_REGULAR = """
accept add agree answer apologise arrange arrive ask attend bake boil book borrow brush call carry change check clean climb
close collect compare complain complete cook copy count cover cross cry dance decide deliver deny describe discuss
dress drop dry earn empty enjoy enter explain fill finish fix fold follow greet guess happen hate help hope hug hurry
improve invite iron join jump kick kiss knock land laugh learn like listen live lock look love manage mend miss mix move
need notice offer open order organise pack paint park pass phone pick plan plant play prefer prepare print promise pull
push rain reach receive remember remind rent repair repeat reply rescue return save search share shop shout sign
smile sneeze sort start stay stop study suggest talk taste thank tidy touch train translate travel try turn type use visit
wait walk want warn wash watch water wave whisper wish wonder work worry wrap
"""
_DOUBLING = frozenset(
    [
        "drop",
        "hug",
        "plan",
        "shop",
        "stop",
        "wrap",
        "sit",
        "run",
        "swim",
        "get",
        "put",
        "cut",
        "dig",
        "let",
        "shut",
        "win",
        "hit",
        "begin",
        "forget",
    ]
)
_DOUBLED = frozenset(["drop", "hug", "plan", "shop", "stop", "wrap", "knit", "chat", "nod", "prefer"])


@dataclass(frozen=True, kw_only=True)
class Verb:
    """The five forms of one verb."""

    base: str
    third: str
    past: str
    participle: str
    gerund: str


def _third(base: str) -> str:
    if base in ("be", "have"):
        return {"be": "is", "have": "has"}[base]
    if base.endswith(("s", "sh", "ch", "x", "z", "o")):
        return base + "es"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ies"
    return base + "s"


def _gerund(base: str) -> str:
    if base in _DOUBLING or base in _DOUBLED:
        return base + base[-1] + "ing"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")) and base != "be":
        return base[:-1] + "ing"
    return base + "ing"


def regular_past(base: str) -> str:
    """The past tense by the regular rule, which is wrong for an irregular verb (`goed`)."""
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ied"
    if base in _DOUBLED or base in _DOUBLING:
        return base + base[-1] + "ed"
    return base + "ed"


def _verbs() -> dict[str, Verb]:
    verbs: dict[str, Verb] = {}
    for entry in _IRREGULAR.replace("\n", "|").split("|"):
        if entry:
            base, past, participle = entry.split()
            verbs[base] = Verb(base=base, third=_third(base), past=past, participle=participle, gerund=_gerund(base))
    for base in _REGULAR.split():
        past = regular_past(base)
        verbs[base] = Verb(base=base, third=_third(base), past=past, participle=past, gerund=_gerund(base))
    return verbs


VERBS = _verbs()

WOMEN_TRAIN = tuple(
    [
        "Anna",
        "Maria",
        "Lucy",
        "Emma",
        "Sarah",
        "Julia",
        "Laura",
        "Nina",
        "Helen",
        "Alice",
        "Clara",
        "Sophie",
        "Emily",
        "Olivia",
        "Karen",
        "Linda",
        "Susan",
        "Diana",
        "Fatima",
        "Leila",
        "Mei",
        "Priya",
        "Ingrid",
        "Elena",
        "Carmen",
        "Rita",
        "Paula",
        "Monica",
        "Teresa",
        "Ruth",
        "Martha",
        "Jane",
        "Kate",
        "Molly",
        "Zoe",
        "Amy",
        "Ella",
        "Chloe",
        "Hannah",
        "Nora",
    ]
)
MEN_TRAIN = tuple(
    [
        "Tom",
        "Peter",
        "David",
        "James",
        "Daniel",
        "Michael",
        "Paul",
        "John",
        "Simon",
        "Martin",
        "Oliver",
        "Jacob",
        "Henry",
        "George",
        "Thomas",
        "Robert",
        "Andrew",
        "Kevin",
        "Brian",
        "Ahmed",
        "Omar",
        "Carlos",
        "Diego",
        "Ivan",
        "Hassan",
        "Raj",
        "Kenji",
        "Marco",
        "Luca",
        "Felix",
        "Leo",
        "Adam",
        "Ben",
        "Sam",
        "Max",
        "Noah",
        "Ethan",
        "Samuel",
        "Philip",
        "Tim",
    ]
)
WOMEN_EVAL = tuple(
    ["Beatrice", "Yasmin", "Ursula", "Gwen", "Astrid", "Rosalind", "Naomi", "Valerie", "Bridget", "Tamara"]
)
MEN_EVAL = tuple(["Winston", "Gregory", "Hugo", "Tobias", "Rafael", "Magnus", "Dimitri", "Vincent", "Edgar", "Quentin"])
CITIES_TRAIN = tuple(
    [
        "London",
        "Paris",
        "Berlin",
        "Madrid",
        "Rome",
        "Vienna",
        "Tokyo",
        "Boston",
        "Chicago",
        "Dublin",
        "Sydney",
        "Oxford",
        "Toronto",
        "Oslo",
        "Lisbon",
        "Athens",
        "Cairo",
        "Delhi",
        "Moscow",
        "Warsaw",
        "Prague",
        "Geneva",
        "Munich",
        "Seattle",
        "Denver",
    ]
)
CITIES_EVAL = tuple(["Helsinki", "Budapest", "Glasgow", "Montreal", "Seville", "Zurich", "Nairobi", "Lima"])
DAYS = tuple(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"])
MONTHS = tuple(
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
)
NATIONS = tuple(
    [
        "English",
        "French",
        "German",
        "Spanish",
        "Italian",
        "Chinese",
        "Japanese",
        "Russian",
        "Dutch",
        "Greek",
        "England",
        "France",
        "Germany",
        "Spain",
        "Italy",
        "China",
        "Japan",
        "Canada",
        "America",
        "Europe",
        "Africa",
        "Asia",
        "Christmas",
        "Easter",
    ]
)

SINGULAR_SHE = (
    """my mother|my sister|our teacher|the nurse|my aunt|her boss|my grandmother|the old woman|the little girl
our neighbour|the woman next door|my wife|the queen|his daughter|my best friend|the waitress|the new secretary
""".strip()
    .replace("\n", "|")
    .split("|")
)
SINGULAR_HE = (
    """my father|my brother|the doctor|my uncle|the postman|my grandfather|the old man|the little boy|the driver
the manager|my husband|his son|the farmer|the baker|the boy in the blue jacket|the man at the counter|the waiter
""".strip()
    .replace("\n", "|")
    .split("|")
)
PLURAL = (
    """the children|my parents|our neighbours|the students|the workers|my friends|the players|the tourists|the girls
the boys|my cousins|the teachers|the guests|two of my colleagues|some people|the nurses|many students|most visitors
our grandparents|the new employees|three friends|all my classmates
""".strip()
    .replace("\n", "|")
    .split("|")
)

ACTIONS_TRAIN = """
go to the market|go to the cinema|go to the library|go to school by bus|go to work by train|go for a walk in the park
go to bed early|go to the beach|go home after lunch|buy a new coat|buy a loaf of bread|buy two bottles of milk
buy some apples and pears|buy a birthday present for {p} friend|buy an umbrella|eat breakfast in the kitchen
eat a bowl of soup|eat an apple|eat lunch with {p} friends|eat too much cake|drink a cup of tea|drink a glass of water
drink a lot of coffee|make a sandwich|make dinner for the whole family|make a list of things to buy|make a mistake
write a letter to {p} grandmother|write an e-mail to the manager|write a short story|write a report|write the answer on the board
read the newspaper|read a book about the sea|read the instructions|take the bus to the station|take a lot of photos
take the dog for a walk|take {p} medicine|take a shower|see a doctor|see a film about an elephant|see a rainbow over the hills
meet {p} friends at the station|meet an old friend|meet the new teacher|give the children some sweets|give {p} brother a book
tell the truth|tell us a funny story|tell everyone the good news|find a wallet in the street|find the answer
find {p} keys under the sofa|lose {p} passport|lose the game|leave the house at seven|leave {p} umbrella on the bus
leave a message|come home late|come to the party|come back from holiday|bring a cake to the party|bring {p} own food
drive to the airport|drive too fast|ride a bicycle to work|fly to another country|run around the lake|run to catch the bus
swim in the river|swim in the sea|sing a song|sing in the choir|sleep on the sofa|sleep for ten hours
speak to the manager|speak three languages|spend a lot of money|spend the weekend at home|spend an hour in the garden
teach the children to swim|think about the future|throw the ball over the fence|wear a warm jacket|wear an old hat
win a prize|win the race|break a window|break {p} arm|catch a cold|catch a big fish|choose a present|choose the wrong answer
do the washing up|do {p} homework|do the shopping|draw a picture of a house|fall off the ladder|feed the cat
feel tired after work|forget the password|forget {p} lunch|get up at six o'clock|get a letter from the bank
get on the wrong train|grow tomatoes in the garden|hear a strange noise|hear the news on the radio|keep the receipt
know the way to the museum|pay the bill|pay for the tickets|put the milk in the fridge|put {p} bag on the table
say goodbye|say thank you|sell the old car|send a postcard from the island|send the parcel by post|sit in the front row
sit by the window|stand in the queue|understand the question|cook rice and vegetables|cook dinner|clean the kitchen
clean the windows|wash the dishes|wash the car|play football in the park|play the piano|play cards with the neighbours
watch television|watch a film|watch the birds|listen to music|listen to the radio|look for a new job|look at the map
look after the baby|wait for the bus|wait outside the shop|walk to school|walk along the river|walk home
work in a bank|work in the garden|work until late|visit {p} grandmother|visit the museum|visit an old castle
call the police|call a taxi|call {p} mother|help the old lady with the bags|help {p} sister with the homework
open the window|open a small shop|close the door|start a new job|start a business|finish the report|finish {p} homework
learn to cook|learn English|study for the exam|study at the library|travel to the north by train|travel around the world
pack {p} suitcase|book a table for four|book a room in a small hotel|order a pizza|order a new phone|pick some flowers
plant a tree|paint the kitchen yellow|repair the roof|repair the bicycle|answer the phone|answer the question
ask a lot of questions|ask for help|carry the boxes upstairs|carry a heavy bag|miss the last bus|miss the lesson
invite the neighbours to dinner|invite everyone to the party|move to a bigger flat|need a new computer|return the books
stay at home|stay in bed|stay with an aunt|talk to the teacher|talk about the weather|try to sleep|try to fix the computer
turn off the light|use a dictionary|want to learn Spanish|want to be an engineer|live near the school|live in a small village
enjoy the concert|explain the rules|bake a cake|borrow some money|collect the parcel|count the chairs|decide to wait
discuss the plan|dance all night|hope to see the sea|join the tennis club|knock on the door|laugh at the joke
like the soup|lock the front door|love the story|plan a trip to the mountains|promise to help|reply to the letter
save some money|share the cake|shout at the dog|sign the letter|thank the waiter|tidy the bedroom|water the plants
"""
ACTIONS_EVAL = """
go to the dentist|buy a pair of boots|eat a slice of melon|make a paper boat|write a poem about winter|read the contract
take the lift to the third floor|see an owl in the forest|meet the mayor|give the driver the address|find an old coin
lose {p} glasses|leave the office early|bring a bottle of juice|drive a delivery van|swim across the bay|build a sandcastle
sleep in a tent|speak to the landlord|teach chemistry|wear a woollen scarf|break a plate|choose a blue carpet
draw a map of the island|feed the ducks|forget the meeting|hear an owl|pay the rent|put the letter in an envelope
send a birthday card|sit under the oak tree|cook fish soup|clean the garage|play chess with {p} uncle
watch a documentary about bees|listen to the speech|wait for the ferry|walk across the bridge|visit the aquarium
call the plumber|help the tourists|open a bank account|study physics|pack a picnic|order a bunch of roses|repair the fence
ask for a refund|carry the ladder|move the piano|try to open the jar|paint the gate|water the roses|join the chess club
"""


def phrases(text: str) -> tuple[str, ...]:
    """The entries of a text separated by `|` or newlines."""
    return tuple(entry.strip() for entry in text.replace("\n", "|").split("|") if entry.strip())


PAST_TIMES = phrases("""yesterday|last night|last week|last month|last year|last summer|two days ago|an hour ago
three weeks ago|yesterday morning|yesterday evening|last Monday|last weekend|a few minutes ago|a long time ago""")
HABIT_TIMES = phrases("""every day|every morning|every week|every evening|once a week|twice a month|every Sunday
on Fridays|in the morning|in the evening|every summer|at the weekend|every afternoon""")
NOW_TIMES = phrases("now|right now|at the moment|today|this morning|this afternoon|again")
FUTURE_TIMES = phrases("""tomorrow|next week|next month|next year|tomorrow morning|tomorrow evening|next Saturday|soon
in two weeks|in an hour|this evening|next summer|the day after tomorrow|later today""")
REASONS_PAST = phrases("""because it was raining|because it was too cold|because the shop was closed|but nobody noticed
because there was no time|and then went home|before the rain started|after the meeting|but it was too late
because the train was late|although it was very late|when the phone rang|and everyone was happy|without saying a word
so we had to wait|as soon as the sun came out|while the others were asleep|because it was a holiday|as a surprise""")
REASONS_PRESENT = phrases("""because it is cheaper|because it is good for the health|but it is not easy|when the weather is good
if there is enough time|because there is nothing else to do|before work|after school|even when it rains|with a smile
instead of watching television|because it is fun|unless it is too hot|whenever there is time|without any help""")
