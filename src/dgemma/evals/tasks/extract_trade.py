"""Sentence templates about buying, selling, paying and companies for the extraction task.

Promises text in the notation that `extract_domain` parses and explains. Knows nothing of draws, splits or requests.
"""

TRADE = """
## order
customer person_name: customer buyer name client customer_name who purchaser ~ordered_by ~shopper
item product: item product article ordered_item product_name ~goods
quantity count: quantity amount count number qty how_many ~units ~pieces
price money: price total cost total_price order_total ~sum ~value
order code: order_number order_id order order_no reference id ~order_code
date date: date order_date ordered_on day when ~purchase_date
city city: city town ship_to delivery_city ~destination
colour colour: colour color ~shade
payment :credit_card|cash|bank_transfer|PayPal|debit_card|gift_card|invoice: payment payment_method paid_with ~paid_by
- {customer} ordered {quantity} pieces of the {item} for {price}.
- Order {order}: {quantity} x {item}, {price}.
- On {date}, {customer} bought the {item} for {price}.
- {customer} from {city} placed order {order} on {date}.
- Hi, I am {customer} and I would like to order the {item} in {colour}.
- We received an order from {customer} for {quantity} units of {item}.
- Thank you for your order {order}, {customer}! Your total is {price}.
- The {colour} {item} was bought by {customer} on {date}.
- {customer} paid {price} for the {item}.
- Please send {quantity} boxes of {item} to {customer} in {city}.
- Your purchase of the {item} ({price}) was confirmed on {date}.
- {quantity} times {item} for {customer}, to be delivered to {city}.
~- An order for {quantity} of our {item} came in from {customer} on {date}.
~- {customer} spent {price} on the {colour} {item}.
+ The order number is {order}.
+ It will be shipped to {city}.
+ The total was {price}.
+ The order was placed on {date}.
+ The customer chose the colour {colour}.
+ The customer's name is {customer}.
+ It was paid by {payment}.
+ Payment: {payment}.
~+ The buyer settled it by {payment}.
~+ All in all that makes {price}.
## review
product product: product item article product_name reviewed_item ~thing
person person_name: reviewer author name customer user written_by ~critic
rating :5_stars|4_stars|3_stars|2_stars|1_star|five_stars|four_stars|two_stars|4.5_out_of_5|3/5|9/10|8_out_of_10|\
2/10|5/5: \
rating stars score grade ~verdict ~marks
price money: price cost paid ~purchase_price
date date: date review_date reviewed_on day ~written_on
pro :very_quiet|easy_to_clean|well_made|good_value|light|fast|sturdy|comfortable|simple_to_use|beautiful: \
pro advantage plus strength good_point ~upside
con :too_heavy|rather_loud|badly_packed|expensive|hard_to_assemble|slippery|too_small|flimsy|slow_to_arrive: \
con drawback minus weakness bad_point ~downside
- {person} gave the {product} {rating}.
- {rating} for the {product}! It is {pro} but {con}.
- I bought the {product} for {price} and it is {pro}. {rating} from me.
- Review by {person}: the {product} is {pro}, though it is {con}.
- On {date}, {person} reviewed the {product} and gave it {rating}.
- The {product} ({price}) gets {rating} from {person}.
- "The {product} is {pro}," writes {person} on {date}.
~- {person} was so happy with the {product} that it earned {rating}.
~- For {price} I expected more from this {product}; {rating}.
+ What I like: it is {pro}.
+ The only drawback: it is {con}.
+ It cost {price}.
+ The review was posted on {date}.
+ The rating is {rating}.
~+ Sadly it is {con}.
## bank
sender person_name: sender from payer paid_by from_person ~remitter ~originator
receiver person_name: recipient receiver payee to beneficiary paid_to ~to_person
amount money: amount sum payment value transferred_amount money ~total_paid
date date: date transfer_date day when booked_on transaction_date ~value_date
purpose :rent|the_invoice|a_loan|concert_tickets|a_birthday_gift|car_repair|tuition|groceries|the_deposit|\
piano_lessons: \
purpose reason for subject ~used_for
account code: account account_number iban account_no ~bank_account
reference code: reference transaction_id transaction reference_number ~booking_text
bank company: bank bank_name institution ~credit_institute
- {sender} transferred {amount} to {receiver} on {date}.
- On {date}, {receiver} received {amount} from {sender}.
- {sender} sent {receiver} {amount} for {purpose}.
- Transfer of {amount} from {sender} to {receiver}, {date}.
- {amount} was paid by {sender} to {receiver} for {purpose}.
- {receiver} got a payment of {amount} from {sender}.
- A payment of {amount} to {receiver} left account {account} on {date}.
- {sender} owes {receiver} {amount} for {purpose}.
- Transaction {reference}: {amount} to {receiver} for {purpose}.
~- From {sender}'s account went {amount} to {receiver} on {date}.
~- {date}: {sender} wired {amount}; the money reached {receiver}.
+ The purpose is {purpose}.
+ The account number is {account}.
+ The transaction number is {reference}.
+ The bank is {bank}.
+ The amount is {amount}.
~+ It went through {bank}.
## invoice
number code: invoice_number invoice number invoice_no id ~bill_number
company company: company vendor supplier issuer seller from ~billed_by
customer person_name: customer client bill_to recipient name ~billed_to
amount money: amount total amount_due sum total_amount balance ~to_pay
due date: due_date due payable_by payment_due deadline ~pay_until
issued date: invoice_date issued issue_date issued_on ~billing_date
tax percentage: tax vat tax_rate ~sales_tax
- Invoice {number} from {company} over {amount} is due on {due}.
- {company} sent {customer} an invoice of {amount}.
- Please pay {amount} by {due}. Invoice number: {number}.
- {company} bills {customer} {amount} for work done. The invoice is dated {issued}.
- The invoice {number}, issued on {issued}, must be paid by {due}.
- Dear {customer}, please find attached invoice {number} for {amount}.
- Our records show that invoice {number} of {issued} for {amount} is still open.
~- {customer} still has to pay {amount} to {company} before {due}.
+ Payment is due by {due}.
+ The tax rate is {tax}.
+ It includes {tax} VAT.
+ It was issued on {issued}.
+ The total comes to {amount}.
~+ Do settle it no later than {due}.
## property
kind :flat|apartment|house|studio|cottage|villa|bungalow|loft|townhouse|penthouse|cabin|farmhouse: \
type property_type kind property home_type ~building
address address: address street street_address where ~property_address
city city: city town location place ~situated_in
rooms count: rooms bedrooms number_of_rooms ~room_count
area area: area size floor_area living_space surface ~square_footage
price big_money: price cost asking_price sale_price ~purchase_price
rent money: rent monthly_rent rent_per_month ~rental_price
year year: year_built built construction_year year ~built_in
agent person_name: agent contact realtor broker agent_name ~estate_agent
date date: available available_from free_from move_in_date ~vacant_from
- For sale: {kind} in {city}, {rooms} rooms, {area}, {price}.
- This {kind} at {address} has {rooms} rooms and costs {price}.
- The {kind} in {city} has {area} of living space and is offered for {price}.
- Lovely {kind} to rent in {city}! {rooms} rooms, {area}, {rent} per month.
- {agent} is selling a {kind} at {address}, {city}, for {price}.
- The {kind} on {address} was built in {year} and has {rooms} bedrooms.
- To let from {date}: a {kind} with {rooms} rooms in {city}. The rent is {rent}.
- We rent out our {kind} in {city} for {rent} a month.
~- {price} buys you this {kind} in {city}, complete with {rooms} rooms on {area}.
~- In {city}, at {address}, a {kind} of {area} is looking for new owners.
+ It was built in {year}.
+ Call {agent} to visit.
+ It is free from {date}.
+ The floor area is {area}.
+ It has {rooms} rooms.
~+ The estate agent is {agent}.
## vehicle
car company: make brand maker manufacturer car_brand ~marque
model code: model model_name type ~version
kind :car|van|lorry|motorbike|bus|tractor|camper|pickup|convertible|taxi: vehicle vehicle_type kind ~category
colour colour: colour color paint ~finish
year year: year built model_year year_built registered ~from_year
mileage distance: mileage kilometres distance odometer driven ~range_driven
price big_money: price asking_price cost ~sum
plate code: licence_plate plate registration license_plate ~number_plate
owner person_name: owner driver seller keeper ~holder
fuel :petrol|diesel|electricity|hydrogen|gas|biofuel: fuel fuel_type engine runs_on ~powered_by
- {owner} is selling a {colour} {kind} from {year} for {price}.
- For sale: {colour} {kind}, built in {year}, {mileage} on the clock, {price}.
- The {kind} with the plate {plate} belongs to {owner}.
- {owner} drives a {colour} {kind} that runs on {fuel}.
- The {car} {model} costs {price} and runs on {fuel}.
- A {colour} {kind} (plate {plate}) was parked outside; its owner is {owner}.
- I have a {year} {kind} in {colour} and want {price} for it.
~- {price} and this {colour} {kind} is yours; it has done {mileage} since {year}.
~- Registered to {owner}: one {kind}, {colour}, plate {plate}.
+ It runs on {fuel}.
+ It has done {mileage}.
+ The mileage is {mileage}.
+ The asking price is {price}.
+ The licence plate is {plate}.
+ It is painted {colour}.
~+ Its tank takes {fuel}.
## parcel
tracking code: tracking_number tracking parcel_number parcel_id tracking_code ~shipment_id
sender company: sender shop shipped_by from_company ~dispatched_by
receiver person_name: recipient receiver addressee to name ~consignee
weight weight: weight mass parcel_weight ~how_heavy
date date: delivery_date delivered_on arrival date expected ~due_on
city city: city destination town delivered_to ~target_city
carrier company: carrier courier delivery_service ~shipping_company
content product: content item contents product inside ~goods
- Parcel {tracking} for {receiver} will arrive on {date}.
- {receiver} is waiting for a parcel with a {content}; the tracking number is {tracking}.
- A package weighing {weight} was sent to {receiver} in {city}.
- Your parcel {tracking} is on its way to {city} and weighs {weight}.
- On {date} the courier brought {receiver} a {content}.
- The delivery for {receiver} in {city} is planned for {date}.
- Shipped by {sender}: one {content} for {receiver}, {city}.
~- {receiver} should get parcel {tracking} in {city} on {date}.
+ The package weighs {weight}.
+ It is carried by {carrier}.
+ Inside is a {content}.
+ You can follow it with the number {tracking}.
+ It should be there on {date}.
~+ The scales showed {weight}.
## table
person person_name: name guest person reserved_by booked_by customer ~party_name
restaurant company: restaurant place restaurant_name where ~eatery
guests count: guests people party_size number_of_people seats persons ~covers
date date: date day when reservation_date ~evening
time time_of_day: time hour reservation_time ~seating
phone phone: phone phone_number telephone contact ~call_back
request :a_window_seat|a_high_chair|a_quiet_corner|a_vegan_menu|a_table_outside|a_birthday_cake|wheelchair_access: \
request special_request wish note ~extra
- {person} reserved a table for {guests} on {date} at {time}.
- Table for {guests}, {date}, {time}, under the name {person}.
- I would like to book a table for {guests} people on {date} at {time}. My name is {person}.
- {restaurant} confirms a table for {guests} on {date}.
- {person} is taking {guests} people to {restaurant} at {time}.
- Booking at {restaurant}: {person}, {guests} guests, {time}.
~- A party of {guests} led by {person} is due at {restaurant} on {date}.
+ They asked for {request}.
+ Special wish: {request}.
+ The phone number is {phone}.
+ Dinner starts at {time}.
~+ If possible, they want {request}.
## company
company company: company name firm business company_name organisation ~enterprise ~organization
founder person_name: founder founded_by started_by ~creator
year year: founded year founding_year established since ~year_founded
city city: city headquarters location based_in seat hq ~head_office
employees number: employees staff number_of_employees workers headcount ~team_size
revenue big_money: revenue turnover sales income ~earnings
boss titled_name: ceo boss director head chief ~manager
growth percentage: growth increase change rise ~growth_rate
- {company} was founded in {year} by {founder} in {city}.
- {company}, based in {city}, has {employees} employees.
- {founder} started {company} in {year}.
- The revenue of {company} rose by {growth} to {revenue}.
- {company} made sales of {revenue} last year, an increase of {growth}.
- With {employees} workers, {company} is one of the largest firms in {city}.
- In {year}, {founder} opened a small shop in {city} that is now {company}.
- {boss} is the new head of {company} in {city}.
~- What {founder} began in {year} is today {company}, with {employees} people on the payroll.
~- {city}'s {company} reports {revenue} in sales.
+ It was founded in {year}.
+ It employs {employees} people.
+ The headquarters are in {city}.
+ The director is {boss}.
+ Revenue reached {revenue}.
~+ {boss} runs the business.
## stock
item product: item product article name product_name ~stock_item
quantity number: quantity stock in_stock count units amount ~inventory ~on_hand
price money: price unit_price cost price_each ~price_per_unit
shelf code: shelf location aisle bin storage_location ~position
supplier company: supplier vendor made_by manufacturer brand maker ~producer
code code: sku code item_number article_number product_code ~part_number
weight weight: weight item_weight ~mass
colour colour: colour color ~tint
discount percentage: discount reduction price_cut ~rebate
- We have {quantity} units of {item} on shelf {shelf}.
- The {item} (article {code}) costs {price} and weighs {weight}.
- There are {quantity} pieces of the {item} left at {price} each.
- {supplier} delivers the {item} for {price} a piece.
- The {colour} {item} by {supplier} is {price}.
- This week only: {discount} off the {item}, now {price}.
- Item {code}, {item}, is stored at {shelf}. Stock: {quantity}.
- The {item} from {supplier} comes in {colour} and weighs {weight}.
~- Shelf {shelf} holds {quantity} of the {item}, supplied by {supplier}.
~- The {item} is reduced by {discount} and sells at {price}.
+ The product code is {code}.
+ It is available in {colour}.
+ The supplier is {supplier}.
+ It weighs {weight}.
+ You will find it on shelf {shelf}.
+ There is a discount of {discount}.
~+ {supplier} makes it.
"""
