"""Hand-written everyday sentences for evaluation only, so that scores reflect free text too.

Knows nothing of the grammar, of mistakes or of requests.
"""

NATURAL = tuple(
    """
The neighbours complained about the noise from the building site.
I have been meaning to write to you for a long time.
She poured the milk into the jug and put it back in the fridge.
Do you remember the summer when we slept on the roof?
The last person to leave should switch off the lights.
My bicycle has a flat tyre, so I walked to work.
Our cat brings us a dead mouse almost every morning.
The museum is free for children under twelve.
He apologised for being late and sat down at the back.
We ran out of sugar, so I used honey instead.
Is there a chemist near the hotel that opens on Sundays?
The soup needs a little more salt.
They've painted the front door bright red.
I can't hear you because the radio is too loud.
Nobody told me that the office would be closed today.
The bread is still warm, so be careful when you cut it.
It rained all night, and the cellar is full of water.
She learned to swim when she was four years old.
Could you hold my coat for a moment?
The old clock in the hall stopped years ago.
I left my gloves on the train again.
There's a letter for you on the kitchen table.
The children built a house out of cardboard boxes.
You don't have to finish the whole plate.
He reads the newspaper from the last page to the first.
We watched the ships come into the harbour.
The new printer is faster than the old one, but it's louder too.
What are you going to do with all these apples?
My sister moved to Canada three years ago.
The lift is broken, so we have to use the stairs.
I was so tired that I fell asleep in my clothes.
The teacher wrote the date in the corner of the board.
Please water the plants while we're away.
There are more chairs in the next room.
He knows a lot about trains, but nothing about cars.
The butcher on our street closes at noon on Wednesday.
Did anyone feed the fish this morning?
The path was covered with leaves.
I'd like to change this shirt for a bigger size.
Her handwriting is so small that I need glasses to read it.
The bus driver waited for the old man with the stick.
We have known each other since our first day at school.
The bank sent me a new card, but the name is wrong.
If you leave now, you will catch the early train.
The baby laughed when the dog sneezed.
I don't think that's a good idea.
A friend of mine works as a nurse in a children's hospital.
The snow was so deep that we couldn't open the door.
You should have seen his face!
The cake fell apart when I took it out of the tin.
They were married in a small church by the sea.
Some of the pages were missing from the book.
She keeps her money in an old tea tin.
Why is the window open in the middle of winter?
The train slowed down and stopped in a field.
I've read your report, and I have only two questions.
The shop assistant showed us a cheaper model.
We grow our own potatoes behind the house.
He has to take these tablets twice a day.
The film was much better than I had expected.
My grandfather never learned to drive.
There's no point in waiting any longer.
The key was in my other pocket the whole time.
Let me know when you get home.
The river froze, and people walked across it.
It's cheaper to buy the tickets a month before.
The postman left the parcel with our neighbour.
We couldn't agree on a name for the puppy.
Your hair looks nice like that.
He dropped the tray, and all the glasses broke.
The meeting has been moved to Thursday afternoon.
I always get lost in this part of the city.
She was the first person in her family to go to university.
The power went out while I was cooking.
Turn the handle gently, or it will come off.
Their garden is twice as big as ours.
I'm afraid we don't serve breakfast after ten.
The boys are looking for a place to camp.
The doctor told him to rest for a week.
My phone was on silent, so I didn't hear it ring.
The road was too narrow for two cars to pass.
An hour later the sky was clear again.
Who is going to pick up the children from school?
We sat by the fire and told each other stories.
The price includes breakfast and a guided tour.
He still writes all his letters by hand.
The cows came home by themselves in the evening.
I forgot to bring my swimming things.
She works at night and sleeps during the day.
There isn't enough room for another bed.
The wind blew the washing into the neighbour's tree.
Most of the guests had already gone home.
I can see the mountains from my bedroom window.
The recipe says that the dough must rest for an hour.
They went to the wrong airport and missed their flight.
It's hard to say what he was thinking.
We had to sell the car to pay for the repairs.
The library lends tools as well as books.
He was wearing two different socks.
The water in the lake is too cold for swimming.
Please don't put wet towels on the bed.
The last bus had left, so we took a taxi.
I'll call you as soon as I know more.
She speaks so quietly that you have to lean forward.
The tomatoes are ripe, but the peppers need another week.
Our flat is on the fifth floor, just below the roof.
Has the plumber given you a price yet?
The choir practises in the old fire station.
There were no seats left, so we stood at the back.
You can't judge a book by its cover.
The company is looking for somebody who speaks Polish.
My uncle repairs watches in a tiny shop near the market.
We were having dinner when the phone rang.
The cat is asleep in the laundry basket.
I don't know who took the last biscuit.
He wants to be a pilot when he's older.
The village has one shop, one school and two pubs.
Are these seats taken?
It was the hottest day of the year.
The dentist told me to brush my teeth more slowly.
She found the photograph between the pages of a dictionary.
The workers have been on strike since Monday.
I prefer the green curtains to the yellow ones.
We're having some friends over for dinner on Saturday.
The dog won't eat unless somebody sits next to him.
A small boat was tied to the bridge.
How do you spell your surname?
The guide spoke too fast for us to understand.
They haven't decided where to spend their holiday.
I cut my finger while I was slicing onions.
The bill was higher than we thought it would be.
The new teacher is strict but fair.
Sorry to bother you, but is this your umbrella?
The frog jumped into the pond and disappeared.
He has lived in the same house all his life.
My shoes are full of sand.
We need to be at the station by half past six.
The stars were so bright that we didn't need a lamp.
She gave half of her sandwich to the boy beside her.
The paint is still wet, so don't touch the wall.
I would rather walk than wait for the next bus.
The farmer counted his sheep and found that one was missing.
Thanks for the lovely flowers you sent me.
Only three people came to the first rehearsal.
He opened the box very carefully and looked inside.
The carpet in the living room needs cleaning.
You'll need a passport and two photographs.
The judge asked the witness to speak up.
My neighbour's rooster wakes me at five every morning.
We got lost because the map was out of date.
The kettle takes ages to boil.
I've never liked the taste of coffee.
The sign says that dogs are not allowed on the beach.
The coach was pleased with the way they played.
When I was a child, we didn't have a television.
The hospital is looking for volunteers.
""".strip().split("\n")
)
