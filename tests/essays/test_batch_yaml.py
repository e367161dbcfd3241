"""batch.yaml: defaults, limits, and messages that say what to write instead."""

import pytest

from huleedu_pipeline.essays.spec import BatchSpec, SpecError, parse_spec
from huleedu_pipeline.judging.spec import JudgeSettings


def parse(text: str) -> BatchSpec:
    return parse_spec(text, default_batch_id="class-7b")


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as refused:
        parse(text)
    return str(refused.value)


@pytest.mark.parametrize("text", ["", "# only a comment", "{}"])
def test_an_empty_file_means_all_defaults(text: str) -> None:
    spec = parse(text)
    assert spec.model_dump() == {
        "batch_id": "class-7b",
        "assignment": "",
        "assignment_id": None,
        "course_code": "",
        "course_id": None,
        "language": "en",
        "spellcheck": True,
        "judge_text": "raw",
        "grade_scale": None,
        "compare_anchors_with": None,
        "judge": {
            "provider": "openai",
            "model": "",
            "is_unlisted_model": False,
            "temperature": None,
            "max_output_tokens": 600,
            "reasoning_effort": None,
            "output_verbosity": None,
            "api": "responses",
            "service_tier": None,
            "prompt_template": "default-1",
            "reason_length": "short",
            "system_prompt": None,
            "rubric": None,
        },
        "llm_batching_mode": None,
        "max_comparisons": None,
        "pairs": None,
        "max_cost_usd": None,
        "waves": 4,
        "min_comparisons_for_stability_check": 12,
        "score_stability_threshold": 0.025,
        "target_mean_se": None,
        "target_reliability": None,
        "completion_threshold_pct": 95,
        "seed": 1,
    }


def test_every_field_can_be_given() -> None:
    spec = parse("""
        batch_id: eng5-ht25
        assignment: A person who changed my mind
        course_code: ENG5
        language: sv
        grade_scale: cefr_6_level
        llm_batching_mode: serial_bundle
        max_comparisons: 120
        seed: 7
        judge:
          provider: openai
          model: gpt-6-sol
          temperature: 0
          max_output_tokens: 900
          reasoning_effort: low
          output_verbosity: high
          api: chat_completions
          service_tier: flex
          prompt_template: usage-guard-1
          reason_length: long
    """)
    assert spec.batch_id == "eng5-ht25"
    assert (spec.language, spec.grade_scale, spec.llm_batching_mode) == ("sv", "cefr_6_level", "serial_bundle")
    assert (spec.max_comparisons, spec.seed) == (120, 7)
    assert spec.judge == JudgeSettings(
        provider="openai",
        model="gpt-6-sol",
        temperature=0,
        max_output_tokens=900,
        reasoning_effort="low",
        output_verbosity="high",
        api="chat_completions",
        service_tier="flex",
        prompt_template="usage-guard-1",
        reason_length="long",
    )


@pytest.mark.parametrize("batch_id", ["a", "0", "eng5-ht25", "a.b_c-d", "x" * 60, "7b."])
def test_good_batch_ids(batch_id: str) -> None:
    assert parse(f"batch_id: '{batch_id}'").batch_id == batch_id


@pytest.mark.parametrize(
    "batch_id", ["", "Eng5", "å", "a b", "a/b", "..", "a..b", ".a", "-a", "_a", "x" * 61, "a\\n", "../../etc", "a:b", "a*"]
)
def test_bad_batch_ids_are_refused_with_the_rule(batch_id: str) -> None:
    assert refusal(f'batch_id: "{batch_id}"').endswith(
        "can not name a batch (use 1-60 lower-case letters, digits, '.', '_', '-', beginning with a letter or digit, "
        "without '..')"
    )


