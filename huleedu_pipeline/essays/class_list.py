"""The class list of a regular batch and what people decided about its matches: ``roster.csv`` and ``matches.csv``.

A batch folder with a ``roster.csv`` is a regular batch; one without is a guest batch, in which file names are the only
identity. Messages name lines and never a pupil, because they are logged.
"""

import csv
import io
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from huleedu_pipeline.essays.batch import Batch, Essay
from huleedu_pipeline.essays.folder_files import csv_rows
from huleedu_pipeline.essays.text import has_words
from huleedu_pipeline.files import replacing
from huleedu_pipeline.people import Clues, Decision, MatchStatus, Pupil, Roster, StudentMatch, match_essays
from huleedu_pipeline.people.pupils import key

ROSTER, MATCHES = "roster.csv", "matches.csv"
CLASS_FILES = (ROSTER, MATCHES)
COLUMNS = ("file_name", "student_id", "decision")
UNDECIDED, CONFIRMED, NOBODY = "review", "confirmed", "none"
MAX_ID_CHARACTERS = 100


def read_roster(folder: Path, problems: list[str]) -> Roster | None:
    """Return the class list of a batch folder, ``None`` where there is none.

    Columns are student_id, name ("Given Surname" or "Surname, Given"), and if wanted email and class.

    Args:
        folder: The batch folder.
        problems: Receives one sentence for each thing to mend.

    """
    path = folder / ROSTER
    if not path.exists():
        return None
    n_before = len(problems)
    pupils: list[tuple[int, Pupil]] = []
    for line, row in csv_rows(path, ROSTER, ("student_id", "name"), problems):
        pupil = Pupil(*(" ".join((row.get(name) or "").split()) for name in ("student_id", "name", "email", "class")))
        found = _problem_of(pupil)
        if found:
            problems.append(f"{ROSTER}: line {line}: {found}")
        else:
            pupils.append((line, pupil))
    problems.extend(_repeated(pupils, "student_id", lambda pupil: pupil.student_id))
    problems.extend(_repeated(pupils, "email", lambda pupil: pupil.email))
    if not pupils and len(problems) == n_before:
        problems.append(f"{ROSTER}: has no pupils (add them, or remove the file: a batch without it is a guest batch)")
    return Roster(tuple(pupil for _, pupil in pupils))


def names_of(folder: Path) -> dict[str, str]:
    """Return the name of each pupil by id, as far as the class list in ``folder`` is there and can be read."""
    roster = read_roster(folder, [])
    return {} if roster is None else {pupil.student_id: pupil.name for pupil in roster.pupils}


def _problem_of(pupil: Pupil) -> str | None:
    if not pupil.student_id:
        return "student_id is empty (give every pupil an id)"
    if len(pupil.student_id) > MAX_ID_CHARACTERS:
        return f"student_id is longer than {MAX_ID_CHARACTERS} characters (shorten it)"
    if not has_words(pupil.name) or not pupil.parts:
        return "name is empty, or has no letters (write it as 'Given Surname' or 'Surname, Given')"
    if pupil.email and (pupil.email.count("@") != 1 or not all(pupil.email.split("@")) or " " in pupil.email):
        return "email is no e-mail address (correct it, or leave it empty)"
    return None


def _repeated(pupils: Sequence[tuple[int, Pupil]], column: str, value: Callable[[Pupil], str]) -> Iterable[str]:
    first: dict[str, int] = {}
    for line, pupil in pupils:
        if value(pupil):
            earlier = first.setdefault(key(value(pupil)), line)
            if earlier != line:
                yield f"{ROSTER}: lines {earlier} and {line}: have the same {column} (correct one, or remove it)"


def read_decisions(folder: Path, roster: Roster, essays: Sequence[Essay], problems: list[str]) -> dict[str, Decision]:
    """Return what people decided, by essay_id; an empty ``student_id``, or the decision ``review``, decides nothing.

    Columns are file_name (or essay_id) and student_id, and if wanted decision: confirmed (the default), none (nobody on the
    class list wrote it) or review.

    Args:
        folder: The batch folder.
        roster: Its class list.
        essays: The pupils' essays.
        problems: Receives one sentence for each thing to mend.

    """
    path = folder / MATCHES
    if not path.exists():
        return {}
    essay_of = {_name(essay.essay_id): essay.essay_id for essay in essays}
    essay_of |= {_name(essay.file_name): essay.essay_id for essay in essays}
    pupils = {pupil.student_id for pupil in roster.pupils}
    decisions: dict[str, Decision] = {}
    line_of_essay: dict[str, int] = {}
    line_of_pupil: dict[str, int] = {}
    for line, row in csv_rows(path, MATCHES, COLUMNS[:2], problems):
        place = f"{MATCHES}: line {line}"
        student_id = " ".join(row["student_id"].split())
        decision = (row.get("decision") or "").strip().lower() or (CONFIRMED if student_id else UNDECIDED)
        essay_id = essay_of.get(_name(row["file_name"]))
        if essay_id is None:
            problems.append(f"{place}: there is no essay of that file_name (correct it, or remove the line)")
        elif essay_id in line_of_essay:
            problems.append(f"{place}: has the same file_name as line {line_of_essay[essay_id]} (remove one)")
        elif decision not in (CONFIRMED, NOBODY, UNDECIDED):
            problems.append(f"{place}: decision is none of {CONFIRMED}, {NOBODY}, {UNDECIDED} (correct it, or leave it empty)")
        elif decision == CONFIRMED and student_id not in pupils:
            problems.append(f"{place}: student_id is not in {ROSTER} (correct it; for nobody write the decision {NOBODY})")
        elif decision == CONFIRMED and student_id in line_of_pupil:
            earlier = line_of_pupil[student_id]
            problems.append(f"{place}: gives the pupil of line {earlier} a second essay (a pupil has one; remove one line)")
        else:
            line_of_essay[essay_id] = line
            if decision == CONFIRMED:
                line_of_pupil[student_id] = line
                decisions[essay_id] = Decision(student_id)
            elif decision == NOBODY:
                decisions[essay_id] = Decision(None)
    return decisions


def _name(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())


def matches_of(batch: Batch) -> tuple[StudentMatch, ...]:
    """Return whose each pupil's essay is, by essay_id; nothing of a guest batch."""
    if batch.roster is None:
        return ()
    clues = [
        Clues(essay.essay_id, essay.file_name, essay.text_as_read, essay.author, essay.title)
        for essay in batch.essays
        if not essay.is_anchor
    ]
    return match_essays(clues, batch.roster, batch.decisions)


def write_matches(folder: Path, batch: Batch, matches: Sequence[StudentMatch]) -> int:
    """Write ``matches.csv`` for a person to go through, and return how many lines ask for a look.

    Lines that are open come first, with the likeliest pupil; what was decided before stays. What is automatic is left out.
    """
    names = {essay.essay_id: essay.file_name for essay in batch.essays}
    is_unique = len(set(names.values())) == len(names)
    wanted = [match for match in matches if match.status is not MatchStatus.AUTOMATIC]
    wanted.sort(key=lambda match: (match.status.is_settled, -match.confidence))
    words: Mapping[MatchStatus, str] = {MatchStatus.CONFIRMED: CONFIRMED, MatchStatus.UNMATCHED: NOBODY}
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for match in wanted:
        name = names[match.essay_id] if is_unique else match.essay_id
        lines.writerow([name, match.student_id or "", words.get(match.status, UNDECIDED)])
    with replacing(folder / MATCHES) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
    return sum(not match.status.is_settled for match in wanted)
