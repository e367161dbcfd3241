"""An invented class: names that are words, names with marks, particles and hyphens, and two pupils of one given name."""

from huleedu_pipeline.edits import apply_edits, undo_edits
from huleedu_pipeline.people import NameFinder, Pupil, Roster
from huleedu_pipeline.people.redaction import Language

CLASS = Roster(
    (
        Pupil("s1001", "Anna-Karin von Bergdal", "annakarin.bergdal@skola.example", "9B"),
        Pupil("s1002", "Hope Larsson", "hope.larsson@skola.example", "9B"),
        Pupil("s1003", "Will Ek", "", "9B"),
        Pupil("s1004", "Åsa Östlundh", "", "9B"),
        Pupil("s1005", "Sjöströmmer, Bo", "", "9B"),
        Pupil("s1006", "Zahra al-Rashidi", "", "9B"),
        Pupil("7", "Grace O'Brienne", "", "9B"),
        Pupil("s1008", "May Berg", "", "9B"),
        Pupil("s1009", "Zahra Lindqvister", "", "9B"),
    )
)


def judged(text: str, language: Language = "en", assignment: str = "", texts: tuple[str, ...] = ()) -> str:
    """Return what a judge reads of ``text``, of which everything can be taken back and no name is left."""
    finder = NameFinder(CLASS, language, assignment, (text, *texts))
    edits = finder.edits(text)
    shown = apply_edits(text, edits)
    assert undo_edits(shown, edits) == text
    assert finder.left(shown) == []
    return shown
