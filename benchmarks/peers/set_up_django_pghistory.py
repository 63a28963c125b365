"""Set up django-pghistory: `set_up_django_pghistory.py DSN TABLE…`, in an environment that has the package.

Each table becomes an unmanaged model with the default trackers for insert, update and delete; the event
models are created as a migration would create them.
"""

import sys
from urllib.parse import parse_qs, unquote, urlsplit

import django
import psycopg
from django.conf import settings

dsn, *tables = sys.argv[1:]
url = urlsplit(dsn)
query = parse_qs(url.query)
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(url.path.lstrip("/")),
            "USER": unquote(url.username or ""),
            "HOST": query["host"][0],
            "PORT": query["port"][0],
        }
    },
    INSTALLED_APPS=["pgtrigger", "pghistory", "bench"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

import pghistory  # noqa: E402  (needs the settings)
import pgtrigger  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402

FIELDS = {
    "integer": models.IntegerField,
    "bigint": models.BigIntegerField,
    "text": models.TextField,
    "character": models.TextField,
    "numeric": lambda **options: models.DecimalField(max_digits=1000, decimal_places=20, **options),
    "boolean": models.BooleanField,
    "date": models.DateField,
    "timestamp with time zone": models.DateTimeField,
    "timestamp without time zone": models.DateTimeField,
}


def model(table):
    with psycopg.connect(dsn) as conn:
        columns = conn.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position",
            [table],
        ).fetchall()
    (key, _), *others = columns
    fields = {key: models.BigIntegerField(primary_key=True)}
    fields |= {name: FIELDS[kind](null=True) for name, kind in others}
    meta = type("Meta", (), {"managed": False, "db_table": table, "app_label": "bench"})
    made = type(
        table.title().replace("_", ""),
        (models.Model,),
        {"__module__": "bench.models", "Meta": meta, **fields},
    )
    return pghistory.track(
        pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), model_name=f"{table}Event"
    )(made)


tracked = [model(table) for table in tables]
call_command("migrate", "pghistory", verbosity=0)
with connection.schema_editor() as editor:
    for each in tracked:
        editor.create_model(each.pgh_event_model)
pgtrigger.install()
