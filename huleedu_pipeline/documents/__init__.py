"""Documents: how the bytes of a file become paragraphs of text, with what was left out of it said.

Not here: batches, essays and their identity; what to do about a document that can not be read.
"""

from huleedu_pipeline.documents.document import MAX_BYTES, Document, DocumentError
from huleedu_pipeline.documents.read import KINDS, parse_document, read_document
from huleedu_pipeline.documents.xlsx import read_xlsx

__all__ = ["KINDS", "MAX_BYTES", "Document", "DocumentError", "parse_document", "read_document", "read_xlsx"]
