"""An empty Django application, since models must belong to one."""
