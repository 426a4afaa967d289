"""A rule: what a rule script says, read, checked and typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from quadrupel.core.experiments import Experiment, Goal
from quadrupel.core.values import Value
from quadrupel.core.verdicts import Verdict
from quadrupel.rules.predicate import Predicate


@dataclass(frozen=True, slots=True)
class Variant:
    """How a share of the users read the banner of a rule: texts by language, as of a Banner."""

    name: str
    share: float
    title: Mapping[str, str]
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Banner:
    """What a match shows. `title` and `text` are by language; `text` may be empty.

    Of the banners of one `story` the one of the highest priority counts for a citizen, and no
    others. Those of one `exclusive` group are not shown beside each other. Who dismisses one is not
    shown it for `dismiss_for` days; None: as long as the episode goes on. One that is `must_show`
    gives way to nothing, and cannot be dismissed. Where it has `variants`, each user reads one.
    """

    placement: str
    priority: int
    link: str
    title: Mapping[str, str]
    text: Mapping[str, str]
    exclusive: str | None = None
    story: str | None = None
    must_show: bool = False
    dismiss_for: int | None = None
    variants: tuple[Variant, ...] = ()

    @property
    def rank(self) -> tuple[bool, int]:
        """What it is ranked by among others, the highest first."""
        return self.must_show, self.priority

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """The names of its variants, each with the share of the users who read it."""
        return tuple([(each.name, each.share) for each in self.variants])


@dataclass(frozen=True, slots=True)
class Email:
    """The e-mail that a match sends: its template, and further attributes the template shows."""

    template: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Webhook:
    """The webhook that a match calls: its endpoint in the settings, and attributes it is told."""

    endpoint: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A user and a day, and the verdict that the author expects; `line` of the script."""

    verdict: Verdict
    today: date
    values: Mapping[str, Value]
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule script.

    `id` is its file's name and `situation` its folder's. `inputs` are the attributes that its
    predicate reads, `shown` those whose values its banner and messages show, `once_per` the one
    that names its episodes; all of them are known whenever the rule matches. `identity` is a hash
    of what its verdicts and the values of its matches come from, so not of texts or comments.
    `control` is the share of the users who are shown and sent nothing, to compare the others with;
    0: nobody is, not for the control group of all rules either. `goal` is what the rule is for.
    """

    id: str
    situation: str
    path: str
    description: str
    owner: str
    tags: tuple[str, ...]
    banner: Banner | None
    email: Email | None
    webhook: Webhook | None
    once_per: str | None
    shadow: bool
    share: float
    max_match_ratio: float | None
    predicate: Predicate
    examples: tuple[Example, ...]
    shown: tuple[str, ...]
    identity: str
    control: float | None = None
    goal: Goal | None = None

    @property
    def is_experiment(self) -> bool:
        """Whether exposures are kept, so that a report can compare arms or count goals."""
        variants = self.banner.variants if self.banner else ()
        return bool(self.control or variants or self.goal)

    def experiment(self, common_control: float) -> Experiment | None:
        """What is tried with it; None where all users are treated alike.

        `common_control` is the share of the control group of all rules.
        """
        exempt = self.control == 0 or (self.banner is not None and self.banner.must_show)
        control, common = self.control or 0.0, 0.0 if exempt else common_control
        variants = self.banner.shares if self.banner else ()
        if not (control or common or variants):
            return None
        return Experiment(self.id, control, common, variants)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the attributes that the predicate reads, sorted."""
        return self.predicate.inputs
