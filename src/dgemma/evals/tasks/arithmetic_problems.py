"""More word problems for the training of the *math* task, and the nouns that only they use.

One problem per line, in the notation of `arithmetic_templates`. In addition, `[a|b|c]` is a random choice, and `{slot}`
may also be one of `MORE_NOUNS`, `{box}` with its plural `{boxes}`, `{third}` for a third person, or `{day}` and the
`{later}` day. Operands of sums and products are in the order of the text; comparisons begin with the quantity compared
to. Every number shown is used. No scene or wording is shared with the held-out problems. Knows nothing of drawing
numbers or of scoring.
"""

MORE_NOUNS = {
    "tools": "screws nails bolts bricks tiles planks pipes hooks hinges bulbs brushes ropes",
    "plants": "tulips roses daisies lilies herbs bushes seedlings sunflowers ferns pansies",
    "vehicles": "cars trucks vans buses bicycles scooters taxis trams tractors motorbikes",
    "clothes": "shirts socks hats gloves jackets scarves dresses caps sweaters boots",
    "people": "children pupils students guests visitors players campers dancers singers tourists scouts girls boys",
    "place": "school market library museum park station harbour zoo theatre stadium airport shop",
    "worker": "teacher farmer driver painter gardener carpenter nurse clerk tailor cook builder mechanic",
    "box": "box bag basket packet tray tin bucket carton drawer sack pouch tub case",
}
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"

