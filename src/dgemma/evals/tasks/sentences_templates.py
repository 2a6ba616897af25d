"""Whole-sentence templates of the sentence grammar; a word in braces is a slot that `sentences` fills.

Train and eval templates are disjoint. A slot name ending in 2 is filled independently of the name without it. Knows
nothing of how slots are filled.
"""

TRAIN = """
My name is {name} and I live in {city}.
Where did you buy that {colour} {clothing}?
The {room} is much bigger than the {room2}.
There is a {colour} {thing} on the {furniture}.
There are {number} {things} in the {room}.
It was raining when {name} arrived in {city}.
It's too {weather} to go to the beach today.
It's going to be {weather} tomorrow.
I think it's going to rain this afternoon.
The weather was {weather} last week, but it's better now.
Don't forget to buy {food} and {food2} on your way home.
I don't know where {name} put the {thing}.
Could you please send me the {document} by {day}?
Please let me know if you're free on {day}.
Thank you for your e-mail about the {document}.
I'm sorry, but I can't come to the {event} on {day}.
I'm looking forward to seeing you in {city}.
We're going to {city} in {month} to visit our cousins.
You're late again, so please sit down quietly.
Your {thing} is on the {furniture} in the {room}.
Is this your {thing} or hers?
Their house is near the {place}, behind the old church.
They're building a new {place} next to the station.
There was nobody at the {place} when we arrived.
The dog wagged its tail when {name} came home.
The company sold its {place} last year.
The {animal} is hiding under the {furniture}.
The {animal} and the {animal2} are asleep in the {room}.
{name} has a {animal} and two {animals}.
An old {animal} lives in the garden behind our house.
How many {animals} can you see in the picture?
How much does this {colour} {clothing} cost?
How long does it take to get to the {place}?
What time does the {event} start on {day}?
What is the best way to get to the {place}?
Why are you wearing a {clothing} in the summer?
When will the {document} be ready?
Who left the {thing} in the {room}?
Which {thing} do you like better, the {colour} one or the {colour2} one?
Have you ever been to {city}?
Have you seen my {colour} {thing} anywhere?
Has {name} called you yet?
Are you coming to the {event} with us?
Can you help me to carry this {thing}?
Would you like some {food} with your tea?
Do you want to go to the {place} with me?
Does the train to {city} stop here?
Did you hear the news about {name}?
The train to {city} leaves at {hour} o'clock.
The bus was late this morning, so I missed the beginning of the {event}.
The flight from {city} to {city2} takes about {number} hours.
Our plane landed in {city} early in the morning.
The hotel in {city} was small but very clean.
The ticket to {city} is more expensive than I thought.
We had lunch in a little restaurant near the {place}.
The {food} was delicious, but the {food2} was too salty.
I would like a glass of water and some {food}, please.
She doesn't like {food} because it's too sweet.
He always puts too much sugar in his tea.
We need {food}, {food2} and a bottle of oil.
The {clothing} in the shop window is too expensive for me.
This {clothing} is too small, so I want to change it.
The shop on the corner sells fresh {food} every {day}.
{name} bought a pair of {colour} shoes in the sale.
I spent a lot of money on a new {thing}.
Everyone in the office knows that {name} is leaving in {month}.
The meeting with {name} is on {day} at {hour} o'clock.
The manager wants to see the {document} before {day}.
Our team finished the {document} two days ago.
I have to work late because the {document} is not ready.
You should talk to your boss about the {document}.
We have received your {document} and will reply soon.
Please find the {document} attached to this message.
I am writing to ask about the {event} in {month}.
Dear {name}, thank you for your letter.
I hope you are well and enjoying the {weather} weather.
Best wishes to you and your family.
The teacher asked us to read {number} pages before {day}.
My {subject} teacher is very patient with us.
{subject} is my favourite subject at school.
The {subject} exam was easier than I expected.
{name} got the best mark in {subject} last month.
The students were quiet during the {subject} lesson.
Nobody in our class knows the answer to this question.
We learn {number} new words in every lesson.
The new student comes from {city} and speaks two languages.
My grandmother was born in {city} a long time ago.
{name} and {name2} have known each other for {number} years.
{name} is taller than {name2}, but not as strong.
{name} told me that {name2} was ill.
If it rains tomorrow, we will stay at home.
If you need more {food}, just ask {name}.
If I had more time, I would learn to play the {instrument}.
{name} has been playing the {instrument} for {number} years.
The children were playing in the {room} when the light went out.
He fell asleep in front of the television again.
I woke up early because of the noise in the street.
The light in the {room} doesn't work, so we need a new lamp.
Please close the window before you leave the {room}.
The key to the {room} is under the flower pot.
We painted the {room} {colour} last summer.
There is a hole in the roof of the old {place}.
The police are looking for a man in a {colour} {clothing}.
The mayor of {city} opened a new {place} on {day}.
A fire destroyed the {place} in {city} last night.
More than {number} thousand people came to the {event}.
Prices have gone up again this {month}.
The government is planning to build a new {place} in {city}.
Scientists have found a new kind of {animal}.
The storm broke a lot of trees near {city}.
The road to {city} is closed because of the snow.
The river is higher than it was last year.
The {event} was cancelled because of the {weather} weather.
The sun was shining and the birds were singing.
It gets dark early in {month}.
The days are longer in the summer than in the winter.
I can't find my {thing}, and I'm already late.
He couldn't open the door because he had lost his {thing}.
She didn't tell anyone about the {event}.
We won't be able to come because {name} is ill.
It isn't easy to find a good {place} in this town.
They weren't at home when I knocked on the door.
You shouldn't drive so fast on this road.
You must not touch the {thing} on the {furniture}.
I haven't heard from {name} since {month}.
I've already washed the dishes and cleaned the {room}.
I'm not sure whether {name} will come to the {event}.
Let's meet in front of the {place} at {hour} o'clock.
Let's buy a {thing} for {name}.
That's a beautiful {clothing}, {name}!
That's the same {thing} that I have.
What's the matter with your {animal}?
Who's that woman in the {colour} {clothing}?
Be careful with that {thing}, please.
Turn left at the {place} and go straight on.
Put the {thing} back where you found it.
Take an umbrella with you, because it's going to rain.
Ask {name} if the {thing} is ready.
Give this {thing} to {name} when you see him.
I gave {name} an apple and a {colour} {thing}.
{name} is an excellent cook, and her {food} is always good.
{name} wants to be an actor when he grows up.
I saw an interesting film about an honest thief.
It took us an hour to find the {place}.
The {event} lasted for more than {number} hours.
The {event} was a lot of fun, and we all danced.
{name} usually goes to bed at {hour} o'clock.
My brother often forgets where he has put his {thing}.
My parents have lived in the same house for {number} years.
Both of my sisters work in a {place}.
One of my friends lives in {city}.
Most of the people in the room were very tired.
Some of these {things} are broken.
All of the {things} in this box belong to {name}.
These {things} are heavier than they look.
Those {animals} are eating all our flowers!
The {thing} was too heavy for one person.
I don't believe that this {thing} is {name}'s.
Is there a {place} near here?
Are there any {animals} in your garden?
We didn't have enough {food} for everyone.
There isn't any {food} left in the fridge.
She has never eaten {food} before.
I would have called you, but I lost my phone.
You could have told me that you were coming.
He should have written to us sooner.
No one knows what happened that night.
I have no idea who wrote this {document}.
Does anyone here know how to play the {instrument}?
The baby is crying because she is hungry.
My feet hurt after the long walk to the {place}.
She has had a bad cold since {day}.
He broke his leg when he was {number} years old.
The doctor says that I need more sleep.
I feel much better than yesterday.
We have to leave now, or we will miss the {event}.
They were so tired that they went straight to bed.
It was such a nice day that we ate in the garden.
She smiled, said goodbye and closed the door.
First we went to the {place}, and then we had some {food}.
Every {day} {name} goes swimming with {name2}.
On {day} we are having a small party for {name}.
In {month} the garden is full of {colour} flowers.
After lunch {name} and I walked to the {place}.
At first nobody believed the story about the {animal}.
"""

