"""Single sentences of every sort for the extraction task, with the plainest key names: name, date, amount, city, item.

Promises text in the notation that `extract_domain` parses and explains. Knows nothing of draws, splits or requests.
"""

MIXED = """
## money
person person_name: name person customer payer who full_name client spender buyer ~individual
amount money: amount price total sum cost money value paid ~figure
date date: date day when date_paid ~on_day
item product: item product purchase article thing object what ~goods
company company: company shop store seller vendor merchant business ~retailer
city city: city place town location ~where
- {person} paid {amount} on {date}.
- On {date} {person} paid {amount} to {company}.
- {person} spent {amount} at {company}.
- {person} spent {amount} on the {item} in {city}.
- {amount} is what {person} paid for the {item}.
- The {item} cost {person} {amount}.
- The {item} from {company} costs {amount}.
- {company} charged {person} {amount} for the {item} on {date}.
- The {item} is on sale for {amount} at {company} until {date}.
- {person} sold the {item} for {amount}.
- {person} won {amount} in {city} on {date}.
- {person} got a refund of {amount} for the {item}.
- The price of the {item} is {amount}.
- I paid {amount} for the {item} at {company} in {city}.
- {person} borrowed {amount} on {date}.
- We owe {company} {amount} for the {item}.
- {person} donated {amount} on {date}.
- Receipt: {item}, {amount}, {date}, {company}.
- {date}: {person} bought the {item}, {amount}.
- A fine of {amount} was given to {person} in {city}.
- {person} found {amount} in {city} on {date}.
- {company} owes {person} {amount}.
- At {company}, the {item} now costs only {amount}.
- {person} saved {amount} to buy the {item}.
- The bill for {person} was {amount}, paid on {date}.
- {person} earns {amount} at {company}.
- In {city} {person} rented the {item} for {amount}.
- Repairing the {item} cost {person} {amount}.
~- For the {item} in the window {person} handed over {amount}.
~- {company} in {city} asks {amount} for the {item}.
~- It was {date} when {person} received {amount}.
~- {person} put down {amount} as a deposit for the {item}.
+ It happened in {city}.
+ That was on {date}.
+ The shop was {company}.
+ The amount was {amount}.
+ The payment was made on {date}.
## purchase
person person_name: name person customer buyer who client shopper ~individual
item goods: item product items products goods what things article ~wares
number count: quantity number count how_many qty ~units
amount money: price amount total cost total_price sum paid ~expense
shop company: shop store seller company supermarket place_of_purchase ~retailer
city city: city town place location ~where
date date: date day when purchase_date ~on_day
colour colour: colour color ~shade
- {person} bought {number} {item} for {amount}.
- {person} bought {number} {item} at {shop} on {date}.
- {person} ordered {number} {item} from {shop}.
- {person} bought {item} for {amount} in {city}.
- {shop} sold {number} {item} for {amount}.
- {person} wants {number} {colour} {item} by {date}.
- On {date}, {person} picked up {number} {item} in {city}.
- We need {number} {item} from {shop}.
- {number} {item} cost {amount} at {shop}.
- {person} sold {number} {item} on {date} and earned {amount}.
- Please deliver {number} {item} to {person} in {city}.
- {person} took {number} {item} to {city}.
- There are {number} {item} in the box for {person}.
- {number} {colour} {item} were sent to {person}.
- {person} paid {amount} for {number} {item}.
- The order of {person}: {number} {item}, {amount}.
- Invoice for {person}: {number} {item}, total {amount}.
- I bought {number} {colour} {item} for {amount} at {shop}.
~- {person} came home from {shop} with {number} {item}.
~- For {amount} {person} got {number} {item} in {city}.
~- {number} {item}, that is what {person} asked for on {date}.
+ The total was {amount}.
+ They are {colour}.
+ It was bought in {city}.
+ The shop is called {shop}.
+ It was on {date}.
~+ All of them were {colour}.
## people
person person_name: name person full_name who character ~somebody
job job: job profession occupation role title position ~line_of_work
city city: city place town location birthplace where home ~place_name
country country: country nation state ~homeland
date date: date day when birthday birth_date ~on_day
age age: age years ~age_years
year year: year since ~in_the_year
language :English|French|Spanish|German|Arabic|Hindi|Polish|Turkish|Swahili|Korean|Japanese|Portuguese|Dutch|Greek|\
Thai: \
language speaks mother_tongue ~native_language
company company: company employer firm organisation ~works_at
degree :physics|history|law|medicine|economics|biology|philosophy|music|geography|nursing|architecture|chemistry: \
subject field studied degree major ~course_of_study
- {person} was born on {date} in {city}.
- {person} was born in {city}, {country}, on {date}.
- {person} comes from {country} and speaks {language}.
- {person} is a {job} from {country}.
- {person} lives in {city}, {country}.
- {person} studied {degree} in {city}.
- {person}, {age}, studied {degree} and became a {job}.
- {person} is {age} years old.
- {person} turned {age} on {date}.
- {person} moved from somewhere in {country} to {city} in {year}.
- {person} has worked for {company} since {year}.
- In {year}, {person} became a {job} at {company}.
- {person} retired in {year} after a long life as a {job}.
- The {job} {person} will visit {city} on {date}.
- {person} left {company} on {date} to become a {job}.
- {person} was hired by {company} as a {job} on {date}.
- Our new {job} is {person}, who comes from {city}.
- The winner is {person}, a {job} from {city}.
- {person} grew up in {city} and speaks {language}.
- A {job} called {person} lives in the centre of {city}.
- {country} sent {person}, a {job}, to {city}.
- I met {person} in {city}. We talked in {language}.
- {person} teaches {degree} in {city}.
- The name is {person}, age {age}, born in {city}.
- Name {person}, job {job}, city {city}.
- {person} works as {job} in {country}.
- Yesterday {company} named {person} as its new {job}.
- {person} got married in {city} on {date}.
- {person} died in {city} in {year}.
- {person} ({age}), {job}, {city}.
~- Born in {country}, {person} now works in {city} as a {job}.
~- {company} welcomes {person}, who starts as a {job} on {date}.
~- When {person} was {age}, life in {city} became too dull.
~- There is a {job} in {city} whose name is {person}.
+ [He|She] speaks {language}.
+ {person.first} is {age}.
+ [He|She] was born in {country}.
+ {person.first} studied {degree}.
+ That was in {year}.
~+ {person.first} holds a degree in {degree}.
## happenings
person person_name: name person who visitor ~individual
date date: date day when ~on_day
time time_of_day: time hour clock_time when_exactly start ~o_clock
city city: city place town location where ~spot
event :meeting|concert|lecture|party|wedding|exhibition|workshop|race|parade|festival|auction|conference|funeral|\
picnic|\
training|match|ceremony|seminar|show|trial: event what occasion type event_type ~affair
place venue: venue room building address hall ~setting
number number: number count people participants number_of_people attendance ~headcount
length short_duration: duration length lasts how_long ~time_span
- The {event} is on {date} at {time}.
- The {event} in {city} is on {date}.
- The {event} starts at {time} in {city}.
- {person} arrives in {city} on {date} at {time}.
- {person} will speak at the {event} on {date}.
- On {date} there is a {event} in {city}.
- {number} people came to the {event} in {city}.
- The {event} on {date} lasted {length}.
- The {event} at the {place} was visited by {number} people.
- {person} opened the {event} in {city} at {time}.
- The {event} begins at {time} and takes {length}.
- At {time} on {date}, {person} left {city}.
- Please come to the {place} at {time} for the {event}.
- {person} missed the {event} on {date}.
- The {event} planned for {date} was cancelled.
- There will be a {event} at the {place} in {city}.
- {person} invited {number} guests to the {event}.
- See you at the {event} on {date} in {city}!
- {event.cap}: {date}, {time}, {place}.
- A {event} with {number} people was held in {city} on {date}.
- {person} has a {event} at {time} on {date}.
- The deadline is {date} at {time}. Ask {person} for help.
- {person} will call you on {date} at {time}.
- Doors open at {time}; the {event} is at the {place}.
- Remind me of the {event} with {person} on {date}.
- Lunch with {person} on {date} at {time} in {city}.
- I have to be in {city} at {time} for a {event}.
~- {city} will hold its {event} on {date} from {time} on.
~- It takes {length}, this {event}, and {person} will lead it at {time}.
~- {date} is the day of the {event} in {city}.
+ It lasted {length}.
+ It is at the {place}.
+ {number} people are expected.
+ It begins at {time}.
+ {person} will be there.
~+ Around {number} seats are taken.
## things
item product: item product object name thing article product_name ~goods
colour colour: colour color ~tone
weight weight: weight mass weighs ~how_heavy
size length: size length dimension ~measures
number number: number quantity count amount how_many ~pieces
code code: code id number_code serial_number product_code model ~identifier
city city: city place origin made_in location ~where_from
company company: company brand maker manufacturer producer made_by supplier ~factory
price money: price cost value ~worth
material :wood|steel|glass|cotton|leather|plastic|paper|bamboo|silk|rubber|wool|stone|clay|brass|linen|aluminium: \
material made_of fabric ~substance
warranty duration: warranty guarantee warranty_period ~guaranteed_for
- The {item} weighs {weight}.
- The {item} is {colour} and weighs {weight}.
- The {item} is made of {material} in {city}.
- {company} makes the {item} from {material}.
- The {item} has the code {code} and costs {price}.
- There are {number} of the {item} in {city}.
- The {colour} {item} costs {price}.
- The {item} by {company} is {size} long and weighs {weight}.
- The {item} is {size} long and made of {material}.
- Each {item} weighs {weight} and costs {price}.
- {company} sold {number} of its {item} in {city}.
- {number} pieces of {item} were shipped to {city}.
- Article {code}: {item}, {colour}, {price}.
- The {item}, serial number {code}, was made by {company}.
- A {colour} {item} was found in {city}.
- I am looking for a {colour} {item} made of {material}.
- Our {item} comes in {colour} and has a warranty of {warranty}.
- The new {item} from {company} measures {size}.
- {item.cap}, {colour}, {size}, {price}.
- For sale: {item}, {colour}, as good as new, {price}.
- They lost a {item} with the number {code} in {city}.
- The warehouse in {city} has {number} of the {item} left.
~- Made from {material}, the {item} of {company} weighs just {weight}.
~- What you get is one {colour} {item} of {size} for {price}.
~- In {city} they build the {item} from {material}.
+ It is made of {material}.
+ It comes with a warranty of {warranty}.
+ It weighs {weight}.
+ The colour is {colour}.
+ The price is {price}.
+ It is {size} long.
+ The code is {code}.
+ It was made by {company}.
~+ It tips the scales at {weight}.
## messages
person person_name: name sender person from author signed_by ~written_by
email email: email email_address mail address contact e-mail ~mailbox
phone phone: phone phone_number telephone number mobile contact_number ~phone_no
date date: date day when deadline ~on_day
subject :holiday_plans|the_contract|your_order|the_meeting|school_fees|lost_luggage|the_new_printer|the_garden_fence|\
my_password|the_broken_lift|parking_permits|concert_seats|the_heating: subject topic about concern matter ~regarding
code code: code reference id number_code reference_number case ~ref
city city: city place location town ~sent_from
- {person} ({email}) wrote about {subject} on {date}.
- {person} called on {date} because of {subject}. The number is {phone}.
- Message from {person}: please call {phone} about {subject}.
- Dear team, I have a question about {subject}. My number is {phone}. {person}
- On {date}, {person} sent a mail from {email}.
- Please answer {person} at {email} before {date}.
- Regarding {subject}: please contact {person} by mail at {email}.
- {person} asks for a call at {phone}.
- Your code is {code}. Questions? Write to {email} or call {phone}.
- The reference for {subject} is {code}.
- Hello, this is {person} from {city}. It is about {subject}, reference {code}.
- To: {email}. Subject: {subject}. Signed, {person}
- {person} from {city} can be reached at {phone}.
- Kind regards, {person}, {city}, {phone}
~- A note from {person} says: ring me at {phone} about {subject}.
~- {email} is where {person} reads mail; the topic is {subject}.
+ The reference number is {code}.
+ Please answer by {date}.
+ The address for mail is {email}.
~+ Quote {code} when you reply.
"""
