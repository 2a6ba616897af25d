"""Sentence templates about facts and technology for the extraction task: places, history, space, servers, science.

Promises text in the notation that `extract_domain` parses and explains. Knows nothing of draws, splits or requests.
"""

FACTS = """
## geography
city city: city name town place settlement ~municipality
country country: country nation state located_in ~land
people number: population inhabitants number_of_people residents ~citizens
river :Loire|Danube|Nile|Volta|Rhine|Tagus|Elbe|Indus|Mekong|Po|Vistula|Ganges: river waterway ~stream
area :44_km2|118_square_kilometres|310_km²|75_square_miles|902_km2|27_km²|\
560_square_kilometres: area size surface ~extent
founded year: founded year founding_year ~established
mayor person_name: mayor head_of_city ~city_leader
height length: elevation height altitude above_sea_level ~metres_high
- {city} is a city in {country} with {people} inhabitants.
- {city} lies on the {river} in {country}.
- {city}, {country}, has a population of {people} and covers {area}.
- The mayor of {city} is {mayor}.
- {city} was founded in {founded} and lies on the {river}.
- With {people} inhabitants, {city} is one of the larger towns of {country}.
- The town of {city} covers {area} and lies {height} above the sea.
~- On the banks of the {river} stands {city}, home to {people} people.
~- {country}'s city of {city} dates from {founded}.
+ Its mayor is {mayor}.
+ The area is {area}.
+ The population is {people}.
+ It was founded in {founded}.
~+ {mayor} governs it.
## peak
peak title: mountain peak name summit mountain_name ~mount
height :2,962_m|4,810_metres|8,611_m|14,505_feet|3,776_m|5,642_metres|1,345_m|6,961_m|12,388_ft|2,917_m: \
height elevation altitude how_high ~metres
country country: country nation location land ~state
climber person_name: climber first_climber first_climbed_by mountaineer ~alpinist
year year: year first_ascent climbed_in ~year_climbed
- The mountain {peak} in {country} is {height} high.
- {climber} first climbed {peak} in {year}.
- At {height}, {peak} is the highest point of {country}.
- {peak} ({height}) was first climbed by {climber} in {year}.
~- {country} has a peak of {height} called {peak}.
+ It is in {country}.
+ The first to reach the top was {climber}.
+ It rises to {height}.
~+ {climber} stood on top first.
## painting
title title: title painting work artwork picture name ~canvas
artist person_name: artist painter painted_by creator name_of_artist ~master
year year: year painted_in date created ~year_made
museum venue: museum gallery place location shown_at ~hangs_in
price big_money: price sold_for value auction_price estimate ~worth
style :oil_on_canvas|watercolour|charcoal|bronze|ink_on_paper|marble|pastel|acrylic|woodcut: \
technique medium material style ~made_with
- {artist} painted "{title}" in {year}.
- "{title}" by {artist} hangs in the {museum}.
- The {museum} bought "{title}" ({style}) for {price}.
- "{title}", a work by {artist} from {year}, was sold for {price}.
- {title} ({year}), {style}, by {artist}.
~- In the {museum} you can see what {artist} made in {year}: "{title}".
+ The technique is {style}.
+ It was made in {year}.
+ It is worth {price}.
+ It can be seen at the {museum}.
~+ Experts put its value at {price}.
## software
name company: software program app name application product tool ~package
version :2.1|1.0.4|3.12|v5|0.9.1|10.2.3|v2.8|4.0|2024.2|7.3.0|1.18.2: version release version_number ~build
date date: release_date date released released_on ~launch_date
size :45_MB|1.2_GB|800_KB|3_GB|120_MB|64_MB|9.5_GB: size file_size download_size ~disk_space
licence :MIT|GPL|Apache_2.0|BSD|commercial|freeware: licence license license_type ~terms
language :Python|Rust|Java|Go|C++|Kotlin|Ruby|Swift|TypeScript: language programming_language written_in ~coded_in
author person_name: author developer maintainer made_by creator ~programmer
downloads number: downloads users installs number_of_downloads ~fetched
- {name} {version} was released on {date}.
- {author} wrote {name} in {language} and released it under {licence}.
- Version {version} of {name} needs {size} of disk space.
- The app {name} by {author} has {downloads} downloads.
- {name} is written in {language}. The licence is {licence}.
- On {date}, {author} published version {version} of {name}.
~- Since {date} you can get {name} in version {version}, {size} in all.
+ The size is {size}.
+ The licence is {licence}.
+ It was written in {language}.
+ It was downloaded {downloads} times.
~+ It comes under {licence}.
## server
host code: server host hostname machine node ~box
date date: date day timestamp ~log_date
time time_of_day: time hour at_time ~clock
error :disk_full|connection_refused|out_of_memory|timeout|file_not_found|access_denied|bad_gateway|invalid_token|\
no_route: \
error message error_message reason problem cause ~failure
level :ERROR|WARNING|INFO|CRITICAL|DEBUG: level severity log_level ~loglevel
user first_name: user username login account ~logged_in_as
ip :10.0.0.7|192.168.1.20|172.16.4.9|10.1.22.3|192.168.0.101|8.8.4.4|203.0.113.5|\
198.51.100.23: ip ip_address address source_ip ~client_ip
port :8080|443|22|5432|3306|25|6379|9000: port port_number ~tcp_port
- {date} {time} {level} {host}: {error}
- At {time}, server {host} failed with "{error}".
- User {user} logged in to {host} from {ip} at {time}.
- [{level}] {error} on {host} at {time}
- The server {host} ({ip}) listens on port {port}.
- On {date}, {user} saw the error "{error}" on {host}.
- {level}: {error}. Host {host}, port {port}.
~- {host} answered {user} with {error} at {time}.
+ The address is {ip}.
+ It happened at {time}.
+ The port is {port}.
+ The level is {level}.
~+ Somebody named {user} was logged in.
## planet
body :Mercury|Venus|Mars|Jupiter|Saturn|Uranus|Neptune|Pluto|Titan|Europa|Ceres|\
Ganymede: planet name body object ~celestial_body
mission title: mission spacecraft probe mission_name ~space_probe
launch date: launch_date launched date launched_on ~start_day
agency :NASA|ESA|ISRO|JAXA|CNSA|Roscosmos: agency space_agency operator ~run_by
distance :78_million_km|1.4_billion_km|628_million_km|41_million_km|0.39_AU|5.2_AU|\
2.9_billion_km: distance how_far ~range
moons count: moons number_of_moons ~satellites
diameter :4,879_km|12,104_km|6,779_km|139,820_km|49,244_km|2,377_km: diameter size width ~breadth
crew count: crew crew_size astronauts ~people_aboard
- {agency} launched the probe {mission} to {body} on {launch}.
- {body} is {distance} away and has a diameter of {diameter}.
- The mission {mission} to {body} started on {launch} with a crew of {crew}.
- {body} has {moons} moons and a diameter of {diameter}.
~- On {launch}, {mission} left for {body}, sent by {agency}.
+ The diameter is {diameter}.
+ The agency is {agency}.
+ It is {distance} away.
~+ {agency} runs the mission.
## quake
place city: place city location region epicentre where ~near
strength :4.2|5.8|6.1|7.3|3.9|6.6|5.0|4.7: magnitude strength richter ~force
depth distance: depth how_deep ~below_ground
date date: date day when ~quake_date
time time_of_day: time hour ~moment
dead number: deaths victims casualties dead killed ~fatalities
damage big_money: damage cost loss damages ~harm
- An earthquake of magnitude {strength} struck {place} on {date}.
- On {date} at {time}, an earthquake shook {place}. Its magnitude was {strength}.
- The earthquake near {place} had a strength of {strength} and a depth of {depth}.
- {place} was hit by an earthquake at {time} on {date}.
~- People in {place} woke up at {time} when a quake of {strength} came.
+ The depth was {depth}.
+ The damage is put at {damage}.
+ {dead} people lost their lives.
~+ It cost {dead} lives.
## election
winner person_name: winner elected president new_mayor name person ~victor
loser person_name: loser opponent rival runner_up ~beaten_candidate
votes percentage: votes share vote_share percentage result ~percent_of_votes
place city: city place town where constituency ~location
date date: date election_date day when ~polling_day
turnout percentage: turnout participation ~voter_turnout
party :Green_Party|Labour_Party|People's_Party|Liberal_Union|Farmers'_League|Civic_Alliance|\
New_Centre: party political_party ~list
- {winner} won the election in {place} with {votes} of the vote.
- {winner} of the {party} beat {loser} in the election on {date}.
- On {date}, the people of {place} elected {winner} with {votes}.
- With {votes} of the votes, {winner} defeated {loser}.
~- {loser} lost to {winner}, who got {votes} in {place}.
+ The turnout was {turnout}.
+ The winner belongs to the {party}.
+ The vote was held on {date}.
~+ Only {turnout} went to the polls.
## history
person person_name: person name inventor scientist discoverer who ~thinker
thing product: invention discovery object device invented ~creation
year year: year invented_in when date ~in_the_year
country country: country nation birthplace land ~home_country
city city: city place town where ~location
death year: death_year died year_of_death ~died_in
job job: profession job occupation work ~trade
- {person} invented the {thing} in {year}.
- The {thing} was invented by {person} in {city} in {year}.
- In {year}, the {job} {person} from {country} presented the first {thing}.
- {person}, a {job} from {city}, built a {thing} in {year} and died in {death}.
- {thing.cap}: invented in {year} by {person}, {country}.
~- We owe the {thing} to {person}, who built one in {city} in {year}.
+ It happened in {city}.
+ The inventor died in {death}.
+ The inventor came from {country}.
~+ Death came in {death}.
## building
name venue: building name structure landmark ~monument
city city: city location place town ~stands_in
height length: height tall how_high ~metres
year year: year built completed opened construction_year year_built ~finished
architect person_name: architect designer designed_by builder planner ~drawn_by
cost big_money: cost price construction_cost budget ~expense
floors number: floors storeys number_of_floors levels ~stories
- The {name} in {city} was built in {year} by {architect}.
- {architect} designed the {name}, which has {floors} floors.
- The {name} is {height} tall and cost {cost}.
- In {year}, the {name} opened in {city}. It has {floors} floors.
~- {city} got its {name} in {year} from the hand of {architect}.
+ It is {height} high.
+ The architect was {architect}.
+ Building it cost {cost}.
~+ It rises {height}.
## farm
crop plant: crop plant product harvest ~grown_plant
amount weight: amount yield harvested quantity weight ~output
farmer person_name: farmer grower name owner grown_by ~peasant
place city: place farm_location town region location ~county
year year: year season harvest_year ~in_year
field area: field_size area land plot_size size ~acreage
price money: price market_price cost ~sold_at
- {farmer} harvested {amount} of {crop} near {place} in {year}.
- The farm of {farmer} near {place} grows {crop} on {field}.
- In {year}, {farmer} sold the {crop} at {price}.
- {amount} of {crop} came from the fields around {place}.
~- Around {place}, {farmer} planted {crop} on {field}.
+ The field measures {field}.
+ The harvest was {amount}.
+ It sold for {price}.
~+ The market paid {price}.
## experiment
scientist titled_name: scientist researcher author lead_researcher professor ~investigator
substance :ethanol|copper_sulphate|salt_water|ammonia|citric_acid|glucose|iodine|calcium_carbonate|zinc_oxide|\
acetone: \
substance chemical sample material compound ~reagent
heat temperature: temperature heated_to degrees ~warmth
amount :20_ml|5_g|0.5_l|250_mg|3_drops|100_ml|12_grams|1.5_kg: amount volume quantity mass ~portion
length short_duration: duration time length ~period
result :blue_crystals|a_white_powder|a_clear_liquid|brown_gas|no_reaction|a_red_colour|foam|black_smoke: \
result outcome product observation ~finding
lab company: lab laboratory institute institution ~facility
- {scientist} heated {amount} of {substance} to {heat}.
- {amount} of {substance} was kept at {heat} for {length}; the result was {result}.
- At {lab}, {scientist} tested {substance} and found {result}.
- After {length} at {heat}, the {substance} gave {result}.
~- What {scientist} got from {amount} of {substance} was {result}.
+ The outcome was {result}.
+ The test lasted {length}.
+ It was done at {lab}.
~+ {lab} paid for the test.
## market
company company: company stock share name firm ~issuer
price money: price share_price closing_price value ~quote
change percentage: change gain rise percent increase ~move
date date: date day trading_day ~market_day
volume number: volume shares_traded number_of_shares trades ~turnover
exchange city: exchange market stock_exchange place ~trading_place
- Shares of {company} rose by {change} to {price} on {date}.
- On {date}, {company} closed at {price} in {exchange}.
- {company} gained {change} in {exchange}.
- {volume} shares of {company} were sold at {price}.
~- In {exchange}, the stock of {company} climbed {change} and ended at {price}.
+ The volume was {volume}.
+ The closing price was {price}.
+ It was traded in {exchange}.
~+ Some {volume} shares found new owners.
## ~menu
dish food: dish meal food name plate
price money: price cost amount
chef person_name: chef cook prepared_by
restaurant company: restaurant place eatery
calories number: calories kcal energy
side ingredient: side side_dish comes_with served_with
- At {restaurant}, the {dish} with {side} costs {price}.
- {chef} serves {dish} with {side} for {price}.
- Today's special at {restaurant} is {dish}, cooked by {chef}.
~- The {dish} has {calories} calories and comes with {side}.
~- Order the {dish} by {chef} for {price}.
+ It has {calories} calories.
+ It is served with {side}.
## ~ship
ship title: ship vessel boat name
captain person_name: captain skipper commander
from city: from departure_port port_of_departure home_port
to city: to destination port
cargo product: cargo load freight
weight weight: weight tonnage
date date: date departure_date sailed_on
crew number: crew sailors crew_size
- The ship {ship} under captain {captain} sailed from {from} to {to}.
- On {date}, the {ship} left {from} with {weight} of {cargo}.
- Captain {captain} has a crew of {crew} on the {ship}.
~- Loaded with {cargo}, the {ship} reached {to} on {date}.
~- {captain} commands the {ship}, which is bound for {to}.
+ The cargo weighs {weight}.
+ The crew counts {crew}.
"""
