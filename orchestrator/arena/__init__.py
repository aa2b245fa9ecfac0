"""The arena: games of two for tenants' users. HTTP and Socket.IO around the pure package `matches`.

A session is what a tenant's backend makes; a match is what is played, and belongs to one session or to the two that
matchmaking put together. Whatever happens is rows first and told afterwards.
"""
