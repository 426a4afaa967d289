"""The allowance of a parent on leave from a job ends when the child is a year and a half old."""

owner = "family"
tags = ["children", "benefits", "work"]
banner = Banner(
    placement="sidebar",
    priority=52,
    link="/life/after-parental-leave",
    title={
        "en": "The childcare allowance ends soon: plan your return to work",
        "ru": "Пособие по уходу за ребёнком скоро закончится: спланируйте выход на работу",
    },
)
once_per = "youngest_child_born"


def matches(user, today):
    ends = user.youngest_child_born + months(18)
    return user.employed and today <= ends <= today + months(2)


examples = [
    match(today="2026-11-23", employed=True, youngest_child_born="2025-05-23"),
    match(today="2026-11-23", employed=True, youngest_child_born="2025-07-23"),
    no_match(today="2026-11-23", employed=True, youngest_child_born="2025-07-24"),
    no_match(today="2026-11-23", employed=False, youngest_child_born="2025-06-01"),
    no_match(today="2026-11-23", employed=True, youngest_child_born="2025-05-22"),
    unknown(today="2026-11-23", youngest_child_born="2025-06-01"),
]
