# Written by `quadrupel rules stubs` from the declarations, for editors: never executed.

from typing import Literal, TypeAlias, TypedDict, overload

class Period:
    """Some days, months or years, to add to a day or to take from it."""

class date:
    """A day: `date(2026, 12, 31)`."""
    def __init__(self, year: int, month: int, day: int, /) -> None: ...
    def __add__(self, period: Period, /) -> date: ...
    def __radd__(self, period: Period, /) -> date: ...
    @overload
    def __sub__(self, period: Period, /) -> date: ...
    @overload
    def __sub__(self, day: date, /) -> int: ...
    def __lt__(self, day: date, /) -> bool: ...
    def __le__(self, day: date, /) -> bool: ...
    def __gt__(self, day: date, /) -> bool: ...
    def __ge__(self, day: date, /) -> bool: ...

class datetime:
    """A time. `day_of(...)` is its day."""
    def __lt__(self, time: datetime, /) -> bool: ...
    def __le__(self, time: datetime, /) -> bool: ...
    def __gt__(self, time: datetime, /) -> bool: ...
    def __ge__(self, time: datetime, /) -> bool: ...

class Statistic:
    """What is remembered of one key."""
    count: int
    """How often it occurred; 0 if never."""
    sum: float
    """What its amounts add up to; 0 if it never occurred."""
    first: datetime
    """When it first occurred; unknown if never."""
    last: datetime
    """When it last occurred; unknown if never."""

class KeyedStatistics:
    """Statistics by key: `user.orders["passport"].count`."""
    def __getitem__(self, key: str, /) -> Statistic: ...

class StatisticExample(TypedDict, total=False):
    count: int
    sum: float
    first: str
    last: str

def age(born: date, /) -> int:
    """How many whole years have passed since the day."""
def anniversary(day: date, /) -> date:
    """The next anniversary of the day: today or the first one after today."""
def days_since(day: date, /) -> int:
    """How many days have passed since the day; negative while it is to come."""
def days_until(day: date, /) -> int:
    """How many days remain until the day; negative when it is past."""
def start_of_month(day: date, /) -> date:
    """The first day of the day's month."""
def is_weekend(day: date, /) -> bool:
    """Whether the day is a Saturday or a Sunday."""
def stable_share(time: datetime, share: float, /) -> bool:
    """Whether the time falls into a share of all times, always and everywhere the same."""
def day_of(time: datetime, /) -> date:
    """The day of the time, in UTC."""
def days(number: int, /) -> Period:
    """`days(7)`: A period, to add to a day or take from it."""
def months(number: int, /) -> Period:
    """`months(1)`: A period; 31 January plus a month is the last of February."""
def years(number: int, /) -> Period:
    """`years(14)`: A period; 29 February plus a year is 28 February."""
def is_holiday(day: date, /) -> bool:
    """`is_holiday(day)`: Whether the calendar rules/holidays.txt has the day."""
def is_known(x: object, /) -> bool:
    """`is_known(x)`: Whether x has a value; never unknown itself."""
def one_of(x: object, /, *constants: object) -> bool:
    """`one_of(x, a, b)`: Whether x is one of the constants: x in [a, b]."""
def between(*arguments: object) -> bool:
    """`between(x, a, b)`: Whether a <= x <= b."""

class Statistic_banners:
    """What is remembered of one key of banners."""
    seen: int
    """How often there was `seen`; 0 if never."""
    first_seen: datetime
    """When there first was `seen`; unknown if never."""
    last_seen: datetime
    """When there last was `seen`; unknown if never."""
    clicked: int
    """How often there was `clicked`; 0 if never."""
    first_clicked: datetime
    """When there first was `clicked`; unknown if never."""
    last_clicked: datetime
    """When there last was `clicked`; unknown if never."""
    dismissed: int
    """How often there was `dismissed`; 0 if never."""
    first_dismissed: datetime
    """When there first was `dismissed`; unknown if never."""
    last_dismissed: datetime
    """When there last was `dismissed`; unknown if never."""

class KeyedStatistics_banners:
    """Statistics by key: `user.banners[\"...\"].seen`."""
    def __getitem__(self, key: str, /) -> Statistic_banners: ...

class StatisticExample_banners(TypedDict, total=False):
    seen: int
    first_seen: str
    last_seen: str
    clicked: int
    first_clicked: str
    last_clicked: str
    dismissed: int
    first_dismissed: str
    last_dismissed: str

