"""Memory does not grow with an archive: it is received, checked and made a layer piece by piece."""

from pathlib import Path

import pytest

from bench.uploads import MOST_MEMORY_MIB, measured


@pytest.mark.timeout(180)
async def test_a_replica_stays_below_200_mb_whatever_the_archive(data: Path) -> None:
    figures = await measured(384, data, registry="127.0.0.1:1/games", base_image="127.0.0.1:1/base:1")
    assert figures.status == "not_stored", figures  # all but the image, for which there is no registry
    assert figures.size_bytes > 384e6
    assert figures.memory_mib < MOST_MEMORY_MIB, figures
    assert figures.memory_mib - figures.began_mib < 64, figures
