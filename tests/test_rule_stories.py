"""The stories that rules/README.md tells: events of a life, and the chapters that they bring."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

from quadrupel.core.events import Event
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.rules import catalogue
from quadrupel.rules.row import RowReading

FOLDER = Path(__file__).parents[1] / "rules"
RULES = catalogue.load(FOLDER)
FEEDS = Feeds(RULES.schema)
READING = RowReading(RULES)


class Life:
    """One citizen's profile, as events make it. `chapters` are the rules that are looked at."""

    def __init__(self, *chapters):
        self.profile = Profile("ivan")
        self.chapters = chapters
        assert set(chapters) <= RULES.rules.keys()

    def happens(self, day, type_, **data):
        when = date.fromisoformat(day)
        time = datetime(when.year, when.month, when.day, 12, tzinfo=UTC)
        event = Event(f"{type_}-{day}-{data}", "/story", type_, "ivan", time, data)
        assert fold(self.profile, arrived([event], when), FEEDS).refused == ()

    def on(self, day):
        """Which of the chapters match on a day."""
        verdicts = READING.evaluate(self.profile.values, date.fromisoformat(day))
        assert verdicts.errors == ()
        return [rule for rule in self.chapters if rule in verdicts.matches]


def ordered(life, day, service):
    life.happens(day, "service.ordered", service=service, price=0)


def test_a_child_is_born_and_grows_up():
    life = Life(
        "child_birth_benefits",
        "kindergarten_queue",
        "child_benefit_renewal",
        "first_birthday_checkup",
        "kindergarten_offer",
        "school_enrolment",
    )
    life.happens("2026-01-20", "child.registered", birth_date="2026-01-10")
    assert life.on("2026-01-21") == ["child_birth_benefits"]
    ordered(life, "2026-02-01", "child_benefit")
    assert life.on("2026-02-02") == []
    assert life.on("2026-03-10") == ["kindergarten_queue"]
    ordered(life, "2026-03-11", "kindergarten")
    assert life.on("2026-03-12") == []
    assert life.on("2027-01-10") == ["child_benefit_renewal", "first_birthday_checkup"]
    ordered(life, "2027-01-11", "child_benefit")
    life.happens("2027-01-15", "service.completed", service="child_checkup")
    assert life.on("2027-01-16") == []
    life.happens("2028-05-01", "kindergarten.offered", until="2028-05-31")
    assert life.on("2028-05-31") == ["kindergarten_offer"]
    life.happens("2028-05-31", "kindergarten.accepted")
    assert life.on("2028-05-31") == []
    assert life.on("2032-07-10") == ["school_enrolment"]


def test_a_vehicle_is_bought_registered_insured_and_inspected():
    life = Life(
        "vehicle_registration_due",
        "vehicle_uninsured",
        "vehicle_inspection_due",
        "vehicle_inspection_overdue",
    )
    licence = {"kind": "driving_licence", "issued": "2024-01-01", "expires": "2034-01-01"}
    life.happens("2024-01-01", "document.issued", **licence)
    life.happens("2026-11-01", "vehicle.bought", bought="2026-11-01")
    assert life.on("2026-11-02") == ["vehicle_registration_due"]
    life.happens("2026-11-08", "vehicle.registered", inspection_due="2030-11-08")
    assert life.on("2026-11-08") == ["vehicle_uninsured"]
    certificate = {"kind": "insurance_certificate", "issued": "2026-11-09"}
    life.happens("2026-11-09", "document.issued", **certificate, expires="2031-11-08")
    assert life.on("2026-11-09") == []
    assert life.on("2030-10-09") == ["vehicle_inspection_due"]
    assert life.on("2030-11-09") == ["vehicle_inspection_overdue"]
    life.happens("2030-11-10", "vehicle.inspected", inspection_due="2032-11-10")
    assert life.on("2030-11-10") == []


def test_a_new_name_goes_from_the_passport_to_the_licence_to_the_insurance():
    life = Life(
        "passport_after_name_change",
        "driving_licence_after_name_change",
        "insurance_certificate_update",
    )
    licence = {"kind": "driving_licence", "issued": "2020-01-01", "expires": "2030-01-01"}
    insurance = {"kind": "insurance_certificate", "issued": "2026-06-01", "expires": "2027-05-31"}
    life.happens("2019-01-01", "document.issued", kind="passport", issued="2019-01-01")
    life.happens("2020-01-01", "document.issued", **licence)
    life.happens("2026-06-01", "document.issued", **insurance)
    assert life.on("2026-11-01") == []
    life.happens("2026-11-01", "name.changed", changed="2026-11-01")
    assert life.on("2026-11-02") == ["passport_after_name_change"]
    life.happens("2026-11-15", "document.issued", kind="passport", issued="2026-11-15")
    assert life.on("2026-11-15") == ["driving_licence_after_name_change"]
    life.happens("2026-12-01", "document.issued", **licence | {"issued": "2026-12-01"})
    assert life.on("2026-12-01") == ["insurance_certificate_update"]