class User:
    """A citizen's profile. What is missing in it is unknown, as is what is asked of it."""
    birth_date: date
    """The day of birth"""
    sex: Literal["female", "male"]
    """The sex in the register"""
    registered_at: datetime
    """When the citizen first came to the portal"""
    name_changed: date
    """The day the name was last changed, at a marriage for example"""
    residence_region: str
    """The region of residence, as its two-digit code"""
    residence_since: date
    """The first day at the present residence"""
    utilities_owed: float
    """What is owed for housing and utilities, in roubles"""
    utilities_due: date
    """The day by which the last charge for utilities is to be paid"""
    subsidy_until: date
    """The last day for which a subsidy for housing and utilities is granted"""
    meter_verification_due: date
    """The day by which a meter at home is to be verified or replaced"""
    property_bought: date
    """The day on which the citizen became the owner of the present home"""
    passport_issued: date
    """The day the domestic passport was issued"""
    foreign_passport_expires: date
    """The day the passport for travel abroad runs out"""
    residence_permit_expires: date
    """The day the residence permit runs out"""
    document_ready_since: date
    """The day from which a document lies at an office and waits to be collected"""
    driving_licence_issued: date
    """The day the driving licence was issued"""
    driving_licence_expires: date
    """The day the driving licence runs out"""
    insurance_certificate_issued: date
    """The day the motor insurance certificate was issued"""
    insurance_certificate_expires: date
    """The day the motor insurance certificate runs out"""
    vehicle_bought: date
    """The day a vehicle was bought that is not registered yet"""
    vehicle_inspection_due: date
    """The day by which the vehicle is to be inspected again"""
    children: int
    """How many children are registered"""
    youngest_child_born: date
    """The day of birth of the child that was registered last"""
    kindergarten_offer_until: date
    """The last day on which an offered place at a kindergarten can be accepted"""
    studies_until: date
    """The day on which studies at a college or university end"""
    disability_until: date
    """The last day for which a disability is certified"""
    fines_owed: float
    """Traffic fines that are not settled, in roubles without any discount"""
    fine_discount_until: date
    """The last day on which the latest fine can be settled with a discount"""
    fine_due: date
    """The day by which the latest fine is to be paid"""
    recent_fines: int
    """How many traffic fines there were in the last 365 days"""
    taxes_owed: float
    """Taxes that are assessed and not paid, in roubles"""
    tax_due: date
    """The day by which the latest tax is to be paid"""
    enforcement_opened: date
    """The day the bailiffs began to collect a debt"""
    enforcement_owed: float
    """What the bailiffs are to collect, in roubles"""
    court_hearing_on: date
    """The day of the next hearing to which a court has summoned the citizen"""
    employed: bool
    """Whether the citizen has a job"""
    employment_ended: date
    """The last day of the last job, while there is no other"""
    pension_granted: date
    """The day from which an old-age pension is paid"""
    self_employed_since: date
    """The day from which the citizen is registered as self-employed"""
    business_registered: date
    """The day the citizen was registered as an individual entrepreneur"""
    business_report_due: date
    """The day by which the next report of the business is to be filed"""
    orders: KeyedStatistics
    """Services ordered, by service, with what was paid"""
    completed: KeyedStatistics
    """Services completed, by service"""
    banners: KeyedStatistics_banners
    """What the citizen did with banners, by rule, each at most once a day"""
    appointment_on: date
    """The day of the next appointment at a public office"""

AttributeName: TypeAlias = Literal["birth_date", "sex", "registered_at", "name_changed", "residence_region", "residence_since", "utilities_owed", "utilities_due", "subsidy_until", "meter_verification_due", "property_bought", "passport_issued", "foreign_passport_expires", "residence_permit_expires", "document_ready_since", "driving_licence_issued", "driving_licence_expires", "insurance_certificate_issued", "insurance_certificate_expires", "vehicle_bought", "vehicle_inspection_due", "children", "youngest_child_born", "kindergarten_offer_until", "studies_until", "disability_until", "fines_owed", "fine_discount_until", "fine_due", "taxes_owed", "tax_due", "enforcement_opened", "enforcement_owed", "court_hearing_on", "employed", "employment_ended", "pension_granted", "self_employed_since", "business_registered", "business_report_due", "appointment_on"]

Client: TypeAlias = Literal["web", "ios", "android"]

