"""What a text mentions that has a form of its own: dates, amounts of money, addresses."""

import re
from collections.abc import Iterator, Mapping
from datetime import date

from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Segment

METHOD = "patterns"
MOST = 50
LONGEST_TEXT = 50_000
SURE = 0.95

MONTHS = {
    "january jan januar janvier janv enero ene gennaio gen janeiro januari": 1,
    "february feb februar février fevrier févr febrero febbraio fevereiro fev februari": 2,
    "march mar märz maerz mrz mars marzo março marco maart mrt": 3,
    "april apr avril avr abril abr aprile": 4,
    "may mai mayo maggio mag maio mei": 5,
    "june jun juni juin junio giugno giu junho": 6,
    "july jul juli juillet juil julio luglio lug julho": 7,
    "august aug août aout agosto ago augustus": 8,
    "september sep sept septembre septiembre settembre set setembro": 9,
    "october oct oktober okt octobre octubre ottobre ott outubro out": 10,
    "november nov novembre noviembre novembro": 11,
    "december dec dezember dez décembre decembre diciembre dic dicembre dezembro december": 12,
}
MONTH = {name: number for names, number in MONTHS.items() for name in names.split()}
_NAMES = "|".join(sorted(MONTH, key=len, reverse=True))
_DAY, _YEAR = r"(?P<day>0?[1-9]|[12]\d|3[01])", r"(?P<year>1[0-9]\d\d|20\d\d)"
DATES = (
    re.compile(rf"\b{_YEAR}-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])\b"),
    re.compile(
        rf"\b{_DAY}(?:st|nd|rd|th|\.|º|er)?\s+(?:of\s+|de\s+)?(?P<name>{_NAMES})\b\.?,?\s+"
        rf"(?:de\s+|del\s+)?{_YEAR}\b",
        re.IGNORECASE,
    ),
    re.compile(rf"\b(?P<name>{_NAMES})\b\.?\s+{_DAY}(?:st|nd|rd|th)?,?\s+{_YEAR}\b", re.IGNORECASE),
    re.compile(rf"(?<![\d.]){_DAY}\.\s?(?P<month>0?[1-9]|1[0-2])\.\s?{_YEAR}\b(?!\.\d)"),
    re.compile(rf"\b(?P<name>{_NAMES})\b\.?,?\s+(?:de\s+|of\s+)?{_YEAR}\b", re.IGNORECASE),
)
"""The day before the month, its number or its name; where 3/4/2024 is, nobody can know."""

SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "US$": "USD", "₹": "INR"}
CODES = "USD EUR GBP JPY CHF CNY INR SEK NOK DKK PLN CZK CAD AUD".split()  # noqa: SIM905
WORDS = {
    "dollar": "USD", "dollars": "USD", "euro": "EUR", "euros": "EUR", "pounds": "GBP", "yen": "JPY",
    "francs": "CHF", "franken": "CHF",
}  # fmt: skip
SCALES = {
    "thousand": 10**3, "tausend": 10**3, "million": 10**6, "millions": 10**6, "millionen": 10**6,
    "mio": 10**6, "m": 10**6, "billion": 10**9, "bn": 10**9, "milliarden": 10**9, "mrd": 10**9,
    "milliards": 10**9, "trillion": 10**12,
}  # fmt: skip
_NUMBER = (
    r"(?P<number>\d{1,3}(?:[ ,.'’\u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?|\d{1,12}(?:[.,]\d{1,2})?)"
)
_SCALE = rf"(?:\s?(?P<scale>{'|'.join(sorted(SCALES, key=len, reverse=True))})\b\.?)?"
_SIGN = r"(?P<sign>US\$|[$€£¥₹])"
_CODE = rf"(?P<code>{'|'.join(CODES)})"
AMOUNTS = (
    re.compile(rf"{_SIGN}\s?{_NUMBER}(?!\d){_SCALE}", re.IGNORECASE),
    re.compile(rf"\b{_CODE}\s?{_NUMBER}(?!\d){_SCALE}"),
    re.compile(rf"(?<![\w.,]){_NUMBER}{_SCALE}\s?(?:{_SIGN}|{_CODE}\b)", re.IGNORECASE),
    re.compile(
        rf"(?<![\w.,]){_NUMBER}{_SCALE}\s(?P<word>{'|'.join(WORDS)})\b",
        re.IGNORECASE,
    ),
)
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"'“”«»|\\^`{}]{3,2000}", re.IGNORECASE)
AFTER_URL = ".,;:!?)]}…'’"


