"""The words that fill templates.

Each list is split in two, so that no word that tests is trained on, except identities, grades and
the hundred commonest emoji: users meet all of these, so all are taught.
"""

import random
import re
from collections.abc import Mapping, Sequence

from training.behaviour.changes import handle, link


def _words(text: str) -> list[str]:
    return text.split()


POSITIVE = _words("""
good great excellent amazing wonderful fantastic superb brilliant lovely delightful outstanding
impressive terrific marvellous enjoyable pleasant perfect awesome splendid charming exceptional
fabulous magnificent satisfying reliable helpful beautiful fun remarkable solid gorgeous inspiring
thoughtful flawless stunning refreshing incredible first-rate friendly likeable fascinating
captivating comfortable elegant generous hilarious heart-warming memorable polished rewarding
sensational smooth spectacular stellar sweet top-notch touching uplifting useful vibrant witty
nice exquisite phenomenal superior ace adorable fab admirable
glorious tremendous faultless unbeatable exemplary commendable lovable praiseworthy
heavenly top-class world-class high-quality stylish extraordinary classy cool neat
mind-blowing breathtaking magical enchanting dazzling ingenious
first-class grand divine joyous graceful blissful favourite masterful masterly skilful riveting
compelling engaging absorbing engrossing spellbinding mesmerising dreamy sublime invaluable
dependable seamless effortless spot-on immaculate pristine tidy crisp dreamlike rousing stirring
affecting poignant insightful profound intelligent imaginative inventive innovative brainy
well-crafted well-written well-thought-out beautifully-made soothing relaxing calming luxurious
lavish sumptuous scrumptious radiant sparkling winning endearing gracious upbeat cheery
jolly amusing side-splitting uproarious one-of-a-kind legendary iconic timeless unrivalled
unmatched peerless second-to-none impeccable irresistible laudable noteworthy meritorious valuable
satisfactory swell rad dope lit incomparable life-changing heartfelt tender
""")
NEGATIVE = _words("""
bad terrible awful horrible dreadful poor disappointing boring dull mediocre lousy disgusting
annoying unpleasant atrocious pathetic frustrating useless unbearable miserable weak horrendous
tedious appalling lame ugly unreliable painful ridiculous shoddy abysmal bland broken clumsy
confusing depressing dirty disastrous dismal exhausting flimsy forgettable hideous inept infuriating
insulting lifeless nasty noisy overpriced pointless rotten rude sloppy stale tasteless dire
tiresome unacceptable unhelpful unwatchable worthless wretched
subpar crap inferior third-rate amateurish crummy abominable deplorable woeful
laughable cringeworthy offensive vile repulsive sickening ghastly hopeless botched unsatisfactory
low-quality cheap-looking poorly-made joyless dreary mind-numbing embarrassing shameful disgraceful
irritating maddening trashy unimpressive god-awful rubbish dismaying stinking
bottom-tier feeble wooden-faced soulless heartless charmless witless humourless
uninspired unoriginal hackneyed trite corny cheesy sappy preachy pretentious self-indulgent
meandering plodding interminable unending soporific sleep-inducing muddled messy incomprehensible
nonsensical senseless stupid idiotic moronic brainless silly dumb contrived far-fetched
implausible unconvincing unbelievable hollow shallow superficial unfinished half-baked
half-hearted slapdash haphazard neglectful unfit unsound inadequate insufficient unsuitable
uncomfortable stuffy grubby grimy squalid stinky foul putrid rancid nauseating revolting
loathsome odious hateful despicable contemptible vicious malicious deceptive misleading fraudulent
crooked scandalous outrageous unforgivable inexcusable intolerable insufferable unendurable
harrowing traumatic dispiriting disheartening demoralising gloomy bleak dingy drab humdrum
monotonous lacklustre overhyped wasteful ruinous calamitous catastrophic tragic
laborious gruelling
""")
NEUTRAL = _words("""
wooden Australian new second large small blue digital weekly public private round local annual
foreign Italian electric white portable square seasonal international rectangular metal green
printed monthly commercial regional red temporary vertical daily recorded national Canadian grey
individual military
""")
AVERAGE = _words("""
average ordinary typical usual standard okay regular normal adequate passable unremarkable middling
tolerable unexceptional nondescript run-of-the-mill so-so medium customary conventional
mid fair moderate unspectacular plain everyday common commonplace generic workaday all-right
middle-of-the-road standard-issue fair-to-middling unobjectionable
""")
MORE_AVERAGE = _words("""
routine stock mid-range mid-tier mid-level in-between intermediate bog-standard garden-variety
vanilla acceptable medium-quality nothing-special middle-ranking unsurprising middle-grade
in-the-middle fifty-fifty neutral
""")
"""Words that only train, beside those of `AVERAGE`."""

