"""Words for the mistakes of the *fix* task: real misspellings, apostrophes, homophones, contexts of small words.

An entry maps the right form to wrong ones, or lists the neighbours that make the right form certain. Knows nothing of
sentences or requests.
"""

from dgemma.evals.tasks.sentences_words import (
    CITIES_EVAL,
    CITIES_TRAIN,
    DAYS,
    MEN_EVAL,
    MEN_TRAIN,
    MONTHS,
    NATIONS,
    WOMEN_EVAL,
    WOMEN_TRAIN,
)

_MISSPELLINGS = """
absence abscence|accept acept|accident acident|accommodation accomodation|accountant acountant|achieve acheive|across accross
actually actualy acctually|address adress|advertisement advertisment|afraid afriad|afternoon afernoon|again agian|against agianst
aisle asile|all right alright|already allready alredy|although altough allthough|always allways alwyas|amateur amatuer|among amoung
amount ammount|animal animel|another anouther|answer anwser awnser|anything anthing|apartment appartment|apparently apparantly
appear apear|appearance appearence|apologise apoligise|appointment apointment|argument arguement|around arround|arrive arive
arrived arived|asleep alseep|attend atend|attention atention|autumn autum|available avaliable availible|awful aweful
balloon baloon|basically basicly|beautiful beatiful beautifull|because becuase becouse becase|before befor|beginning begining
behaviour behavior|behind behing|believe beleive belive|believed beleived|between betwen beetween|bicycle bycicle|birthday brithday
biscuit biscut|bottle bottel|bought bougth|bread braed|break brake|breakfast breakfeast brekfast|breathe breath|bridge brige
brilliant brillant|brother brohter|brought brougth|building bulding|business buisness bussiness|busy bussy|calendar calender
called caled|careful carefull|carefully carefuly|carried carryed|castle casle|caught cought|ceiling cieling|celebrate celibrate
century centuary|certain certian|certainly certainley|chemistry chemestry|chicken chiken|children childern chidren|chocolate chocolat
choose chose|city citty|clothes cloths|coffee coffe cofee|colleague collegue|colour coler|coming comming|committee commitee
company compnay|completely completly|complain complane|computer computor|concert consert|condition conditon|confident confidant
congratulations congradulations|conscious concious|contract contrakt|couldn't could'nt|country contry|cousin cosin|cousins cousens
curious curiuos|daughter dauhter|decide deside|decided desided|decision desicion|definitely definately definitly|delicious delicous
describe discribe|desperate desparate|destroyed distroyed|dictionary dictionery|didn't did'nt|different diffrent diferent
difficult dificult|dinner diner|disappear dissapear|disappeared dissapeared|disappointed dissapointed|discuss discus|doctor docter
doesn't dosen't|don't do'nt|dream draem|during durring|early erly|easier easyer|easily easely|eight eigth|either iether
eleven elleven|embarrass embarass|engineer enginer|English Englsh|enjoy enjoi|enough enogh enought|environment enviroment
especially especialy expecially|evening evning|every evry|everybody everbody|everyone everone|everything everthing evrything
exactly exactley|exam exsam|excellent excelent excellant|except exept|excited exited|exercise excercise|expected expeted
expensive expencive|experience experiance|explain explane|explained explaned|extremely extremly|family familly famly|famous famouse
fascinating facinating|father fahter|favourite favorit favourit|February Febuary|festival festivel|field feild|fifteen fiveteen
finally finaly|finish finnish|finished finnished|flight flihgt|flower flowwer|flowers flouers|follow folow|forest forrest
foreign foriegn|forget forgett|forgotten forgoten|forty fourty|forward foward|found fuond|friend freind frend|friends freinds frends
friendly freindly|fridge frige|front frunt|funny funy|furniture furnature|garden gardan|generally generaly|gentle gental
geography geografy|girl gril|glasses glases|gone goen|goodbye goodby|government goverment|grammar grammer|grandfather granfather
grandmother granmother|grateful greatful|great graet|grey gery|group gruop|guarantee garantee|guard gaurd|guess geuss|guest geust
guests geusts|guide giude|guitar gitar|happened happend|happily happilly|happiness happyness|happy hapy|health helth|hear haer
heard herd|heavy hevy|height hieght|help hlep|holiday holliday|homework homwork|honest onest|hospital hospitel|hotel hottel
house huose|hundred hunderd|hungry hungrey|hurry hurrey|husband husbend|immediately immediatly imediately|important importent
impossible imposible|independent independant|information infomation|instead insted|instructions instuctions|intelligent inteligent
interested intrested|interesting intresting|interrupt interupt|invited inveted|invoice invioce|island iland|jealous jelous
jewellery jewelery|journey jorney|kitchen kichen|knew kenw|knife nife|knock nock|knocked nocked|know konw|knowledge knowlege
language langauge|languages langauges|later laiter|laugh laguh|laughed laughted|learn lern|leave leeve|lesson leson|letter leter
library libary|light ligth|listen lisen|listened lisened|little litle littel|living liveing|lonely lonley|looking lookng
lovely lovley|lunch luch|luggage lugage|making makeing|manager manger|many mnay|market markit|mathematics mathmatics
meant ment|meeting meating|message messege|million milion|minute minuite|minutes minuites|mirror mirrow|mischievous mischevious
mistake misteak|moment momment|money mony|month mounth|morning moring|mother mohter|mountain mountian|mountains mountians
museum musuem|music musick|naturally naturaly|near neer|necessary neccessary necesary|neighbour nieghbour|neighbours nieghbours
neither niether|nervous nervus|newspaper newspapper|night nigth|ninety ninty|nobody nobodey|noise niose|normally normaly
nothing nothin|noticeable noticable|occasion ocassion|occasionally occasionaly|occurred occured|off offf|office ofice|often offen
once onse|opened openned|opinion opinon|opportunity oppurtunity|opposite oposite|order oder|ordinary ordinery|original orignal
outside outsid|paid payed|parents perents|parliament parliment|party partey|passenger passanger|passport pasport|patient pacient
people poeple peple|perfect perfact|perhaps prehaps|person persson|phone fone|photograph photagraph|physics phisics|piano pianno
picture pitcure|piece peice|pieces peices|place palce|planning planing|playing plaing|please plese pleese|police polise
popular populer|possible posible|postman postmen|potato potatoe|potatoes potatos|practice pratice|prefer perfer|preferred prefered
prepare preper|present presant|pretty prety|price prise|prize prise|probably probaly probly|problem problam|promise promiss
promised promissed|pronunciation pronounciation|publicly publically|quarter quater|queue que|question qestion|questions qestions
quickly quikly quickley|quietly quitely|quite qiute|rabbit rabit|radio raido|raining rainning|rainbow rainbowe|ready redy
realise relise|really realy relly|reason reson|receipt reciept|receive recieve|received recieved|recipe recipie|recognise reconise
recommend reccomend recomend|referred refered|relevant relevent|religious religous|remember rember remeber|repair repare
repaired repared|report reprot|responsible responsable|restaurant resturant restaraunt|returned returnd|rhythm rythm|ridiculous rediculous
right rigth|river rivver|running runing|safety saftey|said siad sayed|salad sallad|sandcastle sandcasle|sandwich sandwitch|Saturday Saterday
saucer sauser|scarf scraf|schedule shedule|school shcool scool|science sience|scientists sientists|scissors sissors|secretary secretery
separate seperate|sentence sentance|several severel|shining shinning|should shoud|shoulder sholder|shouted shoutted|similar similiar
simply simpley|since sinse|sincerely sincerly|singing singging|sister siter|sitting siting|sleep slepp|slowly slowley|small smal
smile smille|smiled smilled|something somthing|sometimes somtimes|soup suop|special speciel|speech speach|stairs staires
station staton|still stil|stomach stomache|stopped stoped|story storey|straight straigth|strange starnge|street steret|strength strenght
strong stong|student studant|students studants|studying studing|succeed succed|success sucess|successful sucessful successfull
suddenly suddenley suddently|sugar suger|suggest sugest|suitcase suitecase|summer sumer|sunny suny|surprise suprise|surprised suprised
swimming swiming|table tabel|teacher teecher|telephone telefone|television televison|temperature temprature|terrible terible
thank thnak|their thier|theatre theater|there ther|these theese|they thye|thing thign|things thigns|think thikn|thought thougth
thousand thousend|through throuhg|Thursday Thurday|tickets tikets|tired tierd|together togather togeather|tomatoes tomatos
tomorrow tommorow tommorrow tomorow|tongue tounge|tonight tonite|too much to much|tourist turist|tourists turists|towards twoards
train trian|travelling traveling|treasure tresure|tried tryed|trouble truble|truly truely|trying tring|Tuesday Teusday|turned truned
twelfth twelth|twelve twelv|twenty tweny|umbrella umbrela|uncle unkle|understand undertand|unfortunately unfortunatly|university univercity
until untill|unusual unusuall|upstairs upstaires|useful usefull|usually usualy usally|vacation vaction|vacuum vaccuum|vegetable vegtable
vegetables vegtables|vehicle vehical|very verry|village villige|villain villian|violin violen|visit vist|visited visitted|visitors vistors
voice vioce|waiting waitting|walked walkd|wallet wallat|wanted wantted|warm wram|watch wacth|watched wacthed|water watter|weather wether
wedding weding|Wednesday Wensday Wednsday|week weak|weekend weekand|weird wierd|welcome wellcome|were wer|what waht|when wehn|where wher
which wich whitch|while whlie|whisper wisper|white withe|whole hole|window windo|winter wintir|with wiht|without witout|woman women
wonderful wonderfull|working workin|world wrold|worried woried|worry wory|would woud|writing writting|written writen|wrote rote
wrong rong|yellow yelow|yesterday yestreday yesturday|young yuong|your yuor
"""
_NOT_PLAIN = frozenset(
    "alright to brake breath chose cloths weak women hole withe discus exited confidant diner finnish".split()
)
_NOT_PLAIN |= frozenset("planing siting theater behavior traveling storey prise herd manger postmen rote que".split())


