"""Names of places: cities, countries, streets and venues, as comma-separated text.

`words_lists.WordList` drops duplicates. Knows nothing of splits or random draws.
"""

CITIES = """
Aarhus, Abidjan, Abuja, Accra, Adana, Adelaide, Agadir, Albany, Aleppo, Alexandria, Algiers, Alicante, Almaty, Amman,
Amsterdam, Anchorage, Ankara, Antwerp, Arequipa, Arles, Arusha, Asheville, Astana, Athens, Atlanta, Auckland, Austin,
Avignon, Baku, Baltimore, Bamako, Bangalore, Bangkok, Barcelona, Bari, Basel, Bath, Bath Springs, Beijing, Beirut,
Belfast, Belgrade, Bergen, Berlin, Bern, Bilbao, Birmingham, Bogota, Boise, Bologna, Bonn, Bordeaux, Boston, Boulder,
Braga, Bratislava, Bremen, Brest, Brighton, Brisbane, Bristol, Brno, Bruges, Brussels, Bucharest, Budapest,
Buenos Aires, Buffalo, Burgos, Busan, Cairo, Calgary, Cali, Cambridge, Canberra, Cancun, Cape Town, Caracas, Cardiff,
Casablanca, Catania, Charleston, Charlotte, Chengdu, Chennai, Chester, Chiang Mai, Chicago, Christchurch, Cincinnati,
Cleveland, Cluj, Coimbra, Cologne, Colombo, Columbus, Copenhagen, Cordoba, Cork, Coventry, Cusco, Dakar, Dallas,
Damascus, Danang, Dar es Salaam, Darwin, Delft, Delhi, Denver, Derby, Detroit, Dhaka, Dijon, Doha, Dortmund, Dover,
Dresden, Dubai, Dublin, Dundee, Dunedin, Durban, Dushanbe, Edinburgh, Edmonton, Eindhoven, Erfurt, Essen, Exeter, Faro,
Fez, Florence, Frankfurt, Freetown, Fresno, Fukuoka, Galway, Gdansk, Geneva, Genoa, Ghent, Girona, Glasgow, Gothenburg,
Granada, Graz, Grenoble, Groningen, Guadalajara, Guangzhou, Haifa, Halifax, Hamburg, Hangzhou, Hanoi, Hanover, Harare,
Hartford, Havana, Helsinki, Hiroshima, Hobart, Hong Kong, Honolulu, Houston, Hyderabad, Innsbruck, Inverness, Isfahan,
Istanbul, Izmir, Jaipur, Jakarta, Jeddah, Jerusalem, Johannesburg, Kabul, Kampala, Kansas City, Karachi, Kathmandu,
Katowice, Kazan, Kiel, Kigali, Kingston, Kobe, Kolkata, Krakow, Kuala Lumpur, Kuwait City, Kyiv, Kyoto, La Paz, Lagos,
Lahore, Lausanne, Leeds, Leicester, Leiden, Leipzig, Lille, Lima, Limerick, Linz, Lisbon, Liverpool, Ljubljana, Lodz,
London, Los Angeles, Louisville, Luanda, Lubeck, Lucerne, Luxembourg, Lviv, Lyon, Madison, Madrid, Malaga, Malmo,
Manaus, Manchester, Manila, Mannheim, Maputo, Marrakesh, Marseille, Medellin, Melbourne, Memphis, Mexico City, Miami,
Milan, Milwaukee, Minneapolis, Minsk, Modena, Mombasa, Monterrey, Montevideo, Montreal, Moscow, Mumbai, Munich, Muscat,
Nagoya, Nairobi, Nantes, Naples, Nashville, Nassau, New Orleans, New York, Newcastle, Nice, Nicosia, Norwich,
Nottingham, Nuremberg, Oakland, Odense, Odessa, Omaha, Oporto, Osaka, Oslo, Ottawa, Oulu, Oxford, Padua, Palermo,
Panama City, Paris, Parma, Perth, Phoenix, Pisa, Pittsburgh, Plymouth, Portland, Porto, Portsmouth, Potsdam, Poznan,
Prague, Pretoria, Pune, Quebec City, Quito, Rabat, Recife, Reims, Rennes, Reykjavik, Riga, Rio de Janeiro, Riyadh,
Rome, Rosario, Rostock, Rotterdam, Rouen, Sacramento, Saint Paul, Salamanca, Salt Lake City, Salvador, Salzburg,
San Antonio, San Diego, San Francisco, San Jose, Santa Fe, Santiago, Sao Paulo, Sapporo, Sarajevo, Savannah, Seattle,
Seoul, Seville, Shanghai, Sheffield, Shenzhen, Siena, Singapore, Skopje, Sofia, Split, Spokane, Stavanger, Stockholm,
Strasbourg, Stuttgart, Surabaya, Sydney, Taipei, Tallinn, Tampa, Tampere, Tangier, Tartu, Tashkent, Tbilisi, Tehran,
Tel Aviv, The Hague, Thessaloniki, Tirana, Tokyo, Toledo, Toronto, Toulouse, Trieste, Tromso, Trondheim, Tucson, Tunis,
Turin, Turku, Uppsala, Utrecht, Valencia, Vancouver, Venice, Verona, Vienna, Vilnius, Warsaw, Washington, Wellington,
Winnipeg, Wroclaw, Wurzburg, Yerevan, York, Zagreb, Zaragoza, Zurich,
München, Zürich, São Paulo, Málaga, Kraków, Malmö, Düsseldorf, Besançon, Århus, Łódź, Bogotá, Córdoba, Québec, Nîmes
"""

