"""IOPaint's HTTP interface, asked as its clients ask."""

import base64
import json

import numpy as np
import pytest

from tests.helpers.pictures import file_of
from tests.helpers.web import LIMITS, ask, complete, hole, picture, pixels_of, serving

PAGE = {
    "ldm_steps": 30, "ldm_sampler": "ddim", "zits_wireframe": True, "cv2_flag": "INPAINT_NS",
    "cv2_radius": 5, "hd_strategy": "Crop", "hd_strategy_crop_triger_size": 640,
    "hd_strategy_crop_margin": 128, "hd_trategy_resize_imit": 2048, "prompt": "",
    "negative_prompt": "out of frame", "use_croper": False, "croper_x": 0, "croper_y": 0,
    "croper_height": 512, "croper_width": 512, "use_extender": False, "extender_x": 0,
    "extender_y": 0, "extender_height": 512, "extender_width": 512, "sd_mask_blur": 12,
    "sd_strength": 1, "sd_steps": 50, "sd_guidance_scale": 7.5, "sd_sampler": "DPM++ 2M",
    "sd_seed": -1, "sd_match_histograms": False, "sd_lcm_lora": False,
    "paint_by_example_example_image": None, "p2p_image_guidance_scale": 1.5,
    "enable_controlnet": False, "controlnet_conditioning_scale": 0.4, "controlnet_method": "",
    "enable_brushnet": False, "brushnet_method": "", "brushnet_conditioning_scale": 1,
    "enable_powerpaint_v2": False, "powerpaint_task": "text-guided",
}  # fmt: skip
"""The fields beside the pictures that the page of IOPaint 1.6 sends."""

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def port():
    with serving() as (port, _):
        yield port


def post(port, where, content, headers=JSON):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return ask(port, "POST", f"/api/v1/{where}", body, headers)


def url(data, kind="png"):
    """Returns a file as the browser's FileReader gives it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def test_its_page_has_a_picture_completed(port):
    body = {**PAGE, "image": url(file_of(picture)), "mask": url(file_of(hole))}
    response, data = post(port, "inpaint", body)
    assert (response.status, response.getheader("Content-Type")) == (200, "image/png")
    assert 0 < int(response.getheader("X-Seed") or "") <= 999_999_999
    completed = pixels_of(data)
    np.testing.assert_array_equal(completed[hole == 0], picture[hole == 0])
    assert (completed[hole > 0] != picture[hole > 0]).any()


def test_a_script_sends_plain_base64_and_nothing_else(port):
    files = [file_of(picture, "JPEG", quality=90), file_of(hole)]
    image, mask = (base64.encodebytes(data).decode() for data in files)  # with line ends
    response, data = post(port, "inpaint", {"image": image, "mask": mask})
    assert (response.status, response.getheader("Content-Type")) == (200, "image/jpeg")
    assert response.getheader("X-Seed") == "42"
    assert pixels_of(data).shape == picture.shape


def test_models_are_listed_and_chosen(port):
    _, data = ask(port, "GET", "/api/v1/server-config")
    config = json.loads(data)
    names = [model["name"] for model in config["modelInfos"]]
    assert names == ["telea", "navier_stokes", "laplace"]
    assert config["plugins"] == config["samplers"] == []
    _, data = ask(port, "GET", "/api/v1/model")
    assert json.loads(data) == config["modelInfos"][0]
    assert json.loads(data)["model_type"] == "inpaint"
    response, data = post(port, "model", {"name": "laplace"})
    assert (response.status, json.loads(data)["name"]) == (200, "laplace")
    assert json.loads(ask(port, "GET", "/api/v1/model")[1])["name"] == "laplace"
    body = {"image": url(file_of(picture)), "mask": url(file_of(hole))}
    _, own = complete(port, image=file_of(picture), mask=file_of(hole), method="laplace")
    np.testing.assert_array_equal(pixels_of(post(port, "inpaint", body)[1]), pixels_of(own))
    assert post(port, "model", {"name": "telea"})[0].status == 200


def test_what_cannot_be_done_is_explained_where_its_clients_look(port):
    good = {"image": url(file_of(picture)), "mask": url(file_of(hole))}
    big = b'{"image": "' + b"a" * LIMITS.bytes + b'"}'
    for where, content, status, message in [
        ("inpaint", b"", 422, "not JSON"),
        ("inpaint", b"[" * 100_000, 422, "not JSON"),
        ("inpaint", [1], 422, "send a JSON object"),
        ("inpaint", {}, 422, "image: send a picture file in base64"),
        ("inpaint", {**good, "mask": None}, 422, "mask: send a picture file in base64"),
        ("inpaint", {**good, "mask": "???"}, 422, "mask: this is not base64"),
        ("inpaint", {**good, "image": "/etc/passwd"}, 422, "image: this is not base64"),
        ("inpaint", {**good, "image": url(b"text")}, 400, "image: not a picture"),
        ("inpaint", {**good, "mask": url(file_of(hole[1:]))}, 400, "the mask is 80x59"),
        ("inpaint", {**good, "sd_seed": "x"}, 422, "sd_seed: give -1 to"),
        ("inpaint", {**good, "use_extender": True}, 422, "no model of this server extends"),
        ("inpaint", big, 413, "the limit is 2,097,152"),
        ("model", {"name": "x" * 70_000}, 413, "the limit is 65,536"),
        ("model", {"name": "lama"}, 400, "no such model: choose telea, navier_stokes"),
        ("model", {"name": ["telea"]}, 400, "no such model"),
    ]:
        response, data = post(port, where, content)
        assert response.status == status, data
        answer = json.loads(data)
        assert message in answer["errors"]
        assert answer["errors"] == answer["detail"] == answer["error"]
    assert post(port, "inpaint", good, {"Content-Type": "text/plain"})[0].status == 415
    assert post(port, "inpaint", good, JSON | {"Origin": "http://evil.example"})[0].status == 403
    assert post(port, "model", {"name": "telea"}, JSON | {"Host": "evil.example"})[0].status == 403