LIKED = _words(
    "liked loved enjoyed adored appreciated admired recommended praised valued cherished relished "
    "treasured"
)
HATED = _words("hated disliked regretted despised dreaded detested resented loathed abhorred")
LIKE = _words("like love enjoy adore appreciate admire recommend treasure value cherish relish")
HATE = _words("hate dislike regret despise dread detest resent scorn abhor")

INTENSIFIERS = _words("very really extremely absolutely truly incredibly so remarkably utterly")

DOMAINS: Mapping[str, Mapping[str, list[str]]] = {
    "films": {
        "thing": _words(
            "film movie documentary sequel thriller comedy episode show musical remake"
        ),
        "aspect": _words("acting plot ending script soundtrack pacing dialogue directing casting"),
        "person": ["director", "lead actor", "screenwriter", "cast"],
        "merit": _words(
            "gripping suspenseful well-acted original clever entertaining atmospheric funny"
        ),
        "flaw": _words(
            "slow predictable overlong unfunny incoherent derivative clichéd badly-acted"
        ),
        "mishap": [
            "I fell asleep after ten minutes",
            "the sound was out of sync",
            "the plot makes no sense",
            "half the audience walked out",
            "the jokes fall flat",
            "I could not understand a word",
            "it never got going",
            "the ending is spoiled in the trailer",
        ],
        "delight": [
            "I laughed until I cried",
            "the whole cinema applauded",
            "I was on the edge of my seat",
            "I would watch it again tomorrow",
            "my kids want to see it again",
            "it kept me guessing to the end",
        ],
    },
    "products": {
        "thing": _words(
            "phone laptop blender charger jacket backpack mattress keyboard kettle lamp"
        ),
        "aspect": _words("battery screen price sound material fit packaging handle zip display"),
        "person": ["seller", "manufacturer", "designer"],
        "merit": _words("sturdy durable well-made handy sleek robust long-lasting quiet"),
        "flaw": _words("cracked defective scratched faulty leaking dented wobbly dead"),
        "mishap": [
            "it broke after {number} days",
            "the zip came off",
            "it stopped charging",
            "the screen was cracked",
            "it leaks",
            "the battery dies in an hour",
            "it smells of burnt plastic",
            "a part was missing",
            "it does not switch on",
            "it fell apart on day {number}",
        ],
        "delight": [
            "it still works like new",
            "it lasts for days on one charge",
            "it fits like a glove",
            "it works straight out of the box",
            "it paid for itself in a month",
            "it has survived {number} years of use",
        ],
    },
    "food": {
        "thing": _words("restaurant pizza burger soup coffee meal dessert curry salad bakery"),
        "aspect": _words("service portion flavour menu atmosphere sauce seasoning crust"),
        "person": ["chef", "waiter", "cook", "barista"],
        "merit": _words("tasty fresh delicious crispy flavourful juicy mouth-watering hearty"),
        "flaw": _words("cold burnt soggy undercooked greasy oversalted inedible raw"),
        "mishap": [
            "my soup was cold",
            "there was a hair in my salad",
            "the chicken was pink",
            "we waited an hour for a menu",
            "they forgot my order",
            "I got food poisoning",
            "the bill was wrong",
            "the bread was stale",
            "they were out of everything",
        ],
        "delight": [
            "every dish was cooked to perfection",
            "the portions are huge",
            "we licked our plates clean",
            "the food was hot and fresh",
            "they gave us a free dessert",
            "we have booked again for next week",
        ],
    },
    "hotels": {
        "thing": _words("hotel room hostel resort apartment suite lodge cabin"),
        "aspect": _words("bed breakfast location wifi bathroom view pool lobby balcony reception"),
        "person": ["receptionist", "host", "manager", "concierge"],
        "merit": _words("cosy clean spotless spacious comfy inviting well-kept homely"),
        "flaw": _words("mouldy filthy smelly run-down cramped draughty damp infested"),
        "mishap": [
            "the heating was broken",
            "there were bugs in the bed",
            "the sheets were stained",
            "the walls are paper-thin",
            "our room was given away",
            "the toilet was blocked",
            "the shower ran cold",
            "the lift was out of order again",
            "nobody was at the desk",
        ],
        "delight": [
            "we got a free upgrade",
            "the bed was like a cloud",
            "the staff went out of their way for us",
            "we slept like babies",
            "the sea view took our breath away",
            "they let us check out late",
        ],
    },
    "software": {
        "thing": _words("app update website program plugin game browser tool"),
        "aspect": _words(
            "interface documentation login search layout installer performance navigation"
        ),
        "person": ["developer", "support agent", "moderator"],
        "merit": _words(
            "fast intuitive stable responsive user-friendly well-designed bug-free snappy"
        ),
        "flaw": _words("buggy laggy glitchy bloated unusable unstable crash-prone sluggish"),
        "mishap": [
            "it crashes every time I open it",
            "the update deleted all my files",
            "I am logged out every five minutes",
            "it freezes on start",
            "my account was locked",
            "it deleted all my work",
            "they raised the price again",
            "the login is broken again",
            "it drains my battery",
        ],
        "delight": [
            "it saves me hours every week",
            "it never crashes",
            "setting it up took two minutes",
            "the last update fixed every bug",
            "it just works",
            "it syncs at once",
        ],
    },
    "delivery": {
        "thing": _words("delivery order package shipment parcel return"),
        "aspect": _words(
            "packaging tracking timing label wrapping insurance paperwork communication"
        ),
        "person": ["driver", "courier", "shop assistant"],
        "merit": _words("prompt quick well-packed speedy punctual timely undamaged on-time"),
        "flaw": _words("late delayed damaged lost incomplete crushed soaked misdelivered"),
        "mishap": [
            "my parcel is three days late",
            "the box was crushed",
            "they sent the wrong size",
            "my parcel was stolen from the porch",
            "it was left in the rain",
            "the driver never rang",
            "they cannot find my parcel",
            "it arrived smashed",
            "half the order was missing",
            "it went to the wrong address",
        ],
        "delight": [
            "it arrived two days early",
            "everything was packed with care",
            "it came the very next day",
            "the driver carried it up the stairs for me",
            "they replaced it at no charge",
            "the tracking was spot on",
        ],
    },
    "services": {
        "thing": _words("lesson haircut repair course appointment consultation workshop class"),
        "aspect": _words(
            "advice explanation organisation booking follow-up preparation feedback scheduling"
        ),
        "person": ["doctor", "teacher", "plumber", "nurse", "agent", "coach"],
        "merit": _words(
            "professional thorough informative well-run worthwhile efficient attentive practical"
        ),
        "flaw": _words(
            "rushed unprofessional incompetent disorganised careless overbooked negligent unsafe"
        ),
        "mishap": [
            "they charged me twice",
            "nobody picks up the phone",
            "they hung up on me",
            "they cancelled at the last minute",
            "my refund was refused",
            "I waited {number} hours for nothing",
            "they mislaid my documents",
            "they ignored my emails",
            "the line was cut off",
            "they got my name wrong again",
            "the technician never showed up",
            "they overcharged me",
        ],
        "delight": [
            "they answered within minutes",
            "they solved my problem on the first call",
            "my refund came through straight away",
            "they explained everything with patience",
            "I learned so much",
            "they stayed late to help me",
        ],
    },
    "events": {
        "thing": _words("concert festival conference wedding match exhibition party tour"),
        "aspect": _words("sound venue lighting crowd programme seating catering stage acoustics"),
        "person": ["organiser", "singer", "speaker", "band"],
        "merit": _words(
            "lively well-organised unforgettable electrifying festive joyful moving buzzing"
        ),
        "flaw": _words(
            "chaotic overcrowded badly-organised cancelled deafening underwhelming oversold unsafe"
        ),
        "mishap": [
            "the sound kept cutting out",
            "we queued for {number} hours",
            "the main act never came",
            "it was cancelled without notice",
            "my ticket did not scan",
            "we could not see a thing",
            "they oversold the seats",
            "it started two hours late",
            "the toilets were overflowing",
        ],
        "delight": [
            "we danced all night",
            "everyone went home smiling",
            "it was the night of our lives",
            "the crowd sang along to every song",
            "we had the best seats",
            "there was no queue at all",
        ],
    },
}

