"""What to know before believing a ranking: said in a few lines under it, read from what was published."""

from huleedu_pipeline.lake import Warehouse
from huleedu_pipeline.scaling.expected_precision import FEW_COMPARISONS

LOW_RELIABILITY = 0.7
CLEAR_P = 0.01


def notes_on(warehouse: Warehouse, batch_id: str) -> list[str]:
    """Return the notes on a batch's ranking, or none when it has no ranking."""
    summaries = warehouse.frame("scaling_summary", batch_id)
    if summaries.empty:
        return []
    summary = summaries.iloc[0]
    quality = float(summary["marginal_reliability"])
    noise = float(summary["marginal_reliability_of_noise"])
    notes = [
        f"reliability {quality:.2f} (marginal; tosses of a coin would read up to {noise:.2f})"
        + ("" if quality >= LOW_RELIABILITY else ": low, the order is not settled")
    ]
    per_essay = 2 * int(summary["n_comparisons"]) / int(summary["n_essays"])
    if per_essay < FEW_COMPARISONS:
        notes.append(f"few comparisons: {per_essay:.1f} for each essay on average; about 20 give a usable ranking")
    if summary["position_effect_p"] < CLEAR_P:
        place = "first" if summary["position_effect"] > 0 else "second"
        notes.append(
            f"the judge favours the essay shown {place} ({summary['position_effect']:+.2f} logits); the ranking allows for it"
        )
    if summary["length_effect_p"] < CLEAR_P:
        which = "longer" if summary["length_effect"] > 0 else "shorter"
        notes.append(
            f"{which} texts win more often (p {summary['length_effect_p']:.3f}); verdicts alone can not tell whether they are "
            "better, or the judge looks at length"
        )
    ranking = warehouse.frame("cj_rankings", batch_id)
    for flag, words in (
        ("disconnected", "not comparable with most others"),
        ("one_sided", "won or lost everything, so only that side of their place is known"),
        ("few_comparisons", f"with fewer than {FEW_COMPARISONS} comparisons"),
        ("misfit", "with verdicts that contradict the scale more than chance does"),
    ):
        n = sum(flag in flags for flags in ranking["flags"])
        if n:
            notes.append(f"{n} of {len(ranking)} essays {words}")
    judgements = warehouse.frame("llm_judgements", batch_id)
    n_failed = int((judgements["outcome"] != "success").sum())
    if n_failed:
        codes = ", ".join(f"{n} {code}" for code, n in judgements["error_code"].value_counts().items())
        notes.append(f"WARNING: {n_failed} of {len(judgements)} requests have no verdict ({codes})")
    return [
        *notes,
        *_injection_notes(warehouse, batch_id),
        *_spelling_notes(warehouse, batch_id),
        *_grading_notes(warehouse, batch_id),
    ]


def _injection_notes(warehouse: Warehouse, batch_id: str) -> list[str]:
    flags = warehouse.frame("injection_flags", batch_id)
    if flags.empty:
        return []
    rules = ", ".join(sorted(set(flags["rule"])))
    n = flags["essay_id"].nunique()
    return [f"WARNING: {n} texts seem to address the judge ({rules}): read them before their places are used"]


def _spelling_notes(warehouse: Warehouse, batch_id: str) -> list[str]:
    checked = warehouse.frame("spellchecked_essays", batch_id)
    if checked.empty:
        return []
    if (checked["status"] == "skipped").all():
        return ["spelling: not checked; the texts were judged as they were written"]
    n, n_words = int(checked["total_corrections"].sum()), int(checked["word_count"].sum())
    density = f", {100 * n / n_words:.1f} in 100 words" if n_words else ""
    is_raw = checked["judge_text"].iloc[0] == "raw"
    judged = "the texts were judged as they were written" if is_raw else "the corrected texts were judged"
    return [f"spelling: {n} corrections in {len(checked)} texts{density}; {judged}"]


def _grading_notes(warehouse: Warehouse, batch_id: str) -> list[str]:
    summaries = warehouse.frame("grading_summary", batch_id)
    if summaries.empty:
        return []
    summary = summaries.iloc[0]
    if not summary["is_available"]:
        return [f"no grades: {summary['unavailable_because']}"]
    notes = [f"expected accuracy of the grades {summary['expected_accuracy']:.2f}"]
    if len(summary["contradicted_regions"]):
        notes.append(f"the judge's order contradicts the anchors' grades in {', '.join(summary['contradicted_regions'])}")
    if summary["n_flagged_anchors"]:
        flagged, n = int(summary["n_flagged_anchors"]), int(summary["n_anchors"])
        notes.append(f"{flagged} of {n} anchors need a look (table anchor_diagnostics)")
    return notes
