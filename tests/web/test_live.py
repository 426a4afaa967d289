from playwright.sync_api import expect
import pytest
from .scripted_api import banner

pytestmark = pytest.mark.browser

def test_a_banner_comes_changes_and_goes_without_a_reload(api, open_page, complaints):
    page = open_page()
    api.wait(lambda: api.streams)
    expect(page.get_by_role("listitem")).to_have_count(0)
    api.show(banner())
    expect(page.get_by_role("link", name="Обновите водительское")).to_be_visible()
    api.show(banner(title="Удостоверение просрочено", episode="2"))
    expect(page.get_by_role("listitem")).to_have_text(["Удостоверение просрочено"])
    api.show()
    expect(page.get_by_role("listitem")).to_have_count(0)
    assert complaints == []
