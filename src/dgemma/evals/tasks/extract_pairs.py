"""Sentence templates with two values of one sort for the extraction task: buyer and seller, start and end, old and new.

Promises text in the notation that `extract_domain` parses and explains. Knows nothing of draws, splits or requests.
"""

PAIRS = """
## deal
buyer person_name: buyer purchaser new_owner bought_by ~acquirer
seller person_name: seller vendor previous_owner sold_by ~sold_from
item product: item product object sold_item what ~goods
price money: price amount sum cost value ~selling_price
date date: date day sale_date when ~sold_on
city city: city place town ~location_of_sale
- {buyer} bought the {item} from {seller} for {price}.
- {seller} sold the {item} to {buyer} on {date}.
- {seller} got {price} from {buyer} for the {item}.
- On {date} in {city}, {buyer} bought a {item} from {seller}.
- The {item} of {seller} now belongs to {buyer}, who paid {price}.
- The buyer is {buyer}, the seller is {seller}; the price is {price}.
- Sales contract: {seller} (seller), {buyer} (buyer), {item}, {price}.
~- {price} changed hands when {seller} let {buyer} have the {item}.
+ The deal was closed in {city}.
+ The price was {price}.
+ It was sold on {date}.
~+ Both signed in {city}.
## gift
giver person_name: giver from given_by sender donor ~gave
receiver person_name: receiver recipient to given_to ~got
item product: gift item present object what ~thing_given
date date: date day when given_on ~gift_day
occasion :birthday|wedding|graduation|anniversary|retirement|housewarming|name_day|\
farewell: occasion event reason ~celebration
- {giver} gave {receiver} a {item} for the {occasion}.
- {receiver} got a {item} from {giver} on {date}.
- For the {occasion} on {date}, {giver} sent {receiver} a {item}.
- The {item} was a present from {giver} to {receiver}.
- From {giver} to {receiver}: one {item} for your {occasion}.
~- What {receiver} unpacked on {date} was a {item}, given by {giver}.
+ The occasion was the {occasion}.
+ It was given on {date}.
~+ All that for a {occasion}.
## loan
lender person_name: lender creditor owner lent_by ~loaned_by
borrower person_name: borrower debtor lent_to borrowed_by ~loaned_to
item product: item object what lent_item ~thing_lent
amount money: amount sum loan money ~debt
start date: start_date lent_on from_date since ~loan_date
end date: return_date due_date until back_by deadline ~return_on
- {lender} lent {borrower} a {item} until {end}.
- {borrower} borrowed {amount} from {lender} on {start}.
- {lender} lent {amount} to {borrower}, to be paid back by {end}.
- {borrower} has had the {item} of {lender} since {start}.
- From {start} until {end}, {lender} lends {borrower} the {item}.
~- By {end}, {borrower} has to give the {item} back to {lender}.
+ It must be returned by {end}.
+ It was lent on {start}.
~+ {end} is the last day.
## price_change
item product: item product article name ~goods
old money: old_price price_before previous_price former_price ~original_price
new money: new_price price_now current_price now price_after ~today's_price
shop company: shop company store seller ~merchant
change percentage: change discount difference percentage ~percent_change
date date: date day since valid_from ~effective_date
- The {item} used to cost {old} and now costs {new}.
- {shop} changed the price of the {item} from {old} to {new}.
- The price of the {item} was {old}; since {date} it is {new}.
- Now {new} instead of {old}: the {item} at {shop}.
- Old price {old}, new price {new}: {item}.
~- You pay {new} for the {item} that was {old} before.
+ That is a change of {change}.
+ The offer comes from {shop}.
+ It has been so since {date}.
~+ The difference is {change}.
## period
event :exhibition|festival|course|sale|project|construction_work|holiday|strike|training|summer_camp|market|\
residency: \
event what name activity ~affair
start date: start_date start from begins first_day ~opening_date
end date: end_date end until ends last_day to ~final_day
opens time_of_day: opening_time opens opens_at ~doors
closes time_of_day: closing_time closes closes_at ~shuts
place venue: place venue location where ~held_in
person person_name: organiser leader person contact ~in_charge
- The {event} runs from {start} to {end}.
- The {event} at the {place} starts on {start} and ends on {end}.
- From {start} until {end} you can visit the {event} at the {place}.
- The {event} is open from {opens} to {closes}.
- {person} leads the {event} from {start} to {end}.
- The {event} begins on {start}; the last day is {end}.
- The {place} opens at {opens} and closes at {closes}.
~- First day {start}, last day {end}: that is the {event}.
~- You can enter at {opens}, but at {closes} the {place} shuts.
+ It opens at {opens} and closes at {closes}.
+ {person} is the contact.
+ It is held at the {place}.
~+ Ask {person} if in doubt.
## ride
number flight: train train_number line bus number connection ~service
start city: from start departure_city origin start_city ~leaves_from
end city: to destination arrival_city end_city end ~arrives_in
leaves time_of_day: departure departure_time leaves departs leaves_at ~time_of_departure
arrives time_of_day: arrival arrival_time arrives arrives_at ~time_of_arrival
platform count: platform track gate ~bay
price money: price fare cost ticket_price ~ticket
date date: date day travel_date when ~day_of_travel
- Train {number} leaves {start} at {leaves} and arrives in {end} at {arrives}.
- The bus {number} departs from {start} at {leaves}. It reaches {end} at {arrives}.
- Departure {start} {leaves}, arrival {end} {arrives}.
- The train to {end} leaves at {leaves} from platform {platform} and gets there at {arrives}.
- On {date}, train {number} goes from {start} to {end}.
- We leave {start} at {leaves} and will be in {end} at {arrives}.
- {start} to {end}, {date}, {price}, train {number}.
~- It is {arrives} when the {number} from {start} pulls into {end}.
+ The fare is {price}.
+ It leaves from platform {platform}.
+ The train number is {number}.
~+ Board it on platform {platform}.
## climate
city city: city place location town ~station
low temperature: low minimum min_temperature lowest night_temperature min ~coldest
high temperature: high maximum max_temperature highest day_temperature max ~warmest
date date: date day when ~forecast_day
month month: month in_month ~month_name
- In {city}, temperatures range from {low} to {high}.
- {city} expects a high of {high} and a low of {low} on {date}.
- {date} in {city}: low {low}, high {high}.
- In {month}, nights in {city} cool down to {low}, days reach {high}.
- The lowest value in {city} was {low}, the highest {high}.
~- Between {low} at night and {high} by day: {city} in {month}.
+ That was on {date}.
+ It was {month}.
~+ {month} is like that.
## court
plaintiff person_name: plaintiff accuser claimant ~suing_party
defendant person_name: defendant accused ~sued_party
judge titled_name: judge presided_by ~magistrate
amount money: amount damages sum compensation ~demand
court city: court city court_city place ~venue_of_trial
date date: date trial_date hearing_date day ~court_date
verdict :guilty|not_guilty|dismissed|settled|adjourned|overturned: verdict outcome result ruling ~finding
- {plaintiff} sued {defendant} for {amount}.
- The defendant {defendant} was found {verdict} by judge {judge}.
- {plaintiff} against {defendant}: the hearing is on {date} in {court}.
- In {court}, {judge} ordered {defendant} to pay {amount} to {plaintiff}.
~- {defendant} must answer to {plaintiff} before {judge}.
+ The judge was {judge}.
+ The sum at stake is {amount}.
+ The case was heard in {court}.
~+ {judge} had the last word.
## lease
tenant person_name: tenant renter lessee rented_by ~occupant
landlord person_name: landlord owner lessor rented_from ~proprietor
address address: address flat home property_address where ~dwelling
rent money: rent monthly_rent price rent_amount ~per_month
deposit money: deposit security security_deposit ~bond
start date: start_date from moves_in lease_start begins ~move_in
length duration: duration lease_term length for_how_long ~term
- {tenant} rents {address} from {landlord} for {rent} a month.
- {landlord} lets {address} to {tenant} from {start}.
- Tenant {tenant} pays {landlord} a rent of {rent} and a deposit of {deposit}.
- The rent for {address} is {rent}, the deposit {deposit}.
- From {start}, {tenant} will live at {address}.
~- {landlord} and {tenant} agreed on {rent} for {address}.
+ The deposit is {deposit}.
+ The lease runs for {length}.
+ It begins on {start}.
~+ They signed for {length}.
## family
parent person_name: parent mother father ~guardian
child first_name: child son daughter kid child_name ~offspring
age count: age child_age years ~how_old
place venue: place venue where ~brought_to
class code: class class_number form ~group
teacher titled_name: teacher class_teacher taught_by ~form_teacher
phone phone: phone phone_number telephone emergency_number ~mobile
- {parent} has a child called {child}, who is {age} years old.
- {child}, {age}, is the child of {parent}.
- {parent} brought {child} to the {place}.
- {child} goes to class {class}; the teacher is {teacher}.
- Please call {parent} at {phone} if {child} feels ill.
- {teacher} teaches {child} in class {class}.
~- {age} years ago {parent} gave birth to {child}.
+ {child}'s teacher is {teacher}.
+ The number to call is {phone}.
+ {child} is in class {class}.
~+ {teacher} knows {child} well.
## candidate
candidate person_name: candidate applicant name interviewee ~job_seeker
interviewer person_name: interviewer recruiter hiring_manager interviewed_by ~asked_by
position job: position job role job_title applied_for ~vacancy
company company: company employer firm ~recruiting_company
date date: date interview_date day when ~day_of_interview
time time_of_day: time interview_time hour ~starts_at
years count: experience years_of_experience years ~years_worked
- {candidate} applied for the position of {position} at {company}.
- {interviewer} will interview {candidate} on {date} at {time}.
- {candidate} has {years} years of experience as a {position}.
- The interview of {candidate} with {interviewer} is on {date}.
- {interviewer} of {company} invited {candidate} for an interview at {time}.
- I would like to apply as a {position} at {company}. Yours, {candidate}
~- {candidate} hopes to become a {position}; {interviewer} will decide.
+ The job is at {company}.
+ The interview starts at {time}.
+ The recruiter is {interviewer}.
~+ {interviewer} asks the questions.
## comparison
first product: first_item item_1 product_a first_product ~option_a
second product: second_item item_2 product_b second_product ~option_b
price1 money: first_price price_1 price_a ~cost_a
price2 money: second_price price_2 price_b ~cost_b
better :lighter|cheaper|stronger|quieter|faster|bigger|newer|safer: advantage difference comparison ~contrast
- First there is the {first} for {price1}, second the {second} for {price2}.
- Product A is the {first}, product B is the {second}. A is {better}.
- Item 1: {first}, {price1}. Item 2: {second}, {price2}.
- The first item, a {first}, costs {price1}; the second, a {second}, costs {price2}.
~- A: {first} at {price1}. B: {second} at {price2}.
+ One of them is {better}.
~+ Which one is {better} is plain to see.
"""