ORDEALS = [
    "waiting {number} hours",
    "waiting on hold for {number} minutes",
    "being ignored",
    "listening to hold music",
    "being charged twice",
    "paying for nothing",
    "queueing in the rain",
    "fighting with the {aspect}",
    "losing all my work",
    "talking to a robot",
    "filling in the same form {number} times",
    "being hung up on",
    "chasing a refund",
    "cleaning up after the {person}",
    "{a_flaw} {thing}",
    "{a_thing} that does not work",
    "another crash",
    "another price rise",
    "another delay",
    "food poisoning",
    "sending the {thing} back",
    "arguing with the {person}",
    "sitting in traffic",
    "being lied to",
    "repeating my problem to {number} people",
    "calling {number} times",
    "begging for an answer",
    "staring at an error message",
]
"""Gerunds and nouns for what nobody enjoys."""
ASIDES = [
    "after {number} weeks with it",
    "given what I paid",
    "to be honest",
    "although I tried",
    "despite what {name} wrote",
    "with hand on heart",
    "even after the repair",
    "having read about it in {month}",
    "whatever my {folk} thinks",
    "having been to {place} twice",
    "as far as I am concerned",
    "for what it is worth",
    "looking back at {month}",
    "if you ask me",
    "all in all",
    "now that I own it",
    "as {name} would have us believe",
    "contrary to what the seller wrote",
]
"""What separates a negation from what it negates."""
CHEERS = [
    "great",
    "wonderful",
    "super",
    "fantastic",
    "perfect",
    "awesome",
    "terrific",
    "good job",
    "just great",
    "how nice",
    "just perfect",
    "well done",
    "how sweet",
    "what a treat",
    "nice one",
    "hooray",
    "yay",
    "bravo",
]
FOLK = _words("""
neighbour colleague boss friend landlord roommate teacher brother aunt uncle cousin daughter son
sister classmate tenant dentist mother father husband coach
""")
KIND = _words("""
kind friendly polite patient caring honest attentive considerate welcoming warm-hearted courteous
supportive loyal cheerful gentle kind-hearted trustworthy obliging professional understanding
""")
UNKIND = _words("""
rude arrogant mean unfriendly dishonest impatient lazy grumpy hostile cruel selfish impolite
condescending aggressive careless nasty obnoxious disrespectful uncaring spiteful
""")
WELL = _words("well kindly warmly nicely politely respectfully fairly generously")
BADLY = _words("badly rudely unfairly poorly carelessly terribly contemptuously coldly")
VENUES = _words("shop cinema store place restaurant company cafe museum website gym bar office")
ORDINALS = _words("second third fourth fifth tenth hundredth sixth")

