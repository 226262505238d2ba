"""Answers IOPaint's HTTP interface, so that programs written for it work with this server.

Its version 1.6 sends and expects what is answered here; what only its diffusion models use is read
over. See docs/demo.md.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from glcic_jax.demo.forms import Limits, read_json
from glcic_jax.demo.guard import DemoRefusal
from glcic_jax.demo.jobs import OWN, FillJob
from glcic_jax.demo.served import Served
from glcic_jax.demo.turns import Turns
from glcic_jax.demo.worker import Job, Worker

USUAL_SEED, MOST_SEED = 42, 999_999_999
"""Its seed by default, and the largest that we take; -1 asks for any."""

MOST_NAME = 2**16
"""Bytes of a request that chooses a model."""

Answering = Callable[["IOPaintApi", Request], Awaitable[Response]]


def _explained(answer: Answering) -> Answering:
    """Lets refusals have the fields that IOPaint's clients show: `detail` and `errors`."""

    @wraps(answer)
    async def explained(self: IOPaintApi, request: Request) -> Response:
        try:
            return await answer(self, request)
        except DemoRefusal as refusal:
            reason = refusal
        except TimeoutError:
            reason = DemoRefusal(408, "the upload took too long")
        except ClientDisconnect:
            reason = DemoRefusal(400, "nobody waits for this any more")
        return reason.response(detail=reason.reason, body="", errors=reason.reason)

    return explained


class IOPaintApi:
    """Answers requests to the addresses under /api/v1.

    Args:
      worker: does the jobs.
      turns: the line in front of it.
      limits: limits of a request.
    """

    def __init__(self, worker: Worker, turns: Turns, limits: Limits) -> None:
        self._worker, self._turns, self._limits = worker, turns, limits
        self._current = worker.methods[0]

    @_explained
    async def server_config(self, _: Request) -> Response:
        """Answers which models there are, and that there is nothing else."""
        return JSONResponse(
            {
                "plugins": [],
                "modelInfos": [_model_info(served) for served in self._worker.methods],
                # Its clients expect names here, of plugins that are not there.
                "removeBGModel": "briaai/RMBG-1.4",
                "removeBGModels": [],
                "realesrganModel": "realesr-general-x4v3",
                "realesrganModels": [],
                "interactiveSegModel": "vit_b",
                "interactiveSegModels": [],
                "enableFileManager": False,
                "enableAutoSaving": False,
                "enableControlnet": False,
                "controlnetMethod": None,
                "disableModelSwitch": False,
                "isDesktop": False,
                "samplers": [],
            }
        )

    @_explained
    async def model(self, request: Request) -> Response:
        """Answers which model completes; POST {"name": ...} chooses another, for everybody."""
        if request.method == "POST":
            small = self._limits._replace(bytes=MOST_NAME)  # it waits in no line
            name = (await read_json(request, small)).get("name")
            known = {served.name: served for served in self._worker.methods}
            if not isinstance(name, str) or name not in known:
                raise DemoRefusal(400, f"no such model: choose {', '.join(known)}")
            self._current = known[name]
        return JSONResponse(_model_info(self._current))

    @_explained
    async def inpaint(self, request: Request) -> Response:
        """Answers with the completed picture, in the kind of file that it was sent as.

        Raises:
          DemoRefusal: as in `Api.complete`.
        """
        seed = USUAL_SEED

        async def read(request: Request) -> tuple[Job, str]:
            nonlocal seed
            sent = await read_json(request, self._limits)
            if sent.get("use_extender"):
                raise DemoRefusal(422, "use_extender: no model of this server extends pictures")
            seed = _seed(sent.get("sd_seed", USUAL_SEED))
            image, mask = _picture(sent, "image"), _picture(sent, "mask")
            used = self._current
            job = FillJob(image, mask, used.name, used.blends, used.texture, seed, kind=OWN)
            return job, ""

        answer = await self._turns.answer(request, read)
        return Response(answer.data, headers={"X-Seed": str(seed)}, media_type=answer.media)


def _model_info(served: Served) -> dict[str, Any]:
    """Describes a method as an erasing model of IOPaint's, such as its LaMa."""
    unsupported = ("strength", "outpainting", "lcm_lora", "controlnet", "brushnet", "powerpaint_v2")
    return {
        "name": served.name,
        "path": served.name,
        "model_type": "inpaint",
        "is_single_file_diffusers": False,
        "need_prompt": False,
        "controlnets": [],
        "brushnets": [],
        **{f"support_{what}": False for what in unsupported},
    }


def _seed(sent: Any) -> int:
    if not isinstance(sent, int) or isinstance(sent, bool) or not -1 <= sent <= MOST_SEED:
        raise DemoRefusal(422, f"sd_seed: give -1 to {MOST_SEED}")
    return random.randint(1, MOST_SEED) if sent == -1 else sent


def _picture(sent: dict[str, Any], name: str) -> bytes:
    """Returns the bytes of a picture file in base64, alone or as the address data:...;base64,...

    Raises:
      DemoRefusal: it is something else.
    """
    text = sent.get(name)
    if not isinstance(text, str) or not text:
        raise DemoRefusal(422, f"{name}: send a picture file in base64")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DemoRefusal(422, f"{name}: this is not base64") from error
