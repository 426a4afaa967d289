"""What a citizen sees of banners, and does with them."""

from starlette.responses import Response

AWAY = Response(status_code=503, headers={"Retry-After": "0"})


def shown(page):
    return page.get_by_role("listitem")


def dismiss(page, one):
    page.get_by_role("button", name=f"Скрыть: {one['title']}").click()
