# The agent as an image for linux/amd64 and linux/arm64:
#
#   docker buildx build --platform linux/amd64,linux/arm64 \
#     --build-arg SOURCE=$(git remote get-url origin) --build-arg REVISION=$(git rev-parse HEAD) \
#     --build-arg CREATED=$(git log -1 --format=%cI) --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) \
#     --output type=image,rewrite-timestamp=true .
#
# It runs with a read-only root file system, seccomp RuntimeDefault, no privilege escalation, and all capabilities
# dropped but NET_ADMIN; it writes no file. Every RUN is a command of package.json or scripts/, which CI runs too.

# The LTS line that the tests run on (package.json, `node`). For an exact one: --build-arg NODE_VERSION=26.10.0
ARG NODE_VERSION=26

# On the building machine's own architecture, without emulation: dist/ is the same for both.
FROM --platform=$BUILDPLATFORM node:${NODE_VERSION}-bookworm AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-fund --no-audit --loglevel=error
# By this scripts/setup sees that all is there.
COPY package-lock.json node_modules/.installed-lock
COPY . .
# Dates the files of dist/; builds without it are dated 1970.
ARG SOURCE_DATE_EPOCH
RUN npm run build

# Slim and not distroless: the same glibc and libstdc++ that the addons were built and tested with, patched by the same
# hands as Node.js itself, and a shell for whoever has to look into a pod at night.
FROM node:${NODE_VERSION}-bookworm-slim
ARG VERSION=0.1.0
ARG SOURCE=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="conntrack-watchdog" \
      org.opencontainers.image.description="Finds TCP connections through Kubernetes Services that break because the kernel lost their conntrack entry, and says which, why and where." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /build/dist /opt/conntrack-watchdog
# As in scripts/environment, where the reasons are.
ENV MALLOC_ARENA_MAX=1
# For kubectl exec: conntrack-watchdog audit
ENV PATH=/opt/conntrack-watchdog:$PATH
# Root, without root's rights: the capability NET_ADMIN takes effect at once only for user 0. For another user it would
# have to be an ambient one, which Kubernetes cannot set, and one on the file is void without privilege escalation.
USER 0:0
EXPOSE 9469
# No shell in between, so that signals arrive. Kubernetes probes /healthz and /readyz.
HEALTHCHECK NONE
ENTRYPOINT ["node", "--max-semi-space-size=1", "--optimize-for-size", "--no-maglev", "/opt/conntrack-watchdog/main.js"]
CMD ["agent"]