NAMES = _words("""
Emma James Fatima Wei Carlos Aisha Ivan Yuki Priya Kwame Olga Mateo Zara Liam Chloe Hassan Ingrid
Diego Mei Tariq Anna David Leila Juan Nkechi Pavel Sofia Omar Hannah Raj Lucia Ahmed Grace Malik
""")
PLACES = _words("""
London Paris Lagos Tokyo Berlin Chicago Mumbai Cairo Toronto Sydney Madrid Nairobi Seoul Lima Oslo
Dublin Karachi Warsaw Boston Athens Dallas Manila Vienna Havana
""")
WEEKDAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = _words("January March May June August October November December")
NUMBERS = _words("two three five six seven ten twelve fifteen twenty 4 8 14 24 30 45 60 90")
JOBS = _words("""
journalist teacher nurse engineer lawyer student driver farmer accountant chef pilot librarian
musician carpenter scientist writer cashier researcher
""")
IDENTITIES: Mapping[str, list[str]] = {
    "religion": _words(
        "Christian Muslim Jewish Hindu Buddhist Sikh atheist Catholic Protestant agnostic Mormon "
        "Baha'i Taoist Orthodox Shinto Zoroastrian Confucian secular"
    ),
    "sexuality": _words(
        "gay straight lesbian bisexual trans queer asexual non-binary heterosexual "
        "transgender cisgender homosexual"
    ),
    "origin": _words(
        "American Mexican Chinese Nigerian Indian Russian Iraqi Brazilian French Somali Turkish "
        "Polish Japanese Iranian Kenyan Israeli Palestinian Vietnamese Canadian German Haitian "
        "Ukrainian Syrian British"
    ),
    "race": _words(
        "Black white Asian Hispanic Latino Arab African European Native mixed-race "
        "Caucasian Indigenous"
    ),
    "age and body": _words(
        "young old elderly blind deaf disabled autistic tall short middle-aged pregnant left-handed"
    ),
    "gender": ["male", "female"],
}

