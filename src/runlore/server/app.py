"""The application: the rooms of the server, put together. The only module that knows them all."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount

from runlore.server import operation
from runlore.server.accounts.access import Accounts
from runlore.server.accounts.book import Book
from runlore.server.accounts.endpoints import ENDPOINTS as ACCOUNTS
from runlore.server.accounts.endpoints import PAGES as ACCOUNT_PAGES
from runlore.server.accounts.endpoints import PREFIX as ACCOUNTS_PREFIX
from runlore.server.accounts.oidc import Provider, ProviderSettings
from runlore.server.accounts.rates import Rates
from runlore.server.context import Context
from runlore.server.contract.endpoints import ENDPOINTS as CONTRACT
from runlore.server.contract.endpoints import PREFIX as CONTRACT_PREFIX
from runlore.server.middleware import answers
from runlore.server.middleware.hosts import Hosts
from runlore.server.middleware.limits import Limits
from runlore.server.middleware.requests import Requests
from runlore.server.mlflow.endpoints import ENDPOINTS as MLFLOW
from runlore.server.native.endpoints import ENDPOINTS as NATIVE
from runlore.server.native.endpoints import PREFIX as NATIVE_PREFIX
from runlore.server.openapi import serves_document
from runlore.server.page.endpoints import ENDPOINTS as PAGE
from runlore.server.receiving.endpoints import ENDPOINTS as RECEIVING
from runlore.server.receiving.endpoints import PREFIX as RECEIVING_PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from runlore.server.endpoint import Endpoint
    from runlore.server.settings import Settings


WARM_UP_S = 0.1
"""After which the first answers are prepared: the very first one, that there is a server, does not wait for that."""


def make_app(settings: Settings, context: Context | None = None, rates: Rates | None = None) -> ASGIApp:
    """An ASGI application that serves a store.

    Args:
        settings: which store, and how.
        context: what it works on; None: opened from the settings.
        rates: which the workers share; None: those of the settings, for this process alone.

    Raises:
        StoreNotFound, UnsupportedFormat, ReadOnlyStore: the store cannot be served.
        NotFound, NotReachable, MissingDependency: its accounts cannot be used.
    """
    opened = context or Context.open(settings)
    if settings.accounts is not None and not opened.access.has_accounts:
        book, provider = Book(settings.accounts), _provider(settings)
        opened.access = Accounts(book, settings.base_path, provider, rates or Rates(settings.rate_limit))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        warming = threading.Thread(target=opened.warm_up, name="runlore-warm-up", daemon=True)
        begun = asyncio.get_running_loop().call_later(WARM_UP_S, warming.start)
        opened.access.begin(opened)
        yield
        begun.cancel()
        if warming.ident is not None:
            warming.join()
        opened.close()

    routes = list_routes()
    base = settings.base_path
    app = Starlette(
        routes=[Mount(base, routes=routes)] if base else routes,
        exception_handlers=answers.HANDLERS,
        lifespan=lifespan,
    )
    app.state.context = opened
    return Requests(Limits(Hosts(app, settings), settings), settings, opened.measures)


def _provider(settings: Settings) -> Provider | None:
    if settings.oidc_issuer is None:
        return None
    return Provider(
        ProviderSettings(
            settings.oidc_issuer, settings.oidc_client, settings.oidc_groups_claim,
            asks_userinfo=settings.oidc_userinfo,
        )
    )  # fmt: skip


def list_endpoints() -> list[tuple[str, Endpoint]]:
    """Every endpoint of all rooms, with the prefix of its room."""
    rooms = (
        (RECEIVING_PREFIX, RECEIVING),  # first: routes are tried one after the other, and most requests go there
        ("", (*operation.ENDPOINTS, DOCUMENT)),
        ("", MLFLOW),
        (NATIVE_PREFIX, NATIVE),
        (CONTRACT_PREFIX, CONTRACT),
        (ACCOUNTS_PREFIX, ACCOUNTS),
        ("", ACCOUNT_PAGES),
        ("", PAGE),  # last: it answers at every other address
    )
    return [(prefix, endpoint) for prefix, endpoints in rooms for endpoint in endpoints]


DOCUMENT = serves_document(list_endpoints)


def list_routes() -> list[BaseRoute]:
    """Their routes."""
    return [endpoint.route(prefix) for prefix, endpoint in list_endpoints()]
