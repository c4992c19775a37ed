"""Words so common in a language that finding them says little, however small the collection."""

from collections.abc import Iterable

_WORDS = {
    "en": "a about after all also am an and any are as at be been but by can could did do does for "
    "from get had has have he her him his how i if in into is it its just me more my no not of on "
    "one or our out over she so some such than that the their them then there these they this to "
    "too up us was we were what when where which while who whom whose why will with would you your",
    "de": "als am an auch auf aus bei bin bis das dass dem den der des die durch ein eine einem "
    "einen einer es fur hat ich ihr im in ist ja mit nach nicht noch nur oder sich sie sind so "
    "uber um und uns von vor war was wie wir zu zum zur",
    "fr": "a au aux avec ce ces dans de des du elle en est et eux il ils je la le les leur lui ma "
    "mais me mon ne nous on ou par pas plus pour qu que qui sa se ses son sont sur ta te tu un une "
    "vous y",
    "es": "a al como con de del e el ella en es esta este la las lo los mas me mi muy no nos o "
    "para pero por que se si sin su sus te tu un una y ya yo",
    "it": "a ai al che chi con da dei del della di e gli ha i il in io la le lo ma mi nel non "
    "o per piu se si sono su tra un una",
    "pt": "a ao as com como da das de do dos e em eu foi la mais mas me na nao no nos o os ou para "
    "pela pelo por que se sem ser seu sua um uma",
    "nl": "aan al als bij dat de den der die dit een en er haar hem het hij ik in is je maar me "
    "met mijn naar niet nog nu of om ook op te tot uit van voor was wat we wel wij ze zich zijn zo",
}
_SETS = {language: frozenset(words.split()) for language, words in _WORDS.items()}


def common(word: str, languages: Iterable[str | None] = ()) -> bool:
    """Return whether a folded word is a stop word of English or of one of the languages."""
    keys = {"en", *((language or "")[:2].lower() for language in languages)}
    return any(word in _SETS.get(key, ()) for key in keys)