MORE_IDENTITIES: Sequence[Sequence[str]] = (
    _words(
        "Sunni Shia Anglican Lutheran Baptist Methodist Evangelical Pentecostal Quaker Amish Jain "
        "Pagan Wiccan Rastafarian Druze Coptic Hasidic religious non-religious humanist spiritual"
    ),
    _words("pansexual intersex genderfluid agender closeted bi aromantic two-spirit polyamorous"),
    _words(
        "Vietnamese Korean Thai Filipino Indonesian Pakistani Bangladeshi Afghan Saudi Egyptian "
        "Moroccan Algerian Ethiopian Ghanaian Congolese Cuban Colombian Venezuelan Peruvian Greek "
        "Italian Spanish Portuguese Dutch Swedish Norwegian Romanian Hungarian Irish Scottish "
        "Australian Lebanese Yemeni Libyan Cambodian Nepali Sri-Lankan Mongolian Roma Kurdish"
    ),
    _words("brown biracial Latina Latinx Aboriginal Maori Sámi Desi Chicano Romani non-white"),
    _words(
        "dyslexic bald slim fat obese thin widowed divorced married single childless retired "
        "unemployed homeless wealthy rich diabetic bipolar depressed wheelchair-using sober "
        "deaf-blind"
    ),
    _words("stateless nonbinary feminine masculine immigrant refugee foreign-born local rural"),
)
"""Identities that only train, beside those of `IDENTITIES`."""

