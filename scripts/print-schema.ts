import { printSchema } from 'graphql'
import { schema } from '../src/schema/index.ts'

/** Writes the schema with its descriptions to standard output. Opens nothing. */
process.stdout.write(`${printSchema(schema)}\n`)
