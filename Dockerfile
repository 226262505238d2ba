# Completing, and the web page, on CPUs:
#
#     docker build --tag glcic_jax .
#     docker run --rm --user "$(id -u)" --volume "$PWD:/work" glcic_jax \
#         complete --image photo.jpg --box 60,40,120,80 --output out.png
#     docker run --rm --publish 7860:7860 glcic_jax demo --host 0.0.0.0
#
# Training too, on NVIDIA GPUs with a driver for CUDA 12 (for CUDA 13 write cuda13):
#
#     docker build --build-arg EXTRAS=train,cuda12 --tag glcic_jax:cuda .
#     docker run --rm --gpus all --shm-size 8g --user "$(id -u)" --volume "$PWD:/work" glcic_jax:cuda \
#         train --config places2 --workdir runs/places2 --config.data.root=DIR
#
# The image holds what is committed. JAX's packages bring CUDA along; the driver is the machine's.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -r /var/lib/apt/lists
COPY .git /git
RUN git config --global --add safe.directory /git \
    && git clone /git /glcic_jax \
    && pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /glcic_jax

FROM python:${PYTHON}-slim
ARG EXTRAS=demo
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[${EXTRAS}]" && rm -r /wheels
# For launch/kubernetes, whose pods start here.
COPY --from=build /glcic_jax/launch /glcic_jax/launch
COPY --from=build /glcic_jax/configs /glcic_jax/configs
ENV XDG_CACHE_HOME=/tmp/cache
USER 1000
WORKDIR /work
ENTRYPOINT ["glcic"]
CMD ["--help"]
