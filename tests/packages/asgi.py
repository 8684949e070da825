"""A site with consumers, as daphne loads it."""

from channels.auth import AuthMiddlewareStack
from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

http = get_asgi_application()  # loads the apps, before anything reaches the models

import eventlog  # noqa: E402
from eventlog.contrib.channels import EventLogConsumerMiddleware  # noqa: E402
from eventlog.models import alog, log  # noqa: E402


class AsyncChat(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await alog(None, "SAID", extra={"text": text_data})
        async with eventlog.context(reason="ticket 4711"):
            await alog(None, "EXPLAINED")
        await self.send("done")


class SyncChat(WebsocketConsumer):
    def receive(self, text_data=None, bytes_data=None):
        log(None, "SAID", extra={"text": text_data})
        with eventlog.context(reason="ticket 4711"):
            log(None, "EXPLAINED")
        self.send("done")


class Download(AsyncHttpConsumer):
    async def handle(self, body):
        await alog(None, "DOWNLOADED")
        await self.send_response(200, b"")


routes = [
    path("async/<room>/", AsyncChat.as_asgi(), name="async-chat"),
    path("sync/<room>/", SyncChat.as_asgi(), name="sync-chat"),
    path("secret/<token>/", AsyncChat.as_asgi()),
    path("download/", Download.as_asgi()),
]
chats = AuthMiddlewareStack(EventLogConsumerMiddleware(URLRouter(routes)))
application = ProtocolTypeRouter({"http": http, "websocket": chats})
