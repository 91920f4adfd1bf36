"""`ui` and `server`: the store over HTTP."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from runlore.cli._command import Entry, Group, command, context_settings
from runlore.cli._options import flag, json_option, option, store_option
from runlore.cli._output import note, print_json, say
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.server.settings import Settings

DEFAULT_PORT = 5005

_port = option(
    "--port", metavar="PORT", type=int, default=DEFAULT_PORT, help="Where to listen; 0: any port that is free."
)
_base_path = option(
    "--base-path", metavar="PATH", default="", help="Before every path, such as /runlore behind a proxy."
)
_allow_host = option(
    "--allow-host", "allowed_hosts", metavar="NAME", multiple=True,
    help="A name under which it may be called besides, as behind a proxy. Repeat it for several.",
)  # fmt: skip
_log_format = option(
    "--log-format",
    metavar="FORMAT",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How the log is written, on stderr: text or json.",
)


@command("ui")
@_port
@flag("--no-browser", help="Do not open the browser.")
@_base_path
@store_option
@json_option
def ui(port: int, no_browser: bool, base_path: str, store: str | None, json: bool) -> None:
    """Look at runs in the browser. Only this machine can reach it. Ctrl-C ends it.

    Where the port is taken, the next free one is used.

    \b
    Examples:
      runlore ui
      runlore ui --store /data/runs --port 8080 --no-browser
    """
    settings = _settings(store, port=port, base_path=base_path)
    _serve(settings, next_free=True, browser=not no_browser, json=json)


@command("serve")
@option("--host", metavar="ADDRESS", default="127.0.0.1", help="Where to listen.")
@_port
@option("--workers", metavar="N", type=click.IntRange(min=1), default=1, help="Processes that answer.")
@_base_path
@_allow_host
@_log_format
@option(
    "--accounts", metavar="[ADDRESS]", is_flag=False, flag_value="",
    help="Let in only who has an account. ADDRESS: where they are kept, a path or postgresql://…; by default "
    "RUNLORE_ACCOUNTS, or beside the store.",
)  # fmt: skip
@option(
    "--webhooks", metavar="URL", multiple=True,
    help="The beginning of addresses to which webhooks may send, such as https://hooks.example.com/ml/. Repeat it for "
    "several. Without it none is sent.",
)  # fmt: skip
@option("--oidc-issuer", metavar="URL", help="Sign in with this provider of OpenID Connect too.")
@option("--oidc-client", metavar="ID", default="", help="The id under which the provider knows this server.")
@option(
    "--oidc-groups-claim", metavar="NAME", default="groups",
    help="The claim of the provider's tokens that has names of teams.",
)  # fmt: skip
@option(
    "--oidc-userinfo", is_flag=True,
    help="Ask the provider's userinfo endpoint for that claim where its tokens lack it.",
)  # fmt: skip
@option(
    "--rate-limit", metavar="N", type=float,
    help="Requests a second that one token may send; more are answered with 429.",
)  # fmt: skip
@option("--ssl-certfile", "tls_certificate", metavar="FILE", help="Certificate, PEM: answer by HTTPS.")
@option("--ssl-keyfile", "tls_key", metavar="FILE", help="Its key, where that is in a file of its own.")
@store_option
@json_option
def _serve_others(
    host: str, port: int, workers: int, base_path: str, allowed_hosts: tuple[str, ...], log_format: str,
    accounts: str | None, webhooks: tuple[str, ...], store: str | None, json: bool, **more: Any,
) -> None:  # fmt: skip
    """Serve a store to others: they send runs to it, and read from it.

    Without accounts it listens on this machine alone. With them it is for others: the first start prints the password
    of the user admin, once; `runlore user`, `team` and `token` do the rest. Put a proxy with TLS before it, or give it
    a certificate.

    \b
    Examples:
      runlore server --store /data/runs
      runlore server --accounts --host 0.0.0.0 --allow-host ml.example.com
      runlore server --port 8080 --workers 4 --base-path /runlore --allow-host ml.example.com
    """
    settings = _settings(
        store, host=host, port=port, workers=workers, base_path=base_path, allowed_hosts=allowed_hosts,
        log_format=log_format, webhooks=webhooks, **more,
    )  # fmt: skip
    if accounts is None and (settings.oidc_issuer is not None or settings.rate_limit is not None):
        raise InvalidArgument("--oidc-issuer and --rate-limit are for a server with accounts; add --accounts")
    if not settings.is_loopback and accounts is None:
        raise InvalidArgument(
            f"--host {host} would let everybody who reaches this machine read and change all runs, because the server "
            "has no accounts; add --accounts, or listen on 127.0.0.1"
        )
    if settings.oidc_issuer is not None:
        from runlore.server.accounts.oidc import Provider, ProviderSettings

        Provider(ProviderSettings(settings.oidc_issuer, settings.oidc_client)).close()  # says what is wrong with it
    from runlore.server.logs import log_requests

    log_requests()
    _serve(settings, next_free=False, browser=False, json=json, accounts=accounts)


@click.pass_context
def _serve_unless_told(ctx: click.Context, /, **given: Any) -> None:
    """Serve, unless a command follows, which the options of serving would not reach."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(_serve_others, **given)
        return
    source = click.core.ParameterSource.DEFAULT
    told = [param.opts[0] for param in ctx.command.params if ctx.get_parameter_source(param.name or "") is not source]
    if told:
        raise InvalidArgument(f"{told[0]} stands before {ctx.invoked_subcommand!r}; write it after it")


