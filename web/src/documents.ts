/** The operations of the page, typed by the schema. */
export * from '../../operations/generated/graphql.ts'
