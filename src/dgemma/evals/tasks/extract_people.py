"""Sentence templates about people for the extraction task: lives, contacts, meetings, doctors, jobs, bookings.

Promises text in the notation that `extract_domain` parses and explains. Knows nothing of draws, splits or requests.
"""

PEOPLE = """
## person
person person_name: person name full_name who ~individual ~subject
age age: age years age_in_years ~years_old
city city: city town place lives_in residence ~hometown ~location
job job: job profession occupation work job_title ~role ~trade
employer company: employer company works_for organisation ~workplace
hobby :chess|sailing|pottery|hiking|photography|baking|astronomy|judo|knitting|rowing|salsa|\
birdwatching: hobby ~pastime
- {person} is a {age}-year-old {job} from {city}.
- {person}, {age}, works as a {job} in {city}.
- {person} ({age}) lives in {city} and works for {employer}.
- [At|At the age of] {age}, {person} moved to {city} to work as a {job}.
- My [neighbour|cousin|friend|colleague] {person} is {age} years old and works as a {job} at {employer}.
- Meet {person}, a {job} based in {city}.
- I'm {person}, {age}, and I work as a {job} for {employer}.
- My name is {person}. I am a {job} and I live in {city}.
- Hello, I am {person} from {city}. I am {age} years old.
- In {city} we talked to {person}, who has been a {job} for years.
- {employer} has a new {job}: {person}, {age}, from {city}.
- The {job} {person} [was born|grew up] in {city} and is now {age}.
- {person} works at {employer} as a {job}.
- {person} lives in {city}.
- {city} is home to {person}, a {job} aged {age}.
~- Aged {age}, {person} earns a living as a {job} in {city}.
~- One of the people we met in {city} was {person}, {age}, a {job} with {employer}.
+ [In the evenings|At weekends|After work], {person.first} enjoys {hobby}.
+ {person.first} is {age} years old.
+ [He|She] works as a {job}.
+ [He|She] has lived in {city} for years.
+ [He|She] is employed by {employer}.
+ {person.first}'s employer is {employer}.
+ [His|Her] favourite hobby is {hobby}.
~+ Most of [his|her] free time goes into {hobby}.
## contact
person person_name: name person contact contact_name contact_person full_name ~attendee ~correspondent
email email: email e-mail mail email_address ~mail_address ~e_mail
phone phone: phone telephone phone_number mobile tel number ~cell ~telephone_number
address address: address street street_address ~postal_address
city city: city town location ~municipality
company company: company firm organisation business employer ~organization
- You can reach {person} at {email} or by phone at {phone}.
- Contact: {person}, {company}, {email}, {phone}.
- Please write to {person} ({email}) if you have questions.
- {person} from {company} can be called at {phone}.
- {person} lives at {address} in {city}. The phone number is {phone}.
- For more details, call {person} on {phone} or send a message to {email}.
- My name is {person}, my number is {phone} and my mail is {email}.
- Best regards, {person}, {company}, {address}, {city}. Tel: {phone}
- New contact saved: {person}, {phone}, {email}.
- Send the papers to {person}, {address}, {city}.
- Hi, this is {person} from {company}. Call me back at {phone} please.
- The mail from {email} was sent by {person} of {company}.
- {company} is at {address}, {city}. Ask for {person}.
~- Questions go to {person}, whose mailbox is {email} and whose line is {phone}.
~- If urgent, ring {phone} and ask for {person} at {company}.
+ The email address is {email}.
+ [His|Her|The] phone number is {phone}.
+ [The office is|We are] at {address}.
+ The office is in {city}.
+ {person.first} works for {company}.
~+ Mails reach us at {email}.
~+ Parcels go to {address}.
## event
event :jazz_festival|spring_fair|book_fair|wine_tasting|science_night|charity_run|film_night|food_market|art_show|\
flea_market|poetry_slam|open_day|chess_tournament|summer_concert|tech_conference|dance_workshop|pottery_class|\
lantern_parade|bike_marathon|piano_recital|garden_party|job_fair: event event_name occasion name what title ~happening
date date: date day when event_date ~on_which_day
time time_of_day: time start_time starts_at start begins hour ~beginning
place venue: place venue where location site ~held_at
city city: city town ~municipality
price money: price ticket_price cost fee entry_fee admission ~entrance_fee
host company: organiser host organizer sponsor ~run_by
guests number: visitors attendance guests number_of_guests ~crowd
- The {event} takes place on {date} at {place}.
- On {date}, {place} hosts the {event}.
- Join us for the {event} at {place} in {city}, {date}, {time}.
- The {event} in {city} starts at {time} on {date}.
- Tickets for the {event} on {date} cost {price}.
- {host} invites you to the {event} on {date} at {place}.
- Save the date: {event}, {date}, {time}, {place}.
- This year's {event} will be held at {place} in {city}.
- Do not miss the {event} at {place}! Doors open at {time}, entry is {price}.
- We are happy to announce the {event}, which begins on {date} at {time}.
- The {event} was moved from the usual spot to {place}. The new date is {date}.
- Are you free on {date}? There is a {event} at {place}, starting at {time}.
~- Come to {place} on {date} for our {event}; it kicks off at {time}.
~- {city} celebrates its {event} on {date}, and getting in costs {price}.
+ Tickets are {price}.
+ Entry costs {price} per person.
+ It starts at {time}.
+ Doors open at {time}.
+ It is organised by {host}.
+ About {guests} visitors are expected.
+ Last year {guests} guests came.
+ The venue is {place}.
~+ You pay {price} at the door.
~+ The crowd may reach {guests}.
## meeting
topic :budget|new_website|hiring_plan|office_move|product_launch|sales_figures|safety_rules|travel_policy|road_map|\
summer_party|data_backup|customer_survey|brand_design|tax_report|warehouse_lease: topic subject agenda theme ~matter
date date: date day when meeting_date ~scheduled_for
time time_of_day: time start_time starts_at hour ~clock_time
place venue: place room location where venue ~meeting_point
person person_name: organiser host chair person organizer led_by ~leader ~convenor
length short_duration: duration length how_long ~takes
- The meeting about the {topic} is on {date} at {time}.
- {person} has called a meeting on {date} to discuss the {topic}.
- We meet on {date} at {time} in {place} to talk about the {topic}.
- Reminder: the {topic} meeting is on {date}, {time}, {place}.
- Hi all, let's talk about the {topic} on {date} at {time}. We will be in {place}.
- {person} will lead a discussion of the {topic} in {place} at {time}.
- Can we move the {topic} meeting to {date} at {time}?
- The team will gather in {place} on {date}. {person} is the host.
- Invitation from {person}: {topic}, {date}, {time}.
~- On {date} at {time}, {person} wants to go through the {topic} with everyone.
~- Our talk on the {topic} has been put off until {date}, same room: {place}.
+ The meeting will last {length}.
+ Please plan for {length}.
+ {person} will chair.
+ We will meet in {place}.
+ The topic is the {topic}.
~+ It should be over after {length}.
## appointment
patient person_name: patient name patient_name person client ~sick_person
doctor doctor_name: doctor physician dentist specialist doctor_name ~seen_by ~practitioner
date date: date day when appointment_date ~visit_date
time time_of_day: time hour appointment_time ~slot
reason :back_pain|a_cough|knee_pain|a_toothache|headaches|a_skin_rash|a_check-up|a_sore_throat|a_blood_test|\
an_ear_infection|\
hay_fever|a_broken_wrist|a_flu_shot|poor_sleep|dizziness|an_eye_test|a_sprained_ankle: \
reason problem complaint symptom cause issue ~condition ~concern
clinic venue: clinic practice place location hospital ~surgery
- {patient} has an appointment with {doctor} on {date} at {time}.
- {doctor} will see {patient} on {date} because of {reason}.
- Appointment for {patient}: {date}, {time}, {doctor}.
- {patient} came to {doctor} with {reason}.
- I would like to see {doctor} on {date} about {reason}. My name is {patient}.
- Because of {reason}, {patient} will visit {doctor} at {time} on {date}.
- The visit of {patient} with {doctor} was moved to {date}, {time}.
- Dear {patient}, your appointment is on {date} at {time} with {doctor}.
- Reception booked {patient} in for {time} on {date}. The reason is {reason}.
~- On {date} at {time} {doctor} expects {patient} for {reason}.
~- {patient}, who suffers from {reason}, was sent to {doctor}.
+ The patient complains of {reason}.
+ It is about {reason}.
+ The doctor is {doctor}.
+ The appointment is at {time}.
+ The practice is at the {clinic} building.
~+ What brings the patient in is {reason}.
## job_ad
position job: position job job_title role title opening vacancy ~post
company company: company employer firm organisation ~hiring_company
city city: city location place town based_in ~workplace
salary big_money: salary pay annual_salary wage yearly_pay ~compensation
deadline date: deadline closing_date apply_by application_deadline ~last_day
email email: email contact apply_to contact_email ~send_to
hours count: hours weekly_hours hours_per_week ~working_hours
start date: start_date starting_date starts ~first_day
experience count: years_of_experience experience experience_years ~required_years
- {company} is looking for a {position} in {city}.
- Wanted: {position} for our office in {city}. Salary: {salary}.
- We are hiring! {company} needs a {position}. Apply by {deadline}.
- {company} in {city} seeks a {position} with {experience} years of experience.
- Job opening: {position} at {company}, {city}, {salary} per year.
- Do you want to work as a {position}? {company} offers {salary} a year in {city}.
- The position of {position} at {company} is open until {deadline}.
- A {position} is needed in {city} from {start}. The employer is {company}.
- Join {company} as a {position}!
~- Our team in {city} has room for one more {position}; {company} pays {salary}.
~- To become a {position} with {company}, hand in your papers before {deadline}.
+ The salary is {salary} a year.
+ We pay {salary} per year.
+ Send your application to {email}.
+ Please apply by {deadline}.
+ Closing date: {deadline}.
+ The job is {hours} hours a week.
+ The work starts on {start}.
+ You should have {experience} years of experience.
+ The job is based in {city}.
~+ Candidates write to {email}.
~+ The yearly pay is {salary}.
## support
customer person_name: customer name user client customer_name reporter ~sender ~caller_name
product product: product item device article ~goods
ticket code: ticket ticket_id ticket_number case_number case id reference ~ticket_no
problem :does_not_turn_on|makes_a_loud_noise|is_leaking|keeps_switching_off|arrived_broken|smells_of_smoke|\
will_not_charge|\
shows_an_error|is_too_hot|has_a_crack|is_missing_a_screw|overheats: problem issue fault complaint error ~defect
status :open|closed|pending|resolved|in_progress|waiting|escalated: status state ticket_status ~progress
agent first_name: agent assigned_to handled_by support_agent ~clerk
priority :high|low|medium|urgent|normal: priority urgency severity ~importance
date date: date opened_on reported_on created ~logged_on
- Ticket {ticket}: {customer} reports that the {product} {problem}.
- {customer} wrote to us because the {product} {problem}.
- Hello, my name is {customer}. The {product} I bought {problem}.
- On {date}, {customer} opened ticket {ticket} about the {product}.
- The {product} of {customer} {problem}. The ticket number is {ticket}.
- Case {ticket} was opened by {customer} on {date}. The status is {status}.
- {agent} is working on ticket {ticket} from {customer}.
~- According to {customer}, the {product} {problem}; see {ticket}.
~- {ticket} concerns a {product} that {problem}.
+ The priority is {priority}.
+ The ticket is {status}.
+ Status: {status}.
+ {agent} is handling the case.
+ It was assigned to {agent}.
+ The request was filed on {date}.
+ The reference is {ticket}.
~+ It has been marked as {priority}.
## hotel
guest person_name: guest name guest_name person traveller booked_by ~visitor ~occupant
hotel company: hotel accommodation hotel_name ~lodging
city city: city town location destination
arrival date: check_in arrival arrival_date checkin from_date ~arrives
departure date: check_out departure departure_date checkout until ~leaves
nights count: nights number_of_nights stay_length ~length_of_stay
room code: room room_number ~room_no
price money: price total cost rate total_price amount ~bill
reference code: booking_number confirmation reference booking_code reservation_id ~confirmation_code
- {guest} booked a room in {city} from {arrival} to {departure}.
- Booking {reference}: {guest}, arriving {arrival}, leaving {departure}.
- {guest} will stay {nights} nights in {city}, from {arrival} on.
- The guest in room {room} is {guest}, who checks out on {departure}.
- Dear {guest}, your room is reserved from {arrival} until {departure}. The total is {price}.
- I'd like a room for {nights} nights from {arrival}. My name is {guest}.
- {guest} reserved {nights} nights at the {hotel} in {city}.
- The {hotel} confirms the stay of {guest} from {arrival} to {departure}.
~- We look forward to welcoming {guest} on {arrival}; the stay ends on {departure}.
~- Under number {reference} the {hotel} keeps a room for {guest}.
+ The room number is {room}.
+ The price is {price}.
+ The stay costs {price} for {nights} nights.
+ The total is {price}.
+ The confirmation number is {reference}.
+ Check-in is on {arrival}.
+ Check-out is on {departure}.
~+ The bill comes to {price}.
"""
