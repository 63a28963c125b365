"""django-pghistory puts its event models here."""
