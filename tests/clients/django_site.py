"""A Django site in one file; its command line has management commands, or `work`.

`python -m tests.clients.django_site DSN work` or `… DSN migrate auth 0001`.
"""

from __future__ import annotations

import sys
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from psycopg.conninfo import conninfo_to_dict

from tests.clients import documented

audit = documented.module("Django", "audit_context")
urlpatterns: list[Any] = []


def configure(dsn: str, middleware: str = "audit_context.AuditContext") -> None:
    """The site's settings."""
    told = conninfo_to_dict(dsn)
    database = {"NAME": told["dbname"], "USER": told["user"], "HOST": told["host"], "PORT": told["port"]}
    settings.configure(
        DATABASES={
            "default": {"ENGINE": "django.db.backends.postgresql", **database, "ATOMIC_REQUESTS": True}
        },
        INSTALLED_APPS=[
            f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "sessions", "messages")
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            middleware,
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        ROOT_URLCONF="__main__",
        ALLOWED_HOSTS=["testserver"],
        SECRET_KEY="none",
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()


def work() -> None:
    """What applications do, each step under an action of its own name."""
    from django.contrib.auth.models import Group, Permission, User

    with audit.acting(actor_id="setup", action="create user"):
        ada = User.objects.create_user("ada", "ada@example.org", "secret")
    with audit.acting(actor_id="setup", action="m2m add"):
        editors = Group.objects.create(name="editors")
        editors.permissions.add(*Permission.objects.order_by("id")[:3])
        ada.groups.add(editors)
        ada.groups.add(editors)  # is there: nothing happens
    with audit.acting(action="m2m set"):
        editors.permissions.set(Permission.objects.order_by("id")[2:4])
    with audit.acting(action="save"):
        ada.first_name = "Ada"
        ada.save()
        ada.save()  # writes every column, changes none
    with audit.acting(action="bulk create"):
        User.objects.bulk_create([User(username=f"u{n}") for n in range(5)])
    with audit.acting(action="bulk upsert"):
        User.objects.bulk_create(
            [User(username="u0", email="u0@example.org"), User(username="u9", email="u9@example.org")],
            update_conflicts=True, unique_fields=["username"], update_fields=["email"],
        )  # fmt: skip
    with audit.acting(action="update"):
        User.objects.filter(username__startswith="u").update(is_active=False)
    with audit.acting(action="bulk update"):
        some = list(User.objects.filter(username__in=["u1", "u2"]).order_by("id"))
        for user in some:
            user.last_name = user.username.upper()
        User.objects.bulk_update(some, ["last_name"])
    with audit.acting(action="select for update"):
        locked = User.objects.select_for_update().get(username="u3")
        locked.is_staff = True
        locked.save(update_fields=["is_staff"])
    with audit.acting(action="iterate"):
        for user in User.objects.filter(username__in=["u1", "u2"]).order_by("id").iterator(chunk_size=1):
            User.objects.filter(pk=user.pk).update(email=f"{user.username}@example.org")
    savepoints(User)
    sessions()
    with audit.acting(action="delete cascades"):
        Permission.objects.filter(group=editors).order_by("id").first().delete()
        User.objects.filter(username="u9").delete()
    User.objects.filter(username="u4").update(first_name="nobody said who")


def savepoints(user_model: Any) -> None:
    """An inner block that fails takes back what it wrote and what it said."""
    from django.db import IntegrityError, transaction

    with audit.acting(actor_id="outer", action="savepoint"):
        user_model.objects.create(username="kept")
        try:
            with transaction.atomic():
                audit.say(actor_id="inner", action="lost")
                user_model.objects.create(username="lost")
                user_model.objects.create(username="kept")
        except IntegrityError:
            user_model.objects.create(username="after")


def sessions() -> None:
    """The session in the database, as SessionMiddleware uses it."""
    from django.contrib.sessions.backends.db import SessionStore

    with audit.acting(action="session"):
        store = SessionStore()
        store["cart"] = [1]
        store.save()
        store["cart"] = [1, 2]
        store.save()
        store.delete()


def requests() -> None:
    """The admin site by HTTP, with the documented middleware."""
    from django.contrib import admin
    from django.contrib.auth.models import Group, User
    from django.http import HttpRequest, HttpResponse
    from django.test import Client
    from django.urls import path

    def failing(request: HttpRequest) -> HttpResponse:
        Group.objects.create(name="never")
        raise RuntimeError

    urlpatterns[:] = [path("admin/", admin.site.urls), path("fail", failing)]
    User.objects.create_superuser("root", "root@example.org", "secret")
    client = Client(raise_request_exception=False, headers={"user-agent": "browser/1"})
    client.force_login(User.objects.get(username="root"))
    answer = client.post("/admin/auth/group/add/", {"name": "made by the admin"})
    assert answer.status_code == 302, answer
    assert client.post("/fail").status_code == 500


def packaged() -> None:
    """The same with the package's own helpers, then contexts in contexts, and one that fails."""
    from django.contrib.auth.models import Group

    from pgaudit_kit.clients import django as kit
    from pgaudit_kit.clients.call import NoTransaction
    from pgaudit_kit.clients.hlc import Clock

    requests()
    try:
        kit.say(action="for nothing")
    except NoTransaction:
        Group.objects.create(name="nobody")
    with kit.audit_context(actor_id="ada", action="edit", clock=Clock("eu-1")):
        Group.objects.create(name="ada")
        try:
            with kit.audit_context(actor_id="eve"):
                Group.objects.create(name="eve")
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        with kit.audit_context(actor_id="bob"):
            Group.objects.create(name="bob")
        kit.say(action="publish")
        Group.objects.create(name="ada again")
    Group.objects.create(name="nobody again")


def main(dsn: str, command: str, *arguments: str) -> None:
    if command == "packaged":
        configure(dsn, "pgaudit_kit.clients.django.AuditContextMiddleware")
        packaged()
        return
    configure(dsn)
    if command in ("work", "requests"):
        {"work": work, "requests": requests}[command]()
    else:
        call_command(command, *arguments, verbosity=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