EVAL = """
{name} forgot to lock the {room} before the {event}.
The {colour} {clothing} belongs to the woman from {city}.
Can anyone tell me where the {place} is?
It's a pity that {name} couldn't join us in {city}.
You're going to love the {food} in this restaurant near the {place}.
Their {animal} is older than our {animal2}.
There were only {number} {things} left in the box.
I've never seen such a big {animal} in my life.
Our flight to {city} was delayed for {number} hours.
{name} has decided to study {subject} in {city}.
The {document} must be on my desk by {day} morning.
We are sorry to hear that the {event} was cancelled.
Does {name} know that the {place} is closed on {day}?
An engineer from {city} repaired the {instrument}.
She's been waiting in the {room} for almost an hour.
They don't have any {food}, so let's go somewhere else.
He told the police that the {thing} was stolen on {day}.
Each of the children received a {colour} {thing}.
Why doesn't {name} want to sell the {instrument}?
The {animals} near the {place} are not afraid of people.
My neighbour grows {food} and {food2} behind the {place}.
I'd rather stay at home than go to the {event}.
If you see {name}, tell him that the {document} is ready.
Nobody wanted to carry the {thing} up the stairs.
We're moving to {city} at the end of {month}.
Isn't that the same {clothing} you wore to the {event}?
The {weather} weather made everyone tired.
{name} is better at {subject} than {name2}.
Please keep the {animal} out of the {room}.
Too many people came to the {event}, and there wasn't enough {food}.
"""

SLOTS = {
    "colour": "red blue green yellow black white brown grey pink purple orange",
    "clothing": "coat jacket dress hat scarf shirt skirt jumper raincoat T-shirt tie suit",
    "room": "kitchen bathroom bedroom garage hall cellar garden classroom office attic",
    "thing": "bag book key phone letter umbrella suitcase camera map ladder box basket lamp clock knife bottle parcel",
    "things": "bags books keys phones letters umbrellas boxes baskets lamps clocks bottles chairs pens cups tickets plates",
    "furniture": "table chair sofa shelf bed desk cupboard",
    "number": "two three four five six seven eight nine ten twelve fifteen twenty",
    "hour": "six seven eight nine ten eleven twelve",
    "weather": "cold hot wet windy cloudy sunny warm rainy foggy",
    "food": "bread cheese rice soup salad chicken chocolate fish cake butter fruit honey pasta",
    "document": "report invoice contract letter form application order list plan",
    "event": "concert party meeting wedding lesson game film show festival dinner match",
    "animal": "cat dog horse rabbit mouse bird cow goat sheep duck tiger monkey parrot fox bear",
    "animals": "cats dogs horses rabbits birds cows goats ducks monkeys parrots foxes snakes",
    "place": "station library museum hospital bank bakery market school hotel bridge church theatre factory park",
    "subject": "history geography mathematics music biology chemistry physics art",
    "instrument": "piano guitar violin trumpet drums flute",
}
