"""Names of things: jobs, products, foods, animals, plants, company parts and the like, as comma-separated text.

`words_lists.WordList` drops duplicates. Knows nothing of splits or random draws.
"""

JOBS = """
accountant, actor, actuary, airline pilot, ambulance driver, anaesthetist, animator, archaeologist, architect,
archivist, art teacher, astronomer, auditor, author, baker, ballet dancer, banker, barber, barista, bartender,
beekeeper, biologist, blacksmith, boat builder, bookbinder, bookkeeper, bookseller, botanist, brewer, bricklayer,
bus driver, butcher, cabinet maker, cameraman, car mechanic, cardiologist, care worker, carpenter, cartographer,
cashier, chef, chemist, chemistry teacher, chimney sweep, choreographer, civil engineer, cleaner, clockmaker, clown,
coach, comedian, composer, conductor, construction worker, copywriter, costume designer, court clerk, crane operator,
curator, customs officer, dairy farmer, dancer, data analyst, data scientist, dentist, dermatologist, detective,
developer, dietitian, diplomat, diver, dog trainer, dressmaker, driving instructor, ecologist, economist, editor,
electrical engineer, electrician, event planner, farmer, fashion designer, film director, financial adviser,
firefighter, fisherman, fitness trainer, flight attendant, florist, forester, furniture maker, game designer, gardener,
geography teacher, geologist, glassblower, goldsmith, graphic designer, guitar teacher, hairdresser, harbour master,
head cook, historian, horse trainer, hotel manager, illustrator, immunologist, insurance agent, interior designer,
interpreter, ironworker, janitor, jeweller, journalist, judge, kindergarten teacher, lab technician,
landscape architect, language teacher, lawyer, lecturer, librarian, lifeguard, lighting technician, linguist,
locksmith, logistics planner, lorry driver, machinist, magician, mail carrier, marine biologist, marketing manager,
mason, massage therapist, mathematician, maths teacher, mayor, mechanic, mechanical engineer, meteorologist, midwife,
miller, miner, model maker, mountain guide, museum guide, music teacher, musician, network engineer, neurologist,
news anchor, notary, novelist, nurse, nutritionist, office manager, optician, orchestra conductor, painter, paramedic,
park ranger, pastry chef, pediatrician, pharmacist, philosopher, photographer, physicist, physiotherapist, piano tuner,
pilot, plasterer, plumber, poet, police officer, politician, potter, primary school teacher, printer, product manager,
professor, programmer, project manager, proofreader, psychologist, publisher, puppeteer, radio host, radiologist,
real estate agent, receptionist, researcher, roofer, sailor, sales manager, school principal, scientist, sculptor,
seamstress, secretary, security guard, shepherd, shoemaker, shop assistant, singer, social worker, software engineer,
software tester, soil scientist, soldier, sound engineer, speech therapist, sports reporter, stage manager,
statistician, stonecutter, street musician, surgeon, surveyor, swimming teacher, system administrator, tailor,
tattoo artist, tax adviser, taxi driver, teacher, tennis coach, tile layer, tour guide, toy maker, train driver,
translator, travel agent, tree surgeon, truck driver, tutor, upholsterer, urban planner, veterinarian, video editor,
violin maker, waiter, warehouse worker, watchmaker, weaver, web designer, welder, wildlife photographer,
window cleaner, wine maker, writer, yoga teacher, zookeeper, zoologist
"""

