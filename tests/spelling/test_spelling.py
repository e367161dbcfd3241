"""The spell check as a whole: what is corrected, what is left alone, and what holds for any text."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from huleedu_pipeline.edits import undo_edits
from huleedu_pipeline.spelling import Rule, SpellCheck, check_texts
from huleedu_pipeline.spelling.checker import Checker
from huleedu_pipeline.spelling.dictionaries import Language

CHECKERS: dict[Language, Checker] = {}


def check(text: str, language: Language = "en", *, prompt: str = "", names: tuple[str, ...] = ()) -> SpellCheck:
    if prompt or names:
        return Checker(language, prompt=prompt, known_names=names).check(text)
    if language not in CHECKERS:
        CHECKERS[language] = Checker(language)
    return CHECKERS[language].check(text)


def corrected(text: str, language: Language = "en", *, prompt: str = "", names: tuple[str, ...] = ()) -> str:
    return check(text, language, prompt=prompt, names=names).corrected(text)


PIECES = [
    *("teh", "becouse", "alot", "my self", "freind", "freind", "i", "english", "whit", "enviromant", "Anders", "TV", "BECOUSE"),
    *(
        "dont",
        "don’t",
        "it’s",
        "colour",
        "smörgås",
        "knowlage",
        "the",
        "house",
        "in",
        "fact",
        "Becouse",
        "to",
        "much",
        "xyzzyqk",
    ),
    *(
        ".",
        ",",
        "!",
        "\n",
        "\u00a0",
        "“",
        "”",
        '"',
        "[name]",
        "www.exmple.se",
        "4th",
        "a1b",
        "e\u0301te",
        "so\u00adcity",
        "ﬁnd",
        "Ω",
        "😀",
    ),
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=25).flatmap(
    lambda pieces: st.sampled_from(["", " "]).map(lambda glue: glue.join(pieces))
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts)
@example("teh teh, tehteh teh")
@example("alot alot")
@example("my self my self")
@example("I'am I'am")
def test_corrections_fit_any_text_and_can_be_taken_back(text: str) -> None:
    result = check(text)
    reached = 0
    for correction in result.corrections:
        assert reached <= correction.start < correction.end
        assert text[correction.start : correction.end] == correction.original != correction.suggestion
        assert correction.candidates[:1] == ((correction.suggestion,) if correction.suggestion else ())
        assert correction.suggestion or not correction.is_applied
        reached = correction.end
    edits = [correction.edit for correction in result.applied]
    assert undo_edits(result.corrected(text), edits) == text
    assert result.n_words == len(text.split())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts)
@example("Ë")
def test_a_check_depends_on_the_text_alone(text: str) -> None:
    assert Checker("en").check(text) == check(text)


def test_corrected_essays_need_next_to_no_correction() -> None:
    essay = (
        "In my oppinion it is importent to learn english becouse you need it evrywhere. When you traval or work in a big "
        "kompany you have to comunicate whit people from diffrent contries. My freind Ebba dont agree whit me, she "
        "beleves that my self and alot of other studens spend to much time at it."
    )
    once = check(essay)
    assert once.total_corrections >= 15
    assert check(once.corrected(essay)).total_corrections <= 1


def test_the_result_is_the_same_in_several_processes() -> None:
    essays = {f"e{number}": f"Essay {number}: i recieve a leter about teh enviroment." for number in range(230)}
    seen: list[tuple[int, int]] = []
    several = check_texts(essays, language="en", workers=2, progress=lambda done, every: seen.append((done, every)))
    assert several == check_texts(essays, language="en", workers=1)
    assert list(several) == list(essays)
    assert seen == [(100, 230), (200, 230), (230, 230)]


def test_no_worker_is_refused() -> None:
    with pytest.raises(ValueError, match="workers is 0"):
        check_texts({}, language="en", workers=0)


def test_no_texts_and_texts_without_words() -> None:
    assert check_texts({}, language="sv") == {}
    for text in ("", "   \n", "123 45.6 %", "— … !", "😀"):
        assert check(text).corrections == ()
    assert check("").correction_density == 0.0


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("Becouse i like my freind.", "Because I like my friend."),
        ("teh teh teh", "the the the"),
        ("He recieved alot, alot of leters.", "He received a lot, a lot of letters."),
        ("I did it my self to gether with him.", "I did it myself together with him."),
        ("The enviromant is importent.", "The environment is important."),
        ("We live in sweden and speak english.", "We live in Sweden and speak English."),
        ("I DONT KNOW WHAT THE GOVERMENT WANTS.", "I DON'T KNOW WHAT THE GOVERNMENT WANTS."),
        ("They dont and it’s", "They don't and it’s"),
        ("He isn’t and they did’nt", "He isn’t and they didn’t"),
        ("The factorys are closed", "The factories are closed"),
        ("a de\u0301cisio\u0301n", "a decision"),
        ("a soc\u00adity", "a society"),
        ("I like to listen to musik", "I like to listen to music"),
        ("She is taller then me.", "She is taller than me."),
        ("It is to much.", "It is too much."),
    ],
)
def test_english_is_corrected(written: str, right: str) -> None:
    assert corrected(written) == right


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("Jag tycker att männsikor är myket snälla.", "Jag tycker att människor är mycket snälla."),
        ("Det var jätte bra och rolit i skollan.", "Det var jättebra och roligt i skolan."),
        ("Min kompsi är intreserad av musik.", "Min kompis är intresserad av musik."),
    ],
)
def test_swedish_is_corrected(written: str, right: str) -> None:
    assert corrected(written, "sv") == right


@pytest.mark.parametrize(
    "text",
    [
        "I met Abdirahman and Zlatko Krnjic in Hultsfred.",
        "Abdirahman came. Then Abdirahman left.",
        'I read "The Lord of teh Rings" and “Harry Poter” last year.',
        "I read *Teh Hobit* and 'Becouse of Winn-Dixie' too.",
        "We ate smörgåstårta and drank glögg on a Friday, as lagom as fika.",
        "See www.exmple.se/teh, https://a.se/becouse or teh.freind@skola.se, @freind and #becouse.",
        "My name is [nmae], I am {agee} years old and live in <cityy>.",
        "On the 4th of May in the 1990s, at 7pm, room b12c.",
        "UNICEF, WHO and FN; e.g. cars, i.e. vehicles, bl.a. bussar, in the U.S.A.",
        "I watch tv and play on my YouTube, it is ok.",
        "The colour and the color, organise and organize, travelling and traveling.",
        "We'll see what people'll do, and Anna's brother's dog.",
        "Point (i) and ii) and i) too.",
    ],
)
def test_english_is_left_alone(text: str) -> None:
    assert check(text).corrections == ()


@pytest.mark.parametrize(
    "text",
    [
        "Vi spelade Fortnite och tittade på streams på youtube.",
        "Barnbokskatalogen och fotbollsplansunderhållet kostar t.ex. 500 kr, bl.a.",
        'Mormor läste högt ur "Bröderna Lejonhjärtta" för Åsa i Hjorthagen.',
        "Det är the best, tycker jag.",
    ],
)
def test_swedish_is_left_alone(text: str) -> None:
    assert check(text, "sv").total_corrections == 0


def test_names_given_are_left_alone_however_they_are_written() -> None:
    text = "my friend bengtsonn and freind Berta"
    assert corrected(text) != text
    assert corrected(text, names=("Freind Bengtsonn",)) == text


def test_words_of_the_prompt_are_left_alone_but_not_a_small_i() -> None:
    prompt = "I, Zorblaxx: write about the Zorblaxx enviroment."
    assert corrected("The zorblaxx enviroment that i like", prompt=prompt) == "The zorblaxx enviroment that I like"


def test_the_variety_of_an_essay_decides_between_spellings() -> None:
    assert corrected("My favourite colour is grey and his behavier is bad.").endswith("behaviour is bad.")
    assert corrected("My favorite color is gray and his behavier is bad.").endswith("behavior is bad.")


def test_what_is_too_uncertain_is_reported_and_not_applied() -> None:
    (correction,) = check("it was xyzzyqk there").corrections
    assert (correction.original, correction.is_applied, correction.suggestion) == ("xyzzyqk", False, "")


def test_very_long_words_and_texts_cost_no_more_than_their_length() -> None:
    for text in ("a" * 100_000, "a'" * 50_000, "e\u0301" * 50_000, '"' * 20_000, "[" * 20_000, "a." * 50_000, "x@" * 20_000):
        assert check(text).total_corrections == 0


def test_counts_by_rule() -> None:
    text = "Becouse the enviromant is to much for me."
    result = check(text)
    assert [correction.rule for correction in result.corrections] == [Rule.LEARNER_ERROR, Rule.DICTIONARY, Rule.CONTEXT]
    assert (result.total_corrections, result.l2_dictionary_corrections, result.spellchecker_corrections) == (3, 1, 2)
    assert result.correction_density == pytest.approx(100 * 3 / 8)
