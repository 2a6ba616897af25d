"""More sentence templates for the special domains of the extraction task: trade, nature, sport, science, pairs.

Promises text in the notation that `extract_domain` parses and explains, in blocks without fields that only add
sentences to the domain of the same name. Knows nothing of draws, splits or requests.
"""

SPECIAL_LEADS = """
## bank
- On {date} [a standing order|a payment|a credit] of {amount} [was booked|was carried out|was released] for \
{receiver}; the payer is {sender}.
- Did {sender} [already|really|ever] [pay|refund|repay] the {amount} to {receiver}? It [was meant|was needed|had been \
set aside] for {purpose}.
- Dear {receiver}, [a sum of|the amount of] {amount} [has been sent to you|is on its way to you], sent by {sender} \
through {bank}.
- {bank} [statement|notice|alert]: {amount} [debited from|taken from|charged to] account {account}, reference \
{reference}.
- [Note|Statement line|Entry]: {date} - paid to {receiver} - {purpose} - {amount}
- [Please|Kindly|Could you] [move|send|pay] {amount} from account {account} to {receiver} on {date}.
- hey {receiver}, it's {sender}, I've [just|finally] [sent|paid|transferred] you the {amount} for {purpose}
- [For|To cover] {purpose}, {receiver} [charged|billed] {sender} [exactly|a total of|only] {amount}.
- The {amount} did not come from the [insurance|tax office] but from {sender}; {receiver} [had|saw|found] it on {date}.
- Account {account} at {bank} [was credited with|took in|gained] {amount} on {date}[.|, says the app.|, as agreed.]
- [Refund|Payment|Instalment] {reference}: {sender} [pays|is paying] {receiver} [the sum of|a total of] {amount}.
- [We confirm|This is to confirm] that {receiver} was paid {amount} on {date}; [reference|transaction] {reference}, \
[bank|institution] {bank}.
- Who paid {receiver} [the|those] {amount}? [It was|That was|The list says it was] {sender}, on {date}.
- [My|Our] [landlord|neighbour|music teacher] {receiver} [has received|has got] {amount} from me, {sender}, for \
{purpose}.
- To: {receiver}. From: {sender}. [Amount|Sum]: {amount}. [Subject|Reason]: {purpose}.
- [After|Following] two reminders, {sender} [settled up|paid up] on {date}, and {receiver} [finally had|at last saw] \
the {amount}.
- With reference {reference}, {bank} [forwarded|passed on|credited] {amount} to {receiver}.
- [Rejected|Pending|Approved]: {sender} to {receiver}, {amount}, planned for {date}.
- Money in: {amount}; [sent by|payer] {sender}; [for|purpose] {purpose}; account {account}
+ The [booking|transaction|payment] reference [is|reads] {reference}.
+ The money was [meant|intended] for {purpose}.
+ The account [used|in question|concerned] [is|was] {account}.
+ [The transfer|The payment] was [processed|carried out|made] on {date}.
+ {bank} [handled|processed|carried out] the [transfer|payment].
+ The account number is {account}, and the [account is with|bank is] {bank}.
## property
- [Built|Put up|Completed] in {year}, the {kind} at {address} [offers|comes with|has] {area} of floor space.
- [Looking for|Do you want|Would you like] a {kind} in {city}? {agent} [has|offers|can show you] one [with|that has] \
{rooms} rooms.
- [Viewing|Showing|Open house] at {address}, {city}: [contact|ring|ask for] {agent}, asking price {price}.
- {rooms} rooms, {area}, [quiet|sunny|central] - the {kind} [on the corner|by the park] in {city} rents for {rent} [a \
month|per month|monthly].
- From {date} the {kind} at {address} [will be empty|can be rented]; [rent|monthly rent] {rent}.
- [Price cut|Reduced|New price] in {city}: {kind}, {area}, [now|only] {price}
- My [aunt|sister|boss] sold a {kind} with {rooms} rooms in {city}; she [got|received] {price}.
- It is not a [garage|shop|barn] but a {kind}: {rooms} rooms, built in {year}, {address}.
- Dear [tenant|reader|customer], the {kind} [you asked about|you saw online] has {area} and the rent is {rent}. \
[Yours|Regards], {agent}
- [Ask|Call|Write to] {agent} [about|if you want to see] the {kind} in {city}; it [dates from|was built in] {year} and \
[sells for|is on the market at] {price}.
- At {price}, the {kind} [built|finished] in {year} is [the cheapest|the dearest|the largest] [on the list|in the \
street]; it [measures|covers] {area}.
- [How much|What] is the rent? {rent} for {rooms} rooms at {address}, [heating included|without heating].
- Wanted: [tenants|students|a family] for a {kind} in {city}, [free|available] from {date}, {rent} [a month|monthly].
- {address}, {city}: {kind}, {year}, {rooms} rooms, {price}, [viewings through|contact] {agent}
- [Owned for decades by one family|With its big garden], the {kind} at {address} [was listed|went on sale] at {price}, \
[handled|offered] by {agent}.
- {agent} [writes|thinks|tells us] that the {kind} [can be had|is free] from {date} and has {rooms} rooms.
- [Whoever|Anyone who] wants the {kind} in {city} [must|will have to] [pay|find] {rent} each month and [may|can] move \
in on {date}.
- The [ad|listing] says {area}, {rooms} rooms, {city}; the {kind} [itself is from|goes back to] {year}.
- hi {agent}, is the {kind} [on|in the listing for] {address} [still free|gone]? I could [come up with|raise|manage] \
{price}
+ You [can|may] move in [on|from] {date}.
+ [The rent comes to|The rent is|Each month costs] {rent}.
+ [The asking price is|The price is|It is priced at] {price}.
+ [For viewings|For questions|To see it], [contact|ring|write to] {agent}.
+ The place [measures|covers|has] {area} and [goes back to|was built in] {year}.
+ The address is {address}[.|, near the station.|, second floor.]
## vehicle
- [Spotted|Seen] [near the bridge|outside the school]: {colour} {kind}, plate {plate}.
- [Does|Did] {owner} still [own|have|drive] the {colour} {kind} from {year}?
- The {model} by {car} [was built|rolled off the line] in {year}; [so far|until today] it has covered {mileage}.
- {car} [sells|offers|builds] the {model} as a {kind} that [needs|burns|uses] {fuel}.
- Would {owner} please [move|come to] the {kind}, [plate|licence plate] {plate}?
- [Sold|Gone]: [my|our] {year} {car}, {mileage}, for {price}
- {price}! [That is what|That's how much] {owner} [wants|asks] for a {kind} that has [already run|been driven] \
{mileage}.
- [After|At] {mileage}, the {kind} of {owner} [broke down|needs new brakes|still runs well].
- It is not a bicycle but a {kind}, {colour}, and it [belongs to|is owned by] {owner}.
- [Wanted|Needed]: {kind}, {fuel}, no more than {mileage}, up to {price}.
- hi, is the {car} {model} still [available|for sale]? I [can pay|would give you|have] {price}
- [Model|Type] {model}, [year|built] {year}, [colour|paint] {colour}, [fuel|engine] {fuel}, [make|brand] {car}.
- {owner} [bought|picked up|leased] the {kind}, [a model from|which dates from] {year}, and had it [painted|sprayed] \
{colour}.
- [According to|If we believe] the papers, the vehicle with the plate {plate} is a {car} {model}.
- [Because|Since|As] it [runs on|uses] {fuel}, {owner} [paid|only paid] {price} for the {kind}.
- The dealer [wrote|noted]: {mileage}, {fuel}, {colour}, {price}
- [Stolen|Missing] since [last night|the weekend]: a {colour} {car}, plate {plate}, [owner|keeper] {owner}.
- {owner} [fills up|refuels] the {model} with {fuel}[.| every week.|, never with anything else.]
- [Look at|Have you seen] the {colour} {kind} over there? [They want|The dealer wants] {price} for it.
- Dear {owner}, [our camera|a camera] [caught|filmed] your {car}, plate {plate}, at a red light.
+ The [number plate|plate|registration] [reads|is] {plate}.
+ The [odometer|clock] [shows|stands at|reads] {mileage}.
+ [Fuel|Engine]: {fuel}.
+ It was [built|made|first registered] in {year}.
+ The [present|current] [owner|keeper] is {owner}.
+ The maker is {car} and the model {model}.
## parcel
- {carrier} [will bring|is bringing|delivers] the {content} from {sender} to {city} on {date}.
- [Where is|What happened to] parcel {tracking}? {receiver} [bought|had ordered] a {content} from {sender}.
- Dear {receiver}, {sender} has [handed|passed] your {content} over to {carrier}.
- [Weight|Mass]: {weight}. [Destination|City]: {city}. [Courier|Carrier]: {carrier}. [Number|Tracking]: {tracking}.
- The [box|package|parcel] for {receiver} is [heavy|not light] - {weight} - and [comes|will come] on {date}.
- On {date}, {carrier} [tried|failed] to deliver {tracking} in {city}; [nobody was at home|the door stayed shut].
- [Packed|Inside]: one {content}, {weight}. [Goes to|For]: {receiver}.
- [Track|Follow] the {content} with {tracking} on the [site|app] of {carrier}.
- It was {sender}, not the [neighbour|post office], that [posted|sent] the {content} to {receiver}.
- hey {receiver}, we have a parcel for you here in {city}, {weight}, [could you pick it up|can you fetch it] on {date}?
- [Because of the snow|Due to a strike], {tracking} will only [get|make it] to {city} on {date}.
- {sender} [regrets|is sorry] that the {content} [weighing|of] {weight} [got lost|was damaged] on the way to {city}.
- Handed to {carrier} [last night|this morning]: {tracking}, {content}, for {receiver}.
- [Signed for|Accepted] by {receiver} on {date}: a {content} [from|sent by] {sender}.
- At {weight}, the shipment {tracking} is [too heavy for|the heaviest thing in] the van of {carrier}.
- [Has|Hasn't] the {content} [arrived|come] in {city} yet? {sender} [promised|told us] {date}.
- {receiver}, {city}, {weight}, {tracking} - [express|standard|fragile]
- [When|As soon as] {carrier} [rings|arrives] on {date}, {receiver} [must sign|will sign] for the {content}.
- No [letter|flowers], only a {content} [came|was delivered]: {sender} to {receiver}, number {tracking}.
+ The [sender|shop behind it] is {sender}.
+ [Delivery|Arrival] is [planned|expected|scheduled] for {date}.
+ {carrier} [brings|delivers|transports] it.
+ [The address is in|It goes to] {city}.
+ [Including the box|All packed up], it [weighs|comes to] {weight}.
+ [The box|The package] contains a {content}.
## table
- [Could|Can] we have a table for {guests} at {time}? [The name is|Please put it under] {person}.
- {restaurant} [has|holds|keeps] a table for {person} at {time} on {date}.
- [Cancelled|Changed|New]: {person}, {date}, {guests} [guests|persons]; [call|phone] {phone}
- {guests} of us [want|would like] to eat at {restaurant} on {date}, and we need {request}.
- [Remember|Don't forget] that {person} [asked for|hoped for] {request} when booking for {guests}.
- Dear team of {restaurant}, please [reserve|keep|set] a table for {guests} on {date}. [Yours|Kind regards], {person}
- At {time} [sharp|exactly|or a little later], {guests} people will [sit down|arrive] at {restaurant}.
- [Call|Ring] {person} [back at|on] {phone} about the table on {date}.
- With {request}, please: {guests} people, {time}, {person}.
- The booking of {person} is no longer for a couple but for {guests} people, at {time}.
- {date}, {time}: {guests} [seats|chairs] [for|in the name of] {person}
- Did {restaurant} confirm? {person} [wanted|booked] {date} at {time}[.|, I think.|, if I remember right.]
- The [waiter|hostess] [wrote down|noted]: {guests} guests, {request}, [number|phone] {phone}.
- To [celebrate|mark] the exam, {person} [has booked|has reserved] {restaurant} for {guests} people, {date}.
- [Table|Booking] at {restaurant}, {time}, contact {phone}, [wish|request]: {request}.
- {person} [phoned|rang|called] from {phone} and [took|reserved] the table at {time}.
- Under {phone} we [reached|spoke to] {person}, who [needs|asks for] {request} on {date}.
- my [sister|boss] {person} has [booked|got] a table for {guests} at {restaurant}, [be there|come] at {time}
- [Small change|Please note]: {person} now comes at {time}, with {guests} people, and [needs|would like] {request}.
- On {date} {restaurant} is [full|busy], but {person} [got|found] a table, with {request}.
+ The guests [would like|need|hope for] {request}.
+ [For questions|In case of delay], [call|ring] {phone}.
+ The table is [needed|booked|kept] for {time}.
+ It is for {guests} [people|guests|persons].
+ The reservation is [in the name of|under] {person}.
+ The [place|restaurant] is called {restaurant}.
## company
- [In its best year|Last year], {company} [took in|earned|turned over] {revenue}, [which is|that is] {growth} more \
than [before|a year earlier].
- [Who founded|Who set up] {company}? [It was|That was] {founder}, in {year}.
- {boss} [leads|heads|directs] {company}, [a firm from|which sits in] {city}.
- {employees} [people|men and women] work for {company}, [most of them|nearly all] in {city}.
- [Set up|Founded|Established] by {founder}, {company} [now employs|has grown to|today counts] {employees} \
[people|workers].
- {company} ([since|est.] {year}, {city}) - [director|head]: {boss} - [staff|employees]: {employees}
- [Sales|Revenue] up {growth}: {company} [reaches|now at|hits] {revenue}
- Until {year} there was no {company}; then {founder} [rented a garage|opened a workshop] in {city}.
- Not {founder}, who [founded|started] it, but {boss} [heads|leads|directs] {company} today.
- "[We grew|Our sales grew] by {growth}," said {boss} of {company}[.|, smiling.|, on the phone.]
- [Our|My] [customer|supplier|client] {company} [moved|has moved] its headquarters to {city} and [now employs|has] \
{employees} people.
- The firm [with|that has] {employees} employees in {city} [is called|goes by the name of] {company}.
- Dear [staff|shareholders], {company} [was set up|started] in {year} and [today|now] makes {revenue}. Yours, {boss}
- With {revenue} in [sales|revenue] and {employees} [workers|employees], {company} [beats|is ahead of] every rival.
- {growth} more [sales|revenue] than last year, {employees} employees: {company} is [doing well|growing fast].
- When {founder} [came to|settled in] {city} in {year}, {company} [opened its doors|was born].
- {boss}, [director|head] of {company} in {city}, [answers|takes] all questions.
- [Compare|Look at] {company}: founded {year}, revenue {revenue}, growth {growth}.
- hi, do you know {company}? [It's|It is] {boss} who [runs|manages] the place, {founder} [only founded|just started] it
+ The founder [is|was] {founder}.
+ [It has been around|It has existed|The firm has been in business] since {year}.
+ [Its head|The head of the firm|The person in charge] is {boss}.
+ Sales [grew|rose|went up] by {growth}.
+ [Around|About|Some] {employees} people [work|are employed] there.
+ The head office [is|sits] in {city}.
## stock
- [Only|Just|Still] {quantity} left: {item}, {colour}, {price} [each|apiece]
- [Go to|Look on] shelf {shelf} and [bring|fetch] the {item}, [article|product code] {code}.
- [Do|Did] we [have|get] the {item} in {colour}? [Yes|Sure], {quantity} of them, from {supplier}.
- {supplier} [raised|changed] the price of the {item} to {price}.
- [Reorder|Restock] {item} (code {code}): [stock is down to|only] {quantity}.
- At {weight}, the {item} [belongs|should go] on a low shelf: {shelf}.
- With {discount} off, the {item} [comes to|costs just] {price}.
- {quantity} x {item} [arrived|came in] from {supplier} [and went|and were put] on shelf {shelf}.
- The {item} has moved: [it is now|you now find it] on shelf {shelf}, not by the door; [code|sku] {code}.
- [Label|Sticker]: {code} / {item} / {colour} / {weight} / {price}
- [Today|Tomorrow|From Monday] the {colour} {item} [gets|has] a discount of {discount}.
- Hi, [I need|can you send me] {quantity} of the {colour} {item}; the [sku|item number] is {code}.
- How heavy is the {item} by {supplier}? [It weighs|The box says] {weight}.
- Each {item} [costs|is] {price} and [lies|is kept] on {shelf}; we [have|counted] {quantity}.
- {supplier} [ships|offers|delivers] it in {colour}: {item}, {weight}, [article|code] {code}.
- [During|For] the sale, {supplier} [allows|grants|gives us] {discount} on the {item}.
- Inventory [note|check]: shelf {shelf}, {item}, [counted|found] {quantity}, [colour|paint] {colour}
- [Whoever|The customer who] wants a {item} [in|that is] {colour} must order it from {supplier}, [price|cost] {price}.
- Not on shelf {shelf}, where it should be, but at the till [I saw|we found] the {item}, {quantity} [pieces|of them].
+ [The shelf is|Its place is|It is stored on] {shelf}.
+ [One piece|Each one|A single piece] [costs|is] {price}.
+ We [still have|have|counted] {quantity} [of them|pieces].
+ The [colour|paint] is {colour} and the weight {weight}.
+ [Until Sunday|This month], [we give|there is] {discount} off.
+ [It comes|We get it] from {supplier}.
## animal
- {keeper} [gives|brings] {name}, the {animal}, [some|a bit of] {food} [every morning|twice a day|after work].
- The {animal} [called|named] {name} is {length} [long|in length] and {colour}.
- [Born|Hatched] {age} years ago, {name} the {animal} [now lives|has its home] in {place}.
- In {place} [there is|you can see] a {animal} that weighs {weight} and eats {food}.
- How old is {name}? The {animal} is [already|now] {age}, [according to|if we believe] {keeper}.
- [Escaped|Missing|Found] in {place}: {animal}, {colour}, {weight}
- It is not a toy but a real {animal}: {name}, {age} years old, {weight}.
- {name} ({animal}, {colour}) [moved|was brought] from the old zoo to {place}.
- [Weighed|Checked] this morning: {name}, {animal}, {weight}, {length}.
- [Our guide|A friend], {keeper}, [looks after|cares for] a {animal} of {age} years in {place}.
- {food.cap} is what {name} the {animal} [eats|gets] in {place}.
- The {colour} {animal} [hiding|sleeping] under the tree is {name}, and its keeper is {keeper}.
- {weight}, {length}, {colour}: that is [our|the] {animal} {name}.
- [Since|Because] {name} [refuses|dislikes] hay, {keeper} [bought|cooked] {food} for the {animal}.
- Dear children, my name is {name}, I am a {animal}, I am {age} years old and I [love|enjoy] {food}.
- A {animal} of {weight} was [born|weighed] in {place}; it is called {name}.
- [At|With] a length of {length}, the {animal} of {keeper} is [rather small|quite big], and it is {colour}.
- [Zoo news|News] from {place}: {animal} {name} is now {age} years old
- Ask {keeper} before you [touch|feed] {name}; the {animal} [only eats|prefers] {food}.
+ [At meals|In the evening] it [gets|eats] {food}.
+ At the last check it weighed {weight}[.|, more than last year.]
+ The [animal|creature] is {age} years old.
+ Its name is {name}.
+ {keeper} [takes care of|looks after|feeds] it.
+ Its colour is {colour} and its length {length}.
+ Its home is [in|near] {place}.
## plant
- [Put|Set|Place] the {plant} in {light}; [it will reach|expect it to reach] {height}.
- Every week my {plant} [drinks|gets|needs] {water}, because it [stands|grows] in {light}.
- [When|In which month] does the {plant} [bloom|flower] in {place}? [Usually|Mostly] in {month}.
- The {plant} [comes|came] from {place} and has {colour} [flowers|petals].
- In {place}, a {plant} [of|measuring] {height} [fell over|was cut down].
- {month}: {plant} [in bloom|flowers], {colour}, {height}
- [Never|Do not] give the {plant} more than {water} a week, [and keep it|but keep it] in {light}.
- [Our|My] {plant} is [still|already] {height} high and [blooms|flowers] {colour}.
- The {plant} is no weed: it [opens|shows] {colour} flowers [every|each] {month}.
- Dear gardener, [the|your] {plant} [likes|wants|asks for] {light} and {water} of water [per week|weekly].
- [Seen|Photographed] in {place}: a {plant} with {colour} flowers, [about|nearly] {height} tall.
- With {water} of water [a week|every week], the {plant} [grew to|shot up to|reached] {height}.
- [Gardeners|People] in {place} [plant|sow|grow] the {plant} because it [flowers|blooms] in {month}.
- {plant.cap}, {light}, {water} [per week|weekly], {height}.
- [If|Where] there is {light}, the {plant} [will open|opens] its flowers in {month}.
- Label: {plant}, from {place}, [blooms|flowers] in {month}, [needs|likes] {light}
- hey, your {plant} [looks thirsty|is dry], give it {water} and [move it to|put it in] {light}
- It [grows|gets] up to {height} tall and [flowers|blooms] {colour}: the {plant}.
- Each {month}, the garden in {place} [turns|is] {colour} [thanks to|because of] the {plant}.
- Not before {month}, [says|writes] the gardener in {place}, does the {plant} [open|show] its {colour} flowers.
+ [Its flowers open|The flowers come] in {month}.
+ Give it {water} [every week|a week|weekly].
+ [Left alone|In good soil], it [gets|grows] {height} tall.
+ [The right place for it is in|Plant it in|Keep it in] {light}.
+ The [blossoms|petals|flowers] are {colour}.
+ [It is native to|It grows around|You find it near] {place}.
## flight
- [Gate change|New gate]: flight {number} to {end} now [goes|leaves] from {gate}.
- Was {person} on {number} to {end}? The list [shows|has] seat {seat}[.|, by the window.|, in row one.]
- {start} - {end}, {date}, {departure}, {number}, {price}
- [After|Following] {length} [in the air|on board], {person} [landed|touched down] in {end}.
- The [plane|aircraft] from {start} needs {length} to [reach|get to] {end}.
- Dear {person}, your flight to {end} on {date} has been [confirmed|moved]; the number is {number}, the seat {seat}.
- I [fly|am flying] home to {end} on {date}; [my flight|it] leaves {start} at {departure}.
- [Pick me up|Meet me] in {end}, I am [coming|flying in] from {start} with {number}.
- {person} is not flying to {start} but from there to {end}, on {date}.
- For {price}, {person} got seat {seat} on the [plane|flight] to {end}.
- At gate {gate}, passengers for {end} [are waiting|wait] for flight {number}, due out at {departure}.
- [Booked|Paid]: {person}, {number}, {date}, {price}.
- At {departure}, [in bright sunshine|after a short delay], {number} [left|took off from] {start} for {end}.
- {end} is where {person} [wants to go|is going]; the plane [leaves|departs] from {start}, gate {gate}.
- How much [is|was] the ticket from {start} to {end}? {price}, and the flight [takes|lasts] {length}.
- Seat {seat} on flight {number} is [reserved for|taken by] {person}.
- Coming from {start}, {person} [will be|arrives] in {end} after {length}.
- [Reminder|Note to self]: {date}, gate {gate}, {departure}, to {end}
- The [captain|crew] of {number} [expects|announces] a flight time of {length} from {start} to {end}.
- [Cheap|Last minute] from {start}: {end} on {date} for [only|just] {price}, {length} non-stop
+ [The fare|The ticket price] [was|came to] {price}.
+ The plane [leaves|departs|takes off] at {departure}.
+ [Time in the air|Flight time]: {length}.
+ The gate [is|will be] {gate}.
+ The passenger [sits|has a place] in seat {seat}.
+ The [day|date] of the flight is {date}.
## fixture
- {away} [travelled|went] to {home} on {date} [and the game ended|and the match finished] {score}.
- [Today's game|Next game]: {home} [at home against|receives|hosts] {away}, {time}, {place}.
- Kick-off is at {time}: {home} [welcome|welcomes|host] {away} at the {place}.
- [Under|With] referee {referee}, {home} and visitors {away} [ended|finished] {score}.
- {score} - [that was|that is] how [the game|the match] of home side {home} against {away} [ended|finished].
- Who [plays|is playing] at the {place} on {date}? {home}, and the [guests|visitors] are {away}.
- The visitors from {away} [came|arrived] late, so their game against home side {home} [began|started] at {time}.
- [Result|Final whistle|It's over]: hosts {home}, guests {away}, {score}
- {referee} [was|will be] the referee when {home} [plays|meets] {away} at home.
- Not {away} but {home} [has|had] the home game on {date}; [it ended|the result was] {score}.
- [My brother|Our coach] saw {away} play away at {home}: {score}[.|, what a game.|, a dull game.]
- On {date} at {time}, the [team|side] from {home} [meets|plays] the guests from {away}.
- [Tickets|Seats] for {home} against {away} at the {place} [are sold out|cost a lot|are still on sale].
- [After|At] {score}, {referee} [ended|stopped] the match between hosts {home} and visitors {away}.
- Dear fans, the home game of {home} against {away} has been moved to {date}, {time}.
- The {place} [was full|was sold out] when {home} [received|met] {away}; [final score|result] {score}.
- The [league|cup] game {home} - {away} [is set|is planned] for {date}, referee {referee}.
- [Away team|Guests]: {away}. [Home team|Hosts]: {home}. [Referee|Umpire]: {referee}. [Score|Result]: {score}.
- In the [rain|fog], guests {away} and hosts {home} [reached|played] {score}.
+ The match [ended|finished] {score}.
+ [The referee's name was|In charge of the game was] {referee}.
+ They [played|met] at the {place} on {date}.
+ [The game|Play] [started|began] at {time}.
+ [The ground|The venue] was the {place}.
## race
- [First|Gold]: {winner}. [Second|Silver]: {second}. [Event|Contest]: {event}, {city}, {year}.
- {second} [had to settle for second place behind|finished just behind] {winner} in the {event}.
- {city}, {year}: {winner} takes the [title|gold medal] in the {event}
- [Who won|Who took] the {event} in {year}? {winner}, [with|thanks to] {time}.
- The {event} [title|medal] [went|goes] to {winner}, who [comes from|competes for] {country}.
- With a [mark|result] of {time}, {winner} [beat|left behind] {second} in {city}.
- It was not {second} but {winner} who [won|took] the {event} in {year}.
- [Champion|Winner] of the {event}: {winner} ({country}), {time}
- {time}! {winner} [set a new record|did it again] in the {event} [held|staged] in {city}.
- In front of [a huge crowd|thousands of people] in {city}, {winner} [won|took|claimed] the {event}, {second} \
[was|ended up] second.
- {country} [celebrates|cheers]: {winner} [wins|has won] the {event} of {year}
- [I|We] saw {winner} win in {city} in {year}; {second} [came next|was second].
- The year {year} [belonged to|was the year of] {winner}, [champion|winner] in the {event}, [ahead of|before] {second}.
- [Although|Even though] {second} [led|was ahead] for a long time, {winner} [won|got the gold] with {time}.
- [Results|Ranking] {city}: 1. {winner}, {country}, {time}; 2. {second}
- Hosted by {city}, the {event} of {year} [saw|brought] a win for {winner}.
- "[I trained hard|I can't believe it]," said {winner}, whose {time} in the {event} was enough to [beat|defeat] \
{second}.
- Dear {winner}, congratulations on your [win|victory] in the {event} in {city}!
- A medal for {country}: {winner} [achieved|was credited with] {time} in the {event}.
+ The [silver medal|second place] went to {second}.
+ The winner's [result|mark] was {time}.
+ The [event|competition] was the {event}.
+ It was held in {city} in {year}.
+ The champion [represents|competes for] {country}.
## film
- [Critics|Viewers|Readers] [gave|awarded] "{title}" {rating}; it was directed by {director}.
- Have you seen "{title}"? {star} [has the main part|plays the hero], and it [opened|was released] in {year}.
- [The cinema|Our cinema club] shows "{title}", a {genre} [of|lasting] {length}, [directed|made] by {director}.
- {star} [acts|stars] in "{title}"; the director is {director}.
- [Shot|Filmed] in {country} in {year}, "{title}" [runs|lasts] {length}.
- {director} did not act in "{title}" but directed it; {star} [played|took] the lead.
- {length} of [fun|tears|suspense]: "{title}", {genre}, {country}
- DVD [shelf|list]: {title} / director {director} / {year} / {genre}
- For a {genre} from {year}, "{title}" has [a high rating|a decent score]: {rating}.
- [Tonight|On Sunday] we watched {star} in "{title}"; [I'd give it|my score is] {rating}.
- The {genre} that {director} [made|shot] in {country} [is called|is titled|has the title] "{title}".
- When {director} [cast|chose|hired] {star} for "{title}" in {year}, [nobody knew the actor|few people believed in it].
- [Only|Just] {length} long and rated {rating}: "{title}" with {star}.
- "{title}" stars {star}, is a {genre} and [was made|was produced] in {country}.
- [hey|hi], the {genre} I [told you about|meant] is {title}, directed by {director}, from {year}
- In {year} {country} [produced|gave us] "{title}", with {star} [in the lead|in the title role]; [rating|score] \
{rating}.
- [Directed by|A film by] {director}: "{title}" ({length}, rated {rating}).
- In which {genre} did {director} [direct|work with] the actor {star}? In "{title}", [from|released in] {year}.
- Everyone who likes {star} [remembers|knows] "{title}", [though|but] its rating is [only|just] {rating}.
+ [The lead is played by|In the main role you see] {star}.
+ The [director|filmmaker] is {director}.
+ [It was shot|It was filmed|It was produced] in {country}.
+ [Its score is|Reviewers rate it|Critics give it] {rating}.
+ The running time is {length}.
+ It is a {genre} [from|of] {year}.
## song
- "{title}" was [recorded|sung] by {artist} for {label} in {year}.
- [Track|Song] of the day: "{title}" - {artist} - {length}
- [Who sings|Who is the singer of] "{title}"? {artist}, and the [album|record] is "{album}".
- {label} [brought out|published|put out] the album "{album}" by {artist}.
- [My|Our] favourite {genre} [track|song] is "{title}", [sung|performed] by {artist}.
- The album "{album}" ({label}, {year}) [opens|closes|starts] with "{title}".
- In {year}, {artist} [recorded|wrote] the {genre} [song|piece] "{title}".
- [Play|Put on] "{title}" by {artist}, please; [it only lasts|it takes] {length}.
- {length} of {genre}: {artist} with "{title}"
- The song is called "{title}" and not "{album}", which is the name of the album; [singer|artist]: {artist}.
- {artist} [signed|has a contract] with {label} and [made|recorded] the album "{album}" there in {year}.
- From the album "{album}" [we hear|we play] "{title}", a {genre} song [lasting|of] {length}.
- [Since|Ever since] {year}, "{title}" has been [the best known|the biggest] hit of {artist}.
- [Playlist|Set list]: {title} ({artist}), {genre}, {length}, {label}
- "{title}" [is short|isn't long]: {length}; you [hear|find] it on the album "{album}".
- As a {genre} [singer|artist], {artist} [is proud of|became known for] the album "{album}", released by {label}.
- [Did you know|Have you heard] that {label} [asked|paid] {artist} to record "{title}" in {year}?
- [Tonight at the club|Live on stage]: {artist}, [singing|with the song] "{title}" from the album "{album}".
- hi, [send|lend] me the album "{album}" by {artist}, I [need|want] the song "{title}"
+ The [singer|artist] is {artist}.
+ You [find|hear] it on the album "{album}".
+ The [label|record label] is {label}.
+ [The genre is|It counts as] {genre}.
+ [The track takes|It plays for|The song runs for] {length}.
+ It [dates from|goes back to] {year}.
## course
- {school} [offers|runs|has] a course in {course} for {fee}, [starting|beginning] on {start}.
- [Who teaches|Who gives] {course} this year? {teacher}, on {weekday}, in room {room}.
- {student} [finished|completed] {course} with {grade}, [although|even though] {teacher} [helped|had helped] a lot.
- [Room change|Attention]: {course} with {teacher} [will be|is now] in room {room} at {time}.
- Dear {student}, your [course|class] in {course} [begins|starts] on {start} at {school}.
- {course.cap} in room {room}, {weekday}, {time} - [don't be late|bring a pen]
- {teacher} of {school} [marked|graded] the paper of {student} in {course}: {grade}.
- [To learn|In order to learn] {course}, {student} [pays|paid] {fee} to {school}.
- At {time} on {weekday}, {teacher} [opens|unlocks] room {room} for the {course} [class|group].
- I have {course} on {weekday} at {time}, and my teacher {teacher} is [strict|always late|kind].
- {student}: {course}, {grade}; [teacher|lecturer] {teacher}
- The [result|mark] of {student} in {course} is not a mistake but [really|indeed] {grade}.
- From {start}, {teacher} [will teach|teaches] {course} [every|each] {weekday} at {school}.
- [Is|Was] {fee} [too much|a fair price] for {course} at {school}?
- [Enrolled|Registered]: {student}, {course}, {start}, [fee|paid] {fee}.
- The lesson of {student} [takes place|is] on {weekday} at {time} in room {room}; the subject is {course}.
- [New|Now] at {school}: {course}, [taught|given] by {teacher}, room {room}, {fee}.
- {grade} in {course}: {student} [is happy|cried|can do better].
- [Bring|Take] a notebook to room {room} at {time}; {teacher} [starts|begins] with {course} on {start}.
- [Because|As] {teacher} is ill, {student} [has|will have] {course} on {weekday} [instead|this week].
+ [Classes are|It is taught] [every|each] {weekday}.
+ The [mark|grade|result] was {grade}.
+ [The course fee is|The fee comes to|Students pay] {fee}.
+ The course is run by {school}.
+ [Lessons|Classes] begin at {time} in room {room}.
+ {teacher} [is the teacher|gives the lessons|teaches the class].
## library
- [Reminder|Second reminder|Notice]: {reader}, card {card}, "{title}", to be returned by {due}.
- On which shelf is "{title}"? [Look on|Try] shelf {shelf}, [next to|among] other books by {author}.
- The book "{title}" by {author} was [taken out|checked out] by {reader}.
- [The fine|The late fee] for "{title}" by {author} [is|has reached] {fine}.
- Please [renew|extend] "{title}" [until|to] {due}; my card number is {card}.
- {reader} [returned|brought back] "{title}" [too late|a week late] and [paid|was charged] {fine}.
- The [card|reader card] {card} was [used|shown] by {reader} to borrow a book by {author}.
- {reader} did not buy "{title}" but borrowed it; it [must be back|goes back] on {due}.
- [Put|Place] "{title}" back on shelf {shelf}, because {reader} no longer needs it.
- By {due}, [the book|the novel] "{title}" has to be back on shelf {shelf}.
- hey, I [still have|found] "{title}" by {author}, [it's due|they want it back] on {due}
- {fine} [to pay|open]: {reader}, card {card}[.|, since last week.]
- Until {due}, nobody else can [read|borrow] "{title}" because {reader} has it.
- Dear {reader}, "{title}", which you [reserved|ordered], is [waiting|ready] on shelf {shelf}.
- [Borrowed|Checked out] with card {card}: "{title}" ({author}).
- Can {reader} [keep|have] {title} until {due}? [The card|Card number]: {card}.
- The librarian [found|discovered] "{title}" on shelf {shelf}, so {reader} need not pay the {fine}.
- {author}, "{title}", shelf {shelf}, [back|due] {due}
- [As|Because] "{title}" was [wet|torn], {reader} [owes|has to pay] the library {fine}.
+ [The book has to be back by|It must be back on|The last day to return it is] {due}.
+ The [author|writer] is {author}.
+ [Its place is|It belongs on|It stands on] shelf {shelf}.
+ The [late fee|fine] [comes to|amounts to] {fine}.
+ It was [taken out|checked out] with card {card}.
+ The borrower is {reader}.
## lost
- Has anybody [found|picked up|seen] a {colour} {item}? I [lost|left] it at {place}.
- On {date} a {item} was picked up by {finder} [in front of|inside|behind] the {place}.
- [Missing|Gone] since {date}: {item}, {colour}, [last seen at|left at] {place}.
- Reward of {reward} for [the return of|news of] my {item}; [call|ring|text] {phone}.
- [If|When] you find a {colour} {item}, please call {phone}; [you will get|I will give you] {reward}.
- [Found|Handed in]: {item}, {colour}, {date}, {place}, [by|finder] {finder}
- It was {finder} who [found|spotted] the {item}, not the police, and that was on {date}.
- [I think|I am sure] I [forgot|left] my {item} at {place} on {date}, [it is|the colour is] {colour}.
- Dear {finder}, thank you for [finding|returning] my {item}! Please [accept|take] {reward}.
- On the [bench|stairs|floor] at {place} lay a {colour} {item}; {finder} [saw|found] it first.
- {phone} is the number to [call|ring] [about|if you have seen] the {item} lost at {place}.
- [My son|My daughter|A tourist] lost a {item} on {date}, and we [offer|pay] {reward}.
- Owner wanted! A {colour} {item} [has been lying|has been waiting] at {place} since {date}.
- The {item} [found|discovered] by {finder} at {place} is {colour}, not [new|broken].
- The owner [offers|promises|will pay] {reward} for the {colour} {item} [lost|that went missing] on {date}.
- {finder}, phone {phone}, has [my|your|the] {item}.
- [Lost property|Lost and found]: {place} - {item} - {colour} - {phone}
- [Does|Could] the {colour} {item} from {place} belong to you? [Then call|Call] {finder} at {phone}.
- My {colour} {item} must have [fallen out of|slipped from] the bag on {date}, [perhaps|most likely] at {place}.
- On {date} I [gave|paid] {finder} {reward} for [bringing|returning] my {item}.
+ [It went missing|That happened|It happened] on {date}.
+ The [finder|person who found it] is {finder}.
+ [Call|Ring|Text] {phone} [if you know more|for details].
+ [A reward of|A finder's reward of] {reward} [is offered|will be paid].
+ [Place|Location]: {place}.
+ Its colour is {colour}.
## pet
- [Appointment|Check-up] for {pet} ({kind}) with {vet} on {date}.
- {vet} [examined|saw|weighed] {pet} on {date}; the {kind} [weighed|came to] {weight}.
- Who is the owner of {pet}, the {breed}? [That is|It's] {owner}[.|, I believe.]
- At {age} years [old|of age], {pet} the {kind} [weighs|has reached] {weight}.
- [Dear|Hello] {owner}, it is time to [bring|show] {pet} to {vet} again.
- {pet}, for that is what the {breed} is called, [has turned|is already] {age} and lives with {owner}.
- [Wanted|Needed]: a sitter for {pet}, {kind}, {age} years old; [owner|ask] {owner}
- My {kind} {pet} is not a baby any more but {age} years old and [weighs|has reached] {weight}.
- [Name|Patient]: {pet}. [Breed|Race]: {breed}. [Weight|Weighs]: {weight}. [Owner|Keeper]: {owner}.
- {owner} [calls|named] the {breed} {pet}[.|, after a film star.|, and it fits.]
- Because {pet} [limped|coughed|ate nothing], {owner} [drove|went] to {vet} with the {kind}.
- On {date} [the|a] {breed} called {pet} [was vaccinated|was operated on|got medicine] by {vet}.
- {weight} is [too much|a lot] for a {kind} of {age} years like {pet}.
- The vet, {vet}, [told|warned] {owner} that the {kind} [is too fat|should eat less]: {weight}.
- {pet}, {breed}, {age}, [owner|belongs to] {owner}
- Has {vet} [called|written] about {pet}? [The|Our] {kind} was there on {date}.
- My name is {owner} and I [own|have] a {breed}; its name is {pet} and its age is {age}.
- {owner} and {pet} [live|travel] together: one is human, the other a {kind} of {weight}.
- [Adopted|Taken in] on {date}: {pet}, a {breed} of {age} years.
+ [On the scales|At the last visit], it [came to|weighed] {weight}.
+ The [breed|race] is {breed}.
+ {vet} [is the vet|treats the animal|looks after its health].
+ [The last visit was|It was examined] on {date}.
+ The [owner's name|name of the owner] is {owner}.
+ Its age is {age}.
## medicine
- [For|To treat] {reason}, {patient} [must|has to|should] take {dose} of {drug} for {length}.
- {drug.cap}: {dose}, {times}, for {length}.
- How long [should|must] {patient} [take|use] {drug}? For {length}, [in the opinion of|according to] {doctor}.
- Dear {patient}, please [use|take] the {drug} {times} and [come back|see me] after {length}. [Yours|Signed], {doctor}
- {doctor} [raised|lowered|changed] the dose of {drug} to {dose}.
- [Because of|On account of] {reason}, {doctor} gave {patient} {drug}, [to be taken|taken] {times}.
- [Nurse's note|Chart]: {patient} - {drug} - {dose} - {times}
- Do not [stop|skip] the {drug}, {patient}: {dose} {times}.
- {patient} suffers from {reason} and [gets|receives] {dose} of {drug}.
- It is {dose} of {drug}, not more, and {times}, [as written on the box|just as the doctor said].
- My [doctor|GP] {doctor} [told|advised] me to take {drug} for {length} because of {reason}.
- Against {reason} {doctor} [recommends|suggests] {dose} of {drug} {times}.
- [At the pharmacy|At the counter], {patient} [asked for|picked up] {drug}, {dose}, prescribed by {doctor}.
- {length} of {drug} [should|will] be enough [against|to cure] {reason}.
- [Give|Hand] {patient} {dose} of {drug} [now|tonight], and then {times}.
- [Since|As] {patient} had {reason}, the treatment with {drug} [lasted|took] {length}.
- The box for {patient} [says|reads]: {drug}, {times}, {length}.
- Was it {doctor} who [ordered|gave] {patient} the {drug}? [Yes|Indeed], against {reason}.
- hey, [don't forget|remember] your {drug}, {dose}, {times}, [the doctor said|mum says]
- {doctor} to {patient}: "[Take|Use] {drug} {times} for {length}."
+ [The patient is|It is for] {patient}.
+ [It has to be taken|It should be taken|Take it] {times}.
+ The amount [each time|per dose] is {dose}.
+ The doctor [in charge|who ordered it] is {doctor}.
+ The reason [for it|for the treatment] is {reason}.
+ [The treatment goes on|It is to be taken] for {length}.
## repair
- [Job|Work order] for {worker}: {device}, {fault}, [owner|customer] {customer}.
- {worker} [needed|took] {length} to [fix|mend] the {device} of {customer}.
- Dear {customer}, your {device} [can be collected|is ready] on {date}; the [repair|work] cost {price}.
- [What is wrong with|What's the matter with] the {device}? {worker} [says|thinks] it has {fault}.
- {price} for {fault}? {customer} [found|thought] that [too much|fair] for an old {device}.
- [Fixed|Repaired] by {worker} in {length}: the {device} [with|that had] {fault}.
- On {date}, {customer} [collected|picked up] the {device} and [paid|left] {price}.
- The {device} can be saved: {worker} [only has to|will] repair {fault}, [which takes|a job of] {length}.
- It was not bad luck but {fault} that [stopped|ruined] the {device} of {customer}.
- hi {worker}, my {device} has {fault}, can you [do|fix] it by {date}? [Thanks|Best], {customer}
- [After|Only after] {length}, {worker} [found|discovered] that the {device} had {fault}.
- [Estimate|Quote] for {customer}: {device}, {fault}, {length}, {price}
- [With|Having] {fault}, the {device} [stood|waited] in the workshop until {date}.
- The workshop [charges|asked|wants] {price} for the {device}, [because|as] {worker} worked on it for {length}.
- [Since|As] {worker} is [ill|away], the {device} of {customer} won't be [ready|done] before {date}.
- {customer} [complained|called] about the {device}; {worker} will [look at|check] it on {date}.
- I [paid|gave] {worker} {price} [to fix|to mend] my {device}.
- [Pick up|Collect] the {device} on {date}, [bring|have] {price} with you, and [ask for|see] {worker}.
- The [invoice|receipt] [names|lists] {customer}, a {device}, {length} of work and {price}.
+ The [fault|problem|cause] was {fault}.
+ {worker} did the [work|job|repair].
+ [It will be ready|It can be collected] on {date}.
+ [The work took|It was done in|The job needed] {length}.
+ The [customer|owner] is {customer}.
+ In the end it cost {price}.
## member
- {club} [charges|asks|bills] {member} {fee} a month for the {plan} [plan|package].
- [Your|The] {plan} membership at {club} [ends|expires] on {end}.
- [Renewal|Renewed]: {member}, no. {number}, [until|valid to] {end}
- Will {member} [leave|quit] {club} on {end}[?|, or stay on?]
- {member} signed up for the {plan} plan on {start}, [paying|at] {fee} [a month|monthly].
- Dear {member}, we [are glad|are happy] to have you at {club} from {start}. [Number|Your number]: {number}.
- Number {number} [belongs to|was given to] {member}, a member of {club}.
- For {fee} [a month|monthly], the {plan} plan [lets you|allows you to] use the pool until {end}.
- No longer a guest but a member of {club}: {member}, {plan} plan, [joined|from] {start}.
- I [want|would like] to [end|cancel] my membership at {club} on {end}; my number is {number}.
- [New member|Just joined]: {member}, {plan}, {start}, {fee}
- From {start} to {end} the fee is {fee}, [and then|after that] {club} will [ask|decide] again.
- The {plan} plan of {member} [started|began] on {start} and [stops|ends] on {end}.
- [How much|What] does {member} pay at {club}? {fee} a month, [on|for] the {plan} plan.
- {club} [thanks|greets] {member}, whose card {number} is [valid|good] until {end}.
- [If|When] {member} [shows|scans] card {number}, the gate at {club} opens.
- [Member|Card] {number}: plan {plan}, [fee|monthly fee] {fee}, [joined|member since] {start}.
- {fee} each month [goes|is paid] to {club} from the account of {member}.
- [Because|As] the {plan} plan costs {fee}, {member} [chose|picked] it.
+ The [plan|package] is called {plan}.
+ The [contract|membership] [began|started] on {start}.
+ [It runs until|It is valid until|It ends on] {end}.
+ [Each month costs|The price per month is] {fee}.
+ The number on file is {number}.
+ The club is called {club}.
## employee
- Who is the new {role} in {department}? {employee}, and the boss is {boss}.
- {boss} [hired|has hired|took on] {employee} as a {role} for the {department} department.
- On {start}, {employee} [started|begins] in {department}, [staff number|ID] {id}.
- As a {role}, {employee} [earns|makes|takes home] {salary} [a year|before tax].
- {employee} ([ID|no.] {id}) has {leave} days [of leave|off|of holiday] [left|a year].
- Dear {employee}, your [contract|job] as a {role} begins on {start}; your [salary|pay] will be {salary}. \
[Yours|Regards], {boss}
- In the {department} team, {boss} is the boss and {employee} [is|works as] the {role}.
- {employee} does not [lead|head] the {department} department: {boss} does.
- [Badge|Staff card] {id}: {employee}, {role}
- {employee} is [happy|content] with {salary} and {leave} days of leave.
- [Please add|Please enter]: {employee}, {department}, {start}, {id}, {leave} leave days.
- {department.cap} [gets|has] a new {role}: {employee} [comes|starts] on {start}.
- {boss} [allowed|gave] {employee} {leave} days of leave[.| this year.| on top.]
- My [manager|supervisor] in {department} is {boss}, I am {employee}, [the|your] {role}.
- The {role} who [moved|switched] to {department} on {start} is [called|named] {employee}.
- [Salary|Pay] of {employee}: {salary}. [Department|Team]: {department}. [Boss|Manager]: {boss}.
- Ask {boss} [if|whether] {employee}, [our|the] {role}, [may|can] take {leave} days off.
- {id}, {employee}, {role}, {salary}
- Since {start}, [the|a] desk in {department} [belongs to|has been used by] {employee}, who [reports to|works under] \
{boss}.
- When {employee} [joined|came] as a {role} on {start}, the [pay|salary] was {salary}.
+ The [department|team] is {department}.
+ [The boss is called|The direct superior is] {boss}.
+ There are {leave} [vacation days|days of leave] [a year|per year].
+ The [job title|position] is {role}.
+ [Work begins|The job starts] on {start}.
+ The [staff number|badge number] is {id}.
+ The yearly [salary|wage] is {salary}.
## wedding
- [Save the date|Mark your calendar]: {bride} (bride) and {groom} (groom), {date}, {city}
- [Bride|The bride]: {bride}. [Groom|The groom]: {groom}. [Place|Venue]: {place}.
- {groom} [will marry|marries|is marrying] his bride {bride} in {city} on {date}.
- The wedding of bride {bride} [was held|took place] at {place}; the groom's name is {groom}.
- {guests} [people|guests] [came|travelled] to {city} to see {bride} marry her groom {groom}.
- [Invitation|You are invited]: on {date}, bride {bride} and groom {groom} [say yes|tie the knot] at {place}.
- My [sister|cousin] {bride} [got married|married] on {date}; her husband is {groom}.
- My brother {groom} [took|has taken] {bride} as his wife in {city}[.|, at last.]
- At {place} in {city}, {guests} guests [cheered|clapped|danced].
- When {groom} [put|slipped] the ring on the finger of {bride}, his bride, {guests} people [cried|clapped].
- Was {bride} the bride of {groom}? Yes, [they married|the wedding was] on {date}.
- The wedding on {date} was not in a tent but at {place} in {city}.
- Husband and wife since {date}: {groom} and his wife {bride}
- [Dear|Hello] {bride}, [I wish|we wish] you and your groom {groom} all the best for {date}!
- {place}, {date}, {guests} guests, bride {bride}, groom {groom}
- The [cake|hall] for {guests} guests is [ordered|booked]: {place}, {date}.
- The groom, {groom}, [was late|lost the rings], but the bride, {bride}, [waited|laughed] at {place}.
- In {city} they [say|tell me] that {bride} [becomes|will become] the wife of {groom} on {date}.
- [We|The parents] [booked|rented] {place} for {guests} guests, because the bride, {bride}, [loves|wants] a big party.
- With {groom}, her new husband, {bride} [danced|sang] [until morning|for hours] at {place} in {city}.
+ The [party|celebration|wedding] was on {date}.
+ [About|Some|Around] {guests} people [came|were there].
+ [The couple celebrated|The party was held] at {place} in {city}.
+ The [groom's name|name of the groom] is {groom}.
+ The [bride's name|name of the bride] is {bride}.
## traffic
- [Crash|Accident|Pile-up] in {city}: {vehicle}, {street}, {time}, {injured} [injured|hurt]
- {driver} was [driving|steering] the {vehicle} when it [skidded|turned over] on {street} at {time}.
- [Police|Officers] [blame|name] {cause} for the crash in {city} that [hurt|injured] {injured} people.
- [Avoid|Stay away from] {street}: a {vehicle} [broke down|overturned] there at {time}.
- Behind the wheel of the {vehicle} [sat|was] {driver}; the damage [is|comes to] {damage}.
- On {date} in {city}, {injured} people were [taken to hospital|hurt] when a {vehicle} [hit a tree|ran off the road].
- Was it {cause} or [bad luck|a mistake]? The {vehicle} [slid|rolled] down {street} and did damage of {damage}.
- {damage} of damage and {injured} [injured|hurt]: [that is|that's] what the {vehicle} left behind on {street}.
- [Witnesses|Neighbours] saw the {vehicle} of {driver} [hit|strike] a lamp post on {date}.
- It was not carelessness but {cause} that [sent|pushed] the {vehicle} off {street} at {time}.
- Dear [insurers|neighbours], on {date} at {time} my {vehicle} [slid into|hit] a wall in {city}; the damage is {damage}.
- {date}, {time}, {street}, {city}: {vehicle} [against|into] wall
- The driver, {driver}, [was unhurt|was lucky], [but|yet] {injured} others [were hurt|were injured] in {city}.
- Owing to {cause}, {street} was [closed|blocked] at {time}.
- hey, [I'm late|don't wait for me], there was an accident with a {vehicle} on {street} at {time}
- [Traffic news|On the radio]: {vehicle} [broken down|on fire] in {city} on {street}, [cause|reason] {cause}.
- Since the {vehicle} [braked|stopped] too late, {driver} [now faces|must pay] a bill of {damage}.
- {injured} [cyclists|passengers] were [injured|hurt] on {date}; {driver} had [overlooked|not seen] them because of \
{cause}.
- [Driver|Driving]: {driver}. [Vehicle|Involved]: {vehicle}. [Cause|Reason]: {cause}. [Damage|Loss]: {damage}.
- Nobody knows [why|how] {driver} [drove|steered] the {vehicle} into a shop on {street} in {city}.
+ It [happened|took place] at {time}.
+ [According to the police, the reason was|Officers say it was due to] {cause}.
+ [The loss amounts to|The damage was put at|The damage comes to] {damage}.
+ The accident [happened|occurred] on {date} in {city}.
+ {driver} was [driving|behind the wheel].
+ The number of [injured|people hurt] is {injured}.
## claim
- [Claim|New claim]: policy {policy}, {cause}, {amount}
- {company} [refuses|is willing|has agreed] to pay {person} the {amount} for {cause}.
- Dear {company}, on {date} I [had|suffered] {cause}; please pay {amount}. [Yours|Regards], {person}
- Has {company} [paid|settled] the claim of {person} over {amount}[?| yet?]
- The damage [from|caused by] {cause} on {date} [comes to|is put at] {amount}.
- {person} [is insured|holds a policy] with {company} under [number|no.] {policy}.
- {amount} [for|because of] {cause}: {company} [pays|has paid] at last
- Policy {policy} [covers|includes] {cause}, so {person} will [get|receive] {amount}.
- On {date}, {cause} [cost|set back] {person} {amount}.
- It is not wear and tear but {cause}, [writes|insists] {person} to {company}.
- Please [forward|check|pay] the [claim|bill] of {person}, policy {policy}, [dated|of] {date}.
- [Filed|Received] on {date}: claim by {person} against {company}, {amount}.
- My name is {person}, my policy number is {policy}, and I want to [report|claim for] {cause}.
- [Thanks to|Because of] policy {policy}, the {amount} [came|arrived] from {company} [quickly|within a week].
- {cause.cap}, {date}, {person}, policy {policy}
- {company} [wrote|answered] to {person} that {cause} on {date} was [covered|not covered].
- [What|How much] did {person} get for {cause}? {amount}, [from|paid by] {company}.
- The insurer {company} [has received|got] a [letter|form] about {cause} under policy {policy}.
- If {company} does not pay the {amount}, {person} will [go to court|call a lawyer].
+ [It happened|The damage occurred|The incident was] on {date}.
+ The [sum claimed|payout] is {amount}.
+ The [damage was caused by|reason was] {cause}.
+ The policy holder is {person}.
+ Policy {policy} [applies|covers this].
+ {company} is the insurer.
## award
- The winner of the {prize} [is|was] {winner}, [honoured|chosen] for work in {field}.
- {city} [honoured|celebrated] {winner} in {year} with the {prize}.
- [Who won|Who got] the {prize} in {year}? {winner}, for {field}.
- {money} and a medal: {winner} [gets|wins] the {prize}
- The jury in {city} [chose|picked|named] {winner} for the {prize}, [category|field] {field}.
- In {year} the {prize} was [worth|endowed with] {money}; it [went|was handed] to {winner}.
- Congratulations, {winner}! You have won the {prize} for {field}, [and you get|which brings you] {money}.
- {prize} {year}: {winner} ({field}), {city}
- [Dressed in red|In tears], {winner} [accepted|collected] the {prize} in {city}.
- It was not for fame but for {field} that {winner} [worked|lived], and in {year} the {prize} [came|followed].
- Our [teacher|colleague] {winner} [has won|won] the {prize} and [gave|left] the {money} to a school.
- For {field}, the {prize} [is given|is awarded] every year in {city}; in {year} [it went to|the winner was] {winner}.
- [Nominated|Honoured|Praised] for {field}, {winner} [took home|received] {money} in {year}.
- A sum of {money} goes with the {prize}, which {winner} [received|picked up] in {city}.
- I [was there|sat in the front row] when {winner} [got|was handed] the {prize} in {year}.
- [Prize|Award]: {prize}. [Winner|Laureate]: {winner}. [Money|Sum]: {money}. [Year|Edition]: {year}.
- {year} was [a good year|the year] for {field}: {winner} [won|was awarded] the {prize}.
- [After|Following] the ceremony in {city}, {winner} [thanked|hugged] everyone for the {prize} and the {money}.
- hey {winner}, I [heard|read] you got the {prize}, what will you [do with|buy for] the {money}?
+ [The field was|The category was|It was given for] {field}.
+ The [prize money|sum that goes with it] is {money}.
+ [The ceremony took place|It was handed over] in {city} in {year}.
+ The [trophy|award] is called the {prize}.
+ The [winner|laureate] is {winner}.
## donation
- [Received|Booked] on {date}: {amount} from {donor} [to|for] {charity}.
- [Thank you|Many thanks], {donor}, for the {amount} you [gave|sent] on {date}.
- {charity} [collects|asks for] money for {purpose}; {donor} [contributed|added|offered] {amount}.
- For {purpose}, {donor} [handed|sent|passed] {amount} to {charity}.
- {amount} for {purpose}! [That is|This was] the gift of {donor} to {charity}.
- [Who gave|Who donated] the {amount} on {date}? [It was|That was] {donor}.
- Instead of buying a new car, {donor} [gave|sent] {charity} {amount}.
- Not for [flowers|offices] but for {purpose}, {charity} [spent|will use] the {amount} [from|of] {donor}.
- Dear {donor}, {charity} has [received|got] your donation of {amount}; the [project|purpose] is {purpose}.
- [Donor|Given by]: {donor}; [charity|recipient]: {charity}; [purpose|project]: {purpose}
- On {date}, I, {donor}, [decided|promised] to [support|help] {charity} with {amount}.
- Now that {charity} has [received|been given] {amount}, the plan for {purpose} can [begin|start].
- [Each|Every] year {donor} [supports|gives money for] {purpose}; this time, on {date}, it was {amount}.
- {charity} [announced|reported] on {date} that {donor} [pays|is paying] for {purpose}.
- A [cheque|check] over {amount}, signed by {donor}, [reached|arrived at] {charity} on {date}.
- [Donation receipt|Receipt]: {charity}, {date}, {amount}, {donor}
- {donor} has [put aside|set aside|pledged] {amount} for {purpose}, [says|writes] {charity}.
- hey {donor}, did {charity} [confirm|write about] your {amount} for {purpose}?
- [Guess what|Imagine]: {donor} gave {amount}, [all of it|every bit of it] for {purpose}.
+ The [donor|giver] is {donor}.
+ The [charity|organisation that received it] is {charity}.
+ [The donation came|It was handed over|The money arrived] on {date}.
+ [It is earmarked|It is meant|It is reserved] for {purpose}.
+ The [donation|gift] [came to|was] {amount}.
## geography
- [Where is|In which country is] {city}? In {country}, [on|beside] the {river}.
- {mayor} [is|was elected|has become] mayor of {city}, [a town of|a city with] {people} people.
- The {river} [flows|runs] through {city}, [founded|which was founded] in {founded}.
- {people} [people|inhabitants|residents] [live|are at home] in {city}, {height} above [the sea|sea level].
- In {country} [lies|there is] a city [called|named] {city}; it [covers|takes up] {area}.
- {city}: {country}, {people} inhabitants, {area}, mayor {mayor}
- Dear [visitors|guests], welcome to {city}! [Our city|The city] [was founded|began] in {founded} and [has|counts] \
{people} inhabitants.
- Mayor {mayor} [wants|plans] a new bridge over the {river} in {city}.
- [At|Situated at] {height}, {city} is [one of|among] the highest cities in {country}.
- [Did you know|Have you heard] that {city} [has stood|has existed] since {founded} and [measures|covers] {area}?
- Not [a village|a suburb] but a real city: {city}, {people} inhabitants, {country}
- We [spent|stayed] a week in {city} on the {river} and [even met|also saw] mayor {mayor}.
- With an area of {area}, {city} is [larger|smaller] than [most cities|any other town] in {country}.
- [Settlers|Monks|Traders] founded {city} in {founded}, at a height of {height}.
- {country} is [proud|fond] of {city}, the [old|lovely] town on the {river}.
- [According to|As stated by] mayor {mayor}, {people} people now live in {city}.
- [Town|City]: {city}. [River|Water]: {river}. [Founded|Since]: {founded}. [Height|Elevation]: {height}.
- Cross the {river} and you [reach|come to|are in] {city}, {country}.
- How [big|large] is {city}? {area}, [with|and] {people} inhabitants.
+ The city [has|counts] {people} [inhabitants|residents].
+ The city lies {height} above [the sea|sea level].
+ It [lies|was built] on the {river}.
+ [The city covers|Its area is|It extends over] {area}.
+ [It belongs to|The country is] {country}.
+ The [name of the mayor|mayor's name] is {mayor}.
+ [It has existed|There has been a town here] since {founded}.
## peak
- [How high is|What is the height of] {peak}? {height}[.|, say the maps.|, according to the guide book.]
- In {year}, {climber} [reached|got to] the [top|summit] of {peak} as the first [person|human].
- {peak}, {country}, {height}: first ascent {year}
- Nobody had [climbed|been up] {peak} [before|until] {climber} [came|did it] in {year}.
- [Rising|Towering] to {height}, {peak} is [known|famous] all over {country}.
- The first ascent of {peak} [was made|was achieved] by {climber}[.|, in bad weather.|, without a guide.]
- [Hikers|Tourists] in {country} [love|fear|admire] {peak}, which [is|measures] {height}.
- {climber} [set out|came] to {country} to climb {peak} and [succeeded|did so] in {year}.
- [We|My friends and I] camped at the foot of {peak} ({height}), where {climber} [began|started] the first ascent.
- With its {height}, {peak} [beats|is higher than] every other mountain in {country}.
- It was {climber}, not a local guide, who first climbed {peak}, [in the summer of|in] {year}.
- {year} - {climber} - {peak} - {height}
- A mountain in {country} [bears|has] the name {peak}; {climber} was the first [up there|to climb it].
- Dear diary, today we saw {peak}. {height}! [And|To think that] {climber} climbed it in {year}.
- [Mountain|Peak]: {peak}; [height|elevation]: {height}; [country|location]: {country}; [first climbed by|first \
climber]: {climber}.
- Until {year}, {peak} in {country} [had never been climbed|was unclimbed].
- [Thanks to|Helped by] good weather, {climber} [conquered|mastered] the {height} of {peak}.
- The [map|sign|guide] [gives|shows] {height} for {peak}, [a mountain|a summit] in {country}.
- If you [want|plan] to climb {peak} in {country}, [remember|note]: {height}, first climbed in {year}.
+ The first ascent [was|took place] in {year}.
+ The mountain is {height} high.
+ [It stands|It lies|You find it] in {country}.
+ The first [climber|person up there] was {climber}.
+ {climber} [was the first to climb it|first got to the top] in {year}.
## painting
- [Sold|Auctioned]: "{title}" by {artist}, {style}, {price}
- In {year}, {artist} [finished|completed|signed] "{title}", now on show in the {museum}.
- [Who painted|Who made] "{title}"? {artist}, in {year}.
- A [collector|buyer] [paid|gave] {price} for "{title}", a work in {style} [from|of] {year}.
- The {museum} [shows|owns|has lent out] "{title}"; the artist is {artist}.
- [Stolen from|Missing from] the {museum}: "{title}" by {artist}, worth {price}
- {artist} [used|chose] {style} for "{title}", a [small|huge] work of {year}.
- The [label|card] beside the picture [reads|says]: {artist}, "{title}", {year}, {style}.
- {price}! [That's what|That is how much] the {museum} [paid|had to pay] for "{title}".
- My [favourite|most loved] picture in the {museum} is "{title}", [made|created] by {artist}.
- "{title}" is not a copy but a [real|genuine] work by {artist}, made in {year}.
- Since it was [painted|made] in {year}, "{title}" has [never left|always been in] the {museum}.
- Done in {style}, "{title}" [is|ranks] among the best works of {artist}.
- [Is|Was] "{title}" really [worth|sold for] {price}? [It is only|It's] {style}.
- Dear Sir or Madam, we [offer|can offer] {price} for "{title}" by {artist}, to be shown in the {museum}.
- [Next to|Opposite] the entrance of the {museum} [hangs|is] a work by {artist}: "{title}", {style}.
- {artist}, {style}, {year}, {museum}
- At an auction [in spring|last week], "{title}" ({year}) [brought|fetched|went for] {price}.
- The [thief|guard] [took|looked at] "{title}" in the {museum}, not knowing that it is by {artist}.
+ The [artist|painter] is {artist}.
+ [It was painted|It was created] in {year}.
+ The museum is the {museum}.
+ [The price was|It was sold for|It went for] {price}.
+ [The medium is|It is done in] {style}.
## software
- [Download|Get|Install] {name} {version} ({size})[.| now.|, it is worth it.]
- [Who wrote|Who developed] {name}? {author}, in {language}.
- {author} has [finished|published|uploaded] {name}, [a tool|a program] in {language}, [version|release] {version}.
- {downloads} [people|users] have [installed|downloaded] {name} since its release on {date}.
- Release notes: {name}, {version}, {date}, {size}
- {name} [is distributed|is offered] under {licence} and [needs|takes up] {size}.
- [Version|Release] {version} of the tool by {author} [appeared|followed] on {date}.
- In {language} {author} [programmed|coded|built] {name}, [and it has|which has] {downloads} downloads.
- [Update|Upgrade] to {version}! {name} now [needs only|takes just] {size}.
- Dear users, {name} will [be released|appear] on {date} under the {licence} licence.
- {name} ({licence}, {language}) was [downloaded|installed] {downloads} times.
- I [thought|was sure] {name} was [an old game|a website], but it is a program in {language} by {author}.
- Which version of {name} [do you have|runs on your machine]? Mine is {version}, {size}.
- With {downloads} downloads, {name} is the [best known|most used] [program|tool] of {author}.
- {author} put {name} under the {licence} licence [and wrote it|and coded it] in {language}.
- The file for {name} {version} has {size}, so the download [takes a while|is quick].
- [Bug|Error] in {name} {version}: please [tell|write to] {author}.
- {name} / {language} / {licence} / {author}
- hey, have you [tried|seen] {name}? [It's|It is] by {author}, {version} is out since {date}
- A [small|tiny|huge] download of {size}: {name}, [released|published] on {date}.
+ The [developer|author|maintainer] is {author}.
+ [The download has|The download size is|On disk it takes] {size}.
+ The [current|latest|newest] version is {version}.
+ [It was released|It appeared|The release was] on {date}.
+ [So far there are|It has] {downloads} downloads.
+ The code is in {language}.
+ The licence [chosen is|is called] {licence}.
## server
- [Alert|Ticket|Incident]: {host} [reports|shows|logs] "{error}" on {date} at {time}.
- {user} [cannot|could not] [connect|log in] to {host} on port {port}: {error}.
- [Restart|Check] {host} ({ip}); the log [says|shows] {level} {error}.
- [Since|From] {time} the machine {host} has [not responded|been down]; [message|reason]: {error}.
- hi, I'm {user}, I get "{error}" when I [open|call] {host} on port {port}
- Port {port} on {host} is [open|closed|blocked], [address|IP] {ip}.
- On {date}, at {time}, [somebody|a client] from {ip} [tried|failed] to reach {host}.
- The {level} entry of {date} [concerns|is about] user {user} on {host}.
- [Did|Will] {user} [see|report] the {level} on {host}? [It said|It read] "{error}".
- {time} / {level} / {host} / {user} / {error}
- Not the network but {host} itself [caused|is behind] the "{error}" at {time}, [writes|says] {user}.
- From {ip}, user {user} [opened|started] a session on {host} at {time}.
- [While|When] {user} was [copying files|working], {host} [stopped|crashed] with {error}.
- Again {error}! [Host|Machine] {host}, {date}, [level|severity] {level}.
- To [reach|use] {host}, [enter|type] {ip} and port {port}.
- [Log of|Excerpt from] {date}: level {level}, user {user}, address {ip}, [message|text] "{error}".
- The [admin|team] [moved|switched] {host} to {ip} on {date}.
- A {level} on {host} at {time} [woke|called] the admin: {error}.
- {user} [changed|set] the port of {host} to {port} at {time} on {date}.
- Can someone [look at|check] {host}? It has shown {user} "{error}" since {date}.
+ The [user|account] was {user}.
+ The [log level|severity] was {level}.
+ [The server uses|It listens on] port {port}.
+ [The message was|The log says|The screen showed] "{error}".
+ The [machine|host] is {host}.
+ It was logged on {date} at {time}.
+ The request came from {ip}.
## planet
- [Next stop|Destination]: {body}. {agency} [plans|prepares] the [launch|start] of {mission} for {launch}.
- How far is {body}? {distance}, and its diameter [is|measures] {diameter}.
- {mission} [flew|travelled|had to fly] {distance} to [reach|get to] {body}.
- {agency} [counts|lists|knows] {moons} moons around {body}.
- With {crew} [people|astronauts] on board, {mission} [lifts off|starts] on {launch}.
- {body}: {moons} moons, {diameter} [across|wide], {distance} away
- Astronomers at {agency} [measured|found] a diameter of {diameter} for {body}.
- The [spacecraft|probe] {mission} belongs to {agency} and [started|took off] on {launch}.
- [Dear|Hello] class, {body} [is circled by|has] {moons} moons and [lies|is] {distance} from us.
- Not to the Moon but to {body} [goes|flies] the mission {mission}, with {crew} [people|astronauts].
- Without a crew? No, {mission} [carries|takes] {crew} people to {body}.
- {launch}: {agency} [launches|sends] {mission}
- After a trip of {distance}, {mission} [sent|took] [pictures|photos] of {body} and its {moons} moons.
- I [read|heard] that {agency} will [fly|send] {crew} astronauts to {body} on {launch}.
- {diameter} - [that is|that's] the diameter of {body}, [says|according to] {agency}.
- The crew of {mission}, {crew} [men and women|people], [will land|lands] on {body}.
- [Name|Mission]: {mission}. [Agency|Operator]: {agency}. [Launch|Start]: {launch}. [Target|Goal]: {body}.
- Because {body} is {distance} away, {mission} [takes|needs] years.
- [Compared|Next] to Earth, {body} with its {diameter} is [small|different], and it has {moons} moons.
+ [The launch was|It was launched|It started] on {launch}.
+ The [mission|spacecraft] is [called|named] {mission}.
+ On board are {crew} [people|astronauts].
+ It has {moons} moons.
+ The distance is {distance}.
+ [It measures|From side to side it measures] {diameter}.
## quake
- [Breaking|News flash]: [earthquake|quake] in {place}, magnitude {strength}
- The [ground|earth] shook in {place} at {time}; [instruments|experts] measured {strength}.
- {dead} [people|residents] [died|were killed] in {place} when an earthquake [hit|struck] on {date}.
- How strong was the earthquake of {date}? It [reached|had] {strength}, at a depth of {depth}.
- At a depth of {depth}, the [earth|rock] [broke|moved] near {place} on {date}.
- [Houses|Bridges|Roofs] [fell|collapsed] in {place}; the [quake|shock] of {strength} did damage of {damage}.
- The [damage|loss] in {place} is [put|estimated] at {damage}, and {dead} people [are dead|died].
- On {date} a [weak|strong|short] tremor of {strength} was [felt|recorded] in {place}, {depth} [down|below the surface].
- {place}, {date}, {time}: {strength} on the Richter scale, {dead} dead
- It was not a storm but an earthquake that [hit|destroyed parts of] {place} at {time}, [causing|with] damage of \
{damage}.
- Hi all, [we are fine|don't worry], the earthquake here in {place} at {time} had only {strength}
- Magnitude {strength}, depth {depth}, damage {damage} - these are the [figures|facts] from {place}.
- At {time} on {date} the clocks in {place} [stopped|fell off the walls]: an earthquake.
- After the [shock|earthquake] of {date}, {place} [mourns|buried] {dead} [dead|victims].
- Experts [say|report] that the earthquake in {place} [lay|began] {depth} deep and [reached|measured] {strength}.
- Insurers [expect|fear] losses of {damage} after the [quake|tremor] of {date} in {place}.
- With a [strength|magnitude] of {strength}, it was the [worst|strongest] earthquake in {place} [for years|in a \
century]; {dead} people died.
- Where did the earth [shake|tremble] on {date}? In {place}, with {strength}.
- [Dear readers|Ladies and gentlemen], {place} [was shaken|trembled] at {time}; the [centre|focus] lay {depth} deep.
+ The [magnitude|strength] was {strength}.
+ It [happened|struck|came] at {time}.
+ [The death toll is|The number of dead is] {dead}.
+ [Damage of|A loss of] {damage} was [reported|counted].
+ The [centre|focus] lay {depth} [deep|below ground].
+ The [epicentre|place hit] was {place}.
## election
- [New mayor|New leader] in {place}: {winner} ({party}) [wins|gets in] with {votes}
- {winner} [received|took] {votes} of the votes, [more than|ahead of] {loser}.
- [Who won|Who was elected] in {place} on {date}? {winner} of the {party}.
- With a turnout of {turnout}, [the people|voters] [chose|picked] {winner} over {loser}.
- {loser} [congratulated|praised] {winner} on winning {place} with {votes}.
- On {date}, {turnout} of all voters in {place} [voted|took part], and {winner} [won|was elected].
- The {party} [celebrates|is happy]: its candidate {winner} [beat|defeated] {loser}.
- Not {loser} but {winner} [was elected|won the vote] in {place}[.|, to general surprise.|, again.]
- [Result|Final result] {place}: {winner} {votes}, turnout {turnout}
- [Dear|Fellow] [citizens|voters], thank you for {votes}! [Yours|Signed], {winner}, {party}
- In {place} the {party} won {votes}; [turnout|voter turnout] was {turnout}.
- {loser} [conceded|gave up] shortly before midnight: {winner} had [won|scored] {votes}.
- [My neighbour|Our doctor] {winner} [was elected|has been elected] on {date} for the {party}, with {votes}.
- Despite the rain, {turnout} [voted|cast a vote] in {place}, and {winner} [came first|won].
- "[I accept defeat|The voters have spoken]," said {loser} when {winner} [had won|was declared the winner] in {place}.
- The vote of {date} [brought|gave] {winner} {votes} and the {party} [a new start|great joy].
- {loser} had hoped to win, but the [majority|seat] in {place} went to {winner} of the {party}.
- Candidate {winner}, {party}, {date}, {votes} - elected
- When [the votes were counted|counting ended] on {date}, {winner} [led|was ahead] with {votes}, {loser} [was \
beaten|came second].
+ [Voter turnout|Turnout] [reached|came to|stood at] {turnout}.
+ The [loser|beaten rival] was {loser}.
+ The [winner|elected candidate] stands for the {party}.
+ The [election|vote] [took place|was] in {place} on {date}.
+ The winner's share [was|came to] {votes}.
## history
- Who invented the {thing}? {person}, [in|and that was in] {year}.
- The {thing} [goes back|can be traced] to {person}, a {job} from {country}.
- In {city} in {year}, {person} [showed|presented|tested] the {thing} for the first time.
- {person} (died {death}) was [a|not a prince but a] {job} and [invented|gave us] the {thing}.
- {year}: {person} [invents|develops] the {thing} in {city}
- [Born|Raised] in {country}, the {job} {person} [worked|experimented] for years until the {thing} [was ready|worked] \
in {year}.
- Without {person} there would be no {thing}; [the idea|it] was born in {city} in {year}.
- The [inventor|father] of the {thing}, {person}, [lived|worked] in {city} and died in {death}.
- [Nobody|Few people] [believed|trusted] {person} when the {job} [built|made] the first {thing} in {year}.
- Dear pupils, [today we talk|let us talk] about {person} from {country}, who [made|invented] the {thing}.
- {person}, {job}, {country}, {city}, [dead since|died] {death}
- As early as {year}, a {job} [named|called] {person} [had built|constructed] a {thing}.
- The {thing} was not [found by chance|brought from abroad] but invented by {person} in {city}.
- [When|Before] {person} died in {death}, the {thing} was [known|used|sold] all over {country}.
- A statue in {city} [honours|shows] {person}, [inventor|maker] of the {thing}.
- {country} [put|printed] {person} on a stamp, the {job} who [created|invented] the {thing} in {year}.
- [Invention|Object]: {thing}. [Inventor|Who]: {person}. [When|Year]: {year}. [Where|City]: {city}.
- The first {thing} [was made|came out of a workshop] in {city} in {year}, [by|the work of] {person}.
- [Poor|Forgotten] and alone, {person} died in {death}; in {year} the {job} had [invented|patented] the {thing}.
+ [By trade|By profession], the inventor was a {job}.
+ The inventor's home was {country}.
+ It was [made|built|first shown] in {city}.
+ The year [of the invention|it was invented] was {year}.
+ The inventor [lived until|passed away in] {death}.
+ The inventor's name [is|was] {person}.
## building
- [Work|Construction] on the {name} in {city} [ended|was finished] in {year} and cost {cost}.
- {floors} floors, {height}, {cost}: the {name}
- [Who designed|Who planned] the {name} in {city}? {architect}[.|, a young architect.|, not the city itself.]
- Architect {architect} [drew|planned] the {name}, [opened|completed] in {year}.
- In {city} stands the {name}, {height} [tall|high] and [completed|finished] in {year}.
- The {name} has {floors} [floors|storeys] and [swallowed|cost] {cost}.
- [Visit|Come and see] the {name} in {city}: {height} [of steel and glass|above the street].
- It took years, but in {year} the people in {city} could [enter|use] the {name}.
- {architect} [wanted|promised] {floors} floors for the {name}, [not one more|and got them].
- For {cost}, {architect} [built|put up] the {name} in {city}.
- At {height}, the {name} is the [tallest|highest] [building|house] in {city}.
- [Price|Cost]: {cost}. [Architect|Designer]: {architect}. [Year|Opened]: {year}. [Building|Name]: {name}.
- We [took the lift|walked] up all {floors} floors of the {name}, [built|designed] by {architect}.
- The {name} is not old: it [was built|went up] in {year} [to|after] plans by {architect}.
- [Mayor opens|Crowd visits] {name} in {city}, {floors} floors, {cost}
- How [tall|high] is the {name}? {height}, [and|with] {floors} floors.
- [Too expensive|Too big], said the critics when the {name} by {architect} [cost|swallowed] {cost}.
- Since {year} the {name} has [stood|been open] in {city}; [its height is|it measures] {height}.
- Dear guests, we are in the {name}, opened in {year} and [planned|designed] by {architect}.
+ It has {floors} [floors|storeys].
+ [The building was finished|It opened|It was completed] in {year}.
+ [The plans came from|The designer was] {architect}.
+ [The cost was|The bill came to|It swallowed] {cost}.
+ [It stands|You find it] in {city}.
+ The [height|full height] is {height}.
## farm
- [Good|Bad|Average] harvest near {place}: {amount} of {crop} in {year}
- {farmer} [owns|works|farms] {field} near {place} and grows {crop}.
- [How much|What amount of] {crop} did {farmer} [bring in|harvest] in {year}? {amount}.
- In {place} a [load|sack] of {crop} [sold|went] for {price} in {year}.
- From {field}, {farmer} [gathered|brought in|picked] {amount} of {crop}.
- The {crop} [on|from] the farm of {farmer} [fetched|brought] {price}.
- [Because of|Thanks to] the rain in {year}, the {crop} near {place} [yielded|gave] {amount}.
- {year}, {place}, {crop}, {amount}, {price}
- Not wheat but {crop} [grows|stands] on the {field} of {farmer}.
- Dear {farmer}, we [buy|take] your {crop} from {place} at {price}.
- My grandfather {farmer} [grew|sowed] {crop} on {field}; in {year} he [got|harvested] {amount}.
- [Buyers|Traders] from {place} [pay|offer] {farmer} {price} for the {crop}.
- On {field} near {place} [stands|grows] {crop}, [sown|set] in {year}.
- {amount}! {farmer} has never [had|seen] so much {crop} as in {year}.
- [Harvest report|Farm diary]: {farmer}, {field}, {crop}, {amount}.
- After the [storm|frost] of {year}, {farmer} was left with [only|just] {amount} of {crop}.
- The [land|soil] near {place} [covers|measures] {field}, and {farmer} [uses|needs] it for {crop}.
- [Selling|Offering] {crop}, {amount}, {price}, [ask|call] {farmer} near {place}
- When the {crop} was [ripe|ready] in {year}, the [price|market price] [stood at|was] {price}.
+ [The farmer is|The land belongs to] {farmer}.
+ The [season|year] was {year}.
+ [The yield was|The farm brought in] {amount}.
+ [It was grown|It was sown] on {field}.
+ The [farm|land] lies near {place}.
+ The price [was|stood at] {price}.
## experiment
- [Take|Weigh out] {amount} of {substance} and [heat|warm] it to {heat}.
- {scientist} [mixed|stirred] {amount} of {substance} for {length} and [saw|observed] {result}.
- In the [lab|laboratory] of {lab}, {substance} was [held|kept] at {heat} for {length}.
- [Protocol|Lab notes]: {substance}, {amount}, {heat}, {length}, [result|outcome] {result}
- [What happened|What came out] when {scientist} [heated|tested] the {substance}? {result.cap}.
- With {heat} [on the thermometer|in the flask], {scientist} [noticed|noted] {result}.
- It was no mistake but {result} that {scientist} [saw|found] after {length}.
- {lab} [reports|confirms] that {substance} [turned into|produced|left behind] {result} at {heat}.
- Dear {scientist}, our sample of {substance}, {amount} in all, [showed|gave] {result}.
- After {length}, there was {result} in the [glass|flask] with {substance}.
- {scientist} of {lab} [needed|used] {amount} of {substance} [for the test|in all].
- [Cool|Heat] the {substance} to {heat} and wait {length}[.|, no longer.|, then stir.]
- I [worked|sat] with {scientist} at {lab}, where we [tested|heated] {substance} at {heat}.
- {amount} of {substance} [left|gave] {result} after {length}[.|, as expected.|, to our surprise.]
- The [mixture|sample] of {amount} [stayed|was left] at {heat} until {result} [appeared|could be seen].
- [Students|Assistants] at {lab} [watched|filmed] how {scientist} [poured|dropped] {amount} of {substance} into water.
- [Substance|Sample]: {substance}; [temperature|heat]: {heat}; [time|duration]: {length}; [by|scientist]: {scientist}.
- For {length}, {scientist} kept the {substance} at {heat}[.|, day and night.|, in the dark.]
- Why did the {substance} [give|show] {result}? {scientist} [thinks|believes] {heat} was [too hot|too much].
- [Published|Announced] by {lab}: {substance} at {heat} gives {result}
+ [The amount used was|They used] {amount}.
+ [The temperature was|The flask stood at] {heat}.
+ [The scientist was|The work was done by|In charge was] {scientist}.
+ [It took|The whole thing took] {length}.
+ The [laboratory|lab] [is called|was] {lab}.
+ At the end there was {result}.
## market
- [Winner|Star] of the day in {exchange}: {company}, plus {change}, [now|at] {price}
- {company} [went up|was up] {change} on {date}, with {volume} shares traded.
- [What|How much] does a share of {company} cost? {price}, which is {change} more than [yesterday|a week ago].
- Traders in {exchange} [bought|exchanged] {volume} shares of {company} [at|for] {price} [each|apiece].
- The [share price|stock price] of {company} [jumped|moved up|increased] by {change} to {price}.
- On {date} [investors|buyers] in {exchange} [paid|gave] {price} for one share of {company}.
- {date}: {company}, {price}, up {change}, {volume} shares
- Up {change}! {company} [surprises|delights] [everyone|the market] in {exchange}.
- It was not a rumour but good news that [lifted|pushed] {company} by {change} to {price}.
- Dear investor, your {company} shares [closed|ended the day] at {price} on {date}.
- Trading in {company} was [lively|heavy|busy] on {date}: {volume} shares, [last price|final price] {price}.
- With a [gain|plus] of {change}, {company} [leads|is top of] the list in {exchange}.
- I [sold|bought] my shares of {company} at {price} on {date}[.|, a good day.|, too early.]
- The market in {exchange} [opened|closed] [strong|well] on {date}; {company} [rose|grew] {change}.
- [Sell|Buy] {company} at {price}, [says|writes] the [bank|expert], since it has [risen|gone up] by {change}.
- {volume} shares of {company} [were traded|were exchanged] in {exchange} on {date}.
- At the [bell|end of trading] in {exchange}, one share of {company} [cost|stood at] {price}.
- [Exchange|Market]: {exchange}; [stock|company]: {company}; [volume|shares]: {volume}; [rise|gain]: {change}.
- [After|Following] the report of {date}, {company} [added|put on] {change} to reach {price}.
+ [It gained|It was up|The share rose by] {change}.
+ The share [stood|ended|closed] at {price}.
+ {volume} shares [were traded|were exchanged].
+ [The trading day was|That was on] {date}.
+ [The exchange is in|Trading took place in] {exchange}.
## deal
- [Sold|Gone]: {item}, from {seller} to {buyer}, {price}
- {buyer} [paid|gave|handed] {seller} {price} for a {item} in {city}.
- [Who bought|Who got] the {item}? {buyer}, and {seller} [was|is] the seller.
- In {city}, {seller} [found|had] a buyer for the {item}: {buyer}.
- On {date}, the {item} [passed|went] from {seller} to {buyer}.
- For {price} {seller} [parted with|gave up] the {item}; the new owner is {buyer}.
- I, {seller}, [hereby sell|sell] my {item} to {buyer} for {price}.
- I, {buyer}, bought the {item} on {date}; the seller was {seller}.
- Since {date}, the {item} no longer belongs to {seller} but to {buyer}[.|, who bought it.|, its new owner.]
- [Receipt|Bill of sale]: {date}, {city}, {item}, {price}, [sold by|seller] {seller}
- {buyer} had [always wanted|been looking for] a {item}, and {seller} sold one for {price}.
- After [long talks|some haggling], {seller} [accepted|took] {price} from {buyer}.
- The {item}, [once owned by|once the property of] {seller}, was [bought|acquired] by {buyer} on {date}.
- Dear {buyer}, [thanks|thank you] for buying my {item}. [Regards|Yours], {seller}
- Dear {seller}, the {item} I bought from you works well, and {price} was [fair|a good price]. [Regards|Yours], {buyer}
- How much did {buyer} pay {seller} [that day|for everything] in {city}? {price}.
- At the [flea market|auction] in {city}, a {item} [brought|earned] {seller} {price}.
- [Buyer|Purchaser]: {buyer}; [seller|vendor]: {seller}; [item|object]: {item}; [date|day]: {date}.
- {seller} [offered|advertised] the {item} at {price}, and {buyer} [said yes|took it] on {date}.
- It cost {buyer} {price} to [get|take] the {item} [off the hands of|away from] {seller}.
+ The [buyer|new owner] is {buyer}.
+ The [seller|previous owner] was {seller}.
+ [It happened|The sale took place] in {city}.
+ [The buyer paid|They agreed on|The price agreed was] {price}.
+ [The sale was|They closed it] on {date}.
+ The thing sold was a {item}.
## gift
- [Happy|Have a nice] {occasion}, {receiver}! [This|The] {item} is from {giver}.
- As a {occasion} [present|gift], {giver} [chose|bought|picked] a {item} for {receiver}.
- {receiver} [thanked|hugged|wrote to] {giver} for the {item}, which [came|arrived] on {date}.
- [Who gave|Who sent] {receiver} the {item}? {giver}, [for|at] the {occasion}.
- On {date}, {receiver} [was given|was handed|was sent] a {item} by {giver}.
- A {item} [went|was sent] from {giver} to {receiver}, [in time for|because of] the {occasion}.
- Dear {giver}, thank you for the {item} you [gave|sent] me for my {occasion}! [Love|Yours], {receiver}
- Dear {receiver}, please [accept|enjoy] this {item}. [Love|Your friend], {giver}
- It was {giver} who [surprised|pleased] {receiver} with a {item} on {date}.
- {giver} [brought|handed] {receiver} not [flowers|money] but a {item} on {date}.
- {date}: {occasion} of {receiver}; [gift|present] {item}; [giver|from] {giver}
- [Wrapped|Packed] in gold paper, the {item} from {giver} [lay|stood] on the table at the {occasion} of {receiver}.
- When {receiver} [celebrated|had] the {occasion}, {giver} [came|turned up] with a {item}.
- [My aunt|My friend] {giver} is giving {receiver} a {item} [next week|tomorrow|soon].
- Did {receiver} like the {item}? {giver} had [saved|planned] long for this {occasion}.
- {receiver} [expected|wanted] nothing for the {occasion}, [but|yet] {giver} [sent|brought] a {item}.
- [Gift list|Presents], {date}: {receiver} gets a {item} from {giver}.
- To {receiver}, [with love|with best wishes] from {giver}, on {date}. [Enjoy|Have fun with] the {item}!
- At the {occasion} on {date}, nobody [gave|brought] a {item} except {giver}.
+ [The present came from|The giver was] {giver}.
+ [The lucky one was|The receiver was] {receiver}.
+ [The present was|Inside the paper was] a {item}.
+ [It was for|The reason was] the {occasion}.
+ [It was handed over|The present was given] on {date}.
## loan
- [Lent|Loaned] to {borrower} on {start}: {item}, [owner|lender] {lender}
- {borrower} [owes|still owes] {lender} {amount}, [to be repaid|payable] on {end}.
- Can {borrower} [keep|use] the {item} until {end}? {lender} [says yes|agrees], it is only lent.
- On {start}, {lender} let {borrower} [take|use] the {item}[.|, only as a loan.|, for a while.]
- {lender} [expects|wants] {amount} back from {borrower} [by|before] {end}.
- Dear {lender}, you will get your {item} back on {end}, I promise. [Yours|Thanks], {borrower}
- Dear {borrower}, please [return|bring back] my {item}; you have [had|been using] it since {start}. Regards, {lender}
- The {amount} that {lender} [gave|advanced] {borrower} on {start} [must be repaid|is due] by {end}.
- From {lender} {borrower} [got|took out] a loan of {amount} on {start}.
- [Who lent|Who loaned] {borrower} the {item}? {lender} did, until {end}.
- It is not a gift but a loan: {item}, {lender} to {borrower}, until {end}.
- {borrower} [promises|undertakes] to [pay back|repay] {amount} to {lender}.
- [IOU|Loan note]: {borrower} borrows {amount} from {lender}, [back|repay] on {end}.
- The {item} of {lender} has been [at the home of|with] {borrower} since {start}, as a loan.
- [Lender|Creditor]: {lender}. [Borrower|Debtor]: {borrower}. [Sum|Amount]: {amount}. [Back by|Until]: {end}.
- {lender} is [still|now] waiting for the {amount} that {borrower} borrowed on {start}.
- My [neighbour|brother] {borrower} [borrowed|took] my {item} on {start} and will [return|bring] it on {end}.
- If {borrower} does not [pay|repay] by {end}, {lender} will [want|take] the {item} instead.
- {lender} can do without the {item} until {end}, so {borrower} [may|can] borrow it.
- For {amount}, borrowed on {start}, {borrower} [thanks|thanked] {lender}.
+ [The lender is|The owner is|It was lent by] {lender}.
+ [The borrower is|It was lent to] {borrower}.
+ [It goes back|It has to be back|The loan ends] on {end}.
+ [The loan began|It was handed over] on {start}.
+ The amount lent [is|was] {amount}.
## price_change
- [Sale|Offer] at {shop}: {item} {new}, [before|formerly] {old}
- From {date}, the {item} [will cost|costs] {new}, not {old} [as before|as until now|any more].
- {shop} has [set|put] the {item} at {new}; [until now|up to now] it was {old}.
- Yesterday {old}, today {new}: the price of the {item} [changed|moved] at {shop}.
- Why does the {item} cost {new} now when it [was|cost] {old} [last week|a year ago]?
- On {date} {shop} [replaced|swapped] the price tag of {old} on the {item} with one of {new}.
- [Dear customers|Please note]: the {item} at {shop} [goes|moves] from {old} to {new} on {date}.
- The former price of {old} [no longer applies|is history]; the {item} [is|stands at] {new} now.
- In place of {old}, {shop} now [takes|wants|asks] {new} for the {item}.
- With a change of {change}, the {item} now [comes to|costs] {new} at {shop}.
- {new} is the new price of the {item}, {old} [was|used to be] the old one.
- [I paid|We paid] {old} for the {item} [last month|back then]; [today it is|now it's] {new} at {shop}.
- The price of the {item} [moved|changed] by {change}, from {old} to {new}.
- [Before|Until] {date}, the {item} [cost|was sold at] {old}, [afterwards|after that] {new}.
- [Tag|Label]: {item}, old {old}, new {new}, valid from {date}
- {shop} [writes|announces] that the {item} changes by {change} in price on {date}.
- hey, the {item} at {shop} is {new} now, [wasn't it|didn't it cost] {old}?
- {old}? No, [that was|that's] the old price; the {item} [is|costs] {new} now.
- [After|Following] the change of {date}, people at {shop} [give|spend] {new} on a {item}.
- [Crossed out|In red]: {old}. Below it, [in big letters|in bold]: {new}. [That is|It's] the {item} at {shop}.
+ [The new price is|It now costs|The price now is] {new}.
+ [It used to be|The old price was|Before, it was] {old}.
+ [The price moved|It changed] by {change}.
+ [The shop is called|You get it at|It is sold by] {shop}.
+ [The new price applies|This is valid] from {date}.
## period
- [Come|Hurry] to the {event}! [It ends|It is over] on {end}, and the place is the {place}.
- The {event} at the {place} [opens|starts] every day at {opens} and [stays open|goes on] until {closes}.
- When does the {event} [start|begin]? On {start}, and it [goes on|lasts] until {end}.
- {person} [organises|plans|directs] the {event} at the {place}, which [ends|is over] on {end}.
- {start} - {end}: {event}, {place}
- The {event} does not begin on {end}, when it ends, but on {start}.
- [Doors|Gates] open at {opens}, [doors|gates] close at {closes}: {event} at the {place}
- Until {end} the {place} [is|will be] closed for the {event}, which [started|began] on {start}.
- Dear guests, the {event} [will open|opens] on {start}. [Yours|Regards], {person}
- [Daily|Every day] from {opens} to {closes}, {person} [guides|leads] visitors through the {event}.
- The {event} [lasts|goes on] until {end}, but each day it [closes|ends] at {closes}, [so come early|so don't be late].
- I'm [going|off] to the {event} that {person} [leads|has planned]; it [starts|begins] on {start} and [stops|ends] on \
{end}.
- By {end} everything is over: the {event} at the {place} [started|opened] on {start}.
- [Opening hours|Hours] of the {place}: {opens} to {closes}, [except|not] on holidays.
- The [last|final] visitors must [leave|go out] at {closes}; the {event} [reopens|opens again] at {opens}.
- Between {start} and {end}, {person} [is|will be] at the {place} [for|because of] the {event}.
- [Start|From]: {start}. [End|To]: {end}. [What|Event]: {event}. [Organiser|Contact]: {person}.
- At {opens} on {start}, {person} [cuts|will cut] the ribbon: the {event} [begins|is open].
- [Extended|Longer than planned]: {event} now [ends|closes] on {end}, [opens|daily from] {opens}
- Whoever [comes|arrives] at the {place} before {opens} or after {closes} will [find|see] the doors locked.
+ It [starts|begins] on {start}.
+ [It ends|It is over|It comes to an end] on {end}.
+ The [organiser|person in charge] is {person}.
+ [It takes place at|The venue is] the {place}.
+ [The doors open|Opening is] at {opens}.
+ [Closing time is|The doors close at] {closes}.
## ride
- [Take|Catch] the {leaves} train from {start}; you will be in {end} at {arrives}.
- {number}, {start} {leaves} - {end} {arrives}, platform {platform}
- When does train {number} [leave|depart]? At {leaves}, from platform {platform}, [for|to] {end}.
- The [bus|coach] from {start} [gets|comes] to {end} at {arrives}; it leaves at {leaves}.
- A ticket from {start} to {end} for {date} [costs|is] {price}.
- I'll [arrive|be] in {end} at {arrives}, I am taking the {number} from {start}.
- [Attention|Attention please]: line {number} to {end} [will leave|departs] from platform {platform} at {leaves}.
- On {date} {number} [starts|sets off] from {start} at {leaves}.
- To {end}, [only|just] {price}: bus {number} from {start}
- Arrival in {end} is at {arrives}, departure [in|from] {start} at {leaves}.
- The {number} does not leave at {arrives}, which is the arrival time, but at {leaves}.
- From platform {platform} in {start}, [trains|buses] [go|run] to {end} [for|at] {price}.
- [Reserved|Booked]: {date}, train {number}, from {start} to {end}, {price}.
- We [got on|boarded] in {start} at {leaves} and [got off|stepped out] in {end} at {arrives}.
- {end} at {arrives}? Then [take|you need] the {number}, [leaving|which leaves] {start} at {leaves}.
- If you [miss|don't catch] the {number} at {leaves}, you won't be in {end} by {arrives}.
- [Go to|Run to] platform {platform}, the train to {end} [leaves|goes] at {leaves}!
- The trip on {date} begins in {start} at {leaves} and ends in {end} at {arrives}.
- For {price}, {number} [takes|carries] you from {start} to {end}.
- Dear passengers, we [will reach|reach] {end} at {arrives}; [welcome aboard|thank you for choosing] train {number}.
+ It [arrives|gets in] at {arrives}.
+ [The departure is|It departs|It sets off] at {leaves}.
+ [The platform is|It goes from platform] {platform}.
+ [The ticket is|A ticket costs] {price}.
+ The [day of the trip|date] is {date}.
+ [It is number|The number is|The line is] {number}.
+ The trip [starts|begins] in {start}.
+ The [last stop|goal of the trip] is {end}.
## climate
- [Highs|Daytime highs] of {high} and lows of {low} are [expected|forecast] for {city} on {date}.
- How cold [does it get|can it get] in {city} in {month}? {low}, but at noon it [warms up to|is] {high}.
- It [dropped|fell|went down] to {low} in {city} on {date}, [then rose|and later rose] to {high}.
- {city}, {month}: min {low}, max {high}
- [In the morning|Before sunrise] {low}, [in the afternoon|after lunch] {high}: [such is|that was] {city} on {date}.
- On {date} the thermometer in {city} [climbed|rose] from {low} to {high}.
- {high} was the [warmest|hottest] and {low} the coldest [value|reading] in {city}.
- [Pack|Bring] a coat for {city}: at night it [is|drops to] {low} in {month}, [even if|though] days reach {high}.
- Never below {low} and never above {high}: [that is|this was] {city} on {date}.
- The maximum for {city} is {high}, the minimum {low}, [says|according to] the forecast for {date}.
- [Hi from|Greetings from] {city}! {high} [during the day|at noon], {low} at night, [lovely|perfect] for {month}.
- {month} [brings|means] nights of {low} and days of {high} for {city}.
- Not {low}, which was the low, but {high} was [reached|measured] in {city} at noon on {date}.
- After a night of {low}, {city} [enjoyed|had|saw] a high of {high} on {date}.
- From {high} in the sun [down to|to] {low} after dark: {month} in {city}.
- The [coldest|chilliest] hour in {city} [had|saw|brought] {low}, the warmest {high}.
- In {month} it can be {high} in {city}, [but|yet] there may be {low} [as the lowest value|as a low].
- [Max|High] {high}, [min|low] {low}, {city}, {date}
- My [garden|balcony] in {city} [saw|had] a low of {low} and a high of {high} in {month}.
- Will it [freeze|be cold] in {city} on {date}? The low [is|will be] {low}, the high {high}.
+ [The high was|At most it was|The warmest reading was] {high}.
+ [The low was|At the coldest hour it was|The coldest reading was] {low}.
+ [The month was|This goes for] {month}.
+ [The date was|This was measured on] {date}.
+ [The station is in|This is about] {city}.
## court
- Judge {judge} [heard|opened] the case of {plaintiff} against the defendant {defendant} on {date}.
- {plaintiff} [wants|demands|claims] {amount} from {defendant} and has gone to court in {court}.
- [Verdict|Outcome]: {verdict}. [Accused|Defendant]: {defendant}. [Judge|Presiding]: {judge}.
- {plaintiff} says that {defendant} [owes|took] {amount}; a court in {court} will decide on {date}.
- On {date} the court in {court} [gave|announced] its ruling in the case against {defendant}: {verdict}.
- {defendant} was [accused|sued] by {plaintiff}, and {judge} [is|was] the judge.
- [Court news|From the courts]: {plaintiff} [sues|takes to court] {defendant}, {amount}
- {plaintiff} is not the accused but the plaintiff; the accused is {defendant}, and the [trial|hearing] \
[starts|begins] on {date}.
- In the case {plaintiff} v {defendant}, {judge} [set|fixed] the damages at {amount}.
- For {amount}, {plaintiff} [dragged|took] {defendant} to court in {court}.
- {judge} [announced|read out] the verdict on {date}: {verdict}.
- Dear {defendant}, you are [summoned|called] to court in {court} on {date} because {plaintiff} is suing you.
- I am {plaintiff} and I am [suing|taking action against] {defendant} over {amount}.
- The claim of {plaintiff} over {amount} [ended|is now closed]: {verdict}.
- [Hearing|Trial]: {date}, {court}, {plaintiff} (plaintiff), {defendant} (defendant), {judge}
- When judge {judge} entered the room in {court}, {defendant}, the accused, [stood up|was pale].
- The lawyers of {defendant} told judge {judge} that {plaintiff}, who had sued, [was lying|had no proof].
- {amount} is what {plaintiff} [asks for|wants] from {defendant}, [said|noted] judge {judge}.
- The dispute [over|about] {amount} [came|went] to court in {court}; the outcome was: {verdict}.
- Who [is hearing|hears] the case against {defendant}? {judge}, on {date} in {court}.
+ The [verdict|ruling|outcome] was: {verdict}.
+ [The hearing is|The court met|The trial took place] on {date}.
+ The [accused|defendant] is {defendant}.
+ The [accuser|plaintiff] is {plaintiff}.
+ [The damages come to|It is about|The claim is for] {amount}.
+ {judge} [was the judge|presided].
## lease
- [Contract|Lease]: {tenant} (tenant), {landlord} (landlord), {address}, {rent} [monthly|a month]
- The flat at {address} [belongs to|is owned by] {landlord}; {tenant} [rents it|lives there as tenant] from {start}.
- [How much|What] does {tenant} pay for {address}? {rent} [a month|per month], plus {deposit} as a deposit.
- {tenant} [moves|will move] into {address} on {start} and [stays|will stay] for {length}.
- Before moving in, {tenant} has to [pay|give] {landlord} a deposit of {deposit}.
- Dear {landlord}, I will [pay|send] the rent of {rent} [on time|as promised]. [Yours|Regards], {tenant}
- Dear {tenant}, the [keys|papers] for {address} will be [ready|waiting] on {start}. [Yours|Regards], {landlord}
- For {length}, {landlord} has [rented out|let] {address}, and the tenant is {tenant}.
- Rent {rent}, deposit {deposit}, [start|from] {start}, {address}
- {tenant} does not own the house at {address} but rents it from {landlord}.
- My [landlord|landlady] {landlord} [asks|takes|wants] {rent} a month and [took|keeps] {deposit} as a deposit.
- From {start}, {rent} a month must be [paid|sent] to {landlord}.
- {landlord} [gave|handed] the keys of {address} to {tenant}, who [stays|remains] for {length}.
- [Wanted|Found]: a tenant for {address}; {landlord} [asks|wants] {rent} and a deposit of {deposit}.
- The deposit of {deposit} was [paid|transferred] by {tenant} to {landlord} before {start}.
- At {rent} a month, {tenant} [took|rented] the place of {landlord} for {length}.
- Who is the new tenant at {address}? {tenant}, [starting|from] {start}.
- The lease of {tenant} at {address} [lasts|goes on for] {length}; the monthly rent is {rent}.
- [Landlord|Owner]: {landlord}. [Tenant|Renter]: {tenant}. [Deposit|Security]: {deposit}. [Term|Length]: {length}.
- I have been [living|renting] at {address} since {start}; {landlord} [charges|bills] me {rent}.
+ The [landlord|owner] is {landlord}.
+ The [tenant|renter] is {tenant}.
+ [The contract lasts|The contract is for|The lease lasts] {length}.
+ [The monthly rent is|Each month costs|The rent comes to] {rent}.
+ [A deposit of|Security of] {deposit} [is needed|was paid].
+ The [tenant moves in|contract starts] on {start}.
## family
- [This is|Here comes] {child}, {age} years old, with {parent}, [the mother|the father].
- {child} ({age}) is in class {class}; [call|ring] {parent} at {phone} [in an emergency|if needed].
- Who is the teacher of {child}? {teacher}, in class {class}.
- {parent} [picked up|collected|fetched] {child} from the {place} [after school|early].
- At the {place}, {teacher} [met|spoke to] {parent}, the [mother|father] of {child}.
- My name is {child}, I am {age}, and my [mum|dad] is called {parent}.
- Dear {parent}, {child} [was ill|forgot a bag|did very well] today. [Yours|Regards], {teacher}
- Dear {teacher}, {child} of class {class} [is ill|cannot come] today. [Regards|Yours], {parent}
- [Emergency list|Class list]: {child}, {class}, parent {parent}, {phone}
- It was not a parent but the teacher, {teacher}, who [took|drove] {child} to the {place}.
- {parent} has a [son|daughter] of {age}, {child}, who goes to class {class}.
- Class {class} with {teacher} [visited|went to] the {place}; {child} [got lost|loved it].
- If {child} [cries|has a fever], [phone|dial] {phone} and ask for {parent}.
- {teacher} [called|phoned] {parent} on {phone} [about|because of] {child}.
- At {age}, {child} [started|joined] class {class}, taught by {teacher}.
- {child} has [turned|reached] {age}; {parent} [gave|held] a party at the {place}.
- [Lost child|Found child] at the {place}: {child}, {age} years old, [parent|mother or father] {parent}
- [Mother|Father] {parent} [waits|is waiting] for {child} at the {place}.
- The phone number of {parent}, whose child {child} is in class {class}, is {phone}.
- [Child|Pupil]: {child}. [Age|Years]: {age}. [Parent|Family]: {parent}. [Phone|Mobile]: {phone}.
- Every morning {parent} [drives|walks|takes] {child} to class {class} near the {place}.
+ The [class teacher|teacher] is {teacher}.
+ In an emergency, [call|ring|dial] {phone}.
+ The [parent|mother or father] is {parent}.
+ [The child goes to|The pupil is in] class {class}.
+ The child is {age} years old.
+ They [met|were seen|went for a walk] at the {place}.
## candidate
- [Interview|Job interview]: {candidate}, {position}, {date}, {time}
- {company} [is looking for|needs|wants] a {position}, and {candidate} has [sent|handed in] an application.
- At {time} on {date}, {candidate} [meets|will meet|sits down with] the recruiter {interviewer}.
- Dear {candidate}, we [invite you|would like to see you] on {date} at {time}. [Yours|Regards], {interviewer}, {company}
- Dear {interviewer}, I have worked as a {position} for {years} years and [would love|want] to join {company}. \
[Yours|Regards], {candidate}
- Who [will talk|speaks] to {candidate} about the job on {date}? {interviewer} of {company}.
- With {years} years [of practice|in the job], {candidate} [is|seems] the right {position} for {company}.
- {interviewer}, who [hires|recruits] for {company}, [liked|praised] {candidate}, a {position}.
- {candidate} is not the interviewer but the applicant; {interviewer} [does|conducts] the interview at {time}.
- After {years} years as a {position}, {candidate} [wants a change|is changing jobs] and [has applied|applies] to \
{company}.
- Applicant: {candidate}; [job|position]: {position}; experience: {years} years; [recruiter|interviewer]: {interviewer}.
- {company} has [set|planned] the interview with {candidate} for {date}[.|, on the third floor.|, online.]
- I [have|had] an interview at {company} at {time}; the recruiter is {interviewer} and the job is {position}.
- Is {candidate} [coming|free] on {date}? The recruiter, {interviewer}, [has|would have] time at {time}.
- The [job|post] of {position} at {company} [went|goes] to {candidate} after an interview with {interviewer}.
- [Hiring|Recruiting] for {company}, {interviewer} [asked|wanted] {candidate} to come on {date}.
- {years} years of experience, a {position} by trade: {candidate} [impressed|convinced] {interviewer}, the recruiter.
- Note for {interviewer}: candidate {candidate} [arrives|comes] at {time}, [have coffee ready|don't be late].
- On {date}, {company} will [test|interview] {candidate} for the [post|job] of {position}.
- Led by {interviewer}, the interview of {candidate} [begins|starts] at {time}.
+ The [applicant|candidate] is {candidate}.
+ {interviewer} [conducts|holds|leads] the interview.
+ The [meeting|interview] [is|takes place] on {date} at {time}.
+ [The job is that of|The vacancy is for] a {position}.
+ The applicant [brings|has] {years} years of experience.
+ The employer is {company}.
## comparison
- [First choice|Option one]: the {first}, {price1}; [second choice|option two]: the {second}, {price2}
- The first [one|article|product] is a {first} [for|at] {price1}, the second [one|article|product] a {second} [for|at] \
{price2}.
- We compared two things, [first|number one] a {first} and [second|number two] a {second}; number one is {better}.
- At {price1} there is item one, the {first}; at {price2} [there is|you find] item two, the {second}.
- The second item, the {second}, [costs|is priced at] {price2}; the first, the {first}, [costs|is] {price1}.
- Product B, a {second}, is {better} than product A, a {first}.
- Is the {first} (product A) {better} than the {second} (product B)? A [costs|is sold for] {price1}, B {price2}.
- [Dear reader|Hello], [in this test|today] product A is the {first} for {price1} and product B is the {second} for \
{price2}.
- Row 1: {first}, {price1}; row 2: {second}, {price2}; [remark|result]: row 1 is {better}
- [I can't decide|Help me choose]: first the {first} at {price1} or second the {second} at {price2}?
- Number two on [my|the] list, a {second}, is {better} than number one, a {first}.
- Price of the first item: {price1}. Price of the second item: {price2}. [They are|We mean] the {first} and the \
{second}.
- Not the first item, a {first}, but the second, a {second}, is {better}.
- Item A ({first}) and item B ({second}) [cost|are sold for] {price1} and {price2} [respectively|in that order].
- [While|Whereas] the first product, the {first}, costs {price1}, the second, the {second}, [comes to|goes for] \
{price2}.
- You [looked at|tried] the {first} first and the {second} second; [the second one|the second of them] costs {price2}.
- Buy product B for {price2}, the {second}, [rather than|and not] product A for {price1}, the {first}.
- Of the two, the {first} (item 1) is {better}, [though|although] the {second} (item 2) [costs|is priced at] {price2}.
- {price2} for the second item, a {second}, [and|but] {price1} for the first, a {first}.
- Item 2 is a {second} and item 1 a {first}; [we found that|in our test] item 1 is {better}.
+ The first [item|product] [costs|is] {price1}.
+ The second [item|product] [costs|is] {price2}.
+ [Test result|Advantage|Difference]: {better}.
+ In the [test|comparison], one [proved|turned out to be] {better}.
"""
