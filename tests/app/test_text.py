"""Texts that fit their room."""

from hypothesis import given
from hypothesis import strategies as st

from app.panels.text import cut, wrapped

TEXTS = st.text("ab ·", max_size=40)


@given(TEXTS, st.integers(0, 30))
def test_a_cut_text_fits_and_says_that_it_is_cut(text, room):
    short = cut(text, room, len)
    assert short == text if len(text) <= room else len(short) <= room
    assert short == text or short == "" or short.endswith("…")
    assert short.removesuffix("…") == text[: len(short.removesuffix("…"))]


@given(TEXTS, st.integers(1, 30))
def test_wrapped_lines_keep_all_words_and_fit_if_these_do(text, room):
    lines = wrapped(text, room, len)
    assert " ".join(lines).split() == text.split()
    assert all(len(line) <= room or " " not in line for line in lines)


def test_a_separator_is_not_left_at_the_end():
    assert cut("640 px · box", 9, len) == "640 px…"
