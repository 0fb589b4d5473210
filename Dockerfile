# syntax=docker/dockerfile:1

# The server's runtime packages only. Omitted are development packages (a Node among them) and optional packages: the
# embedded Postgres and what only the sandbox loads. Packages run no install scripts. Of the query compilers in
# @prisma/client only the one for Postgres stays: the others take 57 MB.
FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && \
  find node_modules/@prisma/client/runtime -name 'query_compiler_*' ! -name '*_fast_bg.postgresql.*' -delete

# The page at /. Its build needs the development packages and the bundler's native part, an optional package.
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
# All files belong to root and the server runs as another user, so it cannot write here.
COPY package.json ./
COPY --from=packages /app/node_modules ./node_modules
COPY prisma ./prisma
COPY src ./src
COPY --from=studio /app/studio/dist ./studio/dist
USER node
EXPOSE 4000
# Reports whether the process is alive. The load balancer asks /readyz whether to send requests.
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --start-interval=2s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
# Runs without a shell, so that the signal reaches Node: the server then drains within 20 s.
STOPSIGNAL SIGTERM
CMD ["node", "src/main.ts"]
