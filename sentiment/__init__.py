"""Sentiment of English texts, as a library.

>>> from sentiment import Classifier
>>> classifier = Classifier()
>>> classifier.predict("A joy from start to end.").sentiment
'Positive'
"""

from app import __version__
from app.explanation.explain import ExplainedAnalysis as Explanation
from app.explanation.explain import Weight
from app.scoring.options import InvalidOption
from app.sentiment.analysis import Analysis, Sentence
from app.sentiment.bundle import BundleError
from app.sentiment.text import InvalidText
from app.settings import SettingsError
from sentiment.classifier import Classifier

__all__ = [
    "Analysis",
    "BundleError",
    "Classifier",
    "Explanation",
    "InvalidOption",
    "InvalidText",
    "Sentence",
    "SettingsError",
    "Weight",
    "__version__",
]
