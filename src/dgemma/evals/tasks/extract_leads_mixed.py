"""More sentence templates for the mixed domains and six world domains of the extraction task, by domain name.

Promises text in the notation that `extract_domain` parses and explains, without fields: those stand in `extract_mixed`
and `extract_world`. Knows nothing of draws, splits or requests.
"""

MIXED_LEADS = """
## money
- [Settled|Transferred|Booked]: {amount}, to {company}, on {date}.
- [Note to self|Reminder|To do]: {company} [is still waiting for|must get] {amount}, due {date}.
- [Hi|Hello|Dear] {person}, your payment of {amount} [arrived|came in|was booked] on {date}.
- [Can you believe|Did you know|Have you heard] that {person} [blew|spent] {amount} [on a trip to|in a casino in] \
{city}?
- [How much was|What did you pay for] the {item}? [Exactly|Only|About] {amount}, [says|answers|replies] {person}.
- [No,|Actually,|You are wrong:] it was not my [brother|boss] but {person} who [paid|gave] {company} the {amount}.
- {date}, {city}: [spent|parted with|used up] {amount} [at|in a branch of] {company}.
- {person} walked into {company} on {date} and [left|walked out|went home] {amount} poorer.
- The {item}, which {person} had wanted for [ages|years|weeks], [came to|turned out to cost|was priced at] {amount}.
- [Amount|Sum|Total]: {amount}; [payer|paid by|from]: {person}; [shop|paid to|to]: {company}.
- [Transfer|Send|Pay] {amount} to {company} [before|by|no later than] {date}[, please|].
- {amount} [went|was sent|was paid] from {person} to {company} on {date}.
- {amount}! [That is|Such is] the price {company} [put on|set for] the {item}.
- By {date}, {person} [had scraped together|will have put aside] {amount} for the {item}.
- {person} | {item} | {amount} | {city} | {date}
- [Bought|Purchased|Acquired] by {person} in {city}: the {item}, at a [price|cost] of {amount}.
- [Why|How on earth] did {company} [bill|charge|invoice] {person} {amount}? [The agreed price was lower.|Nobody knows.]
- If {person} [pays|sends us] {amount} by {date}, {company} will [deliver|release|hold back] the {item}.
- You [still owe|have yet to pay] {company} {amount}; [please settle this|kindly pay] by {date}, {person}.
- Although the {item} [was old|had a scratch|looked cheap], {person} [gladly|happily] paid {company} {amount}.
- {company}, {city} - {item}, {amount} - [thank you|thanks for shopping], {person}!
- [My aunt|My neighbour|My friend] {person} [bought|picked up] the {item} for {amount} [during a trip to|on holiday \
in] {city}.
- CARD PAYMENT {amount} {company} {city} {date}
- [Stop. Pay|Urgent. Pay|Please pay] {company} {amount} [at once|today|without delay]. [Signed|Greetings], {person}.
- {person} [laid|counted out|slid] {amount} [on the counter|across the counter] of {company} in {city}.
- Not the [lamp|bag|cheap one] but the {item} [set|put] {person} back {amount}.
- [In total|All told|Altogether], {person} has [paid|given] {company} {amount} since {date}.
- [A customer|One buyer] from {city}, {person}, [transferred|paid] {amount} for the {item}.
- On {date} the {item} [went|sold] for {amount}, and the [happy|proud|lucky] buyer was {person}.
- {amount} for the {item}? [Too much|A bargain|Fair enough], [thought|said|wrote] {person}.
- [The books show|Our records show|It says here] a payment of {amount} by {person}, dated {date}.
- {company} [confirms|has confirmed] that on {date} the sum of {amount} was [taken from|charged to] {person}.
- [Hey,|Psst,|Listen,] the {item} [was|is] [just|only|a mere] {amount} at {company} in {city}!
- [Expenses|Costs|Spending]: 1) {item}, {amount}; 2) [bus ticket|coffee|lunch], cheap. [Bought|Shop]: {company}.
- {person} never [argued about|minded|questioned] the price: {amount} for the {item}, cash, {date}.
- [Bank statement|Account] of {person}: {date}, {company}, {amount}.
- Whoever [is in|visits|passes through] {city} can [buy|find] the {item} at {company} for {amount}.
- The cashier at {company} [gave|passed] {person} the {item} [and took|in exchange for] {amount}.
- [For weeks|For days], {person} compared prices; [in the end|finally] {company} won with {amount}.
- [Lunch money|Holiday money|A gift] of {amount} was [used up|spent] by {person} in {city} on {date}.
- Since {date}, {company} has [had|listed] the {item} in its [catalogue|window|online shop] for {amount}.
- {person}: "I [gave|paid] {company} {amount} and [never regretted it|would do it again]."
- {person} [complained|wrote] to {company}: the {item} had [cost|been sold for] {amount} and [broke|failed] at once.
- [We hereby confirm|This is to confirm] the sale of the {item} to {person} for {amount}, {city}, {date}.
- {item.cap} = {amount} ({company}, {date})
- [So,|Well,|OK,] I [went|drove] to {city}, found the {item} and paid {amount}. [Not bad|Crazy], right?
- [Price check|Question]: what does {company} [charge|take] for the {item}? [Answer|Result]: {amount}.
- Of the [full|original] price, {person} had [to pay|paid] {amount} to {company} by {date}.
- [Please refund|Kindly return] {amount} to {person}; the {item} was [sent|brought] back on {date}.
- The [auction|flea market] in {city} [ended|closed] on {date}: {item}, {amount}.
- What {person} [likes|loves] about the {item} is the price: {amount} [at|from] {company}.
- {city} is [expensive|pricey]: [even|already] the {item} [cost|set back] {person} {amount}.
- Nobody but {person} would [spend|pay] {amount} on the {item}.
- {company} to {person}: [invoice attached|see invoice], {amount}, payable by {date}.
- A [cheque|bank transfer|cash payment] of {amount} [went to|was for] {company}; it was from {person}.
- [Woman|Man|Customer] pays {company} {amount} for the {item}
- [Whatever|No matter what] the {item} costs elsewhere, in {city} {person} paid {amount}.
- Between friends: {person} [lent|gave] me {amount} on {date} so that I could [buy|afford] the {item}.
- The {item} and [a coffee|a sandwich|nothing else], {amount} in all, [paid|settled] on {date} by {person}.
- {person} has [signed up to pay|agreed to pay] {amount} [each month|a month] to {company}, [starting|beginning] {date}.
- {date}. [Rain all day|Nice weather]. {person} [treated us all|invited us] in {city} and paid {amount}.
- To [buy|own|get hold of] the {item}, {person} [travelled|went] as far as {city} and paid {amount}.
- [Thanks to|With] the help of {company}, {person} [cut|lowered] the cost of the {item} to {amount}.
- [Do you remember|Remember] {date}? {person} [paid|dished out] {amount} for the {item} in {city}.
- {amount} - {item} - {person}
- [Cash|Card]: {amount}. [Place|City]: {city}. [Day|Date]: {date}. [Customer|Name]: {person}.
- On {date}, in [rainy|sunny|busy] {city}, {person} paid {amount} for the {item}.
- [Dad|Mum|Grandpa] says {company} in {city} had the {item} [for|at] {amount} [back then|last year|once].
- {date} - [paid|payment] - {person} - {company} - {amount}
- The {city} branch of {company} sold {person} the {item} [in the end|at last] on {date}.
+ [The whole thing|All this|The deal] took place in {city}.
+ [The money|The sum] was paid on {date}.
+ [It was about|The object in question was] the {item}.
+ The [seller|shop|store] was {company}.
+ {person.first} [had bought|had chosen|wanted] the {item}.
+ {person.first} [paid|spent] {amount}[ in all| in the end|].
+ The [payer|buyer|customer] was {person}.
+ [Everything|The payment] was settled by {date}.
+ The [price|sum|cost] was {amount}.
+ [The receipt|The slip] names {company} in {city}.
+ [Here in|Back in] {city} [people talk about it|nobody was surprised].
+ [According to the receipt|On the bill|On paper], the date was {date}.
+ The money went to {company}.
+ {person.first} [dealt|did business] with {company}.
+ The article was [called|described as] "{item}".
## purchase
- [Shopping list|To buy|Please get]: {number} {item}, {colour} [ones|if possible], from {shop}.
- [Hi|Hello|Hey] {person}, your {number} {item} from {shop} [are ready|have arrived|can be collected].
- On {date}, {shop} [shipped|delivered|gave] {number} {item} to {person}[ as agreed| without delay|].
- Could you [send|ship|bring] {number} {item} to {city} [by|before] {date}?
- {amount} [was|is] the [sum|total] {person} [spent|paid] at {shop} for {item}.
- [Customer|Buyer|Client]: {person}. [Goods|Items]: {item}. [Quantity|Number]: {number}. [Total|Price]: {amount}.
- The {item} [were|came in] {colour}, there were {number} of them, and {person} paid {amount}.
- [How many|Exactly how many] {item} did {person} [buy|take]? {number}, [on|it was] {date}.
- [In a shop|In a market hall|At a stall] in {city}, {person} [picked out|chose] {number} {colour} {item}.
- {number} {item} [left|were carried out of] {shop} on {date}; the buyer was {person}.
- Not a [chain|supermarket] but {shop}, a [small|tiny] shop in {city}, [sold|supplied] the {number} {item}.
- [Because|Since] the corner shop was [closed|empty], {person} [bought|found] the {item} at {shop} for {amount}.
- {date}: {shop}, {number} {item}, {amount}
- [Sold|Sold out]: {number} {item}! The last [buyer|customer] on {date} was {person}.
- {person} [needs|would like|is looking for] {item}, {colour}, {number} [pieces|in all], [delivered|sent] to {city}.
- [Order|Reserve|Get] {number} {item} at {shop} before {date}[, please|].
- When {person} [counted|unpacked] the {item} from {shop}, there were {number}.
- [I've just|I have|We have] ordered {number} {item} from {shop}; they cost {amount}.
- {shop} [thanks|is grateful to] {person} for the order of {number} {item} on {date}.
- The [receipt|bill|slip] from {shop} [says|lists|reads] {number} {item} at {amount}[ in total|].
- {city}, {date}. {person} [buys|takes] {item} [worth|for] {amount}.
- {amount} for {number} {item}! [Is that cheap|Not bad|What a deal], {person}?
- [Instead of|Rather than] [flowers|bread|a gift], {person} [purchased|brought back] {number} {item} from {city}.
- [A van|A lorry|A courier] [carried|took] {number} {item} from {shop} to {person} in {city}.
- {colour.cap} {item}: {number}. [Paid|Price]: {amount}. [Shop|Seller]: {shop}.
- [Please note|Mind you]: {person} [bought|reserved] only {number} {item} at {shop} on {date}.
- By {date} {person} will [pick up|collect] {number} {item}, all {colour}.
- [Our|The] client {person} [asked us to pack|has reserved] {number} {item} in {colour}.
- {shop}: {number} {item}, {colour}. [Sold|Sent] on {date}.
- All {person} [had to pay|paid] for the {item} at {shop} was {amount}.
- You [bought|ordered|took] {number} {item} at {shop} on {date}, [didn't you|right|remember]?
- [Mum|Dad|Grandma] needs {number} {colour} {item}; [try|look at] {shop} in {city}.
- [No one|Nobody] buys as many {item} as {person}: {number} on {date} alone.
- {shop} in {city} [lists|has|offers] {item} in {colour} for {amount}.
- The {colour} {item} [cost|set] {person} {amount}. [Bought at|From|Shop]: {shop}.
- WANTED: {number} {item}, {colour}. [Contact|Ask for]: {person}, {city}.
- [For the party|For the office|For the fair], {person} bought {item}; the {number} pieces cost {amount}.
- [Delivery|Parcel] for {person}, {city}: {number} x {item}, {colour}.
- [Yes|Right|Exactly], {number} {item}, [paid by|billed to] {person}, sum {amount}.
- [Whoever|The person who] bought {number} {item} at {shop} on {date} [forgot|left] the change. It was {person}.
- {person} was [charged|billed] {amount} by {shop} for {number} {item}.
- [After|During] a visit to {city}, {person} had {number} {colour} {item} [in the car|in two bags|to carry].
- [Stock|Sales] report {date}: {item}, {number} sold, {amount} [earned|in the till].
- [Dear|To] {shop}, [we require|please send us] {number} {item} in {colour} by {date}.
- [Hooray|Finally|At last]: the {number} {item} {person} [ordered|bought] in {city} are here!
- {item.cap} from {shop} - {number} pieces - {amount} - {person}
- [First|At first] {person} wanted [a few|a dozen], but then [bought|took] {number} {item} at {shop}.
- The {number} {item} are [for|meant for] {person}; [pay|please pay] {amount} at {shop}.
- {person} in {city} [ran out of|was short of] {item} and [ordered|reordered] {number} from {shop}.
- [Altogether|In all|All told], the {number} {item} [cost|came to] {amount}; {person} paid on {date}.
- What did {shop} [send|deliver] on {date}? [A crate of|A pallet with|A sack with] {number} {item}.
- {person} [sent|drove] {number} {colour} {item} [all the way|by post] to {city}.
- If {person} [takes|orders] all {number} {item}, {shop} will [lower|cut] the price to {amount}.
- [Purchase order|Order form]; {date}; {shop}; {number} {item}; {colour}
- [Quick question|Hello]: are the {number} {colour} {item} for {person} still [at|with] {shop}?
- The [best|cheapest] {item} in {city} [cost|are sold for] {amount} at {shop}, [says|claims] {person}.
- [Every week|Each month] {person} buys {number} {item} at {shop} [and pays|for] {amount}.
- {number} {item} were [bought|ordered|picked up] by {person}, [not|and not] by [his|her] [brother|sister], on {date}.
- {colour.cap} was the only colour [left|in stock], so {person} took {number} {item} [for|at] {amount}.
- [I think|I believe|I'm sure] {person} paid {amount} in {city} for these {colour} {item}.
- [Sale|Offer] ends {date}: {item} at {shop}, [now|only] {amount}.
- [Put|Set] aside {number} {item}; {person} will [come by|call] at {shop} on {date}.
- {shop} has [raised|dropped|changed] its price: {number} {item} now cost {amount}.
- In {city} you [pay|part with] {amount} for {number} {colour} {item}.
- {date} - {person} - {number} {item} - {city}
- [Colour|Shade]: {colour}. [Item|Article]: {item}. [Where|City]: {city}. [When|Date]: {date}.
- {colour.cap} is what {person} wanted, and {shop} [had|found] {number} {item}.
- [Finance|Accounts] asks: who spent {amount} on {item} on {date}? {person} did.
+ The [price|cost|bill] was {amount}.
+ [Their colour|The colour] is {colour}.
+ [The goods|The articles] are {item}.
+ [This happened|The purchase was made] in {city} on {date}.
+ The [buyer|customer] is {person}.
+ {person.first} [paid|spent] {amount}.
+ {person.first} [shops|does the shopping] in {city}.
+ [Delivery|Collection] is on {date}.
+ The [shop|store|seller] was {shop}.
+ The [quantity|number of pieces] was {number}.
+ [Everything|The lot] was {colour}.
+ [It was all|The goods were] bought at {shop}.
+ {person.first} [likes|wanted] them in {colour}.
+ The date on the [bill|slip|order] is {date}.
+ [It was sent|The parcel went] to {city}.
## people
- [Meet|This is|Let me introduce] {person}, [our|the] {job} from {city}.
- [Age|Years]: {age}. [Job|Occupation]: {job}. [Name|Full name]: {person}. [Home|City]: {city}.
- [Did you know|Have you heard|Is it true] that {person} [was once|used to be] a {job} in {city}?
- {city} is [home to|the home of] {person}, a {age}-year-old {job}.
- At the age of {age}, {person} [left|moved away from] {city} to [study|read] {degree}.
- {company} [employs|has hired|has taken on] {person} as a {job}.
- Since {year}, {person} [has been living|has lived|has had a flat] in {city}.
- {person}, [a citizen of|a native of|originally from] {country}, [speaks|talks] {language} [at home|all day].
- [My|Her|His] [uncle|cousin|teacher] {person} [went|emigrated] to {country} in {year}.
- It is not [the rest of|just any place in] {country} but {city} that {person} calls home.
- [After|Following] [his|her] studies of {degree}, {person} [joined|signed on with] {company} in {year}.
- [Wanted|Missing|Sought]: {person}, {age}, {job}, last seen in {city}.
- [Birthday|Born]: {date}. [Birthplace|Place of birth]: {city}. [Name|Person]: {person}.
- I am {person}, [I'm|and I am] {age} years old and I [live in|come from] {city}.
- My name is {person} and I have [worked|been] at {company} since {year}.
- [Hello|Hi], I'm {person} from {country}; [at home|as a child] I spoke {language}.
- You must be {person}, the {job} [from|sent by] {company}!
- {language} is [the mother tongue|the first language] of {person}, who [lives|grew up] in {city}.
- What does {person} do? [Works as|Earns money as] a {job}, [mostly|usually] in {city}.
- {degree.cap} was what {person} [studied|chose] at the university of {city}.
- In {city}, {person} [found|took] a job as a {job}; that was in {year}.
- {year}: {person} [moves|goes] to {country}. [Later|Then]: work as a {job}.
- [The best|The oldest|The newest] {job} at {company} is {person}, {age}.
- {person} [turns|will be] {age} on {date}; [the party is|we celebrate] in {city}.
- On {date}, a child named {person} was born in {city}.
- [Our boss|Our director] at {company}, {person}, [is|has turned] {age}.
- {country} was [too cold|too far away|too quiet] for {person}, who [settled|now lives] in {city}.
- {person} ([born|*] {date}, {city}), {job}
- [Appointed|Promoted|Named]: {person}, {job}, {company}.
- [A former|A retired|A busy] {job}, {person} [came back|returned] to {city} in {year}.
- [They say|I hear|People say] {person} speaks {language} because [the family is|the parents were] from {country}.
- {person} [married|wed] in {city} on {date} at the age of {age}.
- [Although|Even though] {person} [learned|studied] {degree}, [he|she] makes money as a {job}.
- {company}, {city}: [please ask for|your contact is] {person}, {job}.
- The [late|famous|well-known] {job} {person} was a [son|daughter] of {city} in {country}.
- {person} [quit|gave up] the job at {company} on {date} [and left for|to go to] {country}.
- Who [taught|learned] {language} in {city}? [It was|That was] {person}.
- [Before|Until] {year}, {person} was [employed by|with|working for] {company} as a {job}.
- [In brief|CV|Profile]: {person}; {degree}; {language}; {company}
- [From|Beginning on] {date}, {person} will be the new {job} [of|at] {company}.
- [No|Sorry|Wrong], {person} is not a [spy|king|ghost] but a {job}, and [lives|works] in {country}.
- {person} | {age} | {country} | {language}
- [When|As soon as] {person} [finished|had finished] {degree} in {year}, {company} [called|made an offer].
- [Among the guests|In the front row] was {person}, {age}, from {city}, {country}.
- [A letter|A postcard] from {country}: "[Dear all|Hello], I am now a {job}. Yours, {person}"
- {age} years [old|of age] and [still|already] a {job}: {person}.
- {city} [mourns|remembers] {person}, who [passed away|died] on {date} aged {age}.
- {job.cap} {person} [signed|has signed] a contract with {company} in {city}.
- [Ask|Talk to|Speak with] {person} in {language}; [he|she] is from {country}.
- [Being|As] a {job}, {person} [travels|flies] between {city} and the rest of {country}.
- The {job} who [lives next door|rents the flat upstairs] is {person} from {country}.
- {person} [graduated in|finished|took exams in] {degree} in {city} in {year}.
- [First|At first] a {job}, then head of {company}: that is [the story of|how life went for] {person}.
- In {country} [everyone|everybody] knows {person}, [the|a] {job} with {company}.
- [Headline|News]: {job} {person} ({age}) leaves {company}
- {date}, {city}: {person} [joins|starts at] {company}.
- [Only|Just|Not even] {age} and [already|now] a professor of {degree}: {person} from {country}.
- For the [post|job|position] of {job}, {company} [chose|picked|has selected] {person}.
- [Please add|Add] {person}, {job}, to the list; [the birthday is|birthday] {date}.
- [We are looking for|Does anyone know] {person}? [He|She] studied {degree} in {city} in {year}.
- {person} [reads|writes|dreams] in {language}, [though|but] the passport is from {country}.
- [The visitor|The caller] said the name was {person}, the age {age} and the job {job}.
- {company} was [founded|started|set up] in {year} by {person}, a {job} from {country}.
- Thirty years [in|at] {company}! {person} [began|started] there as a {job} in {year}.
- The twins grew up in {country}; one, {person}, is now a {job} in {city}.
- [Congratulations|Happy birthday|All the best], {person}! {age} years on {date}!
- [On|It was on] {date} that {person} [became|was named] {job} at {company}.
- {language} and {degree}: [these are|those were] the subjects {person} [taught|liked] in {city}.
- {date}: {person}, {age} years, [moves|is moving] from {city}.
- {degree.cap} [student|graduate] {person} ({age}) speaks {language} and [lives|rents a room] in {city}.
- At {company}, everyone speaks {language}, [even|above all] {person}, the {job}.
- [Since|Ever since] {year}, {person} has been [teaching|reading] {degree} in {country}.
- At {age}, with {degree} [done|behind], {person} [sailed|flew] to {country}.
- {country}, {year}: {person} [learns|starts to learn] {language}.
- [Birthday list|Birthdays]: {date} {person}, {job}; [nobody else|that's it].
- {company} needed [someone|a person] with {language}, so {person} from {country} [joined|was hired].
+ {person.first} [speaks|grew up with] {language}.
+ {person.first} [works for|is employed by|has a contract with] {company}.
+ {person.first} [is|turned] {age} [this year|now].
+ [His|Her] [birthday|date of birth] is {date}.
+ [His|Her] [home|home town] is {city}.
+ [His|Her] family [comes|came] from {country}.
+ [He|She] earns [his|her] money as a {job}.
+ [He|She] [studied|read] {degree}.
+ [His|Her] [employer|company] is {company}.
+ [His|Her] [mother tongue|first language] is {language}.
+ It [all began|happened] in {year}.
+ [At university|As a student], {person.first} chose {degree}.
+ {person.first} has [a flat|a house|friends] in {city}.
+ {person.first} [moved|went] to {country} in {year}.
+ The person's full name is {person}.
+ [He|She] is {age} years old and [works as|is] a {job}.
## happenings
- [Reminder|Note|Don't forget]: {event}, {date}, {time}, at the {place}.
- [When|At what time] does the {event} [start|begin]? At {time}, [in|inside] the {place}.
- [Dear|Hello|Hi] {person}, the {event} [was moved|has been moved] to {date}, {time}.
- [Join us|Come along|Be there] on {date} for a {event} in {city}[!|, everyone!|.]
- {number} [guests|visitors|people] [filled|packed] the {place} on {date}.
- At the {place}, {person} [gave a talk|spoke|made a speech] to {number} people.
- {time}, {place}: {event} with {person}.
- [The doors of|The gates of] the {place} [open|will open] at {time} on {date}.
- The {event} at the {place} [will last|goes on for|went on for] {length}.
- It is not on [the weekend|a holiday] but on {date} that the {event} in {city} [takes place|is planned].
- {city}, {date}: [more than|nearly|about] {number} people [came to|attended|showed up at] the {event}.
- [What|When|Where]: {event}; {date}; {city}, {place}.
- After {length}, the {event} in {city} [was over|ended|came to a close].
- {person} [organised|planned|arranged] the {event} for {number} people.
- [Sorry|Apologies|Bad news]: the {event} at {time} has been [moved|postponed] to {date}.
- If you [want to|would like to] see {person}, come to the {place} at {time} on {date}.
- [In|All over] {city}, [posters|flyers] announce a {event} at the {place} on {date}.
- {person} was [late|too late] for the {event}: it had started at {time} in the {place}.
- [Where|In which city] is the {event} on {date}? In {city}, [of course|as always].
- The {event} [drew|attracted|brought together] {number} people, [among them|including] {person}.
- {date}, {time}: {person} and I [meet|have a talk] at the {place}.
- [Save the date|Mark your calendar|Attention]: {event} in {city}, {date}.
- Because of the [rain|storm|snow], the {event} was moved from [the garden|outside] to the {place} at {time}.
- For {length}, {person} [talked|performed|played] to a [crowd|hall] of {number} people.
- {event.cap} in {city} - {date} - {number} [tickets|places|guests]
- [I|We] had planned for {number} people, but the {event} on {date} was [nearly empty|overcrowded].
- From {time}, [the {place} is open|you can enter the {place}] for the {event}.
- [Everyone|Everybody] [must be|should be] at the {place} by {time}; the {event} lasts {length}.
- {person} to {city}: "[See you|We'll meet] on {date} at the {event}!"
- [Hey|Psst|Listen], is the {event} with {person} at {time} [or later|or not]?
- [Booked|Reserved|Hired]: {place}, {date}, {time}, for [a|the] {event}.
- The {place} in {city} [can take|has room for|was booked for] {number} guests on {date}.
- [Last|The last|This year's] {event} in {city} took {length}, [says|reports] {person}.
- {number} people, {length}, one {event}: [that was|so much for] {date}.
- {person} [cannot|won't] make it to the {event} at {time}, [as|because] {date} is [a bad day|a holiday].
- On {date}, at exactly {time}, the {event} [gets under way|gets going] in {city}.
- [Who|Which guest] will speak at the {place}? {person}, on {date}.
- [Minutes|Notes], {date}: {event} chaired by {person}; {number} present; {length}.
- [Tell|Inform] {person}: {time}, {place}, {event}. [Bring a pen.|Be on time.|Dress warmly.]
- [Please be seated|Sit down|Be ready] by {time}; the {event} in the {place} lasts {length}.
- {city} [expects|is waiting for|counts on] {number} visitors for the {event} on {date}.
- There were {number} of us at the {event}, which [began|started] at {time}.
- {place}, {city}: {event}, [from|starting at] {time}.
- The guest of honour at the {event} on {date} [is|was|will be] {person}.
- [Both of us|The two of us], {person} and I, were at the {place} by {time} on {date}.
- [Until|Before] {date}, nobody in {city} had [seen|been to] such a {event}.
- You are [invited|asked] to the {event} of {person} in {city} on {date} at {time}.
- [Finally|At last] {person} [told us|said] when the {event} is: {date}, {time}.
- [How long|How many minutes] was the {event} at the {place}? {length}, [I think|roughly].
- [Just|Only] {number} [people|guests] [turned up|appeared] at the {place} in {city} at {time}.
- Tickets for the {event}: [ask|call] {person}. [Start|Beginning]: {time}. [City|Town]: {city}.
- With {number} [guests|people], the {event} on {date} was the [biggest|largest] {city} ever saw.
- {person} [drives|flies|travels] to {city} for a {event} that [starts|begins] at {time} on {date}.
- {event.cap}? {date}, {city}, {person} [knows more|has the key|is in charge].
- The {event} [scheduled|set] for {time} in the {place} was [stopped|broken off] after {length}.
- [First|To begin with] a {event} at the {place}, then dinner: that is the plan for {date} in {city}.
- [Police|Reporters|Organisers] counted {number} people at the {event} in {city} on {date}.
- My [diary|calendar] says: {date}, {time}, {event}, {place}, {person}.
- [As|Since] {person} is ill, the {event} at the {place} will [start|begin] later, at {time}.
- [The mayor of|A school in|A club in] {city} invites [everybody|all of you] to a {event} at {time}.
- Quick [update|change]: {event} now in the {place}, {date}, still {time}.
- {length.cap} of [fun|music|talk] at the {place}: the {event} with {person}.
- [Would|Could] you and {number} others [help|assist] at the {event} in {city} on {date}?
- {person} [reserved|rented] the {place} for {length} on {date}.
- {time.cap}. [Silence|Applause] in the {place}. Then {person} [opens|starts] the {event}.
- {number} [chairs|meals|badges], {place}, {time}: [all|everything] set for the {event}.
- [Speaker|Host]: {person}. [Length|Duration]: {length}. [Guests|People]: {number}. [Place|Room]: {place}.
- [Starting|Beginning] at {time}, {person} will talk for {length} at the {place}.
- {city} at {time}, [all|full] of people, {number} of them, [waiting|queuing] for the {event}.
+ The [start|beginning] is at {time}.
+ It [goes on|will go on] for {length}.
+ [The room|The venue|The place to go] is the {place}.
+ [The number of guests|Attendance] was {number}.
+ [The city|The town] is {city}.
+ The date is {date}.
+ [All this|Everything] happens in {city}.
+ {person.first} [will stay|stayed] for {length}.
+ {person.first} will be [waiting|there] at {time}.
+ [Contact|Ask for|Speak to] {person}[ for details| if you have questions|].
+ [They expect|We expect|One expects] {number} people.
+ The [occasion|reason] is a {event}.
+ [Guests meet|Everyone meets|People gather] at the {place} at {time}.
+ [The plan|The programme] says {length}.
+ {person.first} [knows|chose] the {place}.
## things
- [For sale|On offer|Available now]: {item} in {colour}, {weight}, {price}.
- [Product|Name]: {item}; [maker|brand]: {company}; [model|code]: {code}; [price|cost]: {price}.
- [How heavy is|What is the weight of] the {item}? {weight}, [says|reports|claims] {company}.
- [Stock list|Inventory] {city}: {item}, {number} pieces, {colour}.
- {company} [produces|manufactures] the {item} in {city} and [gives|grants] a warranty of {warranty}.
- The {item} [carries|bears|has] the code {code} and [was made|was built|comes from a plant] in {city}.
- It is not [gold|ice|air] but {material} that the {item} from {company} [is|was] made of.
- {number} of the {item}, all in {colour}, [left|were shipped from] {city} [this morning|last week|today].
- With a [length|size] of {size}, the {item} [fits into|goes into] [any car|every bag] and [costs|sells for] {price}.
- [Hi|Hello|Hey], is the {colour} {item} for {price} [still there|still available|already sold]?
- {material.cap}, {weight}, {size} [long|in length]: [meet|this is] the {item} from {company}.
- The [label|sticker|tag] [says|reads] "{code}", the maker is {company} and the item [is|was] a {item}.
- [Please send|Ship] {number} of the {item} (code {code}) from our [shop|branch] in {city}.
- {item.cap} | {colour} | {material} | {price}
- {code}: {item}, {number} in stock, {price} [each|apiece].
- [Although|Even though] the {item} weighs {weight}, it is only {size} long.
- [Found|Lost|Left behind] in {city}: {item}, {colour}, [probably|most likely] by {company}.
- You [pay|will pay] {price} for the {item} and [get|enjoy] a warranty of {warranty}.
- The {item} [lost|gained] weight: the [new|latest] one from {company} weighs {weight}.
- The {colour} {item} and its box [came|arrived] from {city}.
- Made in {city} by {company}: {item}, {material}, {size}.
- {price} is [a lot|not much|too much] for a {item} of {material}.
- In {colour}, the {item} [looks|seems] [smaller|bigger] than its {size}.
- I [bought|own|have] a {colour} {item}; it weighs {weight} and [is|was] made by {company}.
- Our [factory|plant|workshop] in {city} [turns out|makes] {number} of the {item} [a week|every day|per month].
- [Check|See|Look up] code {code}: [is it|it should be] the {item} by {company}.
- [Tell me|Remind me], what [is|was] the price of the {item} from {company}? {price}, [I guess|I think].
- The guarantee on the {item} [ends|runs out] after {warranty}; [the number to give|its serial number] is {code}.
- [Weight|Mass] {weight}; [length|size] {size}; [colour|finish] {colour}; [article|object] {item}.
- [Careful|Warning], the {item} weighs {weight} and is {size} long!
- {company} [recalled|called back] {number} of the {item} with the code {code}.
- [Parcel|Box] contents: {item}, {material}, {number} [pieces|units].
- The {item} with serial number {code} [was stolen|disappeared] in {city}; it was {colour}.
- {company} has [cut|raised|changed] the price of its {item} to {price}.
- [Thieves|Burglars] in {city} took {number} of the {item}, all {colour}.
- Is the {item} [really|truly] made of {material}? [Yes|Sure], and it comes with {warranty} of warranty.
- {item.cap} by {company}; warranty {warranty}; weight {weight}.
- [Whoever|Anyone who] wants the {item} in {colour} must [wait|order early]: only {number} were made.
- From {city} [comes|came] a {item} of {material} [at|for] {price}.
- {colour.cap} is the {item}, {price} [is|would be] the price and {weight} the weight.
- [Dear|To] {company}, the {item} (code {code}) [broke|failed|arrived late]; the warranty was {warranty}.
- The {item}? [Last seen|Stored] in {city}, [shelf three|back room], code {code}.
- {number} x {item}, {code}, {price}
- [A new|The latest] {item} from {company} [is out|has arrived]: {size}, {weight}, {price}.
- {company} [swears|promises] that its {item}, {material}, will [last|work] for {warranty}.
- [Grandma's|Our old|My new] {item} is {colour}, [made of|all] {material} and weighs {weight}.
- [Order|Article] number {code} is [a|the] {colour} {item}, {size} long.
- The museum in {city} [shows|displays] a {item} made of {material}.
- [Unlike|Different from] the old one, the {item} by {company} is {colour} and [only|just] {size} long.
- [That|This] {item} there? {size} of {material}, [price|yours for] {price}.
- [Test|Review]: {item}, {company}, {price}. [Good|Fine|Poor].
- [Unload|Please unpack] {number} of the {item}; they [come|came] from {city}.
- The {item} was [tested|checked] in {city}: weight {weight}, length {size}.
- [A customer|Somebody] wants to [know|hear] whether the {colour} {item} with the code {code} costs {price}.
- {company}, {city}: {item} of {material}, [painted|in] {colour}.
- For {price} we [sell|offer|have] the {item}, [weight|it weighs] {weight}, in {colour}.
- [When|After] the {item} fell, the {material} [cracked|broke]; it had cost {price}.
- [Only|Just] {number} of the {item} remain; each [one costs|goes for] {price} and is {colour}.
- The lighter [of the two|one] is the {item} by {company} at {weight}.
- [Mark|Label] the {item} with {code} and [paint|keep] it {colour}.
- [Specs|Data sheet]: {item} / {size} / {weight} / {material}
- Code {code}, [made in|from] {city}: the {item} has {warranty} of guarantee.
- {number} of them were made, [each|every one] of {material}: the {item} of {company}.
- [No|Sorry], the {item} [is|was] not [just any model|a copy] but [a|the] real one by {company}, {price}.
- The {item} is {size} long, [not|rather than] [a mile|two miles], and was made by {company}.
- [Wow|Look], a {material} {item} for {price}!
- [Guarantee|Warranty]: {warranty}. [Item|Article]: {item}. [Colour|Finish]: {colour}.
- {warranty.cap} of warranty, {price}, {material}: the {item} from {company}.
- [Only|Just] {size} long and {weight} heavy, the {item} from {city} [sells|is sold] for {price}.
- {number} of the {item}, {size} each, were [ordered|made] by {company} [in|for] {city}.
- The warranty of {warranty} [covers|includes] the {item} with the code {code}, not [the box|the cable].
+ [Its|The] weight is {weight}.
+ [Its|The] [length|size] is {size}.
+ [The maker|The manufacturer|The brand] is {company}.
+ [It was built|It was produced] in {city}.
+ [It costs|One costs|The shop price is] {price}.
+ The [material|main material] is {material}.
+ [There is|You get] a warranty of {warranty}.
+ [The serial number|The code on it|The number on the label] is {code}.
+ [It is|It comes in] {colour}.
+ [There are|The store has] {number} [of them|in stock|left].
+ [It measures|It is] {size} and weighs {weight}.
+ [The guarantee|The warranty] [lasts|is valid for] {warranty}.
+ [The factory|The plant] is in {city}.
+ [One can|You can] find it under code {code}.
+ [In the catalogue|Online] it costs {price}.
## messages
- [Call|Phone|Try] {phone} and [ask for|speak to] {person} [about|because of] {subject}.
- [Hi|Hello|Good morning], {person} here; [it's|I am writing] about {subject}. [Mail|Email]: {email}.
- [From|Sender]: {email}. [Date|Sent]: {date}. [About|Concerning]: {subject}.
- {person} [left|has left] the number {phone} and wants to [talk|hear more] about {subject}.
- [Could you|Would you|Can you] [call|phone] {person} back [on|at] {phone} before {date}?
- [Case|Ticket|File] {code}: {person} [complains|asks|writes] about {subject}.
- {subject.cap}: [any questions|do you need help]? {person} [answers|helps] at {phone}.
- [Missed call|Voice message] from {person}, {phone}, {date}.
- [I wrote|I sent a mail] to {email} on {date} about {subject}, [but nobody answered|with no reply so far].
- [Not by mail|Not in writing] but by phone, {phone}, {person} [explained|settled] {subject}.
- [Thank you|Thanks] for your mail about {subject}; [the reference|your reference] is {code}. {person}
- [In case|If] {subject} [is|should be] urgent, [dial|call] {phone}; otherwise [mail|write to] {email}.
- [Yesterday|This morning] {person} from {city} [mailed|wrote] about {subject}.
- [Name|Person]: {person}; [phone|tel.]: {phone}; [mail|email]: {email}; [city|place]: {city}.
- Whose [is|was] {email}? It [belongs|belonged] to {person} in {city}.
- {person} <{email}> {date}
- [Dear|Hello] {person}, [we got|we have read] your letter of {date} about {subject}.
- [Please|Kindly] [forward|send on] everything on {subject} to {person}, {email}.
- {date}, {city}. [Dear all|Dear neighbours], [let's discuss|we must talk about] {subject}. Yours, {person}
- [The office in|Our branch in] {city} [takes|answers] calls at {phone} [concerning|about] {subject}.
- [Answer|Reply] needed by {date}: {subject}, reference {code}.
- [Sent from|Posted in] {city} on {date} by {person}: a [card|letter|message] about {subject}.
- {person}, who [lives|works] in {city}, uses the address {email}.
- [What is|Anything] new about {subject}? [Write|Let me know] at {email} by {date}. {person}
- [SMS|Text] to {phone}: "{subject.cap}: all [done|settled], [regards|bye], {person}"
- [Your|The] contact for {subject} is {person}; [the mail address is|mail to] {email}.
- {code} is the [number|reference|code] {person} [gave|mentioned] when we [spoke|talked] about {subject}.
- [From|Since] {date} the mail of {person} is {email}, [no longer|not] the old one.
- [Tell|Inform] {person} that {subject} will be [dealt with|settled] by {date}.
- [You can|One can] [reach|get hold of] {person} by phone ({phone}) or by mail ({email}).
- [Memo|Notice] {date}. Subject: {subject}. [Author|Written by]: {person}.
- [Because|As] the line {phone} was busy, {person} [sent a mail|wrote] from {email}.
- Did {person} [call|phone|write] about {subject}? [If so|If yes], the code should be {code}.
- [Regards|Best wishes|See you soon], {person} ({email}), {city}
- [About|As for] {subject}, the [people|office] in {city} said: "[Mail|Write to] {email} before {date}."
- [Stop calling|Don't call] {phone}; {person} is [away|on leave] until {date}.
- {person}: {phone}, {email}
- [We spoke|I spoke] with {person} on {date} [about|regarding] {subject}, [file|case] {code}.
- [Attention|Important], {city}: {subject}! [Details|More] from {person} at {phone}.
- [The subject line|The heading] was "{subject}" and the sender {email}.
- [The letter|The fax] of {date} was signed by {person} and [numbered|marked] {code}.
- [Sorry|Excuse me], not the fax but the phone is what {person} in {city} uses: {phone}.
- [Has anyone seen|Did anybody read] the mail {person} sent from {email} on {date}?
- {city}: {person}, {phone}. [Reason|About]: {subject}.
- {person} in {city} [is angry|is happy|has questions] about {subject} and [waits for|wants] an answer by {date}.
- [Enter|Use|Type] code {code} and [send|mail] your question about {subject} to {email}.
- [As discussed|As agreed] on {date}, I [will call|shall call] you at {phone}. {person}
- [My|The new] address is {email}, [my|the] number {phone}. [Love|Yours], {person}
- [First|To begin with], {subject}; [second|then], please call {person} at {phone}.
- [Only|Nobody but] {person} [knows|can decide] about {subject}; [mail|email] {email}.
- [Re:|Fwd:] {subject} - {email} - {date}
- [Hello|Dear sir or madam], [it is|this is] about {subject}, your reference {code}. [My phone|Phone]: {phone}.
- [The one|The man|The woman] to [call|phone] in {city} is {person}, number {phone}.
- [After|Until] {date}, [send|address] all mail on {subject} to {email}.
- [There was|There came] a call from {city}: {person} [about|regarding] {subject}.
- [Reference|Code] {code}, phone {phone}, mail {email}: [keep|save] these, {person}!
- [Whenever|If] someone [asks|writes] about {subject}, give them this number: {phone}. [Thanks|Cheers], {person}
- [Both|The two] messages of {date} [are|were] from {person} and [deal|dealt] with {subject}.
- {email} [asks|complains|writes]: "[What about|Any news on] {subject}?" ({date})
- [Can|Could] {person} be [called|reached] in {city} at {phone} on {date}?
- [Phone note|Call note]: {date}, {person}, {phone}, {subject}.
- [I'm|It's me,] {person}, [you know|remember], from {city}; my mail is {email}.
- [Open|Unsolved] since {date}: {subject}, {code}, {person}.
- {person} would rather [talk|speak] on the phone ({phone}) than [write|mail] about {subject}.
- [Write|Send a line] to {person} in {city}; [the address is|use] {email}.
- Your [message|mail] on {subject} [reached|came to] us on {date}; its number is {code}.
- {code}: {person}, {date}, {subject}.
- [File|Case] {code} [is|was] opened on {date} [by|for] {person} in {city}.
- [Say|Mention] {code} [when calling|on the phone] ({phone}) about {subject}.
- {city}, {date}: [reply|answer] to {email} about {subject}.
- {phone} or {email}: [either way|whichever you like], you [reach|get] {person}.
+ The [sender|writer|author] is {person}.
+ [The phone number|The number to call] is {phone}.
+ [It is|The message is|All this is] about {subject}.
+ The [case|file|reference] number is {code}.
+ [An answer|A reply] is needed by {date}.
+ [The message|The letter] was sent from {city}.
+ [Mails|Answers] go to {email}.
+ [Please call|Please phone] {phone}.
+ [It was written|It was sent] on {date}.
+ {person.first} [lives|works|has an office] in {city}.
+ {person.first} can be [called|reached] at {phone}.
+ {person.first} [uses|has] the address {email}.
+ [Please use|Always use|Please give] the reference {code}.
+ [The subject|The reason for writing] is {subject}.
+ [Everything|The matter] should be settled by {date}.
## journey
- [Trip|Journey|Route]: {start} to {end}, {distance}, {length}, by {vehicle}.
- How did {person} [get|travel] to {end}? By {vehicle}, [starting|setting out] from {start}.
- {person} [set out|started] from {start} on {date}; the [goal|destination] was {end}.
- [Leaving|Departing from] {start}, the {vehicle} [needs|takes] {length} to [get to|arrive in] {end}.
- [The ticket|A seat] from {start} to {end} [cost|set back] {person} {price}.
- It [took|cost] {person} {length} to get from {start} to {end}.
- [To|Towards|Bound for] {end} from {start}: {vehicle}, {price}.
- It was not [on foot|by plane] but by {vehicle} that {person} [went|travelled] to {end}.
- After {distance}, the {vehicle} from {start} [arrived in|got to|came to] {end}.
- [If|When] you go to {end} by {vehicle} you pay {price}[; it takes| and travel] {length}.
- {date}: {start} - {end}, {vehicle}, {price}.
- [Passenger|Traveller]: {person}. [From|Start]: {start}. [To|Destination]: {end}. [Day|Date]: {date}.
- [Hi|Hey|Hello], I'm [in|still in] {start}, taking the {vehicle} to {end} on {date}. {person}
- The {vehicle} [that takes|carrying] {person} to {end} [leaves|departs] {start} on {date}.
- [Is it|Is it really] {distance} from {start} to {end}? [Yes|Sure], [about|roughly] {length} by {vehicle}.
- {end} was where {person} [wanted to go|had to be]; {start} was [where it began|the starting point].
- [By|With a] {vehicle} from {start}, {person} [made it|came] to {end} in {length}.
- [Dear|Hello] {person}, your {vehicle} to {end} [departs|leaves] on {date}; [the price is|you paid] {price}.
- [Only|Just] {length} [away|by {vehicle}], said {person} about the way from {start} to {end}.
- {person} [paid|spent] {price} [on|for] the {vehicle} to {end}.
- In {length}, {person} [did|travelled] {distance}, [ending up|arriving at last] in {end}.
- [Although|Even though] {end} is {distance} from {start}, {person} [took|chose] the {vehicle}.
- [Because|Since] [no plane flew|there was no flight] on {date}, {person} left {start} by {vehicle}.
- [Take|Catch] the {vehicle} [in|from] {start} on {date}, and you will be in {end} [soon|{length} later].
- {person}, {start} to {end}, {distance}
- [Next stop|Last stop|Final stop]: {end}. The {vehicle} from {start} [has taken|took] {length}.
- [We|I] [drove|went] from {start} to {end} by {vehicle}, {distance} in all.
- [From|Out of] {start}! To {end}! {person} [leaves|goes] on {date}.
- {price} [buys|gets] you a [ticket|seat] on the {vehicle} from {start} to {end}.
- [Missed|Booked|Cancelled]: {vehicle} to {end}, {date}, {person}.
- [First|At first] {person} was in {start}; [then|later], [after|following] {length}, in {end}.
- {end} is [exactly|roughly|at least] {distance} [from|away from] {start}.
- [Diary|Travel log], {date}. From {start} to {end}. {distance} by {vehicle}. [Tired|Happy].
- [To see|In order to see] {end}, {person} [travelled|crossed] {distance} by {vehicle}.
- The [trip|ride] of {length} to {end} by {vehicle} [began|started] in {start}.
- [Who|Which of you] went from {start} to {end} on {date}? [It was|That was] {person}.
- {vehicle.cap} {start} - {end}: {length}, {price}, [daily|weekdays only|except Sundays].
- [Well|So|OK], on {date}, {person} [goes|travels] from {start} to {end}, [right|or not]?
- [Meet me|Pick me up] in {end} on {date}; I [come|arrive] from {start} by {vehicle}.
- [The way|The route] to {end} begins in {start}, is {distance} long and [takes|lasts] {length}.
- {person} [rode|drove] [back|home] from {start} to {end} and [counted|clocked] {distance}.
- [Cheap|Good value]: {start} to {end} for {price} by {vehicle}.
- [Please book|Book] the {vehicle} from {start} to {end} for {person}, {date}.
- For {price}, {person} [travelled|rode] {length} by {vehicle}, all the way to {end}.
- [Without|With no] money for the plane, {person} went by {vehicle} from {start} to {end}.
- You are [going|travelling] to {end} on {date}, {person}, and the {vehicle} starts in {start}.
- Destination {end}, origin {start}, [means of transport|transport] {vehicle}, [day|date] {date}.
- [Travelling|Going] from {start}, {person} came to [the coast|a village] first and to {end} [after|in] {length}.
- The [distance|way] from {start} to {end} [was|is] {distance}; [the ticket|a ticket] [was|is] {price}.
- {person} [said goodbye to|left] {start} on {date} [and moved|to move] to {end}.
- [A slow|An old|A crowded] {vehicle} took {person} from {start} to {end}.
- [Once|As soon as] the {vehicle} left {start}, {person} [fell asleep|slept] and woke up in {end}.
- The [day|date] of departure from {start} to {end} is {date}, [says|wrote] {person}.
- [Traffic|Road works]: from {start} to {end} the {vehicle} now needs {length}.
- {distance}! {length}! [All that|And all] by {vehicle}, [just|only] to see {end}, [sighed|said] {person}.
- [Postcard|Greetings] from {end}! We came by {vehicle} from {start}. {person}
- [Would you|Who would] pay {price} to go {distance} by {vehicle} to {end}?
- The travellers, [led by|among them] {person}, left {start} for {end} on {date}.
- In {end} the {vehicle} [stopped|was late], {length} after [it had left|leaving] {start}.
- {person} [will take|takes] a {vehicle} to {end} and [will be|is] on the road for {length}.
- [Expenses|Travel costs]: {person}, {vehicle}, {start} to {end}, {price}.
- [No|Wrong], {person} did not start in {end} but in {start}; {end} was the [goal|last stop].
- One [way|ticket], {start} to {end}, {vehicle}, {date}, {price}, [please|thank you].
- [Some|Many] go to {end} by plane; {person} [preferred|picked|took] the {vehicle} for {price}.
- {length.cap} by {vehicle} and {person} was in {end}.
- STARTING {start} STOP ARRIVING {end} BY {vehicle} STOP {person}
- {distance} by {vehicle} for {price}: {person} [went|travelled] to {end}.
- {price}, {length}, {distance}: [the facts of|numbers for] the {vehicle} to {end}.
- [Departure|Leaving] {date}, {start}; [arrival|arriving] {end} after {length}; {vehicle}.
+ The [ride|journey|trip] lasted {length}.
+ [The price was|A seat cost|It cost] {price}.
+ [It was|In all it was] {distance}.
+ [The means of transport|The vehicle] was a {vehicle}.
+ [Departure|The start] was on {date}.
+ [The traveller|The passenger] was {person}.
+ {person.first} [went|travelled] by {vehicle}.
+ {person.first} [paid|spent] {price}[ in all| for it|].
+ {person.first} was on the road for {length}.
+ [They|All of us] arrived after {length}.
+ The [starting point|start] was {start}.
+ The [destination|goal|last stop] was {end}.
+ [The route|The way] is {distance} long.
+ [The date|The day of departure] was {date}.
+ {person.first} [left|set out] on {date}.
## weather
- [Forecast|Outlook|Weather report] for {date}: {city}, {condition}, [high|up to] {high}.
- Will it be {condition} in {city} on {date}? [Yes|It looks like it], with a high of {high}.
- [Take|Pack] a [coat|hat|jacket]: it's {condition} in {city} and [barely|only|just] {high}.
- Winds of {wind} [swept|raced|raged] across {city} on {date}.
- The [day's high|highest temperature] was {high}, [measured|recorded] in {city}.
- In {city} the chance of rain is {rain} and the humidity {humidity}.
- {condition.cap} and {high}: [that is|such is] the weather in {city} on {date}.
- [City|Place]: {city}; [sky|weather]: {condition}; [high|day's high]: {high}; [humidity|air humidity]: {humidity}.
- {date}, {city}: chance of rain {rain}, wind {wind}.
- [Good news|Bad news] for {city}: it [stays|remains|turns] {condition}, with a {rain} chance of rain.
- [On|By] {date} the temperature in {city} will [climb|rise|drop] to {high}.
- [Dear listeners|Good evening], in {city} it was {condition} [today|all day], and the wind blew at {wind}.
- No longer [freezing|mild] but {high} and {condition}: {city} [surprised us|has changed].
- How [strong|fast] was the wind in {city}? {wind}, [on a|it was a] {condition} day.
- With {humidity} humidity and {high}, {city} [feels|felt] like [a sauna|a greenhouse|the jungle].
- {city} | {date} | {condition} | {wind}
- [Sailors|Pilots|Cyclists] near {city}, [be careful|take care]: wind {wind}, {condition}, {date}.
- [We|I] [landed|arrived] in {city} on a {condition} day; the pilot [announced|said] {high}.
- [If|Should] you [be|travel] in {city} on {date}, [expect|count on] {condition} weather.
- The wind in {city} [reaches|gets up to] {wind}, while the temperature [stays at|is] {high}.
- [Rain|Showers]? The risk in {city} is {rain} on {date}.
- {city} [had|saw|enjoyed] a {condition} day on {date}, with {high}. [Lovely|What a day|So far so good].
- [Mum|Hi], it's {condition} here in {city}, {high}, [miss you|all fine].
- [Although|Though] it was {condition}, the temperature in {city} [only reached|did not pass] {high}.
- It [felt|seemed] colder because the wind in {city} was {wind} and the high [only|just] {high}.
- [Station|Weather station] {city}, {date}: {high}, {humidity} humidity, {wind} wind.
- [Tomorrow|Later], that is on {date}, {city} will be {condition}.
- [Chance of rain|Risk of rain] {rain}, [top|high] {high}, [place|city] {city}.
- What a {condition} day in {city}! {high} and [hardly any|a bit of] wind, {wind}.
- [Warning|Alert] for {city}: gusts of {wind} on {date}!
- {high} in {city}, {humidity} humidity, {condition}.
- [The football match|The picnic|The wedding] in {city} on {date} is [set|planned] in {condition} weather at {high}.
- The [weather|sky] over {city} [was|had been] {condition} [until|before] {date}.
- {condition.cap} [skies|weather], {wind} of wind, {rain} risk of rain: {city} on {date}.
- [Compared|In contrast] to [last week|the coast], {city} was {condition} and reached {high}.
- You [won't|will not] need an umbrella in {city} on {date}: the chance of rain is [only|just] {rain}.
- At {high}, {date} was the [hottest|coldest|mildest] day in {city} [so far|this year].
- Has {city} ever had such a {condition} [week|spell]? {high} [again|once more] on {date}.
- [In|Around] {city}, humidity [climbed|rose|fell] to {humidity} on {date}.
- {humidity} humidity, {rain} chance of rain: [a {condition}|another {condition}] day for {city}.
- [Ski|Beach|Travel] report: {city}, {high}, {condition}, {date}.
- [Say|Tell me], is {city} {condition} at the moment, and is {high} right?
- Today's high: {high}. Sky: {condition}. Wind: {wind}. City: {city}.
- [Meteorologists|Experts|Forecasters] [predict|expect] {wind} winds and {high} for {city}.
- From {date} on, it will be {condition} in {city}, [the service says|we hear].
- {city}, {high}, {wind}
- The storm [crossed|passed] {city} at {wind}; the humidity [rose|climbed] to {humidity}.
- On {date} it [rained|poured] in {city}, [although|even if] the risk was just {rain}.
- [Children in|Farmers near] {city} were glad: {condition}, {high}, [no school|good for the crops].
- [A|Another] {condition} day lies ahead for {city}; [look out for|be ready for] wind at {wind} on {date}.
- {rain} [chance of|risk of] rain in {city}; [otherwise|else] {condition} at {high}.
- [Thermometer|Temperature] in {city}: {high}. [Hygrometer|Humidity]: {humidity}. [Date|Day]: {date}.
- [Please stay|Stay] [inside|at home], {city}! The wind is {wind} and it is {condition}.
- [It was|It had been] {condition} in {city} for [days|weeks]; on {date} the wind [reached|hit] {wind}.
- Do not [trust|believe] the {condition} sky: {city} has a {rain} chance of rain on {date}.
- {city} will [sweat|shiver] at {high} on {date}, [under|with] {condition} skies.
- One [more|last] number for {city}, {date}: humidity {humidity}.
- [While|Whereas] [the south|the rest of us] had fog, {city} was {condition} and {high}.
- {date}: {condition}. High {high}. Humidity {humidity}. {city}.
- [Our|The] flight to {city} was delayed on {date}: wind at {wind}.
- No one [goes|went] out in {city} when it is {condition} and {high}.
- The [paper|app|radio] says "{condition}" for {city}, chance of rain {rain}, high {high}.
- [Can|Could] {high} be right for {city} on {date}? It was so {condition}.
- As {condition} as {city} was, the [thermometer|screen] [read|showed] {high}.
- [Runners|Cyclists] in {city} on {date} had {wind} of wind against them and {high}.
- {wind} from the [west|north|east], {condition}, {city}, {date}.
- Humidity {humidity}, wind {wind}, high {high}: [a day|so it was] in {city}.
- [With|At] a humidity of {humidity}, {city} [stayed|remained] {condition} on {date}.
- {rain} chance of rain, wind of {wind}: [this is|that's] {city} on {date}.
+ The [high|top temperature|day's high] is {high}.
+ [Expect|There will be] winds of {wind}.
+ [The risk of rain|The probability of rain] is {rain}.
+ [The air humidity|Humidity] is {humidity}.
+ It [is|stays|will be] {condition}.
+ [This is|All this is] for {date}.
+ [The place|The city] is {city}.
+ [Gusts|Winds] of up to {wind} are possible.
+ The temperature [climbs|rises|goes up] to {high}.
+ The chance of rain is {rain}, the humidity {humidity}.
+ [The sky|The weather] is {condition}.
+ [The forecast|The report] is dated {date}.
+ [The thermometer|A thermometer] shows {high}.
+ [The wind|A wind] [comes|blows] at {wind} from the [west|north|south].
## measurement
- [Log|Record]: {date}, {time}, {sensor}, {quantity} {value}.
- What was the {quantity} in the {place}? {value}, [measured|read off] at {time}.
- {person} [checked|read] sensor {sensor} at {time} and [saw|found] {value}.
- [Quantity|Parameter]: {quantity}; [value|result]: {value}; [device|sensor]: {sensor}; [site|place]: {place}.
- The {quantity} [rose|fell|climbed|dropped] to {value} at {time} on {date}.
- [Alarm|Warning|Alert]! {sensor} in the {place} [reports|shows] a {quantity} of {value}.
- In the {place}, {person} [recorded|measured] a {quantity} of {value}.
- Sensor {sensor} did not fail; it [gave|showed] the right {quantity}, {value}, at {time}.
- {value} [was|is] the {quantity} that {person} [read|recorded] on {date}.
- [At|By] {time}, device {sensor} [had reached|showed] {value}.
- [Please check|Check] sensor {sensor} in the {place}: its {quantity} of {value} [looks odd|seems wrong].
- {quantity.cap} {value}, {place}, {time}, [signed|taken by] {person}.
- [Hi|Hello] {person}, the {quantity} at the {place} was {value} on {date}. [OK?|Fine?|Too high?]
- On {date}, {value} was [the reading|what stood on the display] of {sensor}.
- [Since|Ever since] {time}, the {quantity} in the {place} has [been|stayed at] {value}.
- I [measured|took] the {quantity} with {sensor}; the [result|display] was {value}.
- {sensor}: {value} ({quantity}), {time}
- [Although|Though] the {quantity} [was|had been] normal, {sensor} [jumped|went] to {value} at {time}.
- [According to|If we trust] {sensor}, the {quantity} on {date} [was|came to] {value}.
- [Technician|Operator]: {person}. [Result|Reading]: {value}. [Time|Hour]: {time}. [Date|Day]: {date}.
- The [display|screen] of {sensor} [read|said] {value} when {person} [came in|looked] at {time}.
- Did {person} [measure|check|record] the {quantity} on {date}? Yes: {value}.
- {place}, {date}, {time}: {quantity} = {value}
- [We|I] [installed|mounted] sensor {sensor} in the {place}; it [first|at once] showed {value}.
- [A|One] look at {sensor} [told|showed] {person} that the {quantity} was {value}.
- With {value}, the {quantity} in the {place} [broke|set] a record on {date}.
- [Every day|Each day] at {time}, {person} reads the {quantity} [at|in] the {place}: {value} [today|this time].
- You [will find|can see] that {sensor} [logged|stored] {value} at {time} on {date}.
- The {quantity}, measured [by|with] {sensor} in the {place}, [was|equals] {value}.
- [Lab|Field] report, {person}, {date}: {quantity} {value}.
- [Test|Trial] at the {place}: [instrument|device] {sensor}, [output|reading] {value}, {quantity}.
- Device {sensor} [sends|sent] {value} [every hour|again], [last|most recently] at {time} on {date}.
- [Because|As] the {quantity} is now {value}, [call|tell] {person} in the {place}.
- {person} [wonders|asks] why {sensor} [gives|shows] {value} for the {quantity}.
- The {quantity} at {time}: {value}. At the {place}. By {person}.
- [Stop|Wait]! The {quantity} is {value} [and rising|and falling], sensor {sensor}.
- On {date}, [precisely|exactly] at {time}, {sensor} [picked up|caught] a {quantity} of {value}.
- Not [the noise|the dirt|the light] but the {quantity}, {value}, [worried|puzzled] {person}.
- {value} on {sensor}, [said|reported] {person} at {time}.
- [No change|Nothing new] in the {place}: {quantity} still {value} at {time}.
- {time} - {value} - {sensor} - {place}
- [Calibrated|Adjusted] by {person} on {date}: device {sensor}, {quantity}, {value}.
- [Data|Values] from {date}: sensor {sensor} {value} at {time}.
- Room: {place}. [Probe|Sensor]: {sensor}. [Property|Quantity]: {quantity}. Value: {value}.
- [The probe|The meter] {sensor} hung in the {place} and [measured|displayed] {value} on {date}.
- [Nobody|No one] believed {person}, but the {quantity} [really|truly] was {value}.
- [Can|Could] someone [confirm|verify] the {value} of {sensor} at {time}?
- {person}, in the {place} at {time}: "[The|Our] {quantity} is {value}."
- Exactly at {time}, [not before|not after], the {quantity} was {value}, [measured|taken] with {sensor}.
- The [mean|average|highest] {quantity} in the {place} on {date} [was|amounted to] {value}.
- [Between us|To be honest], {person}, {value} is too much {quantity} for the {place}.
- [Today|This morning] {sensor} [went|dropped] down to {value}, [noticed|said] {person}.
- Taken at {time}, the {quantity} of {value} [is|was] the last one by {person}.
- [Mark|Remember] this: {date}, {time}, {quantity}, {value}.
- {sensor} [is out of order|is broken]: it [claims|shows] {value} in the {place}.
- The {place} [had|showed] a {quantity} of {value} on {date}, [measured|recorded] by {person}.
- {date}: device {sensor}; {place}; {value}.
- [Dear colleagues|Team], at {time} the {quantity} [stood|was] at {value}. Please [watch|mind] {sensor}.
- [To|For] the record: {quantity} of {value}, sensor {sensor}, [person|operator] {person}.
- [Two|Three] devices, one result: {sensor} and its twins [all|each] showed {value} at {time}.
- When asked for the {quantity}, {person} [looked|glanced] at {sensor} and [said|answered] {value}.
- {value}, not [more|less], was the {quantity} in the {place} at {time}.
- [Only|Just] at {time} on {date} did the {quantity} [reach|hit] {value}.
- [Inspector|Engineer] {person} [found|detected] {value} at the {place}, [using|with] device {sensor}.
- [Quantity|Measured]: {quantity}. [Where|Place]: {place}. [When|Time]: {time}. [How much|Value]: {value}.
- {person} [turned|switched] on {sensor} at {time}; the {quantity} [was|came out as] {value}.
- {place}: at {time} {person} [logged|entered] {value} for the {quantity}.
- {person} to the [team|lab]: {sensor} has [a {quantity} of|measured] {value} in the {place}.
+ [The date|The day] was {date}.
+ [The time|The hour] was {time}.
+ [The sensor|The instrument|The probe] was {sensor}.
+ [The value|The reading|The result] was {value}.
+ [The technician|The person who measured] was {person}.
+ [All this|The measurement] took place in the {place}.
+ [It was measured|It was read] at {time}.
+ {person.first} [used|worked with] device {sensor}.
+ {person.first} [measured|read] it on {date}.
+ [The measured quantity|What was measured] is the {quantity}.
+ [The device|The instrument] is [kept|installed] in the {place}.
+ [The reading|It] is from {date}, {time}.
+ [The display|The screen] showed {value}.
+ [The operator on duty|The observer] was {person}.
## recipe
- [Serves|Enough for|Portions]: {servings}. [Dish|Recipe]: {dish}. [Time|Cooking time]: {time}.
- How long does the {dish} [take|need]? {time}, at {heat}.
- {cook} [cooked|prepared|made] {dish} for {servings} people.
- [Mix|Combine|Stir together] {parts} and you have the [base|start] of the {dish}.
- {amount.cap} of {main} [goes|must go] into the {dish}[, says {cook}|].
- [Today|Tonight]: {dish} [by|from the kitchen of] {cook}, {level}, [ready in|done in] {time}.
- The {dish} [is|looks] {level}, [but|yet] it [takes|needs] {time}.
- [Put|Place|Keep] the {dish} in the oven at {heat} and [wait|leave it] for {time}.
- It is not [luck|love|magic] but {main} that makes the {dish} of {cook} so good.
- [Dish|Name]: {dish}; [level|difficulty]: {level}; [cook|chef]: {cook}; [main ingredient|base]: {main}.
- For {servings} [guests|people], {cook} [buys|takes] {amount} of {main}.
- What [is in|goes into] the {dish}? {parts}, [nothing else|that's all], {level}.
- [Hi|Hello|Hey], can you [bring|buy] {amount} of {main} for the {dish}?
- [My neighbour|Our friend|A colleague], {cook}, [baked|cooked] {dish} at {heat}.
- With {parts}, {cook} [creates|makes] {dish} in {time}.
- [A|This is a] {level} recipe for {dish}: {parts}.
- {dish.cap} | {servings} portions | {time} | {level}
- At {heat} the {dish} [is done|will be ready] after {time}.
- [If|When] you [have|own] {main}, try the {dish}: {time}, {level}.
- {cook}: "[My|The] {dish} serves {servings} and is {level}."
- [Heat|Preheat] the oven to {heat}, [then|and] add {amount} of {main} to the {dish}.
- In the kitchen of {cook}, the {dish} [is|was] made with {main} and [shared|eaten] by {servings}.
- [Ingredients|You need]: {parts}. [Cook|Bake] for {time} at {heat}. [Result|Makes]: {dish}.
- [Although|Even though] it is {level}, the {dish} by {cook} [took|needs] only {time}.
- [Use|Take] {main}, not [water|powder], [for|in] the {dish}; {amount} will do.
- [Recipe of the day|Dish of the week]: {dish}. [Author|Chef]: {cook}. Serves {servings}.
- {servings.cap} people, {dish}, {time}: [that is|this is] the plan of {cook}.
- {parts.cap}: [from these|out of this] {cook} [conjures|makes] {dish}.
- [I|We] [love|like] the {dish} with {main}, and it is {level} to make[ at home|].
- [Leave|Let] the {dish} [cook|simmer|stand] for {time}; [use|keep] {heat}.
- Is {amount} of {main} [enough|too much] for the {dish} for {servings}?
- [Dinner|Lunch] for {servings}: {dish} ({level}).
- [Everything|All] you need for {dish}: {parts}, {time} and [patience|a pot].
- {cook} [says|thinks] the {dish} [should|must] be cooked at {heat}, not [hotter|cooler].
- [Page 12|Page 30|Card 5]: {dish}, {cook}, {time}, {heat}
- [Nobody|No one] makes {dish} like {cook}: {amount} of {main}, [then|and] {time} in the oven.
- The [first|main] thing in the {dish} is {main}; [the level|the recipe] is {level}.
- [After|In just] {time} the {dish} for {servings} was [done|cooked|finished].
- You [will need|want] {parts} if {servings} people are to eat the {dish}.
- [Dear|Hello] {cook}, [thanks for|I tried] your {dish} with {main}! [Love|Yours], a fan.
- [Time|Total time] {time}, [heat|oven] {heat}, [portions|serves] {servings}: {dish}.
- [Because|As] {servings} people were coming, {cook} [doubled|increased] the {main} in the {dish}.
- The {level} [version|way]: {dish} with {amount} of {main}.
- [Chop|Wash|Weigh] {amount} of {main}; [then|next] start the {dish}, {time}.
- [Rumour has it|They say] {cook} puts {main} into the {dish} and [bakes|cooks] it at {heat}.
- {heat} and {time}: [so|in this way] {cook} [likes|does] the {dish}.
- [Guests|Kids] [asked|begged] {cook} for the {dish} with {parts}.
- Into the [pot|pan|bowl] go {parts}; the {dish} [needs|takes] {time}.
- {main.cap}, {amount}, for the {dish} of {cook}.
- On TV, {cook} [showed|explained] how to make {dish} with {main} in {time}.
- The {dish} [feeds|fills] {servings}; the [recipe|method] is {level}.
- [Even|Only] a beginner can make {dish}: it's {level}, takes {time} and [feeds|serves] {servings}.
- Made by {cook} at {heat}, [eaten|enjoyed] by {servings}: the {dish}.
- [Start|Begin] with {amount} of {main}; [end|finish] with {time} at {heat}. [Result|Outcome]: {dish}.
- [What|Which] heat for the {dish}? {heat}. [How many portions|Portions]? {servings}.
- For [Sunday|Easter|the party] {cook} [plans|has planned] {dish}, {servings} portions, {level}.
- {dish.cap} from {parts}, [a recipe|a classic] by {cook}.
- [Don't|Never] cook {dish} above {heat}, or the {main} [burns|dries out].
- The {dish} [tastes|smells] of {main}, though {amount} is [all|the most] you need.
- [Buy|Get] {parts}; {cook} [wants|is going] to make {dish}.
- {level.cap}, but worth it: {dish} with {main}.
- [Note|Tip]: the {dish} [doubles|halves] well; {servings} people, {amount} of {main}.
- Once the {dish} is in the oven ({heat}), [relax|set a timer] for {time}.
- [Chef|Cook] {cook} [won|took] a prize with {dish}; it [contains|has in it] {parts}.
- [Ready|Done] in {time}, [good|right] for {servings}, [cooked|baked] at {heat}: the {dish}.
- {time.cap}: {dish}. {heat}. {servings} [plates|portions].
- {level.cap} to make, {heat} in the oven: {cook} [presents|loves] {dish}.
- {main.cap} first, then {heat} for {time}: [that's|so goes] the {dish}.
- [Buy|Weigh] {amount} of {main} for {cook}, who makes {dish} for {servings}.
+ [The heat|The temperature] should be {heat}.
+ [The cooking time|The time needed] is {time}.
+ [There is enough|It is enough] for {servings}.
+ [The level|The difficulty] is {level}.
+ [The cook|The chef|The author] is {cook}.
+ [The list of ingredients|The shopping list] is: {parts}.
+ [You add|Then add|One adds] {amount} of {main}.
+ [The base|The key ingredient] is {main}.
+ [Cook it|Bake it] for {time}.
+ [The number of portions|The number of servings] is {servings}.
+ [The recipe|The idea] is by {cook}.
+ [Making it|To make it] is {level}.
+ [In the pot go|You need] {parts}.
+ [It should|It must] cook at {heat} for {time}.
+ {cook.first} [swears by|loves] {main}.
## book
- [New|Just out|In print]: "{title}", {genre}, {pages} pages, {price}.
- Who wrote "{title}"? {author}, in {year}.
- [Title|Book]: {title}; [author|writer]: {author}; [pages|length]: {pages}; [year|published]: {year}.
- {publisher} [brought out|released|printed] "{title}" by {author} in {year}.
- The {genre} "{title}" [costs|is sold for] {price} and has {pages} pages.
- Have you [read|seen|bought] "{title}"? It's a {genre} by {author}.
- In {year}, {author} [finished|completed|started] the {genre} "{title}".
- [Readers|Critics|Our customers] gave "{title}" by {author} a rating of {rating}.
- [Not|It is not] [a manual|a diary] but a {genre}: "{title}" by {author}.
- [Originally|First] written in {language}, "{title}" [appeared|came out] in {year}.
- {author}, "{title}", {publisher}, {year}.
- {price} for {pages} pages: [buy|get] "{title}" [today|now].
- "{title}" was [printed|issued] by {publisher} and [sells|sold] for {price}.
- I [gave|rated] "{title}" {rating}; the {genre} is by {author}.
- {author}: {title} ({language}, {pages} pages)
- [Reading list|To read]: "{title}", {author}, {genre}.
- At {pages} pages, "{title}" is the [longest|shortest] {genre} by {author}.
- [Hi|Hello|Hey], [could you|please] order "{title}" from {publisher}, it costs {price}.
- [For|At] {price} you can [own|have] "{title}", the {genre} from {year}.
- The {year} edition of "{title}" is in {language} and [costs|sells for] {price}.
- A {genre} in {language}, "{title}" [is|was] the work of {author}.
- [If|When] you like a good {genre}, [try|read] "{title}" by {author} ({rating}).
- "{title}": {rating}, {pages} pages, {genre}.
- My [favourite|least loved] book is {title} by {author}, [published|printed] in {year}.
- {publisher} [paid|thanked] {author} for the {genre} "{title}".
- The [shop|library|school] has "{title}" for {price}; {author} [wrote|signed] it.
- [How many pages|How long] is "{title}" by {author}? {pages} pages.
- {language} [is the language|was the language] of "{title}", which {author} wrote in {year}.
- [Although|Though] {title} has {pages} pages, I [read|finished] it [in a day|in one go]; {author} can write!
- {title} - {author} - {year} - {price}
- [With|In] "{title}", {author} [tries|tried] a {genre} for the first time.
- [Dear|To] {publisher}, [I return|please find] "{title}", [a misprint|damaged], {price}.
- "{title}" [was finished|appeared] in {year}; its author, {author}, [cried|smiled].
- [Book of the month|Our tip]: {title}, {genre}, {publisher}.
- The [cover|spine] says "{title}", {author}; [the price tag|the sticker] says {price}.
- {year}: {author} [publishes|prints] "{title}" [with|at] {publisher}.
- [Every|No] {genre} by {author} is as [good|dull] as "{title}"; {rating} from me.
- {author} [spent|needed] years on "{title}"; {publisher} [printed|sold] it in {year}.
- "{title}", {author} [told|explained to] us, is [no|not a] fairy tale but a {genre} of {pages} pages.
- [Yes|Right], "{title}" is [available|on sale] in {language} for {price}.
- [Catalogue|Shelf 7|Section B]: {author}; {title}; {language}; {year}.
- [Rated|Marked] {rating}: the {genre} "{title}" from {publisher}.
- [Whoever|Anyone who] reads {language} should [buy|pick up] "{title}" by {author}.
- The pages of "{title}": {pages}. The price: {price}. The author: {author}.
- {author} [sold|gave] the rights to "{title}" to {publisher} in {year}.
- [Found|Seen] at a flea market: {title}, {year}, {author}, {price}.
- [Only|Just] {pages} pages long, the {genre} "{title}" [got|earned] {rating}.
- [You|We] [must|should] replace the [lost|wet] copy of "{title}" by {author}; it costs {price}.
- [School|Exam] text: "{title}", {author}, {language}.
- [Film makers|Theatres|TV people] [love|want] "{title}", the {genre} that {author} wrote in {year}.
- "{title}" [costs|is] {price} at {publisher} and was rated {rating}.
- The {language} {genre} "{title}" has {pages} pages.
- [At last|Finally], in {year}, {publisher} [printed|took on] "{title}".
- [Did|Could] {author} write a {genre} of {pages} pages? [Yes|Sure], "{title}".
- [A|One] {genre}, {pages} pages, by {author}: {title}.
- [It was|No, it was] not [my aunt|a friend] but {author} who wrote "{title}" in {language}.
- [Review|Verdict]: {title} by {author}, {rating}, [worth|price] {price}.
- On page {pages}, the last one, "{title}" by {author} [ends|stops].
- [Put|Lay] "{title}" on the {genre} shelf; it's by {author}, {year}.
- The [translator|editor] of "{title}" says: {language}, {year}, {publisher}.
- Published in {year} [at|for] {price}: "{title}" by {author}.
- [What|Which] {genre} did {publisher} print in {year}? {title}.
- "{title}" [by|from] {author}? [Boring|Great], {rating}.
- Thanks to {publisher}, {author} could [print|publish] the {genre} "{title}".
- [Language|Written in]: {language}. [Kind|Genre]: {genre}. [Name|Title]: {title}. [Writer|Author]: {author}.
- [One evening|Last night] I read all {pages} pages of {title}, a {genre} in {language}.
- {rating} for "{title}" by {author}, a {genre} [in|written in] {language}.
- {publisher} [sells|prints] "{title}" in {language} for {price}; readers [give|gave] it {rating}.
- {pages} pages, {rating}: "{title}" by {author}.
+ [The author|The writer] is {author}.
+ [Its|The] publisher is {publisher}.
+ [It was printed|It came out] in {year}.
+ [It is|It has a length of] {pages} pages[ long|].
+ [A copy|The book] costs {price}.
+ [The rating|Its rating] is {rating}.
+ [The language|Its language] is {language}.
+ [The genre|The kind of book] is: {genre}.
+ {author.first} [wrote|finished] it in {year}.
+ {author.first} writes in {language}.
+ [Critics|Most readers] [rated|marked] it {rating}.
+ [Its price|The price] is {price}.
+ [The number of pages|Its page count] is {pages}.
+ [The house|The firm] that printed it is {publisher}.
## match
- [Result|Final score]: {winner} {score} {loser}.
- Who won on {date}? {winner}, [beating|against] {loser}, {score}.
- [Winner|Champion]: {winner}. [Loser|Beaten]: {loser}. [Score|Result]: {score}. [Sport|Game]: {sport}.
- {loser} [were beaten|were outplayed|were crushed] {score} by {winner}.
- {crowd} [fans|people|spectators] saw {winner} [beat|defeat] {loser} {score}.
- At the {place}, {winner} [won|came out on top] against {loser} on {date}.
- {player} [scored|shone|led the way] as {winner} [beat|crushed] {loser}.
- It was not {loser} but {winner} [who|that] [won|took] the {sport} match, {score}.
- {winner}, [led|inspired] by {player}, [defeated|overcame] {loser} {score}.
- [Headline|News]: {winner} too strong for {loser}: {score}
- On {date} {loser} [lost|fell] {score} to {winner} at the {place}.
- [In|During] the {sport} game, {winner} [won|triumphed] {score} [over|against] {loser}.
- {score}! {winner} [celebrates|cheers], {loser} [weeps|goes home].
- [Attendance|Spectators]: {crowd}. [Place|Stadium]: {place}. [Winning team|Winner]: {winner}. [Opponent|Loser]: \
{loser}.
- {player} [was the hero|made the difference] in the {sport} win of {winner} over {loser}.
- {date}, {place}: {winner} [beat|conquered] {loser} {score}.
- [Did you see|Did you watch] how {winner} beat {loser} in the {sport} final?
- After [a hard fight|extra time], {winner} [won|took it] {score}, and {loser} [were out|had lost].
- [I|We] saw {loser} lose to {winner} at the {place}, {score}.
- [Sadly|Unluckily] for {loser}, {winner} won {score} [thanks to|because of] {player}.
- With a {score} win [over|against] {loser}, {winner} [goes top|is first] in {sport}.
- {loser}, [though|even if] the favourite, [lost|was beaten] {score} by {winner} on {date}.
- [Hey|Guess what], {winner} won! {score} against {loser}, {player} [was great|scored]!
- {winner} [needed|had] {player} to [get past|beat] {loser} at the {place}.
- {sport.cap}: {winner} bt {loser} {score}
- The [winners|victors] were {winner}, the [losers|beaten side] {loser}; [the score was|it ended] {score}.
- {crowd} people [came|went] to the {place} to see {winner} [beat|win against] {loser}.
- [If|When] {player} plays like on {date}, {winner} [beats|can beat] {loser} [every time|again].
- [In a|It was a] thrilling {sport} match: {winner} [won|ended up winning] {score} and {loser} lost.
- [Coach|Captain] of {loser}: "[Bad luck|Sorry], nothing went right; {winner} won {score}."
- {winner} [got|earned] the cup on {date} by beating {loser}.
- {score} for {winner}, [nothing|no joy] for {loser}, {crowd} [in the stands|watching].
- The [derby|final] at the {place}: {winner} wins, {loser} loses, score {score}, date {date}.
- [Both|The two] teams fought, but {loser} [lost|bowed] to {winner}, {score}.
- [Which|What] sport? {sport}. [Who won|Winner]? {winner}. [Who lost|Loser]? {loser}.
- {player} [cried|laughed] after {winner} had [beaten|defeated] {loser} {score}.
- {winner} [turned|changed] the game on {date}; {loser} went home beaten {score}.
- {score} was the score [by which|with which] {loser} [lost|went down] in {sport} to {winner}.
- {loser} is out! {winner} [won|wins] the {sport} match {score}.
- The {score} [win|victory] of {winner} over {loser} was [seen|watched] by {crowd}.
- [Best|Top] scorer {player} [took|shot] {winner} to a win against {loser} on {date}.
- [Finally|At last], {winner} has [beaten|knocked out] {loser}. [Score|Result]: {score}. [Place|Where]: {place}.
- {place}, {crowd} fans: {winner} beats {loser}.
- [Nobody|No one] expected {winner} to [win|succeed] {score} against {loser} in {sport}.
- [While|As] {loser} missed chances, {player} [scored|did not miss] and {winner} won {score}.
- [Ticker|Live]: {winner} lead {score}, game over, {loser} [beaten|out].
- You [missed|should have seen] it: {winner} against {loser}, {score} for {winner}.
- {date}: {sport}, {winner} beat {loser}. [Wow|Hooray|Oh no].
- [Dear fans|Dear friends] of {loser}, [we lost|sorry about the loss] {score} to {winner}.
- The {sport} [cup|trophy] goes to {winner}; {loser} [finish|come] second after a {score} [defeat|loss].
- {winner} [celebrated|had] a {score} [victory|win] at the {place}, {loser} [a defeat|the opposite].
- [Report|Match report] {date}: {player} [excellent|outstanding], {winner} win, {loser} lose.
- For {winner} it was an easy [day|evening]: {score} against {loser}, {crowd} [spectators|fans].
- {loser} had [more chances|the ball], {winner} had {player} and won {score}.
- On {date}, {crowd} [fans|people] at the {place} watched {loser} lose to {winner}.
- [Defeated|Beaten] by {winner}: {loser}, {score}, {sport}.
- What a [game|match|night]! {player} and {winner} beat {loser} at the {place}!
- {winner} 1st, {loser} 2nd: the {sport} final of {date} [ended|closed] {score}.
- [The loss|The defeat] of {loser} against {winner} ({score}) [came|happened] on {date}.
- {score}, {winner} over {loser}, {sport}.
- [Whenever|Each time] {player} scores, {winner} wins; on {date} {loser} [lost|felt it].
- Never before had {winner} [won|triumphed] over {loser} in {sport}; now it [is|was] {score}.
- [Stadium|Venue]: {place}; {winner} won; {loser} lost; {player} [best|top] player.
- The {place} [saw|witnessed] a {sport} win of {winner} over {loser}.
- [Cheers|Applause] from {crowd} [fans|throats] as {winner} [win|beat] {loser} {score}.
- {winner} [shocks|stuns|outplays] {loser} {score} on {date}
- {crowd} [fans|people] and {player}: [that is|such was] the win of {winner} over {loser}.
- {player} scored, {crowd} [fans|people] sang, {winner} beat {loser} {score}.
- {sport.cap} on {date}: {crowd} spectators, {winner} [winning|ahead], {loser} [losing|beaten].
- [Referees|Reporters] counted {crowd} [people|fans]; {loser} [lost|fell] to {winner} at the {place}.
+ [The final score|The score] was {score}.
+ [The attendance|The crowd] was {crowd}.
+ [The stadium|The venue|The ground] was the {place}.
+ [The match|The game] was on {date}.
+ [The sport|The game played] was {sport}.
+ [The top scorer|The best on the field] was {player}.
+ {crowd} [people|spectators] came.
+ [Most points|Most goals] came from {player}.
+ [It was played|They played] at the {place}.
+ {player.first} was [in form|unstoppable] on {date}.
+ [The winner|The winning team] was {winner}.
+ [The losing team|The loser] was {loser}.
+ [All this|The match] was at the {place} on {date}.
+ [The day|The date] was {date}.
+ {player} [had a great day|was the best player].
"""
