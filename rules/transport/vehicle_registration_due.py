"""A vehicle was bought within a month and is not registered: there are ten days to do it."""

owner = "transport"
tags = ["vehicle"]
banner = Banner(
    placement="main",
    priority=86,
    link="/services/vehicle-registration",
    title={
        "en": "Register the vehicle you bought on {vehicle_bought}",
        "ru": "Поставьте автомобиль на учёт: вы купили его {vehicle_bought}",
    },
    text={
        "en": "Ten days from the purchase are given. Driving an unregistered vehicle is fined.",
        "ru": "На это даётся десять дней со дня покупки. За езду без регистрации штрафуют.",
    },
)
email = Email(template="vehicle_registration")
once_per = "vehicle_bought"


def matches(user, today):
    return user.vehicle_bought <= today < user.vehicle_bought + months(1)


examples = [
    match(today="2026-11-23", vehicle_bought="2026-11-23"),
    match(today="2026-11-23", vehicle_bought="2026-10-24"),
    no_match(today="2026-11-23", vehicle_bought="2026-10-23"),
    no_match(today="2026-11-23", vehicle_bought="2026-11-24"),
    unknown(today="2026-11-23"),
]
