"""Accounts on the page, as a person uses it: one's tokens and password; for an admin users, teams, roles, the rest."""

from __future__ import annotations

import httpx
import pytest
from tests.page.test_accessibility import serious
from tests.server.security.conftest import PASSWORD, made_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with made_world(tmp_path_factory.mktemp("account")) as made:
        yield made


@pytest.fixture
def sign_in(world, browser):
    contexts = []

    def signed_in(name, path="account", **options):
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.goto(f"{world.address}/{path}")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        return page

    yield signed_in
    for context in contexts:
        context.close()


def of(world, token):
    return httpx.get(f"{world.address}/api/v1/account", headers={"authorization": f"Bearer {token}"})


def test_one_makes_a_token_that_is_shown_once_and_takes_it_back(world, sign_in):
    page = sign_in("ada")
    page.get_by_role("heading", name="ada").wait_for()
    page.get_by_label("For").fill("laptop")
    page.get_by_label("write", exact=True).uncheck()
    page.get_by_role("button", name="Make a token").click()
    token = page.locator(".secret code").inner_text()
    assert of(world, token).json()["scopes"] == ["read"]
    page.get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="laptop")
    assert "read" in row.inner_text()
    page.reload()
    row.wait_for()
    assert token not in page.content()
    page.get_by_role("button", name="Revoke the token laptop").click()
    row.wait_for(state="detached")
    assert of(world, token).status_code == 401


def test_one_is_on_the_rail_and_signs_out(sign_in):
    page = sign_in("eve", "")
    page.get_by_role("button", name="Account of eve").click()
    page.wait_for_url("**/account")
    assert page.get_by_role("navigation", name="Accounts").count() == 0, "eve manages nothing"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")


def test_one_chooses_another_password(world, sign_in):
    world.book.people.add_user("pia", PASSWORD)
    page = sign_in("pia")
    page.get_by_label("Now").fill("not the right one")
    page.get_by_label("New").fill("a much better password")
    page.get_by_role("button", name="Change it").click()
    page.get_by_text("the old password is wrong").wait_for()
    page.get_by_label("Now").fill(PASSWORD)
    page.get_by_role("button", name="Change it").click()
    page.wait_for_url("**/sign-in")
    assert world.book.keys.by_password("pia", "a much better password") is not None


def test_an_admin_adds_a_user_to_a_team_with_a_role_and_a_quota(world, sign_in):
    page = sign_in("root")
    page.get_by_role("link", name="Users").click()
    page.get_by_label("Name").fill("kim")
    page.get_by_role("button", name="Add a user").click()
    password = page.locator(".secret code").inner_text()
    assert world.book.keys.by_password("kim", password) is not None
    page.get_by_role("link", name="Teams").click()
    page.get_by_label("Name").fill("crew")
    page.get_by_role("button", name="Add a team").click()
    page.get_by_label("Add a member to crew").select_option("kim")
    page.get_by_role("button", name="Take kim out of crew").wait_for()
    page.get_by_label("Experiments on which crew gets a role").fill("vision/**")
    page.get_by_label("Role of crew").select_option("editor")
    page.get_by_role("button", name="Give crew the role").click()
    page.get_by_role("button", name="Take the role on vision/** from crew").wait_for()
    page.get_by_role("button", name="Change the quota of crew").click()
    page.get_by_label("Bytes").fill("10 GB")
    page.get_by_role("button", name="Set").click()
    page.get_by_text("? of 10").wait_for()
    people = world.book.people
    assert people.user("kim").teams == ("crew",)
    assert [(grant.pattern, grant.role) for grant in people.team("crew").grants] == [("vision/**", "editor")]
    assert [quota.most_bytes for quota in world.book.quotas.all() if quota.team == "crew"] == [10**10]
    page.get_by_role("link", name="Users").click()
    row = page.get_by_role("row").filter(has_text="kim")
    row.get_by_role("button", name="Let in no more").click()
    row.get_by_text("not let in").wait_for()
    assert world.book.keys.by_password("kim", password) is None
    row.get_by_role("button", name="Remove kim").click()
    row.get_by_role("button", name="Remove kim and its tokens").click()
    row.wait_for(state="detached")


def test_an_admin_makes_a_rule_and_reads_who_did_what(world, sign_in):
    page = sign_in("root", "account/retention")
    page.get_by_label("Experiments").fill("scratch/**")
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_role("row").filter(has_text="scratch/**").wait_for()
    assert [(rule.pattern, rule.action, rule.days) for rule in world.book.rules.all()] == [("scratch/**", "trash", 30)]
    page.get_by_role("link", name="Audit").click()
    page.get_by_label("Find").fill("retention.add")
    assert "root" in page.get_by_role("row").filter(has_text="scratch/**").inner_text()
    page.get_by_role("link", name="Retention").click()
    page.get_by_role("button", name="Remove the rule for scratch/**").click()
    page.get_by_role("row").filter(has_text="scratch/**").wait_for(state="detached")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_for_those_who_do_not_see_or_point(sign_in, theme):
    page = sign_in("root", color_scheme=theme)
    for title in ("Your account", "Users", "Teams", "All tokens", "Retention", "Audit"):
        page.get_by_role("link", name=title).click()
        page.locator(".sheet").first.wait_for()
        page.wait_for_load_state("networkidle")
        assert serious(page) == [], title
