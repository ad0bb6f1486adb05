"""The part of the table of actions that is about images and the people in them."""

from __future__ import annotations

from app.action import Action
from app.view import PEOPLE

IMAGE_ACTIONS = (
    Action(
        "person before",
        "Person before",
        ("Comma",),
        "fit the person before or the next one: all who were found",
        lambda host: host.send(host.session.fit_next_person(-1)),
        enabled=lambda session: session.next_person(-1) is not None,
    ),
    Action(
        "next person",
        "Next person",
        ("Period",),
        "fit the person before or the next one: all who were found",
        lambda host: host.send(host.session.fit_next_person(1)),
        enabled=lambda session: session.next_person(1) is not None,
    ),
    Action(
        "people",
        "People",
        ("Ctrl+A",),
        "keep the boxes of all people on the photo, or hide them",
        lambda host: host.send(host.session.toggle_overlay(PEOPLE)),
        enabled=lambda session: session.record is not None,
        on=lambda session: PEOPLE in session.view.overlays,
    ),
    Action(
        "image before",
        "Image before",
        ("Ctrl+PageUp",),
        "the image before or the next one in the strip",
        lambda host: host.send(host.session.show_next_image(-1)),
        enabled=lambda session: session.next_image(-1) is not None,
    ),
    Action(
        "next image",
        "Next image",
        ("Ctrl+PageDown",),
        "the image before or the next one in the strip",
        lambda host: host.send(host.session.show_next_image(1)),
        enabled=lambda session: session.next_image(1) is not None,
    ),
    Action(
        "worst",
        "Worst image",
        ("Ctrl+Home",),
        "the worst of the strip: by a table's errors, else by the objective",
        lambda host: host.send(host.session.show_worst()),
        enabled=lambda session: session.can_show_worst,
    ),
    Action(
        "sort",
        "Sort",
        ("Ctrl+T",),
        "sort the strip: as opened, largest error of a table, worst objective, most hidden",
        lambda host: host.send(host.session.sort()),
        enabled=lambda session: len(session.album.items) > 1,
    ),
)
