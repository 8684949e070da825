"""Rows of the tables that benchmarks.importers imports, and the events that they must become."""

import json
from datetime import UTC, datetime, timedelta

from auditlog.models import LogEntry as AuditEntry
from axes.models import AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry as AdminEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from drf_api_logger.models import APILogsModel
from easyaudit.models import CRUDEvent, LoginEvent, RequestEvent
from request.models import Request

from eventlog.records.redaction import MASK
from eventlog.records.user_state import ANONYMOUS, KNOWN, UNKNOWN
from tests.packages.importers.models import Product

START = datetime(2024, 1, 1, tzinfo=UTC)
USERS = 50
AGENTS = {
    "curl/8.5.0": ("curl 8.5.0", "Other", "Other", "bot"),
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": (
        "Firefox 128.0",
        "Linux",
        "PC",
        "pc",
    ),
}
VERSIONS = 10  # of each object


def sources(rows):
    """Return all tables."""
    from benchmarks.importers import Source

    for field in (RequestEvent, LoginEvent, CRUDEvent):  # to set the times of rows
        field._meta.get_field("datetime").auto_now_add = False
    for model in (AccessLog, AccessFailureLog):
        model._meta.get_field("attempt_time").auto_now_add = False
    User.objects.bulk_create(
        User(username=f"user{number}", date_joined=START) for number in range(USERS)
    )
    site = Site()
    return [
        Source("easyaudit", "easyaudit.RequestEvent", RequestEvent, site.visit, site.visited),
        Source("easyaudit", "easyaudit.LoginEvent", LoginEvent, site.login, site.logged_in),
        Source("easyaudit", "easyaudit.CRUDEvent", CRUDEvent, site.crud, site.changed),
        Source("auditlog", "auditlog.LogEntry", AuditEntry, site.audit, site.audited),
        Source("request", "request.Request", Request, site.request, site.requested),
        Source(
            "drf_api_logger", "drf_api_logger.APILogsModel", APILogsModel, site.api, site.called
        ),
        Source(
            "simple_history",
            "importers.HistoricalProduct",
            Product.history.model,
            site.version,
            site.versioned,
        ),
        Source("axes", "axes.AccessLog", AccessLog, site.access, site.accessed),
        Source("axes", "axes.AccessFailureLog", AccessFailureLog, site.failure, site.failed),
        Source("admin", "admin.LogEntry", AdminEntry, site.entry, site.entered),
    ]


def moment(number):
    return START + timedelta(seconds=7 * number, microseconds=number % 1000)


def ip(number):
    return f"203.0.{number // 250 % 250}.{number % 250 + 1}"


def agent(number):
    return list(AGENTS)[number % 2]


def client(header):
    names = ("browser", "os", "device", "device_type")
    return {"ua": header, **dict(zip(names, AGENTS[header], strict=True))}


def origin(table, key):
    return {"imported": {"from": table, "pk": key}}


