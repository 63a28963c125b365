"""The kit's own objects as they are now, one a file."""
