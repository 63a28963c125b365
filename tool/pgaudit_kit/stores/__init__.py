"""Where files of evidence are kept: a folder, or a bucket of S3. Both never overwrite what they hold."""

from pgaudit_kit.stores.errors import StoreFailed
from pgaudit_kit.stores.folder import FolderStore
from pgaudit_kit.stores.s3 import PARALLEL, S3Store, Version, open_bucket

__all__ = ["PARALLEL", "FolderStore", "S3Store", "StoreFailed", "Version", "open_bucket"]
