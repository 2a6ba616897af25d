"""Sentence templates about the world for the extraction task: weather, nature, journeys, sport, books, films, science.

Promises text in the notation that `extract_domain` parses and explains. Knows nothing of draws, splits or requests.
"""

WORLD = """
## weather
city city: city place location town where ~station
high temperature: temperature high max_temperature temp degrees ~daytime_temperature
wind speed: wind wind_speed gusts ~wind_force
condition :sunny|cloudy|rainy|foggy|stormy|snowy|windy|clear|overcast|hazy|dry|\
humid: condition weather sky conditions ~outlook
rain percentage: chance_of_rain rain_chance rain precipitation ~rain_risk
humidity percentage: humidity air_humidity ~moisture
date date: date day when ~forecast_date
- It will be {condition} in {city} on {date}, with a high of {high}.
- {city}: {condition}, {high}, wind {wind}.
- The temperature in {city} reached {high} on {date}.
- On {date}, {city} will see {condition} weather and winds of {wind}.
- Weather for {city}: {condition}, {high}, chance of rain {rain}.
- In {city} it is {condition} today, {high}, with winds up to {wind}.
- Expect {condition} skies over {city}. The high will be {high}.
~- {date} brings {condition} conditions to {city}, where {high} is forecast.
~- People in {city} wake up to a {condition} morning of {high}.
+ The wind blows at {wind}.
+ The chance of rain is {rain}.
+ Humidity is at {humidity}.
+ Winds reach {wind}.
~+ The air holds {humidity} moisture.
## animal
animal animal: animal species kind creature type ~beast
name first_name: name animal_name called ~pet_name
age count: age years age_in_years ~years_old
weight weight: weight mass weighs ~body_weight
length length: length size height body_length ~measure
place city: zoo_city city home place location ~habitat
food food: favourite_food food eats diet ~likes_to_eat
keeper person_name: keeper owner cared_for_by trainer ~caretaker
colour colour: colour color fur_colour ~coat
- The {animal} {name} lives in {place} and weighs {weight}.
- {name} is a {age}-year-old {animal} from {place}.
- A {animal} was seen near {place}; it was about {length} long.
- {keeper} has a {colour} {animal} called {name}.
- {name}, a {animal}, is {age} years old and weighs {weight}.
- At the zoo in {place}, {keeper} looks after {name} the {animal}.
- The vet weighed {name}, the {animal} of {keeper}: {weight}.
- Lost: {colour} {animal}, answers to {name}, last seen in {place}.
- An adult {animal} can weigh {weight} and reach {length}.
~- Visitors in {place} love {name}, a {colour} {animal} of {weight}.
~- Owner {keeper} says that {name} the {animal} is {age} years old.
+ It likes {food}.
+ It is {length} long.
+ It weighs {weight}.
+ Its keeper is {keeper}.
+ It is {colour}.
~+ Best of all it likes {food}.
## plant
plant plant: plant name species flower plant_name ~shrub
height length: height grows_to size tall max_height ~growth
colour colour: colour flower_colour color blossom ~petals
month month: flowering_month blooms month flowers_in bloom_time ~season
place city: place garden_city grows_in location origin ~found_in
water volume: water weekly_water water_per_week ~watering
light :full_sun|half_shade|shade|bright_light|indirect_light|morning_sun: light light_needs position ~sun
- The {plant} grows up to {height} and flowers in {month}.
- In {month}, the {plant} opens its {colour} flowers.
- The {plant} in the park of {place} is {height} tall.
- Plant the {plant} in {light} and give it {water} of water a week.
- {plant}: {colour} flowers, up to {height}, blooms in {month}.
- We planted a {plant} in {place} that now measures {height}.
~- With its {colour} blossoms in {month}, the {plant} is easy to spot.
+ It needs {light}.
+ It wants {water} of water every week.
+ Its flowers are {colour}.
+ It blooms in {month}.
+ It reaches a height of {height}.
~+ It does best in {light}.
## measurement
sensor code: sensor device sensor_id station probe ~instrument
quantity :pressure|humidity|voltage|flow_rate|noise_level|temperature|density|radiation|acidity|brightness: \
quantity measured property parameter measurement ~variable
value :1013_hPa|48%|3.3_V|12_l/min|71_dB|21.4_°C|0.8_g/cm3|230_V|7.2_pH|640_lux|5.6_bar|98.6_°F|44_kPa|0.15_mSv|\
60_Hz|\
12.5_A|310_K|88_dB|1.5_mg/l|450_ppm: value reading result measured_value ~level
time time_of_day: time measured_at hour timestamp ~clock
date date: date day measured_on ~reading_date
place venue: place location site room ~spot
person person_name: technician measured_by operator person scientist ~observer
- Sensor {sensor} measured a {quantity} of {value} at {time}.
- At {time}, the {quantity} in {place} was {value}.
- {person} measured the {quantity} with device {sensor}: {value}.
- On {date} at {time} station {sensor} reported {value}.
- The {quantity} at {place} stood at {value} on {date}.
- Reading from {sensor}: {quantity} {value}, {date} {time}.
~- A {quantity} of {value} was noted by {person} at {time}.
+ The measurement was made on {date}.
+ It was taken by {person}.
+ The device is {sensor}.
+ The sensor hangs in {place}.
~+ {person} wrote it down.
## recipe
dish food: dish recipe name meal title ~recipe_name
servings count: servings portions serves people number_of_servings ~yield
time short_duration: cooking_time time total_time ready_in duration ~minutes_needed
heat :160_°C|180_°C|200_°C|220_°C|175_degrees|350°F|400°F|190_°C|low_heat|medium_heat|high_heat: \
temperature heat oven_temperature ~oven
main ingredient: main_ingredient ingredient key_ingredient base ~chief_ingredient
amount :200_g|half_a_cup|two_cups|500_g|1_kg|3_tablespoons|250_ml|a_handful|a_pinch|4_ounces|750_g|one_teaspoon: \
amount quantity how_much ~dose
parts ingredients: ingredients ingredient_list needs made_with ~shopping_list
cook person_name: cook chef author recipe_by made_by ~created_by
level :easy|medium|hard|simple|advanced: difficulty level skill_level ~complexity
- This {dish} serves {servings} and takes {time}.
- For the {dish} you need {amount} of {main}.
- {cook}'s recipe for {dish} uses {amount} of {main} and takes {time}.
- Bake the {dish} for {time} at {heat}.
- The {dish} for {servings} people is ready in {time}.
- {dish.cap}: serves {servings}, cooking time {time}, {heat}.
- {cook} makes {dish} with {main}. Cook it at {heat}.
- For {dish} you need {parts}.
- The {dish} is made of {parts} and takes {time}.
- Ingredients for the {dish}: {parts}. Serves {servings}.
~- In {time} you can put a {dish} on the table for {servings} guests.
~- The secret of the {dish} by {cook} is {amount} of {main}.
+ The main ingredient is {main}.
+ It serves {servings}.
+ The recipe is {level}.
+ It is done after {time}.
+ Set the oven to {heat}.
+ You will need {amount} of {main}.
~+ It comes from {cook}.
## flight
person person_name: passenger traveller name person traveler who ~flyer
number flight: flight flight_number flight_no ~flight_code
start city: from origin departure_city departure start leaving_from departs_from ~start_city
end city: to destination arrival_city arrival end going_to ~end_city
date date: date day when travel_date departure_date ~flight_date
departure time_of_day: departure_time departs leaves_at time ~takeoff
seat code: seat seat_number ~place_on_board
gate code: gate gate_number ~boarding_gate
price money: price fare cost ticket_price ~paid
length short_duration: duration flight_time travel_time length ~time_in_air
- {person} flies from {start} to {end} on {date}.
- Flight {number} from {start} to {end} leaves at {departure} from gate {gate}.
- {person} is booked on flight {number} to {end} on {date}.
- On {date}, {person} travels from {start} to {end} by plane.
- The flight to {end} departs {start} at {departure}. The number is {number}.
- Flight {number} takes off from {start} on {date} and lands in {end}.
- {person} paid {price} for a ticket from {start} to {end}.
- Boarding pass: {person}, {start} to {end}, {number}, seat {seat}.
~- {number} brings {person} from {start} to {end}, wheels up at {departure}.
~- Heading for {end}, {person} will leave {start} on {date}.
+ The flight number is {number}.
+ The seat is {seat}.
+ Boarding is at gate {gate}.
+ The ticket cost {price}.
+ The trip takes {length}.
+ It leaves at {departure}.
~+ It is a journey of {length}.
## journey
person person_name: traveller name person tourist who ~voyager
start city: from start origin starting_point departed_from ~left
end city: to destination end went_to arrived_in ~reached
vehicle :train|bus|car|bike|ferry|boat|tram|van|taxi|motorbike|\
sleeper_train: transport vehicle by means_of_transport mode ~travelled_by
distance distance: distance length how_far kilometres ~route_length
length short_duration: duration time travel_time how_long ~took
date date: date day when departure_date ~set_off
price money: price cost fare ticket ~costs
- {person} went from {start} to {end} by {vehicle}.
- The {vehicle} from {start} to {end} takes {length} and costs {price}.
- {person} travelled {distance} from {start} to {end}.
- It is {distance} from {start} to {end}; by {vehicle} that takes {length}.
- On {date}, {person} took the {vehicle} to {end}.
- From {start}, {person} rode a {vehicle} all the way to {end}.
- To get to {end}, {person} left {start} on {date} by {vehicle}.
~- Between {start} and {end} lie {distance}, which {person} covered by {vehicle}.
~- {person} reached {end} by {vehicle}, having left {start} on {date}.
+ The trip took {length}.
+ The distance is {distance}.
+ The ticket cost {price}.
+ They left on {date}.
~+ The fare was {price}.
## match
winner city: winner winning_team team victor ~winning_side
loser city: loser losing_team opponent beaten_team ~defeated_team
score winning_score: score result final_score ~outcome
date date: date day match_date when ~played_on
place venue: stadium venue place location ground ~played_at
player person_name: best_player top_scorer player scorer goal_scorer ~star
crowd number: attendance spectators fans crowd ~audience
sport :football|handball|ice_hockey|volleyball|basketball|rugby|water_polo|\
cricket: sport game discipline ~kind_of_sport
- {winner} beat {loser} {score} on {date}.
- In the {sport} match, {winner} won {score} against {loser}.
- {winner} defeated {loser} by {score} at the {place}.
- {loser} lost to {winner} on {date}. The result was {score}.
- A goal by {player} helped {winner} beat {loser} {score}.
- {winner} won the {sport} final against {loser}. The score was {score}.
- On {date}, {winner} beat {loser}: {score}.
~- {loser} could not stop {winner}, who won {score} in front of {crowd} fans.
+ {player} was the top scorer.
+ The best player was {player}.
+ {crowd} fans watched the game.
+ The game was played at the {place}.
+ It happened on {date}.
~+ Star of the day: {player}.
## fixture
home city: home_team home team_1 hosts first_team ~team_a
away city: away_team away team_2 guests visitors second_team ~team_b
score score: score result final_score ~ended
date date: date day match_date when ~matchday
place venue: stadium venue place location ~arena
time time_of_day: kick_off time starts_at ~start_of_play
referee person_name: referee umpire ~official
- {home} against {away} ended {score}.
- The match between {home} and {away} on {date} ended {score}.
- {home} hosted {away} on {date}; the result was {score}.
- {home} and {away} played {score} at the {place}.
- Final score: {home} {score} {away}.
- {home} vs {away}, {date}, {place}.
- {home} will play {away} at home on {date} at {time}.
- Home team {home} met {away}. The game ended {score}.
~- It was {score} when {home} had {away} as guests on {date}.
+ The referee was {referee}.
+ The match took place on {date}.
+ Kick-off was at {time}.
+ The stadium was the {place}.
~+ {referee} blew the whistle.
## race
winner person_name: winner name champion athlete first_place person ~victor
second person_name: runner_up second_place second ~silver
event :marathon|100_metres|half_marathon|triathlon|long_jump|high_jump|bike_race|ski_race|rowing_final|\
swimming_final: \
event race competition discipline ~contest
time :2:14:09|9.98_seconds|1:02:45|45_minutes|8.12_m|3:51.2|58.4_seconds|4_hours_12_minutes|2.31_m|27:09|12:40.55: \
time result mark finish_time performance ~achieved
city city: city place location town where ~host_city
country country: country nation nationality team ~from_country
year year: year season edition ~in_year
- {winner} won the {event} in {city} with {time}.
- {winner} of {country} won the {event} in {time}.
- In {year}, {winner} won the {event} ahead of {second}.
- The {event} in {city} was won by {winner}. Second was {second}.
- {winner} took gold in the {event} with a result of {time}; {second} took silver.
- The {year} {event} in {city} ended with a win for {winner}.
~- Nobody could beat {winner} in the {event}; {second} came second.
~- With {time}, {winner} from {country} was best at the {event} in {city}.
+ The winner comes from {country}.
+ The winning mark was {time}.
+ {second} came second.
+ The race was held in {city}.
~+ The runner-up was {second}.
## book
title title: title book name book_title ~work ~called
author person_name: author writer written_by author_name ~novelist ~penned_by
year year: year published publication_year released date ~first_published
pages number: pages number_of_pages page_count length ~page_number
publisher company: publisher publishing_house published_by ~imprint
genre :novel|thriller|biography|romance|cookbook|crime_story|poetry|fantasy|travel_guide|memoir|play|essay: \
genre kind type category ~form
price money: price cost costs ~retail_price
rating :5_stars|4_stars|3_stars|4.6|8/10|9/10|3.5_out_of_5: rating stars score ~verdict
language :English|French|Spanish|German|Arabic|Hindi|Polish|Turkish|Swahili|Korean|\
Japanese: language written_in ~tongue
- "{title}" by {author} was published in {year}.
- {author} wrote "{title}" in {year}.
- {author}'s {genre} "{title}" has {pages} pages and costs {price}.
- The {genre} "{title}" ({year}) was written by {author}.
- In {year}, {publisher} published '{title}', a {genre} by {author}.
- The new book by {author} is called {title}.
- I am reading {title} by {author}; it has {pages} pages.
- {title} is a {genre} written by {author}.
- The library has bought "{title}" from {publisher} for {price}.
~- {year} saw the first print of "{title}", a {genre} from the pen of {author}.
~- Of all books by {author}, "{title}" ({pages} pages) is the best.
+ It appeared in {year}.
+ The publisher is {publisher}.
+ It has {pages} pages.
+ It costs {price}.
+ Readers gave it {rating}.
+ It was written in {language}.
~+ It runs to {pages} pages.
## film
title title: title film movie name film_title movie_title ~picture ~called
director person_name: director directed_by filmmaker made_by ~maker
star person_name: actor star lead_actor main_actor starring cast ~lead
year year: year released release_year ~came_out
length short_duration: length running_time duration runtime ~minutes
genre :comedy|drama|western|horror_film|documentary|musical|cartoon|thriller|romance|\
war_film: genre kind type category ~style
country country: country made_in country_of_origin ~produced_in
rating :7.8|8.1|6.4|9.0|5.5|3_stars|4_stars|72%|91%|8/10: rating score critics_score ~marks
- "{title}" ({year}) is a {genre} directed by {director}.
- {director} made the {genre} "{title}" in {year}, with {star} in the main role.
- {star} plays the lead in {title}, a {genre} by director {director}.
- The film {title} from {country} runs {length}.
- "{title}", directed by {director}, came out in {year} and lasts {length}.
- Tonight at eight: {title}, a {genre} from {year} with {star}.
~- In {director}'s {genre} "{title}", {star} gives a great performance.
~- {country} sent "{title}" by {director} to the festival.
+ It stars {star}.
+ It runs for {length}.
+ It was made in {country}.
+ It is rated {rating}.
+ It was released in {year}.
~+ The rating stands at {rating}.
## song
title title: song title track name song_title ~tune
artist person_name: artist singer musician performed_by ~vocalist
album title: album record album_title ~disc
year year: year released release_year ~came_out
length :3:45|4:02|2:58|5:13|3_minutes|4_minutes|2:30|6:11: length duration running_time ~playtime
genre :jazz|rock|folk|soul|techno|blues|pop|reggae|opera|country_music: genre style kind ~sort_of_music
label company: label record_label ~published_by
- "{title}" is a {genre} song by {artist} from the album "{album}".
- {artist} released "{title}" in {year}.
- The song {title} by {artist} lasts {length}.
- {artist}'s album "{album}" came out in {year} on {label}.
- On the radio: {title}, sung by {artist}, {length}.
~- {artist} sings "{title}" on the {year} record "{album}".
+ It is {length} long.
+ It was released by {label}.
+ The style is {genre}.
+ It came out in {year}.
~+ Fans of {genre} will like it.
"""