class MentionsAnalyzer(BaseAnalyzer):
    """Finds dates and amounts, in one form whatever the language, and addresses."""

    spec = AnalyzerSpec(
        name="mentions",
        version="1",
        needs=("text",),
        emits=("semantic",),
        model=METHOD,
        cost=Cost(0.0005),
    )

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        if priorities.get("semantic", 1) == 0:
            return None
        found = mentions("\n".join(text.body for text in segment.texts))
        if not found:
            return None
        return AnalysisResult(
            features={"semantic": {"mentions": found}},
            confidence_scores={"semantic": {"mentions": SURE}},
            model=METHOD,
        )


def mentions(text: str) -> dict[str, list[str]]:
    """Return what a text mentions by kind, each once, in its order; only kinds that it has."""
    text = text[:LONGEST_TEXT]
    every = {
        "dates": dates(text),
        "amounts": amounts(text),
        "emails": (match[0] for match in EMAIL.finditer(text)),
        "urls": (match[0].rstrip(AFTER_URL) for match in URL.finditer(text)),
    }
    found = {kind: list(dict.fromkeys(values))[:MOST] for kind, values in every.items()}
    return {kind: values for kind, values in found.items() if values}


def dates(text: str) -> Iterator[str]:
    """Yield dates as ISO 8601 has them; those of a month only without a day."""
    taken: list[tuple[int, int]] = []
    found: list[tuple[int, str]] = []
    for pattern in DATES:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(first < end and start < last for first, last in taken):
                continue
            taken.append((start, end))
            if read := _date(match):
                found.append((start, read))
    yield from (value for _, value in sorted(found))


def _date(match: re.Match[str]) -> str | None:
    parts = match.groupdict()
    month = int(parts["month"]) if parts.get("month") else MONTH[parts["name"].lower()]
    if not parts.get("day"):
        return f"{parts['year']}-{month:02}"
    try:
        return date(int(parts["year"]), month, int(parts["day"])).isoformat()
    except ValueError:  # 31 February
        return None


def amounts(text: str) -> Iterator[str]:
    """Yield amounts as a number with the code of the currency: `3500000 USD`."""
    found: dict[int, str] = {}
    for pattern in AMOUNTS:
        for match in pattern.finditer(text):
            found.setdefault(match.start("number"), _amount(match))
    yield from (found[at] for at in sorted(found))


def _amount(match: re.Match[str]) -> str:
    parts = match.groupdict()
    scale = SCALES[parts["scale"].lower()] if parts.get("scale") else 1
    value = number(parts["number"]) * scale
    shown = f"{value:.2f}".removesuffix(".00")
    return f"{shown} {_currency(parts)}"


def _currency(parts: Mapping[str, str | None]) -> str:
    if sign := parts.get("sign"):
        return SIGNS[sign.upper()]
    if word := parts.get("word"):
        return WORDS[word.lower()]
    return str(parts.get("code")).upper()


def number(text: str) -> float:
    """Return a number written with points or commas: the last of two kinds is the decimal one."""
    bare = re.sub(r"[ '’\u00a0\u202f]", "", text)
    last = max(bare.rfind("."), bare.rfind(","))
    if last < 0:
        return float(bare)
    decimals = len(bare) - last - 1
    if decimals == 3 and bare.count(bare[last]) == len(re.findall("[.,]", bare)):
        return float(re.sub("[.,]", "", bare))
    return float(re.sub("[.,]", "", bare[:last]) + "." + bare[last + 1 :])