PRODUCTS = """
air fryer, air mattress, alarm clock, armchair, backpack, baking tray, bamboo mat, bar stool, basketball, bath towel,
bathrobe, beach umbrella, bed frame, bedside lamp, bicycle, bicycle helmet, bicycle lock, bike pump, binoculars,
blanket, blender, board game, bookcase, bookshelf, bottle opener, bracelet, bread bin, bread knife, breakfast bowl,
briefcase, broom, bucket, cable reel, cake stand, calculator, camera, camping chair, camping stove, candle holder,
canoe paddle, canvas bag, car charger, car seat, card reader, cast iron pan, ceiling fan, ceramic vase, chainsaw,
cheese grater, chess set, chopping board, circular saw, climbing rope, coat rack, coffee grinder, coffee machine,
coffee mug, colour printer, compass, computer mouse, cookbook, cooking pot, cool box, cordless drill, corkscrew, crib,
cross trainer, curtain rod, cushion, cutlery set, dart board, dashcam, deck chair, desk fan, desk lamp, desk organiser,
diary, digital piano, digital scale, dining table, dinner plate, dishwasher, dog bed, dog leash, door handle, doormat,
drone, drum kit, dustpan, duvet, ear plugs, earrings, egg timer, electric kettle, electric razor, electric scooter,
electric toothbrush, espresso cups, exercise ball, extension cord, face cream, fishing rod, fitness tracker,
flashlight, floor lamp, flower pot, foam roller, folding bike, folding chair, food processor, football, fountain pen,
frying pan, game console, garden bench, garden gnome, garden hose, garden table, gas grill, glass jar, gloves,
glue gun, golf clubs, graphics card, guitar stand, guitar strings, hair dryer, hammer, hammock, hand blender,
hand mixer, handbag, hard drive, headphones, heated blanket, hedge trimmer, hiking boots, hiking poles, hockey stick,
hoodie, humidifier, ice skates, ice cream maker, inkjet printer, ironing board, jacket, jewellery box, jigsaw puzzle,
juicer, jumper, kayak, keyboard, kitchen clock, kitchen scale, kitchen timer, kite, knife block, knitting needles,
label printer, ladder, lamp shade, lantern, laptop, laptop sleeve, laser printer, laundry basket, lawn mower,
leather belt, leather sofa, leather wallet, lunch box, magnifying glass, mattress, measuring tape, memory card,
microphone, microscope, microwave, milk frother, mirror, mixing bowl, mobile phone, monitor, monitor arm, mop,
mosquito net, motorcycle helmet, mountain bike, mouse pad, mousetrap, music stand, necklace, night light, notebook,
oak table, office chair, oil heater, oven glove, paint roller, paper shredder, parasol, pasta maker, pencil case,
pepper mill, pet carrier, phone case, phone charger, photo album, photo frame, picnic basket, picture frame, pillow,
pizza stone, plant stand, playing cards, pocket knife, poster, power bank, power strip, pressure cooker,
pressure washer, projector, pruning shears, pullover, puzzle, quilt, rain barrel, rain jacket, raincoat, record player,
recycling bin, reading glasses, remote control, rice cooker, ring, robot vacuum, rocking chair, roller skates,
rolling pin, rowing machine, rucksack, rug, running shoes, saddle, safe, salad bowl, sandals, sander, sandpit,
saucepan, saw, scarf, screwdriver set, security camera, serving tray, sewing machine, shampoo, shaving kit, shoe rack,
shovel, shower curtain, shower head, side table, silk scarf, ski goggles, ski jacket, skateboard, sleeping bag,
sleeping mask, slow cooker, smart speaker, smart watch, smoke detector, snow shovel, snowboard, soap dispenser,
soccer ball, socks, sofa bed, solar panel, soldering iron, soup bowl, speaker, spice rack, stand mixer, standing desk,
stapler, steam iron, step ladder, storage box, stove, straw hat, stroller, sun hat, sunglasses, surfboard, sweater,
swimming goggles, swing, table lamp, table runner, table tennis bat, tablecloth, tablet, tea set, teapot, teddy bear,
telescope, television, tennis racket, tent, thermometer, thermos flask, toaster, toolbox, torch, towel rail, toy train,
trampoline, travel adapter, travel bag, travel mug, treadmill, tricycle, tripod, trolley, trumpet, typewriter, ukulele,
umbrella, usb cable, usb stick, vacuum cleaner, violin, volleyball, waffle iron, walking stick, wall clock, wallpaper,
wardrobe, washing machine, waste bin, water bottle, water filter, watering can, weather station, webcam, wheelbarrow,
whiteboard, wind chime, wine glasses, wine rack, winter boots, winter coat, wireless earbuds, wireless router, wok,
wool blanket, wooden chair, wooden train, workbench, wrench set, writing desk, yoga block, yoga mat, apple, pencil,
book, chair, table, bottle, cup, hat, shirt, dress, phone, car, ball, doll, bag, ticket, cake, lamp, bed, sofa, desk,
guitar, piano, watch, coat, jeans, T-shirt, skirt, tie, knife, fork, spoon, plate, bowl, pan, radio, TV, computer,
printer, headset, candle, towel, brush, ruler, stamp, magazine, map, bread, cheese, boots, house, boat, bike, kettle,
rug, vase, clock, toy car, ring binder, gift card, camera lens, e-reader, USB hub, smartphone
"""

