"""These tests run only when asked for: `-m fidelity`."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave them out of the default run: they need a large install that nothing else needs."""
    if "fidelity" in config.option.markexpr:
        return
    chosen = [item for item in items if item.get_closest_marker("fidelity") is None]
    if len(chosen) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen
