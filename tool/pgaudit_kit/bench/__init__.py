"""What auditing a table would cost on this server: measured on copies, which are gone afterwards."""

from pgaudit_kit.bench.figures import Cost, Report, parse_duration
from pgaudit_kit.bench.run import Request, bench
from pgaudit_kit.bench.scratch import remove_leftovers

__all__ = ["Cost", "Report", "Request", "bench", "parse_duration", "remove_leftovers"]