FOODS = """
almond cake, apple crumble, apple pie, artichoke dip, baked beans, baklava, banana bread, barley soup, bean stew,
beef stew, beetroot salad, blueberry muffins, borscht, bread pudding, broccoli soup, brownies, butter chicken,
butternut soup, cabbage rolls, caesar salad, caramel flan, carrot cake, carrot soup, cauliflower curry,
cheese omelette, cheese scones, cheesecake, cherry tart, chicken curry, chicken pie, chickpea curry, chili con carne,
chocolate cake, chocolate mousse, cinnamon rolls, clam chowder, coconut rice, coleslaw, corn bread, corn fritters,
couscous salad, crab cakes, cream of mushroom soup, crepes, cucumber salad, date cookies, dumplings, egg fried rice,
eggplant parmesan, empanadas, enchiladas, falafel, feta salad, fig jam, fish pie, fish soup, fish tacos, flatbread,
focaccia, french toast, fried noodles, fruit salad, garlic bread, gazpacho, ginger cookies, gingerbread, gnocchi,
goulash, granola, green curry, greek salad, guacamole, ham sandwich, honey cake, hummus, jambalaya, jollof rice,
key lime pie, kimchi stew, lamb kebab, lamb stew, lasagne, leek quiche, lemon cake, lemon tart, lentil curry,
lentil soup, lobster bisque, macaroni cheese, mango chutney, mango salad, marmalade, meatballs, meat loaf, minestrone,
miso soup, moussaka, mushroom risotto, mushroom soup, naan bread, nut loaf, oat biscuits, oat porridge, onion soup,
onion tart, orange cake, paella, pancakes, panna cotta, pasta salad, pea soup, peach cobbler, peanut noodles,
pear tart, pecan pie, pesto pasta, pierogi, pita bread, pizza, plum cake, polenta, pork roast, potato gratin,
potato pancakes, potato salad, potato soup, pumpkin pie, pumpkin soup, quiche, ratatouille, ravioli, red lentil dal,
rhubarb crumble, rice pudding, roast chicken, roast potatoes, rye bread, salmon pasta, samosas, scones, shakshuka,
shepherd's pie, shortbread, spinach lasagne, spinach pie, spring rolls, strawberry jam, stuffed peppers, sushi,
sweet potato curry, tabbouleh, tarte tatin, tiramisu, tofu stir-fry, tomato salad, tomato soup, tuna salad,
vegetable curry, vegetable lasagne, vegetable soup, waffles, walnut bread, wild rice salad, yogurt cake, zucchini bread
"""

INGREDIENTS = """
almonds, apples, avocado, bacon, basil, beef, black beans, butter, buttermilk, cabbage, carrots, cashews, celery,
cheddar, cherry tomatoes, chicken breast, chickpeas, chili flakes, chocolate, cinnamon, coconut milk, cod, corn,
couscous, cream, cumin, dates, dried figs, eggs, feta, flour, garlic, ginger, goat cheese, green beans, ham, hazelnuts,
honey, kale, leeks, lemon juice, lentils, lime, maple syrup, minced lamb, mint, mozzarella, mushrooms, mustard,
noodles, oats, olive oil, olives, onions, orange zest, oregano, paprika, parmesan, parsley, peanut butter, peas,
pine nuts, potatoes, prawns, pumpkin, quinoa, raisins, red peppers, rice, ricotta, rosemary, saffron, salmon,
sesame seeds, shallots, soy sauce, spinach, sugar, sweet potatoes, thyme, tofu, tomatoes, tuna, turmeric, vanilla,
walnuts, yeast, yogurt, zucchini
"""

