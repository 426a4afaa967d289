"""The made citizens of the demo page: who they are, what happened before, and what can happen next.

Their lives are chosen so that the rules that are shipped have something to say of them. They are
data: `cast` makes citizens of them, whose events then go the way of all events.
"""

from collections.abc import Mapping
from datetime import date

from quadrupel.demo_page.happenings import (
    Data,
    Fact,
    Situation,
    born,
    document,
    event,
    in_days,
    issued,
    order,
    registered,
)

_TEN_YEARS = 3652

_FINE: Data = {"amount": 1500}

_fine_issued = event(
    "fine.issued",
    "A traffic fine of 1,500 roubles",
    "Штраф ГИБДД на 1500 руб.",
    lambda day: {**_FINE, "discount_until": in_days(day, 7), "due": in_days(day, 60)},
)
_fine_paid = event("fine.paid", "A fine is paid", "Штраф оплачен", lambda _: _FINE)


def _fine(ago: int, today: date) -> Fact:
    data = {**_FINE, "discount_until": in_days(today, 20 - ago), "due": in_days(today, 60 - ago)}
    return ago, "fine.issued", data


LICENCE = Situation(
    "licence",
    person={"en": "Anna Petrova", "ru": "Анна Петрова"},
    about={
        "en": "36, drives; her licence runs out in 20 days",
        "ru": "36 лет, водит машину; права истекают через 20 дней",
    },
    past=lambda today: (
        registered(born(today, 36, 120), "female"),
        issued("driving_licence", 800, today, 20),
        issued("insurance_certificate", 200, today, 165),
        issued("foreign_passport", 700, today, 140),
    ),
    happenings=(
        document(
            "licence_issued",
            "A new driving licence is issued",
            "Выдано новое водительское удостоверение",
            "driving_licence",
            _TEN_YEARS,
        ),
        document(
            "insurance_issued",
            "The insurance certificate is issued anew",
            "Полис ОСАГО оформлен заново",
            "insurance_certificate",
            365,
        ),
        order("foreign_passport", "a travel passport", "загранпаспорт"),
        _fine_issued,
        _fine_paid,
    ),
)

CHILD = Situation(
    "child",
    person={"en": "Maria Sokolova", "ru": "Мария Соколова"},
    about={
        "en": "29, has a daughter of ten days",
        "ru": "29 лет, дочери десять дней",
    },
    past=lambda today: (
        registered(born(today, 29, 90), "female"),
        (500, "employment.started", {}),
        (8, "child.registered", {"birth_date": in_days(today, -10)}),
    ),
    happenings=(
        order("child_benefit", "the child benefit", "пособие на ребёнка"),
        order("kindergarten", "a place in a kindergarten", "место в детском саду"),
        event(
            "kindergarten.offered",
            "A kindergarten offers a place",
            "Детский сад предлагает место",
            lambda day: {"until": in_days(day, 30)},
        ),
        event("kindergarten.accepted", "Accepts the place", "Принимает место", lambda _: {}),
        event(
            "employment.ended",
            "Her job ends",
            "Заканчивается работа",
            lambda day: {"ended": day.isoformat()},
        ),
    ),
)

PENSION = Situation(
    "pension",
    person={"en": "Galina Orlova", "ru": "Галина Орлова"},
    about={
        "en": "turned 60 three days ago, may retire",
        "ru": "три дня назад исполнилось 60, может выйти на пенсию",
    },
    past=lambda today: (registered(born(today, 60, -3), "female"),),
    happenings=(
        order("pension", "her pension", "назначение пенсии"),
        event(
            "pension.granted",
            "The pension is granted",
            "Пенсия назначена",
            lambda day: {"since": day.isoformat()},
        ),
        order("pensioner_pass", "the pensioner's pass", "льготный проездной"),
        event(
            "utilities.charged",
            "Utilities cost 3,200 roubles this month",
            "Начислено за коммунальные услуги 3200 руб.",
            lambda day: {"amount": 3200, "due": in_days(day, 20)},
        ),
        event(
            "utilities.paid",
            "Utilities are paid",
            "Коммунальные услуги оплачены",
            lambda _: {"amount": 3200},
        ),
    ),
)

STUDENT = Situation(
    "student",
    person={"en": "Timur Akhmetov", "ru": "Тимур Ахметов"},
    about={
        "en": "student, turns 20 in ten days",
        "ru": "студент, через десять дней исполнится 20",
    },
    past=lambda today: (
        registered(born(today, 20, 10), "male"),
        (850, "document.issued", {"kind": "passport", "issued": in_days(today, -2100)}),
        (80, "studies.started", {"until": in_days(today, 640)}),
    ),
    happenings=(
        order("student_pass", "the student's pass", "студенческий проездной"),
        event(
            "document.ready",
            "A document waits at an office",
            "Документ готов и ждёт в центре",
            lambda day: {"since": day.isoformat()},
        ),
        event(
            "document.collected",
            "Collects the document",
            "Забирает документ",
            lambda _: {},
        ),
        document(
            "passport_issued",
            "A passport is issued",
            "Выдан паспорт",
            "passport",
            _TEN_YEARS,
        ),
        event(
            "residence.registered",
            "Moves to another region",
            "Переезжает в другой регион",
            lambda day: {"region": "78", "since": day.isoformat()},
        ),
    ),
)

HOME = Situation(
    "home",
    person={"en": "Olga Belova", "ru": "Ольга Белова"},
    about={
        "en": "bought a flat last week and moved yesterday",
        "ru": "на прошлой неделе купила квартиру, вчера переехала",
    },
    past=lambda today: (
        registered(born(today, 41, 200), "female"),
        issued("driving_licence", 850, today, 2700),
        (6, "property.registered", {"registered": in_days(today, -7)}),
        (1, "residence.registered", {"region": "78", "since": in_days(today, -1)}),
    ),
    happenings=(
        order("utilities_account", "the utility accounts", "лицевые счета"),
        order("parking_permit", "a parking permit", "разрешение на парковку"),
        order("clinic", "a clinic near the new home", "поликлинику у дома"),
        event(
            "appointment.booked",
            "An appointment for tomorrow is booked",
            "Запись на приём на завтра",
            lambda day: {"day": in_days(day, 1)},
        ),
        event(
            "appointment.cancelled",
            "The appointment is cancelled",
            "Запись отменена",
            lambda _: {},
        ),
    ),
)

FINES = Situation(
    "fines",
    person={"en": "Pavel Volkov", "ru": "Павел Волков"},
    about={
        "en": "52, fined for the third time; the discount ends in six days",
        "ru": "52 года, третий штраф за год; скидка ещё шесть дней",
    },
    past=lambda today: (
        registered(born(today, 52, 60), "male"),
        _fine(150, today),
        (140, "fine.paid", _FINE),
        _fine(90, today),
        (80, "fine.paid", _FINE),
        _fine(14, today),
    ),
    happenings=(
        _fine_paid,
        _fine_issued,
        event(
            "tax.assessed",
            "A tax of 4,200 roubles is assessed",
            "Начислен налог 4200 руб.",
            lambda day: {"amount": 4200, "due": in_days(day, 20)},
        ),
        event(
            "tax.paid",
            "The tax is paid",
            "Налог оплачен",
            lambda _: {"amount": 4200},
        ),
        order("fine_autopay", "automatic payment of fines", "автоплатёж штрафов"),
    ),
)

SITUATIONS: Mapping[str, Situation] = {
    each.id: each for each in (LICENCE, CHILD, PENSION, STUDENT, HOME, FINES)
}
"""All situations by id, in the order in which the page offers them."""