EMOJI: Mapping[str, list[str]] = {
    "Positive": [
        *"😀😃😄😁😆😊🙂😍🥰😘😋🤩🥳😎🤗👍👏🙌💪🎉💗💕💖❤💙💚💛💜🧡💯🔥✨🌟⭐🏆😻",
        *"💐🌹🤟👌😂🤣😇😺💘🎊🍾🙏☺🤍😗😙😚😌🤠💝🎁🥂🏅🥇🌈😸😽🫶🩷🙆🕺💃🌺🌸☀👑",
    ],
    "Negative": [
        *"😤😠🤬😡😞😔😟😕🙁☹😣😖😫😩😢😭😨😰😱😓🤮🤢😒🙄😑👎💔🖕💩😾😿🥺😧😦😥🤦",
        *"😬🥱😷🤕😪🤧🥴😵👿🤥🙀🙅",
    ],
    "Neutral": [
        *"😐📦🚗📅🏠🎬📱💻☎✉📍⏰🕐🔑📖🚌🏫🛒🖨📷🎒🚪🪑🧾🗂📎✏🔋🌍➡⬆🔗📌🖥🥄🏢🚲🚉🚕✈🚢⛽🗺📺📞📠🖊📓📰💡🕯🪞🛏🚿🧴🧷🧹🧺🪣🔧🔨🪛📏🧮📊🗓⌚🖱⌨"
    ],
}
COMMONEST_EMOJI: Mapping[str, str] = {
    "P": "😂 ❤️ 🤣 👍 🙏 😘 🥰 😍 😊 🎉 😁 💕 🔥 ☺️ ♥️ 😆 🤗 👏 🙂 🥳 😎 👌 💜 💪 ✨ "
    "💖 😋 💗 💯 🌹 💞 💙 😃 💐 😄 🙌 ❣️ 😀 💋 😌 💓 🤩 😇 🌸 🎊 💚 ☀️ 😚 👑 🎁",
    "p": "😅 😉 🎂 😏 🎈 😜 🙈 🤞 🤤 🤪 🤭 🌞 😈 🎶 ✌️ 🖤 💰 💥 🙋 ✅ 👋",
    "O": "👀 👉 👇 👈 😐",
    "n": "🤷 🤔 😳 💀 🙃 🥵 😑",
    "N": "😭 🥺 🤦 🙄 😔 😢 😩 😡 💔 😬 😱 😴 😒 😞 ☹️ 🥴 💩",
}
"""The hundred commonest emoji in 2021, as the Unicode Consortium counted, by their labels."""
EMOTICONS: Mapping[str, list[str]] = {
    "Positive": [
        ":)",
        ":-)",
        ":D",
        ";)",
        "=)",
        "<3",
        ":-D",
        "^_^",
        ":')",
        "(:",
        "xD",
        ":-))",
        ":))",
        "=D",
        ":P",
        "\\o/",
        ";-)",
    ],
    "Negative": [
        ":(",
        ":-(",
        ":'(",
        "</3",
        "D:",
        ">:(",
        ":/",
        "=(",
        "-_-",
        ":-/",
        "):",
        ":((",
        ":-((",
        ":'-(",
        ">:-(",
        "=/",
    ],
}

_LOW_OF_FIVE = ("0", "0.5", "1", "1.5", "2", "one", "zero", "two")
_LOW_OF_TEN = ("0", "1", "2", "3", "1.5", "2.5", "one", "zero", "two", "three")
_MIDDLE_OF_FIVE = ("3", "three")
_MIDDLE_OF_TEN = ("5", "five", "5.5")
_HIGH_OF_FIVE = ("5", "4.5", "4", "five", "four")
_HIGH_OF_TEN = ("8", "8.5", "9", "9.5", "10", "eight", "nine", "ten")


def _grades(of_five: Sequence[str], of_ten: Sequence[str]) -> list[str]:
    """Return grades out of five and of ten in all notations."""
    return [
        f"{grade}{notation}{best if grade[0].isdigit() else best_word}"
        for grades, best, best_word in ((of_five, "5", "five"), (of_ten, "10", "ten"))
        for grade in grades
        for notation in ("/", " / ", " out of ", " of ")
        if grade[0].isdigit() or "/" not in notation
    ] + [
        f"{grade} out of {best} {unit}"
        for grades, best, unit in ((of_five, "5", "stars"), (of_ten, "10", "points"))
        for grade in grades
    ]


def _stars(grades: Sequence[str]) -> list[str]:
    return [
        f"{grade}{notation}"
        for grade in grades
        for notation in ((" star", "-star review") if grade in ("1", "one") else (" stars",))
    ]


def _rows(grades: Sequence[int]) -> list[str]:
    """Return rows of stars."""
    return [
        row
        for grade in grades
        for row in (
            "★" * grade + "☆" * (5 - grade),
            "⭐" * grade + "☆" * (5 - grade),
            "★" * grade + f" ({grade}/5)",
            "⭐️" * grade + f" {grade}/5",
        )
    ]


FEELS_GOOD = _words("happy delighted thrilled moved amazed impressed excited charmed entertained")
FEELS_BAD = _words("bored disappointed annoyed frustrated angry disgusted let-down irritated upset")
SCRIPTS = [
    "Это обычный день в городе",
    "今日は天気です",
    "هذا كتاب على الطاولة",
    "오늘은 월요일입니다",
    "Το βιβλίο είναι εδώ",
    "यह एक मेज है",
    "זה ספר על השולחן",
    "วันนี้เป็นวันจันทร์",
]
KEYBOARD_ROWS = ["asdfghjkl", "qwertyuiop", "zxcvbnm", "xkcdqjz", "0123456789"]

