"""`python -m bench.api.floor PORT FILE`: what a replica is made of, Litestar on uvicorn, with one handler that answers
the bytes of a file. No middleware, no database, nothing of ours.
"""

import sys
from pathlib import Path

import uvicorn
from litestar import Litestar, Response, get


def main(port: int, content: bytes) -> None:
    @get("/")
    async def answer() -> Response[bytes]:
        return Response(content, media_type="application/json")

    app = Litestar([answer], openapi_config=None, logging_config=None)
    uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", access_log=False, log_config=None, server_header=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]).read_bytes())