def _misspellings() -> dict[str, tuple[str, ...]]:
    """Right word -> wrong forms that are not words themselves."""
    table: dict[str, tuple[str, ...]] = {}
    for entry in _MISSPELLINGS.replace("\n", "|").split("|"):
        right, *wrong = entry.split() or [""]
        kept = tuple(word for word in wrong if word not in _NOT_PLAIN)
        if kept and "right" not in wrong and "much" not in wrong:
            table[right] = kept
    return table


MISSPELLINGS = _misspellings()

APOSTROPHES = {
    word: word.replace("'", "")
    for word in (
        "don't can't won't didn't doesn't isn't wasn't aren't weren't couldn't wouldn't shouldn't haven't "
        "hasn't hadn't mustn't I'm I've that's what's there's she's he's you're they're they've we've you've "
        "let's they'll you'll who's where's Don't Can't Won't Didn't Doesn't Isn't Aren't That's What's "
        "There's She's He's You're They're They've We've You've Let's They'll Who's Where's"
    ).split()
}
UNCOUNTABLE = {
    word: word + "s"
    for word in [
        "information",
        "advice",
        "furniture",
        "homework",
        "luggage",
        "news",
        "equipment",
        "weather",
        "traffic",
        "rice",
    ]
} | {"news": "newses", "rice": "rices"}

