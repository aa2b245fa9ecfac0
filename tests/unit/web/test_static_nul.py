"""Addresses that no browser sends."""

import httpx


async def test_an_address_with_a_nul_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/static/%00")).status_code == 404


async def test_an_address_that_no_file_can_have_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/static/{'x' * 300}")).status_code == 404
    assert (await client.get(f"/static/{'x/' * 3000}")).status_code == 404
