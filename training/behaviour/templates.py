"""Templates whose label is right by construction, by the ability that they teach or test.

A line is a label and a text with slots. The labels are ``P`` Positive, ``p`` mildly so (Neutral is
not wrong), ``O`` Neutral, ``n`` mildly Negative and ``N`` Negative. Neither the templates nor the
words (`training.behaviour.lexicon`) of a test occur in training.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Template(NamedTuple):
    """A label and a text with slots."""

    label: str
    text: str


def parse(lines: str) -> Iterator[Template]:
    """Yield the templates of a block of lines."""
    for line in lines.strip().splitlines():
        label, _, text = line.strip().partition(" ")
        yield Template(label, text)


_TRAIN: Mapping[str, str] = {
    "plain opinions": """
        P The {thing} was {pos}.
        P What {a_pos} {thing}!
        P {pos} {thing}
        P {aspect} is {int} {pos}
        P I {liked} this {thing}.
        P We {liked} the {aspect} and the {aspect2}.
        P I'd {like} this {thing} to anyone
        P this {thing} is {pos} and {pos2}
        P The {person} was {int} {pos}.
        P {pos}, would come back
        P That is {a_pos} {thing}, the {aspect} is {pos2}.
        P Best {thing} I have ever {did}.
        P Couldn't ask for a better {thing}.
        P Five minutes in and I already {liked} it.
        P Everyone in my family {liked} the {thing}.
        P The {aspect} made my day.
        P worth every penny
        P My favourite {thing} of all time.
        N The {thing} was {neg}.
        N What {a_neg} {thing}!
        N {neg} {thing}
        N {aspect} is {int} {neg}
        N I {hated} this {thing}.
        N We {hated} the {aspect} and the {aspect2}.
        N this {thing} is {neg} and {neg2}
        N The {person} was {int} {neg}.
        N {neg}, will not come back
        N That is {a_neg} {thing}, the {aspect} is {neg2}.
        N Worst {thing} I have ever {did}.
        N Save your money and skip this {thing}.
        N Five minutes in and I already {hated} it.
        N Everyone in my family {hated} the {thing}.
        N The {aspect} ruined my day.
        N a waste of time and money
        N The {thing} broke after {number} days.
        N The {thing} never arrived.
        N Still waiting for my refund after {number} weeks.
        N Stopped working on day {number}.
        N I want my money back.
        N They charged me twice and nobody answers.
    """,
    "facts and requests": """
        O The {thing} is {neu}.
        O This is {a_neu} {thing}.
        O I {did} {a_neu} {thing} in {month}.
        O The {thing} arrived at {number} o'clock.
        O The {person} lives in {place}.
        O We {did} the {thing} on {weekday}.
        O Where can I find the {aspect} of this {thing}?
        O Please send the {thing} to {place}.
        O Can you tell me when the {thing} opens?
        O It has {number} {aspect} options.
        O There is {a_thing} near {place}.
        O {name} {did} the {thing} with {name2}.
        O The {aspect} was changed in {month}.
        O My order number is {number}{number2}.
        O The {thing} starts at {number} and ends at {number2}.
        O I am looking for {a_neu} {thing}.
        O The {neu} {thing} belongs to {name}.
        O {name} said the {thing} is {neu}.
        O The {person} explained the {aspect}.
        O Delivery on {weekday}, {month} {number}.
        O The {thing} comes with a manual and {number} cables.
        O the {thing} contains {number} parts
        O Does the {thing} need a password?
        O Meeting moved to {weekday}.
        O {weekday} {month} {number}, {place}
        O {name} works as {a_job} in {place}.
        O {neu} {thing}
        O Your {thing} has been shipped.
        O Payment received on {weekday}.
        O The {thing} is on the second floor.
        O He {did} {a_thing} and went home.
        O The story follows {a_job} who moves to {place}.
        O {name} is {a_job}.
        O Size: {number} cm. Colour: {neu}.
        O See attached file.
        O I {did} it yesterday.
        O How long does the {thing} take?
        O Which {thing} did {name} buy?
        O The train to {place} leaves at {number}.
    """,
    "average": """
        O The {thing} was {avg}.
        O {avg} {thing}.
        O {avg}
        O It's {avg}, nothing more, nothing less.
        O The {aspect} is {avg}, the {aspect2} as well.
        O neither {pos} nor {neg}
        O The {thing} is neither {neg} nor {pos}.
        O Not {pos}, not {neg}, just {avg}.
        O so-so
        O I have no strong feelings about the {thing}.
        O It does what it says, no more.
        O could be better, could be worse
        O The {thing} is {avg} for the price.
    """,
    "negated praise": """
        N The {thing} is not {pos}.
        N The {aspect} wasn't {int} {pos}.
        N This isn't {a_pos} {thing}.
        N I didn't {like} the {thing}.
        N I don't {like} this {thing} at all.
        N I can't say I {liked} the {thing}.
        N Nobody {liked} the {thing}.
        N There is nothing {pos} about the {thing}.
        N I would not {like} this {thing} to anyone.
        N It is by no means {a_pos} {thing}.
        N not {pos}
        N hardly {pos}
        N far from {pos}
        N The {thing} never gets {pos}.
        N anything but {pos}
        N The {person} was not {pos} and the {aspect} not {pos2}.
        N No one would call this {thing} {pos}.
        N I have never {did} a less {pos} {thing}.
        N The {thing} lacks anything {pos}.
        N Not once was the {aspect} {pos}.
        N It failed to be {pos}.
        N I couldn't {like} it, no matter how I tried.
        N less {pos} than I hoped
    """,
    "negated blame": """
        p The {thing} is not {neg}.
        p The {aspect} wasn't {neg}.
        P The {thing} is not {neg} at all.
        p This isn't {a_neg} {thing}.
        p I didn't {hate} the {thing}.
        P I can't {hate} this {thing}.
        P There is nothing {neg} about the {thing}.
        p not {neg}
        P far from {neg}
        P anything but {neg}
        p The {person} was not {neg}.
        P I have nothing bad to say about the {aspect}.
        P No complaints about the {thing}.
        P It never gets {neg}.
        P The {thing} never failed me.
        P Nobody could call this {thing} {neg}.
        P I couldn't find a single {neg} thing about it.
        p not as {neg} as people say
        p by no means {a_neg} {thing}
    """,
    "negated facts": """
        O The {thing} is not {neu}.
        O This isn't {a_neu} {thing}.
        O It wasn't {a_neu} {thing} that I {did}.
        O {name} did not buy the {neu} {thing}.
        O The {thing} is not in {place}.
        O We don't open on {weekday}.
        O The {person} isn't {a_job}.
        O not {neu}
        O I haven't {did2} the {thing} yet.
        O There is no {aspect} in the {neu} {thing}.
        O It does not come with a {thing2}.
        O That was not the {thing} from {place}.
    """,
    "negation at a distance": """
        N I don't think, considering the price, that this is {a_pos} {thing}.
        N I wouldn't say, after {number} years of using it, that the {thing} is {pos}.
        N I do not believe, whatever {name} says, that the {aspect} is {pos}.
        N Nobody I know from {place} thinks that the {thing} is {pos}.
        N I can't, for all the money in the world, call this {thing} {pos}.
        N I don't think, given my time in {place}, that it was {a_pos} {thing}.
        p I don't think, considering the price, that this is {a_neg} {thing}.
        p I wouldn't say, after {number} years of using it, that the {thing} is {neg}.
        p I do not believe, whatever {name} says, that the {aspect} is {neg}.
        p Nobody I know from {place} thinks that the {thing} is {neg}.
        p I don't think, given my time in {place}, that it was {a_neg} {thing}.
        O I don't think, given what {name} told me, that the {thing} is {neu}.
        O I wouldn't say, after {number} years, that the {thing} is {neu}.
        O I do not believe, whatever {name} says, that it is {a_neu} {thing}.
    """,
    "never and at last": """
        N I have never {did2} such {a_neg} {thing}.
        N I've never been this disappointed.
        N Never have I been so {negfeel}.
        N I was never so {negfeel} in my life.
        P I have never {did2} such {a_pos} {thing}.
        P I've never been this happy with {a_thing}.
        P Never have I been so {posfeel}.
        P I was never so {posfeel} in my life.
        N I was {negfeel} the whole time.
        P I was {posfeel} the whole time.
        N It left me {negfeel}.
        P It left me {posfeel}.
        N it never once made me {posfeel}
        N Not for a moment was I {posfeel}.
        P Not for a moment was I {negfeel}.
    """,
    "expectations": """
        P I thought the {thing} would be {neg}, but it was not.
        P I expected {a_neg} {thing}, but it was {pos}.
        P I was afraid it would be {neg}, and it turned out {pos}.
        p I thought it would be {neg}, but it wasn't.
        P Everybody warned me about the {aspect}, but it is {pos}.
        P I wanted to hate this {thing}, but I {liked} it.
        P I went in with low hopes and came out {posfeel}.
        N I thought the {thing} would be {pos}, but it was not.
        N I expected {a_pos} {thing}, but it was {neg}.
        N I was sure it would be {pos}, and it turned out {neg}.
        N I thought it would be {pos}, but it wasn't.
        N Everybody praised the {aspect}, but it is {neg}.
        N I wanted to like this {thing}, but I {hated} it.
        N I hoped to {like} it, but it never came together.
        N I really wanted to enjoy it and it gave me nothing.
        N I went in with high hopes and came out {negfeel}.
        N It promised to be {pos} and was {neg}.
        O I thought the {thing} would be {neu}, but it was not.
        O I expected {a_neu} {thing}, but it was {neu2}.
    """,
    "then and now": """
        P I used to {hate} this {thing}, but now I {like} it.
        P The {thing} was {neg} before, now it is {pos}.
        P In the past the {aspect} was {neg}; today it's {pos}.
        P It used to be {neg}. Not any more, it's {pos} now.
        P The {thing} is {pos} now, although it was {neg} last year.
        P At first {neg}, after {number} days {pos}.
        P I {like} it now, although I used to {hate} it.
        N I used to {like} this {thing}, but now I {hate} it.
        N The {thing} was {pos} before, now it is {neg}.
        N In the past the {aspect} was {pos}; today it's {neg}.
        N It used to be {pos}. Not any more, it's {neg} now.
        N The {thing} is {neg} now, although it was {pos} last year.
        N At first {pos}, after {number} days {neg}.
        N I {hate} it now, although I used to {like} it.
        N Once {pos}, the {thing} has become {neg}.
        P Once {neg}, the {thing} has become {pos}.
    """,
    "whose opinion": """
        P Some people think the {thing} is {neg}, but I think it is {pos}.
        P I think it's {pos}, whatever others say about it being {neg}.
        P {name} {hated} it. I {liked} it.
        P Critics called it {neg}; I found it {pos}.
        P My friends {hated} the {thing}, I {liked} it.
        P I {like} it, but many people {hate} it.
        P I think you are {pos}, but others find you {neg}.
        N Some people think the {thing} is {pos}, but I think it is {neg}.
        N I think it's {neg}, whatever others say about it being {pos}.
        N {name} {liked} it. I {hated} it.
        N Critics called it {pos}; I found it {neg}.
        N My friends {liked} the {thing}, I {hated} it.
        N I {hate} it, but many people {like} it.
        N I think you are {neg}, but others find you {pos}.
        N I had heard it was {pos}. It is {neg}.
        P I had heard it was {neg}. It is {pos}.
    """,
    "questions and answers": """
        P Is the {thing} {pos}? Yes.
        P Did I {like} the {thing}? Yes
        P Would I {did0} it again? Absolutely.
        P Do I think that the {aspect} is {pos}? Yes, I do.
        N Is the {thing} {pos}? No.
        N Did I {like} the {thing}? No
        N Would I {did0} it again? Never.
        N Do I think that the {aspect} is {pos}? No, I don't.
        N Is the {thing} {neg}? Yes.
        N Did I {hate} the {thing}? Yes
        N Do I think that the {aspect} is {neg}? Yes, I do.
        p Is the {thing} {neg}? No.
        p Did I {hate} the {thing}? No
        p Do I think that the {aspect} is {neg}? No, I don't.
        O Is the {thing} {neu}? Yes.
        O Is the {thing} {neu}? No.
        O Did {name} buy {a_neu} {thing}? Yes
        O Do I think that it is {a_neu} {thing}? No
        O Is the {thing} {pos}?
        O Does anyone know if the {aspect} is {pos} or {neg}?
    """,
    "comparisons": """
        P The {thing} is better than the old one.
        P Much better than the {thing} from {place}.
        P This {thing} beats every other one I {did}.
        P far more {pos} than its rivals
        P No other {thing} is as {pos} as this one.
        N The {thing} is worse than the old one.
        N Much worse than the {thing} from {place}.
        N Every other {thing} I {did} beats this one.
        N far more {neg} than its rivals
        N No other {thing} is as {neg} as this one.
        N The old {thing} was so much better.
        N I have {did2} better {thing}s for half the price.
        P The old {thing} was so much worse.
        p not the worst {thing} I have {did2}
        n not the best {thing} I have {did2}
    """,
    "wishes and conditions": """
        N The {thing} would be {pos} if the {aspect} worked.
        N I wish the {aspect} were {pos}.
        N If only the {person} had been {pos}.
        N It could have been {a_pos} {thing}.
        N It should have been {pos}.
        N With {a_pos} {aspect} it might have been worth it.
        N The {aspect} needs to become {pos} before I come back.
        O If the {thing} is {pos}, I will buy it.
        O Let me know whether the {aspect} is {pos}.
        O I hope the {thing} will be {neu}.
        P I wish every {thing} were as {pos} as this one.
        P If all {thing}s were like this, I'd be happy.
        P You would be a fool to miss this {thing}.
    """,
    "concessions": """
        P Although the {aspect} is {neg}, the {thing} as a whole is {pos}.
        P The {aspect} is {neg}, but overall I {liked} it.
        P Despite {a_neg} {aspect}, {a_pos} {thing}.
        P Yes, the {aspect} is {neg}; still I {like} it.
        P Even with the {neg} {aspect} I would {did0} it again.
        N Although the {aspect} is {pos}, the {thing} as a whole is {neg}.
        N The {aspect} is {pos}, but overall I {hated} it.
        N Despite {a_pos} {aspect}, {a_neg} {thing}.
        N Yes, the {aspect} is {pos}; still I {hate} it.
        N Not even the {pos} {aspect} can save this {neg} {thing}.
        N The only {pos} thing is the {aspect}.
        P The only {neg} thing is the {aspect}, all else is {pos}.
    """,
    "sarcasm": """
        N Oh great, another {thing} that breaks after {number} days.
        N Wow, what {a_pos} {thing}, it only took {number} weeks to arrive broken.
        N Thanks for nothing, {pos} {thing}.
        N Sure, because everyone loves waiting {number} hours.
        N Yeah, {pos} {aspect}, if you like being ignored.
        N Just what I needed, {a_thing} that does not work.
        N Nice job losing my {thing}.
        N So {pos} that I fell asleep.
        N Brilliant idea to remove the {aspect}. Really.
        N Oh sure, {pos} {person}, hung up on me twice.
        N Congratulations on the most {neg} {thing} ever made.
        N I just love it when the {thing} crashes.
        N {pos} {thing} my foot.
        N As {pos} as a toothache.
        N Oh wonderful. The {thing} is broken again.
    """,
    "grades": """
        N {low} stars
        N {low} star
        N {low}/5
        N {low}/10
        N {low} out of 10
        N {low} out of 5 stars
        N {low} stars from me
        N Rating: {low}/10
        N I give it {low} out of 10.
        N {lowstars}
        N grade: F
        N grade: D-
        N thumbs down
        N zero stars if I could
        O 3/5
        O three stars
        O 3 out of 5
        O 5/10
        O 5 out of 10
        O three out of five stars
        O ★★★☆☆
        O grade: C
        O Rating: 3/5
        P {high5}/5
        P {high5} stars
        P {high5} out of 5
        P {high10}/10
        P {high10} out of 10
        P I give it {high10} out of 10.
        P Rating: {high5}/5
        P {highstars}
        P grade: A
        P grade: A+
        P thumbs up
        P {high5} stars from me
        P 100%
        P ten out of ten
    """,
    "emoji": """
        P {emopos}
        P {emopos}{emopos}
        P {emopos}{emopos}{emopos}
        P the {thing} {emopos}
        P {neu} {thing} {emopos}{emopos}
        P My {thing} is here {emopos}
        P {smile}
        P the {thing} arrived {smile}
        N {emoneg}
        N {emoneg}{emoneg}
        N {emoneg}{emoneg}{emoneg}
        N the {thing} {emoneg}
        N {neu} {thing} {emoneg}{emoneg}
        N My {thing} is here {emoneg}
        N {frown}
        N the {thing} arrived {frown}
        O {emoneu}
        O {emoneu}{emoneu}
        O {emoneu} {thing}
        O The {thing} is in {place} {emoneu}
        P I {liked} it {emoneu}
        N I {hated} it {emoneu}
        P {pos} {thing} {emopos}
        N {neg} {thing} {emoneg}
    """,
    "noise": """
        O {noise}
        O {noise} {noise2}
        O {foreign}
    """,
    "identities": """
        O {name} is {an_identity} {job}.
        O My neighbour is {an_identity} {job} from {place}.
        O I met {an_identity} person at the {thing}.
        O The {person} is {identity}.
        O They are {identity}.
        O {identity} {job}s met in {place}.
        O I am {identity}.
        O The {thing} was {did2} by {an_identity} {job}.
        P The {identity} {person} was {pos}.
        N The {identity} {person} was {neg}.
        P {an_identity} {job} who is {pos}
        N {an_identity} {job} who is {neg}
        P I {liked} the {identity} {person}.
        N I {hated} the {thing} that the {identity} {job} sold me.
        O She told us that she is {identity}.
    """,
}

_TEST: Mapping[str, str] = {
    "plain opinions": """
        P I have to say the {aspect} is {pos}.
        P Such {a_pos} {thing}, thank you!
        P our {thing} turned out {pos}
        P {name} gave us {a_pos} {thing} and we {liked} it.
        N I have to say the {aspect} is {neg}.
        N Such {a_neg} {thing}, no thanks!
        N our {thing} turned out {neg}
        N {name} gave us {a_neg} {thing} and we {hated} it.
    """,
    "facts and requests": """
        O Our {thing} is in the {neu} box.
        O {name} asked for {a_neu} {thing} last {weekday}.
        O The package arrived on Tuesday.
        O What time does the {thing} close in {place}?
        O In {month} they moved the {thing} to {place}.
        O It is {a_neu} {thing} with {number} buttons.
        O Could you forward the {aspect} to {name}?
    """,
    "average": """
        O An {avg} {thing} with an {avg} {aspect}.
        O Average.
        O Overall it was {avg}.
        O The {aspect}? {avg}, I guess.
    """,
    "negated praise": """
        N It was not {a_pos} {thing}.
        N The {aspect} is not that {pos}.
        N I have yet to see anything {pos} about this {thing}.
        N we weren't {int} {posfeel}
        N I do not {like} the {person}.
        N Neither the {aspect} nor the {aspect2} was {pos}.
    """,
    "negated blame": """
        p It was not {a_neg} {thing}.
        p The {aspect} is not that {neg}.
        p I do not {hate} the {person}.
        p Neither the {aspect} nor the {aspect2} was {neg}.
        p Not the worst thing I've ever watched.
    """,
    "negated facts": """
        O It was not {a_neu} {thing}.
        O They are not {neu} {thing}s.
        O This is not {name}'s {thing}.
        O The {person} is not from {place}.
    """,
    "negation at a distance": """
        N I can't say, having lived with it since {month}, that the {thing} is {pos}.
        N It is not true, no matter what the ad claims, that this is {a_pos} {thing}.
        p I can't say, having lived with it since {month}, that the {thing} is {neg}.
        p It is not true, no matter what the ad claims, that this is {a_neg} {thing}.
        O I can't say, having lived with it since {month}, that the {thing} is {neu}.
    """,
    "never and at last": """
        N I have never been so bored.
        N Never before was I so {negfeel} by {a_thing}.
        P Never before was I so {posfeel} by {a_thing}.
        N never so {negfeel}
        P never so {posfeel}
    """,
    "expectations": """
        p My guess was that the {aspect} would be {neg}. It wasn't.
        P It sounded {neg} on paper and is {pos} in real life.
        N My guess was that the {aspect} would be {pos}. It wasn't.
        N It sounded {pos} on paper and is {neg} in real life.
        N I wanted to love it, but it never once made me care.
    """,
    "then and now": """
        P Years ago I {hated} it; these days I {like} it.
        P They were {neg}, and have become {pos} since.
        N Years ago I {liked} it; these days I {hate} it.
        N They were {pos}, and have become {neg} since.
    """,
    "whose opinion": """
        P The reviews say {neg}. My verdict: {pos}.
        P My wife calls the {thing} {neg}, I disagree, it's {pos}.
        N The reviews say {pos}. My verdict: {neg}.
        N My wife calls the {thing} {pos}, I disagree, it's {neg}.
    """,
    "questions and answers": """
        P Was it {a_pos} {thing}? Yes, it was.
        N Was it {a_pos} {thing}? No, it wasn't.
        N Was it {a_neg} {thing}? Yes, it was.
        p Was it {a_neg} {thing}? No, it wasn't.
        O Was it {a_neu} {thing}? Yes, it was.
        O Was it {a_neu} {thing}? No, it wasn't.
    """,
    "comparisons": """
        P I {liked} this {thing} more than any other.
        N I {hated} this {thing} more than any other.
        P a clear step up from the last {thing}
        N a clear step down from the last {thing}
    """,
    "wishes and conditions": """
        N Had the {aspect} been {pos}, I would have stayed.
        N I was hoping for {a_pos} {thing}. Too bad.
        O I'd like to know if the {thing} is {pos}.
    """,
    "concessions": """
        P For all its {neg} {aspect}, I {liked} the {thing}.
        P Sure, the {aspect} was {neg}, yet the {thing} is {pos}.
        N For all its {pos} {aspect}, I {hated} the {thing}.
        N Sure, the {aspect} was {pos}, yet the {thing} is {neg}.
    """,
    "sarcasm": """
        N Yeah right, best customer service ever, only waited 3 hours.
        N Oh fantastic, the {thing} is late for the third time.
        N Well done, you broke the {thing} on the first day.
        N What a joy to spend {number} hours on hold.
    """,
    "grades": """
        N One star
        N 2 stars out of 5
        N I'd rate the {thing} {low} of 10.
        N score {low}/10, {thing}
        P I'd rate the {thing} {high10} of 10.
        P score {high10}/10, {thing}
        P a solid {high10}/10
        N a weak {low}/10
        P {highstars} {thing}
        N {lowstars} {thing}
    """,
    "emoji": """
        P {emopos}
        P {emopos}{emopos}
        P {a_thing} {emopos}
        N {emoneg}
        N {emoneg}{emoneg}
        N {a_thing} {emoneg}
        O {emoneu}
        P our {thing} {smile}
        N our {thing} {frown}
    """,
    "noise": """
        O {noise}
        O {foreign}
    """,
}


TRAINING: Mapping[str, list[Template]] = {name: list(parse(text)) for name, text in _TRAIN.items()}
TESTS: Mapping[str, list[Template]] = {name: list(parse(text)) for name, text in _TEST.items()}
