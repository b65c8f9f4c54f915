"""The signals of who takes part, a person or a program: their names, and the words for them.

``signals`` in config.txt says which are recorded; client/signals.js records them. The consent page
and the paragraph for the Methods are made of these words, so neither can name what is not recorded.
"""

# What the consent page says: "… we also record", then these (pages/signals.html).
CONSENT = {
    "paste": "whether text is copied, pasted or dropped",
    "typing": "the rhythm in which keys are pressed",
    "hidden": "how often and how long this page is hidden behind others",
    "untrusted": "whether clicks and keys come from a person or from a script",
    "webdriver": "whether your browser says that a program steers it",
    "hidden_field": "whether a field is filled in that people cannot see",
    "pointer": "whether the mouse moves before a click, and whether it hits the exact middle",
}
# The same for the Methods: "… we recorded", then these.
METHODS = {
    "paste": "text that was copied, pasted or dropped (its length, not the text)",
    "typing": "the rhythm of typing (intervals and how long keys were held, not which keys)",
    "hidden": "how often and how long the page was hidden",
    "untrusted": "clicks and key presses that a script had produced (isTrusted)",
    "webdriver": "whether the browser declared itself automated (navigator.webdriver)",
    "hidden_field": "a field of forms that people and screen readers do not see",
    "pointer": "mouse clicks without a movement before them, and clicks on the exact centre",
}
SIGNALS = tuple(CONSENT)


def enumerate_words(words: list[str]) -> str:
    """Join words as English does: ``a, b and c``."""
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last
