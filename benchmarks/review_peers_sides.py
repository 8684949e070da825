"""Packages that benchmarks.review_peers compares: pages of each and columns to fill."""

QUIET = {f"DJANGO_EASY_AUDIT_WATCH_{what}_EVENTS": False for what in ("AUTH", "MODEL", "REQUEST")}
FACTS = "extra->>'ip', extra->>'method', extra->>'path'"
# Name: package, apps, settings, list, rest of the address by page, table, columns to fill.
SIDES = {
    "ours": (
        "eventlog",
        ["eventlog"],
        {"EVENTLOG": {"REQUESTS": []}},
        "/admin/eventlog/log/",
        {
            "list": "",
            "page 100": "?older={place}",
            "an action or type": "?q=action:GET_SHOP_PRODUCT",
            "a user": "?q=user:user1",
            "server errors": "?q=status:5xx",
            "last 7 days": "?q=last:7d",
            "search a user": "?q=user7",
            "search an address": "?q=ip:{ip}",
            "with counts (facets)": "?facets=1",
            "overview": "overview/?period=30d",
            "overview, chart": "overview/?period=30d",  # The page has all charts.
        },
        "eventlog_log",
        None,
    ),
    "pinax-eventlog": (
        "pinax.eventlog",
        ["pinax.eventlog"],
        {},
        "/admin/eventlog/log/",
        {
            "list": "",
            "page 100": "?p=100",
            "an action or type": "?action=GET_SHOP_PRODUCT",
            "a user": "?user__exact=1",
            "last 7 days": "?timestamp__gte={week}",
            "search a user": "?q=user7",
            "search an address": "?q={ip}",
            "with counts (facets)": "?_facets=True",
        },
        "eventlog_log",
        "(user_id, timestamp, action, content_type_id, object_id, extra) SELECT"
        " user_id, timestamp, action, content_type_id, object_id::int, extra",
    ),
    "django-easy-audit": (
        "easyaudit",
        ["easyaudit"],
        QUIET,
        "/admin/easyaudit/requestevent/",
        {
            "list": "",
            "page 100": "?p=100",
            "an action or type": "?method=POST",
            "a user": "?user__id__exact=1",
            "last 7 days": "?datetime__gte={week}",
            "search a user": "?q=user7",
            "search an address": "?q={ip}",
            "with counts (facets)": "?_facets=True",
        },
        "easyaudit_requestevent",
        "(remote_ip, method, url, query_string, user_id, datetime)"
        f" SELECT {FACTS}, '', user_id, timestamp",
    ),
    "django-auditlog": (
        "auditlog",
        ["auditlog"],
        {},
        "/admin/auditlog/logentry/",
        {
            "list": "",
            "page 100": "?p=100",
            "an action or type": "?action__exact=2",
            "a user": "?actor__exact=1",
            "last 7 days": "?timestamp__gte={week}",
            "search a user": "?q=user7",
            "search an address": "?remote_addr__exact={ip}",
            "with counts (facets)": "?_facets=True",
        },
        "auditlog_logentry",  # Every entry of this package has an object.
        "(content_type_id, object_pk, object_id, object_repr, action, changes_text, changes,"
        " actor_id, cid, remote_addr, timestamp) SELECT kind.id, 1 + n % 19000, 1 + n % 19000,"
        " 'Widget ' || 1 + n % 19000, least(n % 7, 2), '', '{\"name\": [\"before\", \"after\"]}',"
        " user_id, extra->>'request_id', (extra->>'ip')::inet, timestamp",
    ),
    "django-request": (
        "request",
        ["request"],
        {},
        "/admin/request/request/",
        {
            "list": "",
            "page 100": "?p=100",
            "an action or type": "?method=POST",
            "a user": "?user=1",
            "server errors": "?response__gte=500",
            "last 7 days": "?time__gte={week}",
            "search an address": "?ip={ip}",
            "overview": "overview/",
            "overview, chart": "overview/traffic/?days=30",
        },
        "request_request",
        "(ip, method, path, response, time, is_secure, is_ajax, user_id, referer, user_agent,"
        " language) SELECT (extra->>'ip')::inet, extra->>'method', extra->>'path',"
        " coalesce((extra->>'status')::int, 200), timestamp, true, false, user_id,"
        " coalesce(extra->>'referer', ''), extra->>'ua', 'en'",
    ),
    "drf-api-logger": (
        "drf_api_logger",
        ["drf_api_logger"],
        {"DRF_API_LOGGER_DATABASE": True},
        "/admin/drf_api_logger/apilogsmodel/",
        {
            "list": "",
            "page 100": "?p=100",
            "an action or type": "?method=POST",
            "server errors": "?status_code__gte=500",
            "last 7 days": "?added_on__gte={week}",
            "search an address": "?client_ip_address__exact={ip}",
            "with counts (facets)": "?_facets=True",
            "overview": "chart-data/api-calls-by-status-code/",
            "overview, chart": "chart-data/api-calls-by-day/",
        },
        "drf_api_logs",
        "(client_ip_address, method, api, headers, body, response, status_code, execution_time,"
        f" added_on) SELECT {FACTS}, jsonb_build_object('USER_AGENT', extra->'ua', 'REFERER',"
        " extra->'referer')::text, '', '{\"ok\": true}', coalesce((extra->>'status')::int, 200),"
        " least(coalesce((extra->>'duration_ms')::numeric, 0) / 1000, 999), timestamp",
    ),
    "django-observatory": (
        "django_observatory",
        ["django_observatory"],
        {"OBSERVABILITY": {"ENABLED": False}},  # Record nothing while its pages are measured.
        "/observability/requests/",
        {
            "list": "",  # the last 24 hours, which is the package's default
            "page 100": "?range=all&page=100",
            "an action or type": "?range=all&q=method:POST",
            "a user": "?range=all&q=user:user1",
            "server errors": "?range=all&q=status:>=500",
            "last 7 days": "?range=7d",
            "search a user": "?range=all&q=user:*user7*",
            "search an address": "?range=all&q=ip:{ip}",
        },
        "django_observatory_requestrecord",
        "(request_id, trace_id, span_id, service, environment, release, timestamp, method, path,"
        " route, query_params, status_code, duration_ms, user_id, username, session_id, ip_address,"
        " user_agent, referrer, content_type, view_name, view_module, exception_uid, db_count,"
        " db_ms, slow_queries, ext_count, ext_ms, headers, metadata) SELECT extra->>'request_id',"
        " extra->>'request_id', left(extra->>'request_id', 16), 'django', 'production', '',"
        " timestamp, extra->>'method', extra->>'path', extra->>'route', '{}',"
        " coalesce((extra->>'status')::int, 200), coalesce((extra->>'duration_ms')::float, 0),"
        " coalesce(user_id::text, ''), user_repr, '', extra->>'ip', left(extra->>'ua', 300),"
        " coalesce(extra->>'referer', ''), 'text/html', extra->>'view', 'shop.views', '', 0, 0, 0,"
        " 0, 0, jsonb_build_object('User-Agent', extra->'ua', 'Referer', extra->'referer'), '{}'",
    ),
}
