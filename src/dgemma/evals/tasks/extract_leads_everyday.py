"""More sentence templates for the domains of people and trade of the extraction task: work, meetings, orders, hotels.

Promises text in the notation that `extract_domain` parses and explains, in blocks without fields that only add
sentences to the domain of the same name. Knows nothing of draws, splits or requests.
"""

EVERYDAY_LEADS = """
## person
- {job.cap} {person}, {age}, [is mad about|never gets tired of|swears by] {hobby}.
- At {employer}, [everyone|nearly everybody] knows {person}, the {job} from {city}.
- [Have you met|Do you know|Did you see] {person}, [our|the] new {job} from {city}?
- Name: {person}; age: {age}; job: {job}.
- [Profile|Member|Portrait] - {person} - {job} - {city} - {hobby}
- {employer} [hired|took on|recruited] {person} as a {job} [last spring|some time ago|this year].
- [It is|It was] not football but {hobby} that {person}, a {job} in {city}, [loves|cares about|lives for].
- [Whenever|When] {person} is not working at {employer}, {hobby} comes first.
- {age} years old and still [curious|restless|full of plans]: {person} from {city}.
- From {city} comes {person}, a {job} [who loves|with a passion for|and a friend of] {hobby}.
- Now {age}, {person} still [puts in long hours|turns up every day] as a {job} at {employer}.
- For {employer}, {person} is [much|a lot|far] more than a {job}.
- [Today|Next week|This month] {person}, {job} at {employer}, turns {age}.
- {person} rents a room in {city}, [has a job as|earns money as] a {job}, and enjoys {hobby} [for fun|on Sundays].
- In a small flat in {city} lives {person}, {age}, [a quiet|a busy|a cheerful] {job}.
- People in {city} call {person} the best {job} [in town|for miles|ever].
- Which {job} do I trust? {person} from {employer}, [of course|no doubt|always].
- I am {age}, my name is {person}, and {hobby} is my [passion|great love|favourite pastime].
- my neighbour {person}? [works for|is with] {employer}, lives in {city}, total {hobby} fan
- [hey|hi|hello], {person} here, {age}, {city}, [into|big on|crazy about] {hobby}
- Dear diary, today I [met|ran into|had tea with] {person}, a {job} who comes from {city}.
- The [new|young|friendly] {job} at {employer} [is called|goes by the name of|is] {person}.
- Staff list of {employer}: {person}, {job}, {age}.
- [Our|Tonight's|My] guest is {person}: {job} by day, {hobby} fan by night.
- Ask {person} about {hobby} and you [will never get home|will hear stories for hours]; {employer} is hardly mentioned.
- As a {job} for {employer}, {person} [travels a lot|works long days|is rarely at home].
- {city}, {age}, {job}: that is all [we know|the file says|I can tell you] about {person}.
- If you need a {job} in {city}, [ask for|think of|go and see] {person}.
- Since [leaving school|the summer|the wedding], {person} has lived in {city} and worked as a {job}.
- {person} and {hobby}? [Inseparable|A perfect match|Old friends], say the people at {employer}.
- A {job} by training, {person} now [lives quietly|has settled down|feels at home] in {city}.
- {hobby.cap} is what keeps {person}, {age}, [young|happy|busy|fit].
- [You|Visitors|Customers] can find {person} at {employer}, where [a good {job}|a {job}] always has plenty to do.
- No, {person} is not from the capital but from {city}, and is {age}, [not younger|no older].
- {person} [told us|said|wrote] that life as a {job} in {city} is [hard|fun|good].
- "I love {hobby}," says {person}, {age}, [smiling|with a laugh|proudly].
- Two [things|facts] about {person}: the job is {job}, the hobby is {hobby}.
- Works for: {employer}. Lives in: {city}. Name: {person}.
- A stranger at first, {person} has made {city} home and [found work|got a job] as a {job}.
- Let me [introduce|present] {person}, who is {age} and [a proud|a busy|a skilled] {job}.
- We [asked|interviewed|phoned] {person}, a {age}-year-old from {city}, about {hobby}.
- Our {job} of the [month|week|year]: {person}, {age}, {employer}!
- Friends know two sides of {person}: the {job} [and|as well as] the {hobby} lover.
- [Every morning|Each day|At dawn], {person} leaves home in {city} to work at {employer}.
- Somewhere in {city}, a {job} named {person} is [asleep|having coffee|packing a bag].
- By profession {person} is a {job}; [by heart|at heart], it is all {hobby}.
- [Neighbours|Friends|Teachers] describe {person}, {age}, as [a quiet|a cheerful|a stubborn] {job}.
- What does {person} do all day in {city}? [Mostly|First] the work of a {job}, then {hobby}.
- Please [welcome|greet|say hello to] {person}, who joins us from {city} and will be our {job}.
- Dear {person}, as a {job} at {employer} you are [invited|welcome|asked to come].
- You are {person}, you are {age}, and you live in {city}, [correct|right|is that so]?
- [Write this down|Please note|For the record]: {person}, age {age}, employed by {employer}.
- {employer} [employs|pays] {person} as a {job}, but it is {hobby} that [matters|counts|brings joy].
- Both [my sister|my brother|my aunt] and {person}, the {job}, are into {hobby}.
- At {age}, [most people slow down|many people want a rest], but {person} took up {hobby}.
- Old friends from {city} still [write to|visit|remember] {person}, who is {age} now.
- [Thanks to|Because of|Through] {hobby}, {person} made many friends in {city}.
- [Looking for|Short of] a {job}? Try {person} in {city}, who is with {employer}.
- {person}, who [works for|is with|belongs to] {employer}, is {age} and [fond of|keen on] {hobby}.
- Anyone who visits {employer} meets {person}, {age}, the {job} [at the front desk|on duty|in charge].
- New in [the team|our house|the club]: a {job} of {age} called {person}.
- The story of {person} is set in {city}, [not in a palace|far from any stage], and tells how a {job} lives.
- [Passport|Card|Badge]: {person} / {city} / {age}
- [Half|All] of {city} knows {person}, {age}, because of {hobby}.
- How old is {person}, the {job}? {age}. [And home|And the home town|Where from]? {city}.
- While others talk, {person} [works|gets on] - {age}, {job}, {employer}, never late.
- Not every {job} is as [patient|kind|clever] as {person}, who lives in {city} and is {age}.
+ Home is {city}[.|, near the station.|, by the river.]
+ {person.first} calls {city} home.
+ [The person's job|Current job|Job]: {job}.
+ By trade, {person.first} is a {job}.
+ [At the moment|These days] {employer} pays {person.first}'s wages.
+ Age: {age}.
+ On the last birthday cake there were {age} candles.
+ [When there is time|On holiday|If the weather is bad], {hobby} is [the first choice|a must].
+ [He|She] [took up|discovered] {hobby} [as a child|years ago].
+ The [flat|family home] is in {city}.
+ Work means {employer}, where [the days are long|the canteen is good].
+ [He|She] is a {job} [by profession|and likes it].
+ If you ask about hobbies, the answer is {hobby}.
+ {person.first} joined {employer} as a trainee.
+ [His|Her] age is {age}.
+ [The employer|The firm] is {employer}.
## contact
- [Need help?|Any trouble?|Stuck?] [Call|Phone|Try] {person} at {phone}.
- {phone} - that is the [new|direct|private] number of {person}.
- {company} / {person} / {address} / {city}
- [Our partner|Our contact|The agent] in {city} is {person}, {email}.
- [Mail|Write to|Use] {email}; {person} [reads|answers] everything there.
- I have [moved|a new flat], so my address is now {address}, {city}. [Yours|Love|Regards], {person}
- {person} has [changed phones|a new phone], so please [note|use|save] {phone} from now on.
- You won't find it in the book, but the number of {person} is {phone}.
- Name {person}, mail {email}, city {city}.
- Could you [forward|send|pass] this to {person} at {company}? The address is {email}.
- Who is [responsible|in charge|on duty] at {company}? {person}, phone {phone}.
- Letters [should|may|can] be sent to {person}, {company}, {address}.
- [Sincerely|Yours|Cheers|All the best], {person} | {company} | {phone} | {email}
- [Business card|Visiting card|Letterhead]: {company}, {person}, {address} in {city}, {email}.
- [hey|hi] can u text {person}? {phone}, [thx|thanks|cheers]
- When you [get to|arrive in|reach] {city}, call {person} on {phone}.
- Since {person} left for {company}, the [best|only|quickest] way to [get an answer|make contact] is {email}.
- Behind the door at {address} [sits|works] {person} of {company}.
- {person} lives in {city} and [uses|has|answers] the number {phone}.
- [Please add|Add|Put] {person} to the list: {email}, {company}.
- {company} gave me your name; I am {person} from {city}, and my mail is {email}.
- The person to [speak to|talk to|deal with] at {company} is {person}, tel. {phone}.
- If {person} does not [pick up|answer] on {phone}, [write to|try] {email}.
- For [tickets|samples|press photos], {company} refers you to {person} at {email}.
- From: {person}, {company}. [Reply|Answer] to: {email}
- Ship [the keys|the samples|everything] to {address} in {city}, [care of|for the attention of] {person}.
- {person} [has left|moved out of|sold] the old place and now lives at {address}, {city}.
- {city} office, {company}: {phone}, [speak to|talk to|you want] {person}.
- Both {email} and {phone} [belong to|are used by|lead to] {person}.
- You asked for [details|contacts|a name]: {person}, {email}, {phone}, {company}.
- I spoke to {person} [yesterday|this morning|at the fair], who works at {company} in {city}.
- Write {person} a [postcard|letter|card]: {address}, {city}.
- Lost your [card|notes|list]? {person} can be phoned on {phone} and mailed at {email}.
- Our [bookkeeper|lawyer|builder|plumber], {person}, has an office at {address}.
- It was {person} of {company} who called; the number on the screen was {phone}.
- Is {email} still [right|valid|correct] for {person}, or is there a new address?
- In {city}, {company} is represented by {person}[.|, as before.|, not by an agent.]
- {company} ({city}) - [sales|service|support]: {person}, {email}
- [Dial|Call|Try] {phone} and you get {person}, not a machine.
- Visitors to {company} [report to|should see|are met by] {person}, {address}.
- Signed: {person}, {address}, {city}, {phone}.
- Do not use the old mail address; {person} [now uses|has switched to|has moved to] {email}.
- {email} is the [new|official|private] mail address of {person} at {company}.
- Thank you, {person}! We have [saved|noted] your number {phone} and your address {address}.
- [Hello|Hi|Dear] {person}, is {phone} still your number in {city}?
- As soon as you have [news|a date|a plan], let {person} know: {email}.
- [My boss|My wife|My landlord], {person}, prefers mail ({email}) to calls ({phone}).
- The form gives {address} as the address of {person}, and {phone} as the phone.
- We [would like|want|hope] to invite {person} of {company}; the [invitation|letter] will be mailed to {email}.
- {person} [speaks for|represents|acts for] {company} in {city} and answers calls to {phone}.
- [Emergency contact|In case of fire|After hours]: {person}, {phone}, {city}.
- Which mail does {person} use at {company}? [It's|I think it's|Try] {email}.
- [Anyone|Everyone|The porter] from {company} can tell you that {person} sits at {address} in {city}.
- The [tenant|owner|resident] at {address} is called {person}; phone {phone}.
- Phone: {phone}. Mail: {email}. Person: {person}.
- Mail, not phone, is [best|easiest|quickest] for {person}: {email}.
- Here is how to get hold of {person}: go to {address}, call {phone}, or mail {email}.
- {person} (formerly in the north, now in {city}) has the mail address {email}.
- Since the move, the desk of {person} at {company} has had its own [number|extension], {phone}.
- From the [website|catalogue|sign] of {company}: contact {person}, {address}, {city}.
- [Good morning|Good evening|Hello there], {person} speaking, from {company}; you can write to me at {email}.
- Looking for {person}? [Try|Go to|Knock at] {address}, or send a few words to {email}.
- We have two entries, but only {phone} is [right|correct] for {person} in {city}.
- {company} told [us|me] to [contact|get in touch with] {person}, who can be called in {city} on {phone}.
- [The reply|Your answer|A copy] should reach {person} at {company}, {address}, [by post|in writing].
- [Once|As soon as] the line is repaired, {person} will be back on {phone}; until then, use {email}.
- [Book|Order|Complain] by phone: {phone}, {company}, {city}, [weekdays only|day and night].
- {address}, {city}, second bell from the top: {person}.
+ [Calls|Phone calls] are answered on {phone}.
+ [For mail|By mail], use {email}.
+ [His|Her|The] [desk|office] is in {city}.
+ The street address: {address}.
+ You may [drop by|come in person] at {address}.
+ E-mail: {email}.
+ Tel. {phone}
+ [He|She] is with {company} now.
+ The [business|firm] is called {company}.
+ The [best number|number to use|number to call] is {phone}.
+ City: {city}.
+ [Letters|Documents] can be posted to {address}.
+ {person.first} [answers|checks] mail at {email} [every day|twice a day].
+ [On the badge|On the card] it says {company}.
+ The [town|city] is {city}.
+ [Write|Send a few words] to {email}.
## event
- {host} [presents|brings you|proudly presents] the {event} in {city}.
- [Tonight's|This year's|The next] {event}: {place}, {time}, {price}.
- For {price} you can [visit|see|attend] the {event} at {place}.
- [What|Wow|Really], only {price} for the {event}? And it's in {city}, [right around the corner|not far]!
- {date}, {time}: {event}, {place}, {city}
- [Mark|Circle|Note] {date} in your calendar, because the {event} [returns to|comes back to] {city}.
- {guests} people [visited|came to|attended] the {event} that {host} organised.
- The gates of {place} open at {time} for the {event}.
- Where is the {event}? At {place} in {city}. When? On {date}.
- There would be no {event} without {host}; the firm [pays for|supports|sponsors] it again on {date}.
- {event.cap} at {place}! [Bring friends|Bring the kids|All welcome]; tickets {price}, start {time}.
- [Guess what|You won't believe it|Surprise], I got us tickets for the {event} on {date}, {price} each.
- The {event}, staged by {host}, [drew|attracted|pulled in] {guests} visitors.
- Because of rain, the {event} [moves|has been moved] indoors, to {place}, and starts at {time}.
- It is [official|certain|decided]: {city} will have a {event} on {date}.
- Until [now|last year|recently] the {event} was free; now {host} asks for {price}.
- [Dear neighbours|Dear members|Dear parents], our {event} will be on {date} from {time} at {place}.
- [Volunteers|Helpers|Musicians] wanted for the {event} in {city} on {date}.
- [Meet me|Let's meet|Be] at {time} outside {place}; the {event} won't wait.
- At {place}, {host} is [planning|preparing|setting up] a {event} for {guests} guests.
- Ticket: {event} / {place} / {date} / {price}
- Not at the usual hall but at {place}: the {event} on {date}.
- You [can still|may still|need to] register for the {event} on {date}; the fee is {price}.
- The [mayor|director|band] will open the {event} at {time} in {place}.
- {place} was [packed|full to the last seat|buzzing] when {guests} fans came to the {event}.
- Our {event} will [take over|fill] {place} on {date}, [thanks to|paid for by] {host}.
- Who's coming to the {event}? {date}, {time}, [I'll drive|I have a car|bus is fine].
- Programme: {time} {event}, {place}; [snacks|coffee|drinks] afterwards.
- If you are in {city} on {date}, [try to catch|go and see|have a look at] the {event}.
- Tickets? {price}. Place? {place}. Event? The {event}, of course.
- Every year {city} [fills up|comes alive] for the {event}, with {guests} visitors.
- {host} wrote that the {event} had to be moved to {date} [because of|after] the storm.
- Students get in free; for [everyone else|all others] the {event} on {date} is {price}.
- The {event} [ends|is over] when the last guest leaves, but it starts sharp at {time} in {place}.
- [Police|The organisers|Reporters] counted {guests} people at the {event} in {city}.
- Don't go to the old address: the {event} is in {place} at {time}.
- I [will be late|may be late] for the {event} on {date}, so meet me inside {place}.
- [Poster|Flyer|Banner]: "{event} in {city}, {date}, all welcome"
- Held at {place} and paid for by {host}, the {event} [was a success|went well|pleased everyone].
- [Booked|Done|Sorted]! One seat for the {event}, {date}, {place}, {price}.
- It was at {time} on {date} that {host} [launched|opened] the {event}.
- [Admission to|Entry to] the {event} at {place} is {price}, and [children|pensioners] pay half.
- Because {place} holds only {guests} guests, the {event} [sold out quickly|is almost full].
- Are there tickets left for the {event} in {city}, and are they [still|really] {price}?
- {city} - {host} has [cancelled|called off|confirmed] the {event} on {date}.
- After the {event} in {city}, which {guests} people attended, the streets were [quiet|empty|a mess].
- My [school|club|church] is holding a {event} on {date}; we start at {time}.
- [Put on|Wear] warm clothes: the {event} at {place} begins at {time} and it's [cold|windy].
- Sponsor: {host}. Event: {event}. Date: {date}.
- We, the people of {host}, [invite|would like to invite] all of {city} to our {event}.
- Anyone [interested|curious] should be at {place} by {time}, when the {event} [opens|gets going].
- With {guests} tickets sold at {price} each, the {event} is [a hit|a record|doing well].
- [Sadly|Unfortunately|To be clear], the {event} in {city} will not be this week but on {date}.
- How much is the {event} at {place}? {price}, [says|writes|announced] {host}.
- The price has [gone up|changed|come down]: it is now {price} for the {event} on {date}.
- A {event}? In {city}? On {date}? [Count me in|I'm there|Lovely]!
- Listen, {host} needs [help|people|a hand] at {place} on {date} for the {event}.
- The bus stops right at {place}, where {host} holds the {event}.
- {guests} guests, one {event}, one night: {date} in {city}.
- Admission {price}; {time} sharp; {event}; {place}.
- On the evening of {date}, people in {city} can [enjoy|take part in] a {event} for {price}.
- [Remember|Don't forget] that the {event} starts at {time}, and that {place} has no parking.
- What {host} [promised|announced|hinted at] in spring is now fixed: the {event} will be in {city} on {date}.
- [She|He|Someone] heard on the radio that the {event} on {date} was moved to {place}.
- [Whether|If] it rains or not, the {event} goes ahead: {place}, {date}, {time}.
- Thank you, {host}, for a [wonderful|great|lovely] {event} with {guests} guests!
+ [Bring|Have ready] {price} [in cash|per ticket].
+ The [fun|programme] begins at {time}.
+ It is [held|happening] in {city}.
+ The day to remember is {date}.
+ Behind it all is {host}.
+ [Last time|In the past], {guests} people [turned up|showed up].
+ Meet us at {place}.
+ There is room for {guests} guests.
+ {host} is [paying for|sponsoring] everything.
+ [A ticket|A seat] is {price}.
+ You should be there by {time}.
+ [Keep|Reserve] {date} free.
+ The exact place is {place}.
+ Tickets sell for {price} [online|in advance].
+ [It all takes place|Everything happens] in {city}.
+ [Price|Admission]: {price}.
## meeting
- {person} [asks|invites|begs] everyone to come to {place} on {date} to discuss the {topic}.
- [Quick|Small] update: the {topic} meeting [starts|begins] at {time}, not in the usual room but in {place}.
- Agenda for {date}: the {topic}, [presented|introduced|explained] by {person}.
- At {time}, {place}: {topic}. [Please be on time|Bring your notes|Coffee provided].
- Does {time} on {date} [work|suit you|fit] for a talk about the {topic}?
- I have [booked|reserved] {place} for {length} so that we can [settle|sort out|finish] the {topic}.
- It will take {length} to [cover|discuss|sort out] the {topic}, [says|thinks|believes] {person}.
- In {place}, at {time}, {person} will [present|explain|show] the {topic}.
- On the table on {date}: the {topic}. Chair: {person}.
- [Sorry|Apologies|Oh no], I can't make the {topic} meeting at {time} on {date}.
- The {topic} needs {length} of our time, so let's [meet|sit down|talk] on {date}.
- [Who|Which of you] will join {person} in {place} on {date}?
- {person} here: the talk about the {topic} [moves|has moved|is shifted] to {date}, {time}.
- Calendar entry: {topic} - {date} - {time} - {length}
- Meeting: {topic}; host: {person}; place: {place}; length: {length}.
- Everyone who [works on|cares about|knows] the {topic} should be in {place} at {time}.
- [Dear colleagues|Dear board|Hi team], on {date} we will spend {length} on the {topic}.
- Led by {person}, the group will [look at|review|discuss] the {topic} on {date}.
- [Can you|Could you|Please] ask {person} to [set aside|keep] {length} on {date} for the {topic}?
- The {date} meeting with {person} about the {topic} is [confirmed|cancelled|still on].
- We shall be in {place} from {time} [on|onwards], and it will take {length}.
- [Nobody|No one] [likes|enjoys] the {topic}, but {person} insists on talking about it on {date}.
- Note to self: {date}, {time}, {person}, {topic}.
- [First|Before lunch|To begin with] we talk over the {topic} for {length}, led by {person}.
- Please [prepare|read|print] the papers on the {topic} before we meet at {time} in {place}.
- What is the meeting of {person} on {date} about? The {topic}, [I hear|I think|as usual].
- {place} is taken at {time}: {person} is [holding|running|giving] a session on the {topic}.
- [Once again|As always|This time] {person} has put the {topic} on the agenda for {date}.
- Let us [talk|speak] for {length} about the {topic} - {date} would [suit me|be fine].
- The {topic} [will be|is going to be] the only subject when {person} opens the meeting at {time}.
- At {time} [sharp|on the dot] we start in {place}; the subject is the {topic}.
- [The video call is off|The line is bad], so we meet in person: {place}, {date}, {time}.
- The board will [vote|decide|speak] on the {topic} on {date} at {time} in {place}.
- {date} is [taken|full], because {person} needs {length} for the {topic}.
- If {person} is [ill|away|late], who will open the {topic} meeting in {place}?
- From {time} we have {place} for {length}[.|, no longer.|, then others need it.]
- You are invited! Topic: {topic}. Host: {person}. Date: {date}.
- [Between you and me|Honestly], the {topic} does not need {length}, but {person} thinks it does.
- The invitation says {date} at {time}, and the subject is [again|now|only] the {topic}.
- {person} wrote: "[See you|Let's meet|Find me] in {place} at {time}."
- Two points on the list, [but only one matters|but one comes first]: the {topic}, on {date} with {person}.
- It was agreed that {person} would [host|lead|open] the {topic} meeting on {date}.
- [Heads-up|FYI|Note]: {place}, {date}, {length}, all about the {topic}.
- The meeting [called|set up] by {person} begins at {time} and lasts {length}.
- I need {length} of your time on {date} - it's about the {topic}.
- We won't discuss holidays; the session on {date} is [only|just] about the {topic}, says {person}.
- Location {place}; time {time}; chair {person}.
- As [agreed|announced|promised], the talk on the {topic} starts in {place} at {time}.
- [hey|hi], are you in for the {topic} thing w/ {person}? {time}, {place}
- [Is|Isn't] the meeting about the {topic} in {place}? And is it on {date}?
- {person} has moved the start of the {topic} meeting [back|forward] to {time}.
- [After|Despite] long delays, we will finally speak about the {topic} at {time} on {date}.
- Bring [a laptop|your figures|ideas] to {place} on {date}; {person} wants to hear about the {topic}.
- The {topic} was [discussed|debated] for {length} in {place} [without result|in a good mood].
- Will {length} be enough for the {topic}, {person}?
- Our next [round|session], hosted by {person}, is [fixed|planned] for {date}, {time}.
- Take the lift to {place}: at {time} {person} [explains|presents|opens] the {topic}.
- Minutes of the {topic} meeting, {date}, {place}; in the chair: {person}.
- [Never mind|Forget] the old date - the {topic} will be discussed on {date} with {person} in the chair.
- When {person} speaks about the {topic}, plan {length}, [not less|bring water|trust me].
- We are to be at {place} on {date}, at {time} and [not|never] later.
- The [one|person|colleague] who called this meeting on the {topic} is {person}; please be in {place}.
- {length.cap} with {person} on {date}: that should [do|suffice] for the {topic}.
- [Ladies and gentlemen|Dear all], {person} opens our session on the {topic} in {place} on {date}.
- [Would|Could] you take notes at {time} in {place}? The subject is the {topic} and {person} leads.
+ [Allow|Set aside|Block] {length}.
+ Start: {time}.
+ The [room|place] is {place}.
+ [Everything|It all] is organised by {person}.
+ On the agenda: the {topic}.
+ [The date|Date]: {date}.
+ It begins at {time} [sharp|on time].
+ {person} [is hosting|sends the invitations].
+ We [are going to|will] talk about the {topic}.
+ We need [about|at least] {length}.
+ [Go|Come] straight to {place}.
+ [Keep|Mark] {date} in your calendar.
+ Whoever has questions may ask {person}, the host.
+ Expect it to run for {length}.
+ The meeting date is {date}.
## appointment
- {doctor} has [time|room|a gap] for {patient} at {time} on {date}.
- [Hello|Good morning], I'm {patient} and I [need|want] an appointment with {doctor} because of {reason}.
- Booked: {patient}, {reason}, {date}, {time}.
- For {reason}, {patient} [went|drove|walked] to the practice at {clinic}.
- {patient} [rang|phoned|called] about {reason} and was given {time} on {date}.
- Where? {clinic}. Who? {patient}. Which doctor? {doctor}.
- On {date}, {doctor} [treated|examined|looked at] {patient}.
- {patient} [can't|cannot] make it [at noon|in the morning], but {doctor} is also free at {time} on {date}.
- [My son|My cousin|My uncle] {patient} has {reason}; can {doctor} see him on {date}?
- Diary, {date}: {time} {patient}, {reason}.
- The [nurse|receptionist|secretary] wrote down {reason} for {patient}, {date}.
- Please be at {clinic} by {time}, {patient}; {doctor} will see you [then|soon after].
- It is {doctor}, not a nurse, who will [treat|see|examine] {patient} on {date}.
- At {clinic}, {doctor} [examined|helped|met] {patient}, who had come about {reason}.
- Could you [move|change] the appointment of {patient} with {doctor} to {time} on {date}?
- {reason.cap}? {doctor} at {clinic} [can help|knows what to do|is the one to see].
- Patient: {patient}. Doctor: {doctor}. Reason: {reason}.
- Next [please|in line], {patient}! {doctor} is [waiting|ready] in {clinic}.
- As it is [only|again] about {reason}, {doctor} will make time for {patient} on {date}.
- We have [put|entered] you down for {time} on {date}, {patient}.
- The insurance [will pay|pays] when {patient} sees {doctor} about {reason}.
- {patient} has [cancelled|confirmed|missed] the {time} appointment with {doctor}.
- [Tomorrow|Soon] it's my turn: {doctor}, {time}, {clinic}, because of {reason}.
- The list of {doctor} for {date}: {patient} at {time}, [then lunch|then nobody else].
- {date}, {clinic}, {time} - [don't|do not] be late, {patient}.
- Is {doctor} in on {date}? {patient} would like to [come in|drop by] about {reason}.
- Thanks for [calling|your letter|waiting], {patient}. {doctor} can see you on {date}.
- [Text|SMS|Reminder] from {clinic}: {doctor}, {date}, {time}.
- [Last time|The first time] {patient} saw {doctor}, it was about {reason}.
- A visit to {doctor} at {clinic} is [planned|set] for {date}, with {patient} as the patient.
- They told {patient} to be there at {time} and to ask for {doctor}.
- [After|Following] a long wait, {patient} will finally see {doctor} at {time}.
- {doctor} [wants|asks|hopes] to see {patient} again on {date}.
- {patient}, new here, no allergies, [visits|sees] {doctor} for {reason}.
- When {patient} arrived at {clinic} at {time}, {doctor} was still [busy|at lunch].
- If {date} does not suit {patient}, {doctor} can [offer|suggest] another day.
- The appointment at {time} is for {patient}, [the one|and it is] about {reason}.
- {reason.cap} - {patient} - {doctor} - {date}
- I'm calling for {patient}: does {doctor} still have [room|time] on {date} at {time}?
- {patient} is not the first patient of the day; that visit to {doctor} is at {time}.
- {doctor} wrote: "I saw {patient} on {date} about {reason}."
- [Waiting room|Room list], {clinic}: {patient}, {time}, {reason}
- Let {patient} know that {doctor} is [ill|on leave] and that {date} is [off|cancelled].
- [Because|As|Since] {doctor} is away, the new date for {patient} is {date}, at {time}.
- Your appointment card: {doctor}, {clinic}, {date}, {time}.
- How about {date}? {doctor} has [a gap|some time] at {time}, {patient}.
- What does {patient} [need from|want from] {doctor}? Help with {reason}.
- Bring your [card|papers] to {clinic} on {date}; {doctor} will start at {time}.
- To be seen by {doctor}, {patient} must [be at|come to|reach] {clinic} by {time}.
- The [nurse|clerk] called {patient} back and [offered|proposed] {date}, {time}.
- On account of {reason}, {patient} asked for {doctor}[.|, not for a nurse.|, and for no one else.]
- {patient} and {doctor} will [meet|talk] at {clinic} on {date}.
- Reason for visit: {reason}; treated by: {doctor}; on: {date}.
- [She|He] is new here, the name is {patient}, and it is about {reason}, on {date}.
- Only {doctor} may treat {patient}, and only at {clinic}.
- We are sorry, {patient}: {doctor} is running late, so please come at {time}.
- From {time} on, {doctor} is at {clinic}, [so|and] {patient} can [come then|be seen].
- [One|Just one] more thing: {patient} is coming in about {reason}, {date}.
- The file of {patient} says {reason}, {clinic}, {date}.
- [hi|hello], its {patient}, can i come {date} around {time}? its about {reason}
- Dear {doctor}, could you [take a look at|see] {patient}? It is about {reason}.
- [Two weeks|A month] after the first visit, on {date}, {patient} returned to {doctor} at {clinic}.
- {date} at {time} is the only time {doctor} [could offer|had left for] {patient}.
- No need to phone, {patient}: {date} at {clinic} is [fixed|confirmed].
- Would {time} be [all right|too early] for you, {patient}? {doctor} starts early on {date}.
- [Mum|Dad|Honey], the surgery rang: it's {doctor} on {date}, not the dentist, for {reason}.
+ [Go|Come] to {clinic}.
+ [The complaint|Reason]: {reason}.
+ [He|She] will be treated by {doctor}.
+ The date of the visit is {date}.
+ Time: {time}.
+ The patient's name is {patient}.
+ [On the form|In the file] it says {reason}.
+ {doctor} will [be there|take care of it].
+ The place to go to is {clinic}.
+ Please come on {date}.
+ It starts at {time}, so [leave early|don't be late].
+ Look for {doctor}[.|, please.]
+ {patient} is the patient.
+ It has to do with {reason}.
+ The [hour|time] is {time}.
## order
- {customer} from {city} [wants|needs|would like] {quantity} of the {item}.
- Order {order} was placed by {customer} and [paid|covered] by {payment}.
- {city} - {customer} - {quantity} x {item} - {price}
- [Ship|Send|Get] the {colour} {item} to {customer} in {city}, [please|quickly].
- [Paid by|Payment by] {payment}: {price} for the {item}[.|, thank you.|, delivered.]
- I ordered the {item} in {colour} on {date}; [where is it?|any news?|is it on its way?] Order {order}.
- Dear {customer}, we have [packed|shipped|found] your {item}, order number {order}.
- {quantity.cap} of the {item} at {price} in total: [that's|this is] the order of {customer}.
- Not the small one but the {colour} {item} was [ordered|chosen|wanted] by {customer}.
- [Placed|Made|Sent in] on {date}, order {order} is to be paid by {payment}.
- How many? {quantity}. Which item? The {item}. For whom? {customer}.
- Could you [change|correct] order {order} to {quantity} pieces and send it to {city}?
- {customer} [chose|picked|preferred] {colour} for the {item} and paid by {payment}.
- On {date} [our shop|the branch|my colleague] sold {quantity} of the {item} to {customer}.
- [Hi|Hello|Hey], {quantity} x {item} in {colour} please, to {city}. Thanks, {customer}
- Order no. {order}, dated {date}: {item}, {colour}, {price}.
- The {item} you [asked for|wanted|picked], {customer}, costs {price} and comes in {colour}.
- {customer} has [cancelled|returned|changed] order {order} of {date}.
- Delivery to {city}: {quantity} pieces, order {order}, [fragile|handle with care].
- Because {customer} paid {price} by {payment}, we can [pack|send] the {item} today.
- We [owe|still owe|must send] {customer} in {city} the {item} from order {order}.
- Item: {item}. Colour: {colour}. Quantity: {quantity}. Buyer: {customer}.
- Has {customer} [paid|transferred|sent] the {price} for the {item} yet?
- A {colour} {item} for {price}? {customer} said yes [at once|right away|without thinking].
- It was {customer} who bought the {item} on {date}, [not|and not] the neighbour.
- Your {quantity} pieces of {item} leave [our store|the warehouse] for {city} [tonight|soon].
- When {customer} [checked out|pressed the button] on {date}, the total was {price}.
- {order}: {customer}, {city}, {payment}, {price}
- To whom did we [sell|give|send] the {colour} {item}? To {customer}, on {date}.
- [Online|By phone|In the shop], {customer} ordered {quantity} of the {item}, to be paid by {payment}.
- You bought the {item} on {date} and paid {price} by {payment}, [correct|right]?
- If order {order} does not [reach|get to] {city} [soon|this week], {customer} will want the money back.
- Our [driver|courier|colleague] is taking {quantity} of the {item} to {customer}, {city}.
- The {price} for order {order} came in by {payment}[.|, at last.|, as agreed.]
- [Great|Super|Thanks]! The {colour} {item}, {price}, for {customer}.
- {customer} in {city} [is waiting|has waited long|keeps asking] for order {order}.
- What {customer} [ordered|bought|asked for] on {date} was {quantity} of the {item}.
- The {item} isn't [sold out|gone]: {quantity} go to {customer} today for {price}.
- [Packing list|Delivery note|For the van]: {quantity} x {item} ({colour}), ship to {city}.
- [Notes|From my notes]: {date}, {customer}, {item}, {quantity} pieces.
- {customer} would [rather have|like to have|prefer] the {item} in {colour}, order {order}.
- With {payment} as payment, {customer} [ordered|bought|took] the {item} for {price}.
- [On its way|Off|Sent] to {city}: order {order}, {quantity} pieces of {item}.
- This is {customer}; I [never got|am still waiting for] the {item} from order {order}.
- {item.cap}, {quantity} pieces, {colour}, for {customer}, [no hurry|asap].
- [Last week|Yesterday] we wrote to {customer} about the {price} for {quantity} of the {item}.
- People in {city} [love it|want it|buy a lot]: {customer} alone ordered {quantity} of the {item}.
- {price} was the price, {payment} the way to pay, and {customer} the buyer of the {item}.
- On {date}, {quantity} of the {item} were [ordered|bought|reserved] by a customer in {city}.
- [May|Can] I pay for the {colour} {item} by {payment}? It's order {order}.
- [Please confirm|Is this right|To sum up], {customer}: {quantity} pieces, {colour}, {price}, order {order}.
- The buyer is {customer}, the town is {city}, the item is the {item}.
- Though {customer} ordered the {item} in {colour}, [we sent the wrong one|the wrong box came]; order {order}.
- Order {order} is {price} for {quantity} pieces, [plus|including|without] postage.
- [Bought|Ordered] on {date}, paid by {payment}: the {item} of {customer}.
- [Somebody|A regular] called {customer} has just bought the {item}, {quantity} pieces, by {payment}.
- [No one|Nobody|Hardly anyone] in {city} has bought more than {customer}: {quantity} times the {item}.
- {colour.cap} is the colour in which {customer} wants the {item} from order {order}.
- [Write|Print] this on the box: {customer}, {city}, {order}.
- They charged {customer} {price} by {payment} [twice|by mistake] for the {item}.
- We thank {customer} for buying the {item} on {date} [at our shop|from us].
- The order of {date} - {quantity} x {item} - is [on its way|ready|packed] for {customer}.
- [Tell|Inform|Let's tell] {customer} that the {item} in {colour} will be {price}.
- {customer}, {city}, wants to pay {price} by {payment} [on delivery|in advance].
- [As soon as|Once] the money is here, {quantity} of the {colour} {item} [go|travel] to {city}.
+ Ship it to {city}.
+ Payment [is|will be] by {payment}.
+ Order number: {order}.
+ [The buyer|The client] is {customer}.
+ [They|We] agreed on {price}.
+ The order dates from {date}.
+ The chosen colour is {colour}.
+ Quantity: {quantity}.
+ [Altogether|In total] it costs {price}.
+ The box is meant for {city}.
+ [It was|It has been] bought by {customer}.
+ The number of pieces is {quantity}.
+ In our files it is order {order}.
+ It was [ordered|bought] on {date}.
+ [How it was paid|Way of paying]: {payment}.
## review
- {person} [rates|rated|has rated] the {product} {rating} on {date}.
- {rating.cap} from {person}: the {product} is {pro}.
- The {product} is {con}, [complains|writes|says] {person}, who paid {price}.
- [It may be|It is|Yes, it's] {con}, but the {product} is also {pro}.
- [Result|Test result|In short]: {product}, {rating}.
- [Would I buy|Should you buy] the {product} again? It is {pro}, so yes: {rating}.
- Paid {price} for the {product}. It's {con}; {rating}, [no more|that's it].
- "The {product} is {con}!" [wrote|complained|posted] {person} on {date}.
- {person}, {date}: {product}, {rating}
- Pros: {pro}. Cons: {con}. Rating: {rating}. Product: {product}.
- For {price} you get a {product} that is {pro}, [even if|although] it is {con}.
- [Because|Since|As] the {product} is {con}, {person} gave it only {rating}.
- Bought by {person} for {price}, the {product} [turned out to be|is|proved to be] {pro}.
- If it weren't {con}, the {product} would be [perfect|my favourite]; {person} gives {rating}.
- I'm {person} and I [give|gave] this {product} {rating}.
- What [do I like|is good] about the {product}? It's {pro}. What [don't I like|is bad]? It's {con}.
- {price} [for nothing|down the drain|thrown away]: [my|this] {product} is {con}.
- On {date} a customer called {person} wrote that the {product} is {con}.
- {person} [likes|loves] that the {product} is {pro} and [hates|dislikes] that it is {con}.
- [Our rating|My rating|The score] for the {product}: {rating}. Price: {price}.
- The {product}, {price}, [got|received|won] {rating} from a buyer named {person}.
- Read what {person} posted on {date}: "The {product} is {pro}."
- Is the {product} {pro}? Yes, says {person}. Is it {con}? [Also yes|Sadly yes|A bit].
- [Hmm|Well|OK], the {product} is {pro} I guess, but {price} is [steep|too much] and it's {con}.
- [lol|omg|wow], the {product} is {con}, {rating} from me
- Dear shop, the {product} I bought for {price} is {con}. [Yours|Regards|Goodbye], {person}
- {person} paid {price} for this {product} and [regrets|doesn't regret] it: {rating}.
- After [a week|a month|a year] of use: {product} [still|really] {pro}, rating {rating}.
- Review of {date}: {product}, {pro} but {con}, {rating}.
- The reviewer ({person}) [found|considers|declared] the {product} to be {pro}.
- [My kids|My parents|My friends] think the {product} is {pro}; I find it {con}.
- Is {rating} [fair|enough|too much] for a {product} that costs {price}?
- Score {rating}; reviewer {person}; product {product}; plus point: {pro}.
- Though {person} finds the {product} to be {con}, the score is {rating}.
- There are [many|two] reviews of the {product}, but the one by {person} gives {rating}.
- You want a {product} that is {pro}? Then [read|see|trust] the review by {person}.
- At {price}, the {product} is a [bargain|steal|good deal], [says|believes] {person}.
- [Nobody|No one] told me the {product} was {con} before I paid {price}.
- {person} [changed|corrected|raised] the rating of the {product} to {rating} on {date}.
- Minus: {con}. Plus: {pro}. Price: {price}. That's the {product}.
- [Thumbs up|Three cheers|Applause] for the {product}! {person} calls it {pro}.
- The date is {date}, the reviewer is {person}, the product is a {product}, the score is {rating}.
- It costs {price}, it is {pro}, it is {con}: the {product} in [short|three lines].
- A gift from [my aunt|my boss|the team], this {product} is {pro}; {rating}.
- We [tested|tried|used] the {product} and found that it is {pro} but also {con}.
- How come {person} gives the {product} {rating} if it is {con}?
- Don't [trust|believe] the ad: the {product} is {con}, and {person} says so too.
- {person} would [buy|choose|order] the {product} again, since it is {pro}.
- "{rating.cap}" is all that {person} wrote about the {product} on {date}.
- For anyone who [needs|wants] something {pro}, {person} recommends the {product} at {price}.
- [Thank you|Thanks] for your review of {date}, {person}! We are sorry that the {product} is {con}.
- Compared with [the old one|others|the rest], the {product} ({price}) is {pro}.
- {person} / {product} / paid {price} / {rating} / "{pro}"
- I gave {rating} because the {product} is {pro}, [and I mean it|not because it was a gift].
- In the opinion of {person}, {price} is [too much|fair|nothing] for a {product}.
- [Whoever|The person who] rated the {product} {rating} on {date} must have [loved|hated] it.
- Bought, used, [returned|kept|given away]: one {product}, {price}, {con}.
- The [magazine|test lab|jury] gave the {product} {rating} and called it {pro}, [no less|of all things].
- [On our page|In the forum] there is a review by {person} from {date}: {rating}.
- The worst thing? The {product} is {con}. The best? It's {pro}, and only {price}.
- {person} was [warned|told] that the {product} is {con} but bought it for {price} [anyway|all the same].
- Buyers say the {product} is {pro}; {rating} [on average|overall].
- [If you ask|Ask] {person}, the {product} is worth {price}, because it is {pro}.
- [Too bad|What a shame], {con} again! {person} reviewed the {product} once more on {date}.
- [She|He|My friend] wanted a {product} for {price} and got one that is {con}; {rating}.
+ On the plus side, it is {pro}.
+ [A pity|Too bad] that it is {con}.
+ The shop asked {price} for it.
+ Date of the review: {date}.
+ Overall: {rating}.
+ [He|She|The reviewer] paid {price}.
+ The reviewer is {person}.
+ My [score|rating]: {rating}.
+ [What annoys people|What is bad] is that it is {con}.
+ [Everybody|Everyone] agrees that it is {pro}.
+ This was written on {date}.
+ {person} wrote this.
+ Bought for {price}, [used daily|never used].
+ [One minus|Bad point]: {con}.
+ [Good point|Plus]: {pro}.
## invoice
- {customer} owes {company} {amount}, [see invoice|invoice|invoice no.] {number}.
- Invoice {number} [went out|was sent|was mailed] to {customer} on {issued}.
- [Kindly|Please|You must] transfer {amount} to {company} by {due}.
- On {issued}, {company} [billed|charged|invoiced] {customer} {amount}.
- {company} [reminds|writes to] {customer} that {amount} [is|will be] due on {due}.
- INVOICE {number} / {company} / {customer} / {amount}
- The total of invoice {number}, with {tax} tax, is {amount}.
- Dear {customer}, thank you for [your trust|choosing us]; {amount} is payable by {due}.
- Did you [get|see|pay] the invoice {number} from {company}?
- Until {due} you can pay {amount} to {company} [without a fee|online|in cash].
- Overdue! Invoice {number} ({amount}) should have been paid by {due}.
- Has {customer} [paid|received|seen] invoice {number} of {issued}?
- [Bookkeeping|Accounts|To the office]: please pay {company} {amount}; VAT {tax}.
- If {amount} does not arrive by {due}, {company} will [charge|add|ask] a fee.
- The [bill|last bill|only bill] from {company} is dated {issued} and payable by {due}.
- I am {customer}, and I [have a question|am puzzled] about invoice {number}: why {amount}?
- {amount}, that's what {company} [wants|is asking] from {customer} on invoice {number}.
- Issued: {issued}. Due: {due}. Total: {amount}. Tax: {tax}.
- No tax? [Wrong|Not true|Of course there is]: {company} added {tax} to invoice {number}.
- {customer} [received|opened|found] a letter from {company}: {amount}, to be paid by {due}.
- Attached is our invoice {number} of {issued}; [please note|note|mind] the due date, {due}.
- Our [client|customer] {customer} has [cleared|paid] invoice {number}, {amount}.
- For [repairs|cleaning|printing], {company} charges {amount} including {tax} VAT.
- We [sent|mailed|gave] invoice {number} to {customer} on {issued}, but no money came.
- {due} is the [last date|deadline] for [paying|payment of] invoice {number}.
- Between {issued}, the invoice date, and {due}, the due date, {customer} must find {amount}.
- [hi|hello|hey], can u pay the {company} bill? {amount}, due {due}
- Bill to: {customer}. Bill from: {company}. [Amount|Total]: {amount}.
- Invoice date {issued}, tax rate {tax}, customer {customer}.
- It was not {customer} who [made|wrote] invoice {number}, but {company}.
- After the [job|work|repair], {company} wrote an invoice of {amount} to {customer}, dated {issued}.
- When is invoice {number} due? On {due}, [says|writes|answers] {company}.
- {company} [corrected|changed|checked] invoice {number}: the total is {amount}.
- Your [payment|transfer] of {amount} for invoice {number} has [arrived|come in], {customer}.
- We [charge|add|have to add] {tax} tax, so {customer} pays {amount}.
- Number {number}, {company}, {amount}, due {due} - [paid|open|checked].
- [Mum|Dad|Darling], {company} sent us a bill of {amount} again, payable by {due}!
- Please [check|correct|explain] the tax on invoice {number}; it says {tax}.
- The new bill of {company} contains {tax} VAT and [totals|runs to] {amount}.
- To {customer}: [last|second|friendly] reminder for invoice {number}, {amount}.
- {customer} asked {company} for more time, since {due} is [too soon|near].
- Invoice {number} covers [two months|the whole job] and {customer} has until {due}.
- Who will pay the {amount} that {company} [wants|demands|asks for]? {customer}, by {due}.
- Though issued on {issued}, invoice {number} [only arrived now|came late|got lost].
- {company} [has written off|is still waiting for|never got] the {amount} on invoice {number}.
- {amount} by {due}, please. [Yours|Regards|Thanks], {company}
- The invoice to {customer} - number {number}, tax {tax} - is [in the post|on your desk].
- We [hereby|now|must] invoice {customer} for {amount}, including {tax} VAT.
- [Reminder|Payment due|Open bill]: {company}, invoice {number}, due {due}.
- [A clerk|Someone] at {company} entered {amount} on invoice {number}.
- Dated {issued}, the bill from {company} [lies|is] unpaid on the desk of {customer}.
- You have to pay by {due}, {customer}, or {company} will [call|write] again.
- Tax of {tax} is part of the {amount} on invoice {number}.
- On the invoice from {company} I see {issued} as the date and {due} as the deadline.
- Can {company} send invoice {number} again, [addressed|made out] to {customer}?
- Ref. invoice {number}: {customer} [agreed|promised] to pay {amount} by {due}.
- File under "open": {company}, {amount}, dated {issued}.
- What {company} did for {customer} [last month|this spring|in the garden] costs {amount}.
- {issued}: invoice {number} to {customer}, {amount}. {due}: payment [expected|due].
- The {amount} for {company} must [be sent|arrive|be there] by {due}.
- Both the number, {number}, and the tax, {tax}, are on [page one|top] of the invoice.
- It is {company} that bills us, {amount} is the total, and {number} is the invoice number.
- [Good news|Relax|No hurry], {customer}: invoice {number} is not due until {due}.
- From {company}, dated {issued}: a bill for {customer} over {amount}.
- Let {customer} know that invoice {number} was [issued|written] on {issued}.
- [Whatever|No matter what] {customer} says, the {amount} on invoice {number} [is|was] due on {due}.
+ [The last date to pay is|You can pay until] {due}.
+ VAT: {tax}.
+ [A tax of|Tax of] {tax} [is included|was added].
+ Date of invoice: {issued}.
+ The [number of the invoice|invoice number] is {number}.
+ It [is|was] made out to {customer}.
+ It was sent by {company}.
+ In total, {amount} is owed.
+ [It should be|It must be] paid by {due}.
+ The customer on the invoice is {customer}.
+ The bill was written on {issued}.
+ Amount due: {amount}.
+ {company} [expects|wants] the money.
+ Due date: {due}.
+ [Please name|Please give] the invoice number, {number}.
## hotel
- {guest} [arrives|checks in] on {arrival} and [leaves|checks out] on {departure}.
- [Hello|Good evening], I booked a room at the {hotel} for {nights} nights; my name is {guest}.
- Room {room} at the {hotel} is [ready|reserved|free now] for {guest}.
- The {hotel} in {city} [charges|asks|wants] {price} for {nights} nights.
- Confirmation {reference}: {hotel}, check-in {arrival}, check-out {departure}, {price}.
- From {arrival} to {departure}, {guest} will be [staying|living|sleeping] at the {hotel}.
- Is room {room} still free on {arrival}? {guest} [wants|would like] it again.
- {nights.cap} nights in {city} at {price}, [breakfast|parking|towels] included, at the {hotel}.
- {guest} paid {price} for [a room|a double room|a single room] in {city}.
- Please [cancel|change|confirm] booking {reference} for {guest}.
- We [need|want] a room in {city} from {arrival} to {departure}, [near the station|with a view].
- Thank you, {guest}: your key opens room {room} from {arrival} on.
- On {departure}, {guest} [gave back|returned|lost] the key to room {room}[.| and left.]
- Guest: {guest}; room: {room}; nights: {nights}; total: {price}.
- [Because of|After|Despite] the storm, {guest} stayed in {city} until {departure}.
- The reservation {reference} is for {nights} nights from {arrival}.
- How much is it from {arrival} to {departure}? {price}, [says|writes] the {hotel}.
- {hotel}, {city}. Arrival {arrival}. Departure {departure}. Guest {guest}.
- Not the [hostel|tent] but the {hotel} is where {guest} will sleep in {city}.
- With booking number {reference}, {guest} can [check in|arrive] on {arrival}.
- {guest} [complained|wrote|said] that room {room} at the {hotel} was [cold|noisy|dusty].
- When you come to {city} on {arrival}, [go straight|take a taxi] to the {hotel}.
- The {hotel} [gave|offered|promised] {guest} room {room} for {price}.
- My [wife|husband|sister] and I will be in {city} for {nights} nights, from {arrival}.
- A [late|quick|new] check-in: {guest} comes on {arrival} and gets room {room}.
- Booked by {guest}: {nights} nights in {city}, [bed and breakfast|half board], {price}.
- {price} for room {room}? That is [a lot|cheap] for {city}.
- [Check|Look up] {reference}: {guest} should be in room {room}.
- [He|She] leaves the {hotel} on {departure} after {nights} nights.
- For {nights} nights at the {hotel}, {guest} [was charged|paid|owes] {price}.
- [If|Even if|In case] {guest} stays until {departure}, the price is {price}.
- [Trip to|Journey to|Holiday in] {city}: hotel {hotel}, check-in {arrival}, booking code {reference}.
- The [maid|porter|manager] says that {guest} leaves room {room} on {departure}.
- Which hotel is {guest} in? The {hotel}, room {room}.
- I'd like to [extend|change] my booking {reference}: departure on {departure}, please.
- {city} for {nights} nights: {guest} has [found|booked|picked] the {hotel}.
- [Block|Clean|Prepare] room {room}; the guest comes on {arrival} and goes on {departure}.
- [Note|Memo] for the night porter: {guest}, room {room}, leaves on {departure}.
- Dear {hotel}, I will arrive on {arrival}, not the day before. [Regards|Yours], {guest}
- The voucher {reference} [covers|is good for|pays for] {nights} nights at the {hotel}.
- We have [received|got] your {price}, {guest}, and [expect|await] you at the {hotel}.
- At the {hotel}, {guest} asked for [a quiet place|a bigger bed|a bath] and got room {room}.
- Arriving: {guest}, {arrival}, {nights} nights. Leaving: {departure}.
- [hey|hi|guess what], im at the {hotel} in {city}, room {room}, [come over|call me]
- [Can|Could|May] {guest} pay the {price} on {departure}?
- Someone named {guest} has taken room {room} from {arrival} [on|onwards].
- As [agreed|discussed], the {hotel} will hold your room until {departure} for {price}.
- The booking was made by {guest}, has the number {reference}, and ends on {departure}.
- {guest} loved {city} and stayed {nights} nights, [longer than planned|alone|with friends].
- [Invoice|Receipt]: {hotel}, {guest}, room {room}, {nights} nights, {price}
- It is {arrival}, and {guest} has just checked in at the {hotel}.
- You may [use|keep] room {room} until {departure}, {guest}.
- Check-in {arrival}, check-out {departure}, {city}, {price} - [good deal|too much|shall we]?
- To change reservation {reference}, {guest} must [phone|write to] the {hotel}.
- The [room|double room|suite] costs {price}, its number is {room}, and {guest} has the key.
- [Did|Will] {guest} really stay {nights} nights at the {hotel}?
- Our records at the {hotel} show [a stay|a booking] by {guest}: in on {arrival}, out on {departure}.
- After checking out on {departure}, {guest} left {city} [by train|at once|in the rain].
- Reserve {nights} nights in {city} under the name {guest}, [arriving|coming] on {arrival}.
- Having arrived on {arrival}, {guest} [slept badly|slept well] in room {room}.
- [The offer|Our offer|Best price]: {city}, {hotel}, {nights} nights, {price}.
- {guest} only came to {city} for {nights} nights, [on business|for a wedding|to see friends].
- Please write {reference} on the form, {guest}, and leave the key of room {room} at the desk.
- The {hotel} has [moved|sent|shifted] {guest} from the ground floor to room {room}.
- We are leaving the {hotel} on {departure}, so [please send|kindly send|pass] the bill for {price} to {guest}.
- [Whoever|The person who] booked room {room} signed as {guest} and paid {price}.
+ The guest leaves on {departure}.
+ Arrival: {arrival}.
+ [Breakfast|Parking] is included in the {price}.
+ The stay [is|lasts] {nights} nights.
+ The key is for room {room}.
+ Booking number: {reference}.
+ The hotel is called {hotel}.
+ The hotel [stands|is] in {city}.
+ [Altogether|In total], {price} has to be paid.
+ Please [keep|note] the booking code {reference}.
+ The guest sleeps in room {room}.
+ The room must be empty by {departure}.
+ There are {nights} nights to pay for.
+ The [key|room] can be had from {arrival}.
+ {guest} made the booking.
## support
- {customer} [called|phoned|rang us] on {date}: the {product} {problem}.
- New ticket {ticket}, {priority} priority: the {product} {problem}.
- {agent} [took|picked up|got] ticket {ticket}, opened on {date}; status {status}.
- My {product} {problem}! Please [help|hurry|do something]. {customer}, ticket {ticket}
- What's the [news|latest] on {ticket}? {customer} wants to hear from {agent}.
- {priority.cap} priority: ticket {ticket}, customer {customer}, product {product}.
- Dear {customer}, your ticket {ticket} about the {product} is now {status}.
- {customer} says the {product} {problem} and [first told us|wrote to us] on {date}.
- We have [set|changed] ticket {ticket} to {status}, because {agent} [found the fault|called the customer].
- Assign {ticket} to {agent}, [please|now|today]; the {product} {problem}.
- {agent} [wrote to|told|assured] {customer} that ticket {ticket} is {status}.
- Ticket: {ticket} | Product: {product} | Status: {status} | Priority: {priority}
- I'm {customer}, it's about ticket {ticket}, and my {product} {problem}.
- The [complaint|trouble|short version]: it {problem}. The product: {product}. The customer: {customer}.
- On {date} we [received|got|registered] a complaint from {customer} about a {product}.
- Why does it say {status} on ticket {ticket}, {agent}?
- {customer} [complained|wrote a mail|phoned us] on {date} about a {product}, since it {problem}.
- "It {problem}," [wrote|said|complained] {customer} about the {product}.
- {agent} is [looking after|helping|serving] {customer}, whose {product} {problem}.
- [Shift note|Note|Memo]: {ticket} is {status}, {agent} knows more.
- The priority of ticket {ticket} is {priority}, [said|decided|wrote] {agent}.
- [Support log|Help desk|Call list], {date}: {customer} / {product} / {status}
- [Hi|Hello|Hey] {agent}, can you look at {ticket}? The {product} {problem}.
- Although the {product} is new, it {problem}, [says|writes|claims] {customer}.
- Case {ticket}, opened on {date}, handled by {agent}, is {status}.
- {customer} [wants|would like|demands] a refund for the {product}, because it {problem}.
- No, ticket {ticket} [isn't|is not] about [the bill|a refund] but about a {product}, and it is {status}.
- Which product? A {product}. Which customer? {customer}. Which ticket? {ticket}.
- After [two calls|a long talk], {customer} was told that {agent} has the ticket {ticket}.
- The {product} {problem}, so {customer} [filed|raised|wrote] a ticket with {priority} priority.
- [Good news|Update], {customer}: {agent} has set your ticket to {status}.
- Ticket {ticket} was [raised|created] on {date} and has {priority} priority.
- Our [system|list|screen] shows {ticket} as {status}; the customer is {customer}.
- {date} - {customer} - {product} - {problem}
- Please [treat|handle] the {product} of {customer} with {priority} priority.
- They say the {product} {problem}. Ticket {ticket}, [now|currently] {status}.
- Who has ticket {ticket}? {agent}, [I think|since lunch|as far as I know], and it is {status}.
- I bought a {product} from you and it {problem}; [my ticket|the ticket number|the number you gave me] is {ticket}.
- When {customer} [unpacked|tried|tested] the {product}, it was clear that it {problem}.
- From the [hotline|call centre|front desk]: {customer}, ticket {ticket}, priority {priority}, status {status}.
- {agent} spent the [morning|day|week] on {ticket}, the {product} of {customer}.
- Reported on {date}: {product} {problem}; [assigned to|given to|passed to] {agent}.
- The {product} belongs to {customer}, the ticket is {ticket}, and the agent is {agent}.
- Thank you, {customer}, for [telling us|writing] on {date} that the {product} {problem}.
- Your request {ticket} of {date} is {status}[.|, as you can see.|, we are glad to say.]
- [hey|hi] {agent}, {customer} again, the {product} {problem}, can u call?
- It is {agent}, not the shop, who [helps|serves|calls] {customer} with the {product}.
- Because the {product} {problem}, {agent} gave ticket {ticket} {priority} priority.
- On {date} came a [mail|letter|message] from {customer}: ticket {ticket}, {product}.
- To {agent}: {ticket} is [yours|for you], priority {priority}, customer {customer}.
- {customer} asks for news: ticket {ticket}, opened on {date}, {status} [so far|at the moment].
- {status.cap}: ticket {ticket} of {customer}, [taken by|with] {agent}.
- The {product} that {customer} returned {problem}, [noted|found|wrote] {agent}.
- If the {product} {problem}, [give|name|use] the number {ticket} when you call.
- [Could|Would|Can] {agent} call {customer} back about the {product}? The priority is {priority}.
- Complaint no. {ticket}: "My {product} {problem}." {customer}, {date}
- It took [days|a week|some time], but ticket {ticket} of {date} is {status} [now|at last].
- We are sorry that your {product} {problem}, {customer}; {agent} will [write|call] soon.
- One {product}, one problem: it {problem}. {customer} is [angry|not amused|calm].
- {agent} [has|took|got] the case reported on {date}; the customer is {customer}, the product a {product}.
- Ticket {ticket} is not about [money|delivery]: the {product} {problem}.
- [All I know is|What we know is|They tell me] that {customer} has a {product}, that it {problem}, and that it's \
{priority} priority.
- [Handle with care|Look at this|Short version]: ticket {ticket}, {customer}, {status}, agent {agent}.
- Our agent {agent} [will fix|is fixing|repaired] the {product} of {customer} under the number {ticket}.
- [As long as|While] the status is {status}, only {agent} may [touch|change|edit] ticket {ticket}.
+ Current status: {status}.
+ Priority: {priority}.
+ [The agent|Our colleague] in charge is {agent}.
+ Ask {agent} for [news|details].
+ [We opened|The system opened] the ticket on {date}.
+ Please keep the number {ticket}.
+ The ticket number to [give|use] is {ticket}.
+ [It|The case] now counts as {status}.
+ [We treat|The team treats] it with {priority} priority.
+ {agent} will [reply|call back] soon.
+ The first message came on {date}.
+ The product [in question|concerned] is a {product}.
+ The customer is called {customer}.
+ [What happens|The fault] is this: it {problem}.
+ At the moment the case is {status}.
## job_ad
- [Come and|Why not|Yes, you can] work for {company} in {city}: we need a {position}!
- {position.cap} wanted, {city}, {salary} a year, [apply now|start soon].
- For our [branch|shop|lab] in {city} we are looking for a {position} who can start on {start}.
- {company} [will pay|can pay|promises] {salary} a year to the right {position}.
- [CVs|Applications|Letters] for the {position} job must be sent to {email} by {deadline}.
- Are you a {position} with {experience} years of experience? [Then write to|Write to|Try] {email}.
- {hours.cap} hours a week, {salary} a year: {company} hires a {position}.
- From {start}, {company} [needs|wants|will employ] a {position} for {hours} hours a week.
- I [saw|read|heard] that {company} [wants|needs] a {position}; is the job in {city}?
- Position: {position}. Employer: {company}. Place: {city}. Pay: {salary}.
- Whoever wants to be our {position} should [mail|contact|send a CV to] {email} by {deadline}.
- Because our {position} is [retiring|leaving], {company} is [hiring|recruiting] from {start}.
- The job starts on {start}, but [you have to|please|everyone must] apply by {deadline}; contact {email}.
- Without {experience} years of experience, {company} [will not take you|turns people away] as a {position}.
- {city}: {company} [opens|has opened|plans] a new office and hires a {position}.
- {email} is the address if you want to work as a {position} in {city}.
- [Part-time|Weekend|Night] {position}, {hours} hours a week, {city}, {salary}.
- My company, {company}, is searching for a {position} with at least {experience} years [of practice|in the job].
- Until {deadline}, {company} [accepts|takes|reads] applications for a job as {position}.
- Would you [move|like to move] to {city}? As a {position} at {company} you'd get {salary}.
- On {start} the new {position} [begins|starts] at {company}; the [desk|office] is in {city}.
- Salary {salary}; hours {hours} a week; job {position}.
- [Friends|Folks|Hey], {company} is hiring again: {position}, {city}, deadline {deadline}.
- We [offer|pay] {salary} and ask for {experience} years of experience as a {position}.
- Not a manager but a {position} is what {company} [needs|wants|lacks] in {city}.
- If you apply before {deadline}, you could be the [new|next] {position} of {company} in {city}.
- [Dream job|Great job|Rare chance]? {company} wants a {position} from {start}, pay {salary}.
- [Vacancy|Job|New job] at {company}: {position}, {hours} hours weekly, from {start}.
- Send [your CV|a short letter|a few words] to {email} if you want to work for {company} as a {position}.
- In its {city} branch, {company} pays [a|every] {position} {salary} a year.
- Do {hours} hours a week as a {position} [sound good|suit you]? Apply by {deadline}.
- With {experience} years of practice, you may [join|start at] {company} as a {position}.
- {company} [told the paper|says|has announced] that a {position} will be hired in {city} [this year|soon].
- [Hi all|Dear readers|Colleagues], we need a {position} by {start}. Ideas to {email}, please.
- Required: {experience} years of experience. Offered: {salary}. Job: {position}.
- [Last call|Hurry|Reminder]: applications as {position} at {company} close on {deadline}.
- The [work|job|shop] is in {city}, it is {hours} hours a week, and it needs a [good|patient|strong] {position}.
- [Tired|Sick] of your boss? {company} in {city} pays {salary} for a {position}.
- A salary of {salary} [awaits|is waiting for] the next {position} of {company}.
- [She|He|My son] applied to {company} as a {position}, since the pay is {salary}.
- You bring {experience} years as a {position}; we bring {salary} and [free coffee|a nice office] in {city}.
- The address for applications is {email}; the closing date is {deadline}; the job is {position}.
- {company} [needs|wants|prefers] someone who has been a {position} for {experience} years.
- When does the job start? On {start}. Who hires? {company}, {city}.
- It's only {hours} hours a week, yet {company} [pays|offers] its {position} {salary}.
- Any {position} in {city} [reading this|out there]? {email} - [write|drop us a note]!
- Start: {start}. Deadline: {deadline}. Role: {position}. Place: {city}.
- From the [website|notice board] of {company}: {position}, {experience} years of experience, write to {email}.
- [Thanks to|After] a big order, {company} will [hire|take on] a {position} on {start}.
- People with {experience} years of experience as a {position} can [apply|write|send letters] to {email} until \
{deadline}.
- The [mayor|paper|radio] says {company} is bringing jobs to {city}, starting with a {position}.
- For {hours} hours a week at {salary} a year, would you [do it|move] as a {position}?
- Please pass this on: {company}, {city}, is short of a {position}, [apply|write] to {email}.
- [Missed it|Too late]! The deadline for the {position} job in {city} was {deadline}.
- [Mum|Dad|Darling], {company} wants me as a {position} from {start}, for {salary} a year!
- Our client, {company}, [wants|has asked us for] a {position}; hours: {hours} per week; start: {start}.
- {company} is growing, and so from {start} on there will be a job for a {position} in {city}.
- A {position} is [missing|urgently needed] at {company}, [preferably|ideally] with {experience} years of experience.
- Job gone? [Not yet|Not at all]: {company} takes letters for the {position} job until {deadline}.
- For {salary} you would work {hours} hours a week in {city}.
- Apply to {email} [now|today], as {company} [closes|ends] the search for a {position} on {deadline}.
- [Big|Small] firm, [big|small] city, good pay: {company}, {city}, {salary}.
- Do not phone {company}; write to {email} if the {position} job [interests you|sounds right].
- [Hiring|Help wanted]: {position} ({experience} years of experience), {company}, {salary}, {city}
- [Should|If] you know a {position}, tell [them|him|her] about {company}: {salary}, {hours} hours a week.
- {deadline} is the closing date, {start} the starting date, and {position} the job.
+ [Offers|Letters|CVs] can be mailed to {email}.
+ Work begins on {start}.
+ [We expect|What we ask for is] {experience} years of experience.
+ The pay is {salary} [a year|per year].
+ [A normal week|A week] has {hours} hours [of work|with us].
+ You have until {deadline} to apply.
+ Our office is in {city}.
+ The employer is {company}.
+ [Annual salary|Pay per year]: {salary}.
+ Contact: {email}.
+ After {deadline} no application will be read.
+ Starting date: {start}.
+ Only people with {experience} years [on the job|of experience] should apply.
+ The week is {hours} hours long.
"""