def test_a_folder_name_that_can_not_be_the_batch_id_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^batch\.yaml: batch_id: 'Klass 7B' can not name a batch"):
        parse_spec("", default_batch_id="Klass 7B")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("assigment: x", "batch.yaml: unknown key 'assigment' (did you mean 'assignment'?)"),
        ("max_comparison: 9", "batch.yaml: unknown key 'max_comparison' (did you mean 'max_comparisons'?)"),
        ("judge: {temprature: 0}", "batch.yaml: unknown key 'judge.temprature' (did you mean 'temperature'?)"),
        ("judge: {modell: x}", "batch.yaml: unknown key 'judge.modell' (did you mean 'model'?)"),
        (
            "zzz: 1",
            "batch.yaml: unknown key 'zzz' (known keys: batch_id, assignment, assignment_id, course_code, course_id, "
            "language, spellcheck, judge_text, grade_scale, compare_anchors_with, judge, llm_batching_mode, max_comparisons, "
            "pairs, max_cost_usd, waves, min_comparisons_for_stability_check, score_stability_threshold, target_mean_se, "
            "target_reliability, completion_threshold_pct, seed)",
        ),
        (
            "judge: {zzz: 1}",
            "batch.yaml: unknown key 'judge.zzz' (known keys: provider, model, is_unlisted_model, temperature, "
            "max_output_tokens, reasoning_effort, output_verbosity, api, service_tier, prompt_template, reason_length, "
            "system_prompt, rubric)",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "judge: {provider: anthropic, temperature: 0}",
            "batch.yaml: judge: temperature: Anthropic's API version 2026-10-21 takes no sampling parameters "
            "(leave temperature out)",
        ),
        (
            "judge: {provider: anthropic, output_verbosity: low}",
            "batch.yaml: judge: output_verbosity: only OpenAI's models take it (leave output_verbosity out)",
        ),
        (
            "judge: {provider: anthropic, reasoning_effort: none}",
            "batch.yaml: judge: reasoning_effort: Anthropic has no effort 'none' (use low, medium or high, or leave it out)",
        ),
        (
            "judge: {provider: anthropic, api: decisions}",
            "batch.yaml: judge: api: only OpenAI has more than one (leave api out)",
        ),
        (
            "judge: {api: decisions}",
            "batch.yaml: judge.api: OpenAI's batch jobs make no decisions (set llm_batching_mode to per_request or "
            "serial_bundle, or leave judge.api out)",
        ),
        (
            "judge: {service_tier: flex}",
            "batch.yaml: judge.service_tier: flex is a tier of live calls; a batch job costs half price as it is (set "
            "llm_batching_mode to per_request or serial_bundle, or leave judge.service_tier out)",
        ),
    ],
)
def test_what_a_provider_does_not_take_is_refused_and_not_dropped(text: str, message: str) -> None:
    assert refusal(text) == message


def test_a_misspelt_provider_is_refused_with_the_nearest() -> None:
    assert refusal("judge: {provider: antropic}") == (
        "batch.yaml: judge.provider: 'antropic' is unknown (did you mean 'anthropic'?)"
    )


def test_an_unknown_template_is_refused_with_the_nearest() -> None:
    assert refusal("judge: {prompt_template: usage-gard}") == (
        "batch.yaml: judge.prompt_template: 'usage-gard' is not known (did you mean 'usage-guard-1'?)"
    )


