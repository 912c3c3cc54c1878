"""The words that fill templates. Each list is split in two: no word that tests is trained on."""

import random
import re
from collections.abc import Mapping, Sequence


def _words(text: str) -> list[str]:
    return text.split()


POSITIVE = _words("""
good great excellent amazing wonderful fantastic superb brilliant lovely delightful outstanding
impressive terrific marvellous enjoyable pleasant perfect awesome splendid charming exceptional
fabulous magnificent satisfying reliable helpful beautiful fun remarkable solid gorgeous inspiring
thoughtful flawless stunning refreshing incredible first-rate friendly likeable fascinating
captivating comfortable elegant generous hilarious heart-warming memorable polished rewarding
sensational smooth spectacular stellar sweet top-notch touching uplifting useful vibrant witty
""")
NEGATIVE = _words("""
bad terrible awful horrible dreadful poor disappointing boring dull mediocre lousy disgusting
annoying unpleasant atrocious pathetic frustrating useless unbearable miserable weak horrendous
tedious appalling lame ugly unreliable painful ridiculous shoddy abysmal bland broken clumsy
confusing depressing dirty disastrous dismal exhausting flimsy forgettable hideous inept infuriating
insulting lifeless nasty noisy overpriced pointless rotten rude sloppy stale tasteless dire
tiresome unacceptable unhelpful unwatchable worthless wretched
""")
NEUTRAL = _words("""
wooden Australian new second large small blue digital weekly public private round local annual
foreign Italian electric white portable square seasonal international rectangular metal green
printed monthly commercial regional red temporary vertical daily recorded national Canadian grey
individual military
""")
AVERAGE = _words("""
average ordinary typical usual standard okay regular normal adequate passable unremarkable middling
""")

LIKED = _words("liked loved enjoyed adored appreciated admired recommended praised")
HATED = _words("hated disliked regretted despised dreaded detested resented loathed")
LIKE = _words("like love enjoy adore appreciate admire recommend")
HATE = _words("hate dislike regret despise dread detest resent")

INTENSIFIERS = _words("very really extremely absolutely truly incredibly so remarkably utterly")

DOMAINS: Mapping[str, Mapping[str, list[str]]] = {
    "films": {
        "thing": _words(
            "film movie documentary sequel thriller comedy episode show musical remake"
        ),
        "aspect": _words("acting plot ending script soundtrack pacing dialogue directing casting"),
        "person": ["director", "lead actor", "screenwriter", "cast"],
    },
    "products": {
        "thing": _words(
            "phone laptop blender charger jacket backpack mattress keyboard kettle lamp"
        ),
        "aspect": _words("battery screen price sound material fit packaging handle zip display"),
        "person": ["seller", "manufacturer", "designer"],
    },
    "food": {
        "thing": _words("restaurant pizza burger soup coffee meal dessert curry salad bakery"),
        "aspect": _words("service portion flavour menu atmosphere sauce seasoning crust"),
        "person": ["chef", "waiter", "cook", "barista"],
    },
    "hotels": {
        "thing": _words("hotel room hostel resort apartment suite lodge cabin"),
        "aspect": _words("bed breakfast location wifi bathroom view pool lobby"),
        "person": ["receptionist", "host", "manager", "concierge"],
    },
    "software": {
        "thing": _words("app update website program plugin game browser tool"),
        "aspect": _words("interface documentation login search layout installer performance"),
        "person": ["developer", "support agent", "moderator"],
    },
    "delivery": {
        "thing": _words("delivery order package shipment parcel return"),
        "aspect": _words("packaging tracking timing label wrapping"),
        "person": ["driver", "courier", "shop assistant"],
    },
    "services": {
        "thing": _words("lesson haircut repair course appointment consultation workshop class"),
        "aspect": _words("advice explanation organisation booking follow-up preparation"),
        "person": ["doctor", "teacher", "plumber", "nurse", "agent", "coach"],
    },
    "events": {
        "thing": _words("concert festival conference wedding match exhibition party tour"),
        "aspect": _words("sound venue lighting crowd programme seating catering"),
        "person": ["organiser", "singer", "speaker", "band"],
    },
}

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

EMOJI: Mapping[str, list[str]] = {
    "Positive": [
        *"😀😃😄😁😆😊🙂😍🥰😘😋🤩🥳😎🤗👍👏🙌💪🎉❤💕💖💗💙💚💛💜🧡💯🔥✨🌟⭐🏆😻",
        *"💐🌹🤟👌😂🤣😇😺💘🎊🍾🙏",
    ],
    "Negative": [
        *"😡😠🤬😤😞😔😟😕🙁☹😣😖😫😩😢😭😨😰😱😓🤮🤢😒🙄😑👎💔🖕💩😾😿🥺😧😦😥🤦",
        *"😬🥱😷🤕",
    ],
    "Neutral": [*"😐📦🚗📅🏠🎬📱💻☎✉📍⏰🕐🔑📖🚌🏫🛒🖨📷🎒🚪🪑🧾🗂📎✏🔋🌍➡⬆🔗📌🖥🥄🏢🚲🚉"],
}
EMOTICONS: Mapping[str, list[str]] = {
    "Positive": [":)", ":-)", ":D", ";)", "=)", "<3", ":-D", "^_^", ":')", "(:", "xD"],
    "Negative": [":(", ":-(", ":'(", "</3", "D:", ">:(", ":/", "=(", "-_-", ":-/", "):"],
}

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
        self._identities = [split(words) for words in IDENTITIES.values()]
        self._words = {
            "pos": split(POSITIVE),
            "neg": split(NEGATIVE),
            "neu": split(NEUTRAL),
            "avg": split(AVERAGE),
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
            "smile": split(EMOTICONS["Positive"]),
            "frown": split(EMOTICONS["Negative"]),
            "foreign": split(SCRIPTS),
        }

    def options(self, slot: str) -> list[str]:
        """Return the words of a slot that no domain has."""
        return self._words[slot]

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
                words[slot] = new(slot)
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
            if slot == "identity":
                return rng.choice(rng.choice(self._identities))
            kind = slot.removesuffix("2")
            options = domain.get(kind) or self._words[kind]
            return rng.choice([each for each in options if each != words.get(kind)] or options)

        text = SLOT.sub(lambda match: word(match[1]), template)
        return text[0].upper() + text[1:]


CONSONANTAL = ("us", "uni", "uk", "euro")
"""Beginnings of words that are written with a vowel and spoken with a consonant."""


def _with_article(word: str) -> str:
    vowel = word[0].lower() in "aeiou" and not word.lower().startswith(CONSONANTAL)
    return f"{'an' if vowel else 'a'} {word}"