server = Group(
    "server",
    (
        Entry("backup", "backups:backup", "Copy the store and the accounts into a directory."),
        Entry("restore", "backups:restore", "Make a store and its accounts from a backup."),
    ),
    callback=_serve_unless_told,
    invoke_without_command=True,
    context_settings=context_settings(),
    subcommand_metavar="[COMMAND]",
    help=_serve_others.help,
    params=_serve_others.params,
)


def _settings(store: str | None, **fields: object) -> Settings:
    from runlore.config import store_address
    from runlore.server.settings import Settings

    return Settings(store=store_address(store), **fields)  # type: ignore[arg-type]


def _with_accounts(settings: Settings, address: str) -> tuple[Settings, tuple[str, str] | None]:
    """Make the accounts, or bring them up to date; with name and password of the first admin, where it is new."""
    from dataclasses import replace

    from runlore.cli._accounts import address_of, open_book

    found = address_of(settings.store, address or None)
    book = open_book(found, create=True)
    first = book.people.first_admin()
    book.close()
    return replace(settings, accounts=found), first


def _serve(
    settings: Settings, *, next_free: bool, browser: bool, json: bool, accounts: str | None = None
) -> None:  # fmt: skip
    """Serve. Nothing is made, no store and no accounts, before it is sure that this can be done at all.

    Args:
        settings: how.
        next_free: whether another port will do.
        browser: whether to open it.
        json: what is said is JSON.
        accounts: where they are, empty: beside the store; None: there are none.
    """
    from dataclasses import replace

    from runlore.server.serving import address_of, check_certificate, listen, serve
    from runlore.store import open_store

    check_certificate(settings)
    listening = listen(settings.host, settings.port, next_free=next_free)
    with listening:
        settings = replace(settings, store=open_store(settings.store, create=True).location)
        first = None
        if accounts is not None:
            settings, first = _with_accounts(settings, accounts)
        address = address_of(listening, settings)
        if settings.port not in (0, listening.getsockname()[1]):
            note(f"port {settings.port} is taken")
        if first is not None and not json:
            name, password = first
            say(f"The first account is {name!r}, with the password {password}")
            say("It is shown this once. Sign in and choose another, or make tokens with `runlore token create`.")
            sys.stdout.flush()
        serve(settings, listening, _told(settings, address, first, browser=browser, json=json))


def _told(
    settings: Settings, address: str, first: tuple[str, str] | None, *, browser: bool, json: bool
) -> Callable[[], None]:  # fmt: skip
    """What is called when it answers, and says so."""

    def when_ready() -> None:
        if json:
            account = None if first is None else dict(zip(("name", "password"), first, strict=True))
            print_json({"store": settings.store, "address": address, "first_account": account})
        else:
            say(f"Runlore serves {settings.store} at {address}")
            say("Ctrl-C ends it.")
        sys.stdout.flush()
        if browser:
            import webbrowser

            webbrowser.open(address)

    return when_ready
