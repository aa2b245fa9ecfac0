"""Manifests are read whatever their kind, and whatever a registry answers is an image or a reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.catalog.manifests import MOST_LAYERS, Elsewhere, InvalidManifest, Manifest, read_manifest

CONFIG, ONE, TWO = ("sha256:" + letter * 64 for letter in "abc")
DOCKER = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 7, "digest": CONFIG},
    "layers": [{"size": 100, "digest": ONE}, {"size": 5, "digest": TWO}, {"size": 100, "digest": ONE}],
}
FOR_ARM = {"digest": ONE, "size": 1, "platform": {"os": "linux", "architecture": "arm64"}}
FOR_US = {"digest": TWO, "size": 1, "platform": {"os": "linux", "architecture": "amd64"}}
INDEX = {"schemaVersion": 2, "manifests": [FOR_ARM, FOR_US]}


@pytest.mark.parametrize("media_type", [{}, {"mediaType": "application/vnd.oci.image.manifest.v1+json"}])
def test_an_image_is_its_config_and_each_layer_once(media_type: dict[str, str]) -> None:
    assert read_manifest(json.dumps(DOCKER | media_type).encode()) == Manifest(CONFIG, {ONE: 100, TWO: 5})


def test_an_index_leads_to_the_image_for_our_platform() -> None:
    assert read_manifest(json.dumps(INDEX).encode()) == Elsewhere(TWO)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"manifests": [FOR_ARM]}, "other platforms"),
        ({"schemaVersion": 1, "fsLayers": []}, "config"),
        ({**DOCKER, "layers": [{"size": -1, "digest": ONE}]}, "layers.0.size"),
        ({**DOCKER, "layers": [{"size": 1, "digest": "md5:1"}]}, "layers.0.digest"),
        ({**DOCKER, "layers": [{"size": 1, "digest": ONE}] * (MOST_LAYERS + 1)}, "layers"),
        ([], "kind"),
    ],
)
def test_what_we_cannot_run_says_why(content: object, why: str) -> None:
    with pytest.raises(InvalidManifest, match=why):
        read_manifest(json.dumps(content).encode())


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe\x00", b"[" * 200_000])
def test_what_is_no_json_says_so(body: bytes) -> None:
    with pytest.raises(InvalidManifest, match="no JSON"):
        read_manifest(body)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_json_is_a_surprise(content: object) -> None:
    with pytest.raises(InvalidManifest):
        read_manifest(json.dumps(content).encode())