CAPITALS = frozenset(
    WOMEN_TRAIN + MEN_TRAIN + WOMEN_EVAL + MEN_EVAL + CITIES_TRAIN + CITIES_EVAL + DAYS + MONTHS + NATIONS
) | frozenset("Lily Timmy Mia Jack Jill Sara Sue Lucy Billy Bobby Tommy Mary Jenny Joe Bob Anne Jim Polly".split())
CAPITALS -= frozenset(("March", "May", "Turkey", "China", "Rose", "Mark", "Will", "Max"))

AFTER_SUBJECT = ["is", "was", "are", "were", "has", "have", "will", "can"]
_NOUNISH = (
    "house car dog cat mother father sister brother friend friends name names bag book books keys money home "
    "room garden children parents way hand hands head eyes phone letter bicycle own work job hair clothes "
    "shoes toys teacher family tail wings food new old little best first favourite turn dinner lunch "
    "breakfast umbrella passport medicine"
).split()

# (right word, wrong word, words before or None, words after or None); "." is the end of the sentence.
CONFUSED: tuple[tuple[str, str, frozenset[str] | None, frozenset[str] | None], ...] = tuple(
    (right, wrong, frozenset(before.split()) if before else None, frozenset(after) if after else None)
    for right, wrong, before, after in (
        ("their", "there", "", _NOUNISH),
        ("their", "they're", "", _NOUNISH),
        ("there", "their", "", AFTER_SUBJECT),
        ("there", "their", "over in out up down", ()),
        (
            "they're",
            "their",
            "",
            ["going", "not", "very", "so", "too", "all", "coming", "building", "looking", "happy", "tired"],
        ),
        ("they're", "there", "", ["going", "not", "coming", "building", "looking", "happy", "tired"]),
        ("its", "it's", "", _NOUNISH),
        (
            "it's",
            "its",
            "",
            [
                "a",
                "an",
                "the",
                "going",
                "not",
                "very",
                "too",
                "so",
                "time",
                "raining",
                "cold",
                "hot",
                "easy",
                "hard",
                "my",
                "your",
                "cheaper",
                "better",
            ],
        ),
        ("your", "you're", "", _NOUNISH),
        (
            "you're",
            "your",
            "",
            [
                "going",
                "not",
                "very",
                "too",
                "so",
                "late",
                "welcome",
                "right",
                "wrong",
                "coming",
                "free",
                "the",
                "a",
                "an",
            ],
        ),
        ("to", "too", "went go going come came want wants wanted listen listened next", ()),
        (
            "too",
            "to",
            "",
            [
                "much",
                "many",
                "late",
                "big",
                "small",
                "hot",
                "cold",
                "heavy",
                "fast",
                "tired",
                "sweet",
                "salty",
                "expensive",
                "loud",
                "far",
            ],
        ),
        ("too", "to", "me", "."),
        ("than", "then", "more less rather bigger smaller better older taller faster longer higher easier worse", ()),
        ("then", "than", "and since", ()),
        (
            "no",
            "know",
            "have has had there's is was with",
            ["idea", "money", "time", "one", "food", "more", "other", "reason"],
        ),
        (
            "know",
            "no",
            "don't didn't you they we I not to",
            ["the", "what", "where", "how", "that", "who", "a", "why", "if", "if", "it", "him", "her"],
        ),
        ("hear", "here", "can can't to you not didn't couldn't could", ()),
        ("here", "hear", "come came over live", ()),
        ("knew", "new", "I he she they we nobody everyone", ()),
        ("new", "knew", "a the my his her", ()),
        ("write", "right", "to will can please", ()),
        ("right", "write", "the is was turn all that's", ()),
        ("buy", "by", "to will can could didn't", ()),
        ("by", "buy", "go went travel came written made", ()),
        ("week", "weak", "last next every this a", ()),
        ("sea", "see", "the by", ()),
        ("see", "sea", "to can you could will", ()),
        ("where", "were", "know ask find remember", ()),
        ("were", "where", "they we you people children", ()),
        ("whose", "who's", "", ["book", "car", "house", "bag", "dog", "turn", "idea"]),
        ("who's", "whose", "", ["there", "coming", "going", "that"]),
        ("of", "off", "cup glass bottle lot one some most piece end front out full afraid", ()),
        ("off", "of", "turn turned switch switched took fell get jumped", ()),
        ("lose", "loose", "to will you don't", ()),
        ("quiet", "quite", "be very so were was too", "."),
        ("quite", "quiet", "", ["a", "good", "well", "nice", "big", "small", "old", "often"]),
        ("piece", "peace", "a one every", ("of",)),
        ("weather", "whether", "the cold wet hot warm sunny bad good", ()),
        ("our", "hour", "of in to with at and near", ()),
        ("hour", "our", "an one half every", ()),
        ("would", "wood", "I she he they we you it", ()),
        ("through", "threw", "went walked ran go looked", ()),
        ("threw", "through", "he she I they we", ()),
        ("wait", "weight", "to can will please must", ()),
        ("meet", "meat", "to will can let's", ()),
        ("tail", "tale", "its his her long", ()),
        ("whole", "hole", "the", ()),
        ("break", "brake", "to will don't", ()),
        ("brake", "break", "the", ("pedal",)),
        ("hair", "hare", "her his my your long", ()),
        ("won", "one", "he she they we I team", ("the",)),
        ("flour", "flower", "of", ()),
        ("except", "accept", "everyone everybody nothing", ()),
        ("advice", "advise", "some good the his her", ()),
        ("past", "passed", "half walked ran", ()),
        ("have", "of", "could should would must might", ()),
    )
)