ANIMALS = """
aardvark, albatross, alligator, alpaca, anaconda, ant, anteater, antelope, armadillo, axolotl, baboon, badger,
barn owl, bat, bear, beaver, bee, beetle, bison, black rhino, blackbird, blue whale, boa, boar, bobcat, brown bear,
buffalo, bullfinch, butterfly, buzzard, camel, canary, capybara, caribou, carp, cat, chameleon, chamois, cheetah,
chicken, chimpanzee, chinchilla, chipmunk, cobra, cockatoo, cod, condor, cormorant, cougar, cow, coyote, crab, crane,
crayfish, crocodile, crow, cuckoo, deer, dingo, dolphin, donkey, dormouse, dragonfly, duck, eagle, echidna, eel,
elephant, elk, emu, falcon, ferret, finch, flamingo, fox, frog, gannet, gazelle, gecko, gerbil, giant panda, gibbon,
giraffe, goat, goldfish, goose, gorilla, grasshopper, grey seal, guinea pig, gull, hamster, hare, harrier, hawk,
hedgehog, heron, hippopotamus, hornet, horse, hummingbird, hyena, ibex, iguana, jackal, jackdaw, jaguar, jay,
jellyfish, kangaroo, kestrel, kingfisher, kiwi, koala, kookaburra, lemming, lemur, leopard, lion, lizard, llama,
lobster, lynx, macaw, magpie, mallard, manatee, mantis, marmot, marten, meerkat, mole, mongoose, moose, moth, mouse,
mule, newt, nightingale, ocelot, octopus, okapi, opossum, orangutan, orca, ostrich, otter, owl, ox, panther, parakeet,
parrot, partridge, peacock, pelican, penguin, pheasant, pig, pigeon, pike, pine marten, platypus, polar bear, pony,
porcupine, porpoise, puffin, puma, python, quail, rabbit, raccoon, rat, raven, red panda, reindeer, robin, salamander,
salmon, sea lion, sea otter, seahorse, seal, shark, sheep, shrew, skunk, sloth, snail, snake, snow leopard, sparrow,
spider, squid, squirrel, starling, stork, swallow, swan, swift, tapir, tern, tiger, toad, tortoise, toucan, trout,
tuna, turkey, turtle, viper, vole, vulture, wallaby, walrus, warthog, wasp, weasel, whale, wild boar, wildebeest, wolf,
wolverine, wombat, woodpecker, wren, yak, zebra
"""

PLANTS = """
acacia, African violet, agave, alder, aloe vera, amaryllis, anemone, apple tree, ash, aspen, aster, azalea, bamboo,
banana plant, basil, bay laurel, beech, begonia, birch, bird of paradise, blackthorn, bluebell, bougainvillea,
buttercup, cactus, camellia, carnation, cedar, cherry tree, chestnut, chives, chrysanthemum, clematis, clover,
coriander, cornflower, crocus, cyclamen, cypress, daffodil, dahlia, daisy, dandelion, elderberry, elm, eucalyptus,
fern, fig tree, foxglove, freesia, fuchsia, gardenia, geranium, ginkgo, gladiolus, hawthorn, hazel, heather, hibiscus,
holly, honeysuckle, hyacinth, hydrangea, iris, ivy, jade plant, jasmine, juniper, larch, lavender, lemon tree, lilac,
lily, lime tree, lotus, lupin, magnolia, maple, marigold, mimosa, mint, monstera, moss rose, myrtle, narcissus, oak,
oleander, olive tree, orchid, oregano, palm, pansy, passion flower, peace lily, peony, petunia, pine, poplar, poppy,
primrose, rhododendron, rose, rosemary, rowan, rubber plant, sage, snake plant, snowdrop, spider plant, spruce,
strawberry, sunflower, sweet pea, sycamore, thyme, tulip, verbena, violet, walnut tree, water lily, willow, wisteria,
yew, yucca, zinnia
"""

COLOURS = """
amber, apricot, beige, black, blue, bottle green, bronze, brown, burgundy, charcoal, cherry red, copper, coral, cream,
crimson, cyan, dark blue, dark green, dark grey, emerald, forest green, gold, green, grey, indigo, ivory, khaki,
lavender, lemon yellow, light blue, light green, lilac, lime green, magenta, maroon, mauve, mint green, mustard, navy,
navy blue, ochre, off-white, olive, orange, peach, petrol blue, pink, plum, purple, red, rose, royal blue, ruby, rust,
salmon, sand, scarlet, silver, sky blue, tan, teal, terracotta, turquoise, violet, white, yellow
"""