class Banner:
    """What a match shows; {attribute} in a text stands for its value."""
    def __init__(
        self, *, placement: Literal["main", "sidebar", "mobile"] = ..., priority: int = ...,
        link: str, title: dict[str, str], text: dict[str, str] = ...,
        exclusive: str = ..., story: str = ..., must_show: bool = ...,
        dismiss_for: Period = ...,
    ) -> None:
        """A rule needs `placement` and `priority`; a fallback has link, title and text."""

class Email:
    """The e-mail that a match sends, and what it shows."""
    def __init__(self, *, template: str, values: list[AttributeName] = ...) -> None: ...

class Webhook:
    """The webhook that a match calls, and what it tells."""
    def __init__(self, *, endpoint: str, values: list[AttributeName] = ...) -> None: ...

class Example:
    """A user and a day, and the verdict that the author expects."""

def match(
    *,
    today: str,
    birth_date: str = ...,
    sex: Literal["female", "male"] = ...,
    registered_at: str = ...,
    name_changed: str = ...,
    residence_region: str = ...,
    residence_since: str = ...,
    utilities_owed: float = ...,
    utilities_due: str = ...,
    subsidy_until: str = ...,
    meter_verification_due: str = ...,
    property_bought: str = ...,
    passport_issued: str = ...,
    foreign_passport_expires: str = ...,
    residence_permit_expires: str = ...,
    document_ready_since: str = ...,
    driving_licence_issued: str = ...,
    driving_licence_expires: str = ...,
    insurance_certificate_issued: str = ...,
    insurance_certificate_expires: str = ...,
    vehicle_bought: str = ...,
    vehicle_inspection_due: str = ...,
    children: int = ...,
    youngest_child_born: str = ...,
    kindergarten_offer_until: str = ...,
    studies_until: str = ...,
    disability_until: str = ...,
    fines_owed: float = ...,
    fine_discount_until: str = ...,
    fine_due: str = ...,
    recent_fines: list[str] = ...,
    taxes_owed: float = ...,
    tax_due: str = ...,
    enforcement_opened: str = ...,
    enforcement_owed: float = ...,
    court_hearing_on: str = ...,
    employed: bool = ...,
    employment_ended: str = ...,
    pension_granted: str = ...,
    self_employed_since: str = ...,
    business_registered: str = ...,
    business_report_due: str = ...,
    orders: dict[str, StatisticExample] = ...,
    completed: dict[str, StatisticExample] = ...,
    banners: dict[str, StatisticExample_banners] = ...,
    appointment_on: str = ...,
) -> Example:
    """A user and a day for whom the rule holds."""

def no_match(
    *,
    today: str,
    birth_date: str = ...,
    sex: Literal["female", "male"] = ...,
    registered_at: str = ...,
    name_changed: str = ...,
    residence_region: str = ...,
    residence_since: str = ...,
    utilities_owed: float = ...,
    utilities_due: str = ...,
    subsidy_until: str = ...,
    meter_verification_due: str = ...,
    property_bought: str = ...,
    passport_issued: str = ...,
    foreign_passport_expires: str = ...,
    residence_permit_expires: str = ...,
    document_ready_since: str = ...,
    driving_licence_issued: str = ...,
    driving_licence_expires: str = ...,
    insurance_certificate_issued: str = ...,
    insurance_certificate_expires: str = ...,
    vehicle_bought: str = ...,
    vehicle_inspection_due: str = ...,
    children: int = ...,
    youngest_child_born: str = ...,
    kindergarten_offer_until: str = ...,
    studies_until: str = ...,
    disability_until: str = ...,
    fines_owed: float = ...,
    fine_discount_until: str = ...,
    fine_due: str = ...,
    recent_fines: list[str] = ...,
    taxes_owed: float = ...,
    tax_due: str = ...,
    enforcement_opened: str = ...,
    enforcement_owed: float = ...,
    court_hearing_on: str = ...,
    employed: bool = ...,
    employment_ended: str = ...,
    pension_granted: str = ...,
    self_employed_since: str = ...,
    business_registered: str = ...,
    business_report_due: str = ...,
    orders: dict[str, StatisticExample] = ...,
    completed: dict[str, StatisticExample] = ...,
    banners: dict[str, StatisticExample_banners] = ...,
    appointment_on: str = ...,
) -> Example:
    """A user and a day for whom the rule does not hold."""

