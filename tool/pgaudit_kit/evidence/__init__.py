"""Evidence: a folder that shows, without the database, what of a tenant's log was sealed and signed.

`verify_evidence.py` stands by itself: it goes into the folder, and `verify --offline` calls it.
"""

from pgaudit_kit.evidence.export import Exported, export
from pgaudit_kit.evidence.receipt import Receipt, receipt
from pgaudit_kit.evidence.request import Request
from pgaudit_kit.evidence.verify_evidence import check, verdict_text

__all__ = ["Exported", "Receipt", "Request", "check", "export", "receipt", "verdict_text"]