def test_what_anthropic_takes_is_taken() -> None:
    judge = parse("judge: {provider: anthropic, reasoning_effort: high, max_output_tokens: 100}").judge
    assert (judge.provider, judge.reasoning_effort, judge.max_output_tokens) == ("anthropic", "high", 100)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("judge: {provider: google}", "judge.provider"),
        ("judge: {temperature: -0.1}", "judge.temperature"),
        ("judge: {temperature: 2.1}", "judge.temperature"),
        ("judge: {temperature: .nan}", "judge.temperature"),
        ("judge: {max_output_tokens: 63}", "judge.max_output_tokens"),
        ("judge: {max_output_tokens: 32001}", "judge.max_output_tokens"),
        ("judge: {reasoning_effort: extreme}", "judge.reasoning_effort"),
        ("judge: {api: completions}", "judge.api"),
        ("judge: {service_tier: priority}", "judge.service_tier"),
        ("judge: openai", "judge"),
        ("language: swe", "language"),
        ("language: EN", "language"),
        ("spellcheck: maybe", "spellcheck"),
        ("judge_text: correct", "judge_text"),
        ("llm_batching_mode: batch", "llm_batching_mode"),
        ("max_comparisons: 0", "max_comparisons"),
        ("max_comparisons: many", "max_comparisons"),
        ("seed: -1", "seed"),
        ("seed: 1.5", "seed"),
        ("batch_id: 2025", "batch_id"),
        ("grade_scale: 9", "grade_scale"),
        ("assignment_id: Role Model", "assignment_id"),
        ("assignment_id: ''", "assignment_id"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(text: str, place: str) -> None:
    message = refusal(text)
    assert message.startswith(f"batch.yaml: {place}: ")
    assert len(message.splitlines()) == 1


def test_every_problem_has_a_line_of_its_own() -> None:
    lines = refusal("sead: 3\nlanguage: english\njudge: {provider: google, temperatur: 1}").splitlines()
    assert all(line.startswith("batch.yaml: ") for line in lines)
    assert sorted(line.split(":")[1].split(" (")[0].strip() for line in lines) == [
        "judge.provider",
        "language",
        "unknown key 'judge.temperatur'",
        "unknown key 'sead'",
    ]


@pytest.mark.parametrize("text", ["judge: {", "a: b: c", "\tseed: 1", "seed: 'x", "!!python/object/apply:os.getcwd []"])
def test_broken_yaml_is_refused_with_the_place(text: str) -> None:
    message = refusal(text)
    assert message.startswith("batch.yaml: not valid YAML: ")
    assert "line 1" in message
    assert message.endswith("(mend the file)")


@pytest.mark.parametrize(("text", "kind"), [("- seed", "list"), ("seed", "str"), ("3", "int")])
def test_yaml_that_is_no_mapping_is_refused(text: str, kind: str) -> None:
    assert refusal(text) == f"batch.yaml: holds a {kind}, not fields with values (write 'field: value' lines)"


@pytest.mark.parametrize("text", ["1: x", "judge: {1: x}", "yes: x"])
def test_keys_that_are_no_words_are_refused(text: str) -> None:
    assert "Keys should be strings" in refusal(text)


@pytest.mark.parametrize("name", ["target_mean_se", "target_reliability"])
def test_a_target_that_batch_jobs_could_not_keep_is_refused(name: str) -> None:
    assert refusal(f"{name}: 0.5") == (
        f"batch.yaml: {name}: a provider's batch jobs are one wave, which nothing stops early (set llm_batching_mode to "
        f"per_request or serial_bundle, or leave {name} out)"
    )
    assert getattr(parse(f"{name}: 0.5\nllm_batching_mode: per_request"), name) == 0.5


def test_pairs_are_all_the_comparisons_that_there_are() -> None:
    spec = parse("pairs: [[a, b], [b, a], [a, b]]")
    assert spec.pairs == (("a", "b"), ("b", "a"), ("a", "b"))
    assert spec.n_comparisons(30) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pairs: []", "pairs: Tuple should have at least 1 item"),
        ("pairs: [[a, a]]", "pairs: 'a' is paired with itself"),
        ("pairs: [[a, b]]\nmax_comparisons: 9", "max_comparisons: pairs names all 1 comparisons"),
        ("pairs: [[a, b]]\njudge: {provider: human}", "pairs: people's judgements are imported"),
        ("pairs: [[a, b]]\nllm_batching_mode: per_request\ntarget_mean_se: 0.3", "target_mean_se: the comparisons"),
    ],
)
def test_pairs_that_contradict_the_rest_are_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse(text)


@pytest.mark.parametrize(("text", "is_checked"), [("on", True), ("off", False), ("yes", True), ("false", False)])
def test_the_spell_check_is_on_or_off(text: str, is_checked: bool) -> None:
    assert parse(f"spellcheck: {text}").spellcheck is is_checked


def test_corrected_texts_need_the_spell_check() -> None:
    assert parse("judge_text: corrected").judge_text == "corrected"
    assert refusal("spellcheck: off\njudge_text: corrected") == (
        "batch.yaml: judge_text: corrected texts need the spell check (set spellcheck to on, or judge_text to raw)"
    )
