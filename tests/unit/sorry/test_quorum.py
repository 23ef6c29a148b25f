from lvsctl.sorry.quorum import Action, Policy, Quorum, Request, follow

POLICY: Policy = {
    "web": {
        Quorum.DOWN: [Action(on=True, services=("api", "static"))],
        Quorum.UP: [Action(on=False, services=("api", "static"))],
    },
    "db": {
        Quorum.DOWN: [Action(on=True, services=("api",))],
        Quorum.UP: [Action(on=False, services=("api",))],
    },
    "api": {Quorum.DOWN: [Action(on=True, services=("web",))], Quorum.UP: [Action(on=False)]},
}


def names(requests: tuple[Request, ...]) -> dict[str, bool]:
    return {each.name: each.on for each in requests}


def test_related_services_go_along_and_come_back() -> None:
    assert names(follow(POLICY, "web", Quorum.DOWN)) == {"api": True, "static": True}
    assert names(follow(POLICY, "web", Quorum.UP)) == {"api": False, "static": False}
    assert follow(POLICY, "web", Quorum.DOWN)[0].reason == "web has lost its quorum"


def test_a_service_that_we_took_down_takes_nobody_along() -> None:
    assert follow(POLICY, "api", Quorum.DOWN, held={"api"}) == ()
    assert names(follow(POLICY, "api", Quorum.DOWN)) == {"web": True}


def test_a_quorum_that_is_back_always_counts() -> None:
    assert names(follow(POLICY, "api", Quorum.UP, held={"api"})) == {"api": False}


def test_who_is_kept_down_by_another_lost_quorum_stays() -> None:
    assert names(follow(POLICY, "web", Quorum.UP, down={"db"})) == {"static": False}
    assert names(follow(POLICY, "web", Quorum.UP, down={"db", "web"}, held={"db"})) == {
        "api": False,
        "static": False,
    }


def test_a_service_without_a_policy_moves_nobody() -> None:
    assert follow(POLICY, "other", Quorum.DOWN) == ()