# Small words that a reader would add without doubt: (word, words before or None, words after or None).
MISSING: tuple[tuple[str, frozenset[str] | None, frozenset[str] | None], ...] = tuple(
    (word, frozenset(before.split()) if before else None, frozenset(after.split()) if after else None)
    for word, before, after in (
        (
            "to",
            "want wants wanted need needs needed decided decides hope hoped hopes promised promise forgot refused",
            "",
        ),
        ("to", "going", "be have go see rain the make take do get come buy eat play visit build move school bed"),
        ("to", "went go goes gone", "the school bed work a"),
        ("to", "listen listened listens listening belong belongs next able used", ""),
        ("to", "has had have", "go work wait leave be sell use carry take see pay"),
        (
            "of",
            "lot lots cup glass piece front full one some most bottle because instead afraid middle end kind pair side",
            "",
        ),
        ("of", "couple slice loaf bowl photos bunch group sort proud tired", ""),
        ("the", "in", "morning afternoon evening middle street garden kitchen world sky sea sun summer winter same"),
        ("the", "at end to", "end beginning top bottom moment market station library museum airport door"),
        ("the", "to for of", "park beach cinema market station museum airport bank manager other sun world same"),
        ("the", "on", "left right table floor wall radio ground other roof phone bus train"),
        ("the", "all", "time"),
        ("the", "is are was were", "best same biggest first last"),
        ("the", "close closed open opened", "door window"),
        ("a", "", "lot"),
        ("a", "for", "walk while week moment long swim"),
        ("a", "once twice", "week month year day"),
        ("a", "have had has take takes took", "good great shower party cold new walk bath"),
        ("a", "such what", "nice big good beautiful great lovely long small bad"),
        ("is", "name what where who there here that it he she this", "your my the his her Tom Anna"),
        ("in", "live lives lived interested believe believes arrived arrive", ""),
        ("in", "early late", "the"),
        ("for", "wait waiting waits waited looking look ready thank asked asks responsible sorry", ""),
        ("at", "looked looking laughed laughs shouted smiled good", "the him her me them it us"),
        ("than", "better bigger smaller older taller faster longer higher easier cheaper worse stronger more", ""),
        ("with", "agree agrees agreed filled covered pleased", ""),
        ("about", "worried worry", ""),
        ("on", "depends depend put turn turned", "the his her my your"),
        ("from", "far different", ""),
        ("as", "well soon", "as"),
        ("be", "will won't can should must would", "able late ready there here happy careful back cold hot sunny"),
        ("do", "how what where why when", "you they we I"),
        ("you", "thank", ""),
    )
)
NEVER_DOUBLED = frozenset(
    "very so really had that no bye many far long up again ha more never too much do over her".split()
)
# Neighbours that are sometimes written in the wrong order.
SWAPPED = frozenset(
    tuple(pair.split("-"))
    for pair in (
        "to-the in-the of-the at-the on-the for-the with-the from-the a-lot lot-of to-a in-a with-a for-a "
        "going-to want-to wants-to wanted-to has-been have-been had-been will-be to-be would-like next-to "
        "front-of because-of one-of under-the into-the over-the near-the by-the it-was they-were we-are "
        "they-are she-was he-was there-was there-were very-good every-day last-night last-week next-week "
        "as-soon soon-as don't-know didn't-know able-to"
    ).split()
)
COMPARATIVES = frozenset(
    (
        "bigger smaller better older taller faster longer higher easier cheaper worse stronger younger colder "
        "hotter heavier happier louder warmer nicer slower earlier"
    ).split()
)
KEYBOARD = {
    "a": "sqz", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