def test_a_job_is_lost_and_the_pension_comes():
    life = Life(
        "job_seeker_benefit",
        "job_seeker_benefit_ending",
        "early_retirement",
        "retirement_soon",
        "pension_order",
        "pensioner_pass",
    )
    person = {"birth_date": "1967-08-01", "sex": "female", "region": "77"}
    life.happens("2020-01-01", "citizen.registered", **person)
    life.happens("2020-02-01", "employment.started")
    assert life.on("2026-01-01") == []
    life.happens("2026-02-01", "employment.ended", ended="2026-02-01")
    assert life.on("2026-02-02") == ["job_seeker_benefit"]
    ordered(life, "2026-02-03", "job_seeker")
    assert life.on("2026-02-04") == ["early_retirement"]
    assert life.on("2026-07-10") == ["job_seeker_benefit_ending", "early_retirement"]
    assert life.on("2027-05-01") == ["early_retirement", "retirement_soon"]
    assert life.on("2027-08-01") == ["retirement_soon", "pension_order"]
    ordered(life, "2027-08-02", "pension")
    assert life.on("2027-08-03") == []
    life.happens("2027-08-20", "pension.granted", since="2027-08-20")
    assert life.on("2027-08-20") == ["pensioner_pass"]


def test_a_business_chooses_a_regime_reports_and_pays():
    life = Life(
        "business_tax_regime",
        "business_contributions",
        "business_report_due",
        "business_report_overdue",
    )
    life.happens("2026-03-01", "business.registered", registered="2026-03-01")
    assert life.on("2026-03-02") == ["business_tax_regime"]
    ordered(life, "2026-03-05", "tax_regime")
    life.happens("2026-09-01", "report.requested", due="2026-10-20")
    assert life.on("2026-10-10") == ["business_report_due"]
    assert life.on("2026-10-21") == ["business_report_overdue"]
    life.happens("2026-10-21", "report.filed")
    assert life.on("2026-10-21") == []
    assert life.on("2026-11-01") == ["business_contributions"]
    ordered(life, "2026-11-02", "business_contributions")
    assert life.on("2026-11-03") == []
    assert life.on("2027-11-03") == ["business_contributions"]
    life.happens("2027-11-04", "business.closed")
    assert life.on("2027-11-04") == []


def test_a_debt_goes_to_the_bailiffs_and_is_paid():
    life = Life("enforcement_opened", "enforcement_from_wage")
    life.happens("2020-02-01", "employment.started")
    life.happens("2026-11-01", "enforcement.opened", opened="2026-11-01", amount=4800)
    assert life.on("2026-11-06") == ["enforcement_opened"]
    assert life.on("2026-11-07") == ["enforcement_from_wage"]
    life.happens("2026-11-10", "enforcement.paid", amount=4800)
    assert life.on("2026-11-10") == []


def test_fines_come_often_and_are_forgotten_after_a_year():
    life = Life("fines_repeated")
    for day, chapters in (
        ("2026-01-10", []),
        ("2026-06-01", []),
        ("2026-11-20", ["fines_repeated"]),
        ("2026-12-01", ["fines_repeated"]),
    ):
        life.happens(day, "fine.issued", amount=500, discount_until=day, due=day)
        assert life.on(day) == chapters
    assert life.on("2027-05-31") == ["fines_repeated"]
    assert life.on("2027-06-01") == []
    life.happens("2027-06-01", "fine.issued", amount=500, discount_until=day, due=day)
    assert life.on("2027-06-01") == ["fines_repeated"]
    ordered(life, "2027-06-02", "fine_autopay")
    assert life.on("2027-06-02") == []


def test_every_chapter_that_the_overview_names_is_a_rule():
    overview = (FOLDER / "README.md").read_text()
    named = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+)+)`", overview)) - {"once_per", "is_holiday"}
    assert named - RULES.rules.keys() == set()
