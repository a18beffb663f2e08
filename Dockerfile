# Tessera's web and worker processes. The Python engine is not in this image: torch with CUDA is 6 GB and bound to the
# driver of the machine, so a GPU machine runs deploy/tessera-gpu.service, a runner, or ComfyUI.
#
# This file was written on a machine without a container engine and was never built there; its RUN steps were tried
# one by one in an empty folder.

FROM node:24-bookworm AS build
WORKDIR /app
# The image has the headers of its own Node, so sqlite3 compiles without a download when it has no prebuilt binary.
ENV npm_config_nodedir=/usr/local
COPY package.json package-lock.json ./
RUN npm ci --include=dev --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
# Memory that the threads of libuv free goes back sooner with two arenas than with eight for each core.
ENV MALLOC_ARENA_MAX=2
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json package-lock.json LICENSE ./
# The source goes along: the licence asks that users of the node can have it, and SQL and Python are read from it.
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY views ./views
COPY config ./config
COPY deploy ./deploy
RUN install -d -o node -g node -m 0750 /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "dist/main.js"]
CMD ["web", "worker", "gpu"]
