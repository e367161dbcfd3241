"""`huleedu inspect`, and a batch of documents of every kind through `run`."""

import json
from pathlib import Path

from tests.cli.kit import huleedu
from tests.documents.kit import LOCKED, PNG, docx, odt, pdf, pdf_of, run, zip_bomb
from tests.kit import write_batch

DELETED = "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
DOCUMENTS = {
    "fia.docx": docx(f"<w:p>{run('Min mormor ')}{DELETED}{run('är den snällaste jag vet.')}</w:p>"),
    "gun.pdf": pdf_of(["Min tränare lärde mig att förlora utan att gråta."]),
    "hal.odt": odt("<text:p>Min lärare berättar om livet förr i tiden.</text:p>"),
    "ida.rtf": rb"{\rtf1\ansi\ansicpg1252 Min v\'e4n bor p\'e5 samma gata som jag.\par}",
    "jon.md": "# Min bror\n\nHan är äldre än jag, och han hjälper mig.".encode("cp1252"),
}
HOSTILE = {"bomb.docx": zip_bomb(), "locked.docx": LOCKED, "picture.docx": PNG, "scan.pdf": pdf([[]])}


def test_every_kind_of_document_goes_through_inspect_and_run(home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    for name, data in {**DOCUMENTS, **HOSTILE}.items():
        (folder / "essays" / name).write_bytes(data)

    seen = huleedu(home, "inspect", folder, "--format", "json")
    assert seen.returncode == 1
    found = json.loads(seen.stdout)
    kinds = {text["place"]: text["kind"] for text in found["texts"]}
    assert {place.removeprefix("essays/") for place in kinds if not place.endswith(".txt")} == set(DOCUMENTS)
    assert [problem.partition(":")[0] for problem in found["problems"]] == [f"essays/{name}" for name in sorted(HOSTILE)]

    refused = huleedu(home, "run", folder)
    assert refused.returncode == 1
    assert [line.split(": ")[2] for line in refused.stderr.splitlines()] == [f"essays/{name}" for name in sorted(HOSTILE)]
    assert not (home / "emulator").exists()

    for name in HOSTILE:
        (folder / "essays" / name).unlink()
    table = huleedu(home, "inspect", folder)
    assert table.returncode == 0
    assert "WARNING: essays/fia.docx: 1 tracked deletion left out" in table.stdout
    assert "13 texts can be read" in table.stdout

    done = huleedu(home, "run", folder)
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if line.startswith("WARNING: essays/")]
    assert [line.split(": ")[1] for line in warned] == ["essays/fia.docx", "essays/jon.md"]
    assert [name for name in DOCUMENTS if name not in done.stdout] == []
