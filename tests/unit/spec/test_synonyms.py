import pytest

from lvsctl.spec.base import Model
from lvsctl.spec.bfd import BfdInstance
from lvsctl.spec.global_defs import GlobalDefs
from lvsctl.spec.layout import fields
from lvsctl.spec.synonyms import DEPRECATED, SYNONYMS, instead_of


def test_another_name_is_told_with_the_one_to_write() -> None:
    said = instead_of("VirtualServer", "lb_algo")
    assert said == "lb_algo is keepalived's other name for lvs_sched: write lvs_sched"


def test_a_deprecated_keyword_is_told_with_what_to_write_instead() -> None:
    assert instead_of("HttpGet", "nb_get_retry") == "nb_get_retry is deprecated: write retry"


def test_nothing_is_said_about_a_keyword_without_another_name() -> None:
    assert instead_of("VirtualServer", "lvs_sched") == instead_of("Nobody", "lb_algo") == ""


@pytest.mark.parametrize("block", sorted(SYNONYMS.keys() & DEPRECATED.keys()))
def test_no_keyword_is_both_a_synonym_and_deprecated(block: str) -> None:
    assert not SYNONYMS[block].keys() & DEPRECATED[block].keys()


@pytest.mark.parametrize("model", [BfdInstance, GlobalDefs])
def test_a_synonym_leads_to_a_field_and_is_none_itself(model: type[Model]) -> None:
    table = SYNONYMS[model.__name__]
    assert set(table.values()) <= fields(model).keys()
    assert not table.keys() & fields(model).keys()
