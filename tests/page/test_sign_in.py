"""The page of a server with accounts: one signs in, sees what one may, and signs in again when the session is over."""

from __future__ import annotations

import pytest
from tests.server.security.conftest import PASSWORD, made_world

from runlore.server.page.files import find_page

pytestmark = pytest.mark.skipif(find_page().missing is not None, reason="the page is not built")


def sign_in(page, password=PASSWORD):
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_signing_in_seeing_one_s_own_and_signing_in_again(tmp_path, browser):
    with made_world(tmp_path) as world, browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(10_000)
        refused = []
        page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(f"{world.address}/?x=1")
        assert page.title().startswith("Sign in")
        sign_in(page, "a wrong password")
        assert page.get_by_role("alert").inner_text() == "Name or password is wrong."
        assert page.get_by_label("Name").input_value() == "ada"
        sign_in(page)
        page.get_by_text("of_vis").first.wait_for()
        assert "of_spe" not in page.inner_text("body")
        page.context.clear_cookies()
        page.keyboard.press("/")
        page.keyboard.type("metrics.loss < 1")  # the page asks whether that is a query, and is told that it is nobody
        page.keyboard.press("Enter")
        page.get_by_label("Password").wait_for()
        sign_in(page)
        page.get_by_text("of_vis").first.wait_for()
        assert refused == []