MORE_TRAIN_PROBLEMS = """
a + b | How many {things} does {name} own if {a} are [at home|in the drawer|on the desk] and {b} are [at school|in {his} bag|under the bed]?
a + b | [There are|You can see|I count] {a} {animals} [in the field|on the meadow|behind the house] and {b} in the [stable|yard|shed]. [How many {animals} is that|How many {animals} are there|What is the total number of {animals}]?
a + b | {name} [paid {a} dollars for|spent {a} dollars on] [shoes|a jacket|a lamp] and {b} dollars for [food|a bag|a gift]. How much [was that|did {he} pay] in [all|total]?
a + b | The [red|first|large|old] {box} holds {a} {tools}, the [blue|second|small|new] one {b}. [How many {tools} do both hold|How many {tools} are in the two {boxes}|What do both hold together]?
a + b | {name} [got|bought|was given|won] {b} new {things} and put them with the {a} that {he} [already had|had before]. How many [are there now|has {he} got now|{things} is that]?
a + b | With {a} {things} in the bag and {b} [in the box|on the table|in {his} pocket], how many {things} [has {name} got|does {name} have]?
a + b | On {day} it rained {a} mm and on {later} {b} mm. How [much rain|many mm] fell [on the two days|in these two days|over both days]?
e + f | It was {e} degrees [in the morning|at dawn|at breakfast]. [By noon|Later|By midday] it was {f} degrees warmer. [How warm was it then|What was the temperature then|How many degrees was it then]?
e + f | The temperature [rose|went up|climbed] by {f} degrees from {e} degrees. How [warm|many degrees] is it now?
a + b | A [path|road|trail|track] goes {a} km through the [forest|valley|hills] and {b} km along the [river|lake|coast]. How long is the [whole way|entire route|full trip]?
a + b | [First|At first] {name} [cycled|drove|rode|sailed|hiked] {a} km, then {b} km [more|further]. [How many km|What distance|How far] is that [in all|together|in total]?
a + b | {name} [scored|won|made] {a} points in the first [game|round|match] and {b} in the second. What is {his} [total|score|total score]?
u + a | The [stadium|theatre|hall|cinema] had {u} [visitors|guests] [in the afternoon|at first] and {a} more came [later|in the evening|after the break]. How many [was that|came in all|were there]?
u + v | In [a village|a small town|that valley] live {u} adults and {v} children. How many people [live there|is that|are they together]?
a + b | {a} of the {people} [came by bus|walked|rode a bicycle] and the other {b} [came by car|took the train|came by boat]. How many {people} [were there|came]?
a + b | To {a} {plants} {name} adds {b} more [in the garden|on the balcony|by the fence]. How many {plants} [grow there now|are there then|does {he} have there]?
a + b | {name} [needs|uses|mixes|weighs] {a} grams of [sugar|butter|rice] and {b} grams of [flour|nuts|oats]. How many grams is that [together|in all]?
a + b | One [piece|side|board|stick] is {a} cm long, the other {b} cm. How long are [both|the two|they] [together|in a row|end to end]?
a + b | {name} [drew|painted|coloured] {a} pictures [yesterday|last month|in spring] and {b} [today|this month|in summer]. How many pictures [are finished|did {he} make|has {he} done]?
a + b | How [much money|many dollars] do you need for a {good} that costs {a} dollars and a [hat|jacket|vase|rug] that costs {b} dollars?
a + b | {name} must pay {a} dollars for the [room|train|bus|boat] and {b} dollars for [the meal|breakfast|lunch|the guide]. What is the [bill|sum|full price]?
a + b | {name} has [saved|kept|put aside] {a} dollars. For {his} birthday {he} gets {b} dollars. How much [does {he} have|has {he} got|money is it] now?
a + b | The [tulip|bush|young tree|fern] is {b} cm taller than the [rose|daisy|herb|sunflower], which is {a} cm high. How [high|tall] is the [first plant|taller plant|first one]?
a + b | {name} has {b} more {fruits} than {other}. {other} has {a}. How many {fruits} [has {name} got|does {name} have|are {name}'s]?
a + b | If {other} found {a} [mushrooms|shells|acorns|feathers] and {name} found {b} more than {other}, how many did {name} find?
a + b | {b} {vehicles} [joined|were parked next to|came to] the {a} that were already [in the lot|on the ferry|at the gate]. How many {vehicles} [are there now|is that]?
a + b | [A choir|A club|A team|A band] had {a} members. [This year|In May|Since then] {b} [new ones|people|others] joined. How many members [are there now|does it have now]?
a + b | {a} {people} sit [inside|in the sun|in the front] and {b} [outside|in the shade|in the back]. How many {people} [is that|are sitting there|are there in all]?
e + f | {name} was {e} when {he} [moved to the city|met {other}|started work|learnt to swim]. That was {f} years ago. How old is {he} now?
e + f | {name} is {e} years old [now|today]. [What age|How old] will {he} be [when {f} years have passed|{f} years from now|{f} years later]?
a + b | {name} [worked|practised|studied|trained] {a} minutes before [lunch|dinner|school] and {b} minutes after it. How many minutes [was that|is that together|did it take in all]?
a + b | [The first part|The first act|The opening] of the [film|concert|play|show] lasts {a} minutes, the rest {b} minutes. How long is all of it?
u + a | A [horse|cow|pony|mule] weighs {u} kg and its [rider|load|cart] {a} kg. [What do they weigh together|How heavy are they together|How many kg is that in all]?
a + b | The {worker} used {a} eggs for the [cake|pudding] and {b} for the [soup|bread|noodles]. How many eggs [were used|is that|did it take]?
a + b | {name} lost {b} {things} and still has {a}. How many {things} did {he} have [at first|before|at the start]?
a + b | After {name} gave {b} {treats} to {other}, {a} were left. How many {treats} [were there before|did {name} have before|were there at first]?
a + b | When {b} {people} had left the {place}, {a} were still there. How many {people} had been there [before|at first|at the start]?
a + b | {name} spent {b} dollars [on a {good}|at the {place}|today] and has {a} dollars left. [How much|How much money] did {he} have [before|at the start|in the morning]?
u + a | The [plane|ship|ferry|train] carries {u} passengers and a crew of {a}. How many people [are on board|travel on it|is that]?
a + b | A [house|school|castle|tower] has {a} windows on the [north|front] side and {b} on the [south|back] side. [Count all the windows.|How many windows does it have?|How many windows are there?]
a + b | {name} [knows|has learnt] {a} [songs|poems|jokes|tricks]. {other} teaches {him} {b} [new ones|others|more]. How many does {he} know [now|then]?
a + b | A [bird|squirrel|mouse|monkey] [hid|ate|found] {a} nuts [in the morning|on {day}] and {b} [in the evening|on {later}]. How many nuts [are these|were they|is that]?
a - b | Of the {a} {things} [in the {box}|on the table|that {name} owns], {b} are [red|broken|wet|old|new]. How many are not?
a - b | Of {a} {people}, {b} [stayed at home|were late|went by bus|fell ill]. How many [others were there|did not|were not among them]?
a - b | After giving away {b} {fruits}, how many {fruits} does {name} have left of {a}?
a - b | After [eating|selling|dropping|using] {b} of {his} {a} {treats}, how many [does {name} have|are left to {name}]?
a - b | {b} of the {a} pages of the [book|diary|report|notebook] are [blank|read|printed|finished]. How many are not?
a - b | [From|Out of] {a} {plants}, {b} [died|withered|were sold|were eaten by snails]. How many {plants} [are left|are still there]?
a - b | {name} pays for a {good} that costs {b} dollars with {a} dollars. [How much change does {he} get|What is {his} change|How many dollars come back]?
a - b | What change [does {name} get|will {name} get|is there] from {a} dollars if the [{good}|meal|ticket|lamp] costs {b} dollars?
a - b | The [bill|lunch|ride|repair] is {b} dollars. {name} gives the [waiter|driver|clerk|{worker}] {a} dollars. [How much comes back|How much does {he} get back|What is the change]?
a - b | How many more {things} than {other} does {name} have, if {name} has {a} and {other} has {b}?
a - b | {other} has {b} {things} and {name} has {a}. How many more does {name} have[| than {other}]?
a - b | On {day} {name} [walked|cycled|swam|rowed] {b} km, on {later} {a} km. How [much farther|many km more] was that on {later}?
a - b | {name} [needs|wants|has to bring] {a} {things} and has {b}. How many [are missing|more does {he} need|does {he} lack]?
a - b | A [wall|fence|road|tunnel|path] will be {a} m long. {b} m are [ready|done|built|finished]. How many m are [missing|not done yet|still to be built]?
a - b | There are {b} fewer {vehicles} [here|on the road|in town] today than yesterday, when there were {a}. How many are there today?
a - b | {name} has {b} fewer {fruits} than {other}, and {other} has {a}. How many [does {name} have|has {name} got|are {name}'s]?
a - b | If {other} has {a} {fruits} and {name} {b} fewer, how many does {name} have?
e - f | It was {e} degrees [at noon|by day|in the sun]. At night it was {f} degrees colder. [How warm|How many degrees] was it at night?
e - f | The temperature [fell|dropped|went down] by {f} degrees from {e} degrees. [What is it now|How many degrees is it now]?
a - b | In a [group|class|team|choir] of {a} {people}, {b} [speak French|wear glasses|play chess|like fish]. How many do not?
a - b | {a} {people} were at the {place}. [By evening|An hour later|When it rained] {b} had [left|gone home|gone away]. How many were still there?
u - a | [The|Our|A] library owns {u} [films|maps|comics|records]. {a} are [lent out|on loan|out with readers]. How many are [in the house|still there|left]?
u - a | [A|The] [tank|barrel|pool] holds {u} litres of [water|oil]. {name} [takes out|pours out|uses] {a} litres. How many litres [are left|stay in it|are still in it]?
a - b | {name} had {a} {things} and now has {b}. How many [are gone|did {he} lose|did {he} give away|did {he} sell]?
a - b | [In the morning|At first|Before the sale] there were {a} {clothes} on the [table|rack|stall]; [in the evening|later|after a while] there were {b}. How many were [sold|taken away]?
a - b | A [stick|board|plank|pole] of {a} cm is [cut|sawn|broken] into two [pieces|parts]. One is {b} cm long. How long is the other?
a - b | {name} and {other} [have|own|found|bought] {a} {things} together. {b} of them [belong to {other}|are {other}'s]. How many [belong to {name}|are {name}'s]?
a - b | Together a {good} and a hat cost {a} dollars. The {good} costs {b} dollars. What [does the hat cost|is the price of the hat]?
e - f | {other} is {f} and {name} is {e}. [By how many years is {name} older|How many years older is {name}|How much older is {name}]?
e - f | {name} is {e} years old. How old was {he} {f} years ago?
e - f | {other} is {e} years old. {name} was born {f} years later. How old is {name}?
e - f | {other} is {e} years old. {name} is {f} years younger. How old is {name}?
a - b | The [blue|home|red] team has {a} points, the [guest|green|white] team {b}. [How large is the lead|By how many points does the first team lead]?
a - b | {name}'s team [won|beat {other}'s team] by {a} points to {b}. By how many points did it win?
a - b | The [film|show|lesson|flight] lasts {a} minutes, of which {b} [are over|have passed|are done]. How many minutes [are left|does it still last|are still to come]?
a - b | A [coat|phone|chair|table] [cost|was sold for] {a} dollars [last year|before|in May]. Now it is {b} dollars cheaper. What [does it cost|is the price] now?
a - b | [In the sale|With a coupon|Today], {name} pays {b} dollars less for a {good} that costs {a} dollars. How much does {he} pay?
u - v | The [tower|hill|cliff] is {u} m high and the [church|house|tree] {v} m. How [much higher is the first one|many m higher is the first one|big is the difference]?
u - v | It is {u} km to [the coast|the border|the capital]. After {v} km {name} stops [for lunch|to rest|for fuel]. How many km are [still ahead|left|still to drive]?
a - b | There are {a} [seats|beds|desks|lockers] in the [hall|bus|room] and {b} are taken. How many are [free|empty|not taken]?
a - b | {name} carried {a} eggs [home|to the kitchen|to the market]. {b} broke on the way. How many are [whole|still whole|not broken]?
a - b | {name}'s [dog|bag|suitcase] weighs {a} kg and {other}'s {b} kg. [How many kg lighter is {other}'s|How many kg heavier is {name}'s|What is the difference]?
a - b | How many {tools} must be [bought|ordered|fetched] if {a} are needed and {b} are [there|in stock|in the shed]?
a - b | Without {b} {treats} that were [burnt|sold|stolen by the dog], how many of the {a} are [left|still there]?
a - b | {name} [saw|counted|heard] {a} birds, {b} of them [gulls|crows|swallows]. How many were other birds?
a - b | {name} owes {other} {a} dollars. {He} [pays|gives] back {b} dollars. How much does {he} still owe?
a - b | {other} [finished|was done] after {b} minutes, {name} after {a} minutes. How many minutes [longer did {name} take|more did {name} need|later was {name}]?
m * n | How many {things} are there in {m} {boxes} [of {n}|with {n} each|if each holds {n}]?
m * n | [Each|A|One] {box} [holds|contains|takes] {m} {tools}. How many {tools} are in {n} {boxes}?
m * n | {m} {boxes} stand on the [floor|cart|table|truck]. In each are {n} {fruits}. How many {fruits} [is that|are there]?
m * n | If {name} learns {m} [new words|facts|chess moves|signs] a day, how many will {he} [know|have learnt] after {n} days?
e * m | One [bus|boat|coach|wagon] seats {e} {people}. How many {people} fit into {m} of them?
m * n | A [table|carriage|boat|tent] has room for {m} {people}. How many {people} have room in {n} of these?
8 * m | A spider has 8 legs. How many legs do {m} [spiders|of them] have?
m * 6 | {m} [ants|bees|beetles|flies] [sit|crawl] on a [leaf|wall|window]. Each has 6 legs. How many legs [is that|are there]?
m * 3 | There are {m} tricycles [in the yard|in the park|in the shop]. Each has 3 wheels. How many wheels are there?
m * 2 | {m} [bicycles|scooters|motorbikes] [stand|are parked] [at the {place}|outside]. Each has 2 wheels. How many wheels is that?
m * 5 | Each of {m} [flowers|blossoms|buds] has 5 petals. How many petals [are there|is that|do they have]?
m * 7 | {name} [stays|is away|is ill|works abroad] for {m} weeks. How many days is that?
m * 7 | How many days are [in {m} weeks|there in {m} weeks|{m} weeks]?
m * 24 | The [trip|voyage|storm|festival] lasts {m} days. How many hours is that?
m * 12 | {other} lived in [Spain|Peru|Kenya|Japan] for {m} years. How many months is that?
m * 60 | The [drive|flight|hike|train ride] takes {m} hours. [What is that in minutes|How many minutes does it take|How many minutes is that]?
m * 60 | {name} [waited|danced|rested|sang] for {m} minutes. How many seconds is that?
m * 10 | {name} has {m} notes of 10 dollars. How much money is that?
m * 5 | {m} coins of 5 cents [lie on the table|are in the purse|roll over the floor]. How many cents [is that|are they worth]?
m * n | A [wall|floor|window|roof] has {m} rows of {n} tiles. How many tiles [are there|does it have|is that]?
m * n | A [quilt|board|sheet of stamps|box of chocolates] has {m} rows and {n} columns. How many [squares|places|pieces] does it have?
e * m | {name} [rides|drives|sails] {e} km [each|every] day of a [trip|tour|journey] that lasts {m} days. How [long is it|many km is that] in all?
a * m | A [train|ship|truck|bus] travels {a} km in one hour. How far does it [get|travel|go] in {m} hours?
e * m | At {e} km an hour, how [far|many km] does a [cyclist|boat|horse|tractor] go in {m} hours?
m * n | For [lunch|the bus|milk|the paper] {name} pays {m} dollars a day. What does {he} pay for {n} days?
m * n | What do {m} [bags|bottles|cans|packs] of [rice|flour|juice|beans] cost [at {n} dollars each|if one costs {n} dollars]?
m * n | {m} {people} [pay|give|owe] {n} dollars each. [How much|How much money] is that [together|in total|in all]?
m * n | A [ride|seat|meal|lesson] costs {m} dollars. {name} [buys|pays for|orders] {n}. What [must {he} pay|is the price|does {he} pay]?
m * n | {other} [has|owns] {m} {animals}; {name} has {n} times as many. How many has {name}?
m * n | {name} has {n} times as many {things} as {other}. {other} has {m}. How many does {name} have?
a * 3 | The [tower|mast|cliff|crane] is three times as high as the [hut|pine|pole], which is {a} m high. How high is the [higher|first] one?
a * 2 | {name} saved twice as much as {other}, who saved {a} dollars. How much did {name} save?
a * 2 | Yesterday {a} {people} came to the {place}; today [it was double that number|twice as many came]. How many came today?
m * n | {m} [packs|sets|sheets] of {n} [stickers|pens|candles|envelopes] [arrive|are bought|lie there]. How many are there in all?
m * n | {name} [plants|sets|puts] {m} {plants} in each of {n} [beds|pots|tubs]. How many {plants} [is that|does {he} need]?
m * n | A [printer|machine|robot|{worker}] makes {m} [copies|parts|toys|chairs] an hour. How many is that in {n} hours?
m * n | {name} does {m} [push-ups|laps|jumps|exercises] on each of {n} days. How many is that?
m * n | At {m} tables sit {n} {people} each. How many {people} are [in the room|at the tables|there]?
m * n | Each of the {m} [teams|classes|groups] has {n} {people}. How many {people} [take part|are there|is that]?
m * n | A [cake|pie|loaf|pudding] [needs|takes] {m} eggs. How many eggs [are needed for {n}|do {n} of them need|are in {n} of them]?
m * n | The [cat|dog|hamster|parrot] gets {m} [snacks|spoons of food|biscuits] a day. How many is that in {n} days?
m * n | {name} [sends|writes] {m} [letters|cards|parcels] to each of {n} friends. How many does {he} [send|need]?
m * n | How many [lamps|chairs|books|pictures] are needed for {m} rooms if each room gets {n}?
m * n | The {place} [sells|needs|orders] {m} {boxes} of {clothes} a week. How many {boxes} is that in {n} weeks?
m * n | A [carpet|garden|floor|field] [measures|is] {m} m by {n} m. What is its area in square metres?
a / m | How many {treats} does each of {m} {people} get if {a} {treats} are [shared fairly|shared equally|divided equally]?
a / m | {m} [friends|sisters|brothers|cousins] share {a} {fruits} equally. How many does each [get|have]?
a / m | [Split|Share|Divide] {a} {things} equally among {m} {people}. How many [go to each|does each get|are for each]?
a / m | {a} {people} sit at {m} tables, the same number at each. How many sit at one table?
a / m | {a} {people} [go|travel|ride|walk] in groups of {m}. How many groups [are there|is that|do they make]?
a / m | One [boat|car|tent|cabin] holds {m} {people}. How many are needed for {a} {people}?
a / m | {name} [cuts|saws] a [board|ribbon|rope|pipe] of {a} cm into pieces of {m} cm. How many pieces [are there|does {he} get|is that]?
a / m | {name} [ties|binds|puts] {a} {plants} into bunches of {m}. How many bunches [are there|is that|does {he} have]?
a / m | In {m} days {name} [read|wrote|typed|printed] {a} pages, the same number each day. How many pages was that a day?
a / m | {m} [tickets|meals|rides|lessons] cost {a} dollars [together|in all]. [What is the price of one|What does one cost|How much is one]?
a / m | {name} pays {a} dollars for {m} [bags|bottles|cans] of [rice|juice|nuts|soup]. What does one cost?
a / m | {name} [earns|makes|gets] {a} dollars in {m} hours. How much is that an hour?
a / m | At {m} km an hour, how many hours does a [walk|ride|trip] of {a} km take?
a / m | How many hours does {name} need for {a} km if {he} [walks|cycles|paddles|rides] {m} km an hour?
a / m | A [tap|hose|pump] gives {m} litres a minute. How many minutes does it take to fill a [tank|tub|barrel] of {a} litres?
a / m | {a} {tools} are packed into {m} {boxes}, equally many in each. How many are in [one|each] {box}?
a / m | [Each|A|One] {box} [takes|holds] {m} {clothes}. How many {boxes} [are needed|do you need] for {a} {clothes}?
a / 2 | Half of the {a} {people} are [from the city|new|beginners|tired]. How many is that?
a / 2 | {name} has half as many {fruits} as {other}, who has {a}. How many does {name} have?
a / 2 | A new {good} costs {a} dollars, a [used|small|simple] one half of that. What does the cheaper one cost?
a / 2 | {name} [ate|sold|packed] half of the {a} {treats}. How many was that?
a / 3 | A third of the {a} {people} [wear glasses|play a sport|sing|are asleep]. How many [is that|are they]?
a / 4 | A quarter of the {a} {fruits} are [green|bad|ripe|for {other}]. How many is that?
a / 7 | How many weeks are {a} days?
a / 7 | {name} [was away|travelled|was at sea|trained] for {a} days. How many weeks is that?
u / 12 | {name} [has|packs|counts|needs] {u} eggs. How many dozen [is that|eggs are these]?
a / 4 | {a} wheels are [there|in the garage|in the workshop]. A car needs 4. For how many cars are they enough?
a / 4 | {name} [counts|sees] {a} legs of [cows|sheep|goats|horses] in the field. Each has 4 legs. How many animals are there?
a / 2 | {name} has {a} single [socks|gloves|shoes|boots]. How many pairs [are they|is that|does {he} have]?
a / m | {name} has {a} {things}, {m} times as many as {other}. How many does {other} have?
a / m | A [class|troop|crowd] of {a} {people} is [split|divided|parted] into {m} equal groups. How many are in each?
a / m | For [one cake|one omelette|one portion] {name} needs {m} eggs. How many can {he} make with {a} eggs?
a / m | How many weeks does {name} need for a [bike|phone|guitar|tent] that costs {a} dollars if {he} saves {m} dollars a week?
a / m | A page of [the album|an album|{name}'s album] has room for {m} photos. How many pages do {a} photos fill?
a / m | {a} km lie between [the two towns|home and the sea|the camps]. {name} [drives|hikes|rides] them in {m} equal parts. How long is each part?
u / m | A [factory|workshop|machine] makes {u} [toys|bolts|chairs|cups] in {m} hours. How many is that in one hour?
u / m | {u} litres of [milk|oil|juice|water] go into [cans|bottles|barrels] of {m} litres. How many [are filled|does it take|are needed]?
a / m | {m} {people} owe {a} dollars [for dinner|for a boat|for the taxi] and share it equally. What does each pay?
a / m | If {a} {things} fit into {m} {boxes}, how many fit into one {box}?
a / 10 | How many notes of 10 dollars [make|are in|do you need for] {a} dollars?
a / m | {m} [ducks|horses|monkeys|bears] eat {a} kg of food, all the same amount. How many kg does each eat?
u / m | {name} [laid|sorted|put] {u} {tools} into {m} [heaps|piles|stacks] of the same size. How many are in one?
a + b; r1 - c | A [bus|tram|ferry] has {a} passengers. {b} get on and {c} get off at the [next|first|last] stop. How many are on it now?
a + b; r1 - c | {name} earned {a} dollars [by washing cars|by cutting grass|at the market] and {b} dollars [by babysitting|by walking dogs|from {his} aunt]. {He} spent {c} dollars [on a {good}|at the fair|on a gift]. [What is left|How much money is left]?
a + b; r1 - c | {a} {vehicles} are in the [garage|lot|yard]. In the morning {b} more arrive and in the evening {c} leave. How many [stay overnight|stay there|are there then]?
a + b; c - r1 | The [room|bus|hall] has {c} seats. {a} girls and {b} boys sit down. How many seats [stay free|are still free|are empty]?
a + b; u - r1 | A road is {u} km long. On {day} the workers [repaired|paved|cleaned] {a} km and on {later} {b} km. How many km are left to do?
a + b; r1 - c | In one {box} there are {a} {tools}, in another {b}. {name} [uses|takes|needs] {c} of them. How many are left?
a + b; r1 - c | {name} mixed {a} grams of [flour|oats] with {b} grams of [sugar|nuts] and used {c} grams [of the mix|of it]. How many grams are left?
a + b; r1 - c | {name} brought {a} {fruits} and {other} brought {b}. {c} of them [were eaten|were sold|were bad]. How many are [there now|left]?
a + b; r1 - c | How many {things} does {name} have if {he} [starts|begins] with {a}, wins {b} and then loses {c}?
a + b; r1 - c | {a} {people} came with the first [bus|train|ship] and {b} with the second. {c} of them are [ill|late|tired]. How many are not?
a + b; r1 - c | On {day} the snow was {a} cm deep. {b} cm [fell|came down] in the night, and then {c} cm melted. How deep was it then?
a + b; r1 - c | [A cook|A stall|A kiosk] made {a} sweet and {b} salty [rolls|pretzels|snacks]. {c} were sold. How many are left?
a - b; r1 - c | {name} [left home|went shopping|went out] with {a} dollars. The [bus|lunch] cost {b} dollars and the {good} {c} dollars. How much is left?
a - b; r1 - c | Of {a} {people}, {b} went [by train|on foot] and {c} [by bus|by bike]. The others came by car. How many came by car?
a - b; r1 - c | A [tank|barrel] with {a} litres loses {b} litres on {day} and {c} litres on {later}. How many litres are [left|in it then]?
a - b; r1 - c | After {name} took {b} {treats} and {other} took {c}, how many of the {a} {treats} were left?
u - a; r1 - b | [The bookshop|A kiosk|The {worker}] had {u} [papers|maps|cards]. On {day} {a} were sold, on {later} {b}. How many are [left|unsold]?
a - b; r1 - c | A roll of [cloth|wire|ribbon] has {a} m. {name} cuts off {b} m and {other} {c} m. How many m are on the roll then?
a - b; r1 - c | {name} has {a} [tasks|pages|calls|letters] to do. {b} are done before lunch and {c} after it. How many are [left|not done]?
a - b; r1 - c | Of the {a} km to the [lake|coast|hut], {name} [walked|rode|drove] {b} km on {day} and {c} km on {later}. How far is it still?
a - b; r1 - c | {a} {plants} stood in the garden. Frost killed {b}, and [rabbits ate|{name} dug up|a storm broke] {c}. How many [still stand|are left]?
a - b; r1 - c | How much [change|money] is left of {a} dollars after [paying|spending] {b} dollars for [bread|lunch|a cap] and {c} dollars for a {good}?
a - b; r1 + c | {name} had {a} {things}, lost {b} [on the way|in the grass|at play] and [then found|then won|later got] {c}. How many has {he} now?
e - f; r1 + m | At noon it was {e} degrees. [By evening|At night] it got {f} degrees colder, and [the next day|in the morning] {m} degrees warmer again. How warm was it then?
a - b; r1 + c | {a} {animals} were [in the pen|on the hill|in the stable]. {b} ran off, and {c} [came back|were born|were bought]. How many are there now?
a - b; r1 + c | {name} lent {b} of {his} {a} [books|films|games] to {other} and then bought {c} [new ones|others]. How many has {he} at home?
a - b; r1 + c | {name} took {b} of the {a} dollars from {his} [purse|bank|box] and later put in {c} dollars. How much is in it?
u - a; r1 + b | Of {u} {people} in the [hall|tent|stadium] {a} left at the break, and {b} [came late|came in then]. How many [were there|saw the end]?
a - b; r1 + c | The [score|level|number] was {a}. It fell by {b} and rose by {c}. What was it [then|at the end]?
a - b; r1 + c | {b} of the {a} [players|workers|singers] [quit|retired|moved away] and {c} new ones [joined|were hired]. How many are there now?
a - b; r1 / m | {name} has {a} {fruits}. {b} are bad. {He} puts the [good ones|rest] equally into {m} {boxes}. How many are in each?
a - b; r1 / m | Of {a} {people} {b} go home. The others form {m} equal teams. How many are in a team?
a - b; r1 / m | The bill is {a} dollars. {name} has a coupon of {b} dollars. {m} friends share the rest equally. What does each pay?
a - b; r1 / m | From a [rope|board|pipe] of {a} m {name} cuts off {b} m. The rest is cut into pieces of {m} m. How many such pieces are there?
a - b; r1 / m | {name} still has to read the rest of a book of {a} pages after {b} pages. How many days does that take at {m} pages a day?
a - b; r1 / m | After {name} ate {b} of the {a} {treats}, {m} {people} shared the others equally. How many did each get?
a + b; r1 / m | {a} girls and {b} boys are split into groups of {m}. How many groups are there?
a + b; r1 / m | {name} has {a} red and {b} white {plants}. {He} ties bunches of {m}. How many bunches does {he} get?
a + b; r1 / m | On {day} {name} bakes {a} {treats} and on {later} {b}. {He} packs them in {boxes} of {m}. How many {boxes} does {he} fill?
a + b; r1 / m | Two [ropes|wires|ribbons] of {a} m and {b} m are tied together and then cut into {m} equal pieces. How long is [each|one piece]?
a + b; r1 / m | {name} [saved|got|found] {a} dollars and {other} {b} dollars. For how many [rides|tickets|meals] at {m} dollars each is that enough together?
a + b; r1 / 2 | {name} and {other} have {a} and {b} {things} and want to have the same number. How many [must|will] each have?
e + f; r1 * m | A [meal|pizza|sandwich] costs {e} dollars and a drink {f} dollars. What do {m} [people|friends|{people}] pay if each takes both?
e + f; r1 * m | A pack holds {e} red and {f} blue {things}. How many {things} are in {m} packs?
e + f; r1 * m | {name} [walks|cycles|drives] {e} km to work and {f} km home by another way each day. How many km is that in {m} days?
e + f; r1 * m | Every day {name} [practises|trains|reads|swims] {e} minutes before lunch and {f} minutes after it. How many minutes is that in {m} days?
e + f; r1 * m | On each of {m} tables stand {e} cups and {f} plates. How many things [stand there|are that|is that] in all?
e - f; r1 * m | {name} earns {e} dollars an hour and pays {f} dollars an hour for [the stall|the boat|the room]. How much is left after {m} hours?
e - f; r1 * m | There were {e} {things} in each {box}, but {f} were taken from each. How many are left in {m} {boxes}?
e - f; r1 * m | A [ticket|seat|meal] costs {e} dollars, for children {f} dollars less. What do {m} children pay?
a + b; a + r1 | On {day} {name} [sold|made|packed] {a} {treats}, on {later} {b} more than on {day}. How many was that on both days?
a + b; a + r1 | A hat costs {a} dollars and a [coat|dress|suit] {b} dollars more. What do both cost [together|in all]?
e + f; e + r1 | {name} is {f} years older than the {e}-year-old {other}. How many years are the two together?
a + b; a + r1 | The first [rope|snake|train] is {a} m long, the second is {b} m longer. How long are [both|the two] together?
a - b; a + r1 | The [blue|home|red] team has {a} points, the [green|white|guest] team {b} fewer. How many points have both together?
a - b; a + r1 | A coat costs {a} dollars. A hat is {b} dollars cheaper. What do both cost [together|in all]?
a - b; a + r1 | In the first {box} are {a} {tools}, in the second {b} fewer. How many {tools} is that in all?
a - b; a + r1 | {name} [worked|slept|read] {a} minutes before lunch and {b} minutes less after it. How many minutes was that in all?
e * 2; e + r1 | {other} is {e} years old. {name} is twice as old. How many years are they together?
a * 2; a + r1 | On {day} {name} [hiked|rode|drove] {a} km, on {later} twice as far. How far was it in both days?
a * 3; a + r1 | {other} [has|owns] {a} {things}, {name} three times as many. How many have both together?
a * 2; r1 + b | {name} has {b} more {things} than twice as many as {other}. {other} has {a}. How many has {name}?
a * 2; r1 - b | {name} [doubled|made double] {his} {a} [points|dollars] and then lost {b}. How many has {he} now?
a * 2; r1 + b | The number of {animals} on the farm [doubled|grew to double] from {a}. Then {b} more were bought. How many are there now?
m * n; m + r1 | {other} has {m} {animals}, {name} has {n} times as many. How many have they together?
m * n; r1 - m | {other} has {m} {things}. {name} has {n} times as many. How many more has {name} than {other}?
a / 2; a - r1 | Half of the {a} {people} in the [bus|room|train] got out. How many stayed [in|there]?
a / 3; a - r1 | A third of the {a} {treats} [were eaten|were sold|are for {other}]. How many [are left|others are there]?
a / 4; a - r1 | {name} used a quarter of {his} {a} {tools}. How many are left?
a / 2; a + r1 | {name} [rode|walked|swam] {a} km on {day} and half as far on {later}. How many km were that in all?
a / 2; a + r1 | A {good} costs {a} dollars and a [cap|belt|spoon] half as much. What do both cost?
a / 2; r1 - b | Half of {a} {people} went home, then {b} more [left|followed]. How many [stayed|were still there]?
a / 2; r1 + b | {name} has half as many {fruits} as {other}, who has {a}. Then {name} gets {b} [more|from {third}]. How many has {name} then?
a / 2; r1 + b | Only half of {a} seats are [full|taken]. Then {b} {people} more sit down. How many seats are taken then?
a / m; r1 * n | {m} {goods} cost {a} dollars. What do {n} [of them|such {goods}] cost?
a / m; r1 * n | In {m} hours a [machine|printer|robot] makes {a} [parts|copies|toys]. How many does it make in {n} hours?
a / m; r1 * n | {name} [read|wrote|typed] {a} pages in {m} days, the same number each day. How many pages is that in {n} days?
a / m; r1 * n | {a} {fruits} are in {m} {boxes}, equally many in each. {name} [takes|sells|opens] {n} {boxes}. How many {fruits} are in them?
a / m; r1 + b | {m} friends shared {a} {things} equally. {name} got one part and already had {b}. How many has {name} now?
a / m; r1 - b | {m} {people} shared {a} {treats} equally. {name} was one of them and ate {b} at once. How many has {he} left?
a / m; r1 - n | The {a} slices of a [cake|cheese|loaf] go to {m} tables, the same number to each. {name}'s table eats {n}. How many are left on {name}'s table?
m * n; a - r1 | {name} buys {m} {goods} at {n} dollars each and pays with {a} dollars. How much change does {he} get?
m * n; a + r1 | A taxi costs {a} dollars [at the start|to begin with|as a fee] and {m} dollars for each km. What does a ride of {n} km cost?
m * n; r1 - a | A [hall|cinema|bus] has {m} rows of {n} seats. {a} are empty. How many are taken?
m * n; u - r1 | There were {u} {tools} in the [shop|store|shed]. {m} {people} took {n} each. How many are left?
m * n; a - r1 | [From|Out of] {a} [eggs|apples|potatoes] {name} made {m} [cakes|pies|meals] and used {n} for each. How many are left?
m * n; r1 + a | {m} [cars|vans|boats] bring {n} {people} each, and {a} come on foot. How many {people} [come|are there]?
m * n; r1 + a | {name} works {m} hours for {n} dollars an hour and gets a tip of {a} dollars. How much is that in all?
m * n; r1 - a | {name} [planted|set] {m} rows of {n} {plants}, but {a} did not [grow|bloom]. How many did?
m * n; r1 / k | {m} {boxes} of {n} {clothes} are repacked into {k} bigger {boxes}, equally many in each. How many are in each bigger {box}?
m * n; r1 / k | {name} saves {m} dollars a week for {n} weeks. How many {goods} at {k} dollars can {he} buy then?
m * n; r1 / k | {m} [children|friends|players] bring {n} {treats} each. The {treats} are put on {k} plates, equally many on each. How many are on a plate?
m * n; r1 * k | There are {m} [houses|blocks|towers] with {n} flats each. Every flat has {k} windows. How many windows is that?
m * n; r1 * k | {name} has {m} {boxes}. In each are {n} packs of {k} {things}. How many {things} does {he} have?
m * 7; r1 * n | {name} [drinks|eats|uses|takes] {m} [cups|spoons|pieces] a day. How many is that in {n} weeks?
m * 7; r1 + n | The [trip|course|voyage] lasts {m} weeks and {n} days. How many days is that?
m * 60; r1 + e | The [film|flight|match|drive] takes {m} hours and {e} minutes. How many minutes is that?
m * 12; r1 + n | The [baby|tree|shop] is {m} years and {n} months old. How many months is that?
m * 12; r1 - a | {name} buys {m} dozen eggs and uses {a} of them. How many are left?
a + b; r1 + c | {name}, {other} and {third} have {a}, {b} and {c} {things}. How many is that together?
a + b; r1 + c | A [triangle|field with three sides] has sides of {a} m, {b} m and {c} m. How long is the way around it?
a + b; r1 + c | [For|On] the trip {name} pays {a} dollars for [the train|fuel], {b} dollars for [food|a room] and {c} dollars for [a map|a guide]. What does {he} pay in all?
u + a; r1 + b | {u} {people} came on {day}, {a} on {later} and {b} on the last day. How many were there in all?
a + b; r1 + c | {name} has {b} more {things} than {other} and {third} has {c} more than {name}. {other} has {a}. How many has {third}?
a - b; r1 - c | {name} has {b} fewer {things} than {other} and {third} has {c} fewer than {name}. {other} has {a}. How many has {third}?
e + f; r1 - m | {name} is {f} years older than {other}, and {third} is {m} years younger than {name}. {other} is {e}. How old is {third}?
a - b; r1 / 2 | {name} and {other} have {a} {things} together. {name} has {b} more than {other}. How many has {other}?
a * m; r1 - b | At {a} km an hour {name} [drives|rides] {m} hours. {b} km of the way are [in the rain|in the dark|on gravel]. How many km are not?
m * n; k * l; r1 + r2 | {m} {boxes} hold {n} {tools} each and {k} others hold {l} each. How many {tools} are there in all?
m * n; k * l; r1 + r2 | {name} [walks|runs|rides] {m} km on each of {n} days and {k} km on each of {l} days. How far is that in all?
m * n; k * l; r1 + r2 | There are {m} cars with {n} {people} in each and {k} vans with {l} in each. How many {people} [travel|are on the way|is that]?
m * n; k * l; r1 + r2 | What do {m} [cups|spoons|forks] at {n} dollars and {k} [plates|bowls|pots] at {l} dollars cost together?
m * n; k * l; r1 - r2 | {name} works {m} hours for {n} dollars an hour, {other} {k} hours for {l} dollars an hour. How much more does {name} earn?
m * n; k * l; r1 - r2 | {name} earned {m} dollars on each of {n} days and spent {k} dollars on each of {l} days. How much is left?
m * 2; n * 4; r1 + r2 | {m} bicycles with 2 wheels and {n} cars with 4 wheels [stand|are parked] [there|at the {place}]. How many wheels is that?
m * n; r1 + a; r2 - b | {name} has {m} {boxes} of {n} {fruits} and {a} single ones. {He} [sells|eats|gives away] {b} of all. How many are left?
m * n; r1 - a; r2 - b | {m} {boxes} with {n} {treats} each were on the table. {name} took {a} {treats} and {other} took {b}. How many are left?
m * n; r1 - a; r2 + b | A hall has {m} rows of {n} chairs. {a} chairs are taken out and then {b} are brought in. How many chairs are there?
a + b; r1 + c; u - r2 | {name} has {u} dollars and buys a lamp for {a} dollars, a chair for {b} dollars and a {good} for {c} dollars. How much is left?
a + b; r1 + c; u - r2 | A book has {u} pages. {name} [read|copied] {a} pages on {day}, {b} on {later} and {c} on the next day. How many pages are left?
a + b; r1 + c; r2 / m | {name}, {other} and {third} [pick|find|buy] {a}, {b} and {c} {fruits}. They put them equally into {m} {boxes}. How many are in each?
a + b; r1 - c; r2 / m | In the [bus|tent] are {a} girls and {b} boys. {c} of them leave. The rest form {m} equal groups. How many are in a group?
a + b; r1 - c; r2 - e | {name} has {a} {things} and finds {b}. Then {he} loses {c} and gives {e} to {other}. How many has {he} left?
a - b; r1 - c; r2 / m | Of {a} {treats} {name} eats {b} and {other} {c}. {m} friends share the rest equally. How many does each friend get?
a - b; r1 + c; r2 - e | {a} {people} are on the [bus|train|boat]. At the first stop {b} get off and {c} get on; at the second {e} get off. How many are on it then?
a - b; r1 + c; r2 + e | In the {box} were {a} dollars. {name} took out {b} dollars and put in {c} dollars on {day} and {e} dollars on {later}. How much is in it now?
m * n; a - r1; r2 / k | {name} has {a} dollars and buys {m} {goods} for {n} dollars each. With the rest {he} buys [caps|pots|tickets] for {k} dollars each. How many of these does {he} get?
m * n; r1 - a; r2 / k | {name} fills {m} {boxes} with {n} {fruits} each. {a} are bad. The others go to {k} {people}, the same number to each. How many does each get?
m * n; r1 + a; r2 / k | {m} bags with {n} {things} and {a} single {things} are shared equally by {k} {people}. How many does each get?
a * 2; a + r1; r2 - b | {other} has {a} {fruits}, {name} twice as many. They [eat|sell|give away] {b}. How many have they left together?
a + b; a + r1; r2 - c | {other} brings {a} {treats} and {name} {b} more than {other}. {c} are eaten. How many are left?
a - b; a + r1; r2 - c | On {day} {a} {people} came, on {later} {b} fewer. {c} of all these were [children|tourists|late]. How many were not?
a + b; a + r1; u - r2 | A trip is {u} km. On {day} {name} [drives|rides] {a} km and on {later} {b} km more than on {day}. How many km are left?
a / 2; r1 - b; r2 + c | Half of {name}'s {a} {things} [were sold|got lost|are lent out]. {He} gave {b} of the rest to {other} and got {c} from {third}. How many has {he} now?
a / 2; a + r1; r2 + b | On {day} {a} {people} came, on {later} half as many, and on the last day {b}. How many came in all?
e + f; r1 * m; r2 - a | A meal costs {e} dollars and a drink {f} dollars. {m} friends take both and have a coupon of {a} dollars. What do they pay?
e - f; r1 * m; r2 + a | A {good} costs {e} dollars but is {f} dollars cheaper today. {name} buys {m} of them and a [lamp|chair] for {a} dollars. What does {he} pay?
e + f; e + r1; r2 + m | {other} is {e} years old, {name} is {f} years older and {third} is {m}. How many years are they together?
m * n; r1 * k; r2 + a | {m} houses have {n} flats with {k} windows each. The school has {a} windows. How many windows are there in all?
m * n; r1 / k; r2 + e | {m} {boxes} of {n} {things} are shared equally by {k} {people}. {name} is one of them and already has {e}. How many has {name} then?
m * n; r1 / k; r2 - l | {m} bags of {n} {treats} are shared equally by {k} {people}. {name} is one of them and eats {l}. How many has {he} left?
m * 12; r1 - a; r2 / k | {name} has {m} dozen eggs. {a} are [broken|used]. The rest go into {boxes} of {k}. How many {boxes} are filled?
m * 60; r1 + e; r2 - f | A [film|match|lesson] lasts {m} hours and {e} minutes. {f} minutes are over. How many minutes are left?
a / m; r1 * n; r2 + b | {m} {goods} cost {a} dollars. {name} buys {n} of them and a [hat|vase] for {b} dollars. What does {he} pay?
"""

OPENINGS = (
    "It is a [sunny|cold|rainy|busy|quiet] [day|morning|evening|week]. ",
    "{name} [likes|loves|often visits|knows] the {place}. ",
    "{name} [lives|works] near the {place}. ",
    "Today is {day}. ",
    "[The sun shines|The wind blows|It snows|Birds sing] [outside|today|again]. ",
    "[Look at|Think of|Imagine] this. ",
    "{name} has a [kind|tall|funny|young] [uncle|aunt|cousin|teacher]. ",
    "This [happened|took place] in a [small|big|far|new] [town|village|city]. ",
)
"""Sentences to put before a problem, irrelevant to it."""
