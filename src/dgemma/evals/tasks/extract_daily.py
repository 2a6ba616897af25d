"""Sentence templates about daily life for the extraction task: school, pets, libraries, health, home, lost things.

Promises text in the notation that `extract_domain` parses and explains. Knows nothing of draws, splits or requests.
"""

DAILY = """
## course
student person_name: student name pupil participant student_name learner ~trainee
course :algebra|chemistry|Spanish|biology|drawing|physics|web_design|first_aid|world_history|music_theory|geometry|\
pottery|\
statistics|creative_writing|Latin|robotics: course subject class course_name ~lesson
teacher titled_name: teacher instructor professor lecturer tutor taught_by ~trainer
grade :A|B|B+|A-|C|92%|85%|1.7|14_points|78_out_of_100|67%|19/20: grade mark result score ~points
room code: room classroom room_number ~lecture_room
start date: start_date date begins starts start exam_date ~from_date
fee money: fee price cost tuition ~course_fee
school company: school institute academy college university ~organiser
weekday weekday: weekday day day_of_week ~every_week_on
time time_of_day: time hour starts_at ~begins_at
- {student} got {grade} in {course}.
- {teacher} gave {student} a grade of {grade} in {course}.
- The {course} course with {teacher} starts on {start} and costs {fee}.
- {student} takes {course} with {teacher} in room {room}.
- {course.cap} is taught by {teacher} every {weekday} at {time}.
- Every {weekday} at {time}, {student} has {course}.
- The exam in {course} is on {start} in room {room}.
- {student} signed up for {course} at {school}.
~- With {grade}, {student} passed {course}; the teacher was {teacher}.
~- Room {room} is where {teacher} teaches {course} on {weekday}.
+ The fee is {fee}.
+ The lessons are in room {room}.
+ The first lesson is on {start}.
+ The teacher is {teacher}.
~+ It costs {fee} to take part.
## library
reader person_name: borrower reader name member person borrowed_by ~user
title title: title book book_title item ~borrowed_book
due date: due_date due return_date return_by deadline ~bring_back_by
card code: card_number card member_id library_card id ~reader_number
fine money: fine fee late_fee charge ~penalty
shelf code: shelf location call_number ~section
author person_name: author writer written_by ~book_author
- {reader} borrowed "{title}" and must return it by {due}.
- The book "{title}" is due on {due}. It was borrowed by {reader}.
- {reader} (card {card}) has to pay a fine of {fine} for "{title}".
- "{title}" by {author} stands on shelf {shelf}.
- Dear {reader}, please bring back {title} by {due}.
- Card {card} belongs to {reader}, who has borrowed {title}.
~- Still missing: "{title}", lent to {reader} until {due}.
+ The fine is {fine}.
+ The card number is {card}.
+ It was written by {author}.
+ You will find it on shelf {shelf}.
~+ Being late costs {fine}.
## lost
item product: item object thing lost_item article ~belonging
colour colour: colour color ~shade
place venue: place location found_at where ~spot
date date: date day found_on lost_on when ~day_of_loss
finder person_name: finder name found_by person contact ~honest_person
reward money: reward finders_reward money ~bounty
phone phone: phone phone_number call telephone ~contact_number
- A {colour} {item} was found at {place} on {date}.
- {finder} found a {colour} {item} at {place}.
- Lost on {date}: one {colour} {item}. Call {phone}. Reward: {reward}.
- I lost my {colour} {item} near {place} on {date}. Please call {phone}.
- On {date}, {finder} handed in a {item} found at {place}.
- Who has seen my {item}? It is {colour}. I pay {reward} to the finder.
~- Near {place} somebody dropped a {colour} {item}; {finder} kept it safe.
+ The number to call is {phone}.
+ The reward is {reward}.
+ It is {colour}.
~+ Whoever brings it back gets {reward}.
## pet
owner person_name: owner owner_name person adopted_by keeper ~human
pet first_name: pet_name pet name animal_name called ~nickname
kind :dog|cat|rabbit|hamster|parrot|pony|goldfish|turtle|canary|guinea_pig|ferret|\
gecko: animal species kind type ~sort_of_animal
breed :poodle|beagle|tabby|Siamese|collie|terrier|spaniel|Persian|labrador|boxer|husky|dachshund: breed race ~pedigree
age count: age years age_in_years ~years_old
weight weight: weight weighs ~body_weight
vet doctor_name: vet doctor veterinarian treated_by ~animal_doctor
date date: date visit_date day checkup vaccination_date ~visited_on
- {owner}'s {kind} is called {pet} and weighs {weight}.
- {owner} brought the {kind} {pet} to {vet} on {date}.
- {pet} is a {age}-year-old {kind} that belongs to {owner}.
- {pet} the {breed} was adopted by {owner} on {date}.
- {vet} treated {pet}, a {kind} of {weight}.
- We are looking for a home for {pet}, a {breed}, {age} years old.
- {owner} has a {breed} named {pet}.
~- The {kind} of {owner} answers to the name {pet}.
~- On {date}, {vet} gave {pet} the {breed} a shot.
+ {pet} weighs {weight}.
+ The vet is {vet}.
+ {pet} is {age} years old.
+ The owner is {owner}.
~+ The next check is on {date}.
## medicine
patient person_name: patient name patient_name person taken_by ~for_person
drug :ibuprofen|paracetamol|amoxicillin|aspirin|insulin|cough_syrup|vitamin_D|iron_tablets|penicillin|eye_drops|zinc|\
magnesium: medicine drug medication remedy prescription ~medicament
dose :200_mg|500_mg|two_tablets|5_ml|10_drops|one_capsule|20_mg|400_mg|two_spoons|half_a_tablet|1_g|75_mg: \
dose dosage amount strength ~quantity
times :twice_a_day|three_times_a_day|once_daily|every_six_hours|before_meals|at_bedtime|every_morning|once_a_week|\
after_lunch: \
frequency when how_often schedule taken intake ~rhythm
length duration: duration for_how_long length treatment_time ~period
doctor doctor_name: doctor prescribed_by physician ~prescriber
reason :fever|pain|a_cold|an_infection|high_blood_pressure|a_cough|migraine|asthma|\
an_allergy: reason illness against condition ~diagnosis
- {doctor} prescribed {patient} {dose} of {drug}, {times}.
- {patient} takes {dose} of {drug} {times} for {length}.
- Take {dose} of {drug} {times} against {reason}.
- {patient} was given {drug} against {reason}.
- Prescription for {patient}: {drug}, {dose}, {times}.
- {doctor} wants {patient} to take {drug} for {length}.
~- {times}, that is how {patient} should take the {drug}, {dose} each.
+ The dose is {dose}.
+ The treatment lasts {length}.
+ It was prescribed by {doctor}.
+ It helps against {reason}.
~+ {doctor} signed the prescription.
## repair
customer person_name: customer name owner client customer_name ~owned_by
device product: device item product object appliance ~thing
fault :a_loose_cable|a_broken_hinge|a_cracked_screen|a_worn_belt|a_dead_battery|a_blown_fuse|rust|a_leak|\
a_bent_wheel: \
fault problem defect cause issue ~damage
worker first_name: technician mechanic repaired_by worker fixed_by ~craftsman
price money: price cost repair_cost bill amount ~charge
date date: date ready_on repair_date day pick_up_date ~finished_on
length short_duration: duration time_needed time hours_worked ~labour_time
- {worker} repaired the {device} of {customer} for {price}.
- The {device} of {customer} has {fault}.
- {customer} brought in a {device} with {fault} on {date}.
- Repairing the {device} took {length} and cost {price}.
- The {device} is ready on {date}; {customer} must pay {price}.
- {worker} found {fault} in the {device}.
~- Because of {fault}, {customer} left the {device} with {worker}.
+ It took {length}.
+ The repair cost {price}.
+ The technician was {worker}.
+ It can be picked up on {date}.
~+ The bill says {price}.
## member
member person_name: member name person member_name subscriber customer ~joined_by
club company: club gym provider organisation association ~society
plan :gold|silver|basic|premium|family|student|standard|plus|trial|weekend: plan membership tier package type ~level
fee money: fee monthly_fee price cost monthly_price ~dues
start date: start_date joined joined_on member_since ~entry_date
end date: end_date expires expiry_date valid_until ends ~runs_out
number code: member_number membership_id member_id id number ~card_no
- {member} joined {club} on {start} with the {plan} plan.
- {member} has a {plan} membership at {club} for {fee} a month.
- The {plan} plan of {club} costs {fee} per month.
- Member {number}, {member}, has the {plan} plan, valid until {end}.
- The subscription of {member} runs from {start} to {end}.
- Welcome to {club}, {member}! Your member number is {number}.
~- Since {start}, {member} has been on the {plan} plan at {club}.
+ The monthly fee is {fee}.
+ The membership ends on {end}.
+ The member number is {number}.
+ It began on {start}.
~+ The card carries the number {number}.
## employee
employee person_name: employee name worker employee_name staff_member person ~colleague
department :sales|marketing|finance|research|legal|support|production|design|purchasing|logistics|IT|\
human_resources: \
department team division unit ~section
role job: role position job job_title title ~function
boss person_name: manager supervisor boss reports_to head team_leader ~superior
start date: start_date hired_on starts first_day date hire_date ~joined
salary big_money: salary pay annual_salary wage income ~earns
id code: employee_id staff_number id personnel_number ~badge
leave count: vacation_days leave_days holidays days_off ~annual_leave
- {employee} works in the {department} department and reports to {boss}.
- {employee} joined the {department} team as a {role} on {start}.
- The {role} {employee} earns {salary} and has {leave} vacation days.
- {boss} leads the {department} department. {employee} is the new {role} there.
- Employee {id}: {employee}, {department}, hired on {start}.
- From {start}, {employee} will be our {role} in {department}.
~- In {department} we welcome {employee}, a {role} led by {boss}.
+ The salary is {salary}.
+ The employee number is {id}.
+ The manager is {boss}.
+ The first day is {start}.
~+ Pay is {salary} a year.
## wedding
bride person_name: bride wife woman ~bride_name
groom person_name: groom husband man ~groom_name
date date: date wedding_date day when ~big_day
place venue: place venue location where ~ceremony_at
city city: city town ~town_of_wedding
guests number: guests number_of_guests guest_count people ~invited
- The bride {bride} and the groom {groom} got married on {date}.
- The groom is {groom}, the bride {bride}. They marry at {place} on {date}.
- The wedding with {guests} guests takes place at {place} in {city} on {date}.
- On {date}, {bride} became the wife of {groom}.
~- In {city}, the groom {groom} kissed his bride {bride} before {guests} guests.
+ There were {guests} guests.
+ The ceremony was at {place}.
+ They celebrated in {city}.
~+ They had invited {guests} people.
## traffic
street street: street road location where place ~roadway
city city: city town ~municipality
time time_of_day: time hour when happened_at ~clock_time
date date: date day ~accident_date
vehicle :lorry|van|bus|car|motorbike|tram|bicycle|tractor|taxi|scooter: vehicle vehicle_type involved ~means
driver person_name: driver name person driven_by ~at_the_wheel
damage big_money: damage damage_cost loss amount cost ~harm
injured count: injured injuries number_injured hurt casualties ~victims
cause :ice|fog|heavy_rain|a_burst_tyre|high_speed|a_fallen_tree|a_red_light|\
tiredness: cause reason because_of ~trigger
- An accident on {street} in {city} left {injured} people injured.
- At {time}, a {vehicle} driven by {driver} hit a wall on {street}.
- On {date} at {time}, a {vehicle} crashed on {street}. The cause was {cause}.
- Because of {cause}, a {vehicle} left the road in {city} on {date}.
- Police in {city} report that {driver} lost control of a {vehicle} at {time}.
- {street} in {city} was closed at {time} after a {vehicle} had broken down.
~- {cause} made {driver} lose control of the {vehicle} on {street}.
+ The damage is about {damage}.
+ {injured} people were hurt.
+ The driver was {driver}.
+ The cause was {cause}.
~+ Repairs will cost {damage}.
## claim
person person_name: claimant name policy_holder customer insured_person ~insured
policy code: policy_number policy contract_number policy_id id ~contract
amount money: amount claim_amount sum damage payout cost ~compensation
date date: date incident_date day claim_date when ~date_of_loss
company company: insurer insurance company insurance_company ~underwriter
cause :water_damage|fire|theft|hail|a_storm|a_burglary|flood|a_broken_window|\
a_lost_suitcase: cause reason type damage_type ~peril
- {person} claims {amount} for {cause} on {date}.
- Under policy {policy}, {person} reported {cause} on {date}.
- {company} paid {person} {amount} after {cause}.
- {person} of policy {policy} asks {company} for {amount}.
~- After {cause} on {date}, {person} turned to {company}.
+ The policy number is {policy}.
+ The insurer is {company}.
+ The damage amounts to {amount}.
~+ The contract is {policy}.
## award
winner person_name: winner name recipient person laureate awarded_to ~honoured_person
prize :Golden_Pen|Silver_Star|Young_Talent_Award|Book_Prize|Medal_of_Honour|Science_Prize|Peace_Medal|Design_Award|\
Iron_Cup: \
prize award trophy title award_name ~honour
year year: year in_year awarded_in ~edition
money money: prize_money amount sum money ~cash
field :poetry|chemistry|sculpture|teaching|cooking|acting|engineering|journalism|\
dance: field category discipline subject ~area
city city: city place location ceremony_city ~where
- {winner} won the {prize} in {year}.
- The {prize} for {field} went to {winner} in {year}.
- In {city}, {winner} was given the {prize} for {field}.
- {winner} received {money} with the {prize}.
- The {prize} worth {money} was awarded in {city} to {winner}.
~- For outstanding {field}, {winner} holds the {prize} since {year}.
+ It comes with {money}.
+ The ceremony was in {city}.
+ The year was {year}.
~+ With it comes a cheque of {money}.
## donation
donor person_name: donor name giver person donated_by ~benefactor
amount money: amount donation sum gift money ~contribution
charity company: charity recipient organisation given_to ~cause_name
date date: date day when donated_on ~gift_date
purpose :clean_water|a_new_school|animal_shelters|medical_research|tree_planting|winter_clothes|a_playground|books: \
purpose project used_for goal reason ~aim
- {donor} gave {amount} to {charity} for {purpose}.
- On {date}, {charity} received a gift of {amount} from {donor}.
- {donor} donated {amount} to {charity} on {date}.
- Thanks to {donor}, {charity} has {amount} more for {purpose}.
~- {charity} thanks {donor}, whose {amount} will go to {purpose}.
+ The money is for {purpose}.
+ The gift was made on {date}.
+ The sum was {amount}.
~+ It will pay for {purpose}.
"""
