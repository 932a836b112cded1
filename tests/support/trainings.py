"""Trainings for tests of what is around them."""

from tfmetric.training import preparing


def run_eagerly(patch) -> None:
    """Makes the models of ``tfmetric.training`` run without a compilation each.

    Args:
        patch: A ``pytest.MonkeyPatch``.
    """
    make_model = preparing.make_model

    def uncompiled(*arguments, **others):
        model = make_model(*arguments, **others)
        model.run_eagerly = True
        return model

    patch.setattr(preparing, "make_model", uncompiled)
