# syntax=docker/dockerfile:1

# The packages that the server needs, and no more. Left out: what only development needs (its own Node among them), and the
# optional ones, which are the embedded Postgres and the native halves of sharp and @napi-rs/webcodecs. Those two serve the
# sandbox alone; the server reads pictures without them. No script of a package is run.
FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

# The page at /. It takes what only development needs, and the native half of the bundler, which is an optional package.
FROM node:24-slim AS studio
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY operations ./operations
COPY examples/rocket.png ./examples/
COPY src/jobs/image.ts src/jobs/image-link.ts ./src/jobs/
COPY client ./client
COPY studio ./studio
RUN node studio/build.ts

FROM node:24-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=4000
WORKDIR /app
# All of it belongs to root, and the server is not root: it can write nothing here.
COPY package.json ./
COPY --from=packages /app/node_modules ./node_modules
COPY prisma ./prisma
COPY src ./src
COPY --from=studio /app/studio/dist ./studio/dist
USER node
EXPOSE 4000
# Whether the process lives. Whether it should get requests is for the load balancer to ask, at /readyz.
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --start-interval=2s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Without a shell in between, so that the signal reaches Node: the server drains on it within 20 s.
STOPSIGNAL SIGTERM
CMD ["node", "src/main.ts"]
