/** Settings for Prisma's own commands, such as `npx prisma@7 migrate resolve`. The server does not read this file. */
export default {
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.DATABASE_URL ?? '' },
}