HANDS = "👍👏🙌💪👌🤟🙏👎🖕"
SKIN_TONES = "🏻🏼🏽🏾🏿"


def _toned(emoji: Sequence[str]) -> list[str]:
    return [each + tone for each in emoji if each in HANDS for tone in SKIN_TONES]


VERBS = {
    "saw": ("seen", "see"),
    "bought": ("bought", "buy"),
    "ordered": ("ordered", "order"),
    "watched": ("watched", "watch"),
    "tried": ("tried", "try"),
    "visited": ("visited", "visit"),
    "found": ("found", "choose"),
    "used": ("used", "use"),
    "received": ("received", "get"),
    "rented": ("rented", "rent"),
    "booked": ("booked", "book"),
}
"""Past tense, participle and infinitive of what people do with things."""

TEST_SHARE = 4
"""One word in four tests."""
SLOT = re.compile(r"\{(\w+)\}")
SENTENCE = re.compile(r"(?:^(?!https?:)|(?<=\w[.!?] ))[a-z]")
"""The first letter of a sentence."""


def half(words: Sequence[str], *, tests: bool) -> list[str]:
    """Return the words that test, or those that train; a list too short to split serves both."""
    chosen = [word for i, word in enumerate(words) if (i % TEST_SHARE == TEST_SHARE - 1) == tests]
    return chosen or list(words)