COUNTRIES = """
Albania, Algeria, Angola, Argentina, Armenia, Australia, Austria, Azerbaijan, Bahrain, Bangladesh, Belgium, Benin,
Bhutan, Bolivia, Botswana, Brazil, Bulgaria, Burkina Faso, Cambodia, Cameroon, Canada, Chad, Chile, China, Colombia,
Costa Rica, Croatia, Cuba, Cyprus, Denmark, Ecuador, Egypt, El Salvador, Eritrea, Estonia, Ethiopia, Fiji, Finland,
France, Gabon, Georgia, Germany, Ghana, Greece, Guatemala, Guinea, Guyana, Haiti, Honduras, Hungary, Iceland, India,
Indonesia, Iran, Iraq, Ireland, Israel, Italy, Jamaica, Japan, Jordan, Kazakhstan, Kenya, Kosovo, Kuwait, Laos, Latvia,
Lebanon, Lesotho, Liberia, Libya, Lithuania, Madagascar, Malawi, Malaysia, Mali, Malta, Mauritania, Mauritius, Mexico,
Moldova, Mongolia, Montenegro, Morocco, Mozambique, Myanmar, Namibia, Nepal, New Zealand, Nicaragua, Niger, Nigeria,
North Macedonia, Norway, Oman, Pakistan, Panama, Papua New Guinea, Paraguay, Peru, Poland, Portugal, Qatar, Romania,
Rwanda, Saudi Arabia, Scotland, Senegal, Serbia, Sierra Leone, Slovakia, Slovenia, Somalia, South Africa, South Korea,
Spain, Sri Lanka, Sudan, Suriname, Sweden, Switzerland, Syria, Taiwan, Tanzania, Thailand, Togo, Tunisia, Turkey,
Uganda, Ukraine, Uruguay, Uzbekistan, Venezuela, Vietnam, Wales, Yemen, Zambia, Zimbabwe
"""

STREETS = """
Acorn, Alder, Ash, Baker, Bay, Beech, Bell, Birch, Bishop, Bridge, Broad, Brook, Canal, Castle, Cedar, Chapel, Cherry,
Chestnut, Church, Cliff, Clover, College, Cooper, Cotton, Court, Crescent, Cross, Dale, Depot, Dock, Dove, Elm, Fern,
Field, Forest, Fountain, Fox, Garden, Gate, Glen, Grange, Granite, Green, Grove, Hall, Harbour, Harvest, Hazel, Heath,
Heron, High, Hill, Holly, Ivy, Juniper, King, Lake, Lark, Laurel, Lavender, Lime, Linden, Lock, Long, Magnolia, Main,
Maple, Market, Meadow, Mill, Mint, Moor, Museum, Myrtle, North, Oak, Orchard, Palace, Park, Pearl, Pine, Poplar, Port,
Prince, Quarry, Queen, Ridge, River, Rose, Rowan, Sage, Sand, School, Silver, South, Spring, Station, Stone, Summer,
Sycamore, Temple, Thistle, Tower, Valley, Victoria, View, Vine, Walnut, Water, Well, West, Willow, Wren
"""

VENUES = """
Town Hall, Grand Hotel, City Library, Old Mill, Harbour Hall, Central Park, Riverside Theatre, Opera House,
Market Square, Lakeside Pavilion, Botanical Garden, Community Centre, Science Museum, Royal Arena, Sports Hall,
Castle Courtyard, Student Union, Blue Room, Room 12, Room 4B, Hall C, Conference Room 3, Boardroom, Rooftop Terrace,
Main Auditorium, Concert Hall, North Campus, East Wing, Cafe Luna, Cafe Central, Hotel Astoria, Hotel Miramar,
Palace Cinema, Maritime Museum, Art Gallery, Kingsway Church, Civic Centre, Exhibition Hall, Garden Theatre,
Olympic Stadium, Village Green, Beach Club, Assembly Rooms, Lecture Hall 2, Meeting Room 7, Red Barn, Corn Exchange,
Winter Garden, Printworks, Observatory, Glass House, Union Chapel, Print Studio, Fire Station, Jazz Cellar, Lighthouse,
Old Brewery, Training Room B, Studio 5, Victoria Hall, Harbour View Restaurant, Stadium of Light, Pine Lodge,
Music School
"""
