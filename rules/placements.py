"""Where banners are shown, and how many of one citizen's at a time."""

main = Placement(
    "The top of the first page, on the portal and in the application",
    limit={"web": 3, "ios": 2, "android": 2},
    fallback=Banner(
        link="/services",
        title={
            "en": "All services of the state in one place",
            "ru": "Все государственные услуги в одном месте",
        },
    ),
)
sidebar = Placement("The column beside every page of the portal", limit=4, clients=["web"])
mobile = Placement("The first screen of the application", limit=2, clients=["ios", "android"])
