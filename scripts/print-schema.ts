import { printSchema } from 'graphql'
import { schema } from '../src/schema/index.ts'

/** Writes the schema to standard output, with its descriptions. Opens nothing. */
process.stdout.write(`${printSchema(schema)}\n`)
