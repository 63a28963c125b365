"""SQL text of everything that the kit installs, from the templates in sql/ and triggers/."""

from pgaudit_kit.render.capture import CaptureSpec, capture_units
from pgaudit_kit.render.templates import Roles, Templates
from pgaudit_kit.render.units import Unit, kit_units

__all__ = ["CaptureSpec", "Roles", "Templates", "Unit", "capture_units", "kit_units"]
