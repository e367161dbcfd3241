"""Word, OpenDocument and Rich Text: paragraphs stay paragraphs, and what is no part of the text is left out and said."""

from huleedu_pipeline.documents import parse_document
from tests.documents.kit import ODF, WORD, docx, docx_of, odt, run

CORE = '<cp xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>Åsa Ek</dc:creator><dc:title>Min sjö</dc:title></cp>'


def test_runs_are_joined_and_paragraphs_are_kept() -> None:
    document = parse_document(
        docx(f"<w:p>{run('Sj')}{run('ön är')}{run(' blå.')}</w:p><w:p/><w:p>{run('Slut.')}</w:p>"), "a.docx"
    )
    assert document.paragraphs == ("Sjön är blå.", "Slut.")
    assert document.text == "Sjön är blå.\n\nSlut."
    assert (document.kind, document.n_words, document.warnings) == ("docx", 4, ())


def test_tabs_breaks_tables_links_and_text_boxes_are_text() -> None:
    box = f"<w:r><w:pict><w:txbxContent><w:p>{run('In a box.')}</w:p></w:txbxContent></w:pict></w:r>"
    body = (
        f"<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r><w:hyperlink>{run('link')}</w:hyperlink></w:p>"
        f"<w:tbl><w:tr><w:tc><w:p>{run('cell')}</w:p></w:tc></w:tr></w:tbl><w:p>{run('Outside.')}{box}</w:p>"
    )
    document = parse_document(docx(body), "a.docx")
    assert document.paragraphs == ("a\tb\nclink", "cell", "Outside.", "In a box.")
    assert document.warnings == ()


def test_the_two_versions_of_a_drawing_are_read_once() -> None:
    box = f"<w:drawing><w:txbxContent><w:p>{run('Once.')}</w:p></w:txbxContent></w:drawing>"
    both = f'<mc:A xmlns:mc="x"><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:A>'
    assert parse_document(docx(f"<w:p><w:r>{both}</w:r></w:p>"), "a.docx").paragraphs == ("Once.",)


def test_what_is_no_part_of_a_word_text_is_left_out_and_counted() -> None:
    deleted = "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
    hidden = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>"
    shown = '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> shown</w:t></w:r>'
    body = (
        f"<w:p><w:pPr><w:numPr/></w:pPr>{run('Kept')}{deleted}<w:ins>{run(' added')}</w:ins>{hidden}{shown}"
        f'<w:m xmlns:m="x"><m:oMath>{run("x")}</m:oMath></w:m>'
        "<w:r><w:commentReference/></w:r><w:r><w:footnoteReference/></w:r><w:r><w:drawing/></w:r></w:p>"
    )
    parts: dict[str, str | bytes] = {
        "word/header1.xml": f"<w:hdr {WORD}><w:p>{run('Anna 7B')}</w:p></w:hdr>",
        "word/header2.xml": f"<w:hdr {WORD}><w:p/></w:hdr>",
        "word/footer1.xml": f"<w:ftr {WORD}><w:p>{run('1')}</w:p></w:ftr>",
        "word/comments.xml": f"<w:comments {WORD}><w:p>{run('Good!')}</w:p></w:comments>",
        "word/vbaProject.bin": b"macro",
        "docProps/core.xml": CORE,
    }
    document = parse_document(docx(body, parts), "a.docx")
    assert document.text == "Kept added shown"
    assert set(document.warnings) == {
        "1 tracked deletion left out",
        "1 hidden passage left out",
        "1 comment left out",
        "1 footnote left out",
        "1 picture or drawing left out",
        "1 header left out",
        "1 footer left out",
        "1 macro project left out",
        "1 formula left out",
        "1 list number or bullet left out",
        "tracked insertions are read as if accepted",
    }
    assert document.properties == {"author": "Åsa Ek", "title": "Min sjö"}


def test_a_deleted_paragraph_break_joins_two_paragraphs() -> None:
    mark = "<w:pPr><w:rPr><w:del/></w:rPr></w:pPr>"
    assert parse_document(docx(f"<w:p>{mark}{run('One ')}</w:p><w:p>{run('text.')}</w:p>"), "a.docx").text == "One text."


def test_an_open_document_text() -> None:
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>gone</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes><text:h>Min  \n sjö</text:h>"
        '<text:p>Den är<text:s text:c="2"/><text:span>blå</text:span><text:tab/>och<text:line-break/>djup'
        "<office:annotation><text:p>Bra!</text:p></office:annotation>.</text:p>"
    )
    parts: dict[str, str | bytes] = {
        "styles.xml": f"<s {ODF}><style:header><text:p>Anna 7B</text:p></style:header><style:footer/></s>",
        "meta.xml": f"<m {ODF}><dc:creator>Bo</dc:creator></m>",
    }
    document = parse_document(odt(body, parts), "a.odt")
    assert document.paragraphs == ("Min sjö", "Den är  blå\toch\ndjup.")
    assert set(document.warnings) == {"1 tracked deletion left out", "1 comment left out", "1 header left out"}
    assert document.properties == {"author": "Bo"}


def test_a_rich_text() -> None:
    data = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\author \'c5sa Ek}{\title Sj\'f6n}}{\header\pard Anna 7B\par}"
        rb"{\pard Sj\'f6n \{ {\deleted\revauth1 inte }{\b\v dold }{\b bl\'e5}.{\*\annotation Bra!}\par Slut \u8211?.\par}}"
    )
    document = parse_document(data, "a.rtf")
    assert document.paragraphs == ("Sjön { blå.", "Slut –.")
    assert set(document.warnings) == {
        "1 header left out",
        "1 tracked deletion left out",
        "1 hidden passage left out",
        "1 comment left out",
    }
    assert document.properties == {"author": "Åsa Ek", "title": "Sjön"}


def test_texts_are_in_one_form_whatever_they_came_in() -> None:
    assert parse_document(docx_of("A\u030asa"), "a.DOCX").text == "Åsa"