def unknown(
    *,
    today: str,
    birth_date: str = ...,
    sex: Literal["female", "male"] = ...,
    registered_at: str = ...,
    name_changed: str = ...,
    residence_region: str = ...,
    residence_since: str = ...,
    utilities_owed: float = ...,
    utilities_due: str = ...,
    subsidy_until: str = ...,
    meter_verification_due: str = ...,
    property_bought: str = ...,
    passport_issued: str = ...,
    foreign_passport_expires: str = ...,
    residence_permit_expires: str = ...,
    document_ready_since: str = ...,
    driving_licence_issued: str = ...,
    driving_licence_expires: str = ...,
    insurance_certificate_issued: str = ...,
    insurance_certificate_expires: str = ...,
    vehicle_bought: str = ...,
    vehicle_inspection_due: str = ...,
    children: int = ...,
    youngest_child_born: str = ...,
    kindergarten_offer_until: str = ...,
    studies_until: str = ...,
    disability_until: str = ...,
    fines_owed: float = ...,
    fine_discount_until: str = ...,
    fine_due: str = ...,
    recent_fines: list[str] = ...,
    taxes_owed: float = ...,
    tax_due: str = ...,
    enforcement_opened: str = ...,
    enforcement_owed: float = ...,
    court_hearing_on: str = ...,
    employed: bool = ...,
    employment_ended: str = ...,
    pension_granted: str = ...,
    self_employed_since: str = ...,
    business_registered: str = ...,
    business_report_due: str = ...,
    orders: dict[str, StatisticExample] = ...,
    completed: dict[str, StatisticExample] = ...,
    banners: dict[str, StatisticExample_banners] = ...,
    appointment_on: str = ...,
) -> Example:
    """A user and a day for whom something is missing to say whether the rule holds."""

class Placement:
    """A place for banners; at most `limit` of one citizen's are shown there at a time.

    Where clients differ, `limit` says how many each shows: `limit={"web": 3, "ios": 1}`.
    """
    @overload
    def __init__(
        self, doc: str, *, limit: int, clients: list[Client] = ..., fallback: Banner = ...
    ) -> None: ...
    @overload
    def __init__(self, doc: str, *, limit: dict[Client, int], fallback: Banner = ...) -> None: ...

class Variant:
    """How a share of the citizens read the banner: with this title or text instead of its own."""
    def __init__(
        self, *, share: float, title: dict[str, str] = ..., text: dict[str, str] = ...
    ) -> None: ...

class Goal:
    """The event that the rule wants, within some days after it began to hold: 30, or others."""
    def __init__(self, event: str, *, where: Where = ..., within: Period = ...) -> None: ...

class Feed:
    """How events of a type change an attribute."""

class Attribute:
    """A declared attribute of the profile."""

Where: TypeAlias = dict[str, str | int | bool]
"""Members of an event's data and the value each must have for the event to count."""

def Date(doc: str, /, *feeds: Feed) -> Attribute: ...
def DateTime(doc: str, /, *feeds: Feed) -> Attribute: ...
def Integer(doc: str, /, *feeds: Feed) -> Attribute: ...
def Decimal(doc: str, /, *feeds: Feed) -> Attribute: ...
def Boolean(doc: str, /, *feeds: Feed) -> Attribute: ...
def Text(doc: str, /, *feeds: Feed, values: list[str] = ...) -> Attribute: ...
def Statistics(doc: str, /, *feeds: Feed) -> Attribute: ...
def WindowedCount(doc: str, /, *feeds: Feed, days: int) -> Attribute: ...
def latest(event: str, field: str, *, where: Where = ...) -> Feed:
    """The field's value of the event with the latest time."""
def set(event: str, value: str | int | bool, *, where: Where = ...) -> Feed:
    """This value, when the event has the latest time."""
def clear(event: str, *, where: Where = ...) -> Feed:
    """No value, when the event has the latest time."""
def count(event: str, *, where: Where = ...) -> Feed:
    """Plus one for each event."""
def sum(event: str, field: str, *, where: Where = ...) -> Feed:
    """Plus the field's value."""
def subtract(event: str, field: str, *, where: Where = ...) -> Feed:
    """Minus the field's value."""
def first_time(event: str, *, where: Where = ...) -> Feed:
    """The time of the earliest event."""
def last_time(event: str, *, where: Where = ...) -> Feed:
    """The time of the latest event."""
def statistics(
    event: str, *, key: str, sum: str = ..., name: str = ..., where: Where = ...
) -> Feed:
    """Count, sum, first and last time by the value of a member of the event's data."""