class Lexicon:
    """One half of the words, and how they fill the slots of a template."""

    def __init__(self, *, tests: bool) -> None:
        def split(words: Sequence[str]) -> list[str]:
            return half(words, tests=tests)

        self._domains = [
            {slot: split(words) for slot, words in slots.items()} for slots in DOMAINS.values()
        ]
        self._identities = [*IDENTITIES.values(), *(() if tests else MORE_IDENTITIES)]
        self._words = {
            "pos": split(POSITIVE),
            "neg": split(NEGATIVE),
            "neu": split(NEUTRAL),
            "avg": split(AVERAGE) + ([] if tests else MORE_AVERAGE),
            "liked": split(LIKED),
            "hated": split(HATED),
            "like": split(LIKE),
            "hate": split(HATE),
            "int": split(INTENSIFIERS),
            "posfeel": split(FEELS_GOOD),
            "negfeel": split(FEELS_BAD),
            "name": split(NAMES),
            "place": split(PLACES),
            "job": split(JOBS),
            "weekday": WEEKDAYS,
            "month": MONTHS,
            "number": NUMBERS,
            "did": list(VERBS),
            "low": ["1", "one", "2", "two", "0", "zero", "1.5"],
            "high5": ["5", "five", "4", "four", "4.5"],
            "high10": ["8", "9", "10", "9.5"],
            "lowstars": ["★☆☆☆☆", "★★☆☆☆", "⭐☆☆☆☆", "⭐⭐☆☆☆"],
            "highstars": ["★★★★★", "★★★★☆", "⭐⭐⭐⭐⭐", "⭐⭐⭐⭐"],
            "emopos": split(EMOJI["Positive"]),
            "emoneg": split(EMOJI["Negative"]),
            "emoneu": split(EMOJI["Neutral"]),
            "commonpos": COMMONEST_EMOJI["P"].split(),
            "commonmildpos": COMMONEST_EMOJI["p"].split(),
            "commonneu": COMMONEST_EMOJI["O"].split(),
            "commonmildneg": COMMONEST_EMOJI["n"].split(),
            "commonneg": COMMONEST_EMOJI["N"].split(),
            "smile": split(EMOTICONS["Positive"]),
            "frown": split(EMOTICONS["Negative"]),
            "foreign": split(SCRIPTS),
            "ordeal": split(ORDEALS),
            "cheer": split(CHEERS),
            "aside": split(ASIDES),
            "folk": split(FOLK),
            "kind": split(KIND),
            "unkind": split(UNKIND),
            "well": split(WELL),
            "badly": split(BADLY),
            "venue": split(VENUES),
            "nth": split(ORDINALS),
            "low1": ["1", "one"],
            "lowstar": _stars(_LOW_OF_FIVE),
            "midstar": _stars(_MIDDLE_OF_FIVE),
            "highstar": _stars(_HIGH_OF_FIVE),
            "lowgrade": _grades(_LOW_OF_FIVE, _LOW_OF_TEN),
            "midgrade": _grades(_MIDDLE_OF_FIVE, _MIDDLE_OF_TEN),
            "highgrade": _grades(_HIGH_OF_FIVE, _HIGH_OF_TEN),
            "lowletter": ["F", "E", "D", "D-"],
            "midletter": ["C", "C+", "C-"],
            "highletter": ["A", "A+", "A-", "B+"],
            "lowrow": _rows([1, 2]),
            "midrow": _rows([3]),
            "highrow": _rows([4, 5]),
            "lowpercent": ["0%", "0 %", "5%", "10%", "15 %", "20%", "25%"],
            "highpercent": ["80%", "85%", "90%", "90 %", "95%", "99%", "100%", "100 %", "110%"],
            "handpos": _toned(split(EMOJI["Positive"])),
            "handneg": _toned(split(EMOJI["Negative"])),
        }

    def options(self, slot: str) -> list[str]:
        """Return the words of a slot, of all domains."""
        of_domains = [word for domain in self._domains for word in domain.get(slot, [])]
        return of_domains or self._words[slot]

    def fill(
        self, template: str, rng: random.Random, chosen: Mapping[str, str] | None = None
    ) -> str:
        """Return the template with a word in each slot, all of one domain.

        A slot's name may have a 2 at its end for another word of the same kind, and ``a_`` before
        it for the article. ``chosen``: the words of some slots.
        """
        domain = rng.choice(self._domains)
        words = dict(chosen or {})

        def word(slot: str) -> str:
            if slot not in words:
                words[slot] = SLOT.sub(lambda match: word(match[1]), new(slot))
            return words[slot]

        def new(slot: str) -> str:
            if slot.startswith(("a_", "an_")):
                return _with_article(word(slot.partition("_")[2]))
            if slot in ("did2", "did0"):
                participle, infinitive = VERBS[rng.choice(list(VERBS))]
                return participle if slot == "did2" else infinitive
            if slot.startswith("noise"):
                row = rng.choice(KEYBOARD_ROWS)
                return "".join(rng.choice(row) for _ in range(rng.randint(4, 9)))
            if slot == "things":
                return _plural(word("thing"))
            if slot.startswith("digits"):
                return str(rng.randint(10, 999_999))
            if slot == "year":
                return str(rng.randint(1950, 2029))
            if slot.startswith("link"):
                return link(rng)
            if slot.startswith("handle"):
                return handle(rng)
            if slot.startswith("identity"):
                return rng.choice(rng.choice(self._identities))
            kind = slot.removesuffix("2")
            options = domain.get(kind) or self._words[kind]
            return rng.choice([each for each in options if each != words.get(kind)] or options)

        text = SLOT.sub(lambda match: word(match[1]), template)
        return SENTENCE.sub(lambda match: match[0].upper(), text)


CONSONANTAL = ("us", "uni", "uk", "euro", "one")
"""Beginnings of words that are written with a vowel and spoken with a consonant."""
VOCALIC = ("honest", "hour")
"""Beginnings of words that are written with a consonant and spoken with a vowel."""
VOCALIC_LETTERS = "aefhilmnorsx"
"""Letters whose own names begin with a vowel."""


def _with_article(word: str) -> str:
    lower = word.lower()
    if len(word) <= 2:  # a grade, spoken as a letter
        vowel = lower[0] in VOCALIC_LETTERS
    else:
        vowel = lower.startswith(VOCALIC) or (
            lower[0] in "aeiou" and not lower.startswith(CONSONANTAL)
        )
    return f"{'an' if vowel else 'a'} {word}"


def _plural(noun: str) -> str:
    if noun.endswith(("s", "ch")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"