COMPANY_PARTS = """
Acorn, Adler, Aero, Alba, Alpine, Amber, Anchor, Apex, Apollo, Arbor, Arctic, Argo, Ascent, Aster, Atlas, Aurora,
Axiom, Bayside, Beacon, Birch, Blue Heron, Bluebird, Bolt, Boreal, Bright, Bright Path, Cactus, Canyon, Cascade,
Castle, Cedar, Cirrus, Citadel, Clearwater, Cloud, Cobalt, Comet, Compass, Copper, Coral, Crescent, Crystal, Cypress,
Delta, Drift, Eagle, Eastgate, Echo, Ember, Evergreen, Falcon, Fern, First Light, Fjord, Flint, Forge, Fox, Frontier,
Galaxy, Garnet, Glacier, Globe, Golden Gate, Granite, Green Leaf, Griffin, Harbor, Harvest, Hawk, Helix, Heron,
High Point, Hillside, Horizon, Hyperion, Icon, Indigo, Iris, Iron, Island, Ivory, Jade, Juniper, Keystone, Kite,
Lakeside, Lantern, Laurel, Liberty, Lighthouse, Lime, Lotus, Lumen, Luna, Lynx, Magnet, Maple, Marble, Meadow, Mercury,
Meridian, Metro, Mosaic, Nebula, Nexus, Nimbus, Nordic, North Star, Northwind, Nova, Oak, Oasis, Ocean, Olive, Omega,
Onyx, Opal, Orbit, Orchid, Orion, Osprey, Pacific, Palm, Parallel, Peak, Pearl, Pelican, Phoenix, Pine, Pinnacle,
Pioneer, Pixel, Polar, Prairie, Prism, Quantum, Quarry, Quartz, Raven, Red Fox, Redwood, Ridge, River, Riverside,
Robin, Rowan, Ruby, Sage, Sapphire, Saturn, Sierra, Silver, Silverline, Skyline, Solar, Sparrow, Spruce, Stellar,
Sterling, Stone, Summit, Sunrise, Swift, Tandem, Terra, Thistle, Tidal, Titan, Topaz, Tower, Trident, Tulip, Union,
Unity, Valley, Vector, Vega, Velvet, Vertex, Vista, Volt, Walnut, Wave, Westfield, White Oak, Willow, Windmill, Wolf,
Zenith, Zephyr
"""

COMPANY_ENDS = """
Ltd, Inc., GmbH, Group, Foods, Systems, Labs, Media, Logistics, Partners, Software, Solutions, Energy, Bank, Motors,
Textiles, Consulting, Studios, Travel, Pharma, Books, Press, Design, Airlines, Insurance, Electronics, Hotels, Toys,
Furniture, Robotics, Analytics, Holdings, Co., & Sons, Brothers, Industries, Health, Sports, Music, Bikes, Bakery,
Outdoor, Interiors, Networks, Security, Shipping, Trading, Ventures, Works, Tools, Cosmetics, Garden Centre
"""

ADJECTIVES = """
ancient, bitter, blue, bright, broken, burning, calm, careful, clever, cold, crooked, curious, dark, deep, distant,
early, empty, endless, faded, final, first, forgotten, frozen, gentle, golden, green, grey, heavy, hidden, hollow,
hungry, last, late, little, lonely, long, lost, lucky, narrow, new, northern, old, open, paper, patient, perfect, pale,
quiet, red, restless, rising, secret, seventh, shining, silent, silver, simple, sleeping, slow, small, southern,
stolen, strange, sudden, sweet, tall, third, tiny, twisted, velvet, white, wild, winter, wooden, yellow, young
"""

NOUNS = """
answer, autumn, bell, bird, boat, bridge, candle, castle, child, city, clock, cloud, coast, country, crown, daughter,
desert, door, dream, engine, field, fire, flower, forest, garden, gate, ghost, glass, guest, harbour, heart, hill,
horizon, hour, house, island, journey, key, king, kitchen, lake, lamp, letter, library, light, lion, machine, map,
market, melody, memory, mirror, moon, morning, mountain, night, ocean, orchard, painter, path, promise, queen, rain,
river, road, room, rose, sailor, school, sea, season, shadow, shore, signal, sister, sky, snow, song, station, stone,
storm, story, stranger, street, summer, sun, table, thief, tide, tower, town, train, tree, valley, village, voice,
wall, watch, water, wave, wind, window, winter, witness, wolf, year
"""

GOODS = """
apples, bananas, oranges, lemons, melons, pears, peaches, onions, carrots, potatoes, tomatoes, eggs, bottles of milk,
loaves of bread, bags of rice, cans of soup, cartons of juice, bars of chocolate, boxes of tea, packs of coffee,
pencils, pens, notebooks, books, folders, stickers, envelopes, stamps, postcards, posters, tickets, balloons, candles,
lamps, chairs, tables, cushions, blankets, towels, plates, cups, glasses, spoons, forks, bowls, shirts, hats, scarves,
socks, gloves, jackets, shoes, balls, dolls, puzzles, toy cars, board games, batteries, cables, light bulbs, screws,
nails, bricks, buckets, brushes, ropes, tyres, keyboards, mice, monitors, headphones, phones, tablets, cameras, roses,
tulips, sunflowers, plants, trees, cookies, muffins, pizzas, sandwiches, cakes, croissants, bagels, doughnuts,
ice creams, lollipops, tents, helmets, bicycles, sleds, kites, umbrellas, bags, suitcases, mirrors, clocks, watches,
rings, necklaces, coins, flags
"""
