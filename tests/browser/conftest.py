"""Pages have the time that a crowded machine takes. No test of this folder expects something within less."""

import playwright.async_api
import playwright.sync_api

EXPECTED_WITHIN_MS = 45_000

for api in (playwright.async_api, playwright.sync_api):
    api.expect.set_options(timeout=EXPECTED_WITHIN_MS)
