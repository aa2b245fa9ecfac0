"""Addresses that no browser sends."""

import httpx


async def test_an_address_with_a_nul_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/static/%00")).status_code == 404
