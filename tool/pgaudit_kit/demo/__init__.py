"""The whole story on a small multi-tenant CMS: `pgaudit-kit demo`."""

from pgaudit_kit.demo.kit import DemoFailed, Kit
from pgaudit_kit.demo.story import tell
from pgaudit_kit.demo.teller import Table, Teller

__all__ = ["DemoFailed", "Kit", "Table", "Teller", "tell"]
