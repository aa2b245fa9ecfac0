"""How often somebody may sign in, register, ask for letters or for an export, and guess at a password."""

from datetime import timedelta

from orchestrator.limits.throttle import Limit

SIGN_IN = Limit("sign-in", 10, timedelta(minutes=15))
SIGN_INS_OF_ADDRESS = Limit("sign-ins-of-address", 200, timedelta(minutes=15))
REGISTRATIONS_OF_ADDRESS = Limit("registrations-of-address", 30, timedelta(hours=1))
LETTERS_OF_ADDRESS = Limit("letters-of-address", 30, timedelta(hours=1))
LETTERS_TO = Limit("letters-to", 20, timedelta(hours=1))
LETTERS_OF_ADDRESS_TO = Limit("letters-of-address-to", 5, timedelta(hours=1))
TOKENS_OF_ADDRESS = Limit("tokens-of-address", 60, timedelta(hours=1))
EXPORTS = Limit("exports", 10, timedelta(hours=1))
PASSWORD_CHECKS = Limit("password-checks", 10, timedelta(minutes=15))