class Site:
    """The users and kinds of objects of the rows."""

    def __init__(self):
        self.users = list(User.objects.filter(username__startswith="user").order_by("pk"))
        self.kind = ContentType.objects.get_for_model(Product)

    def user(self, number):
        """Return the user of a row; None in each fourth one."""
        return None if number % 4 == 3 else self.users[number % USERS]

    def who(self, number, without):
        """Return the columns of the user, or ``without`` if there is none."""
        user = self.user(number)
        if user is None:
            return {"user_id": None, "user_repr": "", "user_state": without}
        return {"user_id": user.pk, "user_repr": user.username, "user_state": KNOWN}

    def obj(self, number):
        return {
            "content_type_id": self.kind.pk,
            "object_id": str(number),
            "object_repr": f"product {number}",
        }

    # django-easy-audit

    def visit(self, n):
        return RequestEvent(
            url=f"/orders/{n}/",
            method="POST",
            query_string=f"page={n}&token=c0ffee{n}",
            user=self.user(n),
            remote_ip=ip(n),
            datetime=moment(n),
        )

    def visited(self, n, key):
        facts = {"ip": ip(n), "method": "POST", "path": f"/orders/{n}/"}
        facts |= {"query": f"page={n}&token={MASK}", "route": "orders/<int:pk>/", "view": "order"}
        event = {
            "timestamp": moment(n),
            "action": "POST_ORDER",
            "ip": ip(n),
            "status": None,
            "is_request": True,
            "own_keys": "",
            "object_id": None,
            "extra": {**facts, **origin("easyaudit.RequestEvent", key)},
        }
        return [event | self.who(n, UNKNOWN)]

    def login(self, n):
        user = self.users[n % USERS]
        kind = n % 3
        return LoginEvent(
            login_type=kind,
            username=user.username,
            user=None if kind == 2 else user,
            remote_ip=ip(n),
            datetime=moment(n),
        )

    def logged_in(self, n, key):
        user = self.users[n % USERS]
        extra = {"ip": ip(n), **origin("easyaudit.LoginEvent", key)}
        event = {
            "timestamp": moment(n),
            "action": ("LOGGED_IN", "LOGGED_OUT", "LOGIN_FAILED")[n % 3],
            "user_id": user.pk,
            "user_repr": user.username,
            "user_state": KNOWN,
            "ip": ip(n),
            "is_request": False,
            "extra": extra,
        }
        if n % 3 == 2:
            event |= {"user_id": None, "user_repr": "", "user_state": None}
            extra["username"] = user.username
        return [event]

    def crud(self, n):
        fields = {"name": f"product {n}", "stock": n, "api_key": f"c0ffee{n}", "labels": []}
        changed = {"stock": ["None", str(n)], "is_sold": ["False", "True"]}
        kind = n % 3 + 1
        return CRUDEvent(
            event_type=kind,
            object_id=str(n),
            content_type=self.kind,
            object_repr=f"product {n}",
            object_json_repr=json.dumps(
                [{"model": "importers.product", "pk": n, "fields": fields}]
            ),
            changed_fields=json.dumps(changed) if kind == 2 else "",
            user=self.user(n),
            user_pk_as_string=str(self.user(n).pk) if self.user(n) else "",
            datetime=moment(n),
        )

    def changed(self, n, key):
        fields = {"name": f"product {n}", "stock": n, "api_key": MASK, "labels": []}
        extra = origin("easyaudit.CRUDEvent", key)
        filled = {name: value for name, value in fields.items() if value != []}
        if n % 3 == 1:
            extra["changes"] = {"stock": [None, n], "is_sold": [False, True]}
            extra["object"] = fields
        elif n % 3 == 0:
            extra["changes"] = {name: [None, value] for name, value in filled.items()}
        else:
            extra["changes"] = {name: [value, None] for name, value in filled.items()}
        event = {
            "timestamp": moment(n),
            "action": ("CREATED_PRODUCT", "UPDATED_PRODUCT", "DELETED_PRODUCT")[n % 3],
            "ip": None,
            "is_request": False,
            "extra": extra,
        }
        return [event | self.obj(n) | self.who(n, None)]

    # django-auditlog

    def audit(self, n):
        return AuditEntry(
            content_type=self.kind,
            object_pk=str(n),
            object_id=n,
            object_repr=f"product {n}",
            action=1,
            changes={
                "price": [f"{n % 100}.50", f"{n % 100}.75"],
                "added": ["None", "2024-05-01 12:00:00"],
                "name": [f"a {n}", f"b {n}"],
                "api_key": ["", f"c0ffee{n}"],
            },
            actor=self.user(n),
            cid=f"cid-{n}",
            remote_addr=ip(n),
            remote_port=n % 60000,
            timestamp=moment(n),
            additional_data={"note": n},
        )

    def audited(self, n, key):
        changes = {
            "price": [f"{n % 100}.50", f"{n % 100}.75"],
            "added": [None, "2024-05-01T12:00:00Z"],
            "name": [f"a {n}", f"b {n}"],
            "api_key": ["", MASK],
        }
        extra = {"ip": ip(n), "cid": f"cid-{n}", "remote_port": n % 60000}
        extra |= {"additional_data": {"note": n}, "changes": changes}
        event = {
            "timestamp": moment(n),
            "action": "UPDATED_PRODUCT",
            "ip": ip(n),
            "is_request": False,
            "extra": extra | origin("auditlog.LogEntry", key),
        }
        return [event | self.obj(n) | self.who(n, UNKNOWN)]

    # django-request

    def request(self, n):
        return Request(
            response=401 if n % 8 == 7 else 200,
            method="GET",
            path=f"/reset/c0ffee4711c0ffee{n}/",
            time=moment(n),
            ip=ip(n),
            user=self.user(n),
            referer="https://example.org/?q=1&token=c0ffee",
            user_agent=agent(n),
            language="de",
        )

    def requested(self, n, key):
        status = 401 if n % 8 == 7 else 200
        extra = {
            "ip": ip(n),
            "method": "GET",
            "path": f"/reset/{MASK}/",
            "route": "reset/<token>/",
            "view": "reset",
            "status": status,
            "referer": f"https://example.org/?q=1&token={MASK}",
            **client(agent(n)),
            "is_secure": False,
            "is_ajax": False,
            "language": "de",
            **origin("request.Request", key),
        }
        event = {
            "timestamp": moment(n),
            "action": "GET_RESET",
            "ip": ip(n),
            "status": status,
            "is_request": True,
            "extra": extra,
        }
        return [event | self.who(n, ANONYMOUS if status == 401 else UNKNOWN)]

    # DRF-API-Logger

    def api(self, n):
        headers = {"USER_AGENT": agent(n), "HOST": "testserver", "X_CLIENT": "app"}
        if n % 2:
            headers["AUTHORIZATION"] = "***FILTERED***"
        return APILogsModel(
            api=f"http://testserver/api/orders/{n}/?page={n}",
            headers=json.dumps(headers, indent=4),
            body=json.dumps({"name": f"Anna {n}", "password": f"hunter{n}"}),
            method="POST",
            client_ip_address=ip(n),
            response=json.dumps({"pk": n, "items": [1, 2, 3]}),
            status_code=201,
            execution_time=f"0.{n % 100000:05}",
            added_on=moment(n),
            sql_query_count=n % 20,
        )

    def called(self, n, key):
        extra = {
            "ip": ip(n),
            "method": "POST",
            "path": f"/api/orders/{n}/",
            "query": f"page={n}",
            "route": "api/orders/<int:pk>/",
            "view": "api-order",
            "status": 201,
            "duration_ms": round(n % 100000 / 100, 2),
            **client(agent(n)),
            "headers": {"X_CLIENT": "app"},
            "body": {"name": f"Anna {n}", "password": MASK},
            "response": {"pk": n, "items": [1, 2, 3]},
            "sql_query_count": n % 20,
            **origin("drf_api_logger.APILogsModel", key),
        }
        return [
            {
                "timestamp": moment(n),
                "action": "POST_API_ORDER",
                "user_id": None,
                "user_repr": "",
                "user_state": UNKNOWN if n % 2 else ANONYMOUS,
                "ip": ip(n),
                "status": 201,
                "is_request": True,
                "extra": extra,
            }
        ]

    # django-simple-history: the versions of an object are VERSIONS rows apart, so that most of
    # them are on other pages.

    def version(self, n):
        objects, number = divmod(n, VERSIONS * 1000)
        version, obj = divmod(number, 1000)
        key = objects * 1000 + obj + 1
        kind = "+" if version == 0 else "-" if version == VERSIONS - 1 else "~"
        return Product.history.model(
            id=key,
            name=f"product {key}",
            price="9.50",
            stock=version,
            data={},
            history_date=moment(n),
            history_type=kind,
            history_user=self.user(n),
            history_change_reason=f"ticket {n}",
        )

    def versioned(self, n, key):
        objects, number = divmod(n, VERSIONS * 1000)
        version, obj = divmod(number, 1000)
        pk = objects * 1000 + obj + 1
        state = {"name": f"product {pk}", "price": "9.50", "stock": version, "is_sold": False}
        if version == 0:
            action, changes = "CREATED", {name: [None, value] for name, value in state.items()}
        elif version == VERSIONS - 1:
            action, changes = "DELETED", {name: [value, None] for name, value in state.items()}
        else:
            action, changes = "UPDATED", {"stock": [version - 1, version]}
        event = {
            "timestamp": moment(n),
            "action": f"{action}_PRODUCT",
            "is_request": False,
            "ip": None,
            "extra": {
                "reason": f"ticket {n}",
                "changes": changes,
                **origin("importers.HistoricalProduct", key),
            },
        }
        return [event | self.obj(pk) | self.who(n, None)]

    # django-axes

    def _access(self, model, n, **values):
        return model(
            username=f"user{n % USERS}",
            ip_address=ip(n),
            user_agent=agent(n),
            http_accept="text/html",
            path_info="/admin/login/",
            attempt_time=moment(n),
            **values,
        )

    def access(self, n):
        logout = moment(n) + timedelta(hours=1) if n % 2 else None
        return self._access(AccessLog, n, logout_time=logout, session_hash=f"{n:064x}")

    def _facts(self, n):
        return {
            "ip": ip(n),
            "path": "/admin/login/",
            "route": "admin/login/",
            "view": "admin:login",
            **client(agent(n)),
            "http_accept": "text/html",
        }

    def accessed(self, n, key):
        user = self.users[n % USERS]
        known = {"user_id": user.pk, "user_repr": user.username, "user_state": KNOWN}
        login = {
            "timestamp": moment(n),
            "action": "LOGGED_IN",
            "ip": ip(n),
            "is_request": False,
            "extra": {**self._facts(n), **origin("axes.AccessLog", key)},
        }
        logout = {
            "timestamp": moment(n) + timedelta(hours=1),
            "action": "LOGGED_OUT",
            "ip": None,
            "extra": origin("axes.AccessLog", key),
        }
        return [login | known, logout | known] if n % 2 else [login | known]

    def failure(self, n):
        return self._access(AccessFailureLog, n, locked_out=n % 5 == 0)

    def failed(self, n, key):
        return [
            {
                "timestamp": moment(n),
                "action": "LOGIN_FAILED" if n % 5 else "LOCKED_OUT",
                "user_id": None,
                "user_state": None,
                "ip": ip(n),
                "extra": {
                    **self._facts(n),
                    "username": f"user{n % USERS}",
                    **origin("axes.AccessFailureLog", key),
                },
            }
        ]

    # Django's admin

    def entry(self, n):
        return AdminEntry(
            action_time=moment(n),
            user=self.users[n % USERS],
            content_type=self.kind,
            object_id=str(n),
            object_repr=f"product {n}",
            action_flag=n % 3 + 1,
            change_message=json.dumps([{"changed": {"fields": [f"Name {n}"]}}]),
        )

    def entered(self, n, key):
        user = self.users[n % USERS]
        event = {
            "timestamp": moment(n),
            "action": ("CREATED_PRODUCT", "UPDATED_PRODUCT", "DELETED_PRODUCT")[n % 3],
            "user_id": user.pk,
            "user_repr": user.username,
            "user_state": KNOWN,
            "ip": None,
            "is_request": False,
            "extra": {
                "change_message": [{"changed": {"fields": [f"Name {n}"]}}],
                **origin("admin.LogEntry", key),
            },
        }
        return [event | self.obj(n)]
